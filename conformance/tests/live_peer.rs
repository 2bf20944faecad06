//! A recorded peer for a party that is somewhere else: it says what the recorded peer said, when that is due, and notices
//! every message of the party that is not as recorded.

use std::path::Path;
use std::sync::{Arc, Mutex};

use symbolon_conformance::frame;
use symbolon_conformance::recording::{Message, Recording};
use symbolon_conformance::replay::{Difference, LivePeer, Report};
use symbolon_link::Frame;

fn recording(name: &str) -> Recording {
    let path = format!("../vectors/recordings/reference_{name}.json");
    Recording::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn decoded(message: &Message) -> Frame {
    frame::decode(&message.request_bytes().unwrap()).unwrap()
}

/// Plays `rank` exactly as recorded, but for `change`. Gives the report, and how many of the peer's messages came.
fn play(name: &str, rank: usize, change: impl Fn(usize, &mut Frame) -> bool) -> (Report, usize) {
    let recording = recording(name);
    let peer = LivePeer::new(recording.clone(), rank).unwrap();
    let heard: Arc<Mutex<Vec<Frame>>> = Arc::default();
    let hears = heard.clone();
    peer.attach(move |frame| {
        hears.lock().unwrap().push(frame);
        Ok(())
    });
    let own = recording.messages.iter().filter(|message| message.from == rank && message.response.is_some());
    for (place, message) in own.enumerate() {
        let mut frame = decoded(message);
        if change(place, &mut frame) {
            peer.take(frame);
        }
    }
    let heard = heard.lock().unwrap();
    // Whatever came is what the recorded peer sent.
    let theirs: Vec<Frame> =
        recording.messages.iter().filter(|message| message.from != rank).map(decoded).collect();
    for frame in heard.iter() {
        assert!(theirs.contains(frame), "{name}: {}", frame.key.escape_debug());
    }
    (peer.report().unwrap(), heard.len())
}

const NAMES: [&str; 5] = ["lr64-ttp", "lr64-adjust1", "psi-25519-chunked", "psi-25519-noseq", "neg-suite"];

#[test]
fn a_party_that_behaves_as_recorded_passes() {
    for name in NAMES {
        for rank in 0..2 {
            let (report, heard) = play(name, rank, |_, _| true);
            assert!(report.passed() && report.equal > 3, "{report}");
            let sent = recording(name).messages;
            let sent = sent.iter().filter(|message| message.from != rank && message.response.is_some());
            assert_eq!(heard, sent.count(), "{name} as rank {rank}");
        }
    }
}

#[test]
fn one_other_byte_is_noticed() {
    for name in NAMES {
        for rank in 0..2 {
            let handshake = format!("root:P2P-1:{rank}->{}", 1 - rank);
            let (report, _) = play(name, rank, |_, frame| {
                if frame.key.starts_with(&handshake) {
                    let mut value = frame.value.to_vec();
                    *value.last_mut().unwrap() ^= 1;
                    frame.value = value.into();
                }
                true
            });
            assert!(!report.passed(), "{name} as rank {rank}");
            assert!(
                report.differences.iter().any(|difference| matches!(difference, Difference::Bytes { .. })),
                "{report}"
            );
        }
    }
}

#[test]
fn a_message_that_does_not_come_is_noticed_and_nothing_that_follows_is_sent() {
    for name in ["lr64-ttp", "psi-25519-noseq"] {
        for rank in 0..2 {
            let (_, all) = play(name, rank, |_, _| true);
            let (report, heard) = play(name, rank, |place, _| place < 2);
            assert!(report.differences.iter().any(|d| matches!(d, Difference::Missing(_))), "{report}");
            assert!(report.outcome.is_err() && heard < all, "{report}");
        }
    }
}
