//! `symbolon demo`: a dealer and two parties as three processes on this machine.
//!
//! The parties get different columns of one table, each with its own order of rows and some rows missing,
//! and know nothing of each other but the address. What they compute is compared with the same algorithm
//! in float64 on the pooled rows, which only the demo can do.

mod plain;
mod processes;
mod summary;
mod tables;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::cli::DemoOptions;
use crate::error::{Error, Result};
use crate::output::{Access, write_atomically};
use crate::progress::Bar;
use crate::report::Report;

use plain::Training;
use processes::Processes;
use summary::Summary;
use tables::Pooled;

const PARTIES: usize = 2;
/// How far the AUC of the parties may be from the plain one.
const AUC_TOLERANCE: f64 = 0.005;

/// Runs the demo and prints its summary to stdout.
///
/// # Errors
/// [`Error::Child`] if a process fails, with the end of its log, or if the result is not what the plain
/// computation gives; [`Error::OurFile`] if the output folder cannot be written.
pub fn run(options: &DemoOptions) -> Result<()> {
    let start = Instant::now();
    let data = data(options)?;
    let parts = data.split(PARTIES);
    let fewest = parts.iter().map(tables::Part::rows).min().unwrap_or_default();
    let batch_size = options.batch_size.unwrap_or(default_batch_size(fewest));
    let folders: Vec<PathBuf> = (0..PARTIES).map(|rank| options.out.join(format!("rank{rank}"))).collect();
    for (part, folder) in parts.iter().zip(&folders) {
        clear(folder)?;
        part.write(&folder.join("table.csv"))?;
    }
    let mut addresses = processes::free_addresses(PARTIES + 1)?;
    let dealer = addresses.pop().unwrap_or_default();
    let mut configs = Vec::new();
    for (rank, folder) in folders.iter().enumerate() {
        let path = folder.join("party.toml");
        let label = (rank + 1 == PARTIES).then_some(data.label.as_str());
        let text = config_file(rank, &addresses, &dealer, label, batch_size, options);
        write_atomically(&path, Access::Shared, |file| {
            file.write_all(text.as_bytes()).map_err(|source| Error::file("write", &path, source))
        })?;
        configs.push(path);
    }

    let bar = Bar::waiting("demo");
    bar.say("the dealer and two parties are at work");
    let mut processes = Processes::start(&dealer, &options.out.join("dealer"), &configs)?;
    processes.wait()?;
    drop(processes);
    bar.say("the same in the clear");

    let reports =
        folders.iter().map(|folder| Report::read(&folder.join("report.json"))).collect::<Result<Vec<_>>>()?;
    let aligned: Vec<PathBuf> = folders.iter().map(|folder| folder.join("aligned.csv")).collect();
    let training = Training {
        epochs: options.epochs,
        batch_size: usize::try_from(batch_size).unwrap_or(usize::MAX),
        learning_rate: options.learning_rate,
    };
    let plain = plain::pooled(&aligned, &data.label, &training)?;
    let scores = folders.last().map(|folder| plain::scores(&folder.join("scores.csv"))).transpose()?;
    drop(bar);

    let summary = Summary {
        data: &data,
        parts: &parts,
        reports: &reports,
        plain: &plain,
        scores: &scores.unwrap_or_default(),
        out: &options.out,
        elapsed: start.elapsed(),
    };
    print!("{summary}");
    check(&reports, &plain)
}

fn data(options: &DemoOptions) -> Result<Pooled> {
    match (options.rows, options.features) {
        (None, None) => Pooled::breast_cancer(),
        (rows, features) => {
            let (rows, features) = (rows.unwrap_or(1000), features.unwrap_or(20));
            if rows < 100 || features < PARTIES {
                return Err(Error::Config(format!(
                    "--rows {rows} --features {features}: at least 100 rows and {PARTIES} features are needed"
                )));
            }
            Ok(Pooled::generated(rows, features))
        }
    }
}

fn default_batch_size(rows: usize) -> u64 {
    match rows {
        0..2_000 => 32,
        2_000..20_000 => 128,
        20_000..100_000 => 512,
        _ => 1024,
    }
}

/// Empties a party's folder of what an earlier run left, and of nothing else.
fn clear(folder: &Path) -> Result<()> {
    for name in ["aligned.csv", "model.json", "scores.csv", "report.json", "log.txt"] {
        let path = folder.join(name);
        match std::fs::remove_file(&path) {
            Err(failure) if failure.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("remove", &path, failure));
            }
            _ => {}
        }
    }
    Ok(())
}

fn config_file(
    rank: usize,
    parties: &[String],
    dealer: &str,
    label: Option<&str>,
    batch_size: u64,
    options: &DemoOptions,
) -> String {
    let parties: Vec<String> = parties.iter().map(|address| format!("{address:?}")).collect();
    let fraction_bits = match options.fraction_bits {
        Some(bits) => format!("fraction-bits = {bits}"),
        None => "# fraction-bits: as usual for the ring".into(),
    };
    let label = match label {
        Some(label) => format!("label = {label:?}"),
        None => "# label: the other party has it".into(),
    };
    format!(
        "# Written by `symbolon demo`: party {rank} of 2. Try: symbolon run --config party.toml\n\
         rank = {rank}\n\
         parties = [{}]\n\n\
         [data]\n\
         input = \"table.csv\"\n\
         id = \"id\"\n\
         {label}\n\n\
         [files]\n\
         aligned = \"aligned.csv\"\n\
         model = \"model.json\"\n\
         scores = \"scores.csv\"\n\
         report = \"report.json\"\n\n\
         [lr]\n\
         epochs = {}\n\
         batch-size = {batch_size}\n\
         learning-rate = {:?}\n\
         field = {}\n\
         {fraction_bits}\n\
         score-rank = {}\n\n\
         [dealer]\n\
         address = {dealer:?}\n\n\
         [link]\n\
         connect-timeout = \"20s\"\n\
         connect-interval = \"50ms\"\n",
        parties.join(", "),
        options.epochs,
        options.learning_rate,
        options.field,
        PARTIES - 1,
    )
}

/// The demo fails if the result is not what was promised.
fn check(reports: &[Report], plain: &plain::Plain) -> Result<()> {
    let shared = reports.iter().find_map(|report| report.evaluation);
    let difference = shared.and_then(|shared| Some((shared.auc? - plain.evaluation.auc?).abs()));
    match difference {
        Some(difference) if difference <= AUC_TOLERANCE => Ok(()),
        Some(difference) => Err(Error::Child(format!(
            "the AUC differs from the plain one by {difference:.4}, more than {AUC_TOLERANCE}: too few fraction bits \
             (--fraction-bits), or a step size that they cannot hold (see the warnings above)"
        ))),
        None => Err(Error::Child("no party reported an AUC".into())),
    }
}
