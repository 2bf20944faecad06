//! The request of set intersection, out of an offer and into checked terms.

use bytes::Bytes;
use symbolon_mutants::Mutant;
use symbolon_wire::{
    algos::PsiDataIoProposal,
    handshake::{AlgoType, HandshakeRequest, ProtocolFamily},
    pack_any,
    protocol::{EcSuit, EccProtocolProposal},
    unpack_any,
};

use crate::{
    error::HandshakeError,
    lists::{check_version, decode_request, parameters, speaks_version},
    offer::PsiOffer,
    refusal::{Cause, Refusal},
    terms::{EcSuite, HANDSHAKE_VERSION, ResultTo, VERSION},
};

const ALGORITHM: AlgoType = AlgoType::EcdhPsi;

/// A peer's request for set intersection: well-formed, of version 2, with all its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct PsiRequest {
    /// The rank that the request claims.
    pub(super) rank: i32,
    /// Curve, hash and map; unknown values stay in, since they equal nothing that we offer.
    pub(super) suites: Vec<EcSuit>,
    pub(super) formats: Vec<i32>,
    /// Whether shortening of points is offered.
    pub(super) truncation: bool,
    pub(super) items: i64,
    /// `None` for a number below -1.
    pub(super) result_to: Option<ResultTo>,
}

impl PsiRequest {
    /// Reads a request off the link.
    ///
    /// # Errors
    /// A [`Refusal`] for a message that is no request of version 2 for set intersection.
    pub fn decode(bytes: Bytes) -> Result<Self, Refusal> {
        decode_request(bytes, ALGORITHM)?.try_into()
    }

    /// Whether curve, hash and map of that suite are offered.
    pub(super) fn has_suite(&self, suite: EcSuite) -> bool {
        let wire = suite.to_wire();
        if Mutant::SuitePartsMixed.is_on() {
            return self.suites.iter().any(|theirs| theirs.curve == wire.curve)
                && self.suites.iter().any(|theirs| theirs.hash == wire.hash)
                && self.suites.iter().any(|theirs| theirs.hash2curve_strategy == wire.hash2curve_strategy);
        }
        self.suites.contains(&wire)
    }

    /// Whether the point format of that suite is offered.
    pub(super) fn has_format(&self, suite: EcSuite) -> bool {
        self.formats.contains(&suite.format.into()) || Mutant::PointFormatNotChecked.is_on()
    }
}

impl TryFrom<HandshakeRequest> for PsiRequest {
    type Error = Refusal;

    fn try_from(request: HandshakeRequest) -> Result<Self, Refusal> {
        let rank = request.requester_rank;
        let refuse =
            |cause, reason: &str| Refusal::new(cause, ALGORITHM, format!("request of rank {rank}: {reason}"));
        check_version(request.version, ALGORITHM)?;

        if !request.supported_algos.contains(&ALGORITHM.into()) && !Mutant::AlgorithmNotChecked.is_on() {
            return Err(refuse(Cause::Algorithm, "ALGO_TYPE_ECDH_PSI is not offered"));
        }
        // The algorithm has no parameters of its own, so its list may be empty.
        if !request.algo_params.is_empty() && request.algo_params.len() != request.supported_algos.len() {
            return Err(refuse(Cause::Malformed, "supported_algos and algo_params differ in length"));
        }
        if request.ops.len() != request.op_params.len() {
            return Err(refuse(Cause::Malformed, "ops and op_params differ in length"));
        }
        let family: EccProtocolProposal = parameters(
            &request.protocol_families,
            &request.protocol_family_params,
            ProtocolFamily::Ecc.into(),
        )
        .and_then(|found| found.ok_or_else(|| "no EccProtocolProposal".into()))
        .map_err(|reason| refuse(Cause::FamilyParameters, &reason))?;
        let data: PsiDataIoProposal = request
            .io_param
            .as_ref()
            .ok_or_else(|| "no PsiDataIoProposal".to_string())
            .and_then(|any| unpack_any(any).map_err(|error| error.to_string()))
            .map_err(|reason| refuse(Cause::DataParameters, &reason))?;
        for (message, versions) in [
            ("EccProtocolProposal", &family.supported_versions),
            ("PsiDataIoProposal", &data.supported_versions),
        ] {
            if !speaks_version(versions) {
                return Err(refuse(
                    Cause::ParameterVersion,
                    &format!("{message} is not offered in version 1"),
                ));
            }
        }
        Ok(Self {
            rank,
            suites: family.ec_suits,
            formats: family.point_octet_formats,
            truncation: family.support_point_truncation,
            items: data.item_num,
            result_to: ResultTo::from_code(data.result_to_rank),
        })
    }
}

impl PsiOffer {
    /// The request with which this party, as `rank`, opens the handshake.
    ///
    /// # Errors
    /// [`HandshakeError::Config`] for a number that has no place in the message.
    pub fn to_request(&self, rank: usize) -> Result<HandshakeRequest, HandshakeError> {
        let config = |item| HandshakeError::Config { item, reason: "too large for the message".into() };
        let mut suites: Vec<EcSuit> = Vec::new();
        let mut formats: Vec<i32> = Vec::new();
        for suite in &self.suites {
            let (suit, format) = (suite.to_wire(), suite.format.into());
            if !suites.contains(&suit) {
                suites.push(suit);
            }
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        let family = EccProtocolProposal {
            supported_versions: vec![VERSION],
            ec_suits: suites,
            point_octet_formats: formats,
            support_point_truncation: self.truncate_bits.is_some(),
        };
        let data = PsiDataIoProposal {
            supported_versions: vec![VERSION],
            item_num: i64::try_from(self.items).map_err(|_| config("items"))?,
            result_to_rank: self.result_to.code().ok_or_else(|| config("result rank"))?,
        };
        Ok(HandshakeRequest {
            version: HANDSHAKE_VERSION,
            requester_rank: i32::try_from(rank).map_err(|_| config("rank"))?,
            supported_algos: vec![ALGORITHM.into()],
            protocol_families: vec![ProtocolFamily::Ecc.into()],
            protocol_family_params: vec![pack_any(&family)],
            io_param: Some(pack_any(&data)),
            ..HandshakeRequest::default()
        })
    }
}
