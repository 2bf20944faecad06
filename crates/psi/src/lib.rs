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
//! learns; it cannot learn other ids than those it asks for. There is no negotiation (the handshake's),
//! no reading of tables, no sets larger than memory.
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
//! [`run`] with [`PsiParams`] ([`ResultTo`], [`Duplicates`]), [`Progress`] and [`PsiOutcome`]
//! ([`Statistics`], [`SecondForm`]); [`safe_bits`]; [`PsiError`] with [`Location`] and [`Stream`].

mod batch;
mod error;
mod exchange;
mod intersection;
mod items;
mod outcome;
mod params;
mod second;

pub use error::{Location, PsiError, Stream};
pub use outcome::{Progress, PsiOutcome, Statistics, run};
pub use params::{Duplicates, PsiParams, ResultTo};
pub use second::{SecondForm, safe_bits};
