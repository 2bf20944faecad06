//! Sixty-four blocks at a time with AVX-512 and GFNI: the substitution of 64 bytes is two instructions, an affine map
//! into the field of AES, and an inverse there with an affine map back.

use std::arch::x86_64::*;

use zeroize::Zeroize;

use super::ROUNDS;
use super::field::{Field, Substitution};
use crate::BLOCK_BYTES;

const SUBSTITUTION: Substitution = Field::Aes.substitution();

/// Four blocks in a register.
const BLOCKS: usize = 4;

/// Blocks in the four registers that hold sixteen words each.
const QUAD: usize = 4 * BLOCKS;

/// Groups in flight at once, which hides the latency of a round.
const GROUPS: usize = 4;

/// Word i of sixteen blocks in register i.
type Words = [__m512i; 4];

/// Encrypts the blocks in place.
#[target_feature(enable = "avx512f,avx512bw,gfni")]
pub(super) fn encrypt(keys: &[u32; ROUNDS], blocks: &mut [[u8; BLOCK_BYTES]]) {
    let (whole, rest) = blocks.as_chunks_mut::<{ GROUPS * QUAD }>();
    for batch in whole {
        encrypt_groups::<GROUPS>(keys, batch.as_chunks_mut().0);
    }
    let (whole, rest) = rest.as_chunks_mut::<QUAD>();
    for group in whole {
        encrypt_groups::<1>(keys, std::slice::from_mut(group));
    }
    if !rest.is_empty() {
        let mut last = [[0; BLOCK_BYTES]; QUAD];
        last[..rest.len()].copy_from_slice(rest);
        encrypt_groups::<1>(keys, std::slice::from_mut(&mut last));
        rest.copy_from_slice(&last[..rest.len()]);
        last.zeroize();
    }
}

/// Encrypts `N` groups, whose rounds take turns.
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn encrypt_groups<const N: usize>(keys: &[u32; ROUNDS], groups: &mut [[[u8; BLOCK_BYTES]; QUAD]]) {
    let mut words = [[_mm512_setzero_si512(); 4]; N];
    for (words, group) in words.iter_mut().zip(&*groups) {
        *words = load(group);
    }
    for quarter in keys.as_chunks::<4>().0 {
        for (turn, &key) in quarter.iter().enumerate() {
            let key = _mm512_set1_epi32(key.cast_signed());
            for words in &mut words {
                round(words, turn, key);
            }
        }
    }
    for (words, group) in words.iter().zip(groups) {
        store(words, group);
    }
}

/// One round: the word `turn` is replaced.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn round(words: &mut Words, turn: usize, key: __m512i) {
    let mixed = xor3(words[(turn + 1) % 4], words[(turn + 2) % 4], words[(turn + 3) % 4]);
    let mixed = substitute(_mm512_xor_si512(mixed, key));
    let near = xor3(mixed, _mm512_rol_epi32::<2>(mixed), _mm512_rol_epi32::<10>(mixed));
    let far = xor3(words[turn], _mm512_rol_epi32::<18>(mixed), _mm512_rol_epi32::<24>(mixed));
    words[turn] = _mm512_xor_si512(near, far);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn substitute(bytes: __m512i) -> __m512i {
    const BEFORE: i32 = SUBSTITUTION.before.constant as i32;
    const AFTER: i32 = SUBSTITUTION.after.constant as i32;
    let before = _mm512_set1_epi64(SUBSTITUTION.before.linear.as_gfni().cast_signed());
    let after = _mm512_set1_epi64(SUBSTITUTION.after.linear.as_gfni().cast_signed());
    let mapped = _mm512_gf2p8affine_epi64_epi8::<BEFORE>(bytes, before);
    _mm512_gf2p8affineinv_epi64_epi8::<AFTER>(mapped, after)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

/// The words of sixteen blocks, each in the processor's own byte order.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(group: &[[u8; BLOCK_BYTES]; QUAD]) -> Words {
    let (registers, _) = group.as_chunks::<BLOCKS>();
    let mut words = [_mm512_setzero_si512(); 4];
    for (word, blocks) in words.iter_mut().zip(registers) {
        *word = swap_bytes(bytemuck::cast(*blocks));
    }
    transpose(words)
}

/// The reverse of [`load`], with the last word of a block first.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store([w0, w1, w2, w3]: &Words, group: &mut [[u8; BLOCK_BYTES]; QUAD]) {
    let words = transpose([*w3, *w2, *w1, *w0]);
    let (registers, _) = group.as_chunks_mut::<BLOCKS>();
    for (word, blocks) in words.into_iter().zip(registers) {
        *blocks = bytemuck::cast(swap_bytes(word));
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn swap_bytes(words: __m512i) -> __m512i {
    let order = _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
    _mm512_shuffle_epi8(words, order)
}

/// Four by four words in each quarter of the registers.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose([a, b, c, d]: Words) -> Words {
    let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab_low, cd_low),
        _mm512_unpackhi_epi64(ab_low, cd_low),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    ]
}
