//! Frames of a peer that is wrong, hostile or repeats itself.

mod common;

use bytes::Bytes;
use common::{Tap, chunk, deliver, frame, tapped};
use proptest::prelude::*;
use symbolon_link::{Failure, Frame, LinkError, Rejection};

fn misbehaved(error: &LinkError) -> bool {
    matches!(error, LinkError::PeerFailed { peer: 1, cause, .. } if matches!(**cause, Failure::Misbehaved(_)))
}

#[test]
fn strangers_are_refused_with_the_code_of_yacl() {
    let (_, link) = tapped(Tap::default(), |_| {});
    for sender in [0, 2, u64::MAX] {
        let stranger = Frame { sender, ..frame("root:1:ALLGATHER", "x") };
        let rejection = deliver(&link, stranger).unwrap_err();
        assert_eq!((rejection.code, rejection.retry_later), (31_100_001, false), "{sender}");
    }
}

#[test]
fn malformed_and_misdirected_keys() {
    let (_, link) = tapped(Tap::default(), |_| {});
    for key in [
        "",
        "nonsense",
        "root:1:ALLREDUCE",
        "root:P2P-1:0->1",
        "root:P2P-1:1->2",
        "root:P2P-1:2->0",
        "connect_0",
    ] {
        assert_eq!(deliver(&link, frame(key, "")).unwrap_err().code, Rejection::INVALID_REQUEST, "{key}");
    }
    for value in ["", "x", "-1", "01", "1.0", "18446744073709551616"] {
        for key in ["ACK#", "FIN#"] {
            assert_eq!(
                deliver(&link, frame(key, value)).unwrap_err().code,
                Rejection::INVALID_REQUEST,
                "{value}"
            );
        }
    }
    for key in ["ACK#", "FIN#", "connect_1#0"] {
        assert_eq!(
            deliver(&link, chunk(key, 1, 0, "1")).unwrap_err().code,
            Rejection::INVALID_REQUEST,
            "{key}"
        );
    }
    // None of this ends the link, and the last reason is told when a wait is over.
    deliver(&link, frame("root:P2P-1:1->0#1", "fine")).unwrap();
    assert_eq!(link.root().recv(1).unwrap(), "fine");
}

#[test]
fn a_timeout_tells_what_was_refused() {
    let (_, link) =
        tapped(Tap::default(), |config| config.receive_timeout = std::time::Duration::from_millis(50));
    deliver(&link, frame("root:1:ALLREDUCE", "secret")).unwrap_err();
    let error = link.root().recv(1).unwrap_err().to_string();
    assert!(
        error.contains("unknown operation") && error.contains("rank 1") && !error.contains("secret"),
        "{error}"
    );
}

#[test]
fn an_acknowledgement_of_nothing() {
    for number in ["0", "2", "18446744073709551615"] {
        let (_, link) = tapped(Tap::default(), |_| {});
        link.root().send(1, "one").unwrap();
        assert_eq!(deliver(&link, frame("ACK#", number)).unwrap_err().code, Rejection::INVALID_REQUEST);
        assert!(misbehaved(&link.root().recv(1).unwrap_err()));
    }
    let (_, link) = tapped(Tap::default(), |config| config.sequence_numbers = false);
    link.root().send(1, "one").unwrap();
    deliver(&link, frame("ACK#", "1")).unwrap_err();
}

#[test]
fn repetitions_are_dropped() {
    let (tap, link) = tapped(Tap::default(), |_| {});
    for number in ["#1", ""] {
        let key = |counter: u64| format!("root:P2P-{counter}:1->0{number}");
        let first = if number.is_empty() { 2 } else { 1 };
        for _ in 0..3 {
            deliver(&link, frame(&key(first), "same")).unwrap();
        }
        assert_eq!(link.root().recv(1).unwrap(), "same");
        deliver(&link, frame(&key(first), "same")).unwrap();
        deliver(&link, chunk(&key(first), 4, 2, "me")).unwrap();
    }
    assert_eq!(tap.log(), ["ACK# 1"]);
    // A number that was seen is a repetition whatever stands under it: nothing of it is looked at.
    deliver(&link, frame("root:P2P-3:1->0#1", "other")).unwrap();
    assert_eq!(link.traffic().received_messages, 2);
}

#[test]
fn contradictions_end_the_link_with_that_peer() {
    let twice: [[Frame; 2]; 9] = [
        [frame("root:1:GATHER", "a"), frame("root:1:GATHER", "b")],
        [frame("root:1:GATHER", "a"), frame("root:1:GATHER", "ab")],
        [frame("root:1:GATHER#1", "a"), frame("root:1:GATHER#2", "a")],
        [frame("root:1:GATHER#1", "a"), frame("root:1:GATHER", "b")],
        [chunk("root:1:GATHER", 4, 0, "ab"), chunk("root:1:GATHER", 5, 2, "cd")],
        [chunk("root:1:GATHER", 4, 0, "abc"), chunk("root:1:GATHER", 4, 2, "xd")],
        [chunk("root:1:GATHER#1", 4, 0, "ab"), chunk("root:1:GATHER#2", 4, 2, "cd")],
        [chunk("root:1:GATHER#1", 4, 0, "ab"), frame("root:1:GATHER#1", "abc")],
        [frame("root:1:GATHER", "abcd"), chunk("root:1:GATHER", 4, 3, "x")],
    ];
    for [first, second] in twice {
        let (_, link) = tapped(Tap::default(), |_| {});
        deliver(&link, first).unwrap();
        let rejection = deliver(&link, second.clone()).unwrap_err();
        assert_eq!(
            (rejection.code, rejection.retry_later),
            (Rejection::INVALID_REQUEST, false),
            "{second:?}"
        );
        let error = link.root().send(1, "on").unwrap_err();
        assert!(misbehaved(&error), "{error}");
        // The peer is told, whatever it sends next.
        assert_eq!(deliver(&link, frame("root:2:GATHER", "")).unwrap_err().code, Rejection::NETWORK_ERROR);
    }
    // A key that was read, with a new number.
    let (_, link) = tapped(Tap::default(), |_| {});
    deliver(&link, frame("root:P2P-1:1->0#1", "a")).unwrap();
    link.root().recv(1).unwrap();
    assert_eq!(deliver(&link, frame("root:P2P-1:1->0#2", "a")).unwrap_err().code, Rejection::INVALID_REQUEST);
}

#[test]
fn chunks_outside_their_message() {
    for bad in [
        chunk("root:1:GATHER", 4, 1, "abcd"),
        chunk("root:1:GATHER", 4, 5, ""),
        chunk("root:1:GATHER", 4, u64::MAX, "a"),
        chunk("root:1:GATHER", 4, u64::MAX - 1, "abcd"),
        chunk("root:1:GATHER", 0, 0, "a"),
    ] {
        let (_, link) = tapped(Tap::default(), |_| {});
        assert_eq!(deliver(&link, bad.clone()).unwrap_err().code, Rejection::INVALID_REQUEST, "{bad:?}");
        assert!(misbehaved(&link.root().recv(1).unwrap_err()));
    }
}

#[test]
fn messages_above_the_maximum() {
    for bad in [
        frame("root:P2P-1:1->0", vec![0; 11]),
        chunk("root:P2P-1:1->0", 11, 0, "a"),
        chunk("root:P2P-1:1->0", u64::MAX, 0, "a"),
    ] {
        let (_, link) = tapped(Tap::default(), |config| config.max_message_bytes = 10);
        let rejection = deliver(&link, bad).unwrap_err();
        assert_eq!((rejection.code, rejection.retry_later), (Rejection::INVALID_RESOURCE, false));
        let error = link.root().recv(1).unwrap_err().to_string();
        assert!(error.contains("max_message_bytes (10)"), "{error}");
    }
}

#[test]
fn the_mailbox_is_bounded_but_what_is_wanted_is_taken() {
    let (_, link) = tapped(Tap::default(), |config| config.mailbox_bytes = 2000);
    let mut taken = 0;
    let full = loop {
        match deliver(&link, frame(&format!("root:{}:GATHER", taken + 1), vec![0; 100])) {
            Ok(()) => taken += 1,
            Err(rejection) => break rejection,
        }
    };
    assert!(taken < 20 && full.retry_later && full.code == Rejection::INVALID_RESOURCE, "{taken}");
    assert!(deliver(&link, chunk("root:99:GATHER", 5000, 0, vec![0; 100])).unwrap_err().retry_later);
    // Empty messages cost something, too.
    assert!((0..20).any(|i| deliver(&link, frame(&format!("other:{i}:BCAST"), "")).is_err()));
    let big = Bytes::from(vec![7; 50_000]);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| link.root().recv(1));
        let part =
            |from: usize| chunk("root:P2P-1:1->0#1", 50_000, from as u64, big.slice(from..from + 25_000));
        for from in [25_000, 0] {
            common::eventually("the message is wanted", || deliver(&link, part(from)).is_ok());
        }
        assert_eq!(reader.join().unwrap().unwrap(), big);
    });
    // Reading makes room.
    assert!(deliver(&link, frame("root:50:GATHER", vec![0; 100])).unwrap_err().retry_later);
    for root in [0; 3] {
        link.root().gather(root, "").unwrap();
    }
    deliver(&link, frame("root:50:GATHER", vec![0; 100])).unwrap();
}

#[test]
fn nothing_is_a_message_in_either_form() {
    let (tap, link) = tapped(Tap::default(), |_| {});
    deliver(&link, chunk("root:P2P-1:1->0#1", 0, 0, "")).unwrap();
    deliver(&link, frame("root:P2P-2:1->0#2", "")).unwrap();
    assert!(link.root().recv(1).unwrap().is_empty() && link.root().recv(1).unwrap().is_empty());
    assert_eq!(tap.log(), ["ACK# 1", "ACK# 2"]);
}

#[test]
fn no_bytes_of_values_in_debug_or_errors() {
    let secret = frame("root:1:GATHER", "secret seed");
    assert!(!format!("{secret:?}").contains("secret"));
    let (_, link) = tapped(Tap::default(), |_| {});
    deliver(&link, secret).unwrap();
    let rejection = deliver(&link, frame("root:1:GATHER", "other secret")).unwrap_err();
    let error = link.root().recv(1).unwrap_err();
    for text in [format!("{rejection:?}"), format!("{error:?} {error}"), format!("{link:?}")] {
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn a_large_value_is_not_copied() {
    let (tap, link) = tapped(Tap::default(), |config| config.chunk_size = 10_000);
    let value = Bytes::from(vec![1; 25_000]);
    link.root().send(1, value.clone()).unwrap();
    let pushed: Vec<_> = tap.pushed.lock().unwrap().iter().map(|frame| frame.value.as_ptr()).collect();
    assert_eq!(pushed, [0, 10_000, 20_000].map(|at| value.slice(at..).as_ptr()));
    deliver(&link, frame("root:P2P-1:1->0#1", value.clone())).unwrap();
    assert_eq!(link.root().recv(1).unwrap().as_ptr(), value.as_ptr());
}

proptest! {
    /// Ideal model: the message. Any cut, order and repetition gives it, with one acknowledgement.
    #[test]
    fn chunks_in_any_order(
        message in prop::collection::vec(any::<u8>(), 1..300),
        size in 1usize..80,
        order in prop::collection::vec(any::<u64>(), 0..60),
        numbered: bool,
    ) {
        let (tap, link) = tapped(Tap::default(), |_| {});
        let key = format!("root:P2P-1:1->0{}", if numbered { "#1" } else { "" });
        let message = Bytes::from(message);
        let starts: Vec<_> = (0..message.len()).step_by(size).collect();
        let random = order.iter().map(|pick| starts[*pick as usize % starts.len()]);
        for from in random.chain(starts.iter().rev().copied()) {
            let part = message.slice(from..(from + size).min(message.len()));
            deliver(&link, chunk(&key, message.len() as u64, from as u64, part)).unwrap();
        }
        prop_assert_eq!(link.root().recv(1).unwrap(), message);
        prop_assert_eq!(tap.log(), if numbered { vec!["ACK# 1"] } else { vec![] });
    }

    /// No frame whatever makes the inbox panic.
    #[test]
    fn any_frames(frames in prop::collection::vec(
        (0u64..3, "(root:(P2P-)?[0-2]:(1->0|GATHER)|connect_1|ACK|FIN)(#[0-3]?)?", prop::collection::vec(any::<u8>(), 0..6),
         prop::option::of((prop_oneof![0u64..8, Just(u64::MAX)], prop_oneof![0u64..8, Just(u64::MAX)]))), 0..40)) {
        let (_, link) = tapped(Tap::default(), |config| {
            config.mailbox_bytes = 1500;
            config.receive_timeout = std::time::Duration::ZERO;
        });
        for (sender, key, value, cut) in frames {
            let mut frame = match cut {
                Some((length, offset)) => chunk(&key, length, offset, value),
                None => frame(&key, value),
            };
            frame.sender = sender;
            let _ = deliver(&link, frame);
        }
        let _ = link.root().recv(1);
        let _ = link.finish();
    }
}
