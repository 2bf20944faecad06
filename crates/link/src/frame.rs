//! What travels: frames, and who carries them.

use std::fmt;

use bytes::Bytes;

/// The number of a party, from 0.
pub type Rank = usize;

/// One push: a whole message, or one chunk of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Rank of the sender as it stands on the wire.
    pub sender: u64,
    /// The key as it stands on the wire, with its sequence suffix if it has one.
    pub key: String,
    /// The message, or the bytes of this chunk.
    pub value: Bytes,
    /// Present if the message is cut (transport type CHUNKED).
    pub chunk: Option<Chunk>,
}

/// Where a chunk belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chunk {
    /// Length of the whole message in bytes.
    pub message_length: u64,
    /// Position of the chunk's first byte in the message.
    pub offset: u64,
}

/// Shows the length of the value, never its bytes.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("sender", &self.sender)
            .field("key", &self.key)
            .field("bytes", &self.value.len())
            .field("chunk", &self.chunk)
            .finish()
    }
}

/// The link refuses a frame: what a server writes into the header of its response.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// The wire's error code, one of the constants of this type.
    pub code: i32,
    /// What is wrong, without any byte of the value.
    pub message: String,
    /// True when the mailbox is full: the same frame may be accepted later, so a carrier or server may
    /// wait and deliver it again.
    pub retry_later: bool,
}

impl Rejection {
    /// `UNEXPECTED_ERROR`: a sender that is no party of this link, as yacl answers it.
    pub const UNEXPECTED_ERROR: i32 = 31_100_001;
    /// `NETWORK_ERROR`: this link has ended or not yet begun.
    pub const NETWORK_ERROR: i32 = 31_100_002;
    /// `INVALID_REQUEST`: a malformed key, an impossible chunk, a contradiction.
    pub const INVALID_REQUEST: i32 = 31_100_100;
    /// `INVALID_RESOURCE`: the message is larger than allowed, or the mailbox is full (erratum E12).
    pub const INVALID_RESOURCE: i32 = 31_100_101;

    /// A final rejection.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_later: false }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Self::INVALID_REQUEST, message)
    }

    pub(crate) fn full(message: impl Into<String>) -> Self {
        Self { code: Self::INVALID_RESOURCE, message: message.into(), retry_later: true }
    }
}

/// Why a push did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// No answer came: not listening, connection lost, timeout of the carrier.
    #[error("{0}")]
    Unreachable(String),
    /// The peer answered with an error.
    #[error("refused with code {code}: {}", Quoted(message))]
    Refused {
        /// The wire's error code.
        code: i32,
        /// The peer's text, as it came. Shown without control characters, and cut if it is long.
        message: String,
    },
}

/// Characters shown of a peer's text.
const LONGEST_TEXT: usize = 300;

/// A peer's text on its way to a log or a terminal.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for shown in self.0.chars().take(LONGEST_TEXT) {
            if shown.is_control() { write!(f, "{}", shown.escape_unicode())? } else { write!(f, "{shown}")? }
        }
        if self.0.chars().nth(LONGEST_TEXT).is_some() { f.write_str("…") } else { Ok(()) }
    }
}

/// Called exactly once with the outcome of a push.
pub type Completion = Box<dyn FnOnce(Result<(), PushError>) + Send>;

/// Takes frames to other parties: sockets, memory, a recording.
pub trait Carrier: Send + Sync {
    /// Starts to deliver `frame` to rank `to`. Never blocks on the network; calls `done` once, when the
    /// peer answered or the push failed, from any thread, possibly before this call returns. Retrying after a
    /// lost connection is the carrier's business, ordering is not.
    fn push(&self, to: Rank, frame: Frame, done: Completion);

    /// Whether rank `to` is reachable. Used while a receive waits long; may block for a moment.
    ///
    /// # Errors
    /// Why the peer is believed to be gone.
    fn probe(&self, to: Rank) -> Result<(), PushError>;
}
