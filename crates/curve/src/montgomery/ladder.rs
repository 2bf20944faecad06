//! The Montgomery ladder of X25519 over eight points at a time.
//!
//! The same instructions at the same addresses for every scalar and every point: the bits of the scalar become
//! masks of a selection, points whose Z is zero take part in the common inversion with 1 in its place.
//!
//! As in `field`, everything is inlined and nothing is a closure.

use std::hint::black_box;

use zeroize::Zeroizing;

use super::Point;
use super::field::{
    Engine, LANES, LIMBS, Loose, Tight, add, add_a24_times, carry, decode, encode, invert, multiply, one,
    reduce, select, subtract, zeros,
};

/// Vectors that share an inversion.
pub(super) const BLOCK: usize = 16;

/// (X : Z).
pub(super) type Projective<V> = (Tight<V>, Tight<V>);

/// A clamped scalar as the selections of the ladder, wiped when dropped.
pub(super) struct Ladder {
    /// For the bits 253 to 3: all ones where the bit differs from the one above it. Bit 254 is set, the
    /// bits 2 to 0 are not.
    swaps: Zeroizing<[u8; 251]>,
    /// The same for bit 2, which is zero: all ones where bit 3 is set.
    last: Zeroizing<u8>,
}

impl Ladder {
    pub(super) fn new(scalar: &[u8; 32]) -> Self {
        let mut swaps = Zeroizing::new([0; 251]);
        let mut above = 1;
        for (place, swap) in swaps.iter_mut().enumerate() {
            let bit = 253 - place;
            let value = scalar[bit / 8] >> (bit % 8) & 1;
            // The compiler is not to know that these are truth values and branch on them.
            *swap = black_box((value ^ above).wrapping_neg());
            above = value;
        }
        Self { swaps, last: Zeroizing::new(black_box(above.wrapping_neg())) }
    }
}

/// Replaces each point by its product with the scalar.
#[inline(always)]
pub(super) fn multiply_points<E: Engine>(e: E, ladder: &Ladder, points: &mut [Point]) {
    for block in points.chunks_mut(LANES * BLOCK) {
        let one = one(e);
        let mut products = [(one, one); BLOCK];
        for (lanes, product) in block.chunks(LANES).zip(&mut products) {
            *product = multiply_vector(e, ladder, &decode(e, lanes));
        }
        write_affine(e, &products, block);
    }
}

/// The u-coordinates of the points (X : Z), at most [`BLOCK`] vectors of them, with one inversion (Montgomery's
/// trick). Infinity, of Z = 0, is encoded as 0.
#[inline(always)]
pub(super) fn write_affine<E: Engine>(
    e: E,
    projective: &[Projective<E::Vector>; BLOCK],
    points: &mut [Point],
) {
    let one = one(e);
    let (mut z, mut before, mut infinite) = ([one; BLOCK], [one; BLOCK], [0; BLOCK]);
    let mut all = one;
    let vectors = points.len().div_ceil(LANES).min(BLOCK);
    for i in 0..vectors {
        let (_, zi) = &projective[i];
        infinite[i] = zeros(e, &reduce(e, zi));
        z[i] = select(e, infinite[i], zi, &one);
        before[i] = all;
        all = multiply(e, &all, &z[i]);
    }
    let mut inverse = invert(e, &all);
    let zero = Tight([e.splat(0); LIMBS]);
    for (i, lanes) in points.chunks_mut(LANES).enumerate().take(vectors).rev() {
        let u = multiply(e, &projective[i].0, &multiply(e, &inverse, &before[i]));
        inverse = multiply(e, &inverse, &z[i]);
        encode(e, &select(e, infinite[i], &reduce(e, &u), &zero), lanes);
    }
}

/// A point (X : Z) as X + Z and X - Z.
pub(super) type SumAndDifference<V> = [Tight<V>; 2];

/// What the ladder carries from bit to bit: two points with the difference (u : 1).
#[derive(Clone, Copy)]
struct Points<V> {
    /// The one that was doubled last.
    doubled: SumAndDifference<V>,
    /// The sum.
    added: SumAndDifference<V>,
}

/// (X : Z), X being biased and Z not.
#[inline(always)]
pub(super) fn sum_and_difference<E: Engine>(
    e: E,
    x: &Loose<E::Vector>,
    z: &Loose<E::Vector>,
) -> SumAndDifference<E::Vector> {
    [carry(e, &add(e, x, z)), carry(e, &subtract(e, x, z))]
}

#[inline(always)]
fn select_point<E: Engine>(
    e: E,
    mask: u8,
    a: &SumAndDifference<E::Vector>,
    b: &SumAndDifference<E::Vector>,
) -> SumAndDifference<E::Vector> {
    [select(e, mask, &a[0], &b[0]), select(e, mask, &a[1], &b[1])]
}

/// Twice the point: X, biased, and Z.
#[inline(always)]
pub(super) fn double<E: Engine>(
    e: E,
    [a, b]: &SumAndDifference<E::Vector>,
) -> (Loose<E::Vector>, Loose<E::Vector>) {
    let (aa, bb) = (e.square(a, true), e.square(b, false));
    let c = carry(e, &subtract(e, &aa, &bb));
    let (aa, bb) = (carry(e, &aa), carry(e, &bb));
    let w = carry(e, &add_a24_times(e, &aa, &c));
    (e.product(&aa, &bb, true), e.product(&c, &w, false))
}

/// One bit of the scalar: doubles one of the points and adds both. The formulas are those of RFC 7748, section 5;
/// each statement stands between two that do not need it, so that its additions run beside their products.
#[inline(always)]
fn step<E: Engine>(e: E, u: &Tight<E::Vector>, points: &Points<E::Vector>, swap: u8) -> Points<E::Vector> {
    let ([a, b], [c, d]) = (&points.doubled, &points.added);
    let [f, g] = &select_point(e, swap, &points.doubled, &points.added);
    let da = e.product(d, a, true);
    let cb = e.product(c, b, false);
    let ff = e.square(f, true);
    let difference = carry(e, &subtract(e, &da, &cb));
    let sum = carry(e, &add(e, &da, &cb));
    let gg = e.square(g, false);
    let z3 = e.square(&difference, false);
    let h = carry(e, &subtract(e, &ff, &gg));
    let (ff, gg) = (carry(e, &ff), carry(e, &gg));
    let x3 = e.square(&sum, true);
    let z3 = carry(e, &z3);
    let w = carry(e, &add_a24_times(e, &ff, &h));
    let x2 = e.product(&ff, &gg, true);
    let z3 = e.product(u, &z3, false);
    let z2 = e.product(&h, &w, false);
    let added = sum_and_difference(e, &x3, &z3);
    Points { doubled: sum_and_difference(e, &x2, &z2), added }
}

/// Projective (X : Z) of the product with (u : 1). Z is zero at infinity.
#[inline(always)]
fn multiply_vector<E: Engine>(
    e: E,
    ladder: &Ladder,
    u: &Tight<E::Vector>,
) -> (Tight<E::Vector>, Tight<E::Vector>) {
    // Bit 254 is set: begin with the point and its double.
    let one = one(e);
    let point = sum_and_difference(e, &e.product(u, &one, true), &e.product(&one, &one, false));
    let (x, z) = double(e, &point);
    let mut points = Points { doubled: sum_and_difference(e, &x, &z), added: point };
    for &swap in ladder.swaps.iter() {
        points = step(e, u, &points, swap);
    }
    // Bits 2 to 0 are not: only doublings remain.
    let mut point = select_point(e, *ladder.last, &points.doubled, &points.added);
    for _ in 0..2 {
        let (x, z) = double(e, &point);
        point = sum_and_difference(e, &x, &z);
    }
    let (x, z) = double(e, &point);
    (carry(e, &x), carry(e, &z))
}
