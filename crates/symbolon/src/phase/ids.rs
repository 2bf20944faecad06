//! The ids of a table, as the intersection takes them.

use std::path::Path;

use symbolon_psi::{IdBatch, IdScan, IdSource, SourceError};

use crate::error::{Error, Place, Result};
use crate::table::{Key, Scan, Source, Table};

/// The ids of a file, read again whenever they are needed.
#[derive(Debug, Clone)]
pub struct FileIds {
    /// The file.
    pub source: Source,
    /// Its id columns.
    pub key: Key,
}

impl FileIds {
    /// The ids in the named columns of a file.
    ///
    /// # Errors
    /// [`Error::OurTable`] if a column is missing or cannot identify rows.
    pub fn new(source: Source, names: &[String]) -> Result<Self> {
        let key = Key::new(source.path(), source.columns(), names)?;
        Ok(Self { source, key })
    }

    /// All ids, if they take up to `memory` bytes.
    fn load(&self, memory: u64) -> Result<Option<IdBatch>> {
        const BYTES_PER_ID: usize = size_of::<usize>();
        let mut ids = IdBatch::new();
        let mut scan = self.source.scan(&self.key.positions())?;
        let (mut id, mut bytes) = (Vec::new(), 0_u64);
        while scan.next()? {
            self.key.read(self.source.path(), &scan, &mut id)?;
            bytes += (id.len() + BYTES_PER_ID) as u64;
            if bytes > memory {
                return Ok(None);
            }
            ids.push(&id);
        }
        Ok(Some(ids))
    }
}

impl IdSource for FileIds {
    fn scan(&self, from_row: u64) -> Result<Box<dyn IdScan + '_>, SourceError> {
        let mut scan = self.source.scan(&self.key.positions())?;
        scan.skip(from_row)?;
        Ok(Box::new(FileScan { ids: self, scan, id: Vec::new() }))
    }
}

struct FileScan<'a> {
    ids: &'a FileIds,
    scan: Scan,
    id: Vec<u8>,
}

impl IdScan for FileScan<'_> {
    fn read(&mut self, rows: usize, into: &mut IdBatch) -> Result<(), SourceError> {
        for _ in 0..rows {
            if !self.scan.next()? {
                break;
            }
            self.ids.key.read(self.ids.source.path(), &self.scan, &mut self.id)?;
            into.push(&self.id);
        }
        Ok(())
    }
}

/// The own error that an intersection brings back from an [`Origin`], or the text of another.
pub(super) fn of_source(failure: SourceError) -> Error {
    match failure.downcast::<Error>() {
        Ok(own) => *own,
        Err(other) => Error::Ours(other.to_string()),
    }
}

/// Where ids come from, and how their rows are named to the user.
pub enum Origin<'a> {
    /// A file, read again and again.
    File(&'a FileIds),
    /// A file whose ids fit into memory.
    Loaded(&'a FileIds, IdBatch),
    /// A table in memory.
    Table(&'a Table, IdBatch),
}

impl<'a> Origin<'a> {
    /// The ids of a file; kept in memory if they take up to `memory` bytes.
    ///
    /// # Errors
    /// [`Error::OurTable`] naming the place of what is wrong, [`Error::OurFile`].
    pub fn of_file(ids: &'a FileIds, memory: u64) -> Result<Self> {
        Ok(ids.load(memory)?.map_or(Self::File(ids), |loaded| Self::Loaded(ids, loaded)))
    }

    /// The ids in the named columns of a table.
    ///
    /// # Errors
    /// [`Error::OurTable`] naming the place of what is wrong.
    pub fn of_table(table: &'a Table, names: &[String]) -> Result<Self> {
        let mut ids = IdBatch::new();
        table.keys(names)?.iter().for_each(|id| ids.push(id));
        Ok(Self::Table(table, ids))
    }

    pub(super) fn ids(&self) -> &dyn IdSource {
        match self {
            Self::File(ids) => *ids,
            Self::Loaded(_, ids) | Self::Table(_, ids) => ids,
        }
    }

    /// Number of rows, if it is known before they are read.
    pub(super) fn rows(&self) -> Option<u64> {
        match self {
            Self::File(ids) => ids.source.rows(),
            Self::Loaded(_, ids) | Self::Table(_, ids) => Some(ids.len() as u64),
        }
    }

    pub(super) fn file(&self) -> &Path {
        match self {
            Self::File(ids) | Self::Loaded(ids, _) => ids.source.path(),
            Self::Table(table, _) => table.file(),
        }
    }

    pub(super) fn place(&self, row: u64) -> Option<Place> {
        match self {
            Self::File(ids) | Self::Loaded(ids, _) => ids.source.place_of(row),
            Self::Table(table, _) => usize::try_from(row).ok().and_then(|row| table.place(row)),
        }
    }
}

/// Ids without some rows; the others are numbered anew, without gaps.
pub(super) struct Without<'a> {
    ids: &'a dyn IdSource,
    /// Ascending.
    left_out: Vec<u64>,
}

impl<'a> Without<'a> {
    pub(super) fn nothing(ids: &'a dyn IdSource) -> Self {
        Self { ids, left_out: Vec::new() }
    }

    /// `ids` without `left_out`, which is ascending.
    pub(super) fn rows(ids: &'a dyn IdSource, left_out: Vec<u64>) -> Self {
        Self { ids, left_out }
    }

    pub(super) fn left_out(&self) -> u64 {
        self.left_out.len() as u64
    }

    /// The new number of a row; `None` if it is left out.
    pub(super) fn renumbered(&self, row: u64) -> Option<u64> {
        self.left_out.binary_search(&row).err().map(|before| row - before as u64)
    }

    /// The number in the table of a row by its new number. For ascending rows, `passed` counts those left out so
    /// far, from 0.
    pub(super) fn original(&self, row: u64, passed: &mut usize) -> u64 {
        while self.left_out.get(*passed).is_some_and(|left_out| *left_out <= row + *passed as u64) {
            *passed += 1;
        }
        row + *passed as u64
    }
}

impl IdSource for Without<'_> {
    fn scan(&self, from_row: u64) -> Result<Box<dyn IdScan + '_>, SourceError> {
        if self.left_out.is_empty() {
            return self.ids.scan(from_row);
        }
        let mut passed = 0;
        let row = self.original(from_row, &mut passed);
        let left_out = self.left_out.get(passed..).unwrap_or_default();
        Ok(Box::new(WithoutScan { scan: self.ids.scan(row)?, left_out, row, read: IdBatch::new() }))
    }
}

struct WithoutScan<'a> {
    scan: Box<dyn IdScan + 'a>,
    left_out: &'a [u64],
    /// The next row of `scan`.
    row: u64,
    read: IdBatch,
}

impl IdScan for WithoutScan<'_> {
    fn read(&mut self, rows: usize, into: &mut IdBatch) -> Result<(), SourceError> {
        let before = into.len();
        // Only the end may give nothing.
        while into.len() == before && rows > 0 {
            self.read.clear();
            self.scan.read(rows, &mut self.read)?;
            if self.read.is_empty() {
                break;
            }
            for id in self.read.iter() {
                match self.left_out.split_first() {
                    Some((first, rest)) if *first == self.row => self.left_out = rest,
                    _ => into.push(id),
                }
                self.row += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_that_are_left_out_leave_no_gap(
            ids in vec(any::<u8>(), 0..40), gone in btree_set(0u64..40, 0..40), from in 0u64..40, step in 1usize..9,
        ) {
            let ids: Vec<[u8; 1]> = ids.into_iter().map(|id| [id]).collect();
            let gone: Vec<u64> = gone.into_iter().filter(|row| *row < ids.len() as u64).collect();
            let kept: Vec<u64> = (0..ids.len() as u64).filter(|row| !gone.contains(row)).collect();
            let without = Without::rows(&ids, gone.clone());
            let mut passed = 0;
            for (new, row) in kept.iter().enumerate() {
                prop_assert_eq!(without.renumbered(*row), Some(new as u64));
                prop_assert_eq!(without.original(new as u64, &mut passed), *row);
            }
            prop_assert!(gone.iter().all(|row| without.renumbered(*row).is_none()));
            let mut scan = IdSource::scan(&without, from).unwrap();
            let mut found = IdBatch::new();
            loop {
                let before = found.len();
                scan.read(step, &mut found).unwrap();
                if found.len() == before {
                    break;
                }
            }
            let expected: Vec<&[u8]> = kept.iter().skip(from as usize).map(|row| &ids[*row as usize][..]).collect();
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        }
    }
}
