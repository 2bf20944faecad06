//! What all parties can do together: the decision of rank 0.

use symbolon_dialect::{DealerDialect, Dialect, ResponseStyle};
use symbolon_mutants::Mutant;
use symbolon_prg::Cipher;
use symbolon_wire::handshake::AlgoType;

use super::LrRequest;
use crate::{
    lists::{check_ranks, common},
    offer::LrOffer,
    plan::LrPlan,
    refusal::{Cause, Refusal},
    terms::Truncation,
};

/// Decides on a plan as rank 0, from its own offer and the requests of ranks 1, 2, … in this order.
///
/// Each negotiable item becomes the first of the own offer that every request offers as well; the order
/// of the checks is the reference's. An L2 penalty is used only if every party offers one. The own offer
/// is taken as valid ([`LrOffer::validate`]).
///
/// # Errors
/// The [`Refusal`] to send to all, in the dialect's style.
pub fn negotiate_lr(own: &LrOffer, requests: &[LrRequest], dialect: &Dialect) -> Result<LrPlan, Refusal> {
    negotiate(own, requests, dialect).map_err(|refusal| refusal.in_style(dialect.refusal_style))
}

fn refuse(cause: Cause, reason: impl Into<String>) -> Refusal {
    Refusal::new(cause, AlgoType::SsLr, reason)
}

fn negotiate(own: &LrOffer, requests: &[LrRequest], dialect: &Dialect) -> Result<LrPlan, Refusal> {
    check_ranks(requests.iter().map(|request| request.rank), AlgoType::SsLr)?;
    if !requests.iter().all(|request| request.sgd) {
        return Err(refuse(Cause::Optimizer, "not every party offers OPTIMIZER_SGD"));
    }
    if !requests.iter().all(|request| request.discard) {
        return Err(refuse(Cause::LastBatch, "not every party offers LAST_BATCH_POLICY_DISCARD"));
    }
    let all_offer = requests.iter().all(|request| request.l2) || Mutant::PenaltyOfOneKept.is_on();
    let l2 = if all_offer { own.l2 } else { 0.0 };
    if l2 != own.l2 {
        tracing::warn!("the L2 penalty is dropped, since not every party offers one");
    }

    let none = |cause, item: &str| refuse(cause, format!("no {item} is offered by every party"));
    let sigmoid = common(&own.sigmoids, requests.iter().map(|request| request.sigmoids.clone()))
        .ok_or_else(|| none(Cause::Sigmoid, "sigmoid mode"))?;
    let protocol = common(&own.protocols, requests.iter().map(|request| request.protocols.clone()))
        .ok_or_else(|| none(Cause::Protocol, "secret-sharing protocol"))?;
    let field = common(&own.fields, requests.iter().map(|request| request.fields.clone()))
        .ok_or_else(|| none(Cause::Field, "field type"))?;
    if !requests.iter().all(|request| request.raw) {
        return Err(refuse(Cause::ShareFormat, "not every party offers SHARED_SERIALIZE_FORMAT_RAW"));
    }
    let modes = |request: &LrRequest| -> Vec<Truncation> {
        let compatible = request.truncations.iter().filter(|(_, protocols)| {
            protocols.as_ref().is_none_or(|protocols| protocols.contains(&protocol))
                || Mutant::CompatibleProtocolsIgnored.is_on()
        });
        compatible.map(|(mode, _)| *mode).collect()
    };
    let truncation = common(&own.truncations, requests.iter().map(modes))
        .ok_or_else(|| none(Cause::Truncation, "truncation mode"))?;
    // A response in the reference's style cannot name the cipher, and is read as AES-128 (erratum E14).
    let can_tell =
        |cipher: &Cipher| *cipher == Cipher::Aes128 || dialect.response_style == ResponseStyle::Full;
    let ciphers: Vec<Cipher> = own.ciphers.iter().copied().filter(can_tell).collect();
    let prg = common(&ciphers, requests.iter().map(|request| request.ciphers.clone()))
        .ok_or_else(|| none(Cause::Cipher, "generator (PRG)"))?;
    let version =
        common(&own.dealer_versions(), requests.iter().map(|request| request.dealer_versions.clone()))
            .ok_or_else(|| none(Cause::Dealer, "version of the dealer's service"))?;

    let (features, label_rank) = tables(own, requests)?;
    let mut dealer = own.dealer.clone();
    dealer.version = version;
    if dialect.dealer != DealerDialect::Interconnection {
        dealer.session_id.clear();
    }
    Ok(LrPlan {
        dialect: dialect.clone(),
        world_size: requests.len() + 1,
        purpose: own.purpose,
        optimizer: own.optimizer,
        epochs: own.epochs,
        batch_size: own.batch_size,
        l2,
        sigmoid,
        protocol,
        field,
        truncation,
        prg,
        fraction_bits: own.fraction_bits,
        dealer,
        samples: own.samples,
        features,
        label_rank,
    })
}

/// Columns of each rank, and the one rank with the labels.
fn tables(own: &LrOffer, requests: &[LrRequest]) -> Result<(Vec<u32>, usize), Refusal> {
    let mut features = vec![own.features];
    let mut labels = own.has_label.then_some(0);
    for (rank, request) in (1usize..).zip(requests) {
        if u64::try_from(request.samples) != Ok(own.samples) && !Mutant::SampleSizeNotCompared.is_on() {
            let (theirs, ours) = (request.samples, own.samples);
            return Err(refuse(Cause::Samples, format!("rank {rank} has {theirs} rows, rank 0 has {ours}")));
        }
        match u32::try_from(request.features) {
            Ok(columns) if columns > 0 || Mutant::NoFeaturesAccepted.is_on() => features.push(columns),
            _ => {
                return Err(refuse(Cause::Features, format!("rank {rank} has {} columns", request.features)));
            }
        }
        if request.has_label {
            if let Some(first) = labels.filter(|_| !Mutant::SecondLabelAccepted.is_on()) {
                return Err(refuse(
                    Cause::ManyLabels,
                    format!("ranks {first} and {rank} both set has_label"),
                ));
            }
            labels = Some(rank);
        }
    }
    let labels = labels.or(Mutant::MissingLabelAccepted.is_on().then_some(0));
    labels.map(|rank| (features, rank)).ok_or_else(|| refuse(Cause::NoLabel, "no party sets has_label"))
}
