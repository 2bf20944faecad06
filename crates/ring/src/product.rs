//! The product kernel `acc += a * b`.

use crate::{Ring, backend::Backend};

/// The sizes of a product: a is m×k, b is k×n, acc is m×n.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
}

/// `acc += a * b`. The slices have the lengths that `shape` says.
pub(crate) fn accumulate<R: Ring>(shape: Shape, a: &[R], b: &[R], acc: &mut [R]) {
    if shape.m == 0 || shape.k == 0 || shape.n == 0 {
        return;
    }
    R::product(Backend::chosen(), shape, a, b, acc);
}

/// The plain definition.
#[inline(always)]
pub(crate) fn plain<R: Ring>(shape: Shape, a: &[R], b: &[R], acc: &mut [R]) {
    for (a_row, acc_row) in a.chunks_exact(shape.k).zip(acc.chunks_exact_mut(shape.n)) {
        for (&x, b_row) in a_row.iter().zip(b.chunks_exact(shape.n)) {
            for (sum, &y) in acc_row.iter_mut().zip(b_row) {
                *sum = sum.add(x.mul(y));
            }
        }
    }
}
