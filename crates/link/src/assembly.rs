//! One message put together from its chunks.

use std::collections::BTreeMap;

use bytes::Bytes;
use symbolon_mutants::Mutant;

/// Most pieces that may wait for a gap before them to close.
const MAX_PIECES: usize = 1 << 16;

/// What a piece that waits costs beside its bytes.
const PIECE_BYTES: usize = 128;

/// Why a chunk cannot belong to the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChunkFault {
    #[error("a chunk of {length} bytes at offset {offset} exceeds the message of {total} bytes")]
    Outside { offset: u64, length: usize, total: usize },
    #[error("two chunks announce different message lengths, {first} and {then}")]
    Lengths { first: usize, then: u64 },
    #[error("two chunks disagree about the same bytes, at offset {offset}")]
    Disagree { offset: usize },
    #[error("more than {MAX_PIECES} scattered chunks")]
    Scattered,
}

/// Chunks of one message in any order, with repetitions and overlaps.
///
/// What lies without gap from the start is in one growing buffer, the rest waits as it came. So memory
/// follows what has arrived (at most twice that, and [`PIECE_BYTES`] for each piece), never what was announced.
pub(crate) struct Assembly {
    total: usize,
    prefix: Vec<u8>,
    /// Disjoint, beyond the prefix.
    pieces: BTreeMap<usize, Bytes>,
    waiting: usize,
}

impl Assembly {
    pub(crate) fn new(total: usize) -> Self {
        Self { total, prefix: Vec::new(), pieces: BTreeMap::new(), waiting: 0 }
    }

    /// What the budget counts for it: the bytes that have arrived, and what keeps them in pieces.
    pub(crate) fn held(&self) -> usize {
        self.prefix.len() + self.waiting + PIECE_BYTES * self.pieces.len()
    }

    /// At most what [`Assembly::held`] grows by with a chunk of `length` bytes at `offset`.
    pub(crate) fn growth(&self, offset: u64, length: usize) -> usize {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let gaps = 1 + self.pieces.range(start..start.saturating_add(length)).count();
        length.saturating_add(PIECE_BYTES * gaps)
    }

    pub(crate) fn is_complete(&self) -> bool {
        let reaches_end = |(start, piece): (&usize, &Bytes)| start + piece.len() == self.total;
        self.prefix.len() == self.total
            || Mutant::ChunkGapAccepted.is_on() && self.pieces.last_key_value().is_some_and(reaches_end)
    }

    /// The message. Call it when [`Assembly::is_complete`].
    pub(crate) fn into_message(self) -> Bytes {
        self.prefix.into()
    }

    /// Adds a chunk. After an error the assembly is as before.
    pub(crate) fn add(&mut self, announced: u64, offset: u64, chunk: &Bytes) -> Result<(), ChunkFault> {
        let offset = if Mutant::ChunkOffsetIgnored.is_on() { self.prefix.len() as u64 } else { offset };
        if usize::try_from(announced) != Ok(self.total) && !Mutant::ChunkLengthNotCompared.is_on() {
            return Err(ChunkFault::Lengths { first: self.total, then: announced });
        }
        let outside = ChunkFault::Outside { offset, length: chunk.len(), total: self.total };
        let start = usize::try_from(offset).map_err(|_| outside)?;
        let end = start
            .checked_add(chunk.len())
            .filter(|end| *end <= self.total || Mutant::ChunkBeyondEndAccepted.is_on())
            .ok_or(outside)?;

        let fresh = self.fresh(start, end, chunk)?;
        if self.pieces.len() + fresh.len() > MAX_PIECES {
            return Err(ChunkFault::Scattered);
        }
        for (from, to) in fresh {
            let piece = chunk.slice(from - start..to - start);
            if from == self.prefix.len() {
                self.extend(&piece);
            } else {
                // A small slice would keep the whole chunk alive.
                let piece =
                    if piece.len() * 2 < chunk.len() { Bytes::copy_from_slice(&piece) } else { piece };
                self.waiting += piece.len();
                self.pieces.insert(from, piece);
            }
        }
        while let Some(next) = self.pieces.first_entry().filter(|next| *next.key() == self.prefix.len()) {
            let piece = next.remove();
            self.waiting -= piece.len();
            self.extend(&piece);
        }
        Ok(())
    }

    /// The ranges of `start..end` that are not there yet, after comparing those that are.
    fn fresh(&self, start: usize, end: usize, chunk: &Bytes) -> Result<Vec<(usize, usize)>, ChunkFault> {
        let agree = |known: &[u8], from: usize| match chunk.get(from - start..from - start + known.len()) {
            Some(new) if new == known || Mutant::ChunkContradictionAccepted.is_on() => Ok(()),
            _ => Err(ChunkFault::Disagree { offset: from }),
        };
        let mut at = start;
        if at < self.prefix.len() {
            let to = end.min(self.prefix.len());
            agree(self.prefix.get(at..to).unwrap_or_default(), at)?;
            at = to;
        }
        let mut fresh = Vec::new();
        let before = self.pieces.range(..at).next_back().map(|(from, piece)| (*from, piece));
        let within = self.pieces.range(at..end.max(at)).map(|(from, piece)| (*from, piece));
        for (from, piece) in before.into_iter().chain(within) {
            let (low, high) = (from.max(at), (from + piece.len()).min(end));
            if high <= low {
                continue;
            }
            if at < low {
                fresh.push((at, low));
            }
            agree(piece.get(low - from..high - from).unwrap_or_default(), low)?;
            at = high;
        }
        if at < end {
            fresh.push((at, end));
        }
        Ok(fresh)
    }

    fn extend(&mut self, piece: &[u8]) {
        let needed = self.prefix.len() + piece.len();
        if self.prefix.capacity() < needed {
            let goal = self.prefix.capacity().saturating_mul(2).max(needed).min(self.total);
            self.prefix.reserve_exact(goal - self.prefix.len());
        }
        self.prefix.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(length: usize) -> Bytes {
        (0..length).map(|i| (i * 131 + i / 251) as u8).collect::<Vec<_>>().into()
    }

    proptest! {
        /// Ideal model: an array of optional bytes.
        #[test]
        fn any_order_overlap_and_repetition(
            length in 1usize..200,
            cuts in prop::collection::vec((0usize..200, 0usize..60), 0..60),
            size in 1usize..50,
            reverse: bool,
        ) {
            let whole = message(length);
            let mut model = vec![None; length];
            let mut assembly = Assembly::new(length);
            let mut regular: Vec<_> = (0..length).step_by(size).map(|at| (at, size)).collect();
            if reverse {
                regular.reverse();
            }
            for (at, size) in cuts.into_iter().chain(regular) {
                let from = at % length;
                let to = (from + size).min(length);
                let (before, growth) = (assembly.held(), assembly.growth(from as u64, to - from));
                assembly.add(length as u64, from as u64, &whole.slice(from..to)).unwrap();
                for i in from..to {
                    model[i] = Some(whole[i]);
                }
                let held = model.iter().flatten().count() + PIECE_BYTES * assembly.pieces.len();
                prop_assert_eq!(assembly.held(), held);
                prop_assert!(held <= before + growth);
                prop_assert_eq!(assembly.is_complete(), model.iter().all(Option::is_some));
            }
            prop_assert!(assembly.prefix.capacity() <= length);
            prop_assert_eq!(assembly.into_message(), whole);
        }

        /// A chunk that contradicts any known byte is refused and changes nothing.
        #[test]
        fn contradictions(length in 2usize..100, first in (0usize..100, 1usize..50), then in (0usize..100, 1usize..50), flip in 0usize..50) {
            let whole = message(length);
            let range = |(at, size): (usize, usize)| { let from = at % length; from..(from + size).min(length) };
            let (first, then) = (range(first), range(then));
            let mut assembly = Assembly::new(length);
            assembly.add(length as u64, first.start as u64, &whole.slice(first.clone())).unwrap();
            let mut bad = whole.slice(then.clone()).to_vec();
            let flip = flip % bad.len();
            bad[flip] ^= 1;
            let outcome = assembly.add(length as u64, then.start as u64, &bad.into());
            let known = first.contains(&(then.start + flip));
            prop_assert_eq!(outcome.is_err(), known);
            if known {
                assembly.add(length as u64, 0, &whole).unwrap();
                prop_assert_eq!(assembly.into_message(), whole);
            }
        }
    }

    #[test]
    fn hostile_chunks() {
        let mut assembly = Assembly::new(10);
        let four = Bytes::from_static(b"4444");
        assert_eq!(assembly.add(11, 0, &four), Err(ChunkFault::Lengths { first: 10, then: 11 }));
        assert_eq!(assembly.add(u64::MAX, 0, &four), Err(ChunkFault::Lengths { first: 10, then: u64::MAX }));
        for offset in [7, 10, u64::MAX - 1, u64::MAX] {
            let outside = ChunkFault::Outside { offset, length: 4, total: 10 };
            assert_eq!(assembly.add(10, offset, &four), Err(outside), "{offset}");
        }
        assert_eq!(
            assembly.add(10, 11, &Bytes::new()),
            Err(ChunkFault::Outside { offset: 11, length: 0, total: 10 })
        );
        assert_eq!(assembly.held(), 0);
        assembly.add(10, 3, &four).unwrap();
        assert_eq!(assembly.add(10, 5, &Bytes::from_static(b"45")), Err(ChunkFault::Disagree { offset: 5 }));
        assert_eq!(assembly.held(), 4 + PIECE_BYTES);
    }

    #[test]
    fn an_announcement_allocates_nothing() {
        let mut assembly = Assembly::new(usize::MAX >> 1);
        assembly.add((usize::MAX >> 1) as u64, 1 << 40, &Bytes::from_static(b"far away")).unwrap();
        assembly.add((usize::MAX >> 1) as u64, 0, &Bytes::from_static(b"start")).unwrap();
        assert!(assembly.prefix.capacity() < 64);
        assert_eq!(assembly.held(), 13 + PIECE_BYTES);
    }

    #[test]
    fn scattered_chunks_are_bounded() {
        let total = 4 * MAX_PIECES as u64;
        let mut assembly = Assembly::new(4 * MAX_PIECES);
        for i in 0..MAX_PIECES as u64 {
            assembly.add(total, 2 * i + 1, &Bytes::from_static(b"x")).unwrap();
        }
        assert_eq!(assembly.add(total, total - 1, &Bytes::from_static(b"x")), Err(ChunkFault::Scattered));
    }

    #[test]
    fn nothing_is_a_message_too() {
        let mut assembly = Assembly::new(0);
        assembly.add(0, 0, &Bytes::new()).unwrap();
        assert!(assembly.is_complete());
        assert!(assembly.into_message().is_empty());
    }
}
