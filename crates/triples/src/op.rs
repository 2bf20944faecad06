//! Operations, the buffers that they draw, and the requests that carry them to a dealer.

use std::fmt;

use symbolon_mutants::Mutant;
use symbolon_prg::CounterStream;
use symbolon_ring::Field;

use crate::{Fault, TriplesError};

/// A piece of correlated randomness. Lengths count ring elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// a, b, c with c = a·b, element by element.
    Mul {
        /// Elements of each of a, b, c.
        len: usize,
    },
    /// A (m×k), B (k×n), C (m×n) with C = A·B.
    Dot {
        /// Rows of A and C.
        m: usize,
        /// Columns of A, rows of B.
        k: usize,
        /// Columns of B and C.
        n: usize,
    },
    /// a, b, c shared by exclusive or, with c = a & b.
    And {
        /// Elements of each of a, b, c.
        len: usize,
    },
    /// r and r >> bits (arithmetic).
    Trunc {
        /// Elements of either.
        len: usize,
        /// Bits cut off, below k.
        bits: u32,
    },
    /// r, (r mod 2^(k-1)) >> bits, and the top bit of r.
    TruncPr {
        /// Elements of each.
        len: usize,
        /// Bits cut off, below k - 1.
        bits: u32,
    },
    /// Random numbers 0 or 1.
    RandBit {
        /// Their number.
        len: usize,
    },
}

/// One buffer of one operation, of every party: where its draw starts and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BufferMeta {
    /// The first block of the draw.
    pub counter: u64,
    /// Bytes of the draw.
    pub bytes: u64,
}

/// What a party asks of the dealer.
///
/// The fields are as they come from the network: [`AdjustRequest::check`] holds them against one another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AdjustRequest {
    /// The operation.
    pub op: Op,
    /// The ring of its elements.
    pub field: Field,
    /// Its buffers in the order of drawing.
    pub inputs: Vec<BufferMeta>,
}

/// What a dealer accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all buffers of one party in one request (default 1 GiB). A dealer holds at most twice as
    /// much while it computes, whatever the number of parties.
    pub max_bytes_per_request: u64,
    /// The same for operations that work element by element and are computed in pieces
    /// ([`CorrectionPieces`](crate::CorrectionPieces); default 64 GiB): they cost time, not memory.
    pub max_bytes_per_stream: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes_per_request: 1 << 30, max_bytes_per_stream: 64 << 30 }
    }
}

/// The elements of the buffers of an operation, at most three.
struct Lengths {
    elements: [usize; 3],
    count: usize,
}

impl Lengths {
    fn as_slice(&self) -> &[usize] {
        self.elements.get(..self.count).unwrap_or_default()
    }
}

impl Op {
    /// The buffers of the operation, in the order of drawing, when the first starts at block `start`.
    ///
    /// # Errors
    /// [`TriplesError::OursOp`] when the operation has no elements, cuts off too many bits, or is too large for
    /// 64-bit counters and lengths.
    pub fn inputs(&self, field: Field, start: u64) -> Result<Vec<BufferMeta>, TriplesError> {
        self.buffers(field, start).map_err(|fault| TriplesError::OursOp { op: *self, fault })
    }

    /// The block after the last that the operation consumes when it starts at block `start`.
    ///
    /// # Errors
    /// As [`Op::inputs`].
    pub fn end(&self, field: Field, start: u64) -> Result<u64, TriplesError> {
        let inputs = self.inputs(field, start)?;
        Ok(inputs.last().map_or(start, |last| last.counter + CounterStream::blocks_for(last.bytes)))
    }

    /// The elements of each correction that the dealer returns: one, or two for [`Op::TruncPr`].
    pub fn correction_lens(&self) -> Vec<usize> {
        match *self {
            Self::Mul { len } | Self::And { len } | Self::Trunc { len, .. } | Self::RandBit { len } => {
                vec![len]
            }
            Self::Dot { m, n, .. } => vec![m.saturating_mul(n)],
            Self::TruncPr { len, .. } => vec![len, len],
        }
    }

    /// Bytes of all corrections together, saturating.
    pub fn correction_bytes(&self, field: Field) -> u64 {
        let elements = self.correction_lens().into_iter().fold(0, usize::saturating_add);
        (elements as u64).saturating_mul(field.bytes() as u64)
    }

    /// The elements of each buffer.
    fn lengths(&self) -> Option<Lengths> {
        Some(match *self {
            Self::Mul { len } | Self::And { len } | Self::TruncPr { len, .. } => {
                Lengths { elements: [len; 3], count: 3 }
            }
            Self::Dot { m, k, n } => {
                Lengths { elements: [m.checked_mul(k)?, k.checked_mul(n)?, m.checked_mul(n)?], count: 3 }
            }
            Self::Trunc { len, .. } => Lengths { elements: [len; 3], count: 2 },
            Self::RandBit { len } => Lengths { elements: [len; 3], count: 1 },
        })
    }

    pub(crate) fn buffers(&self, field: Field, start: u64) -> Result<Vec<BufferMeta>, Fault> {
        let (bits, most) = match *self {
            Self::Trunc { bits, .. } => (bits, field.bits() - 1),
            Self::TruncPr { bits, .. } => (bits, field.bits() - 2),
            _ => (0, 0),
        };
        if bits > most {
            return Err(Fault::Bits { bits, most });
        }
        let lengths = self.lengths().ok_or(Fault::Overflow)?;
        let mut counter = start;
        let mut buffers = Vec::with_capacity(lengths.count);
        for (index, &elements) in lengths.as_slice().iter().enumerate() {
            if elements == 0 {
                return Err(Fault::Empty);
            }
            let bytes = elements.checked_mul(field.bytes()).ok_or(Fault::Overflow)? as u64;
            buffers.push(BufferMeta { counter, bytes });
            counter = counter
                .checked_add(CounterStream::blocks_for(bytes))
                .ok_or(Fault::Counter { index, counter })?;
        }
        Ok(buffers)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mul { len } => write!(f, "Mul of {len}"),
            Self::Dot { m, k, n } => write!(f, "Dot of {m}x{k} by {k}x{n}"),
            Self::And { len } => write!(f, "And of {len}"),
            Self::Trunc { len, bits } => write!(f, "Trunc of {len} by {bits} bits"),
            Self::TruncPr { len, bits } => write!(f, "TruncPr of {len} by {bits} bits"),
            Self::RandBit { len } => write!(f, "RandBit of {len}"),
        }
    }
}

/// What a party draws next: an operation whose buffers are all drawn anew, or a product one of whose factors is a mask
/// that was set aside and can serve again ([`KeptMask`](crate::KeptMask)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Draw {
    op: Op,
    /// Which buffer is not drawn, and where it lies.
    kept: Option<(usize, u64)>,
}

impl From<Op> for Draw {
    fn from(op: Op) -> Self {
        Self { op, kept: None }
    }
}

impl Draw {
    /// The product `op` whose buffer `index` is what lies at block `counter` already.
    pub(crate) fn with_kept(op: Op, index: usize, counter: u64) -> Self {
        Self { op, kept: Some((index, counter)) }
    }

    /// The operation.
    pub fn op(&self) -> Op {
        self.op
    }

    /// Whether that buffer is replayed instead of drawn, and from which block.
    pub(crate) fn kept_at(&self, index: usize) -> Option<u64> {
        self.kept.filter(|(kept, _)| *kept == index).map(|(_, counter)| counter)
    }

    /// The request of a party whose stream stands at block `start`, and where the stream stands afterwards.
    ///
    /// # Errors
    /// As [`Op::inputs`].
    pub(crate) fn request(&self, field: Field, start: u64) -> Result<(AdjustRequest, u64), TriplesError> {
        let Self { op, kept } = *self;
        let mut inputs = op.inputs(field, start)?;
        let mut end = start;
        for (index, input) in inputs.iter_mut().enumerate() {
            input.counter = match kept {
                Some((kept, counter)) if kept == index => counter,
                _ => {
                    let counter = end;
                    // `Op::inputs` has found that even all buffers together do not pass the end.
                    end += CounterStream::blocks_for(input.bytes);
                    counter
                }
            };
        }
        Ok((AdjustRequest { op, field, inputs }, end))
    }
}

impl AdjustRequest {
    /// The request of a party whose stream stands at block `start`.
    ///
    /// # Errors
    /// As [`Op::inputs`].
    pub fn new(op: Op, field: Field, start: u64) -> Result<Self, TriplesError> {
        Ok(Self { op, field, inputs: op.inputs(field, start)? })
    }

    /// The first block of the first buffer, for messages.
    pub fn counter(&self) -> u64 {
        self.inputs.first().map_or(0, |input| input.counter)
    }

    /// Holds the request against its operation and the limits. Nothing is allocated for it before.
    ///
    /// The buffers may start anywhere: a party can let one mask serve two products (SPU's beaver cache does).
    ///
    /// # Errors
    /// [`TriplesError::PeerRequest`].
    pub fn check(&self, limits: &Limits) -> Result<(), TriplesError> {
        self.fault(limits).map_err(|fault| TriplesError::PeerRequest { op: self.op, fault })
    }

    fn fault(&self, limits: &Limits) -> Result<(), Fault> {
        let expected = self.op.buffers(self.field, 0)?;
        if expected.len() != self.inputs.len() {
            return Err(Fault::BufferCount { expected: expected.len(), got: self.inputs.len() });
        }
        let mut bytes = 0_u64;
        for (index, (expected, got)) in expected.iter().zip(&self.inputs).enumerate() {
            if expected.bytes != got.bytes && !Mutant::BufferSizesNotCompared.is_on() {
                return Err(Fault::BufferBytes { index, expected: expected.bytes, got: got.bytes });
            }
            if got.counter.checked_add(CounterStream::blocks_for(got.bytes)).is_none() {
                return Err(Fault::Counter { index, counter: got.counter });
            }
            bytes = bytes.checked_add(got.bytes).ok_or(Fault::Overflow)?;
        }
        let limit = limits.max_bytes_per_request;
        if bytes > limit { Err(Fault::TooLarge { bytes, limit }) } else { Ok(()) }
    }
}
