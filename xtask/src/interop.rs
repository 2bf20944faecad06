//! `cargo xtask interop`: Symbolon against the released SPU engine and against recorded runs of the reference
//! implementation, all as real processes.
//!
//! A [`scenario`] names the processes that take part: Python drivers (`xtask/python`) around SPU's
//! wheel, and sides of ours ([`side`]), which run in this same program. Each gets its whole configuration
//! as one JSON argument and answers with JSON lines; [`process`] runs them under a deadline and never leaves
//! one behind. [`python`] makes the private environment.

mod junit;
mod process;
pub(crate) mod python;
mod record;
mod scenario;
mod scenarios;
mod side;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use scenario::Scenario;

pub(crate) use record::{RecordArguments, run as run_record};
pub(crate) use side::{SideArguments, run as run_side};

/// Runs Symbolon against the released SPU engine.
#[derive(Debug, clap::Args)]
pub(crate) struct InteropArguments {
    /// Only scenarios whose name matches one of these; `*` stands for anything.
    #[arg(long, value_name = "GLOB", default_value = "*", value_delimiter = ',')]
    scenario: Vec<String>,
    /// Run the whole selection this many times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u32,
    /// Run this many scenarios at the same time; each has ports and a folder of its own.
    #[arg(long, value_name = "N", default_value = "1")]
    jobs: NonZeroUsize,
    /// Write the results as a JUnit file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Where neither CPython 3.11 nor the wheel can be had: skip what needs them, for this reason.
    #[arg(long, value_name = "REASON")]
    skip_without_python: Option<String>,
    /// Print the names of the scenarios and stop.
    #[arg(long)]
    list: bool,
}

/// What came of one scenario.
pub(crate) struct Outcome {
    pub(crate) name: String,
    /// The roles that took part, by rank.
    pub(crate) roles: String,
    pub(crate) verdict: Verdict,
    pub(crate) time: Duration,
}

/// Passed with a note, failed with everything that is known, or skipped for a reason.
pub(crate) enum Verdict {
    Passed(String),
    Failed(String),
    Skipped(String),
}

pub(crate) fn run(arguments: &InteropArguments) -> Result<(), String> {
    let chosen: Vec<Scenario> = scenarios::all()
        .into_iter()
        .filter(|scenario| arguments.scenario.iter().any(|pattern| matches(pattern, &scenario.name)))
        .collect();
    if arguments.list {
        for scenario in &chosen {
            println!("{}", scenario.name);
        }
        return Ok(());
    }
    if chosen.is_empty() {
        return Err(format!("no scenario is called {}; see --list", arguments.scenario.join(" or ")));
    }
    let start = Instant::now();
    let (environment, skipping) = environment(arguments, &chosen)?;
    let outcomes = run_all(&environment, &chosen, arguments, skipping);
    if let Some(path) = &arguments.junit {
        junit::write(path, &outcomes)?;
    }
    let failed = outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Failed(_))).count();
    let skipped = outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Skipped(_))).count();
    let (total, seconds) = (outcomes.len(), start.elapsed().as_secs_f64());
    println!("{total} runs, {failed} failed, {skipped} skipped, in {seconds:.0} s");
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {total} runs failed")) }
}

/// Where the chosen scenarios run, and why those with Python do not if they are to be skipped.
fn environment<'a>(
    arguments: &'a InteropArguments,
    chosen: &[Scenario],
) -> Result<(python::Environment, Option<&'a str>), String> {
    if !chosen.iter().any(|scenario| scenario.needs_python) {
        return Ok((python::Environment::without_python()?, None));
    }
    match (python::Environment::prepare(), &arguments.skip_without_python) {
        (Ok(environment), _) => {
            println!("SPU {} on {}", environment.spu_version(), environment.python_version());
            Ok((environment, None))
        }
        (Err(problem), None) => {
            Err(format!("{problem}\n(--skip-without-python REASON turns this into a skip)"))
        }
        (Err(problem), Some(reason)) => {
            println!("without Python: {reason} ({problem})");
            Ok((python::Environment::without_python()?, Some(reason)))
        }
    }
}

fn run_all(
    environment: &python::Environment,
    chosen: &[Scenario],
    arguments: &InteropArguments,
    skipping: Option<&str>,
) -> Vec<Outcome> {
    println!("{:<34} {:<37} {:<7} {:>6}", "scenario", "rank 0 / rank 1 / others", "result", "time");
    let mut outcomes = Vec::new();
    for round in 1..=arguments.repeat {
        let start = Instant::now();
        let of_round = run_round(environment, chosen, arguments.jobs, skipping);
        if arguments.repeat > 1 {
            let failed = of_round.iter().filter(|o| matches!(o.verdict, Verdict::Failed(_))).count();
            let (total, seconds) = (of_round.len(), start.elapsed().as_secs_f64());
            println!("round {round} of {}: {total} runs, {failed} failed, {seconds:.0} s", arguments.repeat);
        }
        outcomes.extend(of_round);
    }
    outcomes
}

/// Every scenario once, `jobs` at a time; the outcomes in the order in which they ended.
fn run_round(
    environment: &python::Environment,
    chosen: &[Scenario],
    jobs: NonZeroUsize,
    skipping: Option<&str>,
) -> Vec<Outcome> {
    let queue = Mutex::new(chosen.iter());
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.get() {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(scenario) = next else { return };
                    let outcome = match skipping.filter(|_| scenario.needs_python) {
                        Some(reason) => skip(scenario, reason),
                        None => scenario::run(environment, scenario),
                    };
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    tell(&outcome);
                    outcomes.push(outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A line of the table.
fn tell(outcome: &Outcome) {
    let (word, note) = match &outcome.verdict {
        Verdict::Passed(note) => ("ok", note),
        Verdict::Failed(problem) => ("FAILED", problem),
        Verdict::Skipped(reason) => ("skipped", reason),
    };
    let (name, roles, time) = (&outcome.name, &outcome.roles, outcome.time.as_secs_f64());
    println!("{name:<34} {roles:<37} {word:<7} {time:>5.1}s  {note}");
}

fn skip(scenario: &Scenario, reason: &str) -> Outcome {
    Outcome {
        name: scenario.name.clone(),
        roles: String::new(),
        verdict: Verdict::Skipped(reason.into()),
        time: Duration::ZERO,
    }
}

/// Whether `name` is `pattern`, in which every `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len())
                .filter(|&at| tail.is_char_boundary(at))
                .any(|at| tail.get(at..).is_some_and(|tail| matches(rest, tail)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "link/a", true),
            ("link/*", "link/a", true),
            ("link/*", "psi/a", false),
            ("*128*", "lr/ring-128/label-0", true),
            ("lr/*/label-1", "lr/ring-64/label-1", true),
            ("lr/*/label-1", "lr/ring-64/label-10", false),
            ("lr", "lr/a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
