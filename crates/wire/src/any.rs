//! Packing and unpacking of `google.protobuf.Any`, with the type's name checked.

use bytes::Bytes;
use prost::{Message, Name};
use symbolon_mutants::Mutant;

use crate::Any;

/// The host part of the type URLs that the handshake uses.
const DOMAIN: &str = "type.googleapis.com/";

/// Why bytes of a peer are not the message expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The peer's `Any` names another message.
    #[error("expected a {expected} in google.protobuf.Any, the peer sent {}", quoted(.found))]
    PeerSentOtherType {
        /// Full name of the message expected.
        expected: String,
        /// The peer's type URL.
        found: String,
    },
    /// The peer's bytes are no encoding of that message.
    #[error("the peer's {message} cannot be decoded: {reason}")]
    PeerSentMalformed {
        /// Full name of the message expected.
        message: String,
        /// What the decoder found.
        reason: String,
    },
}

/// The message inside an `Any` whose type URL is `type.googleapis.com/<full name>`.
pub fn pack_any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: format!("{DOMAIN}{}", M::full_name()), value: Bytes::from(message.encode_to_vec()) }
}

/// The message of type `M` inside `any`.
///
/// The part of the type URL after its last `/` must be the full name of `M`; the host part is free, as
/// for every reader of `Any`.
///
/// # Errors
/// [`WireError`] when the name differs or the value is malformed.
pub fn unpack_any<M: Message + Name + Default>(any: &Any) -> Result<M, WireError> {
    match any.type_url.rsplit_once('/') {
        Some((_, name)) if name == M::full_name() || Mutant::AnyTypeIgnored.is_on() => {
            decode(any.value.clone())
        }
        _ => Err(WireError::PeerSentOtherType { expected: M::full_name(), found: any.type_url.clone() }),
    }
}

/// Decodes a peer's message. `bytes` fields of the result are views into `buffer`.
///
/// # Errors
/// [`WireError::PeerSentMalformed`], which names the message.
pub fn decode<M: Message + Name + Default>(buffer: Bytes) -> Result<M, WireError> {
    M::decode(buffer)
        .map_err(|error| WireError::PeerSentMalformed { message: M::full_name(), reason: error.to_string() })
}

/// A peer's text, short and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut quoted: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        quoted.push('…');
    }
    format!("\"{quoted}\"")
}
