//! A peer that departs from the protocol, step by step. Every case ends at once with the cause.

mod support;

use bytes::Bytes;
use support::{batch, bytes, masker, params, run_against, say, secret, secret_of};
use symbolon_curve::{CurveError, Masker, Suite};
use symbolon_dialect::SecondCiphertext;
use symbolon_psi::{Location, PsiError, PsiParams, ResultTo, Stream};
use symbolon_wire::runtime::EcdhPsiCipherBatch;

/// The first stream of a well-behaved peer: two points, then the end.
fn good() -> Vec<EcdhPsiCipherBatch> {
    vec![
        batch("enc", 0, false, 32, masker().mask_items(&["x", "y"]).unwrap()),
        batch("enc", 1, true, 32, vec![]),
    ]
}

/// What rank 0 says to these first-stream messages of its peer, which sends nothing else.
fn first_stream(params: &PsiParams, messages: &[Bytes]) -> PsiError {
    let (outcome, ()) = run_against(params, &["a", "b", "c"], secret(), |main, _| {
        for message in messages {
            say(main, message.clone());
        }
    });
    outcome.unwrap_err()
}

fn spoilt(spoil: impl FnOnce(&mut Vec<EcdhPsiCipherBatch>)) -> PsiError {
    let mut batches = good();
    spoil(&mut batches);
    first_stream(&params(), &batches.iter().map(bytes).collect::<Vec<_>>())
}

fn at(stream: Stream, batch: u64) -> Location {
    Location { peer: 1, stream, batch }
}

#[test]
fn garbage_and_truncated_messages() {
    let whole = bytes(&good()[0]);
    for message in [Bytes::from_static(b"\xff\xff\xff"), whole.slice(..whole.len() - 1), whole.slice(..6)] {
        let error = first_stream(&params(), &[message]);
        assert!(matches!(error, PsiError::PeerMalformed { at: Location { batch: 0, .. }, .. }), "{error}");
    }
    // An empty message is a batch without a type.
    let error = first_stream(&params(), &[Bytes::new()]);
    assert!(matches!(&error, PsiError::PeerType { found, .. } if found.is_empty()), "{error}");
}

#[test]
fn wrong_type() {
    for found in ["dual.enc", "ENC", "", &"x".repeat(1000)] {
        let error = spoilt(|b| b[0].r#type = found.to_owned());
        assert!(matches!(error, PsiError::PeerType { at: a, .. } if a == at(Stream::First, 0)), "{error}");
        assert!(error.to_string().len() < 200, "{error}");
    }
}

#[test]
fn wrong_index() {
    for (position, found) in [(0, 1), (0, -1), (1, 0), (1, 2), (1, i32::MIN)] {
        let error = spoilt(|b| b[position].batch_index = found);
        assert!(
            matches!(error, PsiError::PeerIndex { at: a, found: f } if f == found && a.batch == position as u64),
            "{error}"
        );
    }
}

#[test]
fn counts_that_lie() {
    for count in [0, 1, 3, -1, i32::MAX, i32::MIN] {
        let error = spoilt(|b| b[0].count = count);
        assert!(matches!(error, PsiError::PeerCount { count: c, bytes: 64, .. } if c == count), "{error}");
    }
    let error = spoilt(|b| b[1].count = 1);
    assert!(matches!(error, PsiError::PeerCount { at: a, bytes: 0, .. } if a.batch == 1), "{error}");
}

#[test]
fn wrong_length_of_points() {
    for length in [31, 33, 63, 65, 1] {
        let error = spoilt(|b| b[0].ciphertext = vec![9; length].into());
        assert!(matches!(error, PsiError::PeerCount { count: 2, .. }), "{error}");
    }
    // Consistent, but not points of the suite.
    let error = spoilt(|b| b[0].ciphertext = vec![9; 66].into());
    assert!(matches!(error, PsiError::PeerCount { count: 2, bytes: 66, .. }), "{error}");
}

#[test]
fn low_order_points_are_named_by_batch_and_index() {
    let error = spoilt(|b| {
        let more = masker().mask_items(&["p", "q", "r"]).unwrap();
        let spoilt = [&more[..64], &[0u8; 32][..]].concat();
        b[1] = batch("enc", 1, false, 32, spoilt);
        b.push(batch("enc", 2, true, 32, vec![]));
    });
    assert!(
        matches!(error, PsiError::PeerLowOrder { at: a, index: 2 } if a == at(Stream::First, 1)),
        "{error}"
    );
    assert!(error.to_string().contains("all-zero product"), "{error}");
}

#[test]
fn points_off_the_curve_are_named_by_batch_and_index() {
    let suite = Suite::SM2_SM3_INCREMENT;
    let good = Masker::new(suite, secret_of(suite)).unwrap().mask_items(&["x", "y"]).unwrap();
    let off = CurveError::PeerOffCurve { index: 1 };
    let byte = CurveError::PeerFormatByte { index: 1, found: 4, format: suite.format };
    let p = "02fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff";
    for (bad, expected) in [(hex::decode(p).unwrap(), off), ([&[4], &good[34..]].concat(), byte)] {
        let params = PsiParams { suite, ..params() };
        let second = batch("enc", 1, false, 33, [&good[..33], &bad].concat());
        let messages = [batch("enc", 0, false, 33, good.clone()), second, batch("enc", 2, true, 33, vec![])];
        let (outcome, ()) = run_against(&params, &["a", "b", "c"], secret_of(suite), |main, _| {
            for message in &messages {
                say(main, bytes(message));
            }
        });
        let error = outcome.unwrap_err();
        assert!(
            matches!(&error, PsiError::PeerPoint { at: a, source } if *a == at(Stream::First, 1) && *source == expected),
            "{error}"
        );
    }
}

#[test]
fn an_empty_batch_before_the_end() {
    let error = spoilt(|b| b[1].is_last_batch = false);
    assert!(matches!(error, PsiError::PeerEmptyBatch { at: a } if a.batch == 1), "{error}");
}

#[test]
fn repetitions_that_cannot_be() {
    let error = spoilt(|b| b[0].duplicate_item_cnt_map = [(2, 1)].into());
    assert!(matches!(error, PsiError::PeerRepeatMap { .. }), "{error}");
    let error = spoilt(|b| b[1].duplicate_item_cnt_map = [(0, 1)].into());
    assert!(matches!(error, PsiError::PeerRepeatMap { at: a, .. } if a.batch == 1), "{error}");
}

#[test]
fn totals_against_the_announcement() {
    let messages: Vec<Bytes> = good().iter().map(bytes).collect();
    let error = first_stream(&PsiParams { peer_items: Some(1), ..params() }, &messages);
    assert!(
        matches!(error, PsiError::PeerTooManyItems { peer: 1, announced: false, items: 2, limit: 1 }),
        "{error}"
    );
    let error = first_stream(&PsiParams { peer_items: Some(3), ..params() }, &messages);
    assert!(
        matches!(error, PsiError::PeerTooFewItems { peer: 1, items: 2, rows: 2, announced: 3 }),
        "{error}"
    );
    let error = first_stream(&PsiParams { max_peer_items: 1, ..params() }, &messages);
    assert!(matches!(error, PsiError::PeerTooManyItems { items: 2, limit: 1, .. }), "{error}");
    let mut repeated = good();
    repeated[0].duplicate_item_cnt_map = [(0, 2)].into();
    let messages: Vec<Bytes> = repeated.iter().map(bytes).collect();
    let error = first_stream(&PsiParams { peer_items: Some(3), ..params() }, &messages);
    assert!(matches!(error, PsiError::PeerTooManyItems { items: 4, limit: 3, .. }), "{error}");
    let error = first_stream(&PsiParams { max_peer_items: 3, ..params() }, &messages);
    assert!(matches!(error, PsiError::PeerTooManyItems { items: 4, limit: 3, .. }), "{error}");
}

/// What rank 0 says to these second-stream messages of a peer whose first stream is good.
fn second_stream(params: &PsiParams, messages: &[EcdhPsiCipherBatch]) -> PsiError {
    let (outcome, ()) = run_against(params, &["a", "b", "c"], secret(), |main, sub| {
        for message in &good() {
            say(main, bytes(message));
        }
        for message in messages {
            say(sub, bytes(message));
        }
    });
    outcome.unwrap_err()
}

fn dual(index: i32, last: bool, item_bytes: usize, count: u8) -> EcdhPsiCipherBatch {
    let points = (0..count).flat_map(|i| vec![i + 1; item_bytes]).collect();
    batch("dual.enc", index, last, item_bytes, points)
}

#[test]
fn second_ciphertexts_of_another_number() {
    let error = second_stream(&params(), &[dual(0, false, 32, 4)]);
    assert!(matches!(error, PsiError::PeerSecondCount { found: 4, sent: 3, .. }), "{error}");
    let error = second_stream(&params(), &[dual(0, true, 32, 2)]);
    assert!(matches!(error, PsiError::PeerSecondCount { found: 2, sent: 3, .. }), "{error}");
    let error = second_stream(&params(), &[dual(0, false, 32, 3), dual(1, true, 32, 1)]);
    assert!(
        matches!(error, PsiError::PeerSecondCount { at: a, found: 4, .. } if a == at(Stream::Second, 1)),
        "{error}"
    );
}

#[test]
fn second_ciphertexts_of_another_length() {
    for length in [1, 8, 11, 13, 31, 33] {
        let error = second_stream(&params(), &[dual(0, true, length, 3)]);
        assert!(matches!(error, PsiError::PeerSecondLength { length: l, .. } if l == length), "{error}");
    }
    let error =
        second_stream(&PsiParams { accept_last_twelve_bytes: false, ..params() }, &[dual(0, true, 12, 3)]);
    assert!(matches!(error, PsiError::PeerSecondLength { length: 12, expected: 32, .. }), "{error}");
    // A change of length within the stream.
    let error = second_stream(&params(), &[dual(0, false, 32, 1), dual(1, true, 12, 2)]);
    assert!(matches!(error, PsiError::PeerCount { at: a, .. } if a.batch == 1), "{error}");
}

#[test]
fn second_ciphertexts_too_short_for_the_sets() {
    // Agreed on 33 bits: enough for the sizes announced by nobody, not for these.
    let params = PsiParams { truncate_bits: Some(32), ..params() };
    let error = second_stream(&params, &[dual(0, true, 4, 3)]);
    let unsafe_own = matches!(error, PsiError::ConfigUnsafeTruncation { bits: 32, needed: 33 });
    let unsafe_peer = matches!(error, PsiError::PeerUnsafeLength { bits: 32, needed: 33, .. });
    assert!(unsafe_own || unsafe_peer, "{error}");
    // The party that only receives blames the peer.
    let params = PsiParams { result_to: ResultTo::Rank(0), ..params };
    let error = second_stream(&params, &[dual(0, true, 4, 3)]);
    assert!(matches!(error, PsiError::PeerUnsafeLength { peer: 1, bits: 32, needed: 33 }), "{error}");
}

#[test]
fn second_ciphertexts_too_short_for_the_own_level() {
    let equal = |item_bytes| batch("dual.enc", 0, true, item_bytes, vec![7; 3 * item_bytes]);
    // 3 ids and the 2 points of the peer: 3 bits beside the level.
    let to_us = |level| PsiParams {
        truncate_bits: Some(40),
        statistical_bits: level,
        result_to: ResultTo::Rank(0),
        ..params()
    };
    let error = second_stream(&to_us(38), &[equal(5)]);
    assert!(matches!(error, PsiError::PeerUnsafeLength { peer: 1, bits: 40, needed: 41 }), "{error}");
    // The same bytes at the level that they have are read on, and found to be equal to each other.
    let error = second_stream(&to_us(37), &[equal(5)]);
    assert!(matches!(error, PsiError::PeerInconsistent { peer: 1, .. }), "{error}");
    // Twelve bytes that nobody agreed on.
    let unannounced = PsiParams { truncate_bits: None, ..to_us(94) };
    let error = second_stream(&unannounced, &[equal(12)]);
    assert!(matches!(error, PsiError::PeerUnsafeLength { peer: 1, bits: 96, needed: 97 }), "{error}");
    let error = second_stream(&PsiParams { statistical_bits: 93, ..unannounced }, &[equal(12)]);
    assert!(matches!(error, PsiError::PeerInconsistent { peer: 1, .. }), "{error}");
}

#[test]
fn equal_second_ciphertexts_for_different_ids() {
    let twice_the_same = batch("dual.enc", 0, true, 32, [[1u8; 32], [2; 32], [1; 32]].concat());
    let error = second_stream(&params(), &[twice_the_same]);
    assert!(matches!(error, PsiError::PeerInconsistent { peer: 1, first: 0, second: 2 }), "{error}");
}

#[test]
fn other_faults_of_the_second_stream() {
    let error = second_stream(&params(), &[dual(1, true, 32, 3)]);
    assert!(
        matches!(error, PsiError::PeerIndex { at: a, found: 1 } if a == at(Stream::Second, 0)),
        "{error}"
    );
    let mut wrong = dual(0, true, 32, 3);
    wrong.r#type = "enc".into();
    let error = second_stream(&params(), &[wrong]);
    assert!(matches!(error, PsiError::PeerType { at: a, .. } if a == at(Stream::Second, 0)), "{error}");
    let mut wrong = dual(0, true, 32, 3);
    wrong.count = 2;
    let error = second_stream(&params(), &[wrong.clone()]);
    assert!(matches!(error, PsiError::PeerSecondLength { length: 48, .. }), "{error}");
    wrong.count = 5;
    let error = second_stream(&params(), &[wrong]);
    assert!(matches!(error, PsiError::PeerCount { count: 5, .. }), "{error}");
    let mut wrong = dual(0, true, 32, 3);
    wrong.duplicate_item_cnt_map = [(0, 1)].into();
    let error = second_stream(&params(), &[wrong]);
    assert!(matches!(error, PsiError::PeerRepeatMap { .. }), "{error}");
}

#[test]
fn what_comes_after_the_end_does_not_count() {
    // The end is the end: a batch behind it is not part of the set.
    let (outcome, ()) = run_against(&params(), &["a"], secret(), |main, sub| {
        for message in &good() {
            say(main, bytes(message));
        }
        say(main, bytes(&batch("enc", 2, true, 32, masker().mask_items(&["z"]).unwrap())));
        say(sub, bytes(&dual(0, true, 32, 1)));
    });
    let outcome = outcome.unwrap();
    assert_eq!((outcome.peer_items, outcome.indices), (2, Some(vec![])));
}

#[test]
fn a_rank_without_the_result_receives_nothing_more() {
    // The peer alone learns: it returns nothing, and we return its points.
    let params = PsiParams { result_to: ResultTo::Rank(1), ..params() };
    let (outcome, returned) = run_against(&params, &["a"], secret(), |main, sub| {
        for message in &good() {
            say(main, bytes(message));
        }
        [sub.recv(0).unwrap(), sub.recv(0).unwrap()].map(|m| m.len())
    });
    assert_eq!(outcome.unwrap().indices, None);
    assert!(returned[0] > 64 && returned[1] < 20);
}

#[test]
fn twelve_bytes_when_configured() {
    let params = PsiParams { second_ciphertext: SecondCiphertext::LastTwelveBytes, ..params() };
    let (outcome, ()) = run_against(&params, &["a", "b", "c"], secret(), |main, sub| {
        for message in &good() {
            say(main, bytes(message));
        }
        say(sub, bytes(&dual(0, true, 12, 3)));
        assert_eq!(sub.recv(0).unwrap().len(), 2 + "dual.enc".len() + 2 + 2 + 24);
    });
    assert_eq!(outcome.unwrap().indices, Some(vec![]));
}
