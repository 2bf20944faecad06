//! SM2 against OpenSSL, the examples of GB/T 32918.5 and a recorded run of the reference implementation.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;
use symbolon_curve::{Curve, CurveError, Hash, HashToCurve, Masker, PointFormat, SecretScalar, Suite};

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Test {
    Multiply { id: String, scalar: String, point: String, product: Product },
    Hash { id: String, hash: String, map: String, item: String, point: String },
    BadPoint { id: String, format: String, encoded: String, error: String, comment: String },
    Run { id: String, parties: [Party; 2] },
}

#[derive(Deserialize)]
struct Product {
    compressed: String,
    uncompressed: String,
    hybrid: String,
}

#[derive(Deserialize)]
struct Party {
    ids: Vec<String>,
    private_key_le: String,
    masked: Vec<String>,
    peer_points_masked_again: Vec<String>,
}

fn load() -> Vec<Test> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/psi/sm2.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file: File = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file.groups.into_iter().flat_map(|group| group.tests).collect()
}

fn key_le(scalar_be: &str) -> [u8; 32] {
    let mut key: [u8; 32] = hex::decode(scalar_be).unwrap().try_into().unwrap();
    key.reverse();
    key
}

fn masker(suite: Suite, key_le: &[u8; 32]) -> Masker {
    Masker::new(suite, SecretScalar::from_reference_key_le(Curve::Sm2, key_le)).unwrap()
}

const FORMATS: [PointFormat; 4] = [
    PointFormat::X962Compressed,
    PointFormat::X962Uncompressed,
    PointFormat::X962Hybrid,
    PointFormat::Uncompressed,
];

fn with(format: PointFormat) -> Suite {
    Suite { format, ..Suite::SM2_SM3_INCREMENT }
}

/// From X9.62 uncompressed to `format`, by this test's own reading of the formats.
fn convert(x962: &[u8], format: PointFormat) -> Vec<u8> {
    let (x, y) = x962[1..].split_at(32);
    let odd = y[31] & 1;
    let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<_>>();
    match format {
        PointFormat::X962Compressed => [&[2 + odd], x].concat(),
        PointFormat::X962Uncompressed => x962.to_vec(),
        PointFormat::X962Hybrid => [&[6 + odd], x, y].concat(),
        PointFormat::Uncompressed => [reversed(x), reversed(y)].concat(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn products_of_openssl_and_of_the_standard() {
    let mut seen = 0;
    for test in load() {
        let Test::Multiply { id, scalar, point, product } = test else { continue };
        seen += 1;
        let (point, expected) = (hex::decode(point).unwrap(), hex::decode(product.uncompressed).unwrap());
        for format in FORMATS {
            let ours = masker(with(format), &key_le(&scalar)).mask_points(&convert(&point, format)).unwrap();
            assert_eq!(hex::encode(&ours), hex::encode(convert(&expected, format)), "{id} {format:?}");
            match format {
                PointFormat::X962Compressed => assert_eq!(hex::encode(ours), product.compressed, "{id}"),
                PointFormat::X962Hybrid => assert_eq!(hex::encode(ours), product.hybrid, "{id}"),
                _ => {}
            }
        }
    }
    assert_eq!(seen, 29);
}

fn hash_and_map(hash: &str, map: &str) -> (Hash, HashToCurve) {
    let hash = match hash {
        "sha256" => Hash::Sha256,
        "sm3" => Hash::Sm3,
        "sha224" => Hash::Sha224,
        "sha384" => Hash::Sha384,
        "sha512" => Hash::Sha512,
        "sha3-224" => Hash::Sha3_224,
        "sha3-256" => Hash::Sha3_256,
        "sha3-384" => Hash::Sha3_384,
        "sha3-512" => Hash::Sha3_512,
        "shake-256" => Hash::Shake256,
        other => panic!("{other}"),
    };
    let map = match map {
        "increment" => HashToCurve::TryAndIncrement,
        "rehash" => HashToCurve::TryAndRehash,
        other => panic!("{other}"),
    };
    (hash, map)
}

#[test]
fn items_to_points() {
    let mut seen = BTreeSet::new();
    for test in load() {
        let Test::Hash { id, hash, map, item, point } = test else { continue };
        seen.insert((hash.clone(), map.clone()));
        let (hash, map) = hash_and_map(&hash, &map);
        let suite = Suite { hash, map, ..Suite::SM2_SM3_INCREMENT };
        let item = hex::decode(item).unwrap();
        let mut one = [0; 32];
        one[0] = 1;
        let masker = masker(suite, &one);
        assert_eq!(hex::encode(masker.hash_to_points(&[&item]).unwrap()), point, "{id}");
        assert_eq!(hex::encode(masker.mask_items(&[&item]).unwrap()), point, "{id} times one");
    }
    let implemented: BTreeSet<_> = Suite::IMPLEMENTED
        .iter()
        .filter(|suite| suite.curve == Curve::Sm2)
        // The maps of RFC 9380 have a file of their own.
        .filter(|suite| matches!(suite.map, HashToCurve::TryAndIncrement | HashToCurve::TryAndRehash))
        .map(|suite| {
            let name = suite.to_string();
            let name = name.strip_prefix("sm2-").unwrap();
            let place = name.find("-increment").or(name.find("-rehash")).unwrap();
            (name[..place].to_owned(), name[place + 1..].split('-').next().unwrap().to_owned())
        })
        .collect();
    assert_eq!(seen, implemented, "every implemented hash and map has known answers");
}

#[test]
fn points_that_are_none_are_refused_with_their_index() {
    let mut seen = 0;
    for test in load() {
        let Test::BadPoint { id, format, encoded, error, comment } = test else { continue };
        seen += 1;
        let format = match format.as_str() {
            "compressed" => PointFormat::X962Compressed,
            "x962_uncompressed" => PointFormat::X962Uncompressed,
            "x962_hybrid" => PointFormat::X962Hybrid,
            "uncompressed" => PointFormat::Uncompressed,
            other => panic!("{other}"),
        };
        let suite = with(format);
        let masker = Masker::new(suite, SecretScalar::random(Curve::Sm2).unwrap()).unwrap();
        let bad = hex::decode(encoded).unwrap();
        assert_eq!(bad.len(), suite.point_bytes(), "{id}");
        // Behind good points, and beyond one parallel task.
        for index in [0, 70] {
            let mut points = masker.mask_items(&vec!["good"; 72]).unwrap();
            let size = suite.point_bytes();
            for place in [index, 71] {
                points[size * place..size * (place + 1)].copy_from_slice(&bad);
            }
            let expected = match error.as_str() {
                "off_curve" => CurveError::PeerOffCurve { index },
                "format_byte" => CurveError::PeerFormatByte { index, found: bad[0], format },
                other => panic!("{other}"),
            };
            assert_eq!(masker.mask_points(&points), Err(expected), "{id}: {comment}");
        }
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn lengths_that_are_no_points_are_refused() {
    for format in FORMATS {
        let suite = with(format);
        let point_bytes = suite.point_bytes();
        let masker = Masker::new(suite, SecretScalar::random(Curve::Sm2).unwrap()).unwrap();
        for length in [1, point_bytes - 1, point_bytes + 1] {
            let error = masker.mask_points(&vec![2; length]).unwrap_err();
            assert_eq!(error, CurveError::PeerLength { length, point_bytes });
        }
        assert_eq!(masker.mask_points(&[]), Ok(vec![]));
    }
}

#[test]
fn a_recorded_run_of_the_reference() {
    let runs: Vec<_> = load()
        .into_iter()
        .filter_map(|test| match test {
            Test::Run { id, parties } => Some((id, parties)),
            _ => None,
        })
        .collect();
    assert_eq!(runs.len(), 1);
    for (id, parties) in runs {
        for (rank, party) in parties.iter().enumerate() {
            let key = hex::decode(&party.private_key_le).unwrap().try_into().unwrap();
            let masker = masker(Suite::SM2_SHA256_REHASH, &key);
            let masked = masker.mask_items(&party.ids).unwrap();
            assert_eq!(hex::encode(masked), party.masked.concat(), "{id} rank {rank}");
            let received = hex::decode(parties[1 - rank].masked.concat()).unwrap();
            let again = masker.mask_points(&received).unwrap();
            let last_twelve: Vec<u8> =
                again.chunks_exact(33).flat_map(|point| &point[21..]).copied().collect();
            assert_eq!(hex::encode(last_twelve), party.peer_points_masked_again.concat(), "{id} rank {rank}");
        }
    }
}

#[test]
fn a_key_that_is_a_multiple_of_the_order_masks_nothing() {
    // The order itself, little-endian; such a key cannot be drawn.
    let order = key_le("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123");
    for key in [order, [0; 32]] {
        let masker = masker(Suite::SM2_SM3_INCREMENT, &key);
        assert_eq!(masker.mask_items(&["a", "b"]), Err(CurveError::OursLowOrder { index: 0 }));
    }
}
