//! Processes that run together, and what they cost.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;
use wait4::Wait4 as _;

/// What one run cost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// Seconds.
    pub(super) seconds: f64,
    /// Seconds of processor time, of both parties together.
    pub(super) cpu: f64,
    /// Of each party.
    pub(super) cpu_by_rank: [f64; 2],
    /// Of the dealer, if it was a process of its own that was measured.
    pub(super) dealer_cpu: Option<f64>,
    /// Largest resident memory of one process, in bytes.
    pub(super) peak: u64,
    /// Bytes that rank 0 sent, if it told.
    pub(super) sent: Option<u64>,
}

/// One process of a run.
pub(super) struct Task {
    pub(super) name: String,
    pub(super) command: Command,
    /// Takes what it writes to standard output and standard error.
    pub(super) log: PathBuf,
}

/// Runs all tasks at the same time, from now to the end of the last.
///
/// # Errors
/// A task that cannot be started or fails, with the end of its log; the others are killed by their own means
/// (each notices that its peer is gone).
pub(super) fn together(tasks: Vec<Task>) -> Result<Cost, String> {
    let start = Instant::now();
    let ended: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = tasks.into_iter().map(|task| scope.spawn(|| one(task))).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("panicked".into()))).collect()
    });
    let mut cost = Cost { seconds: start.elapsed().as_secs_f64(), ..Cost::default() };
    for (rank, usage) in ended.into_iter().enumerate() {
        let (cpu, peak) = usage?;
        cost.cpu += cpu;
        if let Some(own) = cost.cpu_by_rank.get_mut(rank) {
            *own = cpu;
        }
        cost.peak = cost.peak.max(peak);
    }
    Ok(cost)
}

fn one(mut task: Task) -> Result<(f64, u64), String> {
    let wrong = |problem: String| format!("{}: {problem}", task.name);
    let log = File::create(&task.log).map_err(|error| wrong(format!("{}: {error}", task.log.display())))?;
    let copy = log.try_clone().map_err(|error| wrong(error.to_string()))?;
    task.command.stdin(Stdio::null()).stdout(copy).stderr(log);
    let mut child = task.command.spawn().map_err(|error| wrong(error.to_string()))?;
    let end = child.wait4().map_err(|error| wrong(error.to_string()))?;
    if !end.status.success() {
        let text = std::fs::read_to_string(&task.log).unwrap_or_default();
        let tail: Vec<_> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
        return Err(wrong(format!(
            "{}: {}",
            end.status,
            tail.into_iter().rev().collect::<Vec<_>>().join(" | ")
        )));
    }
    let cpu = end.rusage.utime + end.rusage.stime;
    Ok((cpu.as_secs_f64(), end.rusage.maxrss))
}

/// What a driver told in the last JSON line of its log.
///
/// # Errors
/// There is none.
pub(super) fn told(log: &Path) -> Result<Value, String> {
    let wrong = |problem: &str| format!("{}: {problem}", log.display());
    let text = std::fs::read_to_string(log).map_err(|error| wrong(&error.to_string()))?;
    let mut lines = text.lines().rev();
    let found = lines.find_map(|line| serde_json::from_str(line).ok().filter(Value::is_object));
    found.ok_or_else(|| wrong("no line tells the result"))
}

/// The cost of a run whose parties told theirs: the slower one's time, the processor time of both.
pub(super) fn sum(told: &[Value; 2]) -> Cost {
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let [first, second] = told;
    Cost {
        seconds: number(first, "seconds").max(number(second, "seconds")),
        cpu: number(first, "cpu") + number(second, "cpu"),
        cpu_by_rank: [number(first, "cpu"), number(second, "cpu")],
        dealer_cpu: None,
        peak: number(first, "peak").max(number(second, "peak")) as u64,
        sent: first.get("sent").and_then(Value::as_u64),
    }
}

/// The runs of one side.
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    pub(super) runs: Vec<Cost>,
}

impl Series<'_> {
    pub(super) fn median(&self) -> f64 {
        let mut seconds: Vec<f64> = self.runs.iter().map(|run| run.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// The head of a table of series.
pub(super) fn head() -> String {
    format!(
        "{:<26} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>11} {:>11} {:>7}",
        "", "median s", "min s", "max s", "CPU s 0", "CPU s 1", "dealer", "peak MiB", "sent MB", "ratio"
    )
}

/// One line: this series, its time as a ratio to `base`'s.
pub(super) fn line(series: &Series<'_>, base: &Series<'_>) -> String {
    let seconds = || series.runs.iter().map(|run| run.seconds);
    let most = |value: fn(&Cost) -> f64| series.runs.iter().map(value).fold(0.0, f64::max);
    let sent = series.runs.iter().find_map(|run| run.sent);
    format!(
        "{:<26} {:>9.3} {:>9.3} {:>9.3} {:>9.2} {:>9.2} {:>9} {:>11.0} {:>11} {:>7.3}",
        series.name,
        series.median(),
        seconds().fold(f64::INFINITY, f64::min),
        seconds().fold(0.0, f64::max),
        most(|run| run.cpu_by_rank[0]),
        most(|run| run.cpu_by_rank[1]),
        OrDash(series.runs.iter().filter_map(|run| run.dealer_cpu).reduce(f64::max), 2),
        most(|run| run.peak as f64 / f64::from(1 << 20)),
        OrDash(sent.map(|bytes| bytes as f64 / 1e6), 1),
        series.median() / base.median(),
    )
}

/// A number with so many decimals, if there is one.
struct OrDash(Option<f64>, usize);

impl fmt::Display for OrDash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => f.pad(&format!("{number:.*}", self.1)),
            None => f.pad("-"),
        }
    }
}
