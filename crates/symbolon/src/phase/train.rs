//! Training.

use std::time::Instant;

use symbolon_handshake::{LrPlan, LrRunOffer, LrRunPlan, Plan, exchange_lr_run};
use symbolon_link::Channel;
use symbolon_ring::{Field, Ring};

use crate::config::PartyConfig;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::model::{FORMAT, ModelHalf, Training, VERSION};
use crate::network::Party;
use crate::progress::Bar;
use crate::report::{Report, TrainingReport};
use crate::standardize::Feature;
use crate::stored::{Stored, Terms};

use super::offers::{self, Shape};
use super::session::{self, Start, open};

/// Agrees on a training of the aligned rows and carries it out. Returns the own half of the model.
///
/// # Errors
/// [`crate::Error::PeerRefused`] if there is no plan, [`crate::Error::OurTable`] if a value is out of the ring's
/// range; what a peer, the dealer or the link does wrong.
pub fn train(
    party: &Party,
    channel: &Channel,
    config: &PartyConfig,
    data: &Dataset<'_>,
    report: &mut Report,
) -> Result<ModelHalf> {
    let (start, before) = (Instant::now(), party.traffic());
    // Everything that can be wrong with the own table is found before anything is agreed.
    let features = data.features(config.data.standardize);
    let values = data.scaled(&features, config.lr.field, config.lr.fraction_bits)?;
    let shape = Shape { samples: data.rows(), features: data.width(), has_label: data.labels().is_some() };
    let stored = config.files.triples.as_deref().map(Stored::open).transpose()?;
    let ahead = stored.as_ref().map(Stored::terms);
    let wanted = LrRunOffer {
        keep_masks: ahead.map_or(config.lr.keep_masks, |terms| terms.keep_masks),
        triples: ahead.map(Terms::identifier),
    };
    let offer = offers::training(config, &shape, ahead)?;
    let policy = offers::policy(config, &offer);
    let (plan, run) = exchange_lr_run(channel, &offer, wanted, &policy, &config.dialect)?;
    report.plan(&Plan::Lr(plan.clone()))?;
    announce(&plan, run);
    report.training =
        Some(TrainingReport { keep_masks: run.keep_masks, triples_ahead: run.triples.is_some() });
    if run.keep_masks {
        check_mask_memory(config, &plan)?;
    }
    let (exact, effective) = plan.effective_step()?;
    if plan.step_is_coarse()? {
        report.warn(format!(
            "the step size learning-rate / batch-size = {exact:e} becomes {effective:e} with {} fraction bits: \
             training proceeds as with a learning rate of {}; use more fraction bits, a larger learning rate or \
             smaller batches",
            plan.fraction_bits,
            effective * plan.batch_size as f64
        ));
    }
    if plan.fraction_bits != config.lr.fraction_bits {
        data.scaled(&features, plan.field, plan.fraction_bits)?;
    }

    let mut session = Start { keep_masks: run.keep_masks, ..Start::fresh()? };
    if let Some(stored) = stored {
        let (seed, dealer) = stored.spend(&terms(&plan, run.keep_masks, channel.rank()))?;
        session.seeds.dealer = seed;
        session.stored = Some(dealer);
    }
    let job = Job { party, channel, config, plan: &plan, values: &values, labels: data.labels() };
    let Done { run, share } = match plan.field {
        Field::Ring32 => job.run::<u32>(session),
        Field::Ring64 => job.run::<u64>(session),
        Field::Ring128 => job.run::<u128>(session),
    }?;
    report.phase("train", start, before, party.traffic());
    Ok(half(&plan, channel.rank(), features, run, share))
}

struct Job<'a> {
    party: &'a Party,
    channel: &'a Channel,
    config: &'a PartyConfig,
    plan: &'a LrPlan,
    values: &'a [f32],
    labels: Option<&'a [f32]>,
}

struct Done {
    /// What both halves of this model have in common and no other model has.
    run: String,
    /// The own share of the weights, as text.
    share: String,
}

impl Job<'_> {
    fn run<R: Ring>(&self, start: Start) -> Result<Done> {
        let plan = self.plan;
        let train_plan = session::train_plan(plan)?;
        let train = if start.keep_masks { symbolon_lr::train_keeping_masks } else { symbolon_lr::train };
        let mut opened = open::<R>(self.party, self.channel, self.config, plan, start)?;
        tracing::info!(steps = train_plan.steps(), "training starts");
        let bar = Bar::counting("training", "steps");
        let mut told = 0;
        let share = train(&mut opened.session, &train_plan, self.values, self.labels, &mut |progress| {
            bar.at(progress.step, progress.of);
            if progress.epoch != told {
                told = progress.epoch;
                tracing::debug!(epoch = progress.epoch, of = progress.epochs, "epoch");
                bar.say(format!("epoch {}/{}", progress.epoch, progress.epochs));
            }
        })?;
        let run = session::run_name(&mut opened, plan)?;
        opened.close();
        Ok(Done { run, share: ModelHalf::encode_share(share.as_matrix()) })
    }
}

/// What the triples of this training depend on, for this rank.
pub(super) fn terms(plan: &LrPlan, keep_masks: bool, rank: usize) -> Terms {
    Terms {
        session: plan.dealer.session_id.clone(),
        rank,
        world_size: plan.world_size,
        adjust_rank: plan.dealer.adjust_rank,
        field: plan.field.bits(),
        stream: format!("{:?} {:?}", plan.prg, plan.dialect.dealer_stream).to_lowercase(),
        truncation: format!("{:?}", plan.truncation).to_lowercase(),
        fraction_bits: plan.fraction_bits,
        sigmoid: format!("{:?}", plan.sigmoid).to_lowercase(),
        samples: plan.samples,
        features: plan.features.clone(),
        batch_size: plan.batch_size,
        epochs: plan.epochs,
        l2: if plan.l2 == 0.0 {
            "none".into()
        } else {
            format!("{:?}", plan.dialect.first_step_draws).to_lowercase()
        },
        keep_masks,
    }
}

/// Whether the table that is opened once may stay in memory.
fn check_mask_memory(config: &PartyConfig, plan: &LrPlan) -> Result<()> {
    let train_plan = session::train_plan(plan)?;
    let elements = match plan.field {
        Field::Ring32 => symbolon_lr::kept_elements::<u32>(&train_plan),
        Field::Ring64 => symbolon_lr::kept_elements::<u64>(&train_plan),
        Field::Ring128 => symbolon_lr::kept_elements::<u128>(&train_plan),
    };
    let bytes = (elements as u64).saturating_mul(u64::from(plan.field.bits() / 8));
    if bytes <= config.lr.mask_memory {
        return Ok(());
    }
    Err(Error::Config(format!(
        "lr.mask-memory: the kept table takes {bytes} bytes, {} are allowed; allow more, or set keep-masks = false",
        config.lr.mask_memory
    )))
}

fn announce(plan: &LrPlan, run: LrRunPlan) {
    tracing::info!(
        samples = plan.samples,
        features = ?plan.features,
        label_rank = plan.label_rank,
        epochs = plan.epochs,
        batch_size = plan.batch_size,
        field = plan.field.bits(),
        fraction_bits = plan.fraction_bits,
        dealer = plan.dealer.host,
        dialect = plan.dialect.name,
        keep_masks = run.keep_masks,
        triples_ahead = run.triples.is_some(),
        "training agreed"
    );
}

fn half(plan: &LrPlan, rank: usize, features: Vec<Feature>, run: String, share: String) -> ModelHalf {
    ModelHalf {
        format: FORMAT.into(),
        version: VERSION,
        run,
        rank,
        world_size: plan.world_size,
        field: plan.field.bits(),
        fraction_bits: plan.fraction_bits,
        label_rank: plan.label_rank,
        features_per_rank: plan.features.clone(),
        features,
        training: Training {
            samples: plan.samples,
            epochs: plan.epochs,
            batch_size: plan.batch_size,
            learning_rate: plan.optimizer.learning_rate(),
            l2: plan.l2,
            sigmoid: format!("{:?}", plan.sigmoid).to_lowercase(),
            dialect: plan.dialect.name.clone(),
        },
        share,
    }
}
