//! Acknowledgements, the window and FIN, frame by frame.

mod common;

use bytes::Bytes;
use common::{Tap, configs, deliver, eventually, frame, run, tapped};
use symbolon_link::memory::Network;
use symbolon_link::{LinkError, Rejection};

#[test]
fn acknowledged_when_read_and_only_if_numbered() {
    let (tap, link) = tapped(Tap::default(), |_| {});
    deliver(&link, frame("connect_1#0", "")).unwrap();
    deliver(&link, frame("root:P2P-2:1->0#7", "second")).unwrap();
    deliver(&link, frame("root:P2P-1:1->0#5", "first")).unwrap();
    deliver(&link, frame("root:P2P-3:1->0", "third")).unwrap();
    assert!(tap.log().is_empty());
    for value in ["first", "second", "third"] {
        assert_eq!(link.root().recv(1).unwrap(), value);
    }
    assert_eq!(tap.log(), ["ACK# 5", "ACK# 7"]);
}

#[test]
fn keys_and_numbers_as_yacl_writes_them() {
    let (tap, link) = tapped(Tap::default(), |_| {});
    deliver(&link, frame("connect_1#0", "")).unwrap();
    link.connect().unwrap();
    let channel = link.root();
    channel.send(1, "a").unwrap();
    let sub = channel.spawn();
    sub.send(1, "b").unwrap();
    drop(channel.allgather_start("c").unwrap());
    channel.send(1, "d").unwrap();
    sub.spawn().send(1, "e").unwrap();
    assert_eq!(
        tap.log(),
        [
            "connect_0#0 ",
            "root:P2P-1:0->1#1 a",
            "root-0:P2P-1:0->1#2 b",
            "root:1:ALLGATHER#3 c",
            "root:P2P-2:0->1#4 d",
            "root-0-0:P2P-1:0->1#5 e",
        ]
    );
}

#[test]
fn the_document_alone() {
    let (tap, link) = tapped(Tap::default(), |config| {
        let document = symbolon_dialect::Dialect::document();
        let plain = symbolon_link::LinkConfig::new(0, 2, &document);
        *config = plain;
    });
    deliver(&link, frame("connect_1", "")).unwrap();
    link.connect().unwrap();
    link.root().send(1, "a").unwrap();
    link.finish().unwrap();
    assert_eq!(tap.log(), ["connect_0 ", "root:P2P-1:0->1 a"]);
}

#[test]
fn ten_messages_without_acknowledgement() {
    let (tap, link) = tapped(Tap::default(), |_| {});
    for _ in 0..12 {
        link.root().send(1, "x").unwrap();
    }
    assert_eq!(tap.log().len(), 10);
    deliver(&link, frame("ACK#", "4")).unwrap();
    deliver(&link, frame("ACK#", "4")).unwrap();
    assert_eq!(tap.log().len(), 11);
    deliver(&link, frame("ACK#", "1")).unwrap();
    assert_eq!(tap.log().len(), 12);
    assert_eq!(tap.log()[11], "root:P2P-12:0->1#12 x");
}

#[test]
fn without_numbers_the_window_counts_answers() {
    let hold = Tap { hold_answers: true, ..Tap::default() };
    let (tap, link) = tapped(hold, |config| {
        config.sequence_numbers = false;
        config.throttle_window = 3;
    });
    for _ in 0..5 {
        link.root().send(1, "x").unwrap();
    }
    assert_eq!(tap.log().len(), 3);
    tap.answer_all(Ok(()));
    assert_eq!(tap.log().len(), 5);
}

#[test]
fn window_zero_is_no_window() {
    let (tap, link) = tapped(Tap::default(), |config| config.throttle_window = 0);
    for _ in 0..50 {
        link.root().send(1, "x").unwrap();
    }
    assert_eq!(tap.log().len(), 50);
}

#[test]
fn a_full_backlog_blocks_until_acknowledged_or_timeout() {
    let (_, link) = tapped(Tap::default(), |config| {
        config.throttle_window = 1;
        config.backlog_bytes = 10;
        config.receive_timeout = std::time::Duration::from_millis(300);
    });
    let channel = link.root();
    for _ in 0..3 {
        channel.send(1, vec![0; 5]).unwrap();
    }
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| channel.send(1, vec![0; 5]));
        deliver(&link, frame("ACK#", "1")).unwrap();
        sender.join().unwrap().unwrap();
    });
    let error = channel.send(1, vec![0; 5]).unwrap_err();
    assert!(matches!(&error, LinkError::PeerTimeout { peer: 1, .. }), "{error}");
    assert!(error.to_string().contains("send with rank 1"), "{error}");
}

#[test]
fn at_most_eight_chunks_in_flight() {
    let hold = Tap { hold_answers: true, ..Tap::default() };
    let (tap, link) = tapped(hold, |config| config.chunk_size = 10);
    link.root().send(1, vec![0; 255]).unwrap();
    link.root().send(1, "small ones pass by").unwrap();
    link.root().send(1, "small").unwrap();
    assert_eq!(tap.log().len(), 9);
    tap.answer_all(Ok(()));
    assert_eq!(tap.log().len(), 17);
    tap.answer_all(Ok(()));
    tap.answer_all(Ok(()));
    tap.answer_all(Ok(()));
    let pushed = tap.pushed.lock().unwrap();
    assert_eq!(pushed.len(), 26 + 2 + 1);
    let big: Vec<_> = pushed.iter().filter(|frame| frame.key.contains("P2P-1:")).collect();
    assert!(big.iter().all(|frame| frame.key == "root:P2P-1:0->1\u{1}\u{2}1"));
    let offsets: Vec<_> = big.iter().map(|frame| frame.chunk.unwrap().offset).collect();
    assert_eq!(offsets, (0..26).map(|i| i * 10).collect::<Vec<_>>());
    assert!(big.iter().all(|frame| frame.chunk.unwrap().message_length == 255));
    assert_eq!(big[25].value.len(), 5);
}

#[test]
fn the_end_as_yacl_does_it() {
    let (tap, link) = tapped(Tap::default(), |_| {});
    link.root().send(1, "x").unwrap();
    deliver(&link, frame("root:P2P-1:1->0#1", "never read")).unwrap();
    std::thread::scope(|scope| {
        let end = scope.spawn(|| link.finish());
        eventually("unread messages are acknowledged, then FIN", || {
            tap.log() == ["root:P2P-1:0->1#1 x", "ACK# 1", "FIN# 1"]
        });
        // The peer counts two messages, one is still under way; it is acknowledged though nobody reads it.
        deliver(&link, frame("FIN#", "2")).unwrap();
        deliver(&link, frame("root:P2P-2:1->0#2", "late")).unwrap();
        eventually("acknowledged", || tap.log().len() == 4);
        assert!(!end.is_finished());
        deliver(&link, frame("ACK#", "1")).unwrap();
        end.join().unwrap().unwrap();
    });
    assert_eq!(tap.log()[3], "ACK# 2");
    link.finish().unwrap();
    assert_eq!(tap.log().len(), 4);
    // Afterwards: repetitions are answered, anything new is not, so that a next run of the peer waits.
    deliver(&link, frame("root:P2P-2:1->0#2", "late")).unwrap();
    deliver(&link, frame("FIN#", "2")).unwrap();
    deliver(&link, frame("ACK#", "1")).unwrap();
    for key in ["connect_1#0", "root:P2P-3:1->0#3"] {
        assert_eq!(deliver(&link, frame(key, "")).unwrap_err().code, Rejection::NETWORK_ERROR);
    }
    assert!(matches!(link.root().send(1, ""), Err(LinkError::OursFinished { .. })));
    assert!(matches!(link.root().recv(1), Err(LinkError::OursFinished { .. })));
}

#[test]
fn the_end_without_numbers() {
    let (tap, link) = tapped(Tap::default(), |config| config.sequence_numbers = false);
    link.root().send(1, "x").unwrap();
    deliver(&link, frame("FIN#", "0")).unwrap();
    link.finish().unwrap();
    assert_eq!(tap.log(), ["root:P2P-1:0->1 x", "FIN# 0"]);
    link.finish().unwrap();
    assert_eq!(tap.log().len(), 2);
}

/// A peer that has said how much it sent, and sent it, will not send more: no need to wait for a timeout.
#[test]
fn waiting_for_a_peer_that_finished() {
    let (_, link) = tapped(Tap::default(), |_| {});
    deliver(&link, frame("FIN#", "1")).unwrap();
    deliver(&link, frame("root:P2P-1:1->0#1", "all")).unwrap();
    assert_eq!(link.root().recv(1).unwrap(), "all");
    let error = link.root().recv(1).unwrap_err();
    assert!(matches!(error, LinkError::PeerFinished { peer: 1, .. }), "{error}");
    // An unnumbered message may overtake FIN: only silence afterwards tells.
    let (_, link) =
        tapped(Tap::default(), |config| config.idle_timeout = std::time::Duration::from_millis(30));
    deliver(&link, frame("FIN#", "0")).unwrap();
    assert!(matches!(link.root().recv(1), Err(LinkError::PeerFinished { peer: 1, .. })));
}

/// One party sends what the other never reads, in every mixture of numbering.
#[test]
fn asymmetric_parties_end_in_order() {
    for (first, second) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut configs = configs(3);
        configs[0].sequence_numbers = first;
        configs[1].sequence_numbers = second;
        for config in &mut configs {
            config.chunk_size = 3;
        }
        let (_, links) = Network::start(configs).unwrap();
        for outcome in run(&links, |link| {
            link.connect()?;
            if link.rank() == 0 {
                for i in 0..40u8 {
                    link.root().send(1, Bytes::from(vec![i; i.into()]))?;
                }
            }
            link.finish()
        }) {
            outcome.unwrap();
        }
    }
}

/// A party that stops tells a peer that it is connected to, counting what is on its way and no more.
#[test]
fn an_abort_is_announced() {
    let (tap, link) = tapped(Tap::default(), |config| config.throttle_window = 1);
    deliver(&link, frame("root:P2P-1:1->0#1", "never read")).unwrap();
    link.root().send(1, "on its way").unwrap();
    link.root().send(1, "queued").unwrap();
    link.root().spawn().abort("a reason of our own");
    link.abort("again");
    assert_eq!(tap.log(), ["root:P2P-1:0->1#1 on its way", "ACK# 1", "FIN# 1"]);
    for error in
        [link.root().send(1, "x").unwrap_err(), link.root().recv(1).unwrap_err(), link.finish().unwrap_err()]
    {
        assert!(matches!(&error, LinkError::OursAborted { peer: 1, .. }), "{error}");
        assert!(error.to_string().contains("a reason of our own"), "{error}");
    }
    // The peer's own end is taken, but no message.
    deliver(&link, frame("FIN#", "1")).unwrap();
    let refused = deliver(&link, frame("root:P2P-2:1->0#2", "x")).unwrap_err();
    assert_eq!(refused.code, Rejection::NETWORK_ERROR);
    assert!(!refused.message.contains("reason"), "{}", refused.message);
    assert_eq!(tap.log().len(), 3);
}

#[test]
fn an_abort_in_the_middle_of_a_message_counts_nothing() {
    let hold = Tap { hold_answers: true, ..Tap::default() };
    let (tap, link) = tapped(hold, |config| config.chunk_size = 10);
    link.root().send(1, vec![0; 255]).unwrap();
    link.abort("enough");
    assert_eq!(tap.log()[8..], ["FIN# 0"]);
}

#[test]
fn an_abort_before_anybody_is_there_says_nothing() {
    let (tap, link) = tapped(Tap::default(), |_| {});
    link.abort("too early");
    assert!(link.connect().is_err());
    assert!(tap.log().is_empty());
}

#[test]
fn finish_after_abort_waits_until_the_announcement_is_answered() {
    let hold = Tap { hold_answers: true, ..Tap::default() };
    let (tap, link) = tapped(hold, |_| {});
    link.root().send(1, "x").unwrap();
    link.abort("enough");
    std::thread::scope(|scope| {
        let end = scope.spawn(|| link.finish());
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!end.is_finished());
        tap.answer_all(Ok(()));
        assert!(matches!(end.join().unwrap(), Err(LinkError::OursAborted { .. })));
    });
}

/// A wait for a party that was stopped ends at once, not with a timeout.
#[test]
fn an_abort_ends_the_waits_of_all_peers() {
    let (_, links) = Network::start(configs(3)).unwrap();
    let outcomes = run(&links, |link| {
        link.connect()?;
        let channel = link.root();
        channel.allgather("here")?;
        if link.rank() == 2 {
            channel.abort("by the user");
        }
        channel.recv(if link.rank() == 2 { 0 } else { 2 }).map(drop)
    });
    for (rank, outcome) in outcomes.into_iter().enumerate() {
        match outcome.unwrap_err() {
            LinkError::OursAborted { .. } if rank == 2 => {}
            LinkError::PeerFinished { peer: 2, .. } if rank < 2 => {}
            error => panic!("rank {rank}: {error}"),
        }
    }
}
