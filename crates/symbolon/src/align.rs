//! From common ids to aligned rows, in bounded memory.
//!
//! Which id a row holds and whether the other party has it comes in the order of the own table ([`Partner`]s); the
//! table is read once beside it, the rows that the [`Join`] keeps are sorted by their place in the order that both
//! parties share (on disk where they do not fit into memory), and written.
//!
//! An id that the left side has in a rows and the right side in b rows gives a·b rows: each of the left rows b times
//! in a row, beside it the right rows, all of them, a times in turn.

mod join;
mod sorter;

use std::path::Path;

pub use join::{Join, OutKind};

use crate::error::{Error, Result};
use crate::table::{Column, Format, Key, Row, RowWriter, Scan, Source, write_table};
use sorter::{Sorted, Sorter};

/// An own row whose id both parties have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partner {
    /// The row in the own table, from 0.
    pub row: u64,
    /// Place of its id in the common order, from 0.
    pub place: u64,
    /// Own rows that hold the id.
    pub own_count: u64,
    /// Rows of the other party that hold it.
    pub peer_count: u64,
}

/// Everything about the rows to be written but the rows.
#[derive(Debug, Clone)]
pub struct Alignment<'a> {
    /// The own table.
    pub source: &'a Source,
    /// Its id columns.
    pub key: &'a Key,
    /// This party's rank: 0 is the left side.
    pub rank: usize,
    /// Which rows are kept.
    pub join: Join,
    /// What is written of each.
    pub kind: OutKind,
    /// Rows of the other party whose ids this one does not have.
    pub peer_alone: u64,
    /// Bytes that may be used.
    pub memory: usize,
    /// Where rows go that do not fit into memory.
    pub scratch: &'a Path,
}

/// Sorts after every place of a common id.
const ALONE: u64 = u64::MAX;

impl Alignment<'_> {
    /// Writes the aligned rows to `path`, whole or not at all. `partners` are ascending by row; `takes_part` says of
    /// an own row without a partner whether it belongs to what was compared; `progress` is told the rows read.
    /// Returns the number of rows written.
    ///
    /// # Errors
    /// [`Error::OurFile`] and [`Error::OurTable`]; whatever `partners` and `takes_part` give.
    pub fn write(
        &self,
        path: &Path,
        format: Option<Format>,
        partners: impl Iterator<Item = Result<Partner>>,
        takes_part: impl FnMut(u64, &Scan) -> Result<bool>,
        progress: impl FnMut(u64),
    ) -> Result<u64> {
        let mut sorted = self.collect(partners, takes_part, progress)?.sorted()?;
        write_table(path, format, &self.columns(), |out| self.put(&mut sorted, out))
    }

    /// The columns that are written.
    pub fn columns(&self) -> Vec<Column> {
        match self.kind {
            OutKind::Rows => self.source.columns().to_vec(),
            OutKind::Ids => self.key.columns(),
            OutKind::Indices => vec![Column::number("row")],
        }
    }

    /// Reads the table and keeps what the join keeps.
    fn collect(
        &self,
        mut partners: impl Iterator<Item = Result<Partner>>,
        mut takes_part: impl FnMut(u64, &Scan) -> Result<bool>,
        mut progress: impl FnMut(u64),
    ) -> Result<Sorter> {
        const TOLD: u64 = 1 << 14;
        let mut sorter = Sorter::new(self.scratch, self.memory);
        let positions = match self.kind {
            OutKind::Rows => (0..self.source.columns().len()).collect(),
            OutKind::Ids | OutKind::Indices => self.key.positions(),
        };
        let values = positions.len();
        let mut scan = self.source.scan(&positions)?;
        let mut record = Vec::new();
        let mut next = partners.next().transpose()?;
        let keeps_own = self.join.keeps_own(self.rank);
        while (keeps_own || next.is_some()) && scan.next()? {
            let row = scan.number() - 1;
            if row % TOLD == 0 {
                progress(row);
            }
            match next {
                Some(partner) if partner.row == row => {
                    next = partners.next().transpose()?;
                    if self.join.keeps_common() {
                        let (copies, times) = self.expansion(&partner);
                        self.encode(&scan, values, row, times, &mut record);
                        (0..copies).try_for_each(|copy| sorter.push([partner.place, copy, row], &record))?;
                    }
                }
                _ if keeps_own && takes_part(row, &scan)? => {
                    self.encode(&scan, values, row, 1, &mut record);
                    sorter.push([ALONE, 0, row], &record)?;
                }
                _ => {}
            }
        }
        match next {
            None => Ok(sorter),
            Some(_) => Err(Error::table(self.source.path(), "the file was changed while it was in use")),
        }
    }

    /// How often a row comes up among the rows of its id, and how often in a row each time.
    fn expansion(&self, partner: &Partner) -> (u64, u64) {
        match self.rank == 0 || partner.own_count == 1 {
            true => (1, partner.peer_count),
            false => (partner.peer_count, 1),
        }
    }

    fn encode(&self, scan: &Scan, values: usize, row: u64, times: u64, record: &mut Vec<u8>) {
        record.clear();
        record.extend_from_slice(&times.to_le_bytes());
        if self.kind == OutKind::Indices {
            push_value(record, &row.to_le_bytes());
            return;
        }
        (0..values).for_each(|index| push_value(record, scan.value(index)));
    }

    /// Writes the sorted rows, with rows without values where the other party has rows alone.
    fn put(&self, sorted: &mut Sorted, out: &mut RowWriter<'_>) -> Result<u64> {
        let nulls = if self.join.keeps_own(1 - self.rank) { self.peer_alone } else { 0 };
        let mut written = 0_u64;
        let mut row = Row::new();
        let mut nulls_written = false;
        while let Some((key, record)) = sorted.next()? {
            // At the right side, the rows of the left side alone come first.
            if key[0] == ALONE && self.rank == 1 && !nulls_written {
                (0..nulls).try_for_each(|_| out.write_null())?;
                nulls_written = true;
            }
            let times = decode(record, &mut row);
            (0..times).try_for_each(|_| out.write(&row))?;
            written += times;
        }
        if !nulls_written {
            (0..nulls).try_for_each(|_| out.write_null())?;
        }
        Ok(written + nulls)
    }
}

fn push_value(record: &mut Vec<u8>, value: &[u8]) {
    // A record is at most 4 GiB, which the sorter checks, so a value's length fits.
    record.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    record.extend_from_slice(value);
}

/// The row in a record, and how often it is written.
fn decode(record: &[u8], row: &mut Row) -> u64 {
    row.clear();
    let Some((times, mut rest)) = record.split_first_chunk() else { return 0 };
    while let Some((length, values)) = rest.split_first_chunk() {
        let (value, after) =
            values.split_at_checked(u32::from_le_bytes(*length) as usize).unwrap_or_default();
        row.push_field(value);
        rest = after;
    }
    u64::from_le_bytes(*times)
}
