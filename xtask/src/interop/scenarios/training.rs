//! SS-LR between an SPU party and ours, agreed by handshake, with our dealer.

use serde_json::{Value, json};
use symbolon_dialect::{FirstStepDraws, PublicTruncation};
use symbolon_lr::TrainPlan;
use symbolon_operators::Sigmoid;
use symbolon_ring::{FixedPoint, Ring};

use super::model::{self, Table};
use super::{OURS, SPU, dealer};
use crate::interop::scenario::{Actor, Life, Place, Program, Scenario};

/// What is varied.
#[derive(Clone, Copy)]
pub(in crate::interop) struct Case {
    pub(in crate::interop) bits: u32,
    pub(in crate::interop) fraction_bits: u32,
    /// Our rank; [`NOBODY`] if both are SPU.
    pub(in crate::interop) ours: usize,
    pub(in crate::interop) label_rank: usize,
    pub(in crate::interop) adjust_rank: usize,
    pub(in crate::interop) samples: usize,
    pub(in crate::interop) batch: usize,
    pub(in crate::interop) epochs: u64,
    pub(in crate::interop) l2: f64,
    /// Rank 0 deals, as is SPU's default.
    pub(in crate::interop) first_party: bool,
    pub(in crate::interop) reveal: bool,
    pub(in crate::interop) draws: FirstStepDraws,
    pub(in crate::interop) numbered: bool,
    pub(in crate::interop) lives: [Life; 2],
    pub(in crate::interop) dealer_fate: DealerFate,
    /// Our party is the program, from its command line.
    pub(in crate::interop) program: bool,
}

/// How the dealer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::interop) enum DealerFate {
    /// After everybody else.
    Lives,
    /// Killed at some moment of the training.
    Killed,
    /// It dies when it has sent the head and one byte of an answer.
    DiesInAnswer,
}

/// No rank at all.
pub(in crate::interop) const NOBODY: usize = 2;

const FEATURES: [usize; 2] = [2, 3];
pub(in crate::interop) const LEARNING_RATE: f64 = 0.1;

impl Case {
    /// Ring 64, everything at rank 0, the last two rows unused.
    pub(in crate::interop) const PLAIN: Self = Self {
        bits: 64,
        fraction_bits: 18,
        ours: 0,
        label_rank: 0,
        adjust_rank: 0,
        first_party: false,
        samples: 50,
        batch: 8,
        epochs: 2,
        l2: 0.5,
        reveal: true,
        draws: FirstStepDraws::OnesOnly,
        numbered: false,
        lives: [Life::Whole, Life::Whole],
        dealer_fate: DealerFate::Lives,
        program: false,
    };

    fn somebody_dies(&self) -> bool {
        self.dealer_fate != DealerFate::Lives || self.lives.contains(&Life::KilledInTheMiddle)
    }

    fn life(&self, rank: usize) -> Life {
        let is_ours = rank == self.ours;
        // SPU sets no time to the rest of an answer that has begun, and its RPC library does not say that it will not come.
        match self.dealer_fate {
            DealerFate::Lives if is_ours => self.lives[0],
            DealerFate::Lives => self.lives[1],
            DealerFate::Killed if !is_ours && rank == self.adjust_rank => Life::BereavedOrStuck,
            DealerFate::DiesInAnswer if !is_ours && rank == self.adjust_rank => Life::Stuck,
            DealerFate::Killed | DealerFate::DiesInAnswer => Life::Bereaved,
        }
    }

    pub(in crate::interop) fn table(&self) -> Table {
        Table::new(self.samples, FEATURES)
    }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let plain = Case::PLAIN;
    let mut scenarios = Vec::new();
    for (bits, fraction_bits) in [(64, 18), (128, 26)] {
        for ours in 0..2 {
            for label_rank in 0..2 {
                let case = Case { bits, fraction_bits, ours, label_rank, adjust_rank: label_rank, ..plain };
                let name = format!("lr/ring-{bits}/ours-{ours}/label-{label_rank}");
                scenarios.push(scenario(name, case));
            }
            let case = Case { bits, fraction_bits, ours, adjust_rank: 1 - ours, reveal: false, ..plain };
            scenarios.push(scenario(format!("lr/ring-{bits}/ours-{ours}/halves"), case));
        }
    }
    for (bits, fraction_bits) in [(64, 18), (128, 26)] {
        let case = Case { bits, fraction_bits, ours: NOBODY, label_rank: 1, ..plain };
        scenarios.push(scenario(format!("dealer/training/ring-{bits}"), case));
        scenarios
            .push(scenario(format!("dealer/training/ring-{bits}/adjust-1"), Case { adjust_rank: 1, ..case }));
    }
    for (bits, fraction_bits) in [(64, 18), (128, 26)] {
        for ours in 0..2 {
            let case = Case { bits, fraction_bits, ours, label_rank: 1, first_party: true, ..plain };
            scenarios.push(scenario(format!("lr/ring-{bits}/ours-{ours}/no-dealer"), case));
        }
    }
    for ours in 0..2 {
        let case =
            Case { ours, adjust_rank: 1 - ours, draws: FirstStepDraws::Reference, numbered: true, ..plain };
        scenarios.push(scenario(format!("lr/reference-draws/ours-{ours}"), case));
    }
    for ours in 0..2 {
        let case = Case { ours, adjust_rank: ours, label_rank: 1, reveal: false, program: true, ..plain };
        scenarios.push(scenario(format!("lr/program/ours-{ours}"), case));
        let wide = Case { bits: 128, fraction_bits: 26, adjust_rank: 1 - ours, numbered: true, ..case };
        scenarios.push(scenario(format!("lr/program-ring-128/ours-{ours}"), wide));
    }
    for (fate, end) in [(DealerFate::Killed, "dies"), (DealerFate::DiesInAnswer, "dies-in-answer")] {
        for (name, ours) in [
            (format!("dealer/{end}"), NOBODY),
            (format!("lr/dealer-{end}/ours-0"), 0),
            (format!("lr/dealer-{end}/ours-1"), 1),
        ] {
            for adjust_rank in 0..2 {
                let case = Case { ours, adjust_rank, dealer_fate: fate, ..plain };
                scenarios.push(scenario(format!("{name}/adjust-{adjust_rank}"), case));
            }
        }
    }
    for ours in 0..2 {
        let case = Case { ours, adjust_rank: ours, ..plain };
        let lives = [Life::Bereaved, Life::KilledInTheMiddle];
        scenarios.push(scenario(format!("lr/spu-dies/ours-{ours}"), Case { lives, ..case }));
        let lives = [Life::KilledInTheMiddle, Life::Bereaved];
        scenarios.push(scenario(format!("lr/we-die/ours-{ours}"), Case { lives, ..case }));
    }
    scenarios
}

fn scenario(name: String, case: Case) -> Scenario {
    let scenario = Scenario::new(name, 60, move |place| cast(place, case));
    if case.somebody_dies() {
        return scenario;
    }
    scenario.checked(move |_, reports| check(case, reports))
}

pub(in crate::interop) fn cast(place: &Place, case: Case) -> Vec<Actor> {
    let table = case.table();
    let dies = case.somebody_dies();
    let settings = |rank: usize| -> Value {
        json!({
            "rank": rank,
            "parties": place.parties_told_to(rank, 2),
            "numbered": case.numbered,
            "timeout": if dies { 8 } else { 30 },
            "bits": case.bits,
            "fraction_bits": case.fraction_bits,
            // Enough that it does not end before it can be killed.
            "epochs": if dies { 500 } else { case.epochs },
            "batch": case.batch,
            "learning_rate": LEARNING_RATE,
            "l2": case.l2,
            "features": table.columns_of(rank),
            "labels": (rank == case.label_rank).then_some(&table.labels),
            "draws": case.draws,
            "reveal": case.reveal,
            "dealer": place.dealer(),
            "dealer_key": (!case.first_party).then(|| super::dealer_key(place)),
            "adjust_rank": case.adjust_rank,
        })
    };
    let party = |rank: usize| {
        if rank == case.ours {
            let side = if case.program { "program" } else { "training" };
            return Actor::new(OURS, Program::Ours(side), settings(rank)).living(case.life(rank));
        }
        Actor::new(SPU, Program::Python("lr_peer.py"), settings(rank)).living(case.life(rank))
    };
    let dealer = (!case.first_party).then(|| dealer_of(place, case.dealer_fate));
    [party(0), party(1)].into_iter().chain(dealer).collect()
}

fn dealer_of(place: &Place, fate: DealerFate) -> Actor {
    let mut dealer = dealer(place);
    match fate {
        DealerFate::Lives => dealer,
        DealerFate::Killed => dealer.living(Life::DyingServer),
        DealerFate::DiesInAnswer => {
            // Far enough into the training that both parties have multiplied.
            dealer.arguments["dies_in_answer"] = json!(5);
            dealer.living(Life::Server)
        }
    }
}

/// Both have the same weights, and they are those of a plain run.
pub(in crate::interop) fn check(case: Case, reports: &[Value]) -> Result<String, String> {
    match case.bits {
        64 => check_in::<u64>(case, reports),
        _ => check_in::<u128>(case, reports),
    }
}

fn check_in<R: Ring>(case: Case, reports: &[Value]) -> Result<String, String> {
    let fixed = FixedPoint::<R>::new(case.fraction_bits).map_err(|error| error.to_string())?;
    let weights = if case.reveal {
        let told = |rank: usize| model::numbers(reports.get(rank), "weights");
        let (first, second) = (told(0)?, told(1)?);
        // SPU decodes to single precision.
        if first.iter().zip(&second).any(|(a, b)| (*a as f32).to_bits() != (*b as f32).to_bits()) {
            return Err(format!("rank 0 has {first:?}, rank 1 {second:?}"));
        }
        if case.ours == 0 { first } else { second }
    } else {
        let (first, second) = (model::half::<R>(reports.first())?, model::half::<R>(reports.get(1))?);
        let sum: Vec<R> = first.iter().zip(&second).map(|(a, b)| a.add(*b)).collect();
        fixed.decode_slice(&sum)
    };
    let plan = TrainPlan {
        epochs: case.epochs,
        batch_size: case.batch,
        learning_rate: LEARNING_RATE,
        l2: case.l2,
        sigmoid: Sigmoid::Minimax1,
        samples: case.samples,
        features: FEATURES.to_vec(),
        label_rank: case.label_rank,
        first_step_draws: case.draws,
        public_truncation: PublicTruncation::Round,
        step_size: None,
    };
    let table = case.table();
    let unit = 0.5_f64.powi(i32::try_from(case.fraction_bits).unwrap_or(i32::MAX));
    let bound = symbolon_lr::ideal::weight_error_units(&plan, fixed, &table.features.concat())
        .map_err(|error| error.to_string())?;
    let step = plan.step_size(fixed).map_err(|error| error.to_string())?.effective;
    let expected = model::train(&table, case.batch, case.epochs, step, case.l2);
    if weights.len() != expected.len() {
        return Err(format!("{} weights instead of {}", weights.len(), expected.len()));
    }
    let apart = weights.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    // The bound is from the same run in integers; encoding the table and the L2 term adds less than as much.
    if apart > 2.0 * bound * unit {
        return Err(format!(
            "{weights:?} is {apart:e} from {expected:?}; the bound is {:e}",
            2.0 * bound * unit
        ));
    }
    Ok(format!("weights within {apart:.1e} of a plain run (bound {:.1e})", 2.0 * bound * unit))
}
