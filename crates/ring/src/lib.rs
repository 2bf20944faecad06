//! Arithmetic in Z_2^k (k = 32, 64, 128), row-major matrices and fixed point.

#[cfg(target_endian = "big")]
compile_error!("the memory form of ring elements is their wire form, which is little-endian");

mod backend;
mod bytes;
mod element;
mod error;
mod fixed;
mod matrix;
mod product;
mod truncation;

pub use backend::backend_name;
pub use element::{Field, Ring};
pub use error::RingError;
pub use fixed::FixedPoint;
pub use matrix::Matrix;
pub use symbolon_dialect::{PublicTruncation, TruncationSide};
pub use truncation::truncate_share;
