//! The handshake of private set intersection.

mod negotiation;
mod request;
mod response;
mod run;

use symbolon_mutants::Mutant;

pub use negotiation::negotiate_psi;
pub use request::PsiRequest;
pub use run::{PartitionOffer, PsiRunOffer, PsiRunPlan};
pub(crate) use run::{Told, told};

/// Bits of an x-coordinate.
const COORDINATE_BITS: u32 = 256;

/// The fewest bits of a doubly masked point that tell sets of these sizes apart with an error of at most
/// 2^-`statistical_bits`: ⌈log2 a⌉ + ⌈log2 b⌉ + `statistical_bits`.
fn fewest_bits(a: u64, b: u64, statistical_bits: u32) -> u32 {
    let ceil_log2 = |count: u64| u64::BITS - count.max(1).saturating_sub(1).leading_zeros();
    if Mutant::TruncationUnsafe.is_on() { 8 } else { ceil_log2(a) + ceil_log2(b) + statistical_bits }
}

#[cfg(test)]
mod tests {
    use super::fewest_bits;

    #[test]
    fn the_bits_of_a_shortened_point_follow_the_sizes() {
        let cases =
            [((0, 0), 30), ((1, 1), 30), ((2, 1), 31), ((3, 4), 34), ((1024, 1025), 51), ((24, 30), 40)];
        for ((a, b), bits) in cases {
            assert_eq!(fewest_bits(a, b, 30), bits, "{a}, {b}");
            assert_eq!(fewest_bits(a, b, 40), bits + 10, "{a}, {b}");
        }
        assert_eq!(fewest_bits(u64::MAX, u64::MAX, 30), 158);
    }
}
