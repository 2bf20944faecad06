//! What a case works with: a testee started for one task, and the suite's party across from it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use symbolon_dialect::{Construction, DealerDialect, Dialect};

use super::case::{Case, Role};
use super::peer::{Answer, Message, Peer};
use super::points::{Suite, X25519};
use super::spu::{Form, KeyPair};
use super::transcript::Log;
use super::verdict::{Finding, Outcome};
use crate::testee::{Argument, Exit, Listening, Process, Testee, Values};

/// An intersection to run.
#[derive(Debug, Clone, PartialEq)]
pub struct PsiTask {
    /// The testee's ids.
    pub ids: Vec<String>,
    /// The suite to offer.
    pub suite: Suite,
    /// Who learns the intersection: -1 both, else a rank.
    pub result_to: i32,
    /// Bits of doubly masked points to offer.
    pub truncate_bits: Option<u32>,
}

impl Default for PsiTask {
    fn default() -> Self {
        Self { ids: ids("t", 5, 2), suite: X25519, result_to: -1, truncate_bits: None }
    }
}

/// `own` ids that nobody else has and `common` ones.
pub fn ids(who: &str, own: usize, common: usize) -> Vec<String> {
    let own = (0..own).map(|index| format!("{who}-{index}"));
    own.chain((0..common).map(|index| format!("both-{index}"))).collect()
}

/// Operations on a link of several parties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTask {
    /// How many parties; the suite plays all but one.
    pub parties: usize,
    /// What they do, as [`collectives`](super::collectives) has it.
    pub script: String,
}

/// How products are brought back to the fraction bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncation {
    /// Each party its own share.
    Probabilistic,
    /// With masks of the dealer and an opening.
    Precise,
}

impl Truncation {
    /// The word of descriptions.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Probabilistic => "probabilistic",
            Self::Precise => "precise",
        }
    }
}

/// How a party asks for corrections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DealerForm {
    /// `org.interconnection.v2.service.BeaverService` over gRPC.
    Interconnection,
    /// SPU's service.
    Spu(Form),
}

impl DealerForm {
    /// The word of descriptions.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Interconnection => "interconnection",
            Self::Spu(Form::Http) => "spu-http",
            Self::Spu(Form::Unary) => "spu-unary",
        }
    }

    /// What a reading of disputed points takes.
    pub fn of(dialect: &Dialect) -> Self {
        match (dialect.dealer, dialect.dealer_stream) {
            (DealerDialect::Interconnection, _) => Self::Interconnection,
            (_, Construction::BlocksLittleEndian) => Self::Spu(Form::Http),
            (_, Construction::CtrBigEndian) => Self::Spu(Form::Unary),
        }
    }

    /// The form of SPU's service.
    pub const fn spu(self) -> Option<Form> {
        match self {
            Self::Interconnection => None,
            Self::Spu(form) => Some(form),
        }
    }
}

/// A training to run. Both parties' tables are here; the testee is given its own.
#[derive(Debug, Clone, PartialEq)]
pub struct LrTask {
    /// Columns of each rank, a row per sample.
    pub features: [Vec<Vec<f32>>; 2],
    /// The labels.
    pub labels: Vec<f32>,
    /// Who has them.
    pub label_rank: usize,
    /// Passes over the rows.
    pub epochs: u64,
    /// Rows of a step.
    pub batch_size: u64,
    /// Step size.
    pub learning_rate: f64,
    /// L2 penalty.
    pub l2: f64,
    /// Width of the ring.
    pub field: u32,
    /// Fraction bits.
    pub fraction_bits: u32,
    /// How products are truncated.
    pub truncation: Truncation,
    /// How the dealer is asked; as the reading has it if nothing is said.
    pub dealer_form: Option<DealerForm>,
    /// The dealer's address; [`Bench`] fills it in where it runs the dealer.
    pub dealer: String,
    /// The dealer's session.
    pub session: String,
    /// Who asks the dealer.
    pub adjust_rank: usize,
}

impl LrTask {
    /// Nine rows, two columns at rank 0 and one at rank 1, batches of four: one row is left over.
    pub fn small() -> Self {
        let value = |row: usize, column: usize| ((row * 37 + column * 11) % 16) as f32 / 8.0 - 1.0;
        let table = |columns: std::ops::Range<usize>| {
            (0..9).map(|row| columns.clone().map(|column| value(row, column)).collect()).collect()
        };
        Self {
            features: [table(0..2), table(2..3)],
            labels: (0..9).map(|row| f32::from(u8::from(row % 3 == 0))).collect(),
            label_rank: 0,
            epochs: 2,
            batch_size: 4,
            learning_rate: 0.1,
            l2: 0.0,
            field: 64,
            fraction_bits: 18,
            truncation: Truncation::Probabilistic,
            dealer_form: None,
            dealer: "127.0.0.1:9".into(),
            session: "conformance".into(),
            adjust_rank: 0,
        }
    }

    /// Rows of the tables.
    pub fn samples(&self) -> usize {
        self.labels.len()
    }

    /// Columns of a rank's table.
    pub fn columns(&self, rank: usize) -> usize {
        self.features.get(rank).and_then(|table| table.first()).map_or(0, Vec::len)
    }
}

/// How the testee ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Exit(Exit),
    /// It is not a process of the suite's, or had to be killed at the deadline.
    Unknown,
}

/// One run of one case.
pub struct Bench<'a> {
    /// What is tested.
    pub testee: &'a Testee,
    /// The reading of disputed points.
    pub dialect: Dialect,
    /// What the testee is.
    pub role: Role,
    /// The case.
    pub case: &'static Case,
    /// Everything that travels.
    pub log: Arc<Log>,
    folder: PathBuf,
    deadline: Instant,
    process: Option<Process>,
    peers: Vec<Arc<Peer>>,
    address: String,
    hung: bool,
}

impl<'a> Bench<'a> {
    /// A bench in a folder of its own.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(
        testee: &'a Testee,
        dialect: Dialect,
        case: &'static Case,
        role: Role,
        folder: PathBuf,
    ) -> Result<Self, String> {
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self {
            testee,
            dialect,
            role,
            case,
            log: Arc::default(),
            folder,
            deadline: Instant::now() + testee.deadline(),
            process: None,
            peers: Vec::new(),
            address: String::new(),
            hung: false,
        })
    }

    /// The folder of this run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// When the testee is killed.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The testee's rank; the suite's is the other.
    pub fn rank(&self) -> usize {
        usize::from(self.role == Role::Rank1)
    }

    /// The testee's address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `{channel}:P2P-{counter}:{from}->{to}` of the testee's message number `index`, from 0.
    pub fn key_in(&self, channel: &str, index: u64) -> String {
        let counter = self.dialect.counter_base.first() + index;
        format!("{channel}:P2P-{counter}:{}->{}", self.rank(), 1 - self.rank())
    }

    /// The same of the suite's message.
    pub fn key_out(&self, channel: &str, index: u64) -> String {
        let counter = self.dialect.counter_base.first() + index;
        format!("{channel}:P2P-{counter}:{}->{}", 1 - self.rank(), self.rank())
    }

    /// The key of ALLGATHER number `index` of all collectives, from 0.
    pub fn allgather(&self, channel: &str, index: u64) -> String {
        format!("{channel}:{}:ALLGATHER", self.dialect.counter_base.first() + index)
    }

    /// How the testee asks for corrections in a training.
    ///
    /// # Errors
    /// It does not do that.
    pub fn dealer_form(&self, task: &LrTask) -> Outcome<DealerForm> {
        let form = task.dealer_form.unwrap_or_else(|| DealerForm::of(&self.dialect));
        let unsupported = || Finding::Unsupported(format!("no dealer of the form {}", form.word()));
        let side = self.testee.lr.as_ref().ok_or_else(unsupported)?;
        let is_usual = side.dealers.is_empty() && form == DealerForm::of(&self.dialect);
        (is_usual || side.dealers.contains_key(form.word())).then_some(form).ok_or_else(unsupported)
    }

    /// The streams of a dealer of that form: those of the reading, if it has such a dealer; else those of the engines
    /// that speak it (E16).
    pub fn dealer_stream(&self, form: DealerForm) -> Construction {
        match form {
            DealerForm::Spu(form) if self.dialect.dealer == DealerDialect::Interconnection => match form {
                Form::Http => Construction::BlocksLittleEndian,
                Form::Unary => Construction::CtrBigEndian,
            },
            _ => self.dialect.dealer_stream,
        }
    }

    /// Starts the testee for an intersection.
    ///
    /// # Errors
    /// It has none, or not this suite.
    pub fn start_psi(&mut self, task: &PsiTask) -> Outcome<Arc<Peer>> {
        let unsupported = |what: String| Finding::Unsupported(what);
        let side = self.testee.psi.as_ref().ok_or_else(|| unsupported("no set intersection".into()))?;
        let suite = task.suite.to_string();
        let name = side.suites.get(&suite).ok_or_else(|| unsupported(format!("no suite {suite}")))?;
        if task.truncate_bits.is_some() && !side.truncation {
            return Err(unsupported("no agreed truncation of points".into()));
        }
        if task.ids.is_empty() && !side.empty_table {
            return Err(unsupported("no empty tables".into()));
        }
        let repeated = task.ids.iter().collect::<std::collections::BTreeSet<_>>().len() < task.ids.len();
        if repeated && !side.repeated_ids {
            return Err(unsupported("no repeated ids".into()));
        }
        let rows: String = task.ids.iter().map(|id| format!("{id}\n")).collect();
        let table = self.write("table.csv", &format!("id\n{rows}"))?;
        let values = Values::default()
            .with("table", table.display())
            .with("curve", task.suite.curve.name())
            .with("hash", task.suite.hash.name())
            .with("map", task.suite.map.name())
            .with("format", task.suite.format.name())
            .with("suite", name)
            .with("result_to_rank", task.result_to)
            .with("result_to", if task.result_to < 0 { "all".into() } else { task.result_to.to_string() })
            .with("truncate_bits", task.truncate_bits.map(|bits| bits.to_string()).unwrap_or_default());
        let (command, listening) = (&side.command, side.listening.as_ref());
        self.start_party(command, listening, values)
    }

    /// Starts the testee for a training.
    ///
    /// # Errors
    /// It has none, or not this ring.
    pub fn start_lr(&mut self, task: &LrTask) -> Outcome<Arc<Peer>> {
        let side =
            self.testee.lr.as_ref().ok_or_else(|| Finding::Unsupported("no logistic regression".into()))?;
        if !side.fields.contains(&task.field) {
            return Err(Finding::Unsupported(format!("no ring of {} bits", task.field)));
        }
        let truncation = task.truncation.word();
        if !side.truncations.iter().any(|word| word == truncation) {
            return Err(Finding::Unsupported(format!("no {truncation} truncation")));
        }
        let form = self.dealer_form(task)?;
        let key = match form {
            DealerForm::Interconnection => PathBuf::new(),
            DealerForm::Spu(_) => {
                let keys = KeyPair::of_number(1).and_then(|pair| pair.write(&self.folder));
                let [_, public] = keys.map_err(Finding::Error)?;
                public
            }
        };
        let stream = match self.dealer_stream(form) {
            Construction::BlocksLittleEndian => "blocks-little-endian",
            Construction::CtrBigEndian => "ctr-big-endian",
        };
        let rank = self.rank();
        let has_label = task.label_rank == rank;
        let table = self.write("table.csv", &lr_table(task, rank, false))?;
        let with_ids = self.write("table_with_ids.csv", &lr_table(task, rank, true))?;
        let values = Values::default()
            .with("table", table.display())
            .with("table_with_ids", with_ids.display())
            .with("has_label", has_label)
            .with("epochs", task.epochs)
            .with("batch_size", task.batch_size)
            .with("learning_rate", task.learning_rate)
            .with("l2", task.l2)
            .with("field", task.field)
            .with("fraction_bits", task.fraction_bits)
            .with("truncation", truncation)
            .with("dealer", &task.dealer)
            .with("dealer_form", side.dealers.get(form.word()).cloned().unwrap_or_default())
            .with("dealer_key", key.display())
            .with("dealer_key_base64", BASE64_STANDARD.encode(std::fs::read(&key).unwrap_or_default()))
            .with("dealer_stream", stream)
            .with("session", &task.session)
            .with("adjust_rank", task.adjust_rank);
        let (command, listening) = (&side.command, side.listening.as_ref());
        self.start_party(command, listening, values)
    }

    /// Starts the testee for a script on the link; the suite's parties, by rank.
    ///
    /// # Errors
    /// It has no link by itself.
    pub fn start_link(&mut self, task: &LinkTask) -> Outcome<Vec<Arc<Peer>>> {
        let testee = self.testee;
        let side = testee
            .link
            .as_ref()
            .ok_or_else(|| Finding::Unsupported("no link of more than two parties".into()))?;
        let failed = |error: std::io::Error| Finding::Error(error.to_string());
        self.address = super::ports::free().map_err(Finding::Error)?;
        let rank = self.rank();
        let mut listeners = Vec::new();
        let mut parties = Vec::new();
        for party in 0..task.parties {
            if party == rank {
                parties.push(self.address.clone());
                continue;
            }
            let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
            parties.push(listener.local_addr().map_err(failed)?.to_string());
            listeners.push((party, listener));
        }
        let carrier = testee.carrier().map_err(Finding::Error)?;
        for (party, listener) in listeners {
            let log = self.log.clone();
            let peer = Peer::start(listener, parties.clone(), party, rank, carrier, &self.dialect, log)
                .map_err(Finding::Error)?;
            self.peers.push(peer);
        }
        let values = Values::default()
            .with("rank", rank)
            .with("parties", parties.join(","))
            .with("listen", &self.address)
            .with("script", &task.script)
            .with("output", self.output().display());
        self.spawn(&side.command, values)?;
        Ok(self.peers.clone())
    }

    fn start_party(
        &mut self,
        command: &[Argument],
        listening: Option<&Listening>,
        values: Values,
    ) -> Outcome<Arc<Peer>> {
        let rank = self.rank();
        let bind = listening.and_then(|fixed| fixed.suite.as_deref()).unwrap_or("127.0.0.1:0");
        if listening.and_then(|fixed| fixed.rank).is_some_and(|fixed| fixed != rank) {
            return Err(Finding::Unsupported(format!("the listening testee is not rank {rank}")));
        }
        let listener = TcpListener::bind(bind).map_err(|error| Finding::Error(format!("{bind}: {error}")))?;
        let own = listener.local_addr().map_err(|error| Finding::Error(error.to_string()))?.to_string();
        self.address = match listening {
            Some(fixed) => fixed.address.clone(),
            None => super::ports::free().map_err(Finding::Error)?,
        };
        let mut parties = vec![own.clone(), own.clone()];
        if let Some(address) = parties.get_mut(rank) {
            address.clone_from(&self.address);
        }
        let carrier = self.testee.carrier().map_err(Finding::Error)?;
        let peer =
            Peer::start(listener, parties.clone(), 1 - rank, rank, carrier, &self.dialect, self.log.clone())
                .map_err(Finding::Error)?;
        self.peers.push(peer.clone());
        let values = values
            .with("rank", rank)
            .with("peer_rank", 1 - rank)
            .with("parties", parties.join(","))
            .with("listen", &self.address)
            .with("peer", own)
            .with("output", self.output().display());
        if listening.is_none() {
            self.spawn(command, values)?;
        }
        Ok(peer)
    }

    /// Starts the testee as a dealer and waits until it takes connections.
    ///
    /// # Errors
    /// It has none, or not this service.
    pub fn start_dealer(&mut self, service: &str, keys: Option<(&Path, &Path)>) -> Outcome {
        let side = self.testee.dealer.as_ref().ok_or_else(|| Finding::Unsupported("no dealer".into()))?;
        if !side.services.iter().any(|offered| offered == service) {
            return Err(Finding::Unsupported(format!("no dealer's service {service}")));
        }
        if let Some(fixed) = &side.listening {
            self.address.clone_from(&fixed.address);
            return Ok(());
        }
        self.address = super::ports::free().map_err(Finding::Error)?;
        let path = |path: Option<&Path>| path.map(|path| path.display().to_string()).unwrap_or_default();
        let values = Values::default()
            .with("listen", &self.address)
            .with("spu_key", path(keys.map(|keys| keys.0)))
            .with("spu_public_key", path(keys.map(|keys| keys.1)));
        let command = &side.command;
        self.spawn(command, values)?;
        while !super::ports::is_served(&self.address) {
            self.check_alive("that it listens")?;
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn spawn(&mut self, command: &[Argument], values: Values) -> Outcome {
        let values = values.with("case", self.case.id).with("dir", self.folder.display());
        let suite = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
        let values = values.with("suite_program", suite);
        let params = self.folder.join("params.json");
        let values = values.with("params", params.display());
        self.write("params.json", &values.to_json())?;
        let process = self.testee.start(command, &values, &self.folder.join("testee.log"));
        self.process = Some(process.map_err(Finding::Unreachable)?);
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> Outcome<PathBuf> {
        let path = self.folder.join(name);
        let path = std::path::absolute(&path).unwrap_or(path);
        std::fs::write(&path, text)
            .map_err(|error| Finding::Error(format!("{}: {error}", path.display())))?;
        Ok(path)
    }

    /// Where the testee's result goes.
    pub fn output(&self) -> PathBuf {
        let path = self.folder.join("output");
        std::path::absolute(&path).unwrap_or(path)
    }

    /// Calls the testee and waits until it has called.
    ///
    /// # Errors
    /// [`Finding::Unreachable`].
    pub fn connect(&mut self, peer: &Peer) -> Outcome {
        self.call(peer)?;
        self.await_presence(peer)
    }

    /// Calls the testee until it answers.
    ///
    /// # Errors
    /// [`Finding::Unreachable`].
    pub fn call(&mut self, peer: &Peer) -> Outcome {
        loop {
            match peer.connect(Instant::now() + Duration::from_millis(200)) {
                Ok(()) => return Ok(()),
                Err(answer) => {
                    if let Err(finding) = self.check_alive("an answer to the presence of the suite") {
                        return Err(match finding {
                            Finding::Fail { actual, .. } => {
                                Finding::Unreachable(format!("{actual}; last: {answer}"))
                            }
                            other => other,
                        });
                    }
                }
            }
        }
    }

    /// Waits until the testee has called.
    ///
    /// # Errors
    /// [`Finding::Unreachable`].
    pub fn await_presence(&mut self, peer: &Peer) -> Outcome {
        while peer.presence().is_empty() {
            if let Err(Finding::Fail { actual, .. }) = self.check_alive("its presence") {
                return Err(Finding::Unreachable(format!("it never called: {actual}")));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// The testee's next message under `key`.
    ///
    /// # Errors
    /// A deviation if it ends before or does not send it until the deadline.
    pub fn receive(&mut self, peer: &Peer, key: &str) -> Outcome<Message> {
        loop {
            if let Some(message) = peer.take(key, Instant::now() + Duration::from_millis(20)) {
                return Ok(message);
            }
            if let Err(finding) = self.check_alive(&format!("a message under key {key:?}")) {
                // It may have come just before the end.
                return peer.take(key, Instant::now()).ok_or(finding);
            }
        }
    }

    /// A deviation if the testee has ended or its time is over; `expected` is what should still come.
    fn check_alive(&mut self, expected: &str) -> Outcome {
        if let Some(exit) = self.process.as_mut().and_then(Process::exit) {
            self.supported(exit)?;
            let line = self.process.as_ref().map(Process::last_line).unwrap_or_default();
            return Err(Finding::fail(expected, format!("{exit}; it wrote: {line}")));
        }
        if Instant::now() >= self.deadline {
            self.hung = true;
            return Err(Finding::fail(expected, self.silence()));
        }
        Ok(())
    }

    fn silence(&self) -> String {
        format!("nothing of the kind within {} s", self.testee.deadline_seconds)
    }

    fn supported(&self, exit: Exit) -> Outcome {
        match exit {
            Exit::Code(code) if Some(code) == self.testee.unsupported_exit => {
                Err(Finding::Unsupported(format!("it says so by exit code {code}")))
            }
            _ => Ok(()),
        }
    }

    /// Waits until the testee ends by itself, at most until the deadline.
    ///
    /// # Errors
    /// It says that it does not have this.
    pub fn end(&mut self) -> Outcome<End> {
        let deadline = self.deadline;
        let Some(process) = &mut self.process else { return Ok(End::Unknown) };
        match process.wait(deadline) {
            Some(exit) => {
                self.supported(exit)?;
                Ok(End::Exit(exit))
            }
            None => {
                self.hung = true;
                Ok(End::Unknown)
            }
        }
    }

    /// The orderly end: FIN, where the dialect has it, and a testee that reports success.
    ///
    /// # Errors
    /// A deviation if it ends otherwise.
    pub fn end_well(&mut self, peer: &Peer) -> Outcome {
        self.farewell(peer);
        if self.process.is_none() {
            return Ok(());
        }
        match self.end()? {
            End::Exit(Exit::Code(0)) => Ok(()),
            End::Exit(exit) => Err(Finding::fail("an end with exit code 0", self.with_words(exit))),
            End::Unknown => Err(Finding::fail("an end with exit code 0", self.silence())),
        }
    }

    /// The testee gives up by itself, reports a failure and leaves no result.
    ///
    /// # Errors
    /// A deviation if it goes on, hangs, reports success or leaves a result.
    pub fn end_in_failure(&mut self, peer: &Peer) -> Outcome {
        self.farewell(peer);
        self.failed(false)
    }

    /// As [`Bench::end_in_failure`], for a refused handshake, where erratum E19 lets exit codes be 0.
    ///
    /// # Errors
    /// As there.
    pub fn end_refused(&mut self, peer: &Peer) -> Outcome {
        self.farewell(peer);
        self.failed(self.testee.refusal_exits_zero)
    }

    /// As [`Bench::end_in_failure`], where the suite's party has gone without a word.
    ///
    /// # Errors
    /// As there.
    pub fn end_abandoned(&mut self) -> Outcome {
        self.failed(false)
    }

    fn failed(&mut self, zero_is_fine: bool) -> Outcome {
        if self.process.is_none() {
            return Ok(());
        }
        let expected = "an end by itself that reports a failure";
        match self.end()? {
            End::Exit(Exit::Code(0)) if !zero_is_fine => {
                return Err(Finding::fail(expected, "it ended with exit code 0"));
            }
            End::Exit(Exit::Code(_)) => {}
            End::Exit(exit) => return Err(Finding::fail(expected, self.with_words(exit))),
            End::Unknown => return Err(Finding::fail(expected, self.silence())),
        }
        if self.output().exists() {
            return Err(Finding::fail("no result", "it left a result"));
        }
        Ok(())
    }

    fn with_words(&self, exit: Exit) -> String {
        let line = self.process.as_ref().map(Process::last_line).unwrap_or_default();
        format!("{exit}; it wrote: {line}")
    }

    /// Says FIN and, for a testee that waits for acknowledgements, stays a moment.
    fn farewell(&mut self, peer: &Peer) {
        if let Some(Answer::Unreachable(reason)) = peer.send_fin() {
            self.log.note(format!("FIN did not reach the testee: {reason}"));
        }
    }

    /// Whether the testee still runs, or is none of the suite's processes.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_none_or(|process| process.exit().is_none())
    }

    /// The ids in the testee's result: the first column of its CSV, without the heading `id`.
    ///
    /// # Errors
    /// A deviation if there is none.
    pub fn intersection(&self) -> Outcome<Vec<String>> {
        let text = std::fs::read_to_string(self.output())
            .map_err(|error| Finding::fail("a result", format!("its output cannot be read: {error}")))?;
        let first =
            |line: &str| line.split(',').next().unwrap_or_default().trim().trim_matches('"').to_owned();
        let mut ids: Vec<String> = text.lines().map(first).filter(|id| !id.is_empty()).collect();
        if ids.first().is_some_and(|id| id == "id") {
            ids.remove(0);
        }
        Ok(ids)
    }

    /// Ends whatever runs, writes the transcript, and adds what a case need not look for: a crash, a hang.
    pub fn close(mut self, outcome: Outcome) -> (Outcome, PathBuf) {
        let crash = self.crash();
        if let Some(process) = &mut self.process {
            process.kill();
        }
        for peer in self.peers.drain(..) {
            peer.close();
        }
        let transcript = self.folder.join("transcript.json");
        let written = self.log.write(&transcript, self.case.id, self.role);
        let outcome = match (outcome, crash, written) {
            (Ok(()) | Err(Finding::Lenient { .. }), Some(crash), _) => {
                Err(Finding::fail("a testee that survives its peers", crash))
            }
            (Ok(()), None, Err(problem)) => Err(Finding::Error(problem)),
            (outcome, ..) => outcome,
        };
        (outcome, transcript)
    }

    /// What shows that the testee crashed rather than gave up.
    fn crash(&mut self) -> Option<String> {
        let process = self.process.as_mut()?;
        let exit = process.exit();
        let panicked = process.written().lines().find(|line| line.contains("panicked at")).map(str::to_owned);
        match (exit, panicked) {
            (Some(Exit::Signal(signal)), _) => Some(format!("it died of signal {signal}")),
            (_, Some(line)) => Some(format!("it panicked: {line}")),
            _ => None,
        }
    }

    /// Whether the testee did nothing until the deadline.
    pub fn is_hung(&self) -> bool {
        self.hung
    }
}

/// A rank's table: features, and the label where it is.
fn lr_table(task: &LrTask, rank: usize, ids: bool) -> String {
    let rows = task.features.get(rank).map(Vec::as_slice).unwrap_or_default();
    let mut heading: Vec<String> =
        (0..task.columns(rank)).map(|column| format!("x{rank}_{column}")).collect();
    if ids {
        heading.insert(0, "id".into());
    }
    if task.label_rank == rank {
        heading.push("label".into());
    }
    let mut text = heading.join(",") + "\n";
    for (index, row) in rows.iter().enumerate() {
        let mut cells: Vec<String> = row.iter().map(f32::to_string).collect();
        if ids {
            cells.insert(0, format!("row-{index}"));
        }
        if task.label_rank == rank
            && let Some(label) = task.labels.get(index)
        {
            cells.push(label.to_string());
        }
        text.push_str(&(cells.join(",") + "\n"));
    }
    text
}
