//! `baidu_std`, the native protocol of brpc (brpc documentation, `baidu_std`; `baidu_rpc_meta.proto`).
//!
//! A frame is
//!
//! ```text
//! "PRPC" ‖ body size (4 bytes) ‖ meta size (4 bytes) ‖ RpcMeta ‖ message ‖ attachment
//! ```
//!
//! with both sizes big-endian and the body everything after the twelve bytes. A request's `RpcMeta` names service
//! (its full protobuf name) and method; an answer's has an error code, 0 for success. Many calls share a connection;
//! the correlation id, chosen by the caller, says which call an answer belongs to, in whatever order they come.
//!
//! Not spoken: compressed messages, streams, authentication data, JSON in place of protobuf. Checksums are not
//! verified, attachments are skipped; no engine of SecretFlow uses any of them.

mod client;
mod frame;
mod session;

pub(crate) use client::{CallError, Connection};
pub(crate) use frame::MAGIC;
pub(crate) use session::Session;

use frame::{Malformed, RequestMeta, ResponseMeta, RpcMeta, Source, packed};

/// An answer without a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RpcError {
    /// brpc's number (`brpc/errno.proto`) or an errno.
    pub(crate) code: i32,
    /// What happened.
    pub(crate) text: String,
}

impl RpcError {
    /// `ENOSERVICE`: nothing of that name is served.
    pub(crate) const NO_SERVICE: i32 = 1001;
    /// `ENOMETHOD`: the service has no such method.
    pub(crate) const NO_METHOD: i32 = 1002;
    /// `EREQUEST`: the request cannot be understood.
    pub(crate) const REQUEST: i32 = 1003;

    /// `ELOGOFF`: the server is stopping.
    pub(crate) const STOPPING: i32 = 2003;

    /// Any code and text.
    pub(crate) fn new(code: i32, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The service does not have the method.
    pub(crate) fn no_method() -> Self {
        Self::new(Self::NO_METHOD, "the service has no such method here")
    }
}
