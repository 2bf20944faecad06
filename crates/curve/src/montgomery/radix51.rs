//! The field for instructions that multiply 52 bits and add half of the product.
//!
//! Lane l of five vectors v holds the integer Σ v_i · 2^(51·i). The instructions multiply the low 52 bits of two
//! lanes and add the low or the high 52 bits of the product to a third. There are two degrees of carrying:
//!
//! - [`Tight`]: limbs below 2^51 + 2^16, so that a limb is a factor as it stands;
//! - [`Loose`]: limbs below 2^62: products, and sums or differences of two of them.
//!
//! Sums and differences are taken of `Loose` products, before the carries, so that one pass of carries serves
//! the product and the sum. (With limbs of 52 bits no doubling of high halves would be needed, but one parallel
//! pass leaves limbs a little above the radix, and they would have to fit 52 bits.)
#![allow(clippy::needless_range_loop, reason = "limbs of several elements are indexed together")]

use super::Point;
use super::field::{A24, Field};

/// Elements of one vector.
pub(super) const LANES: usize = 8;

/// Limbs of an element.
const LIMBS: usize = 5;

const LOW_51: u64 = (1 << 51) - 1;

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

    /// The function [`product`]; an engine whose instructions are long can keep it out of line.
    #[inline(always)]
    fn product(self, a: &Tight<Self::Vector>, b: &Tight<Self::Vector>, biased: bool) -> Loose<Self::Vector> {
        product(self, a, b, biased)
    }

    /// The function [`square`], likewise.
    #[inline(always)]
    fn square(self, a: &Tight<Self::Vector>, biased: bool) -> Loose<Self::Vector> {
        square(self, a, biased)
    }
}

/// The field over these instructions.
#[derive(Clone, Copy)]
pub(super) struct Radix51<E>(pub(super) E);

impl<E: Engine> Field for Radix51<E> {
    const LANES: usize = LANES;
    type Tight = Tight<E::Vector>;
    type Loose = Loose<E::Vector>;

    #[inline(always)]
    fn small(self, value: u32) -> Self::Tight {
        let zero = self.0.splat(0);
        Tight([self.0.splat(value.into()), zero, zero, zero, zero])
    }

    #[inline(always)]
    fn decode(self, points: &[Point]) -> Self::Tight {
        decode(self.0, points)
    }

    #[inline(always)]
    fn encode(self, a: &Self::Tight, points: &mut [Point]) {
        encode(self.0, a, points);
    }

    #[inline(always)]
    fn reduce(self, a: &Self::Tight) -> Self::Tight {
        reduce(self.0, a)
    }

    #[inline(always)]
    fn zeros(self, a: &Self::Tight) -> u8 {
        zeros(self.0, a)
    }

    #[inline(always)]
    fn evens(self, a: &Self::Tight) -> u8 {
        self.0.zeros(self.0.and(a.0[0], self.0.splat(1)))
    }

    #[inline(always)]
    fn product(self, a: &Self::Tight, b: &Self::Tight, biased: bool) -> Self::Loose {
        self.0.product(a, b, biased)
    }

    #[inline(always)]
    fn square(self, a: &Self::Tight, biased: bool) -> Self::Loose {
        self.0.square(a, biased)
    }

    #[inline(always)]
    fn add(self, a: &Self::Loose, b: &Self::Loose) -> Self::Loose {
        add(self.0, a, b)
    }

    #[inline(always)]
    fn subtract(self, a: &Self::Loose, b: &Self::Loose) -> Self::Loose {
        subtract(self.0, a, b)
    }

    #[inline(always)]
    fn carry(self, a: &Self::Loose) -> Self::Tight {
        carry(self.0, a)
    }

    #[inline(always)]
    fn add_a24_times(self, a: &Self::Tight, b: &Self::Tight) -> Self::Loose {
        add_a24_times(self.0, a, b)
    }

    #[inline(always)]
    fn sum(self, a: &Self::Tight, b: &Self::Tight) -> Self::Tight {
        carry(self.0, &add(self.0, &Loose(a.0), &Loose(b.0)))
    }

    #[inline(always)]
    fn difference(self, a: &Self::Tight, b: &Self::Tight) -> Self::Tight {
        difference(self.0, a, b)
    }

    #[inline(always)]
    fn select(self, mask: u8, a: &Self::Tight, b: &Self::Tight) -> Self::Tight {
        select(self.0, mask, a, b)
    }
}

/// Eight field elements with limbs below 2^51 + 2^16.
#[derive(Clone, Copy)]
pub(super) struct Tight<V>([V; LIMBS]);

/// Eight field elements with limbs below 2^62.
#[derive(Clone, Copy)]
pub(super) struct Loose<V>([V; LIMBS]);

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
pub(super) fn product<E: Engine>(
    e: E,
    a: &Tight<E::Vector>,
    b: &Tight<E::Vector>,
    biased: bool,
) -> Loose<E::Vector> {
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
pub(super) fn square<E: Engine>(e: E, a: &Tight<E::Vector>, biased: bool) -> Loose<E::Vector> {
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

/// The difference of two `Tight` elements: 4·p makes the limbs positive.
#[inline(always)]
fn difference<E: Engine>(e: E, a: &Tight<E::Vector>, b: &Tight<E::Vector>) -> Tight<E::Vector> {
    let mut r = a.0;
    for k in 0..LIMBS {
        let limb_of_p = if k == 0 { LOW_51 - 18 } else { LOW_51 };
        r[k] = e.subtract(e.add(a.0[k], e.splat(limb_of_p << 2)), b.0[k]);
    }
    carry(e, &Loose(r))
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
fn select<E: Engine>(e: E, mask: u8, a: &Tight<E::Vector>, b: &Tight<E::Vector>) -> Tight<E::Vector> {
    let mut r = a.0;
    for k in 0..LIMBS {
        r[k] = e.select(mask, a.0[k], b.0[k]);
    }
    Tight(r)
}

#[cfg(test)]
mod tests {
    use super::super::portable::Portable;
    use super::*;

    #[test]
    fn the_largest_limbs_stay_within_their_bounds() {
        let e = Portable;
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
