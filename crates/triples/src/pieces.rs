//! Corrections computed piece by piece.

use bytes::Bytes;
use symbolon_prg::{Cipher, Construction, CounterStream, Seed};
use symbolon_ring::{Field, Matrix, Ring};

use crate::{
    Limits, ReplayOp, ReplayRequest, TriplesError,
    arithmetic::{Arithmetic, Source},
};

/// A part of a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which of the request's corrections this continues, from 0.
    pub correction: usize,
    /// Its next little-endian elements. Never empty.
    pub bytes: Bytes,
}

/// The corrections of one request, first the whole of the first, then of the second, each in pieces.
///
/// Between two pieces nothing is held but the request; a matrix product or a permutation is computed at the first
/// piece and held to the last.
pub struct CorrectionPieces {
    request: ReplayRequest,
    cipher: Cipher,
    construction: Construction,
    own: CounterStream,
    piece_bytes: usize,
    /// Bytes still to come, of this correction and of those after it.
    left: Vec<u64>,
    correction: usize,
    done: u64,
    whole: Option<Bytes>,
}

impl CorrectionPieces {
    /// Checks `request`; pieces have `piece_bytes` bytes, rounded up to blocks of 16, or less at the end. `own` keys
    /// the dealer's own stream, of which RandBit makes its bits: take a fresh one for every request.
    ///
    /// # Errors
    /// [`TriplesError::PeerReplay`]: nothing was allocated for the request.
    pub fn new(
        request: ReplayRequest,
        cipher: Cipher,
        construction: Construction,
        limits: &Limits,
        piece_bytes: usize,
        own: &Seed,
    ) -> Result<Self, TriplesError> {
        request.check(limits)?;
        Ok(Self {
            left: request.op.correction_bytes(request.field),
            request,
            cipher,
            construction,
            own: CounterStream::new(cipher, Construction::CtrBigEndian, own),
            piece_bytes: piece_bytes.max(1).next_multiple_of(16),
            correction: 0,
            done: 0,
            whole: None,
        })
    }

    /// Bytes of each correction.
    pub fn correction_bytes(&self) -> Vec<u64> {
        self.request.op.correction_bytes(self.request.field)
    }

    fn compute(&mut self, len: usize) -> Result<Bytes, TriplesError> {
        match (self.request.op, self.request.field) {
            (ReplayOp::And { .. }, _) | (_, Field::Ring128) => self.over::<u128>(len),
            (_, Field::Ring64) => self.over::<u64>(len),
            (_, Field::Ring32) => self.over::<u32>(len),
        }
    }

    /// The next `len` bytes of the current correction.
    fn over<R: Ring>(&mut self, len: usize) -> Result<Bytes, TriplesError> {
        if let Some(whole) = &mut self.whole {
            return Ok(whole.split_to(len.min(whole.len())));
        }
        let start = usize::try_from(self.done).unwrap_or(usize::MAX) / R::BYTES;
        // And counts bytes: its last element can be a part of one.
        let range = start..start + len.div_ceil(R::BYTES);
        let request = &self.request;
        let arithmetic = Arithmetic {
            op: request.op,
            sources: request.buffers.iter().map(Source::from).collect(),
            shuffle: request.shuffle.as_ref(),
            cipher: self.cipher,
            construction: self.construction,
        };
        let piece: Matrix<R> = arithmetic.piece(self.correction, range, &mut self.own)?;
        let mut bytes = piece.into_bytes();
        if request.op.is_elementwise() {
            bytes.truncate(len);
            return Ok(bytes);
        }
        let first = bytes.split_to(len.min(bytes.len()));
        self.whole = Some(bytes);
        Ok(first)
    }
}

impl Iterator for CorrectionPieces {
    type Item = Result<Piece, TriplesError>;

    /// After an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        let left = self.left.get(self.correction).copied()?;
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(self.piece_bytes);
        let correction = self.correction;
        match self.compute(len) {
            Ok(bytes) => {
                self.done += len as u64;
                if let Some(left) = self.left.get_mut(correction) {
                    *left -= len as u64;
                    if *left == 0 {
                        self.correction += 1;
                        self.done = 0;
                        self.whole = None;
                    }
                }
                Some(Ok(Piece { correction, bytes }))
            }
            Err(error) => {
                self.left.clear();
                Some(Err(error))
            }
        }
    }
}

impl std::fmt::Debug for CorrectionPieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CorrectionPieces").field("request", &self.request).finish_non_exhaustive()
    }
}
