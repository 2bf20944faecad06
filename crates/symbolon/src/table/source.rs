//! A table's file that is read from its first row to its last, as often as somebody asks, without keeping it.

use std::path::{Path, PathBuf};

use super::column::{Column, Row};
use super::csv_rows::CsvRows;
use super::format::Format;
use super::parquet_rows::{self, ParquetRows};
use crate::error::{Error, Place, Result};

/// A file whose columns are known and can be read.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    format: Format,
    columns: Vec<Column>,
    rows: Option<u64>,
}

impl Source {
    /// Looks at the file's columns: at least one, all of different names.
    ///
    /// # Errors
    /// [`Error::OurFile`] if the file cannot be read, [`Error::OurTable`] if it is no table.
    pub fn open(path: &Path, format: Option<Format>) -> Result<Self> {
        let format = format.unwrap_or_else(|| Format::of(path));
        let (columns, rows) = match format {
            Format::Parquet => {
                let (_, columns, rows) = parquet_rows::open(path)?;
                (columns, Some(rows))
            }
            Format::Csv | Format::CsvGz | Format::CsvZst => {
                let (_, names) = CsvRows::open(path, format)?;
                (names.into_iter().map(Column::text).collect(), None)
            }
        };
        check_names(path, &columns)?;
        Ok(Self { path: path.to_owned(), format, columns, rows })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's form.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The columns, in the file's order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The number of rows, if the file says it.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The position of the column of that name.
    ///
    /// # Errors
    /// [`Error::OurTable`] listing the columns that there are.
    pub fn column(&self, name: &str) -> Result<usize> {
        find(&self.path, &self.columns, name)
    }

    /// Begins at the first row. Of a Parquet file only the columns at `columns` are read.
    ///
    /// # Errors
    /// [`Error::OurFile`] and [`Error::OurTable`] as for [`Source::open`], if the file has changed.
    pub fn scan(&self, columns: &[usize]) -> Result<Scan> {
        let rows = match self.format {
            Format::Parquet => {
                let (file, found, _) = parquet_rows::open(&self.path)?;
                if found != self.columns {
                    return Err(Error::table(&self.path, "the file was changed while it was in use"));
                }
                Rows::Parquet(ParquetRows::new(&self.path, file, &found, columns))
            }
            format => Rows::Csv(CsvRows::open(&self.path, format)?.0),
        };
        let places = match self.format {
            Format::Parquet => (0..columns.len()).collect(),
            _ => columns.to_vec(),
        };
        Ok(Scan { rows, places, row: Row::new(), number: 0 })
    }

    /// Begins at the first row, with every column.
    ///
    /// # Errors
    /// As [`Source::scan`].
    pub fn scan_all(&self) -> Result<Scan> {
        self.scan(&(0..self.columns.len()).collect::<Vec<_>>())
    }

    /// Where row number `row` (from 0) stands in the file, for messages.
    pub fn place_of(&self, row: u64) -> Option<Place> {
        let mut scan = self.scan(&[0]).ok()?;
        scan.skip(row).ok()?;
        scan.next().ok()?.then(|| scan.place()).flatten()
    }

    /// A problem of one row's key.
    pub fn wrong(&self, row: u64, column: &str, problem: impl Into<String>) -> Error {
        Error::at(&self.path, self.place_of(row), Some(column), problem)
    }
}

enum Rows {
    Csv(CsvRows),
    Parquet(ParquetRows),
}

/// One reading of a file.
pub struct Scan {
    rows: Rows,
    /// Where each column that was asked for is in `row`.
    places: Vec<usize>,
    row: Row,
    number: u64,
}

impl Scan {
    /// Reads the next row; false if there is none.
    ///
    /// # Errors
    /// [`Error::OurFile`] if the file cannot be read, [`Error::OurTable`] with the place of what is wrong.
    #[allow(clippy::should_implement_trait, reason = "the row is borrowed from the scan")]
    pub fn next(&mut self) -> Result<bool> {
        let more = match &mut self.rows {
            Rows::Csv(rows) => rows.next(&mut self.row),
            Rows::Parquet(rows) => rows.next(&mut self.row),
        }?;
        self.number += u64::from(more);
        Ok(more)
    }

    /// Steps over `rows` rows.
    ///
    /// # Errors
    /// As [`Scan::next`].
    pub fn skip(&mut self, rows: u64) -> Result<()> {
        if let Rows::Parquet(parquet) = &mut self.rows {
            parquet.skip(rows)?;
            self.number += rows;
            return Ok(());
        }
        for _ in 0..rows {
            if !self.next()? {
                break;
            }
        }
        Ok(())
    }

    /// The row read last: all its fields if all columns were asked for, or if the file is text.
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// The value of the `index`-th column that was asked for.
    pub fn value(&self, index: usize) -> &[u8] {
        self.places.get(index).and_then(|&place| self.row.get(place)).unwrap_or_default()
    }

    /// How many rows were read.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Where the row read last stands in the file.
    pub fn place(&self) -> Option<Place> {
        match &self.rows {
            Rows::Csv(rows) => rows.place(&self.row),
            Rows::Parquet(rows) => rows.place(),
        }
    }
}

fn check_names(path: &Path, columns: &[Column]) -> Result<()> {
    if columns.is_empty() {
        let problem = "the table is empty: the first line must name the columns, rows follow";
        return Err(Error::table(path, problem));
    }
    let mut seen = std::collections::HashMap::new();
    for (position, column) in columns.iter().enumerate() {
        if let Some(first) = seen.insert(column.name.as_str(), position) {
            let (name, first, second) = (&column.name, first + 1, position + 1);
            let problem = format!("columns {first} and {second} have the same name `{name}`: rename one");
            return Err(Error::table(path, problem));
        }
    }
    Ok(())
}

/// The position of the column of that name.
pub(super) fn find(path: &Path, columns: &[Column], name: &str) -> Result<usize> {
    columns.iter().position(|column| column.name == name).ok_or_else(|| {
        let problem = format!("there is no such column; the table has {}", listed(columns));
        Error::at(path, None, Some(name), problem)
    })
}

fn listed(columns: &[Column]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = columns.iter().take(SHOWN).map(|column| format!("`{}`", column.name)).collect();
    match columns.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}
