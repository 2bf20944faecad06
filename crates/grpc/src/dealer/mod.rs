//! The trusted dealer over sockets: `org.interconnection.v2.service.BeaverService` (secretflow
//! interconnection, `service/beaver.proto`; PPCA 7-2023, appendix B).
//!
//! SPU's own services (protobuf-JSON over HTTP, and the baidu_std protocol) would be siblings of
//! [`service`] that share [`session`], [`ledger`] and the arithmetic.

mod client;
mod ledger;
mod request;
mod seed;
mod server;
mod service;
mod session;

pub use client::{DealerClient, DealerClientConfig};
pub use server::{DealerConfig, DealerLimits, DealerServer};

/// Versions of the service that the dealer provides: a session may require any up to this.
pub const DEALER_VERSION: i32 = 2;
