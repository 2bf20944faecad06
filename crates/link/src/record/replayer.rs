//! The replayer.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::{Direction, RecordedFrame, ReplayReport};
use crate::{Carrier, Completion, Frame, Inbox, Key, PushError, Rank, Rejection};

/// A message to one peer, without its number.
type Message = (Rank, Key);

/// Takes a frame of a peer.
type Deliver = Box<dyn Fn(Frame) -> Result<(), Rejection> + Send + Sync>;

/// A carrier whose peers are a recording of the same party. Configure the link as the recorded party was, sequence
/// numbers above all: without acknowledgements in the recording, numbered messages would wait for them.
///
/// A recorded frame of a peer is delivered once our party has sent every message that was recorded before
/// it, found by receiver and key. The order of our ACK and FIN is not waited for, and the peers' ACKs name
/// the numbers that our messages have now. When our party waits idly (the link then probes), the next frame
/// is delivered anyway, and counted as early; when there is none, the probe fails. So a replay always ends;
/// a short [`LinkConfig::idle_timeout`](crate::LinkConfig::idle_timeout) makes it end soon.
pub struct Replayer {
    deliver: OnceLock<Deliver>,
    recording: Vec<RecordedFrame>,
    /// Recorded number of each message of ours.
    recorded_numbers: HashMap<(Rank, u64), Key>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Next frame of the recording.
    next: usize,
    /// Frames of peers that may be delivered now.
    ready: VecDeque<RecordedFrame>,
    /// ACKs of the recording for messages that our party has not sent yet.
    early_acks: Vec<(Message, RecordedFrame)>,
    delivering: bool,
    sent: Vec<(Rank, Frame)>,
    /// Bytes seen of each message of ours.
    seen: HashMap<Message, u64>,
    /// Messages that our party has sent completely, with their numbers.
    complete: HashMap<Message, Option<u64>>,
    /// Sent messages that a frame was delivered without.
    excused: HashSet<Message>,
    rejected: Vec<(RecordedFrame, Rejection)>,
    early: usize,
}

impl std::fmt::Debug for Replayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replayer").field("frames", &self.recording.len()).finish_non_exhaustive()
    }
}

impl Replayer {
    /// Plays `recording`, which was made at the party that is now to be compared. Build its link around
    /// this, then call [`Replayer::attach`].
    pub fn new(recording: Vec<RecordedFrame>) -> Arc<Self> {
        let recording: Vec<_> = recording.into_iter().filter(|entry| entry.delivered).collect();
        let recorded_numbers = recording
            .iter()
            .filter(|entry| entry.direction == Direction::Sent)
            .filter_map(|entry| match Key::parse(&entry.frame.key) {
                Ok((key, Some(number))) => Some(((entry.peer, number), key)),
                _ => None,
            })
            .collect();
        let state = Mutex::new(State::default());
        Arc::new(Self { deliver: OnceLock::new(), recording, recorded_numbers, state })
    }

    /// Delivers into `inbox` from now on; what the peers sent first comes at once.
    pub fn attach(&self, inbox: Arc<Inbox>) {
        self.attach_with(move |frame| inbox.deliver(frame));
    }

    /// As [`Replayer::attach`], for anything that takes the peers' frames: sockets, when our party is another process.
    /// Frames are delivered one after the other, on the threads that call [`Carrier::push`] and [`Carrier::probe`].
    pub fn attach_with(&self, deliver: impl Fn(Frame) -> Result<(), Rejection> + Send + Sync + 'static) {
        let _ = self.deliver.set(Box::new(deliver));
        self.advance(&mut self.lock());
        self.deliver();
    }

    /// What our party has sent, in order, with the receivers.
    pub fn sent(&self) -> Vec<(Rank, Frame)> {
        self.lock().sent.clone()
    }

    /// What became of the peers' frames. Call it when our party has finished or failed.
    pub fn report(&self) -> ReplayReport {
        let state = self.lock();
        let later = self.recording.iter().skip(state.next);
        let undelivered = later.filter(|entry| entry.direction == Direction::Received);
        ReplayReport {
            undelivered: state.ready.iter().chain(undelivered).cloned().collect(),
            rejected: state.rejected.clone(),
            early: state.early,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves frames of peers to the ready ones, up to the next message that our party has not sent.
    fn advance(&self, state: &mut State) {
        while let Some(entry) = self.recording.get(state.next) {
            match entry.direction {
                Direction::Received => self.make_ready(state, entry.clone()),
                Direction::Sent => {
                    let awaited = message(entry.peer, &entry.frame)
                        .is_some_and(|m| !state.complete.contains_key(&m) && !state.excused.contains(&m));
                    if awaited {
                        return;
                    }
                }
            }
            state.next += 1;
        }
    }

    fn make_ready(&self, state: &mut State, mut entry: RecordedFrame) {
        if let Ok((Key::Ack, _)) = Key::parse(&entry.frame.key) {
            let recorded =
                std::str::from_utf8(&entry.frame.value).ok().and_then(|digits| digits.parse().ok());
            let key = recorded.and_then(|number| self.recorded_numbers.get(&(entry.peer, number)));
            if let Some(key) = key {
                let message = (entry.peer, key.clone());
                match state.complete.get(&message) {
                    None => return state.early_acks.push((message, entry)),
                    // Not numbered now: there is nothing to acknowledge.
                    Some(None) => return,
                    Some(Some(number)) => entry.frame.value = number.to_string().into(),
                }
            }
        }
        state.ready.push_back(entry);
    }

    /// Takes a frame of our party.
    fn note(&self, state: &mut State, to: Rank, frame: Frame) {
        if let (Some(message), Ok((_, number))) = (message(to, &frame), Key::parse(&frame.key)) {
            let length = frame.chunk.map_or(frame.value.len() as u64, |chunk| chunk.message_length);
            let seen = state.seen.entry(message.clone()).or_default();
            *seen += frame.value.len() as u64;
            if *seen >= length {
                state.complete.insert(message.clone(), number);
                let (now, later) =
                    std::mem::take(&mut state.early_acks).into_iter().partition(|(m, _)| *m == message);
                state.early_acks = later;
                for (_, ack) in now {
                    self.make_ready(state, ack);
                }
            }
        }
        state.sent.push((to, frame));
        self.advance(state);
    }

    /// Delivers what is ready; one thread at a time, so that the order is the recorded one.
    fn deliver(&self) {
        let Some(deliver) = self.deliver.get() else { return };
        let mut state = self.lock();
        if std::mem::replace(&mut state.delivering, true) {
            return;
        }
        while let Some(entry) = state.ready.pop_front() {
            drop(state);
            let outcome = deliver(entry.frame.clone());
            state = self.lock();
            match outcome {
                Ok(()) => {}
                Err(rejection) if rejection.retry_later => {
                    state.ready.push_front(entry);
                    break;
                }
                Err(rejection) => state.rejected.push((entry, rejection)),
            }
        }
        state.delivering = false;
    }
}

impl Carrier for Replayer {
    fn push(&self, to: Rank, frame: Frame, done: Completion) {
        self.note(&mut self.lock(), to, frame);
        done(Ok(()));
        self.deliver();
    }

    fn probe(&self, to: Rank) -> Result<(), PushError> {
        let mut state = self.lock();
        if state.ready.is_empty() {
            let held = self.recording.iter().skip(state.next);
            let before: Vec<_> = held.take_while(|entry| entry.direction == Direction::Sent).collect();
            if state.next + before.len() >= self.recording.len() {
                return Err(PushError::Unreachable(format!("the recording has nothing more from rank {to}")));
            }
            state.excused.extend(before.into_iter().filter_map(|entry| message(entry.peer, &entry.frame)));
            let ready = state.ready.len();
            self.advance(&mut state);
            state.early += state.ready.len() - ready;
        }
        drop(state);
        self.deliver();
        Ok(())
    }
}

/// The message that a frame belongs to, if later frames may depend on it.
fn message(peer: Rank, frame: &Frame) -> Option<Message> {
    match Key::parse(&frame.key) {
        Ok((Key::Ack | Key::Fin, _)) | Err(_) => None,
        Ok((key, _)) => Some((peer, key)),
    }
}
