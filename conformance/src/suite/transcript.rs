//! Everything that travelled in a case, and when.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use symbolon_link::{Chunk, Frame};

/// The value of [`Transcript::format`].
pub const FORMAT: &str = "symbolon-conformance-transcript/1";

/// A case's messages as a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// Always [`FORMAT`].
    pub format: String,
    /// The case.
    pub case: String,
    /// The testee's role.
    pub role: super::Role,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// One message, or one remark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the case began.
    pub ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The testee pushed this.
    Received(Push),
    /// The suite pushed this.
    Sent(Push),
    /// The testee's answer to a push of the suite.
    Answered {
        /// The key that was pushed.
        key: String,
        /// `error_code` of the answer; absent if none came.
        code: Option<i32>,
        /// `error_msg`, or why no answer came.
        text: String,
    },
    /// A call of the dealer, either way.
    Dealer {
        /// Which call, with its parameters.
        call: String,
        /// What came back.
        answer: String,
    },
    /// A remark of the suite.
    Note {
        /// The remark.
        text: String,
    },
}

/// A push as it was on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Push {
    /// `sender_rank`.
    pub sender: u64,
    /// `key`; control characters are escaped by JSON.
    pub key: String,
    /// Bytes of the value.
    pub bytes: usize,
    /// The value, base64.
    pub value: String,
    /// `message_length` and `chunk_offset` of a chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<(u64, u64)>,
}

impl From<&Frame> for Push {
    fn from(frame: &Frame) -> Self {
        let chunk = frame.chunk.map(|Chunk { message_length, offset }| (message_length, offset));
        Self {
            sender: frame.sender,
            key: frame.key.clone(),
            bytes: frame.value.len(),
            value: BASE64_STANDARD.encode(&frame.value),
            chunk,
        }
    }
}

/// Collects events from any thread.
#[derive(Debug)]
pub struct Log {
    start: Instant,
    events: Mutex<Vec<Event>>,
}

impl Default for Log {
    fn default() -> Self {
        Self { start: Instant::now(), events: Mutex::default() }
    }
}

impl Log {
    /// Adds one.
    pub fn add(&self, what: What) {
        let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(Event { ms, what });
    }

    /// Adds a remark.
    pub fn note(&self, text: impl Into<String>) {
        self.add(What::Note { text: text.into() });
    }

    /// Writes them all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path, case: &str, role: super::Role) -> Result<(), String> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let transcript = Transcript { format: FORMAT.into(), case: case.into(), role, events };
        let text = serde_json::to_string_pretty(&transcript).map_err(|error| error.to_string())?;
        std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let log = Log::default();
        let frame = Frame { sender: 1, key: "k\u{1}\u{2}1".into(), value: "v".into(), chunk: None };
        log.add(What::Sent(Push::from(&frame)));
        let chunk = Some(Chunk { message_length: 9, offset: 3 });
        log.add(What::Received(Push::from(&Frame { chunk, ..frame })));
        log.add(What::Answered { key: "k".into(), code: None, text: "late".into() });
        log.add(What::Dealer { call: "AdjustDot".into(), answer: "code 0".into() });
        log.note("done");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("transcript.json");
        log.write(&path, "a/b", crate::suite::Role::Rank1).unwrap();
        let transcript = crate::suite::again::read(&path).unwrap().unwrap();
        assert_eq!((transcript.case.as_str(), transcript.role), ("a/b", crate::suite::Role::Rank1));
        assert_eq!(transcript.events, log.events.into_inner().unwrap());
    }
}
