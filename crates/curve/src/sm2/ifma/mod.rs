//! Eight points at a time with the 52-bit multiply-and-add of AVX-512 IFMA.

mod field;
mod point;
mod sswu;

use field::{LANES, Tight};
pub(crate) use point::Digits;
use point::Jacobian;

use super::affine::Affine;
use crate::backend::Ifma;

/// Coordinates of up to eight points, lane by lane; the first one again in the lanes that are left over.
fn lanes<T: Copy>(items: &[T]) -> Option<[T; LANES]> {
    let first = *items.first()?;
    Some(std::array::from_fn(|lane| items.get(lane).copied().unwrap_or(first)))
}

/// Replaces each point by its product with the scalar of these digits. One inversion is shared by all: give it
/// a hundred points or more. The error is the place of the first product that is the identity, which none is.
pub(crate) fn multiply(_: Ifma, digits: &Digits, points: &mut [Affine]) -> Result<(), usize> {
    // SAFETY: an `Ifma` exists only on processors with these features.
    unsafe { multiply_vectors(digits, points) }
}

/// For each x, below p, the point with this x and a y whose parity is `odd`, if x is on the curve.
pub(crate) fn lift(_: Ifma, candidates: &[([u8; 32], bool)]) -> Vec<Option<Affine>> {
    // SAFETY: an `Ifma` exists only on processors with these features.
    unsafe { lift_vectors(candidates) }
}

/// The sums of the simplified SWU maps of `N` field elements, integers of any value; `None` if it is the identity.
pub(crate) fn sswu<const N: usize>(_: Ifma, elements: &[[[u8; 32]; N]]) -> Vec<Option<Affine>> {
    // SAFETY: an `Ifma` exists only on processors with these features.
    unsafe { sswu_vectors(elements) }
}

/// Whether the coordinates, below p, fulfil the equation of the curve.
pub(crate) fn on_curve(_: Ifma, points: &[Affine]) -> Vec<bool> {
    // SAFETY: an `Ifma` exists only on processors with these features.
    unsafe { on_curve_vectors(points) }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn load(points: &[Affine; LANES]) -> (Tight, Tight) {
    (Tight::from_bytes(&points.map(|point| point.x)), Tight::from_bytes(&points.map(|point| point.y)))
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn multiply_vectors(digits: &Digits, points: &mut [Affine]) -> Result<(), usize> {
    let mut products = Vec::with_capacity(points.len().div_ceil(LANES));
    for chunk in points.chunks(LANES) {
        let Some(filled) = lanes(chunk) else { continue };
        let (x, y) = load(&filled);
        products.push(Jacobian::affine(x, y).times(digits));
    }
    let products = to_affine(products).into_iter().flatten();
    for (place, (point, product)) in points.iter_mut().zip(products).enumerate() {
        *point = product.ok_or(place)?;
    }
    Ok(())
}

/// Affine coordinates with one inversion for all; `None` for the identity.
#[target_feature(enable = "avx512f,avx512ifma")]
fn to_affine(points: Vec<Jacobian>) -> Vec<[Option<Affine>; LANES]> {
    // Products of all z before each vector, without those that are zero.
    let mut running = Vec::with_capacity(points.len());
    let mut all = Tight::one();
    for point in &points {
        let identity = point.z.is_zero();
        let z = Tight::select(identity, &point.z, &Tight::one());
        running.push((all, z, identity));
        all = all.mul(&z).carry();
    }
    let mut inverse = all.invert();
    let mut affine = vec![[None; LANES]; points.len()];
    for ((slots, point), (before, z, identity)) in affine.iter_mut().zip(&points).zip(&running).rev() {
        let z_inverse = inverse.mul(before).carry();
        inverse = inverse.mul(z).carry();
        let squared = z_inverse.square().carry();
        let x = point.x.mul(&squared).carry().to_bytes();
        let y = point.y.mul(&squared.mul(&z_inverse).carry()).carry().to_bytes();
        for (lane, (slot, (x, y))) in slots.iter_mut().zip(x.into_iter().zip(y)).enumerate() {
            *slot = (identity >> lane & 1 == 0).then_some(Affine { x, y });
        }
    }
    affine
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn sswu_vectors<const N: usize>(elements: &[[[u8; 32]; N]]) -> Vec<Option<Affine>> {
    let mut sums = Vec::with_capacity(elements.len().div_ceil(LANES));
    for chunk in elements.chunks(LANES) {
        let Some(filled) = lanes(chunk) else { continue };
        let mut sum: Option<Jacobian> = None;
        for i in 0..N {
            let point = sswu::map_to_curve(&Tight::from_bytes(&filled.map(|elements| elements[i])));
            match &mut sum {
                Some(sum) => sum.add_or_double(&point),
                None => sum = Some(point),
            }
        }
        sums.extend(sum);
    }
    to_affine(sums).into_iter().flatten().take(elements.len()).collect()
}

/// x^3 - 3x + b.
#[target_feature(enable = "avx512f,avx512ifma")]
fn curve_equation(x: &Tight) -> Tight {
    let slope = x.square().minus(Tight::one().loose().tripled()).fold();
    slope.mul(x).plus(Tight::curve_b().loose()).carry()
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn lift_vectors(candidates: &[([u8; 32], bool)]) -> Vec<Option<Affine>> {
    let mut found = Vec::with_capacity(candidates.len());
    for chunk in candidates.chunks(LANES) {
        let Some(filled) = lanes(chunk) else { continue };
        let x = Tight::from_bytes(&filled.map(|(x, _)| x));
        let square = curve_equation(&x);
        let root = square.root_candidate();
        let is_root = root.square().minus(square.loose()).fold().is_zero();
        let wanted =
            filled.iter().enumerate().fold(0, |mask, (lane, (_, odd))| mask | u8::from(*odd) << lane);
        let y = Tight::select(root.is_odd() ^ wanted, &root, &root.negated()).to_bytes();
        let points = chunk.iter().zip(y).enumerate();
        found.extend(
            points.map(|(lane, ((x, _), y))| (is_root >> lane & 1 == 1).then_some(Affine { x: *x, y })),
        );
    }
    found
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn on_curve_vectors(points: &[Affine]) -> Vec<bool> {
    let mut found = Vec::with_capacity(points.len());
    for chunk in points.chunks(LANES) {
        let Some(filled) = lanes(chunk) else { continue };
        let (x, y) = load(&filled);
        let fulfilled = y.square().minus(curve_equation(&x).loose()).fold().is_zero();
        found.extend((0..chunk.len()).map(|lane| fulfilled >> lane & 1 == 1));
    }
    found
}
