//! One listening port for every protocol that a caller may speak.
//!
//! brpc servers tell protocols apart by their first bytes, and SecretFlow's parties count on it: the same port takes
//! `baidu_std` (`PRPC`), HTTP/2 (its preface; gRPC among it) and HTTP/1.1 (a method's name). So does this one, with
//! mutual TLS after the handshake. What is served behind the port is a [`Service`].

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;

use crate::baidu_std::{self, RpcError};
use crate::budget::{Budget, Held};
use crate::error::GrpcError;
use crate::http2::{self, Windows};
use crate::sniff::Sniffed;
use crate::tls::{HANDSHAKE_TIMEOUT, TlsConfig};

/// Connections open at the same time; further ones wait in the backlog.
const CONNECTIONS: usize = 1024;
/// How long an HTTP/1 connection may be idle or take for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(300);

/// A result that is still being worked on.
pub(crate) type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Who is at the other end of a connection. HTTP requests carry it among their extensions.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Where the connection comes from.
    pub(crate) address: SocketAddr,
    /// The end-entity certificate that the caller proved to own (mutual TLS), in DER.
    pub(crate) certificate: Option<Arc<[u8]>>,
}

/// A call of `baidu_std`.
pub(crate) struct Call {
    /// Full name of the service, as in the protobuf definition.
    pub(crate) service: String,
    /// Name of the method.
    pub(crate) method: String,
    /// The request message, or why it was not read.
    pub(crate) body: Result<Bytes, Unread>,
    /// Who calls.
    pub(crate) caller: Caller,
    /// The memory reserved for the body.
    pub(crate) held: Option<Held>,
}

/// Why the body of a call was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// More bytes than the method takes.
    TooLong(usize),
    /// No memory became free in time.
    Busy,
}

/// What is served on a port.
pub(crate) trait Service: Send + Sync + 'static {
    /// Answers an HTTP request: gRPC, or a plain `POST` over HTTP/1.1 or HTTP/2. The [`Caller`] is among
    /// its extensions.
    fn http(self: Arc<Self>, request: http::Request<Body>) -> Pending<http::Response<Body>>;

    /// Longest request body in bytes of a method that is served over `baidu_std`; `None` if it is not.
    fn longest(&self, service: &str, method: &str) -> Option<usize> {
        let _ = (service, method);
        None
    }

    /// Answers a call of `baidu_std` for which [`Service::longest`] gave a length.
    fn handle(self: Arc<Self>, call: Call) -> Pending<Result<Bytes, RpcError>> {
        drop(call);
        Box::pin(std::future::ready(Err(RpcError::no_method())))
    }
}

/// How a port behaves, whatever is served on it.
pub(crate) struct Settings {
    /// Mutual TLS, or plaintext.
    pub(crate) tls: Option<TlsConfig>,
    /// HTTP/2 windows.
    pub(crate) windows: Windows,
    /// Memory for the bodies of `baidu_std` calls.
    pub(crate) budget: Budget,
    /// How long a `baidu_std` call may take to arrive once it began.
    pub(crate) read_timeout: Duration,
}

/// What the tasks of one port share.
struct Port {
    service: Arc<dyn Service>,
    http: auto::Builder<TokioExecutor>,
    acceptor: Option<TlsAcceptor>,
    budget: Budget,
    read_timeout: Duration,
    stop: watch::Receiver<bool>,
}

/// Accepts connections on `listener` until `stop` turns true; the task then ends when every answer under way was
/// given. Must be called inside the runtime.
///
/// # Errors
/// TLS material that cannot be used; a socket that the operating system does not let us poll.
pub(crate) fn serve(
    listener: std::net::TcpListener,
    settings: Settings,
    service: Arc<dyn Service>,
    stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, GrpcError> {
    let address = listener.local_addr().map_err(|error| GrpcError::listen("the given socket", error))?;
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener))
        .map_err(|error| GrpcError::listen(address, error))?;
    let acceptor = settings.tls.as_ref().map(TlsConfig::acceptor).transpose()?;
    let port = Arc::new(Port {
        service,
        http: builder(settings.windows),
        acceptor,
        budget: settings.budget,
        read_timeout: settings.read_timeout,
        stop,
    });
    Ok(tokio::spawn(accept(listener, port)))
}

fn builder(windows: Windows) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    http2::configure(&mut builder.http2(), windows);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_headers(64);
    builder
}

/// Waits until the port is told to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn accept(listener: tokio::net::TcpListener, port: Arc<Port>) {
    let mut stop = port.stop.clone();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = async { (places.clone().acquire_owned().await, listener.accept().await) } => accepted,
        };
        match accepted {
            (Ok(place), Ok((stream, address))) => {
                let port = port.clone();
                connections.spawn(async move {
                    if let Err(reason) = port.connection(stream, address).await {
                        tracing::debug!(%address, reason, "connection ended");
                    }
                    drop(place);
                });
            }
            (_, Err(error)) => {
                // Out of descriptors, or the caller left at once: neither ends the port.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            (Err(_), _) => break,
        }
    }
    // The port is free for others while the last answers go out.
    drop(listener);
    while connections.join_next().await.is_some() {}
}

impl Port {
    async fn connection(&self, stream: TcpStream, address: SocketAddr) -> Result<(), String> {
        http2::prepare(&stream);
        let mut stop = self.stop.clone();
        let served = async {
            match &self.acceptor {
                None => self.sniff(stream, Caller { address, certificate: None }).await,
                Some(acceptor) => {
                    let secured = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream))
                        .await
                        .map_err(|_| "no TLS handshake in time".to_owned())?
                        .map_err(|error| format!("TLS handshake: {error}"))?;
                    let certificate = secured.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                    let certificate = certificate.map(|presented| presented.as_ref().into());
                    self.sniff(secured, Caller { address, certificate }).await
                }
            }
        };
        tokio::pin!(served);
        tokio::select! {
            biased;
            speaking = &mut served => match speaking? {
                None => Ok(()),
                Some(speaking) => speaking.await,
            },
            // Nothing was said yet.
            () = stopped(&mut stop) => Ok(()),
        }
    }

    /// Waits for the first bytes, and tells what is to be done with the connection. `None`: it was closed.
    async fn sniff<IO>(
        &self,
        mut io: IO,
        caller: Caller,
    ) -> Result<Option<Pending<Result<(), String>>>, String>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut first = [0; baidu_std::MAGIC.len()];
        let mut read = 0;
        while read < first.len() && baidu_std::MAGIC.starts_with(first.get(..read).unwrap_or_default()) {
            let rest = first.get_mut(read..).unwrap_or_default();
            match io.read(rest).await.map_err(|error| error.to_string())? {
                0 => return Ok(None),
                more => read += more,
            }
        }
        let io = Sniffed::new(io, Bytes::copy_from_slice(first.get(..read).unwrap_or_default()));
        let service = self.service.clone();
        let stop = self.stop.clone();
        Ok(Some(if first == baidu_std::MAGIC {
            let session = baidu_std::Session {
                service,
                caller,
                budget: self.budget.clone(),
                read_timeout: self.read_timeout,
                stop,
            };
            Box::pin(session.run(io))
        } else {
            Box::pin(speak_http(io, self.http.clone(), service, caller, stop))
        }))
    }
}

async fn speak_http<IO>(
    io: IO,
    builder: auto::Builder<TokioExecutor>,
    service: Arc<dyn Service>,
    caller: Caller,
    mut stop: watch::Receiver<bool>,
) -> Result<(), String>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answering = hyper::service::service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(caller.clone());
        let answer = service.clone().http(request.map(Body::new));
        async move { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let connection = builder.serve_connection(TokioIo::new(io), answering);
    tokio::pin!(connection);
    tokio::select! {
        ended = &mut connection => return ended.map_err(|error| error.to_string()),
        () = stopped(&mut stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await.map_err(|error| error.to_string())
}
