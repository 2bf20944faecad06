//! The sockets of Symbolon.

pub mod dealer;
mod error;
mod framing;
#[allow(clippy::all, missing_docs, unreachable_pub)]
mod generated;
mod http2;
//mod node;
//mod receiver;
//mod sender;
mod threads;
mod tls;

pub use dealer::{
    DEALER_VERSION, DealerClient, DealerClientConfig, DealerConfig, DealerLimits, DealerServer,
};
pub use error::GrpcError;
//pub use node::{GrpcNode, NodeConfig, NodeLimits};
pub use tls::{PeerIdentity, TlsConfig};
