//! What a session is made with.

use bytes::Bytes;
use symbolon_dialect::{Construction, DealerDialect, Dialect, TruncationSide};
use symbolon_link::Rank;
use symbolon_prg::{Cipher, PrgError, Seed};
use symbolon_triples::{Ahead, Op};

/// How shares are divided by a power of two. Part of the agreed plan.
///
/// x is the shared value as a signed number, b the bits cut off, k the width of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncation {
    /// Two parties: each on its own share, as the side says (erratum E05). More parties: with the dealer's `Trunc`
    /// pair. floor(x / 2^b) - 1 or + 0 ([`TruncationSide::OneNegates`] with two parties: + 0 or + 1), except with a
    /// probability of about |x| / 2^k, when the result is off by 2^(k-b).
    Probabilistic(TruncationSide),
    /// With the dealer's `TruncPr`, for any number of parties: floor(x / 2^b) + 0 or + 1, always, for
    /// -2^(k-2) <= x < 2^(k-2).
    Precise,
}

impl Truncation {
    /// What truncating `len` elements by `bits` asks of the dealer among `world_size` parties, if anything.
    pub fn op(self, len: usize, bits: u32, world_size: usize) -> Option<Op> {
        match self {
            _ if bits == 0 || len == 0 => None,
            Self::Probabilistic(_) if world_size == 2 => None,
            Self::Probabilistic(_) => Some(Op::Trunc { len, bits }),
            Self::Precise => Some(Op::TruncPr { len, bits }),
        }
    }
}

/// What all parties of a session have agreed on, apart from `announced_threads` and `ahead`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionConfig {
    /// Fraction bits f of the fixed-point encoding.
    pub fraction_bits: u32,
    /// How shares are truncated.
    pub truncation: Truncation,
    /// The cipher of all streams.
    pub cipher: Cipher,
    /// The construction of the dealer streams (erratum E16); the public and pairwise streams are always
    /// [`Construction::CtrBigEndian`].
    pub dealer_construction: Construction,
    /// What is exchanged of the dealer seeds during set-up (erratum E15): nothing, sealed ones, or, in the mode that is
    /// named insecure, the seeds themselves to rank 0, which must then be the adjust rank.
    pub dealer: DealerDialect,
    /// The rank that asks the dealer.
    pub adjust_rank: Rank,
    /// The number of threads announced to the peers; it has no effect here. At least 1.
    pub announced_threads: i32,
    /// How far scheduled corrections are fetched ahead.
    pub ahead: Ahead,
}

impl SessionConfig {
    /// The choices of `dialect`, with AES-128, adjust rank 0 and one announced thread.
    pub fn new(fraction_bits: u32, dialect: &Dialect) -> Self {
        Self {
            fraction_bits,
            truncation: Truncation::Probabilistic(dialect.truncation_side),
            cipher: Cipher::Aes128,
            dealer_construction: dialect.dealer_stream,
            dealer: dialect.dealer,
            adjust_rank: 0,
            announced_threads: 1,
            ahead: Ahead::default(),
        }
    }
}

/// A party's own secrets. Use them for one session only.
pub struct SessionSeeds {
    /// Summand of the public seed.
    pub public_share: u128,
    /// Key of the own pairwise stream; the previous rank learns it.
    pub pairwise: Seed,
    /// Key of the own dealer stream; only the dealer learns it (and rank 0, in the mode that is named insecure).
    pub dealer: Seed,
    /// The dealer seed encrypted to the dealer, for [`DealerDialect::Spu`]; opaque here.
    pub sealed_dealer: Option<Bytes>,
}

impl SessionSeeds {
    /// Fresh seeds from the operating system, without a sealed one.
    ///
    /// # Errors
    /// [`PrgError::OursOperatingSystem`].
    pub fn random() -> Result<Self, PrgError> {
        Ok(Self {
            public_share: Seed::random()?.to_u128(),
            pairwise: Seed::random()?,
            dealer: Seed::random()?,
            sealed_dealer: None,
        })
    }
}

impl std::fmt::Debug for SessionSeeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionSeeds(hidden)")
    }
}

/// What a connection to the dealer is opened with; given to the factory of
/// [`Session::establish`](crate::Session::establish) at every rank.
pub struct DealerOpening<'a> {
    /// This party.
    pub rank: Rank,
    /// Number of parties.
    pub world_size: usize,
    /// The rank whose factory must return a dealer.
    pub adjust_rank: Rank,
    /// The own dealer seed. Secret.
    pub seed: &'a Seed,
    /// [`DealerDialect::Spu`]: the sealed dealer seeds of all parties, by rank, as received. Empty otherwise.
    pub sealed: &'a [Bytes],
    /// [`DealerDialect::InsecureRank0LearnsAllMasks`]: at rank 0 the dealer seeds of all parties, by rank. Secret.
    /// Empty otherwise.
    pub gathered: &'a [Seed],
}
