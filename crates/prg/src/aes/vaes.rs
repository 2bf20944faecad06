//! Sixty-four blocks at a time with AVX-512 and VAES. Counter blocks never touch memory: sixteen registers of four blocks
//! each count, take the ten rounds, and are stored where the key stream goes.

use std::arch::x86_64::*;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::BLOCK_BYTES;
use crate::counters::Counters;

const ROUNDS: usize = 10;

/// Blocks in a register.
const LANES: usize = 4;

/// Registers in flight, which hides the latency of a round and leaves room for the round keys.
const REGISTERS: usize = 16;

/// The round keys of AES-128, wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct RoundKeys([[u8; BLOCK_BYTES]; ROUNDS + 1]);

/// The key schedule of FIPS 197, 5.2.
#[target_feature(enable = "aes")]
pub(super) fn expand(key: &[u8; BLOCK_BYTES]) -> RoundKeys {
    let mut keys = [bytemuck::cast::<_, __m128i>(*key); ROUNDS + 1];
    keys[1] = next::<0x01>(keys[0]);
    keys[2] = next::<0x02>(keys[1]);
    keys[3] = next::<0x04>(keys[2]);
    keys[4] = next::<0x08>(keys[3]);
    keys[5] = next::<0x10>(keys[4]);
    keys[6] = next::<0x20>(keys[5]);
    keys[7] = next::<0x40>(keys[6]);
    keys[8] = next::<0x80>(keys[7]);
    keys[9] = next::<0x1b>(keys[8]);
    keys[10] = next::<0x36>(keys[9]);
    RoundKeys(bytemuck::cast(keys))
}

/// The key of the next round: each word is the exclusive or of the words of `key` up to its own, and of the last word,
/// rotated, substituted and with the constant of the round.
#[inline]
#[target_feature(enable = "aes")]
fn next<const CONSTANT: i32>(key: __m128i) -> __m128i {
    let last = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<CONSTANT>(key));
    let mut sums = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
    sums = _mm_xor_si128(sums, _mm_slli_si128::<8>(sums));
    _mm_xor_si128(sums, last)
}

/// Overwrites `blocks` with the encrypted counter blocks.
#[target_feature(enable = "avx512f,avx512bw,vaes")]
pub(super) fn key_stream(keys: &RoundKeys, counters: Counters, blocks: &mut [[u8; BLOCK_BYTES]]) {
    let keys = keys.0.map(|key| _mm512_broadcast_i32x4(bytemuck::cast(key)));
    match counters {
        Counters::Lower { from } => {
            let next = Next { blocks: lanes(from, 1, 0, 0), step: lanes(LANES as u64, 0, 0, 0) };
            encrypt::<false>(&keys, next, blocks);
        }
        Counters::Upper { fixed, from } => {
            let next = Next { blocks: lanes(fixed, 0, from, 1), step: lanes(0, 0, LANES as u64, 0) };
            encrypt::<true>(&keys, next, blocks);
        }
    }
}

/// The next four counter blocks as pairs of numbers, and what makes them the four after.
struct Next {
    blocks: __m512i,
    step: __m512i,
}

impl Next {
    /// The next four; with `SWAP`, their upper halves are big-endian.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn take<const SWAP: bool>(&mut self) -> __m512i {
        let blocks = self.blocks;
        self.blocks = _mm512_add_epi64(blocks, self.step);
        if SWAP { _mm512_shuffle_epi8(blocks, swap_upper()) } else { blocks }
    }
}

/// Four blocks whose halves are `lower` and `upper`, each counting on by its own step.
#[inline]
#[target_feature(enable = "avx512f")]
fn lanes(lower: u64, lower_step: u64, upper: u64, upper_step: u64) -> __m512i {
    let block = |at: u64| {
        // Blocks past the end of a draw are made, but not used.
        let half = |from: u64, step: u64| from.wrapping_add(step * at).cast_signed();
        (half(lower, lower_step), half(upper, upper_step))
    };
    let [(a, b), (c, d), (e, f), (g, h)] = [block(0), block(1), block(2), block(3)];
    _mm512_set_epi64(h, g, f, e, d, c, b, a)
}

/// For `_mm512_shuffle_epi8`: the bytes of each upper half in reverse.
#[inline]
#[target_feature(enable = "avx512f")]
fn swap_upper() -> __m512i {
    _mm512_broadcast_i32x4(_mm_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 7, 6, 5, 4, 3, 2, 1, 0))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,vaes")]
fn encrypt<const SWAP: bool>(keys: &[__m512i; ROUNDS + 1], mut next: Next, blocks: &mut [[u8; BLOCK_BYTES]]) {
    let (batches, rest) = blocks.as_chunks_mut::<{ REGISTERS * LANES }>();
    for batch in batches {
        let mut state = [_mm512_setzero_si512(); REGISTERS];
        for state in &mut state {
            *state = next.take::<SWAP>();
        }
        let state = rounds(keys, state);
        for (place, state) in batch.as_chunks_mut::<LANES>().0.iter_mut().zip(state) {
            *place = bytemuck::cast(state);
        }
    }
    let (whole, rest) = rest.as_chunks_mut::<LANES>();
    for place in whole {
        let [state] = rounds(keys, [next.take::<SWAP>()]);
        *place = bytemuck::cast(state);
    }
    if !rest.is_empty() {
        let [state] = rounds(keys, [next.take::<SWAP>()]);
        let mut last: [[u8; BLOCK_BYTES]; LANES] = bytemuck::cast(state);
        rest.copy_from_slice(&last[..rest.len()]);
        last.zeroize();
    }
}

#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn rounds<const N: usize>(keys: &[__m512i; ROUNDS + 1], mut state: [__m512i; N]) -> [__m512i; N] {
    for state in &mut state {
        *state = _mm512_xor_si512(*state, keys[0]);
    }
    for key in &keys[1..ROUNDS] {
        for state in &mut state {
            *state = _mm512_aesenc_epi128(*state, *key);
        }
    }
    for state in &mut state {
        *state = _mm512_aesenclast_epi128(*state, keys[ROUNDS]);
    }
    state
}
