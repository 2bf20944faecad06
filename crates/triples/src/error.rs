//! What can go wrong with correlated randomness.

use symbolon_prg::PrgError;
use symbolon_ring::{Field, RingError};

use crate::{Op, ReplayOp};

/// What is wrong with an operation or with the request that carries it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A dimension is 0: nothing would be drawn.
    #[error("it has no elements")]
    Empty,
    /// Elements times bytes, or their sum, pass 2^64 - 1 or the address space.
    #[error("its buffers are larger than this machine can address")]
    Overflow,
    /// The request is larger than the configured limit.
    #[error("its buffers take {bytes} bytes and at most {limit} are accepted; split it or raise the limit")]
    TooLarge {
        /// Bytes of all buffers of one party together.
        bytes: u64,
        /// [`Limits::max_bytes_per_request`](crate::Limits::max_bytes_per_request).
        limit: u64,
    },
    /// A truncation by more bits than the ring leaves.
    #[error("{bits} bits cannot be cut off there: choose at most {most}")]
    Bits {
        /// Bits asked for.
        bits: u32,
        /// The most that the operation takes in this ring.
        most: u32,
    },
    /// Another number of buffers than the operation has.
    #[error("it lists {got} buffers instead of {expected}")]
    BufferCount {
        /// Buffers that the operation has.
        expected: usize,
        /// Buffers listed.
        got: usize,
    },
    /// A buffer's length is not what the operation says.
    #[error("buffer {index} is said to have {got} bytes instead of {expected}")]
    BufferBytes {
        /// Position in the request, from 0.
        index: usize,
        /// Bytes that the operation needs.
        expected: u64,
        /// Bytes announced.
        got: u64,
    },
    /// A buffer would pass the end of the stream.
    #[error("buffer {index} starts at block {counter} and would pass the end of the stream")]
    Counter {
        /// Position in the request, from 0.
        index: usize,
        /// Its first block.
        counter: u64,
    },
    /// A buffer names too few streams, or another number than the first.
    #[error("buffer {index} has {seeds} streams; all need the same number, at least 2")]
    Seeds {
        /// Position in the request, from 0.
        index: usize,
        /// Streams named.
        seeds: usize,
    },
    /// A permutation is missing, or given to an operation that moves nothing.
    #[error("exactly Perm comes with a permutation")]
    Shuffle,
}

/// Every error of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TriplesError {
    /// A party asked the dealer for something impossible or too large.
    #[error("a party asked for the correction of {op}, but {fault}")]
    PeerRequest {
        /// The operation.
        op: Op,
        /// What is wrong with it.
        fault: Fault,
    },
    /// As [`TriplesError::PeerRequest`], for the operations of SPU's dealers.
    #[error("a party asked for the correction of {op}, but {fault}")]
    PeerReplay {
        /// The operation.
        op: ReplayOp,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The dealer's correction does not have the length of the request.
    #[error(
        "the dealer's correction {index} for {op} at block counter {counter} has {got} elements instead of \
         {expected}: it answered another request, or in another ring"
    )]
    PeerCorrectionLength {
        /// The operation.
        op: Op,
        /// The first block counter of the request.
        counter: u64,
        /// Which of the operation's corrections, from 0.
        index: usize,
        /// Elements that the operation needs.
        expected: usize,
        /// Elements received.
        got: usize,
    },
    /// The dealer sent another number of corrections than the operation has.
    #[error("the dealer sent {got} corrections for {op} at block counter {counter} instead of {expected}")]
    PeerCorrectionCount {
        /// The operation.
        op: Op,
        /// The first block counter of the request.
        counter: u64,
        /// Corrections that the operation has.
        expected: usize,
        /// Corrections received.
        got: usize,
    },
    /// The dealer could not be asked, or did not correct. Kept: every later draw gives the first such error.
    #[error("no correction for {op} at block counter {counter}: {source}")]
    Dealer {
        /// The operation.
        op: Op,
        /// The first block counter of the request.
        counter: u64,
        /// Why.
        source: DealerError,
    },
    /// This party asked for an operation that does not exist in the ring or that is too large.
    #[error("{op} cannot be drawn: {fault}")]
    OursOp {
        /// The operation.
        op: Op,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The operation drawn is not the one that was scheduled next. Nothing was drawn.
    #[error(
        "{drawn} was drawn where the schedule has {scheduled}: the plan and the computation disagree, and the \
         streams of the parties would run apart"
    )]
    OursOutOfSchedule {
        /// The next operation of the schedule.
        scheduled: Op,
        /// The operation drawn.
        drawn: Op,
    },
    /// A mask cannot be set aside, or does not have the rows asked for.
    #[error("a kept mask: {0}")]
    OursKept(&'static str),
    /// A request for one ring reached the arithmetic of another.
    #[error("a request over {requested} was given to the arithmetic over {actual}")]
    OursField {
        /// The ring of the request.
        requested: Field,
        /// The ring of the arithmetic.
        actual: Field,
    },
    /// The ranks of a session do not fit together.
    #[error(
        "rank {rank} of {world_size} with adjust rank {adjust_rank}: ranks run from 0 to world size - 1, and there are at least 2"
    )]
    ConfigRanks {
        /// This party's rank.
        rank: usize,
        /// The rank that talks to the dealer.
        adjust_rank: usize,
        /// Number of parties.
        world_size: usize,
    },
    /// The adjust rank has no dealer, or another rank has one.
    #[error("rank {rank} {}; exactly the adjust rank, {adjust_rank}, talks to the dealer",
            if *.has_dealer { "was given a dealer" } else { "was given no dealer" })]
    ConfigDealer {
        /// This party's rank.
        rank: usize,
        /// The rank that talks to the dealer.
        adjust_rank: usize,
        /// Whether this party was given a dealer.
        has_dealer: bool,
    },
    /// A dealer has fewer than two seeds.
    #[error("the dealer holds {seeds} seeds; a session has at least 2 parties")]
    ConfigSeeds {
        /// Seeds held.
        seeds: usize,
    },
    /// The thread that fetches corrections could not be started, or is gone.
    #[error("the thread that fetches corrections {0}")]
    OursThread(&'static str),
    /// A stream is exhausted.
    #[error(transparent)]
    Stream(#[from] PrgError),
    /// Two matrices do not fit together.
    #[error(transparent)]
    Arithmetic(#[from] RingError),
}

/// Why a dealer gave no correction, as its client sees it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DealerError {
    /// The dealer answered with an error code.
    #[error("the dealer refused with code {code}: {message}")]
    PeerRefused {
        /// The code on the wire.
        code: i64,
        /// The dealer's text.
        message: String,
    },
    /// The dealer's answer is not one to this request.
    #[error("the dealer's reply is malformed: {0}")]
    PeerReply(String),
    /// The dealer cannot be reached, or did not answer in time.
    #[error("the dealer cannot be reached: {0}")]
    Network(String),
    /// The dealer in this process refused.
    #[error(transparent)]
    Local(#[from] Box<TriplesError>),
}
