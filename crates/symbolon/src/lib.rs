//! Symbolon, the program: a party, a dealer, a demo.
//! (documentation at the end)
#![allow(missing_docs)]

pub mod cli;
pub mod config;
pub mod demo;
mod error;
pub mod interrupt;
pub mod logging;
pub mod model;
pub mod output;
pub mod progress;
pub mod standardize;
pub mod table;

pub use error::{Error, Result};
