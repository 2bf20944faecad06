//! Correlated randomness and the arithmetic of the trusted dealer.

mod dealer;
mod error;
mod fetch;
mod op;
mod triples;

pub use dealer::{Corrections, Dealer, LocalDealer, Pending, adjust, adjust_bytes};
pub use error::{DealerError, Fault, TriplesError};
pub use fetch::Ahead;
pub use op::{AdjustRequest, BufferMeta, Limits, Op};
pub use symbolon_prg::{Cipher, Construction, Seed};
pub use triples::{DotTriple, Triple, Triples, TriplesConfig, TruncPair, TruncPrTriple};
