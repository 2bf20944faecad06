//! Calls over HTTP/2 to one peer, many at once over one connection.
//!
//! The bodies are at hand when a call is made, so its head and its body are queued together and leave in one system
//! call. (A client for bodies that are still being made sends the head first: twice the work for the kernel, and for the
//! peer, with every short message.)

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use h2::client::{Builder, SendRequest};
use h2::{Ping, PingPong};
use http::{HeaderMap, Request, Response, Uri};

use crate::dial::{Dialer, Stream};
use crate::error::{GrpcError, causes};
use crate::framing::Pieces;
use crate::http2::{KEEPALIVE, Windows};

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) head: http::response::Parts,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// Calls to one peer at one path. Connects at the first call, and again whenever the connection was lost.
pub(crate) struct Calls {
    dialer: Dialer,
    uri: Uri,
    windows: Windows,
    /// Longest answer accepted, in bytes.
    answer_bytes: usize,
    live: tokio::sync::Mutex<Option<Live>>,
}

/// A connection that was made.
#[derive(Clone)]
struct Live {
    calls: SendRequest<Bytes>,
    under_way: Arc<AtomicUsize>,
}

/// Counts a call for as long as it is under way.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Calls {
    /// Prepares a (lazily made) connection. The dialer names `h2` in a TLS handshake.
    pub(crate) fn new(
        dialer: Dialer,
        path: &str,
        windows: Windows,
        answer_bytes: usize,
    ) -> Result<Self, GrpcError> {
        let scheme = if dialer.is_secure() { "https" } else { "http" };
        let address = dialer.address();
        let uri = format!("{scheme}://{address}{path}");
        let uri = uri
            .parse()
            .map_err(|_| GrpcError::Config(format!("{address:?} is not of the form host:port")))?;
        Ok(Self { dialer, uri, windows, answer_bytes, live: tokio::sync::Mutex::new(None) })
    }

    /// Posts `body` with those headers, and reads the answer. Errors are those of the connection.
    pub(crate) async fn call(&self, headers: HeaderMap, body: Pieces) -> Result<Answer, String> {
        let Live { mut calls, under_way } = self.live().await?;
        let _under_way = UnderWay::new(&under_way);
        let mut request = Request::new(());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = http::Version::HTTP_2;
        *request.headers_mut() = headers;
        let mut pieces = body.into_iter().peekable();
        let (response, mut stream) =
            calls.send_request(request, pieces.peek().is_none()).map_err(|error| causes(&error))?;
        while let Some(piece) = pieces.next() {
            // Whatever the peer's window is: the body is in memory anyway, and is not copied.
            stream.send_data(piece, pieces.peek().is_none()).map_err(|error| causes(&error))?;
        }
        self.answer(response.await.map_err(|error| causes(&error))?).await
    }

    async fn answer(&self, response: Response<h2::RecvStream>) -> Result<Answer, String> {
        let broken = |error: h2::Error| format!("the answer broke off: {}", causes(&error));
        let (head, mut stream) = response.into_parts();
        let mut body = BytesMut::new();
        while let Some(data) = stream.data().await {
            let data = data.map_err(broken)?;
            stream.flow_control().release_capacity(data.len()).map_err(broken)?;
            if body.len() + data.len() > self.answer_bytes {
                return Err(format!("an answer of more than {} bytes", self.answer_bytes));
            }
            body.extend_from_slice(&data);
        }
        let trailers = stream.trailers().await.map_err(broken)?.unwrap_or_default();
        Ok(Answer { head, body: body.freeze(), trailers })
    }

    /// The present connection, when it takes another call, or a new one.
    async fn live(&self) -> Result<Live, String> {
        let mut slot = self.live.lock().await;
        if let Some(Live { calls, under_way }) = slot.as_ref()
            && let Ok(calls) = calls.clone().ready().await
        {
            return Ok(Live { calls, under_way: under_way.clone() });
        }
        *slot = None;
        let stream = self.dialer.dial().await?;
        let (calls, mut connection) = self
            .windows
            .of_client(&mut Builder::new())
            .enable_push(false)
            .handshake(stream)
            .await
            .map_err(|error| causes(&error))?;
        let under_way = Arc::new(AtomicUsize::new(0));
        let pings = connection.ping_pong();
        tokio::spawn(drive(connection, pings, under_way.clone()));
        let live = Live { calls: calls.ready().await.map_err(|error| causes(&error))?, under_way };
        *slot = Some(live.clone());
        Ok(live)
    }
}

/// Owns the connection until it ends, or until it is silent while calls are under way.
async fn drive(
    connection: h2::client::Connection<Box<dyn Stream>, Bytes>,
    pings: Option<PingPong>,
    under_way: Arc<AtomicUsize>,
) {
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "HTTP/2 connection ended");
            }
        }
        () = silence(pings, &under_way) => tracing::debug!("HTTP/2 connection: a ping was not answered"),
    }
}

/// Ends when a ping is not answered in time. None is sent while no call is under way.
async fn silence(pings: Option<PingPong>, under_way: &AtomicUsize) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        tokio::time::sleep(KEEPALIVE).await;
        if under_way.load(Ordering::Relaxed) == 0 {
            continue;
        }
        match tokio::time::timeout(KEEPALIVE, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            // The connection has ended, and tells why.
            Ok(Err(_)) => return std::future::pending().await,
            Err(_) => return,
        }
    }
}
