//! The dealer's arithmetic: streams joined, and what is left to add.

use std::ops::Range;

use symbolon_mutants::Mutant;
use symbolon_prg::{Cipher, Construction, CounterStream, Seed};
use symbolon_ring::{Matrix, Ring};

use crate::{Mask, ReplayBuffer, ReplayOp, Shuffle, TriplesError};

/// One buffer of all parties: where it starts, and the keys.
pub(crate) struct Source<'a> {
    pub(crate) counter: u64,
    pub(crate) seeds: &'a [Seed],
}

impl<'a> From<&'a ReplayBuffer> for Source<'a> {
    fn from(buffer: &'a ReplayBuffer) -> Self {
        Self { counter: buffer.counter, seeds: &buffer.seeds }
    }
}

/// An operation over streams. Sizes and counters are checked.
pub(crate) struct Arithmetic<'a> {
    pub(crate) op: ReplayOp,
    pub(crate) sources: Vec<Source<'a>>,
    pub(crate) shuffle: Option<&'a Shuffle>,
    pub(crate) cipher: Cipher,
    pub(crate) construction: Construction,
}

impl Arithmetic<'_> {
    /// The elements `range` of correction number `correction`; its start is that of a block. Products of matrices
    /// and permutations are computed whole, whatever the range. `own` is the dealer's stream: only RandBit draws.
    pub(crate) fn piece<R: Ring>(
        &self,
        correction: usize,
        range: Range<usize>,
        own: &mut CounterStream,
    ) -> Result<Matrix<R>, TriplesError> {
        let sum = |index| self.joined(index, &range, R::add);
        let mut out = match self.op {
            ReplayOp::Dot { m, k, n, transposed } => return self.product(m, k, n, transposed),
            ReplayOp::Perm { len } => return self.permuted(len),
            ReplayOp::MulPriv { .. } => self.joined(0, &range, R::mul)?,
            ReplayOp::And { .. } if Mutant::SumsOfBits.is_on() => sum(0)?,
            ReplayOp::And { .. } => self.joined(0, &range, R::xor)?,
            _ => sum(0)?,
        };
        let last = match self.op {
            ReplayOp::Mul { .. } => {
                zip_assign(&mut out, &sum(1)?, R::mul);
                sum(2)?
            }
            ReplayOp::Square { .. } => {
                out.map_assign(|a| a.mul(a));
                sum(1)?
            }
            ReplayOp::Trunc { bits, .. } => {
                let logical = Mutant::TruncLogical.is_on();
                out.map_assign(|r| if logical { r.shr(bits) } else { r.ashr(bits) });
                sum(1)?
            }
            ReplayOp::TruncPr { bits, .. } if correction == 0 => {
                let keeps = Mutant::TruncPrKeepsTopBit.is_on();
                out.map_assign(|r| if keeps { r.shr(bits) } else { r.shl(1).shr(bits + 1) });
                sum(1)?
            }
            ReplayOp::TruncPr { .. } => {
                out.map_assign(|r| r.shr(R::BITS - 1));
                sum(2)?
            }
            ReplayOp::And { .. } => {
                zip_assign(&mut out, &self.joined(1, &range, R::xor)?, R::and);
                zip_assign(&mut out, &self.joined(2, &range, R::xor)?, R::xor);
                return Ok(out);
            }
            ReplayOp::Eqz { .. } => {
                zip_assign(&mut out, &self.joined(1, &range, R::xor)?, R::xor);
                return Ok(out);
            }
            ReplayOp::RandBit { .. } => {
                let mut random = vec![0_u8; range.len().div_ceil(8)];
                if !Mutant::RandBitsZero.is_on() {
                    own.fill(&mut random)?;
                }
                let fresh = random.iter().flat_map(|byte| (0..8).map(move |i| (byte >> i) & 1));
                for (element, bit) in out.as_mut_slice().iter_mut().zip(fresh) {
                    *element = R::from_i128(i128::from(bit)).sub(*element);
                }
                return Ok(out);
            }
            _ => sum(1)?,
        };
        out.sub_assign(&last)?;
        Ok(out)
    }

    fn product<R: Ring>(
        &self,
        m: usize,
        k: usize,
        n: usize,
        transposed: [bool; 2],
    ) -> Result<Matrix<R>, TriplesError> {
        let [of_a, of_b] = if Mutant::TransposeIgnored.is_on() { [false; 2] } else { transposed };
        let of_b = of_b != Mutant::DotSecondTransposed.is_on();
        let mut out = self.mask(2, m, n)?.to_matrix()?;
        out.map_assign(R::neg);
        let (a, b) = (self.factor(0, m, k, of_a)?, self.factor(1, k, n, of_b)?);
        // The larger factor is not held.
        match (a, b) {
            (Factor::Mask(a), b) if m >= n => a.matmul_add(&b.into_matrix()?, &mut out)?,
            (a, Factor::Mask(b)) => b.premultiplied_add(&a.into_matrix()?, &mut out)?,
            (a, b) => a.into_matrix()?.matmul_add(&b.into_matrix()?, &mut out)?,
        }
        Ok(out)
    }

    /// A factor of a product, rows×cols as it enters.
    fn factor<R: Ring>(
        &self,
        index: usize,
        rows: usize,
        cols: usize,
        transposed: bool,
    ) -> Result<Factor<R>, TriplesError> {
        Ok(if transposed {
            Factor::Matrix(self.mask(index, cols, rows)?.to_matrix()?.transpose())
        } else {
            Factor::Mask(self.mask(index, rows, cols)?)
        })
    }

    /// The sum of all parties' draws of buffer `index`.
    fn mask<R: Ring>(&self, index: usize, rows: usize, cols: usize) -> Result<Mask<R>, TriplesError> {
        Ok(Mask::new(self.streams(index)?, rows, cols))
    }

    fn permuted<R: Ring>(&self, len: usize) -> Result<Matrix<R>, TriplesError> {
        let permutation = self.shuffle.map(|shuffle| shuffle.permutation(len)).transpose()?;
        let moved = self.joined::<R>(0, &(0..len), R::add)?;
        let mut out = self.joined::<R>(1, &(0..len), R::add)?;
        out.map_assign(R::neg);
        for (element, place) in moved.as_slice().iter().zip(permutation.into_iter().flatten()) {
            // Every place of a permutation of `len` elements exists.
            if let Some(out) = out.as_mut_slice().get_mut(place) {
                *out = out.add(*element);
            }
        }
        Ok(out)
    }

    /// The elements `range` of buffer `index` of all parties, joined by `join`.
    fn joined<R: Ring>(
        &self,
        index: usize,
        range: &Range<usize>,
        join: impl Fn(R, R) -> R,
    ) -> Result<Matrix<R>, TriplesError> {
        let first = CounterStream::blocks_for((range.start * R::BYTES) as u64);
        let mut sum: Option<Matrix<R>> = None;
        for stream in self.streams(index)? {
            let mut share = Matrix::zeros(range.len(), 1);
            stream.fill_part(first, share.as_mut_le_bytes())?;
            match &mut sum {
                None => sum = Some(share),
                Some(sum) => zip_assign(sum, &share, &join),
            }
        }
        sum.ok_or(TriplesError::ConfigSeeds { seeds: 0 })
    }

    /// All parties' streams, at the first block of buffer `index`.
    fn streams(&self, index: usize) -> Result<Vec<CounterStream>, TriplesError> {
        let Some(source) = self.sources.get(index) else {
            return Err(TriplesError::ConfigSeeds { seeds: 0 });
        };
        let left_out = if Mutant::LastSeedLeftOut.is_on() { 1 } else { 0 };
        let seeds = source.seeds.iter().take(source.seeds.len() - left_out);
        let stream = |seed| {
            let mut stream = CounterStream::new(self.cipher, self.construction, seed);
            stream.set_counter(source.counter);
            stream
        };
        Ok(seeds.map(stream).collect())
    }
}

/// A factor of a product: what is transposed is held, and the rest replayed.
enum Factor<R> {
    Mask(Mask<R>),
    Matrix(Matrix<R>),
}

impl<R: Ring> Factor<R> {
    fn into_matrix(self) -> Result<Matrix<R>, TriplesError> {
        match self {
            Self::Mask(mask) => mask.to_matrix(),
            Self::Matrix(matrix) => Ok(matrix),
        }
    }
}

impl Shuffle {
    /// π(0), π(1), …, π(len - 1).
    fn permutation(&self, len: usize) -> Result<Vec<usize>, TriplesError> {
        let mut stream = CounterStream::new(Cipher::Aes128, Construction::CtrBigEndian, &self.seed);
        stream.set_counter(self.counter);
        let random = stream.draw_matrix::<u128>(len.saturating_sub(1), 1)?;
        let mut permutation: Vec<usize> = (0..len).collect();
        for (i, random) in (1..len).zip(random.as_slice()).rev() {
            let other = random % (i as u128 + 1);
            permutation.swap(i, usize::try_from(other).unwrap_or(i));
        }
        Ok(permutation)
    }
}

fn zip_assign<R: Ring>(left: &mut Matrix<R>, right: &Matrix<R>, f: impl Fn(R, R) -> R) {
    for (left, right) in left.as_mut_slice().iter_mut().zip(right.as_slice()) {
        *left = f(*left, *right);
    }
}
