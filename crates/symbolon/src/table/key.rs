//! The key of a row: what the parties compare.
//!
//! The key of a single column is its text, byte for byte. That of several columns is, for each of them, the number
//! of bytes of its text (four bytes, little-endian) and the text: no two rows with different values have the same
//! key, whatever separators the values contain (erratum E35).

use std::path::Path;

use super::Column;
use super::source::{Scan, find};
use crate::error::{Error, Place, Result};

/// The columns of a table that identify its rows.
#[derive(Debug, Clone)]
pub struct Key {
    /// Position and column, in the order in which the configuration names them.
    columns: Vec<(usize, Column)>,
}

impl Key {
    /// The columns of those names among `columns`, which are those of `file`.
    ///
    /// # Errors
    /// [`Error::OurTable`] if there is no such column, or it holds what has no one written form.
    pub fn new(file: &Path, columns: &[Column], names: &[String]) -> Result<Self> {
        let columns = names.iter().map(|name| {
            let position = find(file, columns, name)?;
            let column = columns.get(position).filter(|column| column.can_be_key());
            column.map(|column| (position, column.clone())).ok_or_else(|| {
                let problem =
                    "a number with a fraction cannot identify rows: use text, whole numbers or dates";
                Error::at(file, None, Some(name), problem)
            })
        });
        Ok(Self { columns: columns.collect::<Result<_>>()? })
    }

    /// The positions of the columns in the table.
    pub fn positions(&self) -> Vec<usize> {
        self.columns.iter().map(|(position, _)| *position).collect()
    }

    /// The columns.
    pub fn columns(&self) -> Vec<Column> {
        self.columns.iter().map(|(_, column)| column.clone()).collect()
    }

    /// The columns' names, for messages.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(_, column)| column.name.as_str()).collect();
        names.join("`, `")
    }

    /// Puts the key of the row that `scan` read last into `out`; the scan is one of [`Key::positions`] of `file`.
    ///
    /// # Errors
    /// [`Error::OurTable`] with the place of a value that is missing.
    pub fn read(&self, file: &Path, scan: &Scan, out: &mut Vec<u8>) -> Result<()> {
        self.encode(file, |index, _| scan.value(index), || scan.place(), out)
    }

    /// As [`Key::read`], with a scan of all columns.
    ///
    /// # Errors
    /// As [`Key::read`].
    pub fn read_whole(&self, file: &Path, scan: &Scan, out: &mut Vec<u8>) -> Result<()> {
        self.encode(file, |_, position| scan.value(position), || scan.place(), out)
    }

    /// Puts the key made of the values that `value` gives (by place in the key and in the table) into `out`.
    ///
    /// # Errors
    /// As [`Key::read`]; `place` says where the row is.
    pub(super) fn encode<'a>(
        &self,
        file: &Path,
        value: impl Fn(usize, usize) -> &'a [u8],
        place: impl Fn() -> Option<Place>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        out.clear();
        let prefix = if self.columns.len() == 1 { 0 } else { 4 };
        for (index, (position, column)) in self.columns.iter().enumerate() {
            let start = out.len();
            out.resize(start + prefix, 0);
            column.write_text(value(index, *position), out);
            let length = out.len() - start - prefix;
            let wrong = |problem| Error::at(file, place(), Some(&column.name), problem);
            if length == 0 {
                return Err(wrong("the id is empty"));
            }
            let length = u32::try_from(length).map_err(|_| wrong("the id is longer than 4 GiB"))?;
            if let Some(four) = out.get_mut(start..start + prefix).filter(|four| !four.is_empty()) {
                four.copy_from_slice(&length.to_le_bytes());
            }
        }
        Ok(())
    }
}
