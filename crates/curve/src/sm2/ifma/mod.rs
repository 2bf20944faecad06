//! Eight points at a time with the 52-bit multiply-and-add of AVX-512 IFMA.

mod field;
mod point;

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

/// Replaces each point by its product with the odd scalar of these digits. One inversion is shared by all: give
/// it a few hundred points.
pub(crate) fn multiply(_: Ifma, digits: &Digits, points: &mut [Affine]) {
    // SAFETY: an `Ifma` exists only on processors with these features.
    unsafe { multiply_vectors(digits, points) }
}

/// For each x, below p, the point with this x and a y whose parity is `odd`, if x is on the curve.
pub(crate) fn lift(_: Ifma, candidates: &[([u8; 32], bool)]) -> Vec<Option<Affine>> {
    // SAFETY: an `Ifma` exists only on processors with these features.
    unsafe { lift_vectors(candidates) }
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
fn multiply_vectors(digits: &Digits, points: &mut [Affine]) {
    let mut products = Vec::with_capacity(points.len().div_ceil(LANES));
    // Products of all z up to each vector, for the shared inversion.
    let mut running = Vec::with_capacity(products.capacity());
    let mut all = Tight::one();
    for chunk in points.chunks(LANES) {
        let Some(chunk) = lanes(chunk) else { continue };
        let (x, y) = load(&chunk);
        let product = Jacobian::affine(x, y).times(digits);
        running.push(all);
        all = all.mul(&product.z).carry();
        products.push(product);
    }
    let mut inverse = all.invert();
    for ((chunk, product), before) in points.chunks_mut(LANES).zip(&products).zip(&running).rev() {
        let z_inverse = inverse.mul(before).carry();
        inverse = inverse.mul(&product.z).carry();
        let squared = z_inverse.square().carry();
        let x = product.x.mul(&squared).carry().to_bytes();
        let y = product.y.mul(&squared.mul(&z_inverse).carry()).carry().to_bytes();
        for (point, (x, y)) in chunk.iter_mut().zip(x.into_iter().zip(y)) {
            *point = Affine { x, y };
        }
    }
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
