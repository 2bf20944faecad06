//! One scenario: its processes, and what must come of them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::process::{self, Exit, Process};
use super::python::Environment;
use super::{Outcome, Verdict};

/// What a scenario gets to place its processes: free ports and a folder of its own.
pub(super) struct Place {
    addresses: Vec<String>,
    folder: PathBuf,
    /// Whether the processes reach one another over relays.
    relayed: bool,
}

/// Addresses of ranks, dealer and oracle; the relays before the first four have as many more.
const ADDRESSES: usize = 6;
const DEALER: usize = 3;

impl Place {
    /// Free addresses, and a new folder of that name.
    pub(super) fn new(environment: &Environment, name: &str) -> Result<Self, String> {
        let folder = environment.folder().join("runs").join(name.replace('/', "-"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let addresses = symbolon::loopback::free_addresses(2 * ADDRESSES)
            .map_err(|error| format!("no free port: {error}"))?;
        Ok(Self { addresses, folder, relayed: false })
    }

    /// The same with a relay before each process: whoever calls it must run them.
    pub(super) fn relayed(mut self) -> Self {
        self.relayed = true;
        self
    }

    /// The address of a rank (0, 1, 2), of the dealer (3), and two more for an oracle.
    pub(super) fn address(&self, index: usize) -> String {
        self.addresses.get(index).cloned().unwrap_or_default()
    }

    /// Where the others find a process that listens at [`Place::address`].
    pub(super) fn front(&self, index: usize) -> String {
        self.address(if self.relayed { index + ADDRESSES } else { index })
    }

    /// Addresses of both parties.
    pub(super) fn parties(&self) -> Vec<String> {
        vec![self.address(0), self.address(1)]
    }

    /// Addresses of `count` parties as one of them is told them.
    pub(super) fn parties_told_to(&self, rank: usize, count: usize) -> Vec<String> {
        (0..count).map(|other| if other == rank { self.address(other) } else { self.front(other) }).collect()
    }

    /// Where the dealer listens.
    pub(super) fn dealer_listens(&self) -> String {
        self.address(DEALER)
    }

    /// The dealer's address as the parties are told it.
    pub(super) fn dealer(&self) -> String {
        self.front(DEALER)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Which program an actor is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    /// A driver in `xtask/python`, by file name.
    Python(&'static str),
    /// A side of ours, by name.
    Ours(&'static str),
}

/// When an actor is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It ends by itself, with exit code 0.
    Whole,
    /// It is killed when it writes a line with `"at": "middle"`.
    KilledInTheMiddle,
    /// It loses its peer and must say so: exit code not 0, an `error` in its last line.
    Bereaved,
    /// The same, or it still waits when all others have ended and its own timeouts are over: SPU does, when the dealer
    /// dies in the middle of an answer.
    BereavedOrStuck,
    /// It waits for ever, a known fault of the peer: running still when all others have ended and its timeouts are over.
    Stuck,
    /// A server: started before the others (which wait for its first line), stopped after them.
    Server,
    /// A server that is killed when another process writes a line with `"at": "middle"`.
    DyingServer,
}

impl Life {
    pub(super) fn is_server(self) -> bool {
        matches!(self, Self::Server | Self::DyingServer)
    }

    /// Whether the scenario may end without it.
    pub(super) fn may_be_stuck(self) -> bool {
        matches!(self, Self::BereavedOrStuck | Self::Stuck)
    }
}

/// One process of a scenario.
pub(super) struct Actor {
    /// As shown in the table.
    pub(super) role: &'static str,
    pub(super) program: Program,
    pub(super) arguments: Value,
    pub(super) life: Life,
}

impl Actor {
    pub(super) fn new(role: &'static str, program: Program, arguments: Value) -> Self {
        Self { role, program, arguments, life: Life::Whole }
    }

    pub(super) fn living(mut self, life: Life) -> Self {
        self.life = life;
        self
    }
}

/// What makes the processes of a scenario.
pub(super) type Cast = Box<dyn Fn(&Place) -> Result<Vec<Actor>, String> + Send + Sync>;
type Check = Box<dyn Fn(&Place, &[Value]) -> Result<String, String> + Send + Sync>;

/// A scenario.
pub(super) struct Scenario {
    pub(super) name: String,
    /// Whether SPU or another driver in Python takes part.
    pub(super) needs_python: bool,
    pub(super) deadline: Duration,
    /// The processes, in rank order.
    pub(super) cast: Cast,
    /// Judges the last lines of the processes, in the order of the cast (servers give their first). Returns a note.
    pub(super) check: Check,
}

impl Scenario {
    /// A scenario that succeeds when all its processes do.
    pub(super) fn new(
        name: impl Into<String>,
        seconds: u64,
        cast: impl Fn(&Place) -> Vec<Actor> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            needs_python: true,
            deadline: Duration::from_secs(seconds),
            cast: Box::new(move |place| Ok(cast(place))),
            check: Box::new(|_, _| Ok(String::new())),
        }
    }

    /// All processes are ours.
    pub(super) fn without_python(mut self) -> Self {
        self.needs_python = false;
        self
    }

    pub(super) fn checked(
        mut self,
        check: impl Fn(&Place, &[Value]) -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        self.check = Box::new(check);
        self
    }
}

/// Runs a scenario to its end or its deadline.
pub(super) fn run(environment: &Environment, scenario: &Scenario) -> Outcome {
    let start = Instant::now();
    let mut roles = String::new();
    let verdict = match attempt(environment, scenario, start, &mut roles) {
        Ok(note) => Verdict::Passed(note),
        Err(problem) => Verdict::Failed(format!("{problem}{}", kept(environment, &scenario.name))),
    };
    Outcome { name: scenario.name.clone(), roles, verdict, time: start.elapsed() }
}

/// Moves what a failed run wrote to a folder that no later run takes.
fn kept(environment: &Environment, name: &str) -> String {
    let folder = environment.folder().join("runs").join(name.replace('/', "-"));
    let until = (1..1000).map(|place| folder.with_extension(format!("failed-{place}")));
    let Some(free) = until.into_iter().find(|path| !path.exists()) else { return String::new() };
    match std::fs::rename(&folder, &free) {
        Ok(()) => format!(" (kept in {})", free.display()),
        Err(_) => String::new(),
    }
}

fn attempt(
    environment: &Environment,
    scenario: &Scenario,
    start: Instant,
    roles: &mut String,
) -> Result<String, String> {
    let place = Place::new(environment, &scenario.name)?;
    let cast = (scenario.cast)(&place)?;
    let ranks: Vec<_> = cast.iter().filter(|actor| !actor.life.is_server()).map(|a| a.role).collect();
    *roles = ranks.join(" / ");
    let mut note = String::new();
    let reports = perform(environment, &place, &cast, start + scenario.deadline, &mut note)?;
    let checked = (scenario.check)(&place, &reports)?;
    Ok(if note.is_empty() { checked } else { note })
}

/// Runs the processes; their last lines, in the order of the cast. What a process said that lost its peer goes to `note`.
pub(super) fn perform(
    environment: &Environment,
    place: &Place,
    cast: &[Actor],
    deadline: Instant,
    note: &mut String,
) -> Result<Vec<Value>, String> {
    // Every process ends when this is dropped, however the scenario ends.
    let mut processes = Vec::new();
    for actor in cast.iter().filter(|actor| actor.life.is_server()) {
        let mut server = Process::start(environment, actor, place)?;
        server.first_line(deadline)?;
        processes.push(server);
    }
    for actor in cast.iter().filter(|actor| !actor.life.is_server()) {
        processes.push(Process::start(environment, actor, place)?);
    }
    process::wait(&mut processes, deadline)?;

    let mut problems = Vec::new();
    let mut reports = Vec::new();
    for actor in cast {
        let Some(process) = processes.iter_mut().find(|process| process.is(actor)) else { continue };
        if let Err(problem) = judge(actor, process, note) {
            problems.push(problem);
        }
        reports.push(process.last_line());
    }
    if problems.is_empty() { Ok(reports) } else { Err(problems.join("; ")) }
}

/// Adds what is to be told of one process.
fn add(note: &mut String, text: &str) {
    if !note.is_empty() {
        note.push_str("; ");
    }
    note.extend(text.chars().take(200));
}

/// Whether a process ended as it should.
fn judge(actor: &Actor, process: &Process, note: &mut String) -> Result<(), String> {
    let told = process.last_line();
    let mut error = told.get("error").and_then(Value::as_str).map(str::to_owned);
    if error.is_none() && matches!(actor.life, Life::Bereaved | Life::BereavedOrStuck) {
        // When one of its own threads cannot send, SPU logs why and ends the process.
        error = process.logged("[error]");
    }
    match (actor.life, process.exit()) {
        (Life::Server, _)
        | (Life::DyingServer | Life::KilledInTheMiddle, Exit::Signal)
        | (Life::Whole, Exit::Code(0)) => Ok(()),
        (Life::BereavedOrStuck | Life::Stuck, Exit::Running) => {
            add(note, &format!("{} waits for ever for the rest of the dealer's answer", actor.role));
            Ok(())
        }
        (Life::Stuck, exit) => Err(format!("{} {exit}: its known fault is gone", actor.role)),
        (Life::Bereaved | Life::BereavedOrStuck, Exit::Code(code)) if code != 0 => match error {
            Some(error) => {
                add(note, &error);
                Ok(())
            }
            None => Err(format!("{} ended with {code} without saying why: {}", actor.role, process.tail())),
        },
        (Life::Bereaved, Exit::Signal) if matches!(actor.program, Program::Python(_)) => {
            // Seldom, a thread of SPU's RPC library dies of a segmentation fault while the link attempts a push again.
            let line = process
                .logged("send request failed and retry")
                .ok_or_else(|| format!("{} was killed or crashed: {}", actor.role, process.tail()))?;
            add(note, &format!("SPU crashed, after: {line}"));
            Ok(())
        }
        (Life::Bereaved | Life::BereavedOrStuck, exit) => {
            Err(format!("{} should have failed, but {exit}", actor.role))
        }
        (_, exit) => Err(match error {
            Some(error) => format!("{} {exit}: {error}", actor.role),
            None => format!("{} {exit}: {}", actor.role, process.tail()),
        }),
    }
}
