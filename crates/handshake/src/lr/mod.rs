//! The handshake of logistic regression.

mod negotiation;
mod request;
mod response;
mod run;

pub use negotiation::negotiate_lr;
pub use request::LrRequest;
pub use run::{LrRunOffer, LrRunPlan};
pub(crate) use run::{Told, told};
