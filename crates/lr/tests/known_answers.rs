//! Trainings of other engines, recomputed to the last bit of every share (vectors/lr/training.json).

use serde::Deserialize;
use symbolon_dialect::{Construction, Dialect, FirstStepDraws, PublicTruncation};
use symbolon_lr::{TrainPlan, ideal, reference_inference, train};
use symbolon_operators::Sigmoid;
use symbolon_prg::Seed;
use symbolon_ring::{FixedPoint, Matrix};
use symbolon_semi2k::{
    SessionConfig,
    testing::{Secrets, run_seeded},
};

#[derive(Deserialize)]
struct File {
    header: Header,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Header {
    format: String,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    field_bits: u32,
    fraction_bits: u32,
    dealer_stream: Construction,
    first_step_draws: FirstStepDraws,
    adjust_rank: usize,
    epochs: u64,
    batch_size: usize,
    learning_rate: f64,
    l2: f64,
    step_size: Option<i64>,
    samples: usize,
    label_rank: usize,
    pairwise_seeds: Vec<String>,
    dealer_seeds: Vec<String>,
    features: Vec<Vec<Vec<f32>>>,
    label: Vec<f32>,
    model_shares: Vec<Vec<String>>,
    inference: Option<Inference>,
}

#[derive(Deserialize)]
struct Inference {
    labels: Vec<i64>,
    scores: Vec<i64>,
}

fn seeds(hex: &[String]) -> Vec<Seed> {
    hex.iter().map(|hex| Seed::from_bytes(hex::decode(hex).unwrap().try_into().unwrap())).collect()
}

impl Case {
    fn plan(&self) -> TrainPlan {
        TrainPlan {
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            l2: self.l2,
            sigmoid: Sigmoid::Minimax1,
            samples: self.samples,
            features: self.features.iter().map(|rows| rows[0].len()).collect(),
            label_rank: self.label_rank,
            first_step_draws: self.first_step_draws,
            public_truncation: PublicTruncation::Round,
            step_size: self.step_size.map(i128::from),
        }
    }

    fn shares(&self, rank: usize) -> Matrix<u64> {
        let bytes = hex::decode(self.model_shares[rank].concat()).unwrap();
        Matrix::from_le_bytes(self.model_shares[rank].len(), 1, &bytes).unwrap()
    }
}

#[test]
fn shares_of_recorded_trainings_are_recomputed() {
    let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/lr/training.json")).unwrap();
    let file: File = serde_json::from_slice(&file).unwrap();
    assert_eq!(file.header.format, "symbolon-vectors/lr-training/1");
    let cases: Vec<Case> = file.groups.into_iter().flat_map(|group| group.tests).collect();
    assert_eq!(cases.len(), 4);
    for case in &cases {
        assert_eq!(case.field_bits, 64, "{}", case.id);
        let dialect = Dialect { dealer_stream: case.dealer_stream, ..Dialect::reference() };
        let config = SessionConfig {
            adjust_rank: case.adjust_rank,
            ..SessionConfig::new(case.fraction_bits, &dialect)
        };
        let secrets = Secrets { pairwise: seeds(&case.pairwise_seeds), dealer: seeds(&case.dealer_seeds) };
        let plan = case.plan();
        let models = run_seeded::<u64, _>(config, &dialect, &secrets, |session| {
            let rank = session.rank();
            let features = case.features[rank].concat();
            let label = (rank == case.label_rank).then_some(case.label.as_slice());
            let mut steps = Vec::new();
            let model =
                train(session, &plan, &features, label, &mut |p| steps.push((p.epoch, p.step))).unwrap();
            let batches = plan.batches() as u64;
            let expected: Vec<_> = (0..plan.steps()).map(|step| (step / batches + 1, step + 1)).collect();
            assert_eq!(steps, expected, "{}", case.id);
            if let Some(inference) = &case.inference {
                let revealed = reference_inference(session, &plan, &model, &features, label).unwrap();
                let real = |v: &[i64]| -> Vec<f64> {
                    v.iter().map(|&v| v as f64 / f64::from(1 << case.fraction_bits)).collect()
                };
                assert_eq!(revealed.labels, real(&inference.labels), "{}", case.id);
                assert_eq!(revealed.scores, real(&inference.scores), "{}", case.id);
            }
            model.into_matrix()
        });
        for (rank, model) in models.iter().enumerate() {
            assert!(*model == case.shares(rank), "{}: the share of rank {rank} differs", case.id);
        }

        // the engines keep the bound, too
        let pooled: Vec<f32> = (0..case.samples)
            .flat_map(|row| case.features.iter().flat_map(move |rows| rows[row].clone()))
            .collect();
        let fixed = FixedPoint::<u64>::new(case.fraction_bits).unwrap();
        let difference = models[0]
            .add(&models[1])
            .and_then(|sum| sum.sub(&ideal::train_fixed(&plan, fixed, &pooled, &case.label).unwrap()))
            .unwrap();
        let norm = difference.as_slice().iter().map(|d| (d.cast_signed() as f64).powi(2)).sum::<f64>().sqrt();
        assert!(norm <= ideal::weight_error_units(&plan, fixed, &pooled).unwrap(), "{}: {norm}", case.id);
    }
}
