//! Rows of a Parquet file, put together from its columns.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray, Int96};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::column::{Column, Kind, NULL, PRESENT, Row};
use crate::error::{Error, Place, Result};

/// Rows taken from each column at a time.
const CHUNK: usize = 2048;

/// A reader that stands before a row.
pub(super) struct ParquetRows {
    path: PathBuf,
    file: SerializedFileReader<File>,
    /// The columns that are read: their place in the file and what they hold.
    columns: Vec<(usize, Column)>,
    group: usize,
    left_in_group: u64,
    chunks: Vec<Box<dyn Chunk>>,
    left_in_chunk: usize,
    /// Rows given out so far.
    row: u64,
}

/// Opens the file; its columns and its number of rows.
pub(super) fn open(path: &Path) -> Result<(SerializedFileReader<File>, Vec<Column>, u64)> {
    let file = File::open(path).map_err(|source| Error::file("read", path, source))?;
    let file = SerializedFileReader::new(file).map_err(|failure| broken(path, None, None, &failure))?;
    let metadata = file.metadata().file_metadata();
    let rows = metadata.num_rows();
    let rows =
        u64::try_from(rows).map_err(|_| Error::table(path, "the file says that it has less than no rows"))?;
    check_offsets(path, file.metadata())?;
    let fields = metadata.schema_descr().root_schema().get_fields();
    let columns = fields
        .iter()
        .map(|field| {
            Column::of_parquet(field).map_err(|problem| Error::at(path, None, Some(field.name()), problem))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok((file, columns, rows))
}

/// Refuses a file whose column chunks begin or end where no file has bytes: the reader trusts these numbers.
fn check_offsets(path: &Path, metadata: &ParquetMetaData) -> Result<()> {
    let columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    for column in columns {
        let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
        let sane = start >= 0
            && column.data_page_offset() >= 0
            && column.compressed_size() >= 0
            && column.num_values() >= 0
            && start.checked_add(column.compressed_size()).is_some();
        if !sane {
            let problem = "the file's index is damaged: write the file again";
            return Err(Error::at(path, None, Some(&column.column_path().string()), problem));
        }
    }
    Ok(())
}

impl ParquetRows {
    /// Begins at the first row, with the columns at `positions` of `columns`, all those of the file.
    pub(super) fn new(
        path: &Path,
        file: SerializedFileReader<File>,
        columns: &[Column],
        positions: &[usize],
    ) -> Self {
        let columns = positions
            .iter()
            .filter_map(|&position| columns.get(position).map(|column| (position, column.clone())))
            .collect();
        let path = path.to_owned();
        Self { path, file, columns, group: 0, left_in_group: 0, chunks: Vec::new(), left_in_chunk: 0, row: 0 }
    }

    /// Reads the next row; false if there is none.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool> {
        row.clear();
        if self.left_in_chunk == 0 && !self.fill()? {
            return Ok(false);
        }
        self.left_in_chunk -= 1;
        self.row += 1;
        for chunk in &mut self.chunks {
            chunk.push_next(row);
        }
        for (field, (_, column)) in row.iter().zip(&self.columns) {
            let problem = match column.kind {
                Kind::Text if field != NULL && std::str::from_utf8(field).is_err() => {
                    "not valid UTF-8: write the column as text, or leave it out"
                }
                Kind::Decimal { .. } if field.len() > 17 => {
                    "decimals of more than 16 bytes are not supported"
                }
                _ => continue,
            };
            return Err(Error::at(&self.path, self.place(), Some(&column.name), problem));
        }
        Ok(true)
    }

    /// Steps over up to `rows` rows without decoding them.
    pub(super) fn skip(&mut self, rows: u64) -> Result<()> {
        let mut left = rows;
        while left > 0 {
            if self.left_in_chunk > 0 {
                let step = self.left_in_chunk.min(usize::try_from(left).unwrap_or(usize::MAX));
                let mut ignored = Row::new();
                for chunk in &mut self.chunks {
                    for _ in 0..step {
                        ignored.clear();
                        chunk.push_next(&mut ignored);
                    }
                }
                self.left_in_chunk -= step;
                self.row += step as u64;
                left -= step as u64;
            } else if self.left_in_group > 0 {
                let step = self.left_in_group.min(left);
                for (chunk, (_, column)) in self.chunks.iter_mut().zip(&self.columns) {
                    let skipped = chunk.skip(usize::try_from(step).unwrap_or(usize::MAX));
                    match skipped {
                        Ok(skipped) if skipped as u64 == step => {}
                        Ok(_) => return Err(short(&self.path, self.row, column)),
                        Err(failure) => {
                            return Err(broken(&self.path, Some(self.row), Some(&column.name), &failure));
                        }
                    }
                }
                self.left_in_group -= step;
                self.row += step;
                left -= step;
            } else if !self.next_group()? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The row that was read last.
    pub(super) fn place(&self) -> Option<Place> {
        Some(Place::Row(self.row))
    }

    fn next_group(&mut self) -> Result<bool> {
        if self.group == self.file.num_row_groups() {
            return Ok(false);
        }
        let failed = |column: Option<&str>, failure: &ParquetError| {
            broken(&self.path, Some(self.row), column, failure)
        };
        let group = self.file.get_row_group(self.group).map_err(|failure| failed(None, &failure))?;
        self.left_in_group = u64::try_from(group.metadata().num_rows()).unwrap_or(0);
        self.chunks = self
            .columns
            .iter()
            .map(|(position, column)| {
                let reader = group.get_column_reader(*position);
                let reader = reader.map_err(|failure| failed(Some(&column.name), &failure))?;
                Ok(chunk(reader, column.kind))
            })
            .collect::<Result<_>>()?;
        self.group += 1;
        Ok(true)
    }

    /// Decodes the next rows of every column; false at the end of the file.
    fn fill(&mut self) -> Result<bool> {
        while self.left_in_group == 0 {
            if !self.next_group()? {
                return Ok(false);
            }
        }
        let step = CHUNK.min(usize::try_from(self.left_in_group).unwrap_or(CHUNK));
        for (chunk, (_, column)) in self.chunks.iter_mut().zip(&self.columns) {
            match chunk.read(step) {
                Ok(read) if read == step => {}
                Ok(_) => return Err(short(&self.path, self.row, column)),
                Err(failure) => {
                    return Err(broken(&self.path, Some(self.row), Some(&column.name), &failure));
                }
            }
        }
        self.left_in_chunk = step;
        self.left_in_group -= step as u64;
        Ok(true)
    }
}

fn short(path: &Path, row: u64, column: &Column) -> Error {
    let problem = "the column ends before the file's number of rows: the file is damaged";
    Error::at(path, Some(Place::Row(row + 1)), Some(&column.name), problem)
}

fn broken(path: &Path, rows: Option<u64>, column: Option<&str>, failure: &ParquetError) -> Error {
    let at = rows.map(|rows| Place::Row(rows + 1));
    Error::at(path, at, column, format!("not a whole Parquet file that can be read here: {failure}"))
}

/// Some rows of one column.
trait Chunk: Send {
    /// Decodes up to `count` rows; how many there were.
    fn read(&mut self, count: usize) -> Result<usize, ParquetError>;
    /// Steps over up to `count` rows that are not decoded; how many there were.
    fn skip(&mut self, count: usize) -> Result<usize, ParquetError>;
    /// Appends the value of the next decoded row.
    fn push_next(&mut self, row: &mut Row);
}

struct TypedChunk<T: DataType, F> {
    reader: ColumnReaderImpl<T>,
    values: Vec<T::T>,
    present: Vec<i16>,
    next_row: usize,
    next_value: usize,
    push: F,
}

impl<T: DataType, F: FnMut(&T::T, &mut Row) + Send> Chunk for TypedChunk<T, F>
where
    ColumnReaderImpl<T>: Send,
{
    fn read(&mut self, count: usize) -> Result<usize, ParquetError> {
        self.values.clear();
        self.present.clear();
        (self.next_row, self.next_value) = (0, 0);
        let (rows, _, _) =
            self.reader.read_records(count, Some(&mut self.present), None, &mut self.values)?;
        Ok(rows)
    }

    fn skip(&mut self, count: usize) -> Result<usize, ParquetError> {
        self.reader.skip_records(count)
    }

    fn push_next(&mut self, row: &mut Row) {
        // A column that cannot be null has no levels.
        let present = self.present.get(self.next_row).is_none_or(|level| *level > 0);
        self.next_row += 1;
        match self.values.get(self.next_value).filter(|_| present) {
            None => row.push_field(NULL),
            Some(value) => {
                self.next_value += 1;
                (self.push)(value, row);
            }
        }
    }
}

fn typed<T: DataType>(
    reader: ColumnReaderImpl<T>,
    push: impl FnMut(&T::T, &mut Row) + Send + 'static,
) -> Box<dyn Chunk>
where
    ColumnReaderImpl<T>: Send,
{
    let (values, present) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
    Box::new(TypedChunk { reader, values, present, next_row: 0, next_value: 0, push })
}

fn chunk(reader: ColumnReader, kind: Kind) -> Box<dyn Chunk> {
    match reader {
        ColumnReader::BoolColumnReader(reader) => {
            typed(reader, |value, row| row.push_field(&[u8::from(*value)]))
        }
        ColumnReader::Int32ColumnReader(reader) => {
            typed(reader, |value, row| row.push_field(&value.to_le_bytes()))
        }
        ColumnReader::Int64ColumnReader(reader) => {
            typed(reader, |value, row| row.push_field(&value.to_le_bytes()))
        }
        ColumnReader::Int96ColumnReader(reader) => typed(reader, |value: &Int96, row| {
            let mut bytes = [0; 12];
            for (four, word) in bytes.chunks_exact_mut(4).zip(value.data()) {
                four.copy_from_slice(&word.to_le_bytes());
            }
            row.push_field(&bytes);
        }),
        ColumnReader::FloatColumnReader(reader) => {
            typed(reader, |value, row| row.push_field(&value.to_le_bytes()))
        }
        ColumnReader::DoubleColumnReader(reader) => {
            typed(reader, |value, row| row.push_field(&value.to_le_bytes()))
        }
        ColumnReader::ByteArrayColumnReader(reader) if !kind.is_marked() => {
            typed(reader, |value: &ByteArray, row| row.push_field(value.data()))
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            let mut marked = vec![PRESENT];
            typed(reader, move |value: &ByteArray, row| push_marked(&mut marked, value.data(), row))
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            let mut marked = vec![PRESENT];
            typed(reader, move |value: &FixedLenByteArray, row| push_marked(&mut marked, value.data(), row))
        }
    }
}

fn push_marked(marked: &mut Vec<u8>, value: &[u8], row: &mut Row) {
    marked.truncate(1);
    marked.extend_from_slice(value);
    row.push_field(marked);
}
