//! Under construction.
#![allow(clippy::todo, missing_docs)]

mod config;
mod error;
mod frame;
mod key;
pub mod memory;

pub use config::LinkConfig;
pub use error::{Action, Failure, LinkError};
pub use frame::{Carrier, Chunk, Completion, Frame, PushError, Rank, Rejection};
pub use key::{Key, Operation};
pub use link::{Channel, Inbox, Link, PendingAllgather, Traffic};
mod link;
