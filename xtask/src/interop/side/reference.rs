//! A recorded run of the reference implementation, with one rank played by `symbolon ic-main` and the other by the
//! recording, behind real sockets.
//!
//! `ic-main` here is the program's own code from the command line onwards ([`symbolon::ic_main`]), in a process of its own,
//! with the flags of the recorded command line. What no flag can give it gets from the recording, so that every byte can
//! be compared: its secrets, the number of threads that it tells the peer, the size of chunks where the recorded program
//! was changed, and where the dealer listens now.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use symbolon::config::Size;
use symbolon::ic_main::{self, Environment, Flags, Given, PARAMETER};
use symbolon::logging::{LogFormat, LogOptions};
use symbolon::model::ModelHalf;
use symbolon_conformance::recording::{
    LrOutcome, LrParty, PsiOutcome, PsiParty, Recording, Refusal, Run, Side,
};
use symbolon_conformance::replay::LivePeer;
use symbolon_grpc::{GrpcNode, NodeConfig};
use symbolon_link::{Carrier, Frame, PushError, Rejection};
use symbolon_ring::Ring;

use super::Failure;

/// What both sides are told.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    recording: PathBuf,
    rank: usize,
    parties: Vec<String>,
    /// What messages travel in, by brpc's name for it.
    carrier: String,
    /// Limit of one wait, in seconds.
    timeout: u64,
    /// ic-main: whether parameters come from a scheduler's environment, not from flags.
    #[serde(default)]
    scheduled: bool,
    /// ic-main: where its files go.
    #[serde(default)]
    folder: PathBuf,
    /// ic-main: where the dealer listens, and its public key, if there is one.
    #[serde(default)]
    dealer: Option<(String, PathBuf)>,
}

// The party under test

pub(super) fn play_ic_main(settings: &Settings) -> Result<Value, Failure> {
    symbolon::logging::install(&LogOptions { log_format: LogFormat::Text, log_level: "info".into() })?;
    let recording = Recording::read(&settings.recording)?;
    let own = recording.parties.get(settings.rank).ok_or("no such party")?;
    let mut line = Line { flags: Vec::new(), variables: Vec::new(), scheduled: settings.scheduled };
    line.flag("rank", settings.rank);
    line.flag("parties", settings.parties.join(","));
    line.flag("link_protocol", &settings.carrier);
    line.flag("connect_timeout_ms", settings.timeout * 1000);
    line.flag("recv_timeout_ms", settings.timeout * 1000);
    if !recording.dialect.sequence_numbers {
        line.flag("disable_msg_seq_id", true);
    }
    let files = Files::new(&settings.folder, settings.rank);
    let mut given = Given::default();
    match &own.side {
        Side::Psi(own) => {
            files.write_ids(&own.ids)?;
            line.psi(own, &files)?;
            given.scalar = own.scalar()?;
        }
        Side::Lr(own) => {
            files.write_numbers(own)?;
            line.lr(&recording, own, settings, &files)?;
            given.seeds = own.seeds.as_ref().map(|seeds| seeds.to_session()).transpose()?;
            given.threads = own.threads;
            given.dealer = settings.dealer.as_ref().map(|(address, _)| address.clone());
        }
    }
    eprintln!("symbolon ic-main {} with {:?}", line.flags.join(" "), line.variables);
    let flags = Flags::parse(&line.flags)?.ok_or("help was asked for")?;
    let mut run = ic_main::Settings::new(flags, &Environment::of(line.variables))?;
    run.party.link.chunk_size = recording.chunk_size.map(|size| size as u64).map(Size);
    let outcome = ic_main::execute(&run, given);
    let note = match &own.side {
        Side::Psi(own) => judge_psi(own, outcome, &files)?,
        Side::Lr(own) => judge_lr(own, outcome, &files)?,
    };
    Ok(json!({ "outcome": note }))
}

/// A command line and an environment of the reference implementation.
struct Line {
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    scheduled: bool,
}

impl Line {
    fn flag(&mut self, name: &str, value: impl ToString) {
        self.flags.push(format!("-{name}={}", value.to_string()));
    }

    /// A flag that a scheduler gives as a variable.
    fn parameter(&mut self, name: &str, value: impl ToString) {
        if self.scheduled {
            self.variables.push((format!("{PARAMETER}{name}"), value.to_string()));
        } else {
            self.flag(name, value);
        }
    }

    fn psi(&mut self, own: &PsiParty, files: &Files) -> Result<(), Failure> {
        let suite = own.suite()?;
        let name = |text: &str, prefix: &str| text.trim_start_matches(prefix).to_ascii_lowercase();
        self.parameter("algo", "ECDH_PSI");
        self.parameter("protocol_families", "ECC");
        self.parameter("field_names", "id");
        self.parameter("curve_type", name(suite.curve.as_str_name(), "CURVE_TYPE_"));
        self.parameter("hash_type", name(suite.hash.as_str_name(), "HASH_TYPE_"));
        self.parameter("hash2curve_strategy", name(suite.map.as_str_name(), "HASH_TO_CURVE_STRATEGY_"));
        self.parameter("point_octet_format", name(suite.format.as_str_name(), "POINT_OCTET_FORMAT_"));
        self.parameter("result_to_rank", own.result_to_rank);
        self.flag("in_path", files.table.display());
        self.flag("out_path", files.output.display());
        Ok(())
    }

    fn lr(
        &mut self,
        recording: &Recording,
        own: &LrParty,
        settings: &Settings,
        files: &Files,
    ) -> Result<(), Failure> {
        let Run::Lr(run) = &recording.run else { return Err("another algorithm".into()) };
        self.parameter("algo", "SS_LR");
        self.parameter("protocol_families", "SS");
        self.parameter("field", own.ring_bits);
        self.parameter("fxp_bits", own.fraction_bits);
        self.parameter("batch_size", run.batch_size);
        self.parameter("num_epoch", run.epochs);
        self.parameter("learning_rate", run.learning_rate);
        self.parameter("l2_norm", run.l2);
        self.parameter("ttp_server_host", &own.dealer_host);
        self.parameter("ttp_adjust_rank", own.adjust_rank);
        self.flag("dataset", files.table.display());
        self.flag("lr_output", files.output.display());
        self.flag("has_label", own.labels.is_some());
        // The recorded peers end by opening labels and scores; ours takes part only if it is told to.
        self.flag("reveal_labels_and_scores", true);
        match &settings.dealer {
            Some((_, key)) => {
                self.parameter("use_ttp", true);
                self.parameter("ttp_asym_crypto_schema", "sm2");
                self.parameter("ttp_public_key", STANDARD.encode(std::fs::read(key)?));
                let unary = if settings.carrier == "h2:grpc" { "h2:grpc" } else { "baidu_std" };
                self.flag("ttp_protocol", unary);
            }
            // The default of the reference, which ours has to be allowed.
            None => self.flag("insecure_rank_0_learns_all_masks", true),
        }
        Ok(())
    }
}

/// The files of the party.
struct Files {
    table: PathBuf,
    output: PathBuf,
    rank: usize,
}

impl Files {
    fn new(folder: &Path, rank: usize) -> Self {
        Self { table: folder.join("table.csv"), output: folder.join("result"), rank }
    }

    fn write_ids(&self, ids: &[String]) -> Result<(), Failure> {
        Ok(std::fs::write(&self.table, format!("id\n{}\n", ids.join("\n")))?)
    }

    fn write_numbers(&self, own: &LrParty) -> Result<(), Failure> {
        let mut text = String::from("header\n");
        for (row, values) in own.features.iter().enumerate() {
            let mut fields: Vec<String> = values.iter().map(f32::to_string).collect();
            fields.extend(own.labels.as_ref().and_then(|labels| labels.get(row)).map(f32::to_string));
            text.push_str(&(fields.join(",") + "\n"));
        }
        Ok(std::fs::write(&self.table, text)?)
    }
}

type Outcome = Result<(), symbolon::Error>;

fn judge_psi(own: &PsiParty, outcome: Outcome, files: &Files) -> Result<String, Failure> {
    match (&own.outcome, outcome) {
        (PsiOutcome::Refused(refusal), outcome) => judge_refusal(refusal, outcome),
        (_, Err(failure)) => Err(failure.into()),
        (PsiOutcome::Intersection(ids), Ok(())) => {
            let written = std::fs::read_to_string(&files.output)?;
            if written != format!("id\n{}\n", ids.join("\n")) {
                return Err(format!("{} is not the recorded intersection", files.output.display()).into());
            }
            Ok(format!("the {} common ids of the recording", ids.len()))
        }
        (PsiOutcome::NotToldTo, Ok(())) if files.output.exists() => Err("a result for the other".into()),
        (PsiOutcome::NotToldTo, Ok(())) => Ok("not told, as recorded".into()),
    }
}

fn judge_lr(own: &LrParty, outcome: Outcome, files: &Files) -> Result<String, Failure> {
    match (&own.outcome, outcome) {
        (LrOutcome::Refused(refusal), outcome) => judge_refusal(refusal, outcome),
        (_, Err(failure)) => Err(failure.into()),
        (LrOutcome::Half(recorded), Ok(())) => {
            let written = match own.ring_bits {
                32 => half::<u32>(files),
                64 => half::<u64>(files),
                _ => half::<u128>(files),
            }?;
            if &written != recorded {
                return Err("the half of the weights is not the recorded one".into());
            }
            Ok(format!("the recorded half of {} weights", recorded.len()))
        }
        (LrOutcome::Revealed(_), Ok(())) => Err("no run of the reference reveals its weights".into()),
    }
}

/// The written share, as hex of its elements' little-endian bytes.
fn half<R: Ring>(files: &Files) -> Result<Vec<String>, Failure> {
    let path = files.output.with_extension(files.rank.to_string());
    let share = ModelHalf::read(&path)?.decode_share::<R>(&path)?;
    let hex = |element: &[u8]| element.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(share.to_le_bytes().chunks(R::BYTES).map(hex).collect())
}

fn judge_refusal(recorded: &Refusal, outcome: Outcome) -> Result<String, Failure> {
    let Err(failure) = outcome else { return Err("the recorded handshake was refused".into()) };
    let (text, code) = (failure.to_string(), failure.exit_code());
    let expected = recorded.text.as_deref().unwrap_or_default();
    if code != 4 || !text.contains(expected) {
        return Err(format!("exit code {code}: {text}; recorded: {expected}").into());
    }
    Ok(format!("refused: {expected}"))
}

// The recorded peer

/// A party that says nothing for so long may be waiting for a message that the recording has later.
const SILENCE: Duration = Duration::from_secs(1);

pub(super) fn play_peer(settings: &Settings) -> Result<Value, Failure> {
    let tested = 1 - settings.rank;
    let peer = LivePeer::new(Recording::read(&settings.recording)?, tested)?;
    let mut config = NodeConfig::new(settings.rank, settings.parties.clone());
    config = config.with_carrier(settings.carrier.parse()?);
    let own = settings.parties.get(settings.rank).ok_or("a rank outside the parties")?;
    let node = Arc::new(GrpcNode::start(own.parse()?, config)?);
    let (arrived, frames) = mpsc::channel();
    let arrived = std::sync::Mutex::new(arrived);
    node.attach_with(move |frame| {
        let sender = arrived.lock().unwrap_or_else(PoisonError::into_inner);
        sender.send(frame).map_err(|_| Rejection::new(Rejection::NETWORK_ERROR, "the recording is over"))
    });
    let deadline = Instant::now() + Duration::from_secs(settings.timeout);
    let sockets = node.clone();
    peer.attach(move |frame| push(&sockets, tested, &frame, deadline));
    let mut heard = Instant::now();
    loop {
        match frames.recv_timeout(Duration::from_millis(100)) {
            Ok(frame) => {
                heard = Instant::now();
                peer.take(frame);
            }
            Err(RecvTimeoutError::Disconnected) => return Err("our own sockets stopped".into()),
            Err(RecvTimeoutError::Timeout) => {
                let silent = heard.elapsed() > SILENCE;
                if peer.is_complete() && (silent || peer.report()?.passed()) || Instant::now() > deadline {
                    break;
                }
                if silent {
                    heard = Instant::now();
                    peer.nudge();
                }
            }
        }
    }
    let report = peer.report()?;
    node.shutdown();
    if !report.passed() {
        return Err(report.to_string().into());
    }
    Ok(json!({ "equal": report.equal, "notes": report.notes }))
}

/// Sends one recorded message and waits until the party has taken it. The first ones come before it listens.
fn push(node: &GrpcNode, to: usize, frame: &Frame, deadline: Instant) -> Result<(), Rejection> {
    loop {
        let (done, outcome) = mpsc::channel();
        node.push(to, frame.clone(), Box::new(move |outcome| drop(done.send(outcome))));
        let left = deadline.saturating_duration_since(Instant::now());
        match outcome.recv_timeout(left) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(PushError::Unreachable(_))) if frame.key.starts_with("connect_") && !left.is_zero() => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(Err(failure)) => {
                return Err(Rejection::new(Rejection::UNEXPECTED_ERROR, failure.to_string()));
            }
            Err(_) => {
                return Err(Rejection::new(Rejection::NETWORK_ERROR, "not taken before the deadline"));
            }
        }
    }
}
