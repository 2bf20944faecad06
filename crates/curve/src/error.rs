//! What can go wrong, by blame.

use crate::Suite;

/// Errors of this crate. `Peer…` variants blame the bytes that were received, `Config…` the local choice,
/// `Ours…` this machine or this party's own data. None carries a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CurveError {
    /// The suite is not implemented.
    #[error("suite {0} is not implemented; choose {implemented}", implemented = Suite::CURVE25519_SHA256_DIRECT)]
    ConfigUnsupportedSuite(Suite),
    /// The secret scalar was made for another curve than the suite's.
    #[error("the secret scalar does not belong to the curve of suite {0}; draw it for that curve")]
    ConfigScalarOfOtherCurve(Suite),
    /// A buffer of encoded points is not a whole number of points.
    #[error(
        "{length} bytes are not a whole number of points of {point_bytes} bytes; the sender must pack whole points"
    )]
    PeerLength {
        /// Bytes received.
        length: usize,
        /// Bytes of one encoded point.
        point_bytes: usize,
    },
    /// A received point has small order: its product with any scalar is all zeros.
    #[error("point {index} has small order (all-zero product); refuse the sender's data")]
    PeerLowOrder {
        /// Position of the point in the buffer, from 0.
        index: usize,
    },
    /// An own item hashed to a point of small order. It happens with probability about 2^-250.
    #[error("item {index} hashes to a point of small order; it cannot take part")]
    OursLowOrder {
        /// Position of the item in the batch, from 0.
        index: usize,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no randomness for a secret scalar: {0}")]
    OursRandomness(String),
}
