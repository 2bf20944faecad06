//! The counter blocks of a draw.

use crate::BLOCK_BYTES;

/// Consecutive counter blocks: one of their halves counts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counters {
    /// The first eight bytes count from `from`, little-endian; the last eight are zero.
    Lower { from: u64 },
    /// The first eight bytes are those of `fixed`, little-endian; the last eight count from `from`, big-endian.
    Upper { fixed: u64, from: u64 },
}

impl Counters {
    /// Overwrites `blocks` with the counter blocks.
    pub(crate) fn write(self, blocks: &mut [[u8; BLOCK_BYTES]]) {
        match self {
            // The sums cannot wrap: the end of the draw was checked.
            Self::Lower { from } => {
                for (block, index) in blocks.iter_mut().zip(from..) {
                    *block = halves(index.to_le_bytes(), [0; 8]);
                }
            }
            Self::Upper { fixed, from } => {
                for (block, index) in blocks.iter_mut().zip(from..) {
                    *block = halves(fixed.to_le_bytes(), index.to_be_bytes());
                }
            }
        }
    }
}

/// A block from its first and its last eight bytes.
#[inline(always)]
fn halves(first: [u8; 8], last: [u8; 8]) -> [u8; BLOCK_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    block[..8].copy_from_slice(&first);
    block[8..].copy_from_slice(&last);
    block
}
