//! Handshake messages of the suite's side, part by part, so that a case can spoil any of them.

use symbolon_dialect::ResponseStyle;
use symbolon_wire::algos::{
    LrDataIoProposal, LrDataIoResult, LrHyperparamsProposal, LrHyperparamsResult, PsiDataIoProposal,
    PsiDataIoResult, SgdOptimizer,
};
use symbolon_wire::handshake::{HandshakeRequest, HandshakeResponse};
use symbolon_wire::op::{SigmoidParamsProposal, SigmoidParamsResult};
use symbolon_wire::protocol::{
    EcSuit, EccProtocolProposal, EccProtocolResult, PrgConfigProposal, PrgConfigResult, SsProtocolProposal,
    SsProtocolResult, TripleConfigProposal, TripleConfigResult, TruncationModeProposal, TruncationModeResult,
};
use symbolon_wire::{common::ResponseHeader, pack_any};

use super::bench::{LrTask, PsiTask, Truncation};
use super::points::Suite;

/// Numbers of the protos (`handshake/entry.proto` and the files that it names), written out here so that a wrong
/// number in generated code is seen.
pub mod number {
    /// `ALGO_TYPE_ECDH_PSI`
    pub const ECDH_PSI: i32 = 1;
    /// `ALGO_TYPE_SS_LR`
    pub const SS_LR: i32 = 2;
    /// `OP_TYPE_SIGMOID`
    pub const SIGMOID: i32 = 1;
    /// `PROTOCOL_FAMILY_ECC`
    pub const ECC: i32 = 1;
    /// `PROTOCOL_FAMILY_SS`
    pub const SS: i32 = 2;
    /// `OPTIMIZER_SGD`
    pub const SGD: i32 = 1;
    /// `LAST_BATCH_POLICY_DISCARD`
    pub const DISCARD: i32 = 1;
    /// `SIGMOID_MODE_MINIMAX_1`
    pub const MINIMAX_1: i32 = 1;
    /// `PROTOCOL_KIND_SEMI2K`
    pub const SEMI2K: i32 = 1;
    /// `TRUNC_MODE_PROBABILISTIC`
    pub const PROBABILISTIC: i32 = 1;
    /// `TRUNC_MODE_PRECISE`
    pub const PRECISE: i32 = 2;
    /// `CRYPTO_TYPE_AES128_CTR`
    pub const AES128_CTR: i32 = 1;
    /// `SHARED_SERIALIZE_FORMAT_RAW`
    pub const RAW: i32 = 1;
    /// Version of the dealer's service.
    pub const DEALER_VERSION: i32 = 2;
}

/// Error codes of `common/header.proto`.
pub mod code {
    /// `UNEXPECTED_ERROR`
    pub const UNEXPECTED_ERROR: i32 = 31_100_001;
    /// `INVALID_REQUEST`
    pub const INVALID_REQUEST: i32 = 31_100_100;
    /// `INVALID_RESOURCE` (erratum E12)
    pub const INVALID_RESOURCE: i32 = 31_100_101;
    /// `HANDSHAKE_REFUSED`
    pub const HANDSHAKE_REFUSED: i32 = 31_100_200;
    /// `UNSUPPORTED_VERSION`
    pub const UNSUPPORTED_VERSION: i32 = 31_100_201;
    /// `UNSUPPORTED_ALGO`
    pub const UNSUPPORTED_ALGO: i32 = 31_100_202;
    /// `UNSUPPORTED_PARAMS`
    pub const UNSUPPORTED_PARAMS: i32 = 31_100_203;
}

/// The parts of a request for an intersection.
#[derive(Debug, Clone)]
pub struct PsiRequest {
    /// What the curves can do.
    pub family: EccProtocolProposal,
    /// Set size and receiver.
    pub data: PsiDataIoProposal,
}

impl PsiRequest {
    /// What a party with this task asks for.
    pub fn of(task: &PsiTask) -> Self {
        Self {
            family: EccProtocolProposal {
                supported_versions: vec![1],
                ec_suits: vec![suit(task.suite)],
                point_octet_formats: vec![task.suite.format.number()],
                support_point_truncation: task.truncate_bits.is_some(),
            },
            data: PsiDataIoProposal {
                supported_versions: vec![1],
                item_num: i64::try_from(task.ids.len()).unwrap_or(i64::MAX),
                result_to_rank: task.result_to,
            },
        }
    }

    /// The message of rank 1.
    pub fn pack(&self) -> HandshakeRequest {
        HandshakeRequest {
            version: 2,
            requester_rank: 1,
            supported_algos: vec![number::ECDH_PSI],
            protocol_families: vec![number::ECC],
            protocol_family_params: vec![pack_any(&self.family)],
            io_param: Some(pack_any(&self.data)),
            ..HandshakeRequest::default()
        }
    }
}

/// The parts of the answer to a request for an intersection.
#[derive(Debug, Clone)]
pub struct PsiResponse {
    /// The suite.
    pub family: EccProtocolResult,
    /// The receiver.
    pub data: PsiDataIoResult,
}

impl PsiResponse {
    /// What rank 0 with this task decides.
    pub fn of(task: &PsiTask) -> Self {
        Self {
            family: EccProtocolResult {
                version: 1,
                ec_suit: Some(suit(task.suite)),
                point_octet_format: task.suite.format.number(),
                bit_length_after_truncated: task
                    .truncate_bits
                    .and_then(|bits| i32::try_from(bits).ok())
                    .unwrap_or(-1),
            },
            data: PsiDataIoResult { version: 1, result_to_rank: task.result_to },
        }
    }

    /// The message of rank 0.
    pub fn pack(&self) -> HandshakeResponse {
        HandshakeResponse {
            header: Some(ResponseHeader::default()),
            algo: number::ECDH_PSI,
            protocol_families: vec![number::ECC],
            protocol_family_params: vec![pack_any(&self.family)],
            io_param: Some(pack_any(&self.data)),
            ..HandshakeResponse::default()
        }
    }
}

fn suit(suite: Suite) -> EcSuit {
    EcSuit { curve: suite.curve.number(), hash: suite.hash.number(), hash2curve_strategy: suite.map.number() }
}

/// The parts of a request for a training.
#[derive(Debug, Clone)]
pub struct LrRequest {
    /// Optimizer, last batch, norms.
    pub algorithm: LrHyperparamsProposal,
    /// The sigmoid.
    pub operator: SigmoidParamsProposal,
    /// Secret sharing.
    pub family: SsProtocolProposal,
    /// The table.
    pub data: LrDataIoProposal,
}

impl LrRequest {
    /// What rank 1 with this task asks for.
    pub fn of(task: &LrTask) -> Self {
        Self {
            algorithm: LrHyperparamsProposal {
                supported_versions: vec![1],
                optimizers: vec![number::SGD],
                last_batch_policies: vec![number::DISCARD],
                use_l0_norm: false,
                use_l1_norm: false,
                use_l2_norm: task.l2 > 0.0,
            },
            operator: SigmoidParamsProposal {
                supported_versions: vec![1],
                sigmoid_modes: vec![number::MINIMAX_1],
            },
            family: SsProtocolProposal {
                supported_versions: vec![1],
                supported_protocols: vec![number::SEMI2K],
                field_types: vec![field(task.field)],
                trunc_modes: vec![TruncationModeProposal {
                    supported_versions: vec![1],
                    method: truncation(task),
                    compatible_protocols: Vec::new(),
                }],
                prg_configs: vec![PrgConfigProposal {
                    supported_versions: vec![1],
                    crypto_type: number::AES128_CTR,
                }],
                shard_serialize_formats: vec![number::RAW],
                triple_configs: vec![TripleConfigProposal {
                    supported_versions: vec![1],
                    sever_version: number::DEALER_VERSION,
                }],
            },
            data: LrDataIoProposal {
                supported_versions: vec![1],
                sample_size: i64::try_from(task.samples()).unwrap_or(i64::MAX),
                feature_num: i32::try_from(task.columns(1)).unwrap_or(i32::MAX),
                has_label: task.label_rank == 1,
            },
        }
    }

    /// The message of rank 1.
    pub fn pack(&self) -> HandshakeRequest {
        HandshakeRequest {
            version: 2,
            requester_rank: 1,
            supported_algos: vec![number::SS_LR],
            algo_params: vec![pack_any(&self.algorithm)],
            ops: vec![number::SIGMOID],
            op_params: vec![pack_any(&self.operator)],
            protocol_families: vec![number::SS],
            protocol_family_params: vec![pack_any(&self.family)],
            io_param: Some(pack_any(&self.data)),
        }
    }
}

/// The parts of the answer to a request for a training.
#[derive(Debug, Clone)]
pub struct LrResponse {
    /// Optimizer and numbers, without the optimizer's own message.
    pub algorithm: LrHyperparamsResult,
    /// The optimizer's own message.
    pub optimizer: SgdOptimizer,
    /// The sigmoid.
    pub operator: SigmoidParamsResult,
    /// Secret sharing and the dealer.
    pub family: SsProtocolResult,
    /// The tables.
    pub data: LrDataIoResult,
}

impl LrResponse {
    /// What rank 0 with this task decides. In the style of the reference the dealer's version is where that has it
    /// (erratum E17).
    pub fn of(task: &LrTask, style: ResponseStyle) -> Self {
        let count = |columns: usize| i32::try_from(columns).unwrap_or(i32::MAX);
        Self {
            algorithm: LrHyperparamsResult {
                version: 1,
                optimizer_name: number::SGD,
                optimizer_param: None,
                num_epoch: i64::try_from(task.epochs).unwrap_or(i64::MAX),
                batch_size: i64::try_from(task.batch_size).unwrap_or(i64::MAX),
                last_batch_policy: number::DISCARD,
                l0_norm: 0.0,
                l1_norm: 0.0,
                l2_norm: task.l2,
            },
            optimizer: SgdOptimizer { learning_rate: task.learning_rate },
            operator: SigmoidParamsResult { version: 1, sigmoid_mode: number::MINIMAX_1 },
            family: SsProtocolResult {
                version: 1,
                protocol: number::SEMI2K,
                field_type: field(task.field),
                trunc_mode: Some(TruncationModeResult { version: 1, method: truncation(task) }),
                prg_config: Some(PrgConfigResult { version: 1, crypto_type: number::AES128_CTR }),
                fxp_fraction_bits: i32::try_from(task.fraction_bits).unwrap_or(i32::MAX),
                shard_serialize_format: number::RAW,
                triple_config: Some(TripleConfigResult {
                    version: match style {
                        ResponseStyle::Full => 1,
                        ResponseStyle::Reference => number::DEALER_VERSION,
                    },
                    server_host: task.dealer.clone(),
                    sever_version: number::DEALER_VERSION,
                    session_id: task.session.clone(),
                    adjust_rank: i32::try_from(task.adjust_rank).unwrap_or(i32::MAX),
                }),
            },
            data: LrDataIoResult {
                version: 1,
                sample_size: i64::try_from(task.samples()).unwrap_or(i64::MAX),
                feature_nums: vec![count(task.columns(0)), count(task.columns(1))],
                label_rank: i32::try_from(task.label_rank).unwrap_or(i32::MAX),
            },
        }
    }

    /// The message of rank 0.
    pub fn pack(&self) -> HandshakeResponse {
        let algorithm = LrHyperparamsResult {
            optimizer_param: Some(pack_any(&self.optimizer)),
            ..self.algorithm.clone()
        };
        HandshakeResponse {
            header: Some(ResponseHeader::default()),
            algo: number::SS_LR,
            algo_param: Some(pack_any(&algorithm)),
            ops: vec![number::SIGMOID],
            op_params: vec![pack_any(&self.operator)],
            protocol_families: vec![number::SS],
            protocol_family_params: vec![pack_any(&self.family)],
            io_param: Some(pack_any(&self.data)),
        }
    }
}

/// `TRUNC_MODE_…`
fn truncation(task: &LrTask) -> i32 {
    match task.truncation {
        Truncation::Probabilistic => number::PROBABILISTIC,
        Truncation::Precise => number::PRECISE,
    }
}

/// `FIELD_TYPE_…`
pub fn field(bits: u32) -> i32 {
    match bits {
        32 => 1,
        64 => 2,
        128 => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_wire::{algos, common, handshake, op, protocol};

    /// The numbers stand here twice on purpose; they come from the protos either way.
    #[test]
    fn numbers_are_those_of_the_protos() {
        let pairs: [(i32, i32); 21] = [
            (number::ECDH_PSI, handshake::AlgoType::EcdhPsi.into()),
            (number::SS_LR, handshake::AlgoType::SsLr.into()),
            (number::SIGMOID, handshake::OpType::Sigmoid.into()),
            (number::ECC, handshake::ProtocolFamily::Ecc.into()),
            (number::SS, handshake::ProtocolFamily::Ss.into()),
            (number::SGD, algos::Optimizer::Sgd.into()),
            (number::DISCARD, algos::LastBatchPolicy::Discard.into()),
            (number::MINIMAX_1, op::SigmoidMode::Minimax1.into()),
            (number::SEMI2K, protocol::ProtocolKind::Semi2k.into()),
            (number::PROBABILISTIC, protocol::TruncMode::Probabilistic.into()),
            (number::PRECISE, protocol::TruncMode::Precise.into()),
            (number::AES128_CTR, protocol::CryptoType::Aes128Ctr.into()),
            (number::RAW, protocol::ShardSerializeFormat::SharedSerializeFormatRaw.into()),
            (field(128), protocol::FieldType::FieldType128.into()),
            (code::UNEXPECTED_ERROR, common::ErrorCode::UnexpectedError.into()),
            (code::INVALID_REQUEST, common::ErrorCode::InvalidRequest.into()),
            (code::INVALID_RESOURCE, common::ErrorCode::InvalidResource.into()),
            (code::HANDSHAKE_REFUSED, common::ErrorCode::HandshakeRefused.into()),
            (code::UNSUPPORTED_VERSION, common::ErrorCode::UnsupportedVersion.into()),
            (code::UNSUPPORTED_ALGO, common::ErrorCode::UnsupportedAlgo.into()),
            (code::UNSUPPORTED_PARAMS, common::ErrorCode::UnsupportedParams.into()),
        ];
        for (here, there) in pairs {
            assert_eq!(here, there);
        }
    }
}
