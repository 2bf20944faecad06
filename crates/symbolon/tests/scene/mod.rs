//! Two parties and a dealer as real processes on 127.0.0.1, for the tests of this folder.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longer than any timeout of the configurations here; a process that needs it has failed the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a table and a configuration per party, and free addresses.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
    pub(crate) addresses: Vec<String>,
    pub(crate) dealer: String,
}

/// A running process. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
}

/// How a process ended, and what it said on stderr.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

pub(crate) fn free_addresses(count: usize) -> Vec<String> {
    symbolon::loopback::free_addresses(count).unwrap()
}

/// A small table that can be learnt: `rows` ids from `first`, the columns that are asked for.
pub(crate) fn table(first: usize, rows: usize, columns: &[&str]) -> String {
    let mut text = format!("id,{}\n", columns.join(","));
    for row in first..first + rows {
        let noise = |salt: usize| ((row * 7919 + salt * 104_729) % 1000) as f64 / 500.0 - 1.0;
        let fields: Vec<String> = columns
            .iter()
            .map(|column| match *column {
                "label" => u8::from(noise(1) + 0.5 * noise(2) > 0.1 * noise(9)).to_string(),
                name => format!("{:.3}", noise(name.trim_start_matches('x').parse().unwrap_or(0))),
            })
            .collect();
        text.push_str(&format!("person-{row},{}\n", fields.join(",")));
    }
    text
}

impl Scene {
    /// Rank 0 has x1 and x3 for rows 0..60, rank 1 has x2 and the label for rows 10..70.
    pub(crate) fn new() -> Self {
        let mut addresses = free_addresses(3);
        let dealer = addresses.pop().unwrap();
        let scene = Self { folder: tempfile::tempdir().unwrap(), addresses, dealer };
        scene.write_table(0, &table(0, 60, &["x1", "x3"]));
        scene.write_table(1, &table(10, 60, &["x2", "label"]));
        scene.configure(0, "");
        scene.configure(1, "label = 'label'");
        scene
    }

    /// The same rows at both parties, as `train` and `predict` take them.
    pub(crate) fn aligned() -> Self {
        let scene = Self::new();
        scene.write_table(0, &table(0, 50, &["x1", "x3"]));
        scene.write_table(1, &table(0, 50, &["x2", "label"]));
        scene
    }

    pub(crate) fn folder(&self, rank: usize) -> PathBuf {
        self.folder.path().join(format!("rank{rank}"))
    }

    pub(crate) fn file(&self, rank: usize, name: &str) -> PathBuf {
        self.folder(rank).join(name)
    }

    pub(crate) fn write_table(&self, rank: usize, text: &str) {
        fs::create_dir_all(self.folder(rank)).unwrap();
        fs::write(self.file(rank, "table.csv"), text).unwrap();
    }

    /// Writes the party's file; `data` is more of its `[data]` section (and of what follows it).
    pub(crate) fn configure(&self, rank: usize, data: &str) {
        let text = format!(
            "rank = {rank}\n\
             parties = ['{}', '{}']\n\
             [link]\n\
             connect-timeout = '20s'\n\
             receive-timeout = '8s'\n\
             idle-timeout = '500ms'\n\
             connect-interval = '50ms'\n\
             [dealer]\n\
             address = '{}'\n\
             [lr]\n\
             epochs = 3\n\
             batch-size = 8\n\
             score-rank = 1\n\
             [files]\n\
             aligned = 'aligned.csv'\n\
             model = 'model.json'\n\
             scores = 'scores.csv'\n\
             report = 'report.json'\n\
             [data]\n\
             input = 'table.csv'\n\
             {data}\n",
            self.addresses[0], self.addresses[1], self.dealer
        );
        fs::create_dir_all(self.folder(rank)).unwrap();
        fs::write(self.file(rank, "party.toml"), text).unwrap();
    }

    pub(crate) fn start_dealer(&self) -> Running {
        self.spawn("dealer", &["dealer", "--listen", &self.dealer])
    }

    pub(crate) fn start_dealer_with(&self, flags: &[&str]) -> Running {
        let mut arguments = vec!["dealer", "--listen", &self.dealer];
        arguments.extend_from_slice(flags);
        self.spawn("dealer", &arguments)
    }

    /// Starts `command` at `rank` with its file and more flags.
    pub(crate) fn start(&self, rank: usize, command: &str, flags: &[&str]) -> Running {
        let config = self.file(rank, "party.toml");
        let mut arguments = vec![command, "--config", config.to_str().unwrap()];
        arguments.extend_from_slice(flags);
        self.spawn(&format!("rank{rank}-{command}"), &arguments)
    }

    /// Runs `command` at both ranks with the same flags, beside a dealer, to the end.
    pub(crate) fn run(&self, command: &str, flags: &[&str]) -> [Ended; 2] {
        let _dealer = self.start_dealer();
        self.run_without_dealer(command, flags)
    }

    pub(crate) fn run_without_dealer(&self, command: &str, flags: &[&str]) -> [Ended; 2] {
        let parties = [self.start(0, command, flags), self.start(1, command, flags)];
        parties.map(Running::wait)
    }

    fn spawn(&self, name: &str, arguments: &[&str]) -> Running {
        let log = self.folder.path().join(format!("{name}.log"));
        let child = Command::new(env!("CARGO_BIN_EXE_symbolon"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Running { child, log }
    }

    /// What a party must not have written.
    pub(crate) fn assert_no_output(&self, rank: usize) {
        let allowed = ["table.csv", "party.toml"];
        for entry in fs::read_dir(self.folder(rank)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(allowed.contains(&name.as_str()), "rank {rank} left {name}");
        }
    }
}

impl Running {
    pub(crate) fn wait(mut self) -> Ended {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "still running:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        };
        Ended { status, log: self.log() }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the process has said `text`.
    pub(crate) fn until(&mut self, text: &str) {
        let start = Instant::now();
        while !self.log().contains(text) {
            assert!(self.child.try_wait().unwrap().is_none(), "ended early:\n{}", self.log());
            assert!(start.elapsed() < PATIENCE, "never said `{text}`:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Checks the exit code and that the log has every one of `texts`.
    pub(crate) fn expect(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.status.code(), Some(code), "{}", self.log);
        for text in texts {
            assert!(self.log.contains(text), "`{text}` is not in:\n{}", self.log);
        }
        assert!(!self.log.contains("panicked"), "{}", self.log);
    }
}

pub(crate) fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}
