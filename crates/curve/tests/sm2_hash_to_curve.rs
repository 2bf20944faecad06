//! Simplified SWU on SM2 against a model in plain integers (`vectors/psi/sm2_hash_to_curve.py`).

use std::collections::BTreeSet;

use serde::Deserialize;
use symbolon_curve::{
    Backend, Curve, CurveError, Hash, HashToCurve, Masker, PointFormat, SecretScalar, Suite,
};

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    hash: String,
    variant: String,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    id: String,
    item: String,
    point: String,
}

#[test]
fn items_to_points() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/psi/sm2_hash_to_curve.json");
    let groups = serde_json::from_str::<File>(&std::fs::read_to_string(path).unwrap()).unwrap().groups;
    let mut seen = BTreeSet::new();
    for group in groups {
        let name = format!("sm2-{}-sswu-{}-x962-compressed", group.hash, group.variant);
        let suite: Suite = name.parse().unwrap();
        seen.insert(name);
        for backend in Backend::available() {
            let secret = SecretScalar::random(Curve::Sm2).unwrap();
            let masker = Masker::with_backend(suite, secret, backend).unwrap();
            for test in &group.tests {
                let point = masker.hash_to_points(&[&test.item]).unwrap();
                assert_eq!(hex::encode(point), test.point, "{} {backend:?}", test.id);
            }
        }
    }
    let implemented: BTreeSet<String> = Suite::IMPLEMENTED
        .iter()
        .filter(|suite| matches!(suite.map, HashToCurve::SswuRo | HashToCurve::SswuNu))
        .filter(|suite| suite.format == PointFormat::X962Compressed)
        .map(ToString::to_string)
        .collect();
    assert_eq!(seen, implemented, "every implemented hash has known answers");
}

#[test]
fn hashes_below_twice_the_security_level_are_refused() {
    for hash in [Hash::Sha224, Hash::Sha3_224] {
        for map in [HashToCurve::SswuRo, HashToCurve::SswuNu] {
            let suite = Suite { hash, map, ..Suite::SM2_SM3_INCREMENT };
            let made = Masker::new(suite, SecretScalar::random(Curve::Sm2).unwrap());
            assert_eq!(made.err(), Some(CurveError::ConfigUnsupportedSuite(suite)));
        }
    }
}
