//! What the computation will ask of the dealer, in order, so that corrections can be fetched ahead of need.

use symbolon_dialect::FirstStepDraws;
use symbolon_operators::{matmul_kept_transposed_triples, matmul_kept_triples, matmul_triples};
use symbolon_ring::Ring;
use symbolon_semi2k::{Kept, Session};
use symbolon_triples::{AdjustRequest, Draw, Op};

use crate::{LrError, PredictPlan, TrainPlan};

/// Steps (or batches) announced beyond the one under way. How many corrections are really fetched ahead is
/// the session's business; this only keeps the announcement itself from growing with the length of a run.
const STEPS_AHEAD: usize = 64;

/// The announcement of a run, step by step.
pub(crate) struct Schedule<I> {
    steps: I,
}

impl<D: Into<Draw>, I: Iterator<Item = Vec<D>>> Schedule<I> {
    /// Announces the first steps.
    pub(crate) fn start<R: Ring>(session: &mut Session<R>, steps: I) -> Result<Self, LrError> {
        let mut schedule = Self { steps };
        session.schedule(schedule.steps.by_ref().take(STEPS_AHEAD).flatten())?;
        Ok(schedule)
    }

    /// Announces one step more; called at the start of each step.
    pub(crate) fn advance<R: Ring>(&mut self, session: &mut Session<R>) -> Result<(), LrError> {
        Ok(session.schedule(self.steps.next().into_iter().flatten())?)
    }
}

/// What the adjust rank asks the dealer in a whole training ([`crate::train`], or [`crate::train_keeping_masks`] if
/// `keep_masks`), request by request, when `session` has done nothing yet: so that corrections can be made ahead of time,
/// without any data. Moves the session past the masks that are kept; it is of no further use.
///
/// # Errors
/// `Config…` when the plan does not hold together; each item when a request is impossible.
pub fn training_requests<R: Ring>(
    session: &mut Session<R>,
    plan: &TrainPlan,
    keep_masks: bool,
) -> Result<impl Iterator<Item = Result<AdjustRequest, LrError>>, LrError> {
    plan.check()?;
    let steps: Box<dyn Iterator<Item = Vec<Draw>>> = if keep_masks {
        let table = session.keep(plan.batches() * plan.batch_size, plan.feature_count() + 1)?;
        Box::new(training_kept(session, plan, &table)?)
    } else {
        Box::new(training(session, plan).map(|step| step.into_iter().map(Draw::from).collect()))
    };
    Ok(session.requests(steps.flatten()).map(|request| Ok(request?)))
}

/// What each training step draws.
pub(crate) fn training<R: Ring>(
    session: &Session<R>,
    plan: &TrainPlan,
) -> impl Iterator<Item = Vec<Op>> + use<R> {
    let first = step(session, plan, true);
    let later = step(session, plan, false);
    std::iter::once(first).chain((1..plan.steps()).map(move |_| later.clone()))
}

/// What each training step draws when the table is a kept matrix.
pub(crate) fn training_kept<R: Ring>(
    session: &Session<R>,
    plan: &TrainPlan,
    table: &Kept<R>,
) -> Result<impl Iterator<Item = Vec<Draw>> + use<R>, LrError> {
    let of_batch = |batch| {
        let rows = plan.rows(batch);
        let by_weights = matmul_kept_triples(session, table, rows.clone(), 1)?;
        let by_error = matmul_kept_transposed_triples(session, table, rows, 1)?;
        Ok::<_, LrError>((
            step_with(session, plan, true, by_weights.clone(), by_error.clone()),
            step_with(session, plan, false, by_weights, by_error),
        ))
    };
    let batches = (0..plan.batches()).map(of_batch).collect::<Result<Vec<_>, _>>()?;
    let first = batches.first().map(|(first, _)| first.clone());
    let later: Vec<Vec<Draw>> = batches.into_iter().map(|(_, later)| later).collect();
    let steps = usize::try_from(plan.steps()).unwrap_or(usize::MAX);
    Ok(first.into_iter().chain(later.into_iter().cycle().take(steps).skip(1)))
}

fn step<R: Ring>(session: &Session<R>, plan: &TrainPlan, first: bool) -> Vec<Op> {
    let (batch, weights) = (plan.batch_size, plan.feature_count() + 1);
    let by_weights = matmul_triples(session, batch, weights, 1);
    step_with(session, plan, first, by_weights, matmul_triples(session, weights, batch, 1))
}

/// A step with these draws for X·w and Xᵀ·error.
fn step_with<R: Ring, D: From<Op>>(
    session: &Session<R>,
    plan: &TrainPlan,
    first: bool,
    by_weights: Vec<D>,
    by_error: Vec<D>,
) -> Vec<D> {
    let (batch, weights) = (plan.batch_size, plan.feature_count() + 1);
    let truncation =
        |len| session.truncation_op(len, session.fixed().fraction_bits()).into_iter().map(D::from);
    let mut draws = if first { truncation(batch).collect() } else { by_weights };
    draws.extend(plan.sigmoid.triples(session, batch).into_iter().map(D::from));
    draws.extend(by_error);
    if plan.l2 != 0.0 && (!first || plan.first_step_draws == FirstStepDraws::Reference) {
        draws.extend(truncation(weights));
    }
    draws.extend(truncation(weights));
    draws
}

/// What each batch of a prediction draws.
pub(crate) fn prediction<R: Ring>(
    session: &Session<R>,
    plan: &PredictPlan,
) -> impl Iterator<Item = Vec<Op>> + use<R> {
    let batch = |rows| {
        let mut ops = matmul_triples(session, rows, plan.feature_count() + 1, 1);
        ops.extend(plan.sigmoid.triples(session, rows));
        ops
    };
    let (full, rest) = (plan.samples / plan.batch_size, plan.samples % plan.batch_size);
    let last = (rest > 0).then(|| batch(rest));
    let each = if full > 0 { batch(plan.batch_size) } else { Vec::new() };
    (0..full).map(move |_| each.clone()).chain(last)
}

#[cfg(test)]
mod tests {
    use symbolon_dialect::{Dialect, PublicTruncation};
    use symbolon_operators::Sigmoid;
    use symbolon_semi2k::testing::run_parties;

    use super::*;

    const F: u32 = 18;

    /// The announcements of a training of two steps, four features, batches of three; and of a prediction of
    /// seven rows in batches of three.
    fn announced(parties: usize, draws: FirstStepDraws) -> (Vec<Vec<Op>>, Vec<Vec<Op>>) {
        let mut features = vec![0; parties];
        features[1] = 4;
        let train = TrainPlan {
            epochs: 1,
            batch_size: 3,
            learning_rate: 0.1,
            l2: 0.1,
            sigmoid: Sigmoid::Minimax1,
            samples: 7,
            features: features.clone(),
            label_rank: 0,
            first_step_draws: draws,
            public_truncation: PublicTruncation::Round,
            step_size: None,
        };
        let predict =
            PredictPlan { samples: 7, features, score_rank: 0, sigmoid: Sigmoid::Minimax1, batch_size: 3 };
        let by_rank = run_parties::<u64, _>(parties, &Dialect::symbolon(), F, |session, _| {
            (training(session, &train).collect(), prediction(session, &predict).collect())
        });
        by_rank[0].clone()
    }

    fn dot(m: usize, k: usize) -> Op {
        Op::Dot { m, k, n: 1 }
    }

    #[test]
    fn two_parties_draw_two_products_a_step_and_one_in_the_first() {
        for draws in [FirstStepDraws::Reference, FirstStepDraws::OnesOnly] {
            let (train, predict) = announced(2, draws);
            assert_eq!(train, [vec![dot(5, 3)], vec![dot(3, 5), dot(5, 3)]]);
            assert_eq!(predict, [[dot(3, 5)], [dot(3, 5)], [dot(1, 5)]]);
        }
    }

    #[test]
    fn more_parties_draw_a_pair_for_each_truncation() {
        let pair = |len| Op::Trunc { len, bits: F };
        let later = vec![dot(3, 5), pair(3), pair(3), dot(5, 3), pair(5), pair(5), pair(5)];
        let (train, predict) = announced(3, FirstStepDraws::Reference);
        assert_eq!(train, [vec![pair(3), pair(3), dot(5, 3), pair(5), pair(5), pair(5)], later.clone()]);
        assert_eq!(predict[2], [dot(1, 5), pair(1), pair(1)]);
        let (train, _) = announced(3, FirstStepDraws::OnesOnly);
        assert_eq!(train, [vec![pair(3), pair(3), dot(5, 3), pair(5), pair(5)], later]);
    }
}
