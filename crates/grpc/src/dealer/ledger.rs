//! Which blocks of a session's streams were used already.
//!
//! A correction for `C = A·B - R` is safe to hand out because `R` hides it. Were a second correction
//! computed over blocks that an earlier one used, their difference would tell the adjust rank about the
//! other parties' shares (with `A`, `B` fixed and two different `R`, `R - R'`, and with two different
//! `A`, much more). So every block may be consumed once. A request that is repeated unchanged, because
//! its answer got lost, tells nothing new and is allowed.

use std::collections::{BTreeMap, VecDeque};

use symbolon_mutants::Mutant;
use symbolon_prg::CounterStream;
use symbolon_triples::{AdjustRequest, Op};

/// Unchanged requests that may still be repeated.
const REPEATABLE: usize = 256;
/// Gaps that a session may leave between used ranges before it is refused.
const FRAGMENTS: usize = 1 << 16;

/// The used ranges of one session, merged where they touch: start to end, exclusive.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    used: BTreeMap<u64, u64>,
    recent: VecDeque<AdjustRequest>,
}

impl Ledger {
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
        for (start, end, index) in &ranges {
            if self.overlaps(*start, *end) {
                return Err(format!(
                    "input {index}: blocks {start} to {end} of the stream were used by an earlier request; every \
                     correction needs fresh counters"
                ));
            }
        }
        if self.used.len() + ranges.len() > FRAGMENTS {
            return Err(format!("more than {FRAGMENTS} gaps between used counters; use counters in order"));
        }
        for (start, end, _) in ranges {
            self.insert(start, end);
        }
        if repeatable {
            if self.recent.len() == REPEATABLE {
                self.recent.pop_front();
            }
            self.recent.push_back(request.clone());
        }
        Ok(())
    }

    fn overlaps(&self, start: u64, end: u64) -> bool {
        !Mutant::CountersReused.is_on()
            && self.used.range(..end).next_back().is_some_and(|(_, used_end)| *used_end > start)
    }

    fn insert(&mut self, mut start: u64, mut end: u64) {
        if let Some((before, before_end)) = self.used.range(..=start).next_back().map(|(s, e)| (*s, *e))
            && before_end == start
        {
            self.used.remove(&before);
            start = before;
        }
        if let Some(after_end) = self.used.remove(&end) {
            end = after_end;
        }
        self.used.insert(start, end);
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
}
