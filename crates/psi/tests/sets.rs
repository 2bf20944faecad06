//! The protocol against plain set intersection.

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use support::{Lists, params, run_both};
use symbolon_curve::Suite;
use symbolon_dialect::{EndOfStream, SecondCiphertext};
use symbolon_psi::{Duplicates, PsiError, PsiOutcome, PsiParams, ResultTo, SecondForm};

/// How often each id occurs.
fn counts(items: &[String]) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item.as_str()).or_insert(0) += 1;
    }
    counts
}

/// Compares one party's outcome with the intersection in the clear.
fn check(own: &[String], peer: &[String], outcome: &PsiOutcome, learns: bool) {
    let (own_counts, peer_counts) = (counts(own), counts(peer));
    if !learns {
        assert_eq!(
            (&outcome.indices, &outcome.file_order, &outcome.own_counts, &outcome.peer_counts),
            (&None, &None, &None, &None)
        );
        assert_eq!(outcome.statistics.peer_form, None);
        return;
    }
    let expected: Vec<usize> =
        (0..own.len()).filter(|&i| peer_counts.contains_key(own[i].as_str())).collect();
    assert_eq!(outcome.file_order.as_ref().unwrap(), &expected);
    let firsts: Vec<usize> = expected.iter().copied().filter(|&i| !own[..i].contains(&own[i])).collect();
    let indices = outcome.indices.as_ref().unwrap();
    let mut sorted = indices.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, firsts);
    let told = |counts: &BTreeMap<&str, u64>| indices.iter().map(|&i| counts[own[i].as_str()]).collect();
    assert_eq!(outcome.own_counts, Some(told(&own_counts)));
    assert_eq!(outcome.peer_counts, Some(told(&peer_counts)));
}

fn check_both(params: [&PsiParams; 2], items: [&[String]; 2]) -> [PsiOutcome; 2] {
    let outcomes = run_both(params, items).map(|outcome| outcome.unwrap());
    for rank in [0, 1] {
        check(items[rank], items[1 - rank], &outcomes[rank], params[rank].result_to.includes(rank));
        let sent = match params[1 - rank].duplicates {
            Duplicates::AsGiven => items[1 - rank].len(),
            _ => counts(items[1 - rank]).len(),
        };
        assert_eq!(outcomes[rank].peer_items, sent as u64);
    }
    if let [Some(a), Some(b)] = [&outcomes[0].indices, &outcomes[1].indices] {
        let ids =
            |rank: usize, rows: &[usize]| rows.iter().map(|&i| items[rank][i].clone()).collect::<Vec<_>>();
        assert_eq!(ids(0, a), ids(1, b), "the common order");
    }
    outcomes
}

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("id-{i}")).collect()
}

fn any_params() -> impl Strategy<Value = PsiParams> {
    let end = prop_oneof![Just(EndOfStream::EmptyBatch), Just(EndOfStream::LastBatch)];
    let second = prop_oneof![Just(SecondCiphertext::Negotiated), Just(SecondCiphertext::LastTwelveBytes)];
    let duplicates = prop_oneof![Just(Duplicates::Count), Just(Duplicates::AsGiven)];
    (end, second, duplicates, 1usize..9).prop_map(|(end, second, duplicates, batch_size)| PsiParams {
        end_of_stream: end,
        second_ciphertext: second,
        duplicates,
        batch_size,
        ..params()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_intersection_in_the_clear(
        a in prop::collection::vec(0u8..40, 0..30),
        b in prop::collection::vec(0u8..40, 0..30),
        suite in prop::sample::select(Suite::IMPLEMENTED),
        mine in any_params(),
        theirs in any_params(),
        result_to in prop_oneof![Just(ResultTo::All), Just(ResultTo::Rank(0)), Just(ResultTo::Rank(1))],
        truncate_bits in prop_oneof![Just(None), (40u32..=256).prop_map(Some), (89u32..=96).prop_map(Some)],
        announce in any::<bool>(),
    ) {
        let [a, b] = [a, b].map(|ids| ids.iter().map(|i| format!("id-{i}")).collect::<Vec<_>>());
        let mut both = [mine, theirs];
        for (rank, peer) in [(0, &b), (1, &a)] {
            both[rank].suite = suite;
            both[rank].result_to = result_to;
            both[rank].truncate_bits = truncate_bits;
            both[rank].peer_items = announce.then_some(peer.len() as u64);
        }
        let outcomes = check_both([&both[0], &both[1]], [&a, &b]);
        // The same on disk with next to no memory, against a party in memory, whichever is which.
        for on_disk in [0, 1] {
            let links = support::links();
            let (sets, both, links) = ([&a, &b], &both, &links);
            let [found, other] = std::thread::scope(|scope| {
                [on_disk, 1 - on_disk].map(|rank| {
                    let secret = support::secret_of(suite);
                    scope.spawn(move || {
                        let (channel, params, items) = (links[rank].root(), &both[rank], sets[rank]);
                        if rank == on_disk {
                            return Some(support::run_on_disk(&channel, params, items, secret).unwrap());
                        }
                        symbolon_psi::run(&channel, params, items, secret, &mut |_| {}).unwrap();
                        None
                    })
                })
                .map(|party| party.join().unwrap())
            });
            prop_assert!(other.is_none());
            check_lists(sets[on_disk], sets[1 - on_disk], &found.unwrap(), &outcomes[on_disk]);
        }
    }
}

/// Compares what is found on disk with another run's outcome in memory: all but the order, which is every run's own.
fn check_lists(own: &[String], peer: &[String], found: &Lists, outcome: &PsiOutcome) {
    assert_eq!(found.peer_items, outcome.peer_items);
    assert_eq!(found.peer_rows, outcome.statistics.peer_rows);
    assert_eq!(found.ids.is_some(), outcome.indices.is_some());
    let (Some(ids), Some(rows)) = (&found.ids, &found.rows) else { return };
    let (own_counts, peer_counts) = (counts(own), counts(peer));
    for id in ids {
        let text = own[id.row as usize].as_str();
        assert_eq!((id.own_count, id.peer_count), (own_counts[text], peer_counts[text]));
    }
    let mut firsts: Vec<_> = ids.iter().map(|id| id.row as usize).collect();
    let mut expected = outcome.indices.clone().unwrap();
    firsts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(firsts, expected);
    let in_file_order: Vec<_> = rows.iter().map(|placed| placed.row as usize).collect();
    assert_eq!(Some(in_file_order), outcome.file_order);
    for placed in rows {
        let id = ids[placed.place as usize];
        assert_eq!(own[placed.row as usize], own[id.row as usize]);
        assert_eq!((placed.own_count, placed.peer_count), (id.own_count, id.peer_count));
    }
}

#[test]
fn every_suite_intersects() {
    for &suite in Suite::IMPLEMENTED {
        for truncate_bits in [None, Some(90)] {
            let params = PsiParams { suite, truncate_bits, batch_size: 7, ..params() };
            let last = PsiParams { second_ciphertext: SecondCiphertext::LastTwelveBytes, ..params.clone() };
            check_both([&params, &last], [&ids(0..20), &ids(13..30)]);
            // Many in common: two forms of 12 bytes must not be confused for some of them.
            if truncate_bits.is_some() {
                check_both([&params, &last], [&ids(0..80), &ids(0..80)]);
            }
        }
    }
}

#[test]
fn sizes_around_the_batch() {
    for end_of_stream in [EndOfStream::EmptyBatch, EndOfStream::LastBatch] {
        for result_to in [ResultTo::All, ResultTo::Rank(0), ResultTo::Rank(1)] {
            let params = PsiParams { batch_size: 4, end_of_stream, result_to, ..params() };
            for size in [0, 1, 3, 4, 5, 7, 8, 9] {
                let outcomes = check_both([&params; 2], [&ids(0..size), &ids(2..7)]);
                assert_eq!(outcomes[0].statistics.sent_batches, size.div_ceil(4) as u64);
                assert_eq!(outcomes[1].statistics.received_batches, size.div_ceil(4) as u64);
            }
        }
    }
}

#[test]
fn disjoint_and_identical_sets() {
    let params = PsiParams { duplicates: Duplicates::Refuse, ..params() };
    let outcomes = check_both([&params; 2], [&ids(0..20), &ids(20..40)]);
    assert_eq!(outcomes[0].indices, Some(vec![]));
    let mut reversed = ids(0..20);
    reversed.reverse();
    let outcomes = check_both([&params; 2], [&ids(0..20), &reversed]);
    assert_eq!(outcomes[1].file_order, Some((0..20).collect()));
    // The common order is neither party's own.
    assert_ne!(outcomes[0].indices, outcomes[0].file_order);
}

#[test]
fn many_batches_of_both_at_once() {
    // More batches than any window of unacknowledged messages.
    let params = PsiParams { batch_size: 8, ..params() };
    check_both([&params; 2], [&ids(0..600), &ids(300..900)]);
}

#[test]
fn two_runs_on_one_channel() {
    let links = support::links();
    let params = params();
    let items = [ids(0..5), ids(3..9)];
    std::thread::scope(|scope| {
        for rank in [0, 1] {
            let (link, params, items) = (&links[rank], &params, &items[rank]);
            scope.spawn(move || {
                for _ in 0..2 {
                    let secret = support::secret();
                    let outcome =
                        symbolon_psi::run(&link.root(), params, items, secret, &mut |_| {}).unwrap();
                    assert_eq!(outcome.indices.map(|i| i.len()), Some(2));
                }
            });
        }
    });
}

#[test]
fn the_form_of_the_peer_is_reported() {
    let whole = params();
    let twelve = PsiParams { second_ciphertext: SecondCiphertext::LastTwelveBytes, ..params() };
    let outcomes = check_both([&whole, &twelve], [&ids(0..5), &ids(3..9)]);
    assert_eq!(outcomes[0].statistics.peer_form, Some(SecondForm::LastTwelveBytes));
    assert_eq!(outcomes[1].statistics.peer_form, Some(SecondForm::Whole));
    // Nothing of ours comes back if we sent nothing.
    let outcomes = check_both([&whole, &twelve], [&[], &ids(3..9)]);
    assert_eq!(outcomes[0].statistics.peer_form, None);
}

#[test]
fn twelve_bytes_agreed_are_read_both_ways() {
    // The document takes the low bits, psi the last bytes: the same length, told apart by what they match.
    let low = PsiParams { truncate_bits: Some(90), ..params() };
    let last = PsiParams { second_ciphertext: SecondCiphertext::LastTwelveBytes, ..low.clone() };
    let outcomes = check_both([&low, &last], [&ids(0..5), &ids(3..9)]);
    assert_eq!(outcomes[0].statistics.peer_form, Some(SecondForm::LastTwelveBytes));
    assert_eq!(outcomes[1].statistics.peer_form, Some(SecondForm::LowBits(90)));
}

#[test]
fn each_party_has_its_statistical_level() {
    // Sets of 8 and 8: 6 bits beside the level.
    let sets: [&[String]; 2] = [&ids(0..8), &ids(5..13)];
    for (level, bits) in [(30, 36), (40, 46), (128, 134)] {
        let params = PsiParams { truncate_bits: Some(bits), statistical_bits: level, ..params() };
        check_both([&params, &params], sets);
        let lower = PsiParams { statistical_bits: 30, ..params.clone() };
        check_both([&params, &lower], sets);
    }
    let whole = PsiParams { statistical_bits: 128, ..params() };
    check_both([&whole, &whole], sets);
}

#[test]
fn progress_reaches_the_end() {
    let links = support::links();
    let params = PsiParams { batch_size: 2, ..params() };
    let items = [ids(0..5), ids(3..10)];
    std::thread::scope(|scope| {
        for rank in [0, 1] {
            let (link, params, items) = (&links[rank], &params, &items);
            scope.spawn(move || {
                let mut seen = Vec::new();
                let secret = support::secret();
                symbolon_psi::run(&link.root(), params, &items[rank], secret, &mut |p| seen.push(p)).unwrap();
                let last = seen.last().unwrap();
                let (own, peer) = (items[rank].len() as u64, items[1 - rank].len() as u64);
                assert_eq!(
                    (last.own_items, last.own_masked, last.peer_masked, last.returned),
                    (own, own, peer, own)
                );
                assert!(seen.is_sorted_by_key(|p| p.own_masked + p.peer_masked + p.returned));
            });
        }
    });
}

#[test]
fn own_duplicates_are_refused_before_anything_is_sent() {
    let params = PsiParams { duplicates: Duplicates::Refuse, ..params() };
    let links = support::links();
    let error =
        symbolon_psi::run(&links[0].root(), &params, &["a", "b", "a"], support::secret(), &mut |_| {})
            .unwrap_err();
    assert!(matches!(error, PsiError::OursDuplicate { first: 0, second: 2 }), "{error}");
}

#[test]
fn duplicates_of_the_peer_are_refused() {
    let refuse = PsiParams { duplicates: Duplicates::Refuse, ..params() };
    for duplicates in [Duplicates::Count, Duplicates::AsGiven] {
        let peer = PsiParams { duplicates, ..params() };
        let [outcome, _] = run_both([&refuse, &peer], [&["a", "b"][..], &["x", "b", "b"][..]]);
        let error = outcome.unwrap_err();
        assert!(matches!(error, PsiError::PeerDuplicate { peer: 1, item: 1 | 2 }), "{error}");
    }
}

#[test]
fn parameters_that_no_run_can_use() {
    let good = params();
    let bad = [
        ("batch_size", PsiParams { batch_size: 0, ..good.clone() }),
        ("batch_size", PsiParams { batch_size: 1 << 25, ..good.clone() }),
        ("result_to", PsiParams { result_to: ResultTo::Rank(2), ..good.clone() }),
        ("truncate_bits", PsiParams { truncate_bits: Some(0), ..good.clone() }),
        ("truncate_bits", PsiParams { truncate_bits: Some(257), ..good.clone() }),
        ("statistical_bits", PsiParams { statistical_bits: 29, ..good.clone() }),
        ("statistical_bits", PsiParams { statistical_bits: 129, ..good.clone() }),
        ("max_peer_items", PsiParams { max_peer_items: u64::MAX, ..good.clone() }),
    ];
    for (field, params) in bad {
        let error =
            symbolon_psi::run(&support::links()[0].root(), &params, &["a"], support::secret(), &mut |_| {})
                .unwrap_err();
        assert!(matches!(error, PsiError::ConfigParameter { field: f, .. } if f == field), "{error}");
    }
    let params = PsiParams { truncate_bits: Some(31), peer_items: Some(4), ..good.clone() };
    let error =
        symbolon_psi::run(&support::links()[0].root(), &params, &["a"], support::secret(), &mut |_| {})
            .unwrap_err();
    assert!(matches!(error, PsiError::ConfigUnsafeTruncation { bits: 31, needed: 32 }), "{error}");
    let params = PsiParams { truncate_bits: Some(40), statistical_bits: 39, ..params };
    let error =
        symbolon_psi::run(&support::links()[0].root(), &params, &["a"], support::secret(), &mut |_| {})
            .unwrap_err();
    assert!(matches!(error, PsiError::ConfigUnsafeTruncation { bits: 40, needed: 41 }), "{error}");
    let params = PsiParams { peer_items: Some(4), max_peer_items: 3, ..good };
    let error =
        symbolon_psi::run(&support::links()[0].root(), &params, &["a"], support::secret(), &mut |_| {})
            .unwrap_err();
    assert!(
        matches!(error, PsiError::PeerTooManyItems { peer: 1, announced: true, items: 4, limit: 3 }),
        "{error}"
    );
}
