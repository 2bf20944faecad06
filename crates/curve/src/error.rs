//! What can go wrong, by blame.

use crate::{PointFormat, Suite};

/// Errors of this crate. `Peer…` variants blame the bytes that were received, `Config…` the local choice,
/// `Ours…` this machine or this party's own data. None carries a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CurveError {
    /// The suite is not implemented.
    #[error("suite {0} is not implemented; {preferred} is one that is", preferred = Suite::CURVE25519_SHA256_DIRECT)]
    ConfigUnsupportedSuite(Suite),
    /// No implemented suite has this name.
    #[error(
        "no suite is called {0:?}; a name is curve-hash-map-format, such as {direct}, {increment} or {rehash}",
        direct = Suite::CURVE25519_SHA256_DIRECT,
        increment = Suite::SM2_SM3_INCREMENT,
        rehash = Suite::SM2_SHA256_REHASH
    )]
    ConfigUnknownSuite(String),
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
    /// A received point begins with a byte that the agreed format does not have, or, in the hybrid format,
    /// with one that does not fit its y. The identity is refused so, too: it has no encoding of this length.
    #[error(
        "point {index} begins with byte {found:#04x}, which cannot be in {format:?} format for it; refuse the sender's data"
    )]
    PeerFormatByte {
        /// Position of the point in the buffer, from 0.
        index: usize,
        /// The byte received.
        found: u8,
        /// The agreed format.
        format: PointFormat,
    },
    /// A received point is not on the curve, or a coordinate is not below the field's prime.
    #[error("point {index} is not on the curve; refuse the sender's data")]
    PeerOffCurve {
        /// Position of the point in the buffer, from 0.
        index: usize,
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
    /// The map found no point for an own item. It happens with probability about 2^-100.
    #[error("item {index} hashes to no point of the curve in 100 attempts; it cannot take part")]
    OursNoPoint {
        /// Position of the item in the batch, from 0.
        index: usize,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no randomness for a secret scalar: {0}")]
    OursRandomness(String),
}
