//! Our dealer, with SPU's service.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
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
    /// It dies in the middle of this HTTP answer, counted from 1.
    dies_in_answer: Option<usize>,
}

/// Serves until it is killed, or dies of itself.
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
    let listen = match settings.dies_in_answer {
        Some(_) => SocketAddr::from(([127, 0, 0, 1], 0)),
        None => settings.listen,
    };
    let server = DealerServer::start(listen, config)?;
    if let Some(answer) = settings.dies_in_answer {
        die_in_answer(answer, TcpListener::bind(settings.listen)?, server.local_addr());
    }
    tell(&json!({ "ready": settings.listen }));
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Passes every connection on to the server behind, and ends the process when the answer with this number has begun.
fn die_in_answer(answer: usize, front: TcpListener, server: SocketAddr) {
    let begun = Arc::new(AtomicUsize::new(0));
    thread::spawn(move || {
        for caller in front.incoming().flatten() {
            let begun = begun.clone();
            thread::spawn(move || pass(&caller, server, &begun, answer));
        }
    });
}

fn pass(caller: &TcpStream, server: SocketAddr, begun: &AtomicUsize, answer: usize) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    let (mut requests, mut to_server) = (caller.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut requests, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut server, mut caller) = (server, caller);
    let mut buffer = [0; 1 << 16];
    loop {
        let read = server.read(&mut buffer)?;
        let part = buffer.get(..read).unwrap_or_default();
        if part.is_empty() {
            return caller.shutdown(Shutdown::Write);
        }
        if part.starts_with(b"HTTP/1.1 ") && begun.fetch_add(1, Ordering::Relaxed) + 1 == answer {
            // The head, and one byte of the body.
            let head = part.windows(4).position(|end| end == b"\r\n\r\n").map_or(read, |at| at + 5);
            caller.write_all(part.get(..head).unwrap_or(part))?;
            // As by a signal: the kernel closes what is open.
            std::process::abort();
        }
        caller.write_all(part)?;
    }
}
