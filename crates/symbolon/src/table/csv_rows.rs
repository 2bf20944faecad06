//! Rows of a CSV file, one after the other.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::column::Row;
use super::format::Format;
use crate::error::{Error, Place, Result};

/// Bytes read at once.
const BUFFER: usize = 1 << 18;

/// A reader that stands before a row.
pub(super) struct CsvRows {
    path: PathBuf,
    format: Format,
    reader: csv::Reader<Box<dyn Read + Send>>,
    columns: usize,
    rows: u64,
}

impl CsvRows {
    /// Opens the file and reads its first line, the names of the columns.
    pub(super) fn open(path: &Path, format: Format) -> Result<(Self, Vec<String>)> {
        let text = format.text(path).map_err(|source| Error::file("read", path, source))?;
        let reader = csv::ReaderBuilder::new().flexible(true).buffer_capacity(BUFFER).from_reader(text);
        let mut rows = Self { path: path.to_owned(), format, reader, columns: 0, rows: 0 };
        let header = match rows.reader.headers() {
            Ok(header) => header.iter().map(|name| name.trim().to_owned()).collect::<Vec<_>>(),
            Err(failure) => return Err(rows.failed(&failure)),
        };
        rows.columns = header.len();
        Ok((rows, header))
    }

    /// Reads the next row; false if there is none.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool> {
        match self.reader.read_byte_record(row) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(failure) => return Err(self.failed(&failure)),
        }
        self.rows += 1;
        if row.len() != self.columns {
            let problem = format!("{} fields, but the header names {} columns", row.len(), self.columns);
            return Err(Error::at(&self.path, self.place(row), None, problem));
        }
        if row.as_slice().is_ascii() {
            return Ok(true);
        }
        match row.iter().position(|field| std::str::from_utf8(field).is_err()) {
            None => Ok(true),
            Some(column) => {
                let name = self.reader.byte_headers().ok().and_then(|header| header.get(column));
                let name = name.map(|name| String::from_utf8_lossy(name).trim().to_owned());
                let problem = "not valid UTF-8: save the table as UTF-8";
                Err(Error::at(&self.path, self.place(row), name.as_deref(), problem))
            }
        }
    }

    /// The line on which a row begins.
    pub(super) fn place(&self, row: &Row) -> Option<Place> {
        line_of(&self.path, self.format, row)
    }

    fn failed(&self, failure: &csv::Error) -> Error {
        match failure.kind() {
            csv::ErrorKind::Io(source) if self.format.is_compressed() => {
                let problem = format!(
                    "the compressed data is damaged or cut off ({source}); {} whole rows could be read before it",
                    self.rows
                );
                Error::table(&self.path, problem)
            }
            _ => csv_error(&self.path, failure),
        }
    }
}

/// The line on which a record begins. The reader's own count begins where the last record ended, before any
/// empty lines: those are counted here, in the file, when somebody asks.
pub(super) fn line_of(path: &Path, format: Format, row: &Row) -> Option<Place> {
    let position = row.position()?;
    let empty_lines = || -> std::io::Result<u64> {
        let mut text = format.text(path)?;
        std::io::copy(&mut (&mut text).take(position.byte()), &mut std::io::sink())?;
        let mut empty = 0;
        for byte in std::io::BufReader::with_capacity(64, text).bytes() {
            match byte? {
                b'\n' => empty += 1,
                b'\r' => {}
                _ => break,
            }
        }
        Ok(empty)
    };
    Some(Place::Line(position.line() + empty_lines().unwrap_or(0)))
}

/// The error of a CSV reader or writer, in our words.
pub(super) fn csv_error(path: &Path, failure: &csv::Error) -> Error {
    let at = failure.position().map(|position| Place::Line(position.line()));
    let problem = match failure.kind() {
        csv::ErrorKind::Io(source) => {
            let source = std::io::Error::new(source.kind(), source.to_string());
            return Error::file("read or write", path, source);
        }
        csv::ErrorKind::Utf8 { .. } => "not valid UTF-8: save the table as UTF-8".to_owned(),
        other => format!("not a CSV table: {other:?}"),
    };
    Error::at(path, at, None, problem)
}
