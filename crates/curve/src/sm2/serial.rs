//! One point at a time, with the complete formulas and the field of the `sm2` crate.

use sm2::elliptic_curve::CurveGroup;
use sm2::elliptic_curve::ff::PrimeField;
use sm2::elliptic_curve::point::AffineCoordinates;
use sm2::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};

use super::affine::Affine;
use super::field::{FieldElement, curve_equation, square_root};

/// Replaces each point by its product with the scalar. One inversion is shared by all. The error is the place of
/// the first product that is the identity.
pub(crate) fn multiply(scalar: &Scalar, points: &mut [Affine]) -> Result<(), usize> {
    let products: Vec<ProjectivePoint> = points.iter().map(|point| projective(point).mul(scalar)).collect();
    for (place, (point, product)) in points.iter_mut().zip(to_affine(&products)).enumerate() {
        *point = product.ok_or(place)?;
    }
    Ok(())
}

/// Affine coordinates with one inversion for all; `None` for the identity.
fn to_affine(points: &[ProjectivePoint]) -> Vec<Option<Affine>> {
    let mut affine = vec![AffinePoint::IDENTITY; points.len()];
    ProjectivePoint::batch_normalize(points, &mut affine);
    let coordinates = |point: &AffinePoint| Affine { x: point.x().into(), y: point.y().into() };
    affine.iter().map(|point| (!bool::from(point.is_identity())).then(|| coordinates(point))).collect()
}

/// The sums of the simplified SWU maps of `N` field elements, integers below p; `None` if it is the identity.
pub(crate) fn sswu<const N: usize>(elements: &[[[u8; 32]; N]]) -> Vec<Option<Affine>> {
    let sum = |elements: &[[u8; 32]; N]| elements.iter().map(map_to_curve).sum();
    to_affine(&elements.iter().map(sum).collect::<Vec<ProjectivePoint>>())
}

/// -B/A, for A = -3 and B = b.
const MINUS_B_OVER_A: FieldElement =
    FieldElement::from_hex_vartime("62f8a8df348a74bc19c8df6e9a770337fbdd2dfc07392fdbf4943f15c486af86");

/// B/(Z·A), for Z = -9.
const B_OVER_ZA: FieldElement =
    FieldElement::from_hex_vartime("993812c2e964b7a31f4f35452d9b7222aa35051b7294938ac5d7953b4eb9a1b9");

/// RFC 9380, section 6.6.2: the definition, step by step. The time depends on the input.
fn map_to_curve(u: &[u8; 32]) -> ProjectivePoint {
    let u = element(u);
    let zuu = -(FieldElement::from_u64(9) * u.square());
    let inverse = Option::<FieldElement>::from((zuu.square() + zuu).invert());
    let x1 = inverse.map_or(B_OVER_ZA, |inverse| MINUS_B_OVER_A * (FieldElement::ONE + inverse));
    let (x, root) = match square_root(&curve_equation(&x1)) {
        Some(root) => (x1, root),
        None => {
            let x2 = zuu * x1;
            // One of the two is on the curve.
            (x2, square_root(&curve_equation(&x2)).unwrap_or(FieldElement::ZERO))
        }
    };
    let y = if bool::from(root.is_odd()) == bool::from(u.is_odd()) { root } else { -root };
    projective(&Affine { x: x.to_repr().into(), y: y.to_repr().into() })
}

/// For each x, below p, the point with this x and a y whose parity is `odd`, if x is on the curve.
pub(crate) fn lift(candidates: &[([u8; 32], bool)]) -> Vec<Option<Affine>> {
    let lift = |&(x, odd): &([u8; 32], bool)| {
        let root = square_root(&curve_equation(&element(&x)))?;
        let y = if bool::from(root.is_odd()) == odd { root } else { -root };
        Some(Affine { x, y: y.to_repr().into() })
    };
    candidates.iter().map(lift).collect()
}

/// Whether the coordinates, below p, fulfil the equation of the curve.
pub(crate) fn on_curve(points: &[Affine]) -> Vec<bool> {
    points.iter().map(|point| element(&point.y).square() == curve_equation(&element(&point.x))).collect()
}

/// An integer below p.
fn element(bytes: &[u8; 32]) -> FieldElement {
    FieldElement::from_repr(FieldBytes::from(*bytes)).unwrap_or(FieldElement::ZERO)
}

/// A point of the curve; the identity for coordinates of none.
fn projective(point: &Affine) -> ProjectivePoint {
    let affine = AffinePoint::from_coordinates(&FieldBytes::from(point.x), &FieldBytes::from(point.y));
    affine.unwrap_or(AffinePoint::IDENTITY).into()
}
