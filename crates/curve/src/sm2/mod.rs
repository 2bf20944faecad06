//! SM2 (GB/T 32918.5): many points, one secret scalar.
//!
//! The group law and its field are those of the `sm2` crate: complete formulas, a signed window of four
//! bits whose table is read in full at every step, so neither branches nor addresses depend on the scalar.
//! This is the one place that chooses an implementation of the multiplication.

mod encoding;
mod field;
mod map;

use rayon::prelude::*;
use sm2::elliptic_curve::CurveGroup;
use sm2::elliptic_curve::bigint::U256;
use sm2::elliptic_curve::ff::PrimeField;
use sm2::elliptic_curve::ops::Reduce;
use sm2::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};
use zeroize::{Zeroize, Zeroizing};

use crate::{CurveError, Suite};

/// Points that one task of the thread pool takes; they share one inversion.
const TASK_POINTS: usize = 64;

/// A scalar as 32 bytes, big-endian and below the group order, from a little-endian integer of any size.
pub(crate) fn reduce_le(key: &[u8; 32]) -> [u8; 32] {
    let mut integer = U256::from_le_slice(key);
    let mut scalar = Scalar::reduce(&integer);
    let bytes = scalar.to_repr().into();
    integer.zeroize();
    scalar.zeroize();
    bytes
}

/// Whether these 32 bytes, big-endian, are a scalar from 1 to the group order minus 1.
pub(crate) fn is_scalar(bytes: &[u8; 32]) -> bool {
    let scalar = Zeroizing::new(Scalar::from_repr(FieldBytes::from(*bytes)).unwrap_or(Scalar::ZERO));
    !bool::from(scalar.is_zero())
}

/// The secret scalar, ready to multiply, with the suite that says how points are made and encoded.
pub(crate) struct Sm2Masks {
    suite: Suite,
    scalar: Zeroizing<Scalar>,
}

impl Sm2Masks {
    /// `scalar` is big-endian and below the group order.
    pub(crate) fn new(suite: Suite, scalar: &[u8; 32]) -> Self {
        let scalar = Scalar::from_repr(FieldBytes::from(*scalar)).unwrap_or(Scalar::ZERO);
        Self { suite, scalar: Zeroizing::new(scalar) }
    }

    /// The encoded points of the items, not masked.
    pub(crate) fn hash<I: AsRef<[u8]> + Sync>(&self, items: &[I]) -> Result<Vec<u8>, CurveError> {
        self.encoded(items.len(), |index| self.point_of(items, index), |points| points)
    }

    /// The items hashed and multiplied.
    pub(crate) fn mask_items<I: AsRef<[u8]> + Sync>(&self, items: &[I]) -> Result<Vec<u8>, CurveError> {
        self.encoded(items.len(), |index| self.point_of(items, index), |points| self.products(points))
            .map_err(|error| match error {
                CurveError::PeerLowOrder { index } => CurveError::OursLowOrder { index },
                other => other,
            })
    }

    /// Received points, whole ones by the caller's check, decoded and multiplied.
    pub(crate) fn mask_points(&self, points: &[u8]) -> Result<Vec<u8>, CurveError> {
        let size = self.suite.point_bytes();
        let decode = |index: usize| {
            let encoded = points.get(index * size..).and_then(|rest| rest.get(..size)).unwrap_or_default();
            encoding::decode(self.suite.format, encoded, index)
        };
        self.encoded(points.len() / size, decode, |points| self.products(points))
    }

    fn point_of<I: AsRef<[u8]>>(&self, items: &[I], index: usize) -> Result<AffinePoint, CurveError> {
        let item = items.get(index).map(AsRef::as_ref).unwrap_or_default();
        map::hash_to_curve(self.suite, item).ok_or(CurveError::OursNoPoint { index })
    }

    fn products(&self, points: Vec<AffinePoint>) -> Vec<AffinePoint> {
        let products: Vec<ProjectivePoint> =
            points.iter().map(|point| ProjectivePoint::from(point).mul(&self.scalar)).collect();
        let mut affine = vec![AffinePoint::IDENTITY; products.len()];
        ProjectivePoint::batch_normalize(&products, &mut affine);
        affine
    }

    /// Encodes `with` of the points that `point` gives, a task of them at a time. The error is that of
    /// the first bad index.
    fn encoded(
        &self,
        count: usize,
        point: impl Fn(usize) -> Result<AffinePoint, CurveError> + Sync,
        with: impl Fn(Vec<AffinePoint>) -> Vec<AffinePoint> + Sync,
    ) -> Result<Vec<u8>, CurveError> {
        let (format, size) = (self.suite.format, self.suite.point_bytes());
        let mut output = vec![0u8; count * size];
        let failed = output
            .par_chunks_mut(size * TASK_POINTS)
            .enumerate()
            .filter_map(|(task, slots)| {
                let start = task * TASK_POINTS;
                let points = (start..start + slots.len() / size).map(&point).collect::<Result<Vec<_>, _>>();
                let results = match points {
                    Ok(points) => with(points),
                    Err(error) => return Some((task, error)),
                };
                for (i, (slot, result)) in slots.chunks_exact_mut(size).zip(&results).enumerate() {
                    if bool::from(result.is_identity()) {
                        return Some((task, CurveError::PeerLowOrder { index: start + i }));
                    }
                    encoding::encode(format, result, slot);
                }
                None
            })
            .min_by_key(|(task, _)| *task);
        match failed {
            None => Ok(output),
            Some((_, error)) => Err(error),
        }
    }
}
