//! A Semi2K session for an agreed plan, with its dealer.

use symbolon_dialect::DealerDialect;
use symbolon_grpc::{DealerClient, DealerClientConfig, GrpcError};
use symbolon_handshake::LrPlan;
use symbolon_link::Channel;
use symbolon_lr::TrainPlan;
use symbolon_operators::Sigmoid;
use symbolon_ring::Ring;
use symbolon_semi2k::{Session, SessionConfig, SessionSeeds, Truncation};
use symbolon_triples::DealerError;

use crate::config::PartyConfig;
use crate::error::{Error, Result};
use crate::network::{self, Party};

/// A session, and the dealer's end of it.
pub(crate) struct Opened<R: Ring> {
    pub(crate) session: Session<R>,
    dealer: DealerClient,
    is_adjust_rank: bool,
}

impl<R: Ring> Opened<R> {
    /// Ends the session: the dealer forgets the seeds of all parties.
    pub(crate) fn close(self) {
        drop(self.session);
        if self.is_adjust_rank
            && let Err(failure) = self.dealer.delete_session()
        {
            // The work is done and right; the dealer forgets an idle session by itself.
            tracing::warn!("{failure}");
        }
    }
}

/// Opens the session of `plan` over `channel`.
pub(crate) fn open<R: Ring>(
    party: &Party,
    channel: &Channel,
    config: &PartyConfig,
    plan: &LrPlan,
) -> Result<Opened<R>> {
    if plan.dialect.dealer == DealerDialect::Spu {
        return Err(Error::Config(
            "dialect: this program speaks the interconnection dealer only; set dealer = \"interconnection\" in \
             [dialect]"
                .into(),
        ));
    }
    let mut session_config = SessionConfig::new(plan.fraction_bits, &plan.dialect);
    session_config.cipher = plan.prg;
    session_config.adjust_rank = plan.dealer.adjust_rank;
    session_config.truncation = match plan.truncation {
        symbolon_handshake::Truncation::Probabilistic => {
            Truncation::Probabilistic(plan.dialect.truncation_side)
        }
        symbolon_handshake::Truncation::Precise => Truncation::Precise,
    };

    let mut dealer_config = DealerClientConfig::new(
        &plan.dealer.host,
        &plan.dealer.session_id,
        channel.rank(),
        channel.world_size(),
        plan.dealer.adjust_rank,
        &plan.dialect,
    );
    dealer_config.required_version = plan.dealer.version;
    dealer_config.tls = network::dealer_identity(config, &plan.dealer.host)?;
    if let Some(timeout) = config.link.connect_timeout {
        dealer_config.connect_timeout = timeout.0;
    }
    if let Some(timeout) = config.link.receive_timeout {
        dealer_config.receive_timeout = timeout.0;
    }
    let dealer = DealerClient::new(dealer_config, party.node().runtime())?;
    let is_adjust_rank = channel.rank() == plan.dealer.adjust_rank;
    let seeds = SessionSeeds::random()?;
    let session = Session::establish(channel.clone(), session_config, seeds, |opening| {
        dealer.create_session(opening.seed).map_err(dealer_error)?;
        Ok(is_adjust_rank.then(|| Box::new(dealer.clone()) as Box<dyn symbolon_triples::Dealer<R>>))
    })?;
    Ok(Opened { session, dealer, is_adjust_rank })
}

fn dealer_error(failure: GrpcError) -> DealerError {
    match failure {
        GrpcError::PeerDealerRefused { code, .. } => {
            DealerError::PeerRefused { code: i64::from(code), message: failure.to_string() }
        }
        other => DealerError::Network(other.to_string()),
    }
}

/// The operator that stands for a plan's sigmoid.
pub(crate) fn sigmoid(plan: &LrPlan) -> Result<Sigmoid> {
    match plan.sigmoid {
        symbolon_handshake::SigmoidMode::Minimax1 => Ok(Sigmoid::Minimax1),
        symbolon_handshake::SigmoidMode::Taylor3 => Ok(Sigmoid::Taylor3),
        other => Err(Error::PeerRefused(format!("the agreed sigmoid {other:?} is not implemented"))),
    }
}

/// The plan's features per rank as sizes.
pub(crate) fn features(plan: &LrPlan) -> Vec<usize> {
    plan.features.iter().map(|&count| usize::try_from(count).unwrap_or(usize::MAX)).collect()
}

/// The plan's number of rows as a size.
pub(crate) fn samples(plan: &LrPlan) -> usize {
    usize::try_from(plan.samples).unwrap_or(usize::MAX)
}

/// The training that was agreed.
pub(crate) fn train_plan(plan: &LrPlan) -> Result<TrainPlan> {
    Ok(TrainPlan {
        epochs: plan.epochs,
        batch_size: usize::try_from(plan.batch_size).unwrap_or(usize::MAX),
        learning_rate: plan.optimizer.learning_rate(),
        l2: plan.l2,
        sigmoid: sigmoid(plan)?,
        samples: samples(plan),
        features: features(plan),
        label_rank: plan.label_rank,
        first_step_draws: plan.dialect.first_step_draws,
        public_truncation: plan.dialect.public_truncation,
        step_size: None,
    })
}
