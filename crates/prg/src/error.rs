//! What can go wrong with seeds and streams.

/// Every error of this crate.
///
/// A stream does not know for whom it is drawn: a caller that took a counter or a size from a peer names
/// the peer when it wraps the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrgError {
    /// The block counter would pass 2^64 - 1. Nothing was drawn.
    #[error(
        "a draw of {blocks} blocks at block counter {counter} would pass the end of the stream (2^64 - 1 blocks); \
         start a session with fresh seeds"
    )]
    OursCounterOverflow {
        /// The counter before the draw.
        counter: u64,
        /// Blocks of 16 bytes that the draw needs.
        blocks: u64,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes for a seed: {0}")]
    OursOperatingSystem(getrandom::Error),
}
