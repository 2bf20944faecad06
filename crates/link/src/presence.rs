//! The presence exchange: everyone says `connect` to everyone before anything else.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use symbolon_mutants::Mutant;

use crate::error::Action;
use crate::key::Key;
use crate::world::World;
use crate::{Frame, LinkError, PushError, Rank};

/// Our call to one peer.
enum Call {
    Due,
    UnderWay,
    Failed { at: Instant },
    Answered,
}

struct Party {
    call: Call,
    /// Why the last call failed; kept while the next one is under way.
    error: Option<PushError>,
    /// It has called us.
    heard: bool,
}

#[derive(Default)]
struct Parties {
    list: Vec<Party>,
    aborted: Option<String>,
}

/// Who is there.
pub(crate) struct Presence {
    parties: Mutex<Parties>,
    changed: Condvar,
}

impl Presence {
    pub(crate) fn new(world_size: usize) -> Self {
        let list = (0..world_size).map(|_| Party { call: Call::Due, error: None, heard: false }).collect();
        Self { parties: Mutex::new(Parties { list, aborted: None }), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Parties> {
        self.parties.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `peer` has called: it is worth calling it at once.
    pub(crate) fn heard(&self, peer: Rank) {
        let mut parties = self.lock();
        if let Some(party) = parties.list.get_mut(peer) {
            party.heard = true;
            if matches!(party.call, Call::Failed { .. }) {
                party.call = Call::Due;
            }
        }
        self.changed.notify_all();
    }

    pub(crate) fn abort(&self, reason: &str) {
        self.lock().aborted.get_or_insert_with(|| reason.to_owned());
        self.changed.notify_all();
    }

    fn answered(&self, peer: Rank, outcome: Result<(), PushError>) {
        let mut parties = self.lock();
        if let Some(party) = parties.list.get_mut(peer) {
            party.call = match &outcome {
                Ok(()) => Call::Answered,
                Err(_) => Call::Failed { at: Instant::now() },
            };
            party.error = outcome.err();
        }
        self.changed.notify_all();
    }
}

/// Calls everyone until everyone has answered and called.
pub(crate) fn connect(world: &Arc<World>) -> Result<(), LinkError> {
    let config = &world.config;
    let key = Key::Connect { rank: config.rank };
    let wire_key =
        key.on_wire((config.connect_suffix && !Mutant::PresenceSuffixMissing.is_on()).then_some(0));
    let start = Instant::now();
    let mut parties = world.presence.lock();
    loop {
        if let Some(reason) = &parties.aborted {
            let peer = world.others().next().unwrap_or_default();
            let reason = reason.clone();
            return Err(LinkError::OursAborted {
                peer,
                action: Action::Connect,
                key: key.to_string(),
                reason,
            });
        }
        let now = Instant::now();
        let mut due = Vec::new();
        let mut next = config.connect_interval;
        for peer in world.others() {
            let Some(party) = parties.list.get_mut(peer) else { continue };
            let is_due = match &party.call {
                Call::Due => true,
                Call::Failed { at } => {
                    let left = config.connect_interval.saturating_sub(now.saturating_duration_since(*at));
                    next = next.min(left.max(Duration::from_millis(1)));
                    left.is_zero()
                }
                Call::UnderWay | Call::Answered => false,
            };
            if is_due {
                party.call = Call::UnderWay;
                due.push(peer);
            }
        }
        if !due.is_empty() {
            drop(parties);
            for peer in due {
                call(world, peer, wire_key.clone());
            }
            parties = world.presence.lock();
            continue;
        }
        let missing = missing(world, &parties);
        if missing.is_empty() {
            return Ok(());
        }
        let waited = now - start;
        let Some(left) = config.connect_timeout.checked_sub(waited).filter(|left| !left.is_zero()) else {
            return Err(LinkError::PeersNotConnected { waited, missing });
        };
        parties = world
            .presence
            .changed
            .wait_timeout(parties, left.min(next))
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

fn call(world: &Arc<World>, peer: Rank, wire_key: String) {
    let frame = Frame { sender: world.config.rank as u64, key: wire_key, value: Bytes::new(), chunk: None };
    let world_then = Arc::downgrade(world);
    let done = move |outcome| {
        if let Some(world) = world_then.upgrade() {
            world.presence.answered(peer, outcome);
        }
    };
    world.carrier.push(peer, frame, Box::new(done));
}

fn missing(world: &World, parties: &Parties) -> Vec<(Rank, String)> {
    let describe = |rank: Rank| {
        let party = parties.list.get(rank)?;
        let text = match (&party.call, &party.error) {
            (Call::Answered, _) if party.heard || Mutant::PresenceNotAwaited.is_on() => return None,
            (Call::Answered, _) => "answers, but has not called this party".to_owned(),
            (_, Some(error)) => format!("could not be reached: {error}"),
            (_, None) => "has not answered".to_owned(),
        };
        Some((rank, text))
    };
    world.others().filter_map(describe).collect()
}
