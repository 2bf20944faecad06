//! Elligator 2 onto Curve25519 (RFC 9380, section 6.7.1), a vector of ids at a time.
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

use super::Point;
use super::field::{Field, MOST_LANES, constant, multiply, power_for_root, square_times};
use super::ladder::{BLOCK, double, sum_and_difference, write_affine};

/// All but the highest bit.
const TOP: u64 = u64::MAX >> 1;

/// L of RFC 9380, section 5.1: bytes that become one field element, ⌈(255 + 128) / 8⌉ for 128-bit security.
pub(super) const ELEMENT_BYTES: usize = 48;

/// `N` field elements, each a big-endian integer that is uniform modulo p up to 2^-128.
pub(super) type UniformBytes<const N: usize> = [[u8; ELEMENT_BYTES]; N];

/// A of the curve y^2 = x^3 + A·x^2 + x.
const A: u32 = 486_662;

/// i = 2^((p-1)/4), a root of -1.
const ROOT_OF_MINUS_ONE: Point = [
    0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f, 0xa7,
    0xd7, 0xfb, 0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b,
];

/// c = 2^((p+3)/8); c^2 is 2i or -2i.
const ROOT_OF_TWICE: Point = [
    0xb1, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f, 0xa7,
    0xd7, 0xfb, 0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b,
];

/// A point of the curve, x = n/d.
#[derive(Clone, Copy)]
struct Mapped<T> {
    n: T,
    d: T,
    y: T,
}

/// The encoded u-coordinates of 8·(Q_1 + ... + Q_N), Q the images of the elements, N being 1 or 2. Infinity becomes 0.
#[inline(always)]
pub(super) fn map<F: Field, const N: usize>(f: F, uniform: &[UniformBytes<N>], points: &mut [Point]) {
    for (uniform, points) in uniform.chunks(F::LANES * BLOCK).zip(points.chunks_mut(F::LANES * BLOCK)) {
        let one = f.small(1);
        let mut sums = [(one, one); BLOCK];
        for (lanes, sum) in uniform.chunks(F::LANES).zip(&mut sums) {
            let mut q = [Mapped { n: one, d: one, y: one }; 2];
            for (place, q) in q.iter_mut().enumerate().take(N) {
                *q = map_element(f, &decode_element(f, lanes, place));
            }
            let (x, z) = if N == 2 { add(f, &q[0], &q[1]) } else { (q[0].n, q[0].d) };
            *sum = times_eight(f, &x, &z);
        }
        write_affine(f, &sums, points);
    }
}

/// Element number `place` of up to `LANES` ids.
#[inline(always)]
fn decode_element<F: Field, const N: usize>(f: F, uniform: &[UniformBytes<N>], place: usize) -> F::Tight {
    let mut elements = [[0; 32]; MOST_LANES];
    for (element, uniform) in elements.iter_mut().zip(uniform) {
        *element = folded(&uniform[place]);
    }
    f.decode(&elements[..F::LANES])
}

/// The integer modulo p, below 2^255, little-endian.
fn folded(uniform: &[u8; ELEMENT_BYTES]) -> Point {
    let mut words = [0u64; 6];
    let (bytes, _) = uniform.as_chunks();
    for (word, bytes) in words.iter_mut().zip(bytes.iter().rev()) {
        *word = u64::from_be_bytes(*bytes);
    }
    let [w0, w1, w2, w3, w4, w5] = words;
    // 2^255 is 19: what lies above, 129 bits, and then the one bit that may be above in the sum.
    let mut low = [w0, w1, w2, w3 & TOP];
    let mut high = [w3 >> 63 | w4 << 1, w4 >> 63 | w5 << 1, w5 >> 63, 0];
    for _ in 0..2 {
        let mut carry = 0;
        for (low, high) in low.iter_mut().zip(high) {
            let sum = u128::from(*low) + 19 * u128::from(high) + carry;
            *low = sum as u64;
            carry = sum >> 64;
        }
        high = [low[3] >> 63, 0, 0, 0];
        low[3] &= TOP;
    }
    let mut point = [0; 32];
    let (bytes, _) = point.as_chunks_mut();
    for (bytes, word) in bytes.iter_mut().zip(low) {
        *bytes = word.to_le_bytes();
    }
    point
}

/// The lanes in which the elements are equal.
#[inline(always)]
fn equal<F: Field>(f: F, a: &F::Tight, b: &F::Tight) -> u8 {
    f.zeros(&f.reduce(&f.difference(a, b)))
}

/// Elligator 2 of one element for each lane.
#[inline(always)]
fn map_element<F: Field>(f: F, r: &F::Tight) -> Mapped<F::Tight> {
    let zero = f.small(0);
    let a = f.small(A);
    let r_squared = square_times(f, r, 1);
    let t = f.sum(&r_squared, &r_squared);
    let d = f.sum(&t, &f.small(1));
    let n1 = f.difference(&zero, &a);
    // g(x1) = n1·(n1^2 + A·n1·d + d^2)/d^3 with n1 = -A, hence = n1·(d^2 - A^2·t)/d^3.
    let a_squared_t = multiply(f, &multiply(f, &a, &a), &t);
    let d2 = square_times(f, &d, 1);
    let gn = multiply(f, &n1, &f.difference(&d2, &a_squared_t));
    let gd = multiply(f, &d2, &d);
    let gd3_gn = multiply(f, &multiply(f, &square_times(f, &gd, 1), &gd), &gn);
    let gd7_gn = multiply(f, &square_times(f, &gd, 2), &gd3_gn);
    let root = multiply(f, &gd3_gn, &power_for_root(f, &gd7_gn));

    let y1 = root_of(f, &root, &gd, &gn);
    let is_square = equal(f, &multiply(f, &square_times(f, &y1, 1), &gd), &gn);
    let root = multiply(f, &multiply(f, &root, r), &constant(f, &ROOT_OF_TWICE));
    let y2 = root_of(f, &root, &gd, &multiply(f, &gn, &t));

    let n = f.select(is_square, &multiply(f, &n1, &t), &n1);
    let y = f.select(is_square, &y2, &y1);
    // y1 is to be odd and y2 even.
    let odd = !f.evens(&f.reduce(&y));
    let y = f.select(odd ^ is_square, &y, &f.difference(&zero, &y));
    Mapped { n, d, y }
}

/// `root` or i·`root`: the one, y, with d·y^2 = n, if there is one.
#[inline(always)]
fn root_of<F: Field>(f: F, root: &F::Tight, d: &F::Tight, n: &F::Tight) -> F::Tight {
    let fits = equal(f, &multiply(f, &square_times(f, root, 1), d), n);
    f.select(fits, &multiply(f, root, &constant(f, &ROOT_OF_MINUS_ONE)), root)
}

/// (X : Z) of the sum. With dx/D = x_b - x_a, D = d_a·d_b, S/D = x_a + x_b and the slope dy·D/dx,
/// the sum has x = (dy·D/dx)^2 - A - S/D = (dy^2·D^3 - (A·D + S)·dx^2)/(D·dx^2).
#[inline(always)]
fn add<F: Field>(f: F, a: &Mapped<F::Tight>, b: &Mapped<F::Tight>) -> (F::Tight, F::Tight) {
    let (left, right) = (multiply(f, &a.n, &b.d), multiply(f, &b.n, &a.d));
    let (dx, dy) = (f.difference(&right, &left), f.difference(&b.y, &a.y));
    let d = multiply(f, &a.d, &b.d);
    let dx2 = square_times(f, &dx, 1);
    let dy2 = square_times(f, &dy, 1);
    let d3 = multiply(f, &square_times(f, &d, 1), &d);
    let ad_s = f.sum(&multiply(f, &f.small(A), &d), &f.sum(&left, &right));
    let x = f.difference(&multiply(f, &dy2, &d3), &multiply(f, &ad_s, &dx2));
    let z = multiply(f, &d, &dx2);
    // Equal points. (Opposite ones have Z = 0 and X other than 0: infinity, as it should be.)
    let same = f.zeros(&f.reduce(&dx)) & f.zeros(&f.reduce(&dy));
    let (x2, z2) = twice(f, &a.n, &a.d);
    (f.select(same, &x, &x2), f.select(same, &z, &z2))
}

#[inline(always)]
fn twice<F: Field>(f: F, x: &F::Tight, z: &F::Tight) -> (F::Tight, F::Tight) {
    let one = f.small(1);
    let point = sum_and_difference(f, &f.product(x, &one, true), &f.product(z, &one, false));
    let (x, z) = double(f, &point);
    (f.carry(&x), f.carry(&z))
}

#[inline(always)]
fn times_eight<F: Field>(f: F, x: &F::Tight, z: &F::Tight) -> (F::Tight, F::Tight) {
    let (mut x, mut z) = (*x, *z);
    for _ in 0..3 {
        (x, z) = twice(f, &x, &z);
    }
    (x, z)
}
