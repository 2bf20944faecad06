//! HTTP/2 settings shared by every socket of this crate.
//!
//! Receivers open wide flow-control windows: with the protocol's default of 64 KiB a megabyte would need
//! sixteen round trips. Besides, brpc (under yacl) does not wait for a window: it sends a message whole or not
//! at all ("remote_window_left is not enough"), so a window must hold the largest message.

use std::net::ToSocketAddrs;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Http2Builder;
use tonic::transport::{Channel, Endpoint};

use crate::error::GrpcError;
use crate::tls::{PeerIdentity, TlsConfig};

/// Calls that a peer may have open on one connection. A client that opens more before it has heard of this
/// limit sees them refused, so it is well above what yacl (10 messages of 8 chunks) or we have under way.
const CONCURRENT_STREAMS: u32 = 256;
/// Largest DATA frame that a peer may send us, in bytes.
const FRAME_BYTES: u32 = 1 << 20;
/// How long a connection with calls under way may be silent before it is probed, and how long the
/// probe's answer may take.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(30);
/// TCP keep-alive of idle connections.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// How many bytes a peer may send us before we have read them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    stream: u32,
    connection: u32,
}

impl Windows {
    /// For calls that bring little: requests of the dealer, answers to pushes.
    pub(crate) const SMALL: Self = Self { stream: 1 << 20, connection: 64 << 20 };
    /// For large replies of the dealer.
    pub(crate) const LARGE: Self = Self { stream: 16 << 20, connection: 256 << 20 };

    /// For messages of `largest` bytes, and `together` bytes of them on one connection.
    pub(crate) fn holding(largest: usize, together: usize) -> Self {
        let window = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).clamp(2 << 20, MAX_WINDOW);
        let stream = window(largest);
        Self { stream, connection: window(together).max(stream) }
    }

    /// The settings of a connection whose calls bring answers for these windows.
    pub(crate) fn of_client(self, builder: &mut h2::client::Builder) -> &mut h2::client::Builder {
        builder
            .initial_window_size(self.stream)
            .initial_connection_window_size(self.connection)
            .max_frame_size(FRAME_BYTES)
    }
}

/// The protocol's upper end (RFC 9113, 6.9.1).
const MAX_WINDOW: u32 = (1 << 31) - 1;

/// A channel that connects at the first call, and again whenever the connection was lost.
pub(crate) fn channel(
    address: &str,
    connect_timeout: Duration,
    windows: Windows,
    tls: Option<(&TlsConfig, &PeerIdentity)>,
) -> Result<Channel, GrpcError> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
        .map_err(|_| GrpcError::Config(format!("{address:?} is not of the form host:port")))?
        .connect_timeout(connect_timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(Some(TCP_KEEPALIVE))
        .initial_stream_window_size(windows.stream)
        .initial_connection_window_size(windows.connection)
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

/// The settings of the port that serves every protocol.
pub(crate) fn configure(http2: &mut Http2Builder<'_, TokioExecutor>, windows: Windows) {
    http2
        .timer(TokioTimer::new())
        .initial_stream_window_size(windows.stream)
        .initial_connection_window_size(windows.connection)
        .max_concurrent_streams(CONCURRENT_STREAMS)
        .max_frame_size(FRAME_BYTES)
        .max_header_list_size(16 << 10)
        .keep_alive_interval(Some(KEEPALIVE))
        .keep_alive_timeout(KEEPALIVE);
}

/// What every TCP connection of ours gets: no delay of small packets, and a sign of life while it is idle.
pub(crate) fn prepare(stream: &tokio::net::TcpStream) {
    let socket = socket2::SockRef::from(stream);
    let keepalive = socket2::TcpKeepalive::new().with_time(TCP_KEEPALIVE);
    if let Err(error) = stream.set_nodelay(true).and_then(|()| socket.set_tcp_keepalive(&keepalive)) {
        tracing::debug!(%error, "socket options");
    }
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
