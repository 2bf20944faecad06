//! From ids to points.
//!
//! The time these maps take depends on the id (an id needs two attempts on average), as their definition
//! has it; the secret scalar takes no part in them.

use sm2::AffinePoint;

use super::field::{FieldElement, even_point, reduce};
use crate::digest::Digest;
use crate::{HashToCurve, Suite};

/// Attempts until a map gives up: an id needs more with probability 2^-100. The reference
/// implementation's limit.
const ATTEMPTS: usize = 100;

/// The point of an item; `None` when the map gave up, or is not one of this curve.
pub(crate) fn hash_to_curve(suite: Suite, item: &[u8]) -> Option<AffinePoint> {
    let digest = Digest::of(suite.hash, item);
    match suite.map {
        HashToCurve::TryAndIncrement => increment(&digest),
        HashToCurve::TryAndRehash => rehash(suite, digest),
        _ => None,
    }
}

fn increment(digest: &Digest) -> Option<AffinePoint> {
    let mut x = reduce(digest.as_slice());
    for _ in 0..ATTEMPTS {
        if let Some(point) = even_point(&x) {
            return Some(point);
        }
        x += FieldElement::ONE;
    }
    None
}

fn rehash(suite: Suite, mut digest: Digest) -> Option<AffinePoint> {
    for _ in 0..ATTEMPTS {
        if let Some(point) = even_point(&reduce(digest.as_slice())) {
            return Some(point);
        }
        digest = Digest::of(suite.hash, digest.as_slice());
    }
    None
}
