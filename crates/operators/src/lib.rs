//! Secure operators on shares: the matrix product, affine maps and the sigmoid family.
//!
//! An operator says *what* is computed; the protocol below ([`symbolon_semi2k`]) says *how*. With x, w, z
//! fixed-point numbers of f fraction bits, shared among the parties of one [`Session`]:
//!
//! | operator | computes | triples | error below (u = 2^-f) |
//! | --- | --- | --- | --- |
//! | [`matmul`], [`matmul_transposed`] | x · w, xᵀ · w | one matrix triple | 2u |
//! | [`matmul_kept`], [`matmul_kept_transposed`] | x · w, xᵀ · w, x opened once for all | one matrix triple | 2u |
//! | [`linear`] | a·z + b, a and b public | none | 2u + (\|z\| + 1)u where a, b are not multiples of u |
//! | [`sigmoid_minimax1`] | 1/2 + z/8 | none | 2u |
//! | [`sigmoid_taylor3`] | 1/2 + z/4 - z³/48 | two element-wise | (2 + (\|z\| + 1)/16 + \|z\|³/16)u |
//!
//! Whether a truncation is local or takes randomness from the dealer is the session's choice
//! ([`symbolon_semi2k::Truncation`]). The bounds hold as long as no intermediate value leaves the ring and
//! no local truncation wraps (each operator says how large values may be and how likely a wrap is);
//! [`ideal`] has the same computations in the clear.
//!
//! Deliberately absent: comparison, division, square root (no algorithm here needs them yet), any knowledge
//! of messages, and any revealing of values.
//!
//! ```
//! use symbolon_operators::{Sigmoid, ideal};
//! use symbolon_ring::{FixedPoint, Matrix};
//!
//! let fixed = FixedPoint::<u64>::new(18)?;
//! let z = fixed.encode_matrix(1, 2, &[0.0, -1.5])?;
//! let p = ideal::sigmoid(fixed, Sigmoid::Minimax1, &z)?;
//! assert_eq!(fixed.decode_slice(p.as_slice()), [0.5, Sigmoid::Minimax1.value(-1.5)]);
//! # Ok::<(), symbolon_ring::RingError>(())
//! ```
//!
//! [`Session`]: symbolon_semi2k::Session

mod error;
pub mod ideal;
mod product;
mod sigmoid;

pub use error::OperatorError;
pub use product::{
    matmul, matmul_kept, matmul_kept_transposed, matmul_kept_transposed_triples, matmul_kept_triples,
    matmul_transposed, matmul_triples,
};
pub use sigmoid::{Sigmoid, linear, sigmoid_minimax1, sigmoid_taylor3};
