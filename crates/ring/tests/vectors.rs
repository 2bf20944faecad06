//! Fixed point against `vectors/ring/fixed_point.json`: encoding, refusals, both truncations.

use serde_json::Value;
use symbolon_ring::{FixedPoint, Matrix, PublicTruncation, Ring, RingError, TruncationSide, truncate_share};

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn element<R: Ring>(hex: &str) -> R {
    let bytes = hex::decode(hex).unwrap();
    Matrix::from_le_bytes(1, 1, &bytes).unwrap().get(0, 0)
}

fn check<R: Ring>(group: &Value) -> [usize; 3] {
    let f = group["fraction_bits"].as_u64().unwrap() as u32;
    let fixed = FixedPoint::<R>::new(f).unwrap();
    let mut seen = [0; 3];
    for test in group["tests"].as_array().unwrap() {
        let id = text(test, "id");
        match text(test, "kind") {
            "encode" => {
                seen[0] += 1;
                let value = f32::from_bits(u32::from_str_radix(text(test, "float32"), 16).unwrap());
                if text(test, "result") == "invalid" {
                    let error = fixed.encode(value).unwrap_err();
                    let flag = test["flags"][0].as_str().unwrap();
                    match error {
                        RingError::OursOutOfRange { .. } => assert_eq!(flag, "OutOfRange", "{id}"),
                        RingError::OursNotFinite { .. } => assert_eq!(flag, "NotFinite", "{id}"),
                        other => panic!("{id}: {other}"),
                    }
                    continue;
                }
                let encoded = fixed.encode(value).unwrap();
                assert_eq!(encoded, element(text(test, "element")), "{id}");
                let decoded = u64::from_str_radix(text(test, "decoded"), 16).unwrap();
                assert_eq!(fixed.decode(encoded), f64::from_bits(decoded), "{id}");
            }
            "truncate-public" => {
                seen[1] += 1;
                let product = element(text(test, "product"));
                let rounded = fixed.truncate_public(product, PublicTruncation::Round);
                assert_eq!(rounded, element(text(test, "element")), "{id}");
            }
            "truncate-shares" => {
                seen[2] += 1;
                for (side, name) in
                    [(TruncationSide::BothShift, "both-shift"), (TruncationSide::OneNegates, "one-negates")]
                {
                    for rank in 0..2 {
                        let mut share =
                            Matrix::filled(1, 1, element::<R>(test["shares"][rank].as_str().unwrap()));
                        truncate_share(&mut share, f, rank, side);
                        let expected = element(test["truncated"][name][rank].as_str().unwrap());
                        assert_eq!(share.get(0, 0), expected, "{id}: {name}, rank {rank}");
                    }
                }
            }
            other => panic!("{id}: {other}"),
        }
    }
    seen
}

#[test]
fn encoding_and_truncation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/ring/fixed_point.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let groups = file["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 6);
    for group in groups {
        let seen = match group["field_bits"].as_u64() {
            Some(32) => check::<u32>(group),
            Some(64) => check::<u64>(group),
            Some(128) => check::<u128>(group),
            other => panic!("{other:?}"),
        };
        assert_eq!(seen, [31, 15, 13]);
    }
}
