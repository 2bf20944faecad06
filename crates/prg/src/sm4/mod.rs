//! SM4 (GB/T 32907-2016) in constant time, for many blocks under one key.
//!
//! The substitution is computed, not looked up: no address and no branch depends on the key or on a block.

mod bitsliced;
mod field;
#[cfg(target_arch = "x86_64")]
mod gfni;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::BLOCK_BYTES;
use crate::backend::Backend;

const ROUNDS: usize = 32;

/// The system parameter FK of the standard.
const FAMILY: [u32; 4] = [0xa3b1_bac6, 0x56aa_3350, 0x677d_9197, 0xb270_22dc];

/// The cipher with its round keys, which are wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Sm4([u32; ROUNDS]);

impl Sm4 {
    pub(crate) fn new(key: &[u8; BLOCK_BYTES]) -> Self {
        let mut words = [0; 4];
        for ((word, bytes), family) in words.iter_mut().zip(key.as_chunks().0).zip(FAMILY) {
            *word = u32::from_be_bytes(*bytes) ^ family;
        }
        let mut keys = [0; ROUNDS];
        for (round, key) in keys.iter_mut().enumerate() {
            let [a, b, c, d] = words;
            let mixed = bitsliced::substitute_word(b ^ c ^ d ^ parameter(round));
            *key = a ^ mixed ^ mixed.rotate_left(13) ^ mixed.rotate_left(23);
            words = [b, c, d, *key];
        }
        words.zeroize();
        Self(keys)
    }

    /// Encrypts the blocks in place.
    pub(crate) fn encrypt(&self, blocks: &mut [[u8; BLOCK_BYTES]]) {
        self.encrypt_with(Backend::chosen(), blocks);
    }

    fn encrypt_with(&self, backend: Backend, blocks: &mut [[u8; BLOCK_BYTES]]) {
        backend::encrypt(backend, &self.0, blocks);
    }
}

/// The fixed parameter CK of a round: its byte j is 7 (4 · round + j).
fn parameter(round: usize) -> u32 {
    u32::from_be_bytes(std::array::from_fn(|byte| (7 * (4 * round + byte)) as u8))
}

#[allow(unsafe_code, reason = "calls functions compiled for instructions that the backend stands for")]
mod backend {
    use super::{BLOCK_BYTES, Backend, ROUNDS, bitsliced};

    pub(super) fn encrypt(backend: Backend, keys: &[u32; ROUNDS], blocks: &mut [[u8; BLOCK_BYTES]]) {
        match backend {
            Backend::Serial => bitsliced::encrypt(keys, blocks),
            // SAFETY: there is an `Avx2` only where its instructions exist.
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2 => unsafe { bitsliced_avx2(keys, blocks) },
            // SAFETY: there is an `Avx512` only where its instructions exist.
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512 => unsafe { super::gfni::encrypt(keys, blocks) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn bitsliced_avx2(keys: &[u32; ROUNDS], blocks: &mut [[u8; BLOCK_BYTES]]) {
        bitsliced::encrypt(keys, blocks);
    }
}

#[cfg(test)]
mod tests {
    use cipher::{BlockCipherEncrypt as _, KeyInit as _};
    use proptest::prelude::*;

    use super::*;

    /// A table of the `sm4` crate's, as an independent cipher.
    fn expected(key: &[u8; 16], blocks: &mut [[u8; 16]]) {
        let cipher = ::sm4::Sm4::new(key.into());
        for block in blocks {
            cipher.encrypt_block(block.into());
        }
    }

    fn backends_agree(key: [u8; 16], blocks: &[[u8; 16]]) {
        let mut right = blocks.to_vec();
        expected(&key, &mut right);
        for backend in Backend::detected() {
            let mut got = blocks.to_vec();
            Sm4::new(&key).encrypt_with(backend, &mut got);
            assert!(got == right, "{} with {} blocks", backend.name(), blocks.len());
        }
    }

    /// Every byte at every place of a block, so that every input of the substitution comes up in the first round.
    #[test]
    fn every_byte_at_every_place() {
        let blocks: Vec<_> = (0..16 * 256)
            .map(|at| std::array::from_fn(|place| (u8::from(place == at / 256)) * (at % 256) as u8))
            .collect();
        backends_agree(*b"0123456789abcdef", &blocks);
    }

    #[test]
    fn counts_around_the_batches_agree() {
        for count in [0, 1, 3, 4, 15, 16, 17, 63, 64, 65, 80, 255, 256, 257, 300] {
            let blocks: Vec<_> =
                (0..count).map(|at: u128| (at * 0x1234_5678_9abc_def1).to_le_bytes()).collect();
            backends_agree([7; 16], &blocks);
        }
    }

    proptest! {
        #[test]
        fn random_keys_and_blocks_agree(key: [u8; 16], blocks in proptest::collection::vec(any::<[u8; 16]>(), 0..40)) {
            backends_agree(key, &blocks);
        }
    }
}
