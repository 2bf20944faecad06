//! Symbolon, the program: a party, a dealer, a demo.
//!
//! The `symbolon` binary is a thin `main` over this library; conformance tools and tests call it directly.
//! What it computes is the work of the crates below: [`symbolon_psi`] intersects, [`symbolon_lr`] trains and
//! predicts, [`symbolon_handshake`] agrees on both. Here is what surrounds them: the command line and the
//! files of a party.
//!
//! | command | does | writes |
//! | --- | --- | --- |
//! | `psi` | finds the rows that both parties have | own rows in the common order |
//! | `triples` | makes the triples of a training ahead of time: [`stored`] | a file that serves once |
//! | `train` | one model of aligned rows | the own half of the model |
//! | `predict` | scores aligned rows with two halves | scores, at the score rank only |
//! | `run` | all of that over one link, and an evaluation | all of that |
//! | `dealer` | serves multiplication triples | nothing |
//! | `keygen` | makes the SM2 keys of a dealer for parties of SPU | both halves |
//! | `demo` | a dealer and two parties on this machine | a folder to look around in |
//! | `ic-main` | what the reference implementation does, with its flags: [`ic_main`] | as there, but a half of the model |
//!
//! # How a command goes
//!
//! 1. [`cli`] takes flags, [`config`] lays them over the party's TOML file and checks all of it:
//!    [`config::PartyConfig`] is what every command takes.
//! 2. The own table is read and checked completely ([`table`], [`dataset`], [`standardize`]); a party whose
//!    table is wrong does not trouble the others.
//! 3. [`network`] connects. From here on Ctrl-C aborts the link ([`interrupt`]).
//! 4. Each [`phase`] has its channel, begins with a handshake, and does only what the plan says. In `run`
//!    each has a sub-channel of its own.
//! 5. The link ends in order; only then are outputs written, each whole or not at all ([`output`]). The
//!    [`report`] says what was agreed and what it cost.
//!
//! Failures are of this side, of the peer, or of the configuration ([`Error`]); the exit code tells which:
//! 0 done, 1 failed, 2 wrong flags or configuration, 3 a peer or the dealer cannot be reached or went away,
//! 4 the plan was refused, 130 and 143 interrupted. Each message names file, line and column, or rank, key and
//! operation, and what to do. No id, label, share or score is in any message or log line.
//!
//! Deliberately absent: any cryptography, any step of a protocol, any knowledge of messages.
//!
//! ```
//! use symbolon::config::{PartyConfig, Settings};
//!
//! let settings: Settings = toml::from_str(
//!     "rank = 0
//!      parties = ['alice.example:9530', 'bob.example:9530']
//!      [lr]
//!      field = 128
//!      fraction-bits = 30
//!      [dialect]
//!      preset = 'spu-0.9.5'
//!      sequence-numbers = false",
//! )
//! .unwrap();
//! let config = PartyConfig::from_settings(settings)?;
//! assert_eq!(config.listen, "alice.example:9530");
//! assert!(!config.dialect.sequence_numbers);
//!
//! let settings: Settings = toml::from_str("rank = 2\nparties = ['a:1', 'b:2']").unwrap();
//! let error = PartyConfig::from_settings(settings).unwrap_err();
//! assert_eq!(error.to_string(), "rank: there is no rank 2 among 2 parties");
//! assert_eq!(error.exit_code(), 2);
//! # Ok::<(), symbolon::Error>(())
//! ```
//!
//! # Public names
//!
//! [`commands`] runs a command of a party; [`phase`] has its parts; [`model::ModelHalf`] and
//! [`report::Report`] are the files it leaves; [`Error`] and [`Result`] are those of all functions here.

pub mod align;
pub mod cli;
pub mod commands;
pub mod config;
pub mod dataset;
pub mod dealer;
pub mod demo;
mod error;
mod failures;
pub mod ic_main;
pub mod interrupt;
pub mod keygen;
pub mod logging;
pub mod loopback;
pub mod model;
pub mod network;
pub mod output;
pub mod phase;
pub mod progress;
pub mod report;
pub mod standardize;
pub mod stored;
pub mod table;

pub use error::{Error, Place, Result};
