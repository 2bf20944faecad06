//! The protocol over links that are narrow, unordered or break.

mod support;

use std::time::Duration;

use support::{params, secret};
use symbolon_dialect::Dialect;
use symbolon_link::memory::{Fault, Network};
use symbolon_link::{Link, LinkConfig, LinkError};
use symbolon_psi::{PsiError, PsiOutcome, PsiParams, run};

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("id-{i}")).collect()
}

fn configs(change: impl Fn(&mut LinkConfig)) -> Vec<LinkConfig> {
    (0..2)
        .map(|rank| {
            let mut config = LinkConfig::new(rank, 2, &Dialect::symbolon());
            change(&mut config);
            config
        })
        .collect()
}

fn run_on(links: &[Link], params: &PsiParams, items: [&[String]; 2]) -> [Result<PsiOutcome, PsiError>; 2] {
    std::thread::scope(|scope| {
        let [a, b] = [0, 1].map(|rank| {
            scope.spawn(move || run(&links[rank].root(), params, items[rank], secret(), &mut |_| {}))
        });
        [a.join().expect("rank 0"), b.join().expect("rank 1")]
    })
}

#[test]
fn a_window_of_one_message_is_enough() {
    // Both parties always have both streams to send, and hardly any room.
    let narrow = configs(|config| {
        config.throttle_window = 1;
        config.backlog_bytes = 64;
        config.mailbox_bytes = 1 << 12;
        config.max_message_bytes = 1 << 12;
    });
    let (_network, links) = Network::start(narrow).unwrap();
    let params = PsiParams { batch_size: 4, ..params() };
    let outcomes = run_on(&links, &params, [&ids(0..200), &ids(100..300)]);
    for outcome in outcomes {
        assert_eq!(outcome.unwrap().indices.map(|rows| rows.len()), Some(100));
    }
}

#[test]
fn messages_may_overtake_one_another() {
    let (network, links) = Network::start(configs(|_| {})).unwrap();
    let mut pushes = 0u32;
    network.set_faults(move |_, _, _| {
        pushes += 1;
        if pushes.is_multiple_of(3) { Fault::Hold(Duration::from_millis(3)) } else { Fault::None }
    });
    let params = PsiParams { batch_size: 4, ..params() };
    for outcome in run_on(&links, &params, [&ids(0..60), &ids(30..90)]) {
        assert_eq!(outcome.unwrap().indices.map(|rows| rows.len()), Some(30));
    }
}

/// A party that waits for room to send is let go too when another of its activities fails, and its peer with it.
#[test]
fn a_failure_ends_a_blocked_send_and_the_peer() {
    let narrow = configs(|config| {
        config.throttle_window = 1;
        config.backlog_bytes = 1;
    });
    let (_network, links) = Network::start(narrow).unwrap();
    let params = PsiParams { batch_size: 1, ..params() };
    let sending = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        let party = scope.spawn(|| {
            let (mut first, items) = (true, ids(0..50));
            run(&links[0].root(), &params, &items, secret(), &mut |_| {
                if std::mem::take(&mut first) {
                    sending.wait();
                }
            })
        });
        // It has something to send, nobody acknowledges it, and then it is told nonsense.
        sending.wait();
        links[1].root().send(0, "no batch").unwrap();
        let error = party.join().expect("rank 0").unwrap_err();
        assert!(matches!(error, PsiError::PeerMalformed { .. }), "{error}");
    });
    // The peer need not wait for its timeout of ten minutes.
    let error = loop {
        match links[1].root().recv(0) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LinkError::PeerFinished { peer: 0, .. }), "{error}");
}

#[test]
fn a_peer_that_is_gone_is_an_error_of_the_link() {
    let (network, links) =
        Network::start(configs(|config| config.idle_timeout = Duration::from_millis(50))).unwrap();
    network.kill(1);
    let error = run(&links[0].root(), &params(), &["a"], secret(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, PsiError::Link { source: LinkError::PeerFailed { peer: 1, .. }, .. }), "{error}");
}

#[test]
fn an_interruption_ends_the_run() {
    let (_network, links) = Network::start(configs(|_| {})).unwrap();
    let error = std::thread::scope(|scope| {
        let party = scope.spawn(|| {
            // Everything is sent, nothing comes: the first report interrupts.
            run(&links[0].root(), &params(), &["a"], secret(), &mut |_| links[0].abort("interrupted"))
        });
        party.join().expect("the party").unwrap_err()
    });
    assert!(matches!(error, PsiError::Link { source: LinkError::OursAborted { .. }, .. }), "{error}");
}

/// A panic in one activity (here of the progress report, in the thread that masks) is no wait without end.
#[test]
fn a_panic_goes_on_in_the_caller() {
    let (_network, links) = Network::start(configs(|_| {})).unwrap();
    let panicked = std::thread::scope(|scope| {
        let party = scope.spawn(|| {
            run(&links[0].root(), &params(), &["a"], secret(), &mut |p| {
                assert_eq!(p.own_masked, 0, "on purpose")
            })
        });
        party.join().is_err()
    });
    assert!(panicked);
}
