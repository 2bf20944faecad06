//! Our dealer, with SPU's service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use symbolon_dialect::Dialect;
use symbolon_grpc::{DealerConfig, DealerKey, DealerServer, SpuDealerConfig};

use super::party::Certificates;
use super::{Failure, tell};

#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    listen: SocketAddr,
    /// Where the public key goes.
    public_key: PathBuf,
    /// The private key as PEM; a new one, if not told.
    private_key: Option<String>,
    /// Mutual TLS; the dealer's certificate is the last.
    tls: Option<Certificates>,
}

/// Serves until it is killed.
pub(super) fn play(settings: &Settings) -> Result<Value, Failure> {
    let key = match &settings.private_key {
        Some(pem) => DealerKey::from_pem(pem)?,
        None => DealerKey::generate()?,
    };
    std::fs::write(&settings.public_key, key.public_key().to_pem()?)?;
    let mut config = DealerConfig::new(&Dialect::spu());
    config.spu = Some(SpuDealerConfig::new(key));
    if let Some(certificates) = &settings.tls {
        config.tls = Some(certificates.of_last()?);
    }
    let server = DealerServer::start(settings.listen, config)?;
    tell(&json!({ "ready": server.local_addr() }));
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
