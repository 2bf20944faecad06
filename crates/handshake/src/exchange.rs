//! The two messages over the link: requests to rank 0, its response to all.

use bytes::Bytes;
use symbolon_dialect::Dialect;
use symbolon_link::Channel;
use symbolon_wire::{
    Message, decode,
    handshake::{AlgoType, HandshakeRequest, HandshakeResponse},
};

use crate::{
    error::HandshakeError,
    lists::LONGEST_MESSAGE,
    lr::{LrRequest, negotiate_lr},
    offer::{LrOffer, PsiOffer},
    plan::{LrPlan, PsiPlan},
    policy::{LrPolicy, PsiPolicy},
    psi::{PsiRequest, negotiate_psi},
    refusal::{Cause, Refusal},
};

/// One side of a handshake for one algorithm.
trait Side {
    const ALGORITHM: AlgoType;
    type Request;
    type Plan;

    fn request(&self) -> Result<HandshakeRequest, HandshakeError>;
    fn decode(bytes: Bytes) -> Result<Self::Request, Refusal>;
    fn negotiate(&self, requests: &[Self::Request]) -> Result<Self::Plan, Refusal>;
    fn permits(&self, plan: &Self::Plan) -> Result<(), HandshakeError>;
    fn response(plan: &Self::Plan) -> Result<HandshakeResponse, HandshakeError>;
    fn read(&self, response: &HandshakeResponse) -> Result<Self::Plan, HandshakeError>;
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
    let (rank, world_size) = (channel.rank(), channel.world_size());
    offer.validate(rank, world_size, dialect)?;
    exchange(channel, &Lr { rank, world_size, offer, policy, dialect }, dialect)
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
    let (rank, world_size) = (channel.rank(), channel.world_size());
    offer.validate(rank, world_size)?;
    exchange(channel, &Psi { rank, world_size, offer, policy, dialect }, dialect)
}

fn exchange<S: Side>(channel: &Channel, side: &S, dialect: &Dialect) -> Result<S::Plan, HandshakeError> {
    if channel.rank() == 0 { decide(channel, side, dialect) } else { ask(channel, side) }
}

/// Rank 0.
fn decide<S: Side>(channel: &Channel, side: &S, dialect: &Dialect) -> Result<S::Plan, HandshakeError> {
    let mut messages = Vec::new();
    for peer in 1..channel.world_size() {
        messages.push(channel.recv(peer).map_err(|source| HandshakeError::Link { peer, source })?);
    }
    let negotiated = messages
        .into_iter()
        .map(S::decode)
        .collect::<Result<Vec<S::Request>, Refusal>>()
        .map_err(|refusal| refusal.in_style(dialect.refusal_style))
        .and_then(|requests| side.negotiate(&requests));
    let plan = match negotiated {
        Ok(plan) => plan,
        Err(refusal) => {
            answer(channel, &refusal.to_response())?;
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
        answer(channel, &refusal.in_style(dialect.refusal_style).to_response())?;
        return Err(error);
    }
    answer(channel, &S::response(&plan)?)?;
    Ok(plan)
}

/// Sends rank 0's response to every other rank.
fn answer(channel: &Channel, response: &HandshakeResponse) -> Result<(), HandshakeError> {
    let bytes = Bytes::from(response.encode_to_vec());
    for peer in 1..channel.world_size() {
        channel.send(peer, bytes.clone()).map_err(|source| HandshakeError::Link { peer, source })?;
    }
    Ok(())
}

/// A rank above 0.
fn ask<S: Side>(channel: &Channel, side: &S) -> Result<S::Plan, HandshakeError> {
    let link = |source| HandshakeError::Link { peer: 0, source };
    channel.send(0, Bytes::from(side.request()?.encode_to_vec())).map_err(link)?;
    let bytes = channel.recv(0).map_err(link)?;
    if bytes.len() > LONGEST_MESSAGE {
        let reason = format!("{} bytes are too many", bytes.len());
        return Err(HandshakeError::PeerMisbehaved { peer: 0, item: "response", reason });
    }
    let response = decode(bytes).map_err(|error| HandshakeError::PeerMisbehaved {
        peer: 0,
        item: "response",
        reason: error.to_string(),
    })?;
    let plan = side.read(&response)?;
    side.permits(&plan)?;
    Ok(plan)
}

/// Logistic regression.
struct Lr<'a> {
    rank: usize,
    world_size: usize,
    offer: &'a LrOffer,
    policy: &'a LrPolicy,
    dialect: &'a Dialect,
}

impl Side for Lr<'_> {
    const ALGORITHM: AlgoType = AlgoType::SsLr;
    type Request = LrRequest;
    type Plan = LrPlan;

    fn request(&self) -> Result<HandshakeRequest, HandshakeError> {
        self.offer.to_request(self.rank, self.dialect)
    }

    fn decode(bytes: Bytes) -> Result<LrRequest, Refusal> {
        LrRequest::decode(bytes)
    }

    fn negotiate(&self, requests: &[LrRequest]) -> Result<LrPlan, Refusal> {
        negotiate_lr(self.offer, requests, self.dialect)
    }

    fn permits(&self, plan: &LrPlan) -> Result<(), HandshakeError> {
        self.policy.check(plan)
    }

    fn response(plan: &LrPlan) -> Result<HandshakeResponse, HandshakeError> {
        plan.to_response()
    }

    fn read(&self, response: &HandshakeResponse) -> Result<LrPlan, HandshakeError> {
        LrPlan::from_response(response, self.offer, self.rank, self.world_size, self.dialect)
    }
}

/// Set intersection.
struct Psi<'a> {
    rank: usize,
    world_size: usize,
    offer: &'a PsiOffer,
    policy: &'a PsiPolicy,
    dialect: &'a Dialect,
}

impl Side for Psi<'_> {
    const ALGORITHM: AlgoType = AlgoType::EcdhPsi;
    type Request = PsiRequest;
    type Plan = PsiPlan;

    fn request(&self) -> Result<HandshakeRequest, HandshakeError> {
        self.offer.to_request(self.rank)
    }

    fn decode(bytes: Bytes) -> Result<PsiRequest, Refusal> {
        PsiRequest::decode(bytes)
    }

    fn negotiate(&self, requests: &[PsiRequest]) -> Result<PsiPlan, Refusal> {
        negotiate_psi(self.offer, requests, self.dialect)
    }

    fn permits(&self, plan: &PsiPlan) -> Result<(), HandshakeError> {
        self.policy.check(self.rank, plan)
    }

    fn response(plan: &PsiPlan) -> Result<HandshakeResponse, HandshakeError> {
        plan.to_response()
    }

    fn read(&self, response: &HandshakeResponse) -> Result<PsiPlan, HandshakeError> {
        PsiPlan::from_response(response, self.offer, self.rank, self.world_size, self.dialect)
    }
}
