//! SM2 (GB/T 32918.5): many points, one secret scalar.
//!
//! The arithmetic is done by one of two backends, which give the same results: the `sm2` crate, one
//! point at a time, with complete formulas and a signed window of four bits whose table is read in full
//! at every step; and [`ifma`], eight points at a time. In both, neither branches nor addresses depend on the scalar.

mod affine;
mod arithmetic;
mod encoding;
mod field;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "calls functions compiled for AVX-512, after the processor was asked")]
mod ifma;
mod map;
mod serial;

use std::ops::Range;

use rayon::prelude::*;
use sm2::elliptic_curve::bigint::U256;
use sm2::elliptic_curve::ff::PrimeField;
use sm2::elliptic_curve::ops::Reduce;
use sm2::{FieldBytes, Scalar};
use zeroize::{Zeroize, Zeroizing};

use crate::{Backend, CurveError, Suite};
use affine::Affine;
use arithmetic::{Arithmetic, Multiplier};

/// Points that one task of the thread pool takes; they share one inversion.
const TASK_POINTS: usize = 128;

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
    nonzero_scalar(bytes).is_some()
}

/// The scalar of these 32 bytes, big-endian, if it is from 1 to the group order minus 1.
fn nonzero_scalar(bytes: &[u8; 32]) -> Option<Zeroizing<Scalar>> {
    let scalar = Zeroizing::new(Scalar::from_repr(FieldBytes::from(*bytes)).unwrap_or(Scalar::ZERO));
    (!bool::from(scalar.is_zero())).then_some(scalar)
}

/// The secret scalar, ready to multiply, with the suite that says how points are made and encoded.
pub(crate) struct Sm2Masks {
    suite: Suite,
    arithmetic: Arithmetic,
    /// None for the scalar zero, which multiplies every point to the identity.
    multiplier: Option<Multiplier>,
}

impl Sm2Masks {
    /// `scalar` is big-endian and below the group order.
    pub(crate) fn new(suite: Suite, scalar: &[u8; 32], backend: Backend) -> Self {
        let arithmetic = Arithmetic::of(backend);
        let multiplier = nonzero_scalar(scalar).map(|scalar| Multiplier::new(arithmetic, scalar));
        Self { suite, arithmetic, multiplier }
    }

    /// The encoded points of the items, not masked.
    pub(crate) fn hash<I: AsRef<[u8]> + Sync>(&self, items: &[I]) -> Result<Vec<u8>, CurveError> {
        self.encoded(items.len(), |range| self.points_of(items, range))
    }

    /// The items hashed and multiplied.
    pub(crate) fn mask_items<I: AsRef<[u8]> + Sync>(&self, items: &[I]) -> Result<Vec<u8>, CurveError> {
        self.encoded(items.len(), |range| {
            let start = range.start;
            let mut points = self.points_of(items, range)?;
            self.multiply(&mut points).map_err(|place| CurveError::OursLowOrder { index: start + place })?;
            Ok(points)
        })
    }

    /// Received points, whole ones by the caller's check, decoded and multiplied.
    pub(crate) fn mask_points(&self, points: &[u8]) -> Result<Vec<u8>, CurveError> {
        let size = self.suite.point_bytes();
        self.encoded(points.len() / size, |range| {
            let start = range.start;
            let encoded = points.get(start * size..range.end * size).unwrap_or_default();
            let mut points = encoding::decode(self.arithmetic, self.suite.format, size, encoded, start)?;
            self.multiply(&mut points).map_err(|place| CurveError::PeerLowOrder { index: start + place })?;
            Ok(points)
        })
    }

    fn points_of<I: AsRef<[u8]>>(&self, items: &[I], range: Range<usize>) -> Result<Vec<Affine>, CurveError> {
        let start = range.start;
        map::hash_to_curve(self.arithmetic, self.suite, items.get(range).unwrap_or_default(), start)
    }

    /// The error is the place of the first product that is the identity.
    fn multiply(&self, points: &mut [Affine]) -> Result<(), usize> {
        match &self.multiplier {
            Some(multiplier) => multiplier.multiply(points),
            None => Err(0),
        }
    }

    /// Encodes the points that `points` gives for a range of indices, a task of them at a time. The error is
    /// that of the first bad index.
    fn encoded(
        &self,
        count: usize,
        points: impl Fn(Range<usize>) -> Result<Vec<Affine>, CurveError> + Sync,
    ) -> Result<Vec<u8>, CurveError> {
        let (format, size) = (self.suite.format, self.suite.point_bytes());
        let mut output = vec![0u8; count * size];
        let failed = output
            .par_chunks_mut(size * TASK_POINTS)
            .enumerate()
            .filter_map(|(task, slots)| {
                let start = task * TASK_POINTS;
                match points(start..start + slots.len() / size) {
                    Ok(points) => {
                        for (slot, point) in slots.chunks_exact_mut(size).zip(&points) {
                            encoding::encode(format, point, slot);
                        }
                        None
                    }
                    Err(error) => Some((task, error)),
                }
            })
            .min_by_key(|(task, _)| *task);
        match failed {
            None => Ok(output),
            Some((_, error)) => Err(error),
        }
    }
}
