//! What the parties agree on, item by item, and the numbers of these items on the wire.

use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};
use symbolon_prg::Cipher;
use symbolon_ring::{Field, FixedPoint, RingError};
pub use symbolon_wire::protocol::{CurveType, HashToCurveStrategy, HashType, PointOctetFormat};
use symbolon_wire::{algos, op, protocol};

/// An item with a number on the wire.
pub(crate) trait Coded: Copy + PartialEq {
    /// The number, if the protocol has one.
    fn code(self) -> Option<i32>;

    /// The item with that number; `None` for a number that this version does not know.
    fn from_code(code: i32) -> Option<Self>;
}

/// Implements [`Coded`] and prints the wire names.
macro_rules! coded {
    ($type:ty, $wire:ty, { $($variant:path = $code:path),* $(,)? }) => {
        impl Coded for $type {
            #[allow(unreachable_patterns)]
            fn code(self) -> Option<i32> {
                match self {
                    $($variant => Some(i32::from($code)),)*
                    _ => None,
                }
            }

            fn from_code(code: i32) -> Option<Self> {
                match <$wire>::try_from(code).ok()? {
                    $($code => Some($variant),)*
                    _ => None,
                }
            }
        }
    };
}

/// What a logistic-regression handshake is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Training; `has_label` says who holds the labels.
    Train,
    /// Prediction between Symbolon parties: `num_epoch` is 0 and `has_label` says who gets the scores.
    Predict,
}

/// The secret-sharing protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Additive shares over Z_2^k.
    Semi2k,
    /// Replicated three-party shares.
    Aby3,
}

/// How a product of fixed-point shares is scaled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truncation {
    /// With an error of one unit, and a wrap of small probability.
    Probabilistic,
    /// With an error of one unit only.
    Precise,
}

/// How the sigmoid is approximated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SigmoidMode {
    /// 1/2 + x/8.
    Minimax1,
    /// 1/2 + x/4 - x³/48. It has no number on the wire (erratum E24), so it cannot be negotiated: both
    /// parties have to be configured with it and go without a handshake.
    Taylor3,
}

/// The optimizer with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[non_exhaustive]
pub enum Optimizer {
    /// Mini-batch stochastic gradient descent.
    Sgd {
        /// Step size, finite and positive.
        learning_rate: f64,
    },
}

impl Optimizer {
    /// The step size.
    pub fn learning_rate(self) -> f64 {
        match self {
            Self::Sgd { learning_rate } => learning_rate,
        }
    }
}

/// Who learns an intersection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultTo {
    /// Every party.
    All,
    /// One rank only.
    Rank(usize),
}

impl ResultTo {
    /// The number on the wire: -1 for all. `None` for a rank beyond `i32`.
    pub(crate) fn code(self) -> Option<i32> {
        match self {
            Self::All => Some(-1),
            Self::Rank(rank) => i32::try_from(rank).ok(),
        }
    }

    /// Reads the number; `None` below -1.
    pub(crate) fn from_code(code: i32) -> Option<Self> {
        match code {
            -1 => Some(Self::All),
            rank => usize::try_from(rank).ok().map(Self::Rank),
        }
    }

    /// Whether that rank learns the intersection.
    pub fn includes(self, rank: usize) -> bool {
        match self {
            Self::All => true,
            Self::Rank(only) => only == rank,
        }
    }
}

impl Display for ResultTo {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Rank(rank) => write!(f, "rank {rank}"),
        }
    }
}

/// Curve, hash, map and point format of ECDH-PSI: any combination of the protocol's values, whether
/// implemented or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EcSuite {
    /// The curve.
    pub curve: CurveType,
    /// The hash of ids.
    pub hash: HashType,
    /// How a hash becomes a point.
    pub map: HashToCurveStrategy,
    /// How a point becomes bytes.
    pub format: PointOctetFormat,
}

impl EcSuite {
    /// Curve25519, SHA-256, the digest as x-coordinate, 32-byte points.
    pub const CURVE25519_SHA256_DIRECT: Self = Self {
        curve: CurveType::Curve25519,
        hash: HashType::Sha256,
        map: HashToCurveStrategy::DirectHashAsPointX,
        format: PointOctetFormat::Uncompressed,
    };

    /// SM2, SHA-256, rehash until the x-coordinate fits, compressed points: the second suite of the
    /// reference.
    pub const SM2_SHA256_REHASH: Self = Self {
        curve: CurveType::Sm2,
        hash: HashType::Sha256,
        map: HashToCurveStrategy::TryAndRehash,
        format: PointOctetFormat::X962Compressed,
    };

    /// SM2, SM3, count up until the x-coordinate fits, compressed points.
    pub const SM2_SM3_INCREMENT: Self = Self {
        curve: CurveType::Sm2,
        hash: HashType::Sm3,
        map: HashToCurveStrategy::TryAndIncrement,
        format: PointOctetFormat::X962Compressed,
    };

    /// Whether every part has a value.
    pub fn is_specified(self) -> bool {
        self.curve != CurveType::Unspecified
            && self.hash != HashType::Unspecified
            && self.map != HashToCurveStrategy::Unspecified
            && self.format != PointOctetFormat::Unspecified
    }

    /// Whether it is one of [`symbolon_curve::Suite::IMPLEMENTED`].
    pub fn is_implemented(self) -> bool {
        self.to_curve().is_some_and(symbolon_curve::Suite::is_implemented)
    }

    /// The message; the point format travels beside it.
    pub(crate) fn to_wire(self) -> protocol::EcSuit {
        protocol::EcSuit {
            curve: self.curve.into(),
            hash: self.hash.into(),
            hash2curve_strategy: self.map.into(),
        }
    }

    /// Reads message and format; `None` when a value is unspecified or unknown.
    pub(crate) fn from_wire(suit: protocol::EcSuit, format: i32) -> Option<Self> {
        let suite = Self {
            curve: suit.curve.try_into().ok()?,
            hash: suit.hash.try_into().ok()?,
            map: suit.hash2curve_strategy.try_into().ok()?,
            format: format.try_into().ok()?,
        };
        suite.is_specified().then_some(suite)
    }

    /// The suite as `symbolon-curve` names it; `None` when that crate has no name for a part of it.
    pub fn to_curve(self) -> Option<symbolon_curve::Suite> {
        use symbolon_curve::{Curve, Hash, HashToCurve, PointFormat};
        Some(symbolon_curve::Suite {
            curve: match self.curve {
                CurveType::Curve25519 => Curve::Curve25519,
                CurveType::Sm2 => Curve::Sm2,
                _ => return None,
            },
            hash: match self.hash {
                HashType::Sha256 => Hash::Sha256,
                HashType::Sm3 => Hash::Sm3,
                HashType::Sha224 => Hash::Sha224,
                HashType::Sha384 => Hash::Sha384,
                HashType::Sha512 => Hash::Sha512,
                HashType::Sha3224 => Hash::Sha3_224,
                HashType::Sha3256 => Hash::Sha3_256,
                HashType::Sha3384 => Hash::Sha3_384,
                HashType::Sha3512 => Hash::Sha3_512,
                HashType::Shake256 => Hash::Shake256,
                _ => return None,
            },
            map: match self.map {
                HashToCurveStrategy::DirectHashAsPointX => HashToCurve::DirectHashAsX,
                HashToCurveStrategy::TryAndIncrement => HashToCurve::TryAndIncrement,
                HashToCurveStrategy::TryAndRehash => HashToCurve::TryAndRehash,
                HashToCurveStrategy::IrtfSswuRo => HashToCurve::SswuRo,
                HashToCurveStrategy::IrtfSswuNu => HashToCurve::SswuNu,
                HashToCurveStrategy::IrtfEll2Ro => HashToCurve::Elligator2Ro,
                HashToCurveStrategy::IrtfEll2Nu => HashToCurve::Elligator2Nu,
                _ => return None,
            },
            format: match self.format {
                PointOctetFormat::Uncompressed => PointFormat::Uncompressed,
                PointOctetFormat::X962Compressed => PointFormat::X962Compressed,
                PointOctetFormat::X962Uncompressed => PointFormat::X962Uncompressed,
                PointOctetFormat::X962Hybrid => PointFormat::X962Hybrid,
                _ => return None,
            },
        })
    }

    /// The suite as the wire names it; `None` when the protocol has no number for a part of it.
    pub fn from_curve(suite: symbolon_curve::Suite) -> Option<Self> {
        use symbolon_curve::{Curve, Hash, HashToCurve, PointFormat};
        Some(Self {
            curve: match suite.curve {
                Curve::Curve25519 => CurveType::Curve25519,
                Curve::Sm2 => CurveType::Sm2,
                _ => return None,
            },
            hash: match suite.hash {
                Hash::Sha256 => HashType::Sha256,
                Hash::Sm3 => HashType::Sm3,
                Hash::Sha224 => HashType::Sha224,
                Hash::Sha384 => HashType::Sha384,
                Hash::Sha512 => HashType::Sha512,
                Hash::Sha3_224 => HashType::Sha3224,
                Hash::Sha3_256 => HashType::Sha3256,
                Hash::Sha3_384 => HashType::Sha3384,
                Hash::Sha3_512 => HashType::Sha3512,
                Hash::Shake256 => HashType::Shake256,
                _ => return None,
            },
            map: match suite.map {
                HashToCurve::DirectHashAsX => HashToCurveStrategy::DirectHashAsPointX,
                HashToCurve::TryAndIncrement => HashToCurveStrategy::TryAndIncrement,
                HashToCurve::TryAndRehash => HashToCurveStrategy::TryAndRehash,
                HashToCurve::SswuRo => HashToCurveStrategy::IrtfSswuRo,
                HashToCurve::SswuNu => HashToCurveStrategy::IrtfSswuNu,
                HashToCurve::Elligator2Ro => HashToCurveStrategy::IrtfEll2Ro,
                HashToCurve::Elligator2Nu => HashToCurveStrategy::IrtfEll2Nu,
                _ => return None,
            },
            format: match suite.format {
                PointFormat::Uncompressed => PointOctetFormat::Uncompressed,
                PointFormat::X962Compressed => PointOctetFormat::X962Compressed,
                PointFormat::X962Uncompressed => PointOctetFormat::X962Uncompressed,
                PointFormat::X962Hybrid => PointOctetFormat::X962Hybrid,
                _ => return None,
            },
        })
    }
}

impl Display for EcSuite {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (curve, hash) = (self.curve.as_str_name(), self.hash.as_str_name());
        let (map, format) = (self.map.as_str_name(), self.format.as_str_name());
        write!(f, "({curve}, {hash}, {map}, {format})")
    }
}

impl Serialize for EcSuite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

coded!(Protocol, protocol::ProtocolKind, {
    Protocol::Semi2k = protocol::ProtocolKind::Semi2k,
    Protocol::Aby3 = protocol::ProtocolKind::Aby3,
});
coded!(Truncation, protocol::TruncMode, {
    Truncation::Probabilistic = protocol::TruncMode::Probabilistic,
    Truncation::Precise = protocol::TruncMode::Precise,
});
coded!(SigmoidMode, op::SigmoidMode, { SigmoidMode::Minimax1 = op::SigmoidMode::Minimax1 });
coded!(Field, protocol::FieldType, {
    Field::Ring32 = protocol::FieldType::FieldType32,
    Field::Ring64 = protocol::FieldType::FieldType64,
    Field::Ring128 = protocol::FieldType::FieldType128,
});
coded!(Cipher, protocol::CryptoType, {
    Cipher::Aes128 = protocol::CryptoType::Aes128Ctr,
    Cipher::Sm4 = protocol::CryptoType::Sm4Ctr,
});

/// The one optimizer that is negotiated.
pub(crate) const SGD: algos::Optimizer = algos::Optimizer::Sgd;
/// The one policy for the rows that fill no batch.
pub(crate) const DISCARD: algos::LastBatchPolicy = algos::LastBatchPolicy::Discard;
/// The one form of matrices of shares: little-endian elements, row-major.
pub(crate) const RAW: protocol::ShardSerializeFormat =
    protocol::ShardSerializeFormat::SharedSerializeFormatRaw;
/// The one version of every parameter message.
pub(crate) const VERSION: i32 = 1;
/// The version of the handshake.
pub(crate) const HANDSHAKE_VERSION: i32 = 2;

/// Whether numbers with that many fraction bits can be multiplied in that ring.
pub(crate) fn fits(field: Field, fraction_bits: u32) -> Result<(), RingError> {
    match field {
        Field::Ring32 => FixedPoint::<u32>::new(fraction_bits).map(drop),
        Field::Ring64 => FixedPoint::<u64>::new(fraction_bits).map(drop),
        Field::Ring128 => FixedPoint::<u128>::new(fraction_bits).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_implemented_suite_has_its_numbers() {
        for suite in symbolon_curve::Suite::IMPLEMENTED {
            let wire = EcSuite::from_curve(*suite).unwrap();
            assert!(wire.is_specified());
            assert_eq!(wire.to_curve(), Some(*suite));
        }
        assert_eq!(EcSuite::SM2_SM3_INCREMENT.to_curve(), Some(symbolon_curve::Suite::SM2_SM3_INCREMENT));
        assert_eq!(EcSuite::SM2_SHA256_REHASH.to_curve(), Some(symbolon_curve::Suite::SM2_SHA256_REHASH));
    }
}
