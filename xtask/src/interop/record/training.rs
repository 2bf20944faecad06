//! SS-LR between two parties of SPU, and between one of SPU and one of ours.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use serde_json::Value;
use symbolon_conformance::import::{dealer_exchange, with_secrets};
use symbolon_conformance::recording::{
    DealerExchange, FORMAT, LrOutcome, LrParty, LrRun, Message, Party, Recording, Run, Side,
};
use symbolon_conformance::{frame, replay};
use symbolon_dialect::{Dialect, FirstStepDraws};

use super::relay::Call;
use super::{Captured, capture, engine, method, source};
use crate::interop::python::Environment;
use crate::interop::scenarios::training::{self, Case, LEARNING_RATE, NOBODY};

/// The recordings: small tables, two epochs.
pub(super) fn all() -> Vec<(&'static str, Case)> {
    let spu = Case { ours: NOBODY, samples: 8, batch: 4, ..Case::PLAIN };
    let wide = Case { bits: 128, fraction_bits: 26, ..spu };
    vec![
        ("ring-64", spu),
        ("ring-128", wide),
        ("label-1", Case { label_rank: 1, adjust_rank: 1, ..spu }),
        ("ring-128-label-1", Case { label_rank: 1, ..wide }),
        // Batches of 5 out of 13 rows: 3 rows are never used.
        ("uneven-batches", Case { samples: 13, batch: 5, ..spu }),
        ("three-epochs-without-l2", Case { epochs: 3, l2: 0.0, ..spu }),
        ("reference-draws-numbered", Case { draws: FirstStepDraws::Reference, numbered: true, ..spu }),
        ("halves", Case { reveal: false, ..spu }),
        ("with-symbolon-at-0", Case { ours: 0, ..spu }),
        ("with-symbolon-at-1", Case { ours: 1, adjust_rank: 1, ..spu }),
        ("with-symbolon-at-0-ring-128", Case { ours: 0, label_rank: 1, adjust_rank: 1, ..wide }),
        ("with-symbolon-at-1-ring-128", Case { ours: 1, label_rank: 1, samples: 13, batch: 5, ..wide }),
        ("with-symbolon-at-1-halves", Case { ours: 1, reveal: false, ..spu }),
    ]
}

/// Runs it, and gives the recording's text once it replays as both ranks.
pub(super) fn record(environment: &Environment, name: &str, case: Case) -> Result<String, String> {
    let mut host = String::new();
    let captured = capture(environment, name, 2, |place| {
        host = place.dealer();
        training::cast(place, case)
    })?;
    training::check(case, &captured.reports).map_err(|reason| format!("{name}: {reason}"))?;
    let recording =
        assemble(environment, name, case, host, &captured).map_err(|reason| format!("{name}: {reason}"))?;
    for rank in 0..2 {
        let report = replay::replay(&recording, rank).map_err(|error| error.to_string())?;
        println!("{report}");
        if !report.passed() {
            return Err(format!("{name} is not written: it does not replay"));
        }
    }
    recording.to_json().map_err(|error| error.to_string())
}

fn assemble(
    environment: &Environment,
    name: &str,
    case: Case,
    host: String,
    captured: &Captured,
) -> Result<Recording, String> {
    let mut dialect = Dialect::spu();
    dialect.sequence_numbers = case.numbered;
    dialect.first_step_draws = case.draws;
    let implementation = match case.ours {
        NOBODY => "SPU, released wheel, two parties over gRPC; Symbolon's dealer over HTTP".to_owned(),
        ours => format!(
            "SPU, released wheel, at rank {}, Symbolon at rank {ours}, over gRPC; Symbolon's dealer over HTTP",
            1 - ours
        ),
    };
    let note = "Recorded by relays before both parties and the dealer. The dealer's key was made for this run; \
                the weights were those of a plain run in double precision, within the fixed-point bound.";
    let table = case.table();
    let party = |rank: usize| {
        let labels = (rank == case.label_rank).then(|| table.labels.clone());
        Ok(Party {
            rank,
            handshake_version: 2,
            side: Side::Lr(Box::new(LrParty {
                ring_bits: case.bits,
                fraction_bits: case.fraction_bits,
                dealer_host: host.clone(),
                adjust_rank: u32::try_from(case.adjust_rank).map_err(|error| error.to_string())?,
                features: table.columns_of(rank).into_iter().map(<[f32]>::to_vec).collect(),
                labels,
                threads: None,
                seeds: None,
                outcome: outcome(case, captured.reports.get(rank))?,
            })),
        })
    };
    let recording = Recording {
        format: FORMAT.into(),
        id: format!("{}/{name}", engine(environment)),
        source: source(environment, name, &implementation, note),
        dialect,
        channel: "root".into(),
        chunk_size: None,
        run: Run::Lr(LrRun {
            handshake: true,
            reference_inference: false,
            reveal_weights: case.reveal,
            epochs: case.epochs,
            batch_size: u64::try_from(case.batch).map_err(|error| error.to_string())?,
            learning_rate: LEARNING_RATE,
            l2: case.l2,
            step: None,
        }),
        parties: (0..2).map(party).collect::<Result<_, String>>()?,
        messages: captured.link.iter().map(message).collect::<Result<_, String>>()?,
        dealer_key: Some(captured.key.to_pem().map_err(|error| error.to_string())?.to_string()),
        dealer: dealer(&captured.dealer)?,
    };
    let recording = with_secrets(recording, &dealer_seeds(captured)?).map_err(|error| error.to_string())?;
    recording.check().map_err(|error| error.to_string())?;
    Ok(recording)
}

/// What a party reports: its half, or the opened weights.
fn outcome(case: Case, report: Option<&Value>) -> Result<LrOutcome, String> {
    let field = |name: &str| report.and_then(|report| report.get(name));
    if case.reveal {
        let weights = field("weights").and_then(Value::as_array).ok_or("no weights were told")?;
        return Ok(LrOutcome::Revealed(weights.iter().filter_map(Value::as_f64).collect()));
    }
    let half = field("half").and_then(Value::as_str).ok_or("no half was told")?;
    let digits = case.bits as usize / 4;
    let element = |place: usize| half.get(place..place + digits).map(str::to_owned);
    let elements = (0..half.len()).step_by(digits).map(element).collect::<Option<_>>();
    Ok(LrOutcome::Half(elements.ok_or("the half has no whole elements")?))
}

/// A call of the link: a `PushRequest` and a `PushResponse` as gRPC frames them.
fn message(call: &Call) -> Result<Message, String> {
    let request = unframed(&call.request).ok_or("a push is no message of gRPC")?;
    let frame = frame::decode(&request).map_err(|error| error.to_string())?;
    // An answer without a message is an error of the call.
    let response = call.response.as_ref().and_then(unframed);
    Ok(Message {
        from: usize::try_from(frame.sender).map_err(|error| error.to_string())?,
        to: call.front,
        key: frame.key,
        request: BASE64_STANDARD.encode(request),
        response: response.map(|response| BASE64_STANDARD.encode(response)),
    })
}

/// The message in a body of gRPC: a flag, four bytes of length, and the message.
fn unframed(body: &Bytes) -> Option<Bytes> {
    let (head, message) = body.split_first_chunk::<5>()?;
    let [0, length @ ..] = *head else { return None };
    (usize::try_from(u32::from_be_bytes(length)) == Ok(message.len())).then(|| body.slice(5..))
}

/// Calls in the order of the streams' counters: a party may ask ahead, several at a time.
fn dealer(calls: &[Call]) -> Result<Vec<DealerExchange>, String> {
    let mut exchanges = Vec::new();
    for call in calls {
        let response = call.response.as_ref().ok_or("a call to the dealer was not answered")?;
        let exchange = dealer_exchange(method(call), &call.request, response);
        exchanges.push(exchange.map_err(|error| error.to_string())?);
    }
    exchanges.sort_by_key(|exchange| exchange.draws.first().map(|draw| draw.counter));
    Ok(exchanges)
}

/// The seed in each ciphertext that the parties sent one another.
fn dealer_seeds(captured: &Captured) -> Result<BTreeMap<String, String>, String> {
    let mut seeds = BTreeMap::new();
    for call in &captured.link {
        let request = unframed(&call.request).ok_or("a push is no message of gRPC")?;
        let frame = frame::decode(&request).map_err(|error| error.to_string())?;
        if frame.key.starts_with("root:3:ALLGATHER") {
            let sealed = BASE64_STANDARD.encode(&frame.value);
            let seed = captured.open(&sealed)?;
            seeds.insert(sealed, seed);
        }
    }
    Ok(seeds)
}
