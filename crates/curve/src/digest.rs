//! The hash functions of the suites.

use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};
use sha3::{Sha3_224, Sha3_256, Sha3_384, Sha3_512};
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update, XofReader};
use sm3::Sm3;

use crate::Hash;

/// Bytes of the longest digest.
const LONGEST: usize = 64;

/// A digest: up to 64 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Digest {
    bytes: [u8; LONGEST],
    length: usize,
}

/// The first `N` bytes of SHAKE-256 of the concatenation of `parts`.
pub(crate) fn shake_256<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hasher = Shake256::default();
    for part in parts {
        hasher.update(part);
    }
    let mut output = [0; N];
    hasher.finalize_xof().read(&mut output);
    output
}

impl Digest {
    /// The digest of `message`.
    pub(crate) fn of(hash: Hash, message: &[u8]) -> Self {
        match hash {
            Hash::Sha256 => Self::from_slice(&Sha256::digest(message)),
            Hash::Sm3 => Self::from_slice(&Sm3::digest(message)),
            Hash::Sha224 => Self::from_slice(&Sha224::digest(message)),
            Hash::Sha384 => Self::from_slice(&Sha384::digest(message)),
            Hash::Sha512 => Self::from_slice(&Sha512::digest(message)),
            Hash::Sha3_224 => Self::from_slice(&Sha3_224::digest(message)),
            Hash::Sha3_256 => Self::from_slice(&Sha3_256::digest(message)),
            Hash::Sha3_384 => Self::from_slice(&Sha3_384::digest(message)),
            Hash::Sha3_512 => Self::from_slice(&Sha3_512::digest(message)),
            Hash::Shake256 => Self::from_slice(&shake_256::<32>(&[message])),
        }
    }

    fn from_slice(digest: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = *from;
        }
        Self { bytes, length: digest.len().min(LONGEST) }
    }

    /// The digest's bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The first 32 bytes, zeros where the digest is shorter.
    pub(crate) fn first_32(&self) -> [u8; 32] {
        let mut first = [0; 32];
        first.copy_from_slice(&self.bytes[..32]);
        first
    }
}
