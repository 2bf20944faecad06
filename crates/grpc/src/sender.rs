//! The sending half: pushes to one peer, retried after a break.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use symbolon_link::{Completion, Frame, PushError, Rejection};
use symbolon_wire::org::interconnection::link::{ChunkInfo, PushRequest, TransType};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::node::NodeLimits;
use crate::route::{Encoded, Failure, Route};

/// Pushes under way to one peer; further ones wait here. Below the number of concurrent streams that HTTP/2
/// servers commonly allow (RFC 9113 recommends at least 100), since a client may exceed a limit that it has not
/// heard of yet.
const UNDER_WAY: usize = 64;
/// Bytes under way to one peer, well below the connection window that a receiver opens: pushes that wait for
/// the receiver's memory must not take the window from those that have it. A larger push travels alone.
pub(crate) const UNDER_WAY_BYTES: usize = 64 << 20;

/// One peer of the link.
pub(crate) struct Peer {
    pub(crate) rank: usize,
    pub(crate) address: String,
    route: Route,
    limits: NodeLimits,
    /// Whether a push was ever answered: from then on a broken connection is worth some retries.
    was_up: AtomicBool,
    places: Semaphore,
    bytes: Semaphore,
}

impl Peer {
    pub(crate) fn new(rank: usize, address: String, route: Route, limits: NodeLimits) -> Self {
        Self {
            rank,
            address,
            route,
            limits,
            was_up: AtomicBool::new(false),
            places: Semaphore::new(UNDER_WAY),
            bytes: Semaphore::new(UNDER_WAY_BYTES),
        }
    }

    /// Sends `frame` and waits for the answer, however often that takes within the limits.
    pub(crate) async fn push(&self, frame: Frame) -> Result<(), PushError> {
        let length = u32::try_from(frame.value.len().min(UNDER_WAY_BYTES)).unwrap_or(u32::MAX);
        let encoded = self.encode(frame)?;
        let _place = self.places.acquire().await;
        let _bytes = self.bytes.acquire_many(length).await;
        let give_up = Instant::now() + self.limits.retry_for;
        let mut pause = Duration::from_millis(20);
        loop {
            let failure = match timeout(self.limits.push_timeout, self.route.push(encoded.clone())).await {
                Ok(Ok(())) => {
                    self.was_up.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                Ok(Err(failure)) => failure,
                Err(_) => Failure::Protocol(format!("no answer within {:?}", self.limits.push_timeout)),
            };
            match failure {
                Failure::Refused { code, message } => {
                    self.was_up.store(true, Ordering::Relaxed);
                    return Err(PushError::Refused { code, message });
                }
                Failure::Protocol(reason) => return Err(self.unreachable(reason)),
                Failure::Connection(reason) => {
                    if !self.was_up.load(Ordering::Relaxed) || Instant::now() + pause >= give_up {
                        return Err(self.unreachable(reason));
                    }
                    tracing::debug!(rank = self.rank, reason, "connection lost, pushing again");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }

    fn encode(&self, frame: Frame) -> Result<Encoded, PushError> {
        let length = frame.value.len();
        let limit = self.limits.max_message_bytes;
        let too_long = || PushError::Refused {
            code: Rejection::INVALID_RESOURCE,
            message: format!(
                "not sent: the value of {length} bytes under key {:?} exceeds max_message_bytes ({limit}) of our own \
                 configuration; use smaller chunks or raise it at every rank",
                frame.key
            ),
        };
        let (trans_type, chunk_info) = match frame.chunk {
            None => (TransType::Mono, None),
            Some(chunk) => (
                TransType::Chunked,
                Some(ChunkInfo { message_length: chunk.message_length, chunk_offset: chunk.offset }),
            ),
        };
        if length > limit {
            return Err(too_long());
        }
        let request = PushRequest {
            sender_rank: frame.sender,
            key: frame.key.clone(),
            value: frame.value.clone(),
            trans_type: trans_type as i32,
            chunk_info,
        };
        self.route.encode(request).ok_or_else(too_long)
    }

    fn unreachable(&self, reason: String) -> PushError {
        PushError::Unreachable(format!("rank {} at {}: {reason}", self.rank, self.address))
    }
}

/// Calls the completion exactly once, also when the task is dropped because the node stops.
pub(crate) struct Once(Mutex<Option<Completion>>);

impl Once {
    pub(crate) fn new(done: Completion) -> Self {
        Self(Mutex::new(Some(done)))
    }

    pub(crate) fn call(&self, outcome: Result<(), PushError>) {
        let done = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(done) = done {
            done(outcome);
        }
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        self.call(Err(PushError::Unreachable("our own network node was stopped".into())));
    }
}

/// Runs one push as a task of the node.
pub(crate) async fn run(peer: Arc<Peer>, frame: Frame, once: Once) {
    let outcome = peer.push(frame).await;
    once.call(outcome);
}
