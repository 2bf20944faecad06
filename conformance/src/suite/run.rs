//! Running cases side by side, each in its own folder, process and session.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use symbolon_dialect::Dialect;

use super::bench::Bench;
use super::case::{Case, Role};
use super::report::{Report, Result as CaseResult};
use super::verdict::{Finding, Outcome, Verdict};
use crate::testee::Testee;

/// What to run, and where.
#[derive(Debug)]
pub struct Plan<'a> {
    /// What is tested.
    pub testee: &'a Testee,
    /// The reading of disputed points.
    pub dialect: Dialect,
    /// Cases and roles, in the order of the report.
    pub runs: Vec<(&'static Case, Role)>,
    /// How many at a time.
    pub jobs: usize,
    /// Gets a folder per case and role.
    pub folder: PathBuf,
}

/// Runs everything; `seen` is told each result as it comes.
pub fn run(plan: &Plan<'_>, seen: &(dyn Fn(&CaseResult) + Sync)) -> Report {
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.clamp(1, plan.runs.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((case, role)) = plan.runs.get(index) else { return };
                    let result = one(plan, case, *role);
                    seen(&result);
                    results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    let results = results.into_iter().map(|(_, result)| result).collect();
    Report::new(plan.testee, plan.dialect.clone(), start.elapsed(), results)
}

/// Runs one case for one role.
fn one(plan: &Plan<'_>, case: &'static Case, role: Role) -> CaseResult {
    let start = Instant::now();
    let folder = plan.folder.join(case.id).join(role.word());
    let (outcome, transcript) = if (case.applies)(&plan.dialect) {
        attempt(plan, case, role, &folder)
    } else {
        let reading = format!("it does not belong to the reading {:?}", plan.dialect.name);
        (Err(Finding::Unsupported(reading)), None)
    };
    CaseResult::new(case, role, &outcome, start.elapsed(), transcript)
}

fn attempt(plan: &Plan<'_>, case: &'static Case, role: Role, folder: &Path) -> (Outcome, Option<PathBuf>) {
    let bench = Bench::new(plan.testee, plan.dialect.clone(), case, role, folder.to_owned());
    let mut bench = match bench {
        Ok(bench) => bench,
        Err(problem) => return (Err(Finding::Error(problem)), None),
    };
    // A panic of a case is an error of the suite; the testee is still to be killed.
    let run = std::panic::AssertUnwindSafe(|| (case.run)(&mut bench));
    let outcome = std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text");
        Err(Finding::Error(format!("the case panicked: {text}")))
    });
    let (outcome, transcript) = bench.close(outcome);
    // What a testee does not have needs no folder.
    if outcome.as_ref().is_err_and(|finding| finding.verdict() == Verdict::Unsupported) {
        let _ = std::fs::remove_dir_all(folder);
        return (outcome, None);
    }
    (outcome, Some(transcript))
}
