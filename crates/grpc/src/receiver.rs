//! The serving half: `org.interconnection.link.ReceiverService/Push` into a mailbox.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use prost::Message;
use symbolon_link::{Chunk, Frame, Rejection};
use symbolon_wire::org::interconnection::ResponseHeader;
use symbolon_wire::org::interconnection::link::{PushRequest, PushResponse, TransType};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tonic::body::Body;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

use crate::error::GrpcError;
use crate::framing::{ENVELOPE_BYTES, ReadError, Reader, short};
use crate::node::NodeConfig;

/// The path of the one method.
pub(crate) const PUSH: &str = "/org.interconnection.link.ReceiverService/Push";
/// Receive memory is counted in units of this many bytes.
const BUDGET_UNIT: usize = 1024;

/// What takes the frames that arrive.
pub(crate) type Deliver = Arc<dyn Fn(Frame) -> Result<(), Rejection> + Send + Sync>;

/// What all calls share.
pub(crate) struct Receiver {
    config: Arc<NodeConfig>,
    /// Bytes of messages that may be read at the same time.
    budget: Arc<Semaphore>,
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
        let units = limits.receive_bytes.saturating_add(ENVELOPE_BYTES).div_ceil(BUDGET_UNIT);
        if units > u32::MAX as usize || limits.max_message_bytes > u32::MAX as usize {
            return Err(GrpcError::Config("receive_bytes and max_message_bytes must be below 4 GiB".into()));
        }
        Ok(Self { budget: Arc::new(Semaphore::new(units)), config, inbox })
    }

    /// Handles one call to the end.
    async fn serve(&self, request: http::Request<Body>) -> Result<(), Rejection> {
        let certificate = presented(&request);
        let (bytes, _held) = self.read(request.into_body()).await?;
        let push = PushRequest::decode(bytes)
            .map_err(|error| invalid(format!("the body is not a PushRequest: {error}")))?;
        self.check_sender(push.sender_rank, certificate.as_deref())?;
        let frame = frame(push)?;
        self.deliver(frame).await
    }

    /// The message and the memory reserved for it.
    async fn read(&self, body: Body) -> Result<(Bytes, OwnedSemaphorePermit), Rejection> {
        let limits = &self.config.limits;
        let stalled = || invalid(format!("no complete message within {:?}", limits.read_timeout));
        let deadline = Instant::now() + limits.read_timeout;
        let reader = timeout_at(deadline, Reader::open(body))
            .await
            .map_err(|_| stalled())?
            .map_err(unreadable)?
            .ok_or_else(|| invalid("the call carries no message".into()))?;
        let announced = reader.announced();
        if announced > limits.max_message_bytes.saturating_add(ENVELOPE_BYTES) {
            let _ = timeout_at(deadline, reader.drain()).await;
            return Err(Rejection::new(
                Rejection::INVALID_RESOURCE,
                format!(
                    "a message of {announced} bytes exceeds the limit of {} bytes of rank {}; send smaller chunks \
                     or raise max_message_bytes there",
                    limits.max_message_bytes, self.config.rank
                ),
            ));
        }
        let units = u32::try_from(announced.div_ceil(BUDGET_UNIT)).unwrap_or(u32::MAX);
        let held = timeout(limits.backpressure_wait, self.budget.clone().acquire_many_owned(units))
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| {
                Rejection::new(
                    Rejection::INVALID_RESOURCE,
                    format!(
                        "rank {} is busy receiving {} bytes already; try again later",
                        self.config.rank, limits.receive_bytes
                    ),
                )
            })?;
        let bytes = timeout(limits.read_timeout, reader.message())
            .await
            .map_err(|_| stalled())?
            .map_err(unreadable)?;
        Ok((bytes, held))
    }

    /// With mutual TLS, the sender must be who its certificate says.
    fn check_sender(&self, sender: u64, certificate: Option<&[u8]>) -> Result<(), Rejection> {
        let Some(tls) = &self.config.tls else { return Ok(()) };
        let known = usize::try_from(sender).ok().and_then(|rank| tls.peer(rank));
        let matches = match (known, certificate) {
            (Some(peer), Some(presented)) => peer.matches(&presented.into()),
            _ => false,
        };
        if matches {
            return Ok(());
        }
        tracing::warn!(sender, "refused a push: the certificate is not the one pinned for that rank");
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

/// The end-entity certificate that the connection's client proved to own.
pub(crate) fn presented<T>(request: &http::Request<T>) -> Option<Vec<u8>> {
    let info = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>()?;
    info.peer_certs()?.first().map(|certificate| certificate.as_ref().to_vec())
}

/// The HTTP face of a [`Receiver`]: answers carry gRPC status 0, and the outcome in the header of the
/// `PushResponse`, as yacl does.
#[derive(Clone)]
pub(crate) struct ReceiverService(pub(crate) Arc<Receiver>);

impl tonic::codegen::Service<http::Request<Body>> for ReceiverService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let receiver = self.0.clone();
        Box::pin(async move {
            if request.uri().path() != PUSH {
                return Ok(
                    tonic::Status::unimplemented("only ReceiverService/Push is served here").into_http()
                );
            }
            let header = match receiver.serve(request).await {
                Ok(()) => ResponseHeader::default(),
                Err(refused) => ResponseHeader { error_code: refused.code, error_msg: refused.message },
            };
            Ok(answer(&PushResponse { header: Some(header) }))
        })
    }
}

/// A successful gRPC answer.
fn answer(message: &PushResponse) -> http::Response<Body> {
    let mut trailers = http::HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    let body =
        http_body_util::Full::new(short(message)).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = http::Response::new(Body::new(body));
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/grpc"));
    response
}
