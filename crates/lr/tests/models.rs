//! Training and prediction against the models in the clear, over random data, shapes, rings and parties.

use proptest::{prelude::*, test_runner::RngSeed};
use symbolon_dialect::{Dialect, FirstStepDraws, PublicTruncation, TruncationSide};
use symbolon_lr::{
    PredictPlan, TrainPlan, ideal, metrics, predict, reference_inference, train, train_keeping_masks,
};
use symbolon_operators::Sigmoid;
use symbolon_ring::{FixedPoint, Matrix, Ring};
use symbolon_semi2k::{
    SessionConfig, Share, Truncation,
    testing::{Secrets, Values, run_seeded},
};

/// The cases are fixed, because a local truncation wraps with a small probability in any truly random run.
fn cases(cases: u32) -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(7_2023);
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

/// A pooled table and how it is split.
#[derive(Debug, Clone)]
struct Table {
    columns: Vec<usize>,
    features: Vec<f32>,
    label: Vec<f32>,
}

impl Table {
    /// `rows` samples with features in -bound..bound and labels that depend on them.
    fn random(values: &mut Values, rows: usize, columns: Vec<usize>, bound: f32) -> Self {
        let width = columns.iter().sum();
        let features = values.reals(rows * width, bound);
        let weights = values.reals(width, 1.0);
        let label = features
            .chunks_exact(width)
            .map(|x| {
                let margin: f32 = x.iter().zip(&weights).map(|(x, w)| x * w).sum();
                if margin + values.real(0.3) > 0.0 { 1.0 } else { 0.0 }
            })
            .collect();
        Self { columns, features, label }
    }

    fn rows(&self) -> usize {
        self.label.len()
    }

    /// The columns of one rank, row by row.
    fn own(&self, rank: usize) -> Vec<f32> {
        let width: usize = self.columns.iter().sum();
        let start: usize = self.columns[..rank].iter().sum();
        self.features
            .chunks_exact(width)
            .flat_map(|row| &row[start..start + self.columns[rank]])
            .copied()
            .collect()
    }
}

#[derive(Debug, Clone)]
struct World {
    truncation: Truncation,
    adjust_rank: usize,
    seed: u64,
}

impl World {
    fn config(&self, fraction_bits: u32) -> SessionConfig {
        SessionConfig {
            truncation: self.truncation,
            adjust_rank: self.adjust_rank,
            ..SessionConfig::new(fraction_bits, &Dialect::symbolon())
        }
    }
}

fn plan(table: &Table, label_rank: usize) -> TrainPlan {
    TrainPlan {
        epochs: 2,
        batch_size: table.rows(),
        learning_rate: 0.5,
        l2: 0.0,
        sigmoid: Sigmoid::Minimax1,
        samples: table.rows(),
        features: table.columns.clone(),
        label_rank,
        first_step_draws: FirstStepDraws::Reference,
        public_truncation: PublicTruncation::Round,
        step_size: None,
    }
}

/// Trains and returns the shares of the model: with new masks in every step, or with one for each row.
fn trained<R: Ring>(world: &World, f: u32, plan: &TrainPlan, table: &Table, keep: bool) -> Vec<Share<R>> {
    let train = if keep { train_keeping_masks } else { train };
    let dialect = Dialect::symbolon();
    let secrets = Secrets::new(&mut Values::new(world.seed ^ 1), plan.features.len());
    run_seeded(world.config(f), &dialect, &secrets, |session| {
        let rank = session.rank();
        let label = (rank == plan.label_rank).then_some(table.label.as_slice());
        train(session, plan, &table.own(rank), label, &mut |_| {}).unwrap()
    })
}

fn joined<R: Ring>(shares: &[Share<R>]) -> Matrix<R> {
    shares[1..].iter().fold(shares[0].as_matrix().clone(), |sum, share| sum.add(share.as_matrix()).unwrap())
}

fn norm<R: Ring>(difference: &Matrix<R>) -> f64 {
    difference.as_slice().iter().map(|d| (d.to_i128() as f64).powi(2)).sum::<f64>().sqrt()
}

/// Trains in the clear and on shares, in both ways, and holds the differences against the bound.
fn check_training<R: Ring>(world: &World, f: u32, plan: &TrainPlan, table: &Table) {
    let fixed = FixedPoint::<R>::new(f).unwrap();
    let model = ideal::train_fixed(plan, fixed, &table.features, &table.label).unwrap();
    let bound = ideal::weight_error_units(plan, fixed, &table.features).unwrap();
    for keep in [false, true] {
        let shared = joined(&trained::<R>(world, f, plan, table, keep));
        let distance = norm(&shared.sub(&model).unwrap());
        let bits = R::BITS;
        assert!(distance <= bound, "{bits} bits, f = {f}, kept {keep}: off by {distance}, bound {bound}");
    }
}

prop_compose! {
    fn world()(
        truncation in prop_oneof![
            Just(Truncation::Probabilistic(TruncationSide::BothShift)),
            Just(Truncation::Probabilistic(TruncationSide::OneNegates)),
            Just(Truncation::Precise),
        ],
        adjust_rank in 0..2_usize,
        seed in any::<u64>(),
    ) -> World {
        World { truncation, adjust_rank, seed }
    }
}

prop_compose! {
    /// Columns of two or three parties; some may have none.
    fn columns()(mut columns in prop::collection::vec(0..4_usize, 2..=3), at in 0..2_usize) -> Vec<usize> {
        if columns.iter().sum::<usize>() == 0 {
            columns[at] = 1;
        }
        columns
    }
}

prop_compose! {
    fn training()(
        columns in columns(), rows in 3..12_usize, batch in 1..6_usize,
        l2 in prop_oneof![Just(0.0), 0.01..1.0_f64], learning_rate in 0.3..0.7_f64,
        label in any::<prop::sample::Index>(), taylor in any::<bool>(), seed in any::<u64>(),
        reference in any::<bool>(), floor in any::<bool>(), epochs in 1..3_u64,
    ) -> (TrainPlan, Table) {
        let label_rank = label.index(columns.len());
        let table = Table::random(&mut Values::new(seed), rows, columns, 1.0);
        let plan = TrainPlan {
            epochs,
            batch_size: batch.min(rows),
            learning_rate,
            l2,
            sigmoid: if taylor { Sigmoid::Taylor3 } else { Sigmoid::Minimax1 },
            first_step_draws: if reference { FirstStepDraws::Reference } else { FirstStepDraws::OnesOnly },
            public_truncation: if floor { PublicTruncation::Floor } else { PublicTruncation::Round },
            ..plan(&table, label_rank)
        };
        (plan, table)
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn training_keeps_its_bound(
        world in world(), (plan, table) in training(), f in (12..=20_u32, 12..=40_u32),
    ) {
        check_training::<u64>(&world, f.0, &plan, &table);
        check_training::<u128>(&world, f.1, &plan, &table);
    }

    /// With 6 fraction bits one unit is 1/64, and the bound can exceed 1: coarse, as it must be. With more
    /// fraction bits products come too close to 2^31, and local truncation wraps every so often.
    #[test]
    fn training_in_32_bits_keeps_its_coarse_bound(world in world(), (plan, table) in training()) {
        let plan = TrainPlan { sigmoid: Sigmoid::Minimax1, ..plan };
        check_training::<u32>(&world, 6, &plan, &table);
    }

    #[test]
    fn scores_are_revealed_to_one_rank_only(
        world in world(), columns in columns(), rows in 1..20_usize, batch in 1..8_usize,
        score in any::<prop::sample::Index>(),
        taylor in any::<bool>(),
    ) {
        let f = 18;
        let fixed = FixedPoint::<u64>::new(f).unwrap();
        let mut values = Values::new(world.seed);
        let table = Table::random(&mut values, rows, columns, 1.0);
        let parties = table.columns.len();
        let score_rank = score.index(parties);
        let sigmoid = if taylor { Sigmoid::Taylor3 } else { Sigmoid::Minimax1 };
        let features = table.columns.clone();
        let plan = PredictPlan { samples: rows, features, score_rank, sigmoid, batch_size: batch };
        let weights = plan.feature_count() + 1;
        let model = values.matrix(fixed, weights, 1, 1.0 / weights as f32);
        let shares = values.split(&model, parties);
        let dialect = Dialect::symbolon();
        let secrets = Secrets::new(&mut values, parties);
        let scores = run_seeded(world.config(f), &dialect, &secrets, |session| {
            let rank = session.rank();
            predict(session, &plan, &shares[rank], &table.own(rank)).unwrap()
        });
        let expected = ideal::predict_float(sigmoid, &fixed.decode_slice(model.as_slice()), &table.features);
        for (rank, scores) in scores.iter().enumerate() {
            prop_assert_eq!(scores.is_some(), rank == score_rank);
            let Some(scores) = scores else { continue };
            prop_assert_eq!(scores.len(), rows);
            // x·w is off by less than 2 + Σ|w| <= 3 units (features are encoded, too), the slope is below 1/3
            let units = 1.0 + sigmoid.error_units(2.0);
            for (score, expected) in scores.iter().zip(&expected) {
                prop_assert!((score - expected).abs() * f64::from(1 << f) < units);
            }
        }
    }
}

#[test]
fn the_reference_inference_tells_everybody_labels_and_margins_of_all_rows() {
    let (f, rows) = (18, 7);
    let fixed = FixedPoint::<u64>::new(f).unwrap();
    let mut values = Values::new(31);
    let table = Table::random(&mut values, rows, vec![1, 2, 0], 1.0);
    let plan = TrainPlan { batch_size: 3, ..plan(&table, 2) };
    let model = values.matrix(fixed, 4, 1, 0.25);
    let shares = values.split(&model, 3);
    let dialect = Dialect::symbolon();
    let secrets = Secrets::new(&mut values, 3);
    let told = run_seeded(SessionConfig::new(f, &dialect), &dialect, &secrets, |session| {
        let rank = session.rank();
        let label = (rank == 2).then_some(table.label.as_slice());
        reference_inference(session, &plan, &shares[rank], &table.own(rank), label).unwrap()
    });
    let labels: Vec<f64> = table.label.iter().copied().map(f64::from).collect();
    let weights = fixed.decode_slice(model.as_slice());
    for told in &told {
        assert_eq!(told.labels, labels);
        for (score, x) in told.scores.iter().zip(table.features.chunks_exact(3)) {
            let margin: f64 =
                weights.iter().zip(x.iter().chain(&[1.0])).map(|(w, x)| w * f64::from(*x)).sum();
            assert!((score - margin).abs() * f64::from(1 << f) < 3.0);
        }
        assert_eq!(told.scores.len(), rows);
    }
}

#[test]
fn weights_agree_with_double_precision_on_standardised_data() {
    let mut values = Values::new(19);
    let mut table = Table::random(&mut values, 240, vec![2, 4], 1.0);
    standardise(&mut table.features, 6);
    for (label_rank, l2) in [(0, 0.0), (1, 0.5)] {
        for side in [TruncationSide::BothShift, TruncationSide::OneNegates] {
            let world = World { truncation: Truncation::Probabilistic(side), adjust_rank: 0, seed: 23 };
            let plan =
                TrainPlan { epochs: 3, batch_size: 32, learning_rate: 0.25, l2, ..plan(&table, label_rank) };
            let shares = trained::<u64>(&world, 18, &plan, &table, l2 != 0.0);
            let fixed = FixedPoint::<u64>::new(18).unwrap();
            let shared = fixed.decode_slice(joined(&shares).as_slice());
            let float = ideal::train_float(&plan, &table.features, &table.label).unwrap();
            for (shared, float) in shared.iter().zip(&float) {
                assert!((shared - float).abs() < 1e-3, "{shared} for {float}");
            }
            let scores = ideal::predict_float(plan.sigmoid, &shared, &table.features);
            assert!(metrics::auc(&table.label, &scores).unwrap() > 0.9);
        }
    }
}

/// Mean 0 and variance 1 in each column.
fn standardise(features: &mut [f32], width: usize) {
    let rows = features.len() / width;
    for column in 0..width {
        let of = |features: &[f32], g: &dyn Fn(f32) -> f32| {
            features.iter().skip(column).step_by(width).map(|x| g(*x)).sum::<f32>() / rows as f32
        };
        let mean = of(features, &|x| x);
        let deviation = of(features, &|x| (x - mean).powi(2)).sqrt();
        features.iter_mut().skip(column).step_by(width).for_each(|x| *x = (*x - mean) / deviation);
    }
}
