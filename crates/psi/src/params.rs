//! What the parties agreed, and what this party accepts.

use std::ops::RangeInclusive;

use symbolon_curve::Suite;
use symbolon_dialect::{Dialect, EndOfStream, SecondCiphertext};
use symbolon_link::Rank;

use crate::PsiError;

/// Who learns the intersection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResultTo {
    /// Both parties (`result_to_rank` = -1 in the handshake).
    All,
    /// Only this rank, 0 or 1.
    Rank(Rank),
}

impl ResultTo {
    /// Whether `rank` learns the intersection.
    pub fn includes(self, rank: Rank) -> bool {
        match self {
            Self::All => true,
            Self::Rank(only) => only == rank,
        }
    }
}

/// What happens to ids that this party has in several rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duplicates {
    /// They are an error naming both rows, before anything is sent; a peer that repeats an id is refused
    /// too, as soon as it shows. For alignment, where each row needs one partner.
    Refuse,
    /// Each distinct id is sent once, at its first row, with the number of further rows in
    /// `duplicate_item_cnt_map` (key: position in the batch, value: occurrences minus one) when the peer
    /// learns the result, and without it when it does not.
    Count,
    /// Every row is sent, in order, whatever it holds: what implementations do that do not look for
    /// repetitions. The peer sees repetitions as equal points.
    AsGiven,
}

/// Parameters of one run. Both parties must have the same `suite`, `result_to` and `truncate_bits`; the
/// other fields are each party's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PsiParams {
    /// Curve, hash, map and point format.
    pub suite: Suite,
    /// Who learns the intersection.
    pub result_to: ResultTo,
    /// The agreed number of low bits of x of the second ciphertext (`bit_length_after_truncated`), 1 to 256;
    /// `None` for whole points (-1).
    pub truncate_bits: Option<u32>,
    /// E11, E21: what this party sends of a point masked twice. The peer's form is told by its length.
    pub second_ciphertext: SecondCiphertext,
    /// E21: whether 12-byte second ciphertexts are accepted from the peer although nothing, or another
    /// length, was agreed. They are accepted in any case when `second_ciphertext` is
    /// [`SecondCiphertext::LastTwelveBytes`]. At the default of `statistical_bits` their 96 bits are safe for every size
    /// of set accepted here; at higher levels large sets may need whole points.
    pub accept_last_twelve_bytes: bool,
    /// The statistical level, within [`PsiParams::STATISTICAL_BITS`]: second ciphertexts of fewer than
    /// [`safe_bits`](crate::safe_bits) bits are neither sent nor accepted. Each party has its own.
    pub statistical_bits: u32,
    /// E10: how this party ends its streams. Both forms are accepted.
    pub end_of_stream: EndOfStream,
    /// Points per batch, at least 1 and at most 2^24.
    pub batch_size: usize,
    /// What happens to ids given several times.
    pub duplicates: Duplicates,
    /// The number of items that the peer announced in the handshake, if it did. It may count rows or
    /// distinct ids.
    pub peer_items: Option<u64>,
    /// Most points accepted from the peer, and most rows with the further ones that it counts; at most 2^32 - 1. This bounds what [`Storage::Memory`](crate::Storage)
    /// takes in memory, and the other storages on disk: see [`need`](crate::need).
    pub max_peer_items: u64,
}

impl PsiParams {
    /// Batch size of every known implementation.
    pub const BATCH_SIZE: usize = 4096;
    /// Default of [`PsiParams::max_peer_items`]: 2^26, about 67 million.
    pub const MAX_PEER_ITEMS: u64 = 1 << 26;
    /// The values of [`PsiParams::statistical_bits`]. The lowest, 30, is what PPCA 9-2023 asks of everybody, and the
    /// default; beyond 128 bits the curves themselves are the weaker part.
    pub const STATISTICAL_BITS: RangeInclusive<u32> = 30..=128;
    const MAX_BATCH_SIZE: usize = 1 << 24;

    /// Parameters with the dialect's forms and everything else at its default: result to all, whole
    /// points agreed, statistical level 30, batches of 4096, duplicates counted.
    pub fn new(suite: Suite, dialect: &Dialect) -> Self {
        Self {
            suite,
            result_to: ResultTo::All,
            truncate_bits: None,
            second_ciphertext: dialect.second_ciphertext,
            accept_last_twelve_bytes: true,
            statistical_bits: *Self::STATISTICAL_BITS.start(),
            end_of_stream: dialect.end_of_stream,
            batch_size: Self::BATCH_SIZE,
            duplicates: Duplicates::Count,
            peer_items: None,
            max_peer_items: Self::MAX_PEER_ITEMS,
        }
    }

    /// Refuses values that no run can use. `own_points` is the number of points that this party sends.
    pub(crate) fn check(&self, peer: Rank, world_size: usize, own_points: u64) -> Result<(), PsiError> {
        let refuse = |field, reason: String| Err(PsiError::ConfigParameter { field, reason });
        if world_size != 2 {
            return refuse("world_size", format!("{world_size} parties; this protocol has exactly 2"));
        }
        if let ResultTo::Rank(rank) = self.result_to
            && rank >= world_size
        {
            return refuse("result_to", format!("there is no rank {rank}; choose 0, 1 or all"));
        }
        if self.batch_size == 0 || self.batch_size > Self::MAX_BATCH_SIZE {
            return refuse(
                "batch_size",
                format!("{} is not within 1..={}", self.batch_size, Self::MAX_BATCH_SIZE),
            );
        }
        if let Some(bits) = self.truncate_bits
            && (bits == 0 || bits > 256)
        {
            return refuse("truncate_bits", format!("{bits} is not within 1..=256"));
        }
        if !Self::STATISTICAL_BITS.contains(&self.statistical_bits) {
            let (least, most) = (Self::STATISTICAL_BITS.start(), Self::STATISTICAL_BITS.end());
            return refuse(
                "statistical_bits",
                format!("{} is not within {least}..={most}", self.statistical_bits),
            );
        }
        if self.max_peer_items > u64::from(u32::MAX) {
            return refuse(
                "max_peer_items",
                format!("{} is more than {}; split the sets", self.max_peer_items, u32::MAX),
            );
        }
        if u32::try_from(own_points).is_err() {
            return refuse("items", format!("{own_points} are more than {}; split the sets", u32::MAX));
        }
        if let Some(announced) = self.peer_items
            && announced > self.max_peer_items
        {
            return Err(PsiError::PeerTooManyItems {
                peer,
                announced: true,
                items: announced,
                limit: self.max_peer_items,
            });
        }
        Ok(())
    }
}
