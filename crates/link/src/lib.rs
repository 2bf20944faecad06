//! The link between parties: ranks, channels, keys and mailboxes.
//!
//! A world has n parties with ranks 0 … n-1. Each holds a [`Link`]; a [`Channel`] of it gives, for values
//! v_r of rank r,
//!
//! ```text
//! send(to, v), recv(from)          recv at rank b from a gives, in order, what a sent to b on the same channel
//! allgather(v_r)                   (v_0, …, v_{n-1}) at every rank
//! gather(root, v_r)                (v_0, …, v_{n-1}) at root, nothing elsewhere
//! scatter(root, (v_0, …, v_{n-1})) v_r at rank r
//! broadcast(root, v)               v at every rank
//! barrier()                        returns after every rank has called it
//! ```
//!
//! Messages are found by counting: both ends derive the same [`Key`] from the channel's name and the number
//! of earlier calls, so a message may arrive long before anybody asks for it, or out of order. Large values
//! are cut into chunks. Calls block plainly on ordinary threads; a send does not wait for delivery, and
//! [`Channel::allgather_start`] lets several openings travel together.
//!
//! # The two ends of the network
//! A link pushes [`Frame`]s through a [`Carrier`] and takes what a server hands to its [`Inbox`]. Three
//! carriers exist: sockets (in the crate `symbolon-grpc`), the memory of one process ([`memory`]), and a
//! recording ([`record`]).
//!
//! # What is agreed and what is local
//! Keys, chunks, presence, sequence numbers, acknowledgements and FIN are as in the link layer pages of
//! secretflow interconnection and in yacl `link` (2026-04); where they differ (errata E01 to E04, E12),
//! `symbolon_dialect::Dialect` decides, and both forms are accepted on receipt. Whether a peer numbers its
//! messages is seen from each key. Limits and times ([`LinkConfig`]) are every party's own business.
//!
//! - A repeated frame is dropped: known by its sequence number, or by a key that was read already, or by
//!   equal contents. A frame that contradicts an earlier one ends the link with that peer.
//! - A party that is stopped ([`Link::abort`]) or fails in protocol code ([`Channel::abort`]) tells its peers by FIN,
//!   so that their waits end at once.
//! - Memory follows what arrived, never what is announced; a small value is copied out of the buffer it came in. Per peer, messages that nobody waits for share
//!   [`LinkConfig::mailbox_bytes`]; beyond that a frame is rejected with [`Rejection::retry_later`].
//! - The throttle window bounds messages under way; sends beyond it queue (as yacl's asynchronous sends do)
//!   up to [`LinkConfig::backlog_bytes`]. While a receive waits idly, unread messages are acknowledged
//!   early, so that reading in another order than the peer sends cannot stop both.
//! - The first failure with a peer is kept: every later operation with it repeats the cause at once. What
//!   had arrived before can still be read. Nothing is retried here; that is the carrier's task.
//!
//! # What it deliberately does not do
//! No sockets, no encryption, no authentication: a frame's sender is believed, so the carrier must know who
//! speaks (mutual TLS with pinned certificates in `symbolon-grpc`). No packing of several buffers into one
//! message. No interpretation of values, and none of their bytes in errors, logs or `Debug`.
//!
//! # Example
//! ```
//! use symbolon_dialect::Dialect;
//! use symbolon_link::{Link, LinkError, memory};
//!
//! fn party(link: &Link) -> Result<usize, LinkError> {
//!     link.connect()?;
//!     let channel = link.root();
//!     let all = channel.allgather(vec![channel.rank() as u8; 3])?;
//!     link.finish()?;
//!     Ok(all.iter().map(|value| value.len()).sum())
//! }
//!
//! let links = memory::network(3, &Dialect::symbolon());
//! std::thread::scope(|scope| {
//!     for link in &links {
//!         scope.spawn(move || assert_eq!(party(link), Ok(9)));
//!     }
//! });
//! assert_eq!(links[0].traffic().sent_bytes, 6);
//! ```

mod assembly;
mod channel;
mod collective;
mod config;
mod error;
mod finish;
mod frame;
mod inbox;
mod key;
mod link;
mod mailbox;
pub mod memory;
mod numbers;
mod outbox;
mod presence;
pub mod record;
mod world;

pub use channel::Channel;
pub use collective::PendingAllgather;
pub use config::LinkConfig;
pub use error::{Action, Failure, LinkError};
pub use frame::{Carrier, Chunk, Completion, Frame, PushError, Rank, Rejection};
pub use inbox::Inbox;
pub use key::{Key, KeyError, Operation};
pub use link::{Link, Traffic};
