//! The two messages over the link: requests to rank 0, its response to all.

use bytes::Bytes;
use symbolon_dialect::Dialect;
use symbolon_link::Channel;
use symbolon_mutants::Mutant;
use symbolon_wire::{
    Message, decode,
    handshake::{AlgoType, HandshakeResponse},
};

use crate::{
    error::HandshakeError,
    lists::LONGEST_MESSAGE,
    lr::{self, LrRequest, LrRunOffer, LrRunPlan, negotiate_lr},
    offer::{LrOffer, PsiOffer},
    plan::{LrPlan, PsiPlan},
    policy::{LrPolicy, PsiPolicy},
    psi::{PsiRequest, PsiRunOffer, PsiRunPlan, Told, negotiate_psi, told},
    refusal::{Cause, Refusal},
};

/// One side of a handshake for one algorithm.
trait Side {
    const ALGORITHM: AlgoType;
    type Request;
    type Plan;

    /// The encoded request.
    fn request(&self) -> Result<Vec<u8>, HandshakeError>;
    fn decode(bytes: Bytes) -> Result<Self::Request, Refusal>;
    fn negotiate(&self, requests: &[Self::Request]) -> Result<Self::Plan, Refusal>;
    fn permits(&self, plan: &Self::Plan) -> Result<(), HandshakeError>;
    /// The encoded response.
    fn response(plan: &Self::Plan) -> Result<Vec<u8>, HandshakeError>;
    /// Reads rank 0's response, decoded and as it came.
    fn read(&self, response: &HandshakeResponse, bytes: Bytes) -> Result<Self::Plan, HandshakeError>;
}

/// Agrees with all parties of `channel` on a logistic regression.
///
/// Ranks above 0 send their request to rank 0 and wait; rank 0 waits for all requests, decides and
/// answers. Every rank, rank 0 included, holds the plan against its policy before it returns it.
///
/// # Errors
/// [`HandshakeError::Config`] before anything is sent. Rank 0 tells all others before it returns
/// [`HandshakeError::Refused`] or [`HandshakeError::PolicyRefused`]. Another rank whose policy refuses the
/// plan just returns; its peers learn it when it leaves the link.
pub fn exchange_lr(
    channel: &Channel,
    offer: &LrOffer,
    policy: &LrPolicy,
    dialect: &Dialect,
) -> Result<LrPlan, HandshakeError> {
    Ok(exchange_lr_run(channel, offer, LrRunOffer::default(), policy, dialect)?.0)
}

/// Agrees with all parties of `channel` on a logistic regression with masks that are kept or triples made ahead, as `run`
/// says; otherwise as [`exchange_lr`]. If `run` wants nothing, it is that, byte for byte.
///
/// # Errors
/// As [`exchange_lr`]; also triples made ahead that not all parties hold.
pub fn exchange_lr_run(
    channel: &Channel,
    offer: &LrOffer,
    run: LrRunOffer,
    policy: &LrPolicy,
    dialect: &Dialect,
) -> Result<(LrPlan, LrRunPlan), HandshakeError> {
    let (rank, world_size) = (channel.rank(), channel.world_size());
    offer.validate(rank, world_size, dialect)?;
    exchange(channel, &Lr { rank, world_size, offer, run, policy, dialect }, dialect)
}

/// Agrees with all parties of `channel` on a set intersection; otherwise as [`exchange_lr`].
///
/// # Errors
/// As [`exchange_lr`].
pub fn exchange_psi(
    channel: &Channel,
    offer: &PsiOffer,
    policy: &PsiPolicy,
    dialect: &Dialect,
) -> Result<PsiPlan, HandshakeError> {
    Ok(exchange_psi_run(channel, offer, &PsiRunOffer::default(), policy, dialect)?.0)
}

/// Agrees with the peer on a set intersection that can be resumed or has a part of the ids alone, as `run` says;
/// otherwise as [`exchange_psi`]. If `run` wants nothing, it is that, byte for byte.
///
/// # Errors
/// As [`exchange_lr`]; also partitions that differ, or a run of one party that the other does not hold.
pub fn exchange_psi_run(
    channel: &Channel,
    offer: &PsiOffer,
    run: &PsiRunOffer,
    policy: &PsiPolicy,
    dialect: &Dialect,
) -> Result<(PsiPlan, PsiRunPlan), HandshakeError> {
    let (rank, world_size) = (channel.rank(), channel.world_size());
    offer.validate(rank, world_size)?;
    let config = |reason: String| HandshakeError::Config { item: "run", reason };
    let mut fresh = [0; 16];
    if *run != PsiRunOffer::default() {
        if world_size != 2 {
            return Err(config(format!("{world_size} parties; runs are resumed or divided between 2")));
        }
        getrandom::fill(&mut fresh).map_err(|error| config(format!("no name for it: {error}")))?;
    }
    exchange(channel, &Psi { rank, world_size, offer, run, fresh, policy, dialect }, dialect)
}

fn exchange<S: Side>(channel: &Channel, side: &S, dialect: &Dialect) -> Result<S::Plan, HandshakeError> {
    if channel.rank() == 0 { decide(channel, side, dialect) } else { ask(channel, side) }
}

/// Rank 0.
fn decide<S: Side>(channel: &Channel, side: &S, dialect: &Dialect) -> Result<S::Plan, HandshakeError> {
    let mut messages = Vec::new();
    for peer in 1..channel.world_size() {
        let message = channel.recv(peer).map_err(|source| HandshakeError::Link { peer, source })?;
        messages.push((peer, message));
    }
    let negotiated = messages
        .into_iter()
        .map(|(peer, message)| S::decode(message).map_err(|refusal| refusal.of_rank(peer)))
        .collect::<Result<Vec<S::Request>, Refusal>>()
        .map_err(|refusal| refusal.in_style(dialect.refusal_style))
        .and_then(|requests| side.negotiate(&requests));
    let plan = match negotiated {
        Ok(plan) => plan,
        Err(refusal) => {
            if !Mutant::RefusalNotSent.is_on() {
                answer(channel, refusal.to_response().encode_to_vec())?;
            }
            return Err(HandshakeError::Refused(refusal));
        }
    };
    if let Err(error) = side.permits(&plan) {
        let item = match &error {
            HandshakeError::PolicyRefused { item, .. } => item,
            _ => "plan",
        };
        let refusal =
            Refusal::new(Cause::Policy, S::ALGORITHM, format!("rank 0's policy does not allow the {item}"));
        answer(channel, refusal.in_style(dialect.refusal_style).to_response().encode_to_vec())?;
        return Err(error);
    }
    answer(channel, S::response(&plan)?)?;
    Ok(plan)
}

/// Sends rank 0's response to every other rank.
fn answer(channel: &Channel, response: Vec<u8>) -> Result<(), HandshakeError> {
    let bytes = Bytes::from(response);
    for peer in 1..channel.world_size() {
        channel.send(peer, bytes.clone()).map_err(|source| HandshakeError::Link { peer, source })?;
    }
    Ok(())
}

/// A rank above 0.
fn ask<S: Side>(channel: &Channel, side: &S) -> Result<S::Plan, HandshakeError> {
    let link = |source| HandshakeError::Link { peer: 0, source };
    channel.send(0, Bytes::from(side.request()?)).map_err(link)?;
    let bytes = channel.recv(0).map_err(link)?;
    if bytes.len() > LONGEST_MESSAGE {
        let reason = format!("{} bytes are too many", bytes.len());
        return Err(HandshakeError::PeerMisbehaved { peer: 0, item: "response", reason });
    }
    let response = decode(bytes.clone()).map_err(|error| HandshakeError::PeerMisbehaved {
        peer: 0,
        item: "response",
        reason: error.to_string(),
    })?;
    let plan = side.read(&response, bytes)?;
    side.permits(&plan)?;
    Ok(plan)
}

/// Logistic regression.
struct Lr<'a> {
    rank: usize,
    world_size: usize,
    offer: &'a LrOffer,
    run: LrRunOffer,
    policy: &'a LrPolicy,
    dialect: &'a Dialect,
}

impl Side for Lr<'_> {
    const ALGORITHM: AlgoType = AlgoType::SsLr;
    type Request = (LrRequest, Option<lr::Told>);
    type Plan = (LrPlan, LrRunPlan);

    fn request(&self) -> Result<Vec<u8>, HandshakeError> {
        let mut request = self.offer.to_request(self.rank, self.dialect)?.encode_to_vec();
        request.extend(self.run.to_request());
        Ok(request)
    }

    fn decode(bytes: Bytes) -> Result<Self::Request, Refusal> {
        let request = LrRequest::decode(bytes.clone())?;
        let told =
            lr::told(bytes).map_err(|reason| Refusal::new(Cause::Malformed, Self::ALGORITHM, reason))?;
        Ok((request, told))
    }

    fn negotiate(&self, requests: &[Self::Request]) -> Result<Self::Plan, Refusal> {
        let (requests, told): (Vec<LrRequest>, Vec<Option<lr::Told>>) = requests.iter().cloned().unzip();
        let plan = negotiate_lr(self.offer, &requests, self.dialect)?;
        let run = self.run.negotiate(&told);
        Ok((plan, run.map_err(|refusal| refusal.in_style(self.dialect.refusal_style))?))
    }

    fn permits(&self, plan: &Self::Plan) -> Result<(), HandshakeError> {
        self.policy.check(&plan.0)
    }

    fn response(plan: &Self::Plan) -> Result<Vec<u8>, HandshakeError> {
        let mut response = plan.0.to_response()?.encode_to_vec();
        response.extend(plan.1.to_response());
        Ok(response)
    }

    fn read(&self, response: &HandshakeResponse, bytes: Bytes) -> Result<Self::Plan, HandshakeError> {
        let (rank, world_size) = (self.rank, self.world_size);
        let plan = LrPlan::from_response(response, self.offer, rank, world_size, self.dialect)?;
        let told = lr::told(bytes).map_err(|reason| HandshakeError::PeerMisbehaved {
            peer: 0,
            item: "extension for kept masks and triples",
            reason,
        })?;
        Ok((plan, self.run.read(told)?))
    }
}

/// Set intersection.
struct Psi<'a> {
    rank: usize,
    world_size: usize,
    offer: &'a PsiOffer,
    run: &'a PsiRunOffer,
    /// Names the run if it is a new one.
    fresh: [u8; 16],
    policy: &'a PsiPolicy,
    dialect: &'a Dialect,
}

impl Side for Psi<'_> {
    const ALGORITHM: AlgoType = AlgoType::EcdhPsi;
    type Request = (PsiRequest, Option<Told>);
    type Plan = (PsiPlan, PsiRunPlan);

    fn request(&self) -> Result<Vec<u8>, HandshakeError> {
        let mut request = self.offer.to_request(self.rank)?.encode_to_vec();
        request.extend(self.run.to_request());
        Ok(request)
    }

    fn decode(bytes: Bytes) -> Result<Self::Request, Refusal> {
        let request = PsiRequest::decode(bytes.clone())?;
        let told = told(bytes).map_err(|reason| Refusal::new(Cause::Malformed, Self::ALGORITHM, reason))?;
        Ok((request, told))
    }

    fn negotiate(&self, requests: &[Self::Request]) -> Result<Self::Plan, Refusal> {
        let (requests, told): (Vec<PsiRequest>, Vec<Option<Told>>) = requests.iter().cloned().unzip();
        let plan = negotiate_psi(self.offer, &requests, self.dialect)?;
        let peer = told.iter().flatten().next();
        let run = self.run.negotiate(peer, self.fresh);
        Ok((plan, run.map_err(|refusal| refusal.in_style(self.dialect.refusal_style))?))
    }

    fn permits(&self, plan: &Self::Plan) -> Result<(), HandshakeError> {
        self.policy.check(self.rank, &plan.0)
    }

    fn response(plan: &Self::Plan) -> Result<Vec<u8>, HandshakeError> {
        let mut response = plan.0.to_response()?.encode_to_vec();
        response.extend(plan.1.to_response());
        Ok(response)
    }

    fn read(&self, response: &HandshakeResponse, bytes: Bytes) -> Result<Self::Plan, HandshakeError> {
        let plan = PsiPlan::from_response(response, self.offer, self.rank, self.world_size, self.dialect)?;
        let told = told(bytes).map_err(|reason| HandshakeError::PeerMisbehaved {
            peer: 0,
            item: "extension for resumed runs",
            reason,
        })?;
        Ok((plan, self.run.read(told)?))
    }
}
