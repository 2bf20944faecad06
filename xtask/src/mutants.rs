//! `cargo xtask mutants`: does the conformance suite find what is wrong?
//!
//! A [`Mutant`] is a mistake that the program makes on purpose when it is built with the feature `mutants` and told so
//! by its environment. Each is run through the suite like any testee: first the cases of its own area, then, if none of
//! them notices anything, all others, and at last the reference's reading of the protocols (`symbolon-ic-main`). A
//! case catches a mutant if it passes with the sound program and does not with the mutant. [`page`] writes the table.

mod page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use glob::Pattern;
use symbolon_conformance::suite::run::{Plan, run as run_cases};
use symbolon_conformance::suite::{Case, Role, Verdict, cases};
use symbolon_conformance::testee::{Testee, shipped};
use symbolon_mutants::{Mutant, VARIABLE};

/// The descriptions that the program is tested under, in this order.
const TESTEES: [&str; 2] = ["symbolon", "symbolon-ic-main"];
/// A mutant that no case of its area notices is worth every other case, but one that keeps each case waiting is not:
/// after that time nothing further is begun once it is caught.
const PATIENCE: Duration = Duration::from_secs(30);
/// A deviation of so few cases could be that of a busy machine: they are run again.
const FEW: usize = 12;

/// Runs the conformance suite against parties that are wrong on purpose: each must be caught.
#[derive(Debug, clap::Args)]
pub(crate) struct MutantsArguments {
    /// Only mutants whose name matches one of these; `*` stands for anything.
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    only: Vec<String>,
    /// Cases that run at the same time.
    #[arg(long, value_name = "N", default_value_t = 6)]
    jobs: usize,
    /// Seconds that a case may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    deadline: u64,
    /// Print the mutants and stop.
    #[arg(long)]
    list: bool,
    /// Write the table into this page.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Run nothing: hold the page's list of mutants against the program's, and `--program` against the promise
    /// that a plain build knows of none.
    #[arg(long)]
    check: bool,
    /// A program to take instead of building one; with `--check`, a plain build.
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
}

/// What came of one mutant.
pub(crate) struct Outcome {
    pub(crate) mutant: Mutant,
    /// What noticed it: the cases, in the order of the suite, and the testee's description they ran under.
    pub(crate) caught: Vec<(&'static Case, Role)>,
    pub(crate) testee: &'static str,
    time: Duration,
}

pub(crate) fn run(arguments: &MutantsArguments) -> Result<(), String> {
    let patterns = patterns(&arguments.only)?;
    let chosen: Vec<Mutant> = Mutant::ALL
        .iter()
        .copied()
        .filter(|mutant| patterns.is_empty() || patterns.iter().any(|p| p.matches(mutant.name())))
        .collect();
    if arguments.list {
        chosen.iter().for_each(|mutant| println!("{:<44} {}", mutant.name(), mutant.about()));
        println!("{} mutants", chosen.len());
        return Ok(());
    }
    if arguments.check {
        page::check(&page::committed())?;
        return arguments.program.as_deref().map_or(Ok(()), holds_none);
    }
    if chosen.is_empty() {
        return Err("no mutant matches; see --list".into());
    }
    let start = Instant::now();
    let program = arguments.program.clone().map_or_else(build, Ok)?;
    let bench = Bench::prepare(&program, arguments)?;
    let mut outcomes = Vec::new();
    for mutant in chosen {
        let outcome = bench.expose(mutant);
        tell(&outcome);
        outcomes.push(outcome);
    }
    conclude(arguments, &bench, &outcomes, start.elapsed())
}

fn conclude(
    arguments: &MutantsArguments,
    bench: &Bench,
    outcomes: &[Outcome],
    time: Duration,
) -> Result<(), String> {
    let idle = bench.idle(outcomes);
    if outcomes.len() == Mutant::ALL.len() {
        println!("\ncases that caught nothing:");
        idle.iter().for_each(|(case, role)| println!("  {} [{role}]", case.id));
    }
    if let Some(path) = &arguments.report {
        page::write(path, outcomes, &idle)?;
    }
    let escaped: Vec<_> =
        outcomes.iter().filter(|outcome| outcome.caught.is_empty()).map(|o| o.mutant.name()).collect();
    println!("{} mutants, {} not caught, in {:.0} s", outcomes.len(), escaped.len(), time.as_secs_f64());
    if escaped.is_empty() { Ok(()) } else { Err(format!("not caught: {}", escaped.join(", "))) }
}

fn tell(outcome: &Outcome) {
    let shown = page::first(&outcome.caught);
    let shown = if shown.is_empty() { "NOT CAUGHT".into() } else { shown.replace('`', "") };
    let under = if outcome.testee == TESTEES[0] { "" } else { outcome.testee };
    println!("{:<44} {:>5.1}s {under} {shown}", outcome.mutant.name(), outcome.time.as_secs_f64());
}

/// A testee's description and what the sound program makes of every case.
struct Side {
    name: &'static str,
    testee: Testee,
    /// Cases that pass.
    sound: Vec<(&'static Case, Role)>,
}

struct Bench {
    sides: Vec<Side>,
    jobs: usize,
    folder: PathBuf,
}

impl Bench {
    /// Runs everything with the sound program.
    fn prepare(program: &Path, arguments: &MutantsArguments) -> Result<Self, String> {
        let program = std::path::absolute(program).map_err(|error| error.to_string())?;
        let folder = target().join("mutants/cases");
        let mut bench = Self { sides: Vec::new(), jobs: arguments.jobs, folder };
        for name in TESTEES {
            let path = shipped(name).ok_or_else(|| format!("there is no testee {name}"))?;
            let mut testee = Testee::read(&path).map_err(|error| error.to_string())?;
            testee.program = program.display().to_string();
            testee.deadline_seconds = arguments.deadline;
            let all = cases::selected(&[], &[])?;
            let verdicts = bench.verdicts(&testee, all.clone())?;
            let strange = all.iter().zip(&verdicts);
            let strange =
                strange.filter(|(_, verdict)| !matches!(verdict, Verdict::Pass | Verdict::Unsupported));
            strange.for_each(|((case, role), verdict)| {
                println!("{name}, sound: {} [{role}]: {verdict}", case.id)
            });
            let sound: Vec<_> = passed(all, &verdicts).collect();
            println!("{name}, sound: {} cases and roles pass", sound.len());
            bench.sides.push(Side { name, testee, sound });
        }
        Ok(bench)
    }

    fn verdicts(&self, testee: &Testee, runs: Vec<(&'static Case, Role)>) -> Result<Vec<Verdict>, String> {
        let dialect = testee.dialect()?;
        let plan = Plan { testee, dialect, runs, jobs: self.jobs, folder: self.folder.clone() };
        Ok(run_cases(&plan, &|_| ()).results.iter().map(|result| result.verdict).collect())
    }

    /// Runs the suite against a mutant until it is caught, and its area to the end.
    fn expose(&self, mutant: Mutant) -> Outcome {
        let start = Instant::now();
        let area = Pattern::new(&format!("{}/*", cases_of(mutant))).unwrap_or_default();
        let mut outcome = Outcome { mutant, caught: Vec::new(), testee: TESTEES[0], time: Duration::ZERO };
        for side in &self.sides {
            let mut testee = side.testee.clone();
            testee.environment.insert(VARIABLE.into(), mutant.name().into());
            let (near, far): (Vec<_>, Vec<_>) =
                side.sound.iter().partition(|(case, _)| area.matches(case.id));
            for runs in [near, far] {
                outcome.caught = self.catching(&testee, &runs, start);
                if !outcome.caught.is_empty() {
                    outcome.testee = side.name;
                    outcome.time = start.elapsed();
                    return outcome;
                }
            }
        }
        outcome.time = start.elapsed();
        outcome
    }

    /// The cases among `runs` that do not pass.
    fn catching(
        &self,
        testee: &Testee,
        runs: &[(&'static Case, Role)],
        start: Instant,
    ) -> Vec<(&'static Case, Role)> {
        let failing = |runs: &[(&'static Case, Role)]| -> Vec<_> {
            // A description that was read before has a dialect.
            let verdicts = self.verdicts(testee, runs.to_vec()).unwrap_or_default();
            runs.iter()
                .copied()
                .zip(verdicts)
                .filter(|(_, v)| *v != Verdict::Pass)
                .map(|(run, _)| run)
                .collect()
        };
        let mut caught = Vec::new();
        for some in runs.chunks(4 * self.jobs.max(1)) {
            caught.extend(failing(some));
            if !caught.is_empty() && start.elapsed() > PATIENCE {
                break;
            }
        }
        if caught.len() <= FEW { failing(&caught) } else { caught }
    }

    /// The cases that pass with the sound program and caught nothing, under any description.
    fn idle(&self, outcomes: &[Outcome]) -> Vec<(&'static Case, Role)> {
        let mut busy: BTreeMap<(&str, Role), usize> = BTreeMap::new();
        for (case, role) in outcomes.iter().flat_map(|outcome| &outcome.caught) {
            *busy.entry((case.id, *role)).or_default() += 1;
        }
        let all = cases::selected(&[], &[]).unwrap_or_default();
        let passes = |run: &(&Case, Role)| {
            self.sides
                .iter()
                .any(|side| side.sound.iter().any(|(case, role)| (case.id, *role) == (run.0.id, run.1)))
        };
        all.into_iter().filter(|run| passes(run) && !busy.contains_key(&(run.0.id, run.1))).collect()
    }
}

fn passed(
    runs: Vec<(&'static Case, Role)>,
    verdicts: &[Verdict],
) -> impl Iterator<Item = (&'static Case, Role)> {
    runs.into_iter().zip(verdicts).filter(|(_, verdict)| **verdict == Verdict::Pass).map(|(run, _)| run)
}

/// The area of the suite where a mutant's mistake should show.
fn cases_of(mutant: Mutant) -> &'static str {
    match mutant.area() {
        "handshake-lr" => "handshake/lr",
        "handshake-psi" => "handshake/psi",
        "stream" | "semi2k" => "lr",
        "program" => "handshake",
        other => other,
    }
}

fn patterns(globs: &[String]) -> Result<Vec<Pattern>, String> {
    globs.iter().map(|glob| Pattern::new(glob).map_err(|error| format!("{glob:?}: {error}"))).collect()
}

/// Builds the program that can be broken, in a folder of its own: nobody is to find it where programs are.
fn build() -> Result<PathBuf, String> {
    let folder = target().join("mutants");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--package", "symbolon", "--features", "mutants", "--target-dir"])
        .arg(&folder)
        .current_dir(root())
        .status()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if built.success() { Ok(folder.join("release/symbolon")) } else { Err("the build failed".into()) }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A plain build has neither the variable nor a mutant's name in it.
fn holds_none(program: &Path) -> Result<(), String> {
    let bytes = std::fs::read(program).map_err(|error| format!("{}: {error}", program.display()))?;
    let names = Mutant::ALL.iter().map(|mutant| mutant.name()).chain([VARIABLE]);
    let found: Vec<_> = names.filter(|name| contains(&bytes, name.as_bytes())).collect();
    if found.is_empty() {
        println!("{}: no mutant in it", program.display());
        return Ok(());
    }
    Err(format!("{} can be broken on purpose: it has {}", program.display(), found.join(", ")))
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    let Some((first, _)) = text.split_first() else { return true };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(text) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_programs() {
        let program = b"\0\0link/ack-missin\0link/ack-missing\0";
        assert!(contains(program, b"link/ack-missing"));
        assert!(!contains(program, b"link/fin-missing") && !contains(b"link/ack", b"link/ack-missing"));
    }

    #[test]
    fn every_area_has_cases() {
        for mutant in Mutant::ALL {
            let pattern = format!("{}/*", cases_of(*mutant));
            assert!(!cases::selected(&[pattern], &[]).unwrap().is_empty(), "{}", mutant.name());
        }
    }

    #[test]
    fn the_page_has_every_mutant() {
        page::check(&page::committed()).unwrap();
    }
}
