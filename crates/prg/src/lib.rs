//! Counter-mode random streams over AES-128 and SM4.

mod error;
mod seed;
mod stream;

pub use error::PrgError;
pub use seed::Seed;
pub use stream::{BLOCK_BYTES, Cipher, CounterStream};
pub use symbolon_dialect::Construction;
