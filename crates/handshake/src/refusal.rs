//! Refusals: why rank 0 declines, with the code and the text that go over the wire.

use std::fmt::{self, Display, Formatter};

use symbolon_dialect::RefusalStyle;
use symbolon_mutants::Mutant;
use symbolon_wire::{
    ErrorCode,
    common::ResponseHeader,
    handshake::{AlgoType, HandshakeResponse},
};

/// Why a handshake is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A request is no `HandshakeRequest`, or its parallel lists differ in length.
    Malformed,
    /// A request is not of version 2.
    Version,
    /// A request's `requester_rank` is not its sender's.
    RequesterRank,
    /// A request does not offer the algorithm.
    Algorithm,
    /// A request lacks the algorithm's parameters, or they are of another type.
    AlgorithmParameters,
    /// A request lacks the sigmoid's parameters, or they are of another type.
    OperatorParameters,
    /// A request lacks the protocol family's parameters, or they are of another type.
    FamilyParameters,
    /// A request lacks the description of its data, or it is of another type.
    DataParameters,
    /// A parameter message is offered without version 1.
    ParameterVersion,
    /// No optimizer is offered by all.
    Optimizer,
    /// No policy for the last batch is offered by all.
    LastBatch,
    /// No sigmoid approximation is offered by all.
    Sigmoid,
    /// No secret-sharing protocol is offered by all.
    Protocol,
    /// No ring is offered by all.
    Field,
    /// No serialisation of shares is offered by all.
    ShareFormat,
    /// No truncation mode is offered by all.
    Truncation,
    /// No cipher is offered by all.
    Cipher,
    /// No version of the dealer's service is offered by all.
    Dealer,
    /// The tables differ in their number of rows.
    Samples,
    /// A party has no columns.
    Features,
    /// More than one party has the labels (or wants the scores).
    ManyLabels,
    /// No party has the labels (or wants the scores).
    NoLabel,
    /// No suite of curve, hash and map is offered by all.
    Suite,
    /// No point format is offered by all.
    PointFormat,
    /// The size of a set is negative.
    Items,
    /// The parties disagree on who learns the intersection.
    ResultRank,
    /// The parties work on different partitions of their ids.
    Partition,
    /// Rank 0 has begun a run that the other party does not hold.
    Run,
    /// Rank 0's policy declines what was negotiated.
    Policy,
}

impl Cause {
    /// The protocol's code for this cause.
    fn code(self) -> ErrorCode {
        match self {
            Self::Version if Mutant::VersionCode.is_on() => ErrorCode::InvalidRequest,
            Self::Version => ErrorCode::UnsupportedVersion,
            Self::Algorithm => ErrorCode::UnsupportedAlgo,
            Self::Malformed
            | Self::RequesterRank
            | Self::AlgorithmParameters
            | Self::OperatorParameters
            | Self::FamilyParameters
            | Self::DataParameters
            | Self::Features
            | Self::Items
            | Self::NoLabel => ErrorCode::InvalidRequest,
            Self::ParameterVersion
            | Self::Optimizer
            | Self::LastBatch
            | Self::Sigmoid
            | Self::Protocol
            | Self::Field
            | Self::ShareFormat
            | Self::Truncation
            | Self::Cipher
            | Self::Dealer
            | Self::Suite
            | Self::PointFormat => ErrorCode::UnsupportedParams,
            Self::Samples
            | Self::ManyLabels
            | Self::ResultRank
            | Self::Partition
            | Self::Run
            | Self::Policy => ErrorCode::HandshakeRefused,
        }
    }

    /// The reference's code and text for this cause; `None` where it makes no such check.
    fn reference(self, algorithm: AlgoType) -> Option<(ErrorCode, &'static str)> {
        use ErrorCode::{HandshakeRefused, InvalidRequest, UnsupportedParams};
        let lr = algorithm == AlgoType::SsLr;
        Some(match self {
            Self::Version => (HandshakeRefused, "handshake versions inconsistent"),
            Self::Algorithm | Self::AlgorithmParameters if lr => {
                (InvalidRequest, "certain request has no lr algo params")
            }
            Self::OperatorParameters => (InvalidRequest, "certain request has no op params"),
            Self::FamilyParameters if lr => (InvalidRequest, "certain request has no ss params"),
            Self::Algorithm | Self::FamilyParameters => (InvalidRequest, "certain request has no ecc params"),
            Self::DataParameters if lr => (InvalidRequest, "certain request has invalid io param"),
            Self::DataParameters => (InvalidRequest, "certain request has no psi io params"),
            Self::Optimizer => (UnsupportedParams, "negotiate optimizer failed"),
            Self::LastBatch => (UnsupportedParams, "negotiate last batch policy failed"),
            Self::Sigmoid => (UnsupportedParams, "negotiate sigmoid mode failed"),
            Self::Protocol => (UnsupportedParams, "negotiate ss protocol failed"),
            Self::Field => (UnsupportedParams, "negotiate filed type failed"),
            Self::ShareFormat => (UnsupportedParams, "negotiate shared serialize format failed"),
            Self::Truncation => (UnsupportedParams, "negotiate trunc mode failed"),
            Self::Cipher => (UnsupportedParams, "negotiate PRG config failed"),
            Self::Dealer => (UnsupportedParams, "negotiate TTP config failed"),
            Self::Samples => (HandshakeRefused, "sample size inconsistent"),
            Self::Features => (InvalidRequest, "certain request has invalid feature_num"),
            Self::ManyLabels => (HandshakeRefused, "more than one party have label"),
            Self::NoLabel => (InvalidRequest, "no party has label"),
            Self::Suite => (HandshakeRefused, "negotiate ec suits failed"),
            Self::PointFormat => (HandshakeRefused, "negotiate point octet format failed"),
            Self::ResultRank => (HandshakeRefused, "negotiate result_to_rank failed"),
            _ => return None,
        })
    }
}

/// A handshake that this party refuses as rank 0, and what it tells the others.
///
/// In the style of the reference, code and text are the reference's for the same cause; where the
/// reference makes no such check, the code is `HANDSHAKE_REFUSED` and the text our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code on the wire.
    pub code: ErrorCode,
    /// The text on the wire. It names ranks and public parameters only.
    pub reason: String,
    /// The cause.
    pub cause: Cause,
    /// The algorithm of the handshake.
    algorithm: AlgoType,
    /// What was found, where the text on the wire is another's and says less.
    found: Option<String>,
}

impl Refusal {
    /// A refusal with the code that fits the cause.
    pub(crate) fn new(cause: Cause, algorithm: AlgoType, reason: impl Into<String>) -> Self {
        Self { code: cause.code(), reason: reason.into(), cause, algorithm, found: None }
    }

    /// The refusal of a request that could not be read far enough to tell its rank, but came from `peer`.
    pub(crate) fn of_rank(mut self, peer: usize) -> Self {
        if matches!(self.cause, Cause::Malformed | Cause::Version) {
            self.reason = format!("rank {peer}: {}", self.reason);
        }
        self
    }

    /// The same refusal as that style words it.
    pub fn in_style(mut self, style: RefusalStyle) -> Self {
        if style == RefusalStyle::Reference {
            match self.cause.reference(self.algorithm) {
                Some((code, text)) => {
                    self.code = code;
                    self.found = Some(std::mem::replace(&mut self.reason, text.to_owned()));
                }
                None => self.code = ErrorCode::HandshakeRefused,
            }
        }
        self
    }

    /// The response that tells the others.
    pub fn to_response(&self) -> HandshakeResponse {
        let header = if Mutant::RefusalWithoutCode.is_on() {
            ResponseHeader::ok()
        } else {
            ResponseHeader::error(self.code, self.reason.clone())
        };
        HandshakeResponse { header: Some(header), ..HandshakeResponse::default() }
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code.as_str_name(), i32::from(self.code), self.reason)?;
        match &self.found {
            Some(found) => write!(f, " ({found})"),
            None => Ok(()),
        }
    }
}
