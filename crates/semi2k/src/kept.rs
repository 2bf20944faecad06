//! Products with a matrix that is opened once, under a mask of its own, however many products follow.
//!
//! With the mask A and E = X - A opened, a product with Y takes a triple (A, B, A·B) and the opening of F = Y - B alone:
//! XY = A·B + E·B + A·F + E·F. Xᵀ·Y is (YᵀX)ᵀ and takes (B, A, B·A) with B as mask of Yᵀ, so that A serves both.
//!
//! # Why nothing is learnt beyond single products
//! A is uniform, used to mask X and nothing else, and E = X - A is opened once; every B is drawn anew. So what is seen
//! opened, E and one F per product, is uniform and independent of X and of all Y. The corrections that the adjust rank
//! sees are A·B - C with a C that is drawn anew for each, hence uniform too. Had A masked two values X and X', their
//! difference would be open (that is erratum E28). So no function here takes a mask: [`Session::keep`] makes it, the
//! [`Kept`] owns it, and [`Session::append`] spends its rows in order, each once.

use std::{borrow::Cow, collections::VecDeque, fmt, ops::Range};

use symbolon_ring::{Matrix, Ring, RingError};
use symbolon_triples::{Draw, KeptMask};

use crate::{Semi2kError, Session, Share, session::Opening};

/// A shared matrix that is opened under a mask which further products use again: what is left of it at this party is
/// public, and its mask is replayed from the dealer stream.
///
/// Rows are appended ([`Session::append`]), each masked by the next row of the mask; any of them take part in products
/// ([`Session::matmul_kept`], [`Session::matmul_kept_transposed`]). Memory: 8 bytes (in Z_2^64) for each element of
/// the rows appended. There is no `Clone`, and no way to go back: a row of the mask serves one value.
pub struct Kept<R: Ring> {
    mask: KeptMask,
    /// Of the matrix; the mask's own columns are filled up to whole blocks.
    cols: usize,
    /// X - A of the rows that have arrived, with the mask's columns: what was appended together, and its first row.
    opened: Vec<(usize, Matrix<R>)>,
    /// Rows on their way.
    pending: VecDeque<(usize, Opening<R>)>,
    /// Rows appended.
    rows: usize,
}

impl<R: Ring> Kept<R> {
    /// Columns that a row of so many takes under its mask: whole blocks of 16 bytes.
    pub fn masked_cols(cols: usize) -> usize {
        cols.next_multiple_of((16 / R::BYTES).max(1))
    }

    /// Rows appended so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the matrix.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// What [`Session::matmul_kept`] of these rows with `n` columns draws.
    ///
    /// # Errors
    /// [`Semi2kError::Triples`] for rows that the mask does not have.
    pub fn product_draw(&self, rows: Range<usize>, n: usize) -> Result<Draw, Semi2kError> {
        Ok(self.mask.left::<R>(rows, n)?)
    }

    /// What [`Session::matmul_kept_transposed`] of these rows with `n` columns draws.
    ///
    /// # Errors
    /// As [`Kept::product_draw`].
    pub fn transposed_draw(&self, rows: Range<usize>, n: usize) -> Result<Draw, Semi2kError> {
        Ok(self.mask.right::<R>(n, rows)?)
    }

    fn check(&self, rows: &Range<usize>) -> Result<(), Semi2kError> {
        let appended = self.rows();
        if rows.start < rows.end && rows.end <= appended {
            return Ok(());
        }
        Err(Semi2kError::OursKeptRows { start: rows.start, end: rows.end, appended })
    }

    /// X - A of these rows, which are appended; waits for those that are on their way. Without a copy where exactly
    /// these were appended together.
    fn arrived(&mut self, rows: &Range<usize>) -> Result<Cow<'_, Matrix<R>>, Semi2kError> {
        while self.pending.front().is_some_and(|(first, _)| *first < rows.end)
            && let Some((first, opening)) = self.pending.pop_front()
        {
            self.opened.push((first, opening.wait()?));
        }
        let from = self.opened.partition_point(|(first, part)| first + part.rows() <= rows.start);
        let parts = self.opened.get(from..).unwrap_or_default();
        if let Some((first, part)) = parts.first()
            && (*first, part.rows()) == (rows.start, rows.len())
        {
            return Ok(Cow::Borrowed(part));
        }
        let mut joined = Vec::with_capacity(rows.len() * self.mask.cols());
        for (first, part) in parts.iter().take_while(|(first, _)| *first < rows.end) {
            let (start, end) = (rows.start.max(*first) - first, rows.end.min(first + part.rows()) - first);
            joined.extend_from_slice(part.row_range(start..end).as_slice());
        }
        Ok(Cow::Owned(Matrix::from_vec(rows.len(), self.mask.cols(), joined)?))
    }
}

impl<R: Ring> Session<R> {
    /// Sets a mask aside for a matrix of up to `rows`×`cols`, to be opened row by row. No message. Before anything is
    /// scheduled.
    ///
    /// # Errors
    /// [`Semi2kError::Triples`].
    pub fn keep(&mut self, rows: usize, cols: usize) -> Result<Kept<R>, Semi2kError> {
        let mask = self.triples.keep(rows, Kept::<R>::masked_cols(cols))?;
        Ok(Kept { mask, cols, opened: Vec::new(), pending: VecDeque::new(), rows: 0 })
    }

    /// Appends the rows of `x` to a kept matrix: sends the own part of X - A under the next rows of the mask, and does
    /// not wait for the others'. One opening.
    ///
    /// # Errors
    /// [`Semi2kError::Ring`] for other columns; [`Semi2kError::Triples`] when the mask has no such rows left;
    /// [`Semi2kError::Link`].
    pub fn append(&mut self, kept: &mut Kept<R>, x: &Share<R>) -> Result<(), Semi2kError> {
        let (rows, cols) = x.shape();
        if cols != kept.cols {
            let (left, right) = ((kept.rows(), kept.cols), (rows, cols));
            return Err(RingError::OursShape { operation: "append", left, right }.into());
        }
        let first = kept.rows();
        let mask = self.triples.kept_rows(&kept.mask, first..first.saturating_add(rows))?;
        let masked = mask.subtracted_from(&widen(x.as_matrix(), kept.mask.cols())?)?;
        // From here on these rows of the mask are spent, whatever becomes of the message.
        kept.rows += rows;
        kept.pending.push_back((first, self.open_start("a kept matrix's X - A", masked)?));
        Ok(())
    }

    /// X·y for rows X of a kept matrix, m×k times k×n; not truncated. Opens y - B, and nothing of X.
    ///
    /// # Errors
    /// [`Semi2kError::OursKeptRows`] for rows that were not appended, [`Semi2kError::Ring`] unless the shapes fit:
    /// nothing is drawn or sent then. Otherwise as [`Session::matmul`].
    pub fn matmul_kept(
        &mut self,
        kept: &mut Kept<R>,
        rows: Range<usize>,
        y: &Share<R>,
    ) -> Result<Share<R>, Semi2kError> {
        kept.check(&rows)?;
        let (k, n) = y.shape();
        if k != kept.cols {
            return Err(misfit((rows.len(), kept.cols), y));
        }
        let triple = self.triples.dot_kept(&kept.mask, rows.clone(), n)?;
        let (a, mut b, mut c) = (triple.a, triple.b.to_matrix()?, triple.c);
        let mut masked = y.as_matrix().vconcat(&Matrix::zeros(kept.mask.cols() - k, n))?;
        masked.sub_assign(&b)?;
        let f = self.open_start("a kept matrix's product, Y - B", masked)?;
        let e = kept.arrived(&rows)?;
        let f = f.wait()?;
        if self.rank() == 0 {
            b.add_assign(&f)?;
        }
        e.matmul_add(&b, &mut c)?;
        a.matmul_add(&f, &mut c)?;
        Ok(Share::from_matrix(c))
    }

    /// Xᵀ·y for rows X of a kept matrix, k×m times m×n; not truncated. Opens y - B, and nothing of X.
    ///
    /// # Errors
    /// As [`Session::matmul_kept`].
    pub fn matmul_kept_transposed(
        &mut self,
        kept: &mut Kept<R>,
        rows: Range<usize>,
        y: &Share<R>,
    ) -> Result<Share<R>, Semi2kError> {
        kept.check(&rows)?;
        let (m, n) = y.shape();
        if m != rows.len() {
            return Err(misfit((kept.cols, rows.len()), y));
        }
        // (YᵀX)ᵀ: the kept mask is the second factor.
        let triple = self.triples.dot_with_kept(n, &kept.mask, rows.clone())?;
        let (mut b, a, mut c) = (triple.a.to_matrix()?, triple.b, triple.c);
        let mut masked = y.as_matrix().transpose();
        masked.sub_assign(&b)?;
        let f = self.open_start("a kept matrix's transposed product, Y - B", masked)?;
        let e = kept.arrived(&rows)?;
        let f = f.wait()?;
        a.premultiplied_add(&f, &mut c)?;
        if self.rank() == 0 {
            b.add_assign(&f)?;
        }
        b.matmul_add(&e, &mut c)?;
        // The columns that filled the mask's rows up come last, and are shares of zero.
        Ok(Share::from_matrix(c.transpose().row_range(0..kept.cols)))
    }
}

/// The matrix with columns of zeros behind its own.
fn widen<R: Ring>(x: &Matrix<R>, cols: usize) -> Result<Matrix<R>, RingError> {
    if cols == x.cols() { Ok(x.clone()) } else { x.hconcat(&Matrix::zeros(x.rows(), cols - x.cols())) }
}

fn misfit<R: Ring>(left: (usize, usize), y: &Share<R>) -> Semi2kError {
    RingError::OursShape { operation: "product with a kept matrix", left, right: y.shape() }.into()
}

/// The shape only.
impl<R: Ring> fmt::Debug for Kept<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({}x{})", self.rows(), self.cols)
    }
}
