//! Error codes and response headers.

use crate::{
    any::quoted,
    common::{ErrorCode, ResponseHeader},
};

/// A non-zero header of a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} ({code}): {}", self.name(), quoted(.message))]
pub struct PeerError {
    /// The number on the wire, known or not.
    pub code: i32,
    /// The peer's text, as sent. Printed shortened and without control characters.
    pub message: String,
}

impl PeerError {
    /// The code, if this version of the protocol defines it.
    pub fn known(&self) -> Option<ErrorCode> {
        ErrorCode::try_from(self.code).ok()
    }

    /// The code's name in the protocol.
    pub fn name(&self) -> &'static str {
        self.known().map_or("unknown error code", |code| code.as_str_name())
    }
}

impl ResponseHeader {
    /// The header of a success: everything zero, so it encodes to no bytes.
    pub fn ok() -> Self {
        Self::default()
    }

    /// The header of a failure.
    pub fn error(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { error_code: code.into(), error_msg: message.into() }
    }

    /// `Ok` when the code is zero. An absent header reads as an empty one.
    ///
    /// # Errors
    /// The peer's code and text.
    pub fn check(header: Option<&Self>) -> Result<(), PeerError> {
        match header {
            Some(header) if header.error_code != i32::from(ErrorCode::Ok) => {
                Err(PeerError { code: header.error_code, message: header.error_msg.clone() })
            }
            _ => Ok(()),
        }
    }
}
