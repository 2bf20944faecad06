//! The second ciphertext: what travels of a point masked twice (errata E11 and E21).

use std::ops::Range;

use serde::{Deserialize, Serialize};
use symbolon_curve::{PointFormat, Suite};
use symbolon_dialect::SecondCiphertext;
use symbolon_link::Rank;
use symbolon_mutants::Mutant;

use crate::{PsiError, PsiParams};

/// Length of the compatibility form.
pub(crate) const TWELVE: usize = 12;

/// The form of a second ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondForm {
    /// The whole encoded point.
    Whole,
    /// So many low bits of x, in whole bytes.
    LowBits(u32),
    /// The last 12 bytes of the encoded point.
    LastTwelveBytes,
}

impl SecondForm {
    /// The form that this party sends.
    pub(crate) fn sent(params: &PsiParams) -> Self {
        match (params.second_ciphertext, params.truncate_bits) {
            (SecondCiphertext::LastTwelveBytes, _) => Self::LastTwelveBytes,
            (SecondCiphertext::Negotiated, Some(bits)) => Self::LowBits(bits),
            (SecondCiphertext::Negotiated, None) => Self::Whole,
        }
    }

    /// The form of received ciphertexts of `length` bytes each, if any is acceptable.
    pub(crate) fn received(params: &PsiParams, length: usize) -> Option<Self> {
        let agreed =
            params.truncate_bits.map(Self::LowBits).filter(|form| form.bytes(params.suite) == length);
        let forced_twelve = params.second_ciphertext == SecondCiphertext::LastTwelveBytes;
        // Where a point ends with the low bits of x, the agreed ones of the last 12 bytes are what both forms have.
        if forced_twelve && length == TWELVE && (agreed.is_none() || !ends_with_low_bits_of_x(params.suite)) {
            return Some(Self::LastTwelveBytes);
        }
        if agreed.is_some() {
            return agreed;
        }
        if length == params.suite.point_bytes() {
            return Some(Self::Whole);
        }
        let accepted = params.accept_last_twelve_bytes && !Mutant::TwelveBytesRefused.is_on();
        (length == TWELVE && accepted).then_some(Self::LastTwelveBytes)
    }

    /// The other form that has this length, where 12 bytes are agreed: the low bits of x by the document, the
    /// last 12 bytes by psi (E11). None for compressed points, whose last 12 bytes are the low bits of x.
    pub(crate) fn other_reading(self, params: &PsiParams) -> Option<Self> {
        let agreed = params.truncate_bits.map(Self::LowBits);
        match self {
            Self::LowBits(_) if ends_with_low_bits_of_x(params.suite) => None,
            Self::LowBits(_) if self.bytes(params.suite) == TWELVE && params.accept_last_twelve_bytes => {
                Some(Self::LastTwelveBytes)
            }
            Self::LastTwelveBytes => agreed.filter(|form| form.bytes(params.suite) == TWELVE),
            _ => None,
        }
    }

    /// Bytes per ciphertext.
    pub fn bytes(self, suite: Suite) -> usize {
        match self {
            Self::Whole => suite.point_bytes(),
            Self::LowBits(bits) => usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX),
            Self::LastTwelveBytes => TWELVE,
        }
    }

    /// Bits that are compared.
    pub fn bits(self, suite: Suite) -> u32 {
        match self {
            Self::Whole => u32::try_from(8 * suite.point_bytes()).unwrap_or(u32::MAX),
            Self::LowBits(bits) => bits,
            Self::LastTwelveBytes => 96,
        }
    }

    /// Cuts every point of `points` (whole points, concatenated) to this form.
    pub(crate) fn cut(self, suite: Suite, points: Vec<u8>) -> Vec<u8> {
        if self == Self::Whole {
            return points;
        }
        let point_bytes = suite.point_bytes();
        let mut cut = Vec::with_capacity(points.len() / point_bytes * self.bytes(suite));
        points.chunks_exact(point_bytes).for_each(|point| self.cut_onto(suite, point, &mut cut));
        cut
    }

    /// Appends one whole point in this form.
    pub(crate) fn cut_onto(self, suite: Suite, point: &[u8], cut: &mut Vec<u8>) {
        let start = cut.len();
        cut.extend_from_slice(point.get(self.kept(suite)).unwrap_or_default());
        self.clear(suite, cut.get_mut(start..).unwrap_or_default());
    }

    /// Clears what is not compared of an item in this form.
    pub(crate) fn clear(self, suite: Suite, item: &mut [u8]) {
        if let Self::LowBits(bits) = self {
            suite.clear_unused_bits(item, bits);
        }
    }

    /// The bytes of a whole point that this form has.
    fn kept(self, suite: Suite) -> Range<usize> {
        let (point_bytes, bytes) = (suite.point_bytes(), self.bytes(suite));
        match (self, suite.format) {
            (Self::Whole, _) => 0..point_bytes,
            (Self::LowBits(_), PointFormat::Uncompressed) if Mutant::HighBitsKept.is_on() => 32 - bytes..32,
            (Self::LastTwelveBytes, _) if Mutant::FirstTwelveBytes.is_on() => 0..TWELVE,
            (Self::LowBits(_), PointFormat::Uncompressed) => 0..bytes,
            // One format byte, then x with its low bits at the end.
            (Self::LowBits(_), _) => 33usize.saturating_sub(bytes)..33,
            (Self::LastTwelveBytes, _) => point_bytes.saturating_sub(TWELVE)..point_bytes,
        }
    }

    /// Whether items in this form sort as the whole points do.
    pub(crate) fn sorts_as_whole(self, suite: Suite) -> bool {
        match self {
            Self::Whole => true,
            Self::LowBits(bits) => bits % 8 == 0 && self.kept(suite).start == 0,
            Self::LastTwelveBytes => false,
        }
    }
}

fn ends_with_low_bits_of_x(suite: Suite) -> bool {
    suite.format == PointFormat::X962Compressed
}

/// The least number of bits of a second ciphertext that is safe for sets of these sizes:
/// ⌈log2 a⌉ + ⌈log2 b⌉ + `statistical_bits` (PPCA 9-2023, with 30). The probability that any two different ids of the
/// two sets agree in what is compared is then at most 2^-`statistical_bits`.
pub fn safe_bits(items_a: u64, items_b: u64, statistical_bits: u32) -> u32 {
    (ceil_log2(items_a) + ceil_log2(items_b)).saturating_add(statistical_bits)
}

/// Refuses a received form that is too short for the sets.
pub(crate) fn check_received_form(
    params: &PsiParams,
    peer: Rank,
    form: SecondForm,
    own_items: u64,
    peer_items: u64,
) -> Result<(), PsiError> {
    let needed = safe_bits(own_items, peer_items, params.statistical_bits);
    let bits = form.bits(params.suite);
    if bits < needed {
        return Err(PsiError::PeerUnsafeLength { peer, bits, needed });
    }
    Ok(())
}

/// Refuses to send a form that is too short for the sets.
pub(crate) fn check_own_form(params: &PsiParams, own_items: u64, peer_items: u64) -> Result<(), PsiError> {
    let needed = safe_bits(own_items, peer_items, params.statistical_bits);
    let bits = SecondForm::sent(params).bits(params.suite);
    if bits < needed {
        return Err(PsiError::ConfigUnsafeTruncation { bits, needed });
    }
    Ok(())
}

fn ceil_log2(n: u64) -> u32 {
    match n {
        0 | 1 => 0,
        _ => u64::BITS - (n - 1).leading_zeros(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use symbolon_dialect::Dialect;

    #[test]
    fn twelve_bytes_are_safe_for_every_size_accepted_by_default() {
        let largest = u64::from(u32::MAX);
        let bits = SecondForm::LastTwelveBytes.bits(Suite::CURVE25519_SHA256_DIRECT);
        assert!(safe_bits(largest, largest, *PsiParams::STATISTICAL_BITS.start()) <= bits);
    }

    #[test]
    fn whole_points_are_safe_at_every_level() {
        let largest = u64::from(u32::MAX);
        for &suite in Suite::IMPLEMENTED {
            let bits = SecondForm::Whole.bits(suite);
            assert!(safe_bits(largest, largest, *PsiParams::STATISTICAL_BITS.end()) <= bits, "{suite}");
        }
    }

    proptest! {
        /// By the definition: the number of pairs times the probability of one pair, 2^-bits.
        #[test]
        fn safe_bits_bound_the_probability_of_any_false_match(
            a in 1..=u64::from(u32::MAX), b in 1..=u64::from(u32::MAX), level in PsiParams::STATISTICAL_BITS,
        ) {
            let spare = safe_bits(a, b, level) - level;
            let pairs = u128::from(a) * u128::from(b);
            prop_assert!(pairs <= 1 << spare);
            // No more than the rounding of two logarithms is given away.
            prop_assert!(pairs * 4 > 1 << spare);
        }
    }

    #[test]
    fn logarithms_round_up() {
        for (n, log) in
            [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (4096, 12), (4097, 13), (u64::MAX, 64)]
        {
            assert_eq!(ceil_log2(n), log, "{n}");
        }
        assert_eq!(safe_bits(1000, 1_000_000, 30), 10 + 20 + 30);
        assert_eq!(safe_bits(1000, 1_000_000, 40), 10 + 20 + 40);
    }

    #[test]
    fn forms_are_told_by_their_length() {
        let suite = Suite::CURVE25519_SHA256_DIRECT;
        let mut params = PsiParams::new(suite, &Dialect::symbolon());
        assert_eq!(SecondForm::received(&params, 32), Some(SecondForm::Whole));
        assert_eq!(SecondForm::received(&params, 12), Some(SecondForm::LastTwelveBytes));
        assert_eq!(SecondForm::received(&params, 13), None);
        params.accept_last_twelve_bytes = false;
        assert_eq!(SecondForm::received(&params, 12), None);
        params.truncate_bits = Some(90);
        assert_eq!(SecondForm::received(&params, 12), Some(SecondForm::LowBits(90)));
        params.second_ciphertext = SecondCiphertext::LastTwelveBytes;
        assert_eq!(SecondForm::received(&params, 12), Some(SecondForm::LastTwelveBytes));
        assert_eq!(SecondForm::received(&params, 0), None);
    }

    #[test]
    fn twelve_bytes_have_two_readings_only_where_twelve_are_agreed() {
        let suite = Suite::CURVE25519_SHA256_DIRECT;
        let mut params = PsiParams::new(suite, &Dialect::symbolon());
        assert_eq!(SecondForm::LastTwelveBytes.other_reading(&params), None);
        params.truncate_bits = Some(96);
        assert_eq!(SecondForm::LastTwelveBytes.other_reading(&params), Some(SecondForm::LowBits(96)));
        assert_eq!(SecondForm::LowBits(96).other_reading(&params), Some(SecondForm::LastTwelveBytes));
        params.accept_last_twelve_bytes = false;
        assert_eq!(SecondForm::LowBits(96).other_reading(&params), None);
        assert_eq!(SecondForm::LowBits(88).other_reading(&params), None);
        assert_eq!(SecondForm::Whole.other_reading(&params), None);
    }

    #[test]
    fn the_last_bytes_of_compressed_points_are_the_low_bits() {
        let mut params = PsiParams::new(Suite::SM2_SM3_INCREMENT, &Dialect::symbolon());
        params.truncate_bits = Some(90);
        for second_ciphertext in [SecondCiphertext::Negotiated, SecondCiphertext::LastTwelveBytes] {
            params.second_ciphertext = second_ciphertext;
            assert_eq!(SecondForm::received(&params, 12), Some(SecondForm::LowBits(90)));
        }
        assert_eq!(SecondForm::LowBits(90).other_reading(&params), None);
        params.truncate_bits = None;
        assert_eq!(SecondForm::received(&params, 12), Some(SecondForm::LastTwelveBytes));
    }

    #[test]
    fn the_low_bits_are_those_of_the_suite() {
        for &suite in Suite::IMPLEMENTED {
            let point: Vec<u8> = (0..suite.point_bytes()).map(|i| 255 - i as u8).collect();
            for bits in [31, 32, 80, 89, 96, 255, 256] {
                let cut = SecondForm::LowBits(bits).cut(suite, point.clone());
                assert_eq!(cut, suite.low_bits_of_x(&point, bits).unwrap(), "{suite} {bits}");
            }
        }
    }

    #[test]
    fn cutting_keeps_the_right_bytes() {
        let suite = Suite::CURVE25519_SHA256_DIRECT;
        let points: Vec<u8> = (0..64).map(|i| i | 0x80).collect();
        assert_eq!(SecondForm::Whole.cut(suite, points.clone()), points);
        assert_eq!(
            SecondForm::LastTwelveBytes.cut(suite, points.clone()),
            [&points[20..32], &points[52..64]].concat()
        );
        assert_eq!(SecondForm::LowBits(12).cut(suite, points), [0x80, 0x01, 0xa0, 0x01]);
    }
}
