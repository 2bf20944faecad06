//! Masking under one suite with one secret.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{CurveError, SecretScalar, Suite, montgomery};

/// A suite together with one party's secret: hashes and multiplies whole batches, in parallel.
///
/// Shared by reference between threads. Results keep the order of their inputs and are a function of the
/// inputs and the secret alone.
pub struct Masker {
    suite: Suite,
    ladder: Ladder,
}

/// The implementations. A further suite adds a variant here and an arm below.
enum Ladder {
    Curve25519Sha256(SecretScalar),
}

impl Masker {
    /// Binds a suite to a secret.
    ///
    /// # Errors
    /// [`CurveError::ConfigUnsupportedSuite`], [`CurveError::ConfigScalarOfOtherCurve`].
    pub fn new(suite: Suite, secret: SecretScalar) -> Result<Self, CurveError> {
        if !suite.is_implemented() {
            return Err(CurveError::ConfigUnsupportedSuite(suite));
        }
        if secret.curve() != suite.curve {
            return Err(CurveError::ConfigScalarOfOtherCurve(suite));
        }
        Ok(Self { suite, ladder: Ladder::Curve25519Sha256(secret) })
    }

    /// The suite.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The encoded points `H(item)`, concatenated in order, not masked: they tell the items to anybody who
    /// can guess them, so they never leave the party.
    pub fn hash_to_points<I: AsRef<[u8]> + Sync>(&self, items: &[I]) -> Vec<u8> {
        match &self.ladder {
            Ladder::Curve25519Sha256(_) => {
                let mut points = vec![0u8; items.len() * montgomery::POINT_BYTES];
                points
                    .par_chunks_exact_mut(montgomery::POINT_BYTES)
                    .zip(items)
                    .with_min_len(256)
                    .for_each(|(slot, item)| slot.copy_from_slice(&Sha256::digest(item.as_ref())));
                points
            }
        }
    }

    /// Hashes each item to a point and multiplies it by the secret: [`Suite::point_bytes`] bytes per item,
    /// concatenated in order.
    ///
    /// # Errors
    /// [`CurveError::OursLowOrder`].
    pub fn mask_items<I: AsRef<[u8]> + Sync>(&self, items: &[I]) -> Result<Vec<u8>, CurveError> {
        let points = self.hash_to_points(items);
        match &self.ladder {
            Ladder::Curve25519Sha256(secret) => montgomery::multiply_all(secret.clamped(), &points)
                .map_err(|index| CurveError::OursLowOrder { index }),
        }
    }

    /// Multiplies each received point by the secret: encoded points in, encoded points out, in order.
    ///
    /// # Errors
    /// [`CurveError::PeerLength`] when `points` is not a whole number of points, and
    /// [`CurveError::PeerLowOrder`] naming the first point of small order. (Every 32-byte string is a
    /// u-coordinate of Curve25519 or of its twist, so there is nothing else to refuse on that curve.)
    pub fn mask_points(&self, points: &[u8]) -> Result<Vec<u8>, CurveError> {
        let point_bytes = self.suite.point_bytes();
        if !points.len().is_multiple_of(point_bytes) {
            return Err(CurveError::PeerLength { length: points.len(), point_bytes });
        }
        match &self.ladder {
            Ladder::Curve25519Sha256(secret) => montgomery::multiply_all(secret.clamped(), points)
                .map_err(|index| CurveError::PeerLowOrder { index }),
        }
    }
}
