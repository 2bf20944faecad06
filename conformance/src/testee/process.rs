//! A process of the testee: started in a group of its own, so that nothing of it outlives its case.

use std::fmt;
use std::fs::File;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How a process ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With an exit code.
    Code(i32),
    /// By a signal that the suite did not send.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "it ended with exit code {code}"),
            Self::Signal(signal) => write!(f, "it died of signal {signal}"),
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        status.code().map_or_else(|| Self::Signal(status.signal().unwrap_or_default()), Self::Code)
    }
}

/// A running process of the testee. Killed with everything that it started when dropped.
pub struct Process {
    child: Child,
    exit: Option<Exit>,
    log: PathBuf,
}

impl Process {
    /// Starts a command; what it writes goes to `log`.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub fn start(arguments: &[String], variables: &[(String, String)], log: &Path) -> Result<Self, String> {
        let (program, arguments) = arguments.split_first().ok_or("the command is empty")?;
        let failed = |error: std::io::Error| format!("{program} cannot be started: {error}");
        let out = File::create(log).map_err(failed)?;
        let child = Command::new(program)
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out.try_clone().map_err(failed)?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        Ok(Self { child, exit: None, log: log.to_owned() })
    }

    /// How it ended, if it has.
    pub fn exit(&mut self) -> Option<Exit> {
        if self.exit.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.exit = Some(status.into());
        }
        self.exit
    }

    /// Waits for its end until `deadline`.
    pub fn wait(&mut self, deadline: Instant) -> Option<Exit> {
        loop {
            let exit = self.exit();
            if exit.is_some() || Instant::now() >= deadline {
                return exit;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it and whatever it started, at once.
    pub fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Nothing is left of a group that has ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
        if self.exit.is_none()
            && let Ok(status) = self.child.wait()
        {
            self.exit = Some(status.into());
        }
    }

    /// What it wrote so far.
    pub fn written(&self) -> String {
        std::fs::read(&self.log).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    /// The last line that it wrote.
    pub fn last_line(&self) -> String {
        let text = self.written();
        text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, name: &str) -> Process {
        let log = std::env::temp_dir().join(format!("symbolon-process-{}-{name}", std::process::id()));
        Process::start(&["sh".into(), "-c".into(), script.into()], &[("WORD".into(), "hello".into())], &log)
            .unwrap()
    }

    #[test]
    fn ends_and_words_are_seen() {
        let mut process = shell("echo $WORD; exit 7", "ends");
        assert_eq!(process.wait(Instant::now() + Duration::from_secs(5)), Some(Exit::Code(7)));
        assert_eq!(process.last_line(), "hello");
        let mut process = shell("kill -ABRT $$", "aborts");
        assert_eq!(process.wait(Instant::now() + Duration::from_secs(5)), Some(Exit::Signal(6)));
    }

    #[test]
    fn what_a_testee_started_dies_with_it() {
        let mut process = shell("sleep 60 & echo $!; wait", "group");
        let deadline = Instant::now() + Duration::from_secs(5);
        while process.last_line().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let child = process.last_line();
        assert_eq!(process.exit(), None);
        process.kill();
        let gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        while !gone() {
            assert!(Instant::now() < deadline, "process {child} is still there");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let log = std::env::temp_dir().join(format!("symbolon-process-{}-none", std::process::id()));
        let error = Process::start(&["/no/such/program".into()], &[], &log).err().unwrap();
        assert!(error.contains("/no/such/program"), "{error}");
    }
}
