//! Every operator against its model in the clear, over random shapes, rings, fraction bits and parties.

use proptest::{prelude::*, test_runner::RngSeed};
use symbolon_dialect::{Dialect, TruncationSide};
use symbolon_operators::{
    OperatorError, Sigmoid, ideal, linear, matmul, matmul_triples, sigmoid_minimax1, sigmoid_taylor3,
};
use symbolon_ring::{FixedPoint, Matrix, Ring};
use symbolon_semi2k::{
    Session, SessionConfig, Share, Truncation,
    testing::{Secrets, Values, run_seeded},
};

/// The cases are fixed, because a local truncation wraps with a small probability in any truly random run.
fn cases(cases: u32) -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(7_2023);
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

#[derive(Debug, Clone)]
struct World {
    parties: usize,
    truncation: Truncation,
    adjust_rank: usize,
    seed: u64,
}

fn world() -> impl Strategy<Value = World> {
    let truncation = prop_oneof![
        Just(Truncation::Probabilistic(TruncationSide::BothShift)),
        Just(Truncation::Probabilistic(TruncationSide::OneNegates)),
        Just(Truncation::Precise),
    ];
    (2..=3_usize, truncation, 0..2_usize, any::<u64>())
        .prop_map(|(parties, truncation, adjust_rank, seed)| World { parties, truncation, adjust_rank, seed })
}

/// Applies `operator` to shares of `inputs` and reveals the result.
fn apply<R: Ring>(
    world: &World,
    fraction_bits: u32,
    inputs: &[&Matrix<R>],
    operator: impl Fn(&mut Session<R>, &[Share<R>]) -> Result<Share<R>, OperatorError> + Sync,
) -> Matrix<R> {
    let mut values = Values::new(world.seed ^ 1);
    let secrets = Secrets::new(&mut values, world.parties);
    let mut shares = vec![Vec::new(); world.parties];
    for input in inputs {
        for (shares, share) in shares.iter_mut().zip(values.split(input, world.parties)) {
            shares.push(share);
        }
    }
    let dialect = Dialect::symbolon();
    let config = SessionConfig {
        truncation: world.truncation,
        adjust_rank: world.adjust_rank,
        ..SessionConfig::new(fraction_bits, &dialect)
    };
    let mut results = run_seeded(config, &dialect, &secrets, |session| {
        let share = operator(session, &shares[session.rank()]).unwrap();
        session.reveal(&share).unwrap()
    });
    let first = results.swap_remove(0);
    assert!(results.iter().all(|result| *result == first), "parties reveal different results");
    first
}

/// The largest difference in units.
fn distance<R: Ring>(a: &Matrix<R>, b: &Matrix<R>) -> f64 {
    let differences = a.sub(b).unwrap();
    differences.as_slice().iter().map(|d| d.to_i128().unsigned_abs() as f64).fold(0.0, f64::max)
}

fn check_product<R: Ring>(world: &World, f: u32, shape: (usize, usize, usize), bound: f32) {
    let (m, k, n) = shape;
    let fixed = FixedPoint::<R>::new(f).unwrap();
    let unit = 0.5_f64.powi(f.cast_signed());
    let mut values = Values::new(world.seed);
    let (x_real, w_real) = (values.reals(m * k, bound), values.reals(k * n, bound));
    let x = fixed.encode_matrix(m, k, &x_real).unwrap();
    let w = fixed.encode_matrix(k, n, &w_real).unwrap();
    let z = apply(world, f, &[&x, &w], |session, inputs| {
        // announced, so that a wrong announcement fails
        let ops = matmul_triples(session, m, k, n);
        session.schedule(ops)?;
        matmul(session, &inputs[0], &inputs[1])
    });

    assert!(distance(&z, &ideal::matmul(fixed, &x, &w).unwrap()) <= ideal::PRODUCT_UNITS);
    let bound = f64::from(bound);
    let encodings = k as f64 * (2.0 * bound + unit);
    for i in 0..m {
        for j in 0..n {
            let sum =
                |a: &dyn Fn(usize) -> f64, b: &dyn Fn(usize) -> f64| (0..k).map(|l| a(l) * b(l)).sum::<f64>();
            let z = fixed.decode(z.get(i, j));
            let encoded = sum(&|l| fixed.decode(x.get(i, l)), &|l| fixed.decode(w.get(l, j)));
            let real = sum(&|l| f64::from(x_real[i * k + l]), &|l| f64::from(w_real[l * n + j]));
            assert!((z - encoded).abs() < 2.0 * unit, "{z} for {encoded}");
            assert!((z - real).abs() < (2.0 + encodings) * unit, "{z} for {real}");
        }
    }
}

fn check_sigmoid<R: Ring>(world: &World, f: u32, shape: (usize, usize), mode: Sigmoid, bound: f32) {
    let fixed = FixedPoint::<R>::new(f).unwrap();
    let unit = 0.5_f64.powi(f.cast_signed());
    let z = Values::new(world.seed).matrix(fixed, shape.0, shape.1, bound);
    let p = apply(world, f, &[&z], |session, inputs| {
        let ops = mode.triples(session, inputs[0].len());
        session.schedule(ops)?;
        mode.apply(session, &inputs[0])
    });
    let magnitude = f64::from(bound);
    let model = ideal::sigmoid(fixed, mode, &z).unwrap();
    assert!(distance(&p, &model) <= ideal::sigmoid_units(mode, magnitude));
    for (p, z) in p.as_slice().iter().zip(z.as_slice()) {
        let (p, expected) = (fixed.decode(*p), mode.value(fixed.decode(*z)));
        assert!((p - expected).abs() < mode.error_units(magnitude) * unit, "{p} for {expected}");
    }
}

fn check_linear<R: Ring>(world: &World, f: u32, shape: (usize, usize), slope: f32, intercept: f32) {
    let fixed = FixedPoint::<R>::new(f).unwrap();
    let unit = 0.5_f64.powi(f.cast_signed());
    let z = Values::new(world.seed).matrix(fixed, shape.0, shape.1, 1.0);
    let y = apply(world, f, &[&z], |session, inputs| linear(session, &inputs[0], slope, intercept));
    assert!(distance(&y, &ideal::linear(fixed, &z, slope, intercept).unwrap()) <= 1.0);
    for (y, z) in y.as_slice().iter().zip(z.as_slice()) {
        let z = fixed.decode(*z);
        let expected = f64::from(slope) * z + f64::from(intercept);
        assert!((fixed.decode(*y) - expected).abs() < (3.0 + z.abs()) * unit);
    }
}

fn check_chain<R: Ring>(world: &World, f: u32, depth: usize, size: usize) {
    let fixed = FixedPoint::<R>::new(f).unwrap();
    let unit = 0.5_f64.powi(f.cast_signed());
    // entries below 1/size: row sums below 1, so each product adds its own error only
    let mut values = Values::new(world.seed);
    let factors: Vec<Matrix<R>> =
        (0..=depth).map(|_| values.matrix(fixed, size, size, 1.0 / size as f32)).collect();
    let product = apply(world, f, &factors.iter().collect::<Vec<_>>(), |session, factors| {
        let mut product = factors[0].clone();
        for factor in &factors[1..] {
            product = matmul(session, factor, &product)?;
        }
        Ok(product)
    });
    let real = |m: &Matrix<R>, i, j| fixed.decode(m.get(i, j));
    let mut expected: Vec<f64> = fixed.decode_slice(factors[0].as_slice());
    for factor in &factors[1..] {
        expected = (0..size * size)
            .map(|at| {
                let (i, j) = (at / size, at % size);
                (0..size).map(|l| real(factor, i, l) * expected[l * size + j]).sum()
            })
            .collect();
    }
    for (z, expected) in fixed.decode_slice(product.as_slice()).into_iter().zip(expected) {
        assert!((z - expected).abs() < 2.0 * depth as f64 * unit);
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn products_keep_their_bound(
        world in world(), shape in (1..5_usize, 1..5_usize, 1..4_usize),
        f in (3..=6_u32, 3..=24_u32, 3..=40_u32),
    ) {
        check_product::<u32>(&world, f.0, shape, 1.0);
        check_product::<u64>(&world, f.1, shape, 2.0);
        check_product::<u128>(&world, f.2, shape, 8.0);
    }

    #[test]
    fn chains_of_products_add_their_errors(
        world in world(), depth in 1..4_usize, size in 1..4_usize, f in (3..=6_u32, 3..=24_u32),
    ) {
        check_chain::<u32>(&world, f.0, depth, size);
        check_chain::<u64>(&world, f.1, depth, size);
    }

    #[test]
    fn minimax_keeps_its_bound(
        world in world(), shape in (1..4_usize, 1..4_usize), f in (3..=6_u32, 3..=24_u32, 3..=40_u32),
    ) {
        check_sigmoid::<u32>(&world, f.0, shape, Sigmoid::Minimax1, 4.0);
        check_sigmoid::<u64>(&world, f.1, shape, Sigmoid::Minimax1, 8.0);
        check_sigmoid::<u128>(&world, f.2, shape, Sigmoid::Minimax1, 64.0);
    }

    #[test]
    fn taylor_keeps_its_bound(
        world in world(), shape in (1..4_usize, 1..4_usize), f in (3..=5_u32, 3..=20_u32, 3..=40_u32),
    ) {
        check_sigmoid::<u32>(&world, f.0, shape, Sigmoid::Taylor3, 1.5);
        check_sigmoid::<u64>(&world, f.1, shape, Sigmoid::Taylor3, 2.0);
        check_sigmoid::<u128>(&world, f.2, shape, Sigmoid::Taylor3, 8.0);
    }

    #[test]
    fn affine_maps_keep_their_bound(
        world in world(), shape in (1..4_usize, 1..4_usize), f in (3..=6_u32, 3..=24_u32),
        slope in -2.0_f32..2.0, intercept in -2.0_f32..2.0,
    ) {
        check_linear::<u32>(&world, f.0, shape, slope, intercept);
        check_linear::<u64>(&world, f.1, shape, slope, intercept);
    }
}

#[test]
fn bad_constants_and_shapes_are_refused_before_anything_is_sent() {
    let mut values = Values::new(3);
    let secrets = Secrets::new(&mut values, 2);
    let dialect = Dialect::symbolon();
    run_seeded::<u64, _>(SessionConfig::new(2, &dialect), &dialect, &secrets, |session| {
        let z = Share::zeros(2, 1);
        for refused in [sigmoid_minimax1(session, &z), sigmoid_taylor3(session, &z)] {
            assert!(matches!(
                refused,
                Err(OperatorError::ConfigFractionBits { fraction_bits: 2, least: 3, .. })
            ));
        }
        assert!(matches!(linear(session, &z, f32::NAN, 0.0), Err(OperatorError::ConfigScalar { .. })));
        assert!(matches!(linear(session, &z, 1.0, f32::MAX), Err(OperatorError::ConfigScalar { .. })));
        assert!(matches!(matmul(session, &z, &z), Err(OperatorError::Protocol(_))));
        assert_eq!(session.opened().openings, 0);
    });
}
