//! Correlated randomness for shares over Z_2^k, and the arithmetic of the trusted dealer that makes it.
//!
//! # What it computes
//! Every party i has a stream whose key it shares with the dealer. For an operation the parties draw buffers A_i, B_i,
//! C_i from their streams, all at the same block counters. With A = ΣA_i, B = ΣB_i, C = ΣC_i, the dealer replays all
//! streams and returns a correction to one party, the adjust rank, which adds it to its C_i. Afterwards
//!
//! | operation | buffers, in order of drawing | holds |
//! |---|---|---|
//! | [`Op::Mul`] | a, b, c | c = a∘b |
//! | [`Op::Dot`] | A (m×k), B (k×n), C (m×n), row-major | C = A·B |
//! | [`Op::And`] | a, b, c, sums and corrections by ⊕ | c = a & b |
//! | [`Op::Trunc`] | r, s | s = r >> bits, arithmetic |
//! | [`Op::TruncPr`] | r, h, t | h = (r mod 2^(k-1)) >> bits, t = r >> (k-1) |
//! | [`Op::RandBit`] | b | b is 0 or 1, uniform |
//!
//! Each draw consumes whole blocks ([`symbolon_prg::CounterStream`]). Only corrections travel, and they do not depend
//! on data: [`Triples::schedule`] names the operations to come, and a thread fetches their corrections ahead, with a
//! bounded number and size under way ([`Ahead`]). Counters follow from the operations alone ([`Op::inputs`]), so a
//! request can be formed long before its operation is drawn.
//!
//! Definitions: secretflow interconnection, `service/beaver.proto`; the orders of drawing are SPU's, whose
//! `And` counts bytes and rounds them up to 16 (the same blocks as here).
//!
//! # Masks are not held
//! The factors A and B of a matrix product are [`Mask`]s: a stream gives bytes several times as fast as memory, so they
//! are made where they are used, a few rows at a time, in the first-level cache: when X - A is formed, and again when
//! A·E is added. The dealer does the same with the sums of all streams, and so holds no factor of a narrow product.
//!
//! # Masks that serve more than one product
//! [`Triples::keep`] sets a stretch of the stream aside for a mask A, row by row. [`Triples::dot_kept`] and
//! [`Triples::dot_with_kept`] then draw the other factor and C anew and replay rows of A, so that what is masked by A is
//! opened once, whatever number of products follow. The dealer is asked as for any matrix product, with an earlier
//! counter for one factor. Who holds a [`KeptMask`] must mask no two values with the same row.
//!
//! # What other engines ask of a dealer
//! SPU's dealers also give corrections that our parties never draw: squares, products of private factors, equality
//! pairs, permutations, and products of transposed or earlier masks. [`ReplayRequest`] names such an operation with
//! the streams of each buffer, and [`CorrectionPieces`] computes it piece by piece, so that the dealer's memory does not grow
//! with the request (a matrix product and a permutation excepted).
//!
//! # What it deliberately does not do
//! It opens no socket: a [`Dealer`] is an argument ([`LocalDealer`] is one in this process). It does not protect
//! against a dealer that colludes with a party, nor against a party that reports other masks than it drew.
//!
//! # Example
//! ```
//! use symbolon_triples::{
//!     Ahead, Cipher, Construction, Limits, LocalDealer, Op, Seed, Triples, TriplesConfig,
//! };
//!
//! let (cipher, construction) = (Cipher::Aes128, Construction::BlocksLittleEndian);
//! let config = |rank| TriplesConfig {
//!     rank, world_size: 2, adjust_rank: 0, cipher, construction, ahead: Ahead::default(),
//! };
//! let seeds = vec![Seed::random()?, Seed::random()?];
//! let dealer = LocalDealer::new(seeds.clone(), cipher, construction, Limits::default(), &Seed::random()?)?;
//! let mut first = Triples::<u64>::new(&seeds[0], config(0), Some(Box::new(dealer)))?;
//! let mut second = Triples::<u64>::new(&seeds[1], config(1), None)?;
//!
//! first.schedule([Op::Dot { m: 2, k: 3, n: 1 }])?; // optional; the correction is fetched at once
//! let (x, y) = (first.dot(2, 3, 1)?, second.dot(2, 3, 1)?);
//! let a = x.a.to_matrix()?.add(&y.a.to_matrix()?)?;
//! let b = x.b.to_matrix()?.add(&y.b.to_matrix()?)?;
//! assert_eq!(a.matmul(&b)?, x.c.add(&y.c)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arithmetic;
mod dealer;
mod error;
mod fetch;
mod kept;
mod mask;
mod op;
mod pieces;
mod replay;
mod triples;

pub use dealer::{Corrections, Dealer, LocalDealer, Pending, adjust, adjust_bytes};
pub use error::{DealerError, Fault, TriplesError};
pub use fetch::Ahead;
pub use kept::KeptMask;
pub use mask::Mask;
pub use op::{AdjustRequest, BufferMeta, Draw, Limits, Op};
pub use pieces::{CorrectionPieces, Piece};
pub use replay::{ReplayBuffer, ReplayOp, ReplayRequest, Shuffle};
pub use symbolon_prg::{Cipher, Construction, Seed};
pub use triples::{DotTriple, Triple, Triples, TriplesConfig, TruncPair, TruncPrTriple};
