//! Elligator 2 onto Curve25519 (RFC 9380, section 6.7.1), eight ids at a time.
//!
//! For a field element r, with Z = 2, t = 2r^2 and g(x) = x^3 + A·x^2 + x:
//!
//! ```text
//! x1 = -A / (1 + t)     y1 = sqrt(g(x1)), odd       if g(x1) is a square
//! x2 = x1·t             y2 = sqrt(g(x2)), even      otherwise; g(x2) = t·g(x1)
//! ```
//!
//! One power gives both roots: p = 5 modulo 8, and with g = n/d and r' = n·d^3·(n·d^7)^((p-5)/8), one of r', r'·i solves
//! d·y^2 = n if n/d is a square; else one of r·r'·c, r·r'·c·i solves d·y^2 = t·n, where i^2 = -1 and c = 2^((p+3)/8).
//!
//! The cofactor is cleared by three doublings, for which the u-coordinate suffices. As in `field`, everything is
//! inlined, nothing is a closure, and all ids take the same instructions.
#![allow(clippy::needless_range_loop, reason = "limbs of several elements are indexed together")]

use super::Point;
use super::field::{
    Engine, LANES, LIMBS, LOW_51, Loose, Tight, carry, difference, multiply, one, power_for_root, reduce,
    select, square_times, zeros,
};
use super::ladder::{BLOCK, double, sum_and_difference, write_affine};

/// L of RFC 9380, section 5.1: bytes that become one field element, ⌈(255 + 128) / 8⌉ for 128-bit security.
pub(super) const ELEMENT_BYTES: usize = 48;

/// `N` field elements, each a big-endian integer that is uniform modulo p up to 2^-128.
pub(super) type UniformBytes<const N: usize> = [[u8; ELEMENT_BYTES]; N];

/// A of the curve y^2 = x^3 + A·x^2 + x.
const A: u64 = 486_662;

/// i = 2^((p-1)/4), a root of -1.
const ROOT_OF_MINUS_ONE: [u64; LIMBS] = [
    0x0006_1b27_4a0e_a0b0,
    0x0000_d5a5_fc8f_189d,
    0x0007_ef5e_9cbd_0c60,
    0x0007_8595_a680_4c9e,
    0x0002_b832_4804_fc1d,
];

/// c = 2^((p+3)/8); c^2 is 2i or -2i.
const ROOT_OF_TWICE: [u64; LIMBS] = [
    0x0006_1b27_4a0e_a0b1,
    0x0000_d5a5_fc8f_189d,
    0x0007_ef5e_9cbd_0c60,
    0x0007_8595_a680_4c9e,
    0x0002_b832_4804_fc1d,
];

/// A point of the curve, x = n/d.
#[derive(Clone, Copy)]
struct Mapped<V> {
    n: Tight<V>,
    d: Tight<V>,
    y: Tight<V>,
}

/// The encoded u-coordinates of 8·(Q_1 + ... + Q_N), Q the images of the elements, N being 1 or 2. Infinity becomes 0.
#[inline(always)]
pub(super) fn map<E: Engine, const N: usize>(e: E, uniform: &[UniformBytes<N>], points: &mut [Point]) {
    for (uniform, points) in uniform.chunks(LANES * BLOCK).zip(points.chunks_mut(LANES * BLOCK)) {
        let one = one(e);
        let mut sums = [(one, one); BLOCK];
        for (lanes, sum) in uniform.chunks(LANES).zip(&mut sums) {
            let mut q = [Mapped { n: one, d: one, y: one }; 2];
            for i in 0..N {
                q[i] = map_element(e, &decode_element(e, lanes, i));
            }
            let (x, z) = if N == 2 { add(e, &q[0], &q[1]) } else { (q[0].n, q[0].d) };
            *sum = times_eight(e, &x, &z);
        }
        write_affine(e, &sums, points);
    }
}

#[inline(always)]
fn constant<E: Engine>(e: E, limbs: [u64; LIMBS]) -> Tight<E::Vector> {
    let mut r = [e.splat(0); LIMBS];
    for (limb, value) in r.iter_mut().zip(limbs) {
        *limb = e.splat(value);
    }
    Tight(r)
}

/// Element number `place` of up to eight ids; the lanes without one get 0.
#[inline(always)]
fn decode_element<E: Engine, const N: usize>(
    e: E,
    uniform: &[UniformBytes<N>],
    place: usize,
) -> Tight<E::Vector> {
    // Limbs of 51 bits of the 384-bit integer.
    let mut limbs = [[0; LANES]; 8];
    for (lane, elements) in uniform.iter().enumerate() {
        let mut words = [0u64; 7];
        let (bytes, _) = elements[place].as_chunks();
        for (word, bytes) in words.iter_mut().zip(bytes.iter().rev()) {
            *word = u64::from_be_bytes(*bytes);
        }
        for (k, limb) in limbs.iter_mut().enumerate() {
            let (word, shift) = (51 * k / 64, 51 * k % 64);
            let two_words = u128::from(words[word]) | u128::from(words[word + 1]) << 64;
            limb[lane] = (two_words >> shift) as u64 & LOW_51;
        }
    }
    let mut r = [e.splat(0); LIMBS];
    for k in 0..LIMBS {
        r[k] = e.load(limbs[k]);
    }
    // The weight of limb 5 is 2^255.
    for k in LIMBS..8 {
        r[k - LIMBS] = e.add(r[k - LIMBS], e.multiply(e.load(limbs[k]), e.splat(19)));
    }
    carry(e, &Loose(r))
}

/// The lanes in which the elements are equal.
#[inline(always)]
fn equal<E: Engine>(e: E, a: &Tight<E::Vector>, b: &Tight<E::Vector>) -> u8 {
    zeros(e, &reduce(e, &difference(e, a, b)))
}

#[inline(always)]
fn sum<E: Engine>(e: E, a: &Tight<E::Vector>, b: &Tight<E::Vector>) -> Tight<E::Vector> {
    let mut r = a.0;
    for k in 0..LIMBS {
        r[k] = e.add(a.0[k], b.0[k]);
    }
    carry(e, &Loose(r))
}

/// Elligator 2 of one element for each lane.
#[inline(always)]
fn map_element<E: Engine>(e: E, r: &Tight<E::Vector>) -> Mapped<E::Vector> {
    let zero = Tight([e.splat(0); LIMBS]);
    let a = constant(e, [A, 0, 0, 0, 0]);
    let r_squared = square_times(e, r, 1);
    let t = sum(e, &r_squared, &r_squared);
    let d = sum(e, &t, &one(e));
    let n1 = difference(e, &zero, &a);
    // g(x1) = n1·(n1^2 + A·n1·d + d^2)/d^3 with n1 = -A, hence = n1·(d^2 - A^2·t)/d^3.
    let a_squared_t = multiply(e, &multiply(e, &a, &a), &t);
    let d2 = square_times(e, &d, 1);
    let gn = multiply(e, &n1, &difference(e, &d2, &a_squared_t));
    let gd = multiply(e, &d2, &d);
    let gd3_gn = multiply(e, &multiply(e, &square_times(e, &gd, 1), &gd), &gn);
    let gd7_gn = multiply(e, &square_times(e, &gd, 2), &gd3_gn);
    let root = multiply(e, &gd3_gn, &power_for_root(e, &gd7_gn));

    let y1 = root_of(e, &root, &gd, &gn);
    let is_square = equal(e, &multiply(e, &square_times(e, &y1, 1), &gd), &gn);
    let root = multiply(e, &multiply(e, &root, r), &constant(e, ROOT_OF_TWICE));
    let y2 = root_of(e, &root, &gd, &multiply(e, &gn, &t));

    let n = select(e, is_square, &multiply(e, &n1, &t), &n1);
    let y = select(e, is_square, &y2, &y1);
    // y1 is to be odd and y2 even.
    let odd = !e.zeros(e.and(reduce(e, &y).0[0], e.splat(1)));
    let y = select(e, odd ^ is_square, &y, &difference(e, &zero, &y));
    Mapped { n, d, y }
}

/// `root` or i·`root`: the one, y, with d·y^2 = n, if there is one.
#[inline(always)]
fn root_of<E: Engine>(
    e: E,
    root: &Tight<E::Vector>,
    d: &Tight<E::Vector>,
    n: &Tight<E::Vector>,
) -> Tight<E::Vector> {
    let fits = equal(e, &multiply(e, &square_times(e, root, 1), d), n);
    select(e, fits, &multiply(e, root, &constant(e, ROOT_OF_MINUS_ONE)), root)
}

/// (X : Z) of the sum. With dx/D = x_b - x_a, D = d_a·d_b, S/D = x_a + x_b and the slope dy·D/dx,
/// the sum has x = (dy·D/dx)^2 - A - S/D = (dy^2·D^3 - (A·D + S)·dx^2)/(D·dx^2).
#[inline(always)]
fn add<E: Engine>(
    e: E,
    a: &Mapped<E::Vector>,
    b: &Mapped<E::Vector>,
) -> (Tight<E::Vector>, Tight<E::Vector>) {
    let (left, right) = (multiply(e, &a.n, &b.d), multiply(e, &b.n, &a.d));
    let (dx, dy) = (difference(e, &right, &left), difference(e, &b.y, &a.y));
    let d = multiply(e, &a.d, &b.d);
    let dx2 = square_times(e, &dx, 1);
    let dy2 = square_times(e, &dy, 1);
    let d3 = multiply(e, &square_times(e, &d, 1), &d);
    let ad_s = sum(e, &multiply(e, &constant(e, [A, 0, 0, 0, 0]), &d), &sum(e, &left, &right));
    let x = difference(e, &multiply(e, &dy2, &d3), &multiply(e, &ad_s, &dx2));
    let z = multiply(e, &d, &dx2);
    // Equal points. (Opposite ones have Z = 0 and X other than 0: infinity, as it should be.)
    let same = zeros(e, &reduce(e, &dx)) & zeros(e, &reduce(e, &dy));
    let (x2, z2) = twice(e, &a.n, &a.d);
    (select(e, same, &x, &x2), select(e, same, &z, &z2))
}

#[inline(always)]
fn twice<E: Engine>(
    e: E,
    x: &Tight<E::Vector>,
    z: &Tight<E::Vector>,
) -> (Tight<E::Vector>, Tight<E::Vector>) {
    let one = one(e);
    let point = sum_and_difference(e, &e.product(x, &one, true), &e.product(z, &one, false));
    let (x, z) = double(e, &point);
    (carry(e, &x), carry(e, &z))
}

#[inline(always)]
fn times_eight<E: Engine>(
    e: E,
    x: &Tight<E::Vector>,
    z: &Tight<E::Vector>,
) -> (Tight<E::Vector>, Tight<E::Vector>) {
    let (mut x, mut z) = (*x, *z);
    for _ in 0..3 {
        (x, z) = twice(e, &x, &z);
    }
    (x, z)
}
