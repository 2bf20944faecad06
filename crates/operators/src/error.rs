//! What can go wrong in an operator.

use symbolon_ring::RingError;
use symbolon_semi2k::Semi2kError;

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The protocol underneath failed: a peer, the dealer or the link.
    #[error(transparent)]
    Protocol(#[from] Semi2kError),
    /// The fraction bits cannot hold the constants of an operator.
    #[error(
        "{operator} needs at least {least} fraction bits, because its constants would be rounded to zero \
         with {fraction_bits}; raise the fraction bits of the plan"
    )]
    ConfigFractionBits {
        /// The operator.
        operator: &'static str,
        /// Fraction bits of the session.
        fraction_bits: u32,
        /// The fewest that the operator takes.
        least: u32,
    },
    /// A public scalar of an operator cannot be encoded.
    #[error("{operator}: a public scalar cannot be encoded")]
    ConfigScalar {
        /// The operator.
        operator: &'static str,
        /// Why.
        #[source]
        source: RingError,
    },
}
