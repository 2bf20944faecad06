//! What hashing and decoding need of the field of integers modulo
//! p = 2^256 - 2^224 - 2^96 + 2^64 - 1.

use sm2::elliptic_curve::bigint::U256;
use sm2::elliptic_curve::ff::PrimeField;
use sm2::elliptic_curve::hazmat::FieldArithmetic;
use sm2::{FieldBytes, Sm2};

/// An integer modulo p.
pub(crate) type FieldElement = <Sm2 as FieldArithmetic>::FieldElement;

/// b of the curve equation y^2 = x^3 - 3x + b (GB/T 32918.5).
pub(crate) const B: FieldElement =
    FieldElement::from_hex_vartime("28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93");

/// A big-endian integer of any length, modulo p, as 32 bytes.
pub(crate) fn reduce(bytes: &[u8]) -> [u8; 32] {
    reduce_to_element(bytes).to_repr().into()
}

fn reduce_to_element(bytes: &[u8]) -> FieldElement {
    // 2^256 modulo p.
    const CARRY: FieldElement =
        FieldElement::from_hex_vartime("0000000100000000000000000000000000000000ffffffff0000000000000001");
    let mut sum = FieldElement::ZERO;
    for block in bytes.rchunks(32).rev() {
        let mut padded = [0u8; 32];
        for (to, from) in padded.iter_mut().rev().zip(block.iter().rev()) {
            *to = *from;
        }
        sum = sum * CARRY + below_2_256(&padded);
    }
    sum
}

fn below_2_256(bytes: &[u8; 32]) -> FieldElement {
    const P: U256 = U256::from_be_hex("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff");
    let element = |integer: U256| FieldElement::from_repr(FieldBytes::from(integer.to_be_bytes()));
    let integer = U256::from_be_slice(bytes);
    // At most once too large.
    let reduced = || element(integer.wrapping_sub(&P)).unwrap_or(FieldElement::ZERO);
    element(integer).into_option().unwrap_or_else(reduced)
}

/// x^3 - 3x + b.
pub(crate) fn curve_equation(x: &FieldElement) -> FieldElement {
    (x.square() - FieldElement::from_u64(3)) * x + B
}

/// A square root of `a`, if it has one.
///
/// a^((p+1)/4), where (p+1)/4 = 2^62 (2^32 - 1)(2^160 - 1): 252 squarings and 13 multiplications.
pub(crate) fn square_root(a: &FieldElement) -> Option<FieldElement> {
    let power_32 = ones_32(a);
    let root = squared(ones_160(&power_32), 62);
    (root.square() == *a).then_some(root)
}

fn squared(mut a: FieldElement, times: usize) -> FieldElement {
    for _ in 0..times {
        a = a.square();
    }
    a
}

/// From a^(2^n - 1) to a^(2^2n - 1).
fn double_ones(a: FieldElement, n: usize) -> FieldElement {
    squared(a, n) * a
}

/// a^(2^32 - 1).
fn ones_32(a: &FieldElement) -> FieldElement {
    [1, 2, 4, 8, 16].into_iter().fold(*a, double_ones)
}

/// a^(2^160 - 1).
fn ones_160(a: &FieldElement) -> FieldElement {
    let four = double_ones(double_ones(*a, 1), 2);
    let five = four.square() * a;
    [5, 10, 20, 40, 80].into_iter().fold(five, double_ones)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sm2::elliptic_curve::ff::Field;

    #[test]
    fn roots_are_those_of_the_library() {
        for n in 0..200u64 {
            let a = FieldElement::from_u64(n);
            let (ours, theirs) = (square_root(&a), a.sqrt().into_option());
            assert_eq!(ours.is_some(), theirs.is_some(), "{n}");
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                assert!(ours == theirs || ours == -theirs, "{n}");
            }
        }
    }

    #[test]
    fn long_integers_are_reduced() {
        let two = FieldElement::from_u64(2);
        let power = |n: u64| two.pow([n]);
        for length in [1usize, 28, 31, 32, 33, 48, 63, 64] {
            let mut bytes = vec![0u8; length];
            bytes[0] = 0x80;
            bytes[length - 1] |= 1;
            let expected = power(8 * length as u64 - 1) + FieldElement::ONE;
            let expected = if length == 1 { FieldElement::from_u64(0x81) } else { expected };
            assert_eq!(reduce_to_element(&bytes), expected, "{length}");
        }
        // p itself, and all ones.
        let p = hex::decode("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff").unwrap();
        assert_eq!(reduce_to_element(&p), FieldElement::ZERO);
        assert_eq!(reduce_to_element(&[0xff; 64]), power(512) - FieldElement::ONE);
    }
}
