//! SS-LR: what rank 1 makes of rank 0's response. Its own penalty is 0.5, so it offers L2 alone.

use symbolon_wire::common::ResponseHeader;
use symbolon_wire::handshake::HandshakeResponse;
use symbolon_wire::protocol::{PrgConfigResult, TruncationModeResult};
use symbolon_wire::{Message as _, pack_any};

use super::{ENTRY, PPCA_7, reject_lr, take_lr, with_unknown_field, with_unknown_fields};
use crate::suite::Bench;
use crate::suite::case::{Case, RANK_1};
use crate::suite::messages::{LrResponse, code, number};
use crate::suite::verdict::Outcome;

/// A response that is not to be accepted.
macro_rules! rejected {
    ($level:ident, $id:literal, $requirement:literal, $why:literal, $response:expr) => {
        Case::$level($id, PPCA_7, $requirement, |bench| reject(bench, $response)).roles(RANK_1).why($why)
    };
}

/// A response that is to be accepted.
macro_rules! accepted {
    ($id:literal, $source:expr, $requirement:literal, $why:literal, $response:expr) => {
        Case::must($id, $source, $requirement, |bench| take(bench, $response)).roles(RANK_1).why($why)
    };
}

pub(super) const CASES: &[Case] = &[
    accepted!(
        "handshake/lr/response/accepted",
        PPCA_7,
        "A response that picks what was offered is accepted, and the dealer that it names is called.",
        "The positive case beside all others.",
        |parts| parts.pack().encode_to_vec()
    ),
    accepted!(
        "handshake/lr/response/penalty-dropped",
        PPCA_7,
        "A response without the penalty that was offered is accepted.",
        "Rank 0 drops what not every party uses.",
        |mut parts| {
            parts.algorithm.l2_norm = 0.0;
            parts.pack().encode_to_vec()
        }
    ),
    accepted!(
        "handshake/lr/response/unknown-fields",
        "protobuf, proto3: unknown fields",
        "Fields with numbers that nobody knows are ignored, in the response and in its parameter messages.",
        "Later versions of the protocol will have more.",
        |parts| {
            let mut response = parts.pack();
            let HandshakeResponse { algo_param, op_params, protocol_family_params, io_param, .. } = &mut response;
            let lists = op_params.iter_mut().chain(protocol_family_params);
            with_unknown_fields(lists.chain(algo_param.iter_mut()).chain(io_param.iter_mut()).collect());
            with_unknown_field(response.encode_to_vec())
        }
    ),
    Case::must(
        "handshake/lr/response/reference-style",
        "interconnection-impl 4dc46f7",
        "Versions and the generator may be unset, and the dealer's version may stand in triple_config.version.",
        |bench| take(bench, |mut parts| {
            parts.operator.version = 0;
            parts.family.version = 0;
            parts.family.prg_config = None;
            if let Some(triple) = &mut parts.family.triple_config {
                triple.version = number::DEALER_VERSION;
                triple.sever_version = 0;
            }
            parts.pack().encode_to_vec()
        }),
    )
    .roles(RANK_1)
    .erratum(17)
    .why("So the reference answers (errata E14, E17, E18)."),
    Case::must(
        "handshake/lr/response/refusal",
        ENTRY,
        "A response with a code other than 0 ends the run: the dealer is not called, no result left.",
        |bench| reject(bench, |_| HandshakeResponse {
            header: Some(ResponseHeader { error_code: code::UNSUPPORTED_PARAMS, error_msg: "no".into() }),
            ..HandshakeResponse::default()
        }),
    )
    .roles(RANK_1)
    .erratum(19)
    .why("Whoever goes on has agreed to nothing."),
    Case::must(
        "handshake/lr/response/unknown-code",
        ENTRY,
        "A code that nobody knows is a refusal too, even beside a complete plan.",
        |bench| reject(bench, |parts| HandshakeResponse {
            header: Some(ResponseHeader { error_code: 31_100_999, error_msg: String::new() }),
            ..parts.pack()
        }),
    )
    .roles(RANK_1)
    .erratum(19)
    .why("Later versions of the protocol will have more codes."),
    rejected!(
        must,
        "handshake/lr/response/field-not-offered",
        "A ring that was not offered is not accepted.",
        "Rank 0 would decide in which ring the other computes.",
        |mut parts| {
            parts.family.field_type = 3;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/protocol-not-offered",
        "A protocol that was not offered is not accepted.",
        "The other party does not have it.",
        |mut parts| {
            parts.family.protocol = 2;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/truncation-not-offered",
        "A truncation mode that was not offered is not accepted.",
        "One party would ask the dealer for pairs and the other not.",
        |mut parts| {
            parts.family.trunc_mode = Some(TruncationModeResult { version: 1, method: 2 });
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/generator-not-offered",
        "A generator that was not offered is not accepted.",
        "Streams would differ, and every result with them.",
        |mut parts| {
            parts.family.prg_config = Some(PrgConfigResult { version: 1, crypto_type: 2 });
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/sigmoid-not-offered",
        "A sigmoid mode that was not offered is not accepted.",
        "One party would take more products than the other.",
        |mut parts| {
            parts.operator.sigmoid_mode = 999;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/optimizer-not-offered",
        "An optimizer that was not offered is not accepted.",
        "Its parameters would be read wrongly.",
        |mut parts| {
            parts.algorithm.optimizer_name = 6;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/penalty-not-offered",
        "An L1 penalty that was not offered is not accepted.",
        "The other party computes without it.",
        |mut parts| {
            parts.algorithm.l1_norm = 0.5;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/serialisation-not-offered",
        "A serialisation of shares that was not offered is not accepted.",
        "Openings would be read wrongly.",
        |mut parts| {
            parts.family.shard_serialize_format = 999;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/another-sample-size",
        "A plan with another number of rows than the own table has is not accepted.",
        "Rank 0 has not looked.",
        |mut parts| {
            parts.data.sample_size = 10;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/another-feature-count",
        "A plan with another number of own columns is not accepted.",
        "The weights would be put together from the wrong pieces.",
        |mut parts| {
            parts.data.feature_nums = vec![2, 3];
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/too-few-feature-counts",
        "A plan without a number of columns for each party is not accepted.",
        "The own rank is used as an index by careless code.",
        |mut parts| {
            parts.data.feature_nums = vec![2];
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/feature-count-zero",
        "A plan with a party without columns is not accepted.",
        "Shapes of products would have a zero.",
        |mut parts| {
            parts.data.feature_nums = vec![0, 1];
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/label-elsewhere",
        "A plan that takes the labels from a party without them is not accepted.",
        "It has none to give.",
        |mut parts| {
            parts.data.label_rank = 1;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/label-outside",
        "A plan that takes the labels from a rank that does not exist is not accepted.",
        "The rank is used as an index by careless code.",
        |mut parts| {
            parts.data.label_rank = 7;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/adjust-rank-outside",
        "A plan in which a rank that does not exist asks the dealer is not accepted.",
        "Nobody would get the corrections.",
        |mut parts| {
            if let Some(triple) = &mut parts.family.triple_config {
                triple.adjust_rank = 7;
            }
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/no-dealer",
        "A plan without triple_config is not accepted.",
        "There are no triples without a dealer.",
        |mut parts| {
            parts.family.triple_config = None;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/batch-size-zero",
        "A batch size of 0 is not accepted.",
        "Rows are divided by it.",
        |mut parts| {
            parts.algorithm.batch_size = 0;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/batch-size-negative",
        "A negative batch size is not accepted.",
        "Taken for an unsigned number it is close to 2^64.",
        |mut parts| {
            parts.algorithm.batch_size = -4;
            parts.pack()
        }
    ),
    rejected!(
        should,
        "handshake/lr/response/batch-larger-than-the-table",
        "A batch size above the number of rows is not accepted.",
        "Every batch would be a partial one, and discarded.",
        |mut parts| {
            parts.algorithm.batch_size = 10;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/epochs-negative",
        "A negative number of epochs is not accepted.",
        "Taken for an unsigned number it never ends.",
        |mut parts| {
            parts.algorithm.num_epoch = -1;
            parts.pack()
        }
    ),
    rejected!(
        should,
        "handshake/lr/response/step-size-not-a-number",
        "A step size that is not a number is not accepted.",
        "It becomes any ring element at all.",
        |mut parts| {
            parts.optimizer.learning_rate = f64::NAN;
            parts.pack()
        }
    ),
    rejected!(
        should,
        "handshake/lr/response/step-size-negative",
        "A negative step size is not accepted.",
        "It learns the opposite.",
        |mut parts| {
            parts.optimizer.learning_rate = -0.1;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/fraction-bits-beyond-the-ring",
        "More fraction bits than the ring can hold in a product are not accepted.",
        "Shifts by more than the width of a word are undefined in C++.",
        |mut parts| {
            parts.family.fxp_fraction_bits = 64;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/fraction-bits-negative",
        "A negative number of fraction bits is not accepted.",
        "Shifts by a negative number are undefined in C++.",
        |mut parts| {
            parts.family.fxp_fraction_bits = -1;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/another-algorithm",
        "A response for another algorithm is not accepted.",
        "It is for another job.",
        |parts| HandshakeResponse { algo: number::ECDH_PSI, ..parts.pack() }
    ),
    rejected!(
        must,
        "handshake/lr/response/lists-of-unequal-length",
        "More families than parameter messages are not accepted.",
        "Which parameters belong to which family cannot be told.",
        |parts| HandshakeResponse { protocol_families: vec![number::SS, number::ECC], ..parts.pack() }
    ),
    rejected!(
        must,
        "handshake/lr/response/algorithm-of-another-type",
        "An Any of another type in the place of the LrHyperparamsResult is not accepted.",
        "Its bytes would be read as something that they are not.",
        |parts| HandshakeResponse { algo_param: Some(pack_any(&parts.data)), ..parts.pack() }
    ),
    rejected!(
        must,
        "handshake/lr/response/no-family",
        "A response without the family SS is not accepted.",
        "Nothing says how secrets are shared.",
        |parts| HandshakeResponse {
            protocol_families: Vec::new(),
            protocol_family_params: Vec::new(),
            ..parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/lr/response/no-data",
        "A response without io_param is not accepted.",
        "Nothing says who has the labels; the default would be rank 0.",
        |parts| HandshakeResponse { io_param: None, ..parts.pack() }
    ),
    Case::must(
        "handshake/lr/response/garbage",
        ENTRY,
        "Bytes that are no HandshakeResponse are not accepted, and survived.",
        |bench| reject_lr(bench, |_| vec![0xff; 64]),
    )
    .roles(RANK_1)
    .why("They come from a peer that speaks something else."),
];

fn reject(bench: &mut Bench, response: fn(LrResponse) -> HandshakeResponse) -> Outcome {
    reject_lr(bench, |parts| response(parts).encode_to_vec())
}

fn take(bench: &mut Bench, response: fn(LrResponse) -> Vec<u8>) -> Outcome {
    take_lr(bench, response)
}
