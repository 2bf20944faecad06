//! HTTP/2 settings shared by every socket of this crate.
//!
//! Both ends open wide flow-control windows: with the protocol's default of 64 KiB a megabyte would
//! need sixteen round trips. The connection window is the stream window times the number of concurrent
//! streams, so that streams which wait for memory can never keep a connection's window from the stream
//! that holds the memory.

use std::net::ToSocketAddrs;
use std::time::Duration;

use tonic::transport::{Channel, Endpoint, Server};

use crate::error::GrpcError;
use crate::tls::{PeerIdentity, TlsConfig};

/// Receive window of one call, in bytes.
const STREAM_WINDOW: u32 = 2 << 20;
/// Calls that a peer may have open on one connection. A client that opens more before it has heard of this
/// limit sees them refused, so it is well above what yacl (10 messages of 8 chunks) or we have under way.
const CONCURRENT_STREAMS: u32 = 256;
/// Receive window of a connection, in bytes.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * CONCURRENT_STREAMS;
/// Largest DATA frame that a peer may send us, in bytes.
const FRAME_BYTES: u32 = 1 << 20;
/// How long a connection with calls under way may be silent before it is probed, and how long the
/// probe's answer may take.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// TCP keep-alive of idle connections.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// A channel that connects at the first call, and again whenever the connection was lost.
pub(crate) fn channel(
    address: &str,
    connect_timeout: Duration,
    tls: Option<(&TlsConfig, &PeerIdentity)>,
) -> Result<Channel, GrpcError> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
        .map_err(|_| GrpcError::Config(format!("{address:?} is not of the form host:port")))?
        .connect_timeout(connect_timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(Some(TCP_KEEPALIVE))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_BYTES)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(false);
    if let Some((tls, peer)) = tls {
        let (client, verifier) = tls.client(peer)?;
        endpoint = endpoint
            .tls_config_with_verifier(client, verifier)
            .map_err(|error| GrpcError::tls("client", crate::error::causes(&error)))?;
    }
    Ok(endpoint.connect_lazy())
}

/// A server with our windows; with TLS when configured.
pub(crate) fn server(tls: Option<&TlsConfig>) -> Result<Server, GrpcError> {
    let server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(CONCURRENT_STREAMS)
        .max_frame_size(FRAME_BYTES)
        .http2_max_header_list_size(16 << 10)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE));
    match tls {
        None => Ok(server),
        Some(tls) => server
            .tls_config(tls.server())
            .map_err(|error| GrpcError::tls("server", crate::error::causes(&error))),
    }
}

/// Turns a bound listener into the stream of connections that the server takes. Must be called inside
/// the runtime.
pub(crate) fn incoming(
    listener: std::net::TcpListener,
) -> std::io::Result<tonic::transport::server::TcpIncoming> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    Ok(tonic::transport::server::TcpIncoming::from(listener)
        .with_nodelay(Some(true))
        .with_keepalive(Some(TCP_KEEPALIVE)))
}

/// Opens and closes a TCP connection to any of the addresses of `host:port`, on the calling thread.
pub(crate) fn knock(address: &str, timeout: Duration) -> Result<(), String> {
    let resolved = address.to_socket_addrs().map_err(|error| format!("cannot resolve {address}: {error}"))?;
    let mut last = format!("{address} resolves to no address");
    for candidate in resolved {
        match std::net::TcpStream::connect_timeout(&candidate, timeout) {
            Ok(_) => return Ok(()),
            Err(error) => last = format!("{candidate}: {error}"),
        }
    }
    Err(last)
}
