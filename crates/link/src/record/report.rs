//! How a replay compares with its recording.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::RecordedFrame;
use crate::{Frame, Key, Rank, Rejection};

/// Two frames with the same key that are not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The receiver.
    pub peer: Rank,
    /// What the recording has.
    pub recorded: Frame,
    /// What our party sent.
    pub sent: Frame,
}

/// How a replay went. Empty lists mean that our party sent exactly what is recorded, apart from sequence
/// numbers, the order, and repeated presence calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayReport {
    /// Sent frames that equal the recording.
    pub matched: usize,
    /// Sent frames whose value, cutting or kind of numbering is another one.
    pub differing: Vec<Difference>,
    /// Recorded frames that our party never sent.
    pub missing: Vec<RecordedFrame>,
    /// Frames that our party sent and the recording does not have.
    pub unexpected: Vec<(Rank, Frame)>,
    /// Recorded frames of the peers that were not delivered, because our party did not send what
    /// they follow.
    pub undelivered: Vec<RecordedFrame>,
    /// Frames of the peers that our party's inbox rejected.
    pub rejected: Vec<(RecordedFrame, Rejection)>,
    /// How many frames of the peers were delivered before our party had sent all that they follow, since it
    /// waited idly.
    pub early: usize,
}

impl ReplayReport {
    /// Whether our party sent exactly what is recorded, and received everything.
    pub fn is_exact(&self) -> bool {
        self.differing.is_empty()
            && self.missing.is_empty()
            && self.unexpected.is_empty()
            && self.undelivered.is_empty()
            && self.rejected.is_empty()
    }
}

/// What makes two sent frames the same one: receiver, key, place in the message; for ACK its value, since
/// it has no key of its own.
#[derive(PartialEq, Eq, Hash)]
struct Identity {
    peer: Rank,
    key: Option<Key>,
    text: String,
    offset: u64,
    acknowledged: Bytes,
}

impl Identity {
    /// Presence calls are repeated until they are answered: only the first counts.
    fn is_presence(&self) -> bool {
        matches!(self.key, Some(Key::Connect { .. }))
    }
}

fn identity(peer: Rank, frame: &Frame) -> Identity {
    let offset = frame.chunk.map_or(0, |chunk| chunk.offset);
    match Key::parse(&frame.key) {
        Ok((key, _)) => {
            let acknowledged = if key == Key::Ack { frame.value.clone() } else { Bytes::new() };
            Identity { peer, key: Some(key), text: String::new(), offset, acknowledged }
        }
        Err(_) => Identity { peer, key: None, text: frame.key.clone(), offset, acknowledged: Bytes::new() },
    }
}

/// Apart from the number itself, which depends on the timing of threads.
fn is_same(recorded: &Frame, sent: &Frame) -> bool {
    let numbered = |frame: &Frame| Key::parse(&frame.key).ok().map(|(_, sequence)| sequence.is_some());
    let suffixed = |frame: &Frame| frame.key.contains('\u{1}');
    recorded.sender == sent.sender
        && recorded.value == sent.value
        && recorded.chunk == sent.chunk
        && numbered(recorded) == numbered(sent)
        && suffixed(recorded) == suffixed(sent)
}

/// Compares what was sent with what is recorded as sent.
pub(super) fn compare<'a>(
    recorded: impl Iterator<Item = &'a RecordedFrame>,
    sent: &[(Rank, Frame)],
) -> ReplayReport {
    let mut report = ReplayReport::default();
    let mut open: HashMap<Identity, Vec<&RecordedFrame>> = HashMap::new();
    let mut calls = HashSet::new();
    for entry in recorded {
        let identity = identity(entry.peer, &entry.frame);
        if !identity.is_presence() || calls.insert(entry.peer) {
            open.entry(identity).or_default().push(entry);
        }
    }
    let mut calls = HashSet::new();
    for (peer, frame) in sent {
        let identity = identity(*peer, frame);
        if identity.is_presence() && !calls.insert(*peer) {
            continue;
        }
        match open.get_mut(&identity).and_then(|entries| (!entries.is_empty()).then(|| entries.remove(0))) {
            None => report.unexpected.push((*peer, frame.clone())),
            Some(entry) if is_same(&entry.frame, frame) => report.matched += 1,
            Some(entry) => report.differing.push(Difference {
                peer: *peer,
                recorded: entry.frame.clone(),
                sent: frame.clone(),
            }),
        }
    }
    report.missing = open.into_values().flatten().cloned().collect();
    report.missing.sort_by(|a, b| (a.peer, &a.frame.key).cmp(&(b.peer, &b.frame.key)));
    report
}
