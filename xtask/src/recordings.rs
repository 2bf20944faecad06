//! Replaying recorded runs, and importing them into `vectors/recordings`.

use std::path::{Path, PathBuf};

use clap::Args;
use symbolon_conformance::{dealer::DealerCalls, import::read_any, replay::replay};

/// Plays recorded runs of other engines against Symbolon, as both ranks, and compares every byte.
///
/// Reads the project's own recordings and the two formats in which SPU and the reference implementation
/// were recorded; and calls recorded at a dealer, whose replies it recomputes.
#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// The recordings.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Play only this rank.
    #[arg(long)]
    rank: Option<usize>,
}

/// Rewrites recordings of SPU or of the reference implementation in the project's own format.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The recordings.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where the vectors are.
    #[arg(long, default_value = "vectors/recordings")]
    into: PathBuf,
}

pub(crate) fn run_replay(arguments: &ReplayArguments) -> Result<(), Box<dyn std::error::Error>> {
    let (mut passed, mut failed) = (0, 0);
    for path in &arguments.files {
        if DealerCalls::is_in(path) {
            let ok = replay_calls(path);
            if ok {
                passed += 1
            } else {
                failed += 1
            }
            continue;
        }
        let recording = match read_any(path) {
            Ok(recording) => recording,
            Err(error) => {
                println!("FAIL {error}");
                failed += 1;
                continue;
            }
        };
        for rank in 0..recording.parties.len() {
            if arguments.rank.is_some_and(|only| only != rank) {
                continue;
            }
            let ok = match replay(&recording, rank) {
                Ok(report) => {
                    println!("{report}");
                    report.passed()
                }
                Err(error) => {
                    println!("FAIL {} rank {rank}: {error}", recording.id);
                    false
                }
            };
            if ok { passed += 1 } else { failed += 1 }
        }
    }
    println!("{passed} passed, {failed} failed");
    match (passed, failed) {
        (0, 0) => Err("nothing was replayed".into()),
        (_, 0) => Ok(()),
        _ => Err(format!("{failed} replays failed").into()),
    }
}

fn replay_calls(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().replace('_', "/");
    match DealerCalls::read(path).and_then(|calls| calls.replay()) {
        Ok(report) => {
            println!("{} {name}: {report}", if report.passed() { "ok  " } else { "FAIL" });
            report.passed()
        }
        Err(error) => {
            println!("FAIL {name}: {error}");
            false
        }
    }
}

pub(crate) fn run_import(arguments: &ImportArguments) -> Result<(), Box<dyn std::error::Error>> {
    for path in &arguments.files {
        let recording = read_any(path)?;
        let target = arguments.into.join(format!("{}.json", recording.id.replace('/', "_")));
        let text = recording.to_json()?;
        std::fs::create_dir_all(&arguments.into)
            .and_then(|()| std::fs::write(&target, text))
            .map_err(|error| format!("{}: {error}", target.display()))?;
        println!("{}", target.display());
    }
    Ok(())
}
