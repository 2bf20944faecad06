//! Messages to uniform bytes: `expand_message_xmd` and `expand_message_xof` of RFC 9380, section 5.3.
//!
//! With H the hash, b its output and s its input block in bytes, and `DST'` the domain separation tag followed
//! by its length,
//!
//! ```text
//! b_0 = H(0^s || message || length || 0 || DST')
//! b_1 = H(b_0 || 1 || DST')
//! b_i = H((b_0 xor b_(i-1)) || i || DST')
//! uniform bytes = the first `length` bytes of b_1 || b_2 || ...
//! ```
//!
//! for hashes with a fixed output. The block of SHA-3 is its rate. SHAKE-256 gives them directly:
//! SHAKE-256(message || length || DST').

use sha2::digest::block_api::BlockSizeUser;
use sha2::digest::{Digest, Output};
use sha2::{Sha224, Sha256, Sha384, Sha512};
use sha3::{Sha3_224, Sha3_256, Sha3_384, Sha3_512};
use sm3::Sm3;

use crate::digest::shake_256;
use crate::{Curve, Hash, Suite};

/// What names the protocol in front of a suite in its domain separation tags. No document fixes it (erratum E31).
const PROTOCOL: &str = "ECDH-PSI-V02-CS01-with-";

/// Prefix that shortens a tag of more than 255 bytes (section 5.3.3).
const OVERSIZE: &[u8] = b"H2C-OVERSIZE-DST-";

/// The domain separation tag (RFC 9380, sections 3.1 and 8.10) of the map that the RFC calls `map`: the protocol
/// and the suite, such as `ECDH-PSI-V02-CS01-with-SM2_XMD:SM3_SSWU_RO_`.
pub(crate) fn domain_separation_tag(suite: Suite, map: &str) -> String {
    let curve = match suite.curve {
        Curve::Curve25519 => "curve25519",
        Curve::Sm2 => "SM2",
    };
    let hash = match suite.hash {
        Hash::Sha256 => "SHA-256",
        Hash::Sm3 => "SM3",
        Hash::Sha224 => "SHA-224",
        Hash::Sha384 => "SHA-384",
        Hash::Sha512 => "SHA-512",
        Hash::Sha3_224 => "SHA3-224",
        Hash::Sha3_256 => "SHA3-256",
        Hash::Sha3_384 => "SHA3-384",
        Hash::Sha3_512 => "SHA3-512",
        Hash::Shake256 => "SHAKE-256",
    };
    let expander = if suite.hash == Hash::Shake256 { "XOF" } else { "XMD" };
    format!("{PROTOCOL}{curve}_{expander}:{hash}_{map}_")
}

/// `N` bytes, uniform if `hash` is a random oracle, for this message under this domain separation tag.
pub(crate) fn expand_message<const N: usize>(hash: Hash, message: &[u8], dst: &[u8]) -> [u8; N] {
    match hash {
        Hash::Sha256 => expand::<Sha256, N>(message, dst),
        Hash::Sm3 => expand::<Sm3, N>(message, dst),
        Hash::Sha224 => expand::<Sha224, N>(message, dst),
        Hash::Sha384 => expand::<Sha384, N>(message, dst),
        Hash::Sha512 => expand::<Sha512, N>(message, dst),
        Hash::Sha3_224 => expand::<Sha3_224, N>(message, dst),
        Hash::Sha3_256 => expand::<Sha3_256, N>(message, dst),
        Hash::Sha3_384 => expand::<Sha3_384, N>(message, dst),
        Hash::Sha3_512 => expand::<Sha3_512, N>(message, dst),
        Hash::Shake256 => expand_xof(message, dst),
    }
}

/// `expand_message_xof` of RFC 9380, section 5.3.2, with SHAKE-256 and tags of at most 255 bytes.
fn expand_xof<const N: usize>(message: &[u8], dst: &[u8]) -> [u8; N] {
    const { assert!(N <= u16::MAX as usize) };
    // The tags are ours and short; a longer one would be hashed (section 5.3.3).
    debug_assert!(dst.len() <= 255);
    shake_256(&[message, &(N as u16).to_be_bytes(), dst, &[dst.len() as u8]])
}

fn expand<H: Digest + BlockSizeUser, const N: usize>(message: &[u8], dst: &[u8]) -> [u8; N] {
    // Longest output of 255 blocks of the shortest digest, 28 bytes; also keeps the length in 16 bits.
    const { assert!(N <= 255 * 28) };
    let length = (N as u16).to_be_bytes();
    let shortened;
    let dst = if dst.len() > 255 {
        shortened = H::new().chain_update(OVERSIZE).chain_update(dst).finalize();
        shortened.as_slice()
    } else {
        dst
    };
    // At most 255, by the lines above.
    let dst_length = [dst.len() as u8];
    let finish = |hasher: H, counter: u8| -> Output<H> {
        hasher.chain_update([counter]).chain_update(dst).chain_update(dst_length).finalize()
    };

    let zero_block = sha2::digest::block_api::Block::<H>::default();
    let start = H::new().chain_update(zero_block).chain_update(message).chain_update(length);
    let first = finish(start, 0);
    let mut block = finish(H::new().chain_update(&first), 1);
    let mut output = [0; N];
    let mut counter = 1;
    for slots in output.chunks_mut(<H as Digest>::output_size()) {
        if counter > 1 {
            block.iter_mut().zip(&first).for_each(|(byte, other)| *byte ^= other);
            block = finish(H::new().chain_update(&block), counter);
        }
        slots.iter_mut().zip(&block).for_each(|(slot, byte)| *slot = *byte);
        counter = counter.wrapping_add(1);
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct File {
        groups: Vec<Group>,
    }

    #[derive(Deserialize)]
    struct Group {
        hash: String,
        dst: String,
        tests: Vec<Test>,
    }

    #[derive(Deserialize)]
    struct Test {
        id: String,
        message: String,
        uniform_bytes: String,
    }

    #[test]
    fn known_answers() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/psi/expand_message_xmd.json");
        let text = std::fs::read_to_string(path).unwrap();
        let groups = serde_json::from_str::<File>(&text).unwrap().groups;
        assert_eq!(groups.iter().map(|group| group.tests.len()).sum::<usize>(), 30);
        for (group, test) in groups.iter().flat_map(|group| group.tests.iter().map(move |test| (group, test)))
        {
            let hash = match group.hash.as_str() {
                "sha256" => Hash::Sha256,
                "sha512" => Hash::Sha512,
                other => panic!("{other}"),
            };
            let (message, dst) = (test.message.as_bytes(), group.dst.as_bytes());
            let bytes = match test.uniform_bytes.len() / 2 {
                0x20 => expand_message::<0x20>(hash, message, dst).to_vec(),
                0x80 => expand_message::<0x80>(hash, message, dst).to_vec(),
                other => panic!("{other}"),
            };
            assert_eq!(hex::encode(bytes), test.uniform_bytes, "{}", test.id);
        }
    }
}
