//! Many blocks at a time, a bit of each in one plane: every step is the same few gates for all of them, so there is
//! nothing that depends on a secret but the values themselves.

use std::ops::{BitAnd, BitXor, Not};

use zeroize::Zeroize;

use super::ROUNDS;
use super::field::{Affine, Field, Substitution};
use crate::BLOCK_BYTES;

/// Blocks of which a word holds one bit each.
const BLOCKS: usize = 64;

/// Words in a plane: as many as the registers of AVX2 hold.
const WORDS: usize = 4;

const SUBSTITUTION: Substitution = Field::Tower.substitution();

/// One bit of each of 64 · W blocks.
#[derive(Clone, Copy)]
struct Plane<const W: usize>([u64; W]);

impl<const W: usize> Plane<W> {
    const ZERO: Self = Self([0; W]);
}

impl<const W: usize> BitXor for Plane<W> {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] ^ other.0[word]))
    }
}

impl<const W: usize> BitAnd for Plane<W> {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & other.0[word]))
    }
}

impl<const W: usize> Not for Plane<W> {
    type Output = Self;

    #[inline(always)]
    fn not(self) -> Self {
        Self(self.0.map(|word| !word))
    }
}

/// Encrypts the blocks in place.
#[inline(always)]
pub(super) fn encrypt(keys: &[u32; ROUNDS], blocks: &mut [[u8; BLOCK_BYTES]]) {
    let (whole, rest) = blocks.as_chunks_mut::<{ WORDS * BLOCKS }>();
    for batch in whole {
        encrypt_batch::<WORDS>(keys, batch);
    }
    let (whole, rest) = rest.as_chunks_mut::<BLOCKS>();
    for batch in whole {
        encrypt_batch::<1>(keys, batch);
    }
    if !rest.is_empty() {
        let mut last = [[0; BLOCK_BYTES]; BLOCKS];
        last[..rest.len()].copy_from_slice(rest);
        encrypt_batch::<1>(keys, &mut last);
        rest.copy_from_slice(&last[..rest.len()]);
        last.zeroize();
    }
}

#[inline(always)]
fn encrypt_batch<const W: usize>(keys: &[u32; ROUNDS], blocks: &mut [[u8; BLOCK_BYTES]]) {
    let mut halves = [[Plane::<W>::ZERO; 64]; 2];
    for (place, block) in blocks.iter().enumerate() {
        let (parts, _) = block.as_chunks::<8>();
        for (half, part) in halves.iter_mut().zip(parts) {
            half[place % BLOCKS].0[place / BLOCKS] = u64::from_be_bytes(*part);
        }
    }
    halves.iter_mut().for_each(transpose);
    // The bits of a word from the lowest on: words 0 and 1 are the upper and lower bits of the first half.
    let word = |half: &[Plane<W>; 64], from| std::array::from_fn(|bit| half[from + bit]);
    let mut state: [[Plane<W>; 32]; 4] =
        [word(&halves[0], 32), word(&halves[0], 0), word(&halves[1], 32), word(&halves[1], 0)];
    for quarter in keys.as_chunks::<4>().0 {
        for (turn, &key) in quarter.iter().enumerate() {
            round(&mut state, turn, key);
        }
    }
    // The output is the last four words, the last of them first.
    for (bit, pair) in state[3].iter().zip(&state[2]).enumerate() {
        halves[0][32 + bit] = *pair.0;
        halves[0][bit] = *pair.1;
    }
    for (bit, pair) in state[1].iter().zip(&state[0]).enumerate() {
        halves[1][32 + bit] = *pair.0;
        halves[1][bit] = *pair.1;
    }
    halves.iter_mut().for_each(transpose);
    for (place, block) in blocks.iter_mut().enumerate() {
        let (parts, _) = block.as_chunks_mut::<8>();
        for (half, part) in halves.iter().zip(parts) {
            *part = half[place % BLOCKS].0[place / BLOCKS].to_be_bytes();
        }
    }
}

/// One round: the word `turn` is replaced.
#[inline(always)]
fn round<const W: usize>(state: &mut [[Plane<W>; 32]; 4], turn: usize, key: u32) {
    let mut mixed = [Plane::<W>::ZERO; 32];
    for (bit, plane) in mixed.iter_mut().enumerate() {
        let sum = state[(turn + 1) % 4][bit] ^ state[(turn + 2) % 4][bit] ^ state[(turn + 3) % 4][bit];
        *plane = sum ^ Plane([u64::from(key >> bit & 1).wrapping_neg(); W]);
    }
    mixed.as_chunks_mut::<8>().0.iter_mut().for_each(substitute);
    for (bit, plane) in state[turn].iter_mut().enumerate() {
        // Bit b of a word rotated to the left by r is its bit b - r.
        let rotated = |by: usize| mixed[(bit + 32 - by) % 32];
        *plane = *plane ^ mixed[bit] ^ rotated(2) ^ rotated(10) ^ rotated(18) ^ rotated(24);
    }
}

/// The transposition of a square of 64 bits, in each word of the planes on its own.
#[inline(always)]
fn transpose<const W: usize>(square: &mut [Plane<W>; 64]) {
    let (mut width, mut mask) = (32, 0x0000_0000_ffff_ffff_u64);
    while width > 0 {
        for row in (0..64).filter(|row| row & width == 0) {
            for word in 0..W {
                let (upper, lower) = (square[row].0[word], square[row + width].0[word]);
                let changed = (upper >> width ^ lower) & mask;
                square[row].0[word] = upper ^ changed << width;
                square[row + width].0[word] = lower ^ changed;
            }
        }
        width /= 2;
        mask ^= mask << width;
    }
}

/// The substitution of the byte whose bits are these planes.
#[inline(always)]
fn substitute<P: Gates>(bits: &mut [P; 8]) {
    let [b0, b1, b2, b3, a0, a1, a2, a3] = affine(&SUBSTITUTION.before, *bits);
    let (a, b) = ([a0, a1, a2, a3], [b0, b1, b2, b3]);
    // (a z + b)⁻¹ = (a z + a + b) / (y³ a² + a b + b²)
    let sum = add(a, b);
    let norm = add(add(times_y3(square(a)), multiply(a, b)), square(b));
    let inverse = invert(norm);
    let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (multiply(a, inverse), multiply(sum, inverse));
    *bits = affine(&SUBSTITUTION.after, [b0, b1, b2, b3, a0, a1, a2, a3]);
}

/// What gates work on.
trait Gates: Copy + BitXor<Output = Self> + BitAnd<Output = Self> + Not<Output = Self> {}

impl<const W: usize> Gates for Plane<W> {}
impl Gates for u32 {}

#[inline(always)]
fn affine<P: Gates>(map: &Affine, bits: [P; 8]) -> [P; 8] {
    std::array::from_fn(|row| {
        let mut sum = None;
        for (bit, image) in map.linear.0.iter().enumerate() {
            if image >> row & 1 == 1 {
                sum = Some(sum.map_or(bits[bit], |sum| sum ^ bits[bit]));
            }
        }
        // The map is a bijection: no row is empty.
        let sum = sum.unwrap_or(bits[row]);
        if map.constant >> row & 1 == 1 { !sum } else { sum }
    })
}

/// An element of GF(2^4) modulo y^4 + y + 1, the constant term first.
type Nibble<P> = [P; 4];

#[inline(always)]
fn add<P: Gates>(a: Nibble<P>, b: Nibble<P>) -> Nibble<P> {
    std::array::from_fn(|bit| a[bit] ^ b[bit])
}

#[inline(always)]
fn square<P: Gates>([a0, a1, a2, a3]: Nibble<P>) -> Nibble<P> {
    [a0 ^ a2, a2, a1 ^ a3, a3]
}

#[inline(always)]
fn times_y3<P: Gates>([a0, a1, a2, a3]: Nibble<P>) -> Nibble<P> {
    [a1, a1 ^ a2, a2 ^ a3, a0 ^ a3]
}

#[inline(always)]
fn multiply<P: Gates>([a0, a1, a2, a3]: Nibble<P>, [b0, b1, b2, b3]: Nibble<P>) -> Nibble<P> {
    let fourth = (a1 & b3) ^ (a2 & b2) ^ (a3 & b1);
    let fifth = (a2 & b3) ^ (a3 & b2);
    let sixth = a3 & b3;
    [
        (a0 & b0) ^ fourth,
        (a0 & b1) ^ (a1 & b0) ^ fourth ^ fifth,
        (a0 & b2) ^ (a1 & b1) ^ (a2 & b0) ^ fifth ^ sixth,
        (a0 & b3) ^ (a1 & b2) ^ (a2 & b1) ^ (a3 & b0) ^ sixth,
    ]
}

/// The inverse, and 0 of 0: the fourteenth power as a polynomial in the bits.
#[inline(always)]
fn invert<P: Gates>([a0, a1, a2, a3]: Nibble<P>) -> Nibble<P> {
    let (a01, a02, a12, a03, a13, a23) = (a0 & a1, a0 & a2, a1 & a2, a0 & a3, a1 & a3, a2 & a3);
    let a123 = a12 & a3;
    [
        a0 ^ a1 ^ a2 ^ a02 ^ a12 ^ (a0 & a12) ^ a3 ^ a123,
        a01 ^ a02 ^ a12 ^ a3 ^ a13 ^ (a01 & a3),
        a01 ^ a2 ^ a02 ^ a3 ^ a03 ^ (a02 & a3),
        a1 ^ a2 ^ a3 ^ a03 ^ a13 ^ a23 ^ a123,
    ]
}

/// The substitution of the four bytes of a word, for the round keys.
pub(super) fn substitute_word(word: u32) -> u32 {
    // Bit i of each byte, at the place of bit 0.
    let mut bits: [u32; 8] = std::array::from_fn(|bit| word >> bit);
    substitute(&mut bits);
    bits.iter().enumerate().fold(0, |sum, (bit, plane)| sum | (plane & 0x0101_0101) << bit)
}
