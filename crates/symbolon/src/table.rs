//! A party's table: CSV (plain, gzip, zstd) or Parquet in, checked columns of numbers or ids out.
//!
//! The first line of a CSV table names the columns. A UTF-8 byte order mark, CRLF line ends, quoted fields and empty
//! lines are accepted. A Parquet table has flat columns of any type. Ids are compared byte for byte as they stand
//! between the commas (after removing CSV quotes), or as a Parquet value is written: no trimming, no change of case,
//! `7` and `07` differ, the whole number 7 is `7`. Numbers may have spaces around them.
//!
//! There is one way of reading: [`Source`] is a file whose rows are read one after the other, as often as somebody
//! asks; [`Table`] is what a [`Source`] gives, in memory. [`write_table`] is the way back.
//!
//! Errors name file, line (or row) and column, never a value: ids and labels do not belong in logs.

mod column;
mod csv_rows;
mod format;
mod key;
mod parquet_rows;
mod parquet_writer;
mod source;
mod writer;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

pub use column::{Column, Row};
pub use format::Format;
pub use key::Key;
pub use source::{Scan, Source};
pub use writer::{RowWriter, write_table};

use crate::error::{Error, Place, Result};

/// A table in memory, its values as the file has them.
pub struct Table {
    file: PathBuf,
    format: Format,
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// Of a file without lines: where each row stands in it.
    numbers: Option<Vec<u64>>,
}

/// Numeric columns of a [`Table`], row-major.
pub struct Columns {
    /// The columns' names, in order.
    pub names: Vec<String>,
    /// `rows × names.len()` values, row-major.
    pub values: Vec<f64>,
    /// Number of rows.
    pub rows: usize,
}

impl Table {
    /// Reads `path`, in the form that its name says. The table has at least one column and one row, rows of equal
    /// length and columns of different names.
    ///
    /// # Errors
    /// [`Error::OurFile`] if the file cannot be read, [`Error::OurTable`] with its place if its shape is wrong.
    pub fn read(path: &Path) -> Result<Self> {
        Self::load(&Source::open(path, None)?)
    }

    /// Reads all rows of a file.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn load(source: &Source) -> Result<Self> {
        let mut scan = source.scan_all()?;
        let mut rows = Vec::new();
        while scan.next()? {
            rows.push(scan.row().clone());
        }
        if rows.is_empty() {
            return Err(Error::table(source.path(), "the table is empty: it has a header but no rows"));
        }
        let numbers = (source.format() == Format::Parquet).then(|| (1..=rows.len() as u64).collect());
        let (file, format, columns) = (source.path().to_owned(), source.format(), source.columns().to_vec());
        Ok(Self { file, format, columns, rows, numbers })
    }

    /// The file this table was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Number of rows, the header not counted.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns' names.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.columns.iter().map(|column| &column.name)
    }

    /// The position of the column of that name.
    ///
    /// # Errors
    /// [`Error::OurTable`] listing the columns that there are.
    pub fn column(&self, name: &str) -> Result<usize> {
        source::find(&self.file, &self.columns, name)
    }

    /// The keys of all rows, made of the named columns ([`Key`]).
    ///
    /// # Errors
    /// [`Error::OurTable`] if a column is missing or a value is empty.
    pub fn keys(&self, names: &[String]) -> Result<Vec<Vec<u8>>> {
        let key = Key::new(&self.file, &self.columns, names)?;
        let mut keys = Vec::with_capacity(self.rows.len());
        for (number, row) in self.rows.iter().enumerate() {
            let mut bytes = Vec::new();
            let value = |_, position| row.get(position).unwrap_or_default();
            key.encode(&self.file, value, || self.place(number), &mut bytes)?;
            keys.push(bytes);
        }
        Ok(keys)
    }

    /// The named columns as numbers, row-major.
    ///
    /// # Errors
    /// [`Error::OurTable`] with line and column of the first field that is not a finite number.
    pub fn numbers(&self, names: &[String]) -> Result<Columns> {
        let positions = names.iter().map(|name| self.column(name)).collect::<Result<Vec<_>>>()?;
        let mut values = Vec::with_capacity(self.rows.len() * positions.len());
        for row in 0..self.rows.len() {
            for &column in &positions {
                let field = self.text(row, column);
                let field = field.trim();
                let value: f64 = field.parse().map_err(|_| {
                    let what = if field.is_empty() { "the field is empty" } else { "not a number" };
                    self.wrong(row, column, &format!("{what}; every value of this column must be a number"))
                })?;
                if !value.is_finite() {
                    return Err(self.wrong(row, column, "NaN and infinity are not allowed"));
                }
                values.push(value);
            }
        }
        Ok(Columns { names: names.to_vec(), values, rows: self.rows.len() })
    }

    /// The label column: zeros and ones.
    ///
    /// # Errors
    /// [`Error::OurTable`] with the line of the first value that is neither 0 nor 1.
    pub fn labels(&self, name: &str) -> Result<Vec<f32>> {
        let column = self.column(name)?;
        let numbers = self.numbers(&[name.to_owned()])?;
        for (row, value) in numbers.values.iter().enumerate() {
            if *value != 0.0 && *value != 1.0 {
                return Err(self.wrong(row, column, "a label must be 0 or 1"));
            }
        }
        Ok(numbers.values.iter().map(|value| *value as f32).collect())
    }

    /// A table of the given rows, in the given order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let picked = |row: &usize| self.numbers.as_ref().and_then(|numbers| numbers.get(*row).copied());
        Self {
            file: self.file.clone(),
            format: self.format,
            columns: self.columns.clone(),
            rows: rows.iter().filter_map(|&row| self.rows.get(row).cloned()).collect(),
            numbers: self.numbers.is_some().then(|| rows.iter().filter_map(picked).collect()),
        }
    }

    /// Writes the table to `path`, whole or not at all, in the form that is given or that its name says.
    ///
    /// # Errors
    /// [`Error::OurFile`].
    pub fn write(&self, path: &Path, format: Option<Format>) -> Result<()> {
        write_table(path, format, &self.columns, |out| self.rows.iter().try_for_each(|row| out.write(row)))
    }

    /// Writes the columns named `ids` and beside them one of scores, whole or not at all, in the form that is given
    /// or that the file's name says.
    ///
    /// # Errors
    /// [`Error::OurTable`] if a column is missing, [`Error::OurFile`].
    pub fn write_scores(
        &self,
        path: &Path,
        format: Option<Format>,
        ids: &[String],
        scores: &[f64],
    ) -> Result<()> {
        let positions = ids.iter().map(|name| self.column(name)).collect::<Result<Vec<_>>>()?;
        let mut columns: Vec<Column> =
            positions.iter().filter_map(|&position| self.columns.get(position).cloned()).collect();
        columns.push(Column::text("score"));
        write_table(path, format, &columns, |out| {
            let mut line = Row::new();
            for (row, score) in self.rows.iter().zip(scores) {
                line.clear();
                positions.iter().for_each(|&position| line.push_field(row.get(position).unwrap_or_default()));
                line.push_field(format!("{score:.6}").as_bytes());
                out.write(&line)?;
            }
            Ok(())
        })
    }

    /// An error at one field, for checks made elsewhere (a value out of the ring's range).
    pub fn wrong(&self, row: usize, column: usize, problem: &str) -> Error {
        let column = self.columns.get(column).map(|column| column.name.as_str());
        Error::at(&self.file, self.place(row), column, problem)
    }

    /// Where a row stands in the file.
    pub fn place(&self, row: usize) -> Option<Place> {
        match &self.numbers {
            Some(numbers) => numbers.get(row).copied().map(Place::Row),
            None => csv_rows::line_of(&self.file, self.format, self.rows.get(row)?),
        }
    }

    /// The text of one field.
    fn text(&self, row: usize, column: usize) -> Cow<'_, str> {
        let value = self.rows.get(row).and_then(|record| record.get(column)).unwrap_or_default();
        let Some(kind) = self.columns.get(column) else { return Cow::default() };
        if self.numbers.is_none() {
            return String::from_utf8_lossy(value);
        }
        let mut text = Vec::new();
        kind.write_text(value, &mut text);
        Cow::Owned(String::from_utf8_lossy(&text).into_owned())
    }
}
