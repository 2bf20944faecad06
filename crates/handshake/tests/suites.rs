//! Every combination of curve, hash, map and point format that the protocol has numbers for, through the handshake
//! as messages on a link: what is listed can be agreed on, all else is refused as unsupported parameters.

mod parties;

use std::thread;

use parties::{edit, psi_offer};
use symbolon_dialect::Dialect;
use symbolon_handshake::{
    Cause, CurveType, EcSuite, HandshakeError, HashToCurveStrategy, HashType, PointOctetFormat, PsiOffer,
    PsiPlan, PsiPolicy, exchange_psi,
};
use symbolon_link::{Channel, memory};
use symbolon_wire::{
    ErrorCode, Message,
    handshake::{HandshakeRequest, HandshakeResponse},
    protocol::{EcSuit, EccProtocolProposal, EccProtocolResult},
};

/// A combination as it travels: curve, hash, map, format.
type Numbers = [i32; 4];

/// The numbers of the protocol, the unset zero and one that nobody knows.
fn numbers(known: fn(i32) -> bool) -> Vec<i32> {
    (0..1000).filter(|number| known(*number)).chain([999]).collect()
}

fn combinations() -> Vec<Numbers> {
    let curves = numbers(|n| CurveType::try_from(n).is_ok());
    let hashes = numbers(|n| HashType::try_from(n).is_ok());
    let maps = numbers(|n| HashToCurveStrategy::try_from(n).is_ok());
    let formats = numbers(|n| PointOctetFormat::try_from(n).is_ok());
    assert_eq!((curves.len(), hashes.len(), maps.len(), formats.len()), (5, 12, 9, 6));
    let mut all = Vec::new();
    for &curve in &curves {
        for &hash in &hashes {
            for &map in &maps {
                all.extend(formats.iter().map(|&format| [curve, hash, map, format]));
            }
        }
    }
    all
}

/// The suites of PPCA 9-2023 and of the protocol's pages, by their numbers: Curve25519 is 1 and SM2 2; SM3 is 1 and
/// SHA-256 11; try-and-increment is 1, try-and-rehash 2, direct hash as x 3, SSWU_RO 10, ELL2_RO 12.
const DOCUMENTED: [[i32; 3]; 8] =
    [[1, 11, 3], [2, 1, 1], [1, 1, 3], [2, 11, 1], [2, 11, 2], [2, 1, 2], [2, 1, 10], [1, 11, 12]];

/// What is agreed to, as a rule: the documented suites, the same maps with the other hashes of the protocol (RFC 9380's
/// with those of at least 256 bits), and the format of the curve. Errata E09, E29, E30, E31.
fn is_listed([curve, hash, map, format]: Numbers) -> bool {
    use HashToCurveStrategy::{
        DirectHashAsPointX, IrtfEll2Nu, IrtfEll2Ro, IrtfSswuNu, IrtfSswuRo, TryAndIncrement, TryAndRehash,
    };
    let (Ok(curve), Ok(hash)) = (CurveType::try_from(curve), HashType::try_from(hash)) else { return false };
    let (Ok(map), Ok(format)) = (HashToCurveStrategy::try_from(map), PointOctetFormat::try_from(format))
    else {
        return false;
    };
    let specified = hash != HashType::Unspecified && format != PointOctetFormat::Unspecified;
    let short = matches!(hash, HashType::Sha224 | HashType::Sha3224);
    specified
        && match (curve, map) {
            (CurveType::Curve25519, DirectHashAsPointX) => {
                format == PointOctetFormat::Uncompressed && matches!(hash, HashType::Sha256 | HashType::Sm3)
            }
            (CurveType::Curve25519, IrtfEll2Ro | IrtfEll2Nu) => {
                format == PointOctetFormat::Uncompressed && !short
            }
            (CurveType::Sm2, TryAndIncrement | TryAndRehash) => true,
            (CurveType::Sm2, IrtfSswuRo | IrtfSswuNu) => !short,
            _ => false,
        }
}

fn suite([curve, hash, map, format]: Numbers) -> Option<EcSuite> {
    Some(EcSuite {
        curve: curve.try_into().ok()?,
        hash: hash.try_into().ok()?,
        map: map.try_into().ok()?,
        format: format.try_into().ok()?,
    })
}

/// A party that can do everything.
fn everything() -> PsiOffer {
    let suites = symbolon_curve::Suite::IMPLEMENTED.iter().copied().filter_map(EcSuite::from_curve).collect();
    PsiOffer { suites, ..psi_offer(24) }
}

/// Our party at `rank` against a peer that is written out.
fn against<T>(
    rank: usize,
    offer: &PsiOffer,
    dialect: &Dialect,
    peer: impl FnOnce(&Channel) -> T + Send,
) -> (Result<PsiPlan, HandshakeError>, T)
where
    T: Send,
{
    let links = memory::network(2, dialect);
    thread::scope(|scope| {
        let other = &links[1 - rank];
        let peer = scope.spawn(move || {
            other.connect().expect("in memory");
            peer(&other.root())
        });
        links[rank].connect().expect("in memory");
        let plan = exchange_psi(&links[rank].root(), offer, &PsiPolicy::exactly(offer), dialect);
        (plan, peer.join().expect("no panic"))
    })
}

/// Rank 1 proposes this combination alone; what our rank 0 makes of it, and what it answers.
fn proposed(
    [curve, hash, map, format]: Numbers,
    dialect: &Dialect,
) -> (Result<PsiPlan, HandshakeError>, HandshakeResponse) {
    let mut request: HandshakeRequest = psi_offer(30).to_request(1).expect("a request");
    edit::<EccProtocolProposal>(&mut request.protocol_family_params[0], |family| {
        family.ec_suits = vec![EcSuit { curve, hash, hash2curve_strategy: map }];
        family.point_octet_formats = vec![format];
    });
    against(0, &everything(), dialect, |channel| {
        channel.send(0, request.encode_to_vec()).expect("in memory");
        HandshakeResponse::decode(channel.recv(0).expect("in memory")).expect("a response")
    })
}

/// Rank 0 chooses this combination, in a response that is good apart from it; what our rank 1, which can do everything,
/// makes of it.
fn chosen(
    [curve, hash, map, format]: Numbers,
    mut response: HandshakeResponse,
) -> Result<PsiPlan, HandshakeError> {
    let dialect = Dialect::symbolon();
    edit::<EccProtocolResult>(&mut response.protocol_family_params[0], |family| {
        family.ec_suit = Some(EcSuit { curve, hash, hash2curve_strategy: map });
        family.point_octet_format = format;
    });
    let (plan, ()) = against(1, &everything(), &dialect, |channel| {
        channel.recv(1).expect("in memory");
        channel.send(1, response.encode_to_vec()).expect("in memory");
    });
    plan
}

#[test]
fn the_rule_has_the_documented_suites_and_is_what_is_implemented() {
    let all = combinations();
    for documented in DOCUMENTED {
        let [curve, hash, map] = documented;
        assert!(
            all.iter().any(|numbers| numbers[..3] == documented && is_listed(*numbers)),
            "{documented:?}"
        );
        // All four formats on SM2, one on Curve25519.
        let formats = (1..=4).filter(|&format| is_listed([curve, hash, map, format])).count();
        assert_eq!(formats, if curve == 2 { 4 } else { 1 });
    }
    for numbers in all {
        let implemented = suite(numbers).is_some_and(EcSuite::is_implemented);
        assert_eq!(implemented, is_listed(numbers), "{numbers:?}");
    }
}

#[test]
fn what_is_listed_is_agreed_on_and_all_else_refused_when_a_peer_proposes_it() {
    for (dialect, code) in [
        (Dialect::symbolon(), ErrorCode::UnsupportedParams),
        // E20: the reference's own code for the same.
        (Dialect::reference(), ErrorCode::HandshakeRefused),
    ] {
        let mut agreed = 0;
        for numbers in combinations() {
            let (plan, response) = proposed(numbers, &dialect);
            let heard = response.header.expect("a header").error_code;
            match plan {
                Ok(plan) => {
                    assert!(is_listed(numbers), "{numbers:?}");
                    assert_eq!((Some(plan.suite), heard), (suite(numbers), 0));
                    agreed += 1;
                }
                Err(HandshakeError::Refused(refusal)) => {
                    assert!(!is_listed(numbers), "{numbers:?}");
                    assert!(matches!(refusal.cause, Cause::Suite | Cause::PointFormat), "{refusal:?}");
                    assert_eq!((refusal.code, heard), (code, code.into()), "{numbers:?}");
                }
                Err(other) => panic!("{numbers:?}: {other}"),
            }
        }
        assert_eq!(agreed, symbolon_curve::Suite::IMPLEMENTED.len());
    }
}

#[test]
fn what_is_listed_is_accepted_and_all_else_refused_when_a_peer_chooses_it() {
    let (_, good) = proposed([1, 11, 3, 1], &Dialect::symbolon());
    for numbers in combinations() {
        match chosen(numbers, good.clone()) {
            Ok(plan) => {
                assert!(is_listed(numbers), "{numbers:?}");
                assert_eq!(Some(plan.suite), suite(numbers));
            }
            // Rank 0 has decided; nothing of rank 1's goes out any more.
            Err(HandshakeError::PeerIncompatible { peer: 0, item: "suite", .. }) => {
                assert!(!is_listed(numbers), "{numbers:?}");
            }
            Err(other) => panic!("{numbers:?}: {other}"),
        }
    }
}

#[test]
fn ed25519_is_refused_whatever_goes_with_it() {
    let ed25519 = i32::from(CurveType::Ed25519);
    let named: Vec<_> = combinations().into_iter().filter(|numbers| numbers[0] == ed25519).collect();
    assert_eq!(named.len(), 12 * 9 * 6);
    assert!(!named.iter().any(|numbers| is_listed(*numbers)));
    // Beside what both have, it is passed over.
    let (plan, response) = {
        let mut request = psi_offer(30).to_request(1).expect("a request");
        edit::<EccProtocolProposal>(&mut request.protocol_family_params[0], |family| {
            family.ec_suits.insert(0, EcSuit { curve: ed25519, hash: 11, hash2curve_strategy: 3 });
        });
        against(0, &everything(), &Dialect::symbolon(), |channel| {
            channel.send(0, request.encode_to_vec()).expect("in memory");
            HandshakeResponse::decode(channel.recv(0).expect("in memory")).expect("a response")
        })
    };
    assert_eq!(plan.expect("a plan").suite, EcSuite::CURVE25519_SHA256_DIRECT);
    assert_eq!(response.header.expect("a header").error_code, 0);
}

#[test]
fn what_is_not_implemented_is_not_offered() {
    for numbers in combinations() {
        let Some(suite) = suite(numbers) else { continue };
        let offer = PsiOffer { suites: vec![EcSuite::CURVE25519_SHA256_DIRECT, suite], ..psi_offer(24) };
        let valid = offer.validate(0, 2);
        assert_eq!(valid.is_ok(), is_listed(numbers), "{suite}");
        assert!(matches!(valid, Ok(()) | Err(HandshakeError::Config { item: "suites", .. })));
    }
}
