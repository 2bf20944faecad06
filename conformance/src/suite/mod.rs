//! The conformance suite: cases, the peer that plays the other roles, and the reports.
//!
//! A [`Case`] is one function with a description. It gets a [`Bench`]: a fresh folder, fresh ports and a deadline, where
//! it starts the testee for one task and plays the other role against it over real sockets. The peer there
//! ([`peer::Peer`]) keeps every message that comes and pushes whatever the case wants, right or wrong: it has
//! no opinion on counters, numbers, chunks or contents. What the testee must send is computed by code of the
//! suite's own ([`points`], [`streams`], [`messages`]) on top of foreign libraries, not by the crates that Symbolon's
//! party is made of; only the sockets and the generated messages are shared.
//!
//! A case ends with a [`Verdict`]:
//!
//! | verdict | |
//! | --- | --- |
//! | pass | the testee did what the clause asks for |
//! | lenient | it refused what is to be refused, but with another code, or did otherwise what is tolerated |
//! | fail | it did something else, crashed, or did nothing until the deadline |
//! | unsupported | its description, or its exit code, says that it does not have this |
//! | error | the suite could not run the case |

pub mod again;
pub mod bench;
pub mod case;
pub mod cases;
pub mod collectives;
pub mod dealer;
pub mod expected;
pub mod intersect;
pub mod messages;
pub mod peer;
pub mod points;
mod ports;
pub mod report;
pub mod run;
pub mod spu;
pub mod streams;
pub mod training;
pub mod transcript;
pub mod verdict;

pub use bench::Bench;
pub use case::{Case, Level, Role};
pub use verdict::{Finding, Outcome, Verdict};
