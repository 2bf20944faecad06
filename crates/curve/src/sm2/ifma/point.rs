//! Eight points of the curve at a time, in Jacobian coordinates, and their products with one secret scalar.
//!
//! # The window
//!
//! An odd scalar k below 2^256 is written with 51 odd digits and a leading one,
//!
//! ```text
//! k = 2^255 + Σ d_i · 2^(5·i), i = 0..51,    d_i = ((⌊k / 2^(5·i)⌋ | 1) mod 64) - 32,   d_i in ±1, ±3, ..., ±31
//! ```
//!
//! An even scalar is replaced by the group order minus it, which is odd, and the product by its negative. Every
//! product takes the same steps: 51 times five doublings and one addition of an entry of the table P, 3P, ..., 31P, read
//! in full each time, with the sign by selection. No branch and no address depends on the scalar.
//!
//! # Exceptional cases of the formulas
//!
//! The addition is wrong for equal points, and for the point at infinity. Let c = ⌊k / 2^(5·i)⌋ | 1; after the
//! digit i the sum is c·P, and before it 32·c'·P with c' >= 1, c = 32·c' + d_i. P has prime order n > 2^255 and
//! 1 <= k < n. Infinity does not occur: 0 < c <= k | 1 < n, and 32·c' < n for the same reason, or, at i = 0,
//! 0 < 32·c' <= n + 30 where 32·c' = n is impossible, n being odd. Equal or opposite points need 32·c' = ±d_i
//! modulo n: as 32·c' > |d_i|, only 32·c' = n ± |d_i|, which is possible at i = 0 alone. There k = n is excluded,
//! which leaves 32·c' = n + d_0, the doubling (k = n - 6 is such a scalar). So the last addition, alone, computes
//! the double too and selects. In the table the points (2j-1)P and 2P differ. Doubling needs y != 0: the order is odd.

use std::arch::x86_64::*;

use zeroize::ZeroizeOnDrop;

use super::field::Tight;

/// Digits after the leading one.
const DIGITS: usize = 51;

/// Bits of a digit.
const WINDOW: usize = 5;

/// Odd multiples in the table.
const ENTRIES: usize = 1 << (WINDOW - 1);

/// A secret scalar as signed odd digits, the lowest first.
#[derive(ZeroizeOnDrop)]
pub(crate) struct Digits {
    /// Index into the table: (|d| - 1) / 2.
    entries: [u8; DIGITS],
    /// One where the digit is negative, else zero.
    signs: [u8; DIGITS],
    /// One if the products are to be negated, else zero.
    sign: u8,
}

impl Digits {
    /// Of an odd scalar, big-endian, or of its negative if `sign` is one and not zero.
    pub(crate) fn of_odd(scalar: &[u8; 32], sign: u8) -> Self {
        let mut digits = Self { entries: [0; DIGITS], signs: [0; DIGITS], sign };
        let byte = |place: usize| scalar.iter().rev().nth(place).copied().map_or(0, u16::from);
        for i in 0..DIGITS {
            let bit = WINDOW * i;
            let two_bytes = byte(bit / 8) | byte(bit / 8 + 1) << 8;
            let [window, _] = ((two_bytes >> (bit % 8) | 1) & 63).to_le_bytes();
            let negative = (window >> WINDOW) ^ 1;
            digits.entries[i] = ((window & 31) ^ (31 * negative)) >> 1;
            digits.signs[i] = negative;
        }
        digits
    }
}

/// Eight points that are not at infinity: x/z^2, y/z^3.
#[derive(Clone, Copy)]
pub(super) struct Jacobian {
    pub(super) x: Tight,
    pub(super) y: Tight,
    pub(super) z: Tight,
}

impl Jacobian {
    /// From affine coordinates.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn affine(x: Tight, y: Tight) -> Self {
        Self { x, y, z: Tight::one() }
    }

    /// Doubles these points: 4 multiplications, 4 squarings.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn double(&mut self) {
        let delta = self.z.square().carry();
        let gamma = self.y.square().carry();
        self.z = self.y.mul(&self.z).shifted::<1>().carry();
        let beta = self.x.mul(&gamma).carry();
        let three_differences = self.x.loose().minus(delta.loose()).tripled().fold();
        let sum = self.x.loose().plus(delta.loose()).carry();
        let alpha = three_differences.mul(&sum).carry();
        self.x = alpha.square().minus(beta.loose().shifted::<3>()).fold();
        let rest = beta.loose().shifted::<2>().minus(self.x.loose()).fold();
        self.y = alpha.mul(&rest).minus(gamma.square().shifted::<3>()).fold();
    }

    /// Adds points that are neither these nor opposite to them: 12 multiplications, 4 squarings. Returns the
    /// differences of x and of y, scaled; both are zero where the points were equal, and the sum is wrong.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn add(&mut self, other: &Self) -> [Tight; 2] {
        let zz1 = self.z.square().carry();
        let zz2 = other.z.square().carry();
        let u1 = self.x.mul(&zz2).carry();
        let s1 = self.y.mul(&other.z.mul(&zz2).carry()).carry();
        let h = other.x.mul(&zz1).minus(u1.loose()).fold();
        let r = other.y.mul(&self.z.mul(&zz1).carry()).minus(s1.loose()).fold();
        self.z = self.z.mul(&other.z).carry().mul(&h).carry();
        let hh = h.square().carry();
        let hhh = h.mul(&hh).carry();
        let v = u1.mul(&hh).carry();
        self.x = r.square().minus(hhh.loose()).minus(v.loose().shifted::<1>()).fold();
        let rest = v.loose().minus(self.x.loose()).fold();
        self.y = r.mul(&rest).minus(s1.mul(&hhh)).fold();
        [h, r]
    }

    /// Adds any points; z becomes zero where they are opposite.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn add_or_double(&mut self, other: &Self) {
        let mut double = *self;
        double.double();
        let [h, r] = self.add(other);
        *self = Self::select(h.is_zero() & r.is_zero(), self, &double);
    }

    /// `then` in the lanes of the mask, `otherwise` in the others.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn select(mask: __mmask8, otherwise: &Self, then: &Self) -> Self {
        Self {
            x: Tight::select(mask, &otherwise.x, &then.x),
            y: Tight::select(mask, &otherwise.y, &then.y),
            z: Tight::select(mask, &otherwise.z, &then.z),
        }
    }

    /// Negates the points if `sign` is one, and leaves them if it is zero.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn apply_sign(&mut self, sign: u8) {
        self.y = Tight::select(all_lanes_if_equal(sign, 1), &self.y, &self.y.negated());
    }

    /// P, 3P, ..., 31P.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn odd_multiples(&self) -> [Self; ENTRIES] {
        let mut double = *self;
        double.double();
        let mut table = [*self; ENTRIES];
        for i in 1..ENTRIES {
            table[i] = table[i - 1];
            table[i].add(&double);
        }
        table
    }

    /// The products with the scalar of these digits, which is not a multiple of the group order.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn times(&self, digits: &Digits) -> Self {
        let table = self.odd_multiples();
        let mut product = *self;
        for i in (0..DIGITS).rev() {
            for _ in 0..WINDOW {
                product.double();
            }
            let mut entry = read(&table, digits.entries[i]);
            entry.apply_sign(digits.signs[i]);
            // Which digit it is, is public.
            if i == 0 {
                product.add_or_double(&entry);
            } else {
                product.add(&entry);
            }
        }
        product.apply_sign(digits.sign);
        product
    }
}

/// The entry of this index, which is secret: all entries are read.
#[inline]
#[target_feature(enable = "avx512f")]
fn read(table: &[Jacobian; ENTRIES], index: u8) -> Jacobian {
    let masks: [__mmask8; ENTRIES] = std::array::from_fn(|i| all_lanes_if_equal(index, i as u8));
    Jacobian {
        x: Tight::pick(&masks, table.each_ref().map(|entry| &entry.x)),
        y: Tight::pick(&masks, table.each_ref().map(|entry| &entry.y)),
        z: Tight::pick(&masks, table.each_ref().map(|entry| &entry.z)),
    }
}

/// All lanes if the numbers are equal, else none; computed by a vector comparison.
#[inline]
#[target_feature(enable = "avx512f")]
fn all_lanes_if_equal(a: u8, b: u8) -> __mmask8 {
    let all = |value: u8| _mm512_set1_epi64(i64::from(std::hint::black_box(value)));
    _mm512_cmpeq_epi64_mask(all(a), all(b))
}
