//! Training.

use std::ops::Range;

use symbolon_dialect::FirstStepDraws;
use symbolon_mutants::Mutant;
use symbolon_operators::{Sigmoid, matmul, matmul_kept, matmul_kept_transposed, matmul_transposed};
use symbolon_ring::{FixedPoint, Matrix, Ring};
use symbolon_semi2k::{Kept, Session, Share};
use symbolon_triples::Draw;

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
    let run = Run::new(session, plan, features, label)?;
    let batches = Batches::Anew(&run.table);
    let steps = schedule::training(session, plan);
    run.train(session, batches, steps, progress)
}

/// As [`train`], with one mask for each row of the table instead of two new ones in every step: a row is opened once,
/// under its mask, and all products of all epochs use that ([`symbolon_semi2k::Kept`]). The result has the same
/// distribution. All parties must train this way, and the dealer must allow that blocks of a stream are a factor again
/// (the adjust rank asks for products of earlier masks).
///
/// In the first epoch a step opens (batch + 1)·c + batch values, in later ones c + batch, where c is d + 1 filled up to
/// whole blocks of 16 bytes. What was opened of the table stays in memory: samples·c elements.
///
/// # Errors
/// As [`train`].
pub fn train_keeping_masks<R: Ring>(
    session: &mut Session<R>,
    plan: &TrainPlan,
    features: &[f32],
    label: Option<&[f32]>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Share<R>, LrError> {
    let run = Run::new(session, plan, features, label)?;
    let opened = session.keep(plan.batches() * plan.batch_size, plan.feature_count() + 1)?;
    let steps = schedule::training_kept(session, plan, &opened)?;
    run.train(session, Batches::Kept { table: &run.table, opened }, steps, progress)
}

/// Elements that [`train_keeping_masks`] holds of the table that was opened under its masks.
pub fn kept_elements<R: Ring>(plan: &TrainPlan) -> usize {
    let rows = plan.batches().saturating_mul(plan.batch_size);
    rows.saturating_mul(Kept::<R>::masked_cols(plan.feature_count().saturating_add(1)))
}

/// A training whose plan and own data are checked.
struct Run<'a, R> {
    plan: &'a TrainPlan,
    constants: Constants<R>,
    table: Table<R>,
    label: Label<R>,
}

impl<'a, R: Ring> Run<'a, R> {
    fn new(
        session: &Session<R>,
        plan: &'a TrainPlan,
        features: &[f32],
        label: Option<&[f32]>,
    ) -> Result<Self, LrError> {
        plan.check()?;
        let constants = Constants::new(plan, session.fixed())?;
        let table = Table::encode(session, plan.samples, &plan.features, features)?;
        let label = Label::encode(session, plan.samples, plan.label_rank, label)?;
        Ok(Self { plan, constants, table, label })
    }

    fn train<D: Into<Draw>>(
        &self,
        session: &mut Session<R>,
        mut batches: Batches<'_, R>,
        steps: impl Iterator<Item = Vec<D>>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Share<R>, LrError> {
        let plan = self.plan;
        let mut ahead = Schedule::start(session, steps)?;
        let (epochs, of) = (plan.epochs, plan.steps());
        let mut model = Model::PublicZero(plan.feature_count() + 1);
        let mut step = 0;
        for epoch in 1..=epochs {
            for batch in 0..plan.batches() {
                let rows = plan.rows(batch);
                ahead.advance(session)?;
                let mut x = batches.batch(session, rows.clone())?;
                let y = self.label.batch(rows);
                if Mutant::LabelsRevealed.is_on() && step + 1 == of {
                    let _ = session.channel().allgather_start(y.as_matrix().to_le_bytes());
                }
                model = Model::Shared(self.constants.step(session, &mut x, &y, &model)?);
                step += 1;
                progress(Progress { epoch, epochs, step, of });
            }
        }
        match model {
            Model::Shared(share) if Mutant::WeightsRevealed.is_on() => {
                let _ = session.channel().allgather_start(share.as_matrix().to_le_bytes());
                Ok(share)
            }
            Model::Shared(share) => Ok(share),
            // the plan was checked: at least one epoch with at least one batch
            Model::PublicZero(rows) => Ok(Share::zeros(rows, 1)),
        }
    }
}

/// Where the batches come from.
enum Batches<'a, R: Ring> {
    /// A new share in every step, for products with masks of their own.
    Anew(&'a Table<R>),
    /// Rows that are opened under their masks when they first take part.
    Kept { table: &'a Table<R>, opened: Kept<R> },
}

impl<R: Ring> Batches<'_, R> {
    fn batch(&mut self, session: &mut Session<R>, rows: Range<usize>) -> Result<Batch<'_, R>, LrError> {
        match self {
            Self::Anew(table) => table.batch(session, rows).map(Batch::Anew),
            Self::Kept { table, opened } => {
                if opened.rows() < rows.end {
                    let x = table.plain(session.rank(), opened.rows()..rows.end)?;
                    session.append(opened, &x)?;
                }
                Ok(Batch::Kept(opened, rows))
            }
        }
    }
}

/// The rows of one step.
enum Batch<'a, R: Ring> {
    Anew(Share<R>),
    Kept(&'a mut Kept<R>, Range<usize>),
}

impl<R: Ring> Batch<'_, R> {
    fn rows(&self) -> usize {
        match self {
            Self::Anew(x) => x.rows(),
            Self::Kept(_, rows) => rows.len(),
        }
    }

    /// X·w.
    fn times(&mut self, session: &mut Session<R>, w: &Share<R>) -> Result<Share<R>, LrError> {
        Ok(match self {
            Self::Anew(x) => matmul(session, x, w)?,
            Self::Kept(x, rows) => matmul_kept(session, x, rows.clone(), w)?,
        })
    }

    /// Xᵀ·error.
    fn transposed_times(&mut self, session: &mut Session<R>, error: &Share<R>) -> Result<Share<R>, LrError> {
        Ok(match self {
            Self::Anew(x) => matmul_transposed(session, x, error)?,
            Self::Kept(x, rows) => matmul_kept_transposed(session, x, rows.clone(), error)?,
        })
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
        x: &mut Batch<'_, R>,
        y: &Share<R>,
        model: &Model<R>,
    ) -> Result<Share<R>, LrError> {
        let f = self.fixed.fraction_bits();
        let z = match model {
            Model::Shared(w) => x.times(session, w)?,
            // A product with public zeros is local: every share is zero, and is truncated like any product.
            Model::PublicZero(_) => {
                let product = Share::zeros(x.rows(), 1);
                session.truncate(product, f)?
            }
        };
        let predicted = self.sigmoid.apply(session, &z)?;
        let reversed = Mutant::ErrorSign.is_on();
        let error = if reversed { session.sub(y, &predicted)? } else { session.sub(&predicted, y)? };
        let mut gradient = x.transposed_times(session, &error)?;
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
                if Mutant::BiasPenalised.is_on() {
                    return Ok(Some(w.clone()));
                }
                Ok(Some(
                    w.row_range(0..w.rows().saturating_sub(1)).vconcat(&zero).map_err(LrError::OursShape)?,
                ))
            }
            Model::PublicZero(rows) => match self.first_step_draws {
                FirstStepDraws::OnesOnly => Ok(None),
                FirstStepDraws::Reference => {
                    let features = Matrix::zeros(rows.saturating_sub(1), 1);
                    let early = Mutant::PenaltyDrawsSwapped.is_on().then(|| session.seal(&features));
                    // first the zero, then the weights, which joining them makes a share
                    let zero = session.seal(&Matrix::zeros(1, 1))?;
                    let weights = early.unwrap_or_else(|| session.seal(&features))?;
                    Ok(Some(weights.vconcat(&zero).map_err(LrError::OursShape)?))
                }
            },
        }
    }
}
