//! The dealer's arithmetic, and what a party asks of a dealer.

use symbolon_prg::{Cipher, Construction, CounterStream, Seed};
use symbolon_ring::{Field, Matrix, Ring};

use crate::{
    AdjustRequest, DealerError, Limits, Op, ReplayOp, TriplesError,
    arithmetic::{Arithmetic, Source},
};

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
    let sources = request.inputs.iter().map(|input| Source { counter: input.counter, seeds }).collect();
    let arithmetic = Arithmetic { op: replayed(request), sources, shuffle: None, cipher, construction };
    let lens = request.op.correction_lens();
    let correction =
        |(index, len): (usize, usize)| Ok(arithmetic.piece::<R>(index, 0..len, bits)?.into_vec());
    lens.into_iter().enumerate().map(correction).collect()
}

/// The same operation among those of SPU's dealers.
fn replayed(request: &AdjustRequest) -> ReplayOp {
    match request.op {
        Op::Mul { len } => ReplayOp::Mul { len },
        Op::Dot { m, k, n } => ReplayOp::Dot { m, k, n, transposed: [false; 2] },
        Op::And { len } => ReplayOp::And { bytes: len.saturating_mul(request.field.bytes()) },
        Op::Trunc { len, bits } => ReplayOp::Trunc { len, bits },
        Op::TruncPr { len, bits } => ReplayOp::TruncPr { len, bits },
        Op::RandBit { len } => ReplayOp::RandBit { len },
    }
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
