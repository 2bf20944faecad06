//! Why a handshake did not lead to a plan, split by who is to blame.

use symbolon_link::LinkError;
use symbolon_wire::PeerError;

use crate::refusal::Refusal;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// A message could not be sent or did not arrive.
    #[error("handshake with rank {peer}: {source}; check that the peer runs the same algorithm")]
    Link {
        /// The other end.
        peer: usize,
        /// What the link reports.
        source: LinkError,
    },
    /// We, as rank 0, refused; the others have been told.
    #[error("the handshake is refused: {0}")]
    Refused(Refusal),
    /// Rank 0 refused.
    #[error("rank 0 refused the handshake: {0}")]
    PeerRefused(PeerError),
    /// Rank 0 decided for something that this party did not offer.
    #[error(
        "the plan of rank {peer} has {item} = {found}, which this party did not offer; offer it or change rank {peer}'s configuration"
    )]
    PeerIncompatible {
        /// The other end.
        peer: usize,
        /// The item of the plan.
        item: &'static str,
        /// What the plan says.
        found: String,
    },
    /// A message that the protocol does not allow.
    #[error("rank {peer} broke the protocol in the handshake: {item}: {reason}")]
    PeerMisbehaved {
        /// The other end.
        peer: usize,
        /// The item of the message.
        item: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The plan is valid, but this party's policy does not allow it.
    #[error(
        "this party's policy refuses the plan: {item} is {found:?}, allowed is {allowed}; change the policy or the other party's configuration"
    )]
    PolicyRefused {
        /// The item of the plan.
        item: &'static str,
        /// What the plan says.
        found: String,
        /// What the policy allows.
        allowed: String,
    },
    /// Our own offer cannot be used.
    #[error("configuration of the handshake: {item}: {reason}")]
    Config {
        /// The item of the offer.
        item: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}
