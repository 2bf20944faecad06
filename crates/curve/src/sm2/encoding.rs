//! Points as bytes: SEC 1, section 2.3 (X9.62), and the protocol's own x and y, little-endian.

use sm2::elliptic_curve::point::{AffineCoordinates, DecompressPoint};
use sm2::elliptic_curve::subtle::Choice;
use sm2::{AffinePoint, FieldBytes};

use crate::{CurveError, PointFormat};

/// Writes a point that is not the identity into `slot`, which has the length of the format.
pub(crate) fn encode(format: PointFormat, point: &AffinePoint, slot: &mut [u8]) {
    let (x, y) = (point.x(), point.y());
    let odd = u8::from(bool::from(point.y_is_odd()));
    let put = |slot: &mut [u8], bytes: &mut dyn Iterator<Item = u8>| {
        slot.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    };
    match format {
        PointFormat::Uncompressed => put(slot, &mut x.into_iter().rev().chain(y.into_iter().rev())),
        PointFormat::X962Compressed => put(slot, &mut [2 + odd].into_iter().chain(x)),
        PointFormat::X962Uncompressed => put(slot, &mut [4].into_iter().chain(x).chain(y)),
        PointFormat::X962Hybrid => put(slot, &mut [6 + odd].into_iter().chain(x).chain(y)),
    }
}

/// Reads a received point: format byte, coordinates below p, the curve equation.
///
/// # Errors
/// [`CurveError::PeerFormatByte`], [`CurveError::PeerOffCurve`].
pub(crate) fn decode(format: PointFormat, encoded: &[u8], index: usize) -> Result<AffinePoint, CurveError> {
    let off_curve = CurveError::PeerOffCurve { index };
    if format == PointFormat::Uncompressed {
        let (x, y) = halves(encoded).ok_or(off_curve.clone())?;
        let reversed = |bytes: [u8; 32]| bytes.into_iter().rev().collect::<FieldBytes>();
        return AffinePoint::from_coordinates(&reversed(x), &reversed(y)).into_option().ok_or(off_curve);
    }
    let (&found, rest) = encoded.split_first().ok_or(off_curve.clone())?;
    let refuse = || CurveError::PeerFormatByte { index, found, format };
    match (format, found) {
        (PointFormat::X962Compressed, 2 | 3) => {
            let x = <[u8; 32]>::try_from(rest).map_err(|_| off_curve.clone())?;
            AffinePoint::decompress(&FieldBytes::from(x), Choice::from(found & 1))
                .into_option()
                .ok_or(off_curve)
        }
        (PointFormat::X962Uncompressed, 4) | (PointFormat::X962Hybrid, 6 | 7) => {
            let (x, y) = halves(rest).ok_or(off_curve.clone())?;
            let hybrid_odd = (format == PointFormat::X962Hybrid).then_some(found & 1);
            if hybrid_odd.is_some_and(|odd| odd != y[31] & 1) {
                return Err(refuse());
            }
            AffinePoint::from_coordinates(&FieldBytes::from(x), &FieldBytes::from(y))
                .into_option()
                .ok_or(off_curve)
        }
        _ => Err(refuse()),
    }
}

fn halves(bytes: &[u8]) -> Option<([u8; 32], [u8; 32])> {
    let (x, y) = bytes.split_at_checked(32)?;
    Some((x.try_into().ok()?, y.try_into().ok()?))
}
