//! Outgoing connections.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::error::GrpcError;
use crate::http2;
use crate::tls::{HANDSHAKE_TIMEOUT, PeerIdentity, TlsConfig};

/// A connection in both directions.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<IO: AsyncRead + AsyncWrite + Send + Unpin> Stream for IO {}

/// Connects to one peer, with mutual TLS when configured.
pub(crate) struct Dialer {
    address: String,
    patience: Duration,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dialer {
    /// `alpn`: the protocol to name in the TLS handshake, if any.
    pub(crate) fn new(
        address: &str,
        patience: Duration,
        tls: Option<(&TlsConfig, &PeerIdentity)>,
        alpn: Option<&[u8]>,
    ) -> Result<Self, GrpcError> {
        if !address
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        {
            return Err(GrpcError::Config(format!("{address:?} is not of the form host:port")));
        }
        let tls = match tls {
            None => None,
            Some((tls, peer)) => {
                let (config, name) = tls.connector(peer, alpn)?;
                Some((TlsConnector::from(Arc::new(config)), name))
            }
        };
        Ok(Self { address: address.to_owned(), patience, tls })
    }

    /// Whether connections are made with TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A new connection, or the reason why there is none.
    pub(crate) async fn dial(&self) -> Result<Box<dyn Stream>, String> {
        let stream = timeout(self.patience, TcpStream::connect(&self.address))
            .await
            .map_err(|_| format!("no connection within {:?}", self.patience))?
            .map_err(|error| format!("cannot connect: {error}"))?;
        http2::prepare(&stream);
        let Some((connector, name)) = &self.tls else { return Ok(Box::new(stream)) };
        let secured = timeout(HANDSHAKE_TIMEOUT, connector.connect(name.clone(), stream))
            .await
            .map_err(|_| format!("no TLS handshake within {HANDSHAKE_TIMEOUT:?}"))?
            .map_err(|error| format!("TLS handshake: {error}"))?;
        Ok(Box::new(secured))
    }
}
