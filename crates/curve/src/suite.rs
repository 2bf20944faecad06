//! The parameters on which two parties agree before they mask anything.

use std::fmt;

/// The elliptic curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Curve {
    /// Curve25519 (RFC 7748), u-coordinates only.
    Curve25519,
    /// The recommended 256-bit curve of GB/T 32918.5. Not implemented yet.
    Sm2,
}

/// The hash function of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SM3 (GB/T 32905). Not implemented yet.
    Sm3,
}

/// How a digest becomes a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashToCurve {
    /// The digest is the x-coordinate.
    DirectHashAsX,
    /// Count upwards until an x-coordinate lies on the curve. Not implemented yet.
    TryAndIncrement,
    /// Hash the digest again until it lies on the curve. Not implemented yet.
    TryAndRehash,
    /// Simplified SWU, random oracle variant (RFC 9380). Not implemented yet.
    SswuRo,
    /// Elligator 2, random oracle variant (RFC 9380). Not implemented yet.
    Elligator2Ro,
}

/// How a point becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PointFormat {
    /// For Curve25519 the 32 bytes of the u-coordinate, little-endian.
    Uncompressed,
    /// X9.62 compressed, 33 bytes on a 256-bit curve. Not implemented yet.
    X962Compressed,
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

impl Suite {
    /// Curve25519, SHA-256, the digest as x, 32-byte points: the suite that every implementation speaks.
    pub const CURVE25519_SHA256_DIRECT: Self = Self {
        curve: Curve::Curve25519,
        hash: Hash::Sha256,
        map: HashToCurve::DirectHashAsX,
        format: PointFormat::Uncompressed,
    };

    /// The suites that [`Masker::new`](crate::Masker::new) accepts, preferred first.
    pub const IMPLEMENTED: &'static [Self] = &[Self::CURVE25519_SHA256_DIRECT];

    /// Whether [`Masker::new`](crate::Masker::new) accepts this suite.
    pub fn is_implemented(self) -> bool {
        Self::IMPLEMENTED.contains(&self)
    }

    /// Bytes of one encoded point.
    pub const fn point_bytes(self) -> usize {
        match self.format {
            PointFormat::Uncompressed => match self.curve {
                Curve::Curve25519 => 32,
                Curve::Sm2 => 64,
            },
            PointFormat::X962Compressed => 33,
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
        let mut low = match (self.curve, self.format) {
            (Curve::Curve25519, _) => encoded.get(..keep)?.to_vec(),
            // Big-endian coordinates: behind one format byte, or x followed by y.
            (Curve::Sm2, PointFormat::X962Compressed) => encoded.get(33 - keep..)?.to_vec(),
            (Curve::Sm2, PointFormat::Uncompressed) => encoded.get(32 - keep..32)?.to_vec(),
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
        let most_significant = match self.curve {
            Curve::Curve25519 => truncated.last_mut(),
            Curve::Sm2 => truncated.first_mut(),
        };
        if let Some(byte) = most_significant {
            *byte &= mask;
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:?}, {:?}, {:?}, {:?})", self.curve, self.hash, self.map, self.format)
    }
}
