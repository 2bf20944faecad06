//! Each suite and format.

use symbolon_dialect::SecondCiphertext;

use super::{PPCA_9, agreed, honest, own};
use crate::suite::Bench;
use crate::suite::bench::PsiTask;
use crate::suite::case::Case;
use crate::suite::intersect::{self, FIRST, SECOND, Side};
use crate::suite::points::{Format, Hash, Map, SM2_SHA256_REHASH, SM2_SM3, Suite, X25519, X25519_SM3};
use crate::suite::verdict::{Outcome, check};

const SUITES: &str = "PPCA 9-2023 (ECDH-PSI), suites; protocol_family/ecc.proto";
const FURTHER: &str = "A further suite or format of the document.";

pub(super) const CASES: &[Case] = &[
    Case::must(
        "psi/suite/curve25519-sha-256-direct",
        SUITES,
        "Curve25519, SHA-256, the digest as x, 32 bytes little-endian.",
        |bench| with(bench, X25519),
    )
    .why("One of the two suites that everybody must have; the first that deployments use."),
    Case::should(
        "psi/suite/curve25519-sm3-direct",
        SUITES,
        "Curve25519, SM3, the digest as x, 32 bytes little-endian.",
        |bench| with(bench, X25519_SM3),
    )
    .why(FURTHER),
    Case::must(
        "psi/suite/sm2-sm3-increment-compressed",
        SUITES,
        "SM2, SM3, try and increment with the even y, X9.62 compressed points.",
        |bench| with(bench, SM2_SM3),
    )
    .erratum(9)
    .why("One of the two suites that everybody must have. Which y is meant is said nowhere."),
    Case::should(
        "psi/suite/sm2-sm3-increment-uncompressed",
        SUITES,
        "SM2, SM3, try and increment, x and y of 32 bytes little-endian each.",
        |bench| with(bench, Suite { format: Format::Uncompressed, ..SM2_SM3 }),
    )
    .erratum(9)
    .why("The protocol's own format has no format byte and another byte order than X9.62."),
    Case::should(
        "psi/suite/sm2-sm3-increment-x962-uncompressed",
        SUITES,
        "SM2, SM3, try and increment, X9.62 uncompressed points.",
        |bench| with(bench, Suite { format: Format::X962Uncompressed, ..SM2_SM3 }),
    )
    .erratum(9)
    .why(FURTHER),
    Case::should(
        "psi/suite/sm2-sm3-increment-x962-hybrid",
        SUITES,
        "SM2, SM3, try and increment, X9.62 hybrid points.",
        |bench| with(bench, Suite { format: Format::Hybrid, ..SM2_SM3 }),
    )
    .erratum(9)
    .why(FURTHER),
    Case::should(
        "psi/suite/sm2-sha-256-increment-compressed",
        SUITES,
        "SM2, SHA-256, try and increment, X9.62 compressed points.",
        |bench| with(bench, Suite { hash: Hash::Sha256, ..SM2_SM3 }),
    )
    .erratum(9)
    .why(FURTHER),
    Case::should(
        "psi/suite/sm2-sm3-rehash-compressed",
        SUITES,
        "SM2, SM3, try and rehash the whole digest, X9.62 compressed points.",
        |bench| with(bench, Suite { map: Map::Rehash, ..SM2_SM3 }),
    )
    .erratum(9)
    .why("The psi library takes it for SM2 at its head."),
    Case::observed(
        "psi/suite/sm2-sha-256-rehash-compressed",
        "interconnection-impl 4dc46f7; psi ff4787a",
        "SM2, SHA-256, try and rehash the whole digest, X9.62 compressed points.",
        |bench| with(bench, SM2_SHA256_REHASH),
    )
    .erratum(9)
    .why("The reference's only suite on SM2."),
    Case::must(
        "psi/suite/truncated-points",
        PPCA_9,
        "With an agreed bit_length_after_truncated of 128 the low 128 bits of x are sent and compared.",
        truncated,
    )
    .erratum(11)
    .applies(|dialect| dialect.second_ciphertext == SecondCiphertext::Negotiated)
    .why("The document keeps the low bits of x; the psi library the last 12 bytes."),
];

fn with(bench: &mut Bench, suite: Suite) -> Outcome {
    honest(bench, &PsiTask { suite, ..PsiTask::default() }, own())
}

fn truncated(bench: &mut Bench) -> Outcome {
    let task = PsiTask { truncate_bits: Some(128), ..PsiTask::default() };
    let side = Side::new(own());
    let peer = agreed(bench, &task, &side)?;
    let end = bench.dialect.end_of_stream;
    intersect::send(bench, &peer, FIRST, 1, &intersect::batches("enc", &side.points(task.suite)?, 4096, end));
    let first = intersect::receive(bench, &peer, FIRST, 1)?;
    let again = side.again(task.suite, &intersect::points(&first)?)?;
    // x is little-endian: its low bits come first.
    let low: Vec<Vec<u8>> = again.iter().map(|point| point.get(..16).unwrap_or_default().to_vec()).collect();
    intersect::send(bench, &peer, SECOND, 0, &intersect::batches("dual.enc", &low, 4096, end));
    let back = intersect::points(&intersect::receive(bench, &peer, SECOND, 0)?)?;
    let common: Vec<_> = side.ids.iter().map(|id| task.ids.contains(id)).collect();
    let found: Vec<_> = back.iter().map(|point| low.contains(point)).collect();
    check(found == common, "points of 16 bytes, the low ones of x, equal for common ids", || {
        format!("{} points of {:?} bytes", back.len(), back.first().map(Vec::len))
    })?;
    intersect::finish(bench, &peer, &task, &side)
}
