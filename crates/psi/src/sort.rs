//! Sorting more records than memory holds.
//!
//! Records of one length are sorted as byte strings: as many as fit are sorted in memory and written as a run,
//! and the runs are merged when they are read. This is preferred to files by leading bytes, because what comes
//! from the peer is not spread by chance: points that it repeats, or chooses to begin alike, would all go to one
//! file, whereas a run has the same size whatever is in it. Most sets need one or a few runs, and then merging
//! costs about as much as reading.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::os::unix::fs::FileExt;

use rayon::prelude::*;

use crate::PsiError;
use crate::disk::failed;
use crate::spool::Room;

/// Bytes that sorting in memory needs per record beside the record: its prefix and its place.
const ENTRY_BYTES: usize = 16;
/// Bytes of a run that are read at once while runs are merged; fewer where memory is short.
const MERGE_BYTES: usize = 1 << 20;
const LEAST_MERGE_BYTES: usize = 16 << 10;

/// Takes records in any order.
pub(crate) struct Sorter {
    room: Room,
    record_bytes: usize,
    held: Vec<u8>,
    /// Sorted runs, one after the other in one unnamed file.
    file: Option<File>,
    runs: Vec<Run>,
    file_bytes: u64,
}

/// Part of the file.
#[derive(Clone, Copy)]
struct Run {
    start: u64,
    end: u64,
}

impl Sorter {
    pub(crate) fn new(room: Room, record_bytes: usize) -> Self {
        Self { room, record_bytes, held: Vec::new(), file: None, runs: Vec::new(), file_bytes: 0 }
    }

    /// Makes room for so many records at once, as far as memory allows.
    pub(crate) fn reserve(&mut self, records: u64) {
        let records = usize::try_from(records).unwrap_or(usize::MAX).min(self.most());
        self.held.reserve_exact(records.saturating_mul(self.record_bytes));
    }

    /// Most records that are held at once.
    fn most(&self) -> usize {
        (self.room.memory / (self.record_bytes + ENTRY_BYTES)).clamp(1024, u32::MAX as usize)
    }

    /// Takes a record in parts, which together have the length of a record.
    pub(crate) fn push(&mut self, parts: &[&[u8]]) -> Result<(), PsiError> {
        parts.iter().for_each(|part| self.held.extend_from_slice(part));
        debug_assert_eq!(self.held.len() % self.record_bytes, 0);
        if self.held.len() / self.record_bytes >= self.most() { self.spill() } else { Ok(()) }
    }

    /// Writes what is held as a run.
    fn spill(&mut self) -> Result<(), PsiError> {
        let held = std::mem::take(&mut self.held);
        let order = order(&held, self.record_bytes);
        let start = self.file_bytes;
        let mut buffer = Vec::with_capacity(MERGE_BYTES + self.record_bytes);
        for &(_, place) in &order {
            buffer.extend_from_slice(record(&held, self.record_bytes, place));
            if buffer.len() >= MERGE_BYTES {
                self.write(&mut buffer)?;
            }
        }
        self.write(&mut buffer)?;
        self.runs.push(Run { start, end: self.file_bytes });
        self.held = held;
        self.held.clear();
        Ok(())
    }

    fn write(&mut self, buffer: &mut Vec<u8>) -> Result<(), PsiError> {
        let file = match &mut self.file {
            Some(file) => file,
            file => file.insert(self.room.file()?),
        };
        self.room.disk.write(file, &self.room.folder, buffer)?;
        self.file_bytes += buffer.len() as u64;
        buffer.clear();
        Ok(())
    }

    /// The records in order.
    pub(crate) fn finish(mut self) -> Result<Sorted, PsiError> {
        if self.runs.is_empty() {
            let order = order(&self.held, self.record_bytes);
            let mut held = Held {
                records: self.held,
                record_bytes: self.record_bytes,
                order,
                next: 0,
                window: Vec::with_capacity(WINDOW * self.record_bytes),
                at: 0,
            };
            held.fill();
            return Ok(Sorted(From::Memory(held)));
        }
        if !self.held.is_empty() {
            self.spill()?;
        }
        self.held = Vec::new();
        let fan_in = (self.room.memory / LEAST_MERGE_BYTES).clamp(4, 4096);
        while self.runs.len() > fan_in {
            self.merge_first(fan_in)?;
        }
        let buffer = (self.room.memory / self.runs.len()).clamp(LEAST_MERGE_BYTES, MERGE_BYTES);
        let runs = std::mem::take(&mut self.runs);
        Ok(Sorted(From::File(Merge::new(self, runs, buffer)?)))
    }

    /// Replaces the first runs by one.
    fn merge_first(&mut self, count: usize) -> Result<(), PsiError> {
        let rest = self.runs.split_off(count);
        let first = std::mem::replace(&mut self.runs, rest);
        let file = self
            .file
            .as_ref()
            .map(File::try_clone)
            .transpose()
            .map_err(failed("reading", &self.room.folder))?;
        let reading = Self {
            room: self.room.clone(),
            record_bytes: self.record_bytes,
            held: Vec::new(),
            file,
            runs: Vec::new(),
            file_bytes: 0,
        };
        let mut merge = Merge::new(reading, first, LEAST_MERGE_BYTES)?;
        let start = self.file_bytes;
        let mut buffer = Vec::with_capacity(MERGE_BYTES + self.record_bytes);
        while let Some(record) = merge.peek() {
            buffer.extend_from_slice(record);
            merge.advance()?;
            if buffer.len() >= MERGE_BYTES {
                self.write(&mut buffer)?;
            }
        }
        self.write(&mut buffer)?;
        self.runs.push(Run { start, end: self.file_bytes });
        Ok(())
    }
}

fn record(records: &[u8], record_bytes: usize, place: u32) -> &[u8] {
    let start = place as usize * record_bytes;
    records.get(start..start + record_bytes).unwrap_or_default()
}

/// The first 8 bytes as a number that sorts like them; shorter records are filled with zeros.
fn prefix(record: &[u8]) -> u64 {
    match record.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => record
            .iter()
            .chain(std::iter::repeat(&0))
            .take(8)
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    }
}

/// Prefix and place of each record, sorted. Almost always the prefixes decide, without a look at the records.
fn order(records: &[u8], record_bytes: usize) -> Vec<(u64, u32)> {
    let mut order: Vec<(u64, u32)> = records
        .par_chunks_exact(record_bytes)
        .zip(0u32..u32::MAX)
        .map(|(record, place)| (prefix(record), place))
        .collect();
    let whole = |place| record(records, record_bytes, place);
    order.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| whole(a.1).cmp(whole(b.1))));
    order
}

/// Records in order, one at a time.
pub(crate) struct Sorted(From);

enum From {
    Memory(Held),
    File(Merge),
}

/// Records that are collected at once: they lie anywhere in memory, and together they are waited for but once.
const WINDOW: usize = 64;

struct Held {
    records: Vec<u8>,
    record_bytes: usize,
    order: Vec<(u64, u32)>,
    /// Entries of the order that have been in the window.
    next: usize,
    window: Vec<u8>,
    at: usize,
}

impl Held {
    fn fill(&mut self) {
        self.window.clear();
        self.at = 0;
        for &(_, place) in self.order.iter().skip(self.next).take(WINDOW) {
            self.window.extend_from_slice(record(&self.records, self.record_bytes, place));
        }
        self.next += self.window.len() / self.record_bytes;
    }
}

impl Sorted {
    /// The next record; `None` at the end.
    pub(crate) fn peek(&self) -> Option<&[u8]> {
        match &self.0 {
            From::Memory(held) => held.window.get(held.at..held.at + held.record_bytes),
            From::File(merge) => merge.peek(),
        }
    }

    /// Goes on to the record behind it.
    pub(crate) fn advance(&mut self) -> Result<(), PsiError> {
        match &mut self.0 {
            From::Memory(held) => {
                held.at += held.record_bytes;
                if held.at >= held.window.len() {
                    held.fill();
                }
                Ok(())
            }
            From::File(merge) => merge.advance(),
        }
    }
}

/// Several runs read side by side.
struct Merge {
    sorter: Sorter,
    heads: BinaryHeap<Head>,
    buffer_bytes: usize,
}

/// The rest of one run, the smallest first record on top of the heap.
struct Head {
    prefix: u64,
    record_bytes: usize,
    buffer: Vec<u8>,
    at: usize,
    rest: Run,
}

impl Head {
    fn record(&self) -> &[u8] {
        self.buffer.get(self.at..self.at + self.record_bytes).unwrap_or_default()
    }

    /// Goes on to the next record of the run; false at its end.
    fn advance(&mut self, sorter: &Sorter, buffer_bytes: usize) -> Result<bool, PsiError> {
        self.at += self.record_bytes;
        if self.at >= self.buffer.len() {
            let whole = (buffer_bytes / self.record_bytes).max(1) * self.record_bytes;
            let left = usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX);
            self.buffer.resize(whole.min(left), 0);
            if let Some(file) = &sorter.file {
                file.read_exact_at(&mut self.buffer, self.rest.start)
                    .map_err(failed("reading", &sorter.room.folder))?;
            }
            self.rest.start += self.buffer.len() as u64;
            self.at = 0;
        }
        self.prefix = prefix(self.record());
        Ok(!self.buffer.is_empty())
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap has its greatest on top.
        other.prefix.cmp(&self.prefix).then_with(|| other.record().cmp(self.record()))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

impl Merge {
    fn new(sorter: Sorter, runs: Vec<Run>, buffer_bytes: usize) -> Result<Self, PsiError> {
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for rest in runs {
            let mut head =
                Head { prefix: 0, record_bytes: sorter.record_bytes, buffer: Vec::new(), at: 0, rest };
            if head.advance(&sorter, buffer_bytes)? {
                heads.push(head);
            }
        }
        Ok(Self { sorter, heads, buffer_bytes })
    }

    fn peek(&self) -> Option<&[u8]> {
        self.heads.peek().map(Head::record)
    }

    fn advance(&mut self) -> Result<(), PsiError> {
        if let Some(mut head) = self.heads.peek_mut()
            && !head.advance(&self.sorter, self.buffer_bytes)?
        {
            PeekMut::pop(head);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(records: &[Vec<u8>], record_bytes: usize, memory: u64) -> Vec<Vec<u8>> {
        let mut sorter = Sorter::new(Room::new(memory, &std::env::temp_dir()), record_bytes);
        sorter.reserve(records.len() as u64);
        records.iter().for_each(|record| sorter.push(&[record]).unwrap());
        let mut sorted = sorter.finish().unwrap();
        let mut found = Vec::new();
        while let Some(record) = sorted.peek() {
            found.push(record.to_vec());
            sorted.advance().unwrap();
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn equals_sorting_in_memory(seed in any::<u64>(), count in 0usize..9000, record_bytes in 3usize..20, values in 1u64..1000) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                state >> 33
            };
            // Many equal records, and many with equal prefixes.
            let records: Vec<Vec<u8>> = (0..count)
                .map(|_| {
                    let value = (next() % values).to_be_bytes();
                    (0..record_bytes).map(|i| value[if i < 2 { 6 } else { 7 - (i % 2) }]).collect()
                })
                .collect();
            let mut expected = records.clone();
            expected.sort();
            // At the least of memory a run has 1024 records, and four are merged at once.
            prop_assert_eq!(sorted(&records, record_bytes, 0), expected.clone());
            prop_assert_eq!(sorted(&records, record_bytes, u64::MAX), expected);
        }
    }
}
