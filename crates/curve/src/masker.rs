//! Masking under one suite with one secret.

use crate::sm2::Sm2Masks;
use crate::{Backend, Curve, CurveError, SecretScalar, Suite, montgomery};

/// A suite together with one party's secret: hashes and multiplies whole batches, in parallel.
///
/// Shared by reference between threads. Results keep the order of their inputs and are a function of the
/// inputs and the secret alone.
pub struct Masker {
    suite: Suite,
    ladder: Ladder,
}

/// The implementations, by curve.
enum Ladder {
    Curve25519(Backend, SecretScalar),
    Sm2(Sm2Masks),
}

impl Masker {
    /// Binds a suite to a secret.
    ///
    /// # Errors
    /// [`CurveError::ConfigUnsupportedSuite`], [`CurveError::ConfigScalarOfOtherCurve`].
    pub fn new(suite: Suite, secret: SecretScalar) -> Result<Self, CurveError> {
        Self::with_backend(suite, secret, Backend::chosen())
    }

    /// As [`Masker::new`], with a backend other than the one of the process; the serial one takes the place of one
    /// that the machine does not have. For tests and measurements.
    ///
    /// # Errors
    /// As [`Masker::new`].
    pub fn with_backend(suite: Suite, secret: SecretScalar, backend: Backend) -> Result<Self, CurveError> {
        if !suite.is_implemented() {
            return Err(CurveError::ConfigUnsupportedSuite(suite));
        }
        if secret.curve() != suite.curve {
            return Err(CurveError::ConfigScalarOfOtherCurve(suite));
        }
        let ladder = match suite.curve {
            Curve::Curve25519 => Ladder::Curve25519(backend, secret),
            Curve::Sm2 => Ladder::Sm2(Sm2Masks::new(suite, secret.bytes(), backend)),
        };
        Ok(Self { suite, ladder })
    }

    /// The suite.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The encoded points `H(item)`, concatenated in order, not masked: they tell the items to anybody who
    /// can guess them, so they never leave the party.
    ///
    /// # Errors
    /// [`CurveError::OursNoPoint`].
    pub fn hash_to_points<I: AsRef<[u8]> + Sync>(&self, items: &[I]) -> Result<Vec<u8>, CurveError> {
        match &self.ladder {
            Ladder::Curve25519(backend, _) => Ok(montgomery::hash_all(*backend, self.suite, items)),
            Ladder::Sm2(masks) => masks.hash(items),
        }
    }

    /// Hashes each item to a point and multiplies it by the secret: [`Suite::point_bytes`] bytes per item,
    /// concatenated in order.
    ///
    /// # Errors
    /// [`CurveError::OursLowOrder`], [`CurveError::OursNoPoint`].
    pub fn mask_items<I: AsRef<[u8]> + Sync>(&self, items: &[I]) -> Result<Vec<u8>, CurveError> {
        match &self.ladder {
            Ladder::Curve25519(backend, secret) => {
                montgomery::multiply_all(*backend, secret.bytes(), &self.hash_to_points(items)?)
                    .map_err(|index| CurveError::OursLowOrder { index })
            }
            Ladder::Sm2(masks) => masks.mask_items(items),
        }
    }

    /// Multiplies each received point by the secret: encoded points in, encoded points out, in order.
    ///
    /// # Errors
    /// [`CurveError::PeerLength`] when `points` is not a whole number of points, and
    /// then the first bad point by its index: [`CurveError::PeerLowOrder`] on Curve25519, where every 32-byte
    /// string is a u-coordinate of the curve or of its twist; [`CurveError::PeerFormatByte`] and
    /// [`CurveError::PeerOffCurve`] on SM2, whose order is prime.
    pub fn mask_points(&self, points: &[u8]) -> Result<Vec<u8>, CurveError> {
        let point_bytes = self.suite.point_bytes();
        if !points.len().is_multiple_of(point_bytes) {
            return Err(CurveError::PeerLength { length: points.len(), point_bytes });
        }
        match &self.ladder {
            Ladder::Curve25519(backend, secret) => montgomery::multiply_all(*backend, secret.bytes(), points)
                .map_err(|index| CurveError::PeerLowOrder { index }),
            Ladder::Sm2(masks) => masks.mask_points(points),
        }
    }
}
