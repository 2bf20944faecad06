//! Setting up the party under test, and what the two algorithms share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use symbolon_handshake::HandshakeError;
use symbolon_link::record::{Direction, RecordedFrame, ReplayReport, Replayer};
use symbolon_link::{Carrier, Channel, Completion, Frame, Link, LinkConfig, PushError, Rank};
use symbolon_wire::Message as _;
use symbolon_wire::handshake::HandshakeRequest;

use super::Difference;
use crate::ConformanceError;
use crate::frame;
use crate::recording::{LrOutcome, PsiOutcome, Recording, Refusal, Side};

/// The version of the handshake that Symbolon speaks.
const HANDSHAKE_VERSION: i32 = 2;

/// Begins an error text that is a refusal of the handshake.
const REFUSED: &str = "refused with ";

/// The text of a party that is stopped where the recorded one stopped by itself.
const STOPPED: &str = "stopped after connecting, as recorded";

/// How long the party waits for a message of the recording. A party that behaves as recorded waits for
/// nothing; this bounds one that does not.
const PATIENCE: Duration = Duration::from_secs(5);

/// After this long without a message the replayer is asked for the next one in any case.
const IDLE: Duration = Duration::from_millis(500);

/// What a party did.
pub(super) struct Played<T> {
    pub(super) outcome: Result<T, String>,
    pub(super) sent: Vec<Frame>,
}

/// What `rank`'s carrier delivers and expects.
pub(super) fn replayer(recording: &Recording, rank: Rank) -> Result<Arc<Replayer>, ConformanceError> {
    let peer = 1 - rank;
    let mut script = Vec::new();
    for message in &recording.messages {
        script.push(RecordedFrame {
            direction: if message.from == rank { Direction::Sent } else { Direction::Received },
            peer,
            frame: frame::decode(&message.request_bytes()?)?,
            delivered: message.response.is_some(),
        });
    }
    Ok(Replayer::new(script))
}

/// The way to `replayer`, with the change that was made to the recorded party, if any.
pub(super) fn carrier(recording: &Recording, rank: Rank, replayer: &Arc<Replayer>) -> Arc<dyn Carrier> {
    match recording.parties.get(rank).map(|party| party.handshake_version) {
        Some(version) if version != HANDSHAKE_VERSION => {
            Arc::new(OtherVersion { inner: Arc::clone(replayer), version })
        }
        _ => Arc::clone(replayer) as Arc<dyn Carrier>,
    }
}

/// Runs `party` as `rank` against the recording: connects, runs it, ends the link in order.
pub(super) fn play<T>(
    recording: &Recording,
    rank: Rank,
    party: impl FnOnce(&Channel) -> Result<T, String>,
) -> Result<Played<T>, ConformanceError> {
    let replayer = replayer(recording, rank)?;
    let carrier = carrier(recording, rank, &replayer);
    let mut config = LinkConfig::new(rank, recording.parties.len(), &recording.dialect);
    config.channel = recording.channel.clone();
    config.connect_timeout = PATIENCE;
    config.receive_timeout = PATIENCE;
    config.idle_timeout = IDLE;
    if let Some(chunk_size) = recording.chunk_size {
        config.chunk_size = chunk_size;
    }
    let link = Link::new(config, carrier)
        .map_err(|error| ConformanceError::Replay { rank, reason: error.to_string() })?;
    replayer.attach(link.inbox());
    let outcome = link.connect().map_err(|error| error.to_string()).and_then(|()| {
        if stopped_after_connecting(recording, rank) { Err(STOPPED.into()) } else { party(&link.root()) }
    });
    let finished = match &outcome {
        // As the recorded party: without a word.
        Err(reason) if !reason.starts_with(REFUSED) => Ok(()),
        _ => link.finish().map_err(|error| error.to_string()),
    };
    let outcome = match (outcome, finished) {
        (Ok(_), Err(reason)) => Err(format!("ending the link: {reason}")),
        (Ok(_), Ok(())) if !replayer.report().is_complete() => Err(untaken(&replayer.report())),
        (outcome, _) => outcome,
    };
    Ok(Played { outcome, sent: replayer.sent().into_iter().map(|(_, frame)| frame).collect() })
}

/// What a party that is content with the run did not take of the recording.
pub(super) fn untaken(report: &ReplayReport) -> String {
    let rejected =
        report.rejected.iter().map(|(entry, why)| format!("rejected {}: {}", entry.frame.key, why.message));
    let undelivered = report.undelivered.iter().map(|entry| format!("never came to {}", entry.frame.key));
    rejected.chain(undelivered).collect::<Vec<_>>().join("; ").escape_debug().to_string()
}

/// The text of a failed handshake; of a refusal, said or heard, in the form that [`judge_refusal`] reads.
pub(super) fn failed(error: &HandshakeError) -> String {
    match error {
        HandshakeError::Refused(refusal) => {
            format!("{REFUSED}{}: {}", i32::from(refusal.code), refusal.reason)
        }
        HandshakeError::PeerRefused(peer) => format!("{REFUSED}{}: {}", peer.code, peer.message),
        error => error.to_string(),
    }
}

/// Holds a refused handshake against the recorded refusal.
pub(super) fn judge_refusal(recorded: &Refusal, reason: &str) -> Result<(), String> {
    match (recorded.code, &recorded.text) {
        (Some(code), Some(text)) if reason == format!("{REFUSED}{code}: {text}") => Ok(()),
        (Some(code), text) => Err(format!("{reason}; recorded: refused with {code}: {text:?}")),
        // The recorded rank 0 gave up without an answer; any clear end will do.
        (None, _) => Ok(()),
    }
}

/// Whether the recorded party said nothing after the presence probe: it refused its own command line.
fn stopped_after_connecting(recording: &Recording, rank: Rank) -> bool {
    recording
        .messages
        .iter()
        .filter(|message| message.from == rank && message.response.is_some())
        .all(|message| message.key.starts_with("connect_"))
        && !awaits_request(recording, rank)
}

/// Whether the recorded rank 0 was still waiting for a request when the recording ends.
fn awaits_request(recording: &Recording, rank: Rank) -> bool {
    rank == 0
        && !recording.messages.iter().any(|message| message.from != 0 && message.key.contains(":P2P-1:"))
}

/// Moves wanted deviations, with their erratum, from the differences to the notes.
pub(super) fn notes(recording: &Recording, rank: Rank, differences: &mut Vec<Difference>) -> Vec<String> {
    let mut notes = Vec::new();
    if rank == 0 && gave_up(recording) {
        let before = differences.len();
        differences.retain(|difference| match difference {
            Difference::Unexpected(message) => !(message == "FIN" || message.contains(":P2P-1:0->")),
            Difference::Numbers(_) => false,
            _ => true,
        });
        if differences.len() < before {
            notes.push("the recorded rank 0 gave up without an answer; Symbolon sends a refusal and ends in order (E20)".into());
        }
    }
    if let Some(party) = recording.parties.get(rank)
        && party.handshake_version != HANDSHAKE_VERSION
    {
        notes.push(format!(
            "the recorded party was made to send handshake version {}; Symbolon's request was changed likewise",
            party.handshake_version
        ));
    }
    notes
}

/// Whether rank 0 is recorded to have given up without a response.
fn gave_up(recording: &Recording) -> bool {
    recording.parties.first().is_some_and(|party| {
        let refusal = match &party.side {
            Side::Lr(party) => match &party.outcome {
                LrOutcome::Refused(refusal) => refusal,
                _ => return false,
            },
            Side::Psi(party) => match &party.outcome {
                PsiOutcome::Refused(refusal) => refusal,
                _ => return false,
            },
        };
        refusal.code.is_none()
    })
}

/// Changes the version in the handshake request on its way out, as was done to the recorded party.
struct OtherVersion {
    inner: Arc<Replayer>,
    version: i32,
}

impl Carrier for OtherVersion {
    fn push(&self, to: Rank, mut frame: Frame, done: Completion) {
        if frame.key.contains(":P2P-1:")
            && let Ok(mut request) = HandshakeRequest::decode(frame.value.clone())
            && request.version == HANDSHAKE_VERSION
        {
            request.version = self.version;
            frame.value = Bytes::from(request.encode_to_vec());
        }
        self.inner.push(to, frame, done);
    }

    fn probe(&self, to: Rank) -> Result<(), PushError> {
        self.inner.probe(to)
    }
}
