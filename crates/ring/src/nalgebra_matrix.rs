//! Conversions to and from `nalgebra::DMatrix` (feature `nalgebra`). That type is column-major, so both
//! directions copy.

use nalgebra::DMatrix;

use crate::{Matrix, Ring};

impl<R: Ring> From<&Matrix<R>> for DMatrix<R> {
    fn from(matrix: &Matrix<R>) -> Self {
        Self::from_row_slice(matrix.rows(), matrix.cols(), matrix.as_slice())
    }
}

impl<R: Ring> From<Matrix<R>> for DMatrix<R> {
    fn from(matrix: Matrix<R>) -> Self {
        Self::from(&matrix)
    }
}

impl<R: Ring> From<&DMatrix<R>> for Matrix<R> {
    fn from(matrix: &DMatrix<R>) -> Self {
        Self::from_fn(matrix.nrows(), matrix.ncols(), |row, col| matrix[(row, col)])
    }
}

impl<R: Ring> From<DMatrix<R>> for Matrix<R> {
    fn from(matrix: DMatrix<R>) -> Self {
        Self::from(&matrix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_rows() {
        let ours = Matrix::<u64>::from_vec(2, 3, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let theirs = DMatrix::from(&ours);
        assert_eq!(theirs.shape(), (2, 3));
        assert_eq!(theirs.as_slice(), [1, 4, 2, 5, 3, 6], "column-major");
        assert_eq!(theirs[(1, 0)], ours.get(1, 0));
        assert_eq!(Matrix::from(theirs), ours);
    }

    #[test]
    fn empty_shapes_stay() {
        for shape in [(0, 0), (0, 3), (3, 0)] {
            let theirs = DMatrix::from(Matrix::<u128>::zeros(shape.0, shape.1));
            assert_eq!(theirs.shape(), shape);
            assert_eq!(Matrix::from(theirs).shape(), shape);
        }
    }
}
