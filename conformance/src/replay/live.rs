//! The other party of a recorded run, for a party that is played somewhere else.

use std::sync::Arc;

use symbolon_link::record::Replayer;
use symbolon_link::{Carrier, Frame, Rejection};

use super::compare::{self, Numbers};
use super::{Report, party};
use crate::ConformanceError;
use crate::recording::{Recording, Run};

/// Plays one rank of a recording to a party behind sockets: hand it what that party sends, and it says what the recorded
/// peer sent next.
///
/// What the party's results are it cannot see; [`LivePeer::report`] compares messages only.
pub struct LivePeer {
    recording: Recording,
    /// The party under test.
    rank: usize,
    replayer: Arc<Replayer>,
    carrier: Arc<dyn Carrier>,
}

impl LivePeer {
    /// The peer of `rank` in a two-party recording.
    ///
    /// # Errors
    /// A rank that is not in the recording, a message that is none.
    pub fn new(recording: Recording, rank: usize) -> Result<Self, ConformanceError> {
        if rank >= recording.parties.len() {
            return Err(ConformanceError::Replay { rank, reason: "the recording has two parties".into() });
        }
        let replayer = party::replayer(&recording, rank)?;
        let carrier = party::carrier(&recording, rank, &replayer);
        Ok(Self { recording, rank, replayer, carrier })
    }

    /// From now on, what the recorded peer sent goes to `deliver`, which may block and must not fail for a party that is
    /// merely not listening yet. Begins with what the peer sent first.
    pub fn attach(&self, deliver: impl Fn(Frame) -> Result<(), Rejection> + Send + Sync + 'static) {
        self.replayer.attach_with(deliver);
    }

    /// Takes a message of the party under test, and delivers whatever the peer sent after it.
    pub fn take(&self, frame: Frame) {
        self.carrier.push(1 - self.rank, frame, Box::new(|_| {}));
    }

    /// The party under test has been silent: delivers the peer's next message even if the party has not sent everything
    /// that was recorded before it.
    pub fn nudge(&self) {
        // That nothing is left is no news here.
        let _ = self.carrier.probe(1 - self.rank);
    }

    /// Whether the party took everything that the peer sent.
    pub fn is_complete(&self) -> bool {
        self.replayer.report().is_complete()
    }

    /// Every message of the party, held against the recorded one.
    ///
    /// # Errors
    /// A message of the recording that is none.
    pub fn report(&self) -> Result<Report, ConformanceError> {
        let numbers = match self.recording.run {
            Run::Lr(_) => Numbers::Exact,
            Run::Psi(_) => Numbers::AnyOrder,
        };
        let sent: Vec<Frame> = self.replayer.sent().into_iter().map(|(_, frame)| frame).collect();
        let (equal, mut differences) = compare::compare(&self.recording, self.rank, &sent, numbers)?;
        let notes = party::notes(&self.recording, self.rank, &mut differences);
        let outcome = match self.replayer.report() {
            report if report.is_complete() => Ok(()),
            report => Err(party::untaken(&report)),
        };
        let id = self.recording.id.clone();
        Ok(Report { id, rank: self.rank, equal, differences, dealer_requests: 0, outcome, notes })
    }
}
