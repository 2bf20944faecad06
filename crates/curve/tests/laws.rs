//! Laws of masking over random items, and the refusals.

use proptest::prelude::*;
use symbolon_curve::{Curve, CurveError, Hash, HashToCurve, Masker, PointFormat, SecretScalar, Suite};

const SUITE: Suite = Suite::CURVE25519_SHA256_DIRECT;

fn fresh() -> Masker {
    fresh_of(SUITE)
}

fn fresh_of(suite: Suite) -> Masker {
    Masker::new(suite, SecretScalar::random(suite.curve).unwrap()).unwrap()
}

fn any_suite() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::IMPLEMENTED)
}

fn with(bytes: [u8; 32]) -> Masker {
    Masker::new(SUITE, SecretScalar::from_x25519_bytes(&bytes)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn masks_commute(
        suite in any_suite(),
        items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
    ) {
        let (a, b) = (fresh_of(suite), fresh_of(suite));
        let ab = b.mask_points(&a.mask_items(&items).unwrap()).unwrap();
        let ba = a.mask_points(&b.mask_items(&items).unwrap()).unwrap();
        prop_assert_eq!(ab, ba);
    }

    #[test]
    fn a_batch_is_its_items_one_by_one(suite in any_suite(), count in 0usize..150) {
        let masker = fresh_of(suite);
        let items: Vec<String> = (0..count).map(|i| format!("id-{i}")).collect();
        let single: Vec<u8> = items.iter().flat_map(|item| masker.mask_items(&[item]).unwrap()).collect();
        prop_assert_eq!(masker.mask_items(&items).unwrap(), single);
    }

    #[test]
    fn masking_items_is_masking_their_points(suite in any_suite()) {
        let masker = fresh_of(suite);
        let items = ["", "a", "a longer one"];
        let points = masker.hash_to_points(&items).unwrap();
        prop_assert_eq!(masker.mask_points(&points), masker.mask_items(&items));
    }

    #[test]
    fn the_top_bit_is_ignored(key in any::<[u8; 32]>(), mut u in any::<[u8; 32]>()) {
        let masker = with(key);
        u[31] &= 0x7f;
        let low = masker.mask_points(&u);
        u[31] |= 0x80;
        prop_assert_eq!(low, masker.mask_points(&u));
    }

    #[test]
    fn low_bits_are_the_value_modulo_a_power_of_two(
        suite in any_suite(),
        u in any::<[u8; 32]>(),
        rest in any::<[u8; 33]>(),
        bits in 1u32..=256,
    ) {
        // u is x, little-endian; what stands around it does not matter.
        let mut encoded = match suite.format {
            PointFormat::Uncompressed => [&u[..], &rest].concat(),
            _ => rest.iter().take(1).chain(u.iter().rev()).chain(&rest[1..]).copied().collect(),
        };
        encoded.truncate(suite.point_bytes());
        let mut low = suite.low_bits_of_x(&encoded, bits).unwrap();
        prop_assert_eq!(low.len(), bits.div_ceil(8) as usize);
        if suite.format != PointFormat::Uncompressed {
            low.reverse();
        }
        for bit in 0..low.len() * 8 {
            let expected = if bit < bits as usize { u[bit / 8] >> (bit % 8) & 1 } else { 0 };
            prop_assert_eq!(low[bit / 8] >> (bit % 8) & 1, expected);
        }
    }
}

#[test]
fn sha_256_is_the_point() {
    // FIPS 180-4, the example "abc".
    assert_eq!(
        hex::encode(fresh().hash_to_points(&["abc"]).unwrap()),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn random_scalars_differ() {
    assert_ne!(fresh().mask_items(&["x"]), fresh().mask_items(&["x"]));
}

#[test]
fn a_broken_point_is_refused() {
    for length in [1, 31, 33, 63] {
        let error = fresh().mask_points(&vec![9; length]).unwrap_err();
        assert_eq!(error, CurveError::PeerLength { length, point_bytes: 32 });
    }
    assert_eq!(fresh().mask_points(&[]), Ok(vec![]));
}

#[test]
fn the_first_low_order_point_is_named() {
    let mut points = vec![9u8; 32 * 1000];
    for index in [900, 401, 650] {
        points[32 * index..32 * index + 32].fill(0);
    }
    assert_eq!(fresh().mask_points(&points), Err(CurveError::PeerLowOrder { index: 401 }));
}

#[test]
fn other_combinations_are_refused_by_name() {
    let suite = Suite { map: HashToCurve::TryAndIncrement, ..SUITE };
    let secret = SecretScalar::random(Curve::Curve25519).unwrap();
    let error = Masker::new(suite, secret).map(|_| ()).unwrap_err();
    assert_eq!(error, CurveError::ConfigUnsupportedSuite(suite));
    assert!(error.to_string().contains("curve25519-sha256-increment-uncompressed"), "{error}");
    assert!(Masker::new(SUITE, SecretScalar::random(Curve::Sm2).unwrap()).is_err());
}

#[test]
fn low_bits_of_other_encodings_are_none() {
    assert_eq!(SUITE.low_bits_of_x(&[0; 31], 8), None);
    assert_eq!(SUITE.low_bits_of_x(&[0; 32], 0), None);
    assert_eq!(SUITE.low_bits_of_x(&[0; 32], 257), None);
}

#[test]
fn sm3_is_the_point() {
    // GB/T 32905, the example "abc".
    let suite = Suite { hash: Hash::Sm3, ..SUITE };
    assert_eq!(
        hex::encode(fresh_of(suite).hash_to_points(&["abc"]).unwrap()),
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    );
}

#[test]
fn suites_are_read_by_their_names() {
    for suite in Suite::IMPLEMENTED {
        assert_eq!(suite.to_string().parse(), Ok(*suite));
    }
    assert_eq!(Suite::SM2_SM3_INCREMENT.to_string(), "sm2-sm3-increment-x962-compressed");
    let error = "sm2".parse::<Suite>().unwrap_err();
    assert!(error.to_string().contains("sm2-sm3-increment-x962-compressed"), "{error}");
}
