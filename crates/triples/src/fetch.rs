//! The thread that asks the dealer ahead of need.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{Builder, JoinHandle},
};

use symbolon_ring::Ring;

use crate::{AdjustRequest, Corrections, Dealer, DealerError, Pending, TriplesError};

/// How far the fetching runs ahead: corrections asked for and not yet drawn.
///
/// One request is always let through, however large. Once the limits are reached, further requests wait until no more
/// than half of either is used, and then start together: one after the other, each would wake a chain of threads and the
/// dealer by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// Requests (default 32).
    pub max_requests: usize,
    /// Bytes of their corrections together (default 64 MiB).
    pub max_bytes: u64,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { max_requests: 32, max_bytes: 64 << 20 }
    }
}

struct State<R> {
    /// Requests not yet started.
    wanted: VecDeque<AdjustRequest>,
    /// Requests started and not yet taken, with the bytes that they count for.
    started: VecDeque<(Pending<R>, u64)>,
    /// Bytes of all that is in `started`, and of the one that is being started.
    bytes: u64,
    /// Requests in `started`, and the one that is being started.
    requests: usize,
    /// No more is to be started.
    closed: bool,
    /// The thread has ended.
    ended: bool,
}

impl<R> State<R> {
    /// Whether a request whose corrections have so many bytes is within the limits.
    fn fits(&self, ahead: Ahead, bytes: u64) -> bool {
        self.requests == 0
            || (self.requests < ahead.max_requests && self.bytes.saturating_add(bytes) <= ahead.max_bytes)
    }

    /// Whether at most half of the limits is used.
    fn is_half_used(&self, ahead: Ahead) -> bool {
        self.requests == 0 || (self.requests <= ahead.max_requests / 2 && self.bytes <= ahead.max_bytes / 2)
    }
}

struct Shared<R> {
    state: Mutex<State<R>>,
    changed: Condvar,
}

impl<R> Shared<R> {
    /// A panicking holder leaves the state consistent: every change is a single step.
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<R>>) -> MutexGuard<'a, State<R>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

/// Owns the thread; corrections come out in the order in which they were wanted.
pub(crate) struct Fetcher<R: Ring> {
    shared: Arc<Shared<R>>,
    ahead: Ahead,
    thread: Option<JoinHandle<()>>,
}

impl<R: Ring> Fetcher<R> {
    pub(crate) fn spawn(dealer: Box<dyn Dealer<R>>, ahead: Ahead) -> Result<Self, TriplesError> {
        let state = State {
            wanted: VecDeque::new(),
            started: VecDeque::new(),
            bytes: 0,
            requests: 0,
            closed: false,
            ended: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let for_thread = Arc::clone(&shared);
        let thread = Builder::new()
            .name("symbolon-corrections".into())
            .spawn(move || run(&for_thread, dealer, ahead))
            .map_err(|_| TriplesError::OursThread("could not be started"))?;
        Ok(Self { shared, ahead, thread: Some(thread) })
    }

    /// Wants the corrections of `request`.
    pub(crate) fn want(&self, request: AdjustRequest) {
        let mut state = self.shared.lock();
        state.wanted.push_back(request);
        // With others before it, the thread does not wait for this one.
        if state.wanted.len() == 1 {
            drop(state);
            self.shared.changed.notify_all();
        }
    }

    /// The corrections of the oldest request not yet taken; waits for them.
    pub(crate) fn take(&self) -> Result<Corrections<R>, DealerError> {
        let mut state = self.shared.lock();
        loop {
            if let Some((pending, bytes)) = state.started.pop_front() {
                drop(state);
                // Waiting happens here, outside the lock, while the thread may start further requests.
                let corrections = pending();
                let mut state = self.shared.lock();
                state.bytes = state.bytes.saturating_sub(bytes);
                state.requests = state.requests.saturating_sub(1);
                if state.is_half_used(self.ahead) {
                    self.shared.changed.notify_all();
                }
                return corrections;
            }
            if state.ended {
                return Err(DealerError::Network("the thread that asks it has stopped".into()));
            }
            state = self.shared.wait(state);
        }
    }
}

impl<R: Ring> Drop for Fetcher<R> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.wanted.clear();
        drop(state);
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // `run` never panics: a panicking dealer was caught and told as an error.
            let _ = thread.join();
        }
    }
}

fn run<R: Ring>(shared: &Shared<R>, mut dealer: Box<dyn Dealer<R>>, ahead: Ahead) {
    let mut state = shared.lock();
    let mut full = false;
    while !state.closed {
        full &= !state.is_half_used(ahead);
        let next = state.wanted.front().map(|request| request.op.correction_bytes(R::FIELD));
        full |= next.is_some_and(|bytes| !state.fits(ahead, bytes));
        let Some(bytes) = next.filter(|_| !full) else {
            state = shared.wait(state);
            continue;
        };
        let Some(request) = state.wanted.pop_front() else { continue };
        state.bytes = state.bytes.saturating_add(bytes);
        state.requests += 1;
        drop(state);
        let pending = catch_unwind(AssertUnwindSafe(|| dealer.start(request)));
        let broken = pending.is_err();
        let pending = pending.unwrap_or_else(|_| {
            Box::new(|| Err(DealerError::Network("its client panicked; see the panic message above".into())))
        });
        state = shared.lock();
        state.started.push_back((pending, bytes));
        state.closed |= broken;
        shared.changed.notify_all();
    }
    state.ended = true;
    shared.changed.notify_all();
}
