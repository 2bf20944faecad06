//! From ids to points.
//!
//! The time that try-and-increment and try-and-rehash take depends on the id (an id needs two attempts on
//! average), as their definition has it; the secret scalar takes no part in them. The maps of RFC 9380 take the same
//! time for ids of the same length with the vector backend.

use symbolon_mutants::Mutant;

use super::affine::{Affine, P};
use super::arithmetic::Arithmetic;
use super::field::reduce;
use crate::digest::Digest;
use crate::expand::{domain_separation_tag, expand_message};
use crate::{CurveError, Hash, HashToCurve, Suite};

/// Attempts until a map gives up: an id needs more with probability 2^-100. The reference
/// implementation's limit.
const ATTEMPTS: usize = 100;

/// An item whose point is not found yet.
struct Pending {
    place: usize,
    digest: Digest,
    x: [u8; 32],
}

/// The points of these items, the first of which is number `start`.
///
/// # Errors
/// [`CurveError::OursNoPoint`] when the map gave up, or found the identity.
pub(crate) fn hash_to_curve<I: AsRef<[u8]>>(
    arithmetic: Arithmetic,
    suite: Suite,
    items: &[I],
    start: usize,
) -> Result<Vec<Affine>, CurveError> {
    match suite.map {
        HashToCurve::SswuRo => {
            let tag = domain_separation_tag(suite, "SSWU_RO");
            sswu::<2, { 2 * ELEMENT_BYTES }, I>(arithmetic, suite.hash, &tag, items, start)
        }
        HashToCurve::SswuNu => {
            let tag = domain_separation_tag(suite, "SSWU_NU");
            sswu::<1, ELEMENT_BYTES, I>(arithmetic, suite.hash, &tag, items, start)
        }
        _ => search(arithmetic, suite, items, start),
    }
}

/// L of RFC 9380, section 5.1: bytes that become one field element, ⌈(256 + 128) / 8⌉ for 128-bit security.
const ELEMENT_BYTES: usize = 48;

/// `hash_to_curve` (N = 2) and `encode_to_curve` (N = 1) of RFC 9380, section 3. The cofactor is one.
fn sswu<const N: usize, const BYTES: usize, I: AsRef<[u8]>>(
    arithmetic: Arithmetic,
    hash: Hash,
    tag: &str,
    items: &[I],
    start: usize,
) -> Result<Vec<Affine>, CurveError> {
    let elements: Vec<[[u8; 32]; N]> = items
        .iter()
        .map(|item| {
            let uniform = expand_message::<BYTES>(hash, item.as_ref(), tag.as_bytes());
            let mut blocks = uniform.chunks_exact(ELEMENT_BYTES).map(reduce);
            std::array::from_fn(|_| blocks.next().unwrap_or_default())
        })
        .collect();
    let points = (start..).zip(arithmetic.sswu(&elements));
    points.map(|(index, point)| point.ok_or(CurveError::OursNoPoint { index })).collect()
}

/// The first x on the curve of those that the suite's map tries.
fn search<I: AsRef<[u8]>>(
    arithmetic: Arithmetic,
    suite: Suite,
    items: &[I],
    start: usize,
) -> Result<Vec<Affine>, CurveError> {
    let mut points = vec![Affine { x: [0; 32], y: [0; 32] }; items.len()];
    let first = |(place, item): (usize, &I)| {
        let digest = Digest::of(suite.hash, item.as_ref());
        Pending { place, x: reduce(digest.as_slice()), digest }
    };
    let mut pending: Vec<Pending> = items.iter().enumerate().map(first).collect();
    let mut candidates = Vec::with_capacity(items.len());
    for _ in 0..ATTEMPTS {
        candidates.clear();
        let odd = Mutant::OddY.is_on();
        candidates.extend(pending.iter().map(|item| (item.x, odd)));
        let mut found = arithmetic.lift(&candidates).into_iter();
        pending.retain_mut(|item| {
            let Some(point) = found.next().flatten() else {
                next(suite, item);
                return true;
            };
            if let Some(slot) = points.get_mut(item.place) {
                *slot = point;
            }
            false
        });
        if pending.is_empty() {
            return Ok(points);
        }
    }
    let place = pending.first().map_or(0, |item| item.place);
    Err(CurveError::OursNoPoint { index: start + place })
}

/// The next x to try.
fn next(suite: Suite, item: &mut Pending) {
    if suite.map == HashToCurve::TryAndRehash && !Mutant::HashNotRepeated.is_on() {
        item.digest = Digest::of(suite.hash, item.digest.as_slice());
        item.x = reduce(item.digest.as_slice());
    } else {
        item.x = successor(item.x);
    }
}

/// x + 1 modulo p.
fn successor(mut x: [u8; 32]) -> [u8; 32] {
    for byte in x.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    if x == P { [0; 32] } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successors_wrap_at_p() {
        let mut last = P;
        last[31] -= 1;
        assert_eq!(successor(last), [0; 32]);
        let carried = successor(std::array::from_fn(|i| if i < 30 { 7 } else { 0xff }));
        assert_eq!(carried, std::array::from_fn(|i| [7, 8, 0][i.saturating_sub(28).min(2)]));
    }
}
