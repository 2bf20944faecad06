//! What all parties can do together: the decision of rank 0.

use symbolon_dialect::Dialect;
use symbolon_mutants::Mutant;
use symbolon_wire::handshake::AlgoType;

use super::{COORDINATE_BITS, PsiRequest, fewest_bits};
use crate::{
    lists::check_ranks,
    offer::PsiOffer,
    plan::PsiPlan,
    refusal::{Cause, Refusal},
};

/// Decides on a plan as rank 0, from its own offer and the requests of ranks 1, 2, … in this order.
///
/// The suite is the first of the own offer that every request offers, in one of its formats. Points are
/// shortened only if every party offers to, to whole bytes, and never below what the sizes of the sets need at the own
/// statistical level.
///
/// # Errors
/// The [`Refusal`] to send to all, in the dialect's style.
pub fn negotiate_psi(own: &PsiOffer, requests: &[PsiRequest], dialect: &Dialect) -> Result<PsiPlan, Refusal> {
    negotiate(own, requests, dialect).map_err(|refusal| refusal.in_style(dialect.refusal_style))
}

fn refuse(cause: Cause, reason: impl Into<String>) -> Refusal {
    Refusal::new(cause, AlgoType::EcdhPsi, reason)
}

fn negotiate(own: &PsiOffer, requests: &[PsiRequest], dialect: &Dialect) -> Result<PsiPlan, Refusal> {
    check_ranks(requests.iter().map(|request| request.rank), AlgoType::EcdhPsi)?;
    let mut suites =
        own.suites.iter().filter(|suite| requests.iter().all(|request| request.has_suite(**suite)));
    if suites.clone().next().is_none() {
        return Err(refuse(Cause::Suite, "no curve, hash and map to the curve is offered by every party"));
    }
    let suite = *suites
        .find(|suite| requests.iter().all(|request| request.has_format(**suite)))
        .ok_or_else(|| refuse(Cause::PointFormat, "no point format is offered by every party"))?;

    let mut items = vec![own.items];
    for (rank, request) in (1usize..).zip(requests) {
        let count = u64::try_from(request.items)
            .or_else(|error| if Mutant::NegativeSizeAccepted.is_on() { Ok(0) } else { Err(error) })
            .map_err(|_| refuse(Cause::Items, format!("rank {rank} has {} items", request.items)))?;
        items.push(count);
    }
    for (rank, request) in (1usize..).zip(requests) {
        if request.result_to != Some(own.result_to) && !Mutant::ReceiverNotCompared.is_on() {
            let theirs = request.result_to.map_or("nobody".to_string(), |to| to.to_string());
            let reason = format!("rank {rank} gives the result to {theirs}, rank 0 to {}", own.result_to);
            return Err(refuse(Cause::ResultRank, reason));
        }
    }

    let all_offer = requests.iter().all(|request| request.truncation) || Mutant::TruncationOfOne.is_on();
    let truncate_bits = own.truncate_bits.filter(|_| all_offer);
    let truncate_bits = truncate_bits.and_then(|bits| {
        let mut sizes = items.clone();
        sizes.sort_unstable();
        let (largest, second) = (sizes.pop().unwrap_or(0), sizes.pop().unwrap_or(0));
        let bits = bits.max(fewest_bits(largest, second, own.statistical_bits)).next_multiple_of(8);
        (bits <= COORDINATE_BITS).then_some(bits)
    });
    Ok(PsiPlan {
        dialect: dialect.clone(),
        world_size: requests.len() + 1,
        suite,
        truncate_bits,
        result_to: own.result_to,
        items: items.into_iter().map(Some).collect(),
    })
}
