//! Ring laws, matrices and their wire form.

use proptest::prelude::*;
use symbolon_ring::{Field, Matrix, Ring, RingError};

/// Elements, with the corners of the ring more often than chance would have them.
fn element<R: Ring>() -> impl Strategy<Value = R> {
    let corners = vec![0, 1, -1, i128::from(i32::MIN), i128::from(i64::MAX), i128::MIN, i128::MAX];
    prop_oneof![3 => any::<i128>(), 1 => proptest::sample::select(corners)].prop_map(R::from_i128)
}

fn matrix<R: Ring>(rows: usize, cols: usize) -> impl Strategy<Value = Matrix<R>> {
    proptest::collection::vec(element::<R>(), rows * cols)
        .prop_map(move |data| Matrix::from_vec(rows, cols, data).unwrap())
}

/// Reduces to the representative in -2^(k-1) .. 2^(k-1): an independent model of the ring.
fn residue<R: Ring>(value: i128) -> i128 {
    if R::BITS == 128 {
        return value;
    }
    let modulus = 1_i128 << R::BITS;
    let least = value.rem_euclid(modulus);
    if least >= modulus / 2 { least - modulus } else { least }
}

fn laws<R: Ring>(a: R, b: R, c: R, bits: u32) {
    let (x, y) = (a.to_i128(), b.to_i128());
    assert_eq!(a.add(b).to_i128(), residue::<R>(x.wrapping_add(y)));
    assert_eq!(a.sub(b).to_i128(), residue::<R>(x.wrapping_sub(y)));
    assert_eq!(a.mul(b).to_i128(), residue::<R>(x.wrapping_mul(y)));
    assert_eq!(a.neg(), R::ZERO.sub(a));
    assert_eq!(a.mul(b.add(c)), a.mul(b).add(a.mul(c)));
    assert_eq!(a.mul(b).mul(c), a.mul(b.mul(c)));
    assert_eq!(a.mul(R::ONE), a);
    assert_eq!(a.add(a.neg()), R::ZERO);
    assert_eq!(a.xor(b), a.add(b).sub(a.and(b).add(a.and(b))));
    assert_eq!(R::from_i128(x), a);
    // shifts, also by the whole width and beyond
    assert_eq!(a.shl(bits), (0..bits).fold(a, |v, _| v.add(v)));
    let floor = if bits >= 127 { -i128::from(x < 0) } else { x.div_euclid(1 << bits) };
    assert_eq!(a.ashr(bits).to_i128(), floor);
    let ones = R::ZERO.sub(R::ONE);
    let kept = if bits >= R::BITS { R::ZERO } else { ones.shl(R::BITS - bits).xor(ones) };
    assert_eq!(a.shr(bits), a.ashr(bits).and(kept));
}

fn matrix_laws<R: Ring>(a: &Matrix<R>, b: &Matrix<R>, c: &Matrix<R>) {
    // a, b: m×k; c: k×n
    assert_eq!(a.add(b).unwrap().sub(b).unwrap(), *a);
    assert_eq!(a.neg().add(a).unwrap(), Matrix::zeros(a.rows(), a.cols()));
    let mut sum = a.clone();
    sum.add_assign(b).unwrap();
    assert_eq!(sum, a.add(b).unwrap());
    sum.sub_assign(a).unwrap();
    assert_eq!(sum, *b);
    let together = a.add(b).unwrap().matmul(c).unwrap();
    let mut apart = a.matmul(c).unwrap();
    b.matmul_add(c, &mut apart).unwrap();
    assert_eq!(together, apart, "distributive");
    assert_eq!(a.matmul(c).unwrap().transpose(), c.transpose().matmul(&a.transpose()).unwrap());
    assert_eq!(a.transpose().transpose(), *a);
    let two = R::ONE.add(R::ONE);
    assert_eq!(a.scale(two), a.add(a).unwrap());
    assert_eq!(a.mul_elementwise(&Matrix::filled(a.rows(), a.cols(), two)).unwrap(), a.scale(two));
    // joining and cutting
    let wide = a.hconcat(b).unwrap();
    assert_eq!(wide.transpose(), a.transpose().vconcat(&b.transpose()).unwrap());
    let tall = a.vconcat(b).unwrap();
    assert_eq!(tall.row_range(0..a.rows()), *a);
    assert_eq!(tall.row_range(a.rows()..tall.rows()), *b);
    // wire form
    let bytes = a.to_le_bytes();
    let expected: Vec<u8> =
        a.as_slice().iter().flat_map(|v| v.to_i128().to_le_bytes()[..R::BYTES].to_vec()).collect();
    assert_eq!(bytes, expected);
    assert_eq!(Matrix::<R>::from_le_bytes(a.rows(), a.cols(), &bytes).unwrap(), *a);
    assert_eq!(a.clone().into_bytes(), bytes);
    assert_eq!(a.clone().into_le_bytes(), bytes);
    let mut unaligned = vec![0];
    unaligned.extend(b.to_le_bytes());
    let mut sum = a.clone();
    sum.add_assign_le_bytes(&unaligned[1..]).unwrap();
    assert_eq!(sum, a.add(b).unwrap());
}

fn shapes() -> impl Strategy<Value = (usize, usize, usize)> {
    (0_usize..40, 0_usize..40, 0_usize..20)
}

macro_rules! for_ring {
    ($name:ident, $ring:ty) => {
        mod $name {
            use super::*;

            proptest! {
                #[test]
                fn elements(a in element::<$ring>(), b in element::<$ring>(), c in element::<$ring>(), bits in 0_u32..140) {
                    laws(a, b, c, bits);
                }

                #[test]
                fn matrices(
                    (a, b, c) in shapes().prop_flat_map(|(m, k, n)| {
                        (matrix::<$ring>(m, k), matrix::<$ring>(m, k), matrix::<$ring>(k, n))
                    })
                ) {
                    matrix_laws(&a, &b, &c);
                }
            }

            #[test]
            fn constants() {
                assert_eq!(<$ring>::BITS, <$ring as Ring>::FIELD.bits());
                assert_eq!(<$ring as Ring>::BYTES, <$ring as Ring>::FIELD.bytes());
                assert_eq!(Field::from_bits(<$ring>::BITS), Ok(<$ring as Ring>::FIELD));
            }

            #[test]
            fn wrong_byte_lengths_are_refused() {
                let width = <$ring as Ring>::BYTES;
                for (rows, cols, bytes) in
                    [(2, 3, 6 * width - 1), (2, 3, 6 * width + 1), (2, 3, 0), (0, 3, 1), (usize::MAX, 2, 0), (usize::MAX / 2, 1, 3)]
                {
                    let error = Matrix::<$ring>::from_le_bytes(rows, cols, &vec![0; bytes]).unwrap_err();
                    assert_eq!(error, RingError::OursByteCount { rows, cols, field_bits: <$ring>::BITS, bytes });
                }
                let mut matrix = Matrix::<$ring>::filled(2, 3, 7);
                for bytes in [0, 6 * width - 1, 6 * width + 1] {
                    assert!(matrix.add_assign_le_bytes(&vec![1; bytes]).is_err());
                    assert_eq!(matrix, Matrix::filled(2, 3, 7), "unchanged");
                }
            }
        }
    };
}

for_ring!(ring32, u32);
for_ring!(ring64, u64);
for_ring!(ring128, u128);

#[test]
fn misfits_name_operation_and_shapes() {
    let (a, b) = (Matrix::<u64>::zeros(2, 3), Matrix::<u64>::zeros(3, 4));
    let mut target = Matrix::<u64>::filled(2, 3, 9);
    let text = |result: Result<Matrix<u64>, RingError>| result.unwrap_err().to_string();
    assert_eq!(text(a.add(&b)), "addition: a 2x3 matrix does not fit a 3x4 matrix");
    assert_eq!(text(a.sub(&b)), "subtraction: a 2x3 matrix does not fit a 3x4 matrix");
    assert!(text(a.mul_elementwise(&b)).starts_with("element-wise product: a 2x3"));
    assert_eq!(text(b.matmul(&a)), "matrix product: a 3x4 matrix does not fit a 2x3 matrix");
    assert!(text(a.hconcat(&b)).starts_with("joining columns: "));
    assert!(text(a.vconcat(&b)).starts_with("joining rows: "));
    assert!(target.add_assign(&b).is_err() && target.sub_assign(&b).is_err());
    assert_eq!(
        a.matmul_add(&b, &mut target).unwrap_err().to_string(),
        "accumulating a product: a 2x4 matrix does not fit a 2x3 matrix"
    );
    assert!(b.matmul_add(&a, &mut target).is_err());
    assert_eq!(target, Matrix::filled(2, 3, 9), "unchanged");
    for (rows, cols) in [(2, 2), (usize::MAX, 3), (0, 5)] {
        let error = Matrix::from_vec(rows, cols, vec![0_u32; 3]).unwrap_err();
        assert_eq!(error, RingError::OursElementCount { rows, cols, elements: 3 });
    }
    assert_eq!(Field::from_bits(16), Err(RingError::ConfigField { bits: 16 }));
}

#[test]
fn places_are_row_major() {
    let mut matrix = Matrix::<u32>::from_fn(2, 3, |row, col| u32::try_from(10 * row + col).unwrap());
    assert_eq!(matrix.as_slice(), [0, 1, 2, 10, 11, 12]);
    assert_eq!(
        (matrix.row(1), matrix.get(1, 2), matrix.shape(), matrix.len()),
        (&[10, 11, 12][..], 12, (2, 3), 6)
    );
    matrix.map_assign(|v| v + 1);
    assert_eq!(matrix.map(|v| v - 1).into_vec(), [0, 1, 2, 10, 11, 12]);
    assert_eq!(format!("{matrix:?}"), "Matrix<u32>(2x3)", "no element is shown");
}

#[test]
fn products_with_empty_sides_are_empty_or_zero() {
    let product = |m, k, n| Matrix::<u64>::filled(m, k, 3).matmul(&Matrix::filled(k, n, 5)).unwrap();
    assert_eq!(product(2, 0, 3), Matrix::zeros(2, 3));
    assert_eq!(product(0, 2, 3).shape(), (0, 3));
    assert_eq!(product(2, 3, 0).shape(), (2, 0));
}
