//! The one place that picks vector instructions.
//!
//! A backend compiles the same safe loops (`product::block`) with other instructions; there are no
//! intrinsics. Calling code compiled for instructions that the machine might lack is what `unsafe` is
//! about here, and [`Backend::detected`] makes sure that it does not.
#![allow(unsafe_code)]

use std::sync::OnceLock;

use crate::{
    Ring, RingError,
    product::{self, Shape},
};

/// Names the variable that forces a backend.
const VARIABLE: &str = "SYMBOLON_BACKEND";

/// The instruction set of the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// What every machine of the target has.
    Serial,
    /// AVX2, BMI1 and BMI2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW, DQ and VL besides those of `Avx2`.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Backend {
    /// What this machine can do, least first.
    pub(crate) fn detected() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2");
            let avx512 = avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            let vector = [(avx2, Self::Avx2), (avx512, Self::Avx512)];
            let vector = vector.into_iter().filter_map(|(there, backend)| there.then_some(backend));
            std::iter::once(Self::Serial).chain(vector).collect()
        }
        #[cfg(not(target_arch = "x86_64"))]
        vec![Self::Serial]
    }

    fn name(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
        }
    }

    /// The backend of this process: the one that was asked for, or else the best there is.
    pub(crate) fn chosen() -> Self {
        choice().0
    }

    /// `acc += a * b` on this thread, none of the sizes being 0. `L2`, `L4` and `L8` are the elements in a
    /// vector of two, four and eight 64-bit words; `ROWS` is the height of a tile.
    pub(crate) fn product<R: Ring, const L2: usize, const L4: usize, const L8: usize, const ROWS: usize>(
        self,
        shape: Shape,
        a: &[R],
        b: &[R],
        acc: &mut [R],
    ) {
        match self {
            Self::Serial => product::block::<R, L2, ROWS>(shape, a, b, acc),
            // SAFETY: `self` came from `detected`, which lists `Avx2` only where its instructions exist.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { product_avx2::<R, L4, ROWS>(shape, a, b, acc) },
            // SAFETY: `self` came from `detected`, which lists `Avx512` only where its instructions exist.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { product_avx512::<R, L8, ROWS>(shape, a, b, acc) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn product_avx2<R: Ring, const L: usize, const ROWS: usize>(shape: Shape, a: &[R], b: &[R], acc: &mut [R]) {
    product::block::<R, L, ROWS>(shape, a, b, acc);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn product_avx512<R: Ring, const L: usize, const ROWS: usize>(shape: Shape, a: &[R], b: &[R], acc: &mut [R]) {
    product::block::<R, L, ROWS>(shape, a, b, acc);
}

/// The backend of the process, and the name that was asked for in vain, if any.
fn choice() -> &'static (Backend, Option<String>) {
    static CHOICE: OnceLock<(Backend, Option<String>)> = OnceLock::new();
    CHOICE.get_or_init(|| choose(&Backend::detected(), std::env::var(VARIABLE).ok()))
}

fn choose(detected: &[Backend], wanted: Option<String>) -> (Backend, Option<String>) {
    let best = detected.last().copied().unwrap_or(Backend::Serial);
    match wanted.filter(|wanted| !wanted.is_empty()) {
        None => (best, None),
        Some(wanted) => match detected.iter().find(|backend| backend.name() == wanted) {
            Some(&backend) => (backend, None),
            None => (best, Some(wanted)),
        },
    }
}

/// The name of the backend that the products of this process use: `serial`, `avx2` or `avx512`. It is
/// the best that the machine has, unless the environment variable `SYMBOLON_BACKEND` names another; the
/// choice is made once.
///
/// # Errors
/// [`RingError::ConfigBackend`] when the variable names something unknown or something that this machine
/// lacks. Products are then computed with the best backend all the same; a program calls this when it
/// starts, to refuse such a setting.
pub fn backend_name() -> Result<&'static str, RingError> {
    match choice() {
        (backend, None) => Ok(backend.name()),
        (_, Some(wanted)) => {
            let available = Backend::detected().into_iter().map(Backend::name).collect::<Vec<_>>().join(", ");
            Err(RingError::ConfigBackend { variable: VARIABLE, wanted: wanted.clone(), available })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Matrix;

    /// The definition, element by element.
    fn naive<R: Ring>(a: &Matrix<R>, b: &Matrix<R>, acc: &Matrix<R>) -> Matrix<R> {
        Matrix::from_fn(a.rows(), b.cols(), |i, j| {
            (0..a.cols()).fold(acc.get(i, j), |sum, p| sum.add(a.get(i, p).mul(b.get(p, j))))
        })
    }

    fn random<R: Ring>(rows: usize, cols: usize, state: &mut u128) -> Matrix<R> {
        Matrix::from_fn(rows, cols, |_, _| {
            *state = state.wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645).wrapping_add(1);
            R::from_i128(state.rotate_left(64).cast_signed())
        })
    }

    fn every_backend_agrees<R: Ring>(m: usize, k: usize, n: usize, mut state: u128) {
        let (a, b) = (random::<R>(m, k, &mut state), random::<R>(k, n, &mut state));
        let acc = random::<R>(m, n, &mut state);
        let expected = naive(&a, &b, &acc);
        if !a.is_empty() && !b.is_empty() {
            for backend in Backend::detected() {
                let mut got = acc.clone();
                R::product(backend, Shape { m, k, n }, a.as_slice(), b.as_slice(), got.as_mut_slice());
                assert!(got == expected, "{} {m}x{k} * {k}x{n} with {}", R::FIELD, backend.name());
            }
        }
        let mut got = acc;
        a.matmul_add(&b, &mut got).unwrap();
        assert!(got == expected, "{} {m}x{k} * {k}x{n} with threads", R::FIELD);
    }

    fn every_ring_agrees(m: usize, k: usize, n: usize, state: u128) {
        every_backend_agrees::<u32>(m, k, n, state);
        every_backend_agrees::<u64>(m, k, n, state);
        every_backend_agrees::<u128>(m, k, n, state);
    }

    #[test]
    fn sizes_around_the_blocks_agree() {
        for m in [0, 1, 3, 4, 5, 9] {
            for k in [0, 1, 2, 7, 255, 256, 257, 513] {
                for n in [0, 1, 2, 7, 8, 9, 15, 16, 17, 24, 25, 31, 32, 33, 49] {
                    every_ring_agrees(m, k, n, (m * 1_000_000 + k * 1000 + n) as u128);
                }
            }
        }
    }

    #[test]
    fn threaded_sizes_agree() {
        for (m, k, n) in [(4099, 101, 1), (101, 4099, 1), (1, 70_001, 5), (2, 70_001, 3), (67, 130, 65)] {
            every_ring_agrees(m, k, n, 7);
        }
    }

    proptest! {
        #[test]
        fn random_sizes_agree(m in 0_usize..40, k in 0_usize..300, n in 0_usize..70, state: u128) {
            every_ring_agrees(m, k, n, state);
        }
    }

    #[test]
    fn the_variable_forces_a_backend_or_is_reported() {
        let all = Backend::detected();
        let best = *all.last().unwrap();
        assert_eq!(choose(&all, None), (best, None));
        assert_eq!(choose(&all, Some(String::new())), (best, None));
        for &backend in &all {
            assert_eq!(choose(&all, Some(backend.name().into())), (backend, None));
        }
        assert_eq!(choose(&all, Some("neon".into())), (best, Some("neon".into())));
        assert_eq!(
            choose(&[Backend::Serial], Some("avx512".into())),
            (Backend::Serial, Some("avx512".into()))
        );
    }
}
