//! All parties of a session on threads of this process: for the tests of this crate and of those above it.
//!
//! Not for use outside tests: the seeds are known, and rank 0 holds those of everybody.

mod seeded;

use std::{panic::resume_unwind, thread};

use bytes::Bytes;
use symbolon_dialect::{DealerDialect, Dialect};
use symbolon_link::{Channel, Link, Rank, memory};
use symbolon_prg::Seed;
use symbolon_ring::Ring;
use symbolon_triples::{Dealer, DealerError, Limits, LocalDealer};

use crate::{DealerOpening, Semi2kError, Session, SessionConfig, SessionSeeds};

pub use seeded::{Secrets, Values, run_seeded};

/// The seeds of rank `rank` in [`run_parties`]: fixed numbers, different for every rank and use.
pub fn seeds(rank: Rank, dialect: &Dialect) -> SessionSeeds {
    let seed =
        |purpose: u128| ((0x9e37_79b9_7f4a_7c15_u128 << 64) + 1 + rank as u128).wrapping_mul(2 * purpose + 1);
    SessionSeeds {
        public_share: seed(1),
        pairwise: Seed::from_u128_le(seed(2)),
        dealer: Seed::from_u128_le(seed(3)),
        sealed_dealer: (dialect.dealer == DealerDialect::Spu).then(|| Bytes::from_static(b"sealed")),
    }
}

/// A factory for [`Session::establish`]: at the adjust rank a [`LocalDealer`] for the parties of [`seeds`].
///
/// # Errors
/// None that a test can cause.
pub fn local_dealer<R: Ring>(
    opening: &DealerOpening<'_>,
    config: &SessionConfig,
    dialect: &Dialect,
) -> Result<Option<Box<dyn Dealer<R>>>, DealerError> {
    if opening.rank != opening.adjust_rank {
        return Ok(None);
    }
    let all = (0..opening.world_size).map(|rank| seeds(rank, dialect).dealer).collect();
    let own = Seed::from_u128_le(0x5eed);
    let dealer = LocalDealer::new(all, config.cipher, config.dealer_construction, Limits::default(), &own)
        .map_err(Box::new)?;
    Ok(Some(Box::new(dealer)))
}

/// Runs `party` once per rank, each on its own thread with a session of its own, and returns the results by rank.
///
/// # Panics
/// When set-up fails, and when `party` panics at any rank.
pub fn run_parties<R: Ring, T: Send>(
    world_size: usize,
    dialect: &Dialect,
    fraction_bits: u32,
    party: impl Fn(&mut Session<R>, Rank) -> T + Sync,
) -> Vec<T> {
    run_configured(world_size, dialect, |_| SessionConfig::new(fraction_bits, dialect), party)
}

/// [`run_parties`] with a configuration of one's own, which may depend on the rank.
///
/// # Panics
/// As [`run_parties`].
pub fn run_configured<R: Ring, T: Send>(
    world_size: usize,
    dialect: &Dialect,
    config: impl Fn(Rank) -> SessionConfig + Sync,
    party: impl Fn(&mut Session<R>, Rank) -> T + Sync,
) -> Vec<T> {
    run_channels(world_size, dialect, |channel, rank| {
        let mut session = establish(channel, config(rank), dialect)
            .unwrap_or_else(|error| panic!("rank {rank} opens its session: {error}"));
        party(&mut session, rank)
    })
}

/// A session over `channel` with the seeds of [`seeds`] and a [`local_dealer`].
///
/// # Errors
/// As [`Session::establish`].
pub fn establish<R: Ring>(
    channel: Channel,
    config: SessionConfig,
    dialect: &Dialect,
) -> Result<Session<R>, Semi2kError> {
    let own = seeds(channel.rank(), dialect);
    Session::establish(channel, config, own, |opening| local_dealer(opening, &config, dialect))
}

/// Runs `party` once per rank, each on its own thread with the connected root channel of an in-memory network.
///
/// # Panics
/// When the network does not connect, and when `party` panics at any rank.
pub fn run_channels<T: Send>(
    world_size: usize,
    dialect: &Dialect,
    party: impl Fn(Channel, Rank) -> T + Sync,
) -> Vec<T> {
    /// A party that panics stops all links, so that nobody waits for it.
    struct Stop<'a>(&'a [Link]);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            if thread::panicking() {
                self.0.iter().for_each(|link| link.abort("another party of the test panicked"));
            }
        }
    }
    let links = memory::network(world_size, dialect);
    let run = |rank: Rank, link: &Link| {
        let _stop = Stop(&links);
        link.connect().unwrap_or_else(|error| panic!("rank {rank} connects: {error}"));
        party(link.root(), rank)
    };
    thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> =
            links.iter().enumerate().map(|(rank, link)| scope.spawn(move || run(rank, link))).collect();
        let joined: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        joined.into_iter().map(|result| result.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}
