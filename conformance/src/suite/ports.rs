//! Ports for testees, which bind theirs by themselves.

use std::io::{ErrorKind, Read as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Below the range of outgoing connections: a port that is free now is not taken by one before the testee listens.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// An address of 127.0.0.1 that nobody listens on; never the same twice in a row.
///
/// # Errors
/// When there is none.
pub(super) fn free() -> Result<String, String> {
    static CURSOR: AtomicU16 = AtomicU16::new(0);
    // Suites that run at the same time begin at different places.
    let start = (std::process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = CURSOR.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + ((u32::from(start) * 7919 + u32::from(step)) % u32::from(COUNT)) as u16;
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return Ok(address);
        }
    }
    Err(format!("no port between {FIRST} and {} is free", FIRST + COUNT))
}

/// Whether a server answers there or keeps a connection. The listener with which [`free`] looked can outlive it for a
/// moment, in a process that another case is just starting; a connection to that one is reset.
pub(super) fn is_served(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    if stream.set_read_timeout(Some(Duration::from_millis(25))).is_err() {
        return false;
    }
    match stream.read(&mut [0]) {
        Ok(read) => read > 0,
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_serves() {
        let address = free().unwrap();
        assert!(!is_served(&address));
        // A listener that nobody accepts from keeps connections, as a server that is busy does.
        let listener = TcpListener::bind(&address).unwrap();
        assert!(is_served(&address));
        drop(listener);
        assert!(!is_served(&address));
        // One that is closed while the caller waits.
        let listener = TcpListener::bind(&address).unwrap();
        let closing = std::thread::spawn(move || drop(listener.accept()));
        assert!(!is_served(&address));
        closing.join().unwrap();
    }
}
