//! The network threads.

use tokio::runtime::{Builder, Runtime};

use crate::error::GrpcError;

/// A runtime of `workers` threads with that name.
pub(crate) fn runtime(name: &str, workers: usize) -> Result<Runtime, GrpcError> {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name(name)
        .enable_io()
        .enable_time()
        .build()
        .map_err(GrpcError::OursRuntime)
}
