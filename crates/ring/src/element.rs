//! The element types: unsigned machine integers read modulo 2^k.

use std::fmt;

use crate::{RingError, product};

pub(crate) mod sealed {
    use crate::product::Shape;

    /// Keeps [`Ring`](crate::Ring) closed and carries the kernels that are compiled per type in this crate.
    pub trait Sealed: Sized {
        /// `acc += a * b` on the calling thread, with the chosen backend.
        #[doc(hidden)]
        fn product(backend: crate::backend::Backend, shape: Shape, a: &[Self], b: &[Self], acc: &mut [Self]);
    }
}

/// One of the three rings of the Semi2K protocol (PPCA 7-2023, `FieldType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Integers modulo 2^32.
    Ring32,
    /// Integers modulo 2^64.
    Ring64,
    /// Integers modulo 2^128.
    Ring128,
}

impl Field {
    /// All rings, smallest first.
    pub const ALL: [Self; 3] = [Self::Ring32, Self::Ring64, Self::Ring128];

    /// The width k in bits.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Ring32 => 32,
            Self::Ring64 => 64,
            Self::Ring128 => 128,
        }
    }

    /// The width in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Ring32 => 4,
            Self::Ring64 => 8,
            Self::Ring128 => 16,
        }
    }

    /// The ring of that many bits.
    ///
    /// # Errors
    /// [`RingError::ConfigField`] unless `bits` is 32, 64 or 128.
    pub const fn from_bits(bits: u32) -> Result<Self, RingError> {
        match bits {
            32 => Ok(Self::Ring32),
            64 => Ok(Self::Ring64),
            128 => Ok(Self::Ring128),
            _ => Err(RingError::ConfigField { bits }),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Z_2^{}", self.bits())
    }
}

/// An element of Z_2^k. Sealed: `u32`, `u64` and `u128` are the only ones.
///
/// Every operation is total and wraps. The memory form is the wire form (little-endian, `BYTES` bytes).
/// Shifts by `BITS` or more give what shifting one bit at a time would: 0, or the sign for [`Ring::ashr`].
pub trait Ring:
    sealed::Sealed + Copy + Send + Sync + Eq + Ord + Default + fmt::Debug + bytemuck::Pod + 'static
{
    /// The width k in bits.
    const BITS: u32;
    /// The width in bytes.
    const BYTES: usize;
    /// The neutral element of addition.
    const ZERO: Self;
    /// The neutral element of multiplication.
    const ONE: Self;
    /// The ring, as a value.
    const FIELD: Field;

    /// `self + other` modulo 2^k.
    fn add(self, other: Self) -> Self;
    /// `self - other` modulo 2^k.
    fn sub(self, other: Self) -> Self;
    /// `self * other` modulo 2^k.
    fn mul(self, other: Self) -> Self;
    /// `-self` modulo 2^k.
    fn neg(self) -> Self;
    /// Bitwise and.
    fn and(self, other: Self) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, other: Self) -> Self;
    /// Left shift.
    fn shl(self, bits: u32) -> Self;
    /// Logical right shift: zeros come in from the left.
    fn shr(self, bits: u32) -> Self;
    /// Arithmetic right shift: copies of the top bit come in from the left.
    fn ashr(self, bits: u32) -> Self;
    /// The residue of `value` modulo 2^k.
    fn from_i128(value: i128) -> Self;
    /// The representative in -2^(k-1) .. 2^(k-1) (two's complement).
    fn to_i128(self) -> i128;
}

macro_rules! ring {
    ($unsigned:ty, $field:expr, $($tile:literal),+) => {
        impl sealed::Sealed for $unsigned {
            fn product(
                backend: crate::backend::Backend,
                shape: product::Shape,
                a: &[Self],
                b: &[Self],
                acc: &mut [Self],
            ) {
                backend.product::<Self, $($tile),+>(shape, a, b, acc);
            }
        }

        // The casts below change the sign or narrow on purpose: that is arithmetic modulo 2^k.
        impl Ring for $unsigned {
            const BITS: u32 = <$unsigned>::BITS;
            const BYTES: usize = size_of::<$unsigned>();
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const FIELD: Field = $field;

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn neg(self) -> Self {
                self.wrapping_neg()
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
            #[inline(always)]
            fn shl(self, bits: u32) -> Self {
                self.unbounded_shl(bits)
            }
            #[inline(always)]
            fn shr(self, bits: u32) -> Self {
                self.unbounded_shr(bits)
            }
            #[inline(always)]
            fn ashr(self, bits: u32) -> Self {
                self.cast_signed().unbounded_shr(bits).cast_unsigned()
            }
            #[inline(always)]
            fn from_i128(value: i128) -> Self {
                value as $unsigned
            }
            #[inline(always)]
            fn to_i128(self) -> i128 {
                i128::from(self.cast_signed())
            }
        }
    };
}

// the last four: elements in a vector of 2, 4 and 8 words of 64 bits, and rows of a tile
ring!(u32, Field::Ring32, 4, 8, 16, 4);
ring!(u64, Field::Ring64, 2, 4, 8, 4);
ring!(u128, Field::Ring128, 1, 1, 1, 4);
