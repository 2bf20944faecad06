use std::path::PathBuf;

/// What can be wrong with a vector, a recording or a replay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConformanceError {
    /// A file cannot be read or is not what it should be.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A recording is inconsistent or describes something Symbolon does not have.
    #[error("recording: {0}")]
    Recording(String),
    /// The party under test could not be set up as recorded.
    #[error("replay of rank {rank}: {reason}")]
    Replay {
        /// The rank that Symbolon played.
        rank: usize,
        /// What went wrong.
        reason: String,
    },
}
