//! Handshakes against `vectors/handshake/model_*.json`: both styles, agreement and refusal, byte for byte.

mod parties;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;
use symbolon_dialect::Dialect;
use symbolon_handshake::{
    CurveType, DealerPlan, EcSuite, HandshakeError, HashToCurveStrategy, HashType, LrOffer, LrPlan,
    LrRequest, Optimizer, PointOctetFormat, PsiOffer, PsiPlan, PsiRequest, Refusal, ResultTo, negotiate_lr,
    negotiate_psi,
};
use symbolon_prg::Cipher;
use symbolon_ring::Field;
use symbolon_wire::{Message, handshake::HandshakeResponse};

fn groups(file: &str) -> Vec<(Dialect, Vec<Value>)> {
    let path = format!("{}/../../vectors/handshake/{file}", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let group = |group: &Value| {
        let dialect = match group["style"].as_str().unwrap() {
            "full" => Dialect::symbolon(),
            "reference" => Dialect::reference(),
            other => panic!("{other}"),
        };
        (dialect, group["tests"].as_array().unwrap().clone())
    };
    file["groups"].as_array().unwrap().iter().map(group).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn count(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn bytes(test: &Value, key: &str) -> Bytes {
    STANDARD.decode(text(test, key)).unwrap().into()
}

fn lr_offer(party: &Value) -> LrOffer {
    let fields = party["fields"].as_array().unwrap();
    let ciphers = party["ciphers"].as_array().unwrap();
    LrOffer {
        samples: count(party, "samples"),
        optimizer: Optimizer::Sgd { learning_rate: party["learning_rate"].as_f64().unwrap() },
        epochs: count(party, "epochs"),
        batch_size: count(party, "batch_size"),
        l2: party["l2"].as_f64().unwrap(),
        fields: fields.iter().map(|bits| Field::from_bits(bits.as_u64().unwrap() as u32).unwrap()).collect(),
        ciphers: ciphers
            .iter()
            .map(|cipher| match cipher.as_str().unwrap() {
                "aes-128" => Cipher::Aes128,
                "sm4" => Cipher::Sm4,
                other => panic!("{other}"),
            })
            .collect(),
        fraction_bits: count(party, "fraction_bits") as u32,
        dealer: DealerPlan {
            host: text(party, "dealer_host").into(),
            session_id: text(party, "session_id").into(),
            adjust_rank: count(party, "adjust_rank") as usize,
            version: count(party, "dealer_version") as i32,
        },
        ..parties::lr_offer(count(party, "features") as u32, party["has_label"].as_bool().unwrap())
    }
}

fn psi_offer(party: &Value) -> PsiOffer {
    let name = |prefix: &str, value: &Value| format!("{prefix}_{}", value.as_str().unwrap().to_uppercase());
    let mut suites = Vec::new();
    for suite in party["suites"].as_array().unwrap() {
        for format in party["formats"].as_array().unwrap() {
            suites.push(EcSuite {
                curve: CurveType::from_str_name(&name("CURVE_TYPE", &suite["curve"])).unwrap(),
                hash: HashType::from_str_name(&name("HASH_TYPE", &suite["hash"])).unwrap(),
                map: HashToCurveStrategy::from_str_name(&name("HASH_TO_CURVE_STRATEGY", &suite["map"]))
                    .unwrap(),
                format: PointOctetFormat::from_str_name(&name("POINT_OCTET_FORMAT", format)).unwrap(),
            });
        }
    }
    let result_to = match party["result_to_rank"].as_i64() {
        Some(-1) => ResultTo::All,
        rank => ResultTo::Rank(rank.and_then(|rank| rank.try_into().ok()).unwrap()),
    };
    PsiOffer { suites, result_to, ..parties::psi_offer(count(party, "items")) }
}

/// Our refusal has the file's code; in the reference's style its text, too.
fn assert_refused(test: &Value, dialect: &Dialect, refusal: &Refusal, read: HandshakeError) {
    let id = text(test, "id");
    assert_eq!(text(test, "result"), "invalid", "{id}: {refusal:?}");
    assert_eq!(i64::from(i32::from(refusal.code)), test["code"].as_i64().unwrap(), "{id}");
    if *dialect == Dialect::reference() {
        assert_eq!(refusal.to_response().encode_to_vec(), bytes(test, "response"), "{id}");
    }
    match read {
        HandshakeError::PeerRefused(error) => {
            assert_eq!(
                (error.code, error.message.as_str()),
                (refusal.code.into(), text(test, "text")),
                "{id}"
            );
        }
        other => panic!("{id}: {other}"),
    }
}

/// Every request, good or bad, gets the code of the file.
#[test]
fn requests_and_codes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/handshake/requests.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let dialect = Dialect::symbolon();
    for group in file["groups"].as_array().unwrap() {
        let tests = group["tests"].as_array().unwrap();
        assert!(tests.len() >= 20);
        for test in tests {
            let request = bytes(test, "request");
            let refusal = match text(group, "algorithm") {
                "ss-lr" => LrRequest::decode(request)
                    .and_then(|request| negotiate_lr(&lr_offer(&group["offer"]), &[request], &dialect))
                    .err(),
                _ => PsiRequest::decode(request)
                    .and_then(|request| negotiate_psi(&psi_offer(&group["offer"]), &[request], &dialect))
                    .err(),
            };
            let code = refusal.as_ref().map_or(0, |refusal| i32::from(refusal.code));
            let (id, comment) = (text(test, "id"), text(test, "comment"));
            assert_eq!(i64::from(code), test["code"].as_i64().unwrap(), "{id}, {comment}: {refusal:?}");
        }
    }
}

#[test]
fn logistic_regression() {
    for (dialect, tests) in groups("model_lr.json") {
        assert!(tests.len() >= 13);
        for test in tests {
            let id = text(&test, "id");
            let offers = [lr_offer(&test["offers"][0]), lr_offer(&test["offers"][1])];
            let request = offers[1].to_request(1, &dialect).unwrap();
            assert_eq!(request.encode_to_vec(), bytes(&test, "request"), "{id}");

            let request = LrRequest::decode(bytes(&test, "request")).unwrap();
            let answer = HandshakeResponse::decode(bytes(&test, "response")).unwrap();
            let read = LrPlan::from_response(&answer, &offers[1], 1, 2, &dialect);
            match negotiate_lr(&offers[0], &[request], &dialect) {
                Ok(plan) => {
                    assert_eq!(text(&test, "result"), "valid", "{id}");
                    let response = plan.to_response().unwrap();
                    assert_eq!(response.encode_to_vec(), bytes(&test, "response"), "{id}");
                    assert_eq!(read.unwrap(), plan, "{id}");
                }
                Err(refusal) => assert_refused(&test, &dialect, &refusal, read.unwrap_err()),
            }
        }
    }
}

#[test]
fn set_intersection() {
    for (dialect, tests) in groups("model_psi.json") {
        assert!(tests.len() >= 20);
        for test in tests {
            let id = text(&test, "id");
            let offers = [psi_offer(&test["offers"][0]), psi_offer(&test["offers"][1])];
            let request = offers[1].to_request(1).unwrap();
            assert_eq!(request.encode_to_vec(), bytes(&test, "request"), "{id}");

            let answer = HandshakeResponse::decode(bytes(&test, "response")).unwrap();
            let read = PsiPlan::from_response(&answer, &offers[1], 1, 2, &dialect);
            let request = PsiRequest::decode(bytes(&test, "request")).unwrap();
            match negotiate_psi(&offers[0], &[request], &dialect) {
                Ok(plan) => {
                    assert_eq!(text(&test, "result"), "valid", "{id}");
                    let response = plan.to_response().unwrap();
                    assert_eq!(response.encode_to_vec(), bytes(&test, "response"), "{id}");
                    let read = read.unwrap();
                    assert_eq!((read.suite, read.result_to), (plan.suite, plan.result_to), "{id}");
                }
                Err(refusal) => assert_refused(&test, &dialect, &refusal, read.unwrap_err()),
            }
        }
    }
}
