//! Ctrl-C and SIGTERM: unfinished files are removed, the link is aborted, then the process ends.

use std::sync::Mutex;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::{Error, Result};
use crate::output;

type Hook = (u64, Box<dyn FnOnce() + Send>);

static HOOKS: Mutex<Vec<Hook>> = Mutex::new(Vec::new());
static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// Something to do when the process is interrupted; forgotten again when dropped.
#[must_use]
pub struct OnInterrupt(u64);

/// Registers `action` for the time that the returned guard lives.
pub fn on_interrupt(action: impl FnOnce() + Send + 'static) -> OnInterrupt {
    let id = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    HOOKS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((id, Box::new(action)));
    OnInterrupt(id)
}

impl Drop for OnInterrupt {
    fn drop(&mut self) {
        HOOKS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).retain(|(id, _)| *id != self.0);
    }
}

/// Starts to watch for SIGINT and SIGTERM. On the first of them the process removes what it was
/// writing, runs the registered actions and exits with 130 (SIGINT) or 143 (SIGTERM).
///
/// # Errors
/// [`Error::Ours`] if the system refuses the handler.
pub fn install() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|failure| Error::Ours(format!("cannot watch for Ctrl-C: {failure}")))?;
    thread("signals", move || {
        if let Some(signal) = signals.forever().next() {
            stop("interrupted", 128 + signal);
        }
    })
}

/// Ends the process, as a SIGTERM would, when standard input is closed: whoever holds its other end is
/// gone.
///
/// # Errors
/// [`Error::Ours`] if the system gives no thread.
pub fn end_with_stdin() -> Result<()> {
    thread("stdin", || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        stop("standard input was closed", 128 + SIGTERM);
    })
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let started = std::thread::Builder::new().name(name.into()).spawn(body);
    started.map(drop).map_err(|failure| Error::Ours(format!("cannot start a thread: {failure}")))
}

fn stop(why: &str, code: i32) -> ! {
    output::abandon_all();
    let hooks = std::mem::take(&mut *HOOKS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    for (_, action) in hooks {
        action();
    }
    eprintln!("{why}: unfinished files are removed");
    std::process::exit(code)
}
