//! X25519 in bulk: the ladder over many u-coordinates with one scalar.
//!
//! `lanes` computes eight points at a time, `curve25519-dalek` one at a time.

mod backend;
#[cfg(any(target_arch = "x86_64", test))]
mod lanes;

use rayon::prelude::*;
use subtle::{Choice, ConstantTimeEq};

use crate::Backend;

/// Bytes of an encoded u-coordinate.
pub(crate) const POINT_BYTES: usize = 32;

/// A little-endian u-coordinate, of which the top bit is ignored.
type Point = [u8; POINT_BYTES];

/// Points that one task of the thread pool takes: 0.6 ms of work with the fastest backend and 5 ms with the
/// slowest, so that other users of the pool wait no longer. They share one inversion.
const TASK_POINTS: usize = 128;

/// Products of `scalar`, clamped again inside, with every point of `input` (a multiple of 32 bytes, checked by
/// the caller), in order, or the index of the first point whose product is all zeros (small order). No branch and no
/// address depends on the scalar.
pub(crate) fn multiply_all(backend: Backend, scalar: &[u8; 32], input: &[u8]) -> Result<Vec<u8>, usize> {
    let mut output = input.to_vec();
    let (points, _) = output.as_chunks_mut::<POINT_BYTES>();
    let first_zero = points
        .par_chunks_mut(TASK_POINTS)
        .enumerate()
        .filter_map(|(task, points)| {
            backend::multiply(backend, scalar, points);
            let zero = points.iter().position(|product| is_zero(product).into());
            zero.map(|i| task * TASK_POINTS + i)
        })
        .min();
    match first_zero {
        None => Ok(output),
        Some(index) => Err(index),
    }
}

fn is_zero(u: &Point) -> Choice {
    u.ct_eq(&[0u8; POINT_BYTES])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2^255 - 19, little-endian.
    const P: Point = {
        let mut p = [0xff; 32];
        p[0] = 0xed;
        p[31] = 0x7f;
        p
    };

    /// `point` + `value`, for no carry beyond the first byte.
    fn plus(mut point: Point, value: u8) -> Point {
        point[0] = point[0].checked_add(value).unwrap();
        point
    }

    fn minus(mut point: Point, value: u8) -> Point {
        point[0] = point[0].checked_sub(value).unwrap();
        point
    }

    fn hex32(digits: &str) -> Point {
        let mut point = [0; 32];
        hex::decode_to_slice(digits, &mut point).unwrap();
        point
    }

    /// Coordinates at the edges of the field and of the encoding, and those of small order.
    fn edges() -> Vec<Point> {
        let zero = [0; 32];
        let mut edges = vec![zero, plus(zero, 1), plus(zero, 2), plus(zero, 9), [0xff; 32]];
        edges.extend((0..=2).map(|i| minus(P, i)));
        // Not reduced: p, p + 1, ..., 2^255 - 1.
        edges.extend((0..19).map(|i| plus(P, i)));
        // u of the points of order 8 (curve and twist).
        edges.push(hex32("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"));
        edges.push(hex32("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"));
        // All limbs of 51 bits full but one.
        for limb in 0..5 {
            let mut point = [0xff; 32];
            for bit in 51 * limb..51 * (limb + 1) {
                point[bit / 8] &= !(1 << (bit % 8));
            }
            edges.push(point);
            edges.push(point.map(|byte| !byte));
        }
        let with_top_bit = |mut point: Point| {
            point[31] ^= 0x80;
            point
        };
        let twins: Vec<Point> = edges.iter().copied().map(with_top_bit).collect();
        edges.extend(twins);
        edges
    }

    fn scalars() -> Vec<[u8; 32]> {
        vec![[0; 32], [0xff; 32], [0x55; 32], [0xaa; 32], P, plus([0; 32], 8)]
    }

    fn serial(scalar: &[u8; 32], points: &[Point]) -> Vec<Point> {
        let mut products = points.to_vec();
        backend::multiply(Backend::Serial, scalar, &mut products);
        products
    }

    #[test]
    fn every_backend_equals_the_serial_one_at_the_edges() {
        for scalar in scalars() {
            let expected = serial(&scalar, &edges());
            assert!(expected.iter().any(|product| is_zero(product).into()));
            for backend in Backend::available() {
                let mut got = edges();
                backend::multiply(backend, &scalar, &mut got);
                assert_eq!(got, expected, "{}", backend.name());
            }
            let mut got = edges();
            lanes::tests::multiply_checked(&scalar, &mut got);
            assert_eq!(got, expected, "with checked arithmetic");
        }
    }

    #[test]
    fn zero_products_are_found_wherever_they_are() {
        for backend in Backend::available() {
            for zeros in [vec![0], vec![299], vec![128, 127], vec![7, 8, 9, 298], (0..300).collect()] {
                let mut input = [9u8; 32 * 300];
                for &zero in &zeros {
                    input[32 * zero..32 * zero + 32].fill(0);
                }
                let got = multiply_all(backend, &[77; 32], &input);
                assert_eq!(got, Err(*zeros.iter().min().unwrap()), "{}", backend.name());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_backend_equals_the_serial_one(
            scalar in any::<[u8; 32]>(),
            points in prop::collection::vec(any::<[u8; 32]>(), 0..200),
        ) {
            let expected = serial(&scalar, &points);
            for backend in Backend::available() {
                let mut got = points.clone();
                backend::multiply(backend, &scalar, &mut got);
                prop_assert_eq!(&got, &expected, "{}", backend.name());
            }
            let mut got = points[..points.len().min(9)].to_vec();
            lanes::tests::multiply_checked(&scalar, &mut got);
            prop_assert_eq!(&got, &expected[..got.len()], "with checked arithmetic");
        }
    }
}
