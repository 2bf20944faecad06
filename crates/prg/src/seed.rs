//! Seeds: the keys of the streams.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::PrgError;

/// The 16 bytes that key a stream. Wiped from memory on drop; `Debug` does not show them.
///
/// `Clone` is explicit on purpose: a seed must reach the stream and, for a dealer, its message.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; 16]);

impl Seed {
    /// A fresh seed from the operating system.
    ///
    /// # Errors
    /// [`PrgError::OursOperatingSystem`].
    pub fn random() -> Result<Self, PrgError> {
        let mut seed = Self([0; 16]);
        getrandom::fill(&mut seed.0).map_err(PrgError::OursOperatingSystem)?;
        Ok(seed)
    }

    /// The seed with these bytes (a recorded one, or one that arrived from a peer).
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let bytes = Zeroizing::new(bytes);
        Self(*bytes)
    }

    /// The seed whose bytes are the integer's, least significant first: how a 128-bit integer that
    /// travelled as such becomes a key.
    pub fn from_u128_le(value: u128) -> Self {
        Self::from_bytes(value.to_le_bytes())
    }

    /// The bytes. Secret.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The integer whose bytes, least significant first, are the seed's. Secret.
    pub fn to_u128(&self) -> u128 {
        u128::from_le_bytes(self.0)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(hidden)")
    }
}
