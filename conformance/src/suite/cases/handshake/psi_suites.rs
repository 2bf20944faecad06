//! ECDH-PSI: suites that mean nothing are refused.

use symbolon_wire::Message as _;
use symbolon_wire::protocol::EcSuit;

use super::{PPCA_9, refusal, refuse_psi_bytes};
use crate::suite::Bench;
use crate::suite::case::{Case, RANK_0};
use crate::suite::messages::code;
use crate::suite::points::{Curve, Hash, Map};
use crate::suite::verdict::Outcome;

/// A request with nothing but such suites is refused.
macro_rules! without_meaning {
    ($id:literal, $requirement:literal, $erratum:literal, $why:literal, $suites:expr) => {
        Case::must($id, PPCA_9, $requirement, |bench| refuse(bench, $suites))
            .roles(RANK_0)
            .erratum($erratum)
            .why($why)
    };
}

/// `CURVE_TYPE_ED25519`, which no suite has.
const ED25519: i32 = 3;

pub(super) const CASES: &[Case] = &[
    without_meaning!(
        "handshake/psi/refuse/ed25519",
        "Suites on Ed25519, with whatever hash and map, are refused as unsupported parameters.",
        29,
        "The number is in the protos; no document has a map onto that curve or an encoding of its points.",
        || every(&[ED25519], &numbers(Hash::ALL, Hash::number), &numbers(Map::ALL, Map::number))
    ),
    without_meaning!(
        "handshake/psi/refuse/map-of-another-curve",
        "Maps onto the other curve are refused: a digest as x or Elligator 2 on SM2, the others on Curve25519.",
        9,
        "A point of another group, or none, would come of it.",
        || {
            let hashes = numbers(Hash::ALL, Hash::number);
            let of_25519 = numbers(&[Map::Direct, Map::Elligator2Ro, Map::Elligator2Nu], Map::number);
            let of_sm2 = numbers(&[Map::Increment, Map::Rehash, Map::SswuRo, Map::SswuNu], Map::number);
            let mut suites = every(&[Curve::Sm2.number()], &hashes, &of_25519);
            suites.extend(every(&[Curve::Curve25519.number()], &hashes, &of_sm2));
            suites
        }
    ),
    without_meaning!(
        "handshake/psi/refuse/hash-too-short",
        "Maps of RFC 9380 with hashes of 224 bits are refused.",
        31,
        "The expander does not admit them at the security level of these curves.",
        || {
            let hashes = numbers(&[Hash::Sha224, Hash::Sha3Of224], Hash::number);
            let mut suites =
                every(&[Curve::Sm2.number()], &hashes, &numbers(&[Map::SswuRo, Map::SswuNu], Map::number));
            suites.extend(every(
                &[Curve::Curve25519.number()],
                &hashes,
                &numbers(&[Map::Elligator2Ro, Map::Elligator2Nu], Map::number),
            ));
            suites
        }
    ),
    without_meaning!(
        "handshake/psi/refuse/unspecified-suite",
        "A suite of unspecified parts is refused.",
        20,
        "A default that both would know does not exist.",
        || every(&[0, 1, 2], &[0, 11], &[0])
    ),
];

fn numbers<T: Copy>(all: &[T], number: fn(T) -> i32) -> Vec<i32> {
    all.iter().copied().map(number).collect()
}

fn every(curves: &[i32], hashes: &[i32], maps: &[i32]) -> Vec<EcSuit> {
    let mut suites = Vec::new();
    for &curve in curves {
        for &hash in hashes {
            suites.extend(maps.iter().map(|&map| EcSuit { curve, hash, hash2curve_strategy: map }));
        }
    }
    suites
}

fn refuse(bench: &mut Bench, suites: fn() -> Vec<EcSuit>) -> Outcome {
    refuse_psi_bytes(bench, refusal(code::UNSUPPORTED_PARAMS, code::HANDSHAKE_REFUSED), |mut parts| {
        parts.family.ec_suits = suites();
        parts.pack().encode_to_vec()
    })
}
