//! Each suite and format.

use symbolon_dialect::SecondCiphertext;

use super::{PPCA_9, agreed, honest, own};
use crate::suite::Bench;
use crate::suite::bench::PsiTask;
use crate::suite::case::Case;
use crate::suite::intersect::{self, FIRST, SECOND, Side};
use crate::suite::points::{Curve, Format, Hash, Map, Suite, X25519, X25519_SM3};
use crate::suite::verdict::{Outcome, check};

const SUITES: &str = "PPCA 9-2023 (ECDH-PSI), suites; protocol_family/ecc.proto";
const REFERENCE: &str = "interconnection-impl 4dc46f7; psi ff4787a";
const DEMANDED: &str = "One of the two suites that everybody must have. Which y is meant is said nowhere.";
const FURTHER: &str = "A further suite or format of the document.";

/// A suite by its parts.
const fn suite(curve: Curve, hash: Hash, map: Map, format: Format) -> Suite {
    Suite { curve, hash, map, format }
}

/// A suite with which an intersection must succeed, in words.
macro_rules! suite {
    ($level:ident, $id:expr, $requirement:expr, $source:expr, $erratum:literal, $why:expr, $suite:expr) => {
        Case::$level($id, $source, $requirement, |bench| with(bench, $suite)).erratum($erratum).why($why)
    };
}

/// A map onto SM2 in all four formats of points.
macro_rules! sm2 {
    ($name:literal, $text:literal, $erratum:literal, $hash:ident, $map:ident) => {
        sm2!($name, $text, $erratum, $hash, $map, should, SUITES, FURTHER)
    };
    // Level, source and reason of the format that is most in use.
    (
        $name:literal,
        $text:literal,
        $erratum:literal,
        $hash:ident,
        $map:ident,
        $level:ident,
        $source:expr,
        $why:expr
    ) => {
        &[
            suite!(
                $level,
                concat!("psi/suite/sm2-", $name, "-compressed"),
                concat!($text, ", X9.62 compressed points."),
                $source,
                $erratum,
                $why,
                suite(Curve::Sm2, Hash::$hash, Map::$map, Format::Compressed)
            ),
            suite!(
                should,
                concat!("psi/suite/sm2-", $name, "-uncompressed"),
                concat!($text, ", x and y of 32 bytes little-endian each."),
                SUITES,
                $erratum,
                "The protocol's own format has no format byte and another byte order than X9.62.",
                suite(Curve::Sm2, Hash::$hash, Map::$map, Format::Uncompressed)
            ),
            suite!(
                should,
                concat!("psi/suite/sm2-", $name, "-x962-uncompressed"),
                concat!($text, ", X9.62 uncompressed points."),
                SUITES,
                $erratum,
                FURTHER,
                suite(Curve::Sm2, Hash::$hash, Map::$map, Format::X962Uncompressed)
            ),
            suite!(
                should,
                concat!("psi/suite/sm2-", $name, "-x962-hybrid"),
                concat!($text, ", X9.62 hybrid points."),
                SUITES,
                $erratum,
                FURTHER,
                suite(Curve::Sm2, Hash::$hash, Map::$map, Format::Hybrid)
            ),
        ]
    };
}

/// A map of RFC 9380 onto Curve25519.
macro_rules! elligator {
    ($name:literal, $text:literal, $hash:ident, $map:ident) => {
        suite!(
            should,
            concat!("psi/suite/curve25519-", $name),
            concat!("Curve25519, ", $text, ", u-coordinates of 32 bytes little-endian."),
            SUITES,
            30,
            "Listed without a domain separation tag; no deployed peer has it.",
            suite(Curve::Curve25519, Hash::$hash, Map::$map, Format::Uncompressed)
        )
    };
}

/// Suites that everybody must have, or that deployed parties have.
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
        "psi/suite/truncated-points",
        PPCA_9,
        "With an agreed bit_length_after_truncated of 128 the low 128 bits of x are sent and compared.",
        truncated,
    )
    .erratum(11)
    .applies(|dialect| dialect.second_ciphertext == SecondCiphertext::Negotiated)
    .why("The document keeps the low bits of x; the psi library the last 12 bytes."),
];

/// Every other suite of the protos that means something, in every format.
pub(in crate::suite::cases) const FURTHER_CASES: &[&[Case]] = &[
    sm2!(
        "sm3-increment",
        "SM2, SM3, try and increment with the even y",
        9,
        Sm3,
        Increment,
        must,
        SUITES,
        DEMANDED
    ),
    sm2!(
        "sm3-rehash",
        "SM2, SM3, try and rehash the whole digest with the even y",
        9,
        Sm3,
        Rehash,
        should,
        SUITES,
        "The psi library takes it for SM2 at its head."
    ),
    sm2!("sm3-sswu-ro", "SM2, SM3, hash_to_curve of RFC 9380 by simplified SWU", 31, Sm3, SswuRo),
    sm2!("sm3-sswu-nu", "SM2, SM3, encode_to_curve of RFC 9380 by simplified SWU", 31, Sm3, SswuNu),
    sm2!("sha-224-increment", "SM2, SHA-224, try and increment with the even y", 9, Sha224, Increment),
    sm2!(
        "sha-224-rehash",
        "SM2, SHA-224, try and rehash the whole digest with the even y",
        9,
        Sha224,
        Rehash
    ),
    sm2!("sha-256-increment", "SM2, SHA-256, try and increment with the even y", 9, Sha256, Increment),
    sm2!(
        "sha-256-rehash",
        "SM2, SHA-256, try and rehash the whole digest with the even y",
        9,
        Sha256,
        Rehash,
        observed,
        REFERENCE,
        "The reference's only suite on SM2."
    ),
    sm2!("sha-256-sswu-ro", "SM2, SHA-256, hash_to_curve of RFC 9380 by simplified SWU", 31, Sha256, SswuRo),
    sm2!(
        "sha-256-sswu-nu",
        "SM2, SHA-256, encode_to_curve of RFC 9380 by simplified SWU",
        31,
        Sha256,
        SswuNu
    ),
    sm2!("sha-384-increment", "SM2, SHA-384, try and increment with the even y", 9, Sha384, Increment),
    sm2!(
        "sha-384-rehash",
        "SM2, SHA-384, try and rehash the whole digest with the even y",
        9,
        Sha384,
        Rehash
    ),
    sm2!("sha-384-sswu-ro", "SM2, SHA-384, hash_to_curve of RFC 9380 by simplified SWU", 31, Sha384, SswuRo),
    sm2!(
        "sha-384-sswu-nu",
        "SM2, SHA-384, encode_to_curve of RFC 9380 by simplified SWU",
        31,
        Sha384,
        SswuNu
    ),
    sm2!("sha-512-increment", "SM2, SHA-512, try and increment with the even y", 9, Sha512, Increment),
    sm2!(
        "sha-512-rehash",
        "SM2, SHA-512, try and rehash the whole digest with the even y",
        9,
        Sha512,
        Rehash
    ),
    sm2!("sha-512-sswu-ro", "SM2, SHA-512, hash_to_curve of RFC 9380 by simplified SWU", 31, Sha512, SswuRo),
    sm2!(
        "sha-512-sswu-nu",
        "SM2, SHA-512, encode_to_curve of RFC 9380 by simplified SWU",
        31,
        Sha512,
        SswuNu
    ),
    sm2!("sha3-224-increment", "SM2, SHA3-224, try and increment with the even y", 9, Sha3Of224, Increment),
    sm2!(
        "sha3-224-rehash",
        "SM2, SHA3-224, try and rehash the whole digest with the even y",
        9,
        Sha3Of224,
        Rehash
    ),
    sm2!("sha3-256-increment", "SM2, SHA3-256, try and increment with the even y", 9, Sha3Of256, Increment),
    sm2!(
        "sha3-256-rehash",
        "SM2, SHA3-256, try and rehash the whole digest with the even y",
        9,
        Sha3Of256,
        Rehash
    ),
    sm2!(
        "sha3-256-sswu-ro",
        "SM2, SHA3-256, hash_to_curve of RFC 9380 by simplified SWU",
        31,
        Sha3Of256,
        SswuRo
    ),
    sm2!(
        "sha3-256-sswu-nu",
        "SM2, SHA3-256, encode_to_curve of RFC 9380 by simplified SWU",
        31,
        Sha3Of256,
        SswuNu
    ),
    sm2!("sha3-384-increment", "SM2, SHA3-384, try and increment with the even y", 9, Sha3Of384, Increment),
    sm2!(
        "sha3-384-rehash",
        "SM2, SHA3-384, try and rehash the whole digest with the even y",
        9,
        Sha3Of384,
        Rehash
    ),
    sm2!(
        "sha3-384-sswu-ro",
        "SM2, SHA3-384, hash_to_curve of RFC 9380 by simplified SWU",
        31,
        Sha3Of384,
        SswuRo
    ),
    sm2!(
        "sha3-384-sswu-nu",
        "SM2, SHA3-384, encode_to_curve of RFC 9380 by simplified SWU",
        31,
        Sha3Of384,
        SswuNu
    ),
    sm2!("sha3-512-increment", "SM2, SHA3-512, try and increment with the even y", 9, Sha3Of512, Increment),
    sm2!(
        "sha3-512-rehash",
        "SM2, SHA3-512, try and rehash the whole digest with the even y",
        9,
        Sha3Of512,
        Rehash
    ),
    sm2!(
        "sha3-512-sswu-ro",
        "SM2, SHA3-512, hash_to_curve of RFC 9380 by simplified SWU",
        31,
        Sha3Of512,
        SswuRo
    ),
    sm2!(
        "sha3-512-sswu-nu",
        "SM2, SHA3-512, encode_to_curve of RFC 9380 by simplified SWU",
        31,
        Sha3Of512,
        SswuNu
    ),
    sm2!("shake-256-increment", "SM2, SHAKE-256, try and increment with the even y", 9, Shake256, Increment),
    sm2!(
        "shake-256-rehash",
        "SM2, SHAKE-256, try and rehash the whole digest with the even y",
        9,
        Shake256,
        Rehash
    ),
    sm2!(
        "shake-256-sswu-ro",
        "SM2, SHAKE-256, hash_to_curve of RFC 9380 by simplified SWU",
        31,
        Shake256,
        SswuRo
    ),
    sm2!(
        "shake-256-sswu-nu",
        "SM2, SHAKE-256, encode_to_curve of RFC 9380 by simplified SWU",
        31,
        Shake256,
        SswuNu
    ),
    &[elligator!("sm3-ell2-ro", "SM3, hash_to_curve of RFC 9380 by Elligator 2", Sm3, Elligator2Ro)],
    &[elligator!("sm3-ell2-nu", "SM3, encode_to_curve of RFC 9380 by Elligator 2", Sm3, Elligator2Nu)],
    &[elligator!(
        "sha-256-ell2-ro",
        "SHA-256, hash_to_curve of RFC 9380 by Elligator 2",
        Sha256,
        Elligator2Ro
    )],
    &[elligator!(
        "sha-256-ell2-nu",
        "SHA-256, encode_to_curve of RFC 9380 by Elligator 2",
        Sha256,
        Elligator2Nu
    )],
    &[elligator!(
        "sha-384-ell2-ro",
        "SHA-384, hash_to_curve of RFC 9380 by Elligator 2",
        Sha384,
        Elligator2Ro
    )],
    &[elligator!(
        "sha-384-ell2-nu",
        "SHA-384, encode_to_curve of RFC 9380 by Elligator 2",
        Sha384,
        Elligator2Nu
    )],
    &[elligator!(
        "sha-512-ell2-ro",
        "SHA-512, hash_to_curve of RFC 9380 by Elligator 2",
        Sha512,
        Elligator2Ro
    )],
    &[elligator!(
        "sha-512-ell2-nu",
        "SHA-512, encode_to_curve of RFC 9380 by Elligator 2",
        Sha512,
        Elligator2Nu
    )],
    &[elligator!(
        "sha3-256-ell2-ro",
        "SHA3-256, hash_to_curve of RFC 9380 by Elligator 2",
        Sha3Of256,
        Elligator2Ro
    )],
    &[elligator!(
        "sha3-256-ell2-nu",
        "SHA3-256, encode_to_curve of RFC 9380 by Elligator 2",
        Sha3Of256,
        Elligator2Nu
    )],
    &[elligator!(
        "sha3-384-ell2-ro",
        "SHA3-384, hash_to_curve of RFC 9380 by Elligator 2",
        Sha3Of384,
        Elligator2Ro
    )],
    &[elligator!(
        "sha3-384-ell2-nu",
        "SHA3-384, encode_to_curve of RFC 9380 by Elligator 2",
        Sha3Of384,
        Elligator2Nu
    )],
    &[elligator!(
        "sha3-512-ell2-ro",
        "SHA3-512, hash_to_curve of RFC 9380 by Elligator 2",
        Sha3Of512,
        Elligator2Ro
    )],
    &[elligator!(
        "sha3-512-ell2-nu",
        "SHA3-512, encode_to_curve of RFC 9380 by Elligator 2",
        Sha3Of512,
        Elligator2Nu
    )],
    &[elligator!(
        "shake-256-ell2-ro",
        "SHAKE-256, hash_to_curve of RFC 9380 by Elligator 2",
        Shake256,
        Elligator2Ro
    )],
    &[elligator!(
        "shake-256-ell2-nu",
        "SHAKE-256, encode_to_curve of RFC 9380 by Elligator 2",
        Shake256,
        Elligator2Nu
    )],
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
