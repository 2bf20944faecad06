//! A Semi2K session for an agreed plan, with its dealer.

use symbolon_dialect::{Construction, DealerDialect};
use symbolon_grpc::{
    DealerClient, DealerClientConfig, GrpcError, SpuDealerClient, SpuDealerClientConfig, SpuForm,
};
use symbolon_handshake::LrPlan;
use symbolon_link::Channel;
use symbolon_lr::TrainPlan;
use symbolon_operators::Sigmoid;
use symbolon_prg::Seed;
use symbolon_ring::Ring;
use symbolon_semi2k::{DealerOpening, Session, SessionConfig, SessionSeeds, Truncation};
use symbolon_triples::{Dealer, DealerError, Limits, LocalDealer};

use crate::config::PartyConfig;
use crate::error::{Error, Result};
use crate::network::{self, Party};
use crate::stored::StoredDealer;

/// A session, and the dealer's end of it.
pub(crate) struct Opened<R: Ring> {
    pub(crate) session: Session<R>,
    /// At the adjust rank of a session that the dealer knows of: to end it there too.
    dealer: Option<DealerClient>,
}

impl<R: Ring> Opened<R> {
    /// Ends the session: a dealer that keeps sessions forgets the seeds of all parties.
    pub(crate) fn close(self) {
        drop(self.session);
        if let Some(dealer) = self.dealer
            && let Err(failure) = dealer.delete_session()
        {
            // The work is done and right; the dealer forgets an idle session by itself.
            tracing::warn!("{failure}");
        }
    }
}

/// What a session starts from and nobody else decides.
pub(crate) struct Start {
    /// Fresh, unless a recorded run is repeated. A sealed dealer seed is added where the dealer takes one.
    pub(crate) seeds: SessionSeeds,
    /// The number of threads that the peers are told.
    pub(crate) threads: i32,
    /// Where a dealer without sessions is reached, if not at the plan's address.
    pub(crate) dealer: Option<String>,
    /// Whether the dealer is told that masks serve several products (erratum E46).
    pub(crate) keep_masks: bool,
    /// Corrections made ahead, at every party: no dealer is asked.
    pub(crate) stored: Option<StoredDealer>,
}

impl Start {
    /// New secrets.
    pub(crate) fn fresh() -> Result<Self> {
        let seeds = SessionSeeds::random()?;
        Ok(Self { seeds, threads: 1, dealer: None, keep_masks: false, stored: None })
    }
}

/// What a session of `plan` is made with.
pub(crate) fn session_config(plan: &LrPlan) -> SessionConfig {
    let mut config = SessionConfig::new(plan.fraction_bits, &plan.dialect);
    config.cipher = plan.prg;
    config.adjust_rank = plan.dealer.adjust_rank;
    config.truncation = match plan.truncation {
        symbolon_handshake::Truncation::Probabilistic => {
            Truncation::Probabilistic(plan.dialect.truncation_side)
        }
        symbolon_handshake::Truncation::Precise => Truncation::Precise,
    };
    config
}

/// Opens the session of `plan` over `channel`.
pub(crate) fn open<R: Ring>(
    party: &Party,
    channel: &Channel,
    config: &PartyConfig,
    plan: &LrPlan,
    start: Start,
) -> Result<Opened<R>> {
    let mut session_config = session_config(plan);
    session_config.announced_threads = start.threads;
    let channel = channel.clone();
    if let Some(stored) = start.stored {
        let is_adjust_rank = channel.rank() == plan.dealer.adjust_rank;
        let session = Session::establish(channel, session_config, start.seeds, |_| {
            Ok(is_adjust_rank.then(|| Box::new(stored) as Box<dyn Dealer<R>>))
        })?;
        return Ok(Opened { session, dealer: None });
    }
    match plan.dialect.dealer {
        DealerDialect::Interconnection => {
            let dealer = interconnection(party, &channel, config, plan, start.keep_masks)?;
            let is_adjust_rank = channel.rank() == plan.dealer.adjust_rank;
            let session = Session::establish(channel, session_config, start.seeds, |opening| {
                dealer.create_session(opening.seed).map_err(dealer_error)?;
                Ok(is_adjust_rank.then(|| Box::new(dealer.clone()) as Box<dyn Dealer<R>>))
            })?;
            Ok(Opened { session, dealer: is_adjust_rank.then_some(dealer) })
        }
        DealerDialect::Spu => {
            // The own configuration says whose key it is. A key from a peer or the plan would let whoever chose it
            // read this party's masks.
            let pinned = config.dealer()?.spu()?;
            let tls = network::dealer_identity(config, &plan.dealer.host)?;
            warn_of_other_streams(pinned.form, plan.dialect.dealer_stream);
            let mut seeds = start.seeds;
            if seeds.sealed_dealer.is_none() {
                seeds.sealed_dealer = Some(pinned.key.seal(&seeds.dealer)?.into());
            }
            let session = Session::establish(channel, session_config, seeds, |opening| {
                if opening.rank != opening.adjust_rank {
                    return Ok(None);
                }
                let address = start.dealer.unwrap_or_else(|| plan.dealer.host.clone());
                let mut dealer = SpuDealerClientConfig::new(address, pinned.form, opening.sealed.to_vec());
                dealer.tls = tls;
                if let Some(timeout) = config.link.connect_timeout {
                    dealer.connect_timeout = timeout.0;
                }
                if let Some(timeout) = config.link.receive_timeout {
                    dealer.receive_timeout = timeout.0;
                }
                let client = SpuDealerClient::new(dealer, party.node().runtime()).map_err(dealer_error)?;
                Ok(Some(Box::new(client) as Box<dyn Dealer<R>>))
            })?;
            Ok(Opened { session, dealer: None })
        }
        DealerDialect::InsecureRank0LearnsAllMasks => {
            session_config.adjust_rank = 0;
            let bits = Seed::random()?;
            let session = Session::establish(channel, session_config, start.seeds, |opening| {
                first_party(opening, &session_config, &bits)
            })?;
            Ok(Opened { session, dealer: None })
        }
    }
}

/// A client of the dealer with sessions.
pub(crate) fn interconnection(
    party: &Party,
    channel: &Channel,
    config: &PartyConfig,
    plan: &LrPlan,
    keep_masks: bool,
) -> Result<DealerClient> {
    let mut dealer = DealerClientConfig::new(
        &plan.dealer.host,
        &plan.dealer.session_id,
        channel.rank(),
        channel.world_size(),
        plan.dealer.adjust_rank,
        &plan.dialect,
    );
    dealer.required_version = plan.dealer.version;
    dealer.keep_masks = keep_masks;
    dealer.tls = network::dealer_identity(config, &plan.dealer.host)?;
    if let Some(timeout) = config.link.connect_timeout {
        dealer.connect_timeout = timeout.0;
    }
    if let Some(timeout) = config.link.receive_timeout {
        dealer.receive_timeout = timeout.0;
    }
    Ok(DealerClient::new(dealer, party.node().runtime())?)
}

/// A dealer draws by the form of the call unless it was told otherwise; nobody would notice another stream but by results
/// that make no sense.
fn warn_of_other_streams(form: SpuForm, stream: Construction) {
    let (usual, name) = match form {
        SpuForm::Http => (Construction::BlocksLittleEndian, "blocks-little-endian"),
        _ => (Construction::CtrBigEndian, "ctr-big-endian"),
    };
    if stream != usual {
        tracing::warn!(
            "dealer.form: a dealer that is asked in this form draws {name} streams unless it was started with another \
             --stream, and the dialect's dealer-stream here is another: if the two differ, the results are meaningless"
        );
    }
}

/// Rank 0 as the dealer, with everybody's seeds.
fn first_party<R: Ring>(
    opening: &DealerOpening<'_>,
    config: &SessionConfig,
    bits: &Seed,
) -> Result<Option<Box<dyn Dealer<R>>>, DealerError> {
    if opening.rank != 0 {
        return Ok(None);
    }
    let (seeds, construction) = (opening.gathered.to_vec(), config.dealer_construction);
    let dealer = LocalDealer::new(seeds, config.cipher, construction, Limits::default(), bits);
    Ok(Some(Box::new(dealer.map_err(Box::new)?)))
}

/// A name that both halves of a model have in common and no other model has: that of the dealer's session, or a draw
/// from the public stream where there is none.
pub(crate) fn run_name<R: Ring>(opened: &mut Opened<R>, plan: &LrPlan) -> Result<String> {
    if !plan.dealer.session_id.is_empty() {
        return Ok(plan.dealer.session_id.clone());
    }
    Ok(format!("symbolon-{}", drawn_name(opened)?))
}

/// 128 bits of the public stream as hex digits, the same at every party.
pub(crate) fn drawn_name<R: Ring>(opened: &mut Opened<R>) -> Result<String> {
    let mut name = [0; 16];
    opened.session.public_stream().fill(&mut name)?;
    Ok(name.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(crate) fn dealer_error(failure: GrpcError) -> DealerError {
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
