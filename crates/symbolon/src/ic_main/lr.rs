//! SS_LR.

use std::time::Instant;

use symbolon_dialect::DealerDialect;
use symbolon_handshake::{
    DealerPlan, LrOffer, LrPlan, LrPolicy, Optimizer, Plan, Protocol, Purpose, TrustedDealer, exchange_lr,
};
use symbolon_prg::Cipher;
use symbolon_ring::{Field, Ring};

use super::settings::{LrTask, Settings};
use super::table::Numbers;
use super::{Given, finish};
use crate::error::{Error, Result};
use crate::model::{FORMAT, ModelHalf, Training, VERSION};
use crate::network::Party;
use crate::output::check_writable;
use crate::phase::session::{self, Start};
use crate::progress::Bar;
use crate::report::Report;

/// Trains on the own rows and those of the peers, writes the own half of the model, and prints the accuracy
/// if it is to be revealed.
///
/// # Errors
/// Whatever keeps it from a complete result; nothing is written then.
pub(super) fn run(settings: &Settings, task: &LrTask, given: Given, report: &mut Report) -> Result<()> {
    let table = Numbers::read(task)?;
    table.check_range(task.field, task.fraction_bits)?;
    report.rows = table.rows();
    if table.odd_labels() > 0 {
        report.warn(format!(
            "{} labels are neither 0 nor 1: is the label the last column?",
            table.odd_labels()
        ));
    }
    check_writable(&task.output)?;
    let config = &settings.party;
    let offer = offer(task, &table);
    // Refused here rather than by the dealer or, without a handshake, by nobody.
    offer.validate(config.rank, config.world_size(), &config.dialect)?;
    let unnegotiated = match &task.told {
        Some((label_rank, features)) => Some(as_given(settings, &offer, *label_rank, features)?),
        None => None,
    };
    let party = Party::connect(config, report)?;
    let plan = match unnegotiated {
        Some(plan) => plan,
        None => {
            // Rank 0 decides the numbers, as there; but not on another dealer than the own one, if there is any.
            let dealer = match config.dialect.dealer {
                DealerDialect::InsecureRank0LearnsAllMasks => TrustedDealer::Any,
                _ => TrustedDealer::Host(task.dealer.clone()),
            };
            let policy = LrPolicy::within_limits(dealer);
            exchange_lr(&party.root(), &offer, &policy, &config.dialect)?
        }
    };
    report.plan(&Plan::Lr(plan.clone()))?;
    announce(&plan, report)?;
    table.check_range(plan.field, plan.fraction_bits)?;

    let (start, before) = (Instant::now(), party.traffic());
    let fresh = Start::fresh()?;
    let session = Start {
        threads: given.threads.unwrap_or(fresh.threads),
        dealer: given.dealer,
        seeds: given.seeds.unwrap_or(fresh.seeds),
        keep_masks: false,
        stored: None,
    };
    let job = Job { party: &party, settings, task, plan: &plan, table: &table };
    let done = match plan.field {
        Field::Ring32 => job.run::<u32>(session, report),
        Field::Ring64 => job.run::<u64>(session, report),
        Field::Ring128 => job.run::<u128>(session, report),
    }?;
    report.phase("train", start, before, party.traffic());
    finish(party, report)?;
    half(&plan, config.rank, &table, done.run, done.share).write(&task.output)?;
    report.wrote("model", &task.output);
    if let Some(accuracy) = done.accuracy {
        println!("Accuracy = {}", shown(accuracy));
    }
    Ok(())
}

fn offer(task: &LrTask, table: &Numbers) -> LrOffer {
    LrOffer {
        purpose: Purpose::Train,
        samples: table.rows() as u64,
        features: u32::try_from(table.features.len()).unwrap_or(u32::MAX),
        has_label: task.has_label,
        optimizer: Optimizer::Sgd { learning_rate: task.learning_rate },
        epochs: task.epochs,
        batch_size: task.batch_size,
        l2: task.l2,
        sigmoids: vec![task.sigmoid],
        protocols: vec![Protocol::Semi2k],
        fields: vec![task.field],
        truncations: vec![task.truncation],
        ciphers: vec![Cipher::Aes128],
        fraction_bits: task.fraction_bits,
        dealer: DealerPlan {
            host: task.dealer.clone(),
            session_id: task.session_id.clone(),
            adjust_rank: task.adjust_rank,
            version: symbolon_grpc::DEALER_VERSION,
        },
        other_dealer_versions: Vec::new(),
    }
}

/// The plan without a handshake: what the settings say.
fn as_given(settings: &Settings, offer: &LrOffer, label_rank: usize, features: &[u32]) -> Result<LrPlan> {
    let config = &settings.party;
    let told = features.get(config.rank).copied().unwrap_or_default();
    if told != offer.features {
        return Err(Error::Config(format!(
            "runtime.component.parameter.feature_nums: {told} for this party, but its table has {} feature columns",
            offer.features
        )));
    }
    let nothing = || Error::Ours("the offer is empty".into());
    Ok(LrPlan {
        dialect: config.dialect.clone(),
        world_size: config.world_size(),
        purpose: offer.purpose,
        optimizer: offer.optimizer,
        epochs: offer.epochs,
        batch_size: offer.batch_size,
        l2: offer.l2,
        sigmoid: *offer.sigmoids.first().ok_or_else(nothing)?,
        protocol: *offer.protocols.first().ok_or_else(nothing)?,
        field: *offer.fields.first().ok_or_else(nothing)?,
        truncation: *offer.truncations.first().ok_or_else(nothing)?,
        prg: *offer.ciphers.first().ok_or_else(nothing)?,
        fraction_bits: offer.fraction_bits,
        dealer: offer.dealer.clone(),
        samples: offer.samples,
        features: features.to_vec(),
        label_rank,
    })
}

fn announce(plan: &LrPlan, report: &mut Report) -> Result<()> {
    tracing::info!(
        samples = plan.samples,
        features = ?plan.features,
        label_rank = plan.label_rank,
        epochs = plan.epochs,
        batch_size = plan.batch_size,
        field = plan.field.bits(),
        fraction_bits = plan.fraction_bits,
        dealer = plan.dealer.host,
        session = plan.dealer.session_id,
        "training agreed"
    );
    let (exact, effective) = plan.effective_step()?;
    if plan.step_is_coarse()? {
        report.warn(format!(
            "the step size learning_rate / batch_size = {exact:e} becomes {effective:e} with {} fraction bits: use more \
             -fxp_bits, a larger -learning_rate or a smaller -batch_size",
            plan.fraction_bits
        ));
    }
    Ok(())
}

struct Job<'a> {
    party: &'a Party,
    settings: &'a Settings,
    task: &'a LrTask,
    plan: &'a LrPlan,
    table: &'a Numbers,
}

struct Done {
    /// The own share of the weights, as text.
    share: String,
    /// What both halves of this model have in common and no other model has.
    run: String,
    accuracy: Option<f64>,
}

impl Job<'_> {
    fn run<R: Ring>(&self, start: Start, report: &mut Report) -> Result<Done> {
        let plan = self.plan;
        let train_plan = session::train_plan(plan)?;
        let (values, labels) = (self.table.values.as_slice(), self.table.labels.as_deref());
        let channel = self.party.root();
        let mut opened = session::open::<R>(self.party, &channel, &self.settings.party, plan, start)?;
        let bar = Bar::counting("training", "steps");
        let share = symbolon_lr::train(&mut opened.session, &train_plan, values, labels, &mut |progress| {
            bar.at(progress.step, progress.of);
        })?;
        drop(bar);
        let accuracy = if self.task.reveal {
            report.warn(
                "-reveal_labels_and_scores: every party now learns every label and every score; a party that does not \
                 pass it too leaves here, and the run fails"
                    .into(),
            );
            let revealed =
                symbolon_lr::reference_inference(&mut opened.session, &train_plan, &share, values, labels)?;
            Some(accuracy(&revealed.labels, &revealed.scores))
        } else {
            report.warn(
                "training is done and no label or score is revealed; a peer that runs the reference implementation now \
                 waits for its final inference, which reveals them all, and will report a failure"
                    .into(),
            );
            None
        };
        let run = format!("ic-main-{}", session::drawn_name(&mut opened)?);
        opened.close();
        Ok(Done { share: ModelHalf::encode_share(share.as_matrix()), run, accuracy })
    }
}

/// The share of rows whose linear score is on their label's side of 1/2, as the reference counts: a label
/// other than 0 and 1 counts against it.
fn accuracy(labels: &[f64], scores: &[f64]) -> f64 {
    let right = labels.iter().zip(scores).filter(|(label, score)| {
        let (zero, one) = (**label == 0.0, (**label - 1.0).abs() < 1e-6);
        (zero && **score < 0.5) || (one && **score >= 0.5)
    });
    right.count() as f64 / labels.len() as f64
}

/// A number with six significant digits and no needless zeros, as C++ prints it.
fn shown(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits = 5 - value.abs().log10().floor() as i32;
    let text = format!("{value:.*}", usize::try_from(digits).unwrap_or(0));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn half(plan: &LrPlan, rank: usize, table: &Numbers, run: String, share: String) -> ModelHalf {
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
        features: table.features.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accuracy_is_counted_and_printed_as_there() {
        assert_eq!(accuracy(&[0.0, 0.0, 1.0, 1.0, 2.0], &[0.4, 0.5, 0.5, -3.0, 2.0]), 0.4);
        for (value, text) in
            [(0.5, "0.5"), (1.0, "1"), (0.0, "0"), (2.0 / 3.0, "0.666667"), (1.0 / 30.0, "0.0333333")]
        {
            assert_eq!(shown(value), text);
        }
    }
}
