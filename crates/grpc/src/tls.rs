//! Mutual TLS: who we are, whom we trust, and which certificate belongs to which rank.
//!
//! Every member presents a certificate signed by an authority that all members configure. A member's
//! certificate is also *pinned*: for each rank the exact certificate is known beforehand, so that one
//! member of the authority cannot speak as another, in either direction.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::TlsAcceptor;
use tonic::transport::{ClientTlsConfig, Identity};
use zeroize::{Zeroize, Zeroizing};

use crate::error::GrpcError;

/// What is known beforehand of one peer.
#[derive(Debug, Clone)]
pub struct PeerIdentity {
    server_name: String,
    pinned: Vec<CertificateDer<'static>>,
}

impl PeerIdentity {
    /// The DNS name or IP address that the peer's certificate must carry, and the PEM text of the
    /// certificate that it must present; several certificates in the text mean that any of them will
    /// do (while one is being replaced by another).
    ///
    /// # Errors
    /// A name that is no DNS name or IP address, or a text without a certificate.
    pub fn from_pem(server_name: &str, certificate: &str) -> Result<Self, GrpcError> {
        Ok(Self {
            server_name: checked_name(server_name)?,
            pinned: certificates("peer certificate", certificate)?,
        })
    }

    /// The name alone: any certificate of the authority with that name is accepted from the peer when
    /// we connect to it. Not sufficient for a member of the link, whose messages are matched against
    /// its pinned certificate; meant for a dealer whose certificate changes often.
    ///
    /// # Errors
    /// A name that is no DNS name or IP address.
    pub fn named(server_name: &str) -> Result<Self, GrpcError> {
        Ok(Self { server_name: checked_name(server_name)?, pinned: Vec::new() })
    }

    /// As [`PeerIdentity::from_pem`], from a file.
    ///
    /// # Errors
    /// An unreadable file, besides those of [`PeerIdentity::from_pem`].
    pub fn from_file(server_name: &str, certificate: impl AsRef<Path>) -> Result<Self, GrpcError> {
        Self::from_pem(server_name, &read("peer certificate", certificate.as_ref())?)
    }

    pub(crate) fn is_pinned(&self) -> bool {
        !self.pinned.is_empty()
    }

    /// Whether a presented end-entity certificate is one of the pinned ones.
    pub(crate) fn matches(&self, presented: &CertificateDer<'_>) -> bool {
        self.pinned.iter().any(|pinned| pinned.as_ref() == presented.as_ref())
    }
}

/// Our own certificate and key, the authority, and the identities of the peers by rank.
///
/// The private key's text is overwritten with zeros when the value is dropped. The TLS library keeps
/// its own copy of the key for as long as the socket lives; that copy is not under our control.
#[derive(Clone)]
pub struct TlsConfig {
    certificate: String,
    key: Arc<Zeroizing<String>>,
    roots: Arc<RootCertStore>,
    peers: BTreeMap<usize, PeerIdentity>,
}

impl std::fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsConfig").field("peers", &self.peers.keys()).finish_non_exhaustive()
    }
}

impl TlsConfig {
    /// Takes PEM texts: the authority's certificate or certificates, our own certificate (with
    /// intermediate ones after it, if any) and its private key (PKCS#8, SEC1 or PKCS#1, not encrypted).
    ///
    /// # Errors
    /// A text that holds no such item, or a key that does not belong to the certificate.
    pub fn from_pem(authority: &str, certificate: &str, key: &str) -> Result<Self, GrpcError> {
        let key = Zeroizing::new(key.to_owned());
        let mut roots = RootCertStore::empty();
        for root in certificates("certificate authority", authority)? {
            roots.add(root).map_err(|error| GrpcError::tls("certificate authority", error))?;
        }
        check_pair(certificates("own certificate", certificate)?, &key)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: Arc::new(key),
            roots: Arc::new(roots),
            peers: BTreeMap::new(),
        })
    }

    /// As [`TlsConfig::from_pem`], from three files.
    ///
    /// # Errors
    /// An unreadable file, besides those of [`TlsConfig::from_pem`].
    pub fn from_files(
        authority: impl AsRef<Path>,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, GrpcError> {
        let authority = read("certificate authority", authority.as_ref())?;
        let certificate = read("own certificate", certificate.as_ref())?;
        let key = Zeroizing::new(read("private key", key.as_ref())?);
        Self::from_pem(&authority, &certificate, &key)
    }

    /// Adds what is known of `rank`.
    #[must_use]
    pub fn with_peer(mut self, rank: usize, peer: PeerIdentity) -> Self {
        self.peers.insert(rank, peer);
        self
    }

    /// What is known of `rank`.
    pub fn peer(&self, rank: usize) -> Option<&PeerIdentity> {
        self.peers.get(&rank)
    }

    /// The server side: demands a certificate of the authority from everyone who connects.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, GrpcError> {
        let failed = |error: &dyn std::fmt::Display| GrpcError::tls("server", error);
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider())
            .build()
            .map_err(|error| failed(&error))?;
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates("own certificate", &self.certificate)?, self.private_key()?)
            .map_err(|error| failed(&error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// The client side for connections that are not HTTP/2, and the name that the peer must bear.
    pub(crate) fn connector(
        &self,
        peer: &PeerIdentity,
        alpn: Option<&[u8]>,
    ) -> Result<(rustls::ClientConfig, ServerName<'static>), GrpcError> {
        let failed = |error: &dyn std::fmt::Display| GrpcError::tls("client", error);
        let mut config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(peer)?)
            .with_client_auth_cert(certificates("own certificate", &self.certificate)?, self.private_key()?)
            .map_err(|error| failed(&error))?;
        config.alpn_protocols = alpn.map(<[u8]>::to_vec).into_iter().collect();
        let name = ServerName::try_from(peer.server_name.clone()).map_err(|error| failed(&error))?;
        Ok((config, name))
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, GrpcError> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes())
            .map_err(|error| GrpcError::tls("private key", format!("{error:?}")))
    }

    fn verifier(&self, peer: &PeerIdentity) -> Result<Arc<PinnedVerifier>, GrpcError> {
        let chain = WebPkiServerVerifier::builder_with_provider(self.roots.clone(), provider())
            .build()
            .map_err(|error| GrpcError::tls("certificate authority", error))?;
        Ok(Arc::new(PinnedVerifier { chain, peer: peer.clone() }))
    }

    /// The client side towards `peer`, with the verifier that also checks the pinned certificate.
    pub(crate) fn client(
        &self,
        peer: &PeerIdentity,
    ) -> Result<(ClientTlsConfig, Arc<dyn ServerCertVerifier>), GrpcError> {
        install_provider();
        let client = ClientTlsConfig::new()
            .domain_name(peer.server_name.clone())
            .identity(Identity::from_pem(&self.certificate, self.key.as_bytes()))
            // brpc's servers speak HTTP/2 without saying so in the TLS handshake.
            .assume_http2(true)
            .timeout(HANDSHAKE_TIMEOUT);
        Ok((client, self.verifier(peer)?))
    }
}

/// How long a TLS handshake may take.
pub(crate) const HANDSHAKE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Checks chain and name as usual, then that the certificate is a pinned one.
#[derive(Debug)]
struct PinnedVerifier {
    chain: Arc<WebPkiServerVerifier>,
    peer: PeerIdentity,
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified =
            self.chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        if self.peer.is_pinned() && !self.peer.matches(end_entity) {
            return Err(rustls::Error::General(
                "the peer's certificate is not the one pinned for it in the configuration".into(),
            ));
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The server side of the HTTP stack asks for the process-wide provider; whoever installed one first
/// keeps it.
fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn check_pair(chain: Vec<CertificateDer<'static>>, key: &Zeroizing<String>) -> Result<(), GrpcError> {
    let mut parsed = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| {
        GrpcError::tls("private key", format!("{error:?}; an unencrypted PEM key is expected"))
    })?;
    let checked = rustls::sign::CertifiedKey::from_der(chain, parsed.clone_key(), &provider());
    parsed.zeroize();
    checked
        .map(drop)
        .map_err(|error| GrpcError::tls("private key", format!("does not fit the certificate: {error}")))
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, GrpcError> {
    let found = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| GrpcError::tls(what, format!("{error:?}; a PEM certificate is expected")))?;
    if found.is_empty() {
        return Err(GrpcError::tls(what, "no certificate in the PEM text"));
    }
    Ok(found)
}

fn checked_name(name: &str) -> Result<String, GrpcError> {
    ServerName::try_from(name).map_err(|_| {
        GrpcError::tls("peer name", format!("{name:?} is neither a DNS name nor an IP address"))
    })?;
    Ok(name.to_owned())
}

fn read(what: &'static str, path: &Path) -> Result<String, GrpcError> {
    std::fs::read_to_string(path)
        .map_err(|error| GrpcError::tls(what, format!("{}: {error}", path.display())))
}
