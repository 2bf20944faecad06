//! A party's share of a matrix.

use std::{fmt, ops::Range};

use symbolon_ring::{Matrix, Ring, RingError};

/// A party's additive share of a matrix: the shares of all parties sum to it in Z_2^k.
///
/// `Debug` prints the shape only.
#[derive(Clone, PartialEq, Eq)]
pub struct Share<R>(Matrix<R>);

impl<R: Ring> Share<R> {
    /// `matrix` as the own share. What it is a share of depends on what the others hold: nothing is sent.
    pub fn from_matrix(matrix: Matrix<R>) -> Self {
        Self(matrix)
    }

    /// The share that contributes nothing: what a party holds of another's input.
    ///
    /// # Panics
    /// As [`Matrix::zeros`].
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self(Matrix::zeros(rows, cols))
    }

    /// The share. Secret.
    pub fn as_matrix(&self) -> &Matrix<R> {
        &self.0
    }

    /// The share, for changing it in place. Secret.
    pub fn as_matrix_mut(&mut self) -> &mut Matrix<R> {
        &mut self.0
    }

    /// The share, without a copy. Secret.
    pub fn into_matrix(self) -> Matrix<R> {
        self.0
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        self.0.shape()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.0.rows()
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.0.cols()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no element at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A share of the transposed matrix.
    pub fn transpose(&self) -> Self {
        Self(self.0.transpose())
    }

    /// A share of some consecutive rows.
    ///
    /// # Panics
    /// As [`Matrix::row_range`].
    pub fn row_range(&self, range: Range<usize>) -> Self {
        Self(self.0.row_range(range))
    }

    /// A share of the matrix with the columns of `right` after its own.
    ///
    /// # Errors
    /// [`RingError::OursShape`] unless both have the same number of rows.
    pub fn hconcat(&self, right: &Self) -> Result<Self, RingError> {
        self.0.hconcat(&right.0).map(Self)
    }

    /// A share of the matrix with the rows of `below` after its own.
    ///
    /// # Errors
    /// [`RingError::OursShape`] unless both have the same number of columns.
    pub fn vconcat(&self, below: &Self) -> Result<Self, RingError> {
        self.0.vconcat(&below.0).map(Self)
    }
}

impl<R: Ring> fmt::Debug for Share<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({}x{})", self.0.rows(), self.0.cols())
    }
}
