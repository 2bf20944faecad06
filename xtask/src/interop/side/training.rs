//! SS-LR: a handshake, a session, training; the weights opened, or kept as a half.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use symbolon_dialect::{DealerDialect, Dialect, FirstStepDraws};
use symbolon_grpc::{DealerPublicKey, SpuDealerClient, SpuDealerClientConfig, SpuForm};
use symbolon_handshake::{
    DealerPlan, LrOffer, LrPlan, LrPolicy, Optimizer, Protocol, Purpose, SigmoidMode, TrustedDealer,
    exchange_lr,
};
use symbolon_link::Channel;
use symbolon_lr::TrainPlan;
use symbolon_operators::Sigmoid;
use symbolon_prg::{Cipher, Seed};
use symbolon_ring::{Field, Ring};
use symbolon_semi2k::{Session, SessionConfig, SessionSeeds, Truncation};
use symbolon_triples::{Dealer, DealerError, Limits, LocalDealer};

use super::party::{LinkSettings, Party};
use super::{Failure, tell_middle};

#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    #[serde(flatten)]
    link: LinkSettings,
    bits: u32,
    fraction_bits: u32,
    epochs: u64,
    batch: u64,
    learning_rate: f64,
    l2: f64,
    features: Vec<Vec<f32>>,
    labels: Option<Vec<f32>>,
    draws: FirstStepDraws,
    reveal: bool,
    dealer: String,
    /// File of the dealer's public key; if there is none, rank 0 deals.
    dealer_key: Option<PathBuf>,
    adjust_rank: usize,
}

pub(super) fn play(settings: &Settings) -> Result<Value, Failure> {
    let mut dialect = Dialect::spu();
    dialect.first_step_draws = settings.draws;
    if settings.dealer_key.is_none() {
        dialect.dealer = DealerDialect::InsecureRank0LearnsAllMasks;
    }
    let party = Party::connect(&settings.link, &dialect)?;
    let channel = party.root();
    let offer = offer(settings)?;
    let policy = LrPolicy::within_limits(TrustedDealer::Host(settings.dealer.clone()));
    let plan = exchange_lr(&channel, &offer, &policy, &dialect)?;
    let report = match plan.field {
        Field::Ring32 => train::<u32>(&party, &channel, settings, &plan),
        Field::Ring64 => train::<u64>(&party, &channel, settings, &plan),
        Field::Ring128 => train::<u128>(&party, &channel, settings, &plan),
    }?;
    party.finish()?;
    Ok(report)
}

fn offer(settings: &Settings) -> Result<LrOffer, Failure> {
    Ok(LrOffer {
        purpose: Purpose::Train,
        samples: u64::try_from(settings.features.len())?,
        features: u32::try_from(settings.features.first().map_or(0, Vec::len))?,
        has_label: settings.labels.is_some(),
        optimizer: Optimizer::Sgd { learning_rate: settings.learning_rate },
        epochs: settings.epochs,
        batch_size: settings.batch,
        l2: settings.l2,
        sigmoids: vec![SigmoidMode::Minimax1],
        protocols: vec![Protocol::Semi2k],
        fields: vec![Field::from_bits(settings.bits)?],
        truncations: vec![symbolon_handshake::Truncation::Probabilistic],
        ciphers: vec![Cipher::Aes128],
        fraction_bits: settings.fraction_bits,
        dealer: DealerPlan {
            host: settings.dealer.clone(),
            session_id: String::new(),
            adjust_rank: settings.adjust_rank,
            version: symbolon_grpc::DEALER_VERSION,
        },
        other_dealer_versions: Vec::new(),
    })
}

fn train<R: Ring>(
    party: &Party,
    channel: &Channel,
    settings: &Settings,
    plan: &LrPlan,
) -> Result<Value, Failure> {
    let mut config = SessionConfig::new(plan.fraction_bits, &plan.dialect);
    config.adjust_rank = plan.dealer.adjust_rank;
    config.truncation = Truncation::Probabilistic(plan.dialect.truncation_side);
    let mut seeds = SessionSeeds::random()?;
    if let Some(file) = &settings.dealer_key {
        let key = DealerPublicKey::from_pem(&std::fs::read_to_string(file)?)?;
        seeds.sealed_dealer = Some(key.seal(&seeds.dealer)?.into());
    }
    let bits = Seed::random()?;
    let mut session = Session::<R>::establish(channel.clone(), config, seeds, |opening| {
        if opening.rank != opening.adjust_rank {
            return Ok(None);
        }
        if settings.dealer_key.is_none() {
            let seeds = opening.gathered.to_vec();
            let (cipher, construction) = (config.cipher, config.dealer_construction);
            let dealer = LocalDealer::new(seeds, cipher, construction, Limits::default(), &bits);
            return Ok(Some(Box::new(dealer.map_err(Box::new)?)));
        }
        let mut config =
            SpuDealerClientConfig::new(&plan.dealer.host, SpuForm::Http, opening.sealed.to_vec());
        config.receive_timeout = Duration::from_secs(settings.link.timeout);
        let client = SpuDealerClient::new(config, party.runtime());
        let client = client.map_err(|error| DealerError::Network(error.to_string()))?;
        Ok(Some(Box::new(client) as Box<dyn Dealer<R>>))
    })?;

    let train_plan = TrainPlan {
        epochs: plan.epochs,
        batch_size: usize::try_from(plan.batch_size)?,
        learning_rate: plan.optimizer.learning_rate(),
        l2: plan.l2,
        sigmoid: Sigmoid::Minimax1,
        samples: usize::try_from(plan.samples)?,
        features: plan.features.iter().map(|&count| usize::try_from(count)).collect::<Result<_, _>>()?,
        label_rank: plan.label_rank,
        first_step_draws: plan.dialect.first_step_draws,
        public_truncation: plan.dialect.public_truncation,
        step_size: None,
    };
    let features = settings.features.concat();
    let labels = settings.labels.as_deref();
    let half = symbolon_lr::train(&mut session, &train_plan, &features, labels, &mut |progress| {
        if progress.step == 2 {
            tell_middle();
        }
    })?;
    if !settings.reveal {
        let bytes = half.as_matrix().to_le_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        return Ok(json!({ "half": hex }));
    }
    let weights = session.reveal(&half)?;
    Ok(json!({ "weights": session.fixed().decode_slice(weights.as_slice()) }))
}
