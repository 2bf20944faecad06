//! What the parties agreed to compute.

use std::ops::Range;

use symbolon_dialect::{FirstStepDraws, PublicTruncation};
use symbolon_mutants::Mutant;
use symbolon_operators::Sigmoid;
use symbolon_ring::{FixedPoint, Ring};

use crate::LrError;

/// Training: mini-batch SGD with L2. Every party must hold the same plan, bit for bit: a public constant that
/// differs makes the shares of the result random.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainPlan {
    /// Passes over the data, at least 1.
    pub epochs: u64,
    /// Rows of a batch, 1 to `samples`. The rows after the last full batch of an epoch are not used.
    pub batch_size: usize,
    /// The learning rate, positive; used as a 32-bit float.
    pub learning_rate: f64,
    /// The weight λ of the L2 term, not negative; used as a 32-bit float. 0 leaves the term out.
    pub l2: f64,
    /// What stands for the logistic function.
    pub sigmoid: Sigmoid,
    /// Rows at every party, aligned.
    pub samples: usize,
    /// Features of each rank, in rank order.
    pub features: Vec<usize>,
    /// The rank with the label.
    pub label_rank: usize,
    /// Erratum E23: what the first step draws from the pairwise streams.
    pub first_step_draws: FirstStepDraws,
    /// Erratum E08: how the step size, a product of public numbers, is truncated.
    pub public_truncation: PublicTruncation,
    /// Replaces the step size computed from `learning_rate` and `batch_size`, as an integer of f fraction
    /// bits. For peers (and recordings) whose driver passes it in.
    pub step_size: Option<i128>,
}

/// The step size learning_rate / batch_size in fixed point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepSize {
    /// The integer of f fraction bits that the parties use.
    pub encoded: i128,
    /// What it stands for.
    pub effective: f64,
    /// learning_rate / batch_size in double precision.
    pub intended: f64,
}

impl StepSize {
    /// |effective - intended| / intended.
    pub fn relative_error(self) -> f64 {
        ((self.effective - self.intended) / self.intended).abs()
    }

    /// Whether the fraction bits hold the step size within 10 %. If not, training is as with a learning rate
    /// of `effective * batch_size`.
    pub fn is_faithful(self) -> bool {
        self.relative_error() <= 0.1
    }
}

impl TrainPlan {
    /// Features of all parties.
    pub fn feature_count(&self) -> usize {
        total(&self.features)
    }

    /// Full batches of one epoch.
    pub fn batches(&self) -> usize {
        self.samples.checked_div(self.batch_size).unwrap_or(0)
    }

    /// The rows of a batch of every epoch, from 0.
    pub(crate) fn rows(&self, batch: usize) -> Range<usize> {
        let skipped = if Mutant::RowsFromTheEnd.is_on() { self.samples % self.batch_size } else { 0 };
        skipped + batch * self.batch_size..skipped + (batch + 1) * self.batch_size
    }

    /// Steps of the whole training.
    pub fn steps(&self) -> u64 {
        self.epochs.saturating_mul(self.batches() as u64)
    }

    /// The step size: encode(learning_rate) · encode(1 / batch_size), truncated by f as `public_truncation`
    /// says, or the one that the plan injects.
    ///
    /// # Errors
    /// [`LrError::ConfigEncoding`] when the learning rate cannot be encoded.
    pub fn step_size<R: Ring>(&self, fixed: FixedPoint<R>) -> Result<StepSize, LrError> {
        let encoded = match self.step_size {
            Some(injected) => R::from_i128(injected),
            None => {
                let rate = encode(fixed, "learning_rate", self.learning_rate)?;
                // The reference divides in single precision; so does every peer.
                let divisor = if Mutant::StepSizeOfSum.is_on() { 1.0 } else { self.batch_size as f32 };
                let inverse = 1.0_f32 / divisor;
                let inverse = fixed
                    .encode(inverse)
                    .map_err(|source| LrError::ConfigEncoding { field: "1 / batch_size", source })?;
                fixed.truncate_public(rate.mul(inverse), self.public_truncation)
            }
        };
        Ok(StepSize {
            encoded: encoded.to_i128(),
            effective: fixed.decode(encoded),
            intended: self.learning_rate / self.batch_size as f64,
        })
    }

    /// λ in fixed point, or nothing when it is 0.
    pub(crate) fn encoded_l2<R: Ring>(&self, fixed: FixedPoint<R>) -> Result<Option<R>, LrError> {
        if self.l2 == 0.0 || Mutant::PenaltyIgnored.is_on() {
            Ok(None)
        } else {
            encode(fixed, "l2", self.l2).map(Some)
        }
    }

    /// Checks everything that does not need a session: see [`LrError`]'s `Config` variants.
    ///
    /// # Errors
    /// The first field outside its range.
    pub fn check(&self) -> Result<(), LrError> {
        require(self.epochs > 0, "epochs", self.epochs, "train for at least one")?;
        require(self.batch_size > 0, "batch_size", self.batch_size, "a batch has at least one row")?;
        let rate = self.learning_rate;
        require(rate > 0.0 && rate.is_finite(), "learning_rate", rate, "it must be positive and finite")?;
        require(self.l2 >= 0.0 && self.l2.is_finite(), "l2", self.l2, "it must be finite and not negative")?;
        check_table(self.samples, &self.features)?;
        check_rank("label_rank", self.label_rank, &self.features)?;
        if self.batch_size > self.samples {
            return Err(LrError::ConfigBatch { batch_size: self.batch_size, samples: self.samples });
        }
        Ok(())
    }
}

/// Prediction: one score per aligned row, revealed to one rank.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictPlan {
    /// Rows at every party, aligned.
    pub samples: usize,
    /// Features of each rank, in rank order, as in training.
    pub features: Vec<usize>,
    /// The rank that learns the scores.
    pub score_rank: usize,
    /// What stands for the logistic function, as in training.
    pub sigmoid: Sigmoid,
    /// Rows that are computed at a time; bounds the memory. The last batch may be smaller.
    pub batch_size: usize,
}

impl PredictPlan {
    /// Features of all parties.
    pub fn feature_count(&self) -> usize {
        total(&self.features)
    }

    /// Checks everything that does not need a session.
    ///
    /// # Errors
    /// The first field outside its range.
    pub fn check(&self) -> Result<(), LrError> {
        require(self.batch_size > 0, "batch_size", self.batch_size, "a batch has at least one row")?;
        check_table(self.samples, &self.features)?;
        check_rank("score_rank", self.score_rank, &self.features)
    }
}

/// The sum, or the largest number when it is larger still (which [`check_table`] refuses).
fn total(features: &[usize]) -> usize {
    features.iter().fold(0, |sum, &own| sum.saturating_add(own))
}

fn encode<R: Ring>(fixed: FixedPoint<R>, field: &'static str, value: f64) -> Result<R, LrError> {
    // Hyper-parameters travel as doubles and are used as single-precision floats by every implementation.
    fixed.encode(value as f32).map_err(|source| LrError::ConfigEncoding { field, source })
}

fn check_table(samples: usize, features: &[usize]) -> Result<(), LrError> {
    require(samples > 0, "samples", samples, "there must be at least one row")?;
    let width = features.iter().try_fold(1_usize, |sum, &own| sum.checked_add(own));
    let size = width
        .and_then(|width| width.checked_mul(samples))
        .filter(|&size| size <= isize::MAX.cast_unsigned() / 16);
    require(size.is_some(), "samples", samples, "the table must fit the address space")?;
    require(width > Some(1), "features", 0, "at least one party must have a feature")
}

fn check_rank(field: &'static str, rank: usize, features: &[usize]) -> Result<(), LrError> {
    require(rank < features.len(), field, rank, "it must be the rank of a party")
}

fn require(
    holds: bool,
    field: &'static str,
    value: impl std::fmt::Display,
    requirement: &'static str,
) -> Result<(), LrError> {
    if holds { Ok(()) } else { Err(LrError::ConfigPlan { field, value: value.to_string(), requirement }) }
}
