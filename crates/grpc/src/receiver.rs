//! The serving half: `org.interconnection.link.ReceiverService/Push` into a mailbox.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Full};
use prost::Message;
use symbolon_link::{Chunk, Frame, Rejection};
use symbolon_mutants::Mutant;
use symbolon_wire::org::interconnection::ResponseHeader;
use symbolon_wire::org::interconnection::link::{PushRequest, PushResponse, TransType};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::body::Body;

use crate::baidu_std::RpcError;
use crate::budget::{Budget, Held};
use crate::error::GrpcError;
use crate::framing::{ENVELOPE_BYTES, ReadError, Reader, next_data, short};
use crate::json;
use crate::node::NodeConfig;
use crate::port::{Call, Caller, Pending, Service, Unread};

/// Full name of the one service.
pub(crate) const SERVICE: &str = "org.interconnection.link.ReceiverService";
/// Its one method.
pub(crate) const METHOD: &str = "Push";
/// The path of the two in HTTP.
pub(crate) const PUSH: &str = "/org.interconnection.link.ReceiverService/Push";
/// A plain body that does not announce its length is read up to this before memory for the longest one is
/// reserved.
const UNANNOUNCED_BYTES: usize = 2 << 20;

/// What takes the frames that arrive.
pub(crate) type Deliver = Arc<dyn Fn(Frame) -> Result<(), Rejection> + Send + Sync>;

/// What all calls share.
pub(crate) struct Receiver {
    config: Arc<NodeConfig>,
    /// Bytes of messages that may be read at the same time.
    budget: Budget,
    /// `None` until a link is attached; then its mailbox.
    inbox: watch::Receiver<Option<Deliver>>,
}

impl Receiver {
    pub(crate) fn new(
        config: Arc<NodeConfig>,
        inbox: watch::Receiver<Option<Deliver>>,
    ) -> Result<Self, GrpcError> {
        let limits = &config.limits;
        if limits.receive_bytes < limits.max_message_bytes {
            return Err(GrpcError::Config(format!(
                "receive_bytes ({}) must hold at least one message of max_message_bytes ({})",
                limits.receive_bytes, limits.max_message_bytes
            )));
        }
        if limits.max_message_bytes > u32::MAX as usize {
            return Err(GrpcError::Config("max_message_bytes must be below 4 GiB".into()));
        }
        let largest = json::longest(limits.max_message_bytes);
        let bytes = limits.receive_bytes.saturating_add(ENVELOPE_BYTES).max(largest);
        let budget = Budget::new(bytes, limits.backpressure_wait)?;
        Ok(Self { budget, config, inbox })
    }

    /// The memory for messages that are being read.
    pub(crate) fn budget(&self) -> Budget {
        self.budget.clone()
    }

    /// Handles one gRPC call to the end.
    async fn grpc(&self, request: http::Request<Body>) -> Result<(), Rejection> {
        let caller = request.extensions().get::<Caller>().cloned();
        let (bytes, _held) = self.read(request.into_body()).await?;
        self.take(proto(bytes)?, caller.as_ref()).await
    }

    /// Handles one plain `POST` to the end.
    async fn plain(&self, request: http::Request<Body>, json: bool) -> Result<(), Rejection> {
        let caller = request.extensions().get::<Caller>().cloned();
        let (bytes, held) = self.read_plain(request, json).await?;
        let push = if json {
            let push = json::parse_push(&bytes)
                .map_err(|error| invalid(format!("the body is not a PushRequest: {error}")))?;
            drop(bytes);
            push
        } else {
            proto(bytes)?
        };
        let outcome = self.take(push, caller.as_ref()).await;
        drop(held);
        outcome
    }

    /// Handles one call of `baidu_std` to the end.
    async fn call(&self, call: Call) -> Result<(), Rejection> {
        let bytes = call.body.map_err(|unread| match unread {
            Unread::TooLong(bytes) => self.too_long(bytes),
            Unread::Busy => self.busy(),
        })?;
        let outcome = self.take(proto(bytes)?, Some(&call.caller)).await;
        drop(call.held);
        outcome
    }

    /// A push whose sender is who it says goes into the mailbox.
    async fn take(&self, push: PushRequest, caller: Option<&Caller>) -> Result<(), Rejection> {
        self.check_sender(push.sender_rank, caller)?;
        self.deliver(frame(push)?).await
    }

    fn too_long(&self, announced: usize) -> Rejection {
        Rejection::new(
            Rejection::INVALID_RESOURCE,
            format!(
                "a message of {announced} bytes exceeds the limit of {} bytes of rank {}; send smaller chunks or raise \
                 max_message_bytes there",
                self.config.limits.max_message_bytes, self.config.rank
            ),
        )
    }

    fn busy(&self) -> Rejection {
        Rejection::new(
            Rejection::INVALID_RESOURCE,
            format!(
                "rank {} is busy receiving {} bytes already; try again later",
                self.config.rank,
                self.budget.bytes()
            ),
        )
    }

    fn stalled(&self) -> Rejection {
        invalid(format!("no complete message within {:?}", self.config.limits.read_timeout))
    }

    /// The message and the memory reserved for it.
    async fn read(&self, body: Body) -> Result<(Bytes, Held), Rejection> {
        let limits = &self.config.limits;
        let deadline = Instant::now() + limits.read_timeout;
        let reader = timeout_at(deadline, Reader::open(body))
            .await
            .map_err(|_| self.stalled())?
            .map_err(unreadable)?
            .ok_or_else(|| invalid("the call carries no message".into()))?;
        let announced = reader.announced();
        if announced > limits.max_message_bytes.saturating_add(ENVELOPE_BYTES) {
            let _ = timeout_at(deadline, reader.drain()).await;
            return Err(self.too_long(announced));
        }
        let held = self.budget.hold(announced).await.ok_or_else(|| self.busy())?;
        let bytes = timeout(limits.read_timeout, reader.message())
            .await
            .map_err(|_| self.stalled())?
            .map_err(unreadable)?;
        Ok((bytes, held))
    }

    /// The body of a plain `POST`, whose length may be announced or not.
    async fn read_plain(
        &self,
        request: http::Request<Body>,
        json: bool,
    ) -> Result<(Bytes, Vec<Held>), Rejection> {
        let limits = &self.config.limits;
        let value = limits.max_message_bytes;
        let longest = if json { json::longest(value) } else { value.saturating_add(ENVELOPE_BYTES) };
        let announced = header(&request, &CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
        let mut body = request.into_body();
        let deadline = Instant::now() + limits.read_timeout;
        if let Some(length) = announced.filter(|length| *length > longest) {
            let _ =
                timeout_at(deadline, async { while let Ok(Some(_)) = next_data(&mut body).await {} }).await;
            return Err(self.too_long(length));
        }
        let first = announced.unwrap_or(UNANNOUNCED_BYTES.min(longest));
        let mut held = vec![self.budget.hold(first).await.ok_or_else(|| self.busy())?];
        let mut room = first;
        let deadline = Instant::now() + limits.read_timeout;
        let mut whole = BytesMut::with_capacity(first.min(UNANNOUNCED_BYTES));
        loop {
            let data = timeout_at(deadline, next_data(&mut body)).await.map_err(|_| self.stalled())?;
            let Some(data) = data.map_err(unreadable)? else { return Ok((whole.freeze(), held)) };
            let length = whole.len() + data.len();
            if length > longest {
                let _ = timeout_at(deadline, async { while let Ok(Some(_)) = next_data(&mut body).await {} })
                    .await;
                return Err(self.too_long(length));
            }
            if length > room {
                held.push(self.budget.hold(longest - room).await.ok_or_else(|| self.busy())?);
                room = longest;
            }
            whole.extend_from_slice(&data);
        }
    }

    /// With mutual TLS, the sender must be who its certificate says.
    fn check_sender(&self, sender: u64, caller: Option<&Caller>) -> Result<(), Rejection> {
        let Some(tls) = &self.config.tls else { return Ok(()) };
        let known = usize::try_from(sender).ok().and_then(|rank| tls.peer(rank));
        let certificate = caller.and_then(|caller| caller.certificate.as_deref());
        let matches = match (known, certificate) {
            (Some(peer), Some(presented)) => peer.matches(&presented.into()),
            _ => false,
        };
        if matches {
            return Ok(());
        }
        let from = caller.map(|caller| caller.address);
        tracing::warn!(sender, ?from, "refused a push: the certificate is not the one pinned for that rank");
        Err(invalid(format!(
            "the TLS certificate presented is not the one that rank {} has pinned for rank {sender}",
            self.config.rank
        )))
    }

    /// Into the mailbox; while it is full, waits a bounded time.
    async fn deliver(&self, frame: Frame) -> Result<(), Rejection> {
        let deadline = Instant::now() + self.config.limits.backpressure_wait;
        let mut attached = self.inbox.clone();
        let deliver = timeout_at(deadline, attached.wait_for(Option::is_some))
            .await
            .ok()
            .and_then(Result::ok)
            .and_then(|deliver| deliver.clone())
            .ok_or_else(|| {
                Rejection::new(
                    Rejection::NETWORK_ERROR,
                    format!("rank {} listens but has not started its link yet", self.config.rank),
                )
            })?;
        let mut pause = Duration::from_millis(1);
        loop {
            match deliver(frame.clone()) {
                Err(full) if full.retry_later && Instant::now() + pause < deadline => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(50));
                }
                outcome => return outcome,
            }
        }
    }
}

/// The typed frame of a request.
fn frame(push: PushRequest) -> Result<Frame, Rejection> {
    let chunk = match (TransType::try_from(push.trans_type), push.chunk_info) {
        (Ok(TransType::Mono), _) => None,
        (Ok(TransType::Chunked), Some(info)) => {
            Some(Chunk { message_length: info.message_length, offset: info.chunk_offset })
        }
        (Ok(TransType::Chunked), None) if Mutant::ChunkedWithoutInfoAccepted.is_on() => None,
        (Ok(TransType::Chunked), None) => {
            return Err(invalid(format!("CHUNKED without chunk_info from rank {}", push.sender_rank)));
        }
        (Err(_), _) => {
            return Err(invalid(format!(
                "unknown trans_type {} from rank {}",
                push.trans_type, push.sender_rank
            )));
        }
    };
    Ok(Frame { sender: push.sender_rank, key: push.key, value: push.value, chunk })
}

fn invalid(message: String) -> Rejection {
    Rejection::new(Rejection::INVALID_REQUEST, message)
}

fn unreadable(error: ReadError) -> Rejection {
    invalid(match error {
        ReadError::Broken(reason) => format!("incomplete message: {reason}"),
        ReadError::Compressed => "compressed messages are not accepted; none was negotiated".into(),
        ReadError::Trailing => "more bytes than the announced message".into(),
    })
}

fn proto(bytes: Bytes) -> Result<PushRequest, Rejection> {
    PushRequest::decode(bytes).map_err(|error| invalid(format!("the body is not a PushRequest: {error}")))
}

/// Answers carry success in HTTP, gRPC or `baidu_std`, and the outcome in the header of the `PushResponse`,
/// as yacl does.
fn response(outcome: Result<(), Rejection>) -> PushResponse {
    let header = match outcome {
        Ok(()) => ResponseHeader::default(),
        Err(refused) => ResponseHeader { error_code: refused.code, error_msg: refused.message },
    };
    PushResponse { header: Some(header) }
}

impl Service for Receiver {
    fn http(self: Arc<Self>, request: http::Request<Body>) -> Pending<http::Response<Body>> {
        Box::pin(async move {
            let kind = header(&request, &CONTENT_TYPE).unwrap_or("application/json");
            let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let is_here = request.uri().path() == PUSH;
            if kind == "application/grpc" || kind.starts_with("application/grpc+") {
                if !is_here {
                    return tonic::Status::unimplemented("only ReceiverService/Push is served here")
                        .into_http();
                }
                return grpc(&response(self.grpc(request).await));
            }
            if !is_here {
                return refusal(StatusCode::NOT_FOUND, "only ReceiverService/Push is served here");
            }
            if request.method() != http::Method::POST {
                return refusal(StatusCode::METHOD_NOT_ALLOWED, "ReceiverService/Push is called with POST");
            }
            if header(&request, &CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
                return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed bodies are not accepted");
            }
            match kind.as_str() {
                "application/json" => {
                    let response = response(self.plain(request, true).await);
                    answer(
                        StatusCode::OK,
                        HeaderValue::from_static("application/json"),
                        json::answer(&response),
                    )
                }
                "application/proto" | "application/x-protobuf" | "application/protobuf" => {
                    let response = response(self.plain(request, false).await);
                    let kind = HeaderValue::from_str(&kind)
                        .unwrap_or_else(|_| HeaderValue::from_static("application/proto"));
                    answer(StatusCode::OK, kind, response.encode_to_vec().into())
                }
                _ => refusal(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "a push is application/json, application/proto or application/grpc",
                ),
            }
        })
    }

    fn longest(&self, service: &str, method: &str) -> Option<usize> {
        let is_here = service == SERVICE && method == METHOD;
        is_here.then(|| self.config.limits.max_message_bytes.saturating_add(ENVELOPE_BYTES))
    }

    fn handle(self: Arc<Self>, call: Call) -> Pending<Result<Bytes, RpcError>> {
        Box::pin(async move {
            if (call.service.as_str(), call.method.as_str()) != (SERVICE, METHOD) {
                return Err(RpcError::no_method());
            }
            Ok(response(self.call(call).await).encode_to_vec().into())
        })
    }
}

fn header<'a>(request: &'a http::Request<Body>, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// A successful gRPC answer.
fn grpc(message: &PushResponse) -> http::Response<Body> {
    let mut trailers = http::HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(short(message)).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = http::Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// An answer over plain HTTP.
fn answer(status: StatusCode, kind: HeaderValue, body: Bytes) -> http::Response<Body> {
    let mut response = http::Response::new(Body::new(Full::new(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn refusal(status: StatusCode, text: &'static str) -> http::Response<Body> {
    let mut response =
        answer(status, HeaderValue::from_static("text/plain"), Bytes::from_static(text.as_bytes()));
    // What brpc's clients show as the code of the error.
    response.headers_mut().insert("x-bd-error-code", HeaderValue::from(RpcError::REQUEST));
    response
}
