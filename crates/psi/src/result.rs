//! The common ids, in the common order and in the order of the own rows.

use std::path::Path;

use crate::PsiError;
use crate::own::OwnSet;
use crate::sort::{Sorted, Sorter};
use crate::spool::{Records, Room, Spool};

/// An id that both parties hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommonId {
    /// Own row (from 0) with the id, its first if there are several.
    pub row: u64,
    /// Own rows that hold it.
    pub own_count: u64,
    /// The peer's rows that hold it, as far as it told.
    pub peer_count: u64,
}

impl CommonId {
    pub(crate) const BYTES: usize = 24;

    /// Three numbers of 8 bytes, big-endian.
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let fields = [self.row, self.own_count, self.peer_count].map(u64::to_be_bytes);
        bytes.iter_mut().zip(fields.as_flattened()).for_each(|(to, from)| *to = *from);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self { row: number(bytes, 0), own_count: number(bytes, 8), peer_count: number(bytes, 16) }
    }
}

/// An own row whose id both parties hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedRow {
    /// The row, from 0.
    pub row: u64,
    /// Place of its id in the common order, from 0.
    pub place: u64,
    /// Own rows that hold the id.
    pub own_count: u64,
    /// The peer's rows that hold it, as far as it told.
    pub peer_count: u64,
}

fn number(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    bytes.map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes))
}

/// Pairs of a row and the first row with the same id, ascending by the former: 8 bytes each, big-endian.
#[derive(Debug)]
pub(crate) struct Pairs(pub(crate) Spool);

impl Pairs {
    pub(crate) const BYTES: usize = 16;
}

/// The ids that both parties hold.
#[derive(Debug)]
pub struct Common {
    ids: Spool,
    further: Pairs,
}

impl Common {
    pub(crate) fn new(ids: Spool, further: Pairs) -> Self {
        Self { ids, further }
    }

    pub(crate) fn parts(&self) -> (&Spool, &Spool) {
        (&self.ids, &self.further.0)
    }

    /// Number of common ids.
    pub fn len(&self) -> u64 {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The common ids in an order that is the same at both parties: sorted by the doubly masked point.
    pub fn ids(&self) -> CommonIds<'_> {
        CommonIds { records: Records::new(&self.ids, 0) }
    }

    /// Every own row that holds a common id, repetitions included, ascending, with the place of its id in the
    /// common order. `own` is the set of the run; `memory` in bytes and `scratch` are for sorting.
    ///
    /// # Errors
    /// Errors of temporary files.
    pub fn by_row(&self, own: &OwnSet, memory: u64, scratch: &Path) -> Result<PlacedRows, PsiError> {
        self.by_row_in(own, &Room::new(memory, scratch))
    }

    pub(crate) fn by_row_in(&self, own: &OwnSet, room: &Room) -> Result<PlacedRows, PsiError> {
        let repeats = own.repeated_rows() + self.further.0.len();
        let parts = if repeats == 0 { 1 } else { 4 };
        let mut firsts = Sorter::new(room.part(parts), Placed::BYTES);
        firsts.reserve(self.len());
        let mut ids = Records::new(&self.ids, 0);
        let mut place = 0u64;
        while let Some(id) = ids.next()? {
            let (row, counts) = id.split_at(8);
            firsts.push(&[row, &place.to_be_bytes(), counts])?;
            place += 1;
        }
        let mut firsts = firsts.finish()?;
        if repeats == 0 {
            return Ok(PlacedRows { sorted: firsts });
        }
        // Repetitions by their first rows, as those are sorted.
        let mut others = Sorter::new(room.part(parts), Pairs::BYTES);
        for pair in own.repeats() {
            let (row, first) = pair?;
            others.push(&[&first.to_be_bytes(), &row.to_be_bytes()])?;
        }
        let mut further = Records::new(&self.further.0, 0);
        while let Some(pair) = further.next()? {
            let (row, first) = pair.split_at(8);
            others.push(&[first, row])?;
        }
        let mut others = others.finish()?;
        let mut all = Sorter::new(room.part(parts), Placed::BYTES);
        while let Some(record) = firsts.peek() {
            let (row, rest) = record.split_at(8);
            all.push(&[record])?;
            while let Some(other) = others.peek()
                && other.get(..8) <= Some(row)
            {
                if other.get(..8) == Some(row) {
                    all.push(&[other.get(8..).unwrap_or_default(), rest])?;
                }
                others.advance()?;
            }
            firsts.advance()?;
        }
        drop((firsts, others));
        Ok(PlacedRows { sorted: all.finish()? })
    }
}

/// Iterator over the common ids, see [`Common::ids`].
pub struct CommonIds<'a> {
    records: Records<'a>,
}

impl Iterator for CommonIds<'_> {
    type Item = Result<CommonId, PsiError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.next().transpose()?;
        Some(record.map(CommonId::from_bytes))
    }
}

/// A placed row as 4 numbers of 8 bytes, big-endian.
struct Placed;

impl Placed {
    const BYTES: usize = 32;
}

/// Iterator over own rows, see [`Common::by_row`].
pub struct PlacedRows {
    sorted: Sorted,
}

impl Iterator for PlacedRows {
    type Item = Result<PlacedRow, PsiError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.sorted.peek()?;
        let row = PlacedRow {
            row: number(record, 0),
            place: number(record, 8),
            own_count: number(record, 16),
            peer_count: number(record, 24),
        };
        Some(self.sorted.advance().map(|()| row))
    }
}
