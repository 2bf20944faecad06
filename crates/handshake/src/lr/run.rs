//! What Symbolon parties agree on about a regression beyond the protocol: to keep the masks of the table for the whole
//! training, and to use triples that were made ahead of time.
//!
//! As for runs of an intersection, the request and the response are extended by one field that the protocol does not
//! have (errata E46, E47): the encoding of an `LrExtension` is appended, and a peer that does not know the field skips it.
//! Rank 0 answers only if it wants something itself and some request has the field. So a party that wants neither sends
//! exactly the protocol's messages, and with a peer that does not answer masks are not kept.

use bytes::Bytes;
use symbolon_wire::{
    Message, decode,
    handshake::AlgoType,
    lr_run::{LrExtension, LrRun},
};

use crate::{
    error::HandshakeError,
    refusal::{Cause, Refusal},
};

/// Version of the extension.
const VERSION: i32 = 1;

/// What this party wants beyond the protocol. The default wants nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LrRunOffer {
    /// It can keep the masks of the table for the whole training.
    pub keep_masks: bool,
    /// The triples made ahead that it holds: no plan without them.
    pub triples: Option<[u8; 16]>,
}

/// What all parties agreed on beyond the protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LrRunPlan {
    /// All keep the masks of the table.
    pub keep_masks: bool,
    /// The triples that all use; `None`: a dealer is asked.
    pub triples: Option<[u8; 16]>,
    /// Rank 0: whether a request had the extension, so that the answer has it.
    answered: bool,
}

/// A peer's part of the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    keep_masks: bool,
    triples: Option<[u8; 16]>,
}

impl LrRunOffer {
    fn is_wanted(&self) -> bool {
        *self != Self::default()
    }

    /// What is appended to the own request.
    pub(crate) fn to_request(self) -> Vec<u8> {
        if self.is_wanted() { encode(self.keep_masks, self.triples) } else { Vec::new() }
    }

    /// Rank 0's decision on what ranks 1, 2, … told.
    ///
    /// # Errors
    /// The refusal to send: parties that hold different triples, or not all of them any.
    pub(crate) fn negotiate(self, peers: &[Option<Told>]) -> Result<LrRunPlan, Refusal> {
        for (rank, told) in (1..).zip(peers) {
            let theirs = told.and_then(|told| told.triples);
            if theirs != self.triples {
                let reason = format!("rank {rank} has {}, rank 0 {}", named(theirs), named(self.triples));
                return Err(Refusal::new(Cause::Run, AlgoType::SsLr, reason));
            }
        }
        let keep_masks = self.keep_masks && peers.iter().all(|told| told.is_some_and(|told| told.keep_masks));
        let answered = self.is_wanted() && peers.iter().any(Option::is_some);
        Ok(LrRunPlan { keep_masks, triples: self.triples, answered })
    }

    /// Holds rank 0's answer against what this party wants.
    ///
    /// # Errors
    /// [`HandshakeError::PeerIncompatible`], [`HandshakeError::PeerMisbehaved`].
    pub(crate) fn read(self, answer: Option<Told>) -> Result<LrRunPlan, HandshakeError> {
        // Without a question there is no answer.
        let answer = answer.filter(|_| self.is_wanted());
        let triples = answer.and_then(|answer| answer.triples);
        if triples != self.triples {
            let found = format!("{} although this party has {}", named(triples), named(self.triples));
            return Err(HandshakeError::PeerIncompatible { peer: 0, item: "triples", found });
        }
        let keep_masks = answer.is_some_and(|answer| answer.keep_masks);
        if keep_masks && !self.keep_masks {
            let reason = "this party did not offer to keep masks".to_owned();
            return Err(HandshakeError::PeerMisbehaved { peer: 0, item: "keep_masks", reason });
        }
        Ok(LrRunPlan { keep_masks, triples, answered: false })
    }
}

impl LrRunPlan {
    /// What is appended to the response.
    pub(crate) fn to_response(self) -> Vec<u8> {
        if self.answered { encode(self.keep_masks, self.triples) } else { Vec::new() }
    }
}

fn named(triples: Option<[u8; 16]>) -> String {
    triples.map_or("no triples made ahead".to_owned(), |[a, b, c, d, ..]| {
        format!("the triples made ahead with the identifier {a:02x}{b:02x}{c:02x}{d:02x}…")
    })
}

fn encode(keep_masks: bool, triples: Option<[u8; 16]>) -> Vec<u8> {
    let triples = triples.map_or_else(Bytes::new, |id| Bytes::copy_from_slice(&id));
    LrExtension { lr_run: Some(LrRun { version: VERSION, keep_masks, triples }) }.encode_to_vec()
}

/// The extension of a request or response, if it has one of a known version.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn told(message: Bytes) -> Result<Option<Told>, String> {
    let extension: LrExtension = decode(message).map_err(|error| error.to_string())?;
    let Some(run) = extension.lr_run.filter(|run| run.version == VERSION) else { return Ok(None) };
    let triples = match run.triples.len() {
        0 => None,
        len => Some(
            <[u8; 16]>::try_from(run.triples.as_ref())
                .map_err(|_| format!("triples has {len} bytes, not 16"))?,
        ),
    };
    Ok(Some(Told { keep_masks: run.keep_masks, triples }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: LrRunOffer = LrRunOffer { keep_masks: true, triples: None };
    const NONE: LrRunOffer = LrRunOffer { keep_masks: false, triples: None };

    fn ahead(id: u8) -> LrRunOffer {
        LrRunOffer { keep_masks: false, triples: Some([id; 16]) }
    }

    /// All decisions: rank 0's, and what the others make of it.
    fn all(rank_0: LrRunOffer, others: &[LrRunOffer]) -> Result<Vec<LrRunPlan>, String> {
        let asked: Result<Vec<_>, _> = others.iter().map(|offer| told(offer.to_request().into())).collect();
        let plan = rank_0.negotiate(&asked?).map_err(|refusal| refusal.reason)?;
        let answer = told(plan.to_response().into())?;
        let read = others.iter().map(|offer| offer.read(answer).map_err(|error| error.to_string()));
        [Ok(plan)].into_iter().chain(read).collect()
    }

    #[test]
    fn nothing_is_said_unless_it_is_wanted() {
        assert!(NONE.to_request().is_empty() && !KEEP.to_request().is_empty());
        // nobody asked
        assert!(KEEP.negotiate(&[None]).unwrap().to_response().is_empty());
        // rank 0 wants nothing
        let asked = told(KEEP.to_request().into()).unwrap();
        assert!(NONE.negotiate(&[asked]).unwrap().to_response().is_empty());
    }

    #[test]
    fn masks_are_kept_only_if_all_offer_it() {
        for (rank_0, others, kept) in [
            (KEEP, vec![KEEP], true),
            (KEEP, vec![KEEP, KEEP], true),
            (KEEP, vec![NONE], false),
            (NONE, vec![KEEP], false),
            (NONE, vec![NONE], false),
            (KEEP, vec![KEEP, NONE], false),
            (KEEP, vec![NONE, KEEP], false),
        ] {
            let plans = all(rank_0, &others).unwrap();
            assert!(plans.iter().all(|plan| plan.keep_masks == kept), "{rank_0:?} {others:?}");
        }
        // a peer that does not know the field
        assert!(!KEEP.negotiate(&[None]).unwrap().keep_masks && !KEEP.read(None).unwrap().keep_masks);
        // an answer that nobody asked for, and one for what was not offered
        let answer = Some(Told { keep_masks: true, triples: None });
        assert!(!NONE.read(answer).unwrap().keep_masks);
        let kept = Some(Told { keep_masks: true, triples: Some([1; 16]) });
        assert!(ahead(1).read(kept).is_err());
    }

    #[test]
    fn triples_made_ahead_must_be_the_same_everywhere() {
        let plans = all(ahead(1), &[ahead(1), ahead(1)]).unwrap();
        assert!(plans.iter().all(|plan| plan.triples == Some([1; 16]) && !plan.keep_masks));
        for (rank_0, other) in
            [(ahead(1), ahead(2)), (ahead(1), NONE), (NONE, ahead(1)), (ahead(1), KEEP), (KEEP, ahead(1))]
        {
            let refused = all(rank_0, &[other]).unwrap_err();
            assert!(refused.contains("triples made ahead"), "{refused}");
        }
        assert!(ahead(1).negotiate(&[None]).is_err() && ahead(1).read(None).is_err());
        assert!(all(ahead(1), &[ahead(1), NONE]).is_err());
    }

    #[test]
    fn an_extension_that_makes_no_sense() {
        let run = |version, triples: &'static [u8]| {
            let run = LrRun { version, keep_masks: true, triples: Bytes::from_static(triples) };
            told(LrExtension { lr_run: Some(run) }.encode_to_vec().into())
        };
        assert!(run(1, &[]).is_ok_and(|told| told.is_some()));
        assert!(run(1, &[0; 15]).is_err() && run(1, &[0; 17]).is_err());
        // A later version is as good as none.
        assert_eq!(run(2, &[0; 15]), Ok(None));
        // The field as a number.
        assert!(told(Bytes::from_static(&[0xe0, 0xe2, 0x18, 1])).is_err());
    }
}
