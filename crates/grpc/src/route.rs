//! The ways a push can take to a peer.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue};
use prost::Message;
use symbolon_wire::org::interconnection::link::{PushRequest, PushResponse};
use tonic::body::Body;

use crate::baidu_std::{CallError, Connection, RpcError};
use crate::calls::{Answer, Calls};
use crate::carrier::CarrierKind;
use crate::dial::Dialer;
use crate::error::GrpcError;
use crate::framing::{Pieces, Reader};
use crate::http1::Pool;
use crate::http2::Windows;
use crate::json;
use crate::node::NodeLimits;
use crate::receiver::{METHOD, PUSH, SERVICE};
use crate::tls::{PeerIdentity, TlsConfig};

/// A response is a code and a text: anything longer is not one.
const RESPONSE_BYTES: usize = 64 << 10;

/// Why one attempt failed.
pub(crate) enum Failure {
    /// Nothing was answered: the connection could not be made, or broke.
    Connection(String),
    /// The peer's RPC layer answered, but no `PushResponse` came of it.
    Protocol(String),
    /// The peer's link refused the frame.
    Refused { code: i32, message: String },
}

/// Connections to one peer.
pub(crate) enum Route {
    Grpc(Calls),
    BaiduStd(Connection),
    Http1 { pool: Pool, json: bool },
    Http2 { calls: Calls, json: bool },
}

/// A push as it goes out, for any number of attempts.
#[derive(Clone)]
pub(crate) struct Encoded(Pieces);

impl Route {
    /// Prepares (lazily made) connections.
    pub(crate) fn new(
        kind: CarrierKind,
        address: &str,
        limits: &NodeLimits,
        tls: Option<(&TlsConfig, &PeerIdentity)>,
    ) -> Result<Self, GrpcError> {
        let patience = limits.connect_timeout;
        let calls = || {
            let dialer = Dialer::new(address, patience, tls, Some(b"h2"))?;
            Calls::new(dialer, PUSH, Windows::SMALL, RESPONSE_BYTES)
        };
        Ok(match kind {
            CarrierKind::Grpc => Self::Grpc(calls()?),
            CarrierKind::BaiduStd => {
                Self::BaiduStd(Connection::new(Dialer::new(address, patience, tls, None)?, RESPONSE_BYTES))
            }
            CarrierKind::Http { json } => {
                Self::Http1 { pool: Pool::new(Dialer::new(address, patience, tls, Some(b"http/1.1"))?), json }
            }
            CarrierKind::Http2 { json } => Self::Http2 { calls: calls()?, json },
        })
    }

    /// `None` when the message is too long for the protocol.
    pub(crate) fn encode(&self, request: PushRequest) -> Option<Encoded> {
        match self {
            Self::Grpc(_) => Pieces::of_push(request),
            Self::Http1 { json: true, .. } | Self::Http2 { json: true, .. } => {
                Some(json::push(&request).into())
            }
            _ => Pieces::of_push(request).map(Pieces::without_prefix),
        }
        .map(Encoded)
    }

    /// One attempt.
    pub(crate) async fn push(&self, Encoded(pieces): Encoded) -> Result<(), Failure> {
        match self {
            Self::Grpc(calls) => {
                let headers = HeaderMap::from_iter([
                    (CONTENT_TYPE, HeaderValue::from_static("application/grpc")),
                    (TE, HeaderValue::from_static("trailers")),
                ]);
                grpc_answer(calls.call(headers, pieces).await.map_err(Failure::Connection)?).await
            }
            Self::BaiduStd(connection) => match connection.call(SERVICE, METHOD, pieces).await {
                Ok(message) => proto_answer(message),
                Err(CallError::Connection(reason)) => Err(Failure::Connection(reason)),
                Err(CallError::Rpc(error)) if error.code == RpcError::STOPPING => {
                    Err(Failure::Connection(format!("stopping: {:.500}", error.text)))
                }
                Err(CallError::Rpc(error)) => {
                    Err(Failure::Protocol(format!("brpc error {}: {:.500}", error.code, error.text)))
                }
            },
            Self::Http1 { pool, json } => {
                let answer =
                    pool.call(plain(pieces, *json), RESPONSE_BYTES).await.map_err(Failure::Connection)?;
                plain_answer(answer.status, &answer.headers, answer.body)
            }
            Self::Http2 { calls, json } => {
                let headers = plain_headers(&pieces, *json);
                let answer = calls.call(headers, pieces).await.map_err(Failure::Connection)?;
                plain_answer(answer.head.status, &answer.head.headers, answer.body)
            }
        }
    }
}

fn plain_headers(pieces: &Pieces, json: bool) -> HeaderMap {
    let kind = if json { "application/json" } else { "application/proto" };
    HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_LENGTH, HeaderValue::from(pieces.total())),
    ])
}

/// A `POST` over HTTP/1.1.
fn plain(pieces: Pieces, json: bool) -> http::Request<Body> {
    let headers = plain_headers(&pieces, json);
    let mut request = http::Request::new(Body::new(pieces));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static(PUSH);
    *request.headers_mut() = headers;
    request
}

/// Reads the `PushResponse` of a gRPC answer and the trailing status.
async fn grpc_answer(Answer { head, body, trailers }: Answer) -> Result<(), Failure> {
    if head.status != http::StatusCode::OK {
        return Err(Failure::Protocol(format!("HTTP status {} instead of a gRPC answer", head.status)));
    }
    status(&head.headers)?;
    status(&trailers)?;
    let message = match Reader::open(Pieces::from(body)).await {
        Ok(Some(reader)) => reader.message().await,
        Ok(None) => return Err(Failure::Protocol("the answer carries no PushResponse".into())),
        Err(error) => Err(error),
    };
    proto_answer(message.map_err(|error| Failure::Protocol(format!("malformed answer: {error:?}")))?)
}

/// Reads the `PushResponse` of an answer over plain HTTP, in the form that it has.
fn plain_answer(status: http::StatusCode, headers: &http::HeaderMap, body: Bytes) -> Result<(), Failure> {
    if !status.is_success() {
        let text = String::from_utf8_lossy(body.get(..body.len().min(500)).unwrap_or_default()).into_owned();
        return Err(match status {
            http::StatusCode::SERVICE_UNAVAILABLE | http::StatusCode::BAD_GATEWAY => {
                Failure::Connection(format!("HTTP status {status}: {text}"))
            }
            _ => Failure::Protocol(format!("HTTP status {status}: {text}")),
        });
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("application/json");
    if kind.starts_with("application/json") {
        let response = json::parse_answer(&body)
            .map_err(|error| Failure::Protocol(format!("the answer is no PushResponse: {error}")))?;
        return outcome(response);
    }
    proto_answer(body)
}

fn proto_answer(message: Bytes) -> Result<(), Failure> {
    outcome(
        PushResponse::decode(message)
            .map_err(|error| Failure::Protocol(format!("the answer is not a PushResponse: {error}")))?,
    )
}

fn outcome(response: PushResponse) -> Result<(), Failure> {
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
