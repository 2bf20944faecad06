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
//! # The suite implemented
//!
//! [`Suite::CURVE25519_SHA256_DIRECT`]: `H(id)` is SHA-256(id) taken as a little-endian u-coordinate of
//! Curve25519 (RFC 7748). Its top bit is ignored and half of all hashes lie on the quadratic twist, as in
//! X25519; the scalar is clamped, so it is a multiple of 8 and the small-order components of either curve
//! vanish. A point is encoded as its 32-byte u-coordinate ("uncompressed" of the protocol, which for this
//! curve is x only). The multiplication is the constant-time Montgomery ladder of `curve25519-dalek`.
//!
//! A further suite is one more variant of the private enum behind [`Masker`]; callers see only encoded
//! bytes and [`Suite::point_bytes`].
//!
//! # Deliberately absent
//!
//! Messages, batches and set logic (they are `symbolon-psi`'s), wire numbers (the handshake's), signatures
//! and key exchange.
//!
//! # Checks
//!
//! Every point from outside is checked for its length and its order: a point of small order is multiplied
//! to all zeros, whatever the scalar, and would make the peer's choice of result independent of our
//! secret. It is refused with its index ([`CurveError::PeerLowOrder`]).
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
//! [`Masker`]; [`CurveError`].

mod error;
mod masker;
mod montgomery;
mod scalar;
mod suite;

pub use error::CurveError;
pub use masker::Masker;
pub use scalar::SecretScalar;
pub use suite::{Curve, Hash, HashToCurve, PointFormat, Suite};
