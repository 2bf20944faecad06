//! A party's source of correlated randomness.

use std::{collections::VecDeque, fmt, ops::Range};

use symbolon_mutants::Mutant;
use symbolon_prg::{Cipher, Construction, CounterStream, Seed};
use symbolon_ring::{Matrix, Ring};

use crate::{
    AdjustRequest, Ahead, Corrections, Dealer, Draw, KeptMask, Mask, Op, TriplesError, fetch::Fetcher,
};

/// What all parties of a session agree on, and this party's place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriplesConfig {
    /// This party.
    pub rank: usize,
    /// Number of parties, at least 2.
    pub world_size: usize,
    /// The party that asks the dealer and adds the corrections.
    pub adjust_rank: usize,
    /// The cipher of the dealer streams.
    pub cipher: Cipher,
    /// The construction of the dealer streams (erratum E16).
    pub construction: Construction,
    /// How far scheduled corrections are fetched ahead.
    pub ahead: Ahead,
}

/// A party's shares of a, b, c: additive with c = a∘b, or by exclusive or with c = a & b.
#[derive(Clone, PartialEq, Eq)]
pub struct Triple<R> {
    /// The first factor.
    pub a: Vec<R>,
    /// The second factor.
    pub b: Vec<R>,
    /// The product.
    pub c: Vec<R>,
}

/// A party's additive shares of A (m×k), B (k×n) and C (m×n), C = A·B.
pub struct DotTriple<R> {
    /// The first factor.
    pub a: Mask<R>,
    /// The second factor.
    pub b: Mask<R>,
    /// The product.
    pub c: Matrix<R>,
}

/// A party's additive shares of r and r >> bits (arithmetic).
#[derive(Clone, PartialEq, Eq)]
pub struct TruncPair<R> {
    /// r, uniform in the ring.
    pub r: Vec<R>,
    /// r >> bits.
    pub shifted: Vec<R>,
}

/// A party's additive shares of r, its high part and its top bit.
#[derive(Clone, PartialEq, Eq)]
pub struct TruncPrTriple<R> {
    /// r, uniform in the ring.
    pub r: Vec<R>,
    /// (r mod 2^(k-1)) >> bits.
    pub high: Vec<R>,
    /// r >> (k - 1): 0 or 1.
    pub top: Vec<R>,
}

/// A party's source of correlated randomness.
///
/// Every party draws its shares from its own stream; the adjust rank adds the dealer's corrections to the last
/// buffer (or buffers) of each operation.
pub struct Triples<R: Ring> {
    config: TriplesConfig,
    stream: CounterStream,
    /// Operations scheduled and not yet drawn.
    schedule: VecDeque<Draw>,
    /// Where the last scheduled operation ends.
    scheduled_to: u64,
    /// Only at the adjust rank.
    fetcher: Option<Fetcher<R>>,
    /// The first failure; it stays.
    failed: Option<TriplesError>,
}

impl<R: Ring> Triples<R> {
    /// The source of the party whose dealer seed is `seed`. Exactly the adjust rank gives a `dealer`.
    ///
    /// # Errors
    /// [`TriplesError::ConfigRanks`], [`TriplesError::ConfigDealer`], [`TriplesError::OursThread`].
    pub fn new(
        seed: &Seed,
        config: TriplesConfig,
        dealer: Option<Box<dyn Dealer<R>>>,
    ) -> Result<Self, TriplesError> {
        let TriplesConfig { rank, world_size, adjust_rank, cipher, construction, ahead } = config;
        if world_size < 2 || rank >= world_size || adjust_rank >= world_size {
            return Err(TriplesError::ConfigRanks { rank, adjust_rank, world_size });
        }
        if dealer.is_some() != (rank == adjust_rank) {
            return Err(TriplesError::ConfigDealer { rank, adjust_rank, has_dealer: dealer.is_some() });
        }
        let fetcher = dealer.map(|dealer| Fetcher::spawn(dealer, ahead)).transpose()?;
        let stream = CounterStream::new(cipher, construction, seed);
        Ok(Self { config, stream, schedule: VecDeque::new(), scheduled_to: 0, fetcher, failed: None })
    }

    /// The block counter of the next draw.
    pub fn counter(&self) -> u64 {
        self.stream.counter()
    }

    /// What this source was made with.
    pub fn config(&self) -> &TriplesConfig {
        &self.config
    }

    /// Operations scheduled and not yet drawn.
    pub fn scheduled(&self) -> usize {
        self.schedule.len()
    }

    /// Announces the operations that will be drawn next, after those announced before. All parties can do it; at
    /// the adjust rank their corrections are fetched ahead. Each operation takes some 200 bytes until it is drawn, so
    /// very long runs announce themselves piece by piece.
    ///
    /// # Errors
    /// [`TriplesError::OursOp`] for an impossible operation: those before it are scheduled.
    pub fn schedule(&mut self, draws: impl IntoIterator<Item = impl Into<Draw>>) -> Result<(), TriplesError> {
        for draw in draws {
            let draw = draw.into();
            let start = if self.schedule.is_empty() { self.stream.counter() } else { self.scheduled_to };
            let (request, end) = draw.request(R::FIELD, start)?;
            let stale = Mutant::RequestCounterStale.is_on();
            let request = if stale { draw.request(R::FIELD, 0)?.0 } else { request };
            self.scheduled_to = end;
            self.schedule.push_back(draw);
            if let Some(fetcher) = &self.fetcher {
                fetcher.want(request);
            }
        }
        Ok(())
    }

    /// The requests that [`Triples::schedule`] would have made of these draws from here on, without drawing: for
    /// corrections that are fetched and kept ahead of a run.
    pub fn requests<D: Into<Draw>>(
        &self,
        draws: impl IntoIterator<Item = D>,
    ) -> impl Iterator<Item = Result<AdjustRequest, TriplesError>> {
        let mut counter = self.stream.counter();
        draws.into_iter().map(move |draw| {
            let (request, end) = draw.into().request(R::FIELD, counter)?;
            counter = end;
            Ok(request)
        })
    }

    /// Sets aside the blocks of a mask of `rows`×`cols` for products that share it. The stream moves past them, so that
    /// nothing else is ever drawn there; the mask itself is replayed when it is needed ([`Triples::kept_rows`]).
    ///
    /// Each row is to begin with a block of its own, so that any rows can take part in a product: a row must fill whole
    /// blocks.
    ///
    /// # Errors
    /// [`TriplesError::OursKept`] for rows that do not fill whole blocks, for streams of [`Construction::CtrBigEndian`],
    /// and after operations were scheduled, whose place would change; [`TriplesError::OursOp`] for a mask that is empty or too large.
    pub fn keep(&mut self, rows: usize, cols: usize) -> Result<KeptMask, TriplesError> {
        // In the other construction the bytes of a row depend on where the draw begins that it is a part of.
        if self.config.construction != Construction::BlocksLittleEndian {
            return Err(TriplesError::OursKept(
                "it needs dealer streams of blocks with a little-endian counter",
            ));
        }
        if !self.schedule.is_empty() {
            return Err(TriplesError::OursKept("masks are set aside before operations are scheduled"));
        }
        let counter = self.stream.counter();
        let (mask, end) = KeptMask::new::<R>(counter, rows, cols)?;
        self.stream.set_counter(end);
        Ok(mask)
    }

    /// The own share of those rows of a mask that was set aside.
    ///
    /// # Errors
    /// [`TriplesError::OursKept`] for rows that the mask does not have; [`TriplesError::Stream`].
    pub fn kept_rows(&self, mask: &KeptMask, rows: Range<usize>) -> Result<Mask<R>, TriplesError> {
        let first = mask.block::<R>(&rows)?;
        Ok(Mask::new(vec![self.stream.at(first)], rows.len(), mask.cols()))
    }

    /// Shares of A, B and C with C = A·B: A the rows `rows` of a mask that was set aside, B (k×`n`) and C (m×`n`) new.
    ///
    /// # Errors
    /// As [`Triples::mul`], and [`TriplesError::OursKept`] for rows that the mask does not have.
    pub fn dot_kept(
        &mut self,
        mask: &KeptMask,
        rows: Range<usize>,
        n: usize,
    ) -> Result<DotTriple<R>, TriplesError> {
        let draw = mask.left::<R>(rows.clone(), n)?;
        self.draw_dot(draw, rows.len(), mask.cols(), n)
    }

    /// Shares of A, B and C with C = A·B: A (`n`×m) and C (`n`×k) new, B the rows `rows` of a mask that was set aside. So
    /// one mask serves X and, as (YᵀX)ᵀ, the product XᵀY too, without the dealer knowing of a transposition.
    ///
    /// # Errors
    /// As [`Triples::dot_kept`].
    pub fn dot_with_kept(
        &mut self,
        n: usize,
        mask: &KeptMask,
        rows: Range<usize>,
    ) -> Result<DotTriple<R>, TriplesError> {
        let draw = mask.right::<R>(n, rows.clone())?;
        self.draw_dot(draw, n, rows.len(), mask.cols())
    }

    /// Shares of a, b, c with c = a∘b, `len` elements each.
    ///
    /// # Errors
    /// [`TriplesError::OursOutOfSchedule`], [`TriplesError::OursOp`], [`TriplesError::Dealer`],
    /// `PeerCorrection…`, [`TriplesError::Stream`]; the same for the other draws.
    pub fn mul(&mut self, len: usize) -> Result<Triple<R>, TriplesError> {
        let [a, b, c] = self.draw(Op::Mul { len }, [(1, len); 3], [2])?;
        Ok(Triple { a: a.into_vec(), b: b.into_vec(), c: c.into_vec() })
    }

    /// Shares of A (m×k), B (k×n), C (m×n) with C = A·B.
    ///
    /// # Errors
    /// As [`Triples::mul`].
    pub fn dot(&mut self, m: usize, k: usize, n: usize) -> Result<DotTriple<R>, TriplesError> {
        self.draw_dot(Op::Dot { m, k, n }.into(), m, k, n)
    }

    /// Shares by exclusive or of a, b, c with c = a & b, `len` elements each.
    ///
    /// # Errors
    /// As [`Triples::mul`].
    pub fn and(&mut self, len: usize) -> Result<Triple<R>, TriplesError> {
        let [a, b, c] = self.draw(Op::And { len }, [(1, len); 3], [2])?;
        Ok(Triple { a: a.into_vec(), b: b.into_vec(), c: c.into_vec() })
    }

    /// Shares of r and r >> bits.
    ///
    /// # Errors
    /// As [`Triples::mul`].
    pub fn trunc(&mut self, len: usize, bits: u32) -> Result<TruncPair<R>, TriplesError> {
        let [r, shifted] = self.draw(Op::Trunc { len, bits }, [(1, len); 2], [1])?;
        Ok(TruncPair { r: r.into_vec(), shifted: shifted.into_vec() })
    }

    /// Shares of r, its high part and its top bit.
    ///
    /// # Errors
    /// As [`Triples::mul`].
    pub fn trunc_pr(&mut self, len: usize, bits: u32) -> Result<TruncPrTriple<R>, TriplesError> {
        let [r, high, top] = self.draw(Op::TruncPr { len, bits }, [(1, len); 3], [1, 2])?;
        Ok(TruncPrTriple { r: r.into_vec(), high: high.into_vec(), top: top.into_vec() })
    }

    /// Shares of random numbers 0 or 1.
    ///
    /// # Errors
    /// As [`Triples::mul`].
    pub fn rand_bit(&mut self, len: usize) -> Result<Vec<R>, TriplesError> {
        let [r] = self.draw(Op::RandBit { len }, [(1, len)], [0])?;
        Ok(r.into_vec())
    }

    /// Draws the buffers of an operation and adds its corrections to those at `corrected`.
    fn draw<const BUFFERS: usize, const CORRECTIONS: usize>(
        &mut self,
        op: Op,
        shapes: [(usize, usize); BUFFERS],
        corrected: [usize; CORRECTIONS],
    ) -> Result<[Matrix<R>; BUFFERS], TriplesError> {
        self.take(op.into(), |triples| {
            let counter = triples.stream.counter();
            let mut buffers = shapes.map(|_| Matrix::zeros(0, 0));
            for (buffer, (rows, cols)) in buffers.iter_mut().zip(shapes) {
                *buffer = triples.stream.draw_matrix(rows, cols)?;
            }
            for (index, correction) in triples.corrections(op, counter, CORRECTIONS)?.into_iter().enumerate()
            {
                let Some(buffer) = corrected.get(index).and_then(|&place| buffers.get_mut(place)) else {
                    continue;
                };
                add_correction((op, counter, index), correction, buffer)?;
            }
            Ok(buffers)
        })
    }

    /// Draws a product: its factors are made when they are used.
    fn draw_dot(&mut self, draw: Draw, m: usize, k: usize, n: usize) -> Result<DotTriple<R>, TriplesError> {
        self.take(draw, |triples| {
            let (op, counter) = (draw.op(), triples.stream.counter());
            let (a, b) = if Mutant::OperandsDrawnInWrongOrder.is_on() {
                let b = triples.draw_factor(draw, 0, k, n);
                (triples.draw_factor(draw, 1, m, k), b)
            } else {
                (triples.draw_factor(draw, 0, m, k), triples.draw_factor(draw, 1, k, n))
            };
            let mut c = triples.stream.draw_matrix(m, n)?;
            for correction in triples.corrections(op, counter, 1)? {
                add_correction((op, counter, 0), correction, &mut c)?;
            }
            Ok(DotTriple { a, b, c })
        })
    }

    /// Factor number `index` of a product: the stream moves past it, unless it is one that was set aside.
    fn draw_factor(&mut self, draw: Draw, index: usize, rows: usize, cols: usize) -> Mask<R> {
        let kept = draw.kept_at(index);
        let start = kept.unwrap_or(self.stream.counter());
        if kept.is_none() {
            // The schedule has found that its blocks exist.
            let bytes = rows.saturating_mul(cols).saturating_mul(R::BYTES) as u64;
            self.stream.set_counter(start.saturating_add(CounterStream::blocks_for(bytes)));
        }
        Mask::new(vec![self.stream.at(start)], rows, cols)
    }

    /// Takes the next draw of the schedule; the first failure of `take` stays.
    fn take<T>(
        &mut self,
        draw: Draw,
        take: impl FnOnce(&mut Self) -> Result<T, TriplesError>,
    ) -> Result<T, TriplesError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        match self.schedule.front() {
            Some(&scheduled) if scheduled != draw => {
                return Err(TriplesError::OursOutOfSchedule { scheduled: scheduled.op(), drawn: draw.op() });
            }
            Some(_) => {}
            None => self.schedule([draw])?,
        }
        self.schedule.pop_front();
        let taken = take(self);
        if let Err(error) = &taken {
            // The streams have moved: nothing after this can be right.
            self.failed = Some(error.clone());
        }
        taken
    }

    /// The corrections of an operation, `expected` of them at the adjust rank and none elsewhere. Waits for them.
    fn corrections(&self, op: Op, counter: u64, expected: usize) -> Result<Corrections<R>, TriplesError> {
        let Some(fetcher) = &self.fetcher else { return Ok(Vec::new()) };
        let corrections = fetcher.take().map_err(|source| TriplesError::Dealer { op, counter, source })?;
        let got = corrections.len();
        if got == expected {
            Ok(corrections)
        } else {
            Err(TriplesError::PeerCorrectionCount { op, counter, expected, got })
        }
    }
}

/// Adds correction number `index` of an operation at that counter to the buffer that it corrects.
fn add_correction<R: Ring>(
    (op, counter, index): (Op, u64, usize),
    correction: Vec<R>,
    buffer: &mut Matrix<R>,
) -> Result<(), TriplesError> {
    if correction.len() != buffer.len() {
        let (expected, got) = (buffer.len(), correction.len());
        return Err(TriplesError::PeerCorrectionLength { op, counter, index, expected, got });
    }
    let pairs = buffer.as_mut_slice().iter_mut().zip(correction);
    if matches!(op, Op::And { .. }) {
        pairs.for_each(|(element, correction)| *element = element.xor(correction));
    } else if Mutant::CorrectionSubtracted.is_on() {
        pairs.for_each(|(element, correction)| *element = element.sub(correction));
    } else {
        pairs.for_each(|(element, correction)| *element = element.add(correction));
    }
    Ok(())
}

/// Shares do not show in `Debug`: only their number or shape does.
macro_rules! hidden {
    ($($name:ident: $field:ident . $size:ident),+) => {$(
        impl<R: Ring> fmt::Debug for $name<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.$field.$size())
            }
        }
    )+};
}
hidden!(Triple: c.len, DotTriple: c.shape, TruncPair: r.len, TruncPrTriple: r.len);

impl<R: Ring> fmt::Debug for Triples<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Triples")
            .field("config", &self.config)
            .field("counter", &self.stream.counter())
            .field("scheduled", &self.schedule.len())
            .finish_non_exhaustive()
    }
}
