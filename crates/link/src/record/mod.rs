//! A party's traffic written down, and played back to it.
//!
//! A [`Recorder`] sits between a link and its carrier and sees both directions. A [`Replayer`] is the
//! carrier of a link whose peers are a recording: it delivers the peers' frames, takes what the party
//! sends, and keeps it for comparison.

mod recorder;
mod replayer;
mod report;

pub use recorder::Recorder;
pub use replayer::Replayer;
pub use report::ReplayReport;

use crate::{Frame, Rank};

/// Which way a recorded frame went, seen from the party that it was recorded at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the party to `peer`.
    Sent,
    /// From `peer` to the party.
    Received,
}

/// One frame, in the order of the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFrame {
    /// Which way it went.
    pub direction: Direction,
    /// The other party.
    pub peer: Rank,
    /// Everything that the request on the wire is made of.
    pub frame: Frame,
    /// Whether the receiver took it. A frame that was not taken (a presence call before the peer
    /// listens) plays no part in a replay.
    pub delivered: bool,
}
