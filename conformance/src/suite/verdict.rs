//! What came of a case.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The end of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As the clause asks for.
    Pass,
    /// Tolerable: refused with another code than the one that fits, for example.
    Lenient,
    /// Not as the clause asks for.
    Fail,
    /// The testee does not have it.
    Unsupported,
    /// The suite could not run the case.
    Error,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pass, Self::Lenient, Self::Fail, Self::Unsupported, Self::Error];

    /// The word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Lenient => "lenient",
            Self::Fail => "fail",
            Self::Unsupported => "unsupported",
            Self::Error => "error",
        }
    }

    /// The verdict of that name.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Why a case ends otherwise than with a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Something tolerable.
    Lenient {
        /// What was expected.
        expected: String,
        /// What was seen.
        actual: String,
    },
    /// A deviation.
    Fail {
        /// What was expected.
        expected: String,
        /// What was seen.
        actual: String,
    },
    /// The testee does not have it: what.
    Unsupported(String),
    /// The testee never came to the point where the case begins.
    Unreachable(String),
    /// The suite failed.
    Error(String),
}

impl Finding {
    /// A deviation.
    pub fn fail(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self::Fail { expected: expected.into(), actual: actual.into() }
    }

    /// Something tolerable.
    pub fn lenient(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self::Lenient { expected: expected.into(), actual: actual.into() }
    }

    /// Its verdict.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Lenient { .. } => Verdict::Lenient,
            Self::Fail { .. } | Self::Unreachable(_) => Verdict::Fail,
            Self::Unsupported(_) => Verdict::Unsupported,
            Self::Error(_) => Verdict::Error,
        }
    }
}

/// `Ok` is a pass.
pub type Outcome<T = ()> = Result<T, Finding>;

/// A pass if it holds.
///
/// # Errors
/// A deviation otherwise.
pub fn check(holds: bool, expected: impl Into<String>, actual: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(Finding::fail(expected, actual())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_written() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::named(&verdict.to_string()), Some(verdict));
        }
    }
}
