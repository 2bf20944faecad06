//! Which blocks of a session's streams were used already.
//!
//! A correction for `C = A·B - R` is safe to hand out because `R` hides it. Were a second correction
//! computed over blocks that an earlier one used, their difference would tell the adjust rank about the
//! other parties' shares (with `A`, `B` fixed and two different `R`, `R - R'`, and with two different
//! `A`, much more). So every block may be consumed once. A request that is repeated unchanged, because
//! its answer got lost, tells nothing new and is allowed.
//!
//! In a session whose parties have all said that they keep masks (erratum E46), a factor of a matrix product may be one
//! again, beside another factor and an `R` that are fresh: `A·B - R` and `A·B' - R'` are hidden by `R` and `R'`. Blocks
//! that have served otherwise are fresh to nobody, and factors never serve as anything else.

use std::collections::{BTreeMap, VecDeque};

use symbolon_mutants::Mutant;
use symbolon_prg::CounterStream;
use symbolon_triples::{AdjustRequest, Op};

/// Unchanged requests that may still be repeated.
const REPEATABLE: usize = 256;
/// Gaps that a session may leave between used ranges before it is refused.
const FRAGMENTS: usize = 1 << 16;

/// The used ranges of one session.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    used: Ranges,
    /// Those that were factors of matrix products, where masks are kept.
    factors: Ranges,
    keep_masks: bool,
    recent: VecDeque<AdjustRequest>,
}

/// Ranges of blocks, merged where they touch: start to end, exclusive.
#[derive(Debug, Default)]
struct Ranges(BTreeMap<u64, u64>);

impl Ledger {
    /// The ledger of a session, in which masks are kept or not.
    pub(crate) fn new(keep_masks: bool) -> Self {
        Self { keep_masks, ..Self::default() }
    }

    /// Marks the blocks of `request` as used, or says why it may not use them.
    pub(crate) fn reserve(&mut self, request: &AdjustRequest) -> Result<(), String> {
        // Fresh random bits over the same shares would tell the difference of the two answers.
        let repeatable = !matches!(request.op, Op::RandBit { .. }) && !Mutant::RepeatRefused.is_on();
        if repeatable && self.recent.contains(request) {
            return Ok(());
        }
        let mut ranges = Vec::with_capacity(request.inputs.len());
        for (index, input) in request.inputs.iter().enumerate() {
            let blocks = CounterStream::blocks_for(input.bytes);
            let end = input
                .counter
                .checked_add(blocks)
                .ok_or_else(|| format!("input {index}: counter {} overflows", input.counter))?;
            if blocks > 0 {
                ranges.push((input.counter, end, index));
            }
        }
        ranges.sort_unstable();
        for pair in ranges.windows(2) {
            if let [(_, end, first), (start, _, second)] = pair
                && start < end
            {
                return Err(format!("inputs {first} and {second} overlap at counter {start}"));
            }
        }
        let again = self.kept_factor(request, &ranges);
        ranges.retain(|(.., index)| Some(*index) != again);
        for (start, end, index) in &ranges {
            if self.used.overlap(*start, *end) {
                return Err(format!(
                    "input {index}: blocks {start} to {end} of the stream were used by an earlier request; every \
                     correction needs fresh counters"
                ));
            }
        }
        if self.used.0.len() + ranges.len() > FRAGMENTS {
            return Err(format!("more than {FRAGMENTS} gaps between used counters; use counters in order"));
        }
        for (start, end, index) in ranges {
            self.used.insert(start, end);
            if self.keep_masks && is_factor(request, index) {
                self.factors.insert(start, end);
            }
        }
        if repeatable {
            if self.recent.len() == REPEATABLE {
                self.recent.pop_front();
            }
            self.recent.push_back(request.clone());
        }
        Ok(())
    }

    /// The input of `request`, if there is one, that was a factor before and may be one again.
    fn kept_factor(&self, request: &AdjustRequest, ranges: &[(u64, u64, usize)]) -> Option<usize> {
        let again = |(start, end, index): &&(u64, u64, usize)| {
            is_factor(request, *index) && self.factors.contain(*start, *end)
        };
        ranges.iter().find(again).filter(|_| self.keep_masks).map(|(.., index)| *index)
    }
}

/// Whether that input is a factor of a matrix product.
fn is_factor(request: &AdjustRequest, index: usize) -> bool {
    matches!(request.op, Op::Dot { .. }) && index < 2
}

impl Ranges {
    fn overlap(&self, start: u64, end: u64) -> bool {
        !Mutant::CountersReused.is_on()
            && self.0.range(..end).next_back().is_some_and(|(_, used_end)| *used_end > start)
    }

    fn contain(&self, start: u64, end: u64) -> bool {
        self.0.range(..=start).next_back().is_some_and(|(_, used_end)| *used_end >= end)
    }

    fn insert(&mut self, mut start: u64, mut end: u64) {
        if let Some((before, before_end)) = self.0.range(..=start).next_back().map(|(s, e)| (*s, *e))
            && before_end == start
        {
            self.0.remove(&before);
            start = before;
        }
        if let Some(after_end) = self.0.remove(&end) {
            end = after_end;
        }
        self.0.insert(start, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use symbolon_ring::Field;
    use symbolon_triples::BufferMeta;

    fn and(ranges: &[(u64, u64)]) -> AdjustRequest {
        AdjustRequest {
            op: Op::And { len: 1 },
            field: Field::Ring64,
            inputs: ranges
                .iter()
                .map(|(counter, blocks)| BufferMeta { counter: *counter, bytes: blocks * 16 })
                .collect(),
        }
    }

    proptest! {
        /// The merged ranges say the same as a set of single blocks.
        #[test]
        fn ledger_is_a_set_of_blocks(requests in prop::collection::vec(prop::collection::vec((0u64..60, 0u64..6), 1..4), 1..20)) {
            let (mut ledger, mut model, mut seen) = (Ledger::default(), HashSet::new(), HashSet::new());
            for ranges in requests {
                let blocks: Vec<u64> = ranges.iter().flat_map(|(s, n)| *s..s + n).collect();
                let fresh: HashSet<u64> = blocks.iter().copied().collect();
                let repeated = seen.contains(&ranges);
                let allowed = repeated || (fresh.len() == blocks.len() && fresh.is_disjoint(&model));
                prop_assert_eq!(ledger.reserve(&and(&ranges)).is_ok(), allowed);
                if allowed {
                    model.extend(fresh);
                    seen.insert(ranges);
                }
            }
        }
    }

    #[test]
    fn random_bits_are_never_repeated_and_overflow_is_named() {
        let mut ledger = Ledger::default();
        let request = AdjustRequest { op: Op::RandBit { len: 2 }, ..and(&[(0, 1)]) };
        ledger.reserve(&request).unwrap();
        assert!(ledger.reserve(&request).unwrap_err().contains("earlier request"));
        assert!(ledger.reserve(&and(&[(u64::MAX, 2)])).unwrap_err().contains("overflows"));
    }

    /// A product of 1×k by k×1, or of m×k by k×1: the inputs are a, b, c.
    fn dot(a: (u64, u64), b: (u64, u64), c: (u64, u64)) -> AdjustRequest {
        AdjustRequest { op: Op::Dot { m: 1, k: 1, n: 1 }, ..and(&[a, b, c]) }
    }

    #[test]
    fn a_kept_mask_is_a_factor_again_and_nothing_else() {
        let mut ledger = Ledger::new(true);
        let mask = (0, 10);
        ledger.reserve(&dot(mask, (11, 1), (12, 4))).unwrap();
        // any part of it, on either side
        ledger.reserve(&dot((0, 4), (16, 1), (17, 2))).unwrap();
        ledger.reserve(&dot((19, 1), (3, 7), (20, 5))).unwrap();
        for (refused, input) in [
            (dot(mask, (11, 1), (30, 5)), "neither factor is fresh"),
            (dot((30, 1), (31, 1), mask), "the result"),
            (dot((30, 1), (31, 1), (12, 4)), "the result of before"),
            (dot(mask, (30, 1), (12, 4)), "a factor, and the result of before"),
            (dot((12, 2), (30, 1), (31, 1)), "a result as a factor"),
            (dot((9, 2), (30, 1), (31, 1)), "fresh blocks beside a factor"),
            (dot((60, 1), (8, 4), (61, 1)), "more than was a factor"),
            (and(&[mask, (30, 10), (40, 10)]), "another operation"),
            (AdjustRequest { op: Op::RandBit { len: 1 }, ..and(&[mask]) }, "random bits"),
        ] {
            assert!(ledger.reserve(&refused).is_err(), "{input}");
        }
        // None of the refused requests has marked anything.
        ledger.reserve(&and(&[(30, 1), (31, 1), (32, 1)])).unwrap();
        // What was no factor of a product cannot become one.
        assert!(ledger.reserve(&dot((30, 1), (40, 1), (41, 1))).is_err());
        let mut strict = Ledger::default();
        strict.reserve(&dot(mask, (10, 1), (11, 5))).unwrap();
        assert!(strict.reserve(&dot(mask, (16, 1), (17, 5))).unwrap_err().contains("earlier request"));
    }
}
