//! Training.

use std::time::Instant;

use symbolon_handshake::{LrPlan, Plan, exchange_lr};
use symbolon_link::Channel;
use symbolon_ring::{Field, Ring};

use crate::config::PartyConfig;
use crate::dataset::Dataset;
use crate::error::Result;
use crate::model::{FORMAT, ModelHalf, Training, VERSION};
use crate::network::Party;
use crate::progress::Bar;
use crate::report::Report;
use crate::standardize::Feature;

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
    let offer = offers::training(config, &shape)?;
    let plan = exchange_lr(channel, &offer, &offers::policy(config, &offer), &config.dialect)?;
    report.plan(&Plan::Lr(plan.clone()))?;
    announce(&plan);
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

    let job = Job { party, channel, config, plan: &plan, values: &values, labels: data.labels() };
    let Done { run, share } = match plan.field {
        Field::Ring32 => job.run::<u32>(),
        Field::Ring64 => job.run::<u64>(),
        Field::Ring128 => job.run::<u128>(),
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
    fn run<R: Ring>(&self) -> Result<Done> {
        let plan = self.plan;
        let train_plan = session::train_plan(plan)?;
        let mut opened = open::<R>(self.party, self.channel, self.config, plan, Start::fresh()?)?;
        tracing::info!(steps = train_plan.steps(), "training starts");
        let bar = Bar::counting("training", "steps");
        let mut told = 0;
        let share = symbolon_lr::train(
            &mut opened.session,
            &train_plan,
            self.values,
            self.labels,
            &mut |progress| {
                bar.at(progress.step, progress.of);
                if progress.epoch != told {
                    told = progress.epoch;
                    tracing::debug!(epoch = progress.epoch, of = progress.epochs, "epoch");
                    bar.say(format!("epoch {}/{}", progress.epoch, progress.epochs));
                }
            },
        )?;
        let run = session::run_name(&mut opened, plan)?;
        opened.close();
        Ok(Done { run, share: ModelHalf::encode_share(share.as_matrix()) })
    }
}

fn announce(plan: &LrPlan) {
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
