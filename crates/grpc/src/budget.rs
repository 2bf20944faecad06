//! A common bound on the bytes that are being received.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::GrpcError;

/// Memory is counted in units of this many bytes.
const UNIT_BYTES: usize = 1024;

/// Bytes that may be held at the same time by whoever shares this value.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    free: Arc<Semaphore>,
    bytes: usize,
    wait: Duration,
}

/// A part of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub(crate) struct Held(#[allow(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Budget {
    /// `bytes` in total; whoever asks for more than is free waits up to `wait`.
    pub(crate) fn new(bytes: usize, wait: Duration) -> Result<Self, GrpcError> {
        let units = bytes.div_ceil(UNIT_BYTES);
        if units > u32::MAX as usize {
            return Err(GrpcError::Config(format!("a receive memory of {bytes} bytes must be below 4 TiB")));
        }
        Ok(Self { free: Arc::new(Semaphore::new(units)), bytes, wait })
    }

    /// The total.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds that many bytes; `None` when they did not become free in time, or exceed the total.
    pub(crate) async fn hold(&self, bytes: usize) -> Option<Held> {
        if bytes > self.bytes {
            return None;
        }
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).ok()?;
        let permit = timeout(self.wait, self.free.clone().acquire_many_owned(units)).await.ok()?.ok()?;
        Some(Held(permit))
    }
}
