//! The trusted dealer over sockets: `org.interconnection.v2.service.BeaverService` (secretflow
//! interconnection, `service/beaver.proto`; PPCA 7-2023, appendix B).
//!
//! SPU's own service, in its two forms, is served beside it: [`spu`].

mod client;
mod ledger;
mod port;
mod request;
mod resources;
mod seed;
mod server;
mod service;
mod session;
mod spu;

pub use client::{DealerClient, DealerClientConfig};
pub use server::{DealerConfig, DealerLimits, DealerServer, SpuDealerConfig};
pub use spu::{DealerKey, DealerPublicKey, SpuDealerClient, SpuDealerClientConfig, SpuForm};

/// Versions of the service that the dealer provides: a session may require any up to this.
pub const DEALER_VERSION: i32 = 2;

/// Metadata of `CreateSession`, in the request and, repeated by a dealer that knows it, in the response: the masks of
/// this session's matrix products can serve more than one (erratum E46).
const KEEP_MASKS: &str = "symbolon-keep-masks";
const KEPT: &str = "1";
