//! Products of two shares.

use symbolon_mutants::Mutant;
use symbolon_ring::{Matrix, Ring, RingError};
use symbolon_triples::{DotTriple, Mask, TriplesError};

use crate::{Semi2kError, Session, Share};

impl<R: Ring> Session<R> {
    /// The matrix product x·y, m×k times k×n; not truncated. One [`Op::Dot`](symbolon_triples::Op::Dot), and two
    /// openings that travel together.
    ///
    /// With the triple (A, B, C) and D = x - A, E = y - B opened, the share of the product is
    /// C + D·B + A·E, plus D·E at rank 0, which takes it as C + D·(B + E) + A·E.
    ///
    /// # Errors
    /// [`Semi2kError::Ring`] unless the shapes fit; nothing is drawn or sent then. [`Semi2kError::PeerOpening`],
    /// [`Semi2kError::Triples`], [`Semi2kError::Link`].
    pub fn matmul(&mut self, x: &Share<R>, y: &Share<R>) -> Result<Share<R>, Semi2kError> {
        if x.cols() != y.rows() {
            return Err(misfit("matrix product", x, y));
        }
        self.multiply(x.shape(), |mask| mask.subtracted_from(x.as_matrix()), y)
    }

    /// The matrix product xᵀ·y, of x with m×k and y with m×n; not truncated. To the peers it is [`Session::matmul`] of
    /// the transposed matrix, which is not made.
    ///
    /// # Errors
    /// As [`Session::matmul`].
    pub fn matmul_transposed(&mut self, x: &Share<R>, y: &Share<R>) -> Result<Share<R>, Semi2kError> {
        if x.rows() != y.rows() {
            return Err(misfit("product of a transposed matrix", x, y));
        }
        let shape = (x.cols(), x.rows());
        self.multiply(shape, |mask| mask.subtracted_from_transposed(x.as_matrix()), y)
    }

    /// The product of a left factor of that shape, which `masked` subtracts a mask from, and y.
    fn multiply(
        &mut self,
        (m, k): (usize, usize),
        masked: impl FnOnce(&Mask<R>) -> Result<Matrix<R>, TriplesError>,
        y: &Share<R>,
    ) -> Result<Share<R>, Semi2kError> {
        let DotTriple { a, b, mut c } = self.triples.dot(m, k, y.cols())?;
        let mut b = b.to_matrix()?;
        let open_e = |session: &mut Self| -> Result<_, Semi2kError> {
            session.open_start("the matrix product's Y - B", y.as_matrix().sub(&b)?)
        };
        let early = if Mutant::OpeningsSwapped.is_on() { Some(open_e(self)?) } else { None };
        let d = self.open_start("the matrix product's X - A", masked(&a)?)?;
        let e = early.map_or_else(|| open_e(self), Ok)?;
        let (d, e) = (d.parts()?, e.wait()?);
        let adds = if Mutant::ProductAtWrongRank.is_on() { 1 } else { 0 };
        if self.rank() == adds {
            b.add_assign(&e)?;
        }
        d.matmul_add(&b, &mut c)?;
        a.matmul_add(&e, &mut c)?;
        Ok(Share::from_matrix(c))
    }

    /// The product x∘y element by element; not truncated. One [`Op::Mul`](symbolon_triples::Op::Mul), and two openings
    /// that travel together. The equations are those of [`Session::matmul`].
    ///
    /// # Errors
    /// As [`Session::matmul`].
    pub fn mul(&mut self, x: &Share<R>, y: &Share<R>) -> Result<Share<R>, Semi2kError> {
        let (rows, cols) = x.shape();
        if x.shape() != y.shape() {
            return Err(misfit("element-wise product", x, y));
        }
        let triple = self.triples.mul(x.len())?;
        let a = Matrix::from_vec(rows, cols, triple.a)?;
        let mut b = Matrix::from_vec(rows, cols, triple.b)?;
        let mut c = Matrix::from_vec(rows, cols, triple.c)?;
        let d = self.open_start("the product's X - A", x.as_matrix().sub(&a)?)?;
        let e = self.open_start("the product's Y - B", y.as_matrix().sub(&b)?)?;
        let (d, e) = (d.wait()?, e.wait()?);
        if self.rank() == 0 {
            b.add_assign(&e)?;
        }
        let factors = (d.as_slice().iter().zip(b.as_slice())).zip(a.as_slice().iter().zip(e.as_slice()));
        for (c, ((d, b), (a, e))) in c.as_mut_slice().iter_mut().zip(factors) {
            *c = c.add(d.mul(*b)).add(a.mul(*e));
        }
        Ok(Share::from_matrix(c))
    }
}

fn misfit<R: Ring>(operation: &'static str, x: &Share<R>, y: &Share<R>) -> Semi2kError {
    RingError::OursShape { operation, left: x.shape(), right: y.shape() }.into()
}
