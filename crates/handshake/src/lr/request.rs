//! The request of logistic regression, out of an offer and into checked terms.

use bytes::Bytes;
use symbolon_dialect::{Dialect, ResponseStyle};
use symbolon_mutants::Mutant;
use symbolon_prg::Cipher;
use symbolon_ring::Field;
use symbolon_wire::{
    algos::{LrDataIoProposal, LrHyperparamsProposal},
    handshake::{AlgoType, HandshakeRequest, OpType, ProtocolFamily},
    op::SigmoidParamsProposal,
    pack_any,
    protocol::{PrgConfigProposal, SsProtocolProposal, TripleConfigProposal, TruncationModeProposal},
    unpack_any,
};

use crate::{
    error::HandshakeError,
    lists::{check_version, codes, decode_request, known, parameters, speaks_version},
    offer::LrOffer,
    refusal::{Cause, Refusal},
    terms::{Coded, DISCARD, HANDSHAKE_VERSION, Protocol, RAW, SGD, SigmoidMode, Truncation, VERSION},
};

const ALGORITHM: AlgoType = AlgoType::SsLr;

/// A peer's request for logistic regression: well-formed, of version 2, with all its parts.
///
/// Values that this version does not know are left out, since what is not known cannot be agreed to.
/// Whether the rest fits together is for [`negotiate_lr`](crate::negotiate_lr) to decide.
#[derive(Debug, Clone, PartialEq)]
pub struct LrRequest {
    /// The rank that the request claims.
    pub(super) rank: i32,
    /// Whether plain gradient descent is offered.
    pub(super) sgd: bool,
    /// Whether discarding of the last partial batch is offered.
    pub(super) discard: bool,
    /// Whether an L2 penalty is offered.
    pub(super) l2: bool,
    pub(super) sigmoids: Vec<SigmoidMode>,
    pub(super) protocols: Vec<Protocol>,
    pub(super) fields: Vec<Field>,
    /// Modes, each with the protocols it is offered for (`None`: all).
    pub(super) truncations: Vec<(Truncation, Option<Vec<Protocol>>)>,
    pub(super) ciphers: Vec<Cipher>,
    /// Whether raw serialisation of shares is offered.
    pub(super) raw: bool,
    pub(super) dealer_versions: Vec<i32>,
    pub(super) samples: i64,
    pub(super) features: i32,
    pub(super) has_label: bool,
}

impl LrRequest {
    /// Reads a request off the link.
    ///
    /// # Errors
    /// A [`Refusal`] for a message that is no request of version 2 for logistic regression.
    pub fn decode(bytes: Bytes) -> Result<Self, Refusal> {
        decode_request(bytes, ALGORITHM)?.try_into()
    }
}

impl TryFrom<HandshakeRequest> for LrRequest {
    type Error = Refusal;

    fn try_from(request: HandshakeRequest) -> Result<Self, Refusal> {
        let rank = request.requester_rank;
        let refuse =
            |cause, reason: &str| Refusal::new(cause, ALGORITHM, format!("request of rank {rank}: {reason}"));
        check_version(request.version, ALGORITHM)?;

        if !request.supported_algos.contains(&ALGORITHM.into()) && !Mutant::AlgorithmNotChecked.is_on() {
            return Err(refuse(Cause::Algorithm, "ALGO_TYPE_SS_LR is not offered"));
        }
        let algorithm: LrHyperparamsProposal =
            parameters(&request.supported_algos, &request.algo_params, ALGORITHM.into())
                .and_then(|found| found.ok_or_else(|| "no LrHyperparamsProposal".into()))
                .map_err(|reason| refuse(Cause::AlgorithmParameters, &reason))?;
        let operator: SigmoidParamsProposal =
            parameters(&request.ops, &request.op_params, OpType::Sigmoid.into())
                .and_then(|found| found.ok_or_else(|| "no SigmoidParamsProposal".into()))
                .map_err(|reason| refuse(Cause::OperatorParameters, &reason))?;
        let family: SsProtocolProposal = parameters(
            &request.protocol_families,
            &request.protocol_family_params,
            ProtocolFamily::Ss.into(),
        )
        .and_then(|found| found.ok_or_else(|| "no SSProtocolProposal".into()))
        .map_err(|reason| refuse(Cause::FamilyParameters, &reason))?;
        let data: LrDataIoProposal = request
            .io_param
            .as_ref()
            .ok_or_else(|| "no LrDataIoProposal".to_string())
            .and_then(|any| unpack_any(any).map_err(|error| error.to_string()))
            .map_err(|reason| refuse(Cause::DataParameters, &reason))?;

        for (message, versions) in [
            ("LrHyperparamsProposal", &algorithm.supported_versions),
            ("SigmoidParamsProposal", &operator.supported_versions),
            ("SSProtocolProposal", &family.supported_versions),
            ("LrDataIoProposal", &data.supported_versions),
        ] {
            if !speaks_version(versions) {
                return Err(refuse(
                    Cause::ParameterVersion,
                    &format!("{message} is not offered in version 1"),
                ));
            }
        }

        let truncations = family
            .trunc_modes
            .iter()
            .filter(|mode| speaks_version(&mode.supported_versions))
            .filter_map(|mode| {
                let all = mode.compatible_protocols.is_empty();
                Some((Truncation::from_code(mode.method)?, (!all).then(|| known(&mode.compatible_protocols))))
            })
            .collect();
        let ciphers = family.prg_configs.iter().filter(|prg| speaks_version(&prg.supported_versions));
        let dealers =
            family.triple_configs.iter().filter(|triple| speaks_version(&triple.supported_versions));
        Ok(Self {
            rank,
            sgd: algorithm.optimizers.contains(&SGD.into()) || Mutant::OptimizerNotChecked.is_on(),
            discard: algorithm.last_batch_policies.contains(&DISCARD.into()),
            l2: algorithm.use_l2_norm,
            sigmoids: known(&operator.sigmoid_modes),
            protocols: known(&family.supported_protocols),
            fields: known(&family.field_types),
            truncations,
            ciphers: ciphers.filter_map(|prg| Cipher::from_code(prg.crypto_type)).collect(),
            raw: family.shard_serialize_formats.contains(&RAW.into()),
            dealer_versions: dealers.map(|triple| triple.sever_version).collect(),
            samples: data.sample_size,
            features: data.feature_num,
            has_label: data.has_label,
        })
    }
}

impl LrOffer {
    /// The request with which this party, as `rank`, opens the handshake.
    ///
    /// In the reference's style `LrDataIoProposal` carries no versions (erratum E18).
    ///
    /// # Errors
    /// [`HandshakeError::Config`] for a number that has no place in the message.
    pub fn to_request(&self, rank: usize, dialect: &Dialect) -> Result<HandshakeRequest, HandshakeError> {
        let config =
            |item| move |_| HandshakeError::Config { item, reason: "too large for the message".into() };
        let versions = vec![VERSION];
        let algorithm = LrHyperparamsProposal {
            supported_versions: versions.clone(),
            optimizers: vec![SGD.into()],
            last_batch_policies: vec![DISCARD.into()],
            use_l0_norm: false,
            use_l1_norm: false,
            use_l2_norm: self.l2 > 0.0,
        };
        let operator = SigmoidParamsProposal {
            supported_versions: versions.clone(),
            sigmoid_modes: codes(&self.sigmoids),
        };
        let truncation = |method| TruncationModeProposal {
            supported_versions: vec![VERSION],
            method,
            compatible_protocols: Vec::new(),
        };
        let prg = |crypto_type| PrgConfigProposal { supported_versions: vec![VERSION], crypto_type };
        let triple =
            |sever_version| TripleConfigProposal { supported_versions: vec![VERSION], sever_version };
        let family = SsProtocolProposal {
            supported_versions: versions.clone(),
            supported_protocols: codes(&self.protocols),
            field_types: codes(&self.fields),
            trunc_modes: codes(&self.truncations).into_iter().map(truncation).collect(),
            prg_configs: codes(&self.ciphers).into_iter().map(prg).collect(),
            shard_serialize_formats: vec![RAW.into()],
            triple_configs: self.dealer_versions().into_iter().map(triple).collect(),
        };
        let data = LrDataIoProposal {
            supported_versions: if dialect.response_style == ResponseStyle::Full {
                versions
            } else {
                Vec::new()
            },
            sample_size: i64::try_from(self.samples).map_err(config("samples"))?,
            feature_num: i32::try_from(self.features).map_err(config("features"))?,
            has_label: self.has_label,
        };
        Ok(HandshakeRequest {
            version: HANDSHAKE_VERSION,
            requester_rank: i32::try_from(rank).map_err(config("rank"))?,
            supported_algos: vec![ALGORITHM.into()],
            algo_params: vec![pack_any(&algorithm)],
            ops: vec![OpType::Sigmoid.into()],
            op_params: vec![pack_any(&operator)],
            protocol_families: vec![ProtocolFamily::Ss.into()],
            protocol_family_params: vec![pack_any(&family)],
            io_param: Some(pack_any(&data)),
        })
    }
}
