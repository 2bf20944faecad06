//! The handshake of logistic regression.

mod negotiation;
mod request;
mod response;

pub use negotiation::negotiate_lr;
pub use request::LrRequest;
