//! ECDH-PSI: what rank 1 makes of rank 0's response.

use symbolon_wire::algos::{PsiDataIoProposal, PsiDataIoResult};
use symbolon_wire::common::ResponseHeader;
use symbolon_wire::handshake::HandshakeResponse;
use symbolon_wire::protocol::EcSuit;
use symbolon_wire::{Message as _, pack_any};

use super::{ENTRY, PPCA_9, reject_psi, take_psi, unpack, with_unknown_field, with_unknown_fields};
use crate::suite::Bench;
use crate::suite::bench::PsiTask;
use crate::suite::case::{Case, RANK_1};
use crate::suite::messages::{PsiResponse, code, number};
use crate::suite::verdict::{Finding, Outcome};

/// A response that is not to be accepted.
macro_rules! rejected {
    ($level:ident, $id:literal, $requirement:literal, $why:literal, $response:expr) => {
        Case::$level($id, PPCA_9, $requirement, |bench| reject(bench, $response)).roles(RANK_1).why($why)
    };
}

pub(super) const CASES: &[Case] = &[
    Case::must(
        "handshake/psi/response/refusal",
        ENTRY,
        "A response with a code other than 0 ends the run: no point is sent, no result left.",
        |bench| {
            reject(bench, |_| HandshakeResponse {
                header: Some(ResponseHeader { error_code: code::HANDSHAKE_REFUSED, error_msg: "no".into() }),
                ..HandshakeResponse::default()
            })
        },
    )
    .roles(RANK_1)
    .erratum(19)
    .why("Whoever goes on has agreed to nothing."),
    Case::must(
        "handshake/psi/response/unknown-code",
        ENTRY,
        "A code that nobody knows is a refusal too, even beside a complete plan.",
        |bench| {
            reject(bench, |parts| HandshakeResponse {
                header: Some(ResponseHeader { error_code: 31_100_999, error_msg: String::new() }),
                ..parts.pack()
            })
        },
    )
    .roles(RANK_1)
    .erratum(19)
    .why("Later versions of the protocol will have more codes."),
    Case::must(
        "handshake/psi/response/accepted",
        PPCA_9,
        "A response that picks what was offered is accepted.",
        |bench| take(bench, |parts| parts.pack().encode_to_vec()),
    )
    .roles(RANK_1)
    .why("The positive case beside all others."),
    Case::must(
        "handshake/psi/response/no-header",
        "protobuf, proto3: default values",
        "An absent header reads as code 0.",
        |bench| take(bench, |parts| HandshakeResponse { header: None, ..parts.pack() }.encode_to_vec()),
    )
    .roles(RANK_1)
    .why("A message of zeros alone may be left out by an encoder."),
    Case::must(
        "handshake/psi/response/unknown-fields",
        "protobuf, proto3: unknown fields",
        "Fields with numbers that nobody knows are ignored, in the response and in its parameter messages.",
        |bench| {
            take(bench, |parts| {
                let mut response = parts.pack();
                let data = response.io_param.iter_mut();
                with_unknown_fields(response.protocol_family_params.iter_mut().chain(data).collect());
                with_unknown_field(response.encode_to_vec())
            })
        },
    )
    .roles(RANK_1)
    .why("Later versions of the protocol will have more."),
    Case::must(
        "handshake/psi/response/unset-versions",
        "interconnection-impl 4dc46f7",
        "Versions of parameter messages that are unset are accepted.",
        |bench| {
            take(bench, |mut parts| {
                parts.family.version = 0;
                parts.data.version = 0;
                parts.pack().encode_to_vec()
            })
        },
    )
    .roles(RANK_1)
    .erratum(18)
    .why("The reference leaves them unset."),
    Case::observed(
        "handshake/psi/response/proposal-as-data",
        "interconnection-impl 4dc46f7",
        "A PsiDataIoProposal in the place of the PsiDataIoResult is understood.",
        |bench| {
            take(bench, |parts| {
                let data = PsiDataIoProposal {
                    supported_versions: Vec::new(),
                    item_num: 5,
                    result_to_rank: parts.data.result_to_rank,
                };
                HandshakeResponse { io_param: Some(pack_any(&data)), ..parts.pack() }.encode_to_vec()
            })
        },
    )
    .roles(RANK_1)
    .erratum(13)
    .why("The reference sends it."),
    rejected!(
        must,
        "handshake/psi/response/suite-not-offered",
        "A suite that was not offered is not accepted.",
        "Rank 0 would decide which curve the other computes on.",
        |mut parts| {
            parts.family.ec_suit = Some(EcSuit { curve: 2, hash: 1, hash2curve_strategy: 10 });
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/psi/response/hash-not-offered",
        "A suite with a hash that was not offered is not accepted, however known it is.",
        "Two suites of one curve travel in the same form; nobody would notice but by an empty result.",
        |mut parts| {
            parts.family.ec_suit = Some(EcSuit { curve: 1, hash: 1, hash2curve_strategy: 3 });
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/psi/response/no-suite",
        "A response without a suite is not accepted.",
        "Zeros are no suite.",
        |mut parts| {
            parts.family.ec_suit = None;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/psi/response/format-not-offered",
        "A point format that was not offered is not accepted.",
        "Points would be read wrongly.",
        |mut parts| {
            parts.family.point_octet_format = 4;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/psi/response/another-receiver",
        "A response that gives the result to rank 0 alone, where both were to get it, is not accepted.",
        "A party that accepts gives its set away for nothing.",
        |mut parts| {
            parts.data.result_to_rank = 0;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/psi/response/receiver-outside",
        "A response that gives the result to a rank that does not exist is not accepted.",
        "The rank is used as an index by careless code.",
        |mut parts| {
            parts.data.result_to_rank = 7;
            parts.pack()
        }
    ),
    rejected!(
        must,
        "handshake/psi/response/another-algorithm",
        "A response for another algorithm is not accepted.",
        "It is for another job.",
        |parts| HandshakeResponse { algo: number::SS_LR, ..parts.pack() }
    ),
    rejected!(
        must,
        "handshake/psi/response/family-of-another-type",
        "An Any of another type in the place of the EccProtocolResult is not accepted.",
        "Its bytes would be read as something that they are not.",
        |parts| HandshakeResponse { protocol_family_params: vec![pack_any(&parts.data)], ..parts.pack() }
    ),
    rejected!(
        must,
        "handshake/psi/response/no-data",
        "A response without io_param is not accepted.",
        "Nothing says who gets the result; the default would be rank 0.",
        |parts| HandshakeResponse { io_param: None, ..parts.pack() }
    ),
    rejected!(
        should,
        "handshake/psi/response/truncation-not-offered",
        "Truncated points that were not offered are not accepted.",
        "The party said that it cannot compare them.",
        |mut parts| {
            parts.family.bit_length_after_truncated = 96;
            parts.pack()
        }
    ),
    Case::should(
        "handshake/psi/response/truncation-unsafe",
        PPCA_9,
        "Truncated points with too few bits for the set sizes are not accepted.",
        |bench| {
            let task = PsiTask { truncate_bits: Some(128), ..PsiTask::default() };
            let mut parts = PsiResponse::of(&task);
            parts.family.bit_length_after_truncated = 20;
            reject_psi(bench, &task, parts.pack().encode_to_vec())
        },
    )
    .roles(RANK_1)
    .why("With fewer bits ids that are not common match by chance."),
    Case::must(
        "handshake/psi/response/garbage",
        ENTRY,
        "Bytes that are no HandshakeResponse are not accepted, and survived.",
        |bench| reject_psi(bench, &PsiTask::default(), vec![0xff_u8; 64]),
    )
    .roles(RANK_1)
    .why("They come from a peer that speaks something else."),
];

fn reject(bench: &mut Bench, response: fn(PsiResponse) -> HandshakeResponse) -> Outcome {
    let task = PsiTask::default();
    reject_psi(bench, &task, response(PsiResponse::of(&task)).encode_to_vec())
}

fn take(bench: &mut Bench, response: fn(PsiResponse) -> Vec<u8>) -> Outcome {
    let task = PsiTask::default();
    take_psi(bench, &task, response(PsiResponse::of(&task)))
}

/// Who gets the result; the reference sends a proposal here (erratum E13).
pub(super) fn receiver(response: &HandshakeResponse) -> Outcome<i32> {
    let any = response.io_param.as_ref();
    match unpack::<PsiDataIoResult>("io_param", any) {
        Ok(result) => Ok(result.result_to_rank),
        Err(finding) => unpack::<PsiDataIoProposal>("io_param", any)
            .map(|proposal| proposal.result_to_rank)
            .map_err(|_: Finding| finding),
    }
}
