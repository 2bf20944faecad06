//! Model halves: written, read, and refused when any field contradicts the others.

use std::path::Path;

use symbolon::model::{FORMAT, ModelHalf, Training, VERSION};
use symbolon::standardize::Feature;
use symbolon_ring::Matrix;

fn model() -> ModelHalf {
    let share = Matrix::<u64>::from_fn(4, 1, |row, _| u64::MAX - row as u64);
    ModelHalf {
        format: FORMAT.into(),
        version: VERSION,
        run: "7f".into(),
        rank: 1,
        world_size: 2,
        field: 64,
        fraction_bits: 18,
        label_rank: 0,
        features_per_rank: vec![2, 1],
        features: vec![Feature { name: "age".into(), mean: 41.5, deviation: 9.25 }],
        training: Training {
            samples: 90,
            epochs: 3,
            batch_size: 10,
            learning_rate: 0.1,
            l2: 0.0,
            sigmoid: "minimax1".into(),
            dialect: "symbolon".into(),
        },
        share: ModelHalf::encode_share(&share),
    }
}

#[test]
fn a_model_half_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    model().write(&path).unwrap();
    let read = ModelHalf::read(&path).unwrap();
    assert_eq!(read, model());
    let share = read.decode_share::<u64>(&path).unwrap();
    assert_eq!(share.as_slice(), [u64::MAX, u64::MAX - 1, u64::MAX - 2, u64::MAX - 3]);
    let message = read.decode_share::<u32>(&path).unwrap_err().to_string();
    assert!(message.contains("ring 64") && message.contains("ring 32"), "{message}");
}

#[test]
fn the_share_is_not_printed() {
    assert!(!format!("{:?}", model()).contains(&model().share));
}

#[test]
fn a_contradiction_is_named() {
    type Change<'a> = &'a dyn Fn(&mut ModelHalf);
    let cases: [(&str, Change<'_>); 9] = [
        ("not `symbolon-model-half`", &|model| model.format = "other".into()),
        ("format version 2", &|model| model.version = 2),
        ("`field` is 63", &|model| model.field = 63),
        ("`features-per-rank` must have", &|model| model.features_per_rank.push(1)),
        ("`features` has 1 entries", &|model| model.features_per_rank = vec![2, 2]),
        ("`rank`", &|model| model.rank = 2),
        ("`share` has 32 bytes where 5", &|model| model.features_per_rank = vec![3, 1]),
        ("base64", &|model| model.share.push('%')),
        ("deviation", &|model| model.features[0].deviation = 0.0),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    for (expected, change) in cases {
        let mut changed = model();
        change(&mut changed);
        changed.write(&path).unwrap();
        let message = ModelHalf::read(&path).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains("model.json"), "{expected}: {message}");
    }
    std::fs::write(&path, "{\"format\": \"symbolon-model-half\", \"extra\": 1}").unwrap();
    assert!(ModelHalf::read(&path).unwrap_err().to_string().contains("extra"));
    assert!(ModelHalf::read(Path::new("nowhere.json")).unwrap_err().to_string().contains("nowhere.json"));
}
