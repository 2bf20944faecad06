//! The chores of the project: `cargo xtask <chore>`.
//!
//! Each chore is a module with its own arguments; this file only dispatches.

mod codegen;
#[cfg(feature = "replay")]
mod recordings;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The chores of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    Codegen(codegen::Arguments),
    #[cfg(feature = "replay")]
    Replay(recordings::ReplayArguments),
    #[cfg(feature = "replay")]
    Import(recordings::ImportArguments),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Codegen(arguments) => codegen::run(&arguments),
        #[cfg(feature = "replay")]
        Chore::Replay(arguments) => recordings::run_replay(&arguments),
        #[cfg(feature = "replay")]
        Chore::Import(arguments) => recordings::run_import(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
