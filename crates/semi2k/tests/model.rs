//! Operations step by step against `vectors/semi2k/model-operations-*.json`: shares at each rank, and what is
//! revealed.

use std::collections::BTreeMap;

use serde_json::Value;
use symbolon_dialect::{Construction, Dialect, TruncationSide};
use symbolon_ring::{Matrix, Ring};
use symbolon_semi2k::{
    Session, SessionConfig, Share, Truncation,
    testing::{Secrets, run_seeded},
};
use symbolon_triples::Seed;

const FILES: [&str; 3] =
    ["model-operations-32.json", "model-operations-64.json", "model-operations-128.json"];

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn seeds(list: &Value) -> Vec<Seed> {
    let seed =
        |text: &Value| Seed::from_bytes(hex::decode(text.as_str().unwrap()).unwrap().try_into().unwrap());
    list.as_array().unwrap().iter().map(seed).collect()
}

fn matrix<R: Ring>(step: &Value) -> Matrix<R> {
    let size = |key: &str| usize::try_from(step[key].as_u64().unwrap()).unwrap();
    let bytes = hex::decode(text(step, "value")).unwrap();
    Matrix::from_le_bytes(size("rows"), size("columns"), &bytes).unwrap()
}

/// Runs the steps at one rank; each must give what the file says.
fn run<R: Ring>(session: &mut Session<R>, id: &str, steps: &[Value]) {
    let mut values: BTreeMap<&str, Share<R>> = BTreeMap::new();
    for step in steps {
        let (op, out, rank) = (text(step, "op"), text(step, "out"), session.rank());
        let left = || values[text(step, "left")].clone();
        let right = || &values[text(step, "right")];
        let before = session.opened();
        let result = match op {
            "input" => {
                let owner = usize::try_from(step["owner"].as_u64().unwrap()).unwrap();
                let value = matrix::<R>(step);
                let (rows, columns) = (value.rows(), value.cols());
                session.input(owner, rows, columns, (rank == owner).then_some(value)).unwrap()
            }
            "seal" => session.seal(&matrix(step)).unwrap(),
            "add" => session.add(&left(), right()).unwrap(),
            "sub" => session.sub(&left(), right()).unwrap(),
            "add-public" => session.add_public(&left(), &matrix(step)).unwrap(),
            "mul-public" => {
                let factor: Matrix<R> =
                    Matrix::from_le_bytes(1, 1, &hex::decode(text(step, "value")).unwrap()).unwrap();
                session.mul_public_scalar(&left(), factor.get(0, 0))
            }
            "truncate" => {
                let bits = u32::try_from(step["bits"].as_u64().unwrap()).unwrap();
                session.truncate(left(), bits).unwrap()
            }
            "transpose" => left().transpose(),
            "matmul" => session.matmul(&left(), right()).unwrap(),
            "reveal" => {
                let revealed = session.reveal(&left()).unwrap();
                assert_eq!(
                    hex::encode(revealed.to_le_bytes()),
                    text(&step["expect"], "revealed"),
                    "{id} {out}"
                );
                continue;
            }
            other => panic!("{other}"),
        };
        let expected = step["expect"]["shares"][rank].as_str().unwrap();
        assert_eq!(hex::encode(result.as_matrix().to_le_bytes()), expected, "{id} {out}, rank {rank}");
        let openings = step["expect"]["openings"][rank].as_array().unwrap();
        let bytes: usize = openings.iter().map(|opening| opening.as_str().unwrap().len() / 2).sum();
        let after = session.opened();
        assert_eq!(after.openings - before.openings, openings.len() as u64, "{id} {out}");
        assert_eq!(after.bytes - before.bytes, bytes as u64, "{id} {out}");
        values.insert(out, result);
    }
}

fn check<R: Ring>(group: &Value) {
    let construction: Construction = serde_json::from_value(group["construction"].clone()).unwrap();
    let side: TruncationSide = serde_json::from_value(group["truncation_side"].clone()).unwrap();
    let dialect = Dialect { dealer_stream: construction, ..Dialect::reference() };
    let f = u32::try_from(group["fraction_bits"].as_u64().unwrap()).unwrap();
    let config = SessionConfig {
        adjust_rank: usize::try_from(group["adjust_rank"].as_u64().unwrap()).unwrap(),
        truncation: Truncation::Probabilistic(side),
        ..SessionConfig::new(f, &dialect)
    };
    let secrets =
        Secrets { pairwise: seeds(&group["pairwise_seeds"]), dealer: seeds(&group["dealer_seeds"]) };
    for test in group["tests"].as_array().unwrap() {
        let steps = test["steps"].as_array().unwrap();
        assert!(steps.len() >= 16);
        run_seeded::<R, _>(config, &dialect, &secrets, |session| {
            run(session, text(test, "id"), steps);
        });
    }
}

#[test]
fn every_step() {
    for name in FILES {
        let path = format!("{}/../../vectors/semi2k/{name}", env!("CARGO_MANIFEST_DIR"));
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let groups = file["groups"].as_array().unwrap();
        assert_eq!(groups.len(), 2);
        for group in groups {
            match group["field_bits"].as_u64() {
                Some(32) => check::<u32>(group),
                Some(64) => check::<u64>(group),
                Some(128) => check::<u128>(group),
                other => panic!("{other:?}"),
            }
        }
    }
}
