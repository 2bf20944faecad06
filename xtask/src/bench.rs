//! `cargo xtask bench`: Symbolon beside the released engine, whole processes on this machine, in one run.
//!
//! The two take turns on the same files, so that whatever else the machine does hits both; what counts is
//! the ratio of the medians. The peer is timed only inside its own call, without the start of Python.

mod flame;
mod lr;
mod measure;
mod psi;
mod tables;
mod wan;

use std::path::{Path, PathBuf};

/// Measures Symbolon beside SPU.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Flame(flame::FlameArguments),
    Lr(lr::LrArguments),
    Psi(psi::PsiArguments),
}

/// Runs the measurement asked for.
pub(crate) fn run(arguments: &BenchArguments) -> Result<(), String> {
    match &arguments.what {
        What::Flame(arguments) => flame::run(arguments),
        What::Lr(arguments) => lr::run(arguments),
        What::Psi(arguments) => psi::run(arguments),
    }
}

/// Builds the released program and returns its path.
fn program(repository: &Path) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = std::process::Command::new(cargo);
    build.args(["build", "--release", "--quiet", "--package", "symbolon"]).current_dir(repository);
    if !build.status().map_err(|error| format!("cargo: {error}"))?.success() {
        return Err("symbolon does not build".into());
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), PathBuf::from);
    Ok(target.join("release/symbolon"))
}

/// A folder for the files of a measurement, empty.
fn folder(repository: &Path, name: &str) -> Result<PathBuf, String> {
    let folder = repository.join("target/bench").join(name);
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(wrong)?;
    }
    std::fs::create_dir_all(&folder).map_err(wrong)?;
    Ok(folder)
}
