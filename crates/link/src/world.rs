//! The state that a link, its channels and its inbox share: one lock per peer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::{Action, Failure};
use crate::key::Key;
use crate::mailbox::Mailbox;
use crate::outbox::{Limits, Outbox, Parcel, Ticket};
use crate::presence::Presence;
use crate::{Carrier, Frame, LinkConfig, LinkError, PushError, Rank};

/// Sees every frame that the inbox accepts, in the order of acceptance.
pub(crate) type Observer = dyn Fn(&Frame) + Send + Sync;

/// Both directions with one peer.
pub(crate) struct PeerState {
    pub(crate) mailbox: Mailbox,
    pub(crate) outbox: Outbox,
    pub(crate) failure: Option<Failure>,
    pub(crate) aborted: Option<String>,
    pub(crate) finishing: bool,
    /// Something was accepted from it.
    pub(crate) is_there: bool,
    /// When a frame last came.
    pub(crate) heard: Instant,
    /// Why the last refused frame was refused, for the error of a timeout.
    pub(crate) refused: Option<String>,
    /// A thread is pushing; it will push whatever else is added.
    pumping: bool,
    /// Waits that any change may end; those for a message do not count.
    attentive: usize,
    /// Something has happened that may end the wait for a message.
    pub(crate) news: bool,
}

pub(crate) struct Peer {
    state: Mutex<PeerState>,
    changed: Condvar,
}

impl Peer {
    pub(crate) fn lock(&self) -> MutexGuard<'_, PeerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Gives the state back, and wakes whom the change may concern. Whoever waits for a message is not woken by
    /// acknowledgements and answers, of which there are several for each message.
    pub(crate) fn changed(&self, mut state: MutexGuard<'_, PeerState>) {
        let concerns = std::mem::take(&mut state.news) || state.attentive > 0;
        drop(state);
        if concerns {
            self.notify();
        }
    }
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) sent_messages: AtomicU64,
    pub(crate) sent_bytes: AtomicU64,
    pub(crate) received_messages: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
}

impl Counters {
    fn sent(&self, bytes: usize) {
        self.sent_messages.fetch_add(1, Ordering::Relaxed);
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn received(&self, bytes: usize) {
        self.received_messages.fetch_add(1, Ordering::Relaxed);
        self.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// What a wait found.
pub(crate) enum Progress<T> {
    /// What was waited for.
    Ready(T),
    /// Not yet.
    Pending,
    /// It cannot come any more.
    Never,
}

/// What a wait is for.
#[derive(Clone, Copy)]
pub(crate) struct Waiting<'a> {
    pub(crate) peer: Rank,
    pub(crate) action: Action,
    pub(crate) key: &'a Key,
    pub(crate) what: &'static str,
    /// Whether any change of the peer's state may end it; otherwise only what sets [`PeerState::news`].
    pub(crate) attentive: bool,
}

impl Waiting<'_> {
    pub(crate) fn aborted(&self, reason: &str) -> LinkError {
        LinkError::OursAborted {
            peer: self.peer,
            action: self.action,
            key: self.key.to_string(),
            reason: reason.to_owned(),
        }
    }

    pub(crate) fn failed(&self, cause: &Failure) -> LinkError {
        LinkError::PeerFailed {
            peer: self.peer,
            action: self.action,
            key: self.key.to_string(),
            cause: Box::new(cause.clone()),
        }
    }

    fn finished(&self) -> LinkError {
        LinkError::PeerFinished { peer: self.peer, action: self.action, key: self.key.to_string() }
    }
}

pub(crate) struct World {
    pub(crate) config: LinkConfig,
    pub(crate) carrier: Arc<dyn Carrier>,
    /// `None` at the own rank.
    peers: Vec<Option<Peer>>,
    pub(crate) presence: Presence,
    pub(crate) counters: Counters,
    pub(crate) observer: OnceLock<Box<Observer>>,
}

impl World {
    pub(crate) fn new(config: LinkConfig, carrier: Arc<dyn Carrier>) -> Self {
        let limits = Limits {
            chunk_size: config.chunk_size,
            chunks_in_flight: config.chunks_in_flight,
            window: config.throttle_window,
            backlog_bytes: config.backlog_bytes,
            numbered: config.sequence_numbers,
        };
        let peer = |_| Peer {
            state: Mutex::new(PeerState {
                mailbox: Mailbox::new(config.max_message_bytes, config.mailbox_bytes),
                outbox: Outbox::new(limits),
                failure: None,
                aborted: None,
                finishing: false,
                is_there: false,
                heard: Instant::now(),
                refused: None,
                pumping: false,
                attentive: 0,
                news: false,
            }),
            changed: Condvar::new(),
        };
        let peers = (0..config.world_size).map(|rank| (rank != config.rank).then(|| peer(rank))).collect();
        let presence = Presence::new(config.world_size);
        Self { config, carrier, peers, presence, counters: Counters::default(), observer: OnceLock::new() }
    }

    /// The other ranks.
    pub(crate) fn others(&self) -> impl Iterator<Item = Rank> + use<> {
        let own = self.config.rank;
        (0..self.config.world_size).filter(move |rank| *rank != own)
    }

    /// The peer of that rank, unless there is none or it is the own rank.
    pub(crate) fn find(&self, rank: Rank) -> Option<&Peer> {
        self.peers.get(rank).and_then(Option::as_ref)
    }

    pub(crate) fn peer(&self, rank: Rank, action: Action) -> Result<&Peer, LinkError> {
        self.find(rank).ok_or_else(|| LinkError::OursMisuse {
            action,
            reason: format!(
                "rank {rank} is not another party; this is rank {} of {}",
                self.config.rank, self.config.world_size
            ),
        })
    }

    /// Queues a message and pushes what may go. Blocks only while the backlog is full.
    pub(crate) fn send(
        self: &Arc<Self>,
        to: Rank,
        action: Action,
        key: Key,
        value: Bytes,
    ) -> Result<(), LinkError> {
        self.peer(to, action)?;
        let bytes = value.len();
        let waiting = Waiting {
            peer: to,
            action,
            key: &key,
            what: "room behind unacknowledged messages",
            attentive: true,
        };
        let mut value = Some(value);
        self.wait(waiting, self.config.receive_timeout, |state| {
            if state.finishing {
                return Progress::Ready(Err(LinkError::OursFinished { peer: to, action }));
            }
            if let Some(reason) = &state.aborted {
                return Progress::Ready(Err(waiting.aborted(reason)));
            }
            if let Some(failure) = &state.failure {
                return Progress::Ready(Err(waiting.failed(failure)));
            }
            if !state.outbox.has_room(bytes) {
                return Progress::Pending;
            }
            if let Some(value) = value.take() {
                state.outbox.send(key.clone(), action, value);
            }
            Progress::Ready(Ok(()))
        })??;
        self.counters.sent(bytes);
        self.pump(to);
        Ok(())
    }

    /// The message under `key`, acknowledged if it is numbered.
    pub(crate) fn receive(
        self: &Arc<Self>,
        from: Rank,
        action: Action,
        key: &Key,
    ) -> Result<Bytes, LinkError> {
        let peer = self.peer(from, action)?;
        peer.lock().mailbox.want(key);
        let waiting = Waiting { peer: from, action, key, what: "the message", attentive: false };
        let outcome = self.wait(waiting, self.config.receive_timeout, |state| {
            if state.aborted.is_some() {
                return Progress::Pending; // which the wait turns into the error
            }
            if let Some(message) = state.mailbox.take(key) {
                message.number.into_iter().for_each(|number| state.outbox.acknowledge(number));
                return Progress::Ready(Ok(message.value));
            }
            if state.finishing {
                return Progress::Ready(Err(LinkError::OursFinished { peer: from, action }));
            }
            let is_over = state.mailbox.fin_count().is_some_and(|count| count > 0) && state.mailbox.is_all();
            if is_over { Progress::Never } else { Progress::Pending }
        });
        peer.lock().mailbox.unwant(key);
        let value = outcome??;
        self.counters.received(value.len());
        self.pump(from);
        Ok(value)
    }

    /// Waits until `check` is ready, the peer fails, the link is aborted, or the time is over; probes a
    /// silent peer. A timeout is a failure of the peer.
    pub(crate) fn wait<T>(
        self: &Arc<Self>,
        waiting: Waiting<'_>,
        timeout: Duration,
        check: impl FnMut(&mut PeerState) -> Progress<T>,
    ) -> Result<T, LinkError> {
        let peer = self.peer(waiting.peer, waiting.action)?;
        let attentive = usize::from(waiting.attentive);
        peer.lock().attentive += attentive;
        let outcome = self.wait_for(peer, waiting, timeout, check);
        peer.lock().attentive -= attentive;
        outcome
    }

    fn wait_for<T>(
        self: &Arc<Self>,
        peer: &Peer,
        waiting: Waiting<'_>,
        timeout: Duration,
        mut check: impl FnMut(&mut PeerState) -> Progress<T>,
    ) -> Result<T, LinkError> {
        let start = Instant::now();
        let mut probed = start;
        let mut state = peer.lock();
        loop {
            let progress = check(&mut state);
            if let Progress::Ready(value) = progress {
                return Ok(value);
            }
            if let Some(reason) = &state.aborted {
                return Err(waiting.aborted(reason));
            }
            if let Some(failure) = &state.failure {
                return Err(waiting.failed(failure));
            }
            if let Progress::Never = progress {
                return Err(waiting.finished());
            }
            let now = Instant::now();
            let waited = now - start;
            let Some(left) = timeout.checked_sub(waited).filter(|left| !left.is_zero()) else {
                let note = state.refused.as_ref().map_or_else(String::new, |reason| {
                    format!("; the last frame refused from rank {}: {reason}", waiting.peer)
                });
                let (action, key) = (waiting.action, waiting.key.to_string());
                fail(&mut state, Failure::Timeout { action, key: key.clone(), waited });
                peer.notify();
                return Err(LinkError::PeerTimeout {
                    peer: waiting.peer,
                    action,
                    key,
                    waited,
                    what: waiting.what,
                    note,
                });
            };
            let silent = now.saturating_duration_since(state.heard.max(probed));
            let Some(patience) = self.config.idle_timeout.checked_sub(silent).filter(|left| !left.is_zero())
            else {
                if waiting.action != Action::Finish
                    && state.mailbox.fin_count().is_some()
                    && state.mailbox.is_all()
                {
                    // An unnumbered peer said FIN, and nothing is under way any more.
                    return Err(waiting.finished());
                }
                let heard = state.heard;
                // The peer's window may be full of messages that are read later than this one.
                for number in state.mailbox.acknowledge_unread() {
                    state.outbox.acknowledge(number);
                }
                drop(state);
                self.pump(waiting.peer);
                let outcome = self.carrier.probe(waiting.peer);
                probed = Instant::now();
                state = peer.lock();
                if let Err(error) = outcome
                    && state.heard == heard
                {
                    let silent = probed.saturating_duration_since(heard);
                    fail(&mut state, Failure::Probe { silent, error });
                    peer.notify();
                }
                continue;
            };
            state = peer
                .changed
                .wait_timeout(state, left.min(patience))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Pushes everything that may go to `to`. Only one thread at a time does; it never recurses, however
    /// the carrier calls back.
    pub(crate) fn pump(self: &Arc<Self>, to: Rank) {
        let Some(peer) = self.find(to) else { return };
        let mut state = peer.lock();
        if std::mem::replace(&mut state.pumping, true) {
            return;
        }
        while let Some(parcel) = state.outbox.next() {
            drop(state);
            self.push(to, parcel);
            state = peer.lock();
        }
        state.pumping = false;
        peer.changed(state);
    }

    fn push(self: &Arc<Self>, to: Rank, parcel: Parcel) {
        let Parcel { ticket, wire_key, value, chunk } = parcel;
        let frame = Frame { sender: self.config.rank as u64, key: wire_key, value, chunk };
        let world = Arc::downgrade(self);
        let done = move |outcome| {
            if let Some(world) = world.upgrade() {
                world.answered(to, &ticket, outcome);
            }
        };
        self.carrier.push(to, frame, Box::new(done));
    }

    fn answered(self: &Arc<Self>, to: Rank, ticket: &Ticket, outcome: Result<(), PushError>) {
        let Some(peer) = self.find(to) else { return };
        let mut state = peer.lock();
        state.outbox.answered(ticket);
        if let Err(error) = outcome {
            fail(&mut state, Failure::Push { action: ticket.action, key: ticket.key.to_string(), error });
        }
        peer.changed(state);
        self.pump(to);
    }

    /// Ends every wait and refuses every later operation. A peer that is there is told by FIN, so that it
    /// need not wait for what will not come; what it has sent so far is acknowledged, so that it can end too.
    pub(crate) fn abort(self: &Arc<Self>, reason: &str) {
        for rank in self.others() {
            let Some(peer) = self.find(rank) else { continue };
            let mut state = peer.lock();
            if state.aborted.is_some() {
                continue;
            }
            state.aborted = Some(reason.to_owned());
            if self.config.fin && state.failure.is_none() && !state.finishing {
                let unread = state.mailbox.stop_reading();
                let is_there = state.is_there;
                state.outbox.abandon(is_there, unread);
            } else {
                state.outbox.clear();
            }
            drop(state);
            peer.notify();
            self.pump(rank);
        }
        self.presence.abort(reason);
    }

    /// Waits until the carrier has answered everything that it was given for `rank`; at most `limit`.
    pub(crate) fn settle(&self, rank: Rank, limit: Duration) {
        let Some(peer) = self.find(rank) else { return };
        let start = Instant::now();
        let mut state = peer.lock();
        state.attentive += 1;
        while state.outbox.is_pushing()
            && let Some(left) = limit.checked_sub(start.elapsed())
        {
            state = peer.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.attentive -= 1;
    }
}

/// Keeps the first failure; nothing more is pushed.
pub(crate) fn fail(state: &mut PeerState, failure: Failure) {
    tracing::debug!(%failure, "link to a peer failed");
    state.failure.get_or_insert(failure);
    state.outbox.clear();
    state.news = true;
}
