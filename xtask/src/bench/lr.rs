//! SS-LR: `symbolon train` beside SPU's runtime, on the same columns.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use symbolon::loopback::free_addresses;
use symbolon::report::Report;
use wait4::Wait4 as _;

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
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["latency", "middle", "middle128", "bandwidth", "scale"])]
    case: Vec<Case>,
    /// Runs of each side, in turns, after one that does not count
    #[arg(long, default_value_t = 7, value_name = "N")]
    runs: usize,
    /// With new masks in every step, as the peer; with one mask for each row of the table, in our runs alone; or both
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["strict", "reuse"])]
    mode: Vec<Mode>,
    /// Passes over the tables, instead of the case's own number
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
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

/// How Symbolon trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// Message for message what any peer of the protocol expects.
    Strict,
    /// `--keep-masks true`: between Symbolon parties only.
    Reuse,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Strict => "symbolon train",
            Self::Reuse => "symbolon, masks kept",
        }
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
        let mut numbers = case.numbers();
        numbers.epochs = arguments.epochs.unwrap_or(numbers.epochs);
        let bench = Bench::new(&environment, &program, folder, case, numbers)?;
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
    numbers: Numbers,
    features: [usize; 2],
    rows: usize,
}

impl<'a> Bench<'a> {
    fn new(
        environment: &'a Environment,
        program: &'a Path,
        folder: PathBuf,
        case: Case,
        numbers: Numbers,
    ) -> Result<Self, String> {
        let columns = case.columns();
        let features = columns.split();
        columns.write(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { environment, program, folder, numbers, features, rows: columns.rows() })
    }

    fn run(&self, arguments: &LrArguments) -> Result<(), String> {
        let Numbers { batch, epochs, bits, .. } = self.numbers;
        println!(
            "\n{} rows, {} + {} features, batch {batch}, {epochs} epochs, ring {bits}",
            self.rows, self.features[0], self.features[1]
        );
        let series = |mode: &Mode| (*mode, Series { name: mode.name(), runs: Vec::new() });
        let mut ours: Vec<(Mode, Series<'_>)> = arguments.mode.iter().map(series).collect();
        let mut plain = Series { name: "SPU, IC mode, our dealer", runs: Vec::new() };
        let mut best = Series { name: "SPU, best, first party", runs: Vec::new() };
        for round in 0..=arguments.runs {
            let keep = |series: &mut Series<'_>, cost: Cost| {
                if round > 0 {
                    series.runs.push(cost);
                }
            };
            for (mode, series) in &mut ours {
                let run = Ours { mode: *mode, with: &arguments.with, line: None, epochs };
                keep(series, self.our_run(&run)?);
            }
            if !arguments.alone {
                keep(&mut plain, self.peer_run(Peer::Interconnection)?);
                keep(&mut best, self.peer_run(Peer::Best)?);
            }
        }
        println!("{}", measure::head());
        let ours: Vec<Series<'_>> = ours.into_iter().map(|(_, series)| series).collect();
        let all: Vec<&Series<'_>> =
            ours.iter().chain([&plain, &best]).filter(|series| !series.runs.is_empty()).collect();
        let base = if arguments.alone { all.first().copied() } else { Some(&plain) };
        for (series, base) in all.iter().zip(base.into_iter().cycle()) {
            println!("{}", measure::line(series, base));
        }
        ours.iter().for_each(|series| self.tell_per_step(series));
        Ok(())
    }

    /// What a step and a product of one of our series cost.
    fn tell_per_step(&self, series: &Series<'_>) {
        let Numbers { batch, epochs, .. } = self.numbers;
        let steps = epochs as f64 * (self.rows as u64 / batch) as f64;
        // Two a step; the first step has one, since its weights are public.
        let products = 2.0 * steps - 1.0;
        let Some(run) = series.runs.first() else { return };
        let [zero, one] = run.cpu_by_rank.map(|seconds| seconds / products * 1e6);
        let dealer = run.dealer_cpu.unwrap_or(f64::NAN) / products * 1e6;
        println!(
            "{}: {:.0} bytes sent by rank 0 per step; CPU per product: {zero:.0} and {one:.0} us (whole processes of the \
             parties), {dealer:.0} us (dealer)",
            series.name,
            run.sent.unwrap_or_default() as f64 / steps,
        );
    }

    /// The time of a step over a line. Two trainings that differ in their epochs alone are subtracted, so that
    /// connections and handshake do not count.
    fn run_over(&self, line: Line, arguments: &LrArguments) -> Result<(), String> {
        arguments.mode.iter().try_for_each(|&mode| self.run_mode_over(mode, line, arguments))
    }

    fn run_mode_over(&self, mode: Mode, line: Line, arguments: &LrArguments) -> Result<(), String> {
        let Numbers { batch, epochs, .. } = self.numbers;
        let steps = self.rows as u64 / batch * epochs;
        let run = |epochs| self.our_run(&Ours { mode, with: &arguments.with, line: Some(line), epochs });
        println!(
            "\n{}: {} rows, {} + {} features, batch {batch}: {} ms round trip, {} Mbit/s",
            mode.name(),
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
        let (dealer, address) = self.dealer()?;
        let numbers = &self.numbers;
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
            command.args(["--keep-masks", if ours.mode == Mode::Reuse { "true" } else { "false" }]);
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
        let mut cost = Cost { seconds: 0.0, dealer_cpu: Some(dealer.end()?), ..whole };
        for rank in 0..2 {
            let told = Report::read(&report(rank)).map_err(|error| error.to_string())?;
            if told.training.is_none_or(|training| training.keep_masks != (ours.mode == Mode::Reuse)) {
                return Err("the parties did not train as they were told".into());
            }
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
        let numbers = &self.numbers;
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
    mode: Mode,
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

impl Dealer {
    /// Ends it, and tells the seconds of processor time that it took.
    fn end(self) -> Result<f64, String> {
        // Waited for here, it must not be killed by its number once more.
        let mut dealer = std::mem::ManuallyDrop::new(self);
        dealer.0.kill().map_err(|error| format!("dealer: {error}"))?;
        let end = dealer.0.wait4().map_err(|error| format!("dealer: {error}"))?;
        Ok((end.rusage.utime + end.rusage.stime).as_secs_f64())
    }
}

impl Drop for Dealer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
