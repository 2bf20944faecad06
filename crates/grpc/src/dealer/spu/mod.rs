//! The dealer's second dialect: `spu.mpc.semi2k.beaver.ttp_server.BeaverService`, in the two forms that engines speak.
//!
//! There are no sessions. Each buffer of a request carries the parties' seeds, encrypted to the dealer's SM2 key
//! ([`key`]); the dealer decrypts them ([`seeds`]), replays the streams and gives the corrections:
//! - SPU up to its head posts protobuf-JSON over HTTP/1.1 or HTTP/2 and reads frames from the answer's body ([`http`]);
//! - the SPU inside the reference implementation makes unary calls over baidu_std or gRPC ([`service`]).
//!
//! A dealer of this kind cannot tell callers apart: whoever holds the ciphertexts, each party does, can have any
//! correction over their streams, also two over the same blocks. The parties must trust the adjust rank to ask only for what
//! the protocol needs.

mod client;
pub(crate) mod http;
mod key;
mod messages;
mod request;
mod seeds;
mod service;

pub use client::{SpuDealerClient, SpuDealerClientConfig, SpuForm};
pub use key::{DealerKey, DealerPublicKey};
pub(crate) use service::{SpuDealer, Unhandled};

/// The service's path on HTTP and gRPC.
pub(crate) const SERVICE: &str = "spu.mpc.semi2k.beaver.ttp_server.BeaverService";

/// The service's methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Mul,
    MulPriv,
    Square,
    Dot,
    And,
    Trunc,
    TruncPr,
    RandBit,
    Eqz,
    Perm,
}

impl Method {
    pub(crate) const ALL: [Self; 10] = [
        Self::Mul,
        Self::MulPriv,
        Self::Square,
        Self::Dot,
        Self::And,
        Self::Trunc,
        Self::TruncPr,
        Self::RandBit,
        Self::Eqz,
        Self::Perm,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mul => "AdjustMul",
            Self::MulPriv => "AdjustMulPriv",
            Self::Square => "AdjustSquare",
            Self::Dot => "AdjustDot",
            Self::And => "AdjustAnd",
            Self::Trunc => "AdjustTrunc",
            Self::TruncPr => "AdjustTruncPr",
            Self::RandBit => "AdjustRandBit",
            Self::Eqz => "AdjustEqz",
            Self::Perm => "AdjustPerm",
        }
    }

    /// The method of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// The method of an HTTP path: `Some(None)` if the service has no such method, `None` if it is another service.
    pub(crate) fn of_path(path: &str) -> Option<Option<Self>> {
        path.strip_prefix('/')?.strip_prefix(SERVICE)?.strip_prefix('/').map(Self::named)
    }
}
