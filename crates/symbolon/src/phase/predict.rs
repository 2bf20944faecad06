//! Prediction.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use symbolon_handshake::{LrPlan, Plan, exchange_lr};
use symbolon_link::Channel;
use symbolon_lr::PredictPlan;
use symbolon_ring::{Field, Ring};
use symbolon_semi2k::Share;

use crate::config::PartyConfig;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::model::ModelHalf;
use crate::network::Party;
use crate::progress::Bar;
use crate::report::Report;

use super::offers::{self, Shape};
use super::session::{self, Start, open};

/// What is scored, and with what.
pub struct Scoring<'a> {
    /// The own half of the model.
    pub model: &'a ModelHalf,
    /// Where it was read from or will be written to, for messages.
    pub model_file: &'a Path,
    /// The aligned rows.
    pub data: &'a Dataset<'a>,
}

/// Agrees on a prediction and carries it out. Returns the scores at the score rank, nothing elsewhere.
///
/// Both halves must be of one run: after the handshake the parties compare the run ids of their halves,
/// which are not secret.
///
/// # Errors
/// [`Error::OurModel`] if the half does not fit the plan or the other half, [`Error::PeerRefused`] if there is no
/// plan; what a peer, the dealer or the link does wrong.
pub fn predict(
    party: &Party,
    channel: &Channel,
    config: &PartyConfig,
    scoring: &Scoring<'_>,
    report: &mut Report,
) -> Result<Option<Vec<f64>>> {
    let (start, before) = (Instant::now(), party.traffic());
    let Scoring { model, model_file, data } = *scoring;
    let wrong = |problem: String| Error::OurModel { path: model_file.to_owned(), problem };
    if model.rank != config.rank || model.world_size != config.world_size() {
        return Err(wrong(format!(
            "this is the half of rank {} of {}, but this party is rank {} of {}",
            model.rank,
            model.world_size,
            config.rank,
            config.world_size()
        )));
    }
    let field = Field::from_bits(model.field).map_err(|failure| wrong(failure.to_string()))?;
    let values = data.scaled(&model.features, field, model.fraction_bits)?;
    let score_rank = config.lr.score_rank.unwrap_or(model.label_rank);
    let shape = Shape { samples: data.rows(), features: data.width(), has_label: score_rank == config.rank };
    let offer = offers::prediction(config, &shape, field, model.fraction_bits)?;
    let plan = exchange_lr(channel, &offer, &offers::policy(config, &offer), &config.dialect)?;
    report.plan(&Plan::Lr(plan.clone()))?;
    if plan.label_rank != score_rank {
        return Err(Error::PeerRefused(format!(
            "the plan gives the scores to rank {}, this party's lr.score-rank is {score_rank}",
            plan.label_rank
        )));
    }
    tracing::info!(samples = plan.samples, score_rank, dealer = plan.dealer.host, "prediction agreed");
    let runs = channel.allgather(Bytes::from(model.run.clone().into_bytes()))?;
    if let Some(other) = runs.iter().position(|run| run != model.run.as_bytes()) {
        return Err(wrong(format!(
            "this half and that of rank {other} come from different trainings and give no model together; take \
             both from the same run"
        )));
    }
    if plan.features != model.features_per_rank || plan.fraction_bits != model.fraction_bits {
        return Err(wrong(format!(
            "the model has {:?} features per rank and {} fraction bits, the plan {:?} and {}",
            model.features_per_rank, model.fraction_bits, plan.features, plan.fraction_bits
        )));
    }

    let job = Job { party, channel, config, plan: &plan, scoring, values: &values };
    let scores = match plan.field {
        Field::Ring32 => job.run::<u32>(),
        Field::Ring64 => job.run::<u64>(),
        Field::Ring128 => job.run::<u128>(),
    }?;
    report.phase("predict", start, before, party.traffic());
    Ok(scores)
}

struct Job<'a> {
    party: &'a Party,
    channel: &'a Channel,
    config: &'a PartyConfig,
    plan: &'a LrPlan,
    scoring: &'a Scoring<'a>,
    values: &'a [f32],
}

impl Job<'_> {
    fn run<R: Ring>(&self) -> Result<Option<Vec<f64>>> {
        let plan = self.plan;
        let predict_plan = PredictPlan {
            samples: session::samples(plan),
            features: session::features(plan),
            score_rank: plan.label_rank,
            sigmoid: session::sigmoid(plan)?,
            batch_size: usize::try_from(plan.batch_size).unwrap_or(usize::MAX),
        };
        let weights = Share::from_matrix(self.scoring.model.decode_share::<R>(self.scoring.model_file)?);
        let bar = Bar::waiting("prediction");
        bar.say(format!("{} rows", plan.samples));
        let mut opened = open::<R>(self.party, self.channel, self.config, plan, Start::fresh()?)?;
        let scores = symbolon_lr::predict(&mut opened.session, &predict_plan, &weights, self.values)?;
        opened.close();
        Ok(scores)
    }
}
