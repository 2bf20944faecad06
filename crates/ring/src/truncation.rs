//! Local truncation of two-party shares.

use symbolon_dialect::TruncationSide;
use symbolon_mutants::Mutant;

use crate::{Matrix, Ring};

/// Divides a two-party additive sharing by 2^`bits`, each party on its own share (PPCA 7-2023,
/// probabilistic truncation). Only right for two parties; more need truncation pairs.
///
/// With `>>` the arithmetic shift, party `rank` replaces its share s by
/// - [`TruncationSide::BothShift`]: s >> bits at either party;
/// - [`TruncationSide::OneNegates`]: s >> bits at rank 0, -((-s) >> bits) at the other.
///
/// If x is the shared value (two's complement), the new shares sum to floor(x / 2^bits) + e with e in
/// {-1, 0} for `BothShift` and {0, 1} for `OneNegates`, provided that the sum of the shares as signed
/// integers does not leave the signed range. It does with a probability of |x| / 2^k when one share is uniform:
/// that many of the 2^k values of it leave no room for the other. Then the result is off by 2^(k-bits).
/// `bits` must be below the width of the ring.
pub fn truncate_share<R: Ring>(share: &mut Matrix<R>, bits: u32, rank: usize, side: TruncationSide) {
    if Mutant::TruncationLogical.is_on() {
        return share.map_assign(|s| s.shr(bits));
    }
    let negates = if Mutant::TruncationSideSwapped.is_on() { rank == 0 } else { rank != 0 };
    match side {
        TruncationSide::OneNegates if negates => share.map_assign(|s| s.neg().ashr(bits).neg()),
        TruncationSide::BothShift | TruncationSide::OneNegates => share.map_assign(|s| s.ashr(bits)),
    }
}
