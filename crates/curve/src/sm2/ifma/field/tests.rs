//! The field against the `sm2` crate's, with limbs at their bounds.

use proptest::prelude::*;
use sm2::elliptic_curve::ff::PrimeField;

use super::super::super::field::{FieldElement, square_root};
use super::*;
use crate::Backend;
use crate::backend::Vectors;

/// The integers of one vector, lane by lane.
type Lanes = [[i64; LIMBS]; LANES];

fn vectors(lanes: &Lanes) -> [__m512i; LIMBS] {
    std::array::from_fn(|i| cast(std::array::from_fn::<i64, LANES, _>(|lane| lanes[lane][i])))
}

fn lanes_of(vectors: [__m512i; LIMBS]) -> Lanes {
    let limbs: [[i64; LANES]; LIMBS] = vectors.map(cast);
    std::array::from_fn(|lane| limbs.map(|limb| limb[lane]))
}

/// Σ v_i · 2^(52·i) modulo p, by the `sm2` crate.
fn value(limbs: &[i64; LIMBS]) -> FieldElement {
    let radix = FieldElement::from_u64(1 << BITS);
    limbs.iter().rev().fold(FieldElement::ZERO, |sum, limb| {
        let size = FieldElement::from_u64(limb.unsigned_abs());
        sum * radix + if *limb < 0 { -size } else { size }
    })
}

fn montgomery_radix() -> FieldElement {
    (0..LIMBS).fold(FieldElement::ONE, |power, _| power * FieldElement::from_u64(1 << BITS))
}

/// Limbs below 2^52 and a value below 2^`exponent` + 2^(`exponent` - 17).
fn assert_bounds(limbs: &[i64; LIMBS], exponent: u32) {
    assert!(limbs.iter().all(|limb| (0..1 << BITS).contains(limb)), "{limbs:x?}");
    let top = (1i64 << (exponent - 208)) + (1 << (exponent - 225));
    assert!(limbs[4] < top, "{limbs:x?}");
}

/// Limbs of a `Tight`, with the extremes more often than by chance.
fn tight() -> impl Strategy<Value = [i64; LIMBS]> {
    let full = (1i64 << BITS) - 1;
    let limb = || prop_oneof![Just(0), Just(1), Just(full), Just(full - 1), 0..=full];
    let top = (1i64 << 50) + (1 << 33) - 1;
    let high = prop_oneof![Just(0), Just(1), Just(top), Just(top - 1), Just(1 << 48), 0..=top];
    (limb(), limb(), limb(), limb(), high).prop_map(|(a, b, c, d, e)| [a, b, c, d, e])
}

/// Limbs of a `Loose`.
fn loose() -> impl Strategy<Value = [i64; LIMBS]> {
    let most = (1i64 << 61) - 1;
    let limb = || prop_oneof![Just(0), Just(most), Just(-most), Just(-1), -most..=most];
    [limb(), limb(), limb(), limb(), limb()]
}

fn lanes_strategy(limbs: impl Strategy<Value = [i64; LIMBS]>) -> impl Strategy<Value = Lanes> {
    prop::collection::vec(limbs, LANES).prop_map(|lanes| std::array::from_fn(|lane| lanes[lane]))
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn check_tight(a: &Lanes, b: &Lanes) {
    let (x, y) = (Tight(vectors(a)), Tight(vectors(b)));
    let products = lanes_of(x.mul(&y).carry().0);
    let squares = lanes_of(x.square().carry().0);
    let integers = x.to_bytes();
    let (zero, odd) = (x.is_zero(), x.is_odd());
    let negated = lanes_of(x.negated().0);
    let inverses = x.invert().to_bytes();
    let roots = x.root_candidate().to_bytes();
    let inverse_radix = Option::<FieldElement>::from(montgomery_radix().invert()).unwrap();
    for lane in 0..LANES {
        let (a, b) = (value(&a[lane]), value(&b[lane]));
        assert_eq!(value(&products[lane]), a * b * inverse_radix);
        assert_eq!(value(&squares[lane]), a * a * inverse_radix);
        assert_eq!(value(&negated[lane]), -a);
        assert_bounds(&products[lane], 257);
        assert_bounds(&squares[lane], 257);
        assert_bounds(&negated[lane], 257);
        let element = a * inverse_radix;
        assert_eq!(integers[lane], <[u8; 32]>::from(element.to_repr()));
        assert_eq!(zero >> lane & 1 == 1, element == FieldElement::ZERO);
        assert_eq!(odd >> lane & 1 == 1, bool::from(element.is_odd()));
        let inverse = Option::<FieldElement>::from(element.invert()).unwrap_or(FieldElement::ZERO);
        assert_eq!(inverses[lane], <[u8; 32]>::from(inverse.to_repr()));
        if let Some(root) = square_root(&element) {
            assert_eq!(roots[lane], <[u8; 32]>::from(root.to_repr()));
        }
    }
    let back = Tight::from_bytes(&integers).to_bytes();
    assert_eq!(back, integers);
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn check_loose(a: &Lanes) {
    let folded = lanes_of(Loose(vectors(a)).fold().0);
    for (lane, limbs) in folded.iter().enumerate() {
        assert_eq!(value(limbs), value(&a[lane]));
        assert_bounds(limbs, 257);
        assert!(limbs[4] >= 1 << 47, "{limbs:x?}");
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn check_constants() {
    let one = value(&lanes_of(Tight::one().0)[0]);
    assert_eq!(one, montgomery_radix());
    let b = value(&lanes_of(Tight::curve_b().0)[0]);
    assert_eq!(b, crate::sm2::field::B * montgomery_radix());
    assert_eq!(value(&lanes_of(Tight::integer(27).0)[0]), FieldElement::from_u64(27) * montgomery_radix());
    assert_eq!(value(&P.map(u64::cast_signed)), FieldElement::ZERO);
    for multiple in 0..=4 {
        let limbs = P.map(|limb| splat(limb * multiple));
        assert_eq!(Loose(limbs).carry().is_zero(), 0xff, "{multiple}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn factors_at_their_bounds(a in lanes_strategy(tight()), b in lanes_strategy(tight())) {
        if matches!(Backend::Avx512.vectors(), Vectors::Ifma(_)) {
            // SAFETY: the processor has the instructions.
            unsafe { check_tight(&a, &b) }
        }
    }

    #[test]
    fn sums_at_their_bounds(a in lanes_strategy(loose())) {
        if matches!(Backend::Avx512.vectors(), Vectors::Ifma(_)) {
            // SAFETY: the processor has the instructions.
            unsafe { check_loose(&a) }
        }
    }
}

#[test]
fn constants() {
    if matches!(Backend::Avx512.vectors(), Vectors::Ifma(_)) {
        // SAFETY: the processor has the instructions.
        unsafe { check_constants() }
    }
}
