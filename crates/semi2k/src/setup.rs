//! The messages that open a session.

use bytes::Bytes;
use symbolon_dialect::DealerDialect;
use symbolon_link::{Channel, Rank};
use symbolon_prg::Seed;

use crate::{Semi2kError, SessionConfig, SessionSeeds, decode_u128, encode_u128};

/// The longest sealed seed that is passed on to a dealer; an SM2 ciphertext of 16 bytes has about 124.
const MOST_SEALED_BYTES: usize = 4096;

/// What the messages give.
pub(crate) struct Setup {
    /// Key of the public stream.
    pub(crate) public: Seed,
    /// Key of the next rank's pairwise stream.
    pub(crate) next: Seed,
    /// Sealed dealer seeds by rank, or none.
    pub(crate) sealed: Vec<Bytes>,
    /// Dealer seeds by rank: at rank 0 of the insecure mode only.
    pub(crate) gathered: Vec<Seed>,
}

/// Checks what the messages are made of, before any is sent.
pub(crate) fn check(config: &SessionConfig, seeds: &SessionSeeds) -> Result<(), Semi2kError> {
    let sealed = seeds.sealed_dealer.is_some();
    if sealed != (config.dealer == DealerDialect::Spu) {
        return Err(Semi2kError::ConfigSealedSeed { dialect: config.dealer, sealed });
    }
    if config.dealer == DealerDialect::InsecureRank0LearnsAllMasks && config.adjust_rank != 0 {
        return Err(Semi2kError::ConfigGatheringRank { adjust_rank: config.adjust_rank });
    }
    let threads = config.announced_threads;
    if threads < 1 { Err(Semi2kError::ConfigThreads { threads }) } else { Ok(()) }
}

/// As SPU opens a session: the numbers of threads, the shares of the public seed, the pairwise seeds, and for
/// [`DealerDialect::Spu`] the sealed dealer seeds; for [`DealerDialect::InsecureRank0LearnsAllMasks`] the dealer seeds
/// to rank 0, in the form of the other integers.
pub(crate) fn exchange(
    channel: &Channel,
    config: &SessionConfig,
    seeds: &SessionSeeds,
) -> Result<Setup, Semi2kError> {
    let (rank, world_size) = (channel.rank(), channel.world_size());

    let threads = channel.allgather(Bytes::copy_from_slice(&config.announced_threads.to_le_bytes()))?;
    for (peer, bytes) in threads.iter().enumerate() {
        let count = <[u8; 4]>::try_from(bytes.as_ref()).ok().map(i32::from_le_bytes);
        if count.is_none_or(|count| count < 1) {
            return Err(fault(peer, "number of threads", "something else than a positive 32-bit integer"));
        }
    }

    let mut public = 0_u128;
    for (peer, bytes) in channel.allgather(encode_u128(seeds.public_share))?.iter().enumerate() {
        public = public.wrapping_add(integer(peer, "share of the public seed", bytes)?);
    }

    let (previous, next) = ((rank + world_size - 1) % world_size, (rank + 1) % world_size);
    channel.send(previous, encode_u128(seeds.pairwise.to_u128()))?;
    let next_seed = integer(next, "pairwise seed", &channel.recv(next)?)?;

    let sealed = match &seeds.sealed_dealer {
        None => Vec::new(),
        Some(own) => channel.allgather(own.clone())?,
    };
    for (peer, bytes) in sealed.iter().enumerate() {
        if bytes.is_empty() || bytes.len() > MOST_SEALED_BYTES {
            return Err(fault(
                peer,
                "sealed dealer seed",
                "nothing, or more than any ciphertext of a seed takes",
            ));
        }
    }
    let gathered = match config.dealer {
        DealerDialect::InsecureRank0LearnsAllMasks => {
            channel.gather(0, encode_u128(seeds.dealer.to_u128()))?.unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let seed = |(peer, bytes): (Rank, &Bytes)| integer(peer, "dealer seed", bytes).map(Seed::from_u128_le);
    let gathered = gathered.iter().enumerate().map(seed).collect::<Result<_, _>>()?;
    Ok(Setup { public: Seed::from_u128_le(public), next: Seed::from_u128_le(next_seed), sealed, gathered })
}

fn integer(peer: Rank, what: &'static str, bytes: &[u8]) -> Result<u128, Semi2kError> {
    decode_u128(bytes).ok_or_else(|| {
        fault(peer, what, "something else than two 64-bit halves in shortest MessagePack form")
    })
}

fn fault(peer: Rank, what: &'static str, fault: &'static str) -> Semi2kError {
    Semi2kError::PeerSetup { peer, what, fault }
}
