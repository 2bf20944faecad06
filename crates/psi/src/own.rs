//! The own set: which rows take part, and which repeat the id of another.

use std::path::PathBuf;

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use siphasher::sip128::SipHasher24;

use crate::ids::{IdBatch, IdSource, Rows};
use crate::sort::Sorter;
use crate::spool::{Records, Room, Spool};
use crate::{Duplicates, Partition, PsiError};

/// Rows that are read at once.
const SCAN_ROWS: usize = 16384;

/// How [`OwnSet::scan`] goes about it.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// What happens to ids given several times; the same as in the run's parameters.
    pub duplicates: Duplicates,
    /// The part of the ids that takes part, if not all do.
    pub partition: Option<Partition>,
    /// Bytes of memory that the scan may use beside one bit per row and the source's own.
    pub memory: u64,
    /// Folder for unnamed temporary files, used when that memory is not enough.
    pub scratch: PathBuf,
}

/// What one pass over the own ids finds: the rows that are sent, and those that repeat them.
#[derive(Debug)]
pub struct OwnSet {
    duplicates: Duplicates,
    partition: Option<Partition>,
    rows: u64,
    items: u64,
    /// One bit per row: whether it is sent. `None` if all are.
    sent: Option<Vec<u64>>,
    /// (row, first row of its id), ascending by row: each 4 bytes, big-endian.
    repeats: Spool,
    /// (first row, further rows), ascending by row: each 4 bytes, big-endian.
    extras: Spool,
    fingerprint: [u8; 32],
}

impl OwnSet {
    /// Reads all ids once. `progress` is told how many rows are read.
    ///
    /// Memory beyond [`ScanOptions::memory`] is one bit per row; repetitions are found by sorting keyed 128-bit
    /// hashes on disk if need be. Two different ids would be taken for equal with a probability below 2^-64 for
    /// 2^32 rows; the key is drawn afresh, so nobody can choose such ids.
    ///
    /// # Errors
    /// [`PsiError::OursSource`]; [`PsiError::OursDuplicate`] under [`Duplicates::Refuse`];
    /// [`PsiError::ConfigParameter`] beyond 2^32 - 1 rows; errors of temporary files.
    pub fn scan(
        source: &dyn IdSource,
        options: &ScanOptions,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PsiError> {
        let room = Room::new(options.memory, &options.scratch);
        Self::scan_in(source, options.duplicates, options.partition, &room, true, progress)
    }

    /// `fingerprint` says whether one is wanted; without, it is all zeros.
    pub(crate) fn scan_in(
        source: &dyn IdSource,
        duplicates: Duplicates,
        partition: Option<Partition>,
        room: &Room,
        fingerprint: bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PsiError> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|error| {
            PsiError::ConfigSuite(symbolon_curve::CurveError::OursRandomness(error.to_string()))
        })?;
        let hasher = SipHasher24::new_with_key(&key);
        let mut hashes = Sorter::new(room.part(2), HASH_BYTES + 4);
        let mut digest = Sha256::new();
        let mut bits = Bits::default();
        let mut rows = Rows::new(source, 0)?;
        let mut found: Vec<Option<u128>> = Vec::new();
        let mut count = 0u64;
        while let Some(first) = rows.read(SCAN_ROWS)? {
            let batch = &rows.batch;
            count = first + batch.len() as u64;
            if count > u64::from(u32::MAX) {
                let reason = format!("more than {}; split the sets", u32::MAX);
                return Err(PsiError::ConfigParameter { field: "items", reason });
            }
            let look = |index: usize| {
                let id = batch.get(index)?;
                partition.is_none_or(|partition| partition.contains(id)).then(|| match duplicates {
                    Duplicates::AsGiven => 0,
                    Duplicates::Count | Duplicates::Refuse => hasher.hash(id).into(),
                })
            };
            let search = || {
                (0..batch.len()).into_par_iter().with_min_len(1024).map(look).collect_into_vec(&mut found);
            };
            let print = || {
                if fingerprint {
                    add_to_fingerprint(&mut digest, batch);
                }
            };
            rayon::join(search, print);
            for (row, hash) in (first..).zip(&found) {
                bits.push(hash.is_some() && duplicates == Duplicates::AsGiven);
                if let Some(hash) = hash
                    && duplicates != Duplicates::AsGiven
                {
                    hashes.push(&[&hash.to_be_bytes(), &narrow(row)])?;
                }
            }
            progress(count);
        }
        let mut own = Self {
            duplicates,
            partition,
            rows: count,
            items: 0,
            sent: None,
            repeats: Spool::new(room.part(8), 8),
            extras: Spool::new(room.part(8), 8),
            fingerprint: if fingerprint { digest.finalize().into() } else { [0; 32] },
        };
        if duplicates != Duplicates::AsGiven {
            own.find_repeats(hashes, &mut bits, room)?;
        }
        own.items = bits.words.iter().map(|word| u64::from(word.count_ones())).sum();
        own.sent = (own.items != own.rows).then_some(bits.words);
        Ok(own)
    }

    /// Marks the first row of each id, and lists the others.
    fn find_repeats(&mut self, hashes: Sorter, bits: &mut Bits, room: &Room) -> Result<(), PsiError> {
        let mut hashes = hashes.finish()?;
        let mut repeats = Sorter::new(room.part(8), 8);
        let mut extras = Sorter::new(room.part(8), 8);
        let mut refused: Option<(u64, u64)> = None;
        let (mut current, mut first, mut further) = (None, 0u64, 0u32);
        while let Some(record) = hashes.peek() {
            let (hash, row) = record.split_at(HASH_BYTES);
            let (hash, row) = (hash.first_chunk::<HASH_BYTES>().copied(), wide(row));
            if hash == current {
                further = further.saturating_add(1);
                repeats.push(&[&narrow(row), &narrow(first)])?;
                if refused.is_none_or(|(_, second)| row < second) {
                    refused = Some((first, row));
                }
            } else {
                if further > 0 {
                    extras.push(&[&narrow(first), &further.to_be_bytes()])?;
                }
                (current, first, further) = (hash, row, 0);
                bits.set(row);
            }
            hashes.advance()?;
        }
        if further > 0 {
            extras.push(&[&narrow(first), &further.to_be_bytes()])?;
        }
        if self.duplicates == Duplicates::Refuse
            && let Some((first, second)) = refused
        {
            let narrow = |row| usize::try_from(row).unwrap_or(usize::MAX);
            return Err(PsiError::OursDuplicate { first: narrow(first), second: narrow(second) });
        }
        drop(hashes);
        for (sorter, spool) in [(repeats, &mut self.repeats), (extras, &mut self.extras)] {
            let mut sorted = sorter.finish()?;
            while let Some(record) = sorted.peek() {
                spool.append(record)?;
                sorted.advance()?;
            }
        }
        Ok(())
    }

    /// Rows of the source, whether they take part or not.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ids that are sent: the size of the own set, for the handshake. Under [`Duplicates::AsGiven`] repetitions
    /// count.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// Rows that repeat the id of an earlier one.
    pub fn repeated_rows(&self) -> u64 {
        self.repeats.len()
    }

    /// Whether the row's id is sent for this row: it is in the partition and the first of its id.
    pub fn takes_part(&self, row: u64) -> bool {
        row < self.rows && self.sent.as_ref().is_none_or(|words| bit(words, row))
    }

    /// The rows that repeat the id of an earlier row, each with the first row of that id, ascending by the
    /// former. There are none under [`Duplicates::AsGiven`], which does not look for them.
    pub fn repeats(&self) -> Repeats<'_> {
        Repeats { records: Records::new(&self.repeats, 0) }
    }

    /// What happens to ids given several times.
    pub fn duplicates(&self) -> Duplicates {
        self.duplicates
    }

    /// The part of the ids that takes part, if not all do.
    pub fn partition(&self) -> Option<Partition> {
        self.partition
    }

    /// SHA-256 over all ids of the source in order, each with its length.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The row of item `position`; the number of rows if there are fewer items.
    pub(crate) fn row(&self, position: u64) -> u64 {
        let Some(words) = &self.sent else { return position.min(self.rows) };
        let mut before = 0;
        for (start, word) in (0u64..).step_by(64).zip(words) {
            let ones = u64::from(word.count_ones());
            if before + ones > position {
                let mut rest = *word;
                (before..position).for_each(|_| rest &= rest - 1);
                return start + u64::from(rest.trailing_zeros());
            }
            before += ones;
        }
        self.rows
    }

    /// Goes through the items from `position` on.
    pub(crate) fn items_from(&self, position: u64) -> OwnItems<'_> {
        OwnItems {
            own: self,
            next_row: self.row(position),
            extras: Records::new(&self.extras, 0),
            extra: None,
        }
    }
}

const HASH_BYTES: usize = 16;

fn narrow(row: u64) -> [u8; 4] {
    u32::try_from(row).unwrap_or(u32::MAX).to_be_bytes()
}

fn wide(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(u64::MAX, |bytes| u64::from(u32::from_be_bytes(*bytes)))
}

fn bit(words: &[u64], row: u64) -> bool {
    let word = usize::try_from(row / 64).ok().and_then(|word| words.get(word));
    word.is_some_and(|word| word >> (row % 64) & 1 == 1)
}

fn add_to_fingerprint(digest: &mut Sha256, batch: &IdBatch) {
    for id in batch.iter() {
        digest.update((id.len() as u64).to_le_bytes());
        digest.update(id);
    }
}

#[derive(Default)]
struct Bits {
    words: Vec<u64>,
    rows: u64,
}

impl Bits {
    fn push(&mut self, is_set: bool) {
        if self.rows.is_multiple_of(64) {
            self.words.push(0);
        }
        self.rows += 1;
        if is_set {
            self.set(self.rows - 1);
        }
    }

    fn set(&mut self, row: u64) {
        if let Some(word) = usize::try_from(row / 64).ok().and_then(|word| self.words.get_mut(word)) {
            *word |= 1 << (row % 64);
        }
    }
}

/// Iterator over (row, first row of the same id), see [`OwnSet::repeats`].
pub struct Repeats<'a> {
    records: Records<'a>,
}

impl Iterator for Repeats<'_> {
    type Item = Result<(u64, u64), PsiError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.next().transpose()?;
        Some(record.map(|record| (wide(record), record.get(4..).map_or(u64::MAX, wide))))
    }
}

/// The items in order, with their rows and further occurrences.
pub(crate) struct OwnItems<'a> {
    own: &'a OwnSet,
    next_row: u64,
    extras: Records<'a>,
    /// The next entry of the list of extras.
    extra: Option<(u64, u32)>,
}

impl OwnItems<'_> {
    /// The next item as (row, further rows with its id); `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, u32)>, PsiError> {
        let own = self.own;
        if let Some(words) = &own.sent {
            self.next_row = next_set(words, self.next_row).unwrap_or(own.rows);
        }
        if self.next_row >= own.rows {
            return Ok(None);
        }
        let row = self.next_row;
        self.next_row += 1;
        if own.extras.len() == 0 {
            return Ok(Some((row, 0)));
        }
        while self.extra.is_none_or(|(of, _)| of < row) {
            let Some(record) = self.extras.next()? else {
                self.extra = Some((u64::MAX, 0));
                break;
            };
            let further = record.get(4..).map_or(0, wide);
            self.extra = Some((wide(record), u32::try_from(further).unwrap_or(u32::MAX)));
        }
        Ok(Some((row, self.extra.filter(|(of, _)| *of == row).map_or(0, |(_, further)| further))))
    }
}

/// The first row from `row` on whose bit is set.
fn next_set(words: &[u64], row: u64) -> Option<u64> {
    let start = usize::try_from(row / 64).ok()?;
    let first = words.get(start)? & (u64::MAX << (row % 64));
    if first != 0 {
        return Some(row - row % 64 + u64::from(first.trailing_zeros()));
    }
    let (index, word) = words.iter().enumerate().skip(start + 1).find(|(_, word)| **word != 0)?;
    Some(index as u64 * 64 + u64::from(word.trailing_zeros()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(ids: &[String], duplicates: Duplicates, partition: Option<Partition>, memory: u64) -> OwnSet {
        let options = ScanOptions { duplicates, partition, memory, scratch: std::env::temp_dir() };
        OwnSet::scan(&ids, &options, &mut |_| {}).unwrap()
    }

    fn items(own: &OwnSet, from: u64) -> Vec<(u64, u32)> {
        let mut items = own.items_from(from);
        std::iter::from_fn(|| items.next().unwrap()).collect()
    }

    #[test]
    fn counts_are_of_further_rows_at_the_first_position() {
        // The example of the protocol's message definition.
        let ids = ["1", "2", "3", "3", "4", "5", "5", "5"].map(str::to_owned);
        let own = scan(&ids, Duplicates::Count, None, 0);
        assert_eq!((own.rows(), own.items(), own.repeated_rows()), (8, 5, 3));
        assert_eq!(items(&own, 0), [(0, 0), (1, 0), (2, 1), (4, 0), (5, 2)]);
        assert_eq!(own.repeats().collect::<Result<Vec<_>, _>>().unwrap(), [(3, 2), (6, 5), (7, 5)]);
        assert!(own.takes_part(2) && !own.takes_part(3) && !own.takes_part(8));
    }

    #[test]
    fn refusal_names_both_rows_and_not_the_id() {
        let ids = ["a", "secret", "b", "secret", "a"];
        let options = ScanOptions {
            duplicates: Duplicates::Refuse,
            partition: None,
            memory: 0,
            scratch: PathBuf::new(),
        };
        let error = OwnSet::scan(&ids.as_slice(), &options, &mut |_| {}).unwrap_err();
        assert!(matches!(error, PsiError::OursDuplicate { first: 1, second: 3 }));
        let text = error.to_string();
        assert!(text.contains("rows 1 and 3") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn as_given_sends_everything() {
        let own = scan(&["a".into(), "a".into()], Duplicates::AsGiven, None, 0);
        assert_eq!((own.items(), own.row(1), own.repeated_rows()), (2, 1, 0));
    }

    #[test]
    fn the_fingerprint_is_of_the_ids_and_their_bounds() {
        let print = |ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
            scan(&ids, Duplicates::Count, None, 0).fingerprint()
        };
        assert_eq!(print(&["ab", "c"]), print(&["ab", "c"]));
        assert_ne!(print(&["ab", "c"]), print(&["a", "bc"]));
        assert_ne!(print(&["ab", "c"]), print(&["c", "ab"]));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn equals_looking_in_memory(
            ids in prop::collection::vec(0u16..3000, 0..5000),
            part in prop::option::of(0u32..3),
            as_given in any::<bool>(),
            memory in prop_oneof![Just(0), Just(u64::MAX)],
        ) {
            let ids: Vec<String> = ids.iter().map(u16::to_string).collect();
            let partition = part.map(|index| Partition::new(index, 3, b"k").unwrap());
            let duplicates = if as_given { Duplicates::AsGiven } else { Duplicates::Count };
            let own = scan(&ids, duplicates, partition, memory);
            let mut firsts = std::collections::HashMap::new();
            let mut expected: Vec<(u64, u32)> = Vec::new();
            let mut repeats: Vec<(u64, u64)> = Vec::new();
            for (row, id) in (0u64..).zip(&ids) {
                if partition.is_some_and(|partition| !partition.contains(id.as_bytes())) {
                    continue;
                }
                match firsts.get(id) {
                    Some(&place) if !as_given => {
                        let (first, further): &mut (u64, u32) = &mut expected[place];
                        *further += 1;
                        repeats.push((row, *first));
                    }
                    _ => {
                        firsts.insert(id, expected.len());
                        expected.push((row, 0));
                    }
                }
            }
            prop_assert_eq!(own.items(), expected.len() as u64);
            for from in [0, 1, expected.len() / 2, expected.len()] {
                let from = from.min(expected.len());
                prop_assert_eq!(&items(&own, from as u64)[..], &expected[from..]);
            }
            prop_assert_eq!(own.repeats().collect::<Result<Vec<_>, _>>().unwrap(), repeats);
        }
    }
}
