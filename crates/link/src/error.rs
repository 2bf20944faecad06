//! What can go wrong on a link, split by blame.

use std::fmt;
use std::time::Duration;

use crate::{PushError, Rank};

/// What a party was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Presence exchange.
    Connect,
    /// Point to point send.
    Send,
    /// Point to point receive.
    Receive,
    /// Everyone's value to everyone.
    AllGather,
    /// Everyone's value to the root.
    Gather,
    /// One value per rank from the root.
    Scatter,
    /// One value from the root to all.
    Broadcast,
    /// Waiting for one another.
    Barrier,
    /// Acknowledging a received message.
    Acknowledge,
    /// The orderly end.
    Finish,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::AllGather => "allgather",
            Self::Gather => "gather",
            Self::Scatter => "scatter",
            Self::Broadcast => "broadcast",
            Self::Barrier => "barrier",
            Self::Acknowledge => "acknowledge",
            Self::Finish => "finish",
        })
    }
}

/// Errors of a link. Nothing in them comes from the value of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The configuration cannot work.
    #[error("link configuration: {0}")]
    Config(String),
    /// A call that the caller must not make: a rank outside the world, a missing value at the root.
    #[error("{action}: {reason}")]
    OursMisuse {
        /// The call.
        action: Action,
        /// What is wrong with it.
        reason: String,
    },
    /// The link was aborted by this party.
    #[error("{action} with rank {peer} under key {key:?}: this party stopped the link: {reason}")]
    OursAborted {
        /// The peer of the operation.
        peer: Rank,
        /// The operation that was waiting or attempted.
        action: Action,
        /// Its key, without sequence suffix.
        key: String,
        /// The reason given to [`Link::abort`](crate::Link::abort).
        reason: String,
    },
    /// An operation after [`Link::finish`](crate::Link::finish) began.
    #[error("{action} with rank {peer}: this party has already finished its link")]
    OursFinished {
        /// The peer of the operation.
        peer: Rank,
        /// The operation attempted.
        action: Action,
    },
    /// Parties that did not show up.
    #[error("connect: after {waited:?} {}; check that they run, their addresses, and that all use the same link dialect",
        missing.iter().map(|(rank, why)| format!("rank {rank} {why}")).collect::<Vec<_>>().join("; "))]
    PeersNotConnected {
        /// How long we tried.
        waited: Duration,
        /// Each missing rank and what is missing: it could not be reached (and why), or it did not call.
        missing: Vec<(Rank, String)>,
    },
    /// Nothing came in time.
    #[error("{action} with rank {peer} under key {key:?}: waited {waited:?} for {what}{note}")]
    PeerTimeout {
        /// The peer waited for.
        peer: Rank,
        /// The operation that waited.
        action: Action,
        /// Its key, without sequence suffix.
        key: String,
        /// How long it waited.
        waited: Duration,
        /// What did not come.
        what: &'static str,
        /// What else is known, beginning with "; ", or nothing.
        note: String,
    },
    /// The peer cannot be reached any more, or refused something. `cause` is the first failure with that
    /// peer; later operations repeat it.
    #[error("{action} with rank {peer} under key {key:?}: the link to rank {peer} failed: {cause}")]
    PeerFailed {
        /// The peer.
        peer: Rank,
        /// The operation that now fails.
        action: Action,
        /// Its key, without sequence suffix.
        key: String,
        /// The first failure.
        cause: Box<Failure>,
    },
    /// The peer ended its link in order, and what we wait for was not among what it sent.
    #[error(
        "{action} with rank {peer} under key {key:?}: rank {peer} finished without sending it; its log should say why"
    )]
    PeerFinished {
        /// The peer.
        peer: Rank,
        /// The operation that waited.
        action: Action,
        /// Its key, without sequence suffix.
        key: String,
    },
}

/// The first thing that went wrong with a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A push failed.
    #[error("{action} of key {key:?}: {error}")]
    Push {
        /// What the push was for.
        action: Action,
        /// The key pushed, without sequence suffix.
        key: String,
        /// What the carrier said.
        error: PushError,
    },
    /// The peer did not answer a probe.
    #[error("nothing arrived for {silent:?} and the probe failed: {error}")]
    Probe {
        /// How long nothing came.
        silent: Duration,
        /// What the carrier said.
        error: PushError,
    },
    /// The peer broke the protocol.
    #[error("it broke the protocol: {0}")]
    Misbehaved(String),
    /// The peer announced a message above the maximum.
    #[error(
        "it sent a message of {bytes} bytes, more than max_message_bytes ({limit}); raise it here or send less there"
    )]
    Oversized {
        /// Announced length.
        bytes: u64,
        /// Our limit.
        limit: usize,
    },
    /// An earlier operation gave up waiting.
    #[error("{action} under key {key:?} had already given up after {waited:?}")]
    Timeout {
        /// The operation that gave up.
        action: Action,
        /// Its key.
        key: String,
        /// How long it waited.
        waited: Duration,
    },
}

impl LinkError {
    /// The peer that the error is about, where there is exactly one.
    pub fn peer(&self) -> Option<Rank> {
        match self {
            Self::OursAborted { peer, .. }
            | Self::OursFinished { peer, .. }
            | Self::PeerTimeout { peer, .. }
            | Self::PeerFailed { peer, .. }
            | Self::PeerFinished { peer, .. } => Some(*peer),
            Self::PeersNotConnected { missing, .. } => match missing.as_slice() {
                [(rank, _)] => Some(*rank),
                _ => None,
            },
            Self::Config(_) | Self::OursMisuse { .. } => None,
        }
    }
}
