//! ECDH-PSI: `symbolon psi` beside the PSI of SPU's wheel, CSV in and out.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use symbolon::loopback::free_addresses;
use symbolon::report::Report;

use super::measure::{self, Cost, Series, Task};
use crate::interop::python::Environment;

/// ECDH-PSI: `symbolon psi` beside the wheel's own, on the same CSV files, half of the ids in common
///
/// Ours is timed from the start of both processes to the end of both.
#[derive(Debug, clap::Args)]
pub(super) struct PsiArguments {
    /// The curve
    #[arg(long, value_enum, default_value = "curve25519")]
    curve: Curve,
    /// Rows of each party
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    rows: u64,
    /// Runs of each side, in turns
    #[arg(long, default_value_t = 3, value_name = "N")]
    runs: usize,
    /// Do not run the peer
    #[arg(long)]
    alone: bool,
    /// Further arguments for `symbolon psi`, as in `--with --memory=256MiB`
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    with: Vec<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Curve {
    Curve25519,
    Sm2,
}

impl Curve {
    fn suite(self) -> &'static str {
        match self {
            Self::Curve25519 => "curve25519-sha256-direct-uncompressed",
            Self::Sm2 => "sm2-sha256-rehash-x962-compressed",
        }
    }

    fn peer(self) -> &'static str {
        match self {
            Self::Curve25519 => "CURVE_25519",
            Self::Sm2 => "CURVE_SM2",
        }
    }
}

pub(super) fn run(arguments: &PsiArguments) -> Result<(), String> {
    let environment = Environment::prepare()?;
    let program = super::program(environment.repository())?;
    let folder = super::folder(environment.repository(), "psi")?;
    let rows = arguments.rows;
    let inputs = [folder.join("rank-0.csv"), folder.join("rank-1.csv")];
    for (input, first) in inputs.iter().zip([0, rows / 2]) {
        write_table(input, first, rows).map_err(|error| format!("{}: {error}", input.display()))?;
    }
    let common = usize::try_from(rows - rows / 2).map_err(|error| error.to_string())?;

    println!("{} rows per party, {common} in common, {}", rows, arguments.curve.suite());
    println!("SPU {} on {}", environment.spu_version(), environment.python_version());
    let mut ours = Series { name: "symbolon psi", runs: Vec::new() };
    let mut peer = Series { name: "SPU's PSI", runs: Vec::new() };
    for round in 0..arguments.runs {
        if !arguments.alone {
            let cost = peer_run(&environment, arguments, &folder, &inputs, common)?;
            println!("round {round}: SPU's PSI     {:>8.2} s", cost.seconds);
            peer.runs.push(cost);
        }
        let cost = our_run(&program, arguments, &folder, &inputs, common)?;
        println!("round {round}: symbolon psi  {:>8.2} s", cost.seconds);
        ours.runs.push(cost);
    }
    if !arguments.alone {
        check_equal(&folder)?;
    }
    println!("\n{}", measure::head());
    let base = if arguments.alone { &ours } else { &peer };
    for series in [&peer, &ours].into_iter().filter(|series| !series.runs.is_empty()) {
        println!("{}", measure::line(series, base));
    }
    Ok(())
}

/// Ids and one other column; rows in an order that is no order.
fn write_table(path: &Path, first: u64, rows: u64) -> std::io::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "id,value")?;
    // A step without a divisor in common with the number of rows visits every row once.
    let gcd = |mut a: u64, mut b: u64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let step = (rows * 5 / 8 + 1..).find(|&step| gcd(step, rows) == 1).unwrap_or(1);
    for row in 0..rows {
        let number =
            first + u64::try_from(u128::from(row) * u128::from(step) % u128::from(rows)).unwrap_or(0);
        writeln!(file, "customer-{number:012},{}", number % 1000)?;
    }
    file.flush()
}

fn our_run(
    program: &Path,
    arguments: &PsiArguments,
    folder: &Path,
    inputs: &[PathBuf; 2],
    common: usize,
) -> Result<Cost, String> {
    let parties = free_addresses(2).map_err(|error| error.to_string())?.join(",");
    let report = |rank: usize| folder.join(format!("report-{rank}.json"));
    let tasks = (0..2).map(|rank| {
        let mut command = Command::new(program);
        command.args(["psi", "--rank", &rank.to_string(), "--parties", &parties]);
        command.args(["--suite", arguments.curve.suite(), "--connect-interval", "20ms"]);
        command
            .arg("--input")
            .arg(&inputs[rank])
            .arg("--aligned")
            .arg(folder.join(format!("ours-{rank}.csv")));
        command.arg("--report").arg(report(rank)).args(&arguments.with);
        Task { name: format!("symbolon, rank {rank}"), command, log: folder.join(format!("ours-{rank}.log")) }
    });
    let mut cost = measure::together(tasks.collect())?;
    for rank in 0..2 {
        let told = Report::read(&report(rank)).map_err(|error| error.to_string())?;
        if told.intersection != Some(common) {
            return Err(format!("symbolon found {:?} ids in common, there are {common}", told.intersection));
        }
        if rank == 0 {
            cost.sent = Some(told.phases.iter().map(|phase| phase.sent_bytes).sum());
        }
    }
    Ok(cost)
}

fn peer_run(
    environment: &Environment,
    arguments: &PsiArguments,
    folder: &Path,
    inputs: &[PathBuf; 2],
    common: usize,
) -> Result<Cost, String> {
    let parties = free_addresses(2).map_err(|error| error.to_string())?;
    let log = |rank: usize| folder.join(format!("peer-{rank}.log"));
    let tasks = (0..2).map(|rank| {
        let settings = json!({
            "rank": rank,
            "parties": parties,
            "carrier": "baidu_std",
            "curve": arguments.curve.peer(),
            "input": inputs[rank],
            "output": folder.join(format!("peer-{rank}.csv")),
        });
        let command = environment.driver("bench_psi.py", &settings);
        Task { name: format!("SPU's PSI, rank {rank}"), command, log: log(rank) }
    });
    measure::together(tasks.collect())?;
    let told = [measure::told(&log(0))?, measure::told(&log(1))?];
    for told in &told {
        if told.get("common").and_then(Value::as_u64) != u64::try_from(common).ok() {
            return Err(format!("SPU found another intersection than {common} ids: {told}"));
        }
    }
    Ok(measure::sum(&told))
}

/// The last outputs of all four name the same ids.
fn check_equal(folder: &Path) -> Result<(), String> {
    let ids = |name: &str| -> Result<BTreeSet<String>, String> {
        let path = folder.join(name);
        let file = std::fs::File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let id = |line: String| line.split(',').next().unwrap_or_default().trim_matches('"').to_owned();
        Ok(BufReader::new(file).lines().map_while(Result::ok).skip(1).map(id).collect())
    };
    let first = ids("ours-0.csv")?;
    for name in ["ours-1.csv", "peer-0.csv", "peer-1.csv"] {
        if ids(name)? != first {
            return Err(format!("{name} has other ids than ours-0.csv"));
        }
    }
    Ok(())
}
