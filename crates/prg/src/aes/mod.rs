//! AES-128 (FIPS 197) in constant time, for key streams: the counter blocks are made and encrypted in registers where
//! the machine can do that for many blocks at once.

#[cfg(target_arch = "x86_64")]
mod vaes;

use ::aes::Aes128Enc;
use cipher::{Array, BlockCipherEncrypt, KeyInit};

use crate::BLOCK_BYTES;
use crate::backend::Backend;
use crate::counters::Counters;

/// The cipher with its round keys, which are wiped on drop.
#[derive(Clone)]
pub(crate) enum Aes {
    /// For any machine.
    Portable(Aes128Enc),
    #[cfg(target_arch = "x86_64")]
    Vaes(vaes::RoundKeys),
}

impl Aes {
    pub(crate) fn new(key: &[u8; BLOCK_BYTES]) -> Self {
        Self::with(Backend::chosen(), key)
    }

    fn with(backend: Backend, key: &[u8; BLOCK_BYTES]) -> Self {
        match backend {
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512 => Self::Vaes(backend::round_keys(key)),
            _ => Self::Portable(Aes128Enc::new(key.into())),
        }
    }

    /// Overwrites `blocks` with the encrypted counter blocks.
    pub(crate) fn key_stream(&self, counters: Counters, blocks: &mut [[u8; BLOCK_BYTES]]) {
        match self {
            Self::Portable(cipher) => {
                counters.write(blocks);
                cipher.encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
            }
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(keys) => backend::key_stream(keys, counters, blocks),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "calls functions compiled for instructions that the backend stands for")]
mod backend {
    use super::vaes::{self, RoundKeys};
    use super::{BLOCK_BYTES, Counters};

    /// For [`Backend::Avx512`](crate::backend::Backend::Avx512) only.
    pub(super) fn round_keys(key: &[u8; BLOCK_BYTES]) -> RoundKeys {
        // SAFETY: the caller has that backend, and there is one only where its instructions exist.
        unsafe { vaes::expand(key) }
    }

    pub(super) fn key_stream(keys: &RoundKeys, counters: Counters, blocks: &mut [[u8; BLOCK_BYTES]]) {
        // SAFETY: only `round_keys` makes round keys, where the instructions exist.
        unsafe { vaes::key_stream(keys, counters, blocks) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// SP 800-38A, F.5.1 (CTR-AES128.Encrypt): plaintexts and ciphertexts, whose exclusive or is the key stream.
    #[test]
    fn blocks_of_sp_800_38a() {
        let (upper, lower) = (bytes("f0f1f2f3f4f5f6f7"), bytes("f8f9fafbfcfdfeff"));
        let counters = Counters::Upper { fixed: u64::from_le_bytes(upper), from: u64::from_be_bytes(lower) };
        let plain = [
            "6bc1bee22e409f96e93d7e117393172a",
            "ae2d8a571e03ac9c9eb76fac45af8e51",
            "30c81c46a35ce411e5fbc1191a0a52ef",
            "f69f2445df4f9b17ad2b417be66c3710",
        ];
        let masked = [
            "874d6191b620e3261bef6864990db6ce",
            "9806f66b7970fdff8617187bb9fffdff",
            "5ae4df3edbd5d35e5b4f09020db03eab",
            "1e031dda2fbe03d1792170a0f3009cee",
        ];
        let expected: Vec<[u8; 16]> = plain
            .into_iter()
            .zip(masked)
            .map(|(plain, masked)| {
                (u128::from_be_bytes(bytes(plain)) ^ u128::from_be_bytes(bytes(masked))).to_be_bytes()
            })
            .collect();
        let key = bytes("2b7e151628aed2a6abf7158809cf4f3c");
        let mut blocks = [[0; 16]; 4];
        for backend in Backend::detected() {
            Aes::with(backend, &key).key_stream(counters, &mut blocks);
            assert_eq!(blocks[..], expected, "{}", backend.name());
        }
    }

    fn backends_agree(key: [u8; 16], counters: Counters, count: usize) {
        let mut expected = vec![[0; 16]; count];
        counters.write(&mut expected);
        Aes128Enc::new(&key.into()).encrypt_blocks(Array::cast_slice_from_core_mut(&mut expected));
        for backend in Backend::detected() {
            let mut got = vec![[0xa5; 16]; count];
            Aes::with(backend, &key).key_stream(counters, &mut got);
            assert!(got == expected, "{} with {count} blocks at {counters:?}", backend.name());
        }
    }

    #[test]
    fn counts_around_the_batches_agree() {
        for count in [0, 1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 67, 68, 127, 128, 129, 300] {
            for from in [0, 1, 255, 256, 0xffff_ffff, u64::MAX - 300] {
                backends_agree([7; 16], Counters::Lower { from }, count);
                backends_agree([7; 16], Counters::Upper { fixed: 0x0123_4567_89ab_cdef, from }, count);
            }
        }
    }

    proptest! {
        #[test]
        fn random_keys_and_counters_agree(key: [u8; 16], fixed: u64, from in 0..u64::MAX - 300, count in 0_usize..300) {
            backends_agree(key, Counters::Lower { from }, count);
            backends_agree(key, Counters::Upper { fixed, from }, count);
        }
    }
}
