//! The instructions of AVX-512 IFMA.
//!
//! An [`Ifma`] exists only where the machine has them; that is what makes these functions safe.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::Point;
use super::elligator::{self, UniformBytes};
use super::ladder::{self, Ladder};
use super::radix51::{Engine, LANES, Radix51};
use crate::backend::Ifma;

/// See [`ladder::multiply_points`].
pub(super) fn multiply_points(ifma: Ifma, ladder: &Ladder, points: &mut [Point]) {
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn compiled_for_ifma(ifma: Ifma, ladder: &Ladder, points: &mut [Point]) {
        ladder::multiply_points(Radix51(ifma), ladder, points);
    }
    // SAFETY: the `Ifma` proves that the machine has the instructions.
    unsafe { compiled_for_ifma(ifma, ladder, points) }
}

/// See [`elligator::map`].
pub(super) fn map<const N: usize>(ifma: Ifma, uniform: &[UniformBytes<N>], points: &mut [Point]) {
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn compiled_for_ifma<const N: usize>(ifma: Ifma, uniform: &[UniformBytes<N>], points: &mut [Point]) {
        elligator::map(Radix51(ifma), uniform, points);
    }
    // SAFETY: the `Ifma` proves that the machine has the instructions.
    unsafe { compiled_for_ifma(ifma, uniform, points) }
}

// SAFETY of every block below: `self` proves that the machine has the instructions, and none touches memory.
impl Engine for Ifma {
    type Vector = __m512i;

    #[inline(always)]
    fn load(self, lanes: [u64; LANES]) -> __m512i {
        bytemuck::cast(lanes)
    }

    #[inline(always)]
    fn store(self, a: __m512i) -> [u64; LANES] {
        bytemuck::cast(a)
    }

    #[inline(always)]
    fn splat(self, value: u64) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_set1_epi64(value.cast_signed()) }
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_add_epi64(a, b) }
    }

    #[inline(always)]
    fn subtract(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_sub_epi64(a, b) }
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    fn right<const BITS: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_srli_epi64::<BITS>(a) }
    }

    #[inline(always)]
    fn left<const BITS: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_slli_epi64::<BITS>(a) }
    }

    #[inline(always)]
    fn multiply(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_mullo_epi64(a, b) }
    }

    #[inline(always)]
    fn low(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_madd52lo_epu64(sum, a, b) }
    }

    #[inline(always)]
    fn high(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_madd52hi_epu64(sum, a, b) }
    }

    #[inline(always)]
    fn select(self, mask: u8, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_mask_blend_epi64(mask, a, b) }
    }

    #[inline(always)]
    fn zeros(self, a: __m512i) -> u8 {
        // SAFETY: see above.
        unsafe { _mm512_testn_epi64_mask(a, a) }
    }
}
