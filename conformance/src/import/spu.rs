//! Runs of SPU's released wheel: no handshake, the weights opened at the end.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use symbolon_dialect::{Dialect, FirstStepDraws};

use super::{DealerRequest, ForeignMessage, convert_messages, numbered, ring_bits, session, threads};
use crate::ConformanceError;
use crate::recording::{
    DealerExchange, FORMAT, LrOutcome, LrParty, LrRun, Party, Recording, Run, Side, Source, decode_base64,
};

#[derive(Deserialize)]
pub(super) struct File {
    params: Params,
    inputs: Inputs,
    link: Vec<ForeignMessage>,
    dealer: Vec<Dealer>,
    w_revealed: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Params {
    field: String,
    fxp: u32,
    batch: u64,
    epochs: u64,
    #[serde(default)]
    form: String,
    lr: f64,
    l2: f64,
    p1: i64,
    #[serde(default)]
    label_rank: usize,
    #[serde(default)]
    adjust_rank: u32,
    #[serde(default)]
    spu: String,
}

#[derive(Deserialize)]
struct Inputs {
    x_rank0: Vec<Vec<f32>>,
    x_rank1: Vec<Vec<f32>>,
    y: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Dealer {
    method: String,
    request: DealerRequest,
    response: String,
    seeds: BTreeMap<String, String>,
}

pub(super) fn convert(name: &str, file: File) -> Result<Recording, ConformanceError> {
    let mut dialect = Dialect::spu();
    dialect.sequence_numbers = numbered(&file.link);
    dialect.first_step_draws = match file.params.form.as_str() {
        "ref" => FirstStepDraws::Reference,
        // The first recordings do not say it; the driver had no other form then.
        "step" | "" => FirstStepDraws::OnesOnly,
        other => {
            return Err(ConformanceError::Recording(format!(
                "form {other:?}: only runs whose first product is local (\"step\", \"ref\") are SS-LR as specified"
            )));
        }
    };
    let mut dealer_seeds = BTreeMap::new();
    let mut dealer = Vec::new();
    for exchange in file.dealer {
        dealer.push(exchange_of(&exchange)?);
        dealer_seeds.extend(exchange.seeds);
    }
    let parties = (0..2)
        .map(|rank| {
            let features = if rank == 0 { &file.inputs.x_rank0 } else { &file.inputs.x_rank1 };
            let has_label = rank == file.params.label_rank;
            Ok(Party {
                rank,
                handshake_version: 2,
                side: Side::Lr(Box::new(LrParty {
                    ring_bits: ring_bits(&file.params.field)?,
                    fraction_bits: file.params.fxp,
                    dealer_host: String::new(),
                    adjust_rank: file.params.adjust_rank,
                    features: features.clone(),
                    labels: has_label.then(|| file.inputs.y.concat()),
                    threads: Some(threads(&file.link, "root", rank)?),
                    seeds: Some(session::seeds(&file.link, "root", 1, &dealer_seeds, rank)?),
                    outcome: LrOutcome::Revealed(file.w_revealed.concat()),
                })),
            })
        })
        .collect::<Result<_, ConformanceError>>()?;
    Ok(Recording {
        format: FORMAT.into(),
        id: format!("spu-0.9.5/{}", name.trim_start_matches("transcript_").replace('_', "-")),
        source: Source {
            implementation: "SPU, released wheel, two parties over gRPC, dealer by HTTP".into(),
            versions: BTreeMap::from([("spu".into(), file.params.spu)]),
            note: "Recorded by a proxy on the link and in the dealer; every message was recomputed from inputs and seeds.".into(),
            command: None,
            date: None,
        },
        dialect,
        channel: "root".into(),
        chunk_size: None,
        run: Run::Lr(LrRun {
            handshake: false,
            reference_inference: false,
            reveal_weights: true,
            epochs: file.params.epochs,
            batch_size: file.params.batch,
            learning_rate: file.params.lr,
            l2: file.params.l2,
            step: Some(file.params.p1),
        }),
        parties,
        messages: convert_messages(file.link),
        dealer_key: None,
        dealer,
    })
}

fn exchange_of(exchange: &Dealer) -> Result<DealerExchange, ConformanceError> {
    let body = decode_base64("response", &exchange.response)?;
    let data = crate::dealer::unframe(&body)?;
    exchange.request.exchange(&exchange.method, vec![BASE64_STANDARD.encode(data)])
}
