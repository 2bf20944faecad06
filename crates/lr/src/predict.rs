//! Prediction with a shared model.

use symbolon_operators::matmul;
use symbolon_ring::Ring;
use symbolon_semi2k::{Session, Share};

use crate::{
    LrError, PredictPlan, TrainPlan,
    schedule::{self, Schedule},
    table::{Label, Table},
};

/// Scores sigmoid(x·w + bias) for every row, revealed to `plan.score_rank` and to nobody else: `Some` there,
/// `None` elsewhere.
///
/// `features` as in [`crate::train`]; `model` is the own share of the (d+1)×1 model. Works
/// `plan.batch_size` rows at a time, so that memory does not grow with the number of rows beyond the own
/// columns and the scores.
///
/// # Errors
/// `Config…` when the plan does not hold together, `Ours…` when the own data or model does not fit it
/// (before any message is sent); errors of the protocol.
pub fn predict<R: Ring>(
    session: &mut Session<R>,
    plan: &PredictPlan,
    model: &Share<R>,
    features: &[f32],
) -> Result<Option<Vec<f64>>, LrError> {
    plan.check()?;
    let fixed = session.fixed();
    plan.sigmoid.check(fixed)?;
    check_model(model, plan.feature_count())?;
    let table = Table::encode(session, plan.samples, &plan.features, features)?;
    let batches = schedule::prediction(session, plan);
    let mut ahead = Schedule::start(session, batches)?;

    let mut scores = (session.rank() == plan.score_rank).then(|| Vec::with_capacity(plan.samples));
    for start in (0..plan.samples).step_by(plan.batch_size) {
        let rows = start..plan.samples.min(start.saturating_add(plan.batch_size));
        ahead.advance(session)?;
        let x = table.batch(session, rows)?;
        let z = matmul(session, &x, model)?;
        let shared = plan.sigmoid.apply(session, &z)?;
        let revealed = session.reveal_to(plan.score_rank, &shared)?;
        if let (Some(scores), Some(revealed)) = (&mut scores, revealed) {
            scores.extend(fixed.decode_slice(revealed.as_slice()));
        }
    }
    Ok(scores)
}

/// What [`reference_inference`] gives away to every party.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceInference {
    /// The label of every row.
    pub labels: Vec<f64>,
    /// x·w + bias of every row, without a sigmoid.
    pub scores: Vec<f64>,
}

/// The last part of a run of the reference implementation (erratum E25): a linear inference on all training
/// rows, after which **every party learns every label and every score**. Only for a peer that insists on
/// it.
///
/// In this order: the ones column of all rows, one matrix triple for X·w, the labels revealed, the scores
/// revealed. Arguments as in [`crate::train`]; the rows that did not fill a batch are included.
///
/// # Errors
/// As [`crate::train`].
pub fn reference_inference<R: Ring>(
    session: &mut Session<R>,
    plan: &TrainPlan,
    model: &Share<R>,
    features: &[f32],
    label: Option<&[f32]>,
) -> Result<ReferenceInference, LrError> {
    plan.check()?;
    check_model(model, plan.feature_count())?;
    let table = Table::encode(session, plan.samples, &plan.features, features)?;
    let label = Label::encode(session, plan.samples, plan.label_rank, label)?;
    let fixed = session.fixed();
    let x = table.batch(session, 0..plan.samples)?;
    let z = matmul(session, &x, model)?;
    let labels = session.reveal(&label.batch(0..plan.samples))?;
    let scores = session.reveal(&z)?;
    Ok(ReferenceInference {
        labels: fixed.decode_slice(labels.as_slice()),
        scores: fixed.decode_slice(scores.as_slice()),
    })
}

fn check_model<R: Ring>(model: &Share<R>, features: usize) -> Result<(), LrError> {
    let (rows, cols) = model.shape();
    if cols == 1 && features.checked_add(1) == Some(rows) {
        return Ok(());
    }
    Err(LrError::OursModel { weights: rows.saturating_mul(cols), features })
}
