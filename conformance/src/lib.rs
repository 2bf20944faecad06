//! The conformance suite for the interconnection protocols, and recorded runs of real engines.
//!
//! # The suite
//! The program `symbolon-conform` plays one party, or the dealer's clients, against any implementation over the
//! network, and tells case by case what the clause asks for and what was seen. [`testee`] describes the
//! implementation and starts it, [`suite`] has the cases, the suite's party, verdicts and reports.
//! docs/conformance/ shows how to run it.
//!
//! # Recorded runs
//! A [`Recording`](recording::Recording) holds a two-party run with its inputs and secrets. A replay gives one party's inputs
//! and secrets to Symbolon, plays the other party from the file, and compares every message that Symbolon
//! sends, byte for byte, and the result. What a byte may depend on besides (thread timing) is stated in
//! [`replay`].
//!
//! Foreign recording formats are read by [`import::read_any`].

pub mod dealer;
mod error;
pub mod frame;
pub mod import;
pub mod link_party;
pub mod recording;
pub mod replay;
pub mod suite;
pub mod testee;
pub mod vectors;

pub use error::ConformanceError;
