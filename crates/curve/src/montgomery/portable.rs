//! The vector instructions one lane after the other, for machines without them.
//!
//! With debug assertions, as in tests, it panics where a sum or a difference leaves 64 bits or a factor has more
//! than 52: the bounds that the field arithmetic claims.

#[cfg(test)]
use super::radix25;
use super::radix51::{Engine, LANES, Loose, Tight, product, square};

/// Eight lanes in an array. Products are kept out of line: inlined, they would make the code enormous.
#[derive(Clone, Copy)]
pub(super) struct Portable;

fn each(f: impl Fn(usize) -> u64) -> [u64; LANES] {
    std::array::from_fn(f)
}

fn product_of(a: u64, b: u64) -> u128 {
    debug_assert!(a >> 52 == 0 && b >> 52 == 0, "a factor of more than 52 bits");
    u128::from(a) * u128::from(b)
}

impl Engine for Portable {
    type Vector = [u64; LANES];

    fn load(self, lanes: [u64; LANES]) -> Self::Vector {
        lanes
    }

    #[inline(never)]
    fn store(self, a: Self::Vector) -> [u64; LANES] {
        a
    }

    #[inline(never)]
    fn splat(self, value: u64) -> Self::Vector {
        [value; LANES]
    }

    #[inline(never)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(|l| a[l] + b[l])
    }

    #[inline(never)]
    fn subtract(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(|l| a[l] - b[l])
    }

    #[inline(never)]
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(|l| a[l] & b[l])
    }

    #[inline(never)]
    fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(|l| a[l] | b[l])
    }

    #[inline(never)]
    fn right<const BITS: u32>(self, a: Self::Vector) -> Self::Vector {
        each(|l| a[l] >> BITS)
    }

    #[inline(never)]
    fn left<const BITS: u32>(self, a: Self::Vector) -> Self::Vector {
        each(|l| a[l] << BITS)
    }

    #[inline(never)]
    fn multiply(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(|l| a[l] * b[l])
    }

    #[inline(never)]
    fn low(self, sum: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        let low = each(|l| (product_of(a[l], b[l]) & ((1 << 52) - 1)) as u64);
        each(|l| sum[l] + low[l])
    }

    #[inline(never)]
    fn high(self, sum: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        let high = each(|l| (product_of(a[l], b[l]) >> 52) as u64);
        each(|l| sum[l] + high[l])
    }

    #[inline(never)]
    fn select(self, mask: u8, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(|l| if mask >> l & 1 == 1 { b[l] } else { a[l] })
    }

    #[inline(never)]
    fn zeros(self, a: Self::Vector) -> u8 {
        (0..LANES).map(|l| u8::from(a[l] == 0) << l).sum()
    }

    #[inline(never)]
    fn product(self, a: &Tight<Self::Vector>, b: &Tight<Self::Vector>, biased: bool) -> Loose<Self::Vector> {
        product(self, a, b, biased)
    }

    #[inline(never)]
    fn square(self, a: &Tight<Self::Vector>, biased: bool) -> Loose<Self::Vector> {
        square(self, a, biased)
    }
}

/// For the tests of the bounds of the other radix; where there are no vector instructions, 52 bits are faster.
#[cfg(test)]
impl radix25::Engine for Portable {
    const LANES: usize = LANES;
    type Vector = [u64; LANES];

    fn load(self, lanes: &[u64; LANES]) -> Self::Vector {
        *lanes
    }

    fn store(self, a: Self::Vector) -> [u64; LANES] {
        a
    }

    fn splat(self, value: u64) -> Self::Vector {
        [value; LANES]
    }

    #[inline(never)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(|l| a[l] + b[l])
    }

    #[inline(never)]
    fn subtract(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(|l| a[l] - b[l])
    }

    #[inline(never)]
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(|l| a[l] & b[l])
    }

    #[inline(never)]
    fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(|l| a[l] | b[l])
    }

    #[inline(never)]
    fn right<const BITS: i32>(self, a: Self::Vector) -> Self::Vector {
        each(|l| a[l] >> BITS)
    }

    #[inline(never)]
    fn left<const BITS: i32>(self, a: Self::Vector) -> Self::Vector {
        each(|l| a[l] << BITS)
    }

    #[inline(never)]
    fn multiply(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        assert!(a.iter().chain(&b).all(|factor| factor >> 32 == 0), "a factor of more than 32 bits");
        each(|l| a[l] * b[l])
    }

    #[inline(never)]
    fn select(self, mask: u8, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(|l| if mask >> l & 1 == 1 { b[l] } else { a[l] })
    }

    #[inline(never)]
    fn zeros(self, a: Self::Vector) -> u8 {
        (0..LANES).map(|l| u8::from(a[l] == 0) << l).sum()
    }

    #[inline(never)]
    fn product(
        self,
        a: &radix25::Tight<Self::Vector>,
        b: &radix25::Tight<Self::Vector>,
        biased: bool,
    ) -> radix25::Loose<Self::Vector> {
        radix25::product(self, a, b, biased)
    }

    #[inline(never)]
    fn square(self, a: &radix25::Tight<Self::Vector>, biased: bool) -> radix25::Loose<Self::Vector> {
        radix25::square(self, a, biased)
    }
}
