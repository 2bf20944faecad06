//! What is to be sent to one peer, and what of it is under way.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use symbolon_mutants::Mutant;

use crate::error::Action;
use crate::frame::Chunk;
use crate::key::Key;
use crate::numbers::Numbers;

/// Limits on what may be under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) chunk_size: usize,
    pub(crate) chunks_in_flight: usize,
    /// 0: none.
    pub(crate) window: usize,
    pub(crate) backlog_bytes: usize,
    pub(crate) numbered: bool,
}

/// A message that has its number, and waits for the window.
struct Queued {
    key: Key,
    action: Action,
    number: Option<u64>,
    value: Bytes,
}

/// A message that is being cut.
struct Cut {
    ticket: Ticket,
    wire_key: String,
    value: Bytes,
    offset: usize,
}

/// Names a push until it is answered.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) key: Key,
    pub(crate) action: Action,
    /// Which message it belongs to, unless it is a control message.
    message: Option<u64>,
    chunk: bool,
}

/// A frame without its sender, ready to be pushed.
pub(crate) struct Parcel {
    pub(crate) ticket: Ticket,
    pub(crate) wire_key: String,
    pub(crate) value: Bytes,
    pub(crate) chunk: Option<Chunk>,
}

/// Everything on its way to one peer. Holds no lock and knows no time.
pub(crate) struct Outbox {
    limits: Limits,
    control: VecDeque<(Key, Action, Bytes)>,
    queue: VecDeque<Queued>,
    backlog: usize,
    cuts: VecDeque<Cut>,
    /// Frames of each started message that the peer has not answered.
    unanswered: HashMap<u64, usize>,
    pushes: usize,
    chunks: usize,
    queued: u64,
    started: u64,
    acknowledged: Numbers,
    /// FIN was queued.
    announced: bool,
}

impl Outbox {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            control: VecDeque::new(),
            queue: VecDeque::new(),
            backlog: 0,
            cuts: VecDeque::new(),
            unanswered: HashMap::new(),
            pushes: 0,
            chunks: 0,
            queued: 0,
            started: 0,
            acknowledged: Numbers::default(),
            announced: false,
        }
    }

    /// Whether another message of that many bytes may queue.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.queue.is_empty() || self.backlog.saturating_add(bytes) <= self.limits.backlog_bytes
    }

    /// Queues a message and gives it its number.
    pub(crate) fn send(&mut self, key: Key, action: Action, value: Bytes) {
        self.queued += 1;
        self.backlog += value.len();
        let number = if Mutant::SequenceStands.is_on() { 1 } else { self.queued };
        let number = self.limits.numbered.then_some(number);
        self.queue.push_back(Queued { key, action, number, value });
    }

    /// Acknowledges the peer's message.
    pub(crate) fn acknowledge(&mut self, number: u64) {
        if !Mutant::AckMissing.is_on() {
            self.control.push_back((Key::Ack, Action::Acknowledge, number.to_string().into()));
        }
    }

    /// Announces the end, once, with the count of numbered messages.
    pub(crate) fn finish(&mut self) {
        if std::mem::replace(&mut self.announced, true) {
            return;
        }
        let count = if Mutant::FinCountsOneMore.is_on() { self.queued + 1 } else { self.queued };
        self.announce(if self.limits.numbered { count } else { 0 });
    }

    fn announce(&mut self, count: u64) {
        if !Mutant::FinMissing.is_on() {
            self.control.push_back((Key::Fin, Action::Finish, count.to_string().into()));
        }
    }

    /// The next frame that may be pushed now.
    pub(crate) fn next(&mut self) -> Option<Parcel> {
        if let Some((key, action, value)) = self.control.pop_front() {
            self.pushes += 1;
            let wire_key = key.on_wire(None);
            let ticket = Ticket { key, action, message: None, chunk: false };
            return Some(Parcel { ticket, wire_key, value, chunk: None });
        }
        while self.window_is_open() {
            let Some(Queued { key, action, number, value }) = self.queue.pop_front() else { break };
            self.backlog -= value.len();
            self.started += 1;
            let wire_key = key.on_wire(number);
            let chunk = value.len() > self.limits.chunk_size;
            let ticket = Ticket { key, action, message: Some(self.started), chunk };
            if !chunk {
                self.pushes += 1;
                self.unanswered.insert(self.started, 1);
                return Some(Parcel { ticket, wire_key, value, chunk: None });
            }
            self.unanswered.insert(self.started, value.len().div_ceil(self.limits.chunk_size));
            self.cuts.push_back(Cut { ticket, wire_key, value, offset: 0 });
        }
        self.next_chunk()
    }

    fn next_chunk(&mut self) -> Option<Parcel> {
        if self.chunks >= self.limits.chunks_in_flight {
            return None;
        }
        let cut = self.cuts.front_mut()?;
        let offset = cut.offset;
        let end = offset.saturating_add(self.limits.chunk_size).min(cut.value.len());
        cut.offset = end;
        let parcel = Parcel {
            ticket: cut.ticket.clone(),
            wire_key: cut.wire_key.clone(),
            value: cut.value.slice(offset..end),
            chunk: Some(Chunk { message_length: cut.value.len() as u64, offset: offset as u64 }),
        };
        if end == cut.value.len() {
            self.cuts.pop_front();
        }
        self.chunks += 1;
        self.pushes += 1;
        Some(parcel)
    }

    fn window_is_open(&self) -> bool {
        let under_way = if self.limits.numbered {
            self.started - self.acknowledged.count()
        } else {
            self.unanswered.len() as u64
        };
        self.limits.window == 0 || under_way < self.limits.window as u64
    }

    /// The peer answered a push.
    pub(crate) fn answered(&mut self, ticket: &Ticket) {
        self.pushes -= 1;
        if ticket.chunk {
            self.chunks -= 1;
        }
        if let Some(message) = ticket.message
            && let Some(frames) = self.unanswered.get_mut(&message)
        {
            *frames -= 1;
            if *frames == 0 {
                self.unanswered.remove(&message);
            }
        }
    }

    /// Takes an acknowledgement; a repeated one is ignored. False if no message has that number.
    pub(crate) fn acknowledged(&mut self, number: u64) -> bool {
        let sent = self.limits.numbered && (1..=self.started).contains(&number);
        if sent {
            self.acknowledged.insert(number);
        }
        sent
    }

    /// Whether the peer has acknowledged every numbered message.
    pub(crate) fn is_acknowledged(&self) -> bool {
        !self.limits.numbered || self.acknowledged.count() == self.queued || Mutant::AckNotAwaited.is_on()
    }

    /// Whether every message was pushed and answered (control messages apart).
    pub(crate) fn is_delivered(&self) -> bool {
        self.queue.is_empty() && self.cuts.is_empty() && self.unanswered.is_empty()
    }

    /// Whether nothing at all is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_delivered() && !self.is_pushing()
    }

    /// Forgets what was not pushed yet, and announces the end to a peer that `is_there`, or to which
    /// something was pushed. Acknowledges `unread` then.
    ///
    /// FIN counts what is on its way. A message of which a part is forgotten has a number that never gets
    /// through: then FIN counts nothing, as that of a party without numbers.
    pub(crate) fn abandon(&mut self, is_there: bool, unread: Vec<u64>) {
        let is_whole = self.cuts.is_empty();
        self.clear();
        if !(is_there || self.started > 0) || std::mem::replace(&mut self.announced, true) {
            return;
        }
        unread.into_iter().for_each(|number| self.acknowledge(number));
        let count = if self.limits.numbered && is_whole { self.started } else { 0 };
        self.announce(count);
    }

    /// Whether the carrier has not answered everything that it was given.
    pub(crate) fn is_pushing(&self) -> bool {
        self.pushes > 0 || !self.control.is_empty()
    }

    /// Forgets what was not pushed yet.
    pub(crate) fn clear(&mut self) {
        self.control.clear();
        self.queue.clear();
        self.backlog = 0;
        self.cuts.clear();
    }
}
