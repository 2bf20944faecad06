//! Additive shares over Z_2^k and the Semi2K operations.

mod config;
mod error;
mod integer;
mod multiply;
mod session;
mod setup;
mod share;
pub mod testing;
mod truncate;

pub use config::{DealerOpening, SessionConfig, SessionSeeds, Truncation};
pub use error::Semi2kError;
pub use integer::{decode_u128, encode_u128};
pub use session::{Opened, Session};
pub use share::Share;
