//! The operators in the clear.
//!
//! The fixed-point functions compute on revealed integers what the protocol computes on shares, with the same
//! encodings and with floor truncation. The protocol is off by at most one unit per truncation, which
//! [`PRODUCT_UNITS`] and [`sigmoid_units`] carry through each operator. The real-valued functions are
//! [`Sigmoid::value`] and the ordinary product.

use symbolon_ring::{FixedPoint, Matrix, Ring, RingError};

use crate::{
    Sigmoid,
    sigmoid::{TAYLOR_EXTRA_BITS, TaylorConstants, taylor_constants},
};

/// The largest distance, in units, between [`crate::matmul`] and [`matmul`] on the same integers.
pub const PRODUCT_UNITS: f64 = 1.0;

/// floor(value / 2^bits), element by element.
pub fn truncate<R: Ring>(mut value: Matrix<R>, bits: u32) -> Matrix<R> {
    value.map_assign(|element| element.ashr(bits));
    value
}

/// floor(x · w / 2^f).
///
/// # Errors
/// [`RingError::OursShape`] when the shapes do not fit.
pub fn matmul<R: Ring>(fixed: FixedPoint<R>, x: &Matrix<R>, w: &Matrix<R>) -> Result<Matrix<R>, RingError> {
    Ok(truncate(x.matmul(w)?, fixed.fraction_bits()))
}

/// floor(slope · z / 2^f) + intercept, with both scalars encoded as in [`crate::linear`].
///
/// # Errors
/// [`RingError`] when a scalar cannot be encoded.
pub fn linear<R: Ring>(
    fixed: FixedPoint<R>,
    z: &Matrix<R>,
    slope: f32,
    intercept: f32,
) -> Result<Matrix<R>, RingError> {
    let slope = fixed.encode(slope)?;
    let intercept = fixed.encode(intercept)?;
    Ok(z.map(|z| z.mul(slope).ashr(fixed.fraction_bits()).add(intercept)))
}

/// The integer model of [`Sigmoid::apply`].
///
/// # Errors
/// [`RingError`] when a constant cannot be encoded.
pub fn sigmoid<R: Ring>(fixed: FixedPoint<R>, mode: Sigmoid, z: &Matrix<R>) -> Result<Matrix<R>, RingError> {
    let f = fixed.fraction_bits();
    match mode {
        Sigmoid::Minimax1 => linear(fixed, z, 0.125, 0.5),
        Sigmoid::Taylor3 => {
            let half = fixed.encode(0.5)?;
            let TaylorConstants { quarter, forty_eighth } = taylor_constants::<R>(f);
            Ok(z.map(|z| {
                let square = z.mul(z).ashr(f);
                let cube = square.mul(z).ashr(f);
                let sum = z.mul(quarter).sub(cube.mul(forty_eighth));
                sum.ashr(f + TAYLOR_EXTRA_BITS).add(half)
            }))
        }
    }
}

/// The largest distance, in units, between [`Sigmoid::apply`] and [`sigmoid`] on the same integers z of
/// magnitude at most `magnitude`: 1 for minimax-1. For Taylor-3 the square is off by at most 1, the cube by
/// at most |z| + 2 (one for the truncation, one because floors of different numbers differ by one more),
/// and so the result by at most (|z| + 2)/32 + 2.
pub fn sigmoid_units(mode: Sigmoid, magnitude: f64) -> f64 {
    match mode {
        Sigmoid::Minimax1 => 1.0,
        Sigmoid::Taylor3 => (magnitude + 2.0) / 32.0 + 2.0,
    }
}
