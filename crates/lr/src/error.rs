//! What can go wrong in training and prediction.

use symbolon_operators::OperatorError;
use symbolon_ring::RingError;
use symbolon_semi2k::Semi2kError;

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LrError {
    /// The protocol underneath failed: a peer, the dealer or the link.
    #[error(transparent)]
    Protocol(#[from] Semi2kError),
    /// An operator failed.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// A number of the plan is outside its range.
    #[error("the plan's {field} is {value}: {requirement}")]
    ConfigPlan {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        requirement: &'static str,
    },
    /// No batch can be filled.
    #[error(
        "a batch of {batch_size} rows cannot be filled from {samples} samples; choose a smaller batch_size"
    )]
    ConfigBatch {
        /// Rows of one batch.
        batch_size: usize,
        /// Rows there are.
        samples: usize,
    },
    /// The plan is for another number of parties than the session.
    #[error("the plan lists the features of {planned} parties, but the session has {parties}")]
    ConfigParties {
        /// Parties in the plan.
        planned: usize,
        /// Parties of the session.
        parties: usize,
    },
    /// A hyper-parameter cannot be encoded in the ring of the session.
    #[error("{field} cannot be encoded: {source}")]
    ConfigEncoding {
        /// The hyper-parameter.
        field: &'static str,
        /// Why.
        source: RingError,
    },
    /// The step size vanishes in fixed point.
    #[error(
        "learning_rate / batch_size = {intended:e} becomes {encoded} units of 2^-{fraction_bits}, which does not \
         descend; choose another learning rate, other fraction bits or a wider ring"
    )]
    ConfigStepSize {
        /// learning_rate / batch_size.
        intended: f64,
        /// What the ring holds of it: 0 when it is too small, negative when the product has wrapped.
        encoded: i128,
        /// Fraction bits of the session.
        fraction_bits: u32,
    },
    /// The own data does not have the shape of the plan.
    #[error("{values} feature values given where the plan has {samples} samples of {features} own features")]
    OursFeatureCount {
        /// Values given.
        values: usize,
        /// Samples of the plan.
        samples: usize,
        /// Own features of the plan.
        features: usize,
    },
    /// The number of labels is not the number of samples.
    #[error("{labels} labels given for {samples} samples")]
    OursLabelCount {
        /// Labels given.
        labels: usize,
        /// Samples of the plan.
        samples: usize,
    },
    /// The plan puts the label at this party, but none was given.
    #[error("the plan puts the label at this party (rank {rank}), but no label was given")]
    OursLabelMissing {
        /// The own rank.
        rank: usize,
    },
    /// A label was given though the plan puts it elsewhere.
    #[error("a label was given at rank {rank}, but the plan puts the label at rank {label_rank}")]
    OursLabelUnexpected {
        /// The own rank.
        rank: usize,
        /// The rank with the label.
        label_rank: usize,
    },
    /// A value of the own table cannot be encoded (the source names row and column, from 0).
    #[error("own {table}: {source}")]
    OursValue {
        /// `features` or `label`.
        table: &'static str,
        /// Which value, where and why.
        source: RingError,
    },
    /// The weights do not fit the plan.
    #[error("a model of {weights} weights does not fit {features} features and a bias")]
    OursModel {
        /// Rows of the model share.
        weights: usize,
        /// Features of all parties in the plan.
        features: usize,
    },
    /// Matrices that were put together here do not fit: a defect of this crate.
    #[error("shapes of the computation do not fit")]
    OursShape(#[source] RingError),
    /// Labels and scores cannot be compared.
    #[error(
        "{labels} labels and {scores} scores cannot be compared: there must be equally many, at least one"
    )]
    OursMetricLength {
        /// Labels given.
        labels: usize,
        /// Scores given.
        scores: usize,
    },
    /// A label is neither 0 nor 1.
    #[error("the label in row {row} (from 0) is neither 0 nor 1")]
    OursMetricLabel {
        /// The row.
        row: usize,
    },
    /// A score is not a number.
    #[error("the score in row {row} (from 0) is not a number")]
    OursMetricScore {
        /// The row.
        row: usize,
    },
    /// AUC needs both classes.
    #[error("AUC is undefined: all {samples} labels are of the same class")]
    OursOneClass {
        /// Labels given.
        samples: usize,
    },
}
