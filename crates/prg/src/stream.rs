//! The streams.

use std::fmt;

use rand_core::{TryCryptoRng, TryRng};
use rayon::prelude::*;
use symbolon_dialect::Construction;
use symbolon_mutants::Mutant;
use symbolon_ring::{Matrix, Ring};
use zeroize::Zeroizing;

use crate::aes::Aes;
use crate::counters::Counters;
use crate::sm4::Sm4;
use crate::{PrgError, Seed};

/// Bytes in a block of either cipher.
pub const BLOCK_BYTES: usize = 16;

/// Bytes that are prepared and encrypted at a time: they stay in the first-level cache.
const STRIDE: usize = 256 * BLOCK_BYTES;

/// Draws of at least this many pieces are spread over the threads of the current rayon pool.
const PARALLEL_PIECES: usize = 4;

/// The block cipher under a stream (the interconnection protocols' `CryptoType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// AES with a 128-bit key (FIPS 197).
    Aes128,
    /// SM4 (GB/T 32907-2016).
    Sm4,
}

/// A cipher with its round keys, which are wiped on drop.
#[derive(Clone)]
enum Keyed {
    Aes128(Aes),
    Sm4(Sm4),
}

impl Keyed {
    /// Bytes that one task fills, a multiple of the block: some 30 µs of work with the fastest instructions.
    fn parallel_piece(&self) -> usize {
        match self {
            Self::Aes128(_) => 1 << 20,
            Self::Sm4(_) => 1 << 17,
        }
    }

    /// Overwrites `blocks` with the encrypted counter blocks.
    fn key_stream(&self, counters: Counters, blocks: &mut [[u8; BLOCK_BYTES]]) {
        match self {
            Self::Aes128(cipher) => cipher.key_stream(counters, blocks),
            Self::Sm4(cipher) => {
                counters.write(blocks);
                cipher.encrypt(blocks);
            }
        }
    }
}

/// A keyed random stream with an explicit block counter.
///
/// Each draw starts at the current counter c, takes ⌈bytes / 16⌉ blocks and throws the rest of its last
/// block away. Block i of the draw is the encryption of the 16 bytes
/// - c + i, little-endian, for [`Construction::BlocksLittleEndian`];
/// - c, little-endian, incremented i times as a big-endian number, for [`Construction::CtrBigEndian`].
///
/// `Debug` does not show the key. There is no `Clone`: two copies that both draw would give the same
/// "random" bytes twice; [`CounterStream::at`] says so where it is wanted.
pub struct CounterStream {
    cipher: Cipher,
    construction: Construction,
    keyed: Keyed,
    counter: u64,
}

impl CounterStream {
    /// The stream of that seed, at counter 0.
    pub fn new(cipher: Cipher, construction: Construction, seed: &Seed) -> Self {
        let key = seed.as_bytes();
        let keyed = match cipher {
            Cipher::Aes128 => Keyed::Aes128(Aes::new(key)),
            Cipher::Sm4 => Keyed::Sm4(Sm4::new(key)),
        };
        Self { cipher, construction, keyed, counter: 0 }
    }

    /// The block cipher.
    pub fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// How counters become blocks.
    pub fn construction(&self) -> Construction {
        self.construction
    }

    /// The number of the next block, in blocks of 16 bytes.
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// Moves the stream: the next draw starts at block `counter`.
    pub fn set_counter(&mut self, counter: u64) {
        self.counter = counter;
    }

    /// Another stream of the same key that starts at block `counter`: for replaying a draw.
    pub fn at(&self, counter: u64) -> Self {
        Self { cipher: self.cipher, construction: self.construction, keyed: self.keyed.clone(), counter }
    }

    /// The blocks that a draw of `bytes` bytes consumes.
    pub fn blocks_for(bytes: u64) -> u64 {
        let block = BLOCK_BYTES as u64;
        if Mutant::StreamPartialBlock.is_on() { bytes / block } else { bytes.div_ceil(block) }
    }

    /// Fills `out` with one draw. An empty draw consumes nothing.
    ///
    /// Large draws use the threads of the current rayon pool; the bytes do not depend on that.
    ///
    /// # Errors
    /// [`PrgError::OursCounterOverflow`] when the counter would pass 2^64 - 1; nothing is drawn then.
    pub fn fill(&mut self, out: &mut [u8]) -> Result<(), PrgError> {
        let blocks = Self::blocks_for(out.len() as u64);
        let start = self.counter;
        let Some(end) = start.checked_add(blocks) else {
            return Err(PrgError::OursCounterOverflow { counter: start, blocks });
        };
        self.fill_parallel(0, out);
        self.counter = if Mutant::StreamCounterStands.is_on() { start } else { end };
        Ok(())
    }

    /// Fills `out` with a part of one draw, from its block `first` on, and leaves the stream where it is: a
    /// replayed draw need not be held whole.
    ///
    /// # Errors
    /// As [`CounterStream::fill`].
    pub fn fill_part(&self, first: u64, out: &mut [u8]) -> Result<(), PrgError> {
        let blocks = first.saturating_add(Self::blocks_for(out.len() as u64));
        if self.counter.checked_add(blocks).is_none() {
            return Err(PrgError::OursCounterOverflow { counter: self.counter, blocks });
        }
        self.fill_parallel(first, out);
        Ok(())
    }

    /// A matrix whose wire form is one draw of `rows * cols * R::BYTES` bytes.
    ///
    /// # Errors
    /// As [`CounterStream::fill`].
    ///
    /// # Panics
    /// As [`Matrix::zeros`]: check sizes that a peer announced first.
    pub fn draw_matrix<R: Ring>(&mut self, rows: usize, cols: usize) -> Result<Matrix<R>, PrgError> {
        let mut matrix = Matrix::zeros(rows, cols);
        self.fill(matrix.as_mut_le_bytes())?;
        Ok(matrix)
    }

    /// The blocks from the `first`-th of the current draw on, by several threads where that pays.
    fn fill_parallel(&self, first: u64, out: &mut [u8]) {
        let piece_bytes = self.keyed.parallel_piece();
        if out.len() < PARALLEL_PIECES * piece_bytes || rayon::current_num_threads() == 1 {
            self.fill_from(first, out);
        } else {
            let blocks_per_piece = (piece_bytes / BLOCK_BYTES) as u64;
            out.par_chunks_mut(piece_bytes)
                .enumerate()
                .for_each(|(index, piece)| self.fill_from(first + index as u64 * blocks_per_piece, piece));
        }
    }

    /// The blocks from the `first`-th of the current draw on.
    fn fill_from(&self, first: u64, out: &mut [u8]) {
        let mut index = first;
        for stride in out.chunks_mut(STRIDE) {
            let (blocks, rest) = stride.as_chunks_mut();
            self.encrypt_from(index, blocks);
            index += blocks.len() as u64;
            if !rest.is_empty() {
                let mut last = Zeroizing::new([[0; BLOCK_BYTES]]);
                self.encrypt_from(index, &mut *last);
                rest.copy_from_slice(&last[0][..rest.len()]);
            }
        }
    }

    /// Overwrites `blocks` with the blocks from the `first`-th of the current draw on.
    fn encrypt_from(&self, first: u64, blocks: &mut [[u8; BLOCK_BYTES]]) {
        let construction =
            if Mutant::DealerStreamIsCtr.is_on() { Construction::CtrBigEndian } else { self.construction };
        let counters = match construction {
            Construction::BlocksLittleEndian => Counters::Lower { from: self.counter + first },
            Construction::CtrBigEndian => {
                // As a big-endian number, the first block has the counter's little-endian bytes in its upper
                // half and 0 in its lower half. Adding i therefore sets the lower half to i: carries run
                // from its last byte to its first, and would need 2^64 blocks to reach the upper half.
                let reversed = Mutant::StreamCounterBigEndian.is_on();
                let fixed = if reversed { self.counter.swap_bytes() } else { self.counter };
                Counters::Upper { fixed, from: first }
            }
        };
        self.keyed.key_stream(counters, blocks);
    }
}

impl fmt::Debug for CounterStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterStream")
            .field("cipher", &self.cipher)
            .field("construction", &self.construction)
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}

/// Each call is one draw: `try_next_u64` consumes a whole block too.
impl TryRng for CounterStream {
    type Error = PrgError;

    fn try_next_u32(&mut self) -> Result<u32, PrgError> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, PrgError> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), PrgError> {
        self.fill(out)
    }
}

impl TryCryptoRng for CounterStream {}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// GB/T 32907-2016, annex A: one encryption, and a million in a row.
    #[test]
    fn sm4_blocks_of_gb_t_32907() {
        let text = "0123456789abcdeffedcba9876543210";
        let sm4 = Sm4::new(&bytes(text));
        let mut block = [bytes(text)];
        sm4.encrypt(&mut block);
        assert_eq!(block[0], bytes("681edf34d206965e86b3e94f536e4246"));
        for _ in 1..1_000_000 {
            sm4.encrypt(&mut block);
        }
        assert_eq!(block[0], bytes("595298c7c6fd271f0402f804c33d3f66"));
    }
}
