//! What two Symbolon parties agree on beyond the protocol: to resume an intersection, and to work on one of many
//! partitions.
//!
//! The request and the response of the protocol are extended by one field that it does not have (erratum E33):
//! the encoding of a `HandshakeExtension` is appended to theirs, and a peer that does not know the field skips
//! it. Rank 0 answers only a request that has the field, and only if it wants to resume or has a partition
//! itself. So a party that asks for neither sends exactly the protocol's messages.

use bytes::Bytes;
use symbolon_wire::{
    Message, decode,
    handshake::AlgoType,
    psi_run::{HandshakeExtension, PsiPartition, PsiRun},
};

use crate::{
    error::HandshakeError,
    refusal::{Cause, Refusal},
};

/// Version of the extension.
const VERSION: i32 = 1;
const ID_BYTES: usize = 16;

/// What this party wants beyond the protocol. The default wants nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PsiRunOffer {
    /// It keeps a run directory.
    pub resumable: bool,
    /// The run in that directory.
    pub run_id: Option<[u8; 16]>,
    /// That run has got somewhere: no plan rather than another run.
    pub must_resume: bool,
    /// The part of the ids that takes part.
    pub partition: Option<PartitionOffer>,
    /// If the peer does not know the extension, its operator has promised that it works on the same partition.
    pub partition_agreed_otherwise: bool,
}

/// One of many partitions of the ids. Both parties must offer the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionOffer {
    /// Number of partitions.
    pub count: u32,
    /// Which, from 0.
    pub index: u32,
    /// Digest of the key by which ids are divided.
    pub key_check: [u8; 16],
}

/// What both parties agreed on beyond the protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PsiRunPlan {
    /// The run that both work on, new or resumed; `None` without resume.
    pub run_id: Option<[u8; 16]>,
    /// Rank 0: whether the request had the extension, so that the answer has it.
    answered: bool,
    partition: Option<PartitionOffer>,
}

/// A peer's part of the extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    resumable: bool,
    run_id: Option<[u8; 16]>,
    partition: Option<PartitionOffer>,
}

impl PsiRunOffer {
    fn is_wanted(&self) -> bool {
        self.resumable || self.partition.is_some()
    }

    /// What is appended to the own request.
    pub(crate) fn to_request(&self) -> Vec<u8> {
        if self.is_wanted() { encode(self.resumable, self.run_id, self.partition) } else { Vec::new() }
    }

    /// Rank 0's decision. `fresh` names the run if it is a new one.
    ///
    /// # Errors
    /// The refusal to send: different partitions, or a run of this party that the peer does not hold.
    pub(crate) fn negotiate(&self, peer: Option<&Told>, fresh: [u8; 16]) -> Result<PsiRunPlan, Refusal> {
        let refuse = |cause, reason: String| Err(Refusal::new(cause, AlgoType::EcdhPsi, reason));
        let theirs = peer.and_then(|peer| peer.partition);
        if theirs != self.partition && !(peer.is_none() && self.partition_agreed_otherwise) {
            let reason = format!("rank 1 works on {}, rank 0 on {}", part(theirs), part(self.partition));
            return refuse(Cause::Partition, reason);
        }
        let run_id = match peer {
            Some(peer) if self.resumable && peer.resumable => {
                Some(self.run_id.filter(|id| peer.run_id == Some(*id)).unwrap_or(fresh))
            }
            _ => None,
        };
        if self.must_resume && run_id != self.run_id {
            let reason = "rank 1 does not hold the run that rank 0 has begun; give rank 1 its run directory, or delete rank 0's to start anew";
            return refuse(Cause::Run, reason.to_owned());
        }
        Ok(PsiRunPlan { run_id, answered: peer.is_some() && self.is_wanted(), partition: self.partition })
    }

    /// Holds rank 0's answer against what this party wants.
    ///
    /// # Errors
    /// [`HandshakeError::PeerIncompatible`], [`HandshakeError::PeerMisbehaved`].
    pub(crate) fn read(&self, answer: Option<Told>) -> Result<PsiRunPlan, HandshakeError> {
        let incompatible =
            |item, found: String| Err(HandshakeError::PeerIncompatible { peer: 0, item, found });
        // Without a question there is no answer.
        let answer = answer.filter(|_| self.is_wanted());
        let theirs = answer.as_ref().and_then(|answer| answer.partition);
        if theirs != self.partition && !(answer.is_none() && self.partition_agreed_otherwise) {
            return incompatible("partition", part(theirs));
        }
        let run_id = answer.and_then(|answer| answer.run_id);
        if run_id.is_some() && !self.resumable {
            let reason = "this party has no run directory".to_owned();
            return Err(HandshakeError::PeerMisbehaved { peer: 0, item: "run_id", reason });
        }
        if self.must_resume && run_id != self.run_id {
            let found = if run_id.is_some() { "a new one" } else { "none that can be resumed" };
            return incompatible(
                "run",
                format!(
                    "{found} although this party has begun one: give rank 0 its run directory, or delete this party's to start anew"
                ),
            );
        }
        Ok(PsiRunPlan { run_id, answered: false, partition: self.partition })
    }
}

impl PsiRunPlan {
    /// What is appended to the response.
    pub(crate) fn to_response(&self) -> Vec<u8> {
        if self.answered { encode(self.run_id.is_some(), self.run_id, self.partition) } else { Vec::new() }
    }
}

fn part(partition: Option<PartitionOffer>) -> String {
    partition.map_or("all ids".to_owned(), |partition| {
        let [a, b, c, d, ..] = partition.key_check;
        let (index, count) = (partition.index, partition.count);
        format!(
            "partition {index} (from 0) of {count} under the key with digest {a:02x}{b:02x}{c:02x}{d:02x}…"
        )
    })
}

fn encode(resumable: bool, run_id: Option<[u8; 16]>, partition: Option<PartitionOffer>) -> Vec<u8> {
    let run = PsiRun {
        version: VERSION,
        resumable,
        run_id: run_id.map_or_else(Bytes::new, |id| Bytes::copy_from_slice(&id)),
        partition: partition.map(|partition| PsiPartition {
            count: partition.count,
            index: partition.index,
            key_check: Bytes::copy_from_slice(&partition.key_check),
        }),
    };
    HandshakeExtension { psi_run: Some(run) }.encode_to_vec()
}

/// The extension of a request or response, if it has one of a known version.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn told(message: Bytes) -> Result<Option<Told>, String> {
    let extension: HandshakeExtension = decode(message).map_err(|error| error.to_string())?;
    let Some(run) = extension.psi_run.filter(|run| run.version == VERSION) else { return Ok(None) };
    let bytes = |name: &str, bytes: &Bytes| {
        <[u8; ID_BYTES]>::try_from(bytes.as_ref())
            .map_err(|_| format!("{name} has {} bytes, not 16", bytes.len()))
    };
    let run_id = if run.run_id.is_empty() { None } else { Some(bytes("run_id", &run.run_id)?) };
    let partition = match run.partition {
        None => None,
        Some(PsiPartition { count, index, key_check }) if index < count => {
            Some(PartitionOffer { count, index, key_check: bytes("key_check", &key_check)? })
        }
        Some(PsiPartition { count, index, .. }) => return Err(format!("partition {index} of {count}")),
    };
    Ok(Some(Told { resumable: run.resumable, run_id, partition }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [u8; 16] = [1; 16];
    const FRESH: [u8; 16] = [2; 16];

    fn resumable(run_id: Option<[u8; 16]>, must_resume: bool) -> PsiRunOffer {
        PsiRunOffer { resumable: true, run_id, must_resume, ..PsiRunOffer::default() }
    }

    fn partition(index: u32) -> PsiRunOffer {
        let partition = PartitionOffer { count: 4, index, key_check: [9; 16] };
        PsiRunOffer { partition: Some(partition), ..PsiRunOffer::default() }
    }

    /// Both decisions: rank 0's, and what rank 1 makes of it.
    fn both(rank_0: &PsiRunOffer, rank_1: &PsiRunOffer) -> Result<(PsiRunPlan, PsiRunPlan), String> {
        let asked = told(rank_1.to_request().into())?;
        let plan = rank_0.negotiate(asked.as_ref(), FRESH).map_err(|refusal| refusal.reason)?;
        let answer = told(plan.to_response().into())?;
        Ok((plan, rank_1.read(answer).map_err(|error| error.to_string())?))
    }

    #[test]
    fn nothing_is_said_unless_it_is_wanted() {
        assert!(PsiRunOffer::default().to_request().is_empty());
        for offer in [PsiRunOffer::default(), resumable(None, false), partition(1)] {
            let none = PsiRunOffer { partition_agreed_otherwise: true, ..offer };
            assert!(none.negotiate(None, FRESH).unwrap().to_response().is_empty());
        }
        let asked = told(resumable(None, false).to_request().into()).unwrap();
        assert!(PsiRunOffer::default().negotiate(asked.as_ref(), FRESH).unwrap().to_response().is_empty());
    }

    #[test]
    fn the_run_that_both_hold_goes_on_and_otherwise_a_new_one_begins() {
        for (held_0, held_1, agreed) in [
            (None, None, FRESH),
            (Some(OLD), None, FRESH),
            (None, Some(OLD), FRESH),
            (Some(OLD), Some([3; 16]), FRESH),
            (Some(OLD), Some(OLD), OLD),
        ] {
            let (plan_0, plan_1) = both(&resumable(held_0, false), &resumable(held_1, false)).unwrap();
            assert_eq!((plan_0.run_id, plan_1.run_id), (Some(agreed), Some(agreed)));
        }
        let (plan_0, plan_1) = both(&PsiRunOffer::default(), &resumable(Some(OLD), false)).unwrap();
        assert_eq!((plan_0.run_id, plan_1.run_id), (None, None));
        let (plan_0, plan_1) = both(&resumable(Some(OLD), false), &PsiRunOffer::default()).unwrap();
        assert_eq!((plan_0.run_id, plan_1.run_id), (None, None));
    }

    #[test]
    fn a_run_with_progress_is_not_given_up() {
        let begun = resumable(Some(OLD), true);
        assert!(both(&begun, &begun).is_ok());
        for other in [PsiRunOffer::default(), resumable(None, false), resumable(Some([3; 16]), false)] {
            assert!(both(&begun, &other).unwrap_err().contains("rank 1 does not hold the run"));
            assert!(both(&other, &begun).unwrap_err().contains("run directory"));
        }
    }

    #[test]
    fn partitions_must_be_the_same() {
        assert!(both(&partition(1), &partition(1)).is_ok());
        for (rank_0, rank_1) in [
            (partition(1), partition(2)),
            (partition(1), PsiRunOffer::default()),
            (PsiRunOffer::default(), partition(1)),
            (partition(1), resumable(None, false)),
            (resumable(None, false), partition(1)),
        ] {
            assert!(both(&rank_0, &rank_1).unwrap_err().contains("partition 1 (from 0) of 4"));
        }
        // A peer that cannot say: only on its operator's word.
        assert!(partition(1).negotiate(None, FRESH).is_err() && partition(1).read(None).is_err());
        let word = PsiRunOffer { partition_agreed_otherwise: true, ..partition(1) };
        assert!(word.negotiate(None, FRESH).is_ok() && word.read(None).is_ok());
        assert!(both(&word, &partition(2)).is_err(), "a peer that can say is believed");
    }

    #[test]
    fn an_extension_that_makes_no_sense() {
        let run = |run_id: &'static [u8], partition| {
            let run = PsiRun { version: 1, resumable: true, run_id: Bytes::from_static(run_id), partition };
            told(HandshakeExtension { psi_run: Some(run) }.encode_to_vec().into())
        };
        assert!(run(&[0; 16], None).is_ok_and(|told| told.is_some()));
        assert!(run(&[0; 15], None).is_err());
        let partition = |count, index, key: &'static [u8]| {
            run(&[], Some(PsiPartition { count, index, key_check: Bytes::from_static(key) }))
        };
        assert!(partition(2, 1, &[0; 16]).is_ok());
        assert!(partition(2, 2, &[0; 16]).is_err() && partition(0, 0, &[0; 16]).is_err());
        assert!(partition(2, 1, &[0; 3]).is_err());
        // The field as a number.
        assert!(told(Bytes::from_static(&[0xd8, 0xe2, 0x18, 1])).is_err());
        // A later version is as good as none.
        let run = PsiRun { version: 2, resumable: true, ..PsiRun::default() };
        assert_eq!(told(HandshakeExtension { psi_run: Some(run) }.encode_to_vec().into()), Ok(None));
        // No run for a party that asked for none.
        let answer = Told { resumable: true, run_id: Some(OLD), partition: partition_of(1) };
        assert!(self::partition(1).read(Some(answer)).is_err());
    }

    fn partition_of(index: u32) -> Option<PartitionOffer> {
        partition(index).partition
    }
}
