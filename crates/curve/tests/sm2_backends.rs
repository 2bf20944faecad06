//! Every backend of SM2 against the serial one, which is the `sm2` crate's arithmetic.

use proptest::prelude::*;
use symbolon_curve::{Backend, Curve, CurveError, Masker, PointFormat, SecretScalar, Suite};

/// The group order, big-endian (GB/T 32918.5).
const ORDER: &str = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";

/// The base point of GB/T 32918.5, X9.62 uncompressed.
const BASE: &str = "0432c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7\
                    bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0";

fn masker(backend: Backend, suite: Suite, scalar_le: &[u8; 32]) -> Masker {
    let secret = SecretScalar::from_reference_key_le(Curve::Sm2, scalar_le);
    Masker::with_backend(suite, secret, backend).unwrap()
}

fn other_backends() -> impl Iterator<Item = Backend> {
    Backend::available().skip(1)
}

fn with(format: PointFormat) -> Suite {
    Suite { format, ..Suite::SM2_SM3_INCREMENT }
}

const FORMATS: [PointFormat; 4] = [
    PointFormat::X962Compressed,
    PointFormat::X962Uncompressed,
    PointFormat::X962Hybrid,
    PointFormat::Uncompressed,
];

/// The order minus `subtrahend`, little-endian.
fn order_minus(subtrahend: u8) -> [u8; 32] {
    let mut scalar: [u8; 32] = hex::decode(ORDER).unwrap().try_into().unwrap();
    scalar.reverse();
    let (difference, borrow) = scalar[0].overflowing_sub(subtrahend);
    scalar[0] = difference;
    scalar[1] -= u8::from(borrow);
    scalar
}

fn small(value: u8) -> [u8; 32] {
    let mut scalar = [0; 32];
    scalar[0] = value;
    scalar
}

/// Scalars next to zero and to the order, powers of two and their neighbours, and long runs of equal bits.
fn edge_scalars() -> Vec<[u8; 32]> {
    let mut scalars: Vec<[u8; 32]> = (1..=130).map(small).collect();
    scalars.extend((1..=130).map(order_minus));
    for bit in (0..256).step_by(3).chain([255]) {
        let mut power = [0; 32];
        power[bit / 8] = 1 << (bit % 8);
        scalars.push(power);
        power[0] |= 1;
        scalars.push(power);
        let mut ones = [0xff; 32];
        ones[bit / 8] = (1 << (bit % 8)) - 1;
        ones[bit / 8 + 1..].fill(0);
        scalars.push(ones);
    }
    scalars.retain(|scalar| *scalar != [0; 32]);
    scalars
}

/// Affine points of the serial backend in X9.62 uncompressed format: the base point among hashed ones.
fn some_points(count: usize) -> Vec<u8> {
    let items: Vec<String> = (1..count).map(|i| format!("point {i}")).collect();
    let hashed = masker(Backend::Serial, with(PointFormat::X962Uncompressed), &small(1));
    [hex::decode(BASE).unwrap(), hashed.hash_to_points(&items).unwrap()].concat()
}

#[test]
fn edge_scalars_agree() {
    // Neither a multiple of eight nor of one task.
    let points = some_points(11);
    for backend in other_backends() {
        for scalar in edge_scalars() {
            let products =
                |backend| masker(backend, with(PointFormat::X962Uncompressed), &scalar).mask_points(&points);
            assert_eq!(products(backend), products(Backend::Serial), "{backend:?} {}", hex::encode(scalar));
        }
    }
}

#[test]
fn small_multiples_are_repeated_sums() {
    // k·P for consecutive k by one backend must be what (k/2)·P doubled is by the same one, for every backend:
    // no other arithmetic takes part.
    let points = some_points(9);
    for backend in Backend::available() {
        let times = |scalar: &[u8; 32], points: &[u8]| {
            masker(backend, with(PointFormat::X962Uncompressed), scalar).mask_points(points).unwrap()
        };
        assert_eq!(times(&small(1), &points), points, "{backend:?}");
        let negative = times(&order_minus(1), &points);
        for (one, other) in points.chunks(65).zip(negative.chunks(65)) {
            assert_eq!(one[1..33], other[1..33], "{backend:?}");
            assert_ne!(one[33..], other[33..], "{backend:?}");
        }
        assert_eq!(times(&order_minus(1), &negative), points, "{backend:?}");
        for k in 1..20 {
            assert_eq!(times(&small(2 * k), &points), times(&small(k), &times(&small(2), &points)));
        }
    }
}

#[test]
fn every_batch_size_agrees() {
    let points = some_points(300);
    for backend in other_backends() {
        for count in (0..20).chain([127, 128, 129, 255, 256, 257, 300]) {
            let some = &points[..65 * count];
            let products = |backend| {
                masker(backend, with(PointFormat::X962Uncompressed), &order_minus(77)).mask_points(some)
            };
            assert_eq!(products(backend), products(Backend::Serial), "{backend:?} {count}");
        }
    }
}

fn any_sm2_suite() -> impl Strategy<Value = Suite> {
    let suites: Vec<Suite> =
        Suite::IMPLEMENTED.iter().copied().filter(|suite| suite.curve == Curve::Sm2).collect();
    prop::sample::select(suites)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_scalars_and_items_agree(
        suite in any_sm2_suite(),
        scalar in any::<[u8; 32]>(),
        items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..40),
    ) {
        let serial = masker(Backend::Serial, suite, &scalar);
        let points = serial.hash_to_points(&items).unwrap();
        for backend in other_backends() {
            let other = masker(backend, suite, &scalar);
            prop_assert_eq!(other.hash_to_points(&items), serial.hash_to_points(&items));
            prop_assert_eq!(other.mask_items(&items), serial.mask_items(&items));
            prop_assert_eq!(other.mask_points(&points), serial.mask_points(&points));
        }
    }

    #[test]
    fn random_bytes_are_refused_alike(
        scalar in any::<[u8; 32]>(),
        format in prop::sample::select(FORMATS.to_vec()),
        good in 0usize..20,
        bytes in any::<[u8; 64]>(),
        sign in 0u8..8,
    ) {
        let suite = with(format);
        let serial = masker(Backend::Serial, suite, &scalar);
        let items: Vec<String> = (0..good).map(|i| format!("{i}")).collect();
        let mut points = serial.hash_to_points(&items).unwrap();
        let mut last = [&[sign], &bytes[..]].concat();
        if format == PointFormat::Uncompressed {
            last.remove(0);
        }
        last.truncate(suite.point_bytes());
        points.extend(last);
        for backend in other_backends() {
            prop_assert_eq!(masker(backend, suite, &scalar).mask_points(&points), serial.mask_points(&points));
        }
    }
}

#[test]
fn coordinates_at_the_edge_of_the_field_agree() {
    // x from p - 40 up to 2^256 - 1 by small steps, and from 0: some on the curve, some not, some not below p.
    let suite = Suite::SM2_SM3_INCREMENT;
    let serial = masker(Backend::Serial, suite, &small(1));
    let p: [u8; 32] = hex::decode("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff")
        .unwrap()
        .try_into()
        .unwrap();
    let mut encoded = Vec::new();
    for sign in [2, 3] {
        for below in 0..40 {
            let mut high = p;
            high[31] -= below;
            let mut low = [0; 32];
            low[31] = below;
            for x in [high, low, [0xff - below; 32]] {
                encoded.push([&[sign][..], &x].concat());
            }
        }
    }
    let mut on_curve = 0;
    for point in &encoded {
        let expected = serial.mask_points(point);
        match &expected {
            Ok(same) => {
                assert_eq!(same, point);
                on_curve += 1;
            }
            Err(error) => assert_eq!(*error, CurveError::PeerOffCurve { index: 0 }),
        }
        for backend in other_backends() {
            assert_eq!(
                masker(backend, suite, &small(1)).mask_points(point),
                expected,
                "{}",
                hex::encode(point)
            );
        }
    }
    assert!(on_curve > 60, "{on_curve}");
}
