//! Affine maps by public scalars and the polynomials that stand for the logistic function.

use symbolon_mutants::Mutant;
use symbolon_ring::{FixedPoint, Matrix, Ring};
use symbolon_semi2k::{Session, Share};
use symbolon_triples::Op;

use crate::OperatorError;

/// The fewest fraction bits with which 1/8, 1/4 and 1/48 are not rounded to zero.
const LEAST_FRACTION_BITS: u32 = 3;

/// Extra fraction bits of the constants 1/4 and 1/48 of the Taylor polynomial.
pub(crate) const TAYLOR_EXTRA_BITS: u32 = 3;

/// The polynomial that stands for 1 / (1 + e^-z).
///
/// u = 2^-f is one unit of the fixed-point encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sigmoid {
    /// 1/2 + z/8, the best line in the sense of the largest error over a wide interval ("minimax 1" of
    /// PPCA 7-2023, `SIGMOID_MODE_MINIMAX_1`). No triple. See [`sigmoid_minimax1`].
    Minimax1,
    /// 1/2 + z/4 - z³/48, the Taylor polynomial of degree 3 at 0, meant for |z| < 2. Two element-wise
    /// triples. See [`sigmoid_taylor3`].
    Taylor3,
}

impl Sigmoid {
    /// Applies the polynomial to every element of `z`.
    ///
    /// # Errors
    /// [`OperatorError::ConfigFractionBits`] below three fraction bits; errors of the protocol.
    pub fn apply<R: Ring>(self, session: &mut Session<R>, z: &Share<R>) -> Result<Share<R>, OperatorError> {
        match self {
            Self::Minimax1 => sigmoid_minimax1(session, z),
            Self::Taylor3 => sigmoid_taylor3(session, z),
        }
    }

    /// Whether `fixed` holds the constants of the polynomial.
    ///
    /// # Errors
    /// [`OperatorError::ConfigFractionBits`] below three fraction bits.
    pub fn check<R: Ring>(self, fixed: FixedPoint<R>) -> Result<(), OperatorError> {
        let operator = match self {
            Self::Minimax1 => "the minimax-1 sigmoid",
            Self::Taylor3 => "the Taylor-3 sigmoid",
        };
        let (fraction_bits, least) = (fixed.fraction_bits(), LEAST_FRACTION_BITS);
        if fraction_bits < least {
            return Err(OperatorError::ConfigFractionBits { operator, fraction_bits, least });
        }
        Ok(())
    }

    /// What [`Sigmoid::apply`] on `len` elements draws, in that order.
    pub fn triples<R: Ring>(self, session: &Session<R>, len: usize) -> Vec<Op> {
        let f = session.fixed().fraction_bits();
        let steps = match self {
            Self::Minimax1 => vec![session.truncation_op(len, f)],
            Self::Taylor3 => vec![
                Some(Op::Mul { len }),
                session.truncation_op(len, f),
                Some(Op::Mul { len }),
                session.truncation_op(len, f),
                session.truncation_op(len, f + TAYLOR_EXTRA_BITS),
            ],
        };
        steps.into_iter().flatten().collect()
    }

    /// The polynomial over the reals.
    pub fn value(self, z: f64) -> f64 {
        match self {
            Self::Minimax1 => 0.5 + 0.125 * z,
            Self::Taylor3 => 0.5 + z / 4.0 - z.powi(3) / 48.0,
        }
    }

    /// An upper bound, in units of 2^-f, on |protocol - polynomial| for a shared z of magnitude at most
    /// `magnitude`, provided that no truncation wraps: 2 for [`Sigmoid::Minimax1`],
    /// 2 + (|z| + 1)/16 + |z|³/16 for [`Sigmoid::Taylor3`]. Derived at [`sigmoid_minimax1`] and
    /// [`sigmoid_taylor3`].
    pub fn error_units(self, magnitude: f64) -> f64 {
        match self {
            Self::Minimax1 => 2.0,
            Self::Taylor3 => 2.0 + (magnitude + 1.0) / 16.0 + magnitude.powi(3) / 16.0,
        }
    }
}

/// slope · z + intercept, element by element, with public scalars.
///
/// The slope is encoded with f fraction bits (truncated toward zero), multiplied into the share and the
/// product truncated by f; then rank 0 adds the encoded intercept. No triple; no message unless the session's
/// truncation needs one.
///
/// Error, against slope · z + intercept over the reals, u = 2^-f: less than 2u for the truncation, |z| u
/// for the encoded slope and u for the encoded intercept; the latter two vanish where the scalars are
/// multiples of u. Requires |slope · z| · 2^(2f) < 2^(k-2). A probabilistic truncation wraps with a
/// probability of at most
/// |slope · z| · 2^(2f-k) per element; between two parties not at all when |slope| < 1 and z comes straight
/// from a truncation by f, because no share is then large enough.
///
/// # Errors
/// [`OperatorError::ConfigScalar`] when a scalar cannot be encoded; errors of the protocol.
pub fn linear<R: Ring>(
    session: &mut Session<R>,
    z: &Share<R>,
    slope: f32,
    intercept: f32,
) -> Result<Share<R>, OperatorError> {
    let fixed = session.fixed();
    let slope = scalar(fixed, slope)?;
    let intercept = scalar(fixed, intercept)?;
    let scaled = session.mul_public_scalar(z, slope);
    let scaled = session.truncate(scaled, fixed.fraction_bits())?;
    add_constant(session, scaled, intercept)
}

/// 1/2 + z/8: [`linear`] with slope 0.125 and intercept 0.5, both exact from three fraction bits on.
///
/// Error: less than 2u for any z, where u = 2^-f.
///
/// # Errors
/// As [`Sigmoid::apply`].
pub fn sigmoid_minimax1<R: Ring>(session: &mut Session<R>, z: &Share<R>) -> Result<Share<R>, OperatorError> {
    Sigmoid::Minimax1.check(session.fixed())?;
    let slope = if Mutant::SigmoidSlope.is_on() { 0.25 } else { 0.125 };
    linear(session, z, slope, 0.5)
}

/// 1/2 + z/4 - z³/48, in three rounds of truncation:
///
/// 1. q = z·z truncated by f, c = q·z truncated by f (an element-wise triple each);
/// 2. t = a·z - b·c truncated by f + 3, with a = 2^(f+1) and b = 2^(f+3)/48 rounded to nearest, that is,
///    1/4 exactly and 1/48 with f + 3 fraction bits;
/// 3. rank 0 adds 1/2.
///
/// The two terms share one truncation, and 1/48 has more fraction bits than data so that its rounding does
/// not dominate. Error, u = 2^-f: q is off by less than 2u, so c by less than (2|z| + 2)u, which enters t
/// times b/2^(f+3) <= 1/32; b is off by at most 2^-(f+4), which enters times |z³|; the last truncation adds
/// less than 2u. Together less than (2 + (|z| + 1)/16 + |z|³/16) u.
///
/// Requires (|z|³ + 2|z|) · 2^(2f+1) < 2^(k-2).
///
/// # Errors
/// As [`Sigmoid::apply`].
pub fn sigmoid_taylor3<R: Ring>(session: &mut Session<R>, z: &Share<R>) -> Result<Share<R>, OperatorError> {
    let fixed = session.fixed();
    let f = fixed.fraction_bits();
    Sigmoid::Taylor3.check(fixed)?;
    let TaylorConstants { quarter, forty_eighth } = taylor_constants(f);
    let square = session.mul(z, z)?;
    let square = session.truncate(square, f)?;
    let cube = session.mul(&square, z)?;
    let cube = session.truncate(cube, f)?;
    let linear = session.mul_public_scalar(z, quarter);
    let cubic = session.mul_public_scalar(&cube, forty_eighth);
    let sum = session.sub(&linear, &cubic)?;
    let sum = session.truncate(sum, f + TAYLOR_EXTRA_BITS)?;
    let half = scalar(fixed, 0.5)?;
    add_constant(session, sum, half)
}

/// 1/4 and 1/48 with [`TAYLOR_EXTRA_BITS`] more fraction bits than the data.
pub(crate) struct TaylorConstants<R> {
    pub(crate) quarter: R,
    pub(crate) forty_eighth: R,
}

pub(crate) fn taylor_constants<R: Ring>(fraction_bits: u32) -> TaylorConstants<R> {
    let one = 1_i128 << (fraction_bits + TAYLOR_EXTRA_BITS);
    TaylorConstants { quarter: R::from_i128(one / 4), forty_eighth: R::from_i128((one + 24) / 48) }
}

fn scalar<R: Ring>(fixed: FixedPoint<R>, value: f32) -> Result<R, OperatorError> {
    fixed.encode(value).map_err(|source| OperatorError::ConfigScalar { operator: "an affine map", source })
}

fn add_constant<R: Ring>(session: &Session<R>, z: Share<R>, constant: R) -> Result<Share<R>, OperatorError> {
    let (rows, cols) = z.shape();
    Ok(session.add_public(&z, &Matrix::filled(rows, cols, constant))?)
}
