//! A recording played against a Symbolon party.
//!
//! Symbolon plays one rank with that rank's inputs and secrets; the other rank's messages come from the
//! recording, in their recorded order, each as soon as Symbolon has sent what had been sent before it. Then every
//! message that Symbolon sent is compared with the recorded one, as the bytes of its `PushRequest`, and the
//! result with the recorded result.
//!
//! What is allowed to differ, and why:
//! - **The number of presence probes**: it depends on when the peer began to listen.
//! - **The order of messages**: pushes overtake each other. Keys say which is which.
//! - **Sequence numbers in PSI**: two threads share one counter. The set of numbers used is compared, and each
//!   message apart from its number.
//! - **A handshake version that the recorded party was made to send**: the same change is made to Symbolon's request.
//!
//! Everything else must be equal.
//!
//! [`replay`] plays both in one process. With a [`LivePeer`] the party is another process, behind real sockets.

mod compare;
mod dealer;
mod live;
mod lr;
mod party;
mod psi;

use std::fmt;

pub use compare::Difference;
pub use live::LivePeer;

use crate::ConformanceError;
use crate::recording::{Recording, Run};

/// What a replay found.
#[derive(Debug, Clone)]
pub struct Report {
    /// The recording's id.
    pub id: String,
    /// The rank that Symbolon played.
    pub rank: usize,
    /// Messages compared and found equal.
    pub equal: usize,
    /// Messages that differ, are missing or were not expected.
    pub differences: Vec<Difference>,
    /// Dealer requests that were asked as recorded, with recomputed replies equal to the recorded ones.
    pub dealer_requests: usize,
    /// What is wrong with the outcome, if anything.
    pub outcome: Result<(), String>,
    /// Deviations that are wanted, with their erratum.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether Symbolon behaved as recorded.
    pub fn passed(&self) -> bool {
        self.differences.is_empty() && self.outcome.is_ok()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed() { "ok  " } else { "FAIL" };
        write!(f, "{verdict} {} rank {}: {} messages equal", self.id, self.rank, self.equal)?;
        if self.dealer_requests > 0 {
            write!(f, ", {} dealer replies recomputed", self.dealer_requests)?;
        }
        for note in &self.notes {
            write!(f, "\n     note: {note}")?;
        }
        for difference in &self.differences {
            write!(f, "\n     {difference}")?;
        }
        if let Err(reason) = &self.outcome {
            write!(f, "\n     outcome: {reason}")?;
        }
        Ok(())
    }
}

/// Plays `recording` against Symbolon as `rank`.
///
/// # Errors
/// The recording is inconsistent, or asks for something that Symbolon does not have. A party that behaves
/// differently is not an error but a [`Report`] that has not passed.
pub fn replay(recording: &Recording, rank: usize) -> Result<Report, ConformanceError> {
    if rank >= recording.parties.len() {
        return Err(ConformanceError::Replay { rank, reason: "the recording has two parties".into() });
    }
    match &recording.run {
        Run::Lr(run) => lr::replay(recording, run, rank),
        Run::Psi(run) => psi::replay(recording, run, rank),
    }
}
