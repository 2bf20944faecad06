//! A party's side of the service.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use prost::Message;
use symbolon_ring::{Matrix, Ring};
use symbolon_triples::{AdjustRequest, Corrections, Dealer, DealerError, Op, Pending};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;
use tonic::transport::Channel;

use super::messages::{Adjust, Adjusted, Buffer};
use super::{Method, SERVICE};
use crate::baidu_std::{CallError, Connection, RpcError};
use crate::dealer::port::RawCodec;
use crate::dial::Dialer;
use crate::error::{GrpcError, causes, is_broken, status_text};
use crate::http1::Pool;
use crate::http2::{self, Windows};
use crate::tls::{PeerIdentity, TlsConfig};

/// Which of its two forms the service is spoken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpuForm {
    /// Protobuf-JSON over HTTP/1.1, answered by frames: SPU 0.9.5 and later.
    Http,
    /// Unary calls over gRPC: the SPU inside the reference implementation, told to use that carrier.
    Unary,
    /// Unary calls over baidu_std: the SPU inside the reference implementation, as it comes.
    UnaryBaiduStd,
}

/// Where the dealer is, and whose streams it corrects.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SpuDealerClientConfig {
    /// `host:port` of the dealer.
    pub address: String,
    /// The form of the service.
    pub form: SpuForm,
    /// The dealer seeds of all parties, by rank, each sealed by its owner to the dealer's key
    /// ([`DealerPublicKey::seal`](crate::DealerPublicKey::seal)); as exchanged in the set-up of a session.
    pub sealed: Vec<Bytes>,
    /// Mutual TLS with the identity of the dealer, or `None` for plaintext.
    pub tls: Option<(TlsConfig, PeerIdentity)>,
    /// How long a dealer that cannot be reached, or no longer, is tried again. Default 30 s.
    pub connect_timeout: Duration,
    /// How long one correction may take, further attempts after a broken connection included. Default 60 s.
    pub receive_timeout: Duration,
    /// Largest reply in bytes. Default 1 GiB.
    pub max_reply_bytes: usize,
}

impl SpuDealerClientConfig {
    /// Plaintext, default times.
    pub fn new(address: impl Into<String>, form: SpuForm, sealed: Vec<Bytes>) -> Self {
        Self {
            address: address.into(),
            form,
            sealed,
            tls: None,
            connect_timeout: Duration::from_secs(30),
            receive_timeout: Duration::from_secs(60),
            max_reply_bytes: 1 << 30,
        }
    }
}

impl SpuDealerClientConfig {
    /// How long to go on without a connection.
    fn patience(&self) -> Duration {
        self.connect_timeout.min(self.receive_timeout)
    }
}

enum Way {
    Http(Pool),
    Unary(Channel),
    UnaryBaiduStd(Connection),
}

/// Asks a dealer of SPU's kind for corrections: the adjust rank's part. Blocking: call it from ordinary threads only.
/// Several requests travel at once ([`Dealer::start`]).
#[derive(Clone)]
pub struct SpuDealerClient {
    config: Arc<SpuDealerClientConfig>,
    way: Arc<Way>,
    handle: Handle,
}

impl std::fmt::Debug for SpuDealerClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpuDealerClient").field("address", &self.config.address).finish_non_exhaustive()
    }
}

/// Why an attempt gave nothing.
enum Failure {
    /// Worth another attempt: the service keeps no state.
    Connection(String),
    Final(DealerError),
}

impl SpuDealerClient {
    /// A client on the threads of a [`GrpcNode`](crate::GrpcNode); see
    /// [`GrpcNode::runtime`](crate::GrpcNode::runtime). Connects at the first request.
    ///
    /// # Errors
    /// An address that is not `host:port`, fewer than two sealed seeds, TLS material that cannot be used.
    pub fn new(config: SpuDealerClientConfig, handle: Handle) -> Result<Self, GrpcError> {
        if config.sealed.len() < 2 {
            return Err(GrpcError::Config(format!(
                "{} sealed dealer seeds; every party has one, and there are at least 2",
                config.sealed.len()
            )));
        }
        let _inside = handle.enter();
        let tls = config.tls.as_ref().map(|(own, dealer)| (own, dealer));
        let attempt = config.patience().min(Duration::from_secs(5));
        let way = match config.form {
            SpuForm::Http => {
                Way::Http(Pool::new(Dialer::new(&config.address, attempt, tls, Some(b"http/1.1"))?))
            }
            SpuForm::Unary => Way::Unary(http2::channel(&config.address, attempt, Windows::LARGE, tls)?),
            SpuForm::UnaryBaiduStd => Way::UnaryBaiduStd(Connection::new(
                Dialer::new(&config.address, attempt, tls, None)?,
                config.max_reply_bytes,
            )),
        };
        Ok(Self { config: Arc::new(config), way: Arc::new(way), handle: handle.clone() })
    }

    /// Attempts again after a broken or refused connection, until the time is over.
    async fn corrected(self, method: Method, adjust: Adjust) -> Result<Vec<Bytes>, DealerError> {
        let deadline = Instant::now() + self.config.receive_timeout;
        let mut pause = Duration::from_millis(20);
        let patience = self.config.patience();
        let mut lost_since = None;
        loop {
            let reason = match timeout_at(deadline, self.attempt(method, &adjust)).await {
                Ok(Ok(outputs)) => return Ok(outputs),
                Ok(Err(Failure::Final(error))) => return Err(error),
                Ok(Err(Failure::Connection(reason))) => reason,
                Err(_) => {
                    let waited = self.config.receive_timeout;
                    return Err(DealerError::Network(format!("no answer within {waited:?}")));
                }
            };
            let next = Instant::now() + pause;
            let lost_since = *lost_since.get_or_insert_with(Instant::now);
            if next >= deadline || next >= lost_since + patience {
                return Err(DealerError::Network(format!("not reachable within {patience:?}: {reason}")));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }

    async fn attempt(&self, method: Method, adjust: &Adjust) -> Result<Vec<Bytes>, Failure> {
        let path = format!("/{SERVICE}/{}", method.name());
        let path = http::uri::PathAndQuery::try_from(path)
            .map_err(|error| Failure::Final(DealerError::Network(error.to_string())))?;
        let longest = self.config.max_reply_bytes;
        match &*self.way {
            Way::Http(pool) => {
                let body = Bytes::from(adjust.to_json());
                let length = HeaderValue::from(body.len());
                let mut request = Request::new(Body::new(http_body_util::Full::new(body)));
                *request.method_mut() = http::Method::POST;
                *request.uri_mut() = path.into();
                request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                request.headers_mut().insert(CONTENT_LENGTH, length);
                let answer = pool.call(request, longest).await.map_err(Failure::Connection)?;
                if answer.status != StatusCode::OK {
                    return Err(refused(answer.status, &answer.body));
                }
                Ok(vec![unframed(answer.body).map_err(Failure::Final)?])
            }
            Way::Unary(channel) => {
                let mut client = tonic::client::Grpc::new(channel.clone()).max_decoding_message_size(longest);
                client.ready().await.map_err(|error| Failure::Connection(causes(&error)))?;
                let request = tonic::Request::new(Bytes::from(adjust.encode(method)));
                match client.unary(request, path, RawCodec).await {
                    Ok(answer) => adjusted(answer.into_inner()),
                    Err(status) if is_broken(&status) => Err(Failure::Connection(status_text(&status))),
                    Err(status) => Err(Failure::Final(DealerError::Network(status_text(&status)))),
                }
            }
            Way::UnaryBaiduStd(connection) => {
                let body = Bytes::from(adjust.encode(method));
                match connection.call(SERVICE, method.name(), body.into()).await {
                    Ok(answer) => adjusted(answer),
                    Err(CallError::Connection(reason)) => Err(Failure::Connection(reason)),
                    Err(CallError::Rpc(error)) if error.code == RpcError::STOPPING => {
                        Err(Failure::Connection(format!("stopping: {:.500}", error.text)))
                    }
                    Err(CallError::Rpc(error)) => Err(Failure::Final(DealerError::Network(format!(
                        "brpc error {}: {:.500}",
                        error.code, error.text
                    )))),
                }
            }
        }
    }
}

/// An HTTP answer that is none of the service.
fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let shown = body.get(..body.len().min(500)).unwrap_or_default();
    let message = format!("HTTP status {status}: {}", String::from_utf8_lossy(shown));
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY => Failure::Connection(message),
        _ => Failure::Final(DealerError::Network(message)),
    }
}

/// The outputs in the answer of the unary form.
fn adjusted(answer: Bytes) -> Result<Vec<Bytes>, Failure> {
    let Adjusted { code, message, adjust_outputs } = Adjusted::decode(answer)
        .map_err(|error| Failure::Final(DealerError::PeerReply(error.to_string())))?;
    match code {
        0 => Ok(adjust_outputs),
        code => Err(Failure::Final(DealerError::PeerRefused { code: code.into(), message })),
    }
}

impl<R: Ring> Dealer<R> for SpuDealerClient {
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<R>, DealerError> {
        Dealer::<R>::start(self, request.clone())()
    }

    fn start(&mut self, request: AdjustRequest) -> Pending<R> {
        let (method, adjust) = wire(&request, &self.config.sealed);
        let (answer, answered) = oneshot::channel();
        let client = self.clone();
        self.handle.spawn(async move {
            let _ = answer.send(client.corrected(method, adjust).await);
        });
        let address = self.config.address.clone();
        Box::new(move || {
            let stopped = |_| Err(DealerError::Network("our own network threads were stopped".into()));
            let outputs = answered.blocking_recv().unwrap_or_else(stopped).map_err(|error| match error {
                DealerError::Network(reason) => DealerError::Network(format!("{address}: {reason}")),
                other => other,
            })?;
            elements(&request, &outputs)
        })
    }
}

/// The request as it travels.
fn wire(request: &AdjustRequest, sealed: &[Bytes]) -> (Method, Adjust) {
    let prg_inputs = request.inputs.iter().map(|input| Buffer {
        prg_count: input.counter,
        buffer_len: input.bytes,
        encrypted_seeds: sealed.to_vec(),
        transpose: false,
    });
    let mut adjust = Adjust {
        prg_inputs: prg_inputs.collect(),
        field_size: request.field.bytes() as u64,
        ..Adjust::default()
    };
    let method = match request.op {
        Op::Mul { .. } => Method::Mul,
        Op::Dot { m, k, n } => {
            (adjust.m, adjust.k, adjust.n) = (m as u64, k as u64, n as u64);
            adjust.transpose_inputs = vec![false; 3];
            Method::Dot
        }
        Op::And { .. } => {
            adjust.field_size = 0;
            Method::And
        }
        Op::Trunc { bits, .. } => {
            adjust.bits = bits.into();
            Method::Trunc
        }
        Op::TruncPr { bits, .. } => {
            adjust.bits = bits.into();
            Method::TruncPr
        }
        Op::RandBit { .. } => Method::RandBit,
    };
    (method, adjust)
}

/// The content of an answer's frames.
fn unframed(mut body: Bytes) -> Result<Bytes, DealerError> {
    let malformed = |what: &str| DealerError::PeerReply(what.into());
    let mut contents = Vec::new();
    while !body.is_empty() {
        let head = body.first_chunk::<9>().ok_or_else(|| malformed("it ends inside a frame's head"))?;
        let [flag, length @ ..] = *head;
        let length =
            usize::try_from(i64::from_le_bytes(length)).map_err(|_| malformed("a frame has no length"))?;
        let _ = body.split_to(9);
        if length > body.len() {
            return Err(malformed("it ends inside a frame"));
        }
        let content = body.split_to(length);
        if flag != 0 {
            let message =
                String::from_utf8_lossy(content.get(..length.min(1000)).unwrap_or_default()).into_owned();
            return Err(DealerError::PeerRefused { code: flag.into(), message });
        }
        contents.push(content);
    }
    Ok(match <[Bytes; 1]>::try_from(contents) {
        Ok([content]) => content,
        Err(contents) => contents.concat().into(),
    })
}

/// The corrections in an answer: all in one piece (HTTP), or each for itself.
fn elements<R: Ring>(request: &AdjustRequest, outputs: &[Bytes]) -> Result<Corrections<R>, DealerError> {
    let wrong = |what: String| DealerError::PeerReply(format!("{}: {what}", request.op));
    if request.field != R::FIELD {
        return Err(wrong(format!("requested over {:?}, to be read over {:?}", request.field, R::FIELD)));
    }
    let lens = request.op.correction_lens();
    let got: usize = outputs.iter().map(Bytes::len).sum();
    let expected: usize = lens.iter().map(|len| len.saturating_mul(R::BYTES)).sum();
    let one_for_each = outputs.len() == 1 || outputs.len() == lens.len();
    if got != expected || !one_for_each {
        return Err(wrong(format!("{got} bytes in {} outputs instead of {expected} bytes", outputs.len())));
    }
    let whole: Bytes = match outputs {
        [whole] => whole.clone(),
        parts => parts.concat().into(),
    };
    let mut rest = whole.as_ref();
    lens.into_iter()
        .map(|len| {
            let (part, after) = rest.split_at_checked(len * R::BYTES).unwrap_or((rest, &[]));
            rest = after;
            let matrix = Matrix::from_le_bytes(1, len, part).map_err(|error| wrong(error.to_string()))?;
            Ok(matrix.into_vec())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_are_joined_and_errors_told() {
        let frame =
            |flag: u8, content: &[u8]| [&[flag][..], &(content.len() as i64).to_le_bytes(), content].concat();
        let body = [frame(0, b"ab"), frame(0, b"c")].concat();
        assert_eq!(unframed(body.into()).unwrap(), &b"abc"[..]);
        let body = [frame(0, b"ab"), frame(2, b"no")].concat();
        assert_eq!(unframed(body.into()), Err(DealerError::PeerRefused { code: 2, message: "no".into() }));
        for broken in [&[0_u8; 4][..], &[0, 1, 0, 0, 0, 0, 0, 0, 0], &[0, 0, 0, 0, 0, 0, 0, 0, 0x80]] {
            assert!(matches!(unframed(Bytes::copy_from_slice(broken)), Err(DealerError::PeerReply(_))));
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = unframed(body.into());
        }
    }
}
