//! The phases of a run, each over one channel: a handshake, then the work that was agreed.

mod evaluate;
mod ids;
mod offers;
mod predict;
mod psi;
pub(crate) mod session;
mod train;
mod triples;

pub use evaluate::evaluate;
pub use ids::{FileIds, Origin};
pub use predict::{Scoring, predict};
pub use psi::{Found, Items, Room, conclude, intersect};
pub use train::train;
pub use triples::triples;
