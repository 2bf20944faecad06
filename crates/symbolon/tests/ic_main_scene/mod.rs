//! Processes on 127.0.0.1, for the tests of `symbolon ic-main`.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};

/// A process that needs longer has failed the test.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Running {
    child: Child,
    files: PathBuf,
}

pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) log: String,
}

/// Starts `symbolon` with `words`; the environment has `variables` besides the test's own.
pub(crate) fn start(files: &Path, words: &str, variables: &[(String, String)]) -> Running {
    let child = Command::new(env!("CARGO_BIN_EXE_symbolon"))
        .args(words.split_whitespace())
        .envs(variables.iter().cloned())
        .stdin(Stdio::null())
        .stdout(fs::File::create(files.with_extension("stdout")).unwrap())
        .stderr(fs::File::create(files.with_extension("stderr")).unwrap())
        .spawn()
        .unwrap();
    Running { child, files: files.to_owned() }
}

impl Running {
    fn said(&self, stream: &str) -> String {
        fs::read_to_string(self.files.with_extension(stream)).unwrap_or_default()
    }

    pub(crate) fn until(&mut self, text: &str) {
        let start = Instant::now();
        while !self.said("stderr").contains(text) {
            assert!(self.child.try_wait().unwrap().is_none(), "ended early:\n{}", self.said("stderr"));
            assert!(start.elapsed() < PATIENCE, "never said `{text}`:\n{}", self.said("stderr"));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    pub(crate) fn wait(mut self) -> Ended {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "still running:\n{}", self.said("stderr"));
            std::thread::sleep(Duration::from_millis(5));
        };
        Ended { status, stdout: self.said("stdout"), log: self.said("stderr") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.status.code(), Some(code), "{}", self.log);
        for text in texts {
            assert!(self.log.contains(text), "`{text}` is not in:\n{}", self.log);
        }
        assert!(!self.log.contains("panicked"), "{}", self.log);
    }
}

/// A folder, and addresses of two parties and a dealer.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
    pub(crate) addresses: Vec<String>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let addresses = symbolon::loopback::free_addresses(3).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), addresses }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A dealer of the reference's kind, and its public key as `-ttp_public_key` takes it.
    pub(crate) fn keyed_dealer(&self) -> (Running, String) {
        let keys = self.path("keys");
        let options = symbolon::cli::KeygenOptions { out: keys.clone(), force: true };
        symbolon::keygen::run(&options).unwrap();
        let words = format!(
            "dealer --listen {} --spu-key {}",
            self.addresses[2],
            keys.join(symbolon::keygen::PRIVATE_KEY).display()
        );
        let mut dealer = start(&self.path("dealer"), &words, &[]);
        dealer.until("listening");
        let public = fs::read(keys.join(symbolon::keygen::PUBLIC_KEY)).unwrap();
        (dealer, STANDARD.encode(public))
    }

    pub(crate) fn dealer(&self) -> Running {
        let mut dealer = start(&self.path("dealer"), &format!("dealer --listen {}", self.addresses[2]), &[]);
        dealer.until("listening");
        dealer
    }
}
