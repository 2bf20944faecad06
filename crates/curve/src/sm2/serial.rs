//! One point at a time, with the complete formulas and the field of the `sm2` crate.

use sm2::elliptic_curve::CurveGroup;
use sm2::elliptic_curve::ff::PrimeField;
use sm2::elliptic_curve::point::AffineCoordinates;
use sm2::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};

use super::affine::Affine;
use super::field::{FieldElement, curve_equation, square_root};

/// Replaces each point by its product with the scalar, which is not zero. One inversion is shared by all.
pub(crate) fn multiply(scalar: &Scalar, points: &mut [Affine]) {
    let products: Vec<ProjectivePoint> = points.iter().map(|point| projective(point).mul(scalar)).collect();
    let mut affine = vec![AffinePoint::IDENTITY; products.len()];
    ProjectivePoint::batch_normalize(&products, &mut affine);
    for (point, product) in points.iter_mut().zip(&affine) {
        *point = Affine { x: product.x().into(), y: product.y().into() };
    }
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
