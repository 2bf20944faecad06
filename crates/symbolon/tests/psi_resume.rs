//! Runs that are killed and started again, and intersections in parts: the same rows as without.

mod scene;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use scene::{Running, Scene, lines};
use symbolon::report::Report;

/// Ids `first..first + rows`, in an order that is none; the second column says where the row is from.
fn table(first: usize, rows: usize, who: &str) -> String {
    let ids = (0..rows).map(|row| first + row * 7919 % rows);
    let lines = ids.map(|id| format!("customer-{id},{who}{id}\n"));
    std::iter::once(format!("id,{who}\n")).chain(lines).collect()
}

fn scene(rows: usize) -> Scene {
    let scene = Scene::new();
    scene.write_table(0, &table(0, rows, "x"));
    scene.write_table(1, &table(rows / 2, rows, "y"));
    scene.configure(0, "");
    scene.configure(1, "");
    scene
}

/// Both outputs beside each other: the same ids line by line, and which they are.
fn aligned(files: [&Path; 2]) -> BTreeSet<(String, String)> {
    let [zero, one] = files.map(lines);
    assert_eq!(zero.len(), one.len());
    let pairs: BTreeSet<_> = zero.iter().skip(1).cloned().zip(one.iter().skip(1).cloned()).collect();
    assert_eq!(pairs.len(), zero.len() - 1);
    let id = |line: &str| line.split(',').next().unwrap_or_default().to_owned();
    assert!(pairs.iter().all(|(zero, one)| id(zero) == id(one)));
    pairs
}

fn outputs(scene: &Scene) -> BTreeSet<(String, String)> {
    let files = [0, 1].map(|rank| scene.file(rank, "aligned.csv"));
    aligned([&files[0], &files[1]])
}

fn expected(rows: usize) -> BTreeSet<(String, String)> {
    let row = |id, who| format!("customer-{id},{who}{id}");
    (rows / 2..rows).map(|id| (row(id, "x"), row(id, "y"))).collect()
}

/// A stream of numbers that anybody can repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}

/// Kills one of the two at a random moment, starts both again, until they come to their end.
fn killed_and_resumed(rounds: u64, seed: u64) {
    const ROWS: usize = 12_000;
    let expected = expected(ROWS);
    let flags = ["--run-dir", "", "--psi-batch-size", "512", "--memory", "16MiB", "--connect-timeout", "30s"];
    let start = |scene: &Scene, rank: usize| {
        let run = scene.file(rank, "run");
        let mut flags = flags;
        flags[1] = run.to_str().unwrap();
        scene.start(rank, "psi", &flags)
    };
    let undisturbed = Instant::now();
    let whole = scene(ROWS);
    [start(&whole, 0), start(&whole, 1)].map(Running::wait).iter().for_each(|ended| ended.expect(0, &[]));
    assert_eq!(outputs(&whole), expected);
    let time = undisturbed.elapsed();

    let mut random = Random(seed);
    let mut resumed = 0;
    for round in 0..rounds {
        let scene = scene(ROWS);
        let moment = Duration::from_micros(random.below(time.as_micros() as u64));
        let victim = usize::try_from(random.below(2)).unwrap();
        let mut parties = [start(&scene, 0), start(&scene, 1)];
        std::thread::sleep(moment);
        parties[victim].kill();
        // One that still waits for the other to come would do so for long.
        let alone = !parties[1 - victim].log().contains("phase=\"connect\"");
        if alone {
            parties[1 - victim].kill();
        }
        let [zero, one] = parties.map(Running::wait);
        let other = if victim == 0 { one } else { zero };
        // It had its result already, or it says that the other is gone.
        let code = other.status.code();
        assert!(alone || matches!(code, Some(0 | 3)), "round {round}, {moment:?}: {}", other.log);

        let ended = [start(&scene, 0), start(&scene, 1)].map(Running::wait);
        ended.iter().for_each(|ended| ended.expect(0, &[]));
        assert_eq!(outputs(&scene), expected, "round {round}, {moment:?}, rank {victim}");
        let report = Report::read(&scene.file(0, "report.json")).unwrap();
        resumed += usize::from(report.psi.is_some_and(|psi| psi.resumed_items > 0));
        // Once more, with nothing left to do.
        [start(&scene, 0), start(&scene, 1)].map(Running::wait).iter().for_each(|ended| ended.expect(0, &[]));
        assert_eq!(outputs(&scene), expected);
        assert!(!scene.file(victim, "run").join("scalar").exists(), "the secret is gone");
    }
    eprintln!("{resumed} of {rounds} runs were resumed in the middle");
}

#[test]
fn a_killed_run_goes_on() {
    killed_and_resumed(3, 1);
}

/// The same at twenty moments; a minute or two.
#[test]
#[ignore = "as above, twenty times: cargo test -p symbolon --test psi_resume -- --ignored"]
fn a_killed_run_goes_on_twenty_times() {
    killed_and_resumed(20, 2);
}

#[test]
fn parts_make_up_the_whole() {
    const ROWS: usize = 600;
    for (result_to, join) in [("all", "inner"), ("all", "full"), ("1", "right")] {
        let whole = scene(ROWS);
        let flags = ["--result-to", result_to, "--join", join];
        whole.run_without_dealer("psi", &flags).iter().for_each(|ended| ended.expect(0, &[]));
        let all = |scene: &Scene, name: &str| -> BTreeSet<String> {
            lines(&scene.file(1, name)).into_iter().collect()
        };

        let parts = scene(ROWS);
        let mut union = BTreeSet::new();
        let mut count = 0;
        for part in ["0/3", "1/3", "2/3"] {
            let name = format!("part-{}.csv", &part[..1]);
            let out = [0, 1].map(|rank| parts.file(rank, &name).to_str().unwrap().to_owned());
            let flags = |rank: usize| {
                [
                    "--partition",
                    part,
                    "--partition-key",
                    "secret",
                    "--aligned",
                    &out[rank],
                    "--result-to",
                    result_to,
                    "--join",
                    join,
                ]
            };
            let parties = [parts.start(0, "psi", &flags(0)), parts.start(1, "psi", &flags(1))];
            parties.map(Running::wait).iter().for_each(|ended| ended.expect(0, &[]));
            count += lines(&parts.file(1, &name)).len() - 1;
            union.extend(all(&parts, &name));
        }
        assert_eq!(union, all(&whole, "aligned.csv"), "{join}");

        let at_once = scene(ROWS);
        let flags = ["--partitions", "3", "--result-to", result_to, "--join", join];
        at_once.run_without_dealer("psi", &flags).iter().for_each(|ended| ended.expect(0, &[]));
        assert_eq!(all(&at_once, "aligned.csv"), union);
        let found = lines(&at_once.file(1, "aligned.csv")).len() - 1;
        assert_eq!((found, count), (lines(&whole.file(1, "aligned.csv")).len() - 1, found));
        if result_to == "all" && join == "inner" {
            assert_eq!(outputs(&at_once), expected(ROWS));
        }
    }
}

#[test]
fn different_parts_or_keys_are_refused() {
    let flags = |part, key| ["--partition", part, "--partition-key", key, "--connect-timeout", "20s"];
    for (zero, one) in [(flags("0/2", "k"), flags("1/2", "k")), (flags("0/2", "k"), flags("0/2", "K"))] {
        let scene = scene(50);
        let parties = [scene.start(0, "psi", &zero), scene.start(1, "psi", &one)];
        for ended in parties.map(Running::wait) {
            assert_eq!(ended.status.code(), Some(4), "{}", ended.log);
            assert!(ended.log.contains("partition"), "{}", ended.log);
        }
        scene.assert_no_output(0);
    }
}

#[test]
fn a_run_directory_is_for_one_input() {
    let scene = scene(40);
    let run = [0, 1].map(|rank| scene.file(rank, "run").to_str().unwrap().to_owned());
    let parties = [0, 1].map(|rank| scene.start(rank, "psi", &["--run-dir", &run[rank]]));
    parties.map(Running::wait).iter().for_each(|ended| ended.expect(0, &[]));
    scene.write_table(0, &table(5, 40, "x"));
    scene.start(0, "psi", &["--run-dir", &run[0]]).wait().expect(1, &["run directory", &run[0]]);
}

/// Sets that do not fit into the memory that is given: everything goes through files, and the result is the same.
#[test]
fn little_memory_changes_nothing() {
    const ROWS: usize = 60_000;
    let scene = scene(ROWS);
    let flags = ["--memory", "16MiB", "--duplicates", "count", "--psi-batch-size", "4096"];
    scene.run_without_dealer("psi", &flags).iter().for_each(|ended| ended.expect(0, &[]));
    assert_eq!(outputs(&scene), expected(ROWS));
}

#[test]
fn an_interrupted_party_leaves_nothing() {
    let mut interrupted = 0;
    for wait in [100, 300, 600] {
        let scene = scene(60_000);
        let parties = [scene.start(0, "psi", &[]), scene.start(1, "psi", &[])];
        std::thread::sleep(Duration::from_millis(wait));
        let sent = Command::new("kill").args(["-INT", &parties[0].id().to_string()]).status().unwrap();
        let [zero, one] = parties.map(Running::wait);
        if zero.status.code() == Some(0) {
            continue;
        }
        interrupted += 1;
        assert!(sent.success());
        assert_eq!(zero.status.code(), Some(130), "{}", zero.log);
        scene.assert_no_output(0);
        // The other has failed too, unless it had everything before the signal came.
        if !one.status.success() {
            scene.assert_no_output(1);
        }
    }
    assert!(interrupted > 0, "every run was over before the signal came");
}

/// The first of so many ports in a row that no other test has.
fn ports_in_a_row(count: usize) -> u16 {
    loop {
        let ports: Vec<u16> = scene::free_addresses(count)
            .iter()
            .map(|address| address.rsplit(':').next().unwrap().parse().unwrap())
            .collect();
        // Other tests take ports at the same time, and some are taken.
        if ports.windows(2).all(|pair| pair[0] + 1 == pair[1]) {
            return ports[0];
        }
    }
}

#[test]
fn the_example_script_appends_its_parts() {
    const ROWS: usize = 300;
    const PARTS: usize = 3;
    let scene = scene(ROWS);
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/partitions.sh");
    let out = scene.file(0, "out");
    let port = ports_in_a_row(2 * PARTS);
    let ran = Command::new("bash")
        .arg(script)
        .arg(PARTS.to_string())
        .args([scene.file(0, "table.csv"), scene.file(1, "table.csv"), out.clone()])
        .args(["--connect-interval", "50ms", "--partition-key", "example"])
        .env("SYMBOLON", env!("CARGO_BIN_EXE_symbolon"))
        .env("PORT", port.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    assert!(said.contains("150 lines beside each other"), "{said}");
    assert_eq!(aligned([&out.join("rank-0.csv"), &out.join("rank-1.csv")]), expected(ROWS));
}
