//! Rows into a file of any form.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::column::{Column, Row};
use super::csv_rows::csv_error;
use super::format::Format;
use super::parquet_writer::ParquetWriter;
use crate::error::{Error, Result};
use crate::output::{Access, write_atomically};

/// Writes a table to `path`, whole or not at all: `fill` gives its rows. Returns what `fill` returns.
///
/// # Errors
/// [`Error::OurFile`] if a file operation fails, and whatever `fill` returns.
pub fn write_table<T>(
    path: &Path,
    format: Option<Format>,
    columns: &[Column],
    fill: impl FnOnce(&mut RowWriter<'_>) -> Result<T>,
) -> Result<T> {
    let format = format.unwrap_or_else(|| Format::of(path));
    write_atomically(path, Access::Shared, |file| {
        let mut writer = RowWriter::new(path, format, columns, file)?;
        let filled = fill(&mut writer)?;
        writer.finish()?;
        Ok(filled)
    })
}

/// A table that is being written.
pub struct RowWriter<'a> {
    path: PathBuf,
    columns: Vec<Column>,
    sink: Sink<'a>,
    /// Of columns that are not text: the text of one value.
    text: Vec<u8>,
    all_text: bool,
}

type Out<'a> = &'a mut (dyn Write + Send);

enum Sink<'a> {
    Csv(Box<csv::Writer<Compressor<'a>>>),
    Parquet(Box<ParquetWriter<Out<'a>>>),
}

impl<'a> RowWriter<'a> {
    fn new(path: &Path, format: Format, columns: &[Column], file: Out<'a>) -> Result<Self> {
        let sink = match format {
            Format::Parquet => {
                let writer = ParquetWriter::new(file, columns).map_err(|failure| parquet(path, &failure))?;
                Sink::Parquet(Box::new(writer))
            }
            _ => {
                let out =
                    Compressor::new(format, file).map_err(|source| Error::file("write", path, source))?;
                // What lies under it has a buffer of its own, but every call of it is one through a pointer.
                let mut writer = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(out);
                let names = columns.iter().map(|column| column.name.as_bytes());
                writer.write_record(names).map_err(|failure| csv_error(path, &failure))?;
                Sink::Csv(Box::new(writer))
            }
        };
        let all_text =
            columns.iter().all(Column::is_text) && columns.iter().all(|column| column.parquet.is_none());
        Ok(Self { path: path.to_owned(), columns: columns.to_vec(), sink, text: Vec::new(), all_text })
    }

    /// Appends a row with a value for every column.
    ///
    /// # Errors
    /// [`Error::OurFile`].
    pub fn write(&mut self, row: &Row) -> Result<()> {
        match &mut self.sink {
            Sink::Parquet(writer) => writer.write(row).map_err(|failure| parquet(&self.path, &failure)),
            Sink::Csv(writer) if self.all_text => {
                writer.write_byte_record(row).map_err(|failure| csv_error(&self.path, &failure))
            }
            Sink::Csv(writer) => {
                let written = row.iter().zip(&self.columns).try_for_each(|(value, column)| {
                    self.text.clear();
                    column.write_text(value, &mut self.text);
                    writer.write_field(&self.text)
                });
                written
                    .and_then(|()| writer.write_record(None::<&[u8]>))
                    .map_err(|failure| csv_error(&self.path, &failure))
            }
        }
    }

    /// Appends a row without any value.
    ///
    /// # Errors
    /// [`Error::OurFile`].
    pub fn write_null(&mut self) -> Result<()> {
        match &mut self.sink {
            Sink::Parquet(writer) => writer.write_null().map_err(|failure| parquet(&self.path, &failure)),
            Sink::Csv(writer) => writer
                .write_record(self.columns.iter().map(|_| b""))
                .map_err(|failure| csv_error(&self.path, &failure)),
        }
    }

    fn finish(self) -> Result<()> {
        let failed = |source| Error::file("write", &self.path, source);
        match self.sink {
            Sink::Parquet(writer) => writer.finish().map_err(|failure| parquet(&self.path, &failure)),
            Sink::Csv(writer) => {
                let out = writer.into_inner().map_err(|failure| failed(failure.into_error()))?;
                out.finish().map_err(failed)
            }
        }
    }
}

/// The bytes of a text table on their way to the file.
enum Compressor<'a> {
    None(Out<'a>),
    Gzip(flate2::write::GzEncoder<Out<'a>>),
    Zstd(zstd::stream::write::Encoder<'static, Out<'a>>),
}

impl<'a> Compressor<'a> {
    fn new(format: Format, out: Out<'a>) -> io::Result<Self> {
        Ok(match format {
            Format::CsvGz => Self::Gzip(flate2::write::GzEncoder::new(out, flate2::Compression::fast())),
            Format::CsvZst => {
                Self::Zstd(zstd::stream::write::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?)
            }
            Format::Csv | Format::Parquet => Self::None(out),
        })
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::None(out) => out.flush(),
            Self::Gzip(encoder) => encoder.finish()?.flush(),
            Self::Zstd(encoder) => encoder.finish()?.flush(),
        }
    }
}

impl Write for Compressor<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::None(out) => out.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // A flush in the middle would cost compression; the end is written by `finish`.
        Ok(())
    }
}

fn parquet(path: &Path, failure: &parquet::errors::ParquetError) -> Error {
    Error::file("write", path, io::Error::other(failure.to_string()))
}
