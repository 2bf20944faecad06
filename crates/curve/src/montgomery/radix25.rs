//! The field for instructions that multiply 32 bits to 64.
//!
//! Lane l of ten vectors v holds the integer Σ v_i · 2^⌈25.5·i⌉: limbs of 26 and 25 bits by turns. With factors of
//!
//! - [`Tight`]: limbs below 2^26, the odd ones below 2^25 + 2^16,
//!
//! a product of two limbs, 19 or 38 times over where its weight is 2^255 or more, stays below 2^58, and the sum of ten is
//!
//! - [`Loose`]: limbs below 2^61.
#![allow(clippy::needless_range_loop, reason = "limbs of several elements are indexed together")]

use std::hint::black_box;

use super::Point;
use super::field::{A24, Field, MOST_LANES};

/// Limbs of an element.
const LIMBS: usize = 10;

const LOW_26: u64 = (1 << 26) - 1;
const LOW_25: u64 = (1 << 25) - 1;

/// The limbs of p.
const P: [u64; LIMBS] = [LOW_26 - 18, LOW_25, LOW_26, LOW_25, LOW_26, LOW_25, LOW_26, LOW_25, LOW_26, LOW_25];

/// 2^34·p has limbs above those of any product: 2^60 and 2^59, nearly.
const BIAS_SHIFT: u32 = 34;

/// Lanes of 64 bits.
pub(super) trait Engine: Copy {
    const LANES: usize;
    type Vector: Copy;

    /// The first `LANES` of these.
    fn load(self, lanes: &[u64; MOST_LANES]) -> Self::Vector;
    fn store(self, a: Self::Vector) -> [u64; MOST_LANES];
    /// The same value in all lanes.
    fn splat(self, value: u64) -> Self::Vector;
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn subtract(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Logical shifts.
    fn right<const BITS: i32>(self, a: Self::Vector) -> Self::Vector;
    fn left<const BITS: i32>(self, a: Self::Vector) -> Self::Vector;
    /// The products of the low 32 bits.
    fn multiply(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Lane l of `b` where bit l of `mask` is set, else of `a`.
    fn select(self, mask: u8, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Bit l is set where lane l is zero.
    fn zeros(self, a: Self::Vector) -> u8;

    /// The function [`product`], out of line: among the products around it, the compiler would move most of its sums out
    /// of the registers and back.
    fn product(self, a: &Tight<Self::Vector>, b: &Tight<Self::Vector>, biased: bool) -> Loose<Self::Vector>;
    /// The function [`square`], likewise.
    fn square(self, a: &Tight<Self::Vector>, biased: bool) -> Loose<Self::Vector>;
}

/// The field over these instructions.
#[derive(Clone, Copy)]
pub(super) struct Radix25<E>(pub(super) E);

/// Elements after the carries.
#[derive(Clone, Copy)]
pub(super) struct Tight<V>([V; LIMBS]);

/// Elements before the carries.
#[derive(Clone, Copy)]
pub(super) struct Loose<V>([V; LIMBS]);

/// The body for every limb, written out: the compiler does not unroll two nested loops of this length by itself, and
/// then chooses factors at run time.
///
/// In the bodies the second factors go through a `black_box`, so that they are read from memory where they are used. There
/// are 16 registers; where the compiler keeps factors in them, it moves sums out and back, which took 9 % more time.
macro_rules! each_limb {
    ($i:ident => $body:block) => {
        each_limb!($i => $body; 0 1 2 3 4 5 6 7 8 9)
    };
    ($i:ident => $body:block; $($value:literal)*) => {
        $({
            let $i = $value;
            $body
        })*
    };
}

/// Limb `k` modulo its weight.
#[inline(always)]
fn low<E: Engine>(e: E, k: usize, limb: E::Vector) -> E::Vector {
    e.and(limb, e.splat(if k.is_multiple_of(2) { LOW_26 } else { LOW_25 }))
}

/// What limb `k` carries to the next.
#[inline(always)]
fn high<E: Engine>(e: E, k: usize, limb: E::Vector) -> E::Vector {
    if k.is_multiple_of(2) { e.right::<26>(limb) } else { e.right::<25>(limb) }
}

/// Carries from limb `k` to the next one, from the last to the first.
#[inline(always)]
fn carry_from<E: Engine>(e: E, r: &mut [E::Vector; LIMBS], k: usize) {
    let carry = high(e, k, r[k]);
    r[k] = low(e, k, r[k]);
    if k == LIMBS - 1 {
        // 19 = 16 + 2 + 1; the carry may have more than 32 bits.
        let three = e.add(carry, e.add(carry, carry));
        r[0] = e.add(r[0], e.add(three, e.left::<4>(carry)));
    } else {
        r[k + 1] = e.add(r[k + 1], carry);
    }
}

/// What the limbs of a product begin with.
#[inline(always)]
fn start<E: Engine>(e: E, biased: bool) -> [E::Vector; LIMBS] {
    let mut r = [e.splat(0); LIMBS];
    if biased {
        for k in 0..LIMBS {
            r[k] = e.splat(P[k] << BIAS_SHIFT);
        }
    }
    r
}

#[inline(always)]
pub(super) fn product<E: Engine>(
    e: E,
    a: &Tight<E::Vector>,
    b: &Tight<E::Vector>,
    biased: bool,
) -> Loose<E::Vector> {
    // Odd limbs are half a bit below their weight, so two of them count twice.
    let (mut doubled, mut wrapped) = (a.0, b.0);
    for k in 0..LIMBS {
        doubled[k] = e.add(a.0[k], a.0[k]);
        wrapped[k] = e.multiply(b.0[k], e.splat(19));
    }
    let mut r = start(e, biased);
    each_limb!(i => {
        let (b, wrapped) = (black_box(&b.0), black_box(&wrapped));
        for j in 0..LIMBS {
            let left = if i % 2 == 1 && j % 2 == 1 { doubled[i] } else { a.0[i] };
            let right = if i + j >= LIMBS { wrapped[j] } else { b[j] };
            let k = (i + j) % LIMBS;
            r[k] = e.add(r[k], e.multiply(left, right));
        }
    });
    Loose(r)
}

#[inline(always)]
pub(super) fn square<E: Engine>(e: E, a: &Tight<E::Vector>, biased: bool) -> Loose<E::Vector> {
    let (mut doubled, mut twice_doubled, mut wrapped) = (a.0, a.0, a.0);
    for k in 0..LIMBS {
        doubled[k] = e.add(a.0[k], a.0[k]);
        twice_doubled[k] = e.add(doubled[k], doubled[k]);
        wrapped[k] = e.multiply(a.0[k], e.splat(19));
    }
    let mut r = start(e, biased);
    each_limb!(i => {
        let (a, wrapped) = (black_box(&a), black_box(&wrapped));
        for j in i..LIMBS {
            let left = match (i == j, i % 2 == 1 && j % 2 == 1) {
                (true, false) => a.0[i],
                (true, true) | (false, false) => doubled[i],
                (false, true) => twice_doubled[i],
            };
            let right = if i + j >= LIMBS { wrapped[j] } else { a.0[j] };
            let k = (i + j) % LIMBS;
            r[k] = e.add(r[k], e.multiply(left, right));
        }
    });
    Loose(r)
}

impl<E: Engine> Field for Radix25<E> {
    const LANES: usize = E::LANES;
    type Tight = Tight<E::Vector>;
    type Loose = Loose<E::Vector>;

    #[inline(always)]
    fn small(self, value: u32) -> Self::Tight {
        let mut r = [self.0.splat(0); LIMBS];
        r[0] = self.0.splat(value.into());
        Tight(r)
    }

    #[inline(always)]
    fn decode(self, points: &[Point]) -> Self::Tight {
        let e = self.0;
        let mut words = [[1; MOST_LANES], [0; MOST_LANES], [0; MOST_LANES], [0; MOST_LANES]];
        for (lane, point) in points.iter().take(E::LANES).enumerate() {
            let (bytes, _) = point.as_chunks();
            for (word, bytes) in words.iter_mut().zip(bytes) {
                word[lane] = u64::from_le_bytes(*bytes);
            }
        }
        let [w0, w1, w2, w3] = [e.load(&words[0]), e.load(&words[1]), e.load(&words[2]), e.load(&words[3])];
        Tight([
            low(e, 0, w0),
            low(e, 1, e.right::<26>(w0)),
            low(e, 2, e.or(e.right::<51>(w0), e.left::<13>(w1))),
            low(e, 3, e.right::<13>(w1)),
            e.right::<38>(w1),
            low(e, 5, w2),
            low(e, 6, e.right::<25>(w2)),
            low(e, 7, e.or(e.right::<51>(w2), e.left::<13>(w3))),
            low(e, 8, e.right::<12>(w3)),
            low(e, 9, e.right::<38>(w3)),
        ])
    }

    #[inline(always)]
    fn encode(self, a: &Self::Tight, points: &mut [Point]) {
        let e = self.0;
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9] = a.0;
        let words = [
            e.store(e.or(e.or(a0, e.left::<26>(a1)), e.left::<51>(a2))),
            e.store(e.or(e.or(e.right::<13>(a2), e.left::<13>(a3)), e.left::<38>(a4))),
            e.store(e.or(e.or(a5, e.left::<25>(a6)), e.left::<51>(a7))),
            e.store(e.or(e.or(e.right::<13>(a7), e.left::<12>(a8)), e.left::<38>(a9))),
        ];
        for (lane, point) in points.iter_mut().take(E::LANES).enumerate() {
            let (bytes, _) = point.as_chunks_mut();
            for (word, bytes) in words.iter().zip(bytes) {
                *bytes = word[lane].to_le_bytes();
            }
        }
    }

    /// The value of a `Tight` is below 2p.
    #[inline(always)]
    fn reduce(self, a: &Self::Tight) -> Self::Tight {
        let e = self.0;
        // The carry out of a + 19 is 1 exactly if a >= p.
        let mut carry = e.splat(19);
        for k in 0..LIMBS {
            carry = high(e, k, e.add(a.0[k], carry));
        }
        carry = e.multiply(carry, e.splat(19));
        let mut r = a.0;
        for k in 0..LIMBS {
            let sum = e.add(a.0[k], carry);
            r[k] = low(e, k, sum);
            carry = high(e, k, sum);
        }
        Tight(r)
    }

    #[inline(always)]
    fn zeros(self, a: &Self::Tight) -> u8 {
        let mut any = a.0[0];
        for k in 1..LIMBS {
            any = self.0.or(any, a.0[k]);
        }
        self.0.zeros(any)
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
        let mut r = a.0;
        for k in 0..LIMBS {
            r[k] = self.0.add(a.0[k], b.0[k]);
        }
        Loose(r)
    }

    #[inline(always)]
    fn subtract(self, a: &Self::Loose, b: &Self::Loose) -> Self::Loose {
        let mut r = a.0;
        for k in 0..LIMBS {
            r[k] = self.0.subtract(a.0[k], b.0[k]);
        }
        Loose(r)
    }

    /// Two chains side by side, from limb 0 and from limb 4, and what they leave in 4 and 0 once more.
    #[inline(always)]
    fn carry(self, a: &Self::Loose) -> Self::Tight {
        let (e, mut r) = (self.0, a.0);
        carry_from(e, &mut r, 0);
        carry_from(e, &mut r, 4);
        carry_from(e, &mut r, 1);
        carry_from(e, &mut r, 5);
        carry_from(e, &mut r, 2);
        carry_from(e, &mut r, 6);
        carry_from(e, &mut r, 3);
        carry_from(e, &mut r, 7);
        carry_from(e, &mut r, 4);
        carry_from(e, &mut r, 8);
        carry_from(e, &mut r, 9);
        carry_from(e, &mut r, 0);
        Tight(r)
    }

    #[inline(always)]
    fn add_a24_times(self, a: &Self::Tight, b: &Self::Tight) -> Self::Loose {
        let mut r = a.0;
        for k in 0..LIMBS {
            r[k] = self.0.add(a.0[k], self.0.multiply(b.0[k], self.0.splat(A24)));
        }
        Loose(r)
    }

    #[inline(always)]
    fn sum(self, a: &Self::Tight, b: &Self::Tight) -> Self::Tight {
        self.carry(&self.add(&Loose(a.0), &Loose(b.0)))
    }

    /// 4·p makes the limbs positive.
    #[inline(always)]
    fn difference(self, a: &Self::Tight, b: &Self::Tight) -> Self::Tight {
        let e = self.0;
        let mut r = a.0;
        for k in 0..LIMBS {
            r[k] = e.subtract(e.add(a.0[k], e.splat(P[k] << 2)), b.0[k]);
        }
        self.carry(&Loose(r))
    }

    #[inline(always)]
    fn select(self, mask: u8, a: &Self::Tight, b: &Self::Tight) -> Self::Tight {
        let mut r = a.0;
        for k in 0..LIMBS {
            r[k] = self.0.select(mask, a.0[k], b.0[k]);
        }
        Tight(r)
    }
}

#[cfg(test)]
mod tests {
    use super::super::portable::Portable;
    use super::*;

    /// With checked arithmetic: nothing leaves 64 bits, no factor 32, no difference is negative.
    #[test]
    fn the_largest_limbs_stay_within_their_bounds() {
        let f = Radix25(Portable);
        let is_tight = |a: &Tight<[u64; MOST_LANES]>| {
            let bound = |k: usize| if k.is_multiple_of(2) { 1 << 26 } else { (1 << 25) + (1 << 16) };
            a.0.iter().enumerate().all(|(k, limb)| limb.iter().all(|&limb| limb < bound(k)))
        };
        let below = |a: &[[u64; MOST_LANES]; LIMBS], bound: u64| a.iter().flatten().all(|&limb| limb < bound);
        let largest = Tight(std::array::from_fn(|k| {
            [if k.is_multiple_of(2) { (1 << 26) - 1 } else { (1 << 25) + (1 << 16) - 1 }; MOST_LANES]
        }));
        for (product, square) in
            [false, true].map(|b| (f.product(&largest, &largest, b), f.square(&largest, b)))
        {
            assert_eq!(product.0, square.0);
            assert!(is_tight(&f.carry(&product)));
        }
        let [plain, biased] = [false, true].map(|biased| f.product(&largest, &largest, biased));
        let sum = f.add(&biased, &plain);
        assert!(below(&sum.0, 1 << 61));
        assert!(is_tight(&f.carry(&sum)));
        // The smallest biased product minus the largest, and the largest.
        let zero = f.small(0);
        assert!(is_tight(&f.carry(&f.subtract(&f.product(&zero, &zero, true), &plain))));
        assert!(is_tight(&f.carry(&Loose([[(1 << 61) - 1; MOST_LANES]; LIMBS]))));
        for a in [zero, largest] {
            assert!(is_tight(&f.carry(&f.add_a24_times(&a, &largest))));
            assert!(is_tight(&f.sum(&a, &largest)));
            assert!(is_tight(&f.difference(&a, &largest)));
            assert!(is_tight(&f.difference(&largest, &a)));
        }
    }
}
