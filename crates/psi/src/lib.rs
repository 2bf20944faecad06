//! Private set intersection of two parties by elliptic-curve Diffie-Hellman (ECDH-PSI, PPCA 9-2023).
//!
//! Parties 0 and 1 hold sets of ids A and B and secret scalars a and b. With the suite's map H from ids to
//! points
//!
//! ```text
//! first stream    0 -> 1:  a·H(x) for x in A        1 -> 0:  b·H(y) for y in B         type "enc"
//! second stream   0 -> 1:  a·(b·H(y)), in order     1 -> 0:  b·(a·H(x)), in order      type "dual.enc"
//! result          x is in B  <=>  b·(a·H(x)) is among the a·(b·H(y))
//! ```
//!
//! Each stream is a sequence of `EcdhPsiCipherBatch` messages; the first stream is on the channel given,
//! the second on its next sub-channel. All streams run at the same time, so masks are computed while the
//! network works. If only one rank is to learn the result, nothing is returned to the other: rank r
//! receives a second stream if and only if [`ResultTo::includes`]`(r)`.
//!
//! # The result
//!
//! [`PsiOutcome::indices`] lists own rows in an order that is **the same at both parties**: sorted by the
//! doubly masked point. Row i of one party's list holds the same id as row i of the other's, and the
//! order is a random one to both, as it depends on both secrets. [`PsiOutcome::file_order`] lists the rows
//! in their own order.
//!
//! # What the peer learns
//!
//! Always the number of items sent (of distinct ids under [`Duplicates::Count`]). A party that learns the
//! result learns the intersection and, from the counts sent to it, how often each of the other's ids
//! occurs (of ids outside the intersection it sees the counts without the ids). A party that does not
//! learn the result sees only masked points. Second ciphertexts may be cut ([`SecondForm`]); below
//! [`safe_bits`] different ids could be taken for equal, so shorter ones are refused.
//!
//! # Deliberately absent
//!
//! The protocol is secure against semi-honest parties: a party that departs from it can choose its set
//! freely, use ids that it does not hold, or return wrong second ciphertexts and so falsify what the other
//! learns; it cannot learn other ids than those it asks for. There is no negotiation (the handshake's)
//! and no reading of tables. Sets have at most 2^32 - 1 items; larger ones are divided ([`Partition`]).
//!
//! # Sets that memory does not hold
//!
//! [`run`] takes a list and gives lists. [`intersect`] is the same exchange for any size: ids come from an
//! [`IdSource`], which is read once to find repetitions ([`OwnSet::scan`]) and once to mask; points are kept
//! where [`Storage`] says; the result is read as a stream ([`Common`]). The bytes on the link are the same.
//!
//! - **Comparing.** Both sets are sorted by what is compared, as many records at a time as memory holds, and
//!   merged while they are joined. Nothing depends on how the peer's points are spread.
//! - **Resuming.** A [`RunDirectory`] holds logs of the points of each stream, which only grow, batch by batch;
//!   the process may end at any moment. When both parties come back, they tell each other what they hold, and
//!   at most the batch that was being masked is masked again. The secret scalar is there too, until all masks
//!   are computed. Only a peer that agreed to it in the handshake can resume.
//! - **Waiting.** What the peer sends faster than it can be masked waits in memory up to a limit and then on
//!   disk, so receiving never blocks.
//!
//! # Checks on what the peer sends
//!
//! Type, consecutive indices from 0, count against length, totals against the number announced, the end
//! of each stream, the length of second ciphertexts against the safe minimum, the order of every point.
//! An error names rank, stream, batch and point and ends the whole run at once; the first one is reported. The
//! protocol has no message for that: an error during the exchange aborts the link
//! ([`Channel::abort`](symbolon_link::Channel::abort)), so that the peer's waits end too.
//! A stream is over with its last batch: what a peer sends behind it is never read here.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use symbolon_curve::{Curve, SecretScalar, Suite};
//! use symbolon_dialect::Dialect;
//! use symbolon_psi::{PsiParams, run};
//!
//! let dialect = Dialect::symbolon();
//! let params = PsiParams::new(Suite::CURVE25519_SHA256_DIRECT, &dialect);
//! let sets = [["ann", "bob", "cid"], ["dan", "cid", "ann"]];
//! let links = symbolon_link::memory::network(2, &dialect);
//! let outcomes: Vec<_> = std::thread::scope(|scope| {
//!     let parties: Vec<_> = links
//!         .iter()
//!         .zip(&sets)
//!         .map(|(link, set)| {
//!             let params = &params;
//!             scope.spawn(move || {
//!                 let secret = SecretScalar::random(Curve::Curve25519).unwrap();
//!                 run(&link.root(), params, set, secret, &mut |_| {}).unwrap()
//!             })
//!         })
//!         .collect();
//!     parties.into_iter().map(|party| party.join().unwrap()).collect()
//! });
//! assert_eq!(outcomes[0].file_order, Some(vec![0, 2]));
//! assert_eq!(outcomes[1].file_order, Some(vec![1, 2]));
//! let ids = |p: usize| outcomes[p].indices.iter().flatten().map(move |&row| sets[p][row]);
//! assert!(ids(0).eq(ids(1)));
//! # Ok(())
//! # }
//! ```
//!
//! # Public names
//!
//! [`run`] with [`PsiParams`] ([`ResultTo`], [`Duplicates`]), [`Progress`] ([`Phase`]) and [`PsiOutcome`]
//! ([`Statistics`], [`SecondForm`]); [`intersect`] with [`IdSource`] ([`IdScan`], [`IdBatch`]), [`OwnSet`]
//! ([`ScanOptions`], [`Partition`]), [`Storage`] ([`RunDirectory`], [`RunState`]) and [`Intersected`] ([`Common`],
//! [`CommonId`], [`PlacedRow`], [`Resumed`]); [`need`]; [`safe_bits`]; [`PsiError`] with [`Location`] and
//! [`Stream`].

mod batch;
mod compare;
mod directory;
mod disk;
mod error;
mod exchange;
mod ids;
mod log;
mod mask;
mod outcome;
mod own;
mod params;
mod partition;
mod points;
mod queue;
mod result;
mod second;
mod sort;
mod spool;

pub use directory::{RunDirectory, RunState};
#[doc(hidden)]
pub use disk::{Fault, Faults, Step};
pub use error::{Location, PsiError, Stream};
pub use ids::{IdBatch, IdScan, IdSource, SourceError};
#[doc(hidden)]
pub use mask::PointMask;
#[doc(hidden)]
pub use outcome::intersect_with;
pub use outcome::{
    Intersected, Need, Phase, Progress, PsiOutcome, Resumed, Statistics, Storage, intersect, need, run,
};
pub use own::{OwnSet, Repeats, ScanOptions};
pub use params::{Duplicates, PsiParams, ResultTo};
pub use partition::Partition;
pub use result::{Common, CommonId, CommonIds, PlacedRow, PlacedRows};
pub use second::{SecondForm, safe_bits};
