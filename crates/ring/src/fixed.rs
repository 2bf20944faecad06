//! Fixed-point numbers in a ring.

use std::marker::PhantomData;

use symbolon_dialect::PublicTruncation;
use symbolon_mutants::Mutant;

use crate::{Matrix, Ring, RingError};

/// Bits that must remain above the `2 f` fraction bits of an untruncated product: its sign, the factor
/// two of the encoding range, and a small whole part.
const HEAD_ROOM: u32 = 4;

/// The encoding x ↦ trunc(x · 2^f) modulo 2^k.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedPoint<R> {
    fraction_bits: u32,
    ring: PhantomData<R>,
}

impl<R: Ring> FixedPoint<R> {
    /// The encoding with `fraction_bits` fraction bits.
    ///
    /// # Errors
    /// [`RingError::ConfigFractionBits`] when `2 * fraction_bits + 4` exceeds the width of the ring (so at
    /// most 14, 30 and 62 bits): not even 1 · 1 would then survive as an untruncated product.
    pub fn new(fraction_bits: u32) -> Result<Self, RingError> {
        let most = (R::BITS - HEAD_ROOM) / 2;
        if fraction_bits > most {
            let (field_bits, head_room) = (R::BITS, HEAD_ROOM);
            return Err(RingError::ConfigFractionBits { fraction_bits, field_bits, head_room, most });
        }
        Ok(Self { fraction_bits, ring: PhantomData })
    }

    /// The number of fraction bits f.
    pub fn fraction_bits(self) -> u32 {
        self.fraction_bits
    }

    /// trunc(value · 2^f) toward zero, exactly.
    ///
    /// # Errors
    /// [`RingError::OursNotFinite`] for NaN and infinities, [`RingError::OursOutOfRange`] when
    /// |value · 2^f| ≥ 2^(k-2).
    pub fn encode(self, value: f32) -> Result<R, RingError> {
        self.encode_at(value, None)
    }

    /// [`FixedPoint::encode`] for each of `rows * cols` values, row by row.
    ///
    /// # Errors
    /// Those of [`FixedPoint::encode`] with row and column (from 0) of the first bad value;
    /// [`RingError::OursElementCount`] when the number of values is not `rows * cols`.
    pub fn encode_matrix(self, rows: usize, cols: usize, values: &[f32]) -> Result<Matrix<R>, RingError> {
        if rows.checked_mul(cols) != Some(values.len()) {
            return Err(RingError::OursElementCount { rows, cols, elements: values.len() });
        }
        if self.all_fit(values) {
            let scale = power_of_two(self.fraction_bits);
            let encoded = values.iter().map(|&value| truncated(f64::from(value) * scale));
            return Matrix::from_vec(rows, cols, encoded.collect());
        }
        let encoded =
            values.iter().enumerate().map(|(i, &value)| self.encode_at(value, Some((i / cols, i % cols))));
        Matrix::from_vec(rows, cols, encoded.collect::<Result<_, _>>()?)
    }

    /// Whether every value is finite and |value · 2^f| < 2^(k-2): one pass without a branch for each.
    fn all_fit(self, values: &[f32]) -> bool {
        let limit = power_of_two(R::BITS - 2 - self.fraction_bits);
        // NaN and the infinities are not below.
        values.iter().fold(true, |fit, &value| fit & (f64::from(value).abs() < limit))
    }

    fn encode_at(self, value: f32, at: Option<(usize, usize)>) -> Result<R, RingError> {
        if !value.is_finite() {
            return Err(RingError::OursNotFinite { value, at });
        }
        // Exact: 24 significant bits, and an exponent far inside that of a double.
        let scaled = f64::from(value) * power_of_two(self.fraction_bits);
        if scaled.abs() >= power_of_two(R::BITS - 2) {
            let (fraction_bits, field_bits) = (self.fraction_bits, R::BITS);
            return Err(RingError::OursOutOfRange { value, at, fraction_bits, field_bits });
        }
        Ok(truncated(scaled))
    }

    /// The number that `element` encodes, as the nearest double.
    pub fn decode(self, element: R) -> f64 {
        let whole = element.to_i128();
        let rounded = i64::try_from(whole).map_or(whole as f64, |short| short as f64);
        rounded / power_of_two(self.fraction_bits)
    }

    /// [`FixedPoint::decode`] for each element.
    pub fn decode_slice(self, elements: &[R]) -> Vec<f64> {
        elements.iter().map(|&element| self.decode(element)).collect()
    }

    /// A public product of two encoded numbers, back to f fraction bits.
    ///
    /// With `>>` arithmetic: `v >> f` for [`PublicTruncation::Floor`], `(v >> f) + bit f-1 of v` for
    /// [`PublicTruncation::Round`] (nearest, ties upward). Erratum E08.
    pub fn truncate_public(self, product: R, rule: PublicTruncation) -> R {
        let bits = self.fraction_bits;
        let floor = product.ashr(bits);
        match rule {
            PublicTruncation::Floor => floor,
            PublicTruncation::Round if bits == 0 || Mutant::PublicTruncationFloors.is_on() => floor,
            PublicTruncation::Round => floor.add(product.shr(bits - 1).and(R::ONE)),
        }
    }
}

/// The integer part, |scaled| being below 2^(k-2).
fn truncated<R: Ring>(scaled: f64) -> R {
    let scaled = if Mutant::EncodingRounds.is_on() { scaled.round() } else { scaled };
    // Both conversions truncate toward zero. The short one is the fast one.
    let short = R::BITS <= 64 || scaled.abs() < power_of_two(63);
    R::from_i128(if short { i128::from(scaled as i64) } else { scaled as i128 })
}

/// 2^exponent, exactly, for the exponents used here (at most 126).
fn power_of_two(exponent: u32) -> f64 {
    f64::from_bits(u64::from(exponent + 1023) << 52)
}
