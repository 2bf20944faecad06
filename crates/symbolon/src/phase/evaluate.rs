//! How good scores are, where labels and scores meet.

use symbolon_lr::metrics;

use crate::error::Result;
use crate::report::{Evaluation, Report};

/// AUC and accuracy of `scores`, at the party that has the labels. Nothing is sent.
///
/// # Errors
/// [`crate::Error::Ours`] if there are not as many scores as labels.
pub fn evaluate(labels: &[f32], scores: &[f64], report: &mut Report) -> Result<Evaluation> {
    let evaluation = Evaluation {
        samples: labels.len(),
        // Undefined if all labels are equal: no number then.
        auc: metrics::auc(labels, scores).ok(),
        accuracy: metrics::accuracy(labels, scores)?,
    };
    let short = |value: f64| (value * 1e6).round() / 1e6;
    tracing::info!(
        samples = evaluation.samples,
        auc = evaluation.auc.map(short),
        accuracy = short(evaluation.accuracy),
        "evaluated"
    );
    report.evaluation = Some(evaluation);
    Ok(evaluation)
}
