//! The processes of a scenario: started with one JSON argument, watched until a deadline.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::python::Environment;
use super::scenario::{Actor, Life, Place, Program};

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Running,
    Code(i32),
    /// By a signal: killed, or crashed.
    Signal,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("did not end"),
            Self::Code(code) => write!(f, "ended with exit code {code}"),
            Self::Signal => f.write_str("was killed or crashed"),
        }
    }
}

/// The lines of a process as far as they have come; `None` after the last.
#[derive(Default)]
struct Lines {
    lines: Mutex<(Vec<Value>, bool)>,
    more: Condvar,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, (Vec<Value>, bool)> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running process. Killed when dropped.
pub(super) struct Process {
    role: &'static str,
    arguments: Value,
    life: Life,
    child: Child,
    exit: Exit,
    lines: Arc<Lines>,
    log: PathBuf,
}

impl Process {
    pub(super) fn start(environment: &Environment, actor: &Actor, place: &Place) -> Result<Self, String> {
        let (mut command, name) = match actor.program {
            Program::Python(driver) => (environment.driver(driver, &actor.arguments), driver),
            Program::Ours(side) => {
                let own = std::env::current_exe().map_err(|error| format!("own program: {error}"))?;
                let mut command = Command::new(own);
                command.arg("interop-side").arg(side).arg(actor.arguments.to_string());
                (command, side)
            }
        };
        let log = place.file(&format!("{}-{}.log", actor.role.replace([' ', ','], "-"), name));
        let open = OpenOptions::new().create(true).append(true).open(&log);
        let stderr = open.map_err(|error| format!("{}: {error}", log.display()))?;
        let mut chatter = stderr.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        let mut child = command
            .current_dir(place.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", actor.role))?;
        let lines = Arc::new(Lines::default());
        if let Some(stdout) = child.stdout.take() {
            let lines = lines.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if let Ok(value @ Value::Object(_)) = serde_json::from_str(&line) {
                        lines.lock().0.push(value);
                        lines.more.notify_all();
                    } else {
                        // SPU's log.
                        let _ = writeln!(chatter, "{line}");
                    }
                }
                lines.lock().1 = true;
                lines.more.notify_all();
            });
        }
        Ok(Self {
            role: actor.role,
            arguments: actor.arguments.clone(),
            life: actor.life,
            child,
            exit: Exit::Running,
            lines,
            log,
        })
    }

    /// Whether this is the process of `actor`.
    pub(super) fn is(&self, actor: &Actor) -> bool {
        self.role == actor.role && self.arguments == actor.arguments
    }

    /// Waits for the first line: a server is ready.
    pub(super) fn first_line(&mut self, deadline: Instant) -> Result<(), String> {
        let mut state = self.lines.lock();
        while state.0.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if state.1 || left.is_zero() {
                drop(state);
                return Err(format!("{} did not get ready: {}", self.role, self.tail()));
            }
            state = self.lines.more.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// The last JSON line, null if there was none.
    pub(super) fn last_line(&self) -> Value {
        self.lines.lock().0.last().cloned().unwrap_or_default()
    }

    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// The end of what the process wrote to its log.
    pub(super) fn tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
        let lines: Vec<_> = lines.into_iter().rev().collect();
        format!("{} (all of it: {})", lines.join(" | "), self.log.display())
    }

    /// What follows `mark` in the last line of SPU's log that has it.
    pub(super) fn logged(&self, mark: &str) -> Option<String> {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines().rev().find_map(|line| Some(line.split_once(mark)?.1.trim().to_owned()))
    }

    fn poll(&mut self) {
        if self.exit == Exit::Running
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.exit = status.code().map_or(Exit::Signal, Exit::Code);
        }
    }

    fn is_in_the_middle(&self) -> bool {
        self.lines.lock().0.iter().any(|line| line.get("at").and_then(Value::as_str) == Some("middle"))
    }

    /// Everything has been read that the process wrote.
    fn drain(&self, wait: Duration) {
        let state = self.lines.lock();
        drop(self.lines.more.wait_timeout_while(state, wait, |state| !state.1));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Longer than any timeout that a party has been told, where somebody dies.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until all but servers have ended. When one fails that should not, the others get a short grace; one that may be
/// stuck gets [`PATIENCE`] after the end of the others.
pub(super) fn wait(processes: &mut [Process], deadline: Instant) -> Result<(), String> {
    const GRACE: Duration = Duration::from_secs(10);
    let mut until = deadline;
    let mut stuck_since = None;
    loop {
        let in_the_middle = processes.iter().any(Process::is_in_the_middle);
        for process in processes.iter_mut() {
            process.poll();
            if process.life == Life::DyingServer && process.exit == Exit::Running && in_the_middle {
                let _ = process.child.kill();
            }
            if process.life == Life::KilledInTheMiddle
                && process.exit == Exit::Running
                && process.is_in_the_middle()
            {
                let _ = process.child.kill();
            }
            if process.life == Life::Whole && !matches!(process.exit, Exit::Running | Exit::Code(0)) {
                until = until.min(Instant::now() + GRACE);
            }
        }
        let parties = || processes.iter().filter(|process| !process.life.is_server());
        if parties().all(|process| process.exit != Exit::Running || process.life.may_be_stuck()) {
            stuck_since.get_or_insert_with(Instant::now);
        }
        let is_stuck = stuck_since.is_some_and(|since: Instant| since.elapsed() >= PATIENCE);
        if is_stuck || parties().all(|process| process.exit != Exit::Running) {
            for process in processes.iter().filter(|process| !process.life.is_server()) {
                process.drain(Duration::from_secs(1));
            }
            return Ok(());
        }
        if Instant::now() >= until {
            for process in processes.iter_mut().filter(|process| process.exit == Exit::Running) {
                let _ = process.child.kill();
            }
            if until < deadline {
                // The one that failed is what matters.
                return Ok(());
            }
            let late = processes.iter().filter(|p| !p.life.is_server() && p.exit == Exit::Running);
            let late: Vec<_> = late.map(|process| format!("{}: {}", process.role, process.tail())).collect();
            return Err(format!("not done within its deadline: {}", late.join("; ")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
