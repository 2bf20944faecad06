//! The phases of a run, each over one channel: a handshake, then the work that was agreed.

mod evaluate;
mod offers;
mod predict;
mod psi;
pub(crate) mod session;
mod train;

pub use evaluate::evaluate;
pub use predict::{Scoring, predict};
pub use psi::{Items, intersect};
pub use train::train;
