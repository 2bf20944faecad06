//! Sets of numbers that arrive nearly in order.

use std::collections::BTreeMap;

/// A set of numbers, kept as disjoint, non-adjacent runs: the memory grows with the gaps, not with the
/// numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers {
    /// First number of a run to its last.
    runs: BTreeMap<u64, u64>,
    count: u64,
}

impl Numbers {
    /// Adds `number`; false if it was there already.
    pub(crate) fn insert(&mut self, number: u64) -> bool {
        let before = self.runs.range(..=number).next_back().map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| last >= number) {
            return false;
        }
        let first = match before {
            Some((first, last)) if number.checked_sub(1) == Some(last) => first,
            _ => number,
        };
        let last = number.checked_add(1).and_then(|next| self.runs.remove(&next)).unwrap_or(number);
        self.runs.insert(first, last);
        self.count += 1;
        true
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        self.runs.range(..=number).next_back().is_some_and(|(_, last)| *last >= number)
    }

    /// How many numbers the set has.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How many runs the set has: what bounds its memory.
    pub(crate) fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Whether every number from 1 to `last` is there.
    pub(crate) fn covers_to(&self, last: u64) -> bool {
        last == 0 || self.runs.range(..=1).next_back().is_some_and(|(_, end)| *end >= last)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_a_plain_set(values in prop::collection::vec(prop_oneof![0u64..40, Just(u64::MAX), Just(u64::MAX - 1)], 0..80)) {
            let mut model = BTreeSet::new();
            let mut numbers = Numbers::default();
            for value in values {
                prop_assert_eq!(numbers.insert(value), model.insert(value));
                prop_assert_eq!(numbers.count(), model.len() as u64);
                for last in 0..42 {
                    prop_assert_eq!(numbers.contains(last), model.contains(&last));
                    prop_assert_eq!(numbers.covers_to(last), (1..=last).all(|n| model.contains(&n)));
                }
                let gaps = model.iter().filter(|n| **n == 0 || !model.contains(&(**n - 1))).count();
                prop_assert_eq!(numbers.runs(), gaps);
            }
        }
    }
}
