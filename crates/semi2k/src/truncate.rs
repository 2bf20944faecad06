//! Division of shares by a power of two.

use symbolon_ring::{Matrix, Ring, truncate_share};

use crate::{Semi2kError, Session, Share, Truncation};

impl<R: Ring> Session<R> {
    /// x / 2^`bits`, rounded as [`Truncation`] says. Local between two parties unless the session is precise;
    /// otherwise [`Session::truncation_op`] and one opening.
    ///
    /// # Errors
    /// [`Semi2kError::ConfigTruncation`] when `bits` is above k - 2; [`Semi2kError::PeerOpening`],
    /// [`Semi2kError::Triples`], [`Semi2kError::Link`].
    pub fn truncate(&mut self, x: Share<R>, bits: u32) -> Result<Share<R>, Semi2kError> {
        let most = R::BITS - 2;
        if bits > most {
            return Err(Semi2kError::ConfigTruncation { bits, field_bits: R::BITS, most });
        }
        if bits == 0 || x.is_empty() {
            return Ok(x);
        }
        match self.config.truncation {
            Truncation::Probabilistic(side) if self.world_size() == 2 => {
                let mut share = x.into_matrix();
                truncate_share(&mut share, bits, self.rank(), side);
                Ok(Share::from_matrix(share))
            }
            Truncation::Probabilistic(_) => self.truncate_with_pair(x.into_matrix(), bits),
            Truncation::Precise => self.truncate_precisely(x.into_matrix(), bits),
        }
    }

    /// With a pair (r, r >> b): x - r is opened, and x / 2^b is ((x - r) >> b) + (r >> b), both shifts arithmetic.
    ///
    /// As signed numbers (x - r) + r = x unless x - r leaves the signed range, which for a uniform r has a probability of
    /// about |x| / 2^k; the two floors sum to floor(x / 2^b) or one less. No offset for the sign is
    /// needed, because both shifts copy it.
    fn truncate_with_pair(&mut self, x: Matrix<R>, bits: u32) -> Result<Share<R>, Semi2kError> {
        let (rows, cols) = x.shape();
        let pair = self.triples.trunc(x.len(), bits)?;
        let mut masked = x;
        masked.sub_assign(&Matrix::from_vec(rows, cols, pair.r)?)?;
        let masked = self.open_start("a truncation's x - r", masked)?.wait()?;
        let mut out = Matrix::from_vec(rows, cols, pair.shifted)?;
        if self.rank() == 0 {
            for (out, masked) in out.as_mut_slice().iter_mut().zip(masked.as_slice()) {
                *out = out.add(masked.ashr(bits));
            }
        }
        Ok(Share::from_matrix(out))
    }

    /// With r, its part r' below the top bit shifted by b, and its top bit t: x' = x + 2^(k-2) lies in 0 .. 2^(k-1),
    /// so the top bit of c = x' + r, which is opened, tells with t whether x' + r' carried out of k - 1 bits:
    /// carry = t ⊕ top(c). Then x' / 2^b is ((c mod 2^(k-1)) >> b) - (r' >> b) + carry·2^(k-1-b), one more at
    /// most, and 2^(k-2-b) takes the offset back (Dalskov, Escudero, Keller, eprint 2020/338, section 5.1).
    fn truncate_precisely(&mut self, x: Matrix<R>, bits: u32) -> Result<Share<R>, Semi2kError> {
        let (rows, cols) = x.shape();
        let (k, first) = (R::BITS, self.rank() == 0);
        let triple = self.triples.trunc_pr(x.len(), bits)?;
        let offset = if first { R::ONE.shl(k - 2) } else { R::ZERO };
        let mut masked = x;
        for (x, r) in masked.as_mut_slice().iter_mut().zip(&triple.r) {
            *x = x.add(*r).add(offset);
        }
        let masked = self.open_start("a precise truncation's x + r", masked)?.wait()?;
        let mut out = Matrix::from_vec(rows, cols, triple.high)?;
        let places = out.as_mut_slice().iter_mut().zip(masked.as_slice()).zip(&triple.top);
        for ((out, c), &top) in places {
            // t ⊕ s for a public bit s: t where s = 0, 1 - t where s = 1; rank 0 holds the 1.
            let flipped = c.shr(k - 1) == R::ONE;
            let carry = match (flipped, first) {
                (false, _) => top,
                (true, true) => R::ONE.sub(top),
                (true, false) => top.neg(),
            };
            let mut y = carry.shl(k - 1 - bits).sub(*out);
            if first {
                y = y.add(c.shl(1).shr(bits + 1)).sub(R::ONE.shl(k - 2 - bits));
            }
            *out = y;
        }
        Ok(Share::from_matrix(out))
    }
}
