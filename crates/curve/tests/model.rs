//! Every suite and format against `vectors/psi/suites.json`.

use std::collections::BTreeSet;

use serde::Deserialize;
use symbolon_curve::{Curve, Hash, HashToCurve, Masker, PointFormat, SecretScalar, Suite};

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    suite: Names,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Names {
    curve: String,
    hash: String,
    map: String,
    format: String,
}

#[derive(Deserialize)]
struct Test {
    id: String,
    item: String,
    keys: [String; 2],
    point: String,
    once: [String; 2],
    twice: String,
    last_twelve: String,
}

impl Names {
    fn suite(&self) -> Suite {
        Suite {
            curve: match self.curve.as_str() {
                "curve25519" => Curve::Curve25519,
                "sm2" => Curve::Sm2,
                other => panic!("{other}"),
            },
            hash: match self.hash.as_str() {
                "sha_256" => Hash::Sha256,
                "sm3" => Hash::Sm3,
                other => panic!("{other}"),
            },
            map: match self.map.as_str() {
                "direct_hash_as_point_x" => HashToCurve::DirectHashAsX,
                "try_and_increment" => HashToCurve::TryAndIncrement,
                "try_and_rehash" => HashToCurve::TryAndRehash,
                other => panic!("{other}"),
            },
            format: match self.format.as_str() {
                "uncompressed" => PointFormat::Uncompressed,
                "x962_compressed" => PointFormat::X962Compressed,
                "x962_uncompressed" => PointFormat::X962Uncompressed,
                "x962_hybrid" => PointFormat::X962Hybrid,
                other => panic!("{other}"),
            },
        }
    }
}

#[test]
fn points_masked_once_and_twice() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/psi/suites.json");
    let file: File = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut seen = BTreeSet::new();
    for group in &file.groups {
        let suite = group.suite.suite();
        seen.insert(suite.to_string());
        for test in &group.tests {
            let maskers = test.keys.each_ref().map(|key| {
                let key = hex::decode(key).unwrap().try_into().unwrap();
                Masker::new(suite, SecretScalar::from_reference_key_le(suite.curve, &key)).unwrap()
            });
            let id = &test.id;
            assert_eq!(hex::encode(maskers[0].hash_to_points(&[&test.item]).unwrap()), test.point, "{id}");
            let once = [0, 1].map(|rank: usize| maskers[rank].mask_items(&[&test.item]).unwrap());
            assert_eq!(once.each_ref().map(hex::encode), test.once, "{id}");
            for rank in [0, 1] {
                let twice = maskers[1 - rank].mask_points(&once[rank]).unwrap();
                assert_eq!(hex::encode(&twice), test.twice, "{id}");
                assert_eq!(hex::encode(&twice[twice.len() - 12..]), test.last_twelve, "{id}");
            }
        }
    }
    assert_eq!(seen.len(), 18, "{seen:?}");
}
