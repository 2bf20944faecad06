//! Sorting records by a key in bounded memory: sorted runs on disk, merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What records are sorted by, from left to right.
pub(super) type SortKey = [u64; 3];

/// Bytes of key and length before a record on disk.
const HEAD: usize = 28;

/// Collects records, in any order.
///
/// Records wait in memory up to the limit; then they are sorted and become a run: a file without a name, which is
/// gone when the process is, however that ends.
pub(super) struct Sorter {
    directory: PathBuf,
    limit: usize,
    /// Records, one after the other.
    records: Vec<u8>,
    /// Key, begin and length of each.
    index: Vec<(SortKey, usize, u32)>,
    runs: Vec<File>,
}

impl Sorter {
    /// A sorter that keeps to about `memory` bytes and puts what is more into `directory`.
    pub(super) fn new(directory: &Path, memory: usize) -> Self {
        let directory = directory.to_owned();
        Self { directory, limit: memory, records: Vec::new(), index: Vec::new(), runs: Vec::new() }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`Error::OurFile`] if the disk is full or fails.
    pub(super) fn push(&mut self, key: SortKey, record: &[u8]) -> Result<()> {
        let length = u32::try_from(record.len())
            .map_err(|_| Error::Ours("a row is longer than 4 GiB: it cannot be sorted".into()))?;
        let entry = size_of::<(SortKey, usize, u32)>();
        if (self.index.len() + 1) * entry + self.records.len() + record.len() > self.limit
            && !self.index.is_empty()
        {
            self.spill()?;
        }
        self.index.push((key, self.records.len(), length));
        self.records.extend_from_slice(record);
        Ok(())
    }

    /// All records, from the smallest key to the largest.
    ///
    /// # Errors
    /// As [`Sorter::push`].
    pub(super) fn sorted(mut self) -> Result<Sorted> {
        if self.runs.is_empty() {
            self.index.sort_unstable();
            return Ok(Sorted::Memory { records: self.records, index: self.index, next: 0 });
        }
        self.spill()?;
        let failed = |source| Error::file("read a temporary file in", &self.directory, source);
        let buffer = (self.limit / self.runs.len()).clamp(1 << 12, 1 << 20);
        (self.records, self.index) = (Vec::new(), Vec::new());
        let mut runs = Vec::with_capacity(self.runs.len());
        let mut heap = BinaryHeap::with_capacity(self.runs.len());
        for (number, mut file) in self.runs.into_iter().enumerate() {
            file.rewind().map_err(failed)?;
            let mut run = Run { file: BufReader::with_capacity(buffer, file), record: Vec::new() };
            if let Some(key) = run.read().map_err(failed)? {
                heap.push(Reverse((key, number)));
            }
            runs.push(run);
        }
        Ok(Sorted::Runs { directory: self.directory, runs, heap, current: None })
    }

    fn spill(&mut self) -> Result<()> {
        self.index.sort_unstable();
        let run = self.write_run();
        self.runs.push(run.map_err(|source| {
            Error::file(
                "put rows that do not fit into memory into a temporary file in",
                &self.directory,
                source,
            )
        })?);
        self.index.clear();
        self.records.clear();
        Ok(())
    }

    fn write_run(&self) -> std::io::Result<File> {
        let mut out = BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(&self.directory)?);
        for (key, begin, length) in &self.index {
            let mut head = [0; HEAD];
            for (eight, part) in head.chunks_mut(8).zip(key) {
                eight.copy_from_slice(&part.to_le_bytes());
            }
            head[24..].copy_from_slice(&length.to_le_bytes());
            out.write_all(&head)?;
            out.write_all(slice(&self.records, *begin, *length))?;
        }
        out.into_inner().map_err(std::io::IntoInnerError::into_error)
    }
}

fn slice(records: &[u8], begin: usize, length: u32) -> &[u8] {
    records.get(begin..begin + length as usize).unwrap_or_default()
}

/// Records in the order of their keys.
pub(super) enum Sorted {
    /// All of them fitted into memory.
    Memory { records: Vec<u8>, index: Vec<(SortKey, usize, u32)>, next: usize },
    /// Sorted runs; the heap has the key of the record that each is at.
    Runs {
        directory: PathBuf,
        runs: Vec<Run>,
        heap: BinaryHeap<Reverse<(SortKey, usize)>>,
        /// The run whose record was given out last.
        current: Option<usize>,
    },
}

/// A file of sorted records, and the one it is at.
pub(super) struct Run {
    file: BufReader<File>,
    record: Vec<u8>,
}

impl Sorted {
    /// The next record; `None` behind the last.
    ///
    /// # Errors
    /// [`Error::OurFile`] if the disk fails.
    pub(super) fn next(&mut self) -> Result<Option<(SortKey, &[u8])>> {
        match self {
            Self::Memory { records, index, next } => {
                let found = index.get(*next);
                *next += 1;
                Ok(found.map(|(key, begin, length)| (*key, slice(records, *begin, *length))))
            }
            Self::Runs { directory, runs, heap, current } => {
                if let Some(number) = current.take()
                    && let Some(run) = runs.get_mut(number)
                {
                    let key = run
                        .read()
                        .map_err(|source| Error::file("read a temporary file in", directory, source))?;
                    heap.extend(key.map(|key| Reverse((key, number))));
                }
                let Some(Reverse((key, number))) = heap.pop() else { return Ok(None) };
                *current = Some(number);
                Ok(runs.get(number).map(|run| (key, run.record.as_slice())))
            }
        }
    }
}

impl Run {
    /// Reads the next record and gives its key.
    fn read(&mut self) -> std::io::Result<Option<SortKey>> {
        let mut head = [0; HEAD];
        let read = self.file.read(&mut head)?;
        if read == 0 {
            return Ok(None);
        }
        self.file.read_exact(head.get_mut(read..).unwrap_or_default())?;
        let mut key = SortKey::default();
        for (part, eight) in key.iter_mut().zip(head.chunks_exact(8)) {
            *part = eight.try_into().map(u64::from_le_bytes).unwrap_or_default();
        }
        let length = u32::from_le_bytes([head[24], head[25], head[26], head[27]]);
        self.record.resize(length as usize, 0);
        self.file.read_exact(&mut self.record)?;
        Ok(Some(key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn records_come_out_sorted_whatever_the_memory(
            records in vec((any::<[u8; 3]>(), vec(any::<u8>(), 0..20)), 0..200),
            memory in 0usize..4000,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::new(folder.path(), memory);
            let mut expected = Vec::new();
            for (number, (key, record)) in records.iter().enumerate() {
                // The number makes keys unique, as rows do.
                let key = [u64::from(key[0] % 4), u64::from(key[1]), number as u64];
                sorter.push(key, record).unwrap();
                expected.push((key, record.clone()));
            }
            expected.sort();
            let mut sorted = sorter.sorted().unwrap();
            for (key, record) in expected {
                prop_assert_eq!(sorted.next().unwrap(), Some((key, record.as_slice())));
            }
            prop_assert!(sorted.next().unwrap().is_none());
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files without names");
        }
    }
}
