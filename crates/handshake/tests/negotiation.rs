//! Random offers of n parties: a plan is accepted by all and made of what all offered; a refusal has a
//! reason, and every party hears the same.

mod parties;

use std::collections::HashSet;
use std::hash::Hash;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::subsequence};
use symbolon_dialect::{DealerDialect, Dialect, ResponseStyle};
use symbolon_handshake::{
    Cause, EcSuite, HandshakeError, LrOffer, LrPlan, LrPolicy, LrRequest, Protocol, PsiOffer, PsiPlan,
    PsiPolicy, PsiRequest, Refusal, ResultTo, Truncation, TrustedDealer, negotiate_lr, negotiate_psi,
};
use symbolon_prg::Cipher;
use symbolon_ring::Field;
use symbolon_wire::{Message, handshake::HandshakeResponse};

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(Dialect::presets().to_vec())
}

/// Some of the items, mostly all, in any order.
fn some<T: Clone + std::fmt::Debug + 'static>(all: &[T]) -> impl Strategy<Value = Vec<T>> + use<T> {
    let fewest = all.len().div_ceil(2).max(1);
    subsequence(all.to_vec(), fewest..=all.len()).prop_shuffle()
}

fn lr_party() -> impl Strategy<Value = LrOffer> {
    (
        (1u32..50, prop::bool::weighted(0.25), prop::bool::weighted(0.8), prop::bool::weighted(0.05)),
        some(&[Protocol::Semi2k, Protocol::Aby3]),
        some(&[Field::Ring64, Field::Ring128]),
        some(&[Truncation::Probabilistic, Truncation::Precise]),
        some(&[Cipher::Aes128, Cipher::Sm4]),
        some(&[1, 2, 3]),
    )
        .prop_map(
            |((features, label, l2, other_rows), protocols, fields, truncations, ciphers, versions)| {
                let mut offer = parties::lr_offer(features, label);
                (offer.protocols, offer.fields, offer.truncations) = (protocols, fields, truncations);
                offer.ciphers = ciphers;
                offer.l2 = if l2 { 0.5 } else { 0.0 };
                offer.samples += u64::from(other_rows);
                offer.dealer.version = versions[0];
                offer.other_dealer_versions = versions;
                offer
            },
        )
}

/// Parties of which usually one has the labels.
fn lr_parties() -> impl Strategy<Value = Vec<LrOffer>> {
    (vec(lr_party(), 2..=5), any::<prop::sample::Index>(), prop::bool::weighted(0.8)).prop_map(
        |(mut offers, label, one)| {
            if one {
                let label = label.index(offers.len());
                offers.iter_mut().enumerate().for_each(|(rank, offer)| offer.has_label = rank == label);
            }
            offers
        },
    )
}

/// Parties with one statistical level.
fn psi_parties() -> impl Strategy<Value = Vec<PsiOffer>> {
    let suites = [EcSuite::CURVE25519_SHA256_DIRECT, EcSuite::SM2_SHA256_REHASH, EcSuite::SM2_SM3_INCREMENT];
    let party =
        (0u64..1 << 40, some(&suites), prop::option::weighted(0.8, 1u32..=256), prop::bool::weighted(0.05))
            .prop_map(|(items, suites, truncate_bits, to_all)| {
                let result_to = if to_all { ResultTo::All } else { ResultTo::Rank(1) };
                PsiOffer { suites, truncate_bits, result_to, ..parties::psi_offer(items) }
            });
    (vec(party, 2..=4), PsiOffer::STATISTICAL_BITS).prop_map(|(mut offers, level)| {
        offers.iter_mut().for_each(|offer| offer.statistical_bits = level);
        offers
    })
}

/// What every list has.
fn in_all<T: Copy + Eq + Hash>(lists: impl Iterator<Item = Vec<T>>) -> HashSet<T> {
    lists.map(HashSet::from_iter).reduce(|a: HashSet<T>, b| &a & &b).unwrap_or_default()
}

fn lr_requests(offers: &[LrOffer], dialect: &Dialect) -> Vec<LrRequest> {
    let encode = |(rank, offer): (usize, &LrOffer)| -> Bytes {
        offer.to_request(rank, dialect).expect("a request").encode_to_vec().into()
    };
    let requests = offers.iter().enumerate().skip(1).map(encode);
    requests.map(|bytes| LrRequest::decode(bytes).expect("well-formed")).collect()
}

fn psi_requests(offers: &[PsiOffer]) -> Vec<PsiRequest> {
    let encode = |(rank, offer): (usize, &PsiOffer)| -> Bytes {
        offer.to_request(rank).expect("a request").encode_to_vec().into()
    };
    let requests = offers.iter().enumerate().skip(1).map(encode);
    requests.map(|bytes| PsiRequest::decode(bytes).expect("well-formed")).collect()
}

fn transmit(response: HandshakeResponse) -> HandshakeResponse {
    HandshakeResponse::decode(Bytes::from(response.encode_to_vec())).expect("decodes")
}

fn assert_heard(refusal: &Refusal, heard: HandshakeError) {
    match heard {
        HandshakeError::PeerRefused(error) => {
            assert_eq!((error.code, &error.message), (refusal.code.into(), &refusal.reason));
        }
        other => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn logistic_regression(offers in lr_parties(), dialect in dialect()) {
        let world_size = offers.len();
        for (rank, offer) in offers.iter().enumerate() {
            offer.validate(rank, world_size, &dialect).expect("a valid offer");
        }
        let protocols = in_all(offers.iter().map(|offer| offer.protocols.clone()));
        let fields = in_all(offers.iter().map(|offer| offer.fields.clone()));
        let truncations = in_all(offers.iter().map(|offer| offer.truncations.clone()));
        let ciphers = in_all(offers.iter().map(|offer| offer.ciphers.clone()));
        let mut ciphers = ciphers;
        if dialect.response_style == ResponseStyle::Reference {
            ciphers.remove(&Cipher::Sm4); // its response has no place for it
        }
        let versions = in_all(offers.iter().map(|offer| offer.other_dealer_versions.clone()));
        let labels: Vec<usize> = (0..world_size).filter(|&rank| offers[rank].has_label).collect();
        let rows: HashSet<u64> = offers.iter().map(|offer| offer.samples).collect();

        match negotiate_lr(&offers[0], &lr_requests(&offers, &dialect), &dialect) {
            Ok(plan) => {
                prop_assert!(protocols.contains(&plan.protocol) && fields.contains(&plan.field));
                prop_assert!(truncations.contains(&plan.truncation) && ciphers.contains(&plan.prg));
                prop_assert!(versions.contains(&plan.dealer.version));
                prop_assert_eq!(rows, HashSet::from([plan.samples]));
                prop_assert_eq!(labels, vec![plan.label_rank]);
                let features: Vec<u32> = offers.iter().map(|offer| offer.features).collect();
                prop_assert_eq!(&plan.features, &features);
                prop_assert_eq!(plan.l2 > 0.0, offers.iter().all(|offer| offer.l2 > 0.0));
                prop_assert_eq!(plan.dealer.session_id.is_empty(), dialect.dealer == DealerDialect::Spu);

                let response = transmit(plan.to_response().expect("a response"));
                for (rank, offer) in offers.iter().enumerate() {
                    if rank > 0 {
                        let read = LrPlan::from_response(&response, offer, rank, world_size, &dialect);
                        prop_assert_eq!(&read.expect("accepted"), &plan);
                    }
                    LrPolicy::exactly(offer).check(&plan).expect("all have the same numbers");
                    let other = TrustedDealer::Host("other.example:1".into());
                    prop_assert!(LrPolicy::within_limits(other).check(&plan).is_err());
                }
            }
            Err(refusal) => {
                let reason = match refusal.cause {
                    Cause::Protocol => protocols.is_empty(),
                    Cause::Field => fields.is_empty(),
                    Cause::Truncation => truncations.is_empty(),
                    Cause::Cipher => ciphers.is_empty(),
                    Cause::Dealer => versions.is_empty(),
                    Cause::Samples => rows.len() > 1,
                    Cause::ManyLabels => labels.len() > 1,
                    Cause::NoLabel => labels.is_empty(),
                    _ => false,
                };
                prop_assert!(reason, "{refusal:?}");
                let response = transmit(refusal.to_response());
                for (rank, offer) in offers.iter().enumerate().skip(1) {
                    let heard = LrPlan::from_response(&response, offer, rank, world_size, &dialect);
                    assert_heard(&refusal, heard.expect_err("refused"));
                }
            }
        }
    }

    #[test]
    fn two_parties_agree_whichever_of_them_is_rank_0(offers in lr_parties(), dialect in dialect()) {
        let (one, other) = (&offers[..2], [offers[1].clone(), offers[0].clone()]);
        let forwards = negotiate_lr(&one[0], &lr_requests(one, &dialect), &dialect);
        let backwards = negotiate_lr(&other[0], &lr_requests(&other, &dialect), &dialect);
        match (forwards, backwards) {
            (Ok(forwards), Ok(backwards)) => {
                prop_assert_eq!(forwards.l2, backwards.l2);
                prop_assert_eq!(forwards.label_rank, 1 - backwards.label_rank);
            }
            (Err(forwards), Err(backwards)) => prop_assert_eq!(forwards.cause, backwards.cause),
            (forwards, backwards) => prop_assert!(false, "{forwards:?}\n{backwards:?}"),
        }
    }

    #[test]
    fn set_intersection(offers in psi_parties(), dialect in dialect()) {
        let world_size = offers.len();
        for (rank, offer) in offers.iter().enumerate() {
            offer.validate(rank, world_size).expect("a valid offer");
        }
        let suites = in_all(offers.iter().map(|offer| offer.suites.clone()));
        let receivers: HashSet<ResultTo> = offers.iter().map(|offer| offer.result_to).collect();
        match negotiate_psi(&offers[0], &psi_requests(&offers), &dialect) {
            Ok(plan) => {
                prop_assert!(suites.contains(&plan.suite));
                prop_assert_eq!(receivers, HashSet::from([plan.result_to]));
                let items: Vec<_> = offers.iter().map(|offer| Some(offer.items)).collect();
                prop_assert_eq!(&plan.items, &items);
                prop_assert_eq!(plan.truncate_bits.is_some(), offers.iter().all(|offer| offer.truncate_bits.is_some()));
                if let Some(bits) = plan.truncate_bits {
                    prop_assert!(bits % 8 == 0 && (8..=256).contains(&bits));
                    // Pairs of ids times the probability of a false match, 2^-bits, is at most 2^-level.
                    let mut sizes: Vec<u128> = offers.iter().map(|offer| offer.items.max(1).into()).collect();
                    sizes.sort_unstable();
                    let pairs = sizes[sizes.len() - 1] * sizes[sizes.len() - 2];
                    prop_assert!(bits >= offers[0].statistical_bits);
                    let spare = (bits - offers[0].statistical_bits).min(127);
                    prop_assert!(pairs <= 1 << spare);
                }
                let response = transmit(plan.to_response().expect("a response"));
                for (rank, offer) in offers.iter().enumerate().skip(1) {
                    let read = PsiPlan::from_response(&response, offer, rank, world_size, &dialect).expect("accepted");
                    prop_assert_eq!(read.items[rank], Some(offer.items));
                    prop_assert_eq!(PsiPlan { items: plan.items.clone(), ..read }, plan.clone());
                    let policy = PsiPolicy { peer_items: 0..=u64::MAX, ..PsiPolicy::exactly(offer) };
                    policy.check(rank, &plan).expect("permitted");
                }
            }
            Err(refusal) => {
                let reason = match refusal.cause {
                    Cause::Suite | Cause::PointFormat => suites.is_empty(),
                    Cause::ResultRank => receivers.len() > 1,
                    _ => false,
                };
                prop_assert!(reason, "{refusal:?}");
                let response = transmit(refusal.to_response());
                for (rank, offer) in offers.iter().enumerate().skip(1) {
                    let heard = PsiPlan::from_response(&response, offer, rank, world_size, &dialect);
                    assert_heard(&refusal, heard.expect_err("refused"));
                }
            }
        }
    }

    #[test]
    fn arbitrary_bytes_lead_to_an_error(bytes in vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        prop_assert!(LrRequest::decode(bytes.clone()).is_err());
        prop_assert!(PsiRequest::decode(bytes).is_err());
    }

    /// A request with one byte changed is read or refused; a response likewise. Neither panics.
    #[test]
    fn damaged_messages_do_not_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), dialect in dialect()) {
        let offers = [parties::lr_offer(2, true), parties::lr_offer(3, false)];
        let mut request = offers[1].to_request(1, &dialect).expect("a request").encode_to_vec();
        let plan = negotiate_lr(&offers[0], &lr_requests(&offers, &dialect), &dialect).expect("a plan");
        let mut response = plan.to_response().expect("a response").encode_to_vec();
        let at_request = at.index(request.len());
        request[at_request] = byte;
        if let Ok(request) = LrRequest::decode(request.into()) {
            let _ = negotiate_lr(&offers[0], &[request], &dialect);
        }
        let at_response = at.index(response.len());
        response[at_response] = byte;
        if let Ok(response) = HandshakeResponse::decode(Bytes::from(response)) {
            let read = LrPlan::from_response(&response, &offers[1], 1, 2, &dialect);
            if let Ok(read) = read {
                prop_assert_eq!((read.samples, read.label_rank, read.features[1]), (12, 0, 3));
            }
        }
    }
}
