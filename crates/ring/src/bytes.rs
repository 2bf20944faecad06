//! The wire form of matrices: elements row by row, each little-endian.

use bytes::Bytes;
use symbolon_mutants::Mutant;

use crate::{Matrix, Ring, RingError};

impl<R: Ring> Matrix<R> {
    /// The wire form, in place: `len() * R::BYTES` bytes.
    pub fn as_le_bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self.as_slice())
    }

    /// The wire form, writable in place (a random stream fills a mask with this).
    pub fn as_mut_le_bytes(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(self.as_mut_slice())
    }

    /// A copy of the wire form.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        self.as_le_bytes().to_vec()
    }

    /// The wire form as a `Vec`. A copy: Rust's allocator ties a block to the alignment it was asked for.
    /// [`Matrix::into_bytes`] does without.
    pub fn into_le_bytes(self) -> Vec<u8> {
        self.to_le_bytes()
    }

    /// The wire form as a message payload, without a copy.
    pub fn into_bytes(self) -> Bytes {
        if Mutant::ElementsBigEndian.is_on() {
            let mut bytes = self.to_le_bytes();
            bytes.chunks_exact_mut(R::BYTES).for_each(<[u8]>::reverse);
            return bytes.into();
        }
        Bytes::from_owner(self)
    }

    /// The matrix with that wire form.
    ///
    /// # Errors
    /// [`RingError::OursByteCount`] unless `bytes` has exactly `rows * cols * R::BYTES` bytes. Nothing is
    /// allocated before that is known.
    pub fn from_le_bytes(rows: usize, cols: usize, bytes: &[u8]) -> Result<Self, RingError> {
        let mut matrix = match rows.checked_mul(cols).and_then(|len| len.checked_mul(R::BYTES)) {
            Some(expected) if expected == bytes.len() => Self::zeros(rows, cols),
            _ => {
                let field_bits = R::BITS;
                return Err(RingError::OursByteCount { rows, cols, field_bits, bytes: bytes.len() });
            }
        };
        matrix.as_mut_le_bytes().copy_from_slice(bytes);
        Ok(matrix)
    }

    /// Adds the matrix with that wire form, without building it. `bytes` need not be aligned.
    ///
    /// # Errors
    /// [`RingError::OursByteCount`] unless `bytes` has exactly `len() * R::BYTES` bytes.
    pub fn add_assign_le_bytes(&mut self, bytes: &[u8]) -> Result<(), RingError> {
        if bytes.len() != self.len() * R::BYTES {
            let ((rows, cols), field_bits) = (self.shape(), R::BITS);
            return Err(RingError::OursByteCount { rows, cols, field_bits, bytes: bytes.len() });
        }
        for (element, chunk) in self.as_mut_slice().iter_mut().zip(bytes.chunks_exact(R::BYTES)) {
            *element = element.add(bytemuck::pod_read_unaligned(chunk));
        }
        Ok(())
    }
}

impl<R: Ring> AsRef<[u8]> for Matrix<R> {
    fn as_ref(&self) -> &[u8] {
        self.as_le_bytes()
    }
}
