//! SS-LR: `symbolon train` beside SPU's runtime, on the same columns.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use symbolon::loopback::free_addresses;
use symbolon::report::Report;

use super::measure::{self, Cost, Series, Task};
use super::tables::{self, Columns};
use super::wan::Line;
use crate::interop::python::Environment;

/// SS-LR: two parties and a dealer of Symbolon beside two SPU parties, training only
///
/// Ours is timed from the handshake to the last step as `symbolon train` reports it; SPU from its first
/// step to its last, programs compiled before.
#[derive(Debug, clap::Args)]
pub(super) struct LrArguments {
    /// The tables to train on
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["latency", "middle", "bandwidth"])]
    case: Vec<Case>,
    /// Runs of each side, in turns, after one that does not count
    #[arg(long, default_value_t = 3, value_name = "N")]
    runs: usize,
    /// Do not run the peer
    #[arg(long)]
    alone: bool,
    /// Between the processes of Symbolon, a line of this round trip in milliseconds and `--megabits`: prints the time of
    /// a step, and what two round trips and the bytes of a step would take. Without the peer
    #[arg(long, value_name = "MS")]
    round_trip: Option<u64>,
    /// The bandwidth of that line, in each direction, in megabits per second
    #[arg(long, default_value_t = 100.0, value_name = "N", requires = "round_trip")]
    megabits: f64,
    /// Further arguments for `symbolon train`, at both parties
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    with: Vec<String>,
}

impl LrArguments {
    fn line(&self) -> Option<Line> {
        let round_trip = Duration::from_millis(self.round_trip?);
        Some(Line { round_trip, bandwidth: self.megabits * 1e6 / 8.0 })
    }
}

/// A table and a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Case {
    /// Breast cancer, 569 x 30, batch 21, 10 epochs: many short steps
    Latency,
    /// 10,000 x 100, batch 1000, 3 epochs
    Middle,
    /// The same in ring 128
    Middle128,
    /// 100,000 x 100, batch 4096, 1 epoch
    Bandwidth,
    /// 1,000,000 x 100, batch 8192, 1 epoch
    Scale,
}

/// The numbers of a case.
struct Numbers {
    batch: u64,
    epochs: u64,
    bits: u32,
    fraction_bits: u32,
}

impl Case {
    fn numbers(self) -> Numbers {
        let (batch, epochs) = match self {
            Self::Latency => (21, 10),
            Self::Middle | Self::Middle128 => (1000, 3),
            Self::Bandwidth => (4096, 1),
            Self::Scale => (8192, 1),
        };
        let (bits, fraction_bits) = if self == Self::Middle128 { (128, 26) } else { (64, 18) };
        Numbers { batch, epochs, bits, fraction_bits }
    }

    fn columns(self) -> Columns {
        match self {
            Self::Latency => tables::breast_cancer(),
            Self::Middle | Self::Middle128 => tables::generated(10_000, 100),
            Self::Bandwidth => tables::generated(100_000, 100),
            Self::Scale => tables::generated(1_000_000, 100),
        }
    }
}

const LEARNING_RATE: f64 = 0.1;
const L2: f64 = 0.5;

pub(super) fn run(arguments: &LrArguments) -> Result<(), String> {
    let environment = Environment::prepare()?;
    let program = super::program(environment.repository())?;
    println!("SPU {} on {}", environment.spu_version(), environment.python_version());
    for &case in &arguments.case {
        let folder = super::folder(environment.repository(), "lr")?;
        let bench = Bench::new(&environment, &program, folder, case)?;
        match arguments.line() {
            Some(line) => bench.run_over(line, arguments)?,
            None => bench.run(arguments)?,
        }
    }
    Ok(())
}

/// How SPU is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    /// As the reference sets it, with our dealer over HTTP.
    Interconnection,
    /// Its fastest settings, and its own first-party dealer.
    Best,
}

struct Bench<'a> {
    environment: &'a Environment,
    program: &'a Path,
    folder: PathBuf,
    case: Case,
    features: [usize; 2],
    rows: usize,
}

impl<'a> Bench<'a> {
    fn new(
        environment: &'a Environment,
        program: &'a Path,
        folder: PathBuf,
        case: Case,
    ) -> Result<Self, String> {
        let columns = case.columns();
        let features = columns.split();
        columns.write(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { environment, program, folder, case, features, rows: columns.rows() })
    }

    fn run(&self, arguments: &LrArguments) -> Result<(), String> {
        let Numbers { batch, epochs, bits, .. } = self.case.numbers();
        println!(
            "\n{} rows, {} + {} features, batch {batch}, {epochs} epochs, ring {bits}",
            self.rows, self.features[0], self.features[1]
        );
        let mut ours = Series { name: "symbolon train", runs: Vec::new() };
        let mut plain = Series { name: "SPU, IC mode, our dealer", runs: Vec::new() };
        let mut best = Series { name: "SPU, best, first party", runs: Vec::new() };
        for round in 0..=arguments.runs {
            let keep = |series: &mut Series<'_>, cost: Cost| {
                if round > 0 {
                    series.runs.push(cost);
                }
            };
            keep(&mut ours, self.our_run(&Ours { with: &arguments.with, line: None, epochs })?);
            if !arguments.alone {
                keep(&mut plain, self.peer_run(Peer::Interconnection)?);
                keep(&mut best, self.peer_run(Peer::Best)?);
            }
        }
        println!("{}", measure::head());
        let base = if arguments.alone { &ours } else { &plain };
        for series in [&ours, &plain, &best].into_iter().filter(|series| !series.runs.is_empty()) {
            println!("{}", measure::line(series, base));
        }
        Ok(())
    }

    /// The time of a step over a line. Two trainings that differ in their epochs alone are subtracted, so that
    /// connections and handshake do not count.
    fn run_over(&self, line: Line, arguments: &LrArguments) -> Result<(), String> {
        let Numbers { batch, epochs, .. } = self.case.numbers();
        let steps = self.rows as u64 / batch * epochs;
        let run = |epochs| self.our_run(&Ours { with: &arguments.with, line: Some(line), epochs });
        println!(
            "\n{} rows, {} + {} features, batch {batch}: {} ms round trip, {} Mbit/s",
            self.rows,
            self.features[0],
            self.features[1],
            line.round_trip.as_millis(),
            arguments.megabits
        );
        println!("{:>12} {:>14} {:>24} {:>7}", "step [ms]", "bytes sent", "2 trips + bytes [ms]", "ratio");
        for _ in 0..arguments.runs {
            let (short, long) = (run(epochs)?, run(2 * epochs)?);
            let step = (long.seconds - short.seconds) / steps as f64;
            let sent = long.sent.zip(short.sent).map_or(0, |(long, short)| long - short) / steps;
            let bound = 2.0 * line.round_trip.as_secs_f64() + sent as f64 / line.bandwidth;
            println!("{:>12.1} {sent:>14} {:>24.1} {:>7.2}", step * 1e3, bound * 1e3, step / bound);
        }
        Ok(())
    }

    fn dealer(&self) -> Result<(Dealer, String), String> {
        let address = free_addresses(1).map_err(|error| error.to_string())?.concat();
        let keys = self.folder.join("keys");
        let made = Command::new(self.program).args(["keygen", "--force", "--out"]).arg(&keys).output();
        if !made.is_ok_and(|made| made.status.success()) {
            return Err("symbolon keygen failed".into());
        }
        let mut command = Command::new(self.program);
        command.args(["dealer", "--listen", &address, "--spu-key"]).arg(keys.join("sm2.key"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("dealer: {error}"))?;
        while std::net::TcpStream::connect(&address).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Ok((Dealer(child), address))
    }

    fn our_run(&self, ours: &Ours<'_>) -> Result<Cost, String> {
        let (_dealer, address) = self.dealer()?;
        let numbers = self.case.numbers();
        let parties = free_addresses(2).map_err(|error| error.to_string())?;
        let parties = ours.told(&parties)?;
        let address = ours.line.map_or(Ok(address.clone()), |line| line.before(&address))?;
        let report = |rank: usize| self.folder.join(format!("report-{rank}.json"));
        let tasks = (0..2).map(|rank| {
            let mut command = Command::new(self.program);
            command.args(["train", "--rank", &rank.to_string(), "--parties", &parties[rank]]);
            command.args(["--dealer", &address]);
            command.args(["--epochs", &ours.epochs.to_string(), "--batch-size", &numbers.batch.to_string()]);
            command.args(["--learning-rate", &LEARNING_RATE.to_string(), "--l2", &L2.to_string()]);
            command.args(["--field", &numbers.bits.to_string(), "--standardize", "false"]);
            command.args([
                "--fraction-bits",
                &numbers.fraction_bits.to_string(),
                "--connect-interval",
                "20ms",
            ]);
            command.arg("--input").arg(self.folder.join(format!("rank-{rank}.csv")));
            command.arg("--model").arg(self.folder.join(format!("model-{rank}.json")));
            command.arg("--report").arg(report(rank)).args(ours.with);
            if rank == 0 {
                command.args(["--label", "label"]);
            }
            Task {
                name: format!("symbolon train, rank {rank}"),
                command,
                log: self.folder.join(format!("ours-{rank}.log")),
            }
        });
        let whole = measure::together(tasks.collect())?;
        let mut cost = Cost { cpu: whole.cpu, peak: whole.peak, ..Cost::default() };
        for rank in 0..2 {
            let told = Report::read(&report(rank)).map_err(|error| error.to_string())?;
            let training = told.phases.iter().find(|phase| phase.name == "train");
            let training = training.ok_or("the report has no training")?;
            cost.seconds = cost.seconds.max(training.seconds);
            if rank == 0 {
                cost.sent = Some(training.sent_bytes);
            }
        }
        Ok(cost)
    }

    fn peer_run(&self, peer: Peer) -> Result<Cost, String> {
        let (_dealer, address) = self.dealer()?;
        let numbers = self.case.numbers();
        let parties = free_addresses(2).map_err(|error| error.to_string())?;
        let log = |rank: usize| self.folder.join(format!("spu-{rank}.log"));
        let tasks = (0..2).map(|rank| {
            let settings = json!({
                "rank": rank,
                "parties": parties,
                "chunk": Value::Null,
                "bits": numbers.bits,
                "features": self.folder.join(format!("rank-{rank}.f32")),
                "labels": self.folder.join("labels.f32"),
                "dealer": (peer == Peer::Interconnection).then_some(&address),
                "dealer_key": self.folder.join("keys/sm2.pub"),
                "best_flags": peer == Peer::Best,
                "agreed": {
                    "features": self.features,
                    "batch": numbers.batch,
                    "epochs": numbers.epochs,
                    "learning_rate": LEARNING_RATE,
                    "l2": L2,
                    "fraction_bits": numbers.fraction_bits,
                    "label_rank": 0,
                },
            });
            let command = self.environment.driver("bench_lr.py", &settings);
            Task { name: format!("SPU, rank {rank}"), command, log: log(rank) }
        });
        measure::together(tasks.collect())?;
        let told = [measure::told(&log(0))?, measure::told(&log(1))?];
        Ok(measure::sum(&told))
    }
}

/// How our side is run.
struct Ours<'a> {
    with: &'a [String],
    line: Option<Line>,
    epochs: u64,
}

impl Ours<'_> {
    /// The addresses of both parties, as each of them is told them: its own, and the end of the line to the other.
    fn told(&self, parties: &[String]) -> Result<[String; 2], String> {
        let [first, second] = parties else { return Err("two parties have two addresses".into()) };
        let end = |address: &String| self.line.map_or(Ok(address.clone()), |line| line.before(address));
        Ok([format!("{first},{}", end(second)?), format!("{},{second}", end(first)?)])
    }
}

/// A dealer's process, killed when dropped.
struct Dealer(Child);

impl Drop for Dealer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
