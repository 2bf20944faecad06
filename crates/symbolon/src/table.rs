//! A party's table: CSV in, checked columns of numbers or ids out.
//!
//! The first line names the columns. A UTF-8 byte order mark, CRLF line ends, quoted fields and empty
//! lines are accepted. Ids are compared byte for byte as they stand between the commas (after removing
//! CSV quotes): no trimming, no change of case, `7` and `07` differ. Numbers may have spaces around them.
//!
//! Errors name file, line and column, never a value: ids and labels do not belong in logs.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::error::{Error, Result};
use crate::output::{Access, write_atomically};

/// A table in memory, its fields as text.
pub struct Table {
    file: PathBuf,
    header: Vec<String>,
    rows: Vec<StringRecord>,
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
    /// Reads `path`. The table has at least one column and one row, rows of equal length and columns
    /// of different names.
    ///
    /// # Errors
    /// [`Error::OurFile`] if the file cannot be read, [`Error::OurTable`] with the line if its shape is wrong.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::file("read", path, source))?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).buffer_capacity(1 << 18).from_reader(file);
        let header = reader.headers().map_err(|failure| csv_error(path, &failure))?;
        let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        if header.is_empty() {
            return Err(Error::table(
                path,
                "the table is empty: the first line must name the columns, rows follow",
            ));
        }
        let mut seen = HashMap::new();
        for (position, name) in header.iter().enumerate() {
            if let Some(first) = seen.insert(name.as_str(), position) {
                return Err(Error::table(
                    path,
                    format!(
                        "columns {} and {} have the same name `{name}`: rename one",
                        first + 1,
                        position + 1
                    ),
                ));
            }
        }
        let mut rows = Vec::new();
        for record in reader.into_records() {
            let record = record.map_err(|failure| csv_error(path, &failure))?;
            if record.len() != header.len() {
                return Err(Error::OurTable {
                    file: path.to_owned(),
                    line: line_of(path, &record),
                    column: None,
                    problem: format!(
                        "{} fields, but the header names {} columns",
                        record.len(),
                        header.len()
                    ),
                });
            }
            rows.push(record);
        }
        if rows.is_empty() {
            return Err(Error::table(path, "the table is empty: it has a header but no rows"));
        }
        Ok(Self { file: path.to_owned(), header, rows })
    }

    /// The file this table was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Number of rows, the header not counted.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The columns' names.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The position of the column of that name.
    ///
    /// # Errors
    /// [`Error::OurTable`] listing the columns that there are.
    pub fn column(&self, name: &str) -> Result<usize> {
        self.header.iter().position(|column| column == name).ok_or_else(|| Error::OurTable {
            file: self.file.clone(),
            line: None,
            column: Some(name.to_owned()),
            problem: format!("there is no such column; the table has {}", listed(&self.header)),
        })
    }

    /// The fields of one column as bytes, exactly as they stand in the file.
    ///
    /// # Errors
    /// [`Error::OurTable`] if the column is missing or a field is empty.
    pub fn ids(&self, name: &str) -> Result<Vec<Vec<u8>>> {
        let column = self.column(name)?;
        let mut ids = Vec::with_capacity(self.rows.len());
        for row in 0..self.rows.len() {
            let id = self.field(row, column);
            if id.is_empty() {
                return Err(self.wrong(row, column, "the id is empty"));
            }
            ids.push(id.as_bytes().to_vec());
        }
        Ok(ids)
    }

    /// Checks that no two rows have the same id.
    ///
    /// # Errors
    /// [`Error::OurTable`] naming both lines of the first pair.
    pub fn check_unique(&self, name: &str) -> Result<()> {
        let column = self.column(name)?;
        let mut seen: HashMap<&str, usize> = HashMap::with_capacity(self.rows.len());
        for row in 0..self.rows.len() {
            if let Some(first) = seen.insert(self.field(row, column), row) {
                return Err(self.wrong(
                    row,
                    column,
                    &format!(
                        "the same id as on line {}: ids must differ here; remove one of the rows, or set \
                         psi.duplicates = \"first\" to keep the first of each",
                        self.line(first)
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Rows whose id did not occur above them, in order.
    ///
    /// # Errors
    /// As [`Table::column`].
    pub fn first_of_each(&self, name: &str) -> Result<Vec<usize>> {
        let column = self.column(name)?;
        let mut seen = std::collections::HashSet::with_capacity(self.rows.len());
        Ok((0..self.rows.len()).filter(|&row| seen.insert(self.field(row, column))).collect())
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
                let field = self.field(row, column).trim();
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
        let numbers = self.numbers(std::slice::from_ref(&self.header[column]))?;
        for (row, value) in numbers.values.iter().enumerate() {
            if *value != 0.0 && *value != 1.0 {
                return Err(self.wrong(row, column, "a label must be 0 or 1"));
            }
        }
        Ok(numbers.values.iter().map(|value| *value as f32).collect())
    }

    /// A table of the given rows, in the given order.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            file: self.file.clone(),
            header: self.header.clone(),
            rows: rows.iter().filter_map(|&row| self.rows.get(row).cloned()).collect(),
        }
    }

    /// Writes the table to `path`, whole or not at all.
    ///
    /// # Errors
    /// [`Error::OurFile`].
    pub fn write(&self, path: &Path) -> Result<()> {
        write_atomically(path, Access::Shared, |file| {
            let mut writer = csv::Writer::from_writer(file);
            let written = writer
                .write_record(&self.header)
                .and_then(|()| self.rows.iter().try_for_each(|row| writer.write_record(row)))
                .and_then(|()| writer.flush().map_err(csv::Error::from));
            written.map_err(|failure| csv_error(path, &failure))
        })
    }

    /// An error at one field, for checks made elsewhere (a value out of the ring's range).
    pub fn wrong(&self, row: usize, column: usize, problem: &str) -> Error {
        Error::OurTable {
            file: self.file.clone(),
            line: Some(self.line(row)),
            column: self.header.get(column).cloned(),
            problem: problem.to_owned(),
        }
    }

    /// The line of a row in the file, counted from 1.
    pub fn line(&self, row: usize) -> u64 {
        self.rows.get(row).and_then(|record| line_of(&self.file, record)).unwrap_or(row as u64 + 2)
    }

    fn field(&self, row: usize, column: usize) -> &str {
        self.rows.get(row).and_then(|record| record.get(column)).unwrap_or_default()
    }
}

/// Writes a two-column table of ids and scores, whole or not at all.
///
/// # Errors
/// [`Error::OurFile`].
pub fn write_scores(path: &Path, id_name: &str, ids: &[Vec<u8>], scores: &[f64]) -> Result<()> {
    write_atomically(path, Access::Shared, |file| {
        let mut writer = csv::Writer::from_writer(file);
        let written = writer
            .write_record([id_name.as_bytes(), b"score"])
            .and_then(|()| {
                ids.iter().zip(scores).try_for_each(|(id, score)| {
                    writer.write_record([id.as_slice(), format!("{score:.6}").as_bytes()])
                })
            })
            .and_then(|()| writer.flush().map_err(csv::Error::from));
        written.map_err(|failure| csv_error(path, &failure))
    })
}

/// The line on which a record begins. The reader's own count begins where the last record ended, before any
/// empty lines: those are counted here, in the file, when somebody asks.
fn line_of(path: &Path, record: &StringRecord) -> Option<u64> {
    let position = record.position()?;
    let empty_lines = || -> std::io::Result<u64> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(position.byte()))?;
        let mut empty = 0;
        for byte in BufReader::with_capacity(64, file).bytes() {
            match byte? {
                b'\n' => empty += 1,
                b'\r' => {}
                _ => break,
            }
        }
        Ok(empty)
    };
    Some(position.line() + empty_lines().unwrap_or(0))
}

fn csv_error(path: &Path, failure: &csv::Error) -> Error {
    let line = failure.position().map(csv::Position::line);
    let problem = match failure.kind() {
        csv::ErrorKind::Io(source) => {
            return Error::file(
                "read or write",
                path,
                std::io::Error::new(source.kind(), source.to_string()),
            );
        }
        csv::ErrorKind::Utf8 { .. } => "not valid UTF-8: save the table as UTF-8".to_owned(),
        other => format!("not a CSV table: {other:?}"),
    };
    Error::OurTable { file: path.to_owned(), line, column: None, problem }
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}
