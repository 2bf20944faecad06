//! The demo as a user starts it.

use std::fs;
use std::io::Read;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn demo(folder: &std::path::Path, flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_symbolon"))
        .args(["demo", "--out"])
        .arg(folder)
        .args(flags)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn real_data_gives_what_the_pooled_rows_would() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path(), &[]);
    let (out, log) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{log}");
    // The split is fixed, so the intersection is, too.
    for expected in
        ["Wisconsin breast cancer", "569 rows, 30 features", "in common            512", "AUC", "rank1"]
    {
        assert!(out.contains(expected), "`{expected}` is not in:\n{out}");
    }
    let report = symbolon::report::Report::read(&folder.path().join("rank1/report.json")).unwrap();
    let evaluation = report.evaluation.unwrap();
    assert!(evaluation.auc.unwrap() > 0.98, "{evaluation:?}");
    for (rank, files) in
        [(0, &["aligned.csv", "model.json"][..]), (1, &["aligned.csv", "model.json", "scores.csv"])]
    {
        for file in files {
            assert!(folder.path().join(format!("rank{rank}/{file}")).exists(), "rank {rank} has no {file}");
        }
    }
    assert!(!folder.path().join("rank0/scores.csv").exists());
}

#[test]
fn generated_data_in_the_smallest_ring() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--rows", "400", "--features", "6", "--field", "32", "--epochs", "3"];
    let output = demo(folder.path(), &flags);
    let (out, log) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{log}");
    assert!(out.contains("generated: 400 rows, 6 features"), "{out}");
}

#[test]
fn a_party_that_fails_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path(), &["--fraction-bits", "31"]);
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    for expected in ["rank 0 ended with exit code 2", "lr.fraction-bits: 31", "rank 1", "log.txt"] {
        assert!(log.contains(expected), "`{expected}` is not in:\n{log}");
    }
}

/// The demo's processes end with it, however it ends.
#[test]
fn no_process_is_left_behind() {
    for signal in ["-INT", "-KILL"] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_symbolon"))
            .args(["demo", "--epochs", "5000", "--out"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let log = folder.path().join("rank0/log.txt");
        wait_until(|| fs::read_to_string(&log).unwrap_or_default().contains("training starts"));
        let dealer = fs::read_to_string(folder.path().join("rank0/party.toml")).unwrap();
        let dealer =
            dealer.lines().find_map(|line| line.strip_prefix("address = ")).unwrap().trim_matches('"');
        let mut line = std::net::TcpStream::connect(dealer).unwrap();
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert!(!child.wait().unwrap().success());
        // The dealer is gone when it hangs up and nobody answers at its address.
        line.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let _ = line.read_to_end(&mut Vec::new());
        wait_until(|| std::net::TcpStream::connect(dealer).is_err());
        for rank in [0, 1] {
            assert!(!folder.path().join(format!("rank{rank}/model.json")).exists());
        }
    }
}

fn wait_until(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "it did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}
