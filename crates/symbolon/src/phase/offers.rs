//! What a party offers and accepts in the handshakes for logistic regression.

use symbolon_handshake::{
    DealerPlan, LrOffer, LrPolicy, Optimizer, Protocol, Purpose, SigmoidMode, TrustedDealer,
};
use symbolon_prg::{Cipher, Seed};
use symbolon_ring::Field;

use crate::config::{Accept, PartyConfig, Sigmoid, Truncation};
use crate::error::Result;
use crate::stored::Terms;

/// Rows that are scored at a time.
const PREDICT_BATCH: u64 = 4096;
/// Rows at a time that are accepted of another party's plan.
const PREDICT_BATCH_MOST: u64 = 1 << 20;

/// The shape of the own table, as the handshake needs it.
pub(super) struct Shape {
    pub(super) samples: usize,
    pub(super) features: usize,
    /// Training: this party has the label. Prediction: it gets the scores.
    pub(super) has_label: bool,
}

/// The offer for training. The triples made ahead name the session that they are of.
pub(super) fn training(config: &PartyConfig, shape: &Shape, ahead: Option<&Terms>) -> Result<LrOffer> {
    let mut offer = offer(config, Purpose::Train, shape, config.lr.field, config.lr.fraction_bits)?;
    if let (Some(terms), 0) = (ahead, config.rank) {
        offer.dealer.session_id.clone_from(&terms.session);
    }
    Ok(offer)
}

/// The offer for prediction with a model over `field` with `fraction_bits`.
pub(super) fn prediction(
    config: &PartyConfig,
    shape: &Shape,
    field: Field,
    fraction_bits: u32,
) -> Result<LrOffer> {
    let offer = offer(config, Purpose::Predict, shape, field, fraction_bits)?;
    Ok(LrOffer { epochs: 0, batch_size: PREDICT_BATCH, l2: 0.0, ..offer })
}

/// What this party accepts of a plan for its offer.
pub(super) fn policy(config: &PartyConfig, offer: &LrOffer) -> LrPolicy {
    let dealer = match (config.policy.any_dealer, &config.dealer) {
        (false, Some(dealer)) => TrustedDealer::Host(dealer.address.clone()),
        _ => TrustedDealer::Any,
    };
    let mut policy = match config.policy.accept {
        Accept::Exact => LrPolicy { dealer, ..LrPolicy::exactly(offer) },
        Accept::Limits => LrPolicy::within_limits(dealer),
    };
    let (least, most) = (*policy.fraction_bits.start(), *policy.fraction_bits.end());
    policy.fraction_bits =
        config.policy.min_fraction_bits.unwrap_or(least)..=config.policy.max_fraction_bits.unwrap_or(most);
    if offer.purpose == Purpose::Predict {
        policy.batch_size = 1..=PREDICT_BATCH_MOST;
    }
    policy
}

fn offer(
    config: &PartyConfig,
    purpose: Purpose,
    shape: &Shape,
    field: Field,
    fraction_bits: u32,
) -> Result<LrOffer> {
    let dealer = config.dealer()?;
    let session_id = match config.rank {
        // A fresh name, so that no two runs share the dealer's streams.
        0 => format!("symbolon-{:032x}", Seed::random()?.to_u128()),
        _ => String::new(),
    };
    Ok(LrOffer {
        purpose,
        samples: shape.samples as u64,
        features: u32::try_from(shape.features).unwrap_or(u32::MAX),
        has_label: shape.has_label,
        optimizer: Optimizer::Sgd { learning_rate: config.lr.learning_rate },
        epochs: config.lr.epochs,
        batch_size: config.lr.batch_size,
        l2: config.lr.l2,
        sigmoids: vec![match config.lr.sigmoid {
            Sigmoid::Minimax1 => SigmoidMode::Minimax1,
        }],
        protocols: vec![Protocol::Semi2k],
        fields: vec![field],
        truncations: vec![match config.lr.truncation_in(field) {
            Truncation::Probabilistic => symbolon_handshake::Truncation::Probabilistic,
            Truncation::Precise => symbolon_handshake::Truncation::Precise,
        }],
        ciphers: vec![Cipher::Aes128],
        fraction_bits,
        dealer: DealerPlan {
            host: dealer.address.clone(),
            session_id,
            adjust_rank: dealer.adjust_rank,
            version: symbolon_grpc::DEALER_VERSION,
        },
        other_dealer_versions: Vec::new(),
    })
}
