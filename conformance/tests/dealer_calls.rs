//! Every file of calls in `vectors/dealer` that SPU's parties made over HTTP, recomputed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use symbolon_conformance::dealer::DealerCalls;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/dealer")
}

fn calls(name: &str) -> DealerCalls {
    DealerCalls::read(&folder().join(name)).unwrap()
}

/// The files that must be there, with the number of their calls.
const FILES: [(&str, usize); 4] = [
    ("spu-0.9.5_http.json", 7),
    ("spu-0.9.5_ring-128-calls.json", 34),
    ("spu-0.9.5_ring-32-calls.json", 21),
    ("spu-0.9.5_ring-64-calls.json", 33),
];

#[test]
fn every_reply_is_recomputed() {
    let mut found: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("spu-"))
        .collect();
    found.sort();
    assert_eq!(found, FILES.map(|(name, _)| name));
    for (name, count) in FILES {
        let report = calls(name).replay().unwrap();
        assert!(report.passed(), "{name}: {report}");
        assert_eq!(report.equal.values().sum::<usize>(), count, "{name}: {report}");
    }
}

#[test]
fn every_operation_of_the_service_is_there_in_the_large_rings() {
    const ALL: [&str; 10] =
        ["And", "Dot", "Eqz", "Mul", "MulPriv", "Perm", "RandBit", "Square", "Trunc", "TruncPr"];
    for ring in ["ring-64", "ring-128"] {
        let calls = calls(&format!("spu-0.9.5_{ring}-calls.json"));
        let report = calls.replay().unwrap();
        let methods: Vec<_> = report.equal.keys().map(|name| name.strip_prefix("Adjust").unwrap()).collect();
        assert_eq!(methods, ALL);
        assert_eq!(
            calls.to_json().unwrap(),
            std::fs::read_to_string(folder().join(format!("spu-0.9.5_{ring}-calls.json"))).unwrap()
        );
    }
}

/// A replay that cannot fail proves nothing: a changed bit of any reply, counter or seed must be noticed.
#[test]
fn changes_are_noticed() {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let whole = calls("spu-0.9.5_ring-64-calls.json");
    let mut first_of: BTreeMap<String, usize> = BTreeMap::new();
    for (place, call) in whole.calls.iter().enumerate() {
        first_of.entry(call.method.clone()).or_insert(place);
    }
    assert_eq!(first_of.len(), 10);
    let alone = |place: usize| DealerCalls { calls: vec![whole.calls[place].clone()], ..whole.clone() };
    for (method, &place) in &first_of {
        assert!(alone(place).replay().unwrap().passed(), "{method}");

        let mut reply = alone(place);
        let mut bytes = BASE64_STANDARD.decode(&reply.calls[0].response).unwrap();
        // The highest bit of the first element, after a frame's head.
        bytes[9 + 7] ^= 0x80;
        reply.calls[0].response = BASE64_STANDARD.encode(bytes);
        assert!(!reply.replay().unwrap().passed(), "{method}: reply");

        let mut counter = alone(place);
        let input = &mut counter.calls[0].request["prg_inputs"][0];
        let old = input.get("prg_count").and_then(serde_json::Value::as_u64).unwrap_or(0);
        input["prg_count"] = (old + 1).into();
        assert!(!counter.replay().unwrap().passed(), "{method}: counter");

        let mut seed = alone(place);
        let name = seed.calls[0].request["prg_inputs"][0]["encrypted_seeds"][1].as_str().unwrap().to_owned();
        let hex = seed.seeds.get_mut(&name).unwrap();
        let last = if hex.ends_with('0') { "1" } else { "0" };
        hex.replace_range(31.., last);
        assert!(!seed.replay().unwrap().passed(), "{method}: seed");
    }
    let mut unknown = alone(0);
    unknown.seeds.clear();
    assert!(unknown.replay().is_err());
}
