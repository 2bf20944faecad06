//! Runs of the reference implementation `ic_main`, with its command lines.

use std::collections::BTreeMap;

use prost::Message as _;
use serde::Deserialize;
use symbolon_dialect::Dialect;
use symbolon_wire::handshake::HandshakeResponse;
use symbolon_wire::protocol::{CurveType, HashToCurveStrategy, HashType, PointOctetFormat};

use super::{DealerRequest, ForeignMessage, convert_messages, find, numbered, ring_bits, threads};
use crate::ConformanceError;
use crate::recording::{
    DealerExchange, FORMAT, LrOutcome, LrParty, LrRun, LrSeeds, Party, PsiOutcome, PsiParty, PsiRun,
    Recording, Refusal, Run, Side, Source, decode_base64,
};

/// Bytes that the transport's headers take of the configured payload size over HTTP/2.
const PAYLOAD_HEADROOM: usize = 4096;

#[derive(Deserialize)]
pub(super) struct File {
    params: Params,
    commands: BTreeMap<String, Command>,
    inputs: Inputs,
    secrets: BTreeMap<String, String>,
    link: Vec<ForeignMessage>,
    #[serde(default)]
    dealer: Vec<Dealer>,
    #[serde(default)]
    outputs: BTreeMap<String, Output>,
    #[serde(default)]
    intersection_in_rank0_file_order: Option<Vec<String>>,
    #[serde(default)]
    intersection_in_rank1_file_order: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    batch_size: Option<usize>,
    #[serde(default)]
    label_rank: usize,
    #[serde(default = "root")]
    link_id: String,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    versions: BTreeMap<String, String>,
}

fn root() -> String {
    "root".into()
}

#[derive(Deserialize)]
struct Command {
    argv: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Inputs {
    #[serde(default)]
    x_rank0: Vec<Vec<f32>>,
    #[serde(default)]
    x_rank1: Vec<Vec<f32>>,
    #[serde(default)]
    y: Option<Vec<Vec<f32>>>,
    #[serde(default)]
    ids_rank0: Vec<String>,
    #[serde(default)]
    ids_rank1: Vec<String>,
}

#[derive(Deserialize)]
struct Dealer {
    method: String,
    request: DealerRequest,
    response_outputs: Vec<String>,
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    share_raw_hex: Option<Vec<String>>,
}

impl Command {
    /// The value of a gflags-style option, `-name=value` or `-name value` or a bare `-name`.
    fn flag(&self, name: &str) -> Option<&str> {
        let mut arguments = self.argv.iter().peekable();
        let mut found = None;
        while let Some(argument) = arguments.next() {
            let Some(option) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) else {
                continue;
            };
            match option.split_once('=') {
                Some((option, value)) if option == name => found = Some(value),
                None if option == name => {
                    found = Some(match arguments.peek() {
                        Some(next) if !next.starts_with('-') => next.as_str(),
                        _ => "true",
                    });
                }
                _ => {}
            }
        }
        found
    }

    fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.flag(name).unwrap_or(default)
    }

    fn parse<T: std::str::FromStr>(&self, name: &str, default: T) -> Result<T, ConformanceError> {
        match self.flag(name) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| {
                ConformanceError::Recording(format!("-{name}={value} is not of the flag's type"))
            }),
        }
    }

    fn bool(&self, name: &str) -> bool {
        matches!(self.flag(name), Some("true" | "1" | "t" | "yes" | "y"))
    }
}

pub(super) fn convert(name: &str, file: File) -> Result<Recording, ConformanceError> {
    let command = |rank: usize| {
        file.commands
            .get(&format!("rank{rank}"))
            .ok_or_else(|| ConformanceError::Recording(format!("no command of rank {rank}")))
    };
    let first = command(0)?;
    let mut dialect = Dialect::reference();
    dialect.sequence_numbers = numbered(&file.link);
    let is_lr = first.text("algo", "ECDH_PSI") == "SS_LR";
    let refusal = file.secrets.is_empty().then(|| refusal(&file.link, &file.params.link_id)).transpose()?;
    let parties = (0..2)
        .map(|rank| {
            let command = command(rank)?;
            let side = if is_lr {
                Side::Lr(Box::new(lr_party(&file, command, rank, refusal.clone())?))
            } else {
                Side::Psi(Box::new(psi_party(&file, command, rank, refusal.clone())?))
            };
            Ok(Party { rank, handshake_version: handshake_version(command)?, side })
        })
        .collect::<Result<_, ConformanceError>>()?;
    let run = if is_lr {
        Run::Lr(LrRun {
            handshake: !first.bool("disable_handshake"),
            reference_inference: refusal.is_none(),
            reveal_weights: false,
            epochs: first.parse("num_epoch", 1)?,
            batch_size: first.parse("batch_size", 21)?,
            learning_rate: first.parse("learning_rate", 0.0001)?,
            l2: first.parse("l2_norm", 0.5)?,
            step: None,
        })
    } else {
        Run::Psi(PsiRun { batch_size: file.params.batch_size.unwrap_or(4096) })
    };
    let chunk_size = first
        .flag("link_max_payload")
        .map(|_| first.parse("link_max_payload", 0_usize))
        .transpose()?
        .and_then(|payload| payload.checked_sub(PAYLOAD_HEADROOM));
    let dealer = file
        .dealer
        .iter()
        .map(|exchange| exchange.request.exchange(&exchange.method, exchange.response_outputs.clone()))
        .collect::<Result<Vec<DealerExchange>, _>>()?;
    let dealer_key = file.secrets.get("ttp_private_key_pem_b64").map(|text| pem(text)).transpose()?;
    Ok(Recording {
        format: FORMAT.into(),
        id: format!("reference/{}", name.replace('_', "-")),
        source: Source {
            implementation: "interconnection-impl, ic_main, both ranks, over gRPC".into(),
            versions: file.params.versions,
            note: match file.params.note {
                Some(note) => format!("Recorded by a proxy on the link. {note}"),
                None => {
                    "Recorded by a proxy on the link; every message was recomputed from inputs and secrets."
                        .into()
                }
            },
            command: None,
            date: None,
        },
        dialect,
        channel: file.params.link_id,
        chunk_size,
        run,
        parties,
        messages: convert_messages(file.link),
        dealer_key,
        dealer,
    })
}

/// The version in the handshake: the flag, or the recorder's own override of the message's field.
fn handshake_version(command: &Command) -> Result<i32, ConformanceError> {
    match command.env.get("IC_HS_VERSION") {
        None => command.parse("ic_version", 2),
        Some(text) => text
            .parse()
            .map_err(|_| ConformanceError::Recording(format!("IC_HS_VERSION={text:?} is not a number"))),
    }
}

fn lr_party(
    file: &File,
    command: &Command,
    rank: usize,
    refusal: Option<Refusal>,
) -> Result<LrParty, ConformanceError> {
    let features = if rank == 0 { &file.inputs.x_rank0 } else { &file.inputs.x_rank1 };
    let has_label =
        command.flag("has_label").map_or(rank == file.params.label_rank, |_| command.bool("has_label"));
    if refusal.is_none() && !command.bool("use_ttp") {
        return Err(ConformanceError::Recording(
            "the run has no trusted third party (-use_ttp=false): its dealer is one of the parties".into(),
        ));
    }
    let labels = if has_label {
        let mut labels = file.inputs.y.as_ref().map(|y| y.concat()).unwrap_or_default();
        labels.resize(features.len(), 0.0);
        Some(labels)
    } else {
        None
    };
    let outcome = match (&refusal, file.outputs.get(&format!("rank{rank}"))) {
        (Some(refusal), _) => LrOutcome::Refused(refusal.clone()),
        (None, Some(Output { share_raw_hex: Some(share), .. })) => LrOutcome::Half(share.clone()),
        _ => return Err(ConformanceError::Recording(format!("no share_raw_hex of rank {rank}"))),
    };
    let channel = &file.params.link_id;
    let seeds = match refusal {
        Some(_) => None,
        None => Some(LrSeeds {
            public: secret(file, &format!("pub_seed_part_rank{rank}_le_hex"))?,
            pairwise: secret(file, &format!("prss_self_seed_rank{rank}_le_hex"))?,
            dealer: secret(file, &format!("beaver_seed_rank{rank}_hex"))?,
            sealed_dealer: find(&file.link, rank, &format!("{channel}:3:ALLGATHER"))?.value.clone(),
        }),
    };
    Ok(LrParty {
        ring_bits: ring_bits(command.text("field", "64"))?,
        fraction_bits: command.parse("fxp_bits", 18)?,
        dealer_host: command.text("ttp_server_host", "127.0.0.1:9449").into(),
        adjust_rank: command.parse("ttp_adjust_rank", 0)?,
        features: features.clone(),
        labels,
        threads: seeds.as_ref().map(|_| threads(&file.link, channel, rank)).transpose()?,
        seeds,
        outcome,
    })
}

/// The base64 form of a PEM text.
fn pem(text: &str) -> Result<String, ConformanceError> {
    String::from_utf8(decode_base64("ttp_private_key_pem_b64", text)?)
        .map_err(|_| ConformanceError::Recording("ttp_private_key_pem_b64 is no text".into()))
}

fn secret(file: &File, name: &str) -> Result<String, ConformanceError> {
    file.secrets
        .get(name)
        .cloned()
        .ok_or_else(|| ConformanceError::Recording(format!("secret {name} is missing")))
}

fn psi_party(
    file: &File,
    command: &Command,
    rank: usize,
    refusal: Option<Refusal>,
) -> Result<PsiParty, ConformanceError> {
    let (ids, intersection) = if rank == 0 {
        (&file.inputs.ids_rank0, &file.intersection_in_rank0_file_order)
    } else {
        (&file.inputs.ids_rank1, &file.intersection_in_rank1_file_order)
    };
    let result_to_rank: i32 = command.parse("result_to_rank", -1)?;
    let told = result_to_rank < 0 || usize::try_from(result_to_rank) == Ok(rank);
    let outcome = match (&refusal, intersection) {
        (Some(refusal), _) => PsiOutcome::Refused(refusal.clone()),
        (None, _) if !told => PsiOutcome::NotToldTo,
        (None, Some(ids)) => PsiOutcome::Intersection(ids.clone()),
        (None, None) => {
            return Err(ConformanceError::Recording(format!("no intersection of rank {rank}")));
        }
    };
    let name = |prefix: &str, flag: &str, default: &str| {
        format!("{prefix}{}", command.text(flag, default).to_ascii_uppercase())
    };
    let unknown = |what: &str, value: &str| ConformanceError::Recording(format!("{what} {value} is unknown"));
    let curve = name("CURVE_TYPE_", "curve_type", "curve25519");
    let hash = name("HASH_TYPE_", "hash_type", "sha_256");
    let map = name("HASH_TO_CURVE_STRATEGY_", "hash2curve_strategy", "direct_hash_as_point_x");
    let format = name("POINT_OCTET_FORMAT_", "point_octet_format", "uncompressed");
    Ok(PsiParty {
        curve: CurveType::from_str_name(&curve).ok_or_else(|| unknown("curve", &curve))?.into(),
        hash: HashType::from_str_name(&hash).ok_or_else(|| unknown("hash", &hash))?.into(),
        map: HashToCurveStrategy::from_str_name(&map).ok_or_else(|| unknown("map", &map))?.into(),
        point_format: PointOctetFormat::from_str_name(&format)
            .ok_or_else(|| unknown("point format", &format))?
            .into(),
        result_to_rank,
        ids: ids.clone(),
        key: match refusal {
            Some(_) => None,
            None => Some(secret(file, &format!("private_key_rank{rank}_le_hex"))?),
        },
        outcome,
    })
}

/// What rank 0 answered in a refused run; nothing, if it sent no response.
fn refusal(link: &[ForeignMessage], channel: &str) -> Result<Refusal, ConformanceError> {
    let Ok(message) = find(link, 0, &format!("{channel}:P2P-1:0->1")) else {
        return Ok(Refusal { code: None, text: None });
    };
    let response = HandshakeResponse::decode(message.value()?.as_slice())
        .map_err(|error| ConformanceError::Recording(format!("handshake response: {error}")))?;
    let header = response.header.unwrap_or_default();
    Ok(Refusal { code: Some(header.error_code), text: Some(header.error_msg) })
}
