//! The byte substitution of SM4 as algebra, so that it needs no table.
//!
//! S(x) = A·(A·x + C)⁻¹ + C, with the inverse in GF(2^8) modulo x^8 + x^7 + x^6 + x^5 + x^4 + x^2 + 1, a circulant bit
//! matrix A and a constant C. The inverse is taken where it is cheap, in a field that is isomorphic to that one: the
//! field of AES, for which processors have an instruction, or a tower GF((2^4)^2), for which few gates do. The maps from
//! one field to the other are found here, at compile time.

/// A linear map of bytes: the images of the eight bits.
#[derive(Clone, Copy)]
pub(super) struct Linear(pub(super) [u8; 8]);

/// x ↦ `linear`·x + `constant`.
#[derive(Clone, Copy)]
pub(super) struct Affine {
    pub(super) linear: Linear,
    pub(super) constant: u8,
}

/// The substitution with its inverse taken in another field: `after`(`before`(x)⁻¹).
#[derive(Clone, Copy)]
pub(super) struct Substitution {
    pub(super) before: Affine,
    pub(super) after: Affine,
}

/// The matrix A: row i is 0xa7 rotated to the left by i.
const A: Linear = {
    let mut images = [0; 8];
    let mut row = 0;
    while row < 8 {
        let mut bit = 0;
        while bit < 8 {
            images[bit] |= (0xa7_u8.rotate_left(row) >> bit & 1) << row;
            bit += 1;
        }
        row += 1;
    }
    Linear(images)
};

const C: u8 = 0xd3;

/// Fields of 256 elements.
#[derive(Clone, Copy)]
pub(super) enum Field {
    /// GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
    Aes,
    /// Pairs a·z + b over GF(2^4) modulo y^4 + y + 1, with z^2 = z + y^3; a in the upper four bits.
    Tower,
}

impl Field {
    /// The substitution of SM4 with its inverse taken in this field.
    pub(super) const fn substitution(self) -> Substitution {
        let into = self.isomorphism();
        Substitution {
            before: Affine { linear: into.after(A), constant: into.apply(C) },
            after: Affine { linear: A.after(into.inverse()), constant: C },
        }
    }

    /// The isomorphism from the field of SM4: powers of its generator go to powers of a root of its polynomial.
    const fn isomorphism(self) -> Linear {
        let root = self.root_of_sm4();
        let mut images = [1; 8];
        let mut power = 1;
        while power < 8 {
            images[power] = self.multiply(images[power - 1], root);
            power += 1;
        }
        Linear(images)
    }

    const fn root_of_sm4(self) -> u8 {
        const POLYNOMIAL: u16 = 0x1f5;
        let mut candidate = 2_u8;
        loop {
            let mut value = 0;
            let mut power = 9;
            while power > 0 {
                power -= 1;
                value = self.multiply(value, candidate) ^ (POLYNOMIAL >> power & 1) as u8;
            }
            if value == 0 {
                return candidate;
            }
            // All fields of 256 elements are isomorphic, so there is one; should there be none, this does not compile.
            candidate += 1;
        }
    }

    const fn multiply(self, a: u8, b: u8) -> u8 {
        match self {
            Self::Aes => multiply_modulo(a, b, 0x11b, 8),
            Self::Tower => {
                let (a1, a0, b1, b0) = (a >> 4, a & 15, b >> 4, b & 15);
                let upper = multiply_nibbles(a1, b1);
                let middle = multiply_nibbles(a1, b0) ^ multiply_nibbles(a0, b1);
                let lower = multiply_nibbles(a0, b0) ^ multiply_nibbles(upper, 8);
                (upper ^ middle) << 4 | lower
            }
        }
    }
}

const fn multiply_nibbles(a: u8, b: u8) -> u8 {
    multiply_modulo(a, b, 0x13, 4)
}

/// The product of polynomials over GF(2) modulo one of this degree.
const fn multiply_modulo(a: u8, b: u8, modulus: u16, degree: u32) -> u8 {
    let (mut product, mut shifted, mut bit) = (0, a as u16, 0);
    while bit < degree {
        if b >> bit & 1 == 1 {
            product ^= shifted;
        }
        shifted <<= 1;
        if shifted >> degree == 1 {
            shifted ^= modulus;
        }
        bit += 1;
    }
    product as u8
}

impl Linear {
    const fn apply(self, x: u8) -> u8 {
        let (mut sum, mut bit) = (0, 0);
        while bit < 8 {
            if x >> bit & 1 == 1 {
                sum ^= self.0[bit];
            }
            bit += 1;
        }
        sum
    }

    /// x ↦ self(first(x)).
    const fn after(self, first: Self) -> Self {
        let mut images = first.0;
        let mut bit = 0;
        while bit < 8 {
            images[bit] = self.apply(images[bit]);
            bit += 1;
        }
        Self(images)
    }

    /// The inverse of a bijection.
    const fn inverse(self) -> Self {
        let mut images = [0; 8];
        let mut x = 255_u8;
        while x > 0 {
            let image = self.apply(x);
            if image.is_power_of_two() {
                images[image.trailing_zeros() as usize] = x;
            }
            x -= 1;
        }
        Self(images)
    }

    /// The matrix as the affine instructions of GFNI take it: the row of bit i in byte 7 - i.
    #[cfg(target_arch = "x86_64")]
    pub(super) const fn as_gfni(self) -> u64 {
        let (mut matrix, mut row) = (0, 0);
        while row < 8 {
            let mut bit = 0;
            while bit < 8 {
                matrix |= ((self.0[bit] >> row & 1) as u64) << (8 * (7 - row) + bit);
                bit += 1;
            }
            row += 1;
        }
        matrix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_fields_give_the_inverse() {
        for field in [Field::Aes, Field::Tower] {
            let map = field.isomorphism();
            for a in 1..=255 {
                let b = (1..=255).find(|&b| multiply_modulo(a, b, 0x1f5, 8) == 1).unwrap();
                assert_eq!(field.multiply(map.apply(a), map.apply(b)), 1);
                assert_eq!(map.inverse().apply(map.apply(a)), a);
            }
        }
    }
}
