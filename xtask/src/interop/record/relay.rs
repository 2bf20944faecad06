//! A relay that writes down what passes: a real server to one side, a real client to the other.
//!
//! It speaks HTTP/2 and HTTP/1.1 and knows nothing of what they carry, so the bytes of every call are recorded as they
//! were sent. A call that cannot be passed on is answered as an unreachable server's and recorded without an answer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING,
};
use hyper::http::{request, response};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// One call, in the order in which calls came to the relay.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Which of the relay's fronts it came to.
    pub(super) front: usize,
    pub(super) path: String,
    pub(super) request: Bytes,
    /// Absent if it could not be passed on.
    pub(super) response: Option<Bytes>,
}

type Log = Arc<Mutex<Vec<Call>>>;
/// A whole body and its trailers, in which gRPC says what became of a call.
type Passed = WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Relays before a number of servers, with one log.
pub(super) struct Relay {
    runtime: Runtime,
    log: Log,
}

impl Relay {
    /// Listens at the first address of each pair and passes on to the second.
    pub(super) fn start(fronts: &[(String, String)]) -> Result<Self, String> {
        let runtime = Runtime::new().map_err(|error| format!("the relay's threads: {error}"))?;
        let log = Log::default();
        for (front, (listen, to)) in fronts.iter().enumerate() {
            let listener = runtime
                .block_on(TcpListener::bind(listen))
                .map_err(|error| format!("the relay cannot listen on {listen}: {error}"))?;
            let route = Route { front, to: to.clone(), log: log.clone() };
            runtime.spawn(route.serve(listener));
        }
        Ok(Self { runtime, log })
    }

    /// Stops, and gives what passed.
    pub(super) fn finish(self) -> Vec<Call> {
        self.runtime.shutdown_background();
        std::mem::take(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Clone)]
struct Route {
    front: usize,
    to: String,
    log: Log,
}

impl Route {
    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let route = self.clone();
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let service = service_fn(move |request| route.clone().pass(request));
                let server = auto::Builder::new(TokioExecutor::new());
                // A connection that ends early is the peers' affair.
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn pass(self, request: Request<Incoming>) -> Result<Response<Passed>, hyper::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let place = {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            let path = head.uri.path().to_owned();
            log.push(Call { front: self.front, path, request: body.clone(), response: None });
            log.len() - 1
        };
        let version = head.version;
        let Ok((head, body, trailers)) = self.forward(head, body).await else {
            return Ok(unreachable(version));
        };
        if let Some(call) = self.log.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place) {
            call.response = Some(body.clone());
        }
        Ok(Response::from_parts(head, whole(body, trailers)))
    }

    /// Over a connection of its own: there are few calls, and none must wait for another.
    async fn forward(
        &self,
        mut head: request::Parts,
        body: Bytes,
    ) -> Result<(response::Parts, Bytes, Option<HeaderMap>), Failure> {
        let stream = TcpStream::connect(&self.to).await?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let is_http2 = head.version == Version::HTTP_2;
        for hop in [CONNECTION, TRANSFER_ENCODING, HOST] {
            head.headers.remove(hop);
        }
        let answer = if is_http2 {
            head.uri = format!("http://{}{path}", self.to).parse::<Uri>()?;
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            sender.send_request(Request::from_parts(head, Full::new(body))).await?
        } else {
            head.uri = path.parse::<Uri>()?;
            head.headers.insert(HOST, HeaderValue::from_str(&self.to)?);
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
            tokio::spawn(connection);
            sender.send_request(Request::from_parts(head, Full::new(body))).await?
        };
        let (mut head, body) = answer.into_parts();
        let body = body.collect().await?;
        let trailers = body.trailers().cloned();
        let body = body.to_bytes();
        if !is_http2 {
            head.headers.remove(CONNECTION);
            head.headers.remove(TRANSFER_ENCODING);
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        Ok((head, body, trailers))
    }
}

fn whole(body: Bytes, trailers: Option<HeaderMap>) -> Passed {
    Full::new(body).with_trailers(ready(trailers.map(Ok)))
}

/// As a gRPC server that is not there answers through a proxy, or a web server.
fn unreachable(version: Version) -> Response<Passed> {
    let mut answer = Response::new(whole(Bytes::new(), None));
    if version == Version::HTTP_2 {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        answer.headers_mut().insert("grpc-status", HeaderValue::from_static("14"));
    } else {
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
    }
    answer
}
