//! One of N independent jobs that together cover an intersection.

use std::fmt;

use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher24;

use crate::PsiError;

/// One of N parts of the ids: those with `SipHash-2-4(key, id) mod N = index`.
///
/// Both parties of a job have the same N, index and key, and so the same part. The key is not a secret towards
/// the peer: it keeps others from choosing ids that all fall into one part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    index: u32,
    count: u32,
    hasher_key: [u8; 16],
    key_check: [u8; 16],
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {} of {}", self.index, self.count)
    }
}

impl Partition {
    /// Most parts.
    pub const MAX_COUNT: u32 = 1 << 20;

    /// Part `index` (from 0) of `count`. `key` is any text that both parties know; it may be empty.
    ///
    /// # Errors
    /// [`PsiError::ConfigParameter`] unless `index` < `count` ≤ [`Partition::MAX_COUNT`].
    pub fn new(index: u32, count: u32, key: &[u8]) -> Result<Self, PsiError> {
        if index >= count || count > Self::MAX_COUNT {
            return Err(PsiError::ConfigParameter {
                field: "partition",
                reason: format!(
                    "{index} of {count}; the index counts from 0 and is below the number of partitions, at most {}",
                    Self::MAX_COUNT
                ),
            });
        }
        Ok(Self { index, count, hasher_key: derive(b"hash", key), key_check: derive(b"check", key) })
    }

    /// Whether the id belongs to this part.
    pub fn contains(&self, id: &[u8]) -> bool {
        SipHasher24::new_with_key(&self.hasher_key).hash(id) % u64::from(self.count) == u64::from(self.index)
    }

    /// Which part, from 0.
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// Number of parts.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// A digest of the key by which two parties see that they have the same.
    pub const fn key_check(&self) -> [u8; 16] {
        self.key_check
    }
}

/// 16 bytes for one use of the key: the head of SHA-256 over a label and the key.
fn derive(label: &[u8], key: &[u8]) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(b"symbolon psi partition ")
        .chain_update(label)
        .chain_update([0])
        .chain_update(key);
    let mut derived = [0; 16];
    derived.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
    derived
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_disjoint_and_cover_everything() {
        for count in [1, 2, 7, 64] {
            let parts: Vec<_> = (0..count).map(|i| Partition::new(i, count, b"key").unwrap()).collect();
            let mut sizes = vec![0u32; parts.len()];
            for id in 0..4096u32 {
                let id = id.to_string();
                let holders: Vec<_> =
                    (0..parts.len()).filter(|&i| parts[i].contains(id.as_bytes())).collect();
                assert_eq!(holders.len(), 1);
                sizes[holders[0]] += 1;
            }
            let even = 4096 / count;
            assert!(sizes.iter().all(|&size| size.abs_diff(even) < 5 * even.isqrt()), "{sizes:?}");
        }
    }

    #[test]
    fn the_key_decides() {
        let [a, b] = [b"a", b"b"].map(|key| Partition::new(0, 2, key).unwrap());
        assert_ne!(a.key_check(), b.key_check());
        assert!((0..64u32).any(|id| a.contains(&id.to_le_bytes()) != b.contains(&id.to_le_bytes())));
    }

    #[test]
    fn impossible_parts() {
        for (index, count) in [(0, 0), (1, 1), (7, 3), (0, Partition::MAX_COUNT + 1)] {
            assert!(Partition::new(index, count, b"").is_err());
        }
    }
}
