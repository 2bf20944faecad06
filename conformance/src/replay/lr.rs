//! SS-LR.

use symbolon_dialect::DealerDialect;
use symbolon_handshake::{
    DealerPlan, LrOffer, LrPolicy, Optimizer, Protocol, Purpose, SigmoidMode, TrustedDealer, exchange_lr,
};
use symbolon_link::Channel;
use symbolon_lr::{TrainPlan, reference_inference, train};
use symbolon_operators::Sigmoid;
use symbolon_prg::{Cipher, Seed};
use symbolon_ring::{Field, Ring};
use symbolon_semi2k::{Session, SessionConfig, Share};

use super::compare::Numbers;
use super::dealer::RecordedDealer;
use super::party::{self, Played};
use super::{Report, compare};
use crate::ConformanceError;
use crate::recording::{LrOutcome, LrParty, LrRun, LrSeeds, Recording, Side, decode_hex};

pub(super) fn replay(recording: &Recording, run: &LrRun, rank: usize) -> Result<Report, ConformanceError> {
    match side(recording, rank)?.ring_bits {
        32 => replay_in::<u32>(recording, run, rank),
        64 => replay_in::<u64>(recording, run, rank),
        128 => replay_in::<u128>(recording, run, rank),
        bits => Err(ConformanceError::Recording(format!("a ring of {bits} bits"))),
    }
}

fn side(recording: &Recording, rank: usize) -> Result<&LrParty, ConformanceError> {
    match recording.parties.get(rank).map(|party| &party.side) {
        Some(Side::Lr(party)) => Ok(party),
        _ => Err(ConformanceError::Recording(format!("no SS-LR party of rank {rank}"))),
    }
}

/// What the party has in its hands when it is done.
enum Done<R: Ring> {
    Half(Share<R>),
    Revealed(Vec<f64>),
}

fn replay_in<R: Ring>(recording: &Recording, run: &LrRun, rank: usize) -> Result<Report, ConformanceError> {
    let own = side(recording, rank)?;
    let mut asked = None;
    let played = party::play(recording, rank, |channel| {
        let plan = train_plan(recording, run)?;
        if run.handshake {
            agree(recording, run, rank, channel)?;
        }
        let seeds =
            own.seeds.as_ref().ok_or("the recording ends with a refusal, but the handshake succeeded")?;
        let mut session = session::<R>(recording, own, seeds, channel, &mut asked)?;
        compute(run, &plan, own, &mut session).map_err(|error| error.to_string())
    })?;
    let Played { outcome, sent } = played;
    let outcome = judge(own, outcome);
    let (equal, mut differences) = compare::compare(recording, rank, &sent, Numbers::Exact)?;
    let dealer_requests = asked.and_then(|asked| asked.lock().ok().map(|count| *count)).unwrap_or(0);
    let expected = own.seeds.as_ref().map_or(0, |_| recording.dealer.len());
    let is_adjuster = side(recording, 0)?.adjust_rank as usize == rank;
    let outcome = outcome.and_then(|()| {
        if is_adjuster && dealer_requests != expected {
            return Err(format!("{dealer_requests} of {expected} dealer requests were made"));
        }
        Ok(())
    });
    let notes = party::notes(recording, rank, &mut differences);
    Ok(Report { id: recording.id.clone(), rank, equal, differences, dealer_requests, outcome, notes })
}

fn train_plan(recording: &Recording, run: &LrRun) -> Result<TrainPlan, String> {
    let parties = [0, 1].map(|rank| side(recording, rank));
    let [first, second] = parties;
    let (first, second) = (first.map_err(|e| e.to_string())?, second.map_err(|e| e.to_string())?);
    let width = |party: &LrParty| party.features.first().map_or(0, Vec::len);
    Ok(TrainPlan {
        epochs: run.epochs,
        batch_size: usize::try_from(run.batch_size).map_err(|error| error.to_string())?,
        learning_rate: run.learning_rate,
        l2: run.l2,
        sigmoid: Sigmoid::Minimax1,
        samples: first.features.len(),
        features: vec![width(first), width(second)],
        label_rank: usize::from(first.labels.is_none()),
        first_step_draws: recording.dialect.first_step_draws,
        public_truncation: recording.dialect.public_truncation,
        step_size: run.step.map(i128::from),
    })
}

/// The handshake; a refusal is an error that starts with [`party::REFUSED`].
fn agree(recording: &Recording, run: &LrRun, rank: usize, channel: &Channel) -> Result<(), String> {
    let own = side(recording, rank).map_err(|error| error.to_string())?;
    let field = Field::from_bits(own.ring_bits).map_err(|error| error.to_string())?;
    let count = |length: usize| u64::try_from(length).map_err(|error| error.to_string());
    let offer = LrOffer {
        purpose: Purpose::Train,
        samples: count(own.features.len())?,
        features: u32::try_from(own.features.first().map_or(0, Vec::len))
            .map_err(|error| error.to_string())?,
        has_label: own.labels.is_some(),
        optimizer: Optimizer::Sgd { learning_rate: run.learning_rate },
        epochs: run.epochs,
        batch_size: run.batch_size,
        l2: run.l2,
        sigmoids: vec![SigmoidMode::Minimax1],
        protocols: vec![Protocol::Semi2k],
        fields: vec![field],
        truncations: vec![symbolon_handshake::Truncation::Probabilistic],
        ciphers: vec![Cipher::Aes128],
        fraction_bits: own.fraction_bits,
        dealer: DealerPlan {
            host: own.dealer_host.clone(),
            session_id: String::new(),
            adjust_rank: own.adjust_rank as usize,
            version: 2,
        },
        other_dealer_versions: Vec::new(),
    };
    // The replayed party trusts the recording; whether a policy refuses is tested elsewhere.
    let mut policy = LrPolicy::within_limits(TrustedDealer::Any);
    policy.fraction_bits = 0..=127;
    exchange_lr(channel, &offer, &policy, &recording.dialect).map(drop).map_err(|error| party::failed(&error))
}

fn session<R: Ring>(
    recording: &Recording,
    own: &LrParty,
    seeds: &LrSeeds,
    channel: &Channel,
    asked: &mut Option<std::sync::Arc<std::sync::Mutex<usize>>>,
) -> Result<Session<R>, String> {
    let seed = |field: &str, text: &str| decode_hex::<16>(field, text).map_err(|error| error.to_string());
    let own_seeds = seeds.to_session().map_err(|error| error.to_string())?;
    let first = side(recording, 0).map_err(|error| error.to_string())?;
    let mut config = SessionConfig::new(first.fraction_bits, &recording.dialect);
    config.dealer = DealerDialect::Spu;
    config.adjust_rank = first.adjust_rank as usize;
    config.announced_threads = own.threads.unwrap_or(1);
    let mut dealer_seeds = Vec::new();
    for rank in 0..recording.parties.len() {
        let party = side(recording, rank).map_err(|error| error.to_string())?;
        let text = party.seeds.as_ref().map(|seeds| seeds.dealer.as_str()).unwrap_or_default();
        dealer_seeds.push(Seed::from_bytes(seed("dealer", text)?));
    }
    let (dealer, counter) =
        RecordedDealer::new(recording, dealer_seeds).map_err(|error| error.to_string())?;
    Session::establish(channel.clone(), config, own_seeds, |opening| {
        if opening.rank != opening.adjust_rank {
            return Ok(None);
        }
        *asked = Some(counter);
        Ok(Some(Box::new(dealer)))
    })
    .map_err(|error| error.to_string())
}

fn compute<R: Ring>(
    run: &LrRun,
    plan: &TrainPlan,
    own: &LrParty,
    session: &mut Session<R>,
) -> Result<Done<R>, symbolon_lr::LrError> {
    let features = own.features.concat();
    let half = train(session, plan, &features, own.labels.as_deref(), &mut |_| {})?;
    if run.reference_inference {
        reference_inference(session, plan, &half, &features, own.labels.as_deref())?;
    }
    if run.reveal_weights {
        let weights = session.reveal(&half)?;
        return Ok(Done::Revealed(session.fixed().decode_slice(weights.as_slice())));
    }
    Ok(Done::Half(half))
}

/// Holds the outcome against the recorded one.
fn judge<R: Ring>(own: &LrParty, outcome: Result<Done<R>, String>) -> Result<(), String> {
    match (&own.outcome, outcome) {
        (LrOutcome::Refused(recorded), Err(reason)) => party::judge_refusal(recorded, &reason),
        (LrOutcome::Refused(_), Ok(_)) => Err("the recording ends with a refusal".into()),
        (_, Err(reason)) => Err(reason),
        (LrOutcome::Half(recorded), Ok(Done::Half(half))) => {
            let bytes = half.as_matrix().to_le_bytes();
            let ours: Vec<String> = bytes.chunks(R::BYTES).map(hex::encode).collect();
            if &ours == recorded {
                Ok(())
            } else {
                Err("the half of the weights differs from the recorded one".into())
            }
        }
        (LrOutcome::Revealed(recorded), Ok(Done::Revealed(ours))) => {
            // The recorded driver reads the weights as 32-bit floats.
            let same = ours.len() == recorded.len()
                && ours.iter().zip(recorded).all(|(ours, recorded)| *ours as f32 == *recorded as f32);
            if same { Ok(()) } else { Err(format!("the weights differ: {ours:?}, recorded {recorded:?}")) }
        }
        (recorded, _) => Err(format!("an outcome of another kind than recorded ({recorded:?})")),
    }
}
