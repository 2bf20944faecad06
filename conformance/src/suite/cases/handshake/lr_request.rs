//! SS-LR: what is asked, and what rank 0 agrees to.

use symbolon_wire::algos::{
    LrDataIoProposal, LrDataIoResult, LrHyperparamsProposal, LrHyperparamsResult, SgdOptimizer,
};
use symbolon_wire::handshake::{HandshakeRequest, HandshakeResponse};
use symbolon_wire::op::{SigmoidParamsProposal, SigmoidParamsResult};
use symbolon_wire::protocol::{
    PrgConfigProposal, SsProtocolProposal, SsProtocolResult, TripleConfigProposal, TruncationModeProposal,
};
use symbolon_wire::{Message as _, pack_any};

use super::{ENTRY, Fields, PPCA_7, agree_lr, request, unpack, with_unknown_field, with_unknown_fields};
use crate::suite::Bench;
use crate::suite::bench::LrTask;
use crate::suite::case::{Case, RANK_0, RANK_1};
use crate::suite::messages::{LrRequest, number};
use crate::suite::verdict::{Outcome, check};

/// A request that is to be agreed to.
macro_rules! agreed {
    ($id:literal, $source:expr, $requirement:literal, $why:literal, $request:expr) => {
        Case::must($id, $source, $requirement, |bench| agreed(bench, $request)).roles(RANK_0).why($why)
    };
}

pub(super) const CASES: &[Case] = &[
    Case::must(
        "handshake/lr/request/contents",
        PPCA_7,
        "The request has version 2, the own rank, SS_LR, SIGMOID and the family SS in parallel lists, each with its \
         proposal, and a LrDataIoProposal with the own table's shape.",
        contents,
    )
    .roles(RANK_1)
    .why("It is all that rank 0 knows of the other."),
    agreed!(
        "handshake/lr/agree/response",
        PPCA_7,
        "A request that fits is answered with code 0 and a complete plan: numbers, sigmoid, protocol, dealer, tables.",
        "The positive case beside all refusals.",
        |parts| parts.pack()
    ),
    agreed!(
        "handshake/lr/agree/many",
        PPCA_7,
        "Of many options the one that rank 0 has is picked, wherever it stands in the list.",
        "A platform offers everything that it has.",
        |mut parts| {
            parts.algorithm.optimizers = vec![6, 2, number::SGD];
            parts.family.supported_protocols = vec![2, number::SEMI2K];
            parts.family.field_types = vec![3, 1, 2];
            parts.family.trunc_modes.insert(0, TruncationModeProposal {
                supported_versions: vec![1],
                method: 2,
                compatible_protocols: Vec::new(),
            });
            parts.family.prg_configs.insert(0, PrgConfigProposal { supported_versions: vec![1], crypto_type: 2 });
            parts
                .family
                .triple_configs
                .insert(0, TripleConfigProposal { supported_versions: vec![1], sever_version: 77 });
            parts.pack()
        }
    ),
    agreed!(
        "handshake/lr/agree/unknown-values",
        ENTRY,
        "Enum values that nobody knows are no option and no mistake.",
        "Later versions of the protocol will have more.",
        |mut parts| {
            parts.algorithm.optimizers.insert(0, 999);
            parts.algorithm.last_batch_policies.insert(0, 999);
            parts.operator.sigmoid_modes.insert(0, 999);
            parts.family.supported_protocols.insert(0, -3);
            parts.family.field_types.insert(0, 999);
            parts.family.shard_serialize_formats.insert(0, 999);
            parts.family.trunc_modes.insert(0, TruncationModeProposal {
                supported_versions: vec![1],
                method: 999,
                compatible_protocols: vec![999],
            });
            parts.family.prg_configs.insert(0, PrgConfigProposal { supported_versions: vec![1], crypto_type: 999 });
            parts.pack()
        }
    ),
    agreed!(
        "handshake/lr/agree/unknown-fields",
        "protobuf, proto3: unknown fields",
        "Fields with numbers that nobody knows are ignored, in the request and in its parameter messages.",
        "Later versions of the protocol will have more.",
        |parts| {
            let mut request = parts.pack();
            let HandshakeRequest { algo_params, op_params, protocol_family_params, io_param, .. } = &mut request;
            let lists = algo_params.iter_mut().chain(op_params).chain(protocol_family_params);
            with_unknown_fields(lists.chain(io_param.iter_mut()).collect());
            HandshakeRequest::decode(with_unknown_field(request.encode_to_vec()).as_slice()).unwrap_or(request)
        }
    ),
    agreed!(
        "handshake/lr/agree/more-algorithms",
        ENTRY,
        "Further algorithms, operators and families beside the wanted ones are passed over.",
        "The lists are parallel; the parameters of what is not known cannot be read.",
        |parts| {
            let mut request = parts.pack();
            let other = || pack_any(&SgdOptimizer::default());
            request.supported_algos.insert(0, number::ECDH_PSI);
            request.algo_params.insert(0, other());
            request.ops.insert(0, 999);
            request.op_params.insert(0, other());
            request.protocol_families.insert(0, number::ECC);
            request.protocol_family_params.insert(0, other());
            request
        }
    ),
    Case::must(
        "handshake/lr/agree/l2-of-both",
        PPCA_7,
        "A penalty that both parties use is in the plan with rank 0's value.",
        |bench| norm(bench, true, 0.5),
    )
    .roles(RANK_0)
    .why("The positive case beside the dropped one."),
    Case::must(
        "handshake/lr/agree/l2-of-one",
        PPCA_7,
        "A penalty that the other party does not use is dropped: l2_norm is 0.",
        |bench| norm(bench, false, 0.0),
    )
    .roles(RANK_0)
    .why("The other party would compute without it."),
    Case::must(
        "handshake/lr/agree/norms-of-the-other",
        PPCA_7,
        "Penalties that only the asking party uses are dropped: l0_norm, l1_norm and l2_norm are 0.",
        norms_of_the_other,
    )
    .roles(RANK_0)
    .why("Rank 0 has no value for them."),
    Case::must(
        "handshake/lr/agree/label-at-rank-1",
        PPCA_7,
        "With has_label at rank 1 alone, label_rank is 1.",
        label_at_rank_1,
    )
    .roles(RANK_0)
    .why("The label may be at either party."),
];

fn contents(bench: &mut Bench) -> Outcome {
    let task = LrTask { l2: 0.5, label_rank: 1, ..LrTask::small() };
    let peer = bench.start_lr(&task)?;
    let request = request(bench, &peer)?;
    let mut fields = Fields::default();
    fields
        .expect("version", 2, request.version)
        .expect("requester_rank", 1, request.requester_rank)
        .expect("length of algo_params", request.supported_algos.len(), request.algo_params.len())
        .expect("length of op_params", request.ops.len(), request.op_params.len())
        .expect(
            "length of protocol_family_params",
            request.protocol_families.len(),
            request.protocol_family_params.len(),
        );
    fields.end()?;
    let of = |codes: &[i32], code: i32| codes.iter().position(|found| *found == code);
    let algorithm = of(&request.supported_algos, number::SS_LR).and_then(|at| request.algo_params.get(at));
    let operator = of(&request.ops, number::SIGMOID).and_then(|at| request.op_params.get(at));
    let family =
        of(&request.protocol_families, number::SS).and_then(|at| request.protocol_family_params.get(at));
    let algorithm: LrHyperparamsProposal = unpack("algo_params", algorithm)?;
    let operator: SigmoidParamsProposal = unpack("op_params", operator)?;
    let family: SsProtocolProposal = unpack("protocol_family_params", family)?;
    let data: LrDataIoProposal = unpack("io_param", request.io_param.as_ref())?;
    fields
        .expect("optimizers has SGD", true, algorithm.optimizers.contains(&number::SGD))
        .expect(
            "last_batch_policies has DISCARD",
            true,
            algorithm.last_batch_policies.contains(&number::DISCARD),
        )
        .expect("use_l2_norm", true, algorithm.use_l2_norm)
        .expect("sigmoid_modes has MINIMAX_1", true, operator.sigmoid_modes.contains(&number::MINIMAX_1))
        .expect("supported_protocols has SEMI2K", true, family.supported_protocols.contains(&number::SEMI2K))
        .expect("field_types has the configured one", true, family.field_types.contains(&2))
        .expect("trunc_modes is not empty", false, family.trunc_modes.is_empty())
        .expect(
            "prg_configs has AES128_CTR",
            true,
            family.prg_configs.iter().any(|prg| prg.crypto_type == number::AES128_CTR),
        )
        .expect(
            "shard_serialize_formats has RAW",
            true,
            family.shard_serialize_formats.contains(&number::RAW),
        )
        .expect("triple_configs is not empty", false, family.triple_configs.is_empty())
        .expect("sample_size", 9, data.sample_size)
        .expect("feature_num", 1, data.feature_num)
        .expect("has_label", true, data.has_label);
    fields.end()
}

/// The testee agrees to the request, on the plan that both can have.
fn agreed(bench: &mut Bench, request: fn(LrRequest) -> HandshakeRequest) -> Outcome {
    let task = LrTask::small();
    let response = agree_lr(bench, &task, request)?;
    let (algorithm, family, data) = parts(&response)?;
    let optimizer: SgdOptimizer = unpack("optimizer_param", algorithm.optimizer_param.as_ref())?;
    let operator: SigmoidParamsResult = unpack("op_params", response.op_params.first())?;
    let truncation = family.trunc_mode.map_or(0, |mode| mode.method);
    // Unset means AES-128 (erratum E14).
    let generator = family.prg_config.map_or(number::AES128_CTR, |prg| prg.crypto_type);
    let triple = family.triple_config.clone().unwrap_or_default();
    let mut fields = Fields::default();
    fields
        .expect("algo", number::SS_LR, response.algo)
        .expect("ops", vec![number::SIGMOID], response.ops.clone())
        .expect("protocol_families", vec![number::SS], response.protocol_families.clone())
        .expect("optimizer_name", number::SGD, algorithm.optimizer_name)
        .expect("learning_rate", task.learning_rate, optimizer.learning_rate)
        .expect("num_epoch", 2, algorithm.num_epoch)
        .expect("batch_size", 4, algorithm.batch_size)
        .expect("last_batch_policy", number::DISCARD, algorithm.last_batch_policy)
        .expect("norms", (0.0, 0.0, 0.0), (algorithm.l0_norm, algorithm.l1_norm, algorithm.l2_norm))
        .expect("sigmoid_mode", number::MINIMAX_1, operator.sigmoid_mode)
        .expect("protocol", number::SEMI2K, family.protocol)
        .expect("field_type", 2, family.field_type)
        .expect("trunc_mode", number::PROBABILISTIC, truncation)
        .expect("prg_config", number::AES128_CTR, generator)
        .expect("fxp_fraction_bits", 18, family.fxp_fraction_bits)
        .expect("shard_serialize_format", number::RAW, family.shard_serialize_format)
        .expect("server_host", task.dealer.clone(), triple.server_host)
        .expect("adjust_rank", 0, triple.adjust_rank)
        .expect("sample_size", 9, data.sample_size)
        .expect("feature_nums", vec![2, 1], data.feature_nums.clone())
        .expect("label_rank", 0, data.label_rank);
    fields.end()
}

fn parts(response: &HandshakeResponse) -> Outcome<(LrHyperparamsResult, SsProtocolResult, LrDataIoResult)> {
    Ok((
        unpack("algo_param", response.algo_param.as_ref())?,
        unpack("protocol_family_params", response.protocol_family_params.first())?,
        unpack("io_param", response.io_param.as_ref())?,
    ))
}

/// A testee with an L2 penalty of 0.5.
fn norm(bench: &mut Bench, of_both: bool, wanted: f64) -> Outcome {
    let task = LrTask { l2: 0.5, ..LrTask::small() };
    let response = agree_lr(bench, &task, |mut parts| {
        parts.algorithm.use_l2_norm = of_both;
        parts.pack()
    })?;
    let (algorithm, ..) = parts(&response)?;
    let found = algorithm.l2_norm;
    check(found == wanted, format!("l2_norm = {wanted}"), || found.to_string())
}

fn norms_of_the_other(bench: &mut Bench) -> Outcome {
    let response = agree_lr(bench, &LrTask::small(), |mut parts| {
        parts.algorithm.use_l0_norm = true;
        parts.algorithm.use_l1_norm = true;
        parts.algorithm.use_l2_norm = true;
        parts.pack()
    })?;
    let (algorithm, ..) = parts(&response)?;
    let found = (algorithm.l0_norm, algorithm.l1_norm, algorithm.l2_norm);
    check(found == (0.0, 0.0, 0.0), "norms of 0", || format!("{found:?}"))
}

fn label_at_rank_1(bench: &mut Bench) -> Outcome {
    let task = LrTask { label_rank: 1, ..LrTask::small() };
    let response = agree_lr(bench, &task, |parts| parts.pack())?;
    let (.., data) = parts(&response)?;
    check(data.label_rank == 1, "label_rank = 1", || data.label_rank.to_string())
}
