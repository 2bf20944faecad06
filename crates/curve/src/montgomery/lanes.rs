//! The Montgomery ladder over eight points at a time, for 52-bit multiply-and-add instructions.
//!
//! # Field elements
//!
//! Lane l of five vectors v holds the integer Σ v_i · 2^(51·i) modulo p = 2^255 - 19. The instructions multiply
//! the low 52 bits of two lanes and add the low or the high 52 bits of the product to a third. There are two
//! degrees of carrying:
//!
//! - [`Tight`]: limbs below 2^51 + 2^16, so that a limb is a factor as it stands;
//! - [`Loose`]: limbs below 2^62: products, and sums or differences of two of them.
//!
//! Sums and differences are taken of `Loose` products, before the carries, so that one pass of carries serves
//! the product and the sum. (With limbs of 52 bits no doubling of high halves would be needed, but one parallel
//! pass leaves limbs a little above the radix, and they would have to fit 52 bits.)
//!
//! # Constant time
//!
//! The same instructions at the same addresses for every scalar and every point: the bits of the scalar become
//! masks of a selection, points whose Z is zero take part in the common inversion with 1 in its place.
//!
//! All functions are `inline(always)`: they must become part of the function that was compiled for the instructions
//! of the [`Engine`]. For the same reason there are no closures.

#![allow(clippy::needless_range_loop, reason = "limbs of several elements are indexed together")]

use std::hint::black_box;

use zeroize::Zeroizing;

use super::Point;

/// Points of one vector.
pub(super) const LANES: usize = 8;

/// Limbs of an element.
const LIMBS: usize = 5;

/// Vectors that share an inversion.
const BLOCK: usize = 16;

const LOW_51: u64 = (1 << 51) - 1;

/// (A - 2)/4 for the curve's A = 486662 (RFC 7748, section 5).
const A24: u64 = 121_665;

/// 512·p with limbs of at least 2^60 - 19·512, more than those of a product: makes differences positive.
const BIAS: [u64; LIMBS] = [(LOW_51 - 18) << 9, LOW_51 << 9, LOW_51 << 9, LOW_51 << 9, LOW_51 << 9];

/// Eight lanes of 64 bits.
pub(super) trait Engine: Copy {
    type Vector: Copy;

    fn load(self, lanes: [u64; LANES]) -> Self::Vector;
    fn store(self, a: Self::Vector) -> [u64; LANES];
    /// The same value in all lanes.
    fn splat(self, value: u64) -> Self::Vector;
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn subtract(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Logical shifts.
    fn right<const BITS: u32>(self, a: Self::Vector) -> Self::Vector;
    fn left<const BITS: u32>(self, a: Self::Vector) -> Self::Vector;
    /// The low 64 bits of the products.
    fn multiply(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `sum` plus bits 0 to 51 of the products of the low 52 bits.
    fn low(self, sum: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `sum` plus bits 52 to 103 of the products of the low 52 bits.
    fn high(self, sum: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Lane l of `b` where bit l of `mask` is set, else of `a`.
    fn select(self, mask: u8, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Bit l is set where lane l is zero.
    fn zeros(self, a: Self::Vector) -> u8;
}

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

/// Eight field elements with limbs below 2^51 + 2^16.
#[derive(Clone, Copy)]
struct Tight<V>([V; LIMBS]);

/// Eight field elements with limbs below 2^62.
#[derive(Clone, Copy)]
struct Loose<V>([V; LIMBS]);

/// Replaces each point by its product with the scalar.
#[inline(always)]
pub(super) fn multiply<E: Engine>(e: E, ladder: &Ladder, points: &mut [Point]) {
    for block in points.chunks_mut(LANES * BLOCK) {
        multiply_block(e, ladder, block);
    }
}

/// At most [`BLOCK`] vectors of points, with one inversion (Montgomery's trick).
#[inline(always)]
fn multiply_block<E: Engine>(e: E, ladder: &Ladder, points: &mut [Point]) {
    let one = one(e);
    let (mut x, mut z, mut before) = ([one; BLOCK], [one; BLOCK], [one; BLOCK]);
    let mut infinite = [0; BLOCK];
    let mut all = one;
    for (i, lanes) in points.chunks(LANES).enumerate() {
        (x[i], z[i]) = multiply_vector(e, ladder, &decode(e, lanes));
        // Infinity, of Z = 0, is encoded as 0.
        infinite[i] = zeros(e, &reduce(e, &z[i]));
        z[i] = select(e, infinite[i], &z[i], &one);
        before[i] = all;
        all = multiply_tight(e, &all, &z[i]);
    }
    let mut inverse = invert(e, &all);
    let zero = Tight([e.splat(0); LIMBS]);
    for (i, lanes) in points.chunks_mut(LANES).enumerate().rev() {
        let u = multiply_tight(e, &x[i], &multiply_tight(e, &inverse, &before[i]));
        inverse = multiply_tight(e, &inverse, &z[i]);
        encode(e, &select(e, infinite[i], &reduce(e, &u), &zero), lanes);
    }
}

#[inline(always)]
fn one<E: Engine>(e: E) -> Tight<E::Vector> {
    let zero = e.splat(0);
    Tight([e.splat(1), zero, zero, zero, zero])
}

/// Up to eight points; the lanes without one get 1.
#[inline(always)]
fn decode<E: Engine>(e: E, points: &[Point]) -> Tight<E::Vector> {
    let mut words = [[1; LANES], [0; LANES], [0; LANES], [0; LANES]];
    for (lane, point) in points.iter().enumerate() {
        let (bytes, _) = point.as_chunks();
        for (word, bytes) in words.iter_mut().zip(bytes) {
            word[lane] = u64::from_le_bytes(*bytes);
        }
    }
    let [w0, w1, w2, w3] = [e.load(words[0]), e.load(words[1]), e.load(words[2]), e.load(words[3])];
    let low_51 = e.splat(LOW_51);
    Tight([
        e.and(w0, low_51),
        e.and(e.or(e.right::<51>(w0), e.left::<13>(w1)), low_51),
        e.and(e.or(e.right::<38>(w1), e.left::<26>(w2)), low_51),
        e.and(e.or(e.right::<25>(w2), e.left::<39>(w3)), low_51),
        e.and(e.right::<12>(w3), low_51),
    ])
}

/// Up to eight points of an element that [`reduce`] made.
#[inline(always)]
fn encode<E: Engine>(e: E, a: &Tight<E::Vector>, points: &mut [Point]) {
    let [a0, a1, a2, a3, a4] = a.0;
    let words = [
        e.store(e.or(a0, e.left::<51>(a1))),
        e.store(e.or(e.right::<13>(a1), e.left::<38>(a2))),
        e.store(e.or(e.right::<26>(a2), e.left::<25>(a3))),
        e.store(e.or(e.right::<39>(a3), e.left::<12>(a4))),
    ];
    for (lane, point) in points.iter_mut().enumerate() {
        let (bytes, _) = point.as_chunks_mut();
        for (word, bytes) in words.iter().zip(bytes) {
            *bytes = word[lane].to_le_bytes();
        }
    }
}

/// The representative below p, with limbs below 2^51. The value of a `Tight` is below 2p.
#[inline(always)]
fn reduce<E: Engine>(e: E, a: &Tight<E::Vector>) -> Tight<E::Vector> {
    // The carry out of a + 19 is 1 exactly if a >= p.
    let mut carry = e.splat(19);
    for k in 0..LIMBS {
        carry = e.right::<51>(e.add(a.0[k], carry));
    }
    carry = e.multiply(carry, e.splat(19));
    let mut r = a.0;
    for k in 0..LIMBS {
        let sum = e.add(a.0[k], carry);
        r[k] = e.and(sum, e.splat(LOW_51));
        carry = e.right::<51>(sum);
    }
    Tight(r)
}

/// The lanes of a reduced element that are zero.
#[inline(always)]
fn zeros<E: Engine>(e: E, a: &Tight<E::Vector>) -> u8 {
    let [a0, a1, a2, a3, a4] = a.0;
    e.zeros(e.or(e.or(e.or(a0, a1), e.or(a2, a3)), a4))
}

/// Limb k plus 19 times limb k + 5, whose weight is 2^255 times as much. Limbs in `halved` stand for twice
/// their value.
#[inline(always)]
fn fold<E: Engine>(e: E, a: &[E::Vector; 2 * LIMBS], halved: [bool; LIMBS]) -> Loose<E::Vector> {
    let (nineteen, twice) = (e.splat(19), e.splat(38));
    let mut r = [a[0]; LIMBS];
    for k in 0..LIMBS {
        r[k] = e.add(a[k], e.multiply(a[k + LIMBS], if halved[k] { twice } else { nineteen }));
    }
    Loose(r)
}

/// The product, with limbs below 2^60, or, biased so that a product can be subtracted from it, below 2^61.
///
/// A product of limbs i and j has its low 52 bits at 2^(51(i+j)) and the rest, below 2^50 + 2^17, at
/// 2·2^(51(i+j+1)): the high parts are summed first and doubled. A limb sums at most five low and five
/// doubled high parts: below 5·2^52 + 10·(2^50 + 2^17) < 2^55; folded, below 20 times that.
#[inline(always)]
fn product<E: Engine>(e: E, a: &Tight<E::Vector>, b: &Tight<E::Vector>, biased: bool) -> Loose<E::Vector> {
    let mut sums = [e.splat(0); 2 * LIMBS];
    if biased {
        sums[0] = e.splat(BIAS[0]);
        for k in 1..LIMBS {
            sums[k] = e.splat(BIAS[k] / 2);
        }
    }
    for i in 0..LIMBS {
        for j in 0..LIMBS {
            sums[i + j + 1] = e.high(sums[i + j + 1], a.0[i], b.0[j]);
        }
    }
    for k in 1..9 {
        sums[k] = e.add(sums[k], sums[k]);
    }
    for i in 0..LIMBS {
        for j in 0..LIMBS {
            sums[i + j] = e.low(sums[i + j], a.0[i], b.0[j]);
        }
    }
    fold(e, &sums, [false, false, false, false, true])
}

/// The square, with the limbs of [`product`]; the mixed products are computed once and doubled.
#[inline(always)]
fn square<E: Engine>(e: E, a: &Tight<E::Vector>, biased: bool) -> Loose<E::Vector> {
    let mut sums = [e.splat(0); 2 * LIMBS];
    if biased {
        sums[0] = e.splat(BIAS[0]);
        sums[1] = e.splat(BIAS[1] / 2);
        for k in 2..LIMBS {
            sums[k] = e.splat(BIAS[k] / 4);
        }
    }
    for i in 0..LIMBS {
        for j in i + 1..LIMBS {
            sums[i + j + 1] = e.high(sums[i + j + 1], a.0[i], a.0[j]);
        }
    }
    for k in 2..9 {
        sums[k] = e.add(sums[k], sums[k]);
    }
    for i in 0..LIMBS {
        for j in i + 1..LIMBS {
            sums[i + j] = e.low(sums[i + j], a.0[i], a.0[j]);
        }
        sums[2 * i + 1] = e.high(sums[2 * i + 1], a.0[i], a.0[i]);
    }
    for k in [1, 2, 3, 4, 6, 8] {
        sums[k] = e.add(sums[k], sums[k]);
    }
    for i in 0..LIMBS {
        sums[2 * i] = e.low(sums[2 * i], a.0[i], a.0[i]);
    }
    fold(e, &sums, [true, false, true, false, true])
}

#[inline(always)]
fn add<E: Engine>(e: E, a: &Loose<E::Vector>, b: &Loose<E::Vector>) -> Loose<E::Vector> {
    let mut r = a.0;
    for k in 0..LIMBS {
        r[k] = e.add(a.0[k], b.0[k]);
    }
    Loose(r)
}

/// `a` - `b`, where `a` is biased and `b` is not.
#[inline(always)]
fn subtract<E: Engine>(e: E, a: &Loose<E::Vector>, b: &Loose<E::Vector>) -> Loose<E::Vector> {
    let mut r = a.0;
    for k in 0..LIMBS {
        r[k] = e.subtract(a.0[k], b.0[k]);
    }
    Loose(r)
}

/// One parallel pass: 51 bits of each limb stay, at most 11 bits go to the next one, and those of the last,
/// times 19, to the first.
#[inline(always)]
fn carry<E: Engine>(e: E, a: &Loose<E::Vector>) -> Tight<E::Vector> {
    let low_51 = e.splat(LOW_51);
    let (mut carries, mut r) = (a.0, a.0);
    for k in 0..LIMBS {
        carries[k] = e.right::<51>(a.0[k]);
        r[k] = e.and(a.0[k], low_51);
    }
    r[0] = e.low(r[0], carries[4], e.splat(19));
    for k in 1..LIMBS {
        r[k] = e.add(r[k], carries[k - 1]);
    }
    Tight(r)
}

/// `a` + 121665·`b`, with limbs below 2^53.
#[inline(always)]
fn add_a24_times<E: Engine>(e: E, a: &Tight<E::Vector>, b: &Tight<E::Vector>) -> Loose<E::Vector> {
    let (zero, a24) = (e.splat(0), e.splat(A24));
    let mut r = a.0;
    // The weight of the highest part, 2·2^255, is 38 modulo p.
    r[0] = e.low(a.0[0], e.high(zero, b.0[4], a24), e.splat(38));
    for k in 1..LIMBS {
        let part = e.high(zero, b.0[k - 1], a24);
        r[k] = e.add(a.0[k], e.add(part, part));
    }
    for k in 0..LIMBS {
        r[k] = e.low(r[k], b.0[k], a24);
    }
    Loose(r)
}

#[inline(always)]
fn multiply_tight<E: Engine>(e: E, a: &Tight<E::Vector>, b: &Tight<E::Vector>) -> Tight<E::Vector> {
    carry(e, &product(e, a, b, false))
}

/// a^(2^times).
#[inline(always)]
fn square_times<E: Engine>(e: E, a: &Tight<E::Vector>, times: u32) -> Tight<E::Vector> {
    let mut r = *a;
    for _ in 0..times {
        r = carry(e, &square(e, &r, false));
    }
    r
}

/// a^(p - 2), the inverse or 0. The names tell the exponents: p - 2 = 2^255 - 21 = (2^250 - 1)·2^5 + 11.
#[inline(always)]
fn invert<E: Engine>(e: E, a: &Tight<E::Vector>) -> Tight<E::Vector> {
    let a2 = square_times(e, a, 1);
    let a9 = multiply_tight(e, a, &square_times(e, &a2, 2));
    let a11 = multiply_tight(e, &a9, &a2);
    let ones_5 = multiply_tight(e, &a9, &square_times(e, &a11, 1));
    let ones_10 = multiply_tight(e, &ones_5, &square_times(e, &ones_5, 5));
    let ones_20 = multiply_tight(e, &ones_10, &square_times(e, &ones_10, 10));
    let ones_40 = multiply_tight(e, &ones_20, &square_times(e, &ones_20, 20));
    let ones_50 = multiply_tight(e, &ones_10, &square_times(e, &ones_40, 10));
    let ones_100 = multiply_tight(e, &ones_50, &square_times(e, &ones_50, 50));
    let ones_200 = multiply_tight(e, &ones_100, &square_times(e, &ones_100, 100));
    let ones_250 = multiply_tight(e, &ones_50, &square_times(e, &ones_200, 50));
    multiply_tight(e, &a11, &square_times(e, &ones_250, 5))
}

#[inline(always)]
fn select<E: Engine>(e: E, mask: u8, a: &Tight<E::Vector>, b: &Tight<E::Vector>) -> Tight<E::Vector> {
    let mut r = a.0;
    for k in 0..LIMBS {
        r[k] = e.select(mask, a.0[k], b.0[k]);
    }
    Tight(r)
}

/// A point (X : Z) as X + Z and X - Z.
type SumAndDifference<V> = [Tight<V>; 2];

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
fn sum_and_difference<E: Engine>(
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
fn double<E: Engine>(e: E, [a, b]: &SumAndDifference<E::Vector>) -> (Loose<E::Vector>, Loose<E::Vector>) {
    let (aa, bb) = (square(e, a, true), square(e, b, false));
    let c = carry(e, &subtract(e, &aa, &bb));
    let (aa, bb) = (carry(e, &aa), carry(e, &bb));
    let w = carry(e, &add_a24_times(e, &aa, &c));
    (product(e, &aa, &bb, true), product(e, &c, &w, false))
}

/// One bit of the scalar: doubles one of the points and adds both. The formulas are those of RFC 7748, section 5;
/// each statement stands between two that do not need it, so that its additions run beside their products.
#[inline(always)]
fn step<E: Engine>(e: E, u: &Tight<E::Vector>, points: &Points<E::Vector>, swap: u8) -> Points<E::Vector> {
    let ([a, b], [c, d]) = (&points.doubled, &points.added);
    let [f, g] = &select_point(e, swap, &points.doubled, &points.added);
    let da = product(e, d, a, true);
    let cb = product(e, c, b, false);
    let ff = square(e, f, true);
    let difference = carry(e, &subtract(e, &da, &cb));
    let sum = carry(e, &add(e, &da, &cb));
    let gg = square(e, g, false);
    let z3 = square(e, &difference, false);
    let h = carry(e, &subtract(e, &ff, &gg));
    let (ff, gg) = (carry(e, &ff), carry(e, &gg));
    let x3 = square(e, &sum, true);
    let z3 = carry(e, &z3);
    let w = carry(e, &add_a24_times(e, &ff, &h));
    let x2 = product(e, &ff, &gg, true);
    let z3 = product(e, u, &z3, false);
    let z2 = product(e, &h, &w, false);
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
    let point = sum_and_difference(e, &product(e, u, &one, true), &product(e, &one, &one, false));
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The instructions one lane after the other. Panics where a sum or a difference leaves 64 bits or a factor has
    /// more than 52: the bounds that the field arithmetic claims.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Checked;

    fn each(f: impl Fn(usize) -> u64) -> [u64; LANES] {
        std::array::from_fn(f)
    }

    fn product_of(a: u64, b: u64) -> u128 {
        assert!(a >> 52 == 0 && b >> 52 == 0, "a factor of more than 52 bits");
        u128::from(a) * u128::from(b)
    }

    impl Engine for Checked {
        type Vector = [u64; LANES];

        #[inline(never)]
        fn load(self, lanes: [u64; LANES]) -> Self::Vector {
            lanes
        }

        #[inline(never)]
        fn store(self, a: Self::Vector) -> [u64; LANES] {
            a
        }

        #[inline(never)]
        fn splat(self, value: u64) -> Self::Vector {
            [value; LANES]
        }

        #[inline(never)]
        fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
            each(|l| a[l].checked_add(b[l]).expect("a sum of 64 bits"))
        }

        #[inline(never)]
        fn subtract(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
            each(|l| a[l].checked_sub(b[l]).expect("a positive difference"))
        }

        #[inline(never)]
        fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
            each(|l| a[l] & b[l])
        }

        #[inline(never)]
        fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
            each(|l| a[l] | b[l])
        }

        #[inline(never)]
        fn right<const BITS: u32>(self, a: Self::Vector) -> Self::Vector {
            each(|l| a[l] >> BITS)
        }

        #[inline(never)]
        fn left<const BITS: u32>(self, a: Self::Vector) -> Self::Vector {
            each(|l| a[l] << BITS)
        }

        #[inline(never)]
        fn multiply(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
            each(|l| a[l].checked_mul(b[l]).expect("a product of 64 bits"))
        }

        #[inline(never)]
        fn low(self, sum: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector {
            let low = each(|l| (product_of(a[l], b[l]) & ((1 << 52) - 1)) as u64);
            self.add(sum, low)
        }

        #[inline(never)]
        fn high(self, sum: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector {
            let high = each(|l| (product_of(a[l], b[l]) >> 52) as u64);
            self.add(sum, high)
        }

        #[inline(never)]
        fn select(self, mask: u8, a: Self::Vector, b: Self::Vector) -> Self::Vector {
            each(|l| if mask >> l & 1 == 1 { b[l] } else { a[l] })
        }

        #[inline(never)]
        fn zeros(self, a: Self::Vector) -> u8 {
            (0..LANES).map(|l| u8::from(a[l] == 0) << l).sum()
        }
    }

    pub(in super::super) fn multiply_checked(scalar: &[u8; 32], points: &mut [Point]) {
        multiply(Checked, &Ladder::new(scalar), points);
    }

    #[test]
    fn the_largest_limbs_stay_within_their_bounds() {
        let e = Checked;
        let largest = Tight([[(1 << 51) + (1 << 16) - 1; LANES]; LIMBS]);
        let largest_product = |biased| product(e, &largest, &largest, biased);
        let below = |a: &[[u64; LANES]; LIMBS], bound: u64| a.iter().flatten().all(|&limb| limb < bound);
        assert!(below(&largest_product(false).0, 1 << 60));
        assert!(below(&largest_product(true).0, 1 << 61));
        for (product, square) in [false, true].map(|b| (largest_product(b), square(e, &largest, b))) {
            assert_eq!(product.0, square.0);
        }
        let sum = add(e, &largest_product(true), &largest_product(false));
        assert!(below(&sum.0, 1 << 62));
        assert!(below(&carry(e, &sum).0, (1 << 51) + (1 << 16)));
        // The smallest biased product minus the largest.
        let zero = Tight([[0; LANES]; LIMBS]);
        let difference = subtract(e, &product(e, &zero, &zero, true), &largest_product(false));
        assert!(below(&carry(e, &difference).0, (1 << 51) + (1 << 16)));
        assert!(below(&add_a24_times(e, &largest, &largest).0, 1 << 53));
    }
}
