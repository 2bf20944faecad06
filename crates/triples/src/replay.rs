//! What the dealers of SPU's service are asked: the operations of `ttp_server/service.proto`, with streams named buffer
//! by buffer.

use std::fmt;

use symbolon_prg::{CounterStream, Seed};
use symbolon_ring::Field;

use crate::{Fault, Limits, TriplesError};

/// A correction that SPU's dealers give. [`Op`](crate::Op) is the part of these that our own parties draw.
///
/// With A, B, C the sums of the buffers over all parties:
///
/// | operation | buffers | correction |
/// |---|---|---|
/// | Mul | a, b, c | A∘B - C |
/// | MulPriv | a, c | (∏ aᵢ) - C: each party keeps its own factor |
/// | Square | a, b | A∘A - B |
/// | Dot | a, b, c | op(A)·op(B) - C, op the identity or the transposition |
/// | And | a, b, c | (A & B) ⊕ C, sums taken by ⊕ |
/// | Trunc | a, b | (A >> bits) - B, arithmetic shift |
/// | TruncPr | a, b, c | ((A << 1) >> (bits + 1)) - B, then (A >> (k - 1)) - C, logical shifts |
/// | RandBit | a | fresh bits - A |
/// | Eqz | a, b | A ⊕ B, A summed by +, B by ⊕: the same number in both kinds of sharing |
/// | Perm | a, b | A moved by a permutation, - B |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplayOp {
    /// c = a∘b.
    Mul {
        /// Elements of each buffer.
        len: usize,
    },
    /// The product of one factor from each party.
    MulPriv {
        /// Elements of each buffer.
        len: usize,
    },
    /// b = a∘a.
    Square {
        /// Elements of each buffer.
        len: usize,
    },
    /// C (m×n) = A (m×k) · B (k×n).
    Dot {
        /// Rows of A and C.
        m: usize,
        /// Columns of A, rows of B.
        k: usize,
        /// Columns of B and C.
        n: usize,
        /// Whether the buffer of A, of B holds the transposed matrix: so one mask can serve X and Xᵀ.
        transposed: [bool; 2],
    },
    /// c = a & b, shared by exclusive or.
    And {
        /// Bytes of each buffer: any number, elements have no meaning here.
        bytes: usize,
    },
    /// r and r >> bits (arithmetic).
    Trunc {
        /// Elements of each buffer.
        len: usize,
        /// Bits cut off, below k.
        bits: u32,
    },
    /// r, (r mod 2^(k-1)) >> bits, and the top bit of r.
    TruncPr {
        /// Elements of each buffer.
        len: usize,
        /// Bits cut off, below k - 1.
        bits: u32,
    },
    /// Random numbers 0 or 1, chosen by the dealer.
    RandBit {
        /// Their number.
        len: usize,
    },
    /// One random number, shared by addition and by exclusive or.
    Eqz {
        /// Elements of each buffer.
        len: usize,
    },
    /// r, and r with its elements moved: element i to place π(i). One party knows π ([`Shuffle`]).
    Perm {
        /// Elements of each buffer.
        len: usize,
    },
}

/// One buffer of all parties.
#[derive(Clone)]
pub struct ReplayBuffer {
    /// The first block of the draw.
    pub counter: u64,
    /// Bytes of the draw.
    pub bytes: u64,
    /// The streams' keys, by rank. They can differ from buffer to buffer, when a mask is older than the session.
    pub seeds: Vec<Seed>,
}

/// The permutation of [`ReplayOp::Perm`]: yacl's `ReplayShuffle` on the stream of one party.
///
/// From the block `counter` of that stream (always AES-128 with `CtrBigEndian`) one draw gives 128-bit numbers
/// t₁ … tₙ₋₁. Beginning with π = (0, 1, …, n - 1), for i from n - 1 down to 1, πᵢ is exchanged with π at
/// tᵢ mod (i + 1).
#[derive(Clone)]
pub struct Shuffle {
    /// The first block of the draw.
    pub counter: u64,
    /// The key of the party that knows the permutation.
    pub seed: Seed,
}

/// What a dealer is asked, with the streams to replay.
///
/// The numbers are as they come from the network: [`ReplayRequest::check`] holds them against one another.
#[derive(Clone)]
pub struct ReplayRequest {
    /// The operation.
    pub op: ReplayOp,
    /// The ring of its elements; of no meaning for [`ReplayOp::And`].
    pub field: Field,
    /// Its buffers.
    pub buffers: Vec<ReplayBuffer>,
    /// The permutation; only for [`ReplayOp::Perm`].
    pub shuffle: Option<Shuffle>,
}

impl ReplayOp {
    /// Bytes of each buffer, at most three.
    fn buffers(&self, field: Field) -> Result<Vec<u64>, Fault> {
        let size = field.bytes();
        let bytes = |elements: usize| match elements.checked_mul(size) {
            _ if elements == 0 => Err(Fault::Empty),
            None => Err(Fault::Overflow),
            Some(bytes) => Ok(bytes as u64),
        };
        let below = |bits: u32, most: u32| if bits > most { Err(Fault::Bits { bits, most }) } else { Ok(()) };
        match *self {
            Self::Dot { m, k, n, .. } => [(m, k), (k, n), (m, n)]
                .into_iter()
                .map(|(rows, cols)| bytes(rows.checked_mul(cols).ok_or(Fault::Overflow)?))
                .collect(),
            Self::And { bytes: 0 } => Err(Fault::Empty),
            Self::And { bytes } => Ok(vec![bytes as u64; 3]),
            Self::Mul { len } => Ok(vec![bytes(len)?; 3]),
            Self::TruncPr { len, bits } => {
                below(bits, field.bits() - 2)?;
                Ok(vec![bytes(len)?; 3])
            }
            Self::Trunc { len, bits } => {
                below(bits, field.bits() - 1)?;
                Ok(vec![bytes(len)?; 2])
            }
            Self::MulPriv { len } | Self::Square { len } | Self::Eqz { len } | Self::Perm { len } => {
                Ok(vec![bytes(len)?; 2])
            }
            Self::RandBit { len } => Ok(vec![bytes(len)?]),
        }
    }

    /// Bytes of each correction, saturating: one, or two for [`ReplayOp::TruncPr`].
    pub fn correction_bytes(&self, field: Field) -> Vec<u64> {
        let bytes = |elements: usize| (elements as u64).saturating_mul(field.bytes() as u64);
        match *self {
            Self::Dot { m, n, .. } => vec![bytes(m.saturating_mul(n))],
            Self::And { bytes } => vec![bytes as u64],
            Self::TruncPr { len, .. } => vec![bytes(len); 2],
            Self::Mul { len }
            | Self::MulPriv { len }
            | Self::Square { len }
            | Self::Trunc { len, .. }
            | Self::RandBit { len }
            | Self::Eqz { len }
            | Self::Perm { len } => vec![bytes(len)],
        }
    }

    /// Whether a correction can be computed piece by piece: a product of matrices and a permutation cannot.
    pub fn is_elementwise(&self) -> bool {
        !matches!(self, Self::Dot { .. } | Self::Perm { .. })
    }
}

impl ReplayRequest {
    /// Holds the request against its operation and the limits. Nothing is allocated for it before.
    ///
    /// # Errors
    /// [`TriplesError::PeerReplay`].
    pub fn check(&self, limits: &Limits) -> Result<(), TriplesError> {
        self.fault(limits).map_err(|fault| TriplesError::PeerReplay { op: self.op, fault })
    }

    fn fault(&self, limits: &Limits) -> Result<(), Fault> {
        let expected = self.op.buffers(self.field)?;
        if expected.len() != self.buffers.len() {
            return Err(Fault::BufferCount { expected: expected.len(), got: self.buffers.len() });
        }
        let parties = self.buffers.first().map_or(0, |buffer| buffer.seeds.len());
        let mut bytes = 0_u64;
        for (index, (&expected, got)) in expected.iter().zip(&self.buffers).enumerate() {
            if expected != got.bytes {
                return Err(Fault::BufferBytes { index, expected, got: got.bytes });
            }
            if got.counter.checked_add(CounterStream::blocks_for(got.bytes)).is_none() {
                return Err(Fault::Counter { index, counter: got.counter });
            }
            if got.seeds.len() < 2 || got.seeds.len() != parties {
                return Err(Fault::Seeds { index, seeds: got.seeds.len() });
            }
            bytes = bytes.checked_add(got.bytes).ok_or(Fault::Overflow)?;
        }
        match (self.op, &self.shuffle) {
            (ReplayOp::Perm { len }, Some(shuffle)) => {
                // One 128-bit number, a block, for each element but one.
                if shuffle.counter.checked_add(len as u64).is_none() {
                    return Err(Fault::Counter { index: self.buffers.len(), counter: shuffle.counter });
                }
                bytes = bytes.checked_add(16_u64.saturating_mul(len as u64)).ok_or(Fault::Overflow)?;
            }
            (ReplayOp::Perm { .. }, None) | (_, Some(_)) => return Err(Fault::Shuffle),
            _ => {}
        }
        let limit =
            if self.op.is_elementwise() { limits.max_bytes_per_stream } else { limits.max_bytes_per_request };
        if bytes > limit { Err(Fault::TooLarge { bytes, limit }) } else { Ok(()) }
    }

    /// What computing the corrections in pieces of `piece` bytes holds at most, in bytes; saturating.
    pub fn working_bytes(&self, piece: u64) -> u64 {
        let buffers = self.buffers.iter().fold(0_u64, |sum, buffer| sum.saturating_add(buffer.bytes));
        match self.op {
            // The sum, one factor, a share of it; and pieces on their way.
            _ if self.op.is_elementwise() => buffers.min(piece).saturating_mul(4),
            ReplayOp::Perm { len } => {
                buffers.saturating_mul(2).saturating_add(24_u64.saturating_mul(len as u64))
            }
            // A product holds A, B, C, and a share or a transposed copy of the largest.
            _ => buffers.saturating_mul(2),
        }
    }
}

impl fmt::Display for ReplayOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mul { len } => write!(f, "Mul of {len}"),
            Self::MulPriv { len } => write!(f, "MulPriv of {len}"),
            Self::Square { len } => write!(f, "Square of {len}"),
            Self::Dot { m, k, n, .. } => write!(f, "Dot of {m}x{k} by {k}x{n}"),
            Self::And { bytes } => write!(f, "And of {bytes} bytes"),
            Self::Trunc { len, bits } => write!(f, "Trunc of {len} by {bits} bits"),
            Self::TruncPr { len, bits } => write!(f, "TruncPr of {len} by {bits} bits"),
            Self::RandBit { len } => write!(f, "RandBit of {len}"),
            Self::Eqz { len } => write!(f, "Eqz of {len}"),
            Self::Perm { len } => write!(f, "Perm of {len}"),
        }
    }
}

/// Keys do not show in `Debug`.
impl fmt::Debug for ReplayRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayRequest")
            .field("op", &self.op)
            .field("field", &self.field)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ReplayBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBuffer")
            .field("counter", &self.counter)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shuffle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shuffle").field("counter", &self.counter).finish_non_exhaustive()
    }
}
