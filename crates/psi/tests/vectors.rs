//! Exchanges with a scripted peer against `vectors/psi/exchanges.json`: a bad one fails at the batch that the file
//! names.

mod support;

use bytes::Bytes;
use serde_json::Value;
use support::{run_against, say};
use symbolon_curve::{SecretScalar, Suite};
use symbolon_dialect::Dialect;
use symbolon_psi::PsiParams;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("{key} in {value}"))
}

#[test]
fn exchanges() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/psi/exchanges.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for group in list(&file, "groups") {
        let suite = match text(&group["suite"], "curve") {
            "curve25519" => Suite::CURVE25519_SHA256_DIRECT,
            "sm2" => Suite::SM2_SM3_INCREMENT,
            other => panic!("{other}"),
        };
        let params = PsiParams::new(suite, &Dialect::symbolon());
        let key = hex::decode(text(group, "key")).unwrap().try_into().unwrap();
        let ids: Vec<&str> = list(group, "ids").iter().map(|id| id.as_str().unwrap()).collect();
        assert!(list(group, "tests").len() >= 16);
        for test in list(group, "tests") {
            let id = format!("{} ({})", text(test, "id"), text(test, "comment"));
            let steps = list(test, "steps");
            let secret = SecretScalar::from_reference_key_le(suite.curve, &key);
            let (outcome, ()) = run_against(&params, &ids, secret, |main, sub| {
                for step in steps {
                    let channel = if text(step, "stream") == "first" { main } else { sub };
                    say(channel, Bytes::from(hex::decode(text(step, "value")).unwrap()));
                }
            });
            let Some(refused) = steps.iter().find(|step| text(step, "expect") == "refused") else {
                let rows = outcome.unwrap_or_else(|error| panic!("{id}: {error}")).file_order.unwrap();
                let found: Vec<&str> = rows.into_iter().map(|row| ids[row]).collect();
                assert_eq!(found, list(test, "intersection"), "{id}");
                continue;
            };
            let stream = text(refused, "stream");
            let place = steps.iter().filter(|step| text(step, "stream") == stream).count() - 1;
            let error = format!("{:?}", outcome.unwrap_err()).to_lowercase();
            assert!(
                error.starts_with("peer") && error.contains(&format!("stream: {stream}, batch: {place}")),
                "{id}: {error}"
            );
        }
    }
}
