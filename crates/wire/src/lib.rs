//! The messages of the interconnection protocol, version 2, as Rust types.
//!
//! The types are generated from the files under `proto/` by `cargo xtask codegen` and checked in: no
//! build needs protoc, and a test of `xtask` says when they are not current. Their packages are the
//! modules below [`org`]; the shorter paths of this crate name the same types.
//!
//! | path | package | files |
//! |---|---|---|
//! | [`common`] | `org.interconnection` | `common/header.proto` |
//! | [`link`] | `org.interconnection.link` | `link/transport.proto` |
//! | [`handshake`] | `org.interconnection.v2` | `handshake/entry.proto` |
//! | [`algos`] | `org.interconnection.v2.algos` | `handshake/algos/*.proto` |
//! | [`op`] | `org.interconnection.v2.op` | `handshake/op/sigmoid.proto` |
//! | [`protocol`] | `org.interconnection.v2.protocol` | `handshake/protocol_family/*.proto` |
//! | [`runtime`] | `org.interconnection.v2.runtime` | `runtime/*.proto` |
//! | [`service`] | `org.interconnection.v2.service` | `service/beaver.proto` |
//! | [`lr_run`] | `symbolon.v1` | `symbolon/lr_run.proto`, not part of the interconnection protocol |
//! | [`psi_run`] | `symbolon.v1` | `symbolon/psi_run.proto`, not part of the interconnection protocol |
//!
//! # Encoding
//!
//! The encoding is that of proto3: fields in the order of their numbers, scalars of value zero absent
//! (also the float -0.0, which other encoders write),
//! repeated integers packed, a negative `int32` as a varint of ten bytes. Maps are `BTreeMap`, so the
//! bytes of a message are a function of its value. Decoding takes fields in any order, packed or not,
//! skips fields it does not know, and keeps enum values it does not know as integers (most enums of
//! the handshake travel as `int32` anyway). It never panics, whatever the bytes.
//!
//! Every `bytes` field is a [`bytes::Bytes`]. Decoded from a `Bytes`, it is a view into that buffer:
//! a matrix of shares is not copied between the socket and the protocol.
//!
//! Messages that carry seeds, shares or masked points print only the lengths of these.
//!
//! # What this crate does not do
//!
//! It checks no meaning (that is the work of the crate which reads a message), opens no socket, and
//! has no service: the gRPC stubs are in `symbolon-grpc`.
//!
//! ```
//! use symbolon_wire::{algos::SgdOptimizer, pack_any, unpack_any};
//!
//! let any = pack_any(&SgdOptimizer { learning_rate: 0.1 });
//! assert_eq!(any.type_url, "type.googleapis.com/org.interconnection.v2.algos.SgdOptimizer");
//! let sgd: SgdOptimizer = unpack_any(&any).unwrap();
//! assert_eq!(sgd.learning_rate, 0.1);
//! assert!(unpack_any::<symbolon_wire::algos::AdamOptimizer>(&any).is_err());
//! ```

mod any;
mod code;
mod debug;
#[allow(clippy::all, missing_docs, unreachable_pub)]
mod generated;

pub use any::{WireError, decode, pack_any, unpack_any};
pub use code::PeerError;
pub use common::ErrorCode;
#[doc(no_inline)]
pub use generated::google::protobuf::Any;
pub use generated::{google, org, symbolon};
/// Encoding and decoding of every message of this crate.
pub use prost::{Message, Name};

/// Header and error codes shared by the link and the handshake (`common/header.proto`).
pub mod common {
    pub use crate::org::interconnection::{ErrorCode, ResponseHeader};
}
/// The link layer (`link/transport.proto`).
pub mod link {
    pub use crate::org::interconnection::link::{ChunkInfo, PushRequest, PushResponse, TransType};
}
/// The two messages of the handshake and the codes in them (`handshake/entry.proto`).
pub mod handshake {
    pub use crate::org::interconnection::v2::{
        AlgoType, HandshakeRequest, HandshakeResponse, HandshakeVersionCheckHelper, OpType, ProtocolFamily,
    };
}
/// What Symbolon parties tell each other to keep masks and to use triples made ahead (`symbolon/lr_run.proto`).
pub mod lr_run {
    pub use crate::symbolon::v1::{LrExtension, LrRun};
}
/// What two Symbolon parties tell each other to resume or divide an intersection (`symbolon/psi_run.proto`).
pub mod psi_run {
    pub use crate::symbolon::v1::{HandshakeExtension, PsiPartition, PsiRun, PsiRunPosition};
}
pub use org::interconnection::v2::{algos, op, protocol, runtime, service};
