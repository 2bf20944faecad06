//! Known answers from outside: RFC 7748 and recorded runs of the reference implementation.

use std::path::PathBuf;

use serde::Deserialize;
use symbolon_curve::{Backend, Curve, CurveError, Masker, SecretScalar, Suite};

fn load<T: for<'de> Deserialize<'de>>(name: &str) -> Vec<T> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/psi").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file: File<T> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file.groups.into_iter().flat_map(|group| group.tests).collect()
}

fn bytes32(hex: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    hex::decode_to_slice(hex, &mut bytes).expect("32 bytes of hex");
    bytes
}

fn masker(secret: SecretScalar) -> Masker {
    Masker::new(Suite::CURVE25519_SHA256_DIRECT, secret).expect("implemented")
}

fn x25519(scalar: &[u8; 32], u: &[u8; 32]) -> [u8; 32] {
    let product = masker(SecretScalar::from_x25519_bytes(scalar)).mask_points(u).expect("a good point");
    product.try_into().expect("one point")
}

#[derive(Deserialize)]
struct File<T> {
    groups: Vec<Group<T>>,
}

#[derive(Deserialize)]
struct Group<T> {
    tests: Vec<T>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum X25519Test {
    Multiply { id: String, scalar: String, u: String, product: String },
    Iterate { id: String, iterations: u32, scalar: String, u: String, product: String },
    LowOrder { id: String, u: String },
}

#[test]
fn rfc_7748() {
    let tests: Vec<X25519Test> = load("x25519.json");
    let mut seen = [0; 3];
    for test in tests {
        match test {
            X25519Test::Multiply { id, scalar, u, product } => {
                assert_eq!(x25519(&bytes32(&scalar), &bytes32(&u)), bytes32(&product), "{id}");
                seen[0] += 1;
            }
            X25519Test::Iterate { id, iterations, scalar, u, product } => {
                let (mut k, mut u) = (bytes32(&scalar), bytes32(&u));
                for _ in 0..iterations {
                    let next = x25519(&k, &u);
                    u = k;
                    k = next;
                }
                assert_eq!(k, bytes32(&product), "{id}");
                seen[1] += 1;
            }
            X25519Test::LowOrder { id, u } => {
                // Behind good points, so that the index means something, and beyond one parallel task.
                for index in [0, 1, 300] {
                    let mut points = masker(SecretScalar::random(Curve::Curve25519).unwrap())
                        .mask_items(&vec!["good"; index + 2])
                        .unwrap();
                    points[32 * index..32 * index + 32].copy_from_slice(&bytes32(&u));
                    let refused =
                        masker(SecretScalar::random(Curve::Curve25519).unwrap()).mask_points(&points);
                    assert_eq!(refused.unwrap_err(), CurveError::PeerLowOrder { index }, "{id}");
                }
                seen[2] += 1;
            }
        }
    }
    assert_eq!(seen, [2, 2, 14]);
}

#[derive(Deserialize)]
struct WycheproofTest {
    id: String,
    scalar: String,
    u: String,
    /// None if it is all zeros.
    product: Option<String>,
}

#[test]
fn wycheproof() {
    let tests: Vec<WycheproofTest> = load("wycheproof_x25519.json");
    assert_eq!(tests.len(), 518);
    assert_eq!(tests.iter().filter(|test| test.product.is_none()).count(), 31);
    for backend in Backend::available() {
        for test in &tests {
            let secret = SecretScalar::from_x25519_bytes(&bytes32(&test.scalar));
            let masker = Masker::with_backend(Suite::CURVE25519_SHA256_DIRECT, secret, backend).unwrap();
            let expected = match &test.product {
                Some(product) => Ok(bytes32(product).to_vec()),
                None => Err(CurveError::PeerLowOrder { index: 0 }),
            };
            assert_eq!(masker.mask_points(&bytes32(&test.u)), expected, "{} {}", test.id, backend.name());
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum RecordedTest {
    Run { id: String, parties: [Party; 2] },
    Key { id: String, private_key_le: String, x25519_scalar: String },
}

#[derive(Deserialize)]
struct Party {
    ids: Vec<String>,
    private_key_le: String,
    x25519_scalar: String,
    masked: Vec<String>,
    peer_points_masked_again: Vec<String>,
}

/// The reference's derivation of the scalar, seen through what the scalar does.
fn check_key(id: &str, private_key_le: &str, x25519_scalar: &str) {
    let derived = SecretScalar::from_reference_key_le(Curve::Curve25519, &bytes32(private_key_le));
    let stated = SecretScalar::from_x25519_bytes(&bytes32(x25519_scalar));
    let items = ["a", "b"];
    assert_eq!(masker(derived).mask_items(&items), masker(stated).mask_items(&items), "{id}");
}

#[test]
fn recorded_runs() {
    let tests: Vec<RecordedTest> = load("curve25519_sha256_direct.json");
    let mut runs = 0;
    for test in tests {
        match test {
            RecordedTest::Key { id, private_key_le, x25519_scalar } => {
                check_key(&id, &private_key_le, &x25519_scalar);
            }
            RecordedTest::Run { id, parties } => {
                runs += 1;
                for (rank, party) in parties.iter().enumerate() {
                    check_key(&id, &party.private_key_le, &party.x25519_scalar);
                    let key = bytes32(&party.private_key_le);
                    let masker = masker(SecretScalar::from_reference_key_le(Curve::Curve25519, &key));
                    let masked = masker.mask_items(&party.ids).unwrap();
                    assert_eq!(hex::encode(masked), party.masked.concat(), "{id} rank {rank}");
                    let received = hex::decode(parties[1 - rank].masked.concat()).unwrap();
                    let again = masker.mask_points(&received).unwrap();
                    let last_twelve: Vec<u8> =
                        again.chunks_exact(32).flat_map(|point| &point[20..]).copied().collect();
                    assert_eq!(
                        hex::encode(last_twelve),
                        party.peer_points_masked_again.concat(),
                        "{id} rank {rank}"
                    );
                }
            }
        }
    }
    assert_eq!(runs, 2);
}
