//! Points as bytes: SEC 1, section 2.3 (X9.62), and the protocol's own x and y, little-endian.

use symbolon_mutants::Mutant;

use super::affine::{Affine, P};
use super::arithmetic::Arithmetic;
use crate::{CurveError, PointFormat};

/// Writes a point into `slot`, which has the length of the format.
pub(crate) fn encode(format: PointFormat, point: &Affine, slot: &mut [u8]) {
    let Affine { x, y } = *point;
    let odd = y[31] & 1;
    let put = |slot: &mut [u8], bytes: &mut dyn Iterator<Item = u8>| {
        slot.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    };
    match format {
        PointFormat::Uncompressed if Mutant::CoordinatesBigEndian.is_on() => {
            put(slot, &mut x.into_iter().chain(y))
        }
        PointFormat::Uncompressed => put(slot, &mut x.into_iter().rev().chain(y.into_iter().rev())),
        PointFormat::X962Compressed => put(slot, &mut [2 + odd].into_iter().chain(x)),
        PointFormat::X962Uncompressed => put(slot, &mut [4].into_iter().chain(x).chain(y)),
        PointFormat::X962Hybrid => put(slot, &mut [6 + odd].into_iter().chain(x).chain(y)),
    }
}

/// Reads received points of `size` bytes each, the first of which is number `start`: format byte, coordinates
/// below p, the curve equation. The time that it takes depends on the points, which are not secret.
///
/// # Errors
/// [`CurveError::PeerFormatByte`], [`CurveError::PeerOffCurve`]: that of the first bad point.
pub(crate) fn decode(
    arithmetic: Arithmetic,
    format: PointFormat,
    size: usize,
    points: &[u8],
    start: usize,
) -> Result<Vec<Affine>, CurveError> {
    let encoded = (start..).zip(points.chunks_exact(size));
    if format == PointFormat::X962Compressed {
        let (candidates, refusal) = until_refused(encoded.map(|(index, bytes)| compressed(bytes, index)));
        let lifted = arithmetic.lift(&candidates);
        let points = (start..)
            .zip(lifted)
            .map(|(index, point)| point.ok_or(CurveError::PeerOffCurve { index }))
            .collect::<Result<_, _>>()?;
        return refusal.map_or(Ok(points), Err);
    }
    let (points, refusal) = until_refused(encoded.map(|(index, bytes)| both(format, bytes, index)));
    let on_curve = arithmetic.on_curve(&points);
    if let Some((index, _)) = (start..).zip(on_curve).find(|(_, on_curve)| !on_curve)
        && !Mutant::OffCurveAccepted.is_on()
    {
        return Err(CurveError::PeerOffCurve { index });
    }
    refusal.map_or(Ok(points), Err)
}

/// What came before the first error, and that.
fn until_refused<T>(read: impl Iterator<Item = Result<T, CurveError>>) -> (Vec<T>, Option<CurveError>) {
    let mut good = Vec::with_capacity(read.size_hint().0);
    for item in read {
        match item {
            Ok(item) => good.push(item),
            Err(error) => return (good, Some(error)),
        }
    }
    (good, None)
}

/// x below p, and whether y is odd.
fn compressed(encoded: &[u8], index: usize) -> Result<([u8; 32], bool), CurveError> {
    match encoded {
        [sign @ (2 | 3), x @ ..] => Ok((coordinate(x, index)?, *sign == 3)),
        [sign, x @ ..] if Mutant::FormatByteIgnored.is_on() => Ok((coordinate(x, index)?, sign % 2 == 1)),
        _ => Err(bad_format_byte(PointFormat::X962Compressed, encoded, index)),
    }
}

/// Both coordinates, below p.
fn both(format: PointFormat, encoded: &[u8], index: usize) -> Result<Affine, CurveError> {
    let (x, y) = match (format, encoded) {
        (PointFormat::Uncompressed, little_endian) => {
            let mut reversed = [0; 64];
            reversed.iter_mut().zip(little_endian.iter().rev()).for_each(|(to, from)| *to = *from);
            let (y, x) = reversed.split_at(32);
            return Ok(Affine { x: coordinate(x, index)?, y: coordinate(y, index)? });
        }
        (PointFormat::X962Uncompressed, [4, rest @ ..]) => rest.split_at(32),
        (PointFormat::X962Hybrid, [6 | 7, rest @ ..]) => rest.split_at(32),
        _ => return Err(bad_format_byte(format, encoded, index)),
    };
    let hybrid_parity = (format == PointFormat::X962Hybrid).then(|| encoded.first().map(|byte| byte & 1));
    if hybrid_parity.is_some_and(|parity| parity != y.last().map(|byte| byte & 1)) {
        return Err(bad_format_byte(format, encoded, index));
    }
    Ok(Affine { x: coordinate(x, index)?, y: coordinate(y, index)? })
}

/// 32 bytes, big-endian, below p.
fn coordinate(bytes: &[u8], index: usize) -> Result<[u8; 32], CurveError> {
    let coordinate = <[u8; 32]>::try_from(bytes).ok().filter(|integer| *integer < P);
    coordinate.ok_or(CurveError::PeerOffCurve { index })
}

fn bad_format_byte(format: PointFormat, encoded: &[u8], index: usize) -> CurveError {
    CurveError::PeerFormatByte { index, found: encoded.first().copied().unwrap_or_default(), format }
}
