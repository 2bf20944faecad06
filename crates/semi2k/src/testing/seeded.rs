//! Test values from a seed, and sessions whose seeds the test chooses.

use symbolon_dialect::{DealerDialect, Dialect};
use symbolon_prg::Seed;
use symbolon_ring::{FixedPoint, Matrix, Ring};
use symbolon_triples::{Dealer, Limits, LocalDealer};

use super::run_channels;
use crate::{Session, SessionConfig, SessionSeeds, Share};

/// A fixed sequence of test values; not for secrets.
pub struct Values(u64);

impl Values {
    /// The sequence that starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits (SplitMix64).
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A seed.
    pub fn seed(&mut self) -> Seed {
        Seed::from_u128_le((u128::from(self.word()) << 64) | u128::from(self.word()))
    }

    /// Uniform in -bound..bound.
    pub fn real(&mut self, bound: f32) -> f32 {
        let unit = (self.word() >> 40) as f32 / (1_u64 << 24) as f32;
        (2.0 * unit - 1.0) * bound
    }

    /// `len` numbers as [`Values::real`].
    pub fn reals(&mut self, len: usize, bound: f32) -> Vec<f32> {
        (0..len).map(|_| self.real(bound)).collect()
    }

    /// Uniform shares of `secret`, by rank.
    pub fn split<R: Ring>(&mut self, secret: &Matrix<R>, parties: usize) -> Vec<Share<R>> {
        let (rows, cols) = secret.shape();
        let mut last = secret.clone();
        let mut shares = Vec::new();
        for _ in 1..parties {
            let share = Matrix::from_fn(rows, cols, |_, _| {
                R::from_i128(((u128::from(self.word()) << 64) | u128::from(self.word())).cast_signed())
            });
            last.sub_assign(&share).expect("the same shape");
            shares.push(Share::from_matrix(share));
        }
        shares.push(Share::from_matrix(last));
        shares
    }

    /// A matrix of encoded reals in -bound..bound.
    ///
    /// # Panics
    /// When `fixed` does not hold the bound.
    pub fn matrix<R: Ring>(
        &mut self,
        fixed: FixedPoint<R>,
        rows: usize,
        cols: usize,
        bound: f32,
    ) -> Matrix<R> {
        fixed.encode_matrix(rows, cols, &self.reals(rows * cols, bound)).expect("a bound that the ring holds")
    }
}

/// The secrets of all parties, by rank: of the pairwise streams, and of the dealer streams.
pub struct Secrets {
    /// Keys of the pairwise streams.
    pub pairwise: Vec<Seed>,
    /// Keys of the dealer streams.
    pub dealer: Vec<Seed>,
}

impl Secrets {
    /// Seeds for so many parties.
    pub fn new(values: &mut Values, parties: usize) -> Self {
        let mut draw = || (0..parties).map(|_| values.seed()).collect();
        Self { pairwise: draw(), dealer: draw() }
    }
}

/// Runs `party` at every rank, with the seeds of `secrets`, and returns what each returned, by rank.
///
/// # Panics
/// When set-up fails, and when `party` panics at any rank.
pub fn run_seeded<R: Ring, T: Send>(
    config: SessionConfig,
    dialect: &Dialect,
    secrets: &Secrets,
    party: impl Fn(&mut Session<R>) -> T + Sync,
) -> Vec<T> {
    let config = SessionConfig { dealer: DealerDialect::Interconnection, ..config };
    let copy = |seed: &Seed| Seed::from_bytes(*seed.as_bytes());
    run_channels(secrets.dealer.len(), dialect, |channel, rank| {
        let seeds = SessionSeeds {
            public_share: rank as u128,
            pairwise: copy(&secrets.pairwise[rank]),
            dealer: copy(&secrets.dealer[rank]),
            sealed_dealer: None,
        };
        let dealer: Option<Box<dyn Dealer<R>>> = (rank == config.adjust_rank).then(|| {
            let seeds = secrets.dealer.iter().map(copy).collect();
            let (cipher, construction) = (config.cipher, config.dealer_construction);
            let own = Seed::from_u128_le(0);
            Box::new(
                LocalDealer::new(seeds, cipher, construction, Limits::default(), &own)
                    .expect("seeds of all parties"),
            ) as _
        });
        let mut session = Session::establish(channel, config, seeds, |_| Ok(dealer))
            .unwrap_or_else(|error| panic!("rank {rank} opens its session: {error}"));
        party(&mut session)
    })
}
