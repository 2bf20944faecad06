//! Comparing what Symbolon sent with what was recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use symbolon_link::Frame;

use crate::ConformanceError;
use crate::frame;
use crate::recording::Recording;

/// A message that is not as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Recorded, but Symbolon did not send it.
    Missing(String),
    /// Sent by Symbolon, but not recorded.
    Unexpected(String),
    /// The bytes differ, first at this offset of the `PushRequest`.
    Bytes {
        /// The message.
        message: String,
        /// First different byte.
        offset: usize,
        /// Length recorded.
        recorded: usize,
        /// Length sent.
        sent: usize,
    },
    /// The sequence numbers used are not the recorded ones.
    Numbers(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(message) => write!(f, "{message}: recorded, not sent"),
            Self::Unexpected(message) => write!(f, "{message}: sent, not recorded"),
            Self::Bytes { message, offset, recorded, sent } => write!(
                f,
                "{message}: differs at byte {offset} of the request ({recorded} bytes recorded, {sent} sent)"
            ),
            Self::Numbers(text) => write!(f, "sequence numbers: {text}"),
        }
    }
}

/// Which message a frame is, without its sequence number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    key: String,
    offset: u64,
    /// The acknowledged number, for an ACK: all of them have the same key.
    acknowledged: Option<Vec<u8>>,
}

impl Identity {
    fn of(frame: &Frame) -> Self {
        let (key, _) = split(&frame.key);
        Self {
            key: key.to_owned(),
            offset: frame.chunk.map_or(0, |chunk| chunk.offset),
            acknowledged: (key == "ACK").then(|| frame.value.to_vec()),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(number) = &self.acknowledged {
            write!(f, " of {}", String::from_utf8_lossy(number))?;
        }
        if self.offset > 0 {
            write!(f, " at offset {}", self.offset)?;
        }
        Ok(())
    }
}

/// A key and its sequence number.
fn split(key: &str) -> (&str, Option<&str>) {
    match key.split_once("\u{1}\u{2}") {
        Some((bare, number)) => (bare, Some(number)),
        None => (key, None),
    }
}

/// Whether sequence numbers must be as recorded, message by message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// They follow from the protocol's order.
    Exact,
    /// They depend on the timing of threads.
    AnyOrder,
}

/// Compares; returns how many messages are equal, and the differences.
pub(super) fn compare(
    recording: &Recording,
    rank: usize,
    sent: &[Frame],
    numbers: Numbers,
) -> Result<(usize, Vec<Difference>), ConformanceError> {
    let mut recorded = BTreeMap::new();
    for message in &recording.messages {
        if message.from == rank && message.response.is_some() {
            let bytes = message.request_bytes()?;
            recorded.insert(Identity::of(&frame::decode(&bytes)?), bytes);
        }
    }
    let mut equal = 0;
    let mut differences = Vec::new();
    let mut seen = BTreeSet::new();
    let mut sent_numbers = BTreeSet::new();
    for frame in sent {
        let identity = Identity::of(frame);
        if let Some(number) = sequence_number(frame) {
            sent_numbers.insert(number);
        }
        if !seen.insert(identity.clone()) {
            if !identity.key.starts_with("connect_") {
                differences.push(Difference::Unexpected(format!("{identity} (again)")));
            }
            continue;
        }
        let Some(bytes) = recorded.get(&identity) else {
            differences.push(Difference::Unexpected(identity.to_string()));
            continue;
        };
        let (ours, theirs) = match numbers {
            Numbers::Exact => (frame::encode(frame), bytes.clone()),
            Numbers::AnyOrder => (unnumbered(frame), unnumbered(&frame::decode(bytes)?)),
        };
        if ours == theirs {
            equal += 1;
        } else {
            let offset = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
            differences.push(Difference::Bytes {
                message: identity.to_string(),
                offset,
                recorded: theirs.len(),
                sent: ours.len(),
            });
        }
    }
    for identity in recorded.keys().filter(|identity| !seen.contains(*identity)) {
        differences.push(Difference::Missing(identity.to_string()));
    }
    let mut recorded_numbers = BTreeSet::new();
    for bytes in recorded.values() {
        recorded_numbers.extend(sequence_number(&frame::decode(bytes)?));
    }
    if sent_numbers != recorded_numbers {
        differences.push(Difference::Numbers(format!("{sent_numbers:?}, recorded {recorded_numbers:?}")));
    }
    Ok((equal, differences))
}

fn sequence_number(frame: &Frame) -> Option<String> {
    match split(&frame.key) {
        (_, Some("")) | (_, None) => None,
        (key, Some(_)) if key.starts_with("connect_") => None,
        (_, Some(number)) => Some(number.to_owned()),
    }
}

/// The request's bytes with the sequence number left out of the key.
fn unnumbered(frame: &Frame) -> Vec<u8> {
    let mut frame = frame.clone();
    if let (key, Some(_)) = split(&frame.key) {
        frame.key = key.to_owned();
    }
    frame::encode(&frame)
}
