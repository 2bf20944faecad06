//! Runs of SPU's released wheel: no handshake, the weights opened at the end.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use symbolon_dialect::{Dialect, FirstStepDraws};

use super::{DealerRequest, ForeignMessage, convert_messages, find, numbered, ring_bits, threads};
use crate::ConformanceError;
use crate::recording::{
    DealerExchange, FORMAT, LrOutcome, LrParty, LrRun, LrSeeds, Party, Recording, Run, Side, Source,
    decode_base64,
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
                    seeds: Some(seeds(&file.link, &dealer_seeds, rank)?),
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

fn seeds(
    link: &[ForeignMessage],
    dealer_seeds: &BTreeMap<String, String>,
    rank: usize,
) -> Result<LrSeeds, ConformanceError> {
    let integer = |key: &str| -> Result<String, ConformanceError> {
        let value = packed_integer(&find(link, rank, key)?.value()?)
            .ok_or_else(|| ConformanceError::Recording(format!("{key} is not a packed 128-bit integer")))?;
        Ok(hex::encode(value.to_le_bytes()))
    };
    let sealed = find(link, rank, "root:3:ALLGATHER")?.value.clone();
    let dealer = dealer_seeds.get(&sealed).cloned().ok_or_else(|| {
        ConformanceError::Recording(format!("no dealer request holds rank {rank}'s decrypted seed"))
    })?;
    Ok(LrSeeds {
        public: integer("root:2:ALLGATHER")?,
        pairwise: integer(&format!("root:P2P-1:{rank}->{}", 1 - rank))?,
        dealer,
        sealed_dealer: sealed,
    })
}

/// A 128-bit integer as MessagePack: an array of two, high half first.
fn packed_integer(bytes: &[u8]) -> Option<u128> {
    let mut rest = bytes.strip_prefix(&[0x92])?;
    let mut halves = [0_u64; 2];
    for half in &mut halves {
        let (&form, tail) = rest.split_first()?;
        let length = match form {
            0..=0x7f => 0,
            0xcc => 1,
            0xcd => 2,
            0xce => 4,
            0xcf => 8,
            _ => return None,
        };
        let (digits, tail) = tail.split_at_checked(length)?;
        *half = match length {
            0 => u64::from(form),
            _ => digits.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)),
        };
        rest = tail;
    }
    rest.is_empty().then(|| u128::from(halves[0]) << 64 | u128::from(halves[1]))
}

fn exchange_of(exchange: &Dealer) -> Result<DealerExchange, ConformanceError> {
    let body = decode_base64("response", &exchange.response)?;
    let data = unframe(&body)?;
    exchange.request.convert(&exchange.method, vec![BASE64_STANDARD.encode(data)])
}

/// Joins the frames of a reply: flag byte 0, length as 8 little-endian bytes, data.
fn unframe(mut body: &[u8]) -> Result<Vec<u8>, ConformanceError> {
    let mut data = Vec::new();
    while let Some((header, rest)) = body.split_first_chunk::<9>() {
        let [flag, length @ ..] = *header;
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
        match (flag, rest.split_at_checked(length)) {
            (0, Some((frame, next))) => {
                data.extend_from_slice(frame);
                body = next;
            }
            _ => {
                return Err(ConformanceError::Recording(
                    "the dealer's reply is not in frames of data".into(),
                ));
            }
        }
    }
    if body.is_empty() {
        Ok(data)
    } else {
        Err(ConformanceError::Recording("bytes after the dealer's last frame".into()))
    }
}
