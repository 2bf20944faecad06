//! The parameters on which two parties agree before they mask anything.

use std::fmt;
use std::str::FromStr;

use crate::CurveError;

/// The elliptic curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Curve {
    /// Curve25519 (RFC 7748), u-coordinates only.
    Curve25519,
    /// The recommended 256-bit curve of GB/T 32918.5, y^2 = x^3 - 3x + b, of prime order.
    Sm2,
}

/// The hash function of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SM3 (GB/T 32905).
    Sm3,
    /// SHA-224 (FIPS 180-4).
    Sha224,
    /// SHA-384 (FIPS 180-4).
    Sha384,
    /// SHA-512 (FIPS 180-4).
    Sha512,
    /// SHA3-224 (FIPS 202).
    Sha3_224,
    /// SHA3-256 (FIPS 202).
    Sha3_256,
    /// SHA3-384 (FIPS 202).
    Sha3_384,
    /// SHA3-512 (FIPS 202).
    Sha3_512,
    /// SHAKE-256 (FIPS 202); as a digest, its first 32 bytes (erratum E30).
    Shake256,
}

/// How a digest becomes a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashToCurve {
    /// The digest is the x-coordinate, whether on the curve or on its twist. Curve25519 only.
    DirectHashAsX,
    /// x = digest mod p, counted upwards by one until it lies on the curve; y is even. SM2 only.
    TryAndIncrement,
    /// x = digest mod p; until it lies on the curve, the digest is replaced by its own digest; y is even.
    /// SM2 only.
    TryAndRehash,
    /// Simplified SWU, the sum of two maps, indifferentiable from a random oracle (`hash_to_curve` of RFC 9380).
    /// SM2 only, with hashes of at least 256 bits.
    SswuRo,
    /// Simplified SWU, one map, whose points are not uniform (`encode_to_curve` of RFC 9380). SM2 only, with
    /// hashes of at least 256 bits.
    SswuNu,
    /// Elligator 2, the sum of two maps, indifferentiable from a random oracle (`hash_to_curve` of RFC 9380).
    /// Curve25519 only, with hashes of at least 256 bits.
    Elligator2Ro,
    /// Elligator 2, one map, whose points are not uniform (`encode_to_curve` of RFC 9380). Curve25519 only, with
    /// hashes of at least 256 bits.
    Elligator2Nu,
}

/// How a point becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PointFormat {
    /// Coordinates of 32 bytes, little-endian, without anything else: u on Curve25519, x then y on SM2.
    Uncompressed,
    /// X9.62 compressed, 33 bytes: 02 for even and 03 for odd y, then x, big-endian.
    X962Compressed,
    /// X9.62 uncompressed, 65 bytes: 04, then x and y, big-endian.
    X962Uncompressed,
    /// X9.62 hybrid, 65 bytes: 06 for even and 07 for odd y, then x and y, big-endian.
    X962Hybrid,
}

/// Curve, hash, map and point format together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Suite {
    /// The curve.
    pub curve: Curve,
    /// The hash.
    pub hash: Hash,
    /// The map from digests to points.
    pub map: HashToCurve,
    /// The encoding of points.
    pub format: PointFormat,
}

/// Combinations of curve, hash and map that [`Masker`](crate::Masker) computes, preferred first.
const COMBINATIONS: [(Curve, Hash, HashToCurve); 54] = [
    (Curve::Curve25519, Hash::Sha256, HashToCurve::DirectHashAsX),
    (Curve::Sm2, Hash::Sm3, HashToCurve::TryAndIncrement),
    (Curve::Curve25519, Hash::Sm3, HashToCurve::DirectHashAsX),
    (Curve::Sm2, Hash::Sha256, HashToCurve::TryAndIncrement),
    (Curve::Sm2, Hash::Sha256, HashToCurve::TryAndRehash),
    (Curve::Sm2, Hash::Sm3, HashToCurve::TryAndRehash),
    (Curve::Sm2, Hash::Sha224, HashToCurve::TryAndIncrement),
    (Curve::Sm2, Hash::Sha224, HashToCurve::TryAndRehash),
    (Curve::Sm2, Hash::Sha384, HashToCurve::TryAndIncrement),
    (Curve::Sm2, Hash::Sha384, HashToCurve::TryAndRehash),
    (Curve::Sm2, Hash::Sha512, HashToCurve::TryAndIncrement),
    (Curve::Sm2, Hash::Sha512, HashToCurve::TryAndRehash),
    (Curve::Sm2, Hash::Sha3_224, HashToCurve::TryAndIncrement),
    (Curve::Sm2, Hash::Sha3_224, HashToCurve::TryAndRehash),
    (Curve::Sm2, Hash::Sha3_256, HashToCurve::TryAndIncrement),
    (Curve::Sm2, Hash::Sha3_256, HashToCurve::TryAndRehash),
    (Curve::Sm2, Hash::Sha3_384, HashToCurve::TryAndIncrement),
    (Curve::Sm2, Hash::Sha3_384, HashToCurve::TryAndRehash),
    (Curve::Sm2, Hash::Sha3_512, HashToCurve::TryAndIncrement),
    (Curve::Sm2, Hash::Sha3_512, HashToCurve::TryAndRehash),
    (Curve::Sm2, Hash::Sm3, HashToCurve::SswuRo),
    (Curve::Sm2, Hash::Sm3, HashToCurve::SswuNu),
    (Curve::Sm2, Hash::Sha256, HashToCurve::SswuRo),
    (Curve::Sm2, Hash::Sha256, HashToCurve::SswuNu),
    (Curve::Sm2, Hash::Sha384, HashToCurve::SswuRo),
    (Curve::Sm2, Hash::Sha384, HashToCurve::SswuNu),
    (Curve::Sm2, Hash::Sha512, HashToCurve::SswuRo),
    (Curve::Sm2, Hash::Sha512, HashToCurve::SswuNu),
    (Curve::Sm2, Hash::Sha3_256, HashToCurve::SswuRo),
    (Curve::Sm2, Hash::Sha3_256, HashToCurve::SswuNu),
    (Curve::Sm2, Hash::Sha3_384, HashToCurve::SswuRo),
    (Curve::Sm2, Hash::Sha3_384, HashToCurve::SswuNu),
    (Curve::Sm2, Hash::Sha3_512, HashToCurve::SswuRo),
    (Curve::Sm2, Hash::Sha3_512, HashToCurve::SswuNu),
    (Curve::Curve25519, Hash::Sha256, HashToCurve::Elligator2Ro),
    (Curve::Curve25519, Hash::Sha256, HashToCurve::Elligator2Nu),
    (Curve::Curve25519, Hash::Sm3, HashToCurve::Elligator2Ro),
    (Curve::Curve25519, Hash::Sm3, HashToCurve::Elligator2Nu),
    (Curve::Curve25519, Hash::Sha384, HashToCurve::Elligator2Ro),
    (Curve::Curve25519, Hash::Sha384, HashToCurve::Elligator2Nu),
    (Curve::Curve25519, Hash::Sha512, HashToCurve::Elligator2Ro),
    (Curve::Curve25519, Hash::Sha512, HashToCurve::Elligator2Nu),
    (Curve::Curve25519, Hash::Sha3_256, HashToCurve::Elligator2Ro),
    (Curve::Curve25519, Hash::Sha3_256, HashToCurve::Elligator2Nu),
    (Curve::Curve25519, Hash::Sha3_384, HashToCurve::Elligator2Ro),
    (Curve::Curve25519, Hash::Sha3_384, HashToCurve::Elligator2Nu),
    (Curve::Curve25519, Hash::Sha3_512, HashToCurve::Elligator2Ro),
    (Curve::Curve25519, Hash::Sha3_512, HashToCurve::Elligator2Nu),
    (Curve::Curve25519, Hash::Shake256, HashToCurve::Elligator2Ro),
    (Curve::Curve25519, Hash::Shake256, HashToCurve::Elligator2Nu),
    (Curve::Sm2, Hash::Shake256, HashToCurve::TryAndIncrement),
    (Curve::Sm2, Hash::Shake256, HashToCurve::TryAndRehash),
    (Curve::Sm2, Hash::Shake256, HashToCurve::SswuRo),
    (Curve::Sm2, Hash::Shake256, HashToCurve::SswuNu),
];

const fn formats(curve: Curve) -> &'static [PointFormat] {
    match curve {
        Curve::Curve25519 => &[PointFormat::Uncompressed],
        Curve::Sm2 => &[
            PointFormat::X962Compressed,
            PointFormat::X962Uncompressed,
            PointFormat::X962Hybrid,
            PointFormat::Uncompressed,
        ],
    }
}

const fn count() -> usize {
    let (mut total, mut i) = (0, 0);
    while i < COMBINATIONS.len() {
        total += formats(COMBINATIONS[i].0).len();
        i += 1;
    }
    total
}

const fn list() -> [Suite; count()] {
    let mut suites = [Suite::CURVE25519_SHA256_DIRECT; count()];
    let (mut place, mut i) = (0, 0);
    while i < COMBINATIONS.len() {
        let (curve, hash, map) = COMBINATIONS[i];
        let mut j = 0;
        while j < formats(curve).len() {
            suites[place] = Suite { curve, hash, map, format: formats(curve)[j] };
            place += 1;
            j += 1;
        }
        i += 1;
    }
    suites
}

impl Suite {
    /// Curve25519, SHA-256, the digest as x, 32-byte points: the suite that every implementation speaks.
    pub const CURVE25519_SHA256_DIRECT: Self = Self {
        curve: Curve::Curve25519,
        hash: Hash::Sha256,
        map: HashToCurve::DirectHashAsX,
        format: PointFormat::Uncompressed,
    };

    /// SM2, SM3, try-and-increment, compressed points: the second suite that PPCA 9-2023 wants of all.
    pub const SM2_SM3_INCREMENT: Self = Self {
        curve: Curve::Sm2,
        hash: Hash::Sm3,
        map: HashToCurve::TryAndIncrement,
        format: PointFormat::X962Compressed,
    };

    /// SM2, SHA-256, try-and-rehash, compressed points: the second suite of the reference implementation.
    pub const SM2_SHA256_REHASH: Self = Self {
        curve: Curve::Sm2,
        hash: Hash::Sha256,
        map: HashToCurve::TryAndRehash,
        format: PointFormat::X962Compressed,
    };

    /// The suites that [`Masker::new`](crate::Masker::new) accepts: every implemented combination of curve,
    /// hash and map, preferred first, in every format of the curve.
    pub const IMPLEMENTED: &'static [Self] = &list();

    /// Whether [`Masker::new`](crate::Masker::new) accepts this suite.
    pub fn is_implemented(self) -> bool {
        Self::IMPLEMENTED.contains(&self)
    }

    /// Bytes of one encoded point.
    pub const fn point_bytes(self) -> usize {
        match (self.format, self.curve) {
            (PointFormat::Uncompressed, Curve::Curve25519) => 32,
            (PointFormat::Uncompressed, Curve::Sm2) => 64,
            (PointFormat::X962Compressed, _) => 33,
            (PointFormat::X962Uncompressed | PointFormat::X962Hybrid, _) => 65,
        }
    }

    /// The low `bits` bits of the x-coordinate of one encoded point, in whole bytes and in the byte order of
    /// the encoding; the unused bits of the most significant byte are zero.
    ///
    /// `None` when `encoded` is not [`Suite::point_bytes`] long, or `bits` is 0 or more than the
    /// coordinate has (256). This is the truncation of the second ciphertext that PPCA 9-2023 describes.
    pub fn low_bits_of_x(self, encoded: &[u8], bits: u32) -> Option<Vec<u8>> {
        if encoded.len() != self.point_bytes() || bits == 0 || bits > 256 {
            return None;
        }
        let keep = usize::try_from(bits.div_ceil(8)).ok()?;
        let mut low = if self.is_little_endian() {
            encoded.get(..keep)?.to_vec()
        } else {
            // One format byte, then x.
            encoded.get(33 - keep..33)?.to_vec()
        };
        self.clear_unused_bits(&mut low, bits);
        Some(low)
    }

    /// Clears the bits above the low `bits` in the most significant byte of a truncated coordinate of
    /// `bits`/8 bytes, rounded up, so that two parties compare the agreed bits and no others.
    pub fn clear_unused_bits(self, truncated: &mut [u8], bits: u32) {
        let mask = match bits % 8 {
            0 => 0xff,
            used => (1u8 << used) - 1,
        };
        let most_significant =
            if self.is_little_endian() { truncated.last_mut() } else { truncated.first_mut() };
        if let Some(byte) = most_significant {
            *byte &= mask;
        }
    }

    const fn is_little_endian(self) -> bool {
        matches!(self.format, PointFormat::Uncompressed)
    }
}

/// The name of a suite, such as `sm2-sm3-increment-compressed`: what configuration files and reports use.
impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let curve = match self.curve {
            Curve::Curve25519 => "curve25519",
            Curve::Sm2 => "sm2",
        };
        let hash = match self.hash {
            Hash::Sha256 => "sha256",
            Hash::Sm3 => "sm3",
            Hash::Sha224 => "sha224",
            Hash::Sha384 => "sha384",
            Hash::Sha512 => "sha512",
            Hash::Sha3_224 => "sha3-224",
            Hash::Sha3_256 => "sha3-256",
            Hash::Sha3_384 => "sha3-384",
            Hash::Sha3_512 => "sha3-512",
            Hash::Shake256 => "shake-256",
        };
        let map = match self.map {
            HashToCurve::DirectHashAsX => "direct",
            HashToCurve::TryAndIncrement => "increment",
            HashToCurve::TryAndRehash => "rehash",
            HashToCurve::SswuRo => "sswu-ro",
            HashToCurve::SswuNu => "sswu-nu",
            HashToCurve::Elligator2Ro => "ell2-ro",
            HashToCurve::Elligator2Nu => "ell2-nu",
        };
        let format = match self.format {
            PointFormat::Uncompressed => "uncompressed",
            PointFormat::X962Compressed => "x962-compressed",
            PointFormat::X962Uncompressed => "x962-uncompressed",
            PointFormat::X962Hybrid => "x962-hybrid",
        };
        write!(f, "{curve}-{hash}-{map}-{format}")
    }
}

/// Reads the name of an implemented suite.
impl FromStr for Suite {
    type Err = CurveError;

    fn from_str(name: &str) -> Result<Self, CurveError> {
        let known = Self::IMPLEMENTED.iter().find(|suite| suite.to_string() == name);
        known.copied().ok_or_else(|| CurveError::ConfigUnknownSuite(name.chars().take(80).collect()))
    }
}
