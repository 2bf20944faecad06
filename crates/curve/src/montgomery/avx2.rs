//! The instructions of AVX2.
//!
//! An [`Avx2`] exists only where the machine has them; that is what makes these functions safe.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::Point;
use super::elligator::{self, UniformBytes};
use super::field::MOST_LANES;
use super::ladder::{self, Ladder};
use super::radix25::{Engine, Loose, Radix25, Tight, product, square};
use crate::backend::Avx2;

/// See [`ladder::multiply_points`].
pub(super) fn multiply_points(avx2: Avx2, ladder: &Ladder, points: &mut [Point]) {
    #[target_feature(enable = "avx2")]
    fn compiled_for_avx2(avx2: Avx2, ladder: &Ladder, points: &mut [Point]) {
        ladder::multiply_points(Radix25(avx2), ladder, points);
    }
    // SAFETY: the `Avx2` proves that the machine has the instructions.
    unsafe { compiled_for_avx2(avx2, ladder, points) }
}

/// See [`elligator::map`].
pub(super) fn map<const N: usize>(avx2: Avx2, uniform: &[UniformBytes<N>], points: &mut [Point]) {
    #[target_feature(enable = "avx2")]
    fn compiled_for_avx2<const N: usize>(avx2: Avx2, uniform: &[UniformBytes<N>], points: &mut [Point]) {
        elligator::map(Radix25(avx2), uniform, points);
    }
    // SAFETY: the `Avx2` proves that the machine has the instructions.
    unsafe { compiled_for_avx2(avx2, uniform, points) }
}

// SAFETY of every block below: `self` proves that the machine has the instructions, and none touches memory.
impl Engine for Avx2 {
    const LANES: usize = 4;
    type Vector = __m256i;

    #[inline(always)]
    fn load(self, lanes: &[u64; MOST_LANES]) -> __m256i {
        let [a, b, c, d, ..] = *lanes;
        bytemuck::cast([a, b, c, d])
    }

    #[inline(always)]
    fn store(self, a: __m256i) -> [u64; MOST_LANES] {
        let [a, b, c, d]: [u64; 4] = bytemuck::cast(a);
        [a, b, c, d, 0, 0, 0, 0]
    }

    #[inline(always)]
    fn splat(self, value: u64) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_set1_epi64x(value.cast_signed()) }
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_add_epi64(a, b) }
    }

    #[inline(always)]
    fn subtract(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_sub_epi64(a, b) }
    }

    #[inline(always)]
    fn and(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_and_si256(a, b) }
    }

    #[inline(always)]
    fn or(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_or_si256(a, b) }
    }

    #[inline(always)]
    fn right<const BITS: i32>(self, a: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_srli_epi64::<BITS>(a) }
    }

    #[inline(always)]
    fn left<const BITS: i32>(self, a: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_slli_epi64::<BITS>(a) }
    }

    #[inline(always)]
    fn multiply(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_mul_epu32(a, b) }
    }

    #[inline(always)]
    fn select(self, mask: u8, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe {
            let bits = _mm256_set_epi64x(8, 4, 2, 1);
            let set = _mm256_and_si256(_mm256_set1_epi64x(mask.into()), bits);
            _mm256_blendv_epi8(a, b, _mm256_cmpeq_epi64(set, bits))
        }
    }

    #[inline(always)]
    fn zeros(self, a: __m256i) -> u8 {
        // SAFETY: see above.
        let mask =
            unsafe { _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(a, _mm256_setzero_si256()))) };
        mask.to_le_bytes()[0]
    }

    // A function that is compiled for certain instructions cannot be kept out of line; its caller can.
    #[inline(never)]
    fn product(self, a: &Tight<__m256i>, b: &Tight<__m256i>, biased: bool) -> Loose<__m256i> {
        #[target_feature(enable = "avx2")]
        fn compiled_for_avx2(
            avx2: Avx2,
            a: &Tight<__m256i>,
            b: &Tight<__m256i>,
            biased: bool,
        ) -> Loose<__m256i> {
            product(avx2, a, b, biased)
        }
        // SAFETY: see above.
        unsafe { compiled_for_avx2(self, a, b, biased) }
    }

    #[inline(never)]
    fn square(self, a: &Tight<__m256i>, biased: bool) -> Loose<__m256i> {
        #[target_feature(enable = "avx2")]
        fn compiled_for_avx2(avx2: Avx2, a: &Tight<__m256i>, biased: bool) -> Loose<__m256i> {
            square(avx2, a, biased)
        }
        // SAFETY: see above.
        unsafe { compiled_for_avx2(self, a, biased) }
    }
}
