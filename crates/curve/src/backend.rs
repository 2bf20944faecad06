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
    /// Four points of Curve25519 at a time, with the 32-bit multiplications of AVX2; SM2 as [`Backend::Serial`].
    Avx2,
    /// Eight points at a time, with the 52-bit multiply-and-add of AVX-512 (F, DQ, IFMA).
    Avx512,
}

impl Backend {
    /// The backends that this machine has, the slowest first.
    pub fn available() -> impl DoubleEndedIterator<Item = Self> {
        let avx2 = Avx2::detect().map(|_| Self::Avx2);
        let avx512 = Ifma::detect().map(|_| Self::Avx512);
        std::iter::once(Self::Serial).chain(avx2).chain(avx512)
    }

    /// The backend of this process: the best that the machine has, unless the environment variable `SYMBOLON_BACKEND`
    /// asks for less (`serial`, `avx2`). The choice is made once.
    pub fn chosen() -> Self {
        static CHOICE: OnceLock<Backend> = OnceLock::new();
        *CHOICE.get_or_init(|| choose(Self::available(), std::env::var(VARIABLE).ok().as_deref()))
    }

    /// `serial`, `avx2` or `avx512`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The vector instructions of this backend, with the proof that the machine has them.
    pub(crate) fn vectors(self) -> Vectors {
        let found = match self {
            Self::Serial => None,
            Self::Avx2 => Avx2::detect().map(Vectors::Avx2),
            Self::Avx512 => Ifma::detect().map(Vectors::Ifma),
        };
        found.unwrap_or(Vectors::None)
    }
}

fn choose(mut available: impl DoubleEndedIterator<Item = Backend>, wanted: Option<&str>) -> Backend {
    let most = match wanted {
        Some("serial") => Backend::Serial,
        Some("avx2") => Backend::Avx2,
        _ => Backend::Avx512,
    };
    available.rfind(|backend| *backend <= most).unwrap_or(Backend::Serial)
}

/// The name of the backend of this process ([`Backend::chosen`]).
pub fn backend_name() -> &'static str {
    Backend::chosen().name()
}

/// Vector instructions that the machine has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Vectors {
    /// None, or they are not wanted.
    None,
    /// Of 256 bits.
    Avx2(Avx2),
    /// Of 512 bits.
    Ifma(Ifma),
}

/// The proof that this machine has AVX2.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            std::arch::is_x86_feature_detected!("avx2").then_some(Self(()))
        }
        #[cfg(not(target_arch = "x86_64"))]
        None
    }
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
        use Backend::{Avx2, Avx512, Serial};
        for (there, wanted, chosen) in [
            (&[Serial, Avx2, Avx512][..], "serial", Serial),
            (&[Serial, Avx2, Avx512], "avx2", Avx2),
            (&[Serial, Avx2], "avx512", Avx2),
            (&[Serial], "avx2", Serial),
            (&[Serial], "avx512", Serial),
        ] {
            assert_eq!(choose(there.iter().copied(), Some(wanted)), chosen);
        }
    }
}
