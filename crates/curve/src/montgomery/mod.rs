//! Curve25519 in bulk: u-coordinates by the thousand, with one scalar.
//!
//! `field` says what the arithmetic of vectors of elements is, `radix51` and `radix25` how it is done with products of 52
//! and of 32 bits; `ladder` and `elligator` are what is made of it, `ifma`, `avx2` and `portable` the instructions. Without
//! vector instructions the ladder is that of `curve25519-dalek`, one point at a time.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod elligator;
mod field;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod ladder;
mod portable;
#[cfg(any(test, target_arch = "x86_64"))]
mod radix25;
mod radix51;

use curve25519_dalek::montgomery::MontgomeryPoint;
use rayon::prelude::*;

use crate::Backend;
use crate::backend::Vectors;
use crate::digest::Digest;
use crate::expand::{domain_separation_tag, expand_message};
use crate::{Hash, HashToCurve, Suite};
use elligator::{ELEMENT_BYTES, UniformBytes};
use portable::Portable;
use radix51::Radix51;
use symbolon_mutants::Mutant;

/// Bytes of an encoded u-coordinate.
pub(crate) const POINT_BYTES: usize = 32;

/// A little-endian u-coordinate, of which the top bit is ignored.
type Point = [u8; POINT_BYTES];

/// Points that one task of the thread pool takes: 0.6 ms of work with the fastest backend and 5 ms with the
/// slowest, so that other users of the pool wait no longer. They share one inversion.
const TASK_POINTS: usize = 128;

/// The points of the items, not masked, in order.
pub(crate) fn hash_all<I: AsRef<[u8]> + Sync>(backend: Backend, suite: Suite, items: &[I]) -> Vec<u8> {
    let mut output = vec![0; items.len() * POINT_BYTES];
    let (points, _) = output.as_chunks_mut();
    let tasks = points.par_chunks_mut(TASK_POINTS).zip(items.par_chunks(TASK_POINTS));
    match suite.map {
        HashToCurve::Elligator2Ro => {
            let tag = domain_separation_tag(suite, "ELL2_RO");
            tasks.for_each(|(points, items)| {
                map_twice(
                    backend,
                    &uniform_bytes::<2, { 2 * ELEMENT_BYTES }, I>(suite.hash, &tag, items),
                    points,
                );
            });
        }
        HashToCurve::Elligator2Nu => {
            let tag = domain_separation_tag(suite, "ELL2_NU");
            tasks.for_each(|(points, items)| {
                map_once(backend, &uniform_bytes::<1, ELEMENT_BYTES, I>(suite.hash, &tag, items), points);
            });
        }
        _ => tasks.for_each(|(points, items)| {
            for (point, item) in points.iter_mut().zip(items) {
                *point = Digest::of(suite.hash, item.as_ref()).first_32();
            }
        }),
    }
    output
}

/// The `N` field elements of each item.
fn uniform_bytes<const N: usize, const BYTES: usize, I: AsRef<[u8]>>(
    hash: Hash,
    tag: &str,
    items: &[I],
) -> Vec<UniformBytes<N>> {
    let elements = |item: &I| {
        let uniform = expand_message::<BYTES>(hash, item.as_ref(), tag.as_bytes());
        let (elements, _) = uniform.as_chunks();
        std::array::from_fn(|i| elements.get(i).copied().unwrap_or([0; ELEMENT_BYTES]))
    };
    items.iter().map(elements).collect()
}

/// `encode_to_curve` of RFC 9380, section 3. Not generic, so that the users of this crate need not compile it.
fn map_once(backend: Backend, uniform: &[UniformBytes<1>], points: &mut [Point]) {
    match backend.vectors() {
        #[cfg(target_arch = "x86_64")]
        Vectors::Ifma(proof) => ifma::map(proof, uniform, points),
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2(proof) => avx2::map(proof, uniform, points),
        _ => elligator::map(Radix51(Portable), uniform, points),
    }
}

/// `hash_to_curve` of RFC 9380, section 3.
fn map_twice(backend: Backend, uniform: &[UniformBytes<2>], points: &mut [Point]) {
    match backend.vectors() {
        #[cfg(target_arch = "x86_64")]
        Vectors::Ifma(proof) => ifma::map(proof, uniform, points),
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2(proof) => avx2::map(proof, uniform, points),
        _ => elligator::map(Radix51(Portable), uniform, points),
    }
}

/// Products of `scalar`, clamped again inside, with every point of `input` (a multiple of 32 bytes, checked by
/// the caller), in order, or the index of the first point whose product is all zeros (small order). No branch and no
/// address depends on the scalar.
pub(crate) fn multiply_all(backend: Backend, scalar: &[u8; 32], input: &[u8]) -> Result<Vec<u8>, usize> {
    let mut output = input.to_vec();
    let (points, _) = output.as_chunks_mut();
    let first_zero = points
        .par_chunks_mut(TASK_POINTS)
        .enumerate()
        .filter_map(|(task, points)| {
            multiply(backend, scalar, points);
            let zero = points.iter().position(is_zero);
            zero.map(|i| task * TASK_POINTS + i)
        })
        .min();
    match first_zero {
        Some(_) if Mutant::LowOrderAccepted.is_on() => Ok(output),
        None => Ok(output),
        Some(index) => Err(index),
    }
}

fn multiply(backend: Backend, scalar: &[u8; 32], points: &mut [Point]) {
    match backend.vectors() {
        #[cfg(target_arch = "x86_64")]
        Vectors::Ifma(proof) => ifma::multiply_points(proof, &ladder::Ladder::new(scalar), points),
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2(proof) => avx2::multiply_points(proof, &ladder::Ladder::new(scalar), points),
        _ => {
            for point in points {
                *point = MontgomeryPoint(*point).mul_clamped(*scalar).to_bytes();
            }
        }
    }
}

/// Looks at all bytes in any case; what comes of it is no secret, as it ends the run.
fn is_zero(u: &Point) -> bool {
    let (words, _) = u.as_chunks();
    words.iter().fold(0, |any, word| any | u64::from_ne_bytes(*word)) == 0
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::{EdwardsPoint, Scalar};
    use proptest::prelude::*;
    use sha2::Sha512;

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
        // All limbs full but one: of 51 bits, and of 26 and 25.
        let long = (0..5).map(|limb| 51 * limb..51 * (limb + 1));
        let short = (0..10usize).map(|limb| (51 * limb).div_ceil(2)..(51 * (limb + 1)).div_ceil(2));
        for limb in long.chain(short) {
            let mut point = [0xff; 32];
            for bit in limb {
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
        multiply(Backend::Serial, scalar, &mut products);
        products
    }

    #[test]
    fn every_backend_equals_the_serial_one_at_the_edges() {
        for scalar in scalars() {
            let expected = serial(&scalar, &edges());
            assert!(expected.iter().any(is_zero));
            for backend in Backend::available() {
                let mut got = edges();
                multiply(backend, &scalar, &mut got);
                assert_eq!(got, expected, "{}", backend.name());
            }
            let mut got = edges();
            ladder::multiply_points(Radix51(Portable), &ladder::Ladder::new(&scalar), &mut got);
            assert_eq!(got, expected, "with checked arithmetic");
            let mut got = edges();
            ladder::multiply_points(radix25::Radix25(Portable), &ladder::Ladder::new(&scalar), &mut got);
            assert_eq!(got, expected, "with checked arithmetic of 32 bits");
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

    #[derive(serde::Deserialize)]
    struct File {
        groups: Vec<Group>,
    }

    #[derive(serde::Deserialize)]
    struct Group {
        hash: String,
        map: String,
        dst: String,
        tests: Vec<Test>,
    }

    #[derive(serde::Deserialize)]
    struct Test {
        id: String,
        message: String,
        u: String,
    }

    #[test]
    fn elligator2_gives_the_points_of_rfc_9380() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/psi/curve25519_elligator2.json");
        let text = std::fs::read_to_string(path).unwrap();
        let groups = serde_json::from_str::<File>(&text).unwrap().groups;
        let sizes: Vec<_> = groups.iter().map(|group| (group.map.as_str(), group.tests.len())).collect();
        assert_eq!(sizes, [("ell2-ro", 5), ("ell2-nu", 5)]);
        for backend in Backend::available() {
            for group in &groups {
                assert_eq!(group.hash, "sha512");
                let messages: Vec<_> = group.tests.iter().map(|test| test.message.as_str()).collect();
                let mut points = vec![[0; 32]; messages.len()];
                let (hash, tag) = (Hash::Sha512, group.dst.as_str());
                match group.map.as_str() {
                    "ell2-ro" => {
                        map_twice(backend, &uniform_bytes::<2, 96, _>(hash, tag, &messages), &mut points);
                    }
                    _ => map_once(backend, &uniform_bytes::<1, 48, _>(hash, tag, &messages), &mut points),
                }
                for (test, point) in group.tests.iter().zip(points) {
                    assert_eq!(point, hex32(&test.u), "{} {}", test.id, backend.name());
                }
            }
        }
    }

    /// The element in the 48 bytes of RFC 9380.
    fn element(value: u64) -> [u8; ELEMENT_BYTES] {
        let mut bytes = [0; ELEMENT_BYTES];
        bytes[40..].copy_from_slice(&value.to_be_bytes());
        bytes
    }

    #[test]
    fn sums_of_equal_and_of_opposite_points() {
        let negated = |value: u64| {
            let mut bytes = [0; ELEMENT_BYTES];
            for (to, from) in bytes[16..].iter_mut().zip(P.iter().rev()) {
                *to = *from;
            }
            bytes[47] = bytes[47].checked_sub(u8::try_from(value).unwrap()).unwrap();
            bytes
        };
        // The element 0 maps to (0, 0), of order 2. Elements r and -r have the same image.
        let pairs = [[element(0), element(0)], [element(5), element(5)], [element(5), negated(5)]];
        let single = [[element(5)]];
        for backend in Backend::available() {
            let mut points = [[1; 32]; 3];
            let mut once = [[1; 32]; 1];
            map_twice(backend, &pairs, &mut points);
            map_once(backend, &single, &mut once);
            assert_eq!(points[0], [0; 32], "{}", backend.name());
            assert_eq!(points[1], points[2], "{}", backend.name());
            // 8·(Q + Q) = 2·(8·Q)
            let twice = MontgomeryPoint(once[0]) * Scalar::from(2u64);
            assert_eq!(points[1], twice.to_bytes(), "{}", backend.name());
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
                multiply(backend, &scalar, &mut got);
                prop_assert_eq!(&got, &expected, "{}", backend.name());
            }
            let mut got = points[..points.len().min(9)].to_vec();
            ladder::multiply_points(Radix51(Portable), &ladder::Ladder::new(&scalar), &mut got);
            prop_assert_eq!(&got, &expected[..got.len()], "with checked arithmetic");
            let mut got = points[..points.len().min(9)].to_vec();
            ladder::multiply_points(radix25::Radix25(Portable), &ladder::Ladder::new(&scalar), &mut got);
            prop_assert_eq!(&got, &expected[..got.len()], "with checked arithmetic of 32 bits");
        }

        #[test]
        fn elligator2_equals_that_of_the_library(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
        ) {
            // The library's points are those of the birationally equivalent Edwards curve.
            let tag = "a tag of at least sixteen bytes";
            let expected = |nu: bool| -> Vec<Point> {
                let point = |message: &Vec<u8>| if nu {
                    EdwardsPoint::encode_to_curve::<Sha512>(&[message], &[tag.as_bytes()])
                } else {
                    EdwardsPoint::hash_to_curve::<Sha512>(&[message], &[tag.as_bytes()])
                };
                messages.iter().map(|message| point(message).to_montgomery().to_bytes()).collect()
            };
            for backend in Backend::available() {
                let mut points = vec![[0; 32]; messages.len()];
                map_twice(backend, &uniform_bytes::<2, 96, _>(Hash::Sha512, tag, &messages), &mut points);
                prop_assert_eq!(&points, &expected(false), "{}", backend.name());
                map_once(backend, &uniform_bytes::<1, 48, _>(Hash::Sha512, tag, &messages), &mut points);
                prop_assert_eq!(&points, &expected(true), "{}", backend.name());
            }
        }
    }
}
