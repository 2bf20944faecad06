//! The dealer's arithmetic, and what a party asks of a dealer.

use symbolon_prg::{Cipher, Construction, CounterStream, Seed};
use symbolon_ring::{Field, Matrix, Ring};

use crate::{AdjustRequest, DealerError, Limits, Op, TriplesError};

/// The corrections of one request, in the order of [`Op::correction_lens`].
pub type Corrections<R> = Vec<Vec<R>>;

/// A request under way: called once, it waits for the corrections.
pub type Pending<R> = Box<dyn FnOnce() -> Result<Corrections<R>, DealerError> + Send>;

/// A dealer as the adjust rank sees it.
pub trait Dealer<R: Ring>: Send {
    /// The corrections of `request`; waits for them.
    ///
    /// # Errors
    /// [`DealerError`]; the caller wraps it with operation and counter.
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<R>, DealerError>;

    /// Starts `request` and returns without waiting for the corrections, where the dealer can do that: several
    /// requests are then on their way at once. By default the request is done on the spot.
    ///
    /// # Errors
    /// None here: an error at the start is also told by the returned [`Pending`].
    fn start(&mut self, request: AdjustRequest) -> Pending<R> {
        let corrections = self.adjust(&request);
        Box::new(move || corrections)
    }
}

/// The corrections of `request`, for parties whose streams have the keys `seeds` (by rank).
///
/// With A, B, C the sums over all parties of the buffers drawn at the request's counters:
///
/// | operation | correction |
/// |---|---|
/// | Mul | A∘B - C |
/// | Dot | A·B - C |
/// | And | (A & B) ⊕ C, sums taken by ⊕ |
/// | Trunc | (A >> bits) - B, arithmetic shift |
/// | TruncPr | ((A << 1) >> (bits + 1)) - B, then (A >> (k - 1)) - C, logical shifts |
/// | RandBit | fresh bits - A |
///
/// `bits` is the dealer's own stream. Only RandBit draws from it: a sum of party streams is not a bit, so the
/// bits must be the dealer's (secretflow interconnection, `service/beaver.proto`).
///
/// # Errors
/// [`TriplesError::PeerRequest`] for a request that is inconsistent or beyond `limits`, before anything is
/// allocated; [`TriplesError::OursField`] unless `R` is the request's ring; [`TriplesError::ConfigSeeds`]
/// for fewer than two seeds; [`TriplesError::Stream`] when `bits` is exhausted.
pub fn adjust<R: Ring>(
    seeds: &[Seed],
    cipher: Cipher,
    construction: Construction,
    request: &AdjustRequest,
    limits: &Limits,
    bits: &mut CounterStream,
) -> Result<Corrections<R>, TriplesError> {
    if request.field != R::FIELD {
        return Err(TriplesError::OursField { requested: request.field, actual: R::FIELD });
    }
    if seeds.len() < 2 {
        return Err(TriplesError::ConfigSeeds { seeds: seeds.len() });
    }
    request.check(limits)?;
    let (op, k) = (request.op, R::BITS);
    let [a, b, c] = places(op);
    let replay = Replay { seeds, cipher, construction, request };
    let corrections = match op {
        Op::Mul { .. } => {
            let mut out = replay.joined(0, a, R::add)?;
            let b = replay.joined(1, b, R::add)?;
            zip_assign(&mut out, &b, R::mul);
            drop(b);
            out.sub_assign(&replay.joined(2, c, R::add)?)?;
            vec![out]
        }
        Op::Dot { .. } => {
            let mut out = replay.joined(2, c, R::add)?;
            out.map_assign(R::neg);
            replay.joined(0, a, R::add)?.matmul_add(&replay.joined(1, b, R::add)?, &mut out)?;
            vec![out]
        }
        Op::And { .. } => {
            let mut out = replay.joined(0, a, R::xor)?;
            let b = replay.joined(1, b, R::xor)?;
            zip_assign(&mut out, &b, R::and);
            drop(b);
            zip_assign(&mut out, &replay.joined(2, c, R::xor)?, R::xor);
            vec![out]
        }
        Op::Trunc { bits, .. } => {
            let mut out = replay.joined(0, a, R::add)?;
            out.map_assign(|r| r.ashr(bits));
            out.sub_assign(&replay.joined(1, b, R::add)?)?;
            vec![out]
        }
        Op::TruncPr { bits, .. } => {
            let mut high = replay.joined(0, a, R::add)?;
            let mut top = high.map(|r| r.shr(k - 1));
            high.map_assign(|r| r.shl(1).shr(bits + 1));
            high.sub_assign(&replay.joined(1, b, R::add)?)?;
            top.sub_assign(&replay.joined(2, c, R::add)?)?;
            vec![high, top]
        }
        Op::RandBit { len } => {
            let mut random = vec![0_u8; len.div_ceil(8)];
            bits.fill(&mut random)?;
            let mut out = replay.joined(0, a, R::add)?;
            let fresh = random.iter().flat_map(|byte| (0..8).map(move |i| (byte >> i) & 1));
            for (element, bit) in out.as_mut_slice().iter_mut().zip(fresh) {
                *element = R::from_i128(i128::from(bit)).sub(*element);
            }
            vec![out]
        }
    };
    Ok(corrections.into_iter().map(Matrix::into_vec).collect())
}

/// [`adjust`] in the ring that the request names, with the corrections in wire form (little-endian elements).
///
/// # Errors
/// As [`adjust`].
pub fn adjust_bytes(
    seeds: &[Seed],
    cipher: Cipher,
    construction: Construction,
    request: &AdjustRequest,
    limits: &Limits,
    bits: &mut CounterStream,
) -> Result<Vec<Vec<u8>>, TriplesError> {
    fn wire<R: Ring>(corrections: Corrections<R>) -> Result<Vec<Vec<u8>>, TriplesError> {
        corrections.into_iter().map(|v| Ok(Matrix::from_vec(1, v.len(), v)?.into_le_bytes())).collect()
    }
    match request.field {
        Field::Ring32 => wire::<u32>(adjust(seeds, cipher, construction, request, limits, bits)?),
        Field::Ring64 => wire::<u64>(adjust(seeds, cipher, construction, request, limits, bits)?),
        Field::Ring128 => wire::<u128>(adjust(seeds, cipher, construction, request, limits, bits)?),
    }
}

/// Rows and columns of the three buffers; those of element-wise operations are single columns.
fn places(op: Op) -> [(usize, usize); 3] {
    match op {
        Op::Dot { m, k, n } => [(m, k), (k, n), (m, n)],
        Op::Mul { len }
        | Op::And { len }
        | Op::Trunc { len, .. }
        | Op::TruncPr { len, .. }
        | Op::RandBit { len } => [(len, 1); 3],
    }
}

/// The streams of all parties at the counters of one request.
struct Replay<'a> {
    seeds: &'a [Seed],
    cipher: Cipher,
    construction: Construction,
    request: &'a AdjustRequest,
}

impl Replay<'_> {
    /// Buffer `index` of all parties, joined by addition or exclusive or.
    fn joined<R: Ring>(
        &self,
        index: usize,
        (rows, cols): (usize, usize),
        join: impl Fn(R, R) -> R,
    ) -> Result<Matrix<R>, TriplesError> {
        let counter = self.request.inputs.get(index).map_or(0, |input| input.counter);
        let mut sum: Option<Matrix<R>> = None;
        for seed in self.seeds {
            let mut stream = CounterStream::new(self.cipher, self.construction, seed);
            stream.set_counter(counter);
            let share = stream.draw_matrix(rows, cols)?;
            match &mut sum {
                None => sum = Some(share),
                Some(sum) => zip_assign(sum, &share, &join),
            }
        }
        sum.ok_or(TriplesError::ConfigSeeds { seeds: 0 })
    }
}

fn zip_assign<R: Ring>(left: &mut Matrix<R>, right: &Matrix<R>, f: impl Fn(R, R) -> R) {
    for (left, right) in left.as_mut_slice().iter_mut().zip(right.as_slice()) {
        *left = f(*left, *right);
    }
}

/// A dealer inside this process: for tests, and for a party that all others trust with their seeds.
pub struct LocalDealer {
    seeds: Vec<Seed>,
    cipher: Cipher,
    construction: Construction,
    limits: Limits,
    bits: CounterStream,
}

impl LocalDealer {
    /// A dealer for the parties with these dealer seeds, by rank; `own` keys its random bits and must be known to
    /// nobody else.
    ///
    /// # Errors
    /// [`TriplesError::ConfigSeeds`] for fewer than two seeds.
    pub fn new(
        seeds: Vec<Seed>,
        cipher: Cipher,
        construction: Construction,
        limits: Limits,
        own: &Seed,
    ) -> Result<Self, TriplesError> {
        if seeds.len() < 2 {
            return Err(TriplesError::ConfigSeeds { seeds: seeds.len() });
        }
        let bits = CounterStream::new(cipher, Construction::BlocksLittleEndian, own);
        Ok(Self { seeds, cipher, construction, limits, bits })
    }
}

impl<R: Ring> Dealer<R> for LocalDealer {
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<R>, DealerError> {
        let Self { seeds, cipher, construction, limits, bits } = self;
        adjust(seeds, *cipher, *construction, request, limits, bits).map_err(|error| Box::new(error).into())
    }
}

impl std::fmt::Debug for LocalDealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalDealer").field("parties", &self.seeds.len()).finish_non_exhaustive()
    }
}
