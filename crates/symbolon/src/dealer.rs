//! `symbolon dealer`: the trusted dealer, until it is told to stop.

use std::path::Path;

use symbolon_dialect::Construction;
use symbolon_grpc::{DealerConfig, DealerKey, DealerServer, SpuDealerConfig};
use zeroize::Zeroizing;

use crate::cli::DealerOptions;
use crate::config;
use crate::error::{Error, Result};
use crate::{interrupt, network};

/// Serves until the process is interrupted.
///
/// # Errors
/// [`crate::Error::Config`] if the address or the certificates cannot be used, [`crate::Error::Ours`] if the port
/// is taken.
pub fn run(options: &DealerOptions) -> Result<()> {
    if options.until_stdin_closes {
        interrupt::end_with_stdin()?;
    }
    let mut points: toml::Table = options.dialect_set.iter().cloned().collect();
    points.insert("preset".into(), toml::Value::String(options.dialect.clone()));
    let mut config = DealerConfig::new(&config::dialect(&points)?);
    config.limits.max_sessions = options.max_sessions;
    config.limits.session_idle = options.session_timeout.0;
    config.limits.wait_for_parties = options.party_timeout.0;
    config.limits.memory_bytes = options.memory.0;
    // A request holds up to twice its buffers while it is computed.
    config.limits.max_bytes_per_request = config.limits.max_bytes_per_request.min(options.memory.0 / 2);
    if let (Some(ca), Some(cert), Some(key)) = (&options.tls_ca, &options.tls_cert, &options.tls_key) {
        config.tls = Some(symbolon_grpc::TlsConfig::from_files(ca, cert, key)?);
    }
    config.spu = options.spu_key.as_deref().map(|file| spu(file, options.stream)).transpose()?;
    let (with_tls, with_spu) = (config.tls.is_some(), config.spu.is_some());
    let server = DealerServer::start(network::resolve("--listen", &options.listen)?, config)?;
    tracing::info!(address = %server.local_addr(), mutual_tls = with_tls, spu = with_spu, "the dealer is listening");
    if !with_tls && !server.local_addr().ip().is_loopback() {
        tracing::warn!(
            "without TLS anyone who can reach this port can take part in a session: keep strangers out, or give \
             --tls-ca, --tls-cert and --tls-key"
        );
    }
    let _stop = interrupt::on_interrupt(|| tracing::info!("the dealer stops"));
    // Everything else happens on the server's threads; signals end the process.
    loop {
        std::thread::park();
    }
}

/// SPU's service with the key in `file`.
fn spu(file: &Path, stream: Option<Construction>) -> Result<SpuDealerConfig> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new);
    let text = text.map_err(|source| Error::file("read", file, source))?;
    let key = DealerKey::from_pem(&text)
        .map_err(|error| Error::Config(format!("--spu-key: {}: {error}", file.display())))?;
    let config = SpuDealerConfig::new(key);
    Ok(match stream {
        Some(stream) => config.with_stream(stream),
        None => config,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_address_is_a_configuration_error() {
        let error = network::resolve("--listen", "127.0.0.1").unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error}");
    }

    #[test]
    fn a_wrong_key_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none");
        assert!(spu(&missing, None).unwrap_err().to_string().contains("cannot read"));
        let wrong = folder.path().join("wrong.key");
        std::fs::write(&wrong, "secret").unwrap();
        let message = spu(&wrong, None).unwrap_err().to_string();
        assert!(message.contains("wrong.key") && !message.contains("secret"), "{message}");
    }
}
