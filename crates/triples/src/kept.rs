//! Masks that several products share.

use std::ops::Range;

use symbolon_prg::{BLOCK_BYTES, CounterStream};
use symbolon_ring::Ring;

use crate::{BufferMeta, Draw, Op, TriplesError};

/// A stretch of every party's stream that was set aside for one mask ([`crate::Triples::keep`]).
///
/// There is no `Clone`: whoever holds it answers for masking one value with each row. The value itself is public, the
/// mask is not in it.
#[derive(Debug, PartialEq, Eq)]
pub struct KeptMask {
    /// The block of row 0.
    counter: u64,
    rows: usize,
    cols: usize,
}

impl KeptMask {
    /// The mask at block `counter`, and the block after it.
    pub(crate) fn new<R: Ring>(counter: u64, rows: usize, cols: usize) -> Result<(Self, u64), TriplesError> {
        if !cols.saturating_mul(R::BYTES).is_multiple_of(BLOCK_BYTES) {
            return Err(TriplesError::OursKept("a row must fill whole blocks of 16 bytes"));
        }
        // As long as r and r >> 0 of a truncation, without the second: what is impossible is found in one place.
        let len = rows.saturating_mul(cols);
        let [BufferMeta { bytes, .. }, ..] = Op::RandBit { len }.inputs(R::FIELD, counter)?[..] else {
            return Err(TriplesError::OursKept("it has no buffer"));
        };
        Ok((Self { counter, rows, cols }, counter + CounterStream::blocks_for(bytes)))
    }

    /// Rows of the mask.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the mask.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// What [`crate::Triples::dot_kept`] draws for these rows and `n` columns, for the schedule.
    ///
    /// # Errors
    /// [`TriplesError::OursKept`] for rows that the mask does not have.
    pub fn left<R: Ring>(&self, rows: Range<usize>, n: usize) -> Result<Draw, TriplesError> {
        let counter = self.block::<R>(&rows)?;
        Ok(Draw::with_kept(Op::Dot { m: rows.len(), k: self.cols, n }, 0, counter))
    }

    /// What [`crate::Triples::dot_with_kept`] draws for `n` rows and these rows of the mask, for the schedule.
    ///
    /// # Errors
    /// As [`KeptMask::left`].
    pub fn right<R: Ring>(&self, n: usize, rows: Range<usize>) -> Result<Draw, TriplesError> {
        let counter = self.block::<R>(&rows)?;
        Ok(Draw::with_kept(Op::Dot { m: n, k: rows.len(), n: self.cols }, 1, counter))
    }

    /// The first block of these rows.
    pub(crate) fn block<R: Ring>(&self, rows: &Range<usize>) -> Result<u64, TriplesError> {
        if rows.start >= rows.end || rows.end > self.rows {
            return Err(TriplesError::OursKept("it does not have these rows"));
        }
        let row_blocks = CounterStream::blocks_for((self.cols * R::BYTES) as u64);
        // No more than the end of the mask, which exists.
        Ok(self.counter + rows.start as u64 * row_blocks)
    }
}
