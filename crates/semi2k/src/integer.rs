//! 128-bit integers on the wire.

use symbolon_mutants::Mutant;

/// A 128-bit integer as a MessagePack array of its upper and its lower half, each in the shortest unsigned form: how
/// yacl sends seeds. 5 is `92 00 05`; at most 19 bytes.
pub fn encode_u128(value: u128) -> Vec<u8> {
    let value = if Mutant::SeedHalvesSwapped.is_on() { value.rotate_left(64) } else { value };
    let bytes = value.to_be_bytes();
    let (halves, _) = bytes.as_chunks::<8>();
    let mut out = Vec::with_capacity(19);
    out.push(0x92);
    for half in halves {
        push(u64::from_be_bytes(*half), &mut out);
    }
    out
}

/// The integer that [`encode_u128`] turns into these bytes; `None` for anything else (other types, other lengths,
/// longer forms of a half, bytes left over).
pub fn decode_u128(bytes: &[u8]) -> Option<u128> {
    let rest = bytes.strip_prefix(&[0x92])?;
    let (high, rest) = take(rest)?;
    let (low, rest) = take(rest)?;
    rest.is_empty().then_some(u128::from(high) << 64 | u128::from(low))
}

fn push(value: u64, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    let (tag, width) = match value {
        0..0x80 => (None, 1),
        0x80..0x100 => (Some(0xcc), 1),
        0x100..0x1_0000 => (Some(0xcd), 2),
        0x1_0000..0x1_0000_0000 => (Some(0xce), 4),
        _ => (Some(0xcf), 8),
    };
    out.extend(tag);
    out.extend(&bytes[bytes.len() - width..]);
}

fn take(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (width, least) = match tag {
        0..0x80 => return Some((u64::from(tag), rest)),
        0xcc => (1, 0x80),
        0xcd => (2, 0x100),
        0xce => (4, 0x1_0000),
        0xcf => (8, 0x1_0000_0000),
        _ => return None,
    };
    let (digits, rest) = rest.split_at_checked(width)?;
    let value = digits.iter().fold(0, |value, &digit| value << 8 | u64::from(digit));
    (value >= least).then_some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(u128, &[u8]); 7] = [
        (0, &[0x92, 0, 0]),
        (5, &[0x92, 0x00, 0x05]),
        (0x80, &[0x92, 0x00, 0xcc, 0x80]),
        (0x7f << 64 | 0x100, &[0x92, 0x7f, 0xcd, 0x01, 0x00]),
        (0xffff << 64 | 0x1_0000, &[0x92, 0xcd, 0xff, 0xff, 0xce, 0, 1, 0, 0]),
        (1 << 96 | 0xff, &[0x92, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0, 0xcc, 0xff]),
        // a public seed share that SPU 0.9.5 sent
        (
            0x08da_5522_3b1e_12e5_f219_830f_0f7a_9d12,
            &[
                0x92, 0xcf, 8, 0xda, 0x55, 0x22, 0x3b, 0x1e, 0x12, 0xe5, 0xcf, 0xf2, 0x19, 0x83, 0x0f, 0x0f,
                0x7a, 0x9d, 0x12,
            ],
        ),
    ];

    #[test]
    fn known_forms() {
        for (value, bytes) in GOOD {
            assert_eq!(encode_u128(value), bytes, "{value:x}");
            assert_eq!(decode_u128(bytes), Some(value), "{bytes:x?}");
        }
    }

    #[test]
    fn nothing_else_is_accepted() {
        let bad: [&[u8]; 12] = [
            &[],
            &[0x92],
            &[0x92, 5],
            &[0x92, 5, 0xcf, 1],
            &[0x92, 0, 5, 0],
            &[0x93, 0, 5, 0],
            &[0xdc, 0, 2, 0, 5],
            &[0x92, 0xcc, 5, 0],
            &[0x92, 0, 0xcd, 0, 0xff],
            &[0x92, 0xff, 0],
            &[0x92, 0xd0, 5, 0],
            &[0x92, 0xcf, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0],
        ];
        for bytes in bad {
            assert_eq!(decode_u128(bytes), None, "{bytes:x?}");
        }
        for (_, bytes) in GOOD {
            for cut in 0..bytes.len() {
                assert_eq!(decode_u128(&bytes[..cut]), None, "{bytes:x?} cut at {cut}");
            }
        }
    }
}
