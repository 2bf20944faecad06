//! Links between parties of one process, for tests.
//!
//! Frames are delivered in the thread that pushes them, so the order is that of the calls. A [`Fault`] hook
//! can lose, repeat, hold back, change or split frames; [`Network::kill`] takes a party away.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use symbolon_dialect::Dialect;

use crate::{Carrier, Completion, Frame, Inbox, Link, LinkConfig, LinkError, PushError, Rank, Rejection};

/// How often a frame is pushed before its loss is reported.
const ATTEMPTS: usize = 5;
/// How often held frames are looked at.
const TICK: Duration = Duration::from_millis(1);
/// How long a frame is held for a full mailbox.
const FULL_WAIT: Duration = Duration::from_secs(20);

/// What happens to one attempt to push a frame.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing unusual.
    None,
    /// The frame is lost on the way; the carrier tries again, up to five times.
    LoseFrame,
    /// The frame arrives, the answer is lost; the carrier tries again, up to five times.
    LoseAnswer,
    /// The frame arrives twice.
    Repeat,
    /// The frame is held for this long while others pass.
    Hold(Duration),
    /// Other frames arrive in its place: changed, or split.
    Replace(Vec<Frame>),
    /// The push fails for good.
    Fail(PushError),
}

/// Decides about each attempt: sender, receiver, frame.
pub type FaultHook = Box<dyn FnMut(Rank, Rank, &Frame) -> Fault + Send>;

/// A frame that waits to be delivered.
struct Held {
    from: Rank,
    to: Rank,
    frame: Frame,
    done: Completion,
    due: Instant,
    give_up: Instant,
}

#[derive(Default)]
struct State {
    inboxes: Vec<Option<Arc<Inbox>>>,
    dead: Vec<bool>,
    held: Vec<Held>,
    ticking: bool,
}

/// The wires between the links of one process.
pub struct Network {
    state: Mutex<State>,
    hook: Mutex<Option<FaultHook>>,
    me: OnceLock<Weak<Network>>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

/// `world_size` links with default limits.
///
/// # Panics
/// Never: default configurations are valid.
pub fn network(world_size: usize, dialect: &Dialect) -> Vec<Link> {
    let configs = (0..world_size).map(|rank| LinkConfig::new(rank, world_size, dialect)).collect();
    Network::start(configs).map(|(_, links)| links).unwrap_or_default()
}

impl Network {
    /// One link per configuration, in order; ranks must be 0, 1, 2, ….
    ///
    /// # Errors
    /// A configuration that cannot work, or ranks out of order.
    pub fn start(configs: Vec<LinkConfig>) -> Result<(Arc<Self>, Vec<Link>), LinkError> {
        let parties = configs.len();
        let state = State { inboxes: vec![None; parties], dead: vec![false; parties], ..State::default() };
        let network =
            Arc::new(Self { state: Mutex::new(state), hook: Mutex::new(None), me: OnceLock::new() });
        let _ = network.me.set(Arc::downgrade(&network));
        let mut links = Vec::with_capacity(parties);
        for (rank, config) in configs.into_iter().enumerate() {
            if config.rank != rank {
                return Err(LinkError::Config(format!("configuration {rank} is for rank {}", config.rank)));
            }
            let link = Link::new(config, network.carrier(rank))?;
            network.attach(rank, link.inbox());
            links.push(link);
        }
        Ok((network, links))
    }

    /// A carrier that sends as `rank`, to build a [`Link`] around (a recorder, say).
    pub fn carrier(self: &Arc<Self>, rank: Rank) -> Arc<dyn Carrier> {
        Arc::new(Wire { network: self.clone(), rank })
    }

    /// Delivers what is sent to `rank` into `inbox` from now on.
    pub fn attach(&self, rank: Rank, inbox: Arc<Inbox>) {
        if let Some(slot) = self.lock().inboxes.get_mut(rank) {
            *slot = Some(inbox);
        }
    }

    /// Calls `hook` for every attempt from now on.
    pub fn set_faults(&self, hook: impl FnMut(Rank, Rank, &Frame) -> Fault + Send + 'static) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
    }

    /// `rank` is gone: pushes to it, by it and probes of it fail.
    pub fn kill(&self, rank: Rank) {
        if let Some(dead) = self.lock().dead.get_mut(rank) {
            *dead = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self, from: Rank, to: Rank) -> Result<Arc<Inbox>, PushError> {
        let state = self.lock();
        for rank in [from, to] {
            if state.dead.get(rank).copied().unwrap_or(true) {
                return Err(PushError::Unreachable(format!("rank {rank} is not there")));
            }
        }
        let inbox = state.inboxes.get(to).and_then(Option::as_ref);
        inbox.cloned().ok_or_else(|| PushError::Unreachable(format!("rank {to} does not listen yet")))
    }

    fn push(&self, from: Rank, to: Rank, frame: Frame, done: Completion) {
        for _ in 0..ATTEMPTS {
            let fault = match self.hook.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                Some(hook) => hook(from, to, &frame),
                None => Fault::None,
            };
            match fault {
                Fault::None => return self.hand_over(from, to, frame, Instant::now() + FULL_WAIT, done),
                Fault::LoseFrame => {}
                Fault::LoseAnswer => {
                    self.hand_over(from, to, frame.clone(), Instant::now(), Box::new(|_| {}))
                }
                Fault::Repeat => {
                    self.hand_over(from, to, frame.clone(), Instant::now(), Box::new(|_| {}));
                    return self.hand_over(from, to, frame, Instant::now() + FULL_WAIT, done);
                }
                Fault::Hold(time) => {
                    let due = Instant::now() + time;
                    return self.hold(Held { from, to, frame, done, due, give_up: due + FULL_WAIT });
                }
                Fault::Replace(frames) => return self.replace(from, to, frames, done),
                Fault::Fail(error) => return done(Err(error)),
            }
        }
        done(Err(PushError::Unreachable(format!("rank {to}: {ATTEMPTS} attempts were lost"))));
    }

    /// Delivers several frames; the push succeeds if all do.
    fn replace(&self, from: Rank, to: Rank, frames: Vec<Frame>, done: Completion) {
        if frames.is_empty() {
            return done(Ok(()));
        }
        let open = Arc::new(Mutex::new((frames.len(), Ok(()), Some(done))));
        for frame in frames {
            let open = open.clone();
            let note = move |outcome: Result<(), PushError>| {
                let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
                open.0 -= 1;
                if open.1.is_ok() {
                    open.1 = outcome;
                }
                if open.0 == 0
                    && let Some(done) = open.2.take()
                {
                    let outcome = open.1.clone();
                    drop(open);
                    done(outcome);
                }
            };
            self.hand_over(from, to, frame, Instant::now() + FULL_WAIT, Box::new(note));
        }
    }

    fn hand_over(&self, from: Rank, to: Rank, frame: Frame, give_up: Instant, done: Completion) {
        let outcome = match self.alive(from, to) {
            Err(error) => Err(error),
            Ok(inbox) => match inbox.deliver(frame.clone()) {
                Err(Rejection { retry_later: true, .. }) if Instant::now() < give_up => {
                    let due = Instant::now() + TICK;
                    return self.hold(Held { from, to, frame, done, due, give_up });
                }
                Err(rejection) => {
                    Err(PushError::Refused { code: rejection.code, message: rejection.message })
                }
                Ok(()) => Ok(()),
            },
        };
        done(outcome);
    }

    fn hold(&self, held: Held) {
        let mut state = self.lock();
        state.held.push(held);
        if !std::mem::replace(&mut state.ticking, true) {
            let me = self.me.get().cloned().unwrap_or_default();
            std::thread::spawn(move || {
                loop {
                    std::thread::sleep(TICK);
                    match me.upgrade() {
                        Some(network) if network.tick() => {}
                        _ => break,
                    }
                }
            });
        }
    }

    /// Delivers what is due; false when nothing is held any more.
    fn tick(&self) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        if state.held.is_empty() {
            state.ticking = false;
            return false;
        }
        let (due, later) = std::mem::take(&mut state.held).into_iter().partition(|held| held.due <= now);
        state.held = later;
        drop(state);
        for Held { from, to, frame, done, give_up, .. } in due {
            self.hand_over(from, to, frame, give_up, done);
        }
        true
    }
}

/// One party's way into the network.
struct Wire {
    network: Arc<Network>,
    rank: Rank,
}

impl Carrier for Wire {
    fn push(&self, to: Rank, frame: Frame, done: Completion) {
        self.network.push(self.rank, to, frame, done);
    }

    fn probe(&self, to: Rank) -> Result<(), PushError> {
        self.network.alive(self.rank, to).map(drop)
    }
}
