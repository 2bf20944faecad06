//! Handshakes of the reference implementation: configured as its two parties were, ours send the same bytes.

mod parties;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;
use symbolon_dialect::{Dialect, RefusalStyle};
use symbolon_handshake::{
    CurveType, DealerPlan, EcSuite, HandshakeError, HashToCurveStrategy, HashType, LrOffer, LrPlan, LrPolicy,
    LrRequest, Optimizer, PointOctetFormat, PsiOffer, PsiPlan, PsiPolicy, PsiRequest, Refusal, ResultTo,
    TrustedDealer, negotiate_lr, negotiate_psi,
};
use symbolon_ring::Field;
use symbolon_wire::{ErrorCode, Message, handshake::HandshakeResponse};

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/../../vectors/handshake/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the vector file exists");
    let vectors: Value = serde_json::from_str(&text).expect("the vector file is JSON");
    let groups = vectors["groups"].as_array().expect("it has groups");
    groups.iter().flat_map(|group| group["tests"].as_array().expect("tests")).cloned().collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is a text in {value}"))
}

fn count(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} is a count in {value}"))
}

fn bytes(case: &Value, key: &str) -> Bytes {
    STANDARD.decode(text(case, key)).expect("base64").into()
}

fn lr_offer(party: &Value) -> LrOffer {
    let number = |key: &str| party[key].as_f64().unwrap_or_else(|| panic!("{key} is a number"));
    LrOffer {
        samples: count(party, "samples"),
        optimizer: Optimizer::Sgd { learning_rate: number("learning_rate") },
        epochs: count(party, "epochs"),
        batch_size: count(party, "batch_size"),
        l2: number("l2"),
        fields: vec![Field::from_bits(count(party, "field") as u32).expect("a ring")],
        fraction_bits: count(party, "fraction_bits") as u32,
        dealer: DealerPlan {
            host: text(party, "dealer_host").into(),
            session_id: String::new(),
            adjust_rank: count(party, "adjust_rank") as usize,
            version: count(party, "dealer_version") as i32,
        },
        ..parties::lr_offer(count(party, "features") as u32, party["has_label"].as_bool().expect("a flag"))
    }
}

fn psi_offer(party: &Value) -> PsiOffer {
    let name = |prefix: &str, key: &str| format!("{prefix}_{}", text(party, key).to_uppercase());
    let suite = EcSuite {
        curve: CurveType::from_str_name(&name("CURVE_TYPE", "curve")).expect("a curve"),
        hash: HashType::from_str_name(&name("HASH_TYPE", "hash")).expect("a hash"),
        map: HashToCurveStrategy::from_str_name(&name("HASH_TO_CURVE_STRATEGY", "map")).expect("a map"),
        format: PointOctetFormat::from_str_name(&name("POINT_OCTET_FORMAT", "format")).expect("a format"),
    };
    let result_to = match party["result_to_rank"].as_i64() {
        Some(-1) => ResultTo::All,
        rank => ResultTo::Rank(rank.and_then(|rank| rank.try_into().ok()).expect("a rank")),
    };
    PsiOffer { suites: vec![suite], result_to, ..parties::psi_offer(count(party, "items")) }
}

/// Compares a refusal with the recording, and its reading at rank 1 as well.
fn assert_refused(case: &Value, refusal: &Refusal, read: HandshakeError) {
    let id = text(case, "id");
    assert_eq!(text(case, "result"), "invalid", "{id}");
    assert_eq!(i64::from(i32::from(refusal.code)), case["code"].as_i64().expect("a code"), "{id}");
    assert_eq!(refusal.reason, text(case, "text"), "{id}");
    assert_eq!(refusal.to_response().encode_to_vec(), bytes(case, "response"), "{id}");
    match read {
        HandshakeError::PeerRefused(error) => {
            assert_eq!(
                (error.code, error.message.as_str()),
                (refusal.code.into(), text(case, "text")),
                "{id}"
            );
        }
        other => panic!("{id}: {other}"),
    }
}

#[test]
fn logistic_regression() {
    let dialect = Dialect::reference();
    for case in cases("lr.json") {
        let id = text(&case, "id");
        let offers: Vec<_> = case["offers"].as_array().expect("offers").iter().map(lr_offer).collect();
        let world_size = offers.len();
        for (rank, offer) in offers.iter().enumerate() {
            offer.validate(rank, world_size, &dialect).expect("a valid offer");
        }
        let request = offers[1].to_request(1, &dialect).expect("a request");
        assert_eq!(request.encode_to_vec(), bytes(&case, "request"), "{id}");

        let request = LrRequest::decode(bytes(&case, "request")).expect("a request");
        let recorded = HandshakeResponse::decode(bytes(&case, "response")).expect("a response");
        let read = LrPlan::from_response(&recorded, &offers[1], 1, world_size, &dialect);
        match negotiate_lr(&offers[0], &[request], &dialect) {
            Ok(plan) => {
                assert_eq!(text(&case, "result"), "valid", "{id}");
                let response = plan.to_response().expect("a response");
                assert_eq!(response.encode_to_vec(), bytes(&case, "response"), "{id}");
                assert_eq!(read.expect("a plan"), plan, "{id}");
                let policy = LrPolicy::within_limits(TrustedDealer::Host(plan.dealer.host.clone()));
                policy.check(&plan).expect("permitted");
            }
            Err(refusal) => assert_refused(&case, &refusal, read.expect_err("refused")),
        }
    }
}

#[test]
fn set_intersection() {
    let dialect = Dialect::reference();
    for case in cases("psi.json") {
        let id = text(&case, "id");
        let offers: Vec<_> = case["offers"].as_array().expect("offers").iter().map(psi_offer).collect();
        let world_size = offers.len();
        let mut request = offers[1].to_request(1).expect("a request");
        if let Some(version) = case["request_version"].as_i64() {
            request.version = version.try_into().expect("a version");
        }
        assert_eq!(request.encode_to_vec(), bytes(&case, "request"), "{id}");

        let recorded = HandshakeResponse::decode(bytes(&case, "response")).expect("a response");
        let read = PsiPlan::from_response(&recorded, &offers[1], 1, world_size, &dialect);
        let request = PsiRequest::decode(bytes(&case, "request"));
        match request.and_then(|request| negotiate_psi(&offers[0], &[request], &dialect)) {
            Ok(plan) => {
                assert_eq!(text(&case, "result"), "valid", "{id}");
                let response = plan.to_response().expect("a response");
                assert_eq!(response.encode_to_vec(), bytes(&case, "response"), "{id}");
                // In the reference's style rank 1 learns rank 0's size from the response, too.
                assert_eq!(read.expect("a plan"), plan, "{id}");
                PsiPolicy::exactly(&offers[1]).check(1, &plan).expect("permitted");
            }
            // A message that is not even of version 2 is refused before it is read; its style is the exchange's.
            Err(refusal) if refusal.code == ErrorCode::UnsupportedVersion => {
                let refusal = refusal.in_style(RefusalStyle::Reference);
                assert_refused(&case, &refusal, read.expect_err("refused"));
            }
            Err(refusal) => assert_refused(&case, &refusal, read.expect_err("refused")),
        }
    }
}
