//! Free addresses on this machine, for the demo and for tests.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which systems take the ports of outgoing connections: such a port, once seen free, is
/// not taken by a connection before the process that it is meant for listens.
const PORTS: std::ops::Range<u16> = 10_240..32_768;

/// `count` different addresses of 127.0.0.1 that nobody listens on; never the same twice in one process.
///
/// # Errors
/// When there are not as many.
pub fn free_addresses(count: usize) -> std::io::Result<Vec<String>> {
    static CURSOR: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    // Processes that look at the same time begin at different places.
    let start = std::process::id().wrapping_mul(7919) % u32::from(span);
    let mut addresses = Vec::with_capacity(count);
    for _ in 0..span {
        if addresses.len() == count {
            return Ok(addresses);
        }
        let step = u32::from(CURSOR.fetch_add(1, Ordering::Relaxed));
        let port = u32::from(PORTS.start) + (start + step) % u32::from(span);
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            addresses.push(address);
        }
    }
    Err(std::io::Error::new(std::io::ErrorKind::AddrInUse, "every port below the outgoing ones is taken"))
}
