//! What the tests of the link share. Each test binary uses a part of it.
#![allow(dead_code)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use symbolon_dialect::Dialect;
use symbolon_link::{
    Carrier, Chunk, Completion, Frame, Link, LinkConfig, LinkError, PushError, Rank, Rejection,
};

/// Configurations with short times.
pub(crate) fn configs(parties: usize) -> Vec<LinkConfig> {
    (0..parties)
        .map(|rank| {
            let mut config = LinkConfig::new(rank, parties, &Dialect::symbolon());
            config.connect_timeout = Duration::from_secs(5);
            config.connect_interval = Duration::from_millis(5);
            config.receive_timeout = Duration::from_secs(5);
            config.idle_timeout = Duration::from_millis(500);
            config
        })
        .collect()
}

/// Every party in its own thread.
pub(crate) fn run<T: Send>(
    links: &[Link],
    party: impl Fn(&Link) -> Result<T, LinkError> + Sync,
) -> Vec<Result<T, LinkError>> {
    let party = &party;
    std::thread::scope(|scope| {
        let threads: Vec<_> = links.iter().map(|link| scope.spawn(move || party(link))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// A carrier that keeps what it is given. Answers at once, or when told.
#[derive(Default)]
pub(crate) struct Tap {
    pub(crate) pushed: Mutex<Vec<Frame>>,
    pub(crate) unanswered: Mutex<Vec<Completion>>,
    pub(crate) hold_answers: bool,
    pub(crate) gone: bool,
}

impl Tap {
    /// Keys and values as text, with the marks shown as `#`.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = |frame: &Frame| {
            format!("{} {}", frame.key.replace("\u{1}\u{2}", "#"), String::from_utf8_lossy(&frame.value))
        };
        self.pushed.lock().unwrap().iter().map(text).collect()
    }

    pub(crate) fn answer_all(&self, outcome: Result<(), PushError>) {
        let waiting = std::mem::take(&mut *self.unanswered.lock().unwrap());
        waiting.into_iter().for_each(|done| done(outcome.clone()));
    }
}

impl Carrier for Tap {
    fn push(&self, _: Rank, frame: Frame, done: Completion) {
        self.pushed.lock().unwrap().push(frame);
        if self.hold_answers {
            self.unanswered.lock().unwrap().push(done);
        } else {
            done(Ok(()));
        }
    }

    fn probe(&self, to: Rank) -> Result<(), PushError> {
        if self.gone { Err(PushError::Unreachable(format!("rank {to} has left"))) } else { Ok(()) }
    }
}

/// Rank 0 of two, whose peer is played by the test.
pub(crate) fn tapped(tap: Tap, change: impl FnOnce(&mut LinkConfig)) -> (Arc<Tap>, Link) {
    let tap = Arc::new(tap);
    let mut config = configs(2).remove(0);
    change(&mut config);
    let link = Link::new(config, tap.clone()).unwrap();
    (tap, link)
}

/// A frame of rank 1; `#` in the key stands for the mark.
pub(crate) fn frame(key: &str, value: impl Into<Bytes>) -> Frame {
    Frame { sender: 1, key: key.replace('#', "\u{1}\u{2}"), value: value.into(), chunk: None }
}

/// A chunk of rank 1.
pub(crate) fn chunk(key: &str, message_length: u64, offset: u64, value: impl Into<Bytes>) -> Frame {
    Frame { chunk: Some(Chunk { message_length, offset }), ..frame(key, value) }
}

pub(crate) fn deliver(link: &Link, frame: Frame) -> Result<(), Rejection> {
    link.inbox().deliver(frame)
}

/// Waits for something that another thread is about to do.
pub(crate) fn eventually(what: &str, check: impl Fn() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
