//! Arithmetic in Z_2^k (k = 32, 64, 128): elements, row-major matrices, fixed point, truncation.
//!
//! This is the arithmetic under the Semi2K protocol of PPCA 7-2023 and of the SecretFlow interconnection
//! documents. It knows no parties beyond a rank number, no messages and no randomness.
//!
//! # What it computes
//! With k the width of the [`Ring`] and f the fraction bits of a [`FixedPoint`]:
//! - everything of [`Ring`] and [`Matrix`] is modulo 2^k; C + A·B is [`Matrix::matmul_add`];
//! - encode(x) = trunc(x · 2^f) mod 2^k for a finite `f32` x with |x · 2^f| < 2^(k-2), truncating toward
//!   zero; decode(v) = v / 2^f with v read as two's complement;
//! - [`truncate_share`]: a party's local part of dividing a two-party sharing by 2^bits;
//! - [`FixedPoint::truncate_public`]: the same for a number that all parties know, bit for bit alike.
//!
//! The wire form of an element is its k/8 bytes, little-endian, and of a matrix its elements row by row.
//! That is also its memory form ([`Matrix::into_bytes`] copies nothing), which is why big-endian machines
//! are not supported.
//!
//! # What it deliberately does not do
//! - It never clamps or maps NaN to 0 (SPU does, erratum E22): a number that does not fit is an error with
//!   its row and column.
//! - It has no division, comparison or reciprocal: those are protocols, not ring operations.
//! - It is not generic over the modulus, and [`Ring`] cannot be implemented elsewhere.
//! - It wipes nothing on drop: shares are as numerous as the data.
//! - It has no secret-dependent branches or indices in [`Ring`] and the products, but promises nothing about
//!   the instructions that the compiler picks. Encoding branches on the value, which its owner knows.
//!
//! # Products
//! [`Matrix::matmul_add`] chooses by shape: matrix times vector as four dot products at a time, few columns
//! likewise, few rows as one pass over the right matrix, anything else in blocks of 256 by two vector
//! registers packed for the cache. From 2^18 multiplications on the rows are shared out to the current
//! rayon pool. The inner loops are compiled for the plain target, AVX2 and AVX-512, and the best is chosen
//! once per process; `SYMBOLON_BACKEND=serial|avx2|avx512` forces one ([`backend_name`] checks that).
//! Integers wrap, so the result is the same bit for bit whatever the choice. [`matmul_add_by_rows`] takes a left factor
//! that need not be in memory.
//!
//! # Example
//! ```
//! use symbolon_ring::{FixedPoint, Matrix, TruncationSide, truncate_share};
//!
//! let fixed = FixedPoint::<u64>::new(18)?;
//! let x = fixed.encode_matrix(2, 2, &[1.5, -2.0, 0.25, 3.0])?;
//! let w = fixed.encode_matrix(2, 1, &[2.0, 0.5])?;
//! let product = x.matmul(&w)?; // 36 fraction bits
//!
//! // Two parties hold random halves of the product and truncate them, each on its own.
//! let half = Matrix::from_vec(2, 1, vec![0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344])?;
//! let (mut rank0, mut rank1) = (product.sub(&half)?, half);
//! truncate_share(&mut rank0, 18, 0, TruncationSide::OneNegates);
//! truncate_share(&mut rank1, 18, 1, TruncationSide::OneNegates);
//!
//! let z = fixed.decode_slice(rank0.add(&rank1)?.as_slice());
//! assert!((z[0] - 2.0).abs() < 1e-5 && (z[1] - 2.0).abs() < 1e-5);
//! # Ok::<(), symbolon_ring::RingError>(())
//! ```
//!
//! # Names
//! [`Ring`], [`Field`], [`Matrix`], [`product_add`], [`matmul_add_by_rows`], [`FixedPoint`], [`truncate_share`], [`TruncationSide`],
//! [`PublicTruncation`], [`backend_name`], [`RingError`]. The optional feature `nalgebra` adds `From`
//! conversions between [`Matrix`] and `nalgebra::DMatrix`, both ways.

#[cfg(target_endian = "big")]
compile_error!("the memory form of ring elements is their wire form, which is little-endian");

mod backend;
mod by_rows;
mod bytes;
mod element;
mod error;
mod fixed;
mod matrix;
#[cfg(feature = "nalgebra")]
mod nalgebra_matrix;
mod product;
mod truncation;

pub use backend::backend_name;
pub use by_rows::matmul_add_by_rows;
pub use element::{Field, Ring};
pub use error::RingError;
pub use fixed::FixedPoint;
pub use matrix::Matrix;
pub use product::product_add;
pub use symbolon_dialect::{PublicTruncation, TruncationSide};
pub use truncation::truncate_share;
