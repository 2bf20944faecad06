//! What can go wrong in the program, by who can mend it, and the exit code of each.

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the program. `Config…` and `Ours…` are mended on this side, `Peer…` on the other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value is missing, impossible, or contradicts another.
    #[error("{0}")]
    Config(String),
    /// The configuration file cannot be read or has a wrong key or value.
    #[error("{}: {problem}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and key.
        problem: String,
    },
    /// A table of this party is not what it must be.
    #[error("{}{}", file.display(), described(*.at, .column.as_deref(), .problem))]
    OurTable {
        /// The file.
        file: PathBuf,
        /// Where in the file.
        at: Option<Place>,
        /// The name of the column.
        column: Option<String>,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A model half does not fit this run.
    #[error("{}: {problem}", path.display())]
    OurModel {
        /// The model file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}", path.display())]
    OurFile {
        /// What was tried ("read", "write", "create").
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something on this machine failed that is neither a table nor a file.
    #[error("{0}")]
    Ours(String),
    /// A peer or the dealer cannot be reached or has gone away.
    #[error("{0}")]
    PeerUnreachable(String),
    /// A peer, or this party's own policy, refused the plan.
    #[error("{0}")]
    PeerRefused(String),
    /// A peer broke the protocol or sent what cannot be right.
    #[error("{0}")]
    PeerMisbehaved(String),
    /// A process started by the demo failed.
    #[error("{0}")]
    Child(String),
}

/// A place in a table's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line of a text file, counted from 1 (the header is usually line 1).
    Line(u64),
    /// A row of a Parquet file, counted from 1.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

fn described(at: Option<Place>, column: Option<&str>, problem: &str) -> String {
    let place = at.map(|place| format!(", {place}")).unwrap_or_default();
    let column = column.map(|column| format!(", column `{column}`")).unwrap_or_default();
    format!("{place}{column}: {problem}")
}

impl Error {
    /// The process's exit code for this failure: 2 configuration, 3 a peer or the dealer cannot be
    /// reached or has gone away, 4 the plan was refused, 1 everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::ConfigFile { .. } => 2,
            Self::PeerUnreachable(_) => 3,
            Self::PeerRefused(_) => 4,
            _ => 1,
        }
    }

    pub(crate) fn table(file: &Path, problem: impl Into<String>) -> Self {
        Self::at(file, None, None, problem)
    }

    /// A problem of one field, row or column of a table.
    pub(crate) fn at(
        file: &Path,
        at: Option<Place>,
        column: Option<&str>,
        problem: impl Into<String>,
    ) -> Self {
        let column = column.map(str::to_owned);
        Self::OurTable { file: file.to_owned(), at, column, problem: problem.into() }
    }

    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::OurFile { action, path: path.to_owned(), source }
    }
}
