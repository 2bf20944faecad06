//! Streams: known answers, a naive model, and the corners of the counter.

use aes::Aes128;
use cipher::{BlockCipherEncrypt, KeyInit, KeyIvInit, StreamCipher};
use ctr::{Ctr128BE, Ctr128LE};
use proptest::prelude::*;
use rand_core::{TryCryptoRng, TryRng};
use sm4::Sm4;
use symbolon_prg::{Cipher, Construction, CounterStream, PrgError, Seed};
use symbolon_ring::{Matrix, Ring};

const CIPHERS: [Cipher; 2] = [Cipher::Aes128, Cipher::Sm4];
const CONSTRUCTIONS: [Construction; 2] = [Construction::CtrBigEndian, Construction::BlocksLittleEndian];

fn draw(stream: &mut CounterStream, len: usize) -> Vec<u8> {
    let mut out = vec![0x5A; len]; // what was there must not matter
    stream.fill(&mut out).unwrap();
    out
}

/// The same stream from the `ctr` crate: whole draws, on one thread.
fn oracle(cipher: Cipher, construction: Construction, key: [u8; 16], counter: u64, len: usize) -> Vec<u8> {
    fn keystream<C: KeyIvInit<KeySize = cipher::consts::U16, IvSize = cipher::consts::U16> + StreamCipher>(
        key: [u8; 16],
        iv: [u8; 16],
        len: usize,
    ) -> Vec<u8> {
        let mut out = vec![0; len];
        C::new(&key.into(), &iv.into()).apply_keystream(&mut out);
        out
    }
    let iv = u128::from(counter).to_le_bytes();
    match (cipher, construction) {
        (Cipher::Aes128, Construction::CtrBigEndian) => keystream::<Ctr128BE<Aes128>>(key, iv, len),
        (Cipher::Aes128, Construction::BlocksLittleEndian) => keystream::<Ctr128LE<Aes128>>(key, iv, len),
        (Cipher::Sm4, Construction::CtrBigEndian) => keystream::<Ctr128BE<Sm4>>(key, iv, len),
        (Cipher::Sm4, Construction::BlocksLittleEndian) => keystream::<Ctr128LE<Sm4>>(key, iv, len),
    }
}

/// One block at a time, the counter incremented byte by byte.
fn naive(construction: Construction, key: [u8; 16], counter: u64, len: usize) -> Vec<u8> {
    let aes = Aes128::new(&key.into());
    let mut input = u128::from(counter).to_le_bytes();
    let mut out = Vec::new();
    while out.len() < len {
        let mut block = input.into();
        aes.encrypt_block(&mut block);
        out.extend_from_slice(&block);
        let order: Vec<usize> = match construction {
            Construction::CtrBigEndian => (0..16).rev().collect(),
            Construction::BlocksLittleEndian => (0..16).collect(),
        };
        for place in order {
            input[place] = input[place].wrapping_add(1);
            if input[place] != 0 {
                break;
            }
        }
    }
    out.truncate(len);
    out
}

/// 40 bytes with the key 00 01 … 0f, computed with OpenSSL 3.0 (`enc -*-ctr`, and `enc -*-ecb` over the
/// counters). Those of AES for CTR at 0 and 221 and for blocks at 0 are also what SPU and yacl give.
#[test]
fn known_answers() {
    use Cipher::{Aes128, Sm4};
    use Construction::{BlocksLittleEndian as Blocks, CtrBigEndian as Ctr};
    let key = Seed::from_u128_le(0x0F0E_0D0C_0B0A_0908_0706_0504_0302_0100);
    for (cipher, construction, counter, expected) in [
        (Aes128, Ctr, 0, "c6a13b37878f5b826f4f8162a1c8d8797346139595c0b41e497bbde365f42d0a49d68753999ba68c"),
        (
            Aes128,
            Ctr,
            221,
            "1276afff98b89e7f74be8660915a4e65128b935752769a32fd591e0e72fade1173c3c444e1511111",
        ),
        (
            Aes128,
            Ctr,
            0xFEFF_FFFF_FFFF_FFFF,
            "2f6247891369c5c865ede148d359ce59c4706c78a5df191ae32e23def46efea4ae0bbb2f6efe37bf",
        ),
        (
            Aes128,
            Blocks,
            0,
            "c6a13b37878f5b826f4f8162a1c8d879e37cd363dd7c87a09aff0e3e60e09c82fb8ae31ba5db9cad",
        ),
        (
            Aes128,
            Blocks,
            221,
            "1276afff98b89e7f74be8660915a4e65494e7d844290ec9bfe37d667bbd76a0a1ce2b5baa78c8aa0",
        ),
        (Sm4, Ctr, 0, "1e9634b770f9aebaa9344f5aff9f82a3fad5f2d33a644bfde79e9af64caadbec225d8dcfe2205a5c"),
        (Sm4, Ctr, 221, "ac2992782f7e9e11fae383782caf897b9066f8671481d55de02e8c8fba62a779bdc7fcb2eccdb408"),
        (
            Sm4,
            Ctr,
            0xFEFF_FFFF_FFFF_FFFF,
            "95dd1cf3cb68b562b6168fab802b5f233681db80b629a98d142584cee5c47c246ca5c5acd7234e80",
        ),
        (Sm4, Blocks, 0, "1e9634b770f9aebaa9344f5aff9f82a3a004279eb377ffcbb17d8279717e312eecc8de1372c57853"),
        (
            Sm4,
            Blocks,
            221,
            "ac2992782f7e9e11fae383782caf897bfaed0ceecdc8926d1eb8731811020161840fed63097feef9",
        ),
        (
            Sm4,
            Blocks,
            255,
            "3009530d3511ff149b5cab16b701d58256c7508ae21165c944612b3b4ae19c0c751267ba2f2100fa",
        ),
    ] {
        let mut stream = CounterStream::new(cipher, construction, &key).at(counter);
        assert_eq!(hex::encode(draw(&mut stream, 40)), expected, "{cipher:?} {construction:?} {counter}");
        assert_eq!(stream.counter(), counter + 3);
    }
}

/// Two matrix triples of a recorded run of SPU 0.9.5: the dealer replied with A·B - C, where A, B and C
/// are what the streams of both parties sum to.
#[test]
fn dealer_replies_of_a_recorded_run() {
    let seeds = ["7e40645015c2673831d1472c81fbaf8c", "b4a2481a5c4e341247fb2d909485df70"]
        .map(|text| Seed::from_bytes(hex::decode(text).unwrap().try_into().unwrap()));
    let mut streams =
        seeds.map(|seed| CounterStream::new(Cipher::Aes128, Construction::BlocksLittleEndian, &seed));
    let mut sum = |rows, cols| {
        let [mine, theirs] = streams.each_mut().map(|stream| stream.draw_matrix::<u64>(rows, cols).unwrap());
        mine.add(&theirs).unwrap()
    };
    for ((m, k), reply) in [
        (
            (6, 4),
            "da0dc9d691f103c8e46a8aa69d15229c35717d1ebabccc05b18d7fc8298c30f409c0aa53924cd5a65fe073765e16532b",
        ),
        ((4, 6), "856d57ca22e73e9d9f3e23df94defed7f966c635075f5d58cab2f2de600ca942"),
    ] {
        let (a, b, c) = (sum(m, k), sum(k, 1), sum(m, 1));
        let correction = a.matmul(&b).unwrap().sub(&c).unwrap();
        assert_eq!(hex::encode(correction.to_le_bytes()), reply);
    }
}

/// Long enough for several threads and, with AES, for carries into the third byte.
#[test]
fn long_draws_agree_with_the_ctr_crate() {
    let key = *b"sixteen key byte";
    for (cipher, blocks) in [(Cipher::Aes128, 270_000), (Cipher::Sm4, 33_000)] {
        for construction in CONSTRUCTIONS {
            for counter in [0, 250, 0xFFFF_FFFF_FFF0, u64::MAX - 1 - blocks] {
                let mut stream = CounterStream::new(cipher, construction, &Seed::from_bytes(key)).at(counter);
                let len = usize::try_from(blocks * 16 + 5).unwrap();
                let expected = oracle(cipher, construction, key, counter, len);
                assert!(draw(&mut stream, len) == expected, "{cipher:?} {construction:?} from {counter}");
                assert_eq!(stream.counter(), counter + blocks + 1);
            }
        }
    }
}

fn counters() -> impl Strategy<Value = u64> {
    // near carries more often than chance would have it
    let near = (0_u32..64, 0_u64..600).prop_map(|(bit, less)| (1_u64 << bit).saturating_sub(less));
    prop_oneof![near, 0..u64::MAX - 1000]
}

fn matrix_is_a_draw<R: Ring>(stream: &CounterStream, rows: usize, cols: usize) {
    let (mut one, mut other) = (stream.at(stream.counter()), stream.at(stream.counter()));
    let matrix = one.draw_matrix::<R>(rows, cols).unwrap();
    let bytes = draw(&mut other, rows * cols * R::BYTES);
    assert_eq!(matrix, Matrix::from_le_bytes(rows, cols, &bytes).unwrap());
    assert_eq!(one.counter(), other.counter());
}

proptest! {
    #[test]
    fn draws_agree_with_the_models(key: [u8; 16], counter in counters(), len in 0_usize..9000) {
        for construction in CONSTRUCTIONS {
            for cipher in CIPHERS {
                let len = if cipher == Cipher::Sm4 { len / 8 } else { len };
                let mut stream = CounterStream::new(cipher, construction, &Seed::from_bytes(key));
                stream.set_counter(counter);
                let out = draw(&mut stream, len);
                prop_assert_eq!(&out, &oracle(cipher, construction, key, counter, len));
                prop_assert_eq!(stream.counter(), counter + CounterStream::blocks_for(len as u64));
                if cipher == Cipher::Aes128 {
                    prop_assert_eq!(out, naive(construction, key, counter, len));
                }
            }
        }
    }

    /// A draw made in parts is the draw, in either construction, and the stream stays where it is.
    #[test]
    fn parts_make_up_a_draw(key: [u8; 16], counter in counters(), cut in 0_usize..40, rest in 0_usize..700) {
        for construction in CONSTRUCTIONS {
            let stream = CounterStream::new(Cipher::Aes128, construction, &Seed::from_bytes(key)).at(counter);
            let mut parts = vec![0; cut * 16 + rest];
            let (first, second) = parts.split_at_mut(cut * 16);
            stream.fill_part(0, first).unwrap();
            stream.fill_part(cut as u64, second).unwrap();
            prop_assert_eq!(stream.counter(), counter);
            prop_assert_eq!(draw(&mut stream.at(counter), parts.len()), parts);
            prop_assert!(stream.at(u64::MAX).fill_part(1, &mut [0]).is_err());
        }
    }

    /// Consecutive draws are one long draw only where blocks are numbered through.
    #[test]
    fn draws_follow_one_another(key: [u8; 16], counter in counters(), first in 0_usize..40, then in 1_usize..40) {
        let seed = Seed::from_bytes(key);
        let mut stream = CounterStream::new(Cipher::Aes128, Construction::BlocksLittleEndian, &seed).at(counter);
        let whole = draw(&mut stream.at(counter), (first + then) * 16);
        let parts = [draw(&mut stream, first * 16), draw(&mut stream, then * 16)].concat();
        prop_assert_eq!(whole, parts);

        let mut stream = CounterStream::new(Cipher::Aes128, Construction::CtrBigEndian, &seed).at(counter);
        draw(&mut stream, first * 16);
        let fresh = draw(&mut stream.at(counter + first as u64), then * 16);
        prop_assert_eq!(draw(&mut stream, then * 16), fresh);
    }

    #[test]
    fn matrices_are_draws(key: [u8; 16], counter in 0_u64..1000, rows in 0_usize..9, cols in 0_usize..9) {
        for construction in CONSTRUCTIONS {
            let stream = CounterStream::new(Cipher::Aes128, construction, &Seed::from_bytes(key)).at(counter);
            matrix_is_a_draw::<u32>(&stream, rows, cols);
            matrix_is_a_draw::<u64>(&stream, rows, cols);
            matrix_is_a_draw::<u128>(&stream, rows, cols);
        }
    }
}

#[test]
fn the_end_of_the_counter_is_an_error() {
    for construction in CONSTRUCTIONS {
        let stream = CounterStream::new(Cipher::Aes128, construction, &Seed::from_bytes([7; 16]));
        let mut near = stream.at(u64::MAX - 2);
        let mut out = [9; 33];
        let error = near.fill(&mut out).unwrap_err();
        assert_eq!(error, PrgError::OursCounterOverflow { counter: u64::MAX - 2, blocks: 3 });
        assert_eq!((out, near.counter()), ([9; 33], u64::MAX - 2), "nothing was drawn");
        assert!(near.draw_matrix::<u64>(5, 1).is_err());
        near.fill(&mut out[..32]).unwrap();
        assert_eq!(near.counter(), u64::MAX);
        assert!(near.fill(&mut out[..1]).is_err());
        near.fill(&mut []).unwrap();
    }
}

#[test]
fn blocks_are_counted_up() {
    for (bytes, blocks) in [(0, 0), (1, 1), (16, 1), (17, 2), (u64::MAX, 1 << 60)] {
        assert_eq!(CounterStream::blocks_for(bytes), blocks);
    }
}

#[test]
fn generator_calls_are_draws() {
    fn generator(stream: &CounterStream) -> impl TryCryptoRng<Error = PrgError> {
        stream.at(5)
    }
    let stream = CounterStream::new(Cipher::Sm4, Construction::CtrBigEndian, &Seed::from_bytes([3; 16]));
    let mut rng = generator(&stream);
    let mut draws = stream.at(5);
    assert_eq!(rng.try_next_u32().unwrap().to_le_bytes()[..], draw(&mut draws, 4));
    assert_eq!(rng.try_next_u64().unwrap().to_le_bytes()[..], draw(&mut draws, 8));
    let mut bytes = [0; 20];
    rng.try_fill_bytes(&mut bytes).unwrap();
    assert_eq!(bytes[..], draw(&mut draws, 20));
    assert_eq!(draws.counter(), 9);
}

#[test]
fn seeds_and_streams_show_nothing() {
    let seed = Seed::from_u128_le(0xABCD);
    assert_eq!((seed.as_bytes()[..3].to_vec(), seed.to_u128()), (vec![0xCD, 0xAB, 0], 0xABCD));
    assert_eq!(format!("{seed:?}"), "Seed(hidden)");
    let stream = CounterStream::new(Cipher::Aes128, Construction::CtrBigEndian, &seed).at(4);
    assert_eq!(
        format!("{stream:?}"),
        "CounterStream { cipher: Aes128, construction: CtrBigEndian, counter: 4, .. }"
    );
    assert_ne!(Seed::random().unwrap().to_u128(), Seed::random().unwrap().to_u128());
}

#[test]
fn streams_and_seeds_wipe_their_keys() {
    fn wipes<T: zeroize::ZeroizeOnDrop>() {}
    wipes::<Seed>();
    wipes::<aes::Aes128Enc>();
    wipes::<Sm4>();
}
