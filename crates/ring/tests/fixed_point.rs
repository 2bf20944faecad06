//! Encoding, decoding and truncation.

use proptest::prelude::*;
use symbolon_ring::{FixedPoint, Matrix, PublicTruncation, Ring, RingError, TruncationSide, truncate_share};

/// trunc(value · 2^f) from the bits of the float, in integers only.
fn model(value: f32, fraction_bits: u32) -> i128 {
    let bits = value.to_bits();
    let exponent = (bits >> 23 & 0xFF).cast_signed();
    let mantissa = i128::from(bits & 0x7F_FFFF) | if exponent == 0 { 0 } else { 1 << 23 };
    let shift = exponent.max(1) - 150 + fraction_bits.cast_signed();
    let magnitude = if shift >= 0 { mantissa << shift } else { mantissa.unbounded_shr(shift.unsigned_abs()) };
    if value.is_sign_negative() { -magnitude } else { magnitude }
}

fn round_trip<R: Ring>(value: f32, fraction_bits: u32) {
    let fixed = FixedPoint::<R>::new(fraction_bits).unwrap();
    let limit = 2_f64.powi(R::BITS.cast_signed() - 2);
    let scaled = f64::from(value) * 2_f64.powi(fraction_bits.cast_signed());
    match fixed.encode(value) {
        Ok(element) => {
            assert!(scaled.abs() < limit);
            assert_eq!(element.to_i128(), model(value, fraction_bits));
            let back = fixed.decode(element);
            let unit = 2_f64.powi(-fraction_bits.cast_signed());
            assert!((back - f64::from(value)).abs() < unit && back.abs() <= f64::from(value).abs());
            assert_eq!(fixed.encode(-value).unwrap(), element.neg(), "odd");
        }
        Err(error) => {
            assert!(scaled.abs() >= limit);
            assert!(matches!(error, RingError::OursOutOfRange { at: None, .. }), "{error}");
        }
    }
}

/// Truncates a random sharing of `x` both ways and returns the errors in units, sum minus floor.
fn truncation_errors<R: Ring>(x: i128, share: R, bits: u32) -> [i128; 2] {
    [TruncationSide::BothShift, TruncationSide::OneNegates].map(|side| {
        let mut shares = [R::from_i128(x).sub(share), share].map(|share| Matrix::filled(1, 1, share));
        for (rank, share) in shares.iter_mut().enumerate() {
            truncate_share(share, bits, rank, side);
        }
        let sum = shares[0].add(&shares[1]).unwrap().get(0, 0);
        sum.to_i128().wrapping_sub(R::from_i128(x).ashr(bits).to_i128())
    })
}

fn truncation_bound<R: Ring>(x: i128, share: R, bits: u32) {
    // no wrap: the two shares as signed integers sum to x itself
    let (s0, s1) = (R::from_i128(x).sub(share).to_i128(), share.to_i128());
    let [both, one] = truncation_errors(x, share, bits);
    if s0.checked_add(s1) == Some(x) {
        assert!((-1..=0).contains(&both), "both shift: {both}");
        assert!((0..=1).contains(&one), "one negates: {one}");
    } else if bits < R::BITS - 2 {
        // off by 2^(k-bits), give or take a unit
        let wrap = R::ONE.shl(R::BITS - bits).to_i128();
        for error in [both, one] {
            let rest = R::from_i128(error).to_i128();
            assert!(
                [rest.wrapping_sub(wrap), rest.wrapping_add(wrap)].iter().any(|e| e.abs() <= 1),
                "{error}"
            );
        }
    }
}

macro_rules! for_ring {
    ($name:ident, $ring:ty, $most:literal) => {
        mod $name {
            use super::*;

            proptest! {
                #[test]
                fn any_float_round_trips_or_is_refused(value in any::<f32>(), fraction_bits in 0_u32..=$most) {
                    if value.is_finite() {
                        round_trip::<$ring>(value, fraction_bits);
                    }
                }

                #[test]
                fn ordinary_numbers_round_trip(value in -1.0e3_f32..1.0e3, fraction_bits in 0_u32..=$most) {
                    round_trip::<$ring>(value, fraction_bits);
                }

                #[test]
                fn truncation_errs_by_a_unit(x: $ring, room in 0_u32..<$ring>::BITS, share: $ring, bits in 0_u32..<$ring>::BITS - 2) {
                    truncation_bound::<$ring>(x.ashr(room).to_i128(), share, bits);
                }

                #[test]
                fn public_truncation(v: $ring, fraction_bits in 0_u32..=$most) {
                    let fixed = FixedPoint::<$ring>::new(fraction_bits).unwrap();
                    let floor = v.to_i128().div_euclid(1 << fraction_bits);
                    let rest = v.to_i128().rem_euclid(1 << fraction_bits);
                    let up = i128::from(fraction_bits > 0 && 2 * rest >= 1 << fraction_bits);
                    prop_assert_eq!(fixed.truncate_public(v, PublicTruncation::Floor).to_i128(), floor);
                    prop_assert_eq!(fixed.truncate_public(v, PublicTruncation::Round), <$ring>::from_i128(floor + up));
                }
            }

            #[test]
            fn too_many_fraction_bits_are_refused() {
                assert_eq!(FixedPoint::<$ring>::new($most).unwrap().fraction_bits(), $most);
                let error = FixedPoint::<$ring>::new($most + 1).unwrap_err();
                assert!(error.to_string().ends_with(concat!("choose at most ", $most)), "{error}");
                assert!(FixedPoint::<$ring>::new(u32::MAX).is_err());
            }

            #[test]
            fn what_is_not_a_number_is_refused() {
                let fixed = FixedPoint::<$ring>::new(8).unwrap();
                for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    assert!(matches!(fixed.encode(value), Err(RingError::OursNotFinite { at: None, .. })));
                }
            }
        }
    };
}

for_ring!(ring32, u32, 14);
for_ring!(ring64, u64, 30);
for_ring!(ring128, u128, 62);

#[test]
fn the_range_ends_at_two_to_the_k_minus_2() {
    let fixed = FixedPoint::<u32>::new(10).unwrap();
    let limit = 2_f32.powi(20);
    assert_eq!(fixed.encode(limit.next_down()).unwrap(), (1 << 30) - (1 << 6));
    for value in [limit, -limit, f32::MAX] {
        assert!(fixed.encode(value).is_err());
    }
    assert_eq!(
        fixed.encode(-limit).unwrap_err().to_string(),
        "-1048576 is out of range: 10 fraction bits in a ring of 32 bits hold numbers of magnitude below 2^20"
    );
    assert_eq!(fixed.encode(-0.9999).unwrap().to_i128(), -1023, "toward zero");
    assert_eq!((fixed.encode(-0.0), fixed.encode(f32::MIN_POSITIVE)), (Ok(0), Ok(0)));
}

#[test]
fn a_bad_value_is_named_with_its_place() {
    let fixed = FixedPoint::<u64>::new(18).unwrap();
    let error = fixed.encode_matrix(2, 3, &[0.0, 1.0, 2.0, 3.0, f32::NAN, f32::NAN]).unwrap_err();
    assert_eq!(error.to_string(), "NaN at row 1, column 1 is not a finite number and cannot be encoded");
    let error = fixed.encode_matrix(1, 2, &[0.0, 1.0e30]).unwrap_err();
    assert!(matches!(error, RingError::OursOutOfRange { at: Some((0, 1)), .. }), "{error}");
    let error = fixed.encode_matrix(2, 2, &[0.0; 3]).unwrap_err();
    assert_eq!(error, RingError::OursElementCount { rows: 2, cols: 2, elements: 3 });
    assert_eq!(fixed.encode_matrix(3, 0, &[]).unwrap().shape(), (3, 0));
    let ok = fixed.encode_matrix(1, 2, &[0.5, -0.25]).unwrap();
    assert_eq!(fixed.decode_slice(ok.as_slice()), [0.5, -0.25]);
}

/// Step sizes as two implementations in the field compute them: encode(rate) · encode(1 / batch), rounded.
#[test]
fn step_sizes_of_the_field() {
    for (fraction_bits, batch, step) in [(18, 4.0, 6554), (18, 5.0, 5243), (26, 4.0, 1_677_722)] {
        let fixed = FixedPoint::<u64>::new(fraction_bits).unwrap();
        let product = fixed.encode(0.1).unwrap().mul(fixed.encode(1.0 / batch).unwrap());
        assert_eq!(fixed.truncate_public(product, PublicTruncation::Round), step);
    }
    let fixed = FixedPoint::<u64>::new(18).unwrap();
    let product = fixed.encode(0.1).unwrap().mul(fixed.encode(0.25).unwrap());
    assert_eq!(fixed.truncate_public(product, PublicTruncation::Floor), 6553);
}

#[test]
fn sides_differ_by_one_unit_and_only_at_rank_1() {
    let shares = Matrix::<u64>::from_vec(1, 3, vec![5, 0_u64.wrapping_sub(5), 8]).unwrap();
    let truncated = |rank, side| {
        let mut share = shares.clone();
        truncate_share(&mut share, 2, rank, side);
        share.as_slice().iter().map(|s| s.to_i128()).collect::<Vec<_>>()
    };
    assert_eq!(truncated(0, TruncationSide::BothShift), [1, -2, 2]);
    assert_eq!(truncated(1, TruncationSide::BothShift), [1, -2, 2]);
    assert_eq!(truncated(0, TruncationSide::OneNegates), [1, -2, 2]);
    assert_eq!(truncated(1, TruncationSide::OneNegates), [2, -1, 2]);
}
