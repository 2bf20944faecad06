//! The one place that picks vector instructions.
//!
//! [`Ifma`] wraps the intrinsics that `lanes` needs. A value of it exists only where the machine has the
//! instructions; that is what makes its methods safe, and the `unsafe` of this crate is here alone.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
use std::sync::OnceLock;

use curve25519_dalek::montgomery::MontgomeryPoint;

use super::Point;
#[cfg(target_arch = "x86_64")]
use super::lanes::{self, Engine, LANES, Ladder};

/// Names the variable that forces a backend.
const VARIABLE: &str = "SYMBOLON_BACKEND";

/// How points are multiplied.
#[derive(Clone, Copy)]
pub(super) enum Backend {
    /// One point at a time, with 64-bit multiplications: every machine.
    Serial,
    /// Eight at a time, with the multiply-and-add of 52 bits.
    #[cfg(target_arch = "x86_64")]
    Ifma(Ifma),
}

impl Backend {
    /// What this machine can do, least first.
    pub(super) fn detected() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            std::iter::once(Self::Serial).chain(Ifma::detected().map(Self::Ifma)).collect()
        }
        #[cfg(not(target_arch = "x86_64"))]
        vec![Self::Serial]
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(_) => "avx512",
        }
    }

    /// The backend of this process: the best there is, unless the variable names less.
    pub(super) fn chosen() -> Self {
        static CHOICE: OnceLock<Backend> = OnceLock::new();
        *CHOICE.get_or_init(|| choose(&Self::detected(), std::env::var(VARIABLE).ok().as_deref()))
    }

    /// Replaces each point by its product with `scalar`, which is clamped inside.
    pub(super) fn multiply(self, scalar: &[u8; 32], points: &mut [Point]) {
        match self {
            Self::Serial => {
                for point in points {
                    *point = MontgomeryPoint(*point).mul_clamped(*scalar).to_bytes();
                }
            }
            // SAFETY: the `Ifma` proves that the machine has the instructions.
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(ifma) => unsafe { multiply_ifma(ifma, &Ladder::new(scalar), points) },
        }
    }
}

fn choose(detected: &[Backend], wanted: Option<&str>) -> Backend {
    let best = detected.last().copied().unwrap_or(Backend::Serial);
    match wanted {
        // There is nothing between the two: points in lanes of AVX2 are not faster than one by one.
        Some("serial" | "avx2") => Backend::Serial,
        _ => best,
    }
}

/// The name of the backend that multiplies the points of Curve25519 in this process: `serial` or `avx512`. It is the
/// best that the machine has, unless the environment variable `SYMBOLON_BACKEND` asks for less (`serial`, or
/// `avx2`, for which there is nothing better than `serial`); the choice is made once.
pub fn backend_name() -> &'static str {
    Backend::chosen().name()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn multiply_ifma(ifma: Ifma, ladder: &Ladder, points: &mut [Point]) {
    lanes::multiply(ifma, ladder, points);
}

/// The proof that this machine has AVX-512 F, DQ and IFMA.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Ifma(());

#[cfg(target_arch = "x86_64")]
impl Ifma {
    fn detected() -> Option<Self> {
        let there = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512ifma");
        there.then_some(Self(()))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_asks_for_less() {
        let all = Backend::detected();
        let best = all.last().unwrap().name();
        for (wanted, name) in [(None, best), (Some(""), best), (Some("avx512"), best)] {
            assert_eq!(choose(&all, wanted).name(), name);
        }
        for wanted in ["serial", "avx2"] {
            assert_eq!(choose(&all, Some(wanted)).name(), "serial");
        }
        assert_eq!(choose(&[Backend::Serial], Some("avx512")).name(), "serial");
    }
}
