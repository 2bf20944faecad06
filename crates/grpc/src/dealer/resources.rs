//! What all requests of a dealer share: memory, processors, patience.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::server::DealerLimits;
use crate::error::GrpcError;

/// Memory is reserved in units of this many bytes.
const BUDGET_UNIT: u64 = 1024;

/// Shared by both dialects of one dealer.
pub(crate) struct Resources {
    pub(crate) limits: DealerLimits,
    /// Bytes that adjustments may hold at the same time.
    memory: Arc<Semaphore>,
    /// Adjustments computed at the same time.
    computing: Arc<Semaphore>,
    /// Adjustments under way or waiting.
    pending: Arc<Semaphore>,
}

impl Resources {
    pub(crate) fn new(limits: DealerLimits) -> Result<Self, GrpcError> {
        let units = limits.memory_bytes.div_ceil(BUDGET_UNIT);
        let units = u32::try_from(units).map_err(|_| {
            GrpcError::Config(format!("memory_bytes {} is beyond 4 TiB", limits.memory_bytes))
        })?;
        if limits.max_bytes_per_request.saturating_mul(2) > limits.memory_bytes {
            return Err(GrpcError::Config(format!(
                "memory_bytes ({}) must be at least twice max_bytes_per_request ({})",
                limits.memory_bytes, limits.max_bytes_per_request
            )));
        }
        if limits.max_concurrent == 0 || limits.max_pending == 0 || limits.max_sessions == 0 {
            return Err(GrpcError::Config(
                "max_concurrent, max_pending and max_sessions must not be 0".into(),
            ));
        }
        Ok(Self {
            memory: Arc::new(Semaphore::new(units as usize)),
            computing: Arc::new(Semaphore::new(limits.max_concurrent)),
            pending: Arc::new(Semaphore::new(limits.max_pending)),
            limits,
        })
    }

    /// A place among the requests under way.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit, String> {
        self.pending.clone().try_acquire_owned().map_err(|_| {
            format!("the dealer already has {} requests under way; try again later", self.limits.max_pending)
        })
    }

    /// Waits for free memory.
    pub(crate) async fn memory(&self, bytes: u64) -> Result<OwnedSemaphorePermit, String> {
        let units = u32::try_from(bytes.div_ceil(BUDGET_UNIT)).unwrap_or(u32::MAX);
        let wait = self.limits.wait_for_memory;
        timeout(wait, self.memory.clone().acquire_many_owned(units))
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| format!("the dealer had no free memory within {wait:?}; try again later"))
    }

    /// Waits for a processor.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, String> {
        self.computing.clone().acquire_owned().await.map_err(|_| "stopping".to_owned())
    }
}
