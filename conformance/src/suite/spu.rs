//! The dealer's service of SPU (`spu.mpc.semi2k.beaver.ttp_server.BeaverService`), from both sides, in the two forms that
//! engines speak: JSON over HTTP answered by frames, and unary calls over brpc's baidu_std. Plain sockets and messages
//! of the suite's own; nothing of the crate that Symbolon's dealer is made of.
//!
//! There are no sessions: each buffer of a request carries the parties' seeds, sealed to the dealer's SM2 key.

pub mod client;
pub mod messages;
pub mod server;
mod wire;

use std::path::{Path, PathBuf};

use sm2::elliptic_curve::rand_core::{TryCryptoRng, TryRng};
use sm2::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use sm2::pke::{DecryptingKey, EncryptingKey};
use sm2::{PublicKey, SecretKey};
use symbolon_dialect::Construction;

use super::streams::draw;

pub use client::{Answer, Client};
pub use messages::{Adjust, Buffer, Permutation};
pub use server::Server;

/// The service's name.
pub const SERVICE: &str = "spu.mpc.semi2k.beaver.ttp_server.BeaverService";
/// `OpAdjustError` of the service.
pub const OP_ADJUST_ERROR: i32 = 1;
/// `SeedDecryptError` of the service.
pub const SEED_DECRYPT_ERROR: i32 = 2;

/// A form of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON posted over HTTP/1.1, answered by frames: SPU 0.9.5 and later.
    Http,
    /// Unary calls over baidu_std: the SPU of the reference implementation.
    Unary,
}

/// A dealer's key pair. The suite's keys are made for it and protect nothing.
pub struct KeyPair {
    secret: SecretKey,
}

impl KeyPair {
    /// The pair of that number.
    ///
    /// # Errors
    /// None of the numbers that the suite uses.
    pub fn of_number(number: u8) -> Result<Self, String> {
        let secret = [&[0x51; 31], [number].as_slice()].concat();
        SecretKey::from_slice(&secret)
            .map(|secret| Self { secret })
            .map_err(|error| format!("SM2 key {number}: {error}"))
    }

    /// Writes `sm2.key` and `sm2.pub` (PEM: PKCS#8 and SubjectPublicKeyInfo) into a folder.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<[PathBuf; 2], String> {
        let failed = |error: sm2::pkcs8::Error| format!("an SM2 key in PEM: {error}");
        let secret = self.secret.to_pkcs8_pem(LineEnding::LF).map_err(failed)?;
        let spki = |error: sm2::pkcs8::spki::Error| format!("an SM2 key in PEM: {error}");
        let public = self.secret.public_key().to_public_key_pem(LineEnding::LF).map_err(spki)?;
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            let path = std::path::absolute(&path).unwrap_or(path);
            std::fs::write(&path, text)
                .map(|()| path.clone())
                .map_err(|error| format!("{}: {error}", path.display()))
        };
        Ok([write("sm2.key", &secret)?, write("sm2.pub", &public)?])
    }

    /// A seed as parties send it: an SM2 ciphertext, ASN.1 DER, SM3.
    ///
    /// # Errors
    /// A seed that cannot be encrypted: an empty one.
    pub fn seal(&self, seed: &[u8]) -> Result<Vec<u8>, String> {
        let public: PublicKey = self.secret.public_key();
        EncryptingKey::new(public)
            .encrypt_der(&mut Fixed { counter: 0 }, seed)
            .map_err(|error| format!("sealing {} bytes: {error}", seed.len()))
    }

    /// The seed in a ciphertext.
    ///
    /// # Errors
    /// Bytes that are no ciphertext for this key, or hold something else than 16 bytes.
    pub fn open(&self, sealed: &[u8]) -> Result<[u8; 16], String> {
        let plain = DecryptingKey::new(self.secret.clone())
            .decrypt_der(sealed)
            .map_err(|_| format!("{} bytes that are no SM2 ciphertext for the dealer's key", sealed.len()))?;
        let length = plain.len();
        plain.try_into().map_err(|_| format!("a seed of {length} bytes"))
    }
}

/// The same numbers in every run, so that transcripts can be compared.
struct Fixed {
    counter: u64,
}

impl TryRng for Fixed {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        out.copy_from_slice(&draw(b"suite: sealings.", Construction::CtrBigEndian, self.counter, out.len()));
        self.counter += out.len().div_ceil(16) as u64;
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_with_the_same_key_only() {
        let (one, two) = (KeyPair::of_number(1).unwrap(), KeyPair::of_number(2).unwrap());
        let sealed = one.seal(&[7; 16]).unwrap();
        assert_eq!(one.open(&sealed), Ok([7; 16]));
        assert!(two.open(&sealed).is_err());
        assert!(one.open(&one.seal(&[7; 15]).unwrap()).unwrap_err().contains("15 bytes"));
        assert!(one.open(b"nothing").is_err());
    }
}
