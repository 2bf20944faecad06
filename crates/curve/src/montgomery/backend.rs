//! The backends' multiplications.
//!
//! [`Ifma`] wraps the intrinsics that `lanes` needs. A value of it exists only where the machine has the
//! instructions; that is what makes its methods safe, and the `unsafe` of this curve is here alone.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use curve25519_dalek::montgomery::MontgomeryPoint;

use super::Point;
#[cfg(target_arch = "x86_64")]
use super::lanes::{self, Engine, LANES, Ladder};
use crate::Backend;
#[cfg(target_arch = "x86_64")]
use crate::backend::Ifma;

/// Replaces each point by its product with `scalar`, which is clamped inside.
pub(super) fn multiply(backend: Backend, scalar: &[u8; 32], points: &mut [Point]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(ifma) = backend.ifma() {
        // SAFETY: the `Ifma` proves that the machine has the instructions.
        return unsafe { multiply_ifma(ifma, &Ladder::new(scalar), points) };
    }
    for point in points {
        *point = MontgomeryPoint(*point).mul_clamped(*scalar).to_bytes();
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn multiply_ifma(ifma: Ifma, ladder: &Ladder, points: &mut [Point]) {
    lanes::multiply(ifma, ladder, points);
}

// SAFETY of every block below: `self` proves that the machine has the instructions, and none touches memory.
#[cfg(target_arch = "x86_64")]
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
