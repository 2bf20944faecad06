//! Which instructions compute: the one place that looks at the processor.

/// An implementation of the arithmetic. All give the same results; they differ in speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Backend {
    /// One point at a time, with the instructions of every processor.
    Serial,
    /// Eight points at a time, with AVX-512 and its 52-bit multiplication.
    Ifma,
}

impl Backend {
    /// Every backend, the slowest first.
    pub const ALL: &'static [Self] = &[Self::Serial, Self::Ifma];

    /// The fastest one that this processor has.
    pub fn fastest() -> Self {
        if Ifma::detect().is_some() { Self::Ifma } else { Self::Serial }
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        self <= Self::fastest()
    }
}

/// Proof that the processor has AVX-512 F and IFMA, and that the system saves its registers: what the functions
/// compiled for them require.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ifma(());

impl Ifma {
    /// The proof, if it holds.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512ifma")
        {
            return Some(Self(()));
        }
        None
    }
}
