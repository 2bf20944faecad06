//! The chores of the project: `cargo xtask <chore>`.
//!
//! Each chore is a module with its own arguments; this file only dispatches.

#[cfg(feature = "interop")]
mod bench;
mod codegen;
#[cfg(feature = "interop")]
mod interop;
#[cfg(feature = "replay")]
mod mutants;
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
    Mutants(mutants::MutantsArguments),
    #[cfg(feature = "replay")]
    Replay(recordings::ReplayArguments),
    #[cfg(feature = "replay")]
    Import(recordings::ImportArguments),
    #[cfg(feature = "interop")]
    Interop(interop::InteropArguments),
    #[cfg(feature = "interop")]
    Bench(bench::BenchArguments),
    #[cfg(feature = "interop")]
    Record(interop::RecordArguments),
    #[cfg(feature = "interop")]
    #[command(hide = true)]
    InteropSide(interop::SideArguments),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Codegen(arguments) => codegen::run(&arguments),
        #[cfg(feature = "replay")]
        Chore::Mutants(arguments) => mutants::run(&arguments).map_err(Into::into),
        #[cfg(feature = "replay")]
        Chore::Replay(arguments) => recordings::run_replay(&arguments),
        #[cfg(feature = "replay")]
        Chore::Import(arguments) => recordings::run_import(&arguments),
        #[cfg(feature = "interop")]
        Chore::Interop(arguments) => interop::run(&arguments).map_err(Into::into),
        #[cfg(feature = "interop")]
        Chore::Bench(arguments) => bench::run(&arguments).map_err(Into::into),
        #[cfg(feature = "interop")]
        Chore::Record(arguments) => interop::run_record(&arguments).map_err(Into::into),
        #[cfg(feature = "interop")]
        Chore::InteropSide(arguments) => interop::run_side(&arguments).map_err(Into::into),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
