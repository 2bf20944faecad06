//! The two ways a seed travels in `CreateSessionRequest.prg_seed` (erratum E06).
//!
//! Sixteen raw bytes, as the proto says; or the 128-bit integer as a pair of 64-bit halves, high first,
//! as PPCA 7-2023 (appendix B.1) says, which the engines serialise as a MessagePack array of two
//! unsigned integers (yacl's form of a 128-bit integer). As a key the integer is its bytes, least
//! significant first. No pair takes 16 bytes, so a receiver can tell the two forms apart.

use symbolon_dialect::SeedEncoding;
use symbolon_mutants::Mutant;
use symbolon_prg::Seed;
use zeroize::Zeroizing;

/// The bytes of `prg_seed`. Secret.
pub(crate) fn encode(seed: &Seed, encoding: SeedEncoding) -> Zeroizing<Vec<u8>> {
    match encoding {
        SeedEncoding::Bytes => Zeroizing::new(seed.as_bytes().to_vec()),
        SeedEncoding::HighLow => {
            let value = Zeroizing::new(seed.to_u128().to_be_bytes());
            let mut out = Zeroizing::new(Vec::with_capacity(19));
            out.push(0x92);
            for half in value.chunks_exact(8) {
                encode_half(half, &mut out);
            }
            out
        }
    }
}

/// The shortest MessagePack form of a big-endian 64-bit integer.
fn encode_half(half: &[u8], out: &mut Vec<u8>) {
    let significant = half.iter().position(|byte| *byte != 0).map_or(&half[8..], |first| &half[first..]);
    match significant {
        [] => out.push(0),
        [small] if *small < 0x80 => out.push(*small),
        _ => {
            let (marker, width) = match significant.len() {
                1 => (0xcc, 1),
                2 => (0xcd, 2),
                3..=4 => (0xce, 4),
                _ => (0xcf, 8),
            };
            out.push(marker);
            out.extend_from_slice(&half[8 - width..]);
        }
    }
}

/// Reads `prg_seed`; `expected` restricts to one form. The error never shows the bytes.
pub(crate) fn decode(bytes: &[u8], expected: Option<SeedEncoding>) -> Result<Seed, String> {
    let raw = if Mutant::SeedLengthIgnored.is_on() {
        Some(std::array::from_fn(|index| bytes.get(index).copied().unwrap_or_default()))
    } else {
        <[u8; 16]>::try_from(bytes).ok()
    };
    match (expected, raw) {
        (None | Some(SeedEncoding::Bytes), Some(raw)) => Ok(Seed::from_bytes(raw)),
        (Some(SeedEncoding::Bytes), None) => {
            Err(format!("prg_seed has {} bytes, but 16 are expected", bytes.len()))
        }
        (None | Some(SeedEncoding::HighLow), _) => pair(bytes).map(Seed::from_u128_le).ok_or_else(|| {
            format!(
                "prg_seed has {} bytes and is no MessagePack pair of 64-bit halves{}",
                bytes.len(),
                if expected.is_none() { ", nor 16 raw bytes" } else { "" }
            )
        }),
    }
}

fn pair(bytes: &[u8]) -> Option<u128> {
    let (0x92, rest) = bytes.split_first().map(|(marker, rest)| (*marker, rest))? else { return None };
    let (high, rest) = half(rest)?;
    let (low, rest) = half(rest)?;
    rest.is_empty().then_some(u128::from(high) << 64 | u128::from(low))
}

fn half(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (marker, rest) = bytes.split_first()?;
    let width = match marker {
        0..=0x7f => return Some((u64::from(*marker), rest)),
        0xcc => 1,
        0xcd => 2,
        0xce => 4,
        0xcf => 8,
        _ => return None,
    };
    let (digits, rest) = rest.split_at_checked(width)?;
    Some((digits.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_pairs() {
        let five = Seed::from_u128_le(5);
        assert_eq!(*encode(&five, SeedEncoding::HighLow), [0x92, 0x00, 0x05]);
        let mut long = vec![0x92, 0xcf];
        long.extend_from_slice(&0x0102_0304_0506_0708_u64.to_be_bytes());
        long.extend_from_slice(&[0xcd, 0x01, 0x00]);
        let seed = decode(&long, None).unwrap();
        assert_eq!(seed.to_u128(), 0x0102_0304_0506_0708 << 64 | 256);
        assert_eq!(*encode(&seed, SeedEncoding::HighLow), long);
    }

    proptest! {
        #[test]
        fn both_forms_come_back(high in prop_oneof![Just(0u64), 0u64..300, any::<u64>()], low in prop_oneof![0u64..70_000, any::<u64>(), any::<u32>().prop_map(u64::from)]) {
            let value = u128::from(high) << 64 | u128::from(low);
            for encoding in [SeedEncoding::Bytes, SeedEncoding::HighLow] {
                let bytes = encode(&Seed::from_u128_le(value), encoding);
                prop_assert_eq!(bytes.len() == 16, encoding == SeedEncoding::Bytes);
                for expected in [None, Some(encoding)] {
                    prop_assert_eq!(decode(&bytes, expected).unwrap().to_u128(), value);
                }
            }
        }

        #[test]
        fn other_bytes_are_refused_without_being_shown(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            for expected in [None, Some(SeedEncoding::Bytes), Some(SeedEncoding::HighLow)] {
                if let Err(text) = decode(&bytes, expected) {
                    let named = text.contains(&format!("{} bytes", bytes.len()));
                    prop_assert!(named, "{text}");
                }
            }
        }
    }

    #[test]
    fn malformed_pairs_are_refused() {
        for bytes in [
            &[][..],
            &[0x92],
            &[0x92, 1],
            &[0x92, 1, 2, 3],
            &[0x93, 1, 2],
            &[0x92, 0xd0, 1, 2],
            &[0x92, 1, 0xcf, 0, 0],
        ] {
            assert!(decode(bytes, None).is_err(), "{bytes:?}");
        }
        assert!(decode(&[0; 16], Some(SeedEncoding::HighLow)).is_err());
        assert!(decode(&[0x92, 0, 5], Some(SeedEncoding::Bytes)).is_err());
    }
}
