//! The network threads.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::error::GrpcError;

/// One thread that drives sockets.
///
/// One, and not a pool: tasks that wake one another, such as those of a connection and of its streams, then run in turn, so
/// that what several of them have to write leaves in one system call, and nothing is handed from processor to processor.
pub(crate) struct NetThread {
    handle: Handle,
    end: oneshot::Sender<End>,
    thread: JoinHandle<()>,
}

/// How the thread is to end: it waits for the listener, then for what is left, so long each.
struct End {
    listener: Option<tokio::task::JoinHandle<()>>,
    grace: Duration,
}

impl NetThread {
    /// Starts a thread of that name.
    pub(crate) fn start(name: &str) -> Result<Self, GrpcError> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .thread_name(name)
            .build()
            .map_err(GrpcError::OursRuntime)?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let drive = move || {
            // Dropping the sender ends the thread, too: at once.
            if let Ok(End { listener, grace }) = runtime.block_on(ended) {
                if let Some(listener) = listener {
                    let _ = runtime.block_on(async { tokio::time::timeout(grace, listener).await });
                }
                runtime.shutdown_timeout(grace);
            } else {
                runtime.shutdown_background();
            }
        };
        let thread = thread::Builder::new().name(name.into()).spawn(drive).map_err(GrpcError::OursRuntime)?;
        Ok(Self { handle, end, thread })
    }

    /// For starting tasks on the thread.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits up to `grace` for the listener to end, then stops whatever is left, and returns when it is gone. The caller has
    /// told the listener to stop, and is not itself on the thread.
    pub(crate) fn wind_up(self, listener: Option<tokio::task::JoinHandle<()>>, grace: Duration) {
        let _ = self.end.send(End { listener, grace });
        // What runs on the thread does not unwind through it: a panicking task is caught.
        let _ = self.thread.join();
    }
}

/// What is in the slot, once.
pub(crate) fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}
