//! ECDH-PSI: what is asked, and what rank 0 makes of it.

use symbolon_wire::algos::{PsiDataIoProposal, SgdOptimizer};
use symbolon_wire::handshake::HandshakeRequest;
use symbolon_wire::protocol::{EcSuit, EccProtocolProposal, EccProtocolResult};
use symbolon_wire::{Message as _, pack_any};

use super::{
    ENTRY, Fields, PPCA_9, agree_psi, refusal, refuse_psi, refuse_psi_bytes, request, unpack,
    with_unknown_field, with_unknown_fields,
};
use crate::suite::Bench;
use crate::suite::bench::PsiTask;
use crate::suite::case::{Case, RANK_0, RANK_1};
use crate::suite::messages::{PsiRequest, code, number};
use crate::suite::verdict::{Outcome, check};

/// A request that is to be refused.
macro_rules! refused {
    ($id:literal, $requirement:literal, $why:literal, $refusal:expr, $request:expr) => {
        Case::must($id, PPCA_9, $requirement, |bench| refuse_psi(bench, $refusal, $request))
            .roles(RANK_0)
            .erratum(20)
            .why($why)
    };
}

pub(super) const CASES: &[Case] = &[
    Case::must(
        "handshake/psi/request/contents",
        PPCA_9,
        "The request has version 2, the own rank, ECDH_PSI, the family ECC with an EccProtocolProposal, and a \
         PsiDataIoProposal with the set's size and the receiver of the result.",
        contents,
    )
    .roles(RANK_1)
    .why("It is all that rank 0 knows of the other."),
    Case::must(
        "handshake/psi/agree/response",
        PPCA_9,
        "A request that fits is answered with code 0 and one suite, point format and receiver.",
        agree,
    )
    .roles(RANK_0)
    .why("The positive case beside all refusals."),
    Case::must(
        "handshake/psi/agree/any-order",
        PPCA_9,
        "Suites and formats that rank 0 does not have are passed over, wherever they stand in the lists.",
        |bench| agreed(bench, |mut parts| {
            parts.family.ec_suits.insert(0, EcSuit { curve: 2, hash: 1, hash2curve_strategy: 10 });
            parts.family.ec_suits.push(EcSuit { curve: 3, hash: 13, hash2curve_strategy: 12 });
            parts.family.point_octet_formats.insert(0, 4);
            parts.pack()
        }),
    )
    .roles(RANK_0)
    .why("A platform offers everything that it has."),
    Case::must(
        "handshake/psi/agree/unknown-values",
        ENTRY,
        "Enum values that nobody knows are no option and no mistake.",
        |bench| agreed(bench, |mut parts| {
            parts.family.ec_suits.insert(0, EcSuit { curve: 999, hash: -4, hash2curve_strategy: 77 });
            parts.family.point_octet_formats.insert(0, 999);
            parts.family.supported_versions.push(999);
            parts.pack()
        }),
    )
    .roles(RANK_0)
    .why("Later versions of the protocol will have more."),
    Case::must(
        "handshake/psi/agree/more-algorithms",
        ENTRY,
        "Further algorithms and families beside the wanted one are passed over.",
        |bench| agreed(bench, |parts| {
            let mut request = parts.pack();
            request.supported_algos = vec![number::SS_LR, number::ECDH_PSI, 999];
            request.algo_params = vec![pack_any(&SgdOptimizer::default()); 3];
            request.protocol_families.insert(0, 999);
            request.protocol_family_params.insert(0, pack_any(&SgdOptimizer::default()));
            request
        }),
    )
    .roles(RANK_0)
    .why("The lists are parallel; the parameters of what is not known cannot be read."),
    Case::must(
        "handshake/psi/agree/unknown-fields",
        "protobuf, proto3: unknown fields",
        "Fields with numbers that nobody knows are ignored, in the request and in its parameter messages.",
        |bench| agreed(bench, |parts| {
            let mut request = parts.pack();
            let data = request.io_param.iter_mut();
            with_unknown_fields(request.protocol_family_params.iter_mut().chain(data).collect());
            HandshakeRequest::decode(with_unknown_field(request.encode_to_vec()).as_slice()).unwrap_or(request)
        }),
    )
    .roles(RANK_0)
    .why("Later versions of the protocol will have more."),
    Case::must(
        "handshake/psi/agree/truncation-needs-both",
        PPCA_9,
        "Points are not truncated unless both parties support it: bit_length_after_truncated is then -1 (or 0).",
        truncation_needs_both,
    )
    .roles(RANK_0)
    .why("A party that does not support it cannot compare truncated points."),
    Case::must(
        "handshake/psi/agree/truncation-is-safe",
        PPCA_9,
        "Agreed truncated points keep at least 30 bits beyond the logarithms of both set sizes.",
        truncation_is_safe,
    )
    .roles(RANK_0)
    .why("With fewer bits ids that are not common match by chance."),
    refused!(
        "handshake/psi/refuse/version-1",
        "A request of version 1 is refused.",
        "Version 1 has other messages. The reference refuses without an answer.",
        refusal(code::UNSUPPORTED_VERSION, code::HANDSHAKE_REFUSED),
        |parts| HandshakeRequest { version: 1, ..parts.pack() }
    ),
    refused!(
        "handshake/psi/refuse/version-3",
        "A request of version 3 is refused.",
        "What version 3 will mean is not known.",
        refusal(code::UNSUPPORTED_VERSION, code::HANDSHAKE_REFUSED),
        |parts| HandshakeRequest { version: 3, ..parts.pack() }
    ),
    refused!(
        "handshake/psi/refuse/algorithm",
        "A request that does not offer ECDH_PSI is refused.",
        "Two programs were started for different jobs.",
        refusal(code::UNSUPPORTED_ALGO, code::INVALID_REQUEST),
        |parts| HandshakeRequest {
            supported_algos: vec![number::SS_LR],
            protocol_families: vec![number::SS],
            ..parts.pack()
        }
    ),
    refused!(
        "handshake/psi/refuse/family",
        "A request without the family ECC is refused.",
        "Nothing says which curve to use.",
        refusal(code::INVALID_REQUEST, code::INVALID_REQUEST),
        |parts| HandshakeRequest {
            protocol_families: Vec::new(),
            protocol_family_params: Vec::new(),
            ..parts.pack()
        }
    ),
    refused!(
        "handshake/psi/refuse/lists-of-unequal-length",
        "Families beside fewer parameter messages are refused.",
        "Which parameters belong to which family cannot be told.",
        refusal(code::INVALID_REQUEST, code::INVALID_REQUEST),
        |parts| {
            let mut request = parts.pack();
            request.protocol_families.insert(0, number::SS);
            request
        }
    ),
    refused!(
        "handshake/psi/refuse/family-of-another-type",
        "An Any of another type in the place of the EccProtocolProposal is refused.",
        "Its bytes would be read as something that they are not.",
        refusal(code::INVALID_REQUEST, code::INVALID_REQUEST),
        |parts| HandshakeRequest { protocol_family_params: vec![pack_any(&parts.data)], ..parts.pack() }
    ),
    refused!(
        "handshake/psi/refuse/data-of-another-type",
        "An Any of another type in the place of the PsiDataIoProposal is refused.",
        "Its bytes would be read as something that they are not.",
        refusal(code::INVALID_REQUEST, code::INVALID_REQUEST),
        |parts| HandshakeRequest { io_param: Some(pack_any(&parts.family)), ..parts.pack() }
    ),
    refused!(
        "handshake/psi/refuse/no-data",
        "A request without io_param is refused.",
        "Nothing says who gets the result.",
        refusal(code::INVALID_REQUEST, code::INVALID_REQUEST),
        |parts| HandshakeRequest { io_param: None, ..parts.pack() }
    ),
    refused!(
        "handshake/psi/refuse/suite",
        "A request whose suites rank 0 does not have is refused.",
        "There is nothing to agree on.",
        refusal(code::UNSUPPORTED_PARAMS, code::HANDSHAKE_REFUSED),
        |mut parts| {
            parts.family.ec_suits = vec![EcSuit { curve: 3, hash: 30, hash2curve_strategy: 13 }];
            parts.pack()
        }
    ),
    refused!(
        "handshake/psi/refuse/no-suite",
        "A request without a suite is refused.",
        "There is nothing to agree on.",
        refusal(code::UNSUPPORTED_PARAMS, code::HANDSHAKE_REFUSED),
        |mut parts| {
            parts.family.ec_suits.clear();
            parts.pack()
        }
    ),
    refused!(
        "handshake/psi/refuse/mixed-suite",
        "Curve, hash and map of different suites do not make one: they are negotiated together.",
        "A party that negotiates them one by one ends with a suite that nobody offered.",
        refusal(code::UNSUPPORTED_PARAMS, code::HANDSHAKE_REFUSED),
        |mut parts| {
            let (curve, hash, map) = parts.family.ec_suits.first().map_or((0, 0, 0), |suit| {
                (suit.curve, suit.hash, suit.hash2curve_strategy)
            });
            parts.family.ec_suits = vec![
                EcSuit { curve, hash: 13, hash2curve_strategy: 13 },
                EcSuit { curve: 3, hash, hash2curve_strategy: 13 },
                EcSuit { curve: 3, hash: 13, hash2curve_strategy: map },
            ];
            parts.pack()
        }
    ),
    refused!(
        "handshake/psi/refuse/point-format",
        "A request whose point formats rank 0 does not have is refused.",
        "Points would be read wrongly.",
        refusal(code::UNSUPPORTED_PARAMS, code::HANDSHAKE_REFUSED),
        |mut parts| {
            parts.family.point_octet_formats = vec![999];
            parts.pack()
        }
    ),
    refused!(
        "handshake/psi/refuse/receiver",
        "A request that gives the result to somebody else than rank 0 does is refused.",
        "A result that one side does not want to give must not be given.",
        refusal(code::HANDSHAKE_REFUSED, code::HANDSHAKE_REFUSED),
        |mut parts| {
            parts.data.result_to_rank = 1;
            parts.pack()
        }
    ),
    Case::should(
        "handshake/psi/refuse/receiver-outside",
        PPCA_9,
        "A request that gives the result to a rank that does not exist is refused.",
        |bench| refuse_psi(bench, refusal(code::HANDSHAKE_REFUSED, code::HANDSHAKE_REFUSED), |mut parts| {
            parts.data.result_to_rank = 7;
            parts.pack()
        }),
    )
    .roles(RANK_0)
    .erratum(20)
    .why("Nobody would learn it."),
    Case::should(
        "handshake/psi/refuse/negative-size",
        PPCA_9,
        "A request with a negative set size is refused.",
        |bench| refuse_psi(bench, refusal(code::INVALID_REQUEST, code::HANDSHAKE_REFUSED), |mut parts| {
            parts.data.item_num = -5;
            parts.pack()
        }),
    )
    .roles(RANK_0)
    .erratum(20)
    .why("Taken for an unsigned number it is 2^64 - 5."),
    Case::should(
        "handshake/psi/refuse/another-requester",
        PPCA_9,
        "A request with another requester_rank than its sender's is refused.",
        |bench| refuse_psi(bench, refusal(code::INVALID_REQUEST, code::HANDSHAKE_REFUSED), |parts| {
            HandshakeRequest { requester_rank: 0, ..parts.pack() }
        }),
    )
    .roles(RANK_0)
    .erratum(20)
    .why("With more than two parties it would be counted for another."),
    Case::must(
        "handshake/psi/refuse/garbage",
        ENTRY,
        "Bytes that are no HandshakeRequest are refused, and survived.",
        |bench| refuse_psi_bytes(bench, refusal(code::INVALID_REQUEST, code::HANDSHAKE_REFUSED), |_| vec![0xff; 64]),
    )
    .roles(RANK_0)
    .erratum(20)
    .why("They come from a peer that speaks something else."),
    Case::must(
        "handshake/psi/refuse/garbage-in-any",
        ENTRY,
        "An Any whose type is right and whose bytes are no such message is refused, and survived.",
        |bench| refuse_psi(bench, refusal(code::INVALID_REQUEST, code::INVALID_REQUEST), |parts| {
            let mut request = parts.pack();
            if let Some(any) = request.protocol_family_params.first_mut() {
                any.value = vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f].into();
            }
            request
        }),
    )
    .roles(RANK_0)
    .erratum(20)
    .why("A length beyond the end is the oldest trick."),
    Case::must(
        "handshake/psi/survive/huge-size",
        PPCA_9,
        "A set size of 2^62 is refused or agreed to; no memory is taken for it.",
        huge_size,
    )
    .roles(RANK_0)
    .why("Whoever reserves memory for what is announced can be stopped by one message."),
];

fn contents(bench: &mut Bench) -> Outcome {
    let task = PsiTask { result_to: 1, ..PsiTask::default() };
    let peer = bench.start_psi(&task)?;
    let request = request(bench, &peer)?;
    let mut fields = Fields::default();
    fields
        .expect("version", 2, request.version)
        .expect("requester_rank", 1, request.requester_rank)
        .expect("supported_algos has ECDH_PSI", true, request.supported_algos.contains(&number::ECDH_PSI))
        .expect("length of op_params", request.ops.len(), request.op_params.len())
        .expect(
            "length of protocol_family_params",
            request.protocol_families.len(),
            request.protocol_family_params.len(),
        );
    fields.end()?;
    let at = request.protocol_families.iter().position(|family| *family == number::ECC);
    let family = at.and_then(|at| request.protocol_family_params.get(at));
    let family: EccProtocolProposal = unpack("protocol_family_params", family)?;
    let data: PsiDataIoProposal = unpack("io_param", request.io_param.as_ref())?;
    let wanted = PsiRequest::of(&task);
    let offers = |suit: &EcSuit| family.ec_suits.contains(suit);
    fields
        .expect("ec_suits has the configured suite", true, wanted.family.ec_suits.iter().all(offers))
        .expect(
            "point_octet_formats has the configured one",
            true,
            family.point_octet_formats.contains(&task.suite.format.number()),
        )
        .expect("EccProtocolProposal.supported_versions has 1", true, family.supported_versions.contains(&1))
        .expect("item_num", wanted.data.item_num, data.item_num)
        .expect("result_to_rank", 1, data.result_to_rank);
    fields.end()
}

fn agree(bench: &mut Bench) -> Outcome {
    agreed(bench, |parts| parts.pack())
}

/// The testee agrees to the request, on the one suite that both have.
fn agreed(bench: &mut Bench, request: fn(PsiRequest) -> HandshakeRequest) -> Outcome {
    let task = PsiTask::default();
    let (_, response) = agree_psi(bench, &task, request)?;
    let wanted = crate::suite::messages::PsiResponse::of(&task);
    let mut fields = Fields::default();
    fields.expect("algo", number::ECDH_PSI, response.algo).expect(
        "protocol_families",
        vec![number::ECC],
        response.protocol_families.clone(),
    );
    fields.end()?;
    let family: EccProtocolResult =
        unpack("protocol_family_params", response.protocol_family_params.first())?;
    let receiver = super::psi_response::receiver(&response)?;
    fields
        .expect("ec_suit", wanted.family.ec_suit, family.ec_suit)
        .expect("point_octet_format", wanted.family.point_octet_format, family.point_octet_format)
        .expect("result_to_rank", -1, receiver);
    fields.end()
}

fn truncation_needs_both(bench: &mut Bench) -> Outcome {
    let task = PsiTask { truncate_bits: Some(128), ..PsiTask::default() };
    let (_, response) = agree_psi(bench, &task, |mut parts| {
        parts.family.support_point_truncation = false;
        parts.pack()
    })?;
    let family: EccProtocolResult =
        unpack("protocol_family_params", response.protocol_family_params.first())?;
    let bits = family.bit_length_after_truncated;
    check(bits <= 0, "bit_length_after_truncated of -1", || bits.to_string())
}

fn truncation_is_safe(bench: &mut Bench) -> Outcome {
    let task = PsiTask { truncate_bits: Some(8), ..PsiTask::default() };
    let (_, response) = agree_psi(bench, &task, |mut parts| {
        parts.data.item_num = 1 << 20;
        parts.pack()
    })?;
    let family: EccProtocolResult =
        unpack("protocol_family_params", response.protocol_family_params.first())?;
    let bits = family.bit_length_after_truncated;
    // 7 ids here and 2^20 there: 3 + 20 + 30
    check(bits <= 0 || bits >= 53, "at least 53 bits, or none cut", || bits.to_string())
}

fn huge_size(bench: &mut Bench) -> Outcome {
    let task = PsiTask::default();
    let peer = bench.start_psi(&task)?;
    bench.connect(&peer)?;
    let mut request = PsiRequest::of(&task);
    request.data.item_num = 1 << 62;
    super::ask(bench, &peer, request.pack().encode_to_vec())?;
    bench.end_in_failure(&peer)
}
