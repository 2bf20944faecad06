//! The orderly end.
//!
//! As yacl does it: whatever was not read is acknowledged and dropped, FIN tells the peer how many numbered
//! messages were sent, and the party stays until it has the peer's FIN, all messages that it counts, and
//! all acknowledgements. So no listener closes while somebody still sends to it.

use std::sync::Arc;
use std::time::Instant;

use symbolon_mutants::Mutant;

use crate::Rank;
use crate::error::{Action, Failure, LinkError};
use crate::key::Key;
use crate::world::{PeerState, Progress, Waiting, World};

/// Ends the link with every peer; the first error is returned after all were tried.
pub(crate) fn finish(world: &Arc<World>) -> Result<(), LinkError> {
    let mut first = Ok(());
    for rank in world.others() {
        let Some(peer) = world.find(rank) else { continue };
        let mut state = peer.lock();
        if std::mem::replace(&mut state.finishing, true) {
            continue;
        }
        if state.failure.is_none() && state.aborted.is_none() {
            for number in state.mailbox.stop_reading() {
                state.outbox.acknowledge(number);
            }
            if world.config.fin && world.config.sequence_numbers {
                state.outbox.finish();
            }
        }
        drop(state);
        peer.notify();
        world.pump(rank);
    }
    let start = Instant::now();
    for rank in world.others() {
        first = first.and(end(world, rank, start));
    }
    for peer in world.others().filter_map(|rank| world.find(rank)) {
        peer.lock().mailbox.close();
    }
    first
}

fn end(world: &Arc<World>, rank: Rank, start: Instant) -> Result<(), LinkError> {
    let left = || world.config.receive_timeout.saturating_sub(start.elapsed());
    if world.find(rank).is_some_and(|peer| peer.lock().aborted.is_some()) {
        world.settle(rank, left().min(world.config.idle_timeout));
    }
    let wait = |what, check: &dyn Fn(&PeerState) -> bool| {
        let waiting = Waiting { peer: rank, action: Action::Finish, key: &Key::Fin, what, attentive: true };
        world.wait(waiting, left(), |state| match &state.failure {
            _ if check(state) => Progress::Ready(()),
            // The peer may be gone as soon as it has all of ours: the last answer may be lost.
            Some(Failure::Push { action: Action::Acknowledge | Action::Finish, .. })
                if state.mailbox.fin_count().is_some()
                    && state.mailbox.is_all()
                    && state.outbox.is_acknowledged()
                    && state.outbox.is_delivered() =>
            {
                Progress::Ready(())
            }
            _ => Progress::Pending,
        })
    };
    if world.config.fin && !world.config.sequence_numbers {
        wait("its answers to our messages", &|state| state.outbox.is_delivered())?;
        if let Some(peer) = world.find(rank) {
            peer.lock().outbox.finish();
        }
        world.pump(rank);
    }
    if world.config.fin && !Mutant::FinNotAwaited.is_on() {
        wait("its FIN", &|state| state.mailbox.fin_count().is_some())?;
        wait("messages that its FIN counts", &|state| state.mailbox.is_all())?;
    }
    wait("its acknowledgements", &|state| state.outbox.is_acknowledged())?;
    wait("its answers to our last messages", &|state| state.outbox.is_idle())
}
