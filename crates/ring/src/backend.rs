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
