//! Symbolon, the program: a party, a dealer, a demo.
#![allow(missing_docs)]

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
pub mod logging;
pub mod model;
pub mod network;
pub mod output;
pub mod phase;
pub mod progress;
pub mod report;
pub mod standardize;
pub mod table;

pub use error::{Error, Result};
