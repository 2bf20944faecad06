//! The sockets of Symbolon: gRPC between the parties, and between them and the trusted dealer.
//!
//! Everything above this crate is plain blocking code. Here is the only asynchronous runtime, and
//! nothing but socket work runs on it.
//!
//! # The link's carrier
//! A [`GrpcNode`] listens and connects for one party. For its own link it is the
//! [`Carrier`](symbolon_link::Carrier): each frame becomes one call of
//! `org.interconnection.link.ReceiverService/Push` (secretflow interconnection docs, link layer) to the peer,
//! and the call's answer completes the push. For the others it serves the same method: each frame that
//! arrives is delivered to the link's [`Inbox`](symbolon_link::Inbox), whose rejection, if any, becomes
//! `error_code` and `error_msg` in the response header, under gRPC status 0, as yacl answers.
//!
//! A value is not copied between the link and HTTP/2 when sent, and once (from the frames of HTTP/2
//! into one buffer, of the announced size) when received. Announced sizes are held against the limits, and
//! against a common budget, before memory is taken for them. A peer that was never reached is reported at
//! once (the link tries again); after a connection was up, a push is repeated for a while, so a frame can
//! arrive twice when only the answer was lost. The link's sequence numbers tell such repetitions apart.
//!
//! # The dealer
//! [`DealerServer`] is the trusted third party of `org.interconnection.v2.service.BeaverService`, and
//! [`DealerClient`] a party's side of it, a [`Dealer`](symbolon_triples::Dealer). The arithmetic is
//! [`symbolon_triples::adjust`]; this crate adds sessions, bounds and identities. Every number of a
//! request is checked before anything is computed, each block of a stream serves one correction, and seeds are
//! wiped when a session is deleted or has been idle.
//!
//! On the same port it serves SPU's own service when it has a key for it ([`SpuDealerConfig`]): JSON over HTTP answered by
//! frames, and unary calls over gRPC and baidu_std. There the seeds come with every request, encrypted to the dealer's SM2
//! key ([`DealerKey`]); [`SpuDealerClient`] is a party's side.
//!
//! # Identities
//! With [`TlsConfig`] every connection is mutual TLS. The members' certificates are pinned by rank: a
//! push that claims a rank must come from that rank's certificate, and so must the server that we
//! connect to. Without it connections are plaintext HTTP/2 (prior knowledge), and whoever reaches a port can
//! speak as any rank; the same holds for the dealer, see [`DealerConfig`].
//!
//! # What it deliberately does not do
//! It does not order, number, acknowledge or assemble messages (that is the link), look into a value,
//! compress, discover peers, or keep a dealer's sessions across a restart.
//!
//! # Example
//! Two parties on one machine, below the link:
//!
//! ```
//! use std::net::TcpListener;
//! use std::sync::mpsc;
//! use symbolon_grpc::{GrpcNode, NodeConfig};
//! use symbolon_link::{Carrier, Frame};
//!
//! let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
//! let parties: Vec<_> = listeners.iter().map(|l| l.local_addr().map(|a| a.to_string())).collect::<Result<_, _>>()?;
//! let [first, second] = listeners;
//! let zero = GrpcNode::start_on(first, NodeConfig::new(0, parties.clone()))?;
//! let one = GrpcNode::start_on(second, NodeConfig::new(1, parties))?;
//!
//! // A link would be attached with `one.attach(link.inbox())`.
//! let (arrived, frames) = mpsc::channel();
//! one.attach_with(move |frame| Ok(arrived.send(frame).unwrap_or(())));
//!
//! let frame = Frame { sender: 0, key: "root:P2P-1:0->1".into(), value: "hello".into(), chunk: None };
//! let (done, outcome) = mpsc::channel();
//! zero.push(1, frame, Box::new(move |result| done.send(result).unwrap_or(())));
//! outcome.recv()??;
//! assert_eq!(frames.recv()?.value, "hello");
//! zero.shutdown();
//! one.shutdown();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod baidu_std;
mod budget;
mod carrier;
mod dealer;
mod dial;
mod error;
mod framing;
#[allow(clippy::all, missing_docs, unreachable_pub, dead_code)]
mod generated;
mod http1;
mod http2;
mod json;
mod node;
mod port;
mod receiver;
mod route;
mod sender;
mod sniff;
mod threads;
mod tls;

pub use carrier::CarrierKind;
pub use dealer::{
    DEALER_VERSION, DealerClient, DealerClientConfig, DealerConfig, DealerKey, DealerLimits, DealerPublicKey,
    DealerServer, SpuDealerClient, SpuDealerClientConfig, SpuDealerConfig, SpuForm,
};
pub use error::GrpcError;
pub use node::{GrpcNode, NodeConfig, NodeLimits};
pub use tls::{PeerIdentity, TlsConfig};

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
