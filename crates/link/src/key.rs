//! The grammar of keys.
//!
//! ```text
//! connect_{rank}                          presence
//! {channel}:P2P-{counter}:{src}->{dst}    point to point
//! {channel}:{counter}:{OPERATION}         collective
//! ACK, FIN                                acknowledgement, orderly end; always marked, see below
//! ```
//! A key may be followed by the bytes 01 02 and a sequence number in decimal; 0 means "not numbered". `ACK`
//! and `FIN` are followed by the two bytes alone. Source: secretflow interconnection docs, link layer; yacl
//! `link/context.cc` and `link/transport/channel.cc` (erratum E03).

use std::fmt;

use symbolon_mutants::Mutant;

use crate::Rank;

/// Longest channel name, in bytes.
const MAX_CHANNEL_BYTES: usize = 256;
/// Longest key accepted, in bytes.
const MAX_KEY_BYTES: usize = MAX_CHANNEL_BYTES + 128;
/// Separates the key from its sequence number.
const MARK: &str = "\u{1}\u{2}";

/// The operation named by the key of a collective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// One value per rank from the root.
    Scatter,
    /// Everyone's value to the root.
    Gather,
    /// Everyone's value to everyone (erratum E04).
    AllGather,
    /// One value from the root to all.
    Broadcast,
    /// Waiting for one another.
    Barrier,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 5] = [Self::Scatter, Self::Gather, Self::AllGather, Self::Broadcast, Self::Barrier];

    /// The word in the key.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scatter => "SCATTER",
            Self::Gather => "GATHER",
            Self::AllGather => "ALLGATHER",
            Self::Broadcast => "BCAST",
            Self::Barrier => "BARRIER",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.word() == word)
    }
}

/// A key without its sequence number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// `connect_{rank}`.
    Connect {
        /// The party that says it is there.
        rank: Rank,
    },
    /// `{channel}:P2P-{counter}:{from}->{to}`.
    P2p {
        /// Name of the channel.
        channel: String,
        /// Counted per channel, sender and receiver.
        counter: u64,
        /// The sender.
        from: Rank,
        /// The receiver.
        to: Rank,
    },
    /// `{channel}:{counter}:{operation}`.
    Collective {
        /// Name of the channel.
        channel: String,
        /// Counted per channel, all operations together.
        counter: u64,
        /// Which collective.
        operation: Operation,
    },
    /// `ACK`, always followed by the mark.
    Ack,
    /// `FIN`, always followed by the mark.
    Fin,
}

/// A text that is no key of this grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed key: {reason}")]
pub struct KeyError {
    /// What is wrong.
    pub reason: &'static str,
}

/// Whether `name` can name a channel: 1 to 256 bytes, no control characters.
pub(crate) fn is_channel_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_CHANNEL_BYTES && !name.chars().any(char::is_control)
}

impl Key {
    /// The key and its sequence number, from the text on the wire. The number is `None` without a suffix
    /// and for suffix 0.
    ///
    /// # Errors
    /// Any text that [`Key::on_wire`] cannot produce.
    pub fn parse(text: &str) -> Result<(Self, Option<u64>), KeyError> {
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyError { reason: "longer than 384 bytes" });
        }
        let (name, sequence) = match text.split_once(MARK) {
            Some(("ACK", "")) => return Ok((Self::Ack, None)),
            Some(("FIN", "")) => return Ok((Self::Fin, None)),
            Some((name, digits)) => (
                name,
                Some(
                    number(digits)
                        .ok_or(KeyError { reason: "the sequence number is not a decimal number" })?,
                ),
            ),
            None => (text, None),
        };
        Ok((Self::parse_name(name)?, sequence.filter(|number| *number > 0)))
    }

    fn parse_name(name: &str) -> Result<Self, KeyError> {
        if let Some(rank) = name.strip_prefix("connect_").and_then(rank) {
            return Ok(Self::Connect { rank });
        }
        let (head, last) = name
            .rsplit_once(':')
            .ok_or(KeyError { reason: "neither presence, point to point nor collective" })?;
        let (channel, middle) = head.rsplit_once(':').ok_or(KeyError { reason: "it names no channel" })?;
        if !is_channel_name(channel) {
            return Err(KeyError { reason: "the channel name is empty, too long or has control characters" });
        }
        let channel = channel.to_owned();
        if let Some(counter) = middle.strip_prefix("P2P-") {
            let counter =
                number(counter).ok_or(KeyError { reason: "the counter is not a decimal number" })?;
            let (from, to) = last
                .split_once("->")
                .and_then(|(from, to)| Some((rank(from)?, rank(to)?)))
                .ok_or(KeyError { reason: "point to point without sender and receiver" })?;
            return Ok(Self::P2p { channel, counter, from, to });
        }
        let counter = number(middle).ok_or(KeyError { reason: "the counter is not a decimal number" })?;
        let operation = Operation::of_word(last).ok_or(KeyError { reason: "unknown operation" })?;
        Ok(Self::Collective { channel, counter, operation })
    }

    /// The text on the wire with a sequence number. `None` leaves the suffix out; `ACK` and `FIN` have
    /// their mark in any case.
    pub fn on_wire(&self, sequence: Option<u64>) -> String {
        match (self, sequence) {
            (Self::Ack | Self::Fin, _) => format!("{self}{MARK}"),
            (_, Some(number)) => format!("{self}{MARK}{number}"),
            (_, None) => self.to_string(),
        }
    }
}

/// The key without any suffix.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { rank } => write!(f, "connect_{rank}"),
            Self::P2p { channel, counter, from, to } => {
                let (from, to) = if Mutant::KeyRanksSwapped.is_on() { (to, from) } else { (from, to) };
                write!(f, "{channel}:P2P-{counter}:{from}->{to}")
            }
            Self::Collective { channel, counter, operation } => {
                write!(f, "{channel}:{counter}:{}", operation.word())
            }
            Self::Ack => f.write_str("ACK"),
            Self::Fin => f.write_str("FIN"),
        }
    }
}

/// Decimal without sign or leading zeros, so that every key has one text.
pub(crate) fn number(digits: &str) -> Option<u64> {
    let canonical =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if canonical { digits.parse().ok() } else { None }
}

fn rank(digits: &str) -> Option<Rank> {
    number(digits).and_then(|value| Rank::try_from(value).ok())
}
