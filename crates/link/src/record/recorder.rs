//! The recorder.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Direction, RecordedFrame};
use crate::{Carrier, Completion, Frame, Inbox, PushError, Rank};

/// A carrier that passes everything on to another and writes it down.
///
/// It keeps every frame in memory, shares their bytes where it can, and holds secrets if the traffic does.
pub struct Recorder {
    carrier: Arc<dyn Carrier>,
    frames: Arc<Mutex<Vec<RecordedFrame>>>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("frames", &lock(&self.frames).len()).finish_non_exhaustive()
    }
}

impl Recorder {
    /// A recorder in front of `carrier`. Build the link around it, then call [`Recorder::watch`].
    pub fn new(carrier: Arc<dyn Carrier>) -> Arc<Self> {
        Arc::new(Self { carrier, frames: Arc::default() })
    }

    /// Writes down what `inbox` accepts from now on. False if the link is gone or is watched already.
    pub fn watch(&self, inbox: &Inbox) -> bool {
        let frames = self.frames.clone();
        inbox.observe(Box::new(move |frame: &Frame| {
            let peer = Rank::try_from(frame.sender).unwrap_or(Rank::MAX);
            let frame = frame.clone();
            lock(&frames).push(RecordedFrame {
                direction: Direction::Received,
                peer,
                frame,
                delivered: true,
            });
        }))
    }

    /// Everything so far. Sent frames stand where their push began, received ones where they were accepted.
    pub fn frames(&self) -> Vec<RecordedFrame> {
        lock(&self.frames).clone()
    }
}

impl Carrier for Recorder {
    fn push(&self, to: Rank, frame: Frame, done: Completion) {
        let place = {
            let mut frames = lock(&self.frames);
            frames.push(RecordedFrame {
                direction: Direction::Sent,
                peer: to,
                frame: frame.clone(),
                delivered: false,
            });
            frames.len() - 1
        };
        let frames = self.frames.clone();
        let note = move |outcome: Result<(), PushError>| {
            if let Some(entry) = lock(&frames).get_mut(place) {
                entry.delivered = outcome.is_ok();
            }
            done(outcome);
        };
        self.carrier.push(to, frame, Box::new(note));
    }

    fn probe(&self, to: Rank) -> Result<(), PushError> {
        self.carrier.probe(to)
    }
}

fn lock(frames: &Mutex<Vec<RecordedFrame>>) -> MutexGuard<'_, Vec<RecordedFrame>> {
    frames.lock().unwrap_or_else(PoisonError::into_inner)
}
