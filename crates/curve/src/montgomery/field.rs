//! What the ladder and the maps need of the field: integers modulo p = 2^255 - 19, several at a time.
//!
//! There are two degrees of carrying: sums and differences are taken of products before the carries, so that one pass
//! of carries serves the product and the sum.
//!
//! The same instructions at the same addresses for all values. All functions are `inline(always)`: they must become
//! part of the function that was compiled for the vector instructions. For the same reason there are no closures.

use super::Point;

/// (A - 2)/4 for the curve's A = 486662 (RFC 7748, section 5).
pub(super) const A24: u64 = 121_665;

/// Most elements of one vector: the bits of a mask of lanes.
pub(super) const MOST_LANES: usize = 8;

/// Arithmetic on [`Field::LANES`] elements at a time. Masks have a bit per lane, the first one lowest.
pub(super) trait Field: Copy {
    /// Elements of one vector, at most [`MOST_LANES`].
    const LANES: usize;
    /// After the carries: a factor.
    type Tight: Copy;
    /// Before the carries: a product, or the sum or difference of two.
    type Loose: Copy;

    /// An integer below 2^25 in all lanes.
    fn small(self, value: u32) -> Self::Tight;
    /// Up to `LANES` points, of which the top bit is ignored; the lanes without one get 1.
    fn decode(self, points: &[Point]) -> Self::Tight;
    /// Up to `LANES` points of an element that [`Field::reduce`] made.
    fn encode(self, a: &Self::Tight, points: &mut [Point]);
    /// The representative below p.
    fn reduce(self, a: &Self::Tight) -> Self::Tight;
    /// The lanes of a reduced element that are zero.
    fn zeros(self, a: &Self::Tight) -> u8;
    /// The lanes of a reduced element that are even.
    fn evens(self, a: &Self::Tight) -> u8;
    /// The product, or, biased, plus a multiple of p so that a product can be subtracted from it.
    fn product(self, a: &Self::Tight, b: &Self::Tight, biased: bool) -> Self::Loose;
    /// The square, likewise.
    fn square(self, a: &Self::Tight, biased: bool) -> Self::Loose;
    /// The sum of two products, of which one may be biased.
    fn add(self, a: &Self::Loose, b: &Self::Loose) -> Self::Loose;
    /// `a` - `b`, where `a` is biased and `b` is not.
    fn subtract(self, a: &Self::Loose, b: &Self::Loose) -> Self::Loose;
    /// The carries.
    fn carry(self, a: &Self::Loose) -> Self::Tight;
    /// `a` + 121665·`b`.
    fn add_a24_times(self, a: &Self::Tight, b: &Self::Tight) -> Self::Loose;
    /// `a` + `b`, carried.
    fn sum(self, a: &Self::Tight, b: &Self::Tight) -> Self::Tight;
    /// `a` - `b`, carried.
    fn difference(self, a: &Self::Tight, b: &Self::Tight) -> Self::Tight;
    /// `b` in the lanes of the mask, `a` in the others.
    fn select(self, mask: u8, a: &Self::Tight, b: &Self::Tight) -> Self::Tight;
}

/// The same element in all lanes.
#[inline(always)]
pub(super) fn constant<F: Field>(f: F, element: &Point) -> F::Tight {
    f.decode(&[*element; MOST_LANES][..F::LANES])
}

#[inline(always)]
pub(super) fn multiply<F: Field>(f: F, a: &F::Tight, b: &F::Tight) -> F::Tight {
    f.carry(&f.product(a, b, false))
}

/// a^(2^times).
#[inline(always)]
pub(super) fn square_times<F: Field>(f: F, a: &F::Tight, times: u32) -> F::Tight {
    let mut r = *a;
    for _ in 0..times {
        r = f.carry(&f.square(&r, false));
    }
    r
}

/// a^(2^250 - 1) and a^11, by an addition chain written as a table, which keeps the code short: power k + 2 is
/// power `from`, squared so many times, times power `by`. The comments tell the exponents.
#[inline(always)]
fn power_of_250_ones<F: Field>(f: F, a: &F::Tight) -> (F::Tight, F::Tight) {
    const CHAIN: [(usize, u32, usize); 10] = [
        (1, 2, 0),   // 2: 9
        (2, 0, 1),   // 3: 11
        (3, 1, 2),   // 4: 31 = 2^5 - 1
        (4, 5, 4),   // 5: 2^10 - 1
        (5, 10, 5),  // 6: 2^20 - 1
        (6, 20, 6),  // 7: 2^40 - 1
        (7, 10, 5),  // 8: 2^50 - 1
        (8, 50, 8),  // 9: 2^100 - 1
        (9, 100, 9), // 10: 2^200 - 1
        (10, 50, 8), // 11: 2^250 - 1
    ];
    let mut powers = [*a; CHAIN.len() + 2];
    powers[1] = square_times(f, a, 1);
    for (k, (from, squarings, by)) in CHAIN.into_iter().enumerate() {
        powers[k + 2] = multiply(f, &powers[by], &square_times(f, &powers[from], squarings));
    }
    (powers[11], powers[3])
}

/// a^(p - 2), the inverse or 0: p - 2 = 2^255 - 21 = (2^250 - 1)·2^5 + 11.
#[inline(always)]
pub(super) fn invert<F: Field>(f: F, a: &F::Tight) -> F::Tight {
    let (ones_250, a11) = power_of_250_ones(f, a);
    multiply(f, &a11, &square_times(f, &ones_250, 5))
}

/// a^((p - 5)/8): (p - 5)/8 = 2^252 - 3 = (2^250 - 1)·2^2 + 1.
#[inline(always)]
pub(super) fn power_for_root<F: Field>(f: F, a: &F::Tight) -> F::Tight {
    let (ones_250, _) = power_of_250_ones(f, a);
    multiply(f, a, &square_times(f, &ones_250, 2))
}
