//! What became of a recording in a replay.

use super::RecordedFrame;
use crate::Rejection;

/// What became of the peers' frames. What our party sent is in [`Replayer::sent`](super::Replayer::sent), to be
/// compared by whoever knows what may differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayReport {
    /// Recorded frames of the peers that were not delivered, because our party did not send what
    /// they follow.
    pub undelivered: Vec<RecordedFrame>,
    /// Frames of the peers that our party's inbox rejected.
    pub rejected: Vec<(RecordedFrame, Rejection)>,
    /// How many frames of the peers were delivered before our party had sent all that they follow, since it
    /// waited idly.
    pub early: usize,
}

impl ReplayReport {
    /// Whether our party took everything that is recorded.
    pub fn is_complete(&self) -> bool {
        self.undelivered.is_empty() && self.rejected.is_empty()
    }
}
