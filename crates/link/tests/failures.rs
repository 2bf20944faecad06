//! Peers that do not come, fall silent or die; and our own interruption.

mod common;

use std::time::Duration;

use common::{Tap, configs, deliver, eventually, frame, run, tapped};
use symbolon_dialect::Dialect;
use symbolon_link::memory::{Network, network};
use symbolon_link::{Failure, Link, LinkConfig, LinkError, PushError};

const SHORT: Duration = Duration::from_millis(80);

#[test]
fn connect_names_who_is_missing() {
    let mut configs = configs(4);
    configs[0].connect_timeout = SHORT;
    let (network, links) = Network::start(configs).unwrap();
    network.kill(2);
    let others: Vec<_> = (1..4).filter(|rank| *rank != 2).collect();
    // Rank 1 calls, rank 3 listens but does not call.
    let first = std::thread::scope(|scope| {
        let caller = scope.spawn(|| links[1].connect());
        let first = links[0].connect();
        links[1].abort("enough");
        caller.join().unwrap().unwrap_err();
        first
    });
    let Err(LinkError::PeersNotConnected { missing, .. }) = &first else { panic!("{first:?}") };
    assert_eq!(missing.iter().map(|(rank, _)| *rank).collect::<Vec<_>>(), [2, 3], "{others:?}");
    let text = first.unwrap_err().to_string();
    assert!(text.contains("rank 2 could not be reached: rank 2 is not there"), "{text}");
    assert!(text.contains("rank 3 answers, but has not called"), "{text}");
}

/// A call that has failed is repeated; while the next one has no answer the first error is the one to tell.
#[test]
fn connect_tells_the_last_error_though_another_call_is_under_way() {
    let hold = Tap { hold_answers: true, ..Tap::default() };
    let (tap, link) = tapped(hold, |config| config.connect_timeout = SHORT);
    let error = std::thread::scope(|scope| {
        let party = scope.spawn(|| link.connect());
        eventually("the first call", || !tap.unanswered.lock().unwrap().is_empty());
        tap.answer_all(Err(PushError::Unreachable("no route to it".into())));
        party.join().unwrap().unwrap_err()
    });
    assert!(tap.log().len() > 1, "a second call is under way");
    assert!(error.to_string().contains("rank 1 could not be reached: no route to it"), "{error}");
}

#[test]
fn a_peers_text_is_shown_short_and_without_control_characters() {
    let message = format!("\u{1b}[2J\n{}", "x".repeat(10_000));
    let text = PushError::Refused { code: 31_100_100, message }.to_string();
    assert!(!text.contains(char::is_control) && text.len() < 400, "{text}");
    assert!(text.starts_with("refused with code 31100100: \\u{1b}[2J"), "{text}");
}

#[test]
fn connect_waits_for_a_late_party() {
    let configs = configs(2);
    let (network, mut links) = Network::start(configs.clone()).unwrap();
    drop(links.pop());
    std::thread::scope(|scope| {
        let early = scope.spawn(|| links[0].connect());
        std::thread::sleep(Duration::from_millis(20));
        let late = Link::new(configs[1].clone(), network.carrier(1)).unwrap();
        network.attach(1, late.inbox());
        late.connect().unwrap();
        early.join().unwrap().unwrap();
    });
}

#[test]
fn a_timeout_names_peer_key_operation_and_time() {
    let (_, link) = tapped(Tap::default(), |config| config.receive_timeout = SHORT);
    let error = link.root().spawn().recv(1).unwrap_err();
    let LinkError::PeerTimeout { peer: 1, key, waited, .. } = &error else { panic!("{error}") };
    assert_eq!(key, "root-0:P2P-1:1->0");
    assert!(*waited >= SHORT);
    let text = error.to_string();
    assert!(text.contains("receive with rank 1") && text.contains("root-0:P2P-1:1->0"), "{text}");
    // The first cause is kept.
    let later = link.root().allgather("x").unwrap_err();
    let LinkError::PeerFailed { peer: 1, cause, .. } = &later else { panic!("{later}") };
    assert!(matches!(**cause, Failure::Timeout { .. }));
    assert!(later.to_string().contains("root-0:P2P-1:1->0"), "{later}");
}

#[test]
fn every_collective_can_time_out() {
    let (_, links) = {
        let mut configs = configs(3);
        configs.iter_mut().for_each(|config| config.receive_timeout = Duration::from_millis(30));
        Network::start(configs).unwrap()
    };
    // Each on its own link pair would be slow: the first times out, the others repeat the cause at once.
    let channel = links[0].root();
    let first = channel.allgather("x").unwrap_err();
    assert!(first.to_string().starts_with("allgather with rank 1 under key \"root:1:ALLGATHER\""), "{first}");
    for (word, error) in [
        ("barrier", channel.barrier().unwrap_err()),
        ("gather", channel.gather(0, "x").unwrap_err()),
        ("scatter", channel.scatter(1, None).unwrap_err()),
        ("broadcast", channel.broadcast(1, None).unwrap_err()),
    ] {
        assert!(error.to_string().starts_with(word), "{error}");
        assert_eq!(error.peer(), Some(1));
    }
}

#[test]
fn a_silent_peer_is_probed() {
    let gone = Tap { gone: true, ..Tap::default() };
    let (_, link) = tapped(gone, |config| config.idle_timeout = Duration::from_millis(20));
    let error = link.root().recv(1).unwrap_err();
    let LinkError::PeerFailed { peer: 1, cause, .. } = &error else { panic!("{error}") };
    assert!(matches!(**cause, Failure::Probe { .. }), "{error}");
    assert!(error.to_string().contains("rank 1 has left"), "{error}");
}

#[test]
fn a_peer_that_dies_wakes_every_wait() {
    let mut configs = configs(3);
    for config in &mut configs {
        config.idle_timeout = Duration::from_millis(30);
    }
    let (network, links) = Network::start(configs).unwrap();
    for outcome in run(&links, Link::connect) {
        outcome.unwrap();
    }
    network.kill(2);
    for outcome in run(&links[..2], |link| {
        let second = link.root().spawn();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| second.recv(2).map(drop));
            let outcomes = [link.root().recv(2).map(drop), other.join().unwrap(), link.root().send(2, "x")];
            assert!(outcomes.iter().all(Result::is_err));
            outcomes.into_iter().collect::<Result<(), _>>()
        })
    }) {
        assert_eq!(outcome.unwrap_err().peer(), Some(2));
    }
    // The living are still connected.
    links[0].root().send(1, "x").unwrap();
    assert_eq!(links[1].root().recv(0).unwrap(), "x");
}

#[test]
fn a_failed_push_ends_a_wait_of_another_thread() {
    let hold = Tap { hold_answers: true, ..Tap::default() };
    let (tap, link) = tapped(hold, |_| {});
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| link.root().recv(1));
        link.root().send(1, "x").unwrap();
        tap.answer_all(Err(PushError::Refused { code: 31_100_100, message: "no such key".into() }));
        let error = reader.join().unwrap().unwrap_err();
        assert!(
            error.to_string().contains("send of key \"root:P2P-1:0->1\": refused with code 31100100"),
            "{error}"
        );
    });
    // What had arrived is still there to be read.
    let hold = Tap { hold_answers: true, ..Tap::default() };
    let (tap, link) = tapped(hold, |_| {});
    deliver(&link, frame("root:P2P-1:1->0#1", "last words")).unwrap();
    link.root().send(1, "x").unwrap();
    tap.answer_all(Err(PushError::Unreachable("connection reset".into())));
    assert_eq!(link.root().recv(1).unwrap(), "last words");
    assert!(link.root().recv(1).is_err());
    assert!(link.finish().is_err());
}

#[test]
fn finish_has_a_time_limit() {
    let (tap, link) = tapped(Tap::default(), |config| config.receive_timeout = SHORT);
    let error = link.finish().unwrap_err();
    assert!(
        error.to_string().contains("finish with rank 1") && error.to_string().contains("its FIN"),
        "{error}"
    );
    assert_eq!(tap.log(), ["FIN# 0"]);
    let (_, link) = tapped(Tap::default(), |config| config.receive_timeout = SHORT);
    link.root().send(1, "x").unwrap();
    deliver(&link, frame("FIN#", "0")).unwrap();
    let error = link.finish().unwrap_err();
    assert!(error.to_string().contains("its acknowledgements"), "{error}");
    let (_, link) = tapped(Tap::default(), |config| config.receive_timeout = SHORT);
    deliver(&link, frame("FIN#", "3")).unwrap();
    let error = link.finish().unwrap_err();
    assert!(error.to_string().contains("messages that its FIN counts"), "{error}");
}

#[test]
fn finish_reaches_the_others_when_one_is_dead() {
    let mut configs = configs(3);
    for config in &mut configs {
        config.idle_timeout = Duration::from_millis(30);
    }
    let (network, links) = Network::start(configs).unwrap();
    for outcome in run(&links, Link::connect) {
        outcome.unwrap();
    }
    network.kill(2);
    for outcome in run(&links[..2], Link::finish) {
        assert_eq!(outcome.unwrap_err().peer(), Some(2));
    }
}

#[test]
fn abort_wakes_everything() {
    let links = network(2, &Dialect::symbolon());
    std::thread::scope(|scope| {
        let waits = [
            scope.spawn(|| links[0].connect()),
            scope.spawn(|| links[0].root().recv(1).map(drop)),
            scope.spawn(|| links[0].root().barrier()),
        ];
        std::thread::sleep(Duration::from_millis(20));
        links[0].abort("interrupted by the user");
        for wait in waits {
            let error = wait.join().unwrap().unwrap_err();
            assert!(matches!(error, LinkError::OursAborted { .. }), "{error}");
            assert!(error.to_string().contains("interrupted by the user"));
        }
    });
    assert!(matches!(links[0].root().send(1, "x"), Err(LinkError::OursAborted { .. })));
    assert!(matches!(links[0].root().recv(1), Err(LinkError::OursAborted { .. })));
    assert!(links[0].finish().is_err());
    // The peer hears of it by FIN, and why when it next sends.
    let error = links[1].root().recv(0).map(drop).and(links[1].root().recv(0)).unwrap_err();
    assert!(matches!(error, LinkError::PeerFinished { peer: 0, .. }), "{error}");
    links[1].root().send(0, "x").unwrap();
    let error = links[1].root().recv(0).unwrap_err().to_string();
    assert!(error.contains("rank 0 was stopped"), "{error}");
}

#[test]
fn an_inbox_outlives_its_link() {
    let (_, link) = tapped(Tap::default(), |_| {});
    let inbox = link.inbox();
    drop(link);
    assert!(inbox.deliver(frame("root:1:GATHER", "")).is_err());
}

#[test]
fn configurations_that_cannot_work() {
    let changes: [fn(&mut LinkConfig); 8] = [
        |config| config.world_size = 0,
        |config| config.rank = 2,
        |config| config.channel = String::new(),
        |config| config.channel = "a\u{1}".into(),
        |config| config.chunk_size = 0,
        |config| config.chunks_in_flight = 0,
        |config| config.idle_timeout = Duration::ZERO,
        |config| config.connect_interval = Duration::ZERO,
    ];
    for change in changes {
        let mut config = configs(2).remove(0);
        change(&mut config);
        let tap = std::sync::Arc::new(Tap::default());
        assert!(matches!(Link::new(config, tap), Err(LinkError::Config(_))));
    }
}

#[test]
fn many_threads_on_their_own_channels() {
    let links = network(2, &Dialect::symbolon());
    for outcome in run(&links, |link| {
        link.connect()?;
        let channels: Vec<_> = (0..8).map(|_| link.root().spawn()).collect();
        std::thread::scope(|scope| {
            let threads: Vec<_> = channels
                .iter()
                .map(|channel| {
                    scope.spawn(move || {
                        for i in 0..100u8 {
                            let all = channel.allgather(vec![i; 3])?;
                            assert_eq!(all, [vec![i; 3], vec![i; 3]]);
                        }
                        Ok::<_, LinkError>(())
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|thread| thread.join().unwrap())
        })?;
        link.finish()
    }) {
        outcome.unwrap();
    }
    eventually("all is counted", || links[0].traffic().received_messages == 800);
}
