//! Readers for the two formats in which runs of other implementations were recorded.
//!
//! Both become a [`Recording`]. Which of them a file is in is seen from its fields.

mod reference;
mod session;
mod spu;

pub use session::{dealer_exchange, with_secrets};

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::ConformanceError;
use crate::dealer::Request as DealerRequest;
use crate::recording::{FORMAT, Message, Recording, decode_base64};

/// Reads a recording in the project's own format or in one of the two foreign ones.
///
/// # Errors
/// [`ConformanceError::File`] names the file and what is wrong with it.
pub fn read_any(path: &Path) -> Result<Recording, ConformanceError> {
    let in_file = |reason: String| ConformanceError::File { path: path.into(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| in_file(error.to_string()))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| in_file(error.to_string()))?;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("recording");
    let recording = if value.get("format").and_then(Value::as_str) == Some(FORMAT) {
        serde_json::from_value(value).map_err(|error| ConformanceError::Recording(error.to_string()))
    } else if value.get("commands").is_some() {
        parse(value).and_then(|file| reference::convert(stem, file))
    } else {
        parse(value).and_then(|file| spu::convert(stem, file))
    }
    .map_err(|error| in_file(error.to_string()))?;
    recording.check().map_err(|error| in_file(error.to_string()))?;
    Ok(recording)
}

fn parse<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, ConformanceError> {
    serde_json::from_value(value).map_err(|error| ConformanceError::Recording(error.to_string()))
}

/// A `Push` as both foreign formats write it.
#[derive(Deserialize)]
struct ForeignMessage {
    sender_rank: usize,
    dst_rank: usize,
    key: String,
    value: String,
    request: String,
    #[serde(default)]
    response: Option<String>,
    #[serde(default)]
    forward_error: Option<Value>,
}

impl ForeignMessage {
    fn delivered(&self) -> bool {
        self.forward_error.as_ref().is_none_or(Value::is_null)
    }

    fn value(&self) -> Result<Vec<u8>, ConformanceError> {
        decode_base64("value", &self.value)
    }
}

/// The key without its sequence number.
fn bare_key(key: &str) -> &str {
    key.split_once('\u{1}').map_or(key, |(bare, _)| bare)
}

/// Whether any message other than the presence probe carries a sequence number.
fn numbered(messages: &[ForeignMessage]) -> bool {
    messages.iter().any(|message| {
        message.key.split_once("\u{1}\u{2}").is_some_and(|(bare, number)| {
            !bare.starts_with("connect_") && !number.is_empty() && bare != "ACK" && bare != "FIN"
        })
    })
}

/// The one delivered message from `rank` with this key.
fn find<'a>(
    messages: &'a [ForeignMessage],
    rank: usize,
    key: &str,
) -> Result<&'a ForeignMessage, ConformanceError> {
    messages
        .iter()
        .find(|message| message.delivered() && message.sender_rank == rank && bare_key(&message.key) == key)
        .ok_or_else(|| ConformanceError::Recording(format!("rank {rank} sent no message {key:?}")))
}

fn convert_messages(messages: Vec<ForeignMessage>) -> Vec<Message> {
    messages
        .into_iter()
        .map(|message| Message {
            response: if message.delivered() { message.response } else { None },
            from: message.sender_rank,
            to: message.dst_rank,
            key: message.key,
            request: message.request,
        })
        .collect()
}

/// What rank `rank` announced as its number of threads.
fn threads(messages: &[ForeignMessage], channel: &str, rank: usize) -> Result<i32, ConformanceError> {
    let value = find(messages, rank, &format!("{channel}:1:ALLGATHER"))?.value()?;
    <[u8; 4]>::try_from(value.as_slice())
        .map(i32::from_le_bytes)
        .map_err(|_| ConformanceError::Recording("the thread count is not 4 bytes".into()))
}

/// Width in bits of `FM32`, `FM64`, `FM128`.
fn ring_bits(field: &str) -> Result<u32, ConformanceError> {
    field
        .strip_prefix("FM")
        .unwrap_or(field)
        .parse()
        .ok()
        .filter(|bits| [32, 64, 128].contains(bits))
        .ok_or_else(|| ConformanceError::Recording(format!("field {field:?} is not a ring Symbolon has")))
}
