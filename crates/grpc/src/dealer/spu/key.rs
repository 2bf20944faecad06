//! SM2 keys of a dealer, and seeds sealed to them.
//!
//! A seed travels as the ASN.1 DER form of an SM2 ciphertext (GM/T 0009-2012: C1 as two integers, C3, C2) with SM3. Keys
//! are PEM: PKCS#8 or SEC1 private keys, SubjectPublicKeyInfo public keys. Of either, two forms are about: OpenSSL 3 writes
//! `id-ecPublicKey` with the named curve SM2 (1.2.156.10197.1.301), others write the curve as the algorithm too.

use std::sync::Arc;

use sm2::elliptic_curve::rand_core::TryRng;
use sm2::pkcs8::der::{self, Decode, asn1::ObjectIdentifier, pem::PemLabel};
use sm2::pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use sm2::pkcs8::{AssociatedOid, EncodePrivateKey, EncodePublicKey, LineEnding, PrivateKeyInfoRef};
use sm2::pke::{DecryptingKey, EncryptingKey};
use sm2::{PublicKey, SecretKey, Sm2};
use symbolon_prg::Seed;
use zeroize::Zeroizing;

use crate::error::GrpcError;

/// `id-ecPublicKey` (RFC 5480).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Longest DER form of a sealed seed: two integers of 33 bytes, digest and seed, with their heads.
pub(crate) const SEALED_BYTES: usize = 2 + 2 * 35 + 34 + 18;

/// A dealer's private key. Wiped when the last clone is dropped.
#[derive(Clone)]
pub struct DealerKey(Arc<SecretKey>);

/// A dealer's public key: seeds are sealed to it.
#[derive(Clone, PartialEq, Eq)]
pub struct DealerPublicKey(PublicKey);

impl DealerKey {
    /// A new key pair from the operating system's randomness.
    ///
    /// # Errors
    /// [`GrpcError::Config`] when the operating system gives no randomness.
    pub fn generate() -> Result<Self, GrpcError> {
        use sm2::elliptic_curve::Generate;
        let key = SecretKey::try_generate_from_rng(&mut SystemRandom)
            .map_err(|_| GrpcError::Config("the operating system gives no randomness for a key".into()))?;
        Ok(Self(Arc::new(key)))
    }

    /// Reads a PEM text: `PRIVATE KEY` (PKCS#8, not encrypted) or `EC PRIVATE KEY` (SEC1).
    ///
    /// # Errors
    /// [`GrpcError::Config`], without anything of the text.
    pub fn from_pem(pem: &str) -> Result<Self, GrpcError> {
        let wrong = |why: &str| {
            GrpcError::Config(format!(
                "the dealer's private key {why}; an unencrypted SM2 key in PEM is expected, as `symbolon keygen` and \
                 `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:SM2` write it"
            ))
        };
        // OpenSSL's older tools put the parameters before the key.
        let start = pem.find("-----BEGIN PRIVATE KEY").or_else(|| pem.find("-----BEGIN EC PRIVATE KEY"));
        let text = start.and_then(|start| pem.get(start..)).ok_or_else(|| wrong("is no PEM private key"))?;
        let (label, der) =
            der::pem::decode_vec(text.trim_end().as_bytes()).map_err(|_| wrong("is broken PEM"))?;
        let der = Zeroizing::new(der);
        let key = if label == PrivateKeyInfoRef::PEM_LABEL {
            let info =
                PrivateKeyInfoRef::try_from(der.as_slice()).map_err(|_| wrong("is no PKCS#8 structure"))?;
            if !is_sm2(&info.algorithm) {
                return Err(wrong("is for another algorithm or curve"));
            }
            SecretKey::from_sec1_der(info.private_key.as_bytes())
        } else {
            SecretKey::from_sec1_der(&der)
        };
        key.map(|key| Self(Arc::new(key))).map_err(|_| wrong("is not one of the curve SM2"))
    }

    /// The PKCS#8 form in PEM, `id-ecPublicKey` with the curve SM2. Secret.
    ///
    /// # Errors
    /// [`GrpcError::Config`] if the key cannot be encoded.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, GrpcError> {
        let failed = |_| GrpcError::Config("the private key cannot be encoded".into());
        self.0.to_pkcs8_pem(LineEnding::LF).map_err(failed)
    }

    /// The public key.
    pub fn public_key(&self) -> DealerPublicKey {
        DealerPublicKey(self.0.public_key())
    }

    /// The seed in a ciphertext; the error tells nothing about the key or the plaintext.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Seed, String> {
        if sealed.len() > SEALED_BYTES {
            return Err(format!(
                "an encrypted seed has {} bytes; at most {SEALED_BYTES} are possible",
                sealed.len()
            ));
        }
        let key = DecryptingKey::new(SecretKey::clone(&self.0));
        let plain = key.decrypt_der(sealed).map(Zeroizing::new).map_err(|_| {
            format!(
                "an encrypted seed of {} bytes cannot be decrypted: it is no SM2 ciphertext (ASN.1 DER, SM3), or was \
                 made for another public key than this dealer's",
                sealed.len()
            )
        })?;
        let seed = <[u8; 16]>::try_from(plain.as_slice())
            .map_err(|_| format!("an encrypted seed holds {} bytes instead of 16", plain.len()))?;
        Ok(Seed::from_bytes(seed))
    }
}

impl DealerPublicKey {
    /// Reads a PEM text: `PUBLIC KEY` (SubjectPublicKeyInfo).
    ///
    /// # Errors
    /// [`GrpcError::Config`].
    pub fn from_pem(pem: &str) -> Result<Self, GrpcError> {
        let wrong = |why: &str| {
            GrpcError::Config(format!(
                "the dealer's public key {why}; an SM2 key in PEM (BEGIN PUBLIC KEY) is expected"
            ))
        };
        let (label, der) =
            der::pem::decode_vec(pem.trim().as_bytes()).map_err(|_| wrong("is no PEM text"))?;
        if label != "PUBLIC KEY" {
            return Err(wrong("is no PEM public key"));
        }
        let info =
            SubjectPublicKeyInfoRef::from_der(&der).map_err(|_| wrong("is no SubjectPublicKeyInfo"))?;
        if !is_sm2(&info.algorithm) {
            return Err(wrong("is for another algorithm or curve"));
        }
        let point = info.subject_public_key.as_bytes().ok_or_else(|| wrong("has a broken point"))?;
        let key = PublicKey::from_sec1_bytes(point).map_err(|_| wrong("is no point of the curve SM2"))?;
        Ok(Self(key))
    }

    /// The SubjectPublicKeyInfo form in PEM, `id-ecPublicKey` with the curve SM2.
    ///
    /// # Errors
    /// [`GrpcError::Config`] if the key cannot be encoded.
    pub fn to_pem(&self) -> Result<String, GrpcError> {
        let failed = |_| GrpcError::Config("the public key cannot be encoded".into());
        self.0.to_public_key_pem(LineEnding::LF).map_err(failed)
    }

    /// Encrypts a dealer seed, in the ASN.1 DER form.
    ///
    /// # Errors
    /// [`GrpcError::Config`] when the operating system gives no randomness.
    pub fn seal(&self, seed: &Seed) -> Result<Vec<u8>, GrpcError> {
        EncryptingKey::new(self.0)
            .encrypt_der(&mut SystemRandom, seed.as_bytes())
            .map_err(|_| GrpcError::Config("the operating system gives no randomness to seal a seed".into()))
    }
}

/// Both forms of naming the curve.
fn is_sm2(algorithm: &AlgorithmIdentifierRef<'_>) -> bool {
    (algorithm.oid == EC_PUBLIC_KEY || algorithm.oid == Sm2::OID)
        && algorithm.parameters_oid().is_ok_and(|curve| curve == Sm2::OID)
}

/// Randomness of the operating system.
struct SystemRandom;

impl TryRng for SystemRandom {
    type Error = symbolon_prg::PrgError;

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
        for chunk in out.chunks_mut(16) {
            let random = Seed::random()?;
            for (out, random) in chunk.iter_mut().zip(random.as_bytes()) {
                *out = *random;
            }
        }
        Ok(())
    }
}

impl sm2::elliptic_curve::rand_core::TryCryptoRng for SystemRandom {}

impl std::fmt::Debug for DealerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DealerKey(hidden)")
    }
}

impl std::fmt::Debug for DealerPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DealerPublicKey(SM2)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form with the curve as the algorithm, from the manual of the reference implementation
    /// (secretflow/interconnection-impl, README: `-ttp_public_key`).
    const CURVE_AS_ALGORITHM: &str = "-----BEGIN PUBLIC KEY-----
MFowFAYIKoEcz1UBgi0GCCqBHM9VAYItA0IABLQ8g7Ctwz+79mYA7+l+U9ibN7ZH
+TmrgDxli6vjV59Zhmxsu8x3RGZAKOAwh36xXpxGgay1tFakCk3LdUtk2s4=
-----END PUBLIC KEY-----
";

    #[test]
    fn both_forms_of_public_keys_are_read() {
        let key = DealerPublicKey::from_pem(CURVE_AS_ALGORITHM).unwrap();
        let named = key.to_pem().unwrap();
        assert_ne!(named, CURVE_AS_ALGORITHM);
        assert_eq!(DealerPublicKey::from_pem(&named).unwrap(), key);
    }

    #[test]
    fn seeds_come_back_and_nothing_else_does() {
        let key = DealerKey::generate().unwrap();
        let again = DealerKey::from_pem(&key.to_pem().unwrap()).unwrap();
        for value in [0, 1, u128::MAX, 0x0102_0304] {
            let sealed = key.public_key().seal(&Seed::from_u128_le(value)).unwrap();
            assert!(sealed.len() <= SEALED_BYTES);
            assert_eq!(again.open(&sealed).unwrap().to_u128(), value);
            for index in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[index] ^= 1;
                assert!(key.open(&changed).is_err(), "byte {index}");
            }
            assert!(key.open(&sealed[..sealed.len() - 1]).is_err());
        }
        assert!(key.open(&[0; 200]).unwrap_err().contains("200 bytes"));
        let longer = EncryptingKey::new(key.public_key().0).encrypt_der(&mut SystemRandom, &[1; 8]).unwrap();
        assert!(key.open(&longer).unwrap_err().contains("8 bytes instead of 16"));
    }

    #[test]
    fn other_texts_are_refused_without_repeating_them() {
        let rcgen = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHNlY3JldHNlY3JldHNlY3JldHNlY3JldHNlY3JldDEy\n-----END PRIVATE KEY-----\n";
        for text in ["", "secret", rcgen, CURVE_AS_ALGORITHM, "-----BEGIN PRIVATE KEY-----\nsecret"] {
            let error = DealerKey::from_pem(text).unwrap_err().to_string();
            assert!(error.contains("keygen") && !error.contains("secret"), "{error}");
            if text != CURVE_AS_ALGORITHM {
                assert!(DealerPublicKey::from_pem(text).is_err());
            }
        }
    }
}
