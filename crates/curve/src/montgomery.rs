//! X25519 in bulk: the ladder over many u-coordinates with one scalar.
//!
//! This is the one place that chooses an implementation of the ladder.

use curve25519_dalek::montgomery::MontgomeryPoint;
use rayon::prelude::*;
use subtle::{Choice, ConstantTimeEq};

/// Bytes of an encoded u-coordinate.
pub(crate) const POINT_BYTES: usize = 32;

/// Points that one task of the thread pool takes: about 5 ms of work.
const TASK_POINTS: usize = 128;

/// One product. The scalar is clamped (again) inside; the top bit of `u` is ignored; no branch and no
/// address depends on the scalar.
fn ladder(scalar: &[u8; 32], u: [u8; POINT_BYTES]) -> [u8; POINT_BYTES] {
    MontgomeryPoint(u).mul_clamped(*scalar).to_bytes()
}

/// Products of `scalar` with every point of `input` (a multiple of 32 bytes, checked by the caller), in
/// order, or the index of the first point whose product is all zeros (small order).
pub(crate) fn multiply_all(scalar: &[u8; 32], input: &[u8]) -> Result<Vec<u8>, usize> {
    let mut output = input.to_vec();
    let first_zero = output
        .par_chunks_mut(POINT_BYTES * TASK_POINTS)
        .enumerate()
        .filter_map(|(task, points)| {
            let mut first = None;
            for (i, slot) in points.chunks_exact_mut(POINT_BYTES).enumerate() {
                let mut u = [0u8; POINT_BYTES];
                u.copy_from_slice(slot);
                let product = ladder(scalar, u);
                if bool::from(is_zero(&product)) && first.is_none() {
                    first = Some(task * TASK_POINTS + i);
                }
                slot.copy_from_slice(&product);
            }
            first
        })
        .min();
    match first_zero {
        None => Ok(output),
        Some(index) => Err(index),
    }
}

fn is_zero(u: &[u8; POINT_BYTES]) -> Choice {
    u.ct_eq(&[0u8; POINT_BYTES])
}
