//! Under construction.
#![allow(clippy::todo, missing_docs)]

mod assembly;
mod channel;
mod collective;
mod config;
mod error;
mod finish;
mod frame;
mod inbox;
mod key;
mod link;
mod mailbox;
pub mod memory;
mod numbers;
mod outbox;
mod presence;
pub mod record;
mod world;

pub use channel::Channel;
pub use collective::PendingAllgather;
pub use config::LinkConfig;
pub use error::{Action, Failure, LinkError};
pub use frame::{Carrier, Chunk, Completion, Frame, PushError, Rank, Rejection};
pub use inbox::Inbox;
pub use key::{Key, KeyError, Operation};
pub use link::{Link, Traffic};
