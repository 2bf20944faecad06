//! The one place that looks at the processor and picks vector instructions.

use std::sync::OnceLock;

/// Names the variable that asks for a backend.
const VARIABLE: &str = "SYMBOLON_BACKEND";

/// The instructions that the ciphers are compiled for. (Without `Avx512`, AES has its own detection, in the `aes` crate.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// What every machine of the target has.
    Serial,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F and BW, GFNI and VAES.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Backend {
    /// What this machine can do, the slowest first.
    pub(crate) fn detected() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2");
            let avx512 = avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("gfni")
                && is_x86_feature_detected!("vaes")
                && is_x86_feature_detected!("aes");
            let vector = [(avx2, Self::Avx2), (avx512, Self::Avx512)];
            let vector = vector.into_iter().filter_map(|(there, backend)| there.then_some(backend));
            std::iter::once(Self::Serial).chain(vector).collect()
        }
        #[cfg(not(target_arch = "x86_64"))]
        vec![Self::Serial]
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
        }
    }

    /// The backend of this process: the best that the machine has, unless the environment variable `SYMBOLON_BACKEND`
    /// names another that it has. The choice is made once.
    pub(crate) fn chosen() -> Self {
        static CHOICE: OnceLock<Backend> = OnceLock::new();
        *CHOICE.get_or_init(|| choose(&Self::detected(), std::env::var(VARIABLE).ok().as_deref()))
    }
}

fn choose(detected: &[Backend], wanted: Option<&str>) -> Backend {
    let best = detected.last().copied().unwrap_or(Backend::Serial);
    detected.iter().copied().find(|backend| Some(backend.name()) == wanted).unwrap_or(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_names_a_backend_of_the_machine() {
        let all = Backend::detected();
        let best = *all.last().unwrap();
        for &backend in &all {
            assert_eq!(choose(&all, Some(backend.name())), backend);
        }
        for unknown in [None, Some(""), Some("neon")] {
            assert_eq!(choose(&all, unknown), best);
        }
        assert_eq!(choose(&[Backend::Serial], Some("avx512")), Backend::Serial);
    }
}
