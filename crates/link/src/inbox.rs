//! Where a server puts what it receives.

use std::sync::Weak;
use std::time::Instant;

use symbolon_mutants::Mutant;

use crate::error::Failure;
use crate::frame::{Frame, Rejection};
use crate::key::{Key, number};
use crate::mailbox::{Accepted, Refused};
use crate::world::{PeerState, World, fail};
use crate::{Rank, world::Observer};

/// The receiving end of a [`Link`](crate::Link). It does not keep the link alive: once the link and its
/// channels are gone, everything is rejected.
pub struct Inbox {
    world: Weak<World>,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl Inbox {
    pub(crate) fn new(world: Weak<World>) -> Self {
        Self { world }
    }

    /// Takes one frame from the network, from any thread, in any order. Never waits.
    ///
    /// # Errors
    /// What to answer to the sender: `UNEXPECTED_ERROR` for a sender that is not another party,
    /// `INVALID_REQUEST` for a malformed key or an impossible or contradicting frame, `INVALID_RESOURCE`
    /// for a message above the maximum or, with [`Rejection::retry_later`], while the mailbox is full,
    /// `NETWORK_ERROR` if the link has ended.
    pub fn deliver(&self, frame: Frame) -> Result<(), Rejection> {
        let Some(world) = self.world.upgrade() else {
            return Err(Rejection::new(Rejection::NETWORK_ERROR, "this party has ended its link"));
        };
        let own = world.config.rank;
        let claimed = if Mutant::UnknownSenderAccepted.is_on() { u64::from(own == 0) } else { frame.sender };
        let known = Rank::try_from(claimed).ok().and_then(|sender| Some((sender, world.find(sender)?)));
        let Some((sender, peer)) = known else {
            let wrong = Mutant::UnknownSenderCode.is_on();
            return Err(Rejection::new(
                if wrong { Rejection::INVALID_REQUEST } else { Rejection::UNEXPECTED_ERROR },
                format!(
                    "sender rank {} is not a peer of rank {own} in a link of {}",
                    frame.sender, world.config.world_size
                ),
            ));
        };
        let mut state = peer.lock();
        state.heard = Instant::now();
        let outcome = self.sort(&world, &mut state, sender, &frame);
        match &outcome {
            Ok(()) => {
                state.is_there = true;
                if let Some(observer) = world.observer.get() {
                    observer(&frame);
                }
            }
            Err(rejection) if !rejection.retry_later => {
                tracing::debug!(sender, reason = rejection.message, "rejected a frame");
                state.refused = Some(rejection.message.clone());
            }
            Err(_) => {}
        }
        peer.changed(state);
        world.pump(sender);
        outcome
    }

    fn sort(
        &self,
        world: &World,
        state: &mut PeerState,
        sender: Rank,
        frame: &Frame,
    ) -> Result<(), Rejection> {
        let own = world.config.rank;
        let parsed = Key::parse(&frame.key);
        if Mutant::MalformedKeyAccepted.is_on() && parsed.is_err() {
            return Ok(());
        }
        let (key, sequence) = parsed.map_err(|error| Rejection::invalid(error.to_string()))?;
        let is_control = matches!(key, Key::Ack | Key::Fin);
        if !is_control && let Some(ended) = ended(state, own, sender) {
            return Err(ended);
        }
        match &key {
            Key::Connect { rank } if *rank != sender && !Mutant::PresenceOfOthersAccepted.is_on() => {
                return Err(Rejection::invalid(format!("rank {sender} sent the presence of rank {rank}")));
            }
            Key::P2p { from, to, .. }
                if (*from, *to) != (sender, own) && !Mutant::KeyOfOthersAccepted.is_on() =>
            {
                return Err(Rejection::invalid(format!(
                    "the key names {from}->{to}, but rank {sender} sent it to rank {own}"
                )));
            }
            Key::Connect { .. } | Key::Ack | Key::Fin if frame.chunk.is_some() => {
                return Err(Rejection::invalid(format!("{key} must not be chunked")));
            }
            Key::Connect { .. } => {
                if state.mailbox.is_closed() {
                    return Err(closed(own));
                }
                world.presence.heard(sender);
                return Ok(());
            }
            Key::Ack => return acknowledgement(state, frame),
            Key::Fin => {
                state.mailbox.fin(decimal(frame)?);
                state.news = true;
                return Ok(());
            }
            Key::P2p { .. } | Key::Collective { .. } => {}
        }
        let wanted = state.mailbox.is_wanted(&key);
        let accepted = state.mailbox.accept(key, sequence, frame.chunk, frame.value.clone());
        match accepted {
            Ok(Accepted::Complete) => {
                // With FIN here already, a message that nobody waits for may be the last that was missing.
                state.news |= wanted || state.mailbox.fin_count().is_some();
                Ok(())
            }
            Ok(Accepted::Part | Accepted::Repeated) => Ok(()),
            Ok(Accepted::Unread(sequence)) => {
                tracing::debug!(sender, key = frame.key, "nobody reads this message any more");
                sequence.into_iter().for_each(|number| state.outbox.acknowledge(number));
                Ok(())
            }
            Err(Refused::Closed) => Err(closed(own)),
            Err(Refused::Full { held, limit }) => Err(Rejection::full(format!(
                "the mailbox of rank {own} for rank {sender} holds {held} of {limit} bytes; try again later"
            ))),
            Err(Refused::Oversized { bytes, limit }) => {
                fail(state, Failure::Oversized { bytes, limit });
                Err(Rejection::new(
                    Rejection::INVALID_RESOURCE,
                    format!("a message of {bytes} bytes exceeds max_message_bytes ({limit}) of rank {own}"),
                ))
            }
            Err(Refused::Misbehaved(reason)) => {
                fail(state, Failure::Misbehaved(reason.clone()));
                Err(Rejection::invalid(reason))
            }
        }
    }

    /// Registers who sees accepted frames. False if somebody did already.
    pub(crate) fn observe(&self, observer: Box<Observer>) -> bool {
        self.world.upgrade().is_some_and(|world| world.observer.set(observer).is_ok())
    }
}

fn acknowledgement(state: &mut PeerState, frame: &Frame) -> Result<(), Rejection> {
    let sequence = decimal(frame)?;
    if state.outbox.acknowledged(sequence) {
        return Ok(());
    }
    let reason = format!("it acknowledged message {sequence}, which was not sent");
    fail(state, Failure::Misbehaved(reason.clone()));
    Err(Rejection::invalid(reason))
}

/// The number that is the value of ACK and FIN.
fn decimal(frame: &Frame) -> Result<u64, Rejection> {
    std::str::from_utf8(&frame.value)
        .ok()
        .filter(|digits| digits.len() <= 20)
        .and_then(number)
        .ok_or_else(|| Rejection::invalid("the value of ACK and FIN must be a decimal number"))
}

/// Tells a peer that this party does not listen to it any more, so that it need not wait for its own timeout.
fn ended(state: &PeerState, own: Rank, sender: Rank) -> Option<Rejection> {
    let reason = if state.aborted.is_some() {
        "was stopped"
    } else if state.failure.is_some() {
        "has given up its link with this sender after an error"
    } else {
        return None;
    };
    Some(Rejection::new(Rejection::NETWORK_ERROR, format!("rank {own} {reason} (sender rank {sender})")))
}

fn closed(own: Rank) -> Rejection {
    Rejection::new(Rejection::NETWORK_ERROR, format!("rank {own} has finished its link"))
}
