//! Channels: names under which messages are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use symbolon_mutants::Mutant;

use crate::Rank;
use crate::error::{Action, LinkError};
use crate::key::{Key, Operation};
use crate::world::World;

struct Counted {
    name: String,
    /// Per receiver.
    sent: Vec<AtomicU64>,
    /// Per sender.
    received: Vec<AtomicU64>,
    collective: AtomicU64,
    children: AtomicU64,
}

/// A named stream of messages between all parties. Clones are handles of the same channel.
///
/// All parties must make the same calls in the same order on a channel: messages are found by counting.
/// Threads that work side by side take a channel each ([`Channel::spawn`], in the same order at all
/// parties).
#[derive(Clone)]
pub struct Channel {
    world: Arc<World>,
    counted: Arc<Counted>,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel")
            .field("name", &self.name())
            .field("rank", &self.rank())
            .field("world_size", &self.world_size())
            .finish_non_exhaustive()
    }
}

impl Channel {
    pub(crate) fn new(world: Arc<World>, name: String) -> Self {
        let first = world.config.counter_base.first();
        let counters = || (0..world.config.world_size).map(|_| AtomicU64::new(first)).collect();
        let counted = Counted {
            name,
            sent: counters(),
            received: counters(),
            collective: AtomicU64::new(first),
            children: AtomicU64::new(if Mutant::SubChannelFromOne.is_on() { 1 } else { 0 }),
        };
        Self { counted: Arc::new(counted), world }
    }

    /// Own rank.
    pub fn rank(&self) -> Rank {
        self.world.config.rank
    }

    /// Number of parties.
    pub fn world_size(&self) -> usize {
        self.world.config.world_size
    }

    /// The name in the keys.
    pub fn name(&self) -> &str {
        &self.counted.name
    }

    /// The next sub-channel: `root-0`, `root-1`, and of those `root-0-0` and so on.
    pub fn spawn(&self) -> Self {
        let child = self.counted.children.fetch_add(1, Ordering::Relaxed);
        Self::new(self.world.clone(), format!("{}-{child}", self.name()))
    }

    /// Sends to one party. Does not wait for delivery; blocks only while more than
    /// [`LinkConfig::backlog_bytes`](crate::LinkConfig::backlog_bytes) queue behind unacknowledged messages.
    ///
    /// # Errors
    /// A rank that is no other party, a link to that party that has failed, ended or was aborted, or a
    /// backlog that did not shrink in time.
    pub fn send(&self, to: Rank, value: impl Into<Bytes>) -> Result<(), LinkError> {
        let counter = next(&self.counted.sent, to, self, Action::Send)?;
        let counter = if Mutant::P2pCounterAhead.is_on() { counter + 1 } else { counter };
        let key = Key::P2p { channel: self.name().to_owned(), counter, from: self.rank(), to };
        self.world.send(to, Action::Send, key, value.into())
    }

    /// Receives the next message of one party on this channel.
    ///
    /// # Errors
    /// A rank that is no other party; a link to that party that has failed or was aborted; nothing in time.
    pub fn recv(&self, from: Rank) -> Result<Bytes, LinkError> {
        let shared = Mutant::CounterOfBothDirections.is_on();
        let counters = if shared { &self.counted.sent } else { &self.counted.received };
        let counter = next(counters, from, self, Action::Receive)?;
        let key = Key::P2p { channel: self.name().to_owned(), counter, from, to: self.rank() };
        self.world.receive(from, Action::Receive, &key)
    }

    /// As [`Link::abort`](crate::Link::abort), for protocol code that holds no more than a channel: a failure in
    /// one of its threads ends the waits of the others, and those of the peers.
    pub fn abort(&self, reason: impl AsRef<str>) {
        self.world.abort(reason.as_ref());
    }

    /// The key of the next collective.
    pub(crate) fn next_collective(&self, operation: Operation) -> Key {
        let step = if Mutant::CollectiveCounterStands.is_on() { 0 } else { 1 };
        let counter = self.counted.collective.fetch_add(step, Ordering::Relaxed);
        Key::Collective { channel: self.name().to_owned(), counter, operation }
    }

    pub(crate) fn send_under(
        &self,
        to: Rank,
        action: Action,
        key: &Key,
        value: Bytes,
    ) -> Result<(), LinkError> {
        self.world.send(to, action, key.clone(), value)
    }

    pub(crate) fn receive_under(&self, from: Rank, action: Action, key: &Key) -> Result<Bytes, LinkError> {
        self.world.receive(from, action, key)
    }

    pub(crate) fn check_rank(&self, rank: Rank, action: Action) -> Result<(), LinkError> {
        if rank < self.world_size() {
            return Ok(());
        }
        Err(LinkError::OursMisuse {
            action,
            reason: format!("root {rank} is not below the {} parties", self.world_size()),
        })
    }
}

/// Counts only messages with another party of the world.
fn next(counters: &[AtomicU64], peer: Rank, channel: &Channel, action: Action) -> Result<u64, LinkError> {
    channel.world.peer(peer, action)?;
    Ok(counters.get(peer).map_or(0, |counter| counter.fetch_add(1, Ordering::Relaxed)))
}
