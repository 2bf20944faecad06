//! What can go wrong at the sockets, split by blame.

use std::net::SocketAddr;

/// Errors of starting or using the sockets.
///
/// No variant carries key material, seeds or message contents.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrpcError {
    /// The configuration cannot work as it stands.
    #[error("configuration: {0}")]
    Config(String),
    /// A PEM file or text is missing, unreadable or not what it should be.
    #[error("TLS {what}: {reason}")]
    ConfigTls {
        /// Which item: `certificate authority`, `own certificate`, `private key`, `peer certificate`.
        what: &'static str,
        /// Why it was not accepted, and what is expected.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose a free port or an address of this machine")]
    OursListen {
        /// The configured address.
        address: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The operating system did not give the threads or sockets needed.
    #[error("cannot start the network threads: {0}")]
    OursRuntime(std::io::Error),
    /// The dealer does not answer at its address.
    #[error("dealer at {address}: {operation}: {reason}")]
    PeerDealerUnreachable {
        /// `host:port` as configured.
        address: String,
        /// The call that failed.
        operation: &'static str,
        /// What happened.
        reason: String,
    },
    /// The dealer answered with an error.
    #[error("dealer at {address} refused {operation} with code {code}: {message}")]
    PeerDealerRefused {
        /// `host:port` as configured.
        address: String,
        /// The call that was refused.
        operation: &'static str,
        /// The service's `ErrorCode`: 1 session error, 2 adjust error.
        code: i32,
        /// The dealer's text.
        message: String,
    },
}

impl GrpcError {
    pub(crate) fn tls(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::ConfigTls { what, reason: reason.to_string() }
    }

    pub(crate) fn listen(address: impl std::fmt::Display, source: std::io::Error) -> Self {
        Self::OursListen { address: address.to_string(), source }
    }
}

/// The innermost causes of an error chain in one line: transport errors of the HTTP stack say little
/// by themselves.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let line = cause.to_string();
        if !text.contains(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        next = cause.source();
    }
    text
}

/// Whether a gRPC call has no answer because its connection could not be made, or broke.
pub(crate) fn is_broken(status: &tonic::Status) -> bool {
    status.code() == tonic::Code::Unavailable
        || (status.code() == tonic::Code::Unknown && std::error::Error::source(status).is_some())
}

/// Why a gRPC call failed, in one line: the message of the status and the causes below it.
pub(crate) fn status_text(status: &tonic::Status) -> String {
    let mut text = status.message().to_owned();
    if text.is_empty() {
        text = status.code().description().to_owned();
    }
    let Some(source) = std::error::Error::source(status) else { return text };
    let below = causes(source);
    // The message often is the head of the chain.
    if below.contains(&text) { below } else { format!("{text}: {below}") }
}

/// Binds a listener, so that a caller may choose port 0 and learn the port before anything starts.
pub(crate) fn bind(address: SocketAddr) -> Result<std::net::TcpListener, GrpcError> {
    std::net::TcpListener::bind(address).map_err(|source| GrpcError::listen(address, source))
}
