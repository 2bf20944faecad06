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
#[cfg(target_arch = "x86_64")]
use crate::backend::Ifma;
use crate::backend::Vectors;

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
        match backend.vectors() {
            #[cfg(target_arch = "x86_64")]
            Vectors::Ifma(proof) => Self::Ifma(proof),
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

    /// The sums of the simplified SWU maps (RFC 9380, section 6.6.2) of `N` field elements each, integers below
    /// p; `None` if a sum is the identity.
    pub(crate) fn sswu<const N: usize>(self, elements: &[[[u8; 32]; N]]) -> Vec<Option<Affine>> {
        match self {
            Self::Serial => serial::sswu(elements),
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(proof) => ifma::sswu(proof, elements),
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

    /// Replaces each point by its product; they share an inversion. The error is the place of the first product
    /// that is the identity: the point was not on the curve.
    pub(crate) fn multiply(&self, points: &mut [Affine]) -> Result<(), usize> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::affine::P;
    use super::*;

    fn other_backends() -> impl Iterator<Item = Arithmetic> {
        Backend::available().skip(1).map(Arithmetic::of)
    }

    /// p minus a small integer.
    fn p_minus(n: u8) -> [u8; 32] {
        let mut integer = P;
        integer[31] -= n;
        integer
    }

    fn small(n: u8) -> [u8; 32] {
        let mut integer = [0; 32];
        integer[31] = n;
        integer
    }

    /// 1/3 and -1/3: their squares times Z are -1. With zero, the inputs for which the general formula of the
    /// simplified SWU map divides by zero.
    fn exceptional() -> [[u8; 32]; 3] {
        let third = "55555554ffffffffffffffffffffffffffffffffaaaaaaab0000000000000000";
        let third: [u8; 32] = hex::decode(third).unwrap().try_into().unwrap();
        let mut minus_third = P;
        let mut borrow = false;
        for (digit, other) in minus_third.iter_mut().zip(third).rev() {
            let (difference, first) = digit.overflowing_sub(other);
            let (difference, second) = difference.overflowing_sub(u8::from(borrow));
            (*digit, borrow) = (difference, first | second);
        }
        [[0; 32], third, minus_third]
    }

    #[test]
    fn exceptional_inputs_of_sswu_agree() {
        let mut elements = exceptional().to_vec();
        elements.extend((1..20).flat_map(|n| [small(n), p_minus(n)]));
        let single: Vec<[[u8; 32]; 1]> = elements.iter().map(|u| [*u]).collect();
        let pairs: Vec<[[u8; 32]; 2]> =
            elements.iter().flat_map(|u| elements.iter().map(|v| [*u, *v])).collect();
        let expected = (serial::sswu(&single), serial::sswu(&pairs));
        assert!(expected.0.iter().all(|point| point.is_some()));
        // All three have the same x.
        assert!(expected.0[..3].windows(2).all(|two| two[0].unwrap().x == two[1].unwrap().x));
        // u and -u are opposite points.
        assert!(expected.1.iter().any(|point| point.is_none()));
        for arithmetic in other_backends() {
            assert_eq!((arithmetic.sswu(&single), arithmetic.sswu(&pairs)), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn sswu_agrees(elements in prop::collection::vec(any::<[[u8; 32]; 2]>(), 0..30)) {
            let mut elements = elements;
            elements.iter_mut().flatten().for_each(|u| u[0] &= 0x7f);
            for arithmetic in other_backends() {
                prop_assert_eq!(arithmetic.sswu(&elements), serial::sswu(&elements));
            }
        }
    }
}
