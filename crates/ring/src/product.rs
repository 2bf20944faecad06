//! The product kernel `acc += a * b`: threads, blocks and inner loops.
//!
//! The loops are plain safe code in a form that the compiler turns into vector instructions; `backend`
//! compiles them once per instruction set.

use rayon::prelude::*;

use crate::{Ring, RingError, backend::Backend};

/// Products of at least this many multiplications are spread over the threads of the current rayon pool.
/// Measured on two cores: handing out the work costs some 10 µs, and this many multiplications in Z_2^64
/// take 30 µs on one core.
const PARALLEL_FROM: usize = 1 << 18;

/// Rows of `a`, and of `b`, that are worked on at a time: a packed panel of two vectors by `DEPTH` then
/// fits the first-level cache, beside the rows of `a`.
const DEPTH: usize = 256;

/// The sizes of a product: a is m×k, b is k×n, acc is m×n.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
}

/// acc += a·b modulo 2^k for row-major slices: `shape` is m, k, n; a is m×k, b is k×n, acc is m×n. As
/// [`Matrix::matmul_add`](crate::Matrix::matmul_add), for rows of larger matrices.
///
/// # Errors
/// [`RingError::OursElementCount`] for a slice of another length; `acc` is then unchanged.
pub fn product_add<R: Ring>([m, k, n]: [usize; 3], a: &[R], b: &[R], acc: &mut [R]) -> Result<(), RingError> {
    for (rows, cols, elements) in [(m, k, a.len()), (k, n, b.len()), (m, n, acc.len())] {
        if rows.checked_mul(cols) != Some(elements) {
            return Err(RingError::OursElementCount { rows, cols, elements });
        }
    }
    accumulate(Shape { m, k, n }, a, b, acc);
    Ok(())
}

/// `acc += a * b`. The slices have the lengths that `shape` says.
///
/// The sums wrap, so their order does not matter: the result does not depend on threads or backend.
pub(crate) fn accumulate<R: Ring>(shape: Shape, a: &[R], b: &[R], acc: &mut [R]) {
    let Shape { m, k, n } = shape;
    if m == 0 || k == 0 || n == 0 {
        return;
    }
    let backend = Backend::chosen();
    let threads = rayon::current_num_threads();
    let multiplications = m.saturating_mul(k).saturating_mul(n);
    if threads == 1 || m == 1 || multiplications < PARALLEL_FROM {
        return R::product(backend, shape, a, b, acc);
    }
    // a few tasks per thread, in whole tiles of rows
    let rows = m.div_ceil(threads * 4).next_multiple_of(4);
    a.par_chunks(rows * k).zip(acc.par_chunks_mut(rows * n)).for_each(|(a, acc)| {
        R::product(backend, Shape { m: acc.len() / n, k, n }, a, b, acc);
    });
}

/// `acc += a * b` on this thread, none of the sizes being 0. `L` is the number of elements in a vector
/// register, `ROWS` the number of rows of `a` that the inner loops take together.
#[inline(always)]
pub(crate) fn block<R: Ring, const L: usize, const ROWS: usize>(
    shape: Shape,
    a: &[R],
    b: &[R],
    acc: &mut [R],
) {
    let panel = 2 * L;
    if shape.n == 1 {
        return columns::<R, ROWS>(shape, a, b, 0, 1, acc);
    }
    if shape.m < ROWS {
        return few_rows(shape, a, b, acc);
    }
    // Whole panels; a rest of more than half a panel is filled up with zeros, a smaller one goes by columns.
    let rest = shape.n % panel;
    let by_panels = if rest > L { shape.n } else { shape.n - rest };
    let mut packed = vec![[[R::ZERO; L]; 2]; if by_panels > 0 { DEPTH.min(shape.k) } else { 0 }];
    for depth in (0..shape.k).step_by(DEPTH) {
        let packed_len = DEPTH.min(shape.k - depth);
        let packed = &mut packed[..if by_panels > 0 { packed_len } else { 0 }];
        for col in (0..by_panels).step_by(panel) {
            let width = panel.min(shape.n - col);
            for (to, from) in packed.iter_mut().zip(b[depth * shape.n..].chunks_exact(shape.n)) {
                to.as_flattened_mut()[..width].copy_from_slice(&from[col..col + width]);
                to.as_flattened_mut()[width..].fill(R::ZERO);
            }
            panel_product::<R, L, ROWS>(shape, a, depth, packed, col, width, acc);
        }
    }
    if by_panels < shape.n {
        let width = shape.n - by_panels;
        let mut transposed = Vec::with_capacity(width * shape.k);
        for col in by_panels..shape.n {
            transposed.extend(b[col..].iter().step_by(shape.n));
        }
        columns::<R, ROWS>(shape, a, &transposed, by_panels, width, acc);
    }
}

/// Fewer rows than a tile: `b` is read once, and `acc` once for every few rows of it.
#[inline(always)]
fn few_rows<R: Ring>(shape: Shape, a: &[R], b: &[R], acc: &mut [R]) {
    const TOGETHER: usize = 4;
    let Shape { k, n, .. } = shape;
    let mut groups = b.chunks_exact(TOGETHER * n);
    for (group, depth) in groups.by_ref().zip((0..k).step_by(TOGETHER)) {
        let rows: [&[R]; TOGETHER] = std::array::from_fn(|row| &group[row * n..][..n]);
        for (a_row, acc_row) in a.chunks_exact(k).zip(acc.chunks_exact_mut(n)) {
            let x: [R; TOGETHER] = std::array::from_fn(|row| a_row[depth + row]);
            for (col, sum) in acc_row.iter_mut().enumerate() {
                let [p, q, r, s] = std::array::from_fn(|row| x[row].mul(rows[row][col]));
                *sum = sum.add(p.add(q).add(r.add(s)));
            }
        }
    }
    for (b_row, depth) in groups.remainder().chunks_exact(n).zip(k - k % TOGETHER..) {
        for (a_row, acc_row) in a.chunks_exact(k).zip(acc.chunks_exact_mut(n)) {
            let x = a_row[depth];
            for (sum, &y) in acc_row.iter_mut().zip(b_row) {
                *sum = sum.add(x.mul(y));
            }
        }
    }
}

/// Some columns of the product, as dot products: `transposed` holds `width` columns of `b`, the first of
/// which is column `first`.
#[inline(always)]
fn columns<R: Ring, const ROWS: usize>(
    shape: Shape,
    a: &[R],
    transposed: &[R],
    first: usize,
    width: usize,
    acc: &mut [R],
) {
    let Shape { k, n, .. } = shape;
    let mut tiles = a.chunks_exact(ROWS * k);
    let mut acc_tiles = acc.chunks_exact_mut(ROWS * n);
    for (tile, acc_tile) in tiles.by_ref().zip(acc_tiles.by_ref()) {
        let rows: [&[R]; ROWS] = std::array::from_fn(|row| &tile[row * k..][..k]);
        for (col, vector) in transposed.chunks_exact(k).enumerate().take(width) {
            for (row, sum) in dots::<R, ROWS>(rows, vector).into_iter().enumerate() {
                let place = &mut acc_tile[row * n + first + col];
                *place = place.add(sum);
            }
        }
    }
    for (a_row, acc_row) in
        tiles.remainder().chunks_exact(k).zip(acc_tiles.into_remainder().chunks_exact_mut(n))
    {
        for (place, vector) in acc_row[first..].iter_mut().zip(transposed.chunks_exact(k)) {
            let [sum] = dots::<R, 1>([a_row], vector);
            *place = place.add(sum);
        }
    }
}

/// The dot products of several rows with one vector, all of the same length.
#[inline(always)]
fn dots<R: Ring, const ROWS: usize>(rows: [&[R]; ROWS], vector: &[R]) -> [R; ROWS] {
    let rows = rows.map(|row| &row[..vector.len()]);
    let mut sums = [R::ZERO; ROWS];
    for (i, &y) in vector.iter().enumerate() {
        for row in 0..ROWS {
            sums[row] = sums[row].add(rows[row][i].mul(y));
        }
    }
    sums
}

/// The part of the product that `packed`, some rows of two vectors' width out of `b`, contributes: the
/// rows start at `depth`, the columns at `col`, and `width` columns count.
#[inline(always)]
fn panel_product<R: Ring, const L: usize, const ROWS: usize>(
    shape: Shape,
    a: &[R],
    depth: usize,
    packed: &[[[R; L]; 2]],
    col: usize,
    width: usize,
    acc: &mut [R],
) {
    let Shape { k, n, .. } = shape;
    let mut tiles = a.chunks_exact(ROWS * k);
    let mut acc_tiles = acc.chunks_exact_mut(ROWS * n);
    for (tile, acc_tile) in tiles.by_ref().zip(acc_tiles.by_ref()) {
        let rows = std::array::from_fn(|row| &tile[row * k + depth..][..packed.len()]);
        for (row, sums) in tile_product::<R, L, ROWS>(rows, packed).iter().enumerate() {
            add_to(&mut acc_tile[row * n + col..][..width], sums.as_flattened());
        }
    }
    for (a_row, acc_row) in
        tiles.remainder().chunks_exact(k).zip(acc_tiles.into_remainder().chunks_exact_mut(n))
    {
        let [sums] = tile_product::<R, L, 1>([&a_row[depth..][..packed.len()]], packed);
        add_to(&mut acc_row[col..][..width], sums.as_flattened());
    }
}

/// The inner loop: some rows against a panel, in registers.
#[inline(always)]
fn tile_product<R: Ring, const L: usize, const ROWS: usize>(
    rows: [&[R]; ROWS],
    packed: &[[[R; L]; 2]],
) -> [[[R; L]; 2]; ROWS] {
    let rows = rows.map(|row| &row[..packed.len()]);
    let mut sums = [[[R::ZERO; L]; 2]; ROWS];
    for (i, [left, right]) in packed.iter().enumerate() {
        for row in 0..ROWS {
            let x = rows[row][i];
            for lane in 0..L {
                sums[row][0][lane] = sums[row][0][lane].add(x.mul(left[lane]));
            }
            for lane in 0..L {
                sums[row][1][lane] = sums[row][1][lane].add(x.mul(right[lane]));
            }
        }
    }
    sums
}

#[inline(always)]
fn add_to<R: Ring>(acc: &mut [R], sums: &[R]) {
    for (place, &sum) in acc.iter_mut().zip(sums) {
        *place = place.add(sum);
    }
}
