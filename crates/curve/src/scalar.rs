//! The secret of one party.

use curve25519_dalek::scalar::{Scalar, clamp_integer};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Curve, CurveError, sm2};

/// A secret multiplier for one curve, wiped from memory when dropped. Its value appears in no output: it
/// has neither `Debug` nor `Display`, and it is neither `Clone` nor `Copy`.
///
/// Draw a fresh one for every run: with the same scalar twice, the peer can link the ids of both runs.
#[derive(ZeroizeOnDrop)]
pub struct SecretScalar {
    /// For Curve25519 little-endian and clamped (RFC 7748, section 5); for SM2 big-endian and below the order.
    bytes: [u8; 32],
    #[zeroize(skip)]
    curve: Curve,
}

impl SecretScalar {
    /// A fresh scalar from the operating system's generator.
    ///
    /// # Errors
    /// [`CurveError::OursRandomness`] when the system has none.
    pub fn random(curve: Curve) -> Result<Self, CurveError> {
        let mut key = Zeroizing::new([0u8; 32]);
        loop {
            getrandom::fill(key.as_mut()).map_err(|e| CurveError::OursRandomness(e.to_string()))?;
            match curve {
                Curve::Curve25519 => return Ok(Self { bytes: clamp_integer(*key), curve }),
                // Uniform in 1..n: the few others are drawn again.
                Curve::Sm2 if sm2::is_scalar(&key) => return Ok(Self { bytes: *key, curve }),
                Curve::Sm2 => {}
            }
        }
    }

    /// The scalar that secretflow's library derives from its 32-byte private key (little-endian integer):
    /// for Curve25519 the key reduced modulo the group order 2^252 + 27742317777372353535851937790883648493,
    /// then clamped; for SM2 the key reduced modulo the group order. For replays of recorded runs only.
    pub fn from_reference_key_le(curve: Curve, key: &[u8; 32]) -> Self {
        let bytes = match curve {
            Curve::Curve25519 => {
                let mut reduced = Scalar::from_bytes_mod_order(*key);
                let clamped = clamp_integer(reduced.to_bytes());
                reduced.zeroize();
                clamped
            }
            Curve::Sm2 => sm2::reduce_le(key),
        };
        Self { bytes, curve }
    }

    /// The scalar of the X25519 function for these 32 bytes: clamped, not reduced (RFC 7748, section 5).
    pub fn from_x25519_bytes(bytes: &[u8; 32]) -> Self {
        Self { bytes: clamp_integer(*bytes), curve: Curve::Curve25519 }
    }

    /// The scalar as bytes, for a run that is resumed by another process: the caller keeps them as a secret.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.bytes)
    }

    /// A scalar that was kept as [`SecretScalar::to_bytes`]; `None` if these bytes are none of this curve.
    pub fn from_bytes(curve: Curve, bytes: &[u8; 32]) -> Option<Self> {
        let is_scalar = match curve {
            Curve::Curve25519 => clamp_integer(*bytes) == *bytes,
            Curve::Sm2 => sm2::is_scalar(bytes),
        };
        is_scalar.then_some(Self { bytes: *bytes, curve })
    }

    /// The curve for which the scalar was made.
    pub const fn curve(&self) -> Curve {
        self.curve
    }

    /// The bytes as the curve's multiplication takes them.
    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}
