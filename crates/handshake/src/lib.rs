//! Handshake version 2 of the interconnection protocol: offers in, an agreed plan or a typed refusal out.
//!
//! Before any key material or data moves, the parties 0 … n-1 agree on everything that their computation
//! depends on (PPCA 7-2023 and PPCA 9-2023, handshake; `org.interconnection.v2`):
//!
//! ```text
//! rank r > 0:  HandshakeRequest(offer_r)          ──►  rank 0
//! rank 0:      plan = negotiate(offer_0, requests)
//!              HandshakeResponse(plan or refusal)  ──►  every rank r > 0
//! rank r:      plan must lie in offer_r and in policy_r
//! ```
//!
//! - **Negotiable items** (protocol, ring, truncation, generator, sigmoid, dealer's version; suite and point
//!   format) become the first of rank 0's list that lies in the intersection of all lists:
//!   `item = first x in offer_0 with x in offer_r for all r`.
//! - **Norms and shortened points** are used only if all parties offer them.
//! - **Facts must fit**: equal numbers of rows, positive numbers of columns, exactly one party with labels
//!   (training) or exactly one that gets the scores (prediction), one receiver of an intersection.
//! - **Rank 0 alone chooses** the step size, epochs, batch size, penalty, fraction bits and the dealer. No
//!   message asks the others, so each rank has a policy ([`LrPolicy`], [`PsiPolicy`]) and holds the plan
//!   against it, rank 0 included.
//!
//! A message is parsed once, into [`LrRequest`], [`PsiRequest`], [`LrPlan`] or [`PsiPlan`]: the version
//! first and alone, parallel lists of equal length, `Any` values of the right type. Values and fields that
//! this version does not know are no option and otherwise ignored.
//!
//! # Refusals
//!
//! Rank 0 answers a request that cannot be met with a [`Refusal`]: a code of the protocol and a text. All
//! others get the same answer. In the reference's style (erratum E20) code and text are those of the
//! reference for the same cause: `HANDSHAKE_REFUSED` for versions, suites, row counts, double labels and
//! receivers, `UNSUPPORTED_PARAMS` for the terms of SS-LR, `INVALID_REQUEST` for missing or wrong messages.
//! A rank above 0 that does not accept the response has no message to say so; it leaves the link.
//!
//! # Dialects
//!
//! [`ResponseStyle`](symbolon_dialect::ResponseStyle) decides how requests and responses are filled (errata
//! E13, E14, E17, E18); both styles are read whatever the own one is, as far as they can be told apart. In
//! the reference's style both messages are byte for byte those of the reference. Since its response cannot
//! name a generator, only AES-128 is agreed to then.
//!
//! # Prediction
//!
//! Between Symbolon parties the messages of SS-LR serve prediction too: `num_epoch` is 0, `has_label` means
//! "the scores go to me" and `label_rank` is the rank that gets them ([`Purpose::Predict`]).
//!
//! # Runs that are resumed, and partitions
//!
//! Two Symbolon parties can agree to keep an intersection fit to be resumed, and to work on one of many
//! partitions of their ids ([`exchange_psi_run`], erratum E33). A party that wants neither sends nothing of it.
//!
//! # Masks that are kept, and triples made ahead
//!
//! Symbolon parties can agree to open a table once for a whole training, and to use triples made ahead of time
//! ([`exchange_lr_run`], errata E46 and E47). Both must want it; a party that wants neither sends nothing of it.
//!
//! # What the handshake does not do
//!
//! It proves nobody's identity (that is the transport's work), hides no table or set sizes, negotiates no
//! Taylor-3 sigmoid (the protocol has no number for it, erratum E24), checks no data, and says nothing
//! about the plan to the dealer.
//!
//! # Example
//!
//! ```
//! use symbolon_dialect::Dialect;
//! use symbolon_handshake::{PsiOffer, PsiPlan, PsiRequest, EcSuite, ResultTo, negotiate_psi};
//!
//! let dialect = Dialect::symbolon();
//! let offer = |items| PsiOffer {
//!     items,
//!     suites: vec![EcSuite::CURVE25519_SHA256_DIRECT],
//!     truncate_bits: None,
//!     statistical_bits: 30,
//!     result_to: ResultTo::All,
//! };
//! // Rank 1 asks, rank 0 decides, rank 1 reads the answer.
//! let request = PsiRequest::try_from(offer(30).to_request(1)?).unwrap();
//! let plan = negotiate_psi(&offer(24), &[request], &dialect).unwrap();
//! let read = PsiPlan::from_response(&plan.to_response()?, &offer(30), 1, 2, &dialect)?;
//! assert_eq!(read.suite, EcSuite::CURVE25519_SHA256_DIRECT);
//!
//! // A party that offers another suite only is refused.
//! let sm2 = PsiOffer { suites: vec![EcSuite::SM2_SM3_INCREMENT], ..offer(30) };
//! let request = PsiRequest::try_from(sm2.to_request(1)?).unwrap();
//! let refusal = negotiate_psi(&offer(24), &[request], &dialect).unwrap_err();
//! assert_eq!(refusal.code.as_str_name(), "UNSUPPORTED_PARAMS");
//! # Ok::<(), symbolon_handshake::HandshakeError>(())
//! ```
//!
//! Over a link, [`exchange_lr`] and [`exchange_psi`] do all of this in one call.
//!
//! # Public names
//!
//! [`exchange_lr`], [`exchange_lr_run`] ([`LrRunOffer`], [`LrRunPlan`]), [`exchange_psi`], [`exchange_psi_run`]
//! ([`PsiRunOffer`], [`PartitionOffer`], [`PsiRunPlan`]); [`LrOffer`], [`PsiOffer`]; [`LrPolicy`], [`PsiPolicy`],
//! [`TrustedDealer`]; [`Plan`], [`LrPlan`], [`PsiPlan`], [`DealerPlan`]; [`LrRequest`], [`PsiRequest`],
//! [`negotiate_lr`], [`negotiate_psi`]; [`Refusal`], [`Cause`], [`HandshakeError`]; and the terms:
//! [`Purpose`], [`Optimizer`], [`SigmoidMode`], [`Protocol`], [`Truncation`], [`EcSuite`], [`ResultTo`].

mod error;
mod exchange;
mod lists;
mod lr;
mod offer;
mod plan;
mod policy;
mod psi;
mod refusal;
mod response;
mod terms;

pub use error::HandshakeError;
pub use exchange::{exchange_lr, exchange_lr_run, exchange_psi, exchange_psi_run};
pub use lr::{LrRequest, LrRunOffer, LrRunPlan, negotiate_lr};
pub use offer::{LrOffer, PsiOffer};
pub use plan::{DealerPlan, LrPlan, Plan, PsiPlan, STEP_TOLERANCE};
pub use policy::{LrPolicy, PsiPolicy, TrustedDealer};
pub use psi::{PartitionOffer, PsiRequest, PsiRunOffer, PsiRunPlan, negotiate_psi};
pub use refusal::{Cause, Refusal};
pub use terms::{
    CurveType, EcSuite, HashToCurveStrategy, HashType, Optimizer, PointOctetFormat, Protocol, Purpose,
    ResultTo, SigmoidMode, Truncation,
};
