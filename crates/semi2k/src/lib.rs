//! Additive shares over Z_2^k among n >= 2 parties, and the Semi2K operations on them.
//!
//! # What it computes
//! A matrix x over Z_2^k (k = 32, 64, 128) is shared as x = Σ x_i, one [`Share`] x_i at each party. A [`Session`] is one
//! party's state: random streams, a source of correlated randomness ([`symbolon_triples`]) and a connected channel
//! ([`symbolon_link`]). With r_i from the stream that party i shares with the previous rank, and D, E opened:
//!
//! | operation | share of party i | messages |
//! |---|---|---|
//! | [`Session::input`] | x at its owner, 0 elsewhere | none |
//! | [`Session::seal`] | r_i - r_(i+1), plus p at rank 0 | none |
//! | [`Session::add`], [`Session::sub`], [`Session::neg`] | x_i ± y_i, -x_i | none |
//! | [`Session::add_public`] | x_i, plus p at rank 0 | none |
//! | [`Session::mul_public_scalar`], [`Session::mul_public`], [`Session::matmul_public`] | x_i times p | none |
//! | [`Session::matmul`], [`Session::mul`] | C_i + D·B_i + A_i·E, plus D·E at rank 0, where C = A·B | D = x - A, E = y - B, together |
//! | [`Session::matmul_transposed`] | as matmul of xᵀ, which is not made | the same |
//! | [`Session::append`] | | D = x - A, once |
//! | [`Session::matmul_kept`], [`Session::matmul_kept_transposed`] | as matmul, with x's A and D of [`Session::append`] | E = y - B |
//! | [`Session::truncate`] | of x / 2^b, see [`Truncation`] | none, or one opening |
//! | [`Session::reveal`], [`Session::reveal_to`] | Σ x_i, at all or at one rank | one |
//!
//! Openings are one ALLGATHER each, in the order of the table. Set-up sends what SPU's sends: thread counts and shares of
//! the public seed (ALLGATHER), the pairwise seed to the previous rank (P2P), and for SPU's dealer the sealed dealer
//! seeds (ALLGATHER). Sources: PPCA 7-2023; secretflow spu, `libspu/mpc/semi2k`; yacl, `link`; for the truncations
//! SecureML (eprint 2017/396), ABY3 (eprint 2018/403) and eprint 2020/338.
//!
//! # What it deliberately does not do
//! - Security against parties that deviate: a party can add anything to what is opened.
//! - Fixed point, apart from carrying its parameters: products are not truncated unless asked.
//! - Deciding what may be revealed, or encrypting the dealer seed: the caller supplies it sealed.
//! - Comparison, conversion to boolean shares.
//!
//! # Example
//! Two parties, each with one factor, learn the product of 1.5 and -2.25:
//! ```
//! use symbolon_dialect::Dialect;
//! use symbolon_semi2k::{Session, testing::run_parties};
//!
//! let learnt = run_parties(2, &Dialect::symbolon(), 18, |session: &mut Session<u64>, rank| {
//!     let fixed = session.fixed();
//!     let own = fixed.encode_matrix(1, 1, &[[1.5, -2.25][rank]]).unwrap();
//!     let x = session.input(0, 1, 1, (rank == 0).then(|| own.clone()))?;
//!     let y = session.input(1, 1, 1, (rank == 1).then_some(own))?;
//!     let product = session.matmul(&x, &y)?;
//!     let product = session.truncate(product, fixed.fraction_bits())?;
//!     Ok::<_, symbolon_semi2k::Semi2kError>(fixed.decode(session.reveal(&product)?.get(0, 0)))
//! });
//! for product in learnt {
//!     assert!((product? + 3.375).abs() < 1e-5);
//! }
//! # Ok::<(), symbolon_semi2k::Semi2kError>(())
//! ```

mod config;
mod error;
mod integer;
mod kept;
mod multiply;
mod session;
mod setup;
mod share;
pub mod testing;
mod truncate;

pub use config::{DealerOpening, SessionConfig, SessionSeeds, Truncation};
pub use error::Semi2kError;
pub use integer::{decode_u128, encode_u128};
pub use kept::Kept;
pub use session::{Opened, Session};
pub use share::Share;
