//! Every check of plans and own data. Whatever is refused is refused before a message is sent.

use symbolon_dialect::{Dialect, FirstStepDraws, PublicTruncation};
use symbolon_lr::{LrError, PredictPlan, TrainPlan, ideal, predict, reference_inference, train};
use symbolon_operators::{OperatorError, Sigmoid};
use symbolon_ring::FixedPoint;
use symbolon_semi2k::{
    SessionConfig, Share,
    testing::{Secrets, Values, run_seeded},
};

fn plan() -> TrainPlan {
    TrainPlan {
        epochs: 1,
        batch_size: 2,
        learning_rate: 0.5,
        l2: 0.1,
        sigmoid: Sigmoid::Minimax1,
        samples: 4,
        features: vec![2, 1],
        label_rank: 1,
        first_step_draws: FirstStepDraws::Reference,
        public_truncation: PublicTruncation::Round,
        step_size: None,
    }
}

fn predict_plan() -> PredictPlan {
    PredictPlan { samples: 4, features: vec![2, 1], score_rank: 0, sigmoid: Sigmoid::Minimax1, batch_size: 3 }
}

fn field(error: &LrError) -> &'static str {
    match error {
        LrError::ConfigPlan { field, .. } => field,
        other => panic!("{other}"),
    }
}

#[test]
fn plans_out_of_range_are_refused_by_field() {
    type Change = fn(&mut TrainPlan);
    let cases: [(&str, Change); 13] = [
        ("epochs", |plan| plan.epochs = 0),
        ("batch_size", |plan| plan.batch_size = 0),
        ("learning_rate", |plan| plan.learning_rate = 0.0),
        ("learning_rate", |plan| plan.learning_rate = -1.0),
        ("learning_rate", |plan| plan.learning_rate = f64::NAN),
        ("learning_rate", |plan| plan.learning_rate = f64::INFINITY),
        ("l2", |plan| plan.l2 = -0.1),
        ("l2", |plan| plan.l2 = f64::NAN),
        ("samples", |plan| plan.samples = 0),
        ("samples", |plan| plan.samples = usize::MAX / 2),
        ("samples", |plan| plan.features = vec![usize::MAX, 1]),
        ("features", |plan| plan.features = vec![0, 0]),
        ("label_rank", |plan| plan.label_rank = 2),
    ];
    for (name, change) in cases {
        let mut plan = plan();
        change(&mut plan);
        assert_eq!(field(&plan.check().unwrap_err()), name, "{plan:?}");
    }
    let batch = TrainPlan { batch_size: 5, ..plan() };
    let error = batch.check().unwrap_err();
    assert!(matches!(error, LrError::ConfigBatch { batch_size: 5, samples: 4 }));
    assert!(plan().check().is_ok());

    type PredictChange = fn(&mut PredictPlan);
    let cases: [(&str, PredictChange); 4] = [
        ("batch_size", |plan| plan.batch_size = 0),
        ("samples", |plan| plan.samples = 0),
        ("features", |plan| plan.features = vec![]),
        ("score_rank", |plan| plan.score_rank = 7),
    ];
    for (name, change) in cases {
        let mut plan = predict_plan();
        change(&mut plan);
        assert_eq!(field(&plan.check().unwrap_err()), name, "{plan:?}");
    }
    assert!(predict_plan().check().is_ok());
}

#[test]
fn step_sizes_are_rounded_like_public_products() {
    let of = |batch_size, learning_rate, f, public_truncation| {
        let plan = TrainPlan { batch_size, learning_rate, samples: 100, public_truncation, ..plan() };
        plan.step_size(FixedPoint::<u64>::new(f).unwrap()).unwrap()
    };
    use PublicTruncation::{Floor, Round};
    assert_eq!(of(4, 0.1, 18, Round).encoded, 6554);
    assert_eq!(of(4, 0.1, 18, Floor).encoded, 6553);
    assert_eq!(of(5, 0.1, 18, Round).encoded, 5243);
    assert_eq!(of(4, 0.1, 26, Round).encoded, 1_677_722);
    assert!(of(4, 0.1, 18, Round).is_faithful());
    let coarse = of(21, 0.0001, 18, Round);
    assert_eq!(coarse.encoded, 1);
    assert!(!coarse.is_faithful() && (coarse.relative_error() - 0.2).abs() < 0.01, "{coarse:?}");
    let injected = TrainPlan { step_size: Some(6553), ..plan() };
    assert_eq!(injected.step_size(FixedPoint::<u64>::new(18).unwrap()).unwrap().encoded, 6553);

    let huge = TrainPlan { learning_rate: 1e30, ..plan() };
    let error = huge.step_size(FixedPoint::<u64>::new(18).unwrap()).unwrap_err();
    assert!(matches!(error, LrError::ConfigEncoding { field: "learning_rate", .. }));
}

#[test]
fn own_data_that_does_not_fit_is_refused_before_anything_is_sent() {
    let secrets = Secrets::new(&mut Values::new(5), 2);
    let dialect = Dialect::symbolon();
    run_seeded::<u64, _>(SessionConfig::new(18, &dialect), &dialect, &secrets, |session| {
        let rank = session.rank();
        let good = vec![0.5; 4 * plan().features[rank]];
        let label = [1.0, 0.0, 1.0, 0.0];
        let mut attempt = |plan: &TrainPlan, features: &[f32], label: Option<&[f32]>| {
            let model = Share::zeros(plan.feature_count() + 1, 1);
            let inferred = reference_inference(session, plan, &model, features, label).unwrap_err();
            let error = train(session, plan, features, label, &mut |_| panic!("no step")).unwrap_err();
            assert_eq!(session.opened().openings, 0);
            if !matches!(error, LrError::ConfigStepSize { .. } | LrError::ConfigEncoding { .. }) {
                assert_eq!(error.to_string(), inferred.to_string());
            }
            error
        };
        let own_label = (rank == 1).then_some(label.as_slice());
        let error = attempt(&plan(), &good[1..], own_label);
        assert!(matches!(error, LrError::OursFeatureCount { samples: 4, .. }));
        let three = TrainPlan { features: vec![2, 1, 1], ..plan() };
        let error = attempt(&three, &good, own_label);
        assert!(matches!(error, LrError::ConfigParties { planned: 3, parties: 2 }));
        let wrong = if rank == 1 { None } else { Some(label.as_slice()) };
        let error = attempt(&plan(), &good, wrong);
        match rank {
            1 => assert!(matches!(error, LrError::OursLabelMissing { rank: 1 })),
            _ => assert!(matches!(error, LrError::OursLabelUnexpected { rank: 0, label_rank: 1 })),
        }
        let mut bad = good.clone();
        bad[1] = f32::NAN;
        let error = attempt(&plan(), &bad, own_label);
        let place = if rank == 0 { "row 0, column 1" } else { "row 1, column 0" };
        assert!(error.to_string().contains(place), "{error}");
        bad[1] = f32::MAX;
        let error = attempt(&plan(), &bad, own_label);
        assert!(matches!(error, LrError::OursValue { table: "features", .. }));
        if rank == 1 {
            let error = attempt(&plan(), &good, Some(&label[1..]));
            assert!(matches!(error, LrError::OursLabelCount { labels: 3, samples: 4 }));
            let error = attempt(&plan(), &good, Some(&[0.0, f32::INFINITY, 1.0, 0.0]));
            assert!(matches!(error, LrError::OursValue { table: "label", .. }));
            assert!(error.to_string().contains("row 1"), "{error}");
        }
    });
}

#[test]
fn constants_that_vanish_or_overflow_are_refused() {
    let secrets = Secrets::new(&mut Values::new(6), 2);
    let dialect = Dialect::symbolon();
    run_seeded::<u64, _>(SessionConfig::new(18, &dialect), &dialect, &secrets, |session| {
        let features = vec![0.5; 4 * plan().features[session.rank()]];
        let label = (session.rank() == 1).then_some([1.0_f32, 0.0, 1.0, 0.0]);
        let mut attempt = |plan: &TrainPlan| {
            let label = label.as_ref().map(<[f32; 4]>::as_slice);
            let error = train(session, plan, &features, label, &mut |_| panic!("no step")).unwrap_err();
            assert_eq!(session.opened().openings, 0);
            error
        };
        let tiny = TrainPlan { learning_rate: 1e-7, ..plan() };
        assert!(matches!(attempt(&tiny), LrError::ConfigStepSize { fraction_bits: 18, .. }));
        let huge = TrainPlan { l2: 1e30, ..plan() };
        assert!(matches!(attempt(&huge), LrError::ConfigEncoding { field: "l2", .. }));
    });
    run_seeded::<u32, _>(SessionConfig::new(10, &dialect), &dialect, &secrets, |session| {
        let features = vec![0.5; 4 * plan().features[session.rank()]];
        let label = (session.rank() == 1).then_some([1.0_f32, 0.0, 1.0, 0.0]);
        let label = label.as_ref().map(<[f32; 4]>::as_slice);
        // 3000 · 2^10 times 2^10 is above 2^31: the product of the two public numbers wraps.
        let wrapped = TrainPlan { learning_rate: 3000.0, batch_size: 1, ..plan() };
        let error = train(session, &wrapped, &features, label, &mut |_| panic!("no step")).unwrap_err();
        assert!(matches!(&error, LrError::ConfigStepSize { encoded: ..0, .. }), "{error}");
        assert_eq!(session.opened().openings, 0);
    });
    run_seeded::<u32, _>(SessionConfig::new(2, &dialect), &dialect, &secrets, |session| {
        let features = vec![0.5; 4 * plan().features[session.rank()]];
        let label = (session.rank() == 1).then_some([1.0_f32, 0.0, 1.0, 0.0]);
        let label = label.as_ref().map(<[f32; 4]>::as_slice);
        let error = train(session, &plan(), &features, label, &mut |_| panic!("no step")).unwrap_err();
        assert!(
            matches!(&error, LrError::Operator(OperatorError::ConfigFractionBits { fraction_bits: 2, .. })),
            "{error}"
        );
    });
}

#[test]
fn models_that_do_not_fit_are_refused() {
    let secrets = Secrets::new(&mut Values::new(7), 2);
    let dialect = Dialect::symbolon();
    run_seeded::<u64, _>(SessionConfig::new(18, &dialect), &dialect, &secrets, |session| {
        let features = vec![0.5; 4 * plan().features[session.rank()]];
        for model in [Share::zeros(3, 1), Share::zeros(4, 2), Share::zeros(0, 1)] {
            let error = predict(session, &predict_plan(), &model, &features).unwrap_err();
            assert!(matches!(error, LrError::OursModel { features: 3, .. }));
        }
        let error = predict(session, &predict_plan(), &Share::zeros(4, 1), &features[1..]).unwrap_err();
        assert!(matches!(error, LrError::OursFeatureCount { .. }));
        assert_eq!(session.opened().openings, 0);
    });
}

#[test]
fn pooled_tables_that_do_not_fit_are_refused() {
    let fixed = FixedPoint::<u64>::new(18).unwrap();
    let (x, y) = ([0.5_f32; 12], [1.0_f32; 4]);
    assert!(matches!(
        ideal::train_fixed(&plan(), fixed, &x[1..], &y),
        Err(LrError::OursFeatureCount { values: 11, samples: 4, features: 3 })
    ));
    assert!(matches!(ideal::train_float(&plan(), &x, &y[1..]), Err(LrError::OursLabelCount { .. })));
    assert!(matches!(
        ideal::weight_error_units(&plan(), fixed, &x[1..]),
        Err(LrError::OursFeatureCount { .. })
    ));
    assert!(ideal::train_fixed(&plan(), fixed, &x, &y).is_ok());
}
