//! The demo's processes: started, watched, and never left behind.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::interrupt::{OnInterrupt, on_interrupt};

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(15);
/// How long the others may go on after one has failed, to tell their side.
const AFTERMATH: Duration = Duration::from_secs(4);
/// Lines of a failed process's log that are shown.
const TAIL: usize = 12;

/// One process with its log file. Killed when dropped.
struct Process {
    name: String,
    log: PathBuf,
    child: Arc<Mutex<Child>>,
    ended: Option<ExitStatus>,
    _on_interrupt: OnInterrupt,
}

impl Process {
    fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }

    fn look(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            self.ended = child
                .try_wait()
                .map_err(|failure| Error::Child(format!("{} cannot be watched: {failure}", self.name)))?;
        }
        Ok(self.ended)
    }

    fn account(&self) -> String {
        let status = match self.ended.map(|status| (status.code(), status)) {
            Some((Some(code), _)) => format!("ended with exit code {code}"),
            Some((None, status)) => format!("ended: {status}"),
            None => "was still running".into(),
        };
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let tail: Vec<String> =
            lines.iter().skip(lines.len().saturating_sub(TAIL)).map(|line| format!("    {line}")).collect();
        format!("{} {status} ({}):\n{}", self.name, self.log.display(), tail.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The dealer and the parties.
pub(super) struct Processes {
    dealer: Process,
    parties: Vec<Process>,
}

impl Processes {
    /// Starts this program once as the dealer on `dealer` and once per configuration file. Logs go into
    /// `log.txt` beside each configuration and in `dealer_folder`.
    pub(super) fn start(dealer: &str, dealer_folder: &Path, configs: &[PathBuf]) -> Result<Self> {
        let dealer = spawn("the dealer", dealer_folder, &["dealer", "--listen", dealer])?;
        let mut parties = Vec::new();
        for (rank, config) in configs.iter().enumerate() {
            let folder = config.parent().unwrap_or(Path::new("."));
            let path = config.to_str().ok_or_else(|| {
                Error::Config(format!("{} is not UTF-8: choose another folder with --out", config.display()))
            })?;
            parties.push(spawn(&format!("rank {rank}"), folder, &["run", "--config", path])?);
        }
        Ok(Self { dealer, parties })
    }

    /// Waits until every party has ended well.
    ///
    /// # Errors
    /// [`Error::Child`] with the last lines of every log as soon as one process has failed and the others
    /// had a moment to say why they fail, too.
    pub(super) fn wait(&mut self) -> Result<()> {
        let mut failed_at: Option<Instant> = None;
        loop {
            let mut running = false;
            let mut failed = self.dealer.look()?.is_some();
            for party in &mut self.parties {
                match party.look()? {
                    None => running = true,
                    Some(status) => failed |= !status.success(),
                }
            }
            match failed_at {
                _ if !running && !failed => return Ok(()),
                Some(since) if !running || since.elapsed() > AFTERMATH => return Err(self.failure()),
                None if failed => failed_at = Some(Instant::now()),
                _ => {}
            }
            std::thread::sleep(LOOK);
        }
    }

    fn failure(&self) -> Error {
        let parties = self.parties.iter().filter(|party| !party.ended.is_some_and(|status| status.success()));
        let dealer = self.dealer.ended.is_some().then_some(&self.dealer);
        let accounts: Vec<String> = parties.chain(dealer).map(Process::account).collect();
        Error::Child(format!("the demo failed\n{}", accounts.join("\n")))
    }
}

fn spawn(name: &str, folder: &Path, arguments: &[&str]) -> Result<Process> {
    let log = folder.join("log.txt");
    std::fs::create_dir_all(folder).map_err(|source| Error::file("create", folder, source))?;
    let file = File::create(&log).map_err(|source| Error::file("create", &log, source))?;
    let program = std::env::current_exe()
        .map_err(|failure| Error::Child(format!("this program cannot find itself: {failure}")))?;
    let child = Command::new(&program)
        .args(arguments)
        .arg("--until-stdin-closes")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .map_err(|failure| {
            Error::Child(format!("{name} cannot be started from {}: {failure}", program.display()))
        })?;
    let child = Arc::new(Mutex::new(child));
    let to_kill = child.clone();
    let on_interrupt = on_interrupt(move || {
        let _ = to_kill.lock().unwrap_or_else(PoisonError::into_inner).kill();
    });
    Ok(Process { name: name.to_owned(), log, child, ended: None, _on_interrupt: on_interrupt })
}

/// `count` different addresses of 127.0.0.1 for the processes to listen on.
pub(super) fn free_addresses(count: usize) -> Result<Vec<String>> {
    crate::loopback::free_addresses(count)
        .map_err(|failure| Error::Child(format!("no free port on 127.0.0.1: {failure}")))
}
