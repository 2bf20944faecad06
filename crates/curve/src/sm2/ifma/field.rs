//! Eight integers modulo p = 2^256 - 2^224 - 2^96 + 2^64 - 1 at a time.
//!
//! Lane `l` of the vectors `v0..v4` holds Σ v_i[l] · 2^(52·i), which stands for that integer divided by R = 2^260
//! (Montgomery form). The instructions multiply the low 52 bits of two lanes and add the low or the high 52 bits of
//! the product to a third, so factors have limbs below 2^52, exactly:
//!
//! - [`Tight`]: limbs from 0 to 2^52 - 1, value below 2^258 + 2^241, about 4p;
//! - [`Loose`]: signed limbs of less than 2^61, any value: a product, or sums and differences of products, before
//!   the carries. One pass of carries serves a multiplication and the additions around it.
//!
//! # Reduction
//!
//! p = -1 modulo 2^52, so the multiple of p that clears the lowest limb t of a product is t itself:
//!
//! ```text
//! t + t·p = t·(p + 1) = t · (2^104 + 2^52·(2^12 - 2^44 - 2^52) + 2^208·(2^48 - 2^16))     modulo 2^520
//! ```
//!
//! which costs four multiply-and-adds and one subtraction (of t, from the third limb) instead of ten. Factors a and b give
//! (a·b + m·p)/R with m < R, that is less than a·b/2^260 + p: below 2^257 + 2^240 for every two `Tight` factors, since
//! p < 2^256 - 2^223; and the sum of two such values is `Tight` again.

use std::arch::x86_64::*;

use bytemuck::cast;

/// Elements of one vector.
pub(crate) const LANES: usize = 8;

/// Limbs of an element.
const LIMBS: usize = 5;

/// Bits of a limb.
const BITS: usize = 52;

const LOW_52: u64 = (1 << BITS) - 1;

/// One integer as limbs.
type Limbs = [u64; LIMBS];

/// p.
const P: Limbs = [LOW_52, 0xf_f000_0000_0fff, LOW_52, LOW_52, 0xffff_fffe_ffff];

/// R modulo p: one in Montgomery form.
const ONE: Limbs = [0x10, 0xffff_ffff_0000, 0, 0, 0x10_0000];

/// b of the curve equation y^2 = x^3 - 3x + b, in Montgomery form.
const CURVE_B: Limbs =
    [0x3_0632_bc0d_d422, 0xb_09b5_37ab_70d2, 0xa_51c3_c71c_f379, 0x2_c852_7981_505e, 0x40fe_188d_a20e];

/// R^2 modulo p: a product with it has Montgomery form.
const R_SQUARED: Limbs = [0x200_0000_0300, 0xf_ffff_fff0_0000, 0x1_0000_0002, 0x2000_0000_1000, 0x400_0000];

/// Eight field elements as factors of a product.
#[derive(Clone, Copy)]
pub(super) struct Tight([__m512i; LIMBS]);

/// Eight field elements before the carries.
#[derive(Clone, Copy)]
pub(super) struct Loose([__m512i; LIMBS]);

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(value: u64) -> __m512i {
    _mm512_set1_epi64(value.cast_signed())
}

/// `acc` plus the low 52 bits of the product.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn low(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
    _mm512_madd52lo_epu64(acc, a, b)
}

/// `acc` plus the product shifted right by 52 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn high(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
    _mm512_madd52hi_epu64(acc, a, b)
}

/// Ten limbs of a product to five, divided by R.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn reduce(mut t: [__m512i; 2 * LIMBS]) -> Loose {
    let mask = splat(LOW_52);
    let second = splat((1 << 52) - (1 << 44) + (1 << 12));
    let fifth = splat((1 << 48) - (1 << 16));
    for i in 0..LIMBS {
        let m = _mm512_and_si512(t[i], mask);
        t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srai_epi64::<52>(t[i]));
        t[i + 1] = low(t[i + 1], m, second);
        t[i + 2] = _mm512_sub_epi64(high(t[i + 2], m, second), m);
        t[i + 4] = low(t[i + 4], m, fifth);
        t[i + 5] = high(t[i + 5], m, fifth);
    }
    Loose([t[5], t[6], t[7], t[8], t[9]])
}

impl Tight {
    /// The same small field element in all lanes: `limbs` in Montgomery form.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn all(limbs: &Limbs) -> Self {
        Self(limbs.map(|limb| splat(limb)))
    }

    /// Zero.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn zero() -> Self {
        Self::all(&[0; LIMBS])
    }

    /// A small integer.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn integer(value: u32) -> Self {
        Self::all(&[value.into(), 0, 0, 0, 0]).mul(&Self::all(&R_SQUARED)).carry()
    }

    /// One.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn one() -> Self {
        Self::all(&ONE)
    }

    /// b of the curve equation y^2 = x^3 - 3x + b.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn curve_b() -> Self {
        Self::all(&CURVE_B)
    }

    /// Integers of 32 bytes, big-endian, of any value.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn from_bytes(integers: &[[u8; 32]; LANES]) -> Self {
        let mut limbs = [[0u64; LANES]; LIMBS];
        for (lane, integer) in integers.iter().enumerate() {
            for (limb, value) in limbs.iter_mut().zip(split(integer)) {
                limb[lane] = value;
            }
        }
        Self(limbs.map(cast)).mul(&Self::all(&R_SQUARED)).carry()
    }

    /// The integers, below p, big-endian.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn to_bytes(self) -> [[u8; 32]; LANES] {
        let limbs: [[u64; LANES]; LIMBS] = self.out_of_montgomery().0.map(cast);
        std::array::from_fn(|lane| join(&limbs.map(|limb| limb[lane])))
    }

    /// Out of Montgomery form, below p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn out_of_montgomery(self) -> Self {
        // At most p, as the factor 1 adds nothing to it; one subtraction is enough.
        let reduced = self.mul(&Self::all(&[1, 0, 0, 0, 0])).carry();
        let mut rest = reduced.0;
        for (limb, p) in rest.iter_mut().zip(P) {
            *limb = _mm512_sub_epi64(*limb, splat(p));
        }
        let rest = Loose(rest).carry();
        let negative = _mm512_cmplt_epi64_mask(rest.0[LIMBS - 1], splat(0));
        Self::select(negative, &rest, &reduced)
    }

    /// Lanes whose element is zero.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn is_zero(self) -> __mmask8 {
        let limbs = self.out_of_montgomery().0;
        let any = limbs.into_iter().fold(splat(0), |any, limb| _mm512_or_si512(any, limb));
        _mm512_testn_epi64_mask(any, any)
    }

    /// Lanes whose integer is odd (`sgn0` of RFC 9380).
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn is_odd(self) -> __mmask8 {
        _mm512_test_epi64_mask(self.out_of_montgomery().0[0], splat(1))
    }

    /// `then` in the lanes of the mask, `otherwise` in the others.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn select(mask: __mmask8, otherwise: &Self, then: &Self) -> Self {
        Self(std::array::from_fn(|i| _mm512_mask_mov_epi64(otherwise.0[i], mask, then.0[i])))
    }

    /// The choice whose mask is full; all of them are read.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn pick<const N: usize>(masks: &[__mmask8; N], choices: [&Self; N]) -> Self {
        let mut found = Self::zero();
        for (mask, choice) in masks.iter().zip(choices) {
            found = Self::select(*mask, &found, choice);
        }
        found
    }

    /// Product.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn mul(&self, other: &Self) -> Loose {
        let (a, b) = (&self.0, &other.0);
        let mut t = [splat(0); 2 * LIMBS];
        for i in 0..LIMBS {
            for j in 0..LIMBS {
                t[i + j] = low(t[i + j], a[i], b[j]);
                t[i + j + 1] = high(t[i + j + 1], a[i], b[j]);
            }
        }
        reduce(t)
    }

    /// Product with itself.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn square(&self) -> Loose {
        let a = &self.0;
        let mut t = [splat(0); 2 * LIMBS];
        for i in 0..LIMBS {
            for j in i + 1..LIMBS {
                t[i + j] = low(t[i + j], a[i], a[j]);
                t[i + j + 1] = high(t[i + j + 1], a[i], a[j]);
            }
        }
        for limb in &mut t {
            *limb = _mm512_add_epi64(*limb, *limb);
        }
        for i in 0..LIMBS {
            t[2 * i] = low(t[2 * i], a[i], a[i]);
            t[2 * i + 1] = high(t[2 * i + 1], a[i], a[i]);
        }
        reduce(t)
    }

    /// Zero minus this.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn negated(&self) -> Self {
        Self::zero().loose().minus(self.loose()).fold()
    }

    /// As a term of a sum.
    #[inline]
    pub(super) fn loose(self) -> Loose {
        Loose(self.0)
    }

    /// This to the power 2^`times`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn squared(self, times: usize) -> Self {
        let mut power = self;
        for _ in 0..times {
            power = power.square().carry();
        }
        power
    }

    /// From self = a^(2^m - 1) and b = a^(2^n - 1) to a^(2^(m+n) - 1).
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn append_ones(self, n: usize, b: &Self) -> Self {
        self.squared(n).mul(b).carry()
    }

    /// a^e for e = 2^30 - 1, 2^32 - 1 and the high 160 bits of p - 2 and of p + 1, which are, in groups of 32,
    /// fffffffe ffffffff ffffffff ffffffff ffffffff.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn common_powers(&self) -> [Self; 3] {
        let two = self.append_ones(1, self);
        let four = two.append_ones(2, &two);
        let eight = four.append_ones(4, &four);
        let sixteen = eight.append_ones(8, &eight);
        let twenty_eight = sixteen.append_ones(8, &eight).append_ones(4, &four);
        let thirty = twenty_eight.append_ones(2, &two);
        let thirty_one = thirty.append_ones(1, self);
        let thirty_two = thirty_one.append_ones(1, self);
        let mut high = thirty_one.squared(1);
        for _ in 0..4 {
            high = high.append_ones(32, &thirty_two);
        }
        [thirty, thirty_two, high]
    }

    /// The inverse; zero of zero. a^(p-2), where p - 2 ends in 00000000 ffffffff fffffffd.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn invert(&self) -> Self {
        self.inverse_root_power().squared(2).mul(self).carry()
    }

    /// a^((p-3)/4): the exponent is that of the inverse without its last two bits.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn inverse_root_power(&self) -> Self {
        let [thirty, thirty_two, high] = self.common_powers();
        high.squared(32).append_ones(32, &thirty_two).append_ones(30, &thirty)
    }

    /// a^((p+1)/4), a square root of a if there is one; p + 1 ends in 00000001 00000000 00000000.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn root_candidate(&self) -> Self {
        let [_, _, high] = self.common_powers();
        high.append_ones(32, self).squared(62)
    }
}

impl Loose {
    /// Limbwise sum.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| _mm512_add_epi64(self.0[i], other.0[i])))
    }

    /// Limbwise difference.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn minus(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| _mm512_sub_epi64(self.0[i], other.0[i])))
    }

    /// This times 2^`N`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn shifted<const N: u32>(self) -> Self {
        Self(self.0.map(|limb| _mm512_slli_epi64::<N>(limb)))
    }

    /// Three times this.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn tripled(self) -> Self {
        self.plus(self).plus(self)
    }

    /// Carries, for a value from 0 to 2^258 + 2^241: a product, twice a product, or the sum of two.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn carry(self) -> Tight {
        let mut limbs = self.0;
        for i in 0..LIMBS - 1 {
            limbs[i + 1] = _mm512_add_epi64(limbs[i + 1], _mm512_srai_epi64::<52>(limbs[i]));
            limbs[i] = _mm512_and_si512(limbs[i], splat(LOW_52));
        }
        Tight(limbs)
    }

    /// Carries, for any value; the result is from 2^255 to 2^257 + 2^240.
    ///
    /// With the highest limb split as q·2^48 + r, 0 <= r < 2^48, subtracts (q-1)·p. What remains is
    /// (r + 2^48)·2^208 + (q-1)·(2^224 + 2^96 - 2^64 + 1) + the lower limbs; with limbs of less than 2^61 the
    /// last two terms are between -2^238 and 2^238.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn fold(self) -> Tight {
        let [v0, v1, v2, v3, v4] = self.0;
        let q = _mm512_sub_epi64(_mm512_srai_epi64::<48>(v4), splat(1));
        let v0 = _mm512_add_epi64(v0, q);
        let v1 = _mm512_add_epi64(v1, _mm512_slli_epi64::<44>(q));
        let v1 = _mm512_sub_epi64(v1, _mm512_slli_epi64::<12>(q));
        let v4 = _mm512_sub_epi64(v4, _mm512_slli_epi64::<48>(q));
        let v4 = _mm512_add_epi64(v4, _mm512_slli_epi64::<16>(q));
        Self([v0, v1, v2, v3, v4]).carry()
    }
}

/// An integer of 32 bytes as limbs.
fn split(bytes: &[u8; 32]) -> Limbs {
    let word = |i: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[24 - 8 * i..32 - 8 * i]);
        u64::from_be_bytes(word)
    };
    let [w0, w1, w2, w3] = [word(0), word(1), word(2), word(3)];
    [
        w0 & LOW_52,
        (w0 >> 52 | w1 << 12) & LOW_52,
        (w1 >> 40 | w2 << 24) & LOW_52,
        (w2 >> 28 | w3 << 36) & LOW_52,
        w3 >> 16,
    ]
}

/// Limbs below 2^52 of an integer below 2^256, as bytes.
fn join(limbs: &Limbs) -> [u8; 32] {
    let [v0, v1, v2, v3, v4] = limbs;
    let words = [v3 >> 36 | v4 << 16, v2 >> 24 | v3 << 28, v1 >> 12 | v2 << 40, v0 | v1 << 52];
    let mut bytes = [0; 32];
    for (slot, word) in bytes.chunks_exact_mut(8).zip(words) {
        slot.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;
