//! Corrections of every operation against `vectors/triples/model-*.json`, in every ring and both constructions.

use std::collections::BTreeMap;

use serde_json::Value;
use symbolon_prg::CounterStream;
use symbolon_ring::{Field, Matrix, Ring};
use symbolon_triples::{
    Cipher, Construction, CorrectionPieces, Limits, ReplayBuffer, ReplayOp, ReplayRequest, Seed, Shuffle,
};

const FILES: [&str; 3] = ["model-32.json", "model-64.json", "model-128.json"];

fn number(value: &Value, key: &str) -> usize {
    usize::try_from(value[key].as_u64().unwrap_or_else(|| panic!("{key} in {value}"))).unwrap()
}

fn op(test: &Value, field: Field) -> ReplayOp {
    let len = || number(test, "len");
    let bits = || u32::try_from(number(test, "bits")).unwrap();
    match test["op"].as_str().unwrap() {
        "dot" => {
            let transposed = [0, 1].map(|input| test["transposed"][input].as_bool().unwrap_or(false));
            ReplayOp::Dot { m: number(test, "m"), k: number(test, "k"), n: number(test, "n"), transposed }
        }
        "mul" => ReplayOp::Mul { len: len() },
        "mul-priv" => ReplayOp::MulPriv { len: len() },
        "square" => ReplayOp::Square { len: len() },
        "and" => ReplayOp::And { bytes: len() * field.bytes() },
        "trunc" => ReplayOp::Trunc { len: len(), bits: bits() },
        "trunc-pr" => ReplayOp::TruncPr { len: len(), bits: bits() },
        "rand-bit" => ReplayOp::RandBit { len: len() },
        "eqz" => ReplayOp::Eqz { len: len() },
        "perm" => ReplayOp::Perm { len: len() },
        other => panic!("{other}"),
    }
}

fn seed(text: &Value) -> Seed {
    Seed::from_bytes(hex::decode(text.as_str().unwrap()).unwrap().try_into().unwrap())
}

fn elements<R: Ring>(bytes: &[u8]) -> Vec<R> {
    Matrix::from_le_bytes(1, bytes.len() / R::BYTES, bytes).unwrap().into_vec()
}

fn check<R: Ring>(group: &Value, seen: &mut BTreeMap<String, usize>) {
    let construction: Construction = serde_json::from_value(group["construction"].clone()).unwrap();
    let seeds = || -> Vec<Seed> { group["seeds"].as_array().unwrap().iter().map(seed).collect() };
    for test in group["tests"].as_array().unwrap() {
        let id = test["id"].as_str().unwrap();
        let buffers = test["inputs"].as_array().unwrap().iter().map(|input| ReplayBuffer {
            counter: input["counter"].as_u64().unwrap(),
            bytes: input["bytes"].as_u64().unwrap(),
            seeds: seeds(),
        });
        let shuffle = test["perm_rank"].as_u64().map(|rank| Shuffle {
            counter: test["perm_counter"].as_u64().unwrap(),
            seed: seed(&group["seeds"][usize::try_from(rank).unwrap()]),
        });
        let request =
            ReplayRequest { op: op(test, R::FIELD), field: R::FIELD, buffers: buffers.collect(), shuffle };
        let own = Seed::from_u128_le(9);
        let pieces =
            CorrectionPieces::new(request, Cipher::Aes128, construction, &Limits::default(), 16, &own)
                .unwrap();
        let mut found = vec![Vec::new(); pieces.correction_bytes().len()];
        for piece in pieces {
            let piece = piece.unwrap();
            found[piece.correction].extend_from_slice(&piece.bytes);
        }
        let expected: Vec<Vec<u8>> = test["corrections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|correction| hex::decode(correction.as_str().unwrap()).unwrap())
            .collect();
        *seen.entry(test["op"].as_str().unwrap().into()).or_default() += 1;
        if test["op"] != "rand-bit" {
            assert_eq!(found, expected, "{id}");
            continue;
        }
        // The bits are the dealer's own: what the parties drew and either correction make bits.
        let counter = test["inputs"][0]["counter"].as_u64().unwrap();
        let bits = |correction: &[u8]| -> Vec<R> {
            let correction = elements::<R>(correction);
            let mut sum = correction.clone();
            for seed in seeds() {
                let mut stream = CounterStream::new(Cipher::Aes128, construction, &seed).at(counter);
                let share = stream.draw_matrix::<R>(1, sum.len()).unwrap().into_vec();
                sum = sum.iter().zip(&share).map(|(&a, &b)| a.add(b)).collect();
            }
            sum
        };
        let theirs = hex::decode(test["random_bits"].as_str().unwrap()).unwrap();
        assert_eq!(bits(&expected[0]), elements::<R>(&theirs), "{id}");
        assert!(bits(&found[0]).iter().all(|&bit| bit == R::ZERO || bit == R::ONE), "{id}");
    }
}

#[test]
fn every_operation() {
    for name in FILES {
        let path = format!("{}/../../vectors/triples/{name}", env!("CARGO_MANIFEST_DIR"));
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut seen = BTreeMap::new();
        for group in file["groups"].as_array().unwrap() {
            match group["field_bits"].as_u64() {
                Some(32) => check::<u32>(group, &mut seen),
                Some(64) => check::<u64>(group, &mut seen),
                Some(128) => check::<u128>(group, &mut seen),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen.len(), 10, "{name}: {seen:?}");
    }
}
