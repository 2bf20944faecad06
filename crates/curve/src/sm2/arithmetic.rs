//! The arithmetic of the curve in bulk, by backend, and the secret scalar in the form that it needs.

use sm2::Scalar;
use sm2::elliptic_curve::ff::PrimeField;
use sm2::elliptic_curve::subtle::ConditionallySelectable;
use zeroize::Zeroizing;

use super::affine::Affine;
#[cfg(target_arch = "x86_64")]
use super::ifma;
use super::serial;
use crate::Backend;
use crate::backend::Ifma;

/// The curve's operations that do not need a secret.
#[derive(Clone, Copy)]
pub(crate) enum Arithmetic {
    Serial,
    #[cfg(target_arch = "x86_64")]
    Ifma(Ifma),
}

impl Arithmetic {
    /// Of this backend, or the serial one where the processor does not have it.
    pub(crate) fn of(backend: Backend) -> Self {
        match (backend, Ifma::detect()) {
            #[cfg(target_arch = "x86_64")]
            (Backend::Ifma, Some(proof)) => Self::Ifma(proof),
            _ => Self::Serial,
        }
    }

    /// For each x, below p, the point with this x and a y that is odd or even as asked for, if x is on the
    /// curve.
    pub(crate) fn lift(self, candidates: &[([u8; 32], bool)]) -> Vec<Option<Affine>> {
        match self {
            Self::Serial => serial::lift(candidates),
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(proof) => ifma::lift(proof, candidates),
        }
    }

    /// Whether the coordinates, below p, fulfil the equation of the curve.
    pub(crate) fn on_curve(self, points: &[Affine]) -> Vec<bool> {
        match self {
            Self::Serial => serial::on_curve(points),
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(proof) => ifma::on_curve(proof, points),
        }
    }
}

/// A secret scalar from 1 to the group order minus 1, ready to multiply.
pub(crate) enum Multiplier {
    Serial(Zeroizing<Scalar>),
    #[cfg(target_arch = "x86_64")]
    Ifma(Ifma, ifma::Digits),
}

impl Multiplier {
    /// The scalar must not be zero.
    pub(crate) fn new(arithmetic: Arithmetic, scalar: Zeroizing<Scalar>) -> Self {
        match arithmetic {
            Arithmetic::Serial => Self::Serial(scalar),
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Ifma(proof) => Self::Ifma(proof, digits(&scalar)),
        }
    }

    /// Replaces each point by its product; a few hundred points at a time share an inversion.
    pub(crate) fn multiply(&self, points: &mut [Affine]) {
        match self {
            Self::Serial(scalar) => serial::multiply(scalar, points),
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(proof, digits) => ifma::multiply(*proof, digits, points),
        }
    }
}

/// Of the scalar if it is odd, else of the group order minus it, which then is.
#[cfg(target_arch = "x86_64")]
fn digits(scalar: &Scalar) -> ifma::Digits {
    let negated = Zeroizing::new(-scalar);
    let even = !scalar.is_odd();
    let odd = Zeroizing::new(Scalar::conditional_select(scalar, &negated, even));
    let bytes = Zeroizing::new(<[u8; 32]>::from(odd.to_repr()));
    ifma::Digits::of_odd(&bytes, even.unwrap_u8())
}
