//! The sending half: pushes to one peer over one connection, retried after a break.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt;
use prost::Message;
use symbolon_link::{Completion, Frame, PushError, Rejection};
use symbolon_wire::org::interconnection::link::{ChunkInfo, PushRequest, PushResponse, TransType};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::transport::Channel;

use crate::error::causes;
use crate::framing::{Pieces, Reader};
use crate::node::NodeLimits;
use crate::receiver::PUSH;

/// A response is a code and a text: anything longer is not one.
const RESPONSE_BYTES: usize = 64 << 10;

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
    channel: Channel,
    limits: NodeLimits,
    /// Whether a push was ever answered: from then on a broken connection is worth some retries.
    was_up: AtomicBool,
    places: Semaphore,
    bytes: Semaphore,
}

/// Why one attempt failed.
enum Failure {
    /// Nothing was answered: the connection could not be made, or broke.
    Connection(String),
    /// The peer's HTTP or gRPC layer answered, but no `PushResponse` came of it.
    Protocol(String),
    /// The peer's link refused the frame.
    Refused { code: i32, message: String },
}

impl Peer {
    pub(crate) fn new(rank: usize, address: String, channel: Channel, limits: NodeLimits) -> Self {
        Self {
            rank,
            address,
            channel,
            limits,
            was_up: AtomicBool::new(false),
            places: Semaphore::new(UNDER_WAY),
            bytes: Semaphore::new(UNDER_WAY_BYTES),
        }
    }

    /// Sends `frame` and waits for the answer, however often that takes within the limits.
    pub(crate) async fn push(&self, frame: Frame) -> Result<(), PushError> {
        let length = u32::try_from(frame.value.len().min(UNDER_WAY_BYTES)).unwrap_or(u32::MAX);
        let pieces = self.encode(frame)?;
        let _place = self.places.acquire().await;
        let _bytes = self.bytes.acquire_many(length).await;
        let give_up = Instant::now() + self.limits.retry_for;
        let mut pause = Duration::from_millis(20);
        loop {
            let failure = match timeout(self.limits.push_timeout, self.attempt(pieces.clone())).await {
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

    fn encode(&self, frame: Frame) -> Result<Pieces, PushError> {
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
        Pieces::of_push(request).ok_or_else(too_long)
    }

    async fn attempt(&self, pieces: Pieces) -> Result<(), Failure> {
        let mut request = http::Request::new(Body::new(pieces));
        *request.method_mut() = http::Method::POST;
        *request.version_mut() = http::Version::HTTP_2;
        *request.uri_mut() = http::Uri::from_static(PUSH);
        let headers = request.headers_mut();
        headers.insert(http::header::TE, http::HeaderValue::from_static("trailers"));
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/grpc"));

        let mut channel = self.channel.clone();
        std::future::poll_fn(|cx| channel.poll_ready(cx)).await.map_err(broken)?;
        let response = channel.call(request).await.map_err(broken)?;
        let (parts, body) = response.into_parts();
        if parts.status != http::StatusCode::OK {
            return Err(Failure::Protocol(format!("HTTP status {} instead of a gRPC answer", parts.status)));
        }
        status(&parts.headers)?;
        answer(body).await
    }

    fn unreachable(&self, reason: String) -> PushError {
        PushError::Unreachable(format!("rank {} at {}: {reason}", self.rank, self.address))
    }
}

/// Reads the `PushResponse` and the trailing status.
async fn answer(mut body: Body) -> Result<(), Failure> {
    let mut collected = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|status| Failure::Connection(causes(&status)))?;
        match frame.into_data() {
            Ok(data) if collected.len() + data.len() <= RESPONSE_BYTES => collected.extend_from_slice(&data),
            Ok(_) => return Err(Failure::Protocol("the answer is too long for a PushResponse".into())),
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    status(&trailers)?;
                }
            }
        }
    }
    let pieces = Pieces::from(bytes::Bytes::from(collected));
    let message = match Reader::open(pieces).await {
        Ok(Some(reader)) => reader.message().await,
        Ok(None) => return Err(Failure::Protocol("the answer carries no PushResponse".into())),
        Err(error) => Err(error),
    };
    let message = message.map_err(|error| Failure::Protocol(format!("malformed answer: {error:?}")))?;
    let response = PushResponse::decode(message)
        .map_err(|error| Failure::Protocol(format!("the answer is not a PushResponse: {error}")))?;
    match response.header {
        None => Ok(()),
        Some(header) if header.error_code == 0 => Ok(()),
        Some(header) => Err(Failure::Refused { code: header.error_code, message: header.error_msg }),
    }
}

/// A gRPC status other than OK ends the call. UNAVAILABLE (14) is what proxies and stopping servers
/// say: worth another attempt.
fn status(headers: &http::HeaderMap) -> Result<(), Failure> {
    match tonic::Status::from_header_map(headers) {
        None => Ok(()),
        Some(status) => match status.code() {
            tonic::Code::Ok => Ok(()),
            tonic::Code::Unavailable => {
                Err(Failure::Connection(format!("unavailable: {}", status.message())))
            }
            code => Err(Failure::Protocol(format!("gRPC status {code:?}: {}", status.message()))),
        },
    }
}

fn broken(error: tonic::transport::Error) -> Failure {
    Failure::Connection(causes(&error))
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
