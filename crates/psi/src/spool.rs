//! Records of one length, appended and read in order: in memory up to a limit, then in an unnamed file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::PsiError;
use crate::disk::{Disk, failed};

/// Bytes that are read from a file at once.
const READ_BYTES: usize = 256 << 10;

/// Where temporary files go, and how much may stay in memory instead.
#[derive(Clone)]
pub(crate) struct Room {
    /// Bytes.
    pub(crate) memory: usize,
    /// Folder of the unnamed files. They vanish with the process, however it ends.
    pub(crate) folder: PathBuf,
    pub(crate) disk: Disk,
}

impl Room {
    /// No limit, hence no files.
    pub(crate) fn unlimited() -> Self {
        Self { memory: usize::MAX, folder: PathBuf::new(), disk: Disk::default() }
    }

    pub(crate) fn new(memory: u64, folder: &Path) -> Self {
        Self {
            memory: usize::try_from(memory).unwrap_or(usize::MAX),
            folder: folder.to_owned(),
            disk: Disk::default(),
        }
    }

    /// The same with a part of the memory.
    pub(crate) fn part(&self, divisor: usize) -> Self {
        Self { memory: self.memory / divisor.max(1), ..self.clone() }
    }

    /// An unnamed file.
    pub(crate) fn file(&self) -> Result<File, PsiError> {
        tempfile::tempfile_in(&self.folder).map_err(failed("creating a temporary file in", &self.folder))
    }
}

/// Records of one length in the order of their appending.
pub(crate) struct Spool {
    room: Room,
    record_bytes: usize,
    /// The records after those in the file.
    held: Vec<u8>,
    file: Option<File>,
    file_bytes: u64,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("records", &self.len()).finish_non_exhaustive()
    }
}

impl Spool {
    pub(crate) fn new(room: Room, record_bytes: usize) -> Self {
        Self { room, record_bytes: record_bytes.max(1), held: Vec::new(), file: None, file_bytes: 0 }
    }

    /// The records of a file, to be read.
    pub(crate) fn of_file(room: Room, record_bytes: usize, file: File, file_bytes: u64) -> Self {
        Self { room, record_bytes: record_bytes.max(1), held: Vec::new(), file: Some(file), file_bytes }
    }

    /// Number of records.
    pub(crate) fn len(&self) -> u64 {
        (self.file_bytes + self.held.len() as u64) / self.record_bytes as u64
    }

    pub(crate) fn record_bytes(&self) -> usize {
        self.record_bytes
    }

    /// Appends whole records.
    pub(crate) fn append(&mut self, records: &[u8]) -> Result<(), PsiError> {
        self.held.extend_from_slice(records);
        if self.held.len() > self.room.memory {
            let file = match &mut self.file {
                Some(file) => file,
                file => file.insert(self.room.file()?),
            };
            self.room.disk.write(file, &self.room.folder, &self.held)?;
            self.file_bytes += self.held.len() as u64;
            self.held.clear();
        }
        Ok(())
    }

    /// Reads from record `from` on.
    pub(crate) fn read(&self, from: u64) -> SpoolReader<'_> {
        SpoolReader { spool: self, offset: from.saturating_mul(self.record_bytes as u64), buffer: Vec::new() }
    }
}

/// Reads a [`Spool`] in order.
pub(crate) struct SpoolReader<'a> {
    spool: &'a Spool,
    /// Of the next byte that is not in the buffer.
    offset: u64,
    buffer: Vec<u8>,
}

impl SpoolReader<'_> {
    /// The next records, at least one; `None` at the end.
    pub(crate) fn chunk(&mut self) -> Result<Option<&[u8]>, PsiError> {
        self.chunk_of(usize::MAX)
    }

    /// The next records, at least one and at most `records`; `None` at the end.
    pub(crate) fn chunk_of(&mut self, records: usize) -> Result<Option<&[u8]>, PsiError> {
        let spool = self.spool;
        let most = records.saturating_mul(spool.record_bytes);
        if let (Some(file), Some(left)) =
            (&spool.file, spool.file_bytes.checked_sub(self.offset).filter(|l| *l > 0))
        {
            let whole = (READ_BYTES / spool.record_bytes).max(1) * spool.record_bytes;
            let bytes = usize::try_from(left).unwrap_or(usize::MAX).min(whole).min(most);
            self.buffer.resize(bytes, 0);
            file.read_exact_at(&mut self.buffer, self.offset)
                .map_err(failed("reading", &spool.room.folder))?;
            self.offset += bytes as u64;
            return Ok(Some(&self.buffer));
        }
        let start = usize::try_from(self.offset - spool.file_bytes).unwrap_or(usize::MAX);
        let rest = spool.held.get(start..).unwrap_or_default();
        let rest = rest.get(..most.min(rest.len())).unwrap_or_default();
        self.offset += rest.len() as u64;
        Ok((!rest.is_empty()).then_some(rest))
    }
}

/// Reads a [`Spool`] record by record.
pub(crate) struct Records<'a> {
    reader: SpoolReader<'a>,
    chunk: Vec<u8>,
    at: usize,
}

impl<'a> Records<'a> {
    pub(crate) fn new(spool: &'a Spool, from: u64) -> Self {
        Self { reader: spool.read(from), chunk: Vec::new(), at: 0 }
    }

    /// The next record; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, PsiError> {
        let bytes = self.reader.spool.record_bytes;
        if self.at == self.chunk.len() {
            let Some(chunk) = self.reader.chunk_of((READ_BYTES / bytes).max(1))? else { return Ok(None) };
            self.chunk.clear();
            self.chunk.extend_from_slice(chunk);
            self.at = 0;
        }
        let record = self.chunk.get(self.at..self.at + bytes);
        self.at += bytes;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read_from_anywhere() {
        for memory in [0, 64, 1 << 20] {
            let mut spool = Spool::new(Room::new(memory, &std::env::temp_dir()), 12);
            for i in 0..100_000u64 {
                spool.append(&[i.to_be_bytes().as_slice(), &[7; 4]].concat()).unwrap();
            }
            assert_eq!(spool.len(), 100_000);
            for from in [0, 1, 54_321, 99_999, 100_000, 100_001] {
                let mut records = Records::new(&spool, from);
                let mut expected = from;
                while let Some(record) = records.next().unwrap() {
                    assert_eq!(record[..8], expected.to_be_bytes());
                    expected += 1;
                }
                assert_eq!(expected, from.max(100_000));
            }
        }
    }
}
