//! Seeds that were decrypted already.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use symbolon_prg::Seed;

use super::key::DealerKey;

/// Requests name every party's seed by its ciphertext, again and again: each is decrypted once. The oldest are
/// forgotten, and wiped, when there are too many.
pub(crate) struct Seeds {
    key: DealerKey,
    most: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    seeds: HashMap<Vec<u8>, Seed>,
    age: VecDeque<Vec<u8>>,
}

impl Seeds {
    pub(crate) fn new(key: DealerKey, most: usize) -> Self {
        Self { key, most: most.max(1), known: Mutex::default() }
    }

    /// The seed in `sealed`. Takes about a millisecond if it is new.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Seed, String> {
        if let Some(seed) = self.known.lock().unwrap_or_else(PoisonError::into_inner).seeds.get(sealed) {
            return Ok(seed.clone());
        }
        let seed = self.key.open(sealed)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.seeds.insert(sealed.to_vec(), seed.clone()).is_none() {
            known.age.push_back(sealed.to_vec());
        }
        while known.age.len() > self.most {
            if let Some(oldest) = known.age.pop_front() {
                known.seeds.remove(&oldest);
            }
        }
        Ok(seed)
    }

    /// Forgets all.
    pub(crate) fn clear(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_found_again_and_the_oldest_are_forgotten() {
        let key = DealerKey::generate().unwrap();
        let seeds = Seeds::new(key.clone(), 2);
        let sealed: Vec<_> = (0..3).map(|i| key.public_key().seal(&Seed::from_u128_le(i)).unwrap()).collect();
        for (i, sealed) in sealed.iter().enumerate() {
            for _ in 0..2 {
                assert_eq!(seeds.open(sealed).unwrap().to_u128(), i as u128);
            }
        }
        let known = seeds.known.lock().unwrap();
        assert_eq!((known.seeds.len(), known.age.len()), (2, 2));
        assert!(!known.seeds.contains_key(&sealed[0]));
        drop(known);
        assert!(seeds.open(&sealed[0][1..]).unwrap_err().contains("cannot be decrypted"));
        seeds.clear();
        assert!(seeds.known.lock().unwrap().seeds.is_empty());
    }
}
