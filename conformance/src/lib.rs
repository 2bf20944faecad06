//! Recorded runs of real engines, and their replay against a Symbolon party.
//!
//! A [`Recording`](recording::Recording) holds a two-party run with its inputs and secrets. A replay gives one party's inputs
//! and secrets to Symbolon, plays the other party from the file, and compares every message that Symbolon
//! sends, byte for byte, and the result. What a byte may depend on besides (thread timing) is stated in
//! [`replay`].
//!
//! Foreign recording formats are read by [`import::read_any`].

mod error;
pub mod frame;
pub mod import;
pub mod recording;
pub mod replay;
pub mod vectors;

pub use error::ConformanceError;
