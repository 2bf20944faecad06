//! Counter streams over AES-128 and SM4: the random numbers that two parties, or a party and a dealer, draw
//! alike from a shared seed.
//!
//! The streams are those of the SecretFlow interconnection documents (`prg_config`: a seed, a cipher, a
//! count) and of the pseudo-random generators of SPU and yacl that speak them.
//!
//! # What it computes
//! A [`CounterStream`] has a 16-byte [`Seed`] as its key and a block counter c. A draw of L bytes takes
//! n = ⌈L/16⌉ blocks, gives their first L bytes, throws the rest away and moves the counter to c + n. With
//! E the cipher and LE128 the 16 little-endian bytes of a number, block i of a draw is
//! - E(LE128(c + i)) for [`Construction::BlocksLittleEndian`] (dealer streams of SPU 0.9.5 and later);
//! - E(LE128(c) + i), the sum taken as on 128-bit *big-endian* numbers, for
//!   [`Construction::CtrBigEndian`]: CTR mode of SP 800-38A with the initial counter block LE128(c). This is
//!   the construction of public, private and pairwise streams everywhere, and of the reference's dealer.
//!
//! The two agree in the first block of a draw only (erratum E16). In the second, a draw is not the
//! continuation of the one before it: it starts at a block of its own, c in the first eight bytes and 0 in
//! the last eight, and counts in the last eight. Draws at different counters therefore never share a
//! block, but drawing 16 and 16 bytes is not drawing 32.
//!
//! # What it deliberately does not do
//! - It does not choose seeds by itself: only [`Seed::random`] asks the operating system.
//! - It does not wrap: a draw past block 2^64 - 1 is an error, before anything is drawn.
//! - It keeps no rest of a block, so it is no byte stream: the draws, not the bytes, must agree.
//! - It implements `rand_core`'s `TryRng` and `TryCryptoRng`, not the infallible traits (a draw can reach the
//!   end of the counter; `rand_core::UnwrapErr` turns that into a panic for those who want it), and not
//!   `SeedableRng` (a seed alone does not say cipher and construction).
//!
//! # Timing and SM4
//! Both ciphers run in constant time, so that whoever shares the processor's caches with the party (another
//! tenant of the machine, say) learns nothing about the seed. AES-128 comes from the `aes` crate: the
//! processor's AES instructions where it has them, else bit-sliced. With AVX-512 and VAES it is this crate's
//! own, four times as fast: the counter blocks are made in registers and never touch memory. SM4 is this crate's own, since the `sm4`
//! crate looks bytes up in a table at secret places: with AVX-512 and GFNI the substitution is two instructions
//! for 64 bytes, elsewhere it is a bit-sliced circuit. `SYMBOLON_BACKEND` (`serial`, `avx2`, `avx512`) asks for
//! another than the best; `cargo bench -p symbolon-prg` measures each.
//!
//! # Example
//! ```
//! use symbolon_prg::{Cipher, Construction, CounterStream, Seed};
//!
//! let seed = Seed::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
//! let mut stream = CounterStream::new(Cipher::Aes128, Construction::CtrBigEndian, &seed);
//! let mask = stream.draw_matrix::<u64>(3, 1)?; // 24 bytes: two blocks
//! assert_eq!(mask.to_le_bytes()[..4], [0xc6, 0xa1, 0x3b, 0x37]);
//! assert_eq!(stream.counter(), 2);
//! // whoever holds the seed can replay the draw
//! assert_eq!(stream.at(0).draw_matrix::<u64>(3, 1)?, mask);
//! # Ok::<(), symbolon_prg::PrgError>(())
//! ```
//!
//! # Names
//! [`Seed`], [`Cipher`], [`Construction`], [`CounterStream`], [`BLOCK_BYTES`], [`PrgError`].

mod aes;
mod backend;
mod counters;
mod error;
mod seed;
mod sm4;
mod stream;

pub use error::PrgError;
pub use seed::Seed;
pub use stream::{BLOCK_BYTES, Cipher, CounterStream};
pub use symbolon_dialect::Construction;
