//! The one place that looks at the processor and picks vector instructions.

use std::sync::OnceLock;

/// Names the variable that asks for less than the best.
const VARIABLE: &str = "SYMBOLON_BACKEND";

/// An implementation of the arithmetic. All give the same results; they differ in speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Backend {
    /// One point at a time, with 64-bit multiplications: every machine.
    Serial,
    /// Eight points at a time, with the 52-bit multiply-and-add of AVX-512 (F, DQ, IFMA).
    Avx512,
}

impl Backend {
    /// The backends that this machine has, the slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        let best = Ifma::detect().map(|_| Self::Avx512);
        std::iter::once(Self::Serial).chain(best)
    }

    /// The backend of this process: the best that the machine has, unless the environment variable `SYMBOLON_BACKEND`
    /// asks for less (`serial`, or `avx2`, for which there is nothing better than `serial`). The choice is made once.
    pub fn chosen() -> Self {
        static CHOICE: OnceLock<Backend> = OnceLock::new();
        *CHOICE.get_or_init(|| choose(Self::available(), std::env::var(VARIABLE).ok().as_deref()))
    }

    /// `serial` or `avx512`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Avx512 => "avx512",
        }
    }

    /// The proof that the machine has the instructions of this backend, if it is one that needs it; `None` stands for
    /// the serial backend.
    pub(crate) fn ifma(self) -> Option<Ifma> {
        match self {
            Self::Serial => None,
            Self::Avx512 => Ifma::detect(),
        }
    }
}

fn choose(available: impl Iterator<Item = Backend>, wanted: Option<&str>) -> Backend {
    match wanted {
        // There is nothing between the two: no lanes of AVX2 were written.
        Some("serial" | "avx2") => Backend::Serial,
        _ => available.last().unwrap_or(Backend::Serial),
    }
}

/// The name of the backend of this process ([`Backend::chosen`]).
pub fn backend_name() -> &'static str {
    Backend::chosen().name()
}

/// The proof that this machine has AVX-512 F, DQ and IFMA: what makes it safe to call the functions compiled for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ifma(());

impl Ifma {
    fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let there = std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512dq")
                && std::arch::is_x86_feature_detected!("avx512ifma");
            there.then_some(Self(()))
        }
        #[cfg(not(target_arch = "x86_64"))]
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_asks_for_less() {
        let best = Backend::available().last().unwrap();
        for wanted in [None, Some(""), Some("avx512")] {
            assert_eq!(choose(Backend::available(), wanted), best);
        }
        for wanted in ["serial", "avx2"] {
            assert_eq!(choose(Backend::available(), Some(wanted)), Backend::Serial);
        }
        assert_eq!(choose([Backend::Serial].into_iter(), Some("avx512")), Backend::Serial);
    }
}
