//! The sockets of Symbolon.

pub mod dealer;
mod error;
mod framing;
#[allow(clippy::all, missing_docs, unreachable_pub)]
mod generated;
mod http2;
mod node;
mod receiver;
mod sender;
mod threads;
mod tls;

pub use dealer::{
    DEALER_VERSION, DealerClient, DealerClientConfig, DealerConfig, DealerLimits, DealerServer,
};
pub use error::GrpcError;
pub use node::{GrpcNode, NodeConfig, NodeLimits};
/// The generated clients and servers of the services, for tools that speak them directly.
pub mod stubs {
    pub use crate::generated::org::interconnection::link::{
        receiver_service_client::ReceiverServiceClient,
        receiver_service_server::{ReceiverService, ReceiverServiceServer},
    };
    pub use crate::generated::org::interconnection::v2::service::{
        beaver_service_client::BeaverServiceClient,
        beaver_service_server::{BeaverService, BeaverServiceServer},
    };
}

pub use tls::{PeerIdentity, TlsConfig};
