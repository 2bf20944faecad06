//! The matrix product of two shares.

use std::ops::Range;

use symbolon_ring::Ring;
use symbolon_semi2k::{Kept, Session, Share};
use symbolon_triples::{Draw, Op};

use crate::OperatorError;

/// x · w for shares of fixed-point matrices, m×k times k×n: one matrix triple, then truncation by f.
///
/// Let X and W be the encoded integers. The result is floor(XW / 2^f) + e with |e| <= 1 in every place, so
/// it is off the real product of what X and W encode by less than 2u, u = 2^-f, whatever the inner
/// dimension k. If x and w were themselves encoded from reals of magnitude at most a and b, the encodings
/// add less than k (a + b + u) u. A chain of d products with factors of row sums at most s >= 1 is off by
/// less than 2 d s^(d-1) u.
///
/// Requires |XW| < 2^(k-2) in the ring Z_2^k. A probabilistic truncation
/// ([`Truncation`](symbolon_semi2k::Truncation)) then wraps with a probability of at most |XW| · 2^-k per
/// place, which puts that place off by 2^(k-f) units.
///
/// # Errors
/// Errors of the protocol, shapes that do not fit included.
pub fn matmul<R: Ring>(
    session: &mut Session<R>,
    x: &Share<R>,
    w: &Share<R>,
) -> Result<Share<R>, OperatorError> {
    let product = session.matmul(x, w)?;
    Ok(session.truncate(product, session.fixed().fraction_bits())?)
}

/// xᵀ · w, as [`matmul`] of the transposed matrix, which is not made. Draws what that draws.
///
/// # Errors
/// As [`matmul`].
pub fn matmul_transposed<R: Ring>(
    session: &mut Session<R>,
    x: &Share<R>,
    w: &Share<R>,
) -> Result<Share<R>, OperatorError> {
    let product = session.matmul_transposed(x, w)?;
    Ok(session.truncate(product, session.fixed().fraction_bits())?)
}

/// What [`matmul`] of m×k times k×n draws, in that order.
pub fn matmul_triples<R: Ring>(session: &Session<R>, m: usize, k: usize, n: usize) -> Vec<Op> {
    let truncation = session.truncation_op(m.saturating_mul(n), session.fixed().fraction_bits());
    [Some(Op::Dot { m, k, n }), truncation].into_iter().flatten().collect()
}

/// As [`matmul`], with rows of a kept matrix as the first factor: nothing of it is opened again.
///
/// # Errors
/// As [`matmul`].
pub fn matmul_kept<R: Ring>(
    session: &mut Session<R>,
    x: &mut Kept<R>,
    rows: Range<usize>,
    w: &Share<R>,
) -> Result<Share<R>, OperatorError> {
    let product = session.matmul_kept(x, rows, w)?;
    Ok(session.truncate(product, session.fixed().fraction_bits())?)
}

/// As [`matmul`], with the transposed rows of a kept matrix as the first factor.
///
/// # Errors
/// As [`matmul`].
pub fn matmul_kept_transposed<R: Ring>(
    session: &mut Session<R>,
    x: &mut Kept<R>,
    rows: Range<usize>,
    w: &Share<R>,
) -> Result<Share<R>, OperatorError> {
    let product = session.matmul_kept_transposed(x, rows, w)?;
    Ok(session.truncate(product, session.fixed().fraction_bits())?)
}

/// What [`matmul_kept`] of these rows with n columns draws, in that order.
///
/// # Errors
/// For rows that the mask of `x` does not have.
pub fn matmul_kept_triples<R: Ring>(
    session: &Session<R>,
    x: &Kept<R>,
    rows: Range<usize>,
    n: usize,
) -> Result<Vec<Draw>, OperatorError> {
    let truncation = session.truncation_op(rows.len().saturating_mul(n), session.fixed().fraction_bits());
    Ok([Some(x.product_draw(rows, n)?), truncation.map(Draw::from)].into_iter().flatten().collect())
}

/// What [`matmul_kept_transposed`] of these rows with n columns draws, in that order.
///
/// # Errors
/// As [`matmul_kept_triples`].
pub fn matmul_kept_transposed_triples<R: Ring>(
    session: &Session<R>,
    x: &Kept<R>,
    rows: Range<usize>,
    n: usize,
) -> Result<Vec<Draw>, OperatorError> {
    let truncation = session.truncation_op(x.cols().saturating_mul(n), session.fixed().fraction_bits());
    Ok([Some(x.transposed_draw(rows, n)?), truncation.map(Draw::from)].into_iter().flatten().collect())
}
