//! Ports for testees, which bind theirs by themselves.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

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
