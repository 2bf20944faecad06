//! Every operation against the same computation in the clear: random shapes, values, rings, 2 to 4 parties.

use proptest::prelude::*;
use symbolon_dialect::{Construction, Dialect, TruncationSide};
use symbolon_ring::{Matrix, Ring};
use symbolon_semi2k::{Session, SessionConfig, Share, Truncation, testing::run_configured};
use symbolon_triples::{Cipher, Op};

#[derive(Debug, Clone)]
struct Setting {
    parties: usize,
    dialect: Dialect,
    cipher: Cipher,
    adjust_rank: usize,
    scheduled: bool,
    seed: u64,
}

fn settings() -> impl Strategy<Value = Setting> {
    let dialect = prop_oneof![
        Just(Dialect::symbolon()),
        Just(Dialect::document()),
        Just(Dialect::spu()),
        Just(Dialect::reference()),
    ];
    let cipher = prop_oneof![3 => Just(Cipher::Aes128), 1 => Just(Cipher::Sm4)];
    (2_usize..5, dialect, cipher, 0_usize..4, any::<bool>(), any::<u64>()).prop_map(
        |(parties, dialect, cipher, adjust, scheduled, seed)| Setting {
            parties,
            dialect,
            cipher,
            adjust_rank: adjust % parties,
            scheduled,
            seed,
        },
    )
}

/// A sequence of numbers from a seed (SplitMix64), so that all parties of a test know all inputs.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn element<R: Ring>(&mut self) -> R {
        let wide = u128::from(self.next()) << 64 | u128::from(self.next());
        R::from_i128(wide.cast_signed())
    }

    fn matrix<R: Ring>(&mut self, rows: usize, cols: usize) -> Matrix<R> {
        Matrix::from_fn(rows, cols, |_, _| self.element())
    }

    /// Signed values of magnitude below 2^`bits`.
    fn small<R: Ring>(&mut self, rows: usize, cols: usize, bits: u32) -> Matrix<R> {
        self.matrix::<R>(rows, cols).map(|v| v.ashr(R::BITS - 1 - bits))
    }
}

impl Setting {
    fn config(&self) -> SessionConfig {
        SessionConfig {
            cipher: self.cipher,
            adjust_rank: self.adjust_rank,
            ..SessionConfig::new(8, &self.dialect)
        }
    }

    fn run<R: Ring, T: Send>(&self, party: impl Fn(&mut Session<R>, usize) -> T + Sync) -> Vec<T> {
        run_configured(self.parties, &self.dialect, |_| self.config(), party)
    }

    /// `x` as the input of one rank, `y` likewise of another.
    fn inputs<R: Ring>(&self, session: &Session<R>, x: &Matrix<R>, y: &Matrix<R>) -> (Share<R>, Share<R>) {
        let give = |owner: usize, m: &Matrix<R>| {
            let own = (session.rank() == owner).then(|| m.clone());
            session.input(owner, m.rows(), m.cols(), own).unwrap()
        };
        (give(0, x), give(self.parties - 1, y))
    }
}

fn all_equal<T: PartialEq + std::fmt::Debug>(got: &[T], want: &T) {
    for (rank, got) in got.iter().enumerate() {
        assert_eq!(got, want, "rank {rank}");
    }
}

fn local<R: Ring>(setting: &Setting, rows: usize, cols: usize) {
    let mut numbers = Numbers(setting.seed);
    let (x, y, p) =
        (numbers.matrix::<R>(rows, cols), numbers.matrix::<R>(rows, cols), numbers.matrix::<R>(rows, cols));
    let (right, factor) = (numbers.matrix::<R>(cols, 2), numbers.element::<R>());
    let results = setting.run::<R, _>(|session, _| {
        let (sx, sy) = setting.inputs(session, &x, &y);
        let sealed = session.seal(&p).unwrap();
        let again = session.seal(&p).unwrap();
        // fresh shares every time; equal ones have the probability 2^-32 at most, and these seeds are fixed
        assert_ne!(sealed, again);
        let sum = session.add(&sx, &sy).unwrap();
        let sum = session.sub(&session.add_public(&sum, &p).unwrap(), &sealed).unwrap();
        let values = [
            sum,
            sealed,
            session.sub(&sx, &sy).unwrap(),
            session.neg(&sx),
            session.mul_public_scalar(&sx, factor),
            session.mul_public(&sx, &p).unwrap(),
            session.matmul_public(&sx, &right).unwrap(),
        ];
        values.map(|share| session.reveal(&share).unwrap())
    });
    let want = [
        x.add(&y).unwrap(),
        p.clone(),
        x.sub(&y).unwrap(),
        x.neg(),
        x.scale(factor),
        x.mul_elementwise(&p).unwrap(),
        x.matmul(&right).unwrap(),
    ];
    all_equal(&results, &want);
}

fn products<R: Ring>(setting: &Setting, m: usize, k: usize, n: usize) {
    let mut numbers = Numbers(setting.seed);
    let (x, y) = (numbers.matrix::<R>(m, k), numbers.matrix::<R>(k, n));
    let z = numbers.matrix::<R>(m, k);
    let results = setting.run::<R, _>(|session, rank| {
        if setting.scheduled {
            session
                .schedule([Op::Dot { m, k, n }, Op::Mul { len: m * k }, Op::Dot { m: k, k: m, n }])
                .unwrap();
        }
        let (sx, sy) = setting.inputs(session, &x, &y);
        let sz = session.seal(&z).unwrap();
        let product = session.matmul(&sx, &sy).unwrap();
        let elementwise = session.mul(&sx, &sz).unwrap();
        // To the peers both ways are the same: the parties need not take the same one.
        let back = if session.rank() == 0 {
            session.matmul_transposed(&sx, &product).unwrap()
        } else {
            session.matmul(&sx.transpose(), &product).unwrap()
        };
        assert_eq!(session.opened().openings, 6);
        let to = setting.adjust_rank;
        let only_there = session.reveal_to(to, &back).unwrap();
        assert_eq!(only_there.is_some(), rank == to);
        [product, elementwise, back].map(|share| session.reveal(&share).unwrap())
    });
    let product = x.matmul(&y).unwrap();
    let back = x.transpose().matmul(&product).unwrap();
    all_equal(&results, &[product, x.mul_elementwise(&z).unwrap(), back]);
}

/// Truncation of values that fill only part of the ring, so that a wrap has the probability 2^-`spare` per element;
/// with the fixed seeds of a test a failure would be permanent, and there is none.
fn truncation<R: Ring>(
    parties: usize,
    mode: Truncation,
    bits: u32,
    magnitude: u32,
    seed: u64,
) -> Vec<(R, R)> {
    let dialect = Dialect::symbolon();
    let mut numbers = Numbers(seed);
    let x = numbers.small::<R>(5, 8, magnitude);
    let config = SessionConfig { truncation: mode, ..SessionConfig::new(4, &dialect) };
    let results = run_configured::<R, _>(
        parties,
        &dialect,
        |_| config,
        |session, _| {
            // sealed: local truncation needs uniformly random shares
            let share = session.seal(&x).unwrap();
            session.schedule(session.truncation_op(40, bits)).unwrap();
            let truncated = session.truncate(share, bits).unwrap();
            session.reveal(&truncated).unwrap()
        },
    );
    all_equal(&results[1..], &results[0]);
    x.as_slice().iter().copied().zip(results[0].as_slice().iter().copied()).collect()
}

/// The difference to the floor must be one of `allowed`.
fn within<R: Ring>(pairs: &[(R, R)], bits: u32, allowed: [i128; 2]) {
    for (x, got) in pairs {
        let error = got.to_i128() - (x.to_i128() >> bits);
        assert!(allowed.contains(&error), "{} >> {bits} gave {}", x.to_i128(), got.to_i128());
    }
}

fn truncations<R: Ring>(parties: usize, bits: u32, seed: u64) {
    // 2^-20 per element in the small ring, 2^-50 and less in the others
    let magnitude = if R::BITS == 32 { 11 } else { R::BITS - 51 };
    let both = Truncation::Probabilistic(TruncationSide::BothShift);
    within(&truncation::<R>(parties, both, bits, magnitude, seed), bits, [-1, 0]);
    let one = Truncation::Probabilistic(TruncationSide::OneNegates);
    let allowed = if parties == 2 && bits > 0 { [0, 1] } else { [-1, 0] };
    within(&truncation::<R>(parties, one, bits, magnitude, seed), bits, allowed);
    // precise: the whole range -2^(k-2) .. 2^(k-2), and never a wrap
    within(&truncation::<R>(parties, Truncation::Precise, bits, R::BITS - 2, seed), bits, [0, 1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn local_operations_are_exact(s in settings(), rows in 1_usize..7, cols in 1_usize..7) {
        local::<u32>(&s, rows, cols);
        local::<u64>(&s, rows, cols);
        local::<u128>(&s, rows, cols);
    }

    #[test]
    fn products_are_exact(s in settings(), m in 1_usize..9, k in 1_usize..9, n in 1_usize..9) {
        products::<u32>(&s, m, k, n);
        products::<u64>(&s, m, k, n);
        products::<u128>(&s, m, k, n);
    }

    #[test]
    fn truncation_in_ring32(parties in 2_usize..5, bits in 0_u32..=30, seed: u64) {
        truncations::<u32>(parties, bits, seed);
    }

    #[test]
    fn truncation_in_ring64(parties in 2_usize..5, bits in 0_u32..=62, seed: u64) {
        truncations::<u64>(parties, bits, seed);
    }

    #[test]
    fn truncation_in_ring128(parties in 2_usize..5, bits in 0_u32..=126, seed: u64) {
        truncations::<u128>(parties, bits, seed);
    }
}

#[test]
fn single_elements() {
    for parties in [2, 3] {
        let setting = Setting {
            parties,
            dialect: Dialect { dealer_stream: Construction::CtrBigEndian, ..Dialect::symbolon() },
            cipher: Cipher::Aes128,
            adjust_rank: 1,
            scheduled: true,
            seed: 4,
        };
        local::<u64>(&setting, 1, 1);
        products::<u32>(&setting, 1, 1, 1);
        products::<u64>(&setting, 1, 1, 1);
        products::<u128>(&setting, 1, 1, 1);
    }
}

#[test]
fn precise_truncation_at_the_ends_of_its_range() {
    let dialect = Dialect::symbolon();
    let config = SessionConfig { truncation: Truncation::Precise, ..SessionConfig::new(4, &dialect) };
    let end = 1_i128 << 30;
    let values: Vec<u32> =
        [-end, -end + 1, -1, 0, 1, end - 2, end - 1].into_iter().map(u32::from_i128).collect();
    for bits in [1, 13, 29, 30] {
        let x = Matrix::from_vec(1, values.len(), values.clone()).unwrap();
        let results = run_configured::<u32, _>(
            3,
            &dialect,
            |_| config,
            |session, _| {
                let share = session.seal(&x).unwrap();
                let truncated = session.truncate(share, bits).unwrap();
                session.reveal(&truncated).unwrap()
            },
        );
        let pairs: Vec<_> = values.iter().copied().zip(results[0].as_slice().iter().copied()).collect();
        within(&pairs, bits, [0, 1]);
    }
}

#[test]
fn openings_larger_than_a_chunk() {
    let setting = Setting {
        parties: 3,
        dialect: Dialect::symbolon(),
        cipher: Cipher::Aes128,
        adjust_rank: 2,
        scheduled: true,
        seed: 11,
    };
    // 700 x 300 elements of 8 bytes: 1.6 MB, and chunks are just below 1 MiB
    products::<u64>(&setting, 700, 300, 1);
}
