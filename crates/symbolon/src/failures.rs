//! What the failures of the lower crates mean to the user of the program: whose they are, and so which
//! exit code.

use symbolon_curve::CurveError;
use symbolon_grpc::GrpcError;
use symbolon_handshake::HandshakeError;
use symbolon_link::{Failure, LinkError, PushError, Rejection};
use symbolon_lr::LrError;
use symbolon_operators::OperatorError;
use symbolon_prg::PrgError;
use symbolon_psi::PsiError;
use symbolon_semi2k::Semi2kError;
use symbolon_triples::{DealerError, TriplesError};

use crate::error::Error;

/// Whose failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    Config,
    Ours,
    Unreachable,
    Refused,
    Misbehaved,
}

impl Blame {
    fn with(self, text: String) -> Error {
        match self {
            Self::Config => Error::Config(text),
            Self::Ours => Error::Ours(text),
            Self::Unreachable => Error::PeerUnreachable(text),
            Self::Refused => Error::PeerRefused(text),
            Self::Misbehaved => Error::PeerMisbehaved(text),
        }
    }
}

fn of_link(failure: &LinkError) -> Blame {
    match failure {
        LinkError::Config(_) => Blame::Config,
        LinkError::OursMisuse { .. } | LinkError::OursAborted { .. } | LinkError::OursFinished { .. } => {
            Blame::Ours
        }
        LinkError::PeerFailed { cause, .. } => match **cause {
            Failure::Misbehaved(_) | Failure::Oversized { .. } => Blame::Misbehaved,
            // The peer has stopped or ended its link: it went away in good order.
            Failure::Push { error: PushError::Refused { code: Rejection::NETWORK_ERROR, .. }, .. } => {
                Blame::Unreachable
            }
            Failure::Push { error: PushError::Refused { .. }, .. } => Blame::Misbehaved,
            _ => Blame::Unreachable,
        },
        _ => Blame::Unreachable,
    }
}

fn of_handshake(failure: &HandshakeError) -> Blame {
    match failure {
        HandshakeError::Link { source, .. } => of_link(source),
        HandshakeError::PeerMisbehaved { .. } => Blame::Misbehaved,
        HandshakeError::Config { .. } => Blame::Config,
        _ => Blame::Refused,
    }
}

fn of_psi(failure: &PsiError) -> Blame {
    match failure {
        PsiError::Link { source, .. } => of_link(source),
        PsiError::ConfigParameter { .. }
        | PsiError::ConfigSuite(_)
        | PsiError::ConfigUnsafeTruncation { .. } => Blame::Config,
        PsiError::OursDuplicate { .. }
        | PsiError::OursMask { .. }
        | PsiError::OursSource(_)
        | PsiError::OursFile { .. }
        | PsiError::OursDiskFull { .. }
        | PsiError::OursDiskSpace { .. }
        | PsiError::RunDirectory { .. } => Blame::Ours,
        _ => Blame::Misbehaved,
    }
}

fn of_dealer(failure: &DealerError) -> Blame {
    match failure {
        DealerError::Network(_) => Blame::Unreachable,
        DealerError::PeerRefused { .. } | DealerError::PeerReply(_) => Blame::Misbehaved,
        _ => Blame::Ours,
    }
}

fn of_triples(failure: &TriplesError) -> Blame {
    match failure {
        TriplesError::Dealer { source, .. } => of_dealer(source),
        TriplesError::PeerRequest { .. }
        | TriplesError::PeerCorrectionLength { .. }
        | TriplesError::PeerCorrectionCount { .. } => Blame::Misbehaved,
        _ => Blame::Ours,
    }
}

fn of_semi2k(failure: &Semi2kError) -> Blame {
    match failure {
        Semi2kError::PeerOpening { .. } | Semi2kError::PeerSetup { .. } => Blame::Misbehaved,
        Semi2kError::Link(source) => of_link(source),
        Semi2kError::Dealer(source) => of_dealer(source),
        Semi2kError::Triples(source) => of_triples(source),
        Semi2kError::ConfigTruncation { .. }
        | Semi2kError::ConfigSealedSeed { .. }
        | Semi2kError::ConfigGatheringRank { .. }
        | Semi2kError::ConfigThreads { .. }
        | Semi2kError::ConfigRank { .. } => Blame::Config,
        _ => Blame::Ours,
    }
}

fn of_lr(failure: &LrError) -> Blame {
    match failure {
        LrError::Protocol(source) | LrError::Operator(OperatorError::Protocol(source)) => of_semi2k(source),
        LrError::ConfigPlan { .. }
        | LrError::ConfigBatch { .. }
        | LrError::ConfigParties { .. }
        | LrError::ConfigEncoding { .. }
        | LrError::ConfigStepSize { .. } => Blame::Config,
        _ => Blame::Ours,
    }
}

fn of_grpc(failure: &GrpcError) -> Blame {
    match failure {
        GrpcError::Config(_) | GrpcError::ConfigTls { .. } => Blame::Config,
        GrpcError::PeerDealerUnreachable { .. } => Blame::Unreachable,
        GrpcError::PeerDealerRefused { .. } => Blame::Misbehaved,
        _ => Blame::Ours,
    }
}

macro_rules! from {
    ($($failure:ty => $blame:expr),* $(,)?) => {
        $(impl From<$failure> for Error {
            fn from(failure: $failure) -> Self {
                let blame: fn(&$failure) -> Blame = $blame;
                blame(&failure).with(failure.to_string())
            }
        })*
    };
}

from! {
    LinkError => of_link,
    HandshakeError => of_handshake,
    PsiError => of_psi,
    Semi2kError => of_semi2k,
    LrError => of_lr,
    GrpcError => of_grpc,
    PrgError => |_| Blame::Ours,
    CurveError => |_| Blame::Ours,
}
