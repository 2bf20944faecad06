//! Where the own ids come from.

use crate::PsiError;
use crate::own::OwnSet;

/// Ids of consecutive rows, in one buffer that is used again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdBatch {
    bytes: Vec<u8>,
    /// Where each id ends.
    ends: Vec<usize>,
}

impl IdBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the ids and keeps the buffers.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Appends the id of the next row.
    pub fn push(&mut self, id: &[u8]) {
        self.bytes.extend_from_slice(id);
        self.ends.push(self.bytes.len());
    }

    /// Number of ids.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The id at `index`.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.bytes.get(start..end)
    }

    /// The ids in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// What a source of ids reports when it fails. It comes back as [`PsiError::OursSource`].
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// The own ids, one per row. Every scan must give the same ids in the same order: they are read once to find
/// repetitions and once to mask them, and again when a run is resumed.
pub trait IdSource: Sync {
    /// Starts reading at `from_row`, counted from 0; at most the number of rows.
    ///
    /// # Errors
    /// Whatever keeps the source from being read.
    fn scan(&self, from_row: u64) -> Result<Box<dyn IdScan + '_>, SourceError>;
}

/// One pass over the ids.
pub trait IdScan: Send {
    /// Appends the ids of the next rows to `into`, at most `rows` (at least 1) of them. It appends nothing only
    /// when there are no more.
    ///
    /// # Errors
    /// Whatever keeps the source from being read.
    fn read(&mut self, rows: usize, into: &mut IdBatch) -> Result<(), SourceError>;
}

impl<I: AsRef<[u8]> + Sync> IdSource for &[I] {
    fn scan(&self, from_row: u64) -> Result<Box<dyn IdScan + '_>, SourceError> {
        let from = usize::try_from(from_row).unwrap_or(usize::MAX).min(self.len());
        Ok(Box::new(Iter(self.iter().skip(from))))
    }
}

impl<I: AsRef<[u8]> + Sync> IdSource for Vec<I> {
    fn scan(&self, from_row: u64) -> Result<Box<dyn IdScan + '_>, SourceError> {
        let from = usize::try_from(from_row).unwrap_or(usize::MAX).min(self.len());
        Ok(Box::new(Iter(self.iter().skip(from))))
    }
}

impl IdSource for IdBatch {
    fn scan(&self, from_row: u64) -> Result<Box<dyn IdScan + '_>, SourceError> {
        let from = usize::try_from(from_row).unwrap_or(usize::MAX).min(self.len());
        Ok(Box::new(Iter((from..self.len()).filter_map(|index| self.get(index)))))
    }
}

struct Iter<T>(T);

impl<I: AsRef<[u8]>, T: Iterator<Item = I> + Send> IdScan for Iter<T> {
    fn read(&mut self, rows: usize, into: &mut IdBatch) -> Result<(), SourceError> {
        self.0.by_ref().take(rows).for_each(|id| into.push(id.as_ref()));
        Ok(())
    }
}

/// A scan with its row number, which holds the source to its promise.
pub(crate) struct Rows<'a> {
    scan: Box<dyn IdScan + 'a>,
    next: u64,
    pub(crate) batch: IdBatch,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(source: &'a dyn IdSource, from_row: u64) -> Result<Self, PsiError> {
        let scan = source.scan(from_row).map_err(PsiError::OursSource)?;
        Ok(Self { scan, next: from_row, batch: IdBatch::new() })
    }

    /// Reads the next rows into [`Rows::batch`]; returns the number of the first of them, or `None` at the end.
    pub(crate) fn read(&mut self, rows: usize) -> Result<Option<u64>, PsiError> {
        self.batch.clear();
        self.scan.read(rows.max(1), &mut self.batch).map_err(PsiError::OursSource)?;
        let first = self.next;
        self.next += self.batch.len() as u64;
        Ok((!self.batch.is_empty()).then_some(first))
    }
}

/// The ids that are sent, in order.
pub(crate) struct OwnIds<'a> {
    rows: Rows<'a>,
    own: &'a OwnSet,
    /// Row of the next id of `rows.batch`, and its place there.
    next: (u64, usize),
    batch: IdBatch,
}

impl<'a> OwnIds<'a> {
    /// From item `position` on.
    pub(crate) fn new(source: &'a dyn IdSource, own: &'a OwnSet, position: u64) -> Result<Self, PsiError> {
        let row = own.row(position);
        Ok(Self { rows: Rows::new(source, row)?, own, next: (row, 0), batch: IdBatch::new() })
    }

    /// The next `items` ids; fewer only at the end.
    pub(crate) fn next(&mut self, items: usize) -> Result<Vec<&[u8]>, PsiError> {
        self.batch.clear();
        while self.batch.len() < items {
            let (row, place) = self.next;
            let Some(id) = self.rows.batch.get(place) else {
                let Some(first) = self.rows.read(items)? else { break };
                self.next = (first, 0);
                continue;
            };
            if self.own.takes_part(row) {
                self.batch.push(id);
            }
            self.next = (row + 1, place + 1);
        }
        if self.batch.is_empty() {
            return Err(PsiError::OursSource("it has fewer rows than when it was read first".into()));
        }
        Ok(self.batch.iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_scans_from_any_row() {
        let ids = ["a", "", "ccc", "dd"];
        let mut batch = IdBatch::new();
        ids.iter().for_each(|id| batch.push(id.as_bytes()));
        assert_eq!((batch.get(1), batch.get(2), batch.get(4)), (Some(&b""[..]), Some(&b"ccc"[..]), None));
        let sources: [&dyn IdSource; 2] = [&ids.to_vec(), &batch];
        for source in sources {
            for from in 0..=4u64 {
                let mut rows = Rows::new(source, from).unwrap();
                let mut read = Vec::new();
                while let Some(first) = rows.read(3).unwrap() {
                    assert_eq!(first, from + read.len() as u64);
                    read.extend(rows.batch.iter().map(<[u8]>::to_vec));
                }
                assert!(read.iter().eq(ids[from as usize..].iter().map(|id| id.as_bytes())));
            }
        }
    }
}
