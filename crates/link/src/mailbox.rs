//! What has arrived from one peer, and what may still arrive.

use std::collections::HashMap;

use bytes::Bytes;
use symbolon_mutants::Mutant;

use crate::assembly::Assembly;
use crate::frame::Chunk;
use crate::key::Key;
use crate::numbers::Numbers;

/// What a message costs beside its bytes.
const ENTRY_BYTES: usize = 256;
/// A shorter value is copied when it is kept: as a view it would hold the whole buffer that it arrived in, of a
/// size that is not counted.
const LEAST_VIEW: usize = 4096;
/// Most gaps in the peer's sequence numbers.
const MAX_GAPS: usize = 1 << 16;

/// A complete message.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) value: Bytes,
    pub(crate) number: Option<u64>,
}

struct Partial {
    assembly: Assembly,
    number: Option<u64>,
}

/// What became of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// A message is complete.
    Complete,
    /// A chunk of a message that is not complete.
    Part,
    /// Nothing new.
    Repeated,
    /// Nobody will read it any more; a numbered one is to be acknowledged.
    Unread(Option<u64>),
}

/// Why a frame was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The peer broke the protocol.
    Misbehaved(String),
    /// Larger than the configured maximum.
    Oversized { bytes: u64, limit: usize },
    /// No room now.
    Full { held: usize, limit: usize },
    /// This party has finished.
    Closed,
}

/// Counters of one channel, by the kind of key.
#[derive(Default)]
struct Taken {
    p2p: Numbers,
    collective: Numbers,
}

impl Taken {
    /// The set that a key's counter belongs to, and the counter.
    fn of<'a>(&'a mut self, key: &Key) -> Option<(&'a mut Numbers, u64)> {
        match key {
            Key::P2p { counter, .. } => Some((&mut self.p2p, *counter)),
            Key::Collective { counter, .. } => Some((&mut self.collective, *counter)),
            Key::Connect { .. } | Key::Ack | Key::Fin => None,
        }
    }
}

/// Everything received from one peer. Holds no lock and knows no time.
pub(crate) struct Mailbox {
    max_message_bytes: usize,
    mailbox_bytes: usize,
    messages: HashMap<Key, Message>,
    partial: HashMap<Key, Partial>,
    /// Keys somebody waits for, and how many wait.
    wanted: HashMap<Key, usize>,
    held: usize,
    /// Sequence numbers of messages that arrived completely.
    numbers: Numbers,
    /// Counters of messages that were read.
    taken: HashMap<String, Taken>,
    fin: Option<u64>,
    unread_only: bool,
    closed: bool,
}

impl Mailbox {
    pub(crate) fn new(max_message_bytes: usize, mailbox_bytes: usize) -> Self {
        Self {
            max_message_bytes,
            mailbox_bytes,
            messages: HashMap::new(),
            partial: HashMap::new(),
            wanted: HashMap::new(),
            held: 0,
            numbers: Numbers::default(),
            taken: HashMap::new(),
            fin: None,
            unread_only: false,
            closed: false,
        }
    }

    /// From now until [`Mailbox::unwant`] a message under `key` is taken whatever else is held.
    pub(crate) fn want(&mut self, key: &Key) {
        *self.wanted.entry(key.clone()).or_default() += 1;
    }

    /// Whether somebody waits for the message under `key`.
    pub(crate) fn is_wanted(&self, key: &Key) -> bool {
        self.wanted.contains_key(key)
    }

    pub(crate) fn unwant(&mut self, key: &Key) {
        if let Some(count) = self.wanted.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                self.wanted.remove(key);
            }
        }
    }

    /// The message under `key`, if it is complete. It is then remembered as read.
    pub(crate) fn take(&mut self, key: &Key) -> Option<Message> {
        let message = self.messages.remove(key)?;
        self.release(message.value.len());
        if let Some((taken, counter)) = self.taken.entry(channel(key).to_owned()).or_default().of(key) {
            taken.insert(counter);
        }
        Some(message)
    }

    /// The numbers of messages that are complete but unread; they count as acknowledged from now on.
    pub(crate) fn acknowledge_unread(&mut self) -> Vec<u64> {
        let mut numbers: Vec<_> =
            self.messages.values_mut().filter_map(|message| message.number.take()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Puts a frame of a point to point or collective message where it belongs.
    pub(crate) fn accept(
        &mut self,
        key: Key,
        number: Option<u64>,
        chunk: Option<Chunk>,
        value: Bytes,
    ) -> Result<Accepted, Refused> {
        if number.is_some_and(|number| self.numbers.contains(number)) && !Mutant::RetryRefused.is_on() {
            return Ok(Accepted::Repeated);
        }
        let announced = chunk.map_or(value.len() as u64, |chunk| chunk.message_length);
        let total = usize::try_from(announced)
            .ok()
            .filter(|total| *total <= self.max_message_bytes || Mutant::MessageLimitIgnored.is_on())
            .ok_or(Refused::Oversized { bytes: announced, limit: self.max_message_bytes })?;
        if self.was_taken(&key) {
            return match number {
                None => Ok(Accepted::Repeated),
                Some(number) => Err(Refused::Misbehaved(format!(
                    "key {:?} came again, with the new sequence number {number}",
                    key.to_string()
                ))),
            };
        }
        if let Some(known) = self.messages.get(&key) {
            return repeated(&key, known, number, chunk, announced, &value);
        }
        if self.closed {
            return Err(Refused::Closed);
        }
        if number.is_some() && self.numbers.runs() >= MAX_GAPS {
            return Err(Refused::Misbehaved(format!("more than {MAX_GAPS} gaps in its sequence numbers")));
        }
        if self.unread_only {
            number.map(|number| self.numbers.insert(number));
            return Ok(Accepted::Unread(number));
        }
        if Mutant::EarlyMessageDropped.is_on() && !self.wanted.contains_key(&key)
            || Mutant::EmptyMessageDropped.is_on() && total == 0
        {
            return Ok(Accepted::Complete);
        }
        let value = if value.len() < LEAST_VIEW { Bytes::copy_from_slice(&value) } else { value };
        match chunk {
            None if !self.partial.contains_key(&key) => {
                self.room(&key, value.len().saturating_add(ENTRY_BYTES))?;
                self.complete(key, Message { value, number });
                Ok(Accepted::Complete)
            }
            _ => self.part(key, number, total, chunk.map_or(0, |chunk| chunk.offset), &value),
        }
    }

    fn part(
        &mut self,
        key: Key,
        number: Option<u64>,
        total: usize,
        offset: u64,
        value: &Bytes,
    ) -> Result<Accepted, Refused> {
        let known = self.partial.get(&key).map(|partial| partial.assembly.growth(offset, value.len()));
        let fresh = known.is_none();
        let growth = known
            .unwrap_or_else(|| ENTRY_BYTES.saturating_add(Assembly::new(total).growth(offset, value.len())));
        self.room(&key, growth)?;
        let misbehaved =
            |reason: String| Refused::Misbehaved(format!("{reason}, under key {:?}", key.to_string()));
        let mut partial =
            self.partial.remove(&key).unwrap_or_else(|| Partial { assembly: Assembly::new(total), number });
        let before = partial.assembly.held();
        let outcome = if partial.number == number {
            partial.assembly.add(total as u64, offset, value).map_err(|fault| misbehaved(fault.to_string()))
        } else {
            Err(misbehaved("chunks of one message have different sequence numbers".into()))
        };
        self.held = self.held + partial.assembly.held() - before;
        if outcome.is_ok() && partial.assembly.is_complete() {
            self.held -= partial.assembly.held();
            if !fresh {
                self.held -= ENTRY_BYTES;
            }
            self.complete(key, Message { value: partial.assembly.into_message(), number });
            return Ok(Accepted::Complete);
        }
        if !fresh || outcome.is_ok() {
            if fresh {
                self.held += ENTRY_BYTES;
            }
            self.partial.insert(key, partial);
        }
        outcome.map(|()| Accepted::Part)
    }

    fn complete(&mut self, key: Key, message: Message) {
        self.held += message.value.len() + ENTRY_BYTES;
        message.number.map(|number| self.numbers.insert(number));
        self.messages.insert(key, message);
    }

    fn release(&mut self, bytes: usize) {
        self.held -= bytes + ENTRY_BYTES;
    }

    fn room(&self, key: &Key, bytes: usize) -> Result<(), Refused> {
        if self.is_wanted(key) || self.held.saturating_add(bytes) <= self.mailbox_bytes {
            Ok(())
        } else {
            Err(Refused::Full { held: self.held, limit: self.mailbox_bytes })
        }
    }

    fn was_taken(&mut self, key: &Key) -> bool {
        let taken = self.taken.get_mut(channel(key)).and_then(|taken| taken.of(key));
        taken.is_some_and(|(counters, counter)| counters.contains(counter))
    }

    /// Takes the peer's FIN; a second one is ignored.
    pub(crate) fn fin(&mut self, count: u64) {
        self.fin.get_or_insert(count);
    }

    /// The count in the peer's FIN, if it came.
    pub(crate) fn fin_count(&self) -> Option<u64> {
        self.fin
    }

    /// Whether the peer has finished and everything that it numbered is here.
    pub(crate) fn is_all(&self) -> bool {
        self.fin.is_some_and(|count| self.numbers.covers_to(count))
    }

    /// Nobody reads any more: drops what is there and returns the numbers to acknowledge. What comes
    /// later is [`Accepted::Unread`].
    pub(crate) fn stop_reading(&mut self) -> Vec<u64> {
        self.unread_only = true;
        self.held = 0;
        let complete = self.messages.drain().filter_map(|(_, message)| message.number);
        let mut numbers: Vec<_> =
            complete.chain(self.partial.drain().filter_map(|(_, part)| part.number)).collect();
        for number in &numbers {
            self.numbers.insert(*number);
        }
        numbers.sort_unstable();
        numbers
    }

    /// From now on only repetitions are taken.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }
}

/// A frame whose message is already complete, but was not read yet.
fn repeated(
    key: &Key,
    known: &Message,
    number: Option<u64>,
    chunk: Option<Chunk>,
    announced: u64,
    value: &Bytes,
) -> Result<Accepted, Refused> {
    let offset = chunk.map_or(0, |chunk| chunk.offset);
    let known_part = usize::try_from(offset)
        .ok()
        .and_then(|from| known.value.get(from..from.checked_add(value.len())?))
        .filter(|_| announced == known.value.len() as u64);
    // The same number was handled before: this is another one, or the peer changed its mind about numbering.
    if known_part == Some(value.as_ref()) && number.is_none() {
        return Ok(Accepted::Repeated);
    }
    Err(Refused::Misbehaved(format!(
        "key {:?} came twice with different contents or numbers",
        key.to_string()
    )))
}

fn channel(key: &Key) -> &str {
    match key {
        Key::P2p { channel, .. } | Key::Collective { channel, .. } => channel,
        Key::Connect { .. } | Key::Ack | Key::Fin => "",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(counter: u64) -> Key {
        Key::P2p { channel: "root".into(), counter, from: 1, to: 0 }
    }

    /// What the budget must count, from the entries themselves.
    fn counted(mailbox: &Mailbox) -> usize {
        let messages = mailbox.messages.values().map(|message| message.value.len());
        let partial = mailbox.partial.values().map(|partial| partial.assembly.held());
        messages.chain(partial).map(|bytes| bytes + ENTRY_BYTES).sum()
    }

    #[test]
    fn a_short_value_does_not_keep_its_buffer() {
        let buffer = Bytes::from(vec![7; 3 * LEAST_VIEW]);
        let mut mailbox = Mailbox::new(1 << 20, 1 << 20);
        let parts = [buffer.slice(..1), buffer.slice(1..1 + LEAST_VIEW)];
        for (counter, value) in parts.iter().enumerate() {
            mailbox.accept(key(counter as u64), None, None, value.clone()).unwrap();
            let kept = mailbox.take(&key(counter as u64)).unwrap().value;
            assert_eq!(kept, value);
            assert_eq!(kept.as_ptr() == value.as_ptr(), counter == 1, "only the long one is a view");
        }
    }

    #[test]
    fn scattered_chunks_use_up_the_budget() {
        let mut mailbox = Mailbox::new(1 << 20, 4096);
        let mut taken = 0;
        let full = loop {
            let chunk = Chunk { message_length: 1 << 20, offset: 2 * taken + 1 };
            match mailbox.accept(key(1), None, Some(chunk), Bytes::from_static(b"x")) {
                Ok(_) => taken += 1,
                Err(refused) => break refused,
            }
        };
        assert!(matches!(full, Refused::Full { .. }) && taken < 64, "{taken}");
    }

    proptest! {
        #[test]
        fn the_budget_counts_what_is_held(
            steps in prop::collection::vec((0u64..6, prop::option::of(1u64..8), prop::option::of((1u64..40, 0u64..40)), 0usize..30, 0u8..4), 0..120),
        ) {
            let mut mailbox = Mailbox::new(40, 1200);
            for (counter, number, cut, length, what) in steps {
                let key = key(counter);
                let chunk = cut.map(|(message_length, offset)| Chunk { message_length, offset });
                match what {
                    0 => drop(mailbox.take(&key)),
                    1 => {
                        mailbox.want(&key);
                        let _ = mailbox.accept(key.clone(), number, chunk, vec![0; length].into());
                        mailbox.unwant(&key);
                    }
                    _ => {
                        let before = mailbox.held;
                        let outcome = mailbox.accept(key, number, chunk, vec![0; length].into());
                        if before <= 1200 {
                            prop_assert!(mailbox.held <= 1200);
                        }
                        if outcome.is_err() {
                            prop_assert_eq!(mailbox.held, before);
                        }
                    }
                }
                prop_assert_eq!(mailbox.held, counted(&mailbox));
                prop_assert!(mailbox.wanted.is_empty());
            }
            mailbox.stop_reading();
            prop_assert_eq!((mailbox.held, counted(&mailbox)), (0, 0));
        }
    }
}
