//! What can go wrong, by blame.

use std::path::PathBuf;
use std::{fmt, io};

use symbolon_curve::CurveError;
use symbolon_link::{LinkError, Rank};

use crate::SourceError;

/// One of the two streams of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Points masked once by their owner, on the channel of the run.
    First,
    /// Points masked by both, on its sub-channel.
    Second,
}

impl Stream {
    /// The `type` of its batches.
    pub const fn wire_type(self) -> &'static str {
        match self {
            Self::First => "enc",
            Self::Second => "dual.enc",
        }
    }
}

/// Where in the peer's traffic an error lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Location {
    /// Rank of the sender.
    pub peer: Rank,
    /// The stream.
    pub stream: Stream,
    /// Which batch of the stream, from 0.
    pub batch: u64,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {}, stream \"{}\", batch {}", self.peer, self.stream.wire_type(), self.batch)
    }
}

/// Errors of this crate. `Config…` variants blame local parameters, `Ours…` this party's own data or
/// machine, `Peer…` what the peer sent; [`PsiError::Link`] is the connection's. No id, scalar or point is in any.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PsiError {
    /// A parameter that no run can use.
    #[error("parameter {field}: {reason}")]
    ConfigParameter {
        /// Name of the field of [`PsiParams`](crate::PsiParams).
        field: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The suite is not implemented, or the secret was made for another curve.
    #[error(transparent)]
    ConfigSuite(CurveError),
    /// The second ciphertext that this party would send is too short for the two sets.
    #[error(
        "second ciphertexts of {bits} bits are too short for these sets: {needed} are needed; agree on more, or send whole points"
    )]
    ConfigUnsafeTruncation {
        /// Bits that would be compared.
        bits: u32,
        /// [`safe_bits`](crate::safe_bits) of the two sets.
        needed: u32,
    },
    /// An id occurs twice and [`Duplicates::Refuse`](crate::Duplicates::Refuse) is set.
    #[error("rows {first} and {second} (from 0) hold the same id; remove one of them, or count duplicates")]
    OursDuplicate {
        /// Index of the first row.
        first: usize,
        /// Index of the row that repeats it.
        second: usize,
    },
    /// An own batch could not be masked.
    #[error("masking own batch {batch} failed: {source}")]
    OursMask {
        /// The batch, from 0.
        batch: u64,
        /// Why.
        source: CurveError,
    },
    /// A message is no `EcdhPsiCipherBatch`.
    #[error("{at}: the message is no EcdhPsiCipherBatch: {reason}; the sender is broken or not at this step")]
    PeerMalformed {
        /// Where.
        at: Location,
        /// What the decoder said.
        reason: String,
    },
    /// A batch has the wrong `type`.
    #[error("{at}: type {found:?} where \"{expected}\" belongs", expected = at.stream.wire_type())]
    PeerType {
        /// Where.
        at: Location,
        /// The type received, cut to 32 characters.
        found: String,
    },
    /// A batch has the wrong `batch_index`.
    #[error("{at}: batch_index is {found}; indices count from 0 without gaps")]
    PeerIndex {
        /// Where; `at.batch` is the index expected.
        at: Location,
        /// The index received.
        found: i32,
    },
    /// `count` and `ciphertext` do not fit together.
    #[error("{at}: count {count} does not fit {bytes} bytes of ciphertext ({rule})")]
    PeerCount {
        /// Where.
        at: Location,
        /// The count received.
        count: i32,
        /// Length of the ciphertext received.
        bytes: usize,
        /// What must hold.
        rule: &'static str,
    },
    /// A batch without points that is not marked as the last.
    #[error("{at}: an empty batch that is not marked as the last; only the end of the stream may be empty")]
    PeerEmptyBatch {
        /// Where.
        at: Location,
    },
    /// `duplicate_item_cnt_map` has an entry that cannot be.
    #[error("{at}: duplicate_item_cnt_map: {reason}")]
    PeerRepeatMap {
        /// Where.
        at: Location,
        /// What is wrong.
        reason: String,
    },
    /// A point of small order: its product with any scalar is all zeros.
    #[error("{at}: point {index} has small order (all-zero product); the peer is broken or dishonest")]
    PeerLowOrder {
        /// Where.
        at: Location,
        /// The point in the batch, from 0.
        index: usize,
    },
    /// Bytes that are no point of the suite's curve in the agreed format.
    #[error("{at}: {source}")]
    PeerPoint {
        /// Where.
        at: Location,
        /// Which point of the batch, and why.
        source: CurveError,
    },
    /// More items than announced, agreed or allowed.
    #[error(
        "rank {peer} {verb} {items} items or more, the limit is {limit} ({cause})",
        verb = if *announced { "announced" } else { "sent" },
        cause = if *announced { "raise max_peer_items if that is wanted" } else { "what it announced, or max_peer_items" }
    )]
    PeerTooManyItems {
        /// Rank of the sender.
        peer: Rank,
        /// Whether it only announced them.
        announced: bool,
        /// Items announced or seen so far.
        items: u64,
        /// The limit.
        limit: u64,
    },
    /// Fewer items than announced.
    #[error("rank {peer} ended after {items} items ({rows} with repetitions) but announced {announced}")]
    PeerTooFewItems {
        /// Rank of the sender.
        peer: Rank,
        /// Points received.
        items: u64,
        /// Points and their repetitions.
        rows: u64,
        /// Items announced in the handshake.
        announced: u64,
    },
    /// The peer returned another number of second ciphertexts than points it was sent.
    #[error("{at}: {found} second ciphertexts returned for {sent} points; each point has exactly one")]
    PeerSecondCount {
        /// Where.
        at: Location,
        /// Ciphertexts received so far.
        found: u64,
        /// Points that this party sent.
        sent: u64,
    },
    /// Second ciphertexts of a length that is no known form.
    #[error(
        "{at}: second ciphertexts of {length} bytes; {expected} bytes are agreed, whole points are accepted, 12 bytes only if allowed"
    )]
    PeerSecondLength {
        /// Where.
        at: Location,
        /// Bytes per ciphertext received.
        length: usize,
        /// Bytes per ciphertext agreed.
        expected: usize,
    },
    /// Second ciphertexts too short for the two sets.
    #[error(
        "rank {peer} sends second ciphertexts of {bits} bits, but these sets need {needed}; different ids could be taken for equal"
    )]
    PeerUnsafeLength {
        /// Rank of the sender.
        peer: Rank,
        /// Bits that would be compared.
        bits: u32,
        /// [`safe_bits`](crate::safe_bits) of the two sets.
        needed: u32,
    },
    /// The peer repeats an id and [`Duplicates::Refuse`](crate::Duplicates::Refuse) is set.
    #[error(
        "rank {peer} holds an id several times (its item {item}, from 0, is one); it must remove duplicates"
    )]
    PeerDuplicate {
        /// Rank of the sender.
        peer: Rank,
        /// Position of the item in the peer's stream, from 0.
        item: u64,
    },
    /// The peer returned the same second ciphertext for two different ids.
    #[error(
        "rank {peer} returned the same second ciphertext for different ids (own rows {first} and {second}); it is broken or dishonest"
    )]
    PeerInconsistent {
        /// Rank of the sender.
        peer: Rank,
        /// One own row, from 0.
        first: usize,
        /// Another.
        second: usize,
    },
    /// The own ids could not be read.
    #[error("reading the own ids: {0}")]
    OursSource(SourceError),
    /// A file could not be read or changed.
    #[error("{doing} {path}: {source}", path = path.display())]
    OursFile {
        /// What was being done.
        doing: &'static str,
        /// The file, or the folder of a temporary one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file system filled up during the run.
    #[error(
        "no space left for {path} ({source}); free some and start both parties again: a run with a run directory goes on where it is",
        path = path.display()
    )]
    OursDiskFull {
        /// The file, or the folder of a temporary one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file system has not enough space for the run.
    #[error(
        "the run needs about {needed} bytes in {path}, where {free} are free; free some, name another folder, or divide the ids into partitions",
        path = path.display()
    )]
    OursDiskSpace {
        /// The folder.
        path: PathBuf,
        /// Bytes that the run may need, from the sizes of the two sets.
        needed: u64,
        /// Bytes that the file system has left.
        free: u64,
    },
    /// The run directory cannot be used.
    #[error("run directory {path}: {reason}", path = path.display())]
    RunDirectory {
        /// The folder, or a file in it.
        path: PathBuf,
        /// Why not, and what to do.
        reason: String,
    },
    /// What the peer of a resumed run holds does not fit what this party holds.
    #[error(
        "rank {peer} and this party cannot resume together: {reason}; delete the run directories of both to start anew"
    )]
    PeerPosition {
        /// Rank of the peer.
        peer: Rank,
        /// What does not fit.
        reason: String,
    },
    /// The link failed.
    #[error("{during}: {source}")]
    Link {
        /// What was being done.
        during: &'static str,
        /// The link's error, with peer, key and operation.
        source: LinkError,
    },
}
