//! Row-major matrices over a ring.

use std::{fmt, ops::Range};

use crate::{Ring, RingError, product};

/// A matrix over `R`, row-major, owned.
///
/// Shapes with 0 rows or columns are allowed. `Debug` prints the shape only: the elements are often shares.
#[derive(Clone, PartialEq, Eq)]
pub struct Matrix<R> {
    rows: usize,
    cols: usize,
    data: Vec<R>,
}

impl<R> fmt::Debug for Matrix<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matrix<{}>({}x{})", std::any::type_name::<R>(), self.rows, self.cols)
    }
}

impl<R: Ring> Matrix<R> {
    /// The zero matrix.
    ///
    /// # Panics
    /// Like `Vec`, when `rows * cols` elements exceed the address space; check sizes that a peer
    /// announced before allocating for them.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self::filled(rows, cols, R::ZERO)
    }

    /// A matrix with `value` everywhere.
    ///
    /// # Panics
    /// As [`Matrix::zeros`].
    pub fn filled(rows: usize, cols: usize, value: R) -> Self {
        // saturating: an overflow becomes an allocation that `Vec` refuses
        Self { rows, cols, data: vec![value; rows.saturating_mul(cols)] }
    }

    /// The matrix whose rows, one after another, are `data`.
    ///
    /// # Errors
    /// [`RingError::OursElementCount`] unless `data` has exactly `rows * cols` elements.
    pub fn from_vec(rows: usize, cols: usize, data: Vec<R>) -> Result<Self, RingError> {
        if rows.checked_mul(cols) == Some(data.len()) {
            Ok(Self { rows, cols, data })
        } else {
            Err(RingError::OursElementCount { rows, cols, elements: data.len() })
        }
    }

    /// The matrix with `f(row, column)` at each place, called in row-major order.
    ///
    /// # Panics
    /// As [`Matrix::zeros`].
    pub fn from_fn(rows: usize, cols: usize, mut f: impl FnMut(usize, usize) -> R) -> Self {
        let mut data = Vec::with_capacity(rows.saturating_mul(cols));
        for row in 0..rows {
            data.extend((0..cols).map(|col| f(row, col)));
        }
        Self { rows, cols, data }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there is no element at all.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements, row by row.
    pub fn as_slice(&self) -> &[R] {
        &self.data
    }

    /// The elements, row by row.
    pub fn as_mut_slice(&mut self) -> &mut [R] {
        &mut self.data
    }

    /// The elements, row by row, without a copy.
    pub fn into_vec(self) -> Vec<R> {
        self.data
    }

    /// One row.
    ///
    /// # Panics
    /// Like indexing, when `row` is not below [`Matrix::rows`].
    pub fn row(&self, row: usize) -> &[R] {
        assert!(row < self.rows, "row {row} of a matrix with {} rows", self.rows);
        &self.data[row * self.cols..][..self.cols]
    }

    /// One element.
    ///
    /// # Panics
    /// Like indexing, when the place is outside the matrix.
    pub fn get(&self, row: usize, col: usize) -> R {
        self.row(row)[col]
    }

    /// Rows and columns exchanged.
    pub fn transpose(&self) -> Self {
        if self.rows <= 1 || self.cols <= 1 {
            return Self { rows: self.cols, cols: self.rows, data: self.data.clone() };
        }
        // tiles, so that both sides stay within a few cache lines
        const TILE: usize = 16;
        let mut out = Self::zeros(self.cols, self.rows);
        for row0 in (0..self.rows).step_by(TILE) {
            for col0 in (0..self.cols).step_by(TILE) {
                for col in col0..(col0 + TILE).min(self.cols) {
                    for row in row0..(row0 + TILE).min(self.rows) {
                        out.data[col * self.rows + row] = self.data[row * self.cols + col];
                    }
                }
            }
        }
        out
    }

    /// `out = selfᵀ - out`, where `out` holds rows of the transposed matrix from row `first` on. (The other way to have
    /// xᵀ - mask takes a transposed copy of x.)
    ///
    /// # Panics
    /// Like indexing, when `self` has no such columns.
    pub fn transposed_minus(&self, first: usize, out: &mut [R]) {
        // A cache line of `self` is read once for all rows of `out` that it has elements of, and turned in a tile of the
        // first-level cache.
        const LINE: usize = 8;
        const TILE: usize = 64;
        if self.rows == 0 {
            return;
        }
        let mut tile = [[R::ZERO; TILE]; LINE];
        for (out, col) in out.chunks_mut(LINE * self.rows).zip((first..).step_by(LINE)) {
            let width = out.len() / self.rows;
            for start in (0..self.rows).step_by(TILE) {
                let end = (start + TILE).min(self.rows);
                let rows = self.data[start * self.cols..end * self.cols].chunks_exact(self.cols);
                for (place, row) in rows.enumerate() {
                    for (turned, &x) in tile.iter_mut().zip(&row[col..col + width]) {
                        turned[place] = x;
                    }
                }
                for (out, turned) in out.chunks_exact_mut(self.rows).zip(&tile) {
                    for (place, &x) in out[start..end].iter_mut().zip(turned) {
                        *place = x.sub(*place);
                    }
                }
            }
        }
    }

    /// A copy of some consecutive columns.
    ///
    /// # Panics
    /// Like indexing, when they are not all there.
    pub fn column_range(&self, range: Range<usize>) -> Self {
        let cols = range.len();
        let mut data = Vec::with_capacity(self.rows * cols);
        for row in 0..self.rows {
            data.extend_from_slice(&self.row(row)[range.clone()]);
        }
        Self { rows: self.rows, cols, data }
    }

    /// A copy of some consecutive rows.
    ///
    /// # Panics
    /// Like indexing, when they are not all there.
    pub fn row_range(&self, range: Range<usize>) -> Self {
        let (start, end) = (range.start, range.end);
        assert!(start <= end && end <= self.rows, "rows {start}..{end} of a matrix with {} rows", self.rows);
        let data = self.data[start * self.cols..end * self.cols].to_vec();
        Self { rows: end - start, cols: self.cols, data }
    }

    /// `self` with the columns of `right` after its own.
    ///
    /// # Errors
    /// [`RingError::OursShape`] unless both have the same number of rows.
    pub fn hconcat(&self, right: &Self) -> Result<Self, RingError> {
        if self.rows != right.rows {
            return Err(self.misfit("joining columns", right));
        }
        let mut data = Vec::with_capacity(self.data.len() + right.data.len());
        for row in 0..self.rows {
            data.extend_from_slice(self.row(row));
            data.extend_from_slice(right.row(row));
        }
        Ok(Self { rows: self.rows, cols: self.cols + right.cols, data })
    }

    /// `self` with the rows of `below` after its own.
    ///
    /// # Errors
    /// [`RingError::OursShape`] unless both have the same number of columns.
    pub fn vconcat(&self, below: &Self) -> Result<Self, RingError> {
        if self.cols != below.cols {
            return Err(self.misfit("joining rows", below));
        }
        let mut data = Vec::with_capacity(self.data.len() + below.data.len());
        data.extend_from_slice(&self.data);
        data.extend_from_slice(&below.data);
        Ok(Self { rows: self.rows + below.rows, cols: self.cols, data })
    }

    /// `f` applied to every element, into a new matrix.
    pub fn map(&self, f: impl FnMut(R) -> R) -> Self {
        Self { rows: self.rows, cols: self.cols, data: self.data.iter().copied().map(f).collect() }
    }

    /// `f` applied to every element, in place.
    pub fn map_assign(&mut self, mut f: impl FnMut(R) -> R) {
        for element in &mut self.data {
            *element = f(*element);
        }
    }

    /// `self + other`.
    ///
    /// # Errors
    /// [`RingError::OursShape`] unless the shapes are equal.
    pub fn add(&self, other: &Self) -> Result<Self, RingError> {
        self.zip("addition", other, R::add)
    }

    /// `self - other`.
    ///
    /// # Errors
    /// [`RingError::OursShape`] unless the shapes are equal.
    pub fn sub(&self, other: &Self) -> Result<Self, RingError> {
        self.zip("subtraction", other, R::sub)
    }

    /// The product place by place (not the matrix product).
    ///
    /// # Errors
    /// [`RingError::OursShape`] unless the shapes are equal.
    pub fn mul_elementwise(&self, other: &Self) -> Result<Self, RingError> {
        self.zip("element-wise product", other, R::mul)
    }

    /// `self += other`.
    ///
    /// # Errors
    /// [`RingError::OursShape`] unless the shapes are equal.
    pub fn add_assign(&mut self, other: &Self) -> Result<(), RingError> {
        self.zip_assign("addition", other, R::add)
    }

    /// `self -= other`.
    ///
    /// # Errors
    /// [`RingError::OursShape`] unless the shapes are equal.
    pub fn sub_assign(&mut self, other: &Self) -> Result<(), RingError> {
        self.zip_assign("subtraction", other, R::sub)
    }

    /// `-self`.
    pub fn neg(&self) -> Self {
        self.map(R::neg)
    }

    /// Every element times `factor`.
    pub fn scale(&self, factor: R) -> Self {
        self.map(|element| element.mul(factor))
    }

    /// The matrix product `self * right`, modulo 2^k.
    ///
    /// # Errors
    /// [`RingError::OursShape`] unless `self.cols() == right.rows()`.
    pub fn matmul(&self, right: &Self) -> Result<Self, RingError> {
        if self.cols != right.rows {
            return Err(self.misfit("matrix product", right));
        }
        let mut acc = Self::zeros(self.rows, right.cols);
        self.matmul_add(right, &mut acc)?;
        Ok(acc)
    }

    /// `acc += self * right`, modulo 2^k: the kernel of this crate, see [`crate`] on its threads and backends.
    ///
    /// # Errors
    /// [`RingError::OursShape`] unless the three shapes are m×k, k×n and m×n; `acc` is then unchanged.
    pub fn matmul_add(&self, right: &Self, acc: &mut Self) -> Result<(), RingError> {
        if self.cols != right.rows {
            return Err(self.misfit("matrix product", right));
        }
        if acc.shape() != (self.rows, right.cols) {
            let left = (self.rows, right.cols);
            return Err(RingError::OursShape {
                operation: "accumulating a product",
                left,
                right: acc.shape(),
            });
        }
        let shape = product::Shape { m: self.rows, k: self.cols, n: right.cols };
        product::accumulate(shape, &self.data, &right.data, &mut acc.data);
        Ok(())
    }

    fn zip(&self, operation: &'static str, other: &Self, f: impl Fn(R, R) -> R) -> Result<Self, RingError> {
        if self.shape() != other.shape() {
            return Err(self.misfit(operation, other));
        }
        let data = self.data.iter().zip(&other.data).map(|(&a, &b)| f(a, b)).collect();
        Ok(Self { rows: self.rows, cols: self.cols, data })
    }

    fn zip_assign(
        &mut self,
        operation: &'static str,
        other: &Self,
        f: impl Fn(R, R) -> R,
    ) -> Result<(), RingError> {
        if self.shape() != other.shape() {
            return Err(self.misfit(operation, other));
        }
        for (a, &b) in self.data.iter_mut().zip(&other.data) {
            *a = f(*a, b);
        }
        Ok(())
    }

    fn misfit(&self, operation: &'static str, other: &Self) -> RingError {
        RingError::OursShape { operation, left: self.shape(), right: other.shape() }
    }
}
