//! The sockets of Symbolon: gRPC, baidu_std and plain HTTP between the parties, and between them and the trusted
//! dealer.
//!
//! Everything above this crate is plain blocking code. Here is the only asynchronous runtime: one thread for each node,
//! dealer or client of its own, and little but socket work runs on it (a dealer computes its shortest requests there).
//!
//! # The link's carrier
//! A [`GrpcNode`] listens and connects for one party. For its own link it is the
//! [`Carrier`](symbolon_link::Carrier): each frame becomes one call of
//! `org.interconnection.link.ReceiverService/Push` (secretflow interconnection docs, link layer) to the peer,
//! and the call's answer completes the push. For the others it serves the same method: each frame that
//! arrives is delivered to the link's [`Inbox`](symbolon_link::Inbox), whose rejection, if any, becomes
//! `error_code` and `error_msg` in the response header, under success of the call, as yacl answers.
//!
//! What we send to a party travels as its [`CarrierKind`] says; what arrives may travel in any, on one port that tells
//! them apart by the first bytes (after the TLS handshake, if any):
//!
//! ```text
//! h2:grpc              HTTP/2     flag ‖ length ‖ PushRequest                      gRPC
//! h2, h2:json          HTTP/2     PushRequest, or its JSON                         POST
//! http:proto, http     HTTP/1.1   PushRequest, or its JSON; one at a time on each of up to 16 connections
//! baidu_std            TCP        "PRPC" ‖ sizes ‖ RpcMeta ‖ PushRequest           many calls on one connection
//! ```
//!
//! The names are those of brpc (`brpc_channel_protocol` of SecretFlow's parties, whose default is `baidu_std`), and so
//! are the framing, the content types and the JSON (brpc documentation: `baidu_std`, `http_service`, `json2pb`).
//!
//! A value in protobuf is not copied between the link and the socket's own layer when sent, and once (into one buffer)
//! when received. Announced sizes are held against the limits, and
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
//! connect to. Without it connections are plaintext, and whoever reaches a port can
//! speak as any rank; the same holds for the dealer, see [`DealerConfig`].
//!
//! # What it deliberately does not do
//! It does not order, number, acknowledge or assemble messages (that is the link), look into a value,
//! compress or decompress, discover peers, or keep a dealer's sessions across a restart.
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
mod calls;
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
