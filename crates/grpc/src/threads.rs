//! The network threads.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

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

/// Waits up to `grace` for the listener to end, then stops whatever is left. The caller has told the
/// listener to stop, and is not itself on one of the threads.
pub(crate) fn wind_up(runtime: Runtime, listener: Option<JoinHandle<()>>, grace: Duration) {
    if let Some(listener) = listener {
        runtime.block_on(async {
            let _ = tokio::time::timeout(grace, listener).await;
        });
    }
    runtime.shutdown_timeout(grace);
}

/// What is in the slot, once.
pub(crate) fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}
