//! A wide-area line in one process: what comes in at one address goes out to another, later and no faster than the line.
//!
//! Each direction is a line of its own: a piece waits until those before it are out, takes its length over the
//! bandwidth, and arrives half a round trip later. TCP's own windows are those of the loopback on either side.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use symbolon::loopback::free_addresses;

/// Bytes that travel as one.
const PIECE: usize = 8 << 10;

/// Pieces on the way at most, before the sender has to wait.
const PIECES: usize = 256;

/// A round trip and a bandwidth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) round_trip: Duration,
    /// Bytes per second, in each direction.
    pub(super) bandwidth: f64,
}

impl Line {
    fn duration(self, bytes: usize) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.bandwidth)
    }

    /// Puts a line before the server at `to`. The address at which callers find its end, for as long as this process
    /// lives.
    pub(super) fn before(self, to: &str) -> Result<String, String> {
        let address = free_addresses(1).map_err(|error| error.to_string())?.concat();
        let listener = TcpListener::bind(&address).map_err(|error| format!("{address}: {error}"))?;
        let to = to.to_owned();
        // Whatever passes in one direction shares it, over however many connections.
        let (there, back) = (Direction::new(self), Direction::new(self));
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                // A caller that comes before the server is turned away, as by a closed port.
                if let Ok(server) = TcpStream::connect(&to) {
                    let _ = join(&caller, &server, &there, &back);
                }
            }
        });
        Ok(address)
    }
}

fn join(caller: &TcpStream, server: &TcpStream, there: &Direction, back: &Direction) -> std::io::Result<()> {
    for stream in [caller, server] {
        stream.set_nodelay(true)?;
    }
    there.carry(caller.try_clone()?, server.try_clone()?);
    back.carry(server.try_clone()?, caller.try_clone()?);
    Ok(())
}

/// One direction of a line, and the moment at which it is free again.
#[derive(Clone)]
struct Direction {
    line: Line,
    free: Arc<Mutex<Instant>>,
}

/// A piece, and when it arrives.
type Piece = (Instant, Vec<u8>);

impl Direction {
    fn new(line: Line) -> Self {
        Self { line, free: Arc::new(Mutex::new(Instant::now())) }
    }

    fn carry(&self, from: TcpStream, to: TcpStream) {
        let (enters, leaves) = sync_channel(PIECES);
        let direction = self.clone();
        thread::spawn(move || direction.take_in(from, &enters));
        thread::spawn(move || hand_out(&leaves, to));
    }

    fn take_in(&self, mut from: TcpStream, enters: &SyncSender<Piece>) {
        let mut buffer = vec![0; PIECE];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let piece = (self.arrival(read), buffer[..read].to_vec());
            if enters.send(piece).is_err() {
                break;
            }
        }
    }

    fn arrival(&self, bytes: usize) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = (*free).max(Instant::now()) + self.line.duration(bytes);
        *free + self.line.round_trip / 2
    }
}

fn hand_out(leaves: &Receiver<Piece>, mut to: TcpStream) {
    for (arrival, piece) in leaves {
        thread::sleep(arrival.saturating_duration_since(Instant::now()));
        if to.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes come out as they went in, in both directions, and not before half a round trip.
    #[test]
    fn bytes_pass_and_take_their_time() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let line = Line { round_trip: Duration::from_millis(60), bandwidth: 1e6 };
        let front = line.before(&server.local_addr().unwrap().to_string()).unwrap();
        let sent: Vec<u8> = (0..50_000_u32).map(|at| at as u8).collect();
        let start = Instant::now();
        let mut caller = TcpStream::connect(front).unwrap();
        caller.write_all(&sent).unwrap();
        caller.shutdown(Shutdown::Write).unwrap();
        let (mut served, _) = server.accept().unwrap();
        let mut got = Vec::new();
        served.read_to_end(&mut got).unwrap();
        // 30 ms on the way, and 50 ms on the line: a lower bound that no machine is too slow for.
        assert!(start.elapsed() >= Duration::from_millis(80));
        assert_eq!(got, sent);
        served.write_all(&got).unwrap();
        drop(served);
        let mut back = Vec::new();
        caller.read_to_end(&mut back).unwrap();
        assert_eq!(back, sent);
    }
}
