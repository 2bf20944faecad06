//! Counter streams and ring elements, from the block cipher alone.
//!
//! A draw begins at a block counter and takes whole blocks; what is left of the last one is lost. Block i of a draw that
//! begins at counter c is AES-128 of
//!
//! ```text
//! big-endian counter mode   the 16 bytes of c, little-endian, read as a big-endian number, plus i
//! little-endian blocks      the 16 bytes of c + i, little-endian
//! ```
//!
//! Elements of the ring of 2^k are `u128` here, reduced by [`mask`].

use aes::Aes128;
use cipher::{BlockCipherEncrypt as _, KeyInit as _};
use symbolon_dialect::Construction;

/// The largest element of the ring of 2^k.
pub const fn mask(bits: u32) -> u128 {
    u128::MAX >> (128 - bits)
}

/// `bytes` bytes from block `counter` on.
pub fn draw(key: &[u8; 16], construction: Construction, counter: u64, bytes: usize) -> Vec<u8> {
    let cipher = Aes128::new(key.into());
    let mut out = Vec::with_capacity(bytes + 16);
    let mut index = 0_u128;
    while out.len() < bytes {
        let input = match construction {
            Construction::CtrBigEndian => {
                u128::from_be_bytes(u128::from(counter).to_le_bytes()).wrapping_add(index).to_be_bytes()
            }
            Construction::BlocksLittleEndian => (u128::from(counter) + index).to_le_bytes(),
        };
        let mut block = input.into();
        cipher.encrypt_block(&mut block);
        out.extend_from_slice(&block);
        index += 1;
    }
    out.truncate(bytes);
    out
}

/// Elements of a ring out of their little-endian bytes.
pub fn elements(bytes: &[u8], bits: u32) -> Vec<u128> {
    let width = bits as usize / 8;
    let element = |bytes: &[u8]| bytes.iter().rev().fold(0, |value, byte| value << 8 | u128::from(*byte));
    bytes.chunks_exact(width).map(element).collect()
}

/// The element as a signed number, shifted right by `by`, as an element.
pub const fn arithmetic_shift(element: u128, by: u32, bits: u32) -> u128 {
    let signed = (element << (128 - bits)).cast_signed() >> (128 - bits);
    (signed >> by).cast_unsigned() & mask(bits)
}

/// A (m×k) times B (k×n), row by row.
pub fn product(a: &[u128], b: &[u128], [m, k, n]: [usize; 3], bits: u32) -> Vec<u128> {
    let at = |matrix: &[u128], index: usize| matrix.get(index).copied().unwrap_or_default();
    let cell = |row: usize, column: usize| {
        (0..k).fold(0_u128, |sum, inner| {
            sum.wrapping_add(at(a, row * k + inner).wrapping_mul(at(b, inner * n + column)))
        }) & mask(bits)
    };
    (0..m)
        .flat_map(|row| (0..n).map(move |column| (row, column)))
        .map(|(row, column)| cell(row, column))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the known answers of vectors/prg, which name their sources.
    #[test]
    fn both_constructions_are_those_of_the_vectors() {
        let path = format!("{}/../vectors/prg/streams.json", env!("CARGO_MANIFEST_DIR"));
        let file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut count = 0;
        for group in file["groups"].as_array().unwrap() {
            let construction = match (group["cipher"].as_str(), group["construction"].as_str()) {
                (Some("aes-128"), Some("ctr-big-endian")) => Construction::CtrBigEndian,
                (Some("aes-128"), Some("blocks-little-endian")) => Construction::BlocksLittleEndian,
                _ => continue,
            };
            for test in group["tests"].as_array().unwrap() {
                let key: [u8; 16] = hex::decode(test["key"].as_str().unwrap()).unwrap().try_into().unwrap();
                let mut counter: u64 = test["counter"].as_str().unwrap().parse().unwrap();
                for expected in test["draws"].as_array().unwrap() {
                    let bytes = usize::try_from(expected["bytes"].as_u64().unwrap()).unwrap();
                    let output = hex::decode(expected["output"].as_str().unwrap()).unwrap();
                    assert_eq!(draw(&key, construction, counter, bytes), output, "{test}");
                    counter = expected["counter_after"].as_str().unwrap().parse().unwrap();
                    count += 1;
                }
            }
        }
        assert!(count >= 4, "{count} draws");
    }

    #[test]
    fn shifts_keep_the_sign() {
        assert_eq!(arithmetic_shift(mask(32) - 7, 2, 32), mask(32) - 1); // -8 / 4 = -2
        assert_eq!(arithmetic_shift(8, 2, 64), 2);
        assert_eq!(arithmetic_shift(u128::MAX, 5, 128), u128::MAX);
        assert_eq!(elements(&[1, 0, 0, 0, 0, 1, 0, 0], 32), [1, 256]);
        assert_eq!(product(&[1, 2, 3, 4], &[5, 6], [2, 2, 1], 64), [17, 39]);
    }
}
