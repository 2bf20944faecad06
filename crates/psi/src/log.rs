//! A stream of points on disk, batch by batch, that survives the end of the process at any moment.
//!
//! A log has two files that only grow. `<name>.points` holds records of one length and nothing else, so the
//! place of each is known. `<name>.commits` holds one entry of 40 bytes per batch, written after the batch:
//!
//! ```text
//! items     u64   records up to and with this batch            (all little-endian)
//! further   u64   sum of what the writer counts beside them: further occurrences of the ids
//! flags     u32   1: the stream ended with this batch; 2: everything up to here was made durable before this entry
//! record    u32   bytes per record
//! data      u64   SipHash-1-3 over the batch, key 0
//! entry     u64   SipHash-1-3 over the 32 bytes before, key = number of the entry
//! ```
//!
//! A batch counts if its entry is whole. When the process alone dies, what it wrote is there, so at most the
//! batch being written is lost. When the machine dies, anything behind the last durable entry may be missing or
//! wrong, so from there on each batch is held against its checksum when the log is opened; the log is cut
//! before the first that does not fit. Checksums tell damage, not malice: whoever can write the folder is
//! trusted.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher13;

use crate::PsiError;
use crate::disk::{Disk, failed, private};

const ENTRY_BYTES: usize = 40;
const ENDED: u32 = 1;
const DURABLE: u32 = 2;
/// Bytes after which a log is made durable: what a power failure may cost.
const SYNC_BYTES: u64 = 64 << 20;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Entry {
    items: u64,
    further: u64,
    flags: u32,
    record_bytes: u32,
    data: u64,
}

impl Entry {
    fn to_bytes(self, number: u64) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let fields = [
            &self.items.to_le_bytes()[..],
            &self.further.to_le_bytes(),
            &self.flags.to_le_bytes(),
            &self.record_bytes.to_le_bytes(),
            &self.data.to_le_bytes(),
        ]
        .concat();
        let check = SipHasher13::new_with_keys(number, 0).hash(&fields).to_le_bytes();
        bytes.iter_mut().zip(fields.iter().chain(&check)).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// The entry, unless these bytes are none with this number.
    fn from_bytes(bytes: &[u8; ENTRY_BYTES], number: u64) -> Option<Self> {
        let (rest, items) = split(bytes)?;
        let (rest, further) = split(rest)?;
        let (rest, flags) = split(rest)?;
        let (rest, record_bytes) = split(rest)?;
        let (_, data) = split(rest)?;
        let entry = Self {
            items: u64::from_le_bytes(items),
            further: u64::from_le_bytes(further),
            flags: u32::from_le_bytes(flags),
            record_bytes: u32::from_le_bytes(record_bytes),
            data: u64::from_le_bytes(data),
        };
        (entry.to_bytes(number) == *bytes).then_some(entry)
    }
}

fn split<const N: usize>(bytes: &[u8]) -> Option<(&[u8], [u8; N])> {
    let (first, rest) = bytes.split_first_chunk()?;
    Some((rest, *first))
}

fn checksum(batch: &[u8]) -> u64 {
    SipHasher13::new().hash(batch)
}

/// An open log.
pub(crate) struct Log {
    disk: Disk,
    points: (File, PathBuf),
    commits: (File, PathBuf),
    entries: u64,
    last: Entry,
    /// Bytes since the last durable entry.
    unsynced: u64,
}

impl Log {
    /// Opens the log called `name` in `folder`, or makes an empty one, and cuts off what is not whole.
    pub(crate) fn open(folder: &Path, name: &str, disk: &Disk) -> Result<Self, PsiError> {
        let open = |suffix: &str| {
            let path = folder.join(format!("{name}.{suffix}"));
            // Appending only: a log is cut before anything is written behind the cut.
            let file = private().append(true).open(&path).map_err(failed("opening", &path))?;
            Ok::<_, PsiError>((file, path))
        };
        let mut log = Self {
            disk: disk.clone(),
            points: open("points")?,
            commits: open("commits")?,
            entries: 0,
            last: Entry::default(),
            unsynced: 0,
        };
        log.recover()?;
        Ok(log)
    }

    /// Finds the last whole batch and cuts both files behind it.
    fn recover(&mut self) -> Result<(), PsiError> {
        let length = |(file, path): &(File, PathBuf)| {
            file.metadata().map(|data| data.len()).map_err(failed("reading", path))
        };
        let (points_bytes, commits_bytes) = (length(&self.points)?, length(&self.commits)?);
        let mut whole = Vec::new();
        let mut reader = std::io::BufReader::new(&self.commits.0);
        let (mut last, mut durable) = (Entry::default(), 0);
        for number in 0..commits_bytes / ENTRY_BYTES as u64 {
            let mut bytes = [0; ENTRY_BYTES];
            reader.read_exact(&mut bytes).map_err(failed("reading", &self.commits.1))?;
            let entry = Entry::from_bytes(&bytes, number).filter(|entry| {
                let same = last.record_bytes == 0 || entry.record_bytes == last.record_bytes;
                let bytes = entry.items.checked_mul(u64::from(entry.record_bytes));
                same && entry.items >= last.items && bytes.is_some_and(|bytes| bytes <= points_bytes)
            });
            let Some(entry) = entry else { break };
            if entry.flags & DURABLE != 0 {
                durable = whole.len();
            }
            whole.push(entry);
            last = entry;
        }
        // Behind the last durable entry the batches are held against their checksums.
        let mut before = durable.checked_sub(1).and_then(|i| whole.get(i)).map_or(0, |entry| entry.items);
        let mut good = durable;
        let mut batch = Vec::new();
        for entry in whole.iter().skip(durable) {
            if !self.read_batch(before, *entry, &mut batch)? {
                break;
            }
            before = entry.items;
            good += 1;
        }
        whole.truncate(good);
        self.entries = good as u64;
        self.last = whole.last().copied().unwrap_or_default();
        let kept = self.last.items * u64::from(self.last.record_bytes);
        for ((file, path), bytes, whole) in [
            (&self.points, points_bytes, kept),
            (&self.commits, commits_bytes, self.entries * ENTRY_BYTES as u64),
        ] {
            if bytes != whole {
                tracing::info!(file = %path.display(), cut = bytes - whole, "cutting off an unfinished batch");
                self.disk.cut(file, path, whole)?;
            }
        }
        Ok(())
    }

    /// Reads the batch that `entry` ends and `before` items precede; false if it is not the one committed.
    fn read_batch(&self, before: u64, entry: Entry, batch: &mut Vec<u8>) -> Result<bool, PsiError> {
        let record_bytes = u64::from(entry.record_bytes);
        let bytes = entry.items.saturating_sub(before).saturating_mul(record_bytes);
        batch.resize(usize::try_from(bytes).unwrap_or(usize::MAX), 0);
        let (file, path) = &self.points;
        file.read_exact_at(batch, before.saturating_mul(record_bytes)).map_err(failed("reading", path))?;
        Ok(checksum(batch) == entry.data)
    }

    /// Records committed.
    pub(crate) fn items(&self) -> u64 {
        self.last.items
    }

    /// Records and what was counted beside them.
    pub(crate) fn further(&self) -> u64 {
        self.last.further
    }

    /// Whether the stream is complete.
    pub(crate) fn has_ended(&self) -> bool {
        self.last.flags & ENDED != 0
    }

    /// Bytes per record, once there are records.
    pub(crate) fn record_bytes(&self) -> Option<usize> {
        usize::try_from(self.last.record_bytes).ok().filter(|bytes| *bytes > 0)
    }

    /// Bytes of both files.
    pub(crate) fn bytes(&self) -> u64 {
        self.last.items * u64::from(self.last.record_bytes) + self.entries * ENTRY_BYTES as u64
    }

    /// Commits a batch of records of `record_bytes` each; `further` is counted beside them, and `ended` says
    /// that none follow. A stream that has ended stays so.
    pub(crate) fn append(
        &mut self,
        records: &[u8],
        record_bytes: usize,
        further: u64,
        ended: bool,
    ) -> Result<(), PsiError> {
        if !records.is_empty() {
            self.disk.write(&mut self.points.0, &self.points.1, records)?;
        }
        let known = self.last.record_bytes;
        let entry = Entry {
            items: self.last.items + (records.len() / record_bytes.max(1)) as u64,
            further: self.last.further.saturating_add(further),
            flags: if ended || self.has_ended() { ENDED } else { 0 },
            record_bytes: if records.is_empty() {
                known
            } else {
                u32::try_from(record_bytes).unwrap_or(u32::MAX)
            },
            data: checksum(records),
        };
        self.commit(entry)?;
        self.unsynced += records.len() as u64;
        if ended || self.unsynced >= SYNC_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    fn commit(&mut self, entry: Entry) -> Result<(), PsiError> {
        self.disk.write(&mut self.commits.0, &self.commits.1, &entry.to_bytes(self.entries))?;
        self.last = entry;
        self.entries += 1;
        Ok(())
    }

    /// Makes everything durable, and says so in an entry of its own.
    fn sync(&mut self) -> Result<(), PsiError> {
        self.disk.sync(&self.points.0, &self.points.1)?;
        self.disk.sync(&self.commits.0, &self.commits.1)?;
        let flags = self.last.flags & ENDED | DURABLE;
        self.commit(Entry { flags, data: checksum(&[]), ..self.last })?;
        self.unsynced = 0;
        Ok(())
    }

    /// Reads from item `from` on.
    pub(crate) fn read(&self, from: u64) -> LogReader<'_> {
        LogReader { log: self, number: 0, before: 0, from, batch: Vec::new(), commits: Vec::new() }
    }
}

/// Reads a [`Log`] batch by batch, checking each.
pub(crate) struct LogReader<'a> {
    log: &'a Log,
    /// Of the next entry.
    number: u64,
    /// Items before the next entry.
    before: u64,
    from: u64,
    batch: Vec<u8>,
    /// Entries read ahead, the next one last.
    commits: Vec<Entry>,
}

impl LogReader<'_> {
    const AHEAD: u64 = 1024;

    /// The rest of the next batch: the number of its first item and the records; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &[u8])>, PsiError> {
        loop {
            let Some(entry) = self.entry()? else { return Ok(None) };
            let before = std::mem::replace(&mut self.before, entry.items);
            if entry.items <= self.from || entry.items == before {
                continue;
            }
            if !self.log.read_batch(before, entry, &mut self.batch)? {
                let reason = format!(
                    "items {before} to {} do not have their checksum: the disk is damaged",
                    entry.items
                );
                return Err(PsiError::RunDirectory { path: self.log.points.1.clone(), reason });
            }
            let first = before.max(self.from);
            let skip =
                usize::try_from((first - before) * u64::from(entry.record_bytes)).unwrap_or(usize::MAX);
            return Ok(Some((first, self.batch.get(skip..).unwrap_or_default())));
        }
    }

    fn entry(&mut self) -> Result<Option<Entry>, PsiError> {
        if self.commits.is_empty() {
            let count = self.log.entries.saturating_sub(self.number).min(Self::AHEAD);
            let (file, path) = &self.log.commits;
            let mut bytes = vec![0; usize::try_from(count).unwrap_or(0) * ENTRY_BYTES];
            file.read_exact_at(&mut bytes, self.number * ENTRY_BYTES as u64)
                .map_err(failed("reading", path))?;
            for (number, entry) in (self.number..).zip(bytes.as_chunks().0) {
                let entry = Entry::from_bytes(entry, number).ok_or_else(|| PsiError::RunDirectory {
                    path: path.clone(),
                    reason: format!("entry {number} does not have its checksum: the disk is damaged"),
                })?;
                self.commits.push(entry);
            }
            self.commits.reverse();
            self.number += count;
        }
        Ok(self.commits.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(log: &Log, from: u64) -> Vec<u8> {
        let mut reader = log.read(from);
        let mut found = Vec::new();
        let mut next = from;
        while let Some((first, records)) = reader.next().unwrap() {
            assert_eq!(first, next);
            found.extend_from_slice(records);
            next += records.len() as u64 / 3;
        }
        found
    }

    /// A log of batches 1, 2, …, `batches` of so many records of 3 bytes.
    fn write(folder: &Path, batches: u8, ended: bool) -> Vec<u8> {
        let mut log = Log::open(folder, "log", &Disk::default()).unwrap();
        let mut all = Vec::new();
        for batch in 1..=batches {
            let records = vec![batch; 3 * usize::from(batch)];
            log.append(&records, 3, 1, ended && batch == batches).unwrap();
            all.extend(records);
        }
        all
    }

    #[test]
    fn what_is_committed_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let all = write(folder.path(), 5, true);
        let log = Log::open(folder.path(), "log", &Disk::default()).unwrap();
        assert_eq!((log.items(), log.further(), log.has_ended()), (15, 5, true));
        assert_eq!(log.record_bytes(), Some(3));
        for from in [0, 1, 3, 7, 14, 15] {
            assert_eq!(contents(&log, from), all[3 * from as usize..]);
        }
    }

    /// Whatever length a file has after the machine's end, the log is a whole number of batches and goes on.
    #[test]
    fn torn_files_are_cut_to_whole_batches() {
        let whole = tempfile::tempdir().unwrap();
        let all = write(whole.path(), 4, false);
        let bytes = |suffix: &str| std::fs::read(whole.path().join(format!("log.{suffix}"))).unwrap();
        let (points, commits) = (bytes("points"), bytes("commits"));
        let starts = [0, 1, 3, 6, 10];
        for kept_points in 0..=points.len() {
            for kept_commits in [0, 1, 39, 40, 41, 80, 119, 120, 159, 160] {
                let folder = tempfile::tempdir().unwrap();
                std::fs::write(folder.path().join("log.points"), &points[..kept_points]).unwrap();
                std::fs::write(folder.path().join("log.commits"), &commits[..kept_commits]).unwrap();
                let mut log = Log::open(folder.path(), "log", &Disk::default()).unwrap();
                let expected =
                    (0..=4).rev().find(|&i| 3 * starts[i] <= kept_points && 40 * i <= kept_commits).unwrap();
                assert_eq!(log.items(), starts[expected] as u64);
                log.append(&[9; 6], 3, 0, true).unwrap();
                let log = Log::open(folder.path(), "log", &Disk::default()).unwrap();
                assert_eq!(contents(&log, 0), [&all[..3 * starts[expected]], &[9; 6]].concat());
            }
        }
    }

    /// A file that has its length but not its contents.
    #[test]
    fn wrong_contents_are_cut_off() {
        for (suffix, place, left) in
            [("points", 10, 3), ("points", 29, 6), ("commits", 41, 1), ("commits", 100, 3)]
        {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), 4, false);
            let path = folder.path().join(format!("log.{suffix}"));
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[place] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(
                Log::open(folder.path(), "log", &Disk::default()).unwrap().items(),
                left,
                "{suffix} {place}"
            );
        }
    }

    /// Behind a durable entry nothing can be wrong but by damage, which is found when it is read.
    #[test]
    fn damage_is_an_error_when_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 4, true);
        let path = folder.path().join("log.points");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let log = Log::open(folder.path(), "log", &Disk::default()).unwrap();
        assert_eq!(log.items(), 10);
        let error = log.read(0).next().unwrap_err();
        assert!(matches!(error, PsiError::RunDirectory { .. }), "{error}");
    }
}
