//! What this party accepts, whatever the others agree on.

use std::ops::RangeInclusive;

use symbolon_mutants::Mutant;

use crate::{
    error::HandshakeError,
    offer::{LrOffer, PsiOffer},
    plan::{LrPlan, PsiPlan},
    terms::{Purpose, ResultTo},
};

/// Which dealers are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustedDealer {
    /// The host of the plan must be exactly this text.
    Host(String),
    /// Any host that rank 0 names. The dealer can compute every secret together with one party, so this
    /// is for networks where rank 0 is trusted to choose it.
    Any,
}

/// Limits of this party for training and prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct LrPolicy {
    /// The dealer.
    pub dealer: TrustedDealer,
    /// Ranks that may ask the dealer for corrections; `None` allows any.
    pub adjust_ranks: Option<Vec<usize>>,
    /// Fraction bits.
    pub fraction_bits: RangeInclusive<u32>,
    /// Rows of one step.
    pub batch_size: RangeInclusive<u64>,
    /// Passes over the rows.
    pub epochs: RangeInclusive<u64>,
    /// Step sizes.
    pub learning_rate: RangeInclusive<f64>,
    /// L2 penalties. A penalty that was dropped (0) is always accepted.
    pub l2: RangeInclusive<f64>,
}

impl LrPolicy {
    /// Accepts exactly the own offer's numbers and dealer.
    pub fn exactly(offer: &LrOffer) -> Self {
        let rate = offer.optimizer.learning_rate();
        Self {
            dealer: TrustedDealer::Host(offer.dealer.host.clone()),
            adjust_ranks: Some(vec![offer.dealer.adjust_rank]),
            fraction_bits: offer.fraction_bits..=offer.fraction_bits,
            batch_size: offer.batch_size..=offer.batch_size,
            epochs: offer.epochs..=offer.epochs,
            learning_rate: rate..=rate,
            l2: offer.l2..=offer.l2,
        }
    }

    /// Accepts what rank 0 chooses within wide limits: any adjust rank, 8 to 50 fraction bits, any batch
    /// size, up to 100,000 epochs, step sizes and penalties up to 1,000.
    pub fn within_limits(dealer: TrustedDealer) -> Self {
        Self {
            dealer,
            adjust_ranks: None,
            fraction_bits: 8..=50,
            batch_size: 1..=u64::MAX,
            epochs: 0..=100_000,
            learning_rate: 0.0..=1_000.0,
            l2: 0.0..=1_000.0,
        }
    }

    /// Checks a plan against this policy.
    ///
    /// # Errors
    /// [`HandshakeError::PolicyRefused`] with the item, what was found and what is allowed.
    pub fn check(&self, plan: &LrPlan) -> Result<(), HandshakeError> {
        match &self.dealer {
            TrustedDealer::Host(host) if *host != plan.dealer.host => {
                return refused("dealer host", &plan.dealer.host, host);
            }
            _ => {}
        }
        if let Some(ranks) = &self.adjust_ranks
            && !ranks.contains(&plan.dealer.adjust_rank)
        {
            return refused("adjust rank", &plan.dealer.adjust_rank, &format!("{ranks:?}"));
        }
        within("fraction bits", &plan.fraction_bits, &self.fraction_bits)?;
        within("batch size", &plan.batch_size, &self.batch_size)?;
        if plan.purpose == Purpose::Train {
            within("epochs", &plan.epochs, &self.epochs)?;
            within("learning rate", &plan.optimizer.learning_rate(), &self.learning_rate)?;
            if plan.l2 != 0.0 {
                within("L2 penalty", &plan.l2, &self.l2)?;
            }
        }
        Ok(())
    }
}

/// Limits of this party for intersections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PsiPolicy {
    /// Set sizes of the peers, where they tell them.
    pub peer_items: RangeInclusive<u64>,
    /// Who may learn the intersection.
    pub result_to: ResultTo,
}

impl PsiPolicy {
    /// Accepts the own offer's receiver and peers with 1 to 2^40 items.
    pub fn exactly(offer: &PsiOffer) -> Self {
        Self { peer_items: 1..=1 << 40, result_to: offer.result_to }
    }

    /// Checks a plan against this policy.
    ///
    /// # Errors
    /// [`HandshakeError::PolicyRefused`] with the item, what was found and what is allowed.
    pub fn check(&self, rank: usize, plan: &PsiPlan) -> Result<(), HandshakeError> {
        if plan.result_to != self.result_to && !Mutant::PlanReceiverNotCompared.is_on() {
            return refused("receiver of the result", &plan.result_to, &self.result_to.to_string());
        }
        for (peer, items) in plan.items.iter().enumerate() {
            if let (true, Some(items)) = (peer != rank, items) {
                within("size of a peer's set", items, &self.peer_items)?;
            }
        }
        Ok(())
    }
}

fn refused(item: &'static str, found: &dyn ToString, allowed: &str) -> Result<(), HandshakeError> {
    Err(HandshakeError::PolicyRefused { item, found: found.to_string(), allowed: allowed.to_string() })
}

fn within<T: PartialOrd + ToString>(
    item: &'static str,
    found: &T,
    allowed: &RangeInclusive<T>,
) -> Result<(), HandshakeError> {
    if allowed.contains(found) {
        return Ok(());
    }
    refused(
        item,
        &found.to_string(),
        &format!("{} to {}", allowed.start().to_string(), allowed.end().to_string()),
    )
}
