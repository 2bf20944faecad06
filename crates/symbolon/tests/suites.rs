//! An intersection in every suite that the program offers, each between two processes.

mod scene;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use scene::{Scene, lines, table};
use symbolon_curve::Suite;

/// Processes mostly wait for each other to start, so several pairs run at once.
const PAIRS: usize = 6;

#[test]
fn every_suite_finds_the_rows_in_common() {
    let suites: Vec<String> = Suite::IMPLEMENTED.iter().map(ToString::to_string).collect();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..PAIRS {
            scope.spawn(|| {
                while let Some(suite) = suites.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(problem) = intersect(suite) {
                        failed.lock().unwrap().push(format!("{suite}: {problem}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} suites:\n{}", failed.len(), suites.len(), failed.join("\n"));
}

/// 12 rows at rank 0, 11 at rank 1, 7 in common.
fn intersect(suite: &str) -> Result<(), String> {
    let scene = Scene::new();
    scene.write_table(0, &table(0, 12, &["x1"]));
    scene.write_table(1, &table(5, 11, &["x2"]));
    scene.configure(1, "");
    let ended = scene.run_without_dealer("psi", &["--suite", suite, "--connect-interval", "10ms"]);
    if let Some(failed) = ended.iter().find(|ended| !ended.status.success()) {
        return Err(failed.log.clone());
    }
    let [left, right] = [0, 1].map(|rank| lines(&scene.file(rank, "aligned.csv")));
    let id = |line: &String| line.split(',').next().unwrap_or_default().to_owned();
    let [left, right] = [left, right].map(|lines| lines.iter().skip(1).map(id).collect::<Vec<_>>());
    let mut found = left.clone();
    found.sort();
    let mut expected: Vec<String> = (5..12).map(|row| format!("person-{row}")).collect();
    expected.sort();
    if left != right || found != expected {
        return Err(format!("rank 0 has {left:?}, rank 1 has {right:?}"));
    }
    Ok(())
}
