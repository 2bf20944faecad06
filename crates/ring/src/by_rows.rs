//! Products with a left factor that is made a few rows at a time.

use rayon::prelude::*;

use crate::{Matrix, Ring, RingError, product_add};

/// Bytes of the left factor that are made at a time: they stay in the first-level cache.
const PIECE_BYTES: usize = 16 << 10;

/// From as many elements on, the rows are shared out to the threads of the current rayon pool.
const PARALLEL_FROM: usize = 1 << 18;

/// Pieces that one thread takes at least.
const PIECES_AT_LEAST: usize = 16;

/// acc += A · right modulo 2^k, for a left factor A that is never held: `make` overwrites its argument with rows of A
/// from the given one on. Of every 16 KiB of A, or of a row that is longer, each is made once, used while it is in the
/// first-level cache, and forgotten. The first row of a piece is a multiple of `multiple`.
///
/// That pays for few columns on the right, where a product takes less time than reading A from memory; with more, make A
/// and use [`Matrix::matmul_add`].
///
/// # Errors
/// [`RingError::OursShape`] unless acc has the rows of A and the columns of `right`, of whose columns A has as many as
/// `right` has rows; whatever `make` returns, with `acc` then in any state.
pub fn matmul_add_by_rows<R, E, F>(
    right: &Matrix<R>,
    acc: &mut Matrix<R>,
    multiple: usize,
    make: F,
) -> Result<(), E>
where
    R: Ring,
    E: From<RingError> + Send,
    F: Fn(usize, &mut [R]) -> Result<(), E> + Sync,
{
    let (k, n) = right.shape();
    if acc.cols() != n {
        return Err(RingError::OursShape {
            operation: "accumulating a product",
            left: right.shape(),
            right: acc.shape(),
        }
        .into());
    }
    if acc.is_empty() || k == 0 {
        return Ok(());
    }
    let rows = rows_at_a_time::<R>(k, multiple);
    let is_large = acc.rows().saturating_mul(k) >= PARALLEL_FROM && rayon::current_num_threads() > 1;
    let add = |piece: &mut Vec<R>, (index, acc): (usize, &mut [R])| {
        let count = acc.len() / n;
        piece.resize(count * k, R::ZERO);
        make(index * rows, piece)?;
        Ok(product_add([count, k, n], piece, right.as_slice(), acc)?)
    };
    let pieces = acc.as_mut_slice();
    if is_large {
        let pieces = pieces.par_chunks_mut(rows * n).enumerate().with_min_len(PIECES_AT_LEAST);
        pieces.try_for_each_init(Vec::new, add)
    } else {
        let mut piece = Vec::new();
        pieces.chunks_mut(rows * n).enumerate().try_for_each(|acc| add(&mut piece, acc))
    }
}

/// Rows of `cols` elements that make up a piece: a multiple of `multiple`, and at least that.
fn rows_at_a_time<R: Ring>(cols: usize, multiple: usize) -> usize {
    let fit = PIECE_BYTES / cols.saturating_mul(R::BYTES).max(1);
    fit.max(1).next_multiple_of(multiple.max(1))
}

impl<R: Ring> Matrix<R> {
    /// acc += (Σ parts) · right, where each part is the wire form of a matrix of acc's rows and right's rows as columns. The
    /// sum is not held.
    ///
    /// # Errors
    /// [`RingError::OursByteCount`] for a part of another length, [`RingError::OursShape`] unless acc has the columns of
    /// `right`; `acc` is then unchanged.
    pub fn matmul_add_wire_sum(
        parts: &[impl AsRef<[u8]> + Sync],
        right: &Self,
        acc: &mut Self,
    ) -> Result<(), RingError> {
        let (rows, cols) = (acc.rows(), right.rows());
        for part in parts {
            let bytes = part.as_ref().len();
            if rows.checked_mul(cols).and_then(|len| len.checked_mul(R::BYTES)) != Some(bytes) {
                return Err(RingError::OursByteCount { rows, cols, field_bits: R::BITS, bytes });
            }
        }
        let Some((first, rest)) = parts.split_first() else { return Ok(()) };
        matmul_add_by_rows(right, acc, 1, |row, out| {
            let start = row * cols * R::BYTES;
            let bytes = start..start + out.len() * R::BYTES;
            // The lengths were checked: every range is inside.
            bytemuck::cast_slice_mut(out).copy_from_slice(&first.as_ref()[bytes.clone()]);
            for part in rest {
                for (sum, bytes) in out.iter_mut().zip(part.as_ref()[bytes.clone()].chunks_exact(R::BYTES)) {
                    *sum = sum.add(bytemuck::pod_read_unaligned(bytes));
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data<R: Ring>(rows: usize, cols: usize, seed: i128) -> Matrix<R> {
        Matrix::from_fn(rows, cols, |row, col| {
            R::from_i128((seed + row as i128 * 7919 + col as i128) << 50 | 5)
        })
    }

    fn products_agree<R: Ring>(m: usize, k: usize, n: usize, parts: usize) {
        let parts: Vec<Matrix<R>> = (0..parts).map(|part| data(m, k, part as i128)).collect();
        let right = data(k, n, 11);
        let mut expected = data(m, n, 12);
        let mut got = expected.clone();
        for part in &parts {
            part.matmul_add(&right, &mut expected).unwrap();
        }
        Matrix::matmul_add_wire_sum(&parts, &right, &mut got).unwrap();
        assert!(got == expected, "{:?} {m}x{k} * {k}x{n}, {} parts", R::FIELD, parts.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn a_sum_that_is_not_held_gives_the_same_product(
            m in 0_usize..300, k in 0_usize..40, n in 0_usize..10, parts in 0_usize..4,
        ) {
            products_agree::<u32>(m, k, n, parts);
            products_agree::<u64>(m, k, n, parts);
            products_agree::<u128>(m, k, n, parts);
        }
    }

    #[test]
    fn sizes_that_go_to_several_threads_agree() {
        for (m, k, n) in [(4099, 101, 1), (101, 4099, 1), (4099, 101, 3), (2, 200_003, 1)] {
            products_agree::<u64>(m, k, n, 2);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (right, mut acc) = (data::<u64>(3, 1, 0), data::<u64>(2, 1, 0));
        let before = acc.clone();
        let part = |bytes| [vec![0_u8; 48], vec![0; bytes]];
        assert!(Matrix::matmul_add_wire_sum(&part(48), &right, &mut acc).is_ok());
        for bytes in [0, 47, 49, 96] {
            let error = Matrix::matmul_add_wire_sum(&part(bytes), &right, &mut acc).unwrap_err();
            assert!(matches!(error, RingError::OursByteCount { rows: 2, cols: 3, .. }), "{error}");
        }
        let wide = data::<u64>(3, 2, 0);
        assert!(Matrix::matmul_add_wire_sum(&part(48), &wide, &mut acc).is_err());
        assert_eq!(acc, before);
    }

    #[test]
    fn pieces_begin_at_multiples_and_failures_are_passed_on() {
        let (right, mut acc) = (data::<u64>(700, 1, 0), data::<u64>(50, 1, 0));
        let firsts = std::sync::Mutex::new(Vec::new());
        let make = |first: usize, _: &mut [u64]| {
            firsts.lock().unwrap().push(first);
            Ok::<_, RingError>(())
        };
        matmul_add_by_rows(&right, &mut acc, 4, make).unwrap();
        assert_eq!(firsts.into_inner().unwrap(), (0..50).step_by(4).collect::<Vec<_>>());
        let fails =
            |_: usize, _: &mut [u64]| Err(RingError::OursElementCount { rows: 1, cols: 2, elements: 3 });
        assert!(matmul_add_by_rows(&right, &mut acc, 1, fails).is_err());
    }
}
