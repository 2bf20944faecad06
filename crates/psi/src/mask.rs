//! Masking as the engine sees it.

use symbolon_curve::{CurveError, Masker};
use symbolon_mutants::Mutant;

/// What a party does to ids and points with its secret: [`Masker`], or in measurements of everything else a
/// cheap stand-in.
#[doc(hidden)]
pub trait PointMask: Send + Sync {
    /// Hashes and masks.
    ///
    /// # Errors
    /// As [`Masker::mask_items`].
    fn mask_items(&self, items: &[&[u8]]) -> Result<Vec<u8>, CurveError>;

    /// Masks points again.
    ///
    /// # Errors
    /// As [`Masker::mask_points`].
    fn mask_points(&self, points: &[u8]) -> Result<Vec<u8>, CurveError>;
}

impl PointMask for Masker {
    fn mask_items(&self, items: &[&[u8]]) -> Result<Vec<u8>, CurveError> {
        if Mutant::IdsNotMasked.is_on() {
            return self.hash_to_points(items);
        }
        Self::mask_items(self, items)
    }

    fn mask_points(&self, points: &[u8]) -> Result<Vec<u8>, CurveError> {
        let points = Self::mask_points(self, points)?;
        if Mutant::SecretTwice.is_on() { Self::mask_points(self, &points) } else { Ok(points) }
    }
}
