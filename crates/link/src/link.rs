//! One party's end of the link.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::channel::Channel;
use crate::inbox::Inbox;
use crate::world::World;
use crate::{Carrier, LinkConfig, LinkError, Rank};

/// What a link has carried. Control messages, repetitions and keys are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Messages sent, one per receiver.
    pub sent_messages: u64,
    /// Bytes of their values.
    pub sent_bytes: u64,
    /// Messages that were received and read.
    pub received_messages: u64,
    /// Bytes of their values.
    pub received_bytes: u64,
}

/// One party's end of the link to all others.
///
/// Everything is callable from several threads; calls block, and every wait has a limit in the
/// [`LinkConfig`].
pub struct Link {
    world: Arc<World>,
    inbox: Arc<Inbox>,
    root: Channel,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("rank", &self.rank())
            .field("world_size", &self.world_size())
            .finish_non_exhaustive()
    }
}

impl Link {
    /// A link that pushes through `carrier`. Whoever serves the network hands what comes to [`Link::inbox`].
    ///
    /// # Errors
    /// A configuration that cannot work.
    pub fn new(config: LinkConfig, carrier: Arc<dyn Carrier>) -> Result<Self, LinkError> {
        config.check()?;
        let name = config.channel.clone();
        let world = Arc::new(World::new(config, carrier));
        let inbox = Arc::new(Inbox::new(Arc::downgrade(&world)));
        let root = Channel::new(world.clone(), name);
        Ok(Self { world, inbox, root })
    }

    /// Own rank.
    pub fn rank(&self) -> Rank {
        self.world.config.rank
    }

    /// Number of parties.
    pub fn world_size(&self) -> usize {
        self.world.config.world_size
    }

    /// The configuration in force.
    pub fn config(&self) -> &LinkConfig {
        &self.world.config
    }

    /// Where a server delivers what it receives.
    pub fn inbox(&self) -> Arc<Inbox> {
        self.inbox.clone()
    }

    /// Calls every party until it answers, and waits until every party has called.
    ///
    /// # Errors
    /// [`LinkError::PeersNotConnected`] names who is missing; it may be called again.
    pub fn connect(&self) -> Result<(), LinkError> {
        crate::presence::connect(&self.world)
    }

    /// The first channel.
    pub fn root(&self) -> Channel {
        self.root.clone()
    }

    /// The orderly end: drops and acknowledges what was not read, exchanges FIN, waits for everything under
    /// way. Afterwards the inbox rejects what is new, so that a peer's next run waits for ours. Calling it
    /// again does nothing.
    ///
    /// # Errors
    /// The first peer with which the end was not orderly; the others were ended nevertheless.
    pub fn finish(&self) -> Result<(), LinkError> {
        crate::finish::finish(&self.world)
    }

    /// Stops at once, on all channels: every waiting and later operation fails with `reason`, and what was not
    /// yet pushed is forgotten. Peers are told by FIN if the link uses it, and in any case when they next send.
    /// For an interruption by the user or a failure, from any thread. [`Link::finish`] afterwards waits a
    /// moment for that FIN to arrive, and fails with `reason`.
    pub fn abort(&self, reason: impl AsRef<str>) {
        self.world.abort(reason.as_ref());
    }

    /// What was carried so far.
    pub fn traffic(&self) -> Traffic {
        let counters = &self.world.counters;
        Traffic {
            sent_messages: counters.sent_messages.load(Ordering::Relaxed),
            sent_bytes: counters.sent_bytes.load(Ordering::Relaxed),
            received_messages: counters.received_messages.load(Ordering::Relaxed),
            received_bytes: counters.received_bytes.load(Ordering::Relaxed),
        }
    }
}
