//! Masks that are replayed from their streams instead of being held.
//!
//! A stream gives its bytes faster than memory does, so a mask is made anew for every use, a few rows at a time, in the
//! first-level cache, and consumed there.

use std::{fmt, marker::PhantomData};

use rayon::prelude::*;
use symbolon_prg::{BLOCK_BYTES, CounterStream};
use symbolon_ring::{Matrix, Ring, RingError, matmul_add_by_rows, product_add};

use crate::TriplesError;

/// Bytes of a mask that are made at a time.
const PIECE_BYTES: usize = 16 << 10;

/// Masks of at least this many elements are shared out to the threads of the current rayon pool.
const PARALLEL_FROM: usize = 1 << 18;

/// Pieces that one thread takes at least.
const PIECES_AT_LEAST: usize = 16;

/// With more columns (or rows) on its other side, a product reads each element of the mask often enough for the mask to
/// be made whole.
const NARROW: usize = 8;

/// Elements of a further stream that are made at a time, on the stack, before they are added.
const SHARE: usize = 512;

/// Rows of a transposed mask that are made together, so that a cache line of the other matrix serves all of them.
const LINE: usize = 8;

/// A matrix of random elements: one draw of a stream, or the sum of one draw of each of several. Its elements are made
/// when they are used.
///
/// There is no `Clone`: who holds a mask answers for masking one value with it.
pub struct Mask<R> {
    /// Each stands at the first block of the draw.
    streams: Vec<CounterStream>,
    rows: usize,
    cols: usize,
    ring: PhantomData<R>,
}

impl<R: Ring> Mask<R> {
    pub(crate) fn new(streams: Vec<CounterStream>, rows: usize, cols: usize) -> Self {
        Self { streams, rows, cols, ring: PhantomData }
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// The whole mask.
    ///
    /// # Errors
    /// [`TriplesError::Stream`] when the draw would pass the end of the counter; so for all uses.
    pub fn to_matrix(&self) -> Result<Matrix<R>, TriplesError> {
        let mut whole = Matrix::zeros(self.rows, self.cols);
        self.fill(0, whole.as_mut_slice())?;
        Ok(whole)
    }

    /// x - mask.
    ///
    /// # Errors
    /// [`TriplesError::Arithmetic`] unless the shapes are equal.
    pub fn subtracted_from(&self, x: &Matrix<R>) -> Result<Matrix<R>, TriplesError> {
        self.fits("masking", x.shape() == self.shape(), x)?;
        self.masked(self.rows_at_a_time(), |first, piece| {
            let elements = x.as_slice().get(first * self.cols..).unwrap_or_default();
            for (place, &x) in piece.iter_mut().zip(elements) {
                *place = x.sub(*place);
            }
        })
    }

    /// xᵀ - mask, without the transposed matrix.
    ///
    /// # Errors
    /// [`TriplesError::Arithmetic`] unless xᵀ has the mask's shape.
    pub fn subtracted_from_transposed(&self, x: &Matrix<R>) -> Result<Matrix<R>, TriplesError> {
        self.fits("masking a transposed matrix", x.shape() == (self.cols, self.rows), x)?;
        let rows = self.rows_at_a_time().next_multiple_of(LINE);
        self.masked(rows, |first, piece| x.transposed_minus(first, piece))
    }

    /// acc += mask · right.
    ///
    /// # Errors
    /// [`TriplesError::Arithmetic`] unless the shapes fit; `acc` is then unchanged.
    pub fn matmul_add(&self, right: &Matrix<R>, acc: &mut Matrix<R>) -> Result<(), TriplesError> {
        self.fits("product of a mask", self.cols == right.rows(), right)?;
        let n = right.cols();
        self.fits("accumulating a product of a mask", acc.shape() == (self.rows, n), acc)?;
        if self.is_empty() || n == 0 {
            return Ok(());
        }
        if n > NARROW {
            return Ok(self.to_matrix()?.matmul_add(right, acc)?);
        }
        matmul_add_by_rows(right, acc, self.whole_rows(), |first, rows| self.fill(first, rows))
    }

    /// acc += left · mask.
    ///
    /// # Errors
    /// As [`Mask::matmul_add`].
    pub fn premultiplied_add(&self, left: &Matrix<R>, acc: &mut Matrix<R>) -> Result<(), TriplesError> {
        self.fits("product with a mask", left.cols() == self.rows, left)?;
        let m = left.rows();
        self.fits("accumulating a product with a mask", acc.shape() == (m, self.cols), acc)?;
        if self.is_empty() || m == 0 {
            return Ok(());
        }
        if m > NARROW {
            return Ok(left.matmul_add(&self.to_matrix()?, acc)?);
        }
        let rows = self.rows_at_a_time();
        let pieces = self.rows.div_ceil(rows);
        let add = |made: &mut Vec<R>, piece: usize, acc: &mut Matrix<R>| {
            let first = piece * rows;
            let count = rows.min(self.rows - first);
            made.resize(count * self.cols, R::ZERO);
            self.fill(first, made)?;
            let left = left.column_range(first..first + count);
            let shape = [m, count, self.cols];
            Ok::<_, TriplesError>(product_add(shape, left.as_slice(), made, acc.as_mut_slice())?)
        };
        if !self.is_large() {
            let mut made = Vec::new();
            return (0..pieces).try_for_each(|piece| add(&mut made, piece, acc));
        }
        let fresh = || (Vec::new(), Matrix::zeros(m, self.cols));
        let sums = (0..pieces)
            .into_par_iter()
            .with_min_len(PIECES_AT_LEAST)
            .try_fold(fresh, |(mut made, mut acc), piece| {
                add(&mut made, piece, &mut acc)?;
                Ok::<_, TriplesError>((made, acc))
            })
            .map(|part| part.map(|(_, acc)| acc))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(sums.iter().try_for_each(|sum| acc.add_assign(sum))?)
    }

    /// A matrix of the mask's shape: `rows` rows at a time are filled with the mask, and handed on with the number of the
    /// first.
    fn masked(&self, rows: usize, turn: impl Fn(usize, &mut [R]) + Sync) -> Result<Matrix<R>, TriplesError> {
        let mut out = Matrix::zeros(self.rows, self.cols);
        if self.is_empty() {
            return Ok(out);
        }
        let make = |(index, piece): (usize, &mut [R])| {
            self.fill(index * rows, piece)?;
            turn(index * rows, piece);
            Ok::<_, TriplesError>(())
        };
        let pieces = out.as_mut_slice();
        if self.is_large() {
            let pieces = pieces.par_chunks_mut(rows * self.cols).enumerate();
            pieces.with_min_len(PIECES_AT_LEAST).try_for_each(make)?;
        } else {
            pieces.chunks_mut(rows * self.cols).enumerate().try_for_each(make)?;
        }
        Ok(out)
    }

    /// Overwrites `out` with the rows from `first` on, a multiple of [`Mask::whole_rows`].
    fn fill(&self, first: usize, out: &mut [R]) -> Result<(), TriplesError> {
        let block = CounterStream::blocks_for((first * self.cols * R::BYTES) as u64);
        let Some((stream, others)) = self.streams.split_first() else {
            return Err(TriplesError::ConfigSeeds { seeds: 0 });
        };
        stream.fill_part(block, bytemuck::cast_slice_mut(out))?;
        for stream in others {
            let mut share = [R::ZERO; SHARE];
            for (out, block) in out.chunks_mut(SHARE).zip((block..).step_by(SHARE * R::BYTES / BLOCK_BYTES)) {
                let share = &mut share[..out.len()];
                stream.fill_part(block, bytemuck::cast_slice_mut(share))?;
                for (sum, &share) in out.iter_mut().zip(&*share) {
                    *sum = sum.add(share);
                }
            }
        }
        Ok(())
    }

    /// Rows that together begin with a block of the cipher.
    fn whole_rows(&self) -> usize {
        let row = self.cols * R::BYTES;
        BLOCK_BYTES >> row.trailing_zeros().min(BLOCK_BYTES.trailing_zeros())
    }

    /// Rows that are made at a time.
    fn rows_at_a_time(&self) -> usize {
        let fit = PIECE_BYTES / (self.cols * R::BYTES).max(1);
        fit.max(1).next_multiple_of(self.whole_rows())
    }

    fn is_empty(&self) -> bool {
        self.rows == 0 || self.cols == 0
    }

    fn is_large(&self) -> bool {
        self.rows.saturating_mul(self.cols) >= PARALLEL_FROM && rayon::current_num_threads() > 1
    }

    fn fits(&self, operation: &'static str, fits: bool, other: &Matrix<R>) -> Result<(), RingError> {
        let (left, right) = (self.shape(), other.shape());
        if fits { Ok(()) } else { Err(RingError::OursShape { operation, left, right }) }
    }
}

/// The shape only.
impl<R> fmt::Debug for Mask<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({}x{})", self.rows, self.cols)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use symbolon_prg::{Cipher, Construction, Seed};

    use super::*;

    /// A mask of two streams, and the same drawn whole.
    fn mask<R: Ring>(construction: Construction, rows: usize, cols: usize) -> (Mask<R>, Matrix<R>) {
        let streams = || {
            [3, 4].map(|byte| {
                CounterStream::new(Cipher::Aes128, construction, &Seed::from_bytes([byte; 16])).at(70)
            })
        };
        let [mut one, mut other] = streams();
        let whole =
            one.draw_matrix(rows, cols).unwrap().add(&other.draw_matrix(rows, cols).unwrap()).unwrap();
        (Mask::new(streams().into(), rows, cols), whole)
    }

    fn data<R: Ring>(rows: usize, cols: usize) -> Matrix<R> {
        Matrix::from_fn(rows, cols, |row, col| R::from_i128((row as i128 * 7919 + col as i128) << 50 | 5))
    }

    fn every_use<R: Ring>(rows: usize, cols: usize, other: usize) {
        for construction in [Construction::BlocksLittleEndian, Construction::CtrBigEndian] {
            let (mask, whole) = mask::<R>(construction, rows, cols);
            let at = format!("{:?} {rows}x{cols}, {other}", R::FIELD);
            assert!(mask.to_matrix().unwrap() == whole, "{at}");
            let x = data(rows, cols);
            assert!(mask.subtracted_from(&x).unwrap() == x.sub(&whole).unwrap(), "{at}");
            assert!(
                mask.subtracted_from_transposed(&x.transpose()).unwrap() == x.sub(&whole).unwrap(),
                "{at}"
            );
            let (right, left) = (data(cols, other), data(other, rows));
            let (mut acc, mut expected) = (data(rows, other), data(rows, other));
            mask.matmul_add(&right, &mut acc).unwrap();
            whole.matmul_add(&right, &mut expected).unwrap();
            assert!(acc == expected, "{at}");
            let (mut acc, mut expected) = (data(other, cols), data(other, cols));
            mask.premultiplied_add(&left, &mut acc).unwrap();
            left.matmul_add(&whole, &mut expected).unwrap();
            assert!(acc == expected, "{at}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn a_replayed_mask_is_the_drawn_one(rows in 0_usize..200, cols in 0_usize..40, other in 0_usize..12) {
            every_use::<u32>(rows, cols, other);
            every_use::<u64>(rows, cols, other);
            every_use::<u128>(rows, cols, other);
        }
    }

    /// Long rows, long columns, and sizes that go to several threads.
    #[test]
    fn large_masks_agree() {
        for (rows, cols) in [(3, 5001), (5001, 3), (4099, 101), (101, 4099), (1, 300_001)] {
            every_use::<u64>(rows, cols, 1);
            every_use::<u64>(rows, cols, 3);
        }
        every_use::<u32>(4099, 101, 1);
        every_use::<u128>(101, 4099, 2);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let (mask, _) = mask::<u64>(Construction::BlocksLittleEndian, 3, 4);
        assert!(mask.subtracted_from(&data(4, 3)).is_err());
        assert!(mask.subtracted_from_transposed(&data(3, 4)).is_err());
        assert!(mask.matmul_add(&data(3, 1), &mut data(3, 1)).is_err());
        assert!(mask.matmul_add(&data(4, 1), &mut data(4, 1)).is_err());
        assert!(mask.premultiplied_add(&data(1, 4), &mut data(1, 4)).is_err());
        assert!(mask.premultiplied_add(&data(1, 3), &mut data(1, 3)).is_err());
    }

    #[test]
    fn the_end_of_the_counter_is_an_error() {
        let stream =
            CounterStream::new(Cipher::Aes128, Construction::BlocksLittleEndian, &Seed::from_bytes([1; 16]));
        let mask = Mask::<u64>::new(vec![stream.at(u64::MAX - 2)], 400, 7);
        assert!(matches!(mask.to_matrix(), Err(TriplesError::Stream(_))));
        assert!(matches!(mask.matmul_add(&data(7, 1), &mut data(400, 1)), Err(TriplesError::Stream(_))));
    }
}
