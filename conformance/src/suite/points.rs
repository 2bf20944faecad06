//! What an intersection computes, on foreign libraries: ids to points, points times a secret, points to bytes.
//!
//! | suite | point of an id | product |
//! | --- | --- | --- |
//! | Curve25519, digest as x | x = H(id), 32 bytes little-endian, the top bit ignored | X25519 with a clamped scalar (RFC 7748) |
//! | SM2, try and increment | x = H(id), H(id) + 1, … mod p (big-endian); even y | scalar multiplication |
//! | SM2, try and rehash | x = H(id), H(H(id)), … mod p (big-endian); even y | scalar multiplication |
//!
//! Points by other hashes and by the maps of RFC 9380 are looked up in vectors/psi/points.json, which has them for the ids
//! of [`ids`](super::bench::ids)`("s", 3, 2)`.

use std::fmt;

use curve25519_dalek::MontgomeryPoint;
use serde_json::Value;
use sha2::Digest as _;
use sm2::elliptic_curve::ff::PrimeField as _;
use sm2::elliptic_curve::point::{AffineCoordinates as _, DecompressPoint as _};
use sm2::elliptic_curve::subtle::Choice;
use sm2::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};

/// Computed by conformance/model.
const POINTS: &str = include_str!("../../../vectors/psi/points.json");

macro_rules! terms {
    ($(#[$about:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$doc])* $variant,)* }

        impl $type {
            /// Its number in the protos.
            pub const fn number(self) -> i32 {
                match self { $(Self::$variant => $number,)* }
            }

            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in the protos, lower case, without prefix.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

terms! {
    /// `CurveType`
    Curve {
        /// Montgomery's.
        Curve25519 = 1, "curve25519";
        /// GB/T 32918.5.
        Sm2 = 2, "sm2";
    }
}
terms! {
    /// `HashType`
    Hash {
        /// GB/T 32905.
        Sm3 = 1, "sm3";
        /// FIPS 180-4.
        Sha224 = 10, "sha_224";
        /// FIPS 180-4.
        Sha256 = 11, "sha_256";
        /// FIPS 180-4.
        Sha384 = 12, "sha_384";
        /// FIPS 180-4.
        Sha512 = 13, "sha_512";
        /// FIPS 202.
        Sha3Of224 = 20, "sha3_224";
        /// FIPS 202.
        Sha3Of256 = 21, "sha3_256";
        /// FIPS 202.
        Sha3Of384 = 22, "sha3_384";
        /// FIPS 202.
        Sha3Of512 = 23, "sha3_512";
        /// FIPS 202.
        Shake256 = 30, "shake_256";
    }
}
terms! {
    /// `HashToCurveStrategy`
    Map {
        /// Count up until there is a point.
        Increment = 1, "try_and_increment";
        /// Hash again until there is a point.
        Rehash = 2, "try_and_rehash";
        /// The digest is x.
        Direct = 3, "direct_hash_as_point_x";
        /// RFC 9380, `hash_to_curve` by the simplified SWU map.
        SswuRo = 10, "irtf_sswu_ro";
        /// RFC 9380, `encode_to_curve` by the simplified SWU map.
        SswuNu = 11, "irtf_sswu_nu";
        /// RFC 9380, `hash_to_curve` by Elligator 2.
        Elligator2Ro = 12, "irtf_ell2_ro";
        /// RFC 9380, `encode_to_curve` by Elligator 2.
        Elligator2Nu = 13, "irtf_ell2_nu";
    }
}
terms! {
    /// `PointOctetFormat`
    Format {
        /// x (and y), 32 bytes little-endian each.
        Uncompressed = 1, "uncompressed";
        /// A byte 2 or 3, and x.
        Compressed = 2, "x962_compressed";
        /// A byte 4, x and y.
        X962Uncompressed = 3, "x962_uncompressed";
        /// A byte 6 or 7, x and y.
        Hybrid = 4, "x962_hybrid";
    }
}

/// Curve, hash, map and point format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Suite {
    /// The curve.
    pub curve: Curve,
    /// The hash of ids.
    pub hash: Hash,
    /// From a digest to a point.
    pub map: Map,
    /// From a point to bytes.
    pub format: Format,
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.curve.name(), self.hash.name(), self.map.name(), self.format.name())
    }
}

/// The suite that PPCA 9 demands of everybody.
pub const X25519: Suite =
    Suite { curve: Curve::Curve25519, hash: Hash::Sha256, map: Map::Direct, format: Format::Uncompressed };
/// The same with SM3.
pub const X25519_SM3: Suite = Suite { hash: Hash::Sm3, ..X25519 };
/// The second suite that PPCA 9 demands, with compressed points.
pub const SM2_SM3: Suite =
    Suite { curve: Curve::Sm2, hash: Hash::Sm3, map: Map::Increment, format: Format::Compressed };
/// The second suite of the reference.
pub const SM2_SHA256_REHASH: Suite = Suite { hash: Hash::Sha256, map: Map::Rehash, ..SM2_SM3 };

/// p of SM2, big-endian (GB/T 32918.5, section 2).
const SM2_P: [u8; 32] = [
    0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
];

impl Suite {
    /// Bytes of an encoded point.
    pub const fn point_bytes(self) -> usize {
        match (self.curve, self.format) {
            (Curve::Curve25519, _) => 32,
            (Curve::Sm2, Format::Compressed) => 33,
            (Curve::Sm2, Format::Uncompressed) => 64,
            (Curve::Sm2, Format::X962Uncompressed | Format::Hybrid) => 65,
        }
    }

    /// The digest, of the hashes that the suite computes.
    fn digest(self, data: &[u8]) -> Option<[u8; 32]> {
        match self.hash {
            Hash::Sha256 => Some(sha2::Sha256::digest(data).into()),
            Hash::Sm3 => Some(sm3::Sm3::digest(data).into()),
            _ => None,
        }
    }

    /// The encoded point of an id.
    ///
    /// # Errors
    /// No point after 100 attempts; an id that the vectors do not have; a combination that means nothing.
    pub fn point_of(self, id: &[u8]) -> Result<Vec<u8>, String> {
        match (self.curve, self.map, self.digest(id)) {
            (Curve::Curve25519, Map::Direct, Some(digest)) => Ok(digest.to_vec()),
            (Curve::Sm2, Map::Increment | Map::Rehash, Some(digest)) => self.try_digests(digest),
            _ => self.known(id),
        }
    }

    fn try_digests(self, mut digest: [u8; 32]) -> Result<Vec<u8>, String> {
        for _ in 0..100 {
            let x = below_p(digest);
            let even = AffinePoint::decompress(&FieldBytes::from(x), Choice::from(0));
            if let Some(point) = even.into_option() {
                return Ok(self.encode(&point));
            }
            digest = match self.map {
                Map::Rehash => self.digest(&digest).unwrap_or_default(),
                _ => below_p(plus_one(x)),
            };
        }
        Err("100 attempts found no point".into())
    }

    /// The point that the vectors have for an id.
    fn known(self, id: &[u8]) -> Result<Vec<u8>, String> {
        let file: Value = serde_json::from_str(POINTS).map_err(|error| error.to_string())?;
        let none = Vec::new();
        let list = |value: &Value| value.as_array().unwrap_or(&none).clone();
        let names = [("curve", self.curve.name()), ("hash", self.hash.name()), ("map", self.map.name())];
        let group = list(&file["groups"])
            .into_iter()
            .find(|group| names.iter().all(|(key, name)| group[*key] == *name))
            .ok_or_else(|| format!("{self} means nothing"))?;
        let test = list(&group["tests"])
            .into_iter()
            .find(|test| test["item"].as_str().map(str::as_bytes) == Some(id))
            .ok_or_else(|| format!("vectors/psi/points.json does not have this id for {self}"))?;
        let point =
            hex::decode(test["point"].as_str().unwrap_or_default()).map_err(|error| error.to_string())?;
        match self.curve {
            Curve::Curve25519 => Ok(point),
            Curve::Sm2 => {
                let compressed = Self { format: Format::Compressed, ..self };
                Ok(self.encode(&compressed.decode(&point)?))
            }
        }
    }

    /// An encoded point times the secret.
    ///
    /// # Errors
    /// Bytes that are no point of the curve.
    pub fn mask(self, secret: &[u8; 32], point: &[u8]) -> Result<Vec<u8>, String> {
        match self.curve {
            Curve::Curve25519 => {
                let point =
                    <[u8; 32]>::try_from(point).map_err(|_| format!("a point of {} bytes", point.len()))?;
                Ok(MontgomeryPoint(point).mul_clamped(*secret).to_bytes().to_vec())
            }
            Curve::Sm2 => {
                let mut scalar = *secret;
                scalar[0] &= 0x7f; // below the group order
                let scalar =
                    Scalar::from_repr(FieldBytes::from(scalar)).into_option().ok_or("a bad secret")?;
                Ok(self.encode(&(ProjectivePoint::from(self.decode(point)?) * scalar).to_affine()))
            }
        }
    }

    fn encode(self, point: &AffinePoint) -> Vec<u8> {
        let (mut x, mut y) = (point.x().to_vec(), point.y().to_vec());
        let odd = y.last().map_or(0, |last| last & 1);
        match self.format {
            Format::Uncompressed => {
                x.reverse();
                y.reverse();
                [x, y].concat()
            }
            Format::Compressed => [vec![2 + odd], x].concat(),
            Format::X962Uncompressed => [vec![4], x, y].concat(),
            Format::Hybrid => [vec![6 + odd], x, y].concat(),
        }
    }

    fn decode(self, bytes: &[u8]) -> Result<AffinePoint, String> {
        if bytes.len() != self.point_bytes() {
            return Err(format!("a point of {} bytes", bytes.len()));
        }
        let skip = usize::from(self.format != Format::Uncompressed);
        let mut x: [u8; 32] =
            bytes.get(skip..skip + 32).and_then(|x| x.try_into().ok()).ok_or("a short point")?;
        let mut y = bytes.get(skip + 32..).unwrap_or_default().to_vec();
        let first = bytes.first().copied().unwrap_or_default();
        let odd = match self.format {
            Format::Uncompressed => {
                x.reverse();
                y.reverse();
                y.last().map_or(0, |last| last & 1)
            }
            Format::X962Uncompressed if first == 4 => y.last().map_or(0, |last| last & 1),
            Format::Compressed if first == 2 || first == 3 => first & 1,
            Format::Hybrid if first == 6 || first == 7 => first & 1,
            _ => return Err(format!("a point that begins with {first}")),
        };
        let point = AffinePoint::decompress(&FieldBytes::from(x), Choice::from(odd));
        let point = point.into_option().ok_or("bytes that are no point of the curve")?;
        if self.format != Format::Compressed && point.y().as_slice() != y.as_slice() {
            return Err("coordinates that are no point of the curve".into());
        }
        Ok(point)
    }
}

/// `x` modulo p; one subtraction is enough for 256 bits.
fn below_p(x: [u8; 32]) -> [u8; 32] {
    if x < SM2_P {
        return x;
    }
    let mut difference = x;
    let mut borrow = 0;
    for (byte, p) in difference.iter_mut().zip(SM2_P).rev() {
        let (first, under) = byte.overflowing_sub(p);
        let (second, again) = first.overflowing_sub(borrow);
        *byte = second;
        borrow = u8::from(under || again);
    }
    difference
}

/// `x` + 1; `x` is below p.
fn plus_one(mut x: [u8; 32]) -> [u8; 32] {
    for byte in x.iter_mut().rev() {
        let (sum, over) = byte.overflowing_add(1);
        *byte = sum;
        if !over {
            break;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every test of a vector file.
    fn vectors(name: &str) -> Vec<serde_json::Value> {
        let path = format!("{}/../vectors/psi/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let groups = file["groups"].as_array().unwrap();
        groups.iter().flat_map(|group| group["tests"].as_array().unwrap().clone()).collect()
    }

    fn bytes(value: &serde_json::Value) -> Vec<u8> {
        hex::decode(value.as_str().unwrap()).unwrap()
    }

    /// What the reference sent, recorded from its runs.
    #[test]
    fn curve25519_is_that_of_the_reference() {
        let party = &vectors("curve25519_sha256_direct")[0]["parties"][0];
        let scalar: [u8; 32] = bytes(&party["x25519_scalar"]).try_into().unwrap();
        for (id, masked) in party["ids"].as_array().unwrap().iter().zip(party["masked"].as_array().unwrap()) {
            let point = X25519.point_of(id.as_str().unwrap().as_bytes()).unwrap();
            assert_eq!(X25519.mask(&scalar, &point).unwrap(), bytes(masked));
        }
    }

    #[test]
    fn the_maps_of_sm2_are_those_of_the_vectors() {
        let mut count = 0;
        for test in vectors("sm2") {
            let (hash, map) = match (test["hash"].as_str(), test["map"].as_str()) {
                (Some("sha256"), Some("increment")) => (Hash::Sha256, Map::Increment),
                (Some("sha256"), Some("rehash")) => (Hash::Sha256, Map::Rehash),
                (Some("sm3"), Some("increment")) => (Hash::Sm3, Map::Increment),
                (Some("sm3"), Some("rehash")) => (Hash::Sm3, Map::Rehash),
                _ => continue,
            };
            let suite = Suite { hash, map, ..SM2_SM3 };
            assert_eq!(suite.point_of(&bytes(&test["item"])).unwrap(), bytes(&test["point"]), "{test}");
            count += 1;
        }
        assert!(count > 20, "{count} points");
    }

    /// What is computed here is what the model has, and every combination of the vectors can be asked for.
    #[test]
    fn points_are_those_of_the_model() {
        let file: serde_json::Value = serde_json::from_str(POINTS).unwrap();
        let (mut computed, mut known) = (0, 0);
        for group in file["groups"].as_array().unwrap() {
            let curve = if group["curve"] == "sm2" { Curve::Sm2 } else { Curve::Curve25519 };
            let hash = Hash::ALL.iter().copied().find(|hash| group["hash"] == hash.name()).unwrap();
            let map = Map::ALL.iter().copied().find(|map| group["map"] == map.name()).unwrap();
            let format = if curve == Curve::Sm2 { Format::Compressed } else { Format::Uncompressed };
            let suite = Suite { curve, hash, map, format };
            for test in group["tests"].as_array().unwrap() {
                let item = test["item"].as_str().unwrap();
                assert_eq!(suite.point_of(item.as_bytes()).unwrap(), bytes(&test["point"]), "{test}");
                match suite.digest(b"") {
                    Some(_) if map == Map::Increment || map == Map::Rehash => computed += 1,
                    _ => known += 1,
                }
            }
        }
        assert_eq!((computed, known), (20, 240));
        let unknown = Suite { map: Map::SswuRo, ..SM2_SM3 };
        assert!(unknown.point_of(b"another").is_err());
        assert!(Suite { curve: Curve::Curve25519, ..unknown }.point_of(b"s-0").is_err());
    }

    #[test]
    fn every_format_of_sm2_can_be_read_back() {
        for format in [Format::Uncompressed, Format::Compressed, Format::X962Uncompressed, Format::Hybrid] {
            let suite = Suite { format, ..SM2_SM3 };
            let point = suite.point_of(b"id 17").unwrap();
            assert_eq!(point.len(), suite.point_bytes());
            let (a, b) = ([3; 32], [0x55; 32]);
            let one = suite.mask(&a, &suite.mask(&b, &point).unwrap()).unwrap();
            assert_eq!(one, suite.mask(&b, &suite.mask(&a, &point).unwrap()).unwrap(), "{suite}");
            let mut bad = point.clone();
            bad[5] ^= 1;
            let spoiled = suite.mask(&a, &bad);
            assert!(format == Format::Compressed || spoiled.is_err(), "{suite}");
        }
    }

    #[test]
    fn arithmetic_modulo_p_wraps() {
        assert_eq!(below_p(SM2_P), [0; 32]);
        let mut last = SM2_P;
        last[31] -= 1;
        assert_eq!(below_p(plus_one(last)), [0; 32]);
        assert_eq!(plus_one([0xff; 32]), [0; 32]);
        let mut small = [0; 32];
        small[0] = 1;
        small[2] = 0;
        assert_eq!(below_p([0xff; 32])[28..], [0, 0, 0, 0]);
        assert_eq!(below_p(small), small);
    }
}
