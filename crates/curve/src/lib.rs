//! Curve suites of the ECDH-PSI protocol (PPCA 9-2023): ids become points, points are masked.
//!
//! For a suite with hash-to-point map `H` and a secret scalar `k`
//!
//! ```text
//! mask(id)    = enc( k · H(id) )            Masker::mask_items
//! remask(p)   = enc( k · dec(p) )           Masker::mask_points
//! k_a · (k_b · H(id)) = k_b · (k_a · H(id))
//! ```
//!
//! so that two parties with secrets `k_a` and `k_b` obtain equal encodings exactly for equal ids, and a
//! single mask tells nothing about its id to a party that does not hold the scalar (decisional
//! Diffie-Hellman, `H` a random oracle).
//!
//! # The suites implemented
//!
//! [`Suite::IMPLEMENTED`] lists them; `D` is the suite's hash, [`Hash`](enum@Hash).
//!
//! On Curve25519, `H(id)` is D(id) taken as a little-endian u-coordinate (RFC 7748). Its top bit is ignored
//! and half of all digests lie on the quadratic twist, as in X25519; the scalar is clamped, so it is a multiple
//! of 8 and the small-order components of either curve vanish. A point is encoded as its 32-byte u-coordinate
//! ("uncompressed" of the protocol, which for this curve is x only). With the maps of RFC 9380 (Elligator 2,
//! `ELL2_RO` and `ELL2_NU`), `H(id)` is a point of the prime-order group, and again only its u-coordinate is used.
//! The multiplication is the Montgomery ladder in constant time, eight points at a time where the processor has AVX-512
//! IFMA, four where it has AVX2, else that of `curve25519-dalek` ([`Backend`]).
//!
//! On SM2 (GB/T 32918.5), `y^2 = x^3 - 3x + b` over p = 2^256 - 2^224 - 2^96 + 2^64 - 1, `H(id)` is the point
//! with even y whose x is the first on the curve of
//!
//! ```text
//! try-and-increment   D(id), D(id) + 1, D(id) + 2, ...              modulo p, digests big-endian
//! try-and-rehash      D(id), D(D(id)), D(D(D(id))), ...             modulo p
//! ```
//!
//! Scalars are uniform in 1..n, n the prime order. The multiplication takes constant time, eight points at a time
//! where the processor has AVX-512 IFMA, else by the `sm2` crate ([`Backend`]); points share inversions in
//! groups. Every [`PointFormat`] is there. Neither of these maps takes constant time over ids.
//!
//! # Deliberately absent
//!
//! Messages, batches and set logic (they are `symbolon-psi`'s), wire numbers (the handshake's), signatures
//! and key exchange.
//!
//! # Checks
//!
//! Every point from outside is checked. On Curve25519 for its length and its order: a point of small order is
//! multiplied to all zeros, whatever the scalar, and would make the peer's choice of result independent of our
//! secret. It is refused with its index ([`CurveError::PeerLowOrder`]). On SM2 for its length, its format byte
//! ([`CurveError::PeerFormatByte`]; the identity has none of these formats), coordinates below p and the curve
//! equation ([`CurveError::PeerOffCurve`]); all other points have the full prime order.
//!
//! ```
//! use symbolon_curve::{Curve, Masker, SecretScalar, Suite};
//!
//! let suite = Suite::CURVE25519_SHA256_DIRECT;
//! let alice = Masker::new(suite, SecretScalar::random(Curve::Curve25519)?)?;
//! let bob = Masker::new(suite, SecretScalar::random(Curve::Curve25519)?)?;
//! let twice_from_alice = bob.mask_points(&alice.mask_items(&["id-1", "id-2"])?)?;
//! let twice_from_bob = alice.mask_points(&bob.mask_items(&["id-2"])?)?;
//! assert_eq!(twice_from_alice[32..64], twice_from_bob[..]);
//! # Ok::<(), symbolon_curve::CurveError>(())
//! ```
//!
//! # Public names
//!
//! [`Suite`] with [`Curve`], [`Hash`](enum@Hash), [`HashToCurve`] and [`PointFormat`]; [`SecretScalar`];
//! [`Masker`]; [`Backend`], [`backend_name`]; [`CurveError`].

mod backend;
mod digest;
mod error;
mod expand;
mod masker;
mod montgomery;
mod scalar;
mod sm2;
mod suite;

pub use backend::{Backend, backend_name};
pub use error::CurveError;
pub use masker::Masker;
pub use scalar::SecretScalar;
pub use suite::{Curve, Hash, HashToCurve, PointFormat, Suite};
