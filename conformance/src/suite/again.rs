//! A case played again, and where its transcript differs from an earlier one.
//!
//! The suite's side of a case is the same in every run: fixed secrets, fixed tables. What a testee sends is not: it draws
//! secrets, and its threads overtake one another. So messages are compared by key and length, answers to pushes by
//! code, and a refusal in the handshake by its code; the order of arrival, presence, acknowledgements and whether a testee
//! is still there to answer FIN are not compared.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use symbolon_wire::Message as _;
use symbolon_wire::handshake::HandshakeResponse;

use super::peer::MARK;
use super::transcript::{Event, FORMAT, Push, Transcript, What};
use crate::ConformanceError;

/// The first thing that is other than it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It happened then, at that millisecond, and did not now.
    Missing(u64, String),
    /// It did not happen then, and did now, at that millisecond.
    New(u64, String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(ms, what) => write!(f, "then, after {ms} ms: {what}; not now"),
            Self::New(ms, what) => write!(f, "now, after {ms} ms: {what}; not then"),
        }
    }
}

/// Reads a transcript; `None` if the file is JSON of another format.
///
/// # Errors
/// A file that cannot be read, or is no transcript though it says so.
pub fn read(path: &Path) -> Result<Option<Transcript>, ConformanceError> {
    let failed = |reason: String| ConformanceError::File { path: path.into(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    if value["format"] != FORMAT {
        return Ok(None);
    }
    serde_json::from_value(value).map(Some).map_err(|error| failed(error.to_string()))
}

/// What is other in `now`: the first event of `then` that has no counterpart there; if all have, the first of `now` that
/// has none in `then`.
pub fn first_difference(then: &Transcript, now: &Transcript) -> Option<Difference> {
    let missing = unmatched(&then.events, &now.events).map(|(ms, what)| Difference::Missing(ms, what));
    missing.or_else(|| unmatched(&now.events, &then.events).map(|(ms, what)| Difference::New(ms, what)))
}

fn unmatched(events: &[Event], others: &[Event]) -> Option<(u64, String)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for what in others.iter().filter_map(|event| essence(&event.what)) {
        *counts.entry(what).or_default() += 1;
    }
    events.iter().find_map(|event| {
        let what = essence(&event.what)?;
        match counts.get_mut(&what) {
            Some(count) if *count > 0 => {
                *count -= 1;
                None
            }
            _ => Some((event.ms, what)),
        }
    })
}

/// What of an event is the same in every run of the same testee; `None` for what is not.
fn essence(what: &What) -> Option<String> {
    let plain = |key: &str| key.split(MARK).next().unwrap_or_default().to_owned();
    match what {
        What::Received(push) => {
            let key = plain(&push.key);
            if key == "ACK" || key.starts_with("connect_") {
                return None;
            }
            let place = push.chunk.map_or_else(String::new, |(total, offset)| {
                format!(" at offset {offset} of a message of {total}")
            });
            Some(format!("the testee pushed {key:?}, {} bytes{place}{}", push.bytes, refusal(push)))
        }
        What::Answered { key, code, .. } => {
            let code = code.map_or_else(|| "with nothing".into(), |code| format!("with code {code}"));
            let key = plain(key);
            (key != "ACK" && key != "FIN").then(|| format!("the testee answered the push of {key:?} {code}"))
        }
        What::Dealer { call, answer } => {
            let method = call.split([' ', '{']).next().unwrap_or_default();
            // Contents follow from seeds; that there are some is to be the same.
            let code = answer
                .split("code")
                .nth(1)
                .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty()));
            Some(format!("the dealer's {method}, code {}", code.unwrap_or("0")))
        }
        What::Sent(_) | What::Note { .. } => None,
    }
}

/// The code of a `HandshakeResponse` that refuses.
fn refusal(push: &Push) -> String {
    let is_first = push.key.contains(":P2P-1:0->") || push.key.contains(":P2P-0:0->");
    let value = BASE64_STANDARD.decode(&push.value).unwrap_or_default();
    match HandshakeResponse::decode(value.as_slice()) {
        Ok(HandshakeResponse { header: Some(header), .. }) if is_first && header.error_code != 0 => {
            format!(", a refusal with code {}", header.error_code)
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Role;

    fn transcript(whats: Vec<What>) -> Transcript {
        let events = whats.into_iter().zip(1..).map(|(what, ms)| Event { ms, what }).collect();
        Transcript { format: FORMAT.into(), case: "a/b".into(), role: Role::Rank0, events }
    }

    fn pushed(key: &str, value: &[u8]) -> What {
        let value_text = BASE64_STANDARD.encode(value);
        What::Received(Push {
            sender: 0,
            key: key.into(),
            bytes: value.len(),
            value: value_text,
            chunk: None,
        })
    }

    fn answered(code: i32) -> What {
        What::Answered { key: "root:P2P-1:1->0\u{1}\u{2}1".into(), code: Some(code), text: "why".into() }
    }

    #[test]
    fn secrets_numbers_and_order_are_no_difference() {
        let then = transcript(vec![
            pushed("connect_0", b""),
            pushed("root:P2P-2:0->1\u{1}\u{2}2", b"abc"),
            answered(0),
            pushed("root-0:P2P-1:0->1\u{1}\u{2}3", b"x"),
        ]);
        let now = transcript(vec![
            pushed("root-0:P2P-1:0->1\u{1}\u{2}2", b"y"),
            pushed("root:P2P-2:0->1", b"def"),
            pushed("ACK\u{1}\u{2}", b"1"),
            answered(0),
        ]);
        assert_eq!(first_difference(&then, &now), None);
    }

    #[test]
    fn the_first_difference_is_told() {
        let then = transcript(vec![answered(0), pushed("root:P2P-2:0->1", b"abc")]);
        let now = transcript(vec![answered(31_100_100)]);
        let text = first_difference(&then, &now).unwrap().to_string();
        assert!(text.contains("then, after 1 ms") && text.contains("code 0"), "{text}");
        let more = transcript(vec![answered(0), pushed("root:P2P-2:0->1", b"abc"), pushed("x", b"")]);
        let text = first_difference(&then, &more).unwrap().to_string();
        assert!(text.contains("now, after 3 ms") && text.contains("\"x\""), "{text}");
    }

    #[test]
    fn refusals_of_the_same_length_differ_by_their_code() {
        let refused = |code: u8| pushed("root:P2P-1:0->1", &[0x0a, 2, 8, code]);
        let text = first_difference(&transcript(vec![refused(7)]), &transcript(vec![refused(9)])).unwrap();
        assert!(text.to_string().contains("a refusal with code 7"), "{text}");
    }
}
