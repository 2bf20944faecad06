//! What can go wrong in the program, by who can mend it, and the exit code of each.

use std::io;
use std::path::{Path, PathBuf};

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
    #[error("{}{}", file.display(), place(*.line, .column.as_deref(), .problem))]
    OurTable {
        /// The file.
        file: PathBuf,
        /// The line in the file, counted from 1 (the header is usually line 1).
        line: Option<u64>,
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

fn place(line: Option<u64>, column: Option<&str>, problem: &str) -> String {
    let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
    let column = column.map(|column| format!(", column `{column}`")).unwrap_or_default();
    format!("{line}{column}: {problem}")
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
        Self::OurTable { file: file.to_owned(), line: None, column: None, problem: problem.into() }
    }

    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::OurFile { action, path: path.to_owned(), source }
    }
}
