//! Receiving without being held: a wait on the link that another activity's failure can end.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use bytes::Bytes;
use symbolon_link::{Channel, LinkError, Rank};

/// What wakes a waiting activity.
pub(crate) enum Event {
    /// The message asked for, or the link's error.
    Message(Result<Bytes, LinkError>),
    /// Another activity has failed.
    Stopped,
}

/// The peer's messages on one channel, one per request.
///
/// A thread of its own waits on the link. It takes no message that nobody asked for, so what follows on the
/// channel stays there. If its activity is stopped, the thread alone stays behind, with nothing but a handle of
/// the channel, until the link is aborted or gives up.
pub(crate) struct Inflow {
    requests: Sender<()>,
    events: Receiver<Event>,
}

impl Inflow {
    /// Starts receiving; the sender wakes the receiving activity from outside.
    pub(crate) fn open(channel: &Channel, peer: Rank) -> std::io::Result<(Self, Sender<Event>)> {
        let (requests, requested) = mpsc::channel();
        let (wake, events) = mpsc::channel();
        let (channel, answers) = (channel.clone(), wake.clone());
        thread::Builder::new().name(format!("psi {}", channel.name())).spawn(move || {
            for () in requested {
                if answers.send(Event::Message(channel.recv(peer))).is_err() {
                    break;
                }
            }
        })?;
        Ok((Self { requests, events }, wake))
    }

    /// The next message.
    pub(crate) fn next(&self) -> Event {
        if self.requests.send(()).is_err() {
            return Event::Stopped;
        }
        self.events.recv().unwrap_or(Event::Stopped)
    }
}
