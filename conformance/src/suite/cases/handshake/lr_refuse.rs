//! SS-LR: what rank 0 refuses, and by which code.

use symbolon_wire::handshake::HandshakeRequest;
use symbolon_wire::protocol::{PrgConfigProposal, TripleConfigProposal};
use symbolon_wire::{Message as _, pack_any};

use super::{ENTRY, PPCA_7, refusal, refuse_lr, refuse_lr_bytes};
use crate::suite::Bench;
use crate::suite::bench::LrTask;
use crate::suite::case::{Case, RANK_0};
use crate::suite::messages::{LrRequest, code, number};
use crate::suite::verdict::Outcome;

/// A request that is to be refused.
macro_rules! refused {
    ($level:ident, $id:literal, $requirement:literal, $why:literal, $fitting:expr, $reference:expr, $request:expr) => {
        Case::$level($id, PPCA_7, $requirement, |bench| {
            refuse_lr(bench, refusal($fitting, $reference), $request)
        })
        .roles(RANK_0)
        .erratum(20)
        .why($why)
    };
}

/// A request in which one negotiable item has nothing in common with rank 0.
macro_rules! nothing_in_common {
    ($id:literal, $requirement:literal, $request:expr) => {
        refused!(
            must,
            $id,
            $requirement,
            "There is nothing to agree on, and no default that both would know.",
            code::UNSUPPORTED_PARAMS,
            code::UNSUPPORTED_PARAMS,
            $request
        )
    };
}

/// A request that lacks something or has something else in its place.
macro_rules! wrong {
    ($id:literal, $requirement:literal, $why:literal, $request:expr) => {
        refused!(must, $id, $requirement, $why, code::INVALID_REQUEST, code::INVALID_REQUEST, $request)
    };
}

const OTHER_TYPE: &str = "Its bytes would be read as something that they are not.";

pub(super) const CASES: &[Case] = &[
    refused!(
        must,
        "handshake/lr/refuse/version-1",
        "A request of version 1 is refused.",
        "Version 1 has other messages. The reference gives up without an answer.",
        code::UNSUPPORTED_VERSION,
        code::HANDSHAKE_REFUSED,
        |parts| HandshakeRequest { version: 1, ..parts.pack() }
    ),
    refused!(
        must,
        "handshake/lr/refuse/version-3",
        "A request of version 3 is refused.",
        "What version 3 will mean is not known.",
        code::UNSUPPORTED_VERSION,
        code::HANDSHAKE_REFUSED,
        |parts| HandshakeRequest { version: 3, ..parts.pack() }
    ),
    refused!(
        must,
        "handshake/lr/refuse/algorithm",
        "A request that does not offer SS_LR is refused.",
        "Two programs were started for different jobs.",
        code::UNSUPPORTED_ALGO,
        code::INVALID_REQUEST,
        |parts| HandshakeRequest { supported_algos: vec![number::ECDH_PSI], ..parts.pack() }
    ),
    wrong!(
        "handshake/lr/refuse/algorithms-of-unequal-length",
        "More algorithms than parameter messages are refused.",
        "Which parameters belong to which algorithm cannot be told.",
        |parts| {
            let mut request = parts.pack();
            request.supported_algos.insert(0, number::ECDH_PSI);
            request
        }
    ),
    wrong!(
        "handshake/lr/refuse/operators-of-unequal-length",
        "Fewer operators than parameter messages are refused.",
        "Which parameters belong to which operator cannot be told.",
        |parts| {
            let mut request = parts.pack();
            request.op_params.push(pack_any(&parts.operator));
            request
        }
    ),
    wrong!(
        "handshake/lr/refuse/families-of-unequal-length",
        "More families than parameter messages are refused.",
        "Which parameters belong to which family cannot be told.",
        |parts| {
            let mut request = parts.pack();
            request.protocol_families.push(number::ECC);
            request
        }
    ),
    wrong!(
        "handshake/lr/refuse/no-operator",
        "A request without SIGMOID is refused.",
        "Nothing says how the sigmoid is approximated.",
        |parts| HandshakeRequest { ops: Vec::new(), op_params: Vec::new(), ..parts.pack() }
    ),
    wrong!(
        "handshake/lr/refuse/no-family",
        "A request without the family SS is refused.",
        "Nothing says how secrets are shared.",
        |parts| HandshakeRequest {
            protocol_families: Vec::new(),
            protocol_family_params: Vec::new(),
            ..parts.pack()
        }
    ),
    wrong!(
        "handshake/lr/refuse/no-data",
        "A request without io_param is refused.",
        "Nothing is known of the other table.",
        |parts| HandshakeRequest { io_param: None, ..parts.pack() }
    ),
    Case::must(
        "handshake/lr/refuse/algorithm-of-another-type",
        PPCA_7,
        "An Any of another type in the place of the LrHyperparamsProposal is refused.",
        |bench| {
            wrong(bench, |parts| HandshakeRequest {
                algo_params: vec![pack_any(&parts.data)],
                ..parts.pack()
            })
        },
    )
    .roles(RANK_0)
    .erratum(20)
    .why(OTHER_TYPE),
    Case::must(
        "handshake/lr/refuse/operator-of-another-type",
        PPCA_7,
        "An Any of another type in the place of the SigmoidParamsProposal is refused.",
        |bench| {
            wrong(bench, |parts| HandshakeRequest { op_params: vec![pack_any(&parts.data)], ..parts.pack() })
        },
    )
    .roles(RANK_0)
    .erratum(20)
    .why(OTHER_TYPE),
    Case::must(
        "handshake/lr/refuse/family-of-another-type",
        PPCA_7,
        "An Any of another type in the place of the SSProtocolProposal is refused.",
        |bench| {
            wrong(bench, |parts| HandshakeRequest {
                protocol_family_params: vec![pack_any(&parts.algorithm)],
                ..parts.pack()
            })
        },
    )
    .roles(RANK_0)
    .erratum(20)
    .why(OTHER_TYPE),
    Case::must(
        "handshake/lr/refuse/data-of-another-type",
        PPCA_7,
        "An Any of another type in the place of the LrDataIoProposal is refused.",
        |bench| {
            wrong(bench, |parts| HandshakeRequest { io_param: Some(pack_any(&parts.family)), ..parts.pack() })
        },
    )
    .roles(RANK_0)
    .erratum(20)
    .why(OTHER_TYPE),
    nothing_in_common!(
        "handshake/lr/refuse/optimizer",
        "A request without SGD is refused where rank 0 has nothing else.",
        |mut parts| {
            parts.algorithm.optimizers = vec![6];
            parts.pack()
        }
    ),
    nothing_in_common!(
        "handshake/lr/refuse/last-batch",
        "A request without a policy for the last batch that rank 0 has is refused.",
        |mut parts| {
            parts.algorithm.last_batch_policies = vec![999];
            parts.pack()
        }
    ),
    nothing_in_common!(
        "handshake/lr/refuse/sigmoid",
        "A request without a sigmoid mode that rank 0 has is refused.",
        |mut parts| {
            parts.operator.sigmoid_modes = vec![999];
            parts.pack()
        }
    ),
    nothing_in_common!(
        "handshake/lr/refuse/protocol",
        "A request without a protocol that rank 0 has is refused.",
        |mut parts| {
            parts.family.supported_protocols = vec![2];
            parts.pack()
        }
    ),
    nothing_in_common!(
        "handshake/lr/refuse/field",
        "A request without a ring that rank 0 has is refused.",
        |mut parts| {
            parts.family.field_types = vec![999, 0];
            parts.pack()
        }
    ),
    nothing_in_common!(
        "handshake/lr/refuse/truncation",
        "A request without a truncation mode that rank 0 has is refused.",
        |mut parts| {
            parts.family.trunc_modes.clear();
            parts.pack()
        }
    ),
    nothing_in_common!(
        "handshake/lr/refuse/truncation-of-another-protocol",
        "A truncation mode that is offered for another protocol only does not count.",
        |mut parts| {
            for mode in &mut parts.family.trunc_modes {
                mode.compatible_protocols = vec![2];
            }
            parts.pack()
        }
    ),
    nothing_in_common!(
        "handshake/lr/refuse/generator",
        "A request without a generator that rank 0 has is refused.",
        |mut parts| {
            parts.family.prg_configs =
                vec![PrgConfigProposal { supported_versions: vec![1], crypto_type: 999 }];
            parts.pack()
        }
    ),
    nothing_in_common!(
        "handshake/lr/refuse/serialisation",
        "A request without a serialisation of shares that rank 0 has is refused.",
        |mut parts| {
            parts.family.shard_serialize_formats = vec![999];
            parts.pack()
        }
    ),
    nothing_in_common!(
        "handshake/lr/refuse/dealer-version",
        "A request without a version of the dealer's service that rank 0 has is refused.",
        |mut parts| {
            parts.family.triple_configs =
                vec![TripleConfigProposal { supported_versions: vec![1], sever_version: 77 }];
            parts.pack()
        }
    ),
    refused!(
        must,
        "handshake/lr/refuse/sample-size",
        "Tables with different numbers of rows are refused.",
        "Rows that do not belong together would be multiplied.",
        code::HANDSHAKE_REFUSED,
        code::HANDSHAKE_REFUSED,
        |mut parts| {
            parts.data.sample_size += 1;
            parts.pack()
        }
    ),
    refused!(
        must,
        "handshake/lr/refuse/sample-size-negative",
        "A negative number of rows is refused.",
        "Taken for an unsigned number it is close to 2^64.",
        code::HANDSHAKE_REFUSED,
        code::HANDSHAKE_REFUSED,
        |mut parts| {
            parts.data.sample_size = -9;
            parts.pack()
        }
    ),
    wrong!(
        "handshake/lr/refuse/no-features",
        "A table without a column is refused.",
        "Shapes of products would have a zero.",
        |mut parts| {
            parts.data.feature_num = 0;
            parts.pack()
        }
    ),
    wrong!(
        "handshake/lr/refuse/features-negative",
        "A negative number of columns is refused.",
        "Taken for an unsigned number it is close to 2^32.",
        |mut parts| {
            parts.data.feature_num = -1;
            parts.pack()
        }
    ),
    refused!(
        must,
        "handshake/lr/refuse/two-labels",
        "Two parties with labels are refused.",
        "Whose labels count cannot be told.",
        code::HANDSHAKE_REFUSED,
        code::HANDSHAKE_REFUSED,
        |mut parts| {
            parts.data.has_label = true;
            parts.pack()
        }
    ),
    Case::must(
        "handshake/lr/refuse/no-label",
        PPCA_7,
        "A training without labels at any party is refused.",
        |bench| {
            let task = LrTask { label_rank: 1, ..LrTask::small() };
            refuse_lr_bytes(
                bench,
                &task,
                refusal(code::INVALID_REQUEST, code::INVALID_REQUEST),
                |mut parts| {
                    parts.data.has_label = false;
                    parts.pack().encode_to_vec()
                },
            )
        },
    )
    .roles(RANK_0)
    .erratum(20)
    .why("There is nothing to learn."),
    refused!(
        should,
        "handshake/lr/refuse/another-requester",
        "A request with another requester_rank than its sender's is refused.",
        "With more than two parties it would be counted for another.",
        code::INVALID_REQUEST,
        code::HANDSHAKE_REFUSED,
        |parts| HandshakeRequest { requester_rank: 0, ..parts.pack() }
    ),
    Case::must(
        "handshake/lr/refuse/garbage",
        ENTRY,
        "Bytes that are no HandshakeRequest are refused, and survived.",
        |bench| {
            let refusal = refusal(code::INVALID_REQUEST, code::HANDSHAKE_REFUSED);
            refuse_lr_bytes(bench, &LrTask::small(), refusal, |_| vec![0xff; 64])
        },
    )
    .roles(RANK_0)
    .erratum(20)
    .why("They come from a peer that speaks something else."),
];

/// The testee refuses what lacks something, as [`wrong!`] has it.
fn wrong(bench: &mut Bench, request: fn(LrRequest) -> HandshakeRequest) -> Outcome {
    refuse_lr(bench, refusal(code::INVALID_REQUEST, code::INVALID_REQUEST), request)
}
