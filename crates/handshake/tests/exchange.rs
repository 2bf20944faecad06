//! The handshake over a link in memory: who hears what.

mod parties;

use std::thread;

use bytes::Bytes;
use parties::{lr_offer, psi_offer};
use symbolon_dialect::Dialect;
use symbolon_handshake::{
    Cause, HandshakeError, LrOffer, LrPlan, LrPolicy, LrRunOffer, PartitionOffer, PsiOffer, PsiPlan,
    PsiPolicy, PsiRunOffer, PsiRunPlan, ResultTo, TrustedDealer, exchange_lr, exchange_lr_run, exchange_psi,
    exchange_psi_run,
};
use symbolon_link::{Channel, memory};
use symbolon_wire::{
    ErrorCode, Message,
    common::ResponseHeader,
    handshake::{HandshakeRequest, HandshakeResponse},
};

/// Runs `party` at every rank, each on a thread of its own.
fn run<T: Send>(world_size: usize, dialect: &Dialect, party: impl Fn(usize, &Channel) -> T + Sync) -> Vec<T> {
    let links = memory::network(world_size, dialect);
    thread::scope(|scope| {
        let party = &party;
        let threads: Vec<_> = links
            .iter()
            .enumerate()
            .map(|(rank, link)| {
                scope.spawn(move || {
                    link.connect().expect("in memory");
                    party(rank, &link.root())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

fn lr_offers(world_size: usize) -> Vec<LrOffer> {
    (1..).take(world_size).map(|features| lr_offer(features, features == 2)).collect()
}

fn lr(dialect: &Dialect, offers: &[LrOffer]) -> Vec<Result<LrPlan, HandshakeError>> {
    run(offers.len(), dialect, |rank, channel| {
        let policy = LrPolicy::exactly(&offers[rank]);
        exchange_lr(channel, &offers[rank], &policy, dialect)
    })
}

fn psi(dialect: &Dialect, offers: &[PsiOffer]) -> Vec<Result<PsiPlan, HandshakeError>> {
    run(offers.len(), dialect, |rank, channel| {
        exchange_psi(channel, &offers[rank], &PsiPolicy::exactly(&offers[rank]), dialect)
    })
}

#[track_caller]
fn assert_all_heard<T: std::fmt::Debug>(
    outcomes: Vec<Result<T, HandshakeError>>,
    cause: Cause,
    code: ErrorCode,
) {
    let mut texts = Vec::new();
    for (rank, outcome) in outcomes.into_iter().enumerate() {
        match outcome.expect_err("refused") {
            HandshakeError::Refused(refusal) if rank == 0 => {
                assert_eq!((refusal.cause, refusal.code), (cause, code));
                texts.push(refusal.reason);
            }
            HandshakeError::PeerRefused(error) if rank > 0 => {
                assert_eq!(error.code, i32::from(code));
                texts.push(error.message);
            }
            other => panic!("rank {rank}: {other}"),
        }
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "everybody hears the same");
}

#[test]
fn all_ranks_agree() {
    for dialect in Dialect::presets() {
        for world_size in 2..=4 {
            let plans: Vec<_> =
                lr(&dialect, &lr_offers(world_size)).into_iter().map(|plan| plan.expect("a plan")).collect();
            assert_eq!((plans[0].world_size, plans[0].label_rank), (world_size, 1));
            assert!(plans.iter().all(|plan| *plan == plans[0]));
        }
        let plans = psi(&dialect, &[psi_offer(24), psi_offer(30)]);
        let suites: Vec<_> = plans.into_iter().map(|plan| plan.expect("a plan").suite).collect();
        assert_eq!(suites[0], suites[1]);
    }
}

#[test]
fn a_refusal_reaches_every_rank() {
    let mut offers = lr_offers(3);
    offers[2].samples = 13;
    let outcomes = lr(&Dialect::symbolon(), &offers);
    assert_all_heard(outcomes, Cause::Samples, ErrorCode::HandshakeRefused);
    let outcomes = lr(&Dialect::reference(), &offers);
    assert!(outcomes[1].as_ref().is_err_and(|error| error.to_string().contains("sample size inconsistent")));
    assert_all_heard(outcomes, Cause::Samples, ErrorCode::HandshakeRefused);

    let to_one = PsiOffer { result_to: ResultTo::Rank(0), ..psi_offer(30) };
    let outcomes = psi(&Dialect::symbolon(), &[psi_offer(24), to_one]);
    assert_all_heard(outcomes, Cause::ResultRank, ErrorCode::HandshakeRefused);
}

#[test]
fn another_algorithm_is_refused_on_both_sides() {
    let dialect = Dialect::symbolon();
    let outcomes = run(2, &dialect, |rank, channel| {
        let (lr, psi) = (lr_offer(2, true), psi_offer(30));
        if rank == 0 {
            exchange_lr(channel, &lr, &LrPolicy::exactly(&lr), &dialect).map(drop)
        } else {
            exchange_psi(channel, &psi, &PsiPolicy::exactly(&psi), &dialect).map(drop)
        }
    });
    assert_all_heard(outcomes, Cause::Algorithm, ErrorCode::UnsupportedAlgo);
}

#[test]
fn a_request_that_is_none_is_answered_too() {
    let dialect = Dialect::symbolon();
    let offers = lr_offers(3);
    let outcomes = run(3, &dialect, |rank, channel| {
        if rank == 2 {
            channel.send(0, Bytes::from_static(b"\xff\xff")).expect("sent");
            let response = HandshakeResponse::decode(channel.recv(0).expect("an answer")).expect("decodes");
            ResponseHeader::check(response.header.as_ref()).map_err(HandshakeError::PeerRefused)
        } else {
            exchange_lr(channel, &offers[rank], &LrPolicy::exactly(&offers[rank]), &dialect).map(drop)
        }
    });
    assert_all_heard(outcomes, Cause::Malformed, ErrorCode::InvalidRequest);
}

#[test]
fn the_policy_of_rank_0_speaks_before_its_response() {
    let dialect = Dialect::symbolon();
    let offers = lr_offers(2);
    let outcomes = run(2, &dialect, |rank, channel| {
        let host = if rank == 0 { "trusted.example:1" } else { "dealer.example:9449" };
        let policy = LrPolicy::within_limits(TrustedDealer::Host(host.into()));
        exchange_lr(channel, &offers[rank], &policy, &dialect)
    });
    assert!(matches!(outcomes[0], Err(HandshakeError::PolicyRefused { item: "dealer host", .. })));
    match &outcomes[1] {
        Err(HandshakeError::PeerRefused(error)) => {
            assert_eq!(error.known(), Some(ErrorCode::HandshakeRefused));
            assert!(!error.message.contains("trusted"), "the policy itself is not told");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_policy_of_another_rank_stops_that_rank() {
    let dialect = Dialect::symbolon();
    let mut offers = lr_offers(2);
    offers[1].dealer.host = "trusted.example:1".into();
    let outcomes = lr(&dialect, &offers);
    assert!(outcomes[0].is_ok());
    assert!(matches!(outcomes[1], Err(HandshakeError::PolicyRefused { item: "dealer host", .. })));
}

#[test]
fn a_response_that_is_none() {
    let dialect = Dialect::symbolon();
    let offer = lr_offer(3, false);
    for answer in [Bytes::from_static(b"\x0a"), Bytes::from(vec![0; (1 << 20) + 1]), Bytes::new()] {
        let outcomes = run(2, &dialect, |rank, channel| {
            if rank == 0 {
                channel.recv(1).expect("a request");
                channel.send(1, answer.clone()).expect("sent");
                return None;
            }
            Some(exchange_lr(channel, &offer, &LrPolicy::exactly(&offer), &dialect))
        });
        match outcomes.into_iter().flatten().next() {
            Some(Err(HandshakeError::PeerMisbehaved { peer: 0, item: "response", .. })) => {}
            Some(Err(HandshakeError::PeerIncompatible { peer: 0, item: "algorithm", .. }))
                if answer.is_empty() => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn nothing_is_sent_for_an_offer_that_cannot_be_used() {
    let dialect = Dialect::symbolon();
    let offer = LrOffer { samples: 0, ..lr_offer(3, false) };
    let outcomes = run(2, &dialect, |rank, channel| {
        if rank == 0 {
            return Ok(());
        }
        exchange_lr(channel, &offer, &LrPolicy::exactly(&offer), &dialect).map(drop)
    });
    assert!(matches!(outcomes[1], Err(HandshakeError::Config { item: "samples", .. })));
}

fn psi_runs(runs: &[PsiRunOffer; 2]) -> Vec<Result<PsiRunPlan, HandshakeError>> {
    let dialect = Dialect::symbolon();
    run(2, &dialect, |rank, channel| {
        let offer = psi_offer(24);
        exchange_psi_run(channel, &offer, &runs[rank], &PsiPolicy::exactly(&offer), &dialect)
            .map(|plans| plans.1)
    })
}

fn resumable() -> PsiRunOffer {
    PsiRunOffer { resumable: true, ..PsiRunOffer::default() }
}

fn partition(index: u32) -> PsiRunOffer {
    let partition = PartitionOffer { count: 4, index, key_check: [7; 16] };
    PsiRunOffer { partition: Some(partition), ..resumable() }
}

#[test]
fn two_parties_agree_on_a_run() {
    for run in [resumable(), partition(2)] {
        let plans = psi_runs(&[run.clone(), run]);
        let ids: Vec<_> = plans.into_iter().map(|plan| plan.expect("a plan").run_id).collect();
        assert!(ids[0].is_some() && ids[0] == ids[1]);
    }
    let plans = psi_runs(&[resumable(), PsiRunOffer::default()]);
    assert!(plans.into_iter().all(|plan| plan.expect("a plan").run_id.is_none()));
}

#[test]
fn different_partitions_are_refused() {
    for runs in [[partition(1), partition(2)], [partition(1), resumable()], [resumable(), partition(1)]] {
        assert_all_heard(psi_runs(&runs), Cause::Partition, ErrorCode::HandshakeRefused);
    }
}

/// Both styles of messages; a party that does not offer it, or a peer that cannot say it, leaves masks unkept.
#[test]
fn masks_are_kept_where_all_parties_offer_it() {
    let run_of = |keep_masks| LrRunOffer { keep_masks, triples: None };
    for dialect in parties::dialects() {
        for (world_size, without, kept) in
            [(2, None, true), (3, None, true), (2, Some(1), false), (3, Some(0), false)]
        {
            let offers = lr_offers(world_size);
            let plans = run(world_size, &dialect, |rank, channel| {
                let policy = LrPolicy::exactly(&offers[rank]);
                exchange_lr_run(channel, &offers[rank], run_of(Some(rank) != without), &policy, &dialect)
            });
            let plans: Vec<_> = plans.into_iter().map(|plan| plan.expect("a plan")).collect();
            assert!(plans.iter().all(|(_, run)| run.keep_masks == kept), "{world_size} without {without:?}");
        }
    }
    let dialect = Dialect::symbolon();
    let offers = lr_offers(2);
    let plain = offers[1].to_request(1, &dialect).expect("a request");
    let outcomes = run(2, &dialect, |rank, channel| {
        if rank == 1 {
            let policy = LrPolicy::exactly(&offers[1]);
            let plans = exchange_lr_run(channel, &offers[1], run_of(true), &policy, &dialect);
            return !plans.expect("a plan").1.keep_masks;
        }
        // A peer that does not know the field reads the protocol's request, and answers with the protocol's response.
        let request = channel.recv(1).expect("a request");
        assert_ne!(request[..], plain.encode_to_vec()[..]);
        let request = HandshakeRequest::decode(request).expect("a request");
        assert_eq!(request, plain);
        let request = request.try_into().expect("checked");
        let plan = symbolon_handshake::negotiate_lr(&offers[0], &[request], &dialect).expect("a plan");
        channel.send(1, plan.to_response().expect("a response").encode_to_vec()).is_ok()
    });
    assert_eq!(outcomes, [true, true]);
}

#[test]
fn triples_made_ahead_that_not_all_hold_are_refused() {
    let dialect = Dialect::symbolon();
    let offers = lr_offers(2);
    for ids in [[Some(1), None], [None, Some(1)], [Some(1), Some(2)]] {
        let outcomes = run(2, &dialect, |rank, channel| {
            let wanted = LrRunOffer { keep_masks: true, triples: ids[rank].map(|id| [id; 16]) };
            exchange_lr_run(channel, &offers[rank], wanted, &LrPolicy::exactly(&offers[rank]), &dialect)
        });
        assert_all_heard(outcomes, Cause::Run, ErrorCode::HandshakeRefused);
    }
}

/// What a party sends that wants nothing of its own, and what a peer makes of it that does not know the field.
#[test]
fn the_extension_is_invisible_unless_it_is_asked_for() {
    let dialect = Dialect::symbolon();
    let offer = psi_offer(24);
    let plain = offer.to_request(1).expect("a request");
    for (wanted, is_plain) in [(PsiRunOffer::default(), true), (resumable(), false), (partition(1), false)] {
        let word = PsiRunOffer { partition_agreed_otherwise: true, ..wanted };
        let outcomes = run(2, &dialect, |rank, channel| {
            if rank == 1 {
                let plans = exchange_psi_run(channel, &offer, &word, &PsiPolicy::exactly(&offer), &dialect);
                return plans.expect("a plan").1.run_id.is_none();
            }
            let request = channel.recv(1).expect("a request");
            assert_eq!(request[..] == plain.encode_to_vec()[..], is_plain);
            assert_eq!(HandshakeRequest::decode(request).expect("a request"), plain);
            let request = offer.to_request(1).expect("a request").try_into().expect("checked");
            let plan = symbolon_handshake::negotiate_psi(&offer, &[request], &dialect).expect("a plan");
            channel.send(1, plan.to_response().expect("a response").encode_to_vec()).is_ok()
        });
        assert_eq!(outcomes, [true, true]);
        // And as rank 0: no answer to a question that was not asked.
        let outcomes = run(2, &dialect, |rank, channel| {
            if rank == 0 {
                let plans = exchange_psi_run(channel, &offer, &word, &PsiPolicy::exactly(&offer), &dialect);
                return plans.expect("a plan").1.run_id.is_none();
            }
            channel.send(0, plain.encode_to_vec()).expect("sent");
            let response = channel.recv(0).expect("a response");
            HandshakeResponse::decode(response.clone()).expect("a response").encode_to_vec() == response
        });
        assert_eq!(outcomes, [true, true]);
    }
}
