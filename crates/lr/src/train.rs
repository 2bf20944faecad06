//! Training.

use symbolon_dialect::FirstStepDraws;
use symbolon_operators::{Sigmoid, matmul};
use symbolon_ring::{FixedPoint, Matrix, Ring};
use symbolon_semi2k::{Session, Share};

use crate::{
    LrError, TrainPlan,
    schedule::{self, Schedule},
    table::{Label, Table},
};

/// How far training is, after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The epoch of that step, from 1.
    pub epoch: u64,
    /// Epochs in all.
    pub epochs: u64,
    /// Steps done, counted over all epochs, from 1.
    pub step: u64,
    /// Steps in all.
    pub of: u64,
}

/// Trains on the own columns (and the label, at its rank) and returns the own share of the model: the
/// weights of rank 0's features, of rank 1's, and so on, and the bias last; (d+1)×1 fixed-point numbers.
/// Nothing is revealed.
///
/// `features` holds `plan.samples` rows of `plan.features[rank]` values, row by row; `label` one value per
/// row, at `plan.label_rank` only. Rows are aligned among the parties.
///
/// The session is told the triples of the coming steps before they are needed, so that their corrections are
/// fetched ahead. `progress` is called after each step.
///
/// # Errors
/// `Config…` when the plan does not hold together or does not fit the session's ring, `Ours…` when the own
/// data does not fit the plan (before any message is sent); errors of the protocol.
pub fn train<R: Ring>(
    session: &mut Session<R>,
    plan: &TrainPlan,
    features: &[f32],
    label: Option<&[f32]>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Share<R>, LrError> {
    plan.check()?;
    let constants = Constants::new(plan, session.fixed())?;
    let table = Table::encode(session, plan.samples, &plan.features, features)?;
    let label = Label::encode(session, plan.samples, plan.label_rank, label)?;
    let steps = schedule::training(session, plan);
    let mut ahead = Schedule::start(session, steps)?;

    let (epochs, of) = (plan.epochs, plan.steps());
    let mut model = Model::PublicZero(plan.feature_count() + 1);
    let mut step = 0;
    for epoch in 1..=epochs {
        for batch in 0..plan.batches() {
            let rows = batch * plan.batch_size..(batch + 1) * plan.batch_size;
            ahead.advance(session)?;
            let x = table.batch(session, rows.clone())?;
            let y = label.batch(rows);
            model = Model::Shared(constants.step(session, &x, &y, &model)?);
            step += 1;
            progress(Progress { epoch, epochs, step, of });
        }
    }
    match model {
        Model::Shared(share) => Ok(share),
        // the plan was checked: at least one epoch with at least one batch
        Model::PublicZero(rows) => Ok(Share::zeros(rows, 1)),
    }
}

/// The model between two steps.
enum Model<R> {
    /// That many weights, all zero and known to be so: they cost no triple and no message.
    PublicZero(usize),
    Shared(Share<R>),
}

/// The public numbers of every step, encoded once.
struct Constants<R> {
    fixed: FixedPoint<R>,
    sigmoid: Sigmoid,
    step_size: R,
    l2: Option<R>,
    first_step_draws: FirstStepDraws,
}

impl<R: Ring> Constants<R> {
    fn new(plan: &TrainPlan, fixed: FixedPoint<R>) -> Result<Self, LrError> {
        plan.sigmoid.check(fixed)?;
        let step_size = plan.step_size(fixed)?;
        if step_size.encoded <= 0 {
            let (intended, encoded) = (step_size.intended, step_size.encoded);
            return Err(LrError::ConfigStepSize { intended, encoded, fraction_bits: fixed.fraction_bits() });
        }
        if !step_size.is_faithful() {
            tracing::warn!(
                intended = step_size.intended,
                effective = step_size.effective,
                fraction_bits = fixed.fraction_bits(),
                "the fraction bits do not hold learning_rate / batch_size within 10 %"
            );
        }
        Ok(Self {
            fixed,
            sigmoid: plan.sigmoid,
            step_size: R::from_i128(step_size.encoded),
            l2: plan.encoded_l2(fixed)?,
            first_step_draws: plan.first_step_draws,
        })
    }

    /// One step of SGD on a batch, PPCA 7-2023 (SS-LR, vertical), in the reference's order of operations.
    ///
    /// x: batch×(d+1), y: batch×1, model: (d+1)×1.
    fn step(
        &self,
        session: &mut Session<R>,
        x: &Share<R>,
        y: &Share<R>,
        model: &Model<R>,
    ) -> Result<Share<R>, LrError> {
        let f = self.fixed.fraction_bits();
        let z = match model {
            Model::Shared(w) => matmul(session, x, w)?,
            // A product with public zeros is local: every share is zero, and is truncated like any product.
            Model::PublicZero(_) => {
                let product = Share::zeros(x.rows(), 1);
                session.truncate(product, f)?
            }
        };
        let predicted = self.sigmoid.apply(session, &z)?;
        let error = session.sub(&predicted, y)?;
        let mut gradient = matmul(session, &x.transpose(), &error)?;
        if let Some(l2) = self.l2
            && let Some(penalised) = self.penalised(session, model)?
        {
            let penalty = session.mul_public_scalar(&penalised, l2);
            let penalty = session.truncate(penalty, f)?;
            gradient = session.add(&gradient, &penalty)?;
        }
        let step = session.mul_public_scalar(&gradient, self.step_size);
        let step = session.truncate(step, f)?;
        Ok(match model {
            Model::Shared(w) => session.sub(w, &step)?,
            Model::PublicZero(_) => session.neg(&step),
        })
    }

    /// The weights with a zero, made a share anew, in place of the bias, which L2 leaves alone. Nothing in a
    /// first step that draws nothing for it (erratum E23): the weights are then zero.
    fn penalised(&self, session: &mut Session<R>, model: &Model<R>) -> Result<Option<Share<R>>, LrError> {
        match model {
            Model::Shared(w) => {
                let zero = session.seal(&Matrix::zeros(1, 1))?;
                Ok(Some(
                    w.row_range(0..w.rows().saturating_sub(1)).vconcat(&zero).map_err(LrError::OursShape)?,
                ))
            }
            Model::PublicZero(rows) => match self.first_step_draws {
                FirstStepDraws::OnesOnly => Ok(None),
                FirstStepDraws::Reference => {
                    // first the zero, then the weights, which joining them makes a share
                    let zero = session.seal(&Matrix::zeros(1, 1))?;
                    let weights = session.seal(&Matrix::zeros(rows.saturating_sub(1), 1))?;
                    Ok(Some(weights.vconcat(&zero).map_err(LrError::OursShape)?))
                }
            },
        }
    }
}
