//! What can go wrong in a session.

use symbolon_dialect::DealerDialect;
use symbolon_link::{LinkError, Rank};
use symbolon_prg::PrgError;
use symbolon_ring::RingError;
use symbolon_triples::{DealerError, TriplesError};

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Semi2kError {
    /// A peer's part of an opening has the wrong length.
    #[error(
        "rank {peer} sent {got} bytes for {operation} where {rows}x{cols} elements take {expected}: it computes \
         on another shape or in another ring; compare the plans"
    )]
    PeerOpening {
        /// The peer.
        peer: Rank,
        /// The operation, and which of its values.
        operation: &'static str,
        /// Rows opened.
        rows: usize,
        /// Columns opened.
        cols: usize,
        /// Bytes expected.
        expected: usize,
        /// Bytes received.
        got: usize,
    },
    /// A peer's message during set-up is not what set-up has there.
    #[error("rank {peer} sent as its {what} {fault}; it does not speak this session set-up")]
    PeerSetup {
        /// The peer.
        peer: Rank,
        /// The message.
        what: &'static str,
        /// What is wrong with it, without its content.
        fault: &'static str,
    },
    /// The link failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The dealer could not be reached at set-up.
    #[error("the dealer of this session: {0}")]
    Dealer(#[from] DealerError),
    /// Correlated randomness failed: a dealer's answer, or our schedule.
    #[error(transparent)]
    Triples(#[from] TriplesError),
    /// Shapes that do not fit, or fraction bits that the ring does not hold.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// A stream is exhausted, or no seed could be had.
    #[error(transparent)]
    Stream(#[from] PrgError),
    /// A truncation by more bits than the ring leaves.
    #[error("{bits} bits cannot be cut off a share of {field_bits} bits; choose at most {most}")]
    ConfigTruncation {
        /// Bits asked for.
        bits: u32,
        /// Width of the ring.
        field_bits: u32,
        /// The most.
        most: u32,
    },
    /// The seeds lack, or carry needlessly, a sealed dealer seed.
    #[error("the dealer dialect {dialect:?} {}", if *.sealed {
        "exchanges no sealed dealer seed over the link, but one was given"
    } else {
        "needs the dealer seed sealed to the dealer's key, but none was given"
    })]
    ConfigSealedSeed {
        /// The dialect.
        dialect: DealerDialect,
        /// Whether a sealed seed was given.
        sealed: bool,
    },
    /// Rank 0 gathers the dealer seeds, but another rank is to adjust.
    #[error(
        "rank 0 gathers the dealer seeds in this mode, so it has to be the adjust rank, not rank {adjust_rank}"
    )]
    ConfigGatheringRank {
        /// The adjust rank that was asked for.
        adjust_rank: Rank,
    },
    /// The announced number of threads is not positive.
    #[error("{threads} threads cannot be announced to the peers: give at least 1")]
    ConfigThreads {
        /// The number.
        threads: i32,
    },
    /// A rank that does not exist.
    #[error("there is no rank {rank} among {world_size} parties")]
    ConfigRank {
        /// The rank.
        rank: Rank,
        /// Number of parties.
        world_size: usize,
    },
    /// Rows of a kept matrix that are not there.
    #[error("rows {start} to {end} (exclusive) of a kept matrix to which {appended} rows were appended")]
    OursKeptRows {
        /// The first row.
        start: usize,
        /// The row after the last.
        end: usize,
        /// Rows appended.
        appended: usize,
    },
    /// An input was given by a rank that does not own it, or not by its owner.
    #[error("rank {rank} {} the {rows}x{cols} input of rank {owner}",
            if *.given { "gave data for" } else { "gave no data for its own, " })]
    OursInput {
        /// This party.
        rank: Rank,
        /// The owner.
        owner: Rank,
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
        /// Whether data was given.
        given: bool,
    },
}
