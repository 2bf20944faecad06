//! Corrections asked for ahead of time, before there is any data: a training that takes them one by one is the same, share
//! for share, as one whose dealer is asked while it runs.

use std::collections::VecDeque;

use symbolon_dialect::{Dialect, FirstStepDraws, PublicTruncation};
use symbolon_lr::{TrainPlan, train, train_keeping_masks, training_requests};
use symbolon_operators::Sigmoid;
use symbolon_prg::Seed;
use symbolon_ring::Ring;
use symbolon_semi2k::testing::{self, Values, run_channels};
use symbolon_semi2k::{Session, SessionConfig, Share, Truncation};
use symbolon_triples::{AdjustRequest, Corrections, Dealer, DealerError, Limits, LocalDealer};

const F: u32 = 12;

fn plan(parties: usize, sigmoid: Sigmoid) -> TrainPlan {
    TrainPlan {
        epochs: 2,
        batch_size: 3,
        learning_rate: 0.5,
        l2: 0.25,
        sigmoid,
        samples: 8,
        features: (1..=parties).collect(),
        label_rank: 1,
        first_step_draws: FirstStepDraws::Reference,
        public_truncation: PublicTruncation::Round,
        step_size: None,
    }
}

fn dealer(config: &SessionConfig, parties: usize) -> LocalDealer {
    let seeds = (0..parties).map(|rank| testing::seeds(rank, &Dialect::symbolon()).dealer).collect();
    let (cipher, construction) = (config.cipher, config.dealer_construction);
    LocalDealer::new(seeds, cipher, construction, Limits::default(), &Seed::from_u128_le(3)).unwrap()
}

/// Gives corrections in the order in which they were made, and only for what they were made for.
struct Made<R>(VecDeque<(AdjustRequest, Corrections<R>)>);

impl<R: Ring> Dealer<R> for Made<R> {
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<R>, DealerError> {
        let (made_for, corrections) = self.0.pop_front().expect("corrections are left");
        assert_eq!(made_for, *request);
        Ok(corrections)
    }
}

/// The shares of the model, by rank, with a dealer that is asked, or with `made`.
fn trained<R: Ring>(
    config: SessionConfig,
    plan: &TrainPlan,
    keep_masks: bool,
    made: Option<VecDeque<(AdjustRequest, Corrections<R>)>>,
) -> Vec<Share<R>> {
    let dialect = Dialect::symbolon();
    let parties = plan.features.len();
    let made = std::sync::Mutex::new(made);
    run_channels(parties, &dialect, |channel, rank| {
        let mut session =
            Session::<R>::establish(channel, config, testing::seeds(rank, &dialect), |opening| {
                if opening.rank != opening.adjust_rank {
                    return Ok(None);
                }
                Ok(Some(match made.lock().unwrap().take() {
                    Some(made) => Box::new(Made(made)) as Box<dyn Dealer<R>>,
                    None => Box::new(dealer(&config, parties)),
                }))
            })
            .unwrap();
        let mut values = Values::new(rank as u64);
        let features = values.reals(plan.samples * plan.features[rank], 1.0);
        let label = (rank == plan.label_rank).then(|| vec![1.0; plan.samples]);
        let train = if keep_masks { train_keeping_masks } else { train };
        train(&mut session, plan, &features, label.as_deref(), &mut |_| {}).unwrap()
    })
}

/// What a session of its own, which draws nothing and has no data, says that will be asked; and the corrections.
fn made<R: Ring>(
    config: SessionConfig,
    plan: &TrainPlan,
    keep_masks: bool,
) -> VecDeque<(AdjustRequest, Corrections<R>)> {
    let dialect = Dialect::symbolon();
    let parties = plan.features.len();
    let by_rank = run_channels(parties, &dialect, |channel, rank| {
        let mut session =
            Session::<R>::establish(channel, config, testing::seeds(rank, &dialect), |opening| {
                Ok((opening.rank == opening.adjust_rank)
                    .then(|| Box::new(Made::<R>(VecDeque::new())) as Box<dyn Dealer<R>>))
            })
            .unwrap();
        let requests = training_requests(&mut session, plan, keep_masks).unwrap();
        requests.collect::<Result<Vec<_>, _>>().unwrap()
    });
    assert!(by_rank.iter().all(|requests| *requests == by_rank[0]), "all parties foresee the same");
    let mut dealer = dealer(&config, parties);
    let adjust = |request: &AdjustRequest| {
        (request.clone(), Dealer::<R>::adjust(&mut dealer, request).expect("corrections"))
    };
    by_rank[0].iter().map(adjust).collect()
}

fn check<R: Ring>(parties: usize, sigmoid: Sigmoid, truncation: Option<Truncation>, products: usize) {
    let mut config = SessionConfig::new(F, &Dialect::symbolon());
    config.truncation = truncation.unwrap_or(config.truncation);
    let plan = plan(parties, sigmoid);
    for keep_masks in [false, true] {
        let ahead = made::<R>(config, &plan, keep_masks);
        assert_eq!(ahead.len(), products, "{parties} parties, masks kept: {keep_masks}");
        let offline = trained(config, &plan, keep_masks, Some(ahead));
        assert!(offline == trained(config, &plan, keep_masks, None), "other shares than online");
    }
}

#[test]
fn trainings_from_corrections_made_ahead_are_the_same_share_for_share() {
    // 4 steps of two products, the first of one
    check::<u64>(2, Sigmoid::Minimax1, None, 7);
    check::<u128>(2, Sigmoid::Minimax1, None, 7);
    // Taylor-3 has two more products in each step
    check::<u64>(2, Sigmoid::Taylor3, None, 7 + 8);
    // five truncations with the dealer in a step: of x·w, the sigmoid, the gradient, its penalty, and the step
    check::<u64>(2, Sigmoid::Minimax1, Some(Truncation::Precise), 7 + 20);
    check::<u32>(3, Sigmoid::Minimax1, None, 7 + 20);
}
