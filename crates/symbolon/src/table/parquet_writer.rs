//! Rows into the columns of a Parquet file.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, Int96};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::column::{Column, NULL, Row, int32, int64};

/// A row group ends with this many rows …
const GROUP_ROWS: usize = 1 << 17;
/// … or this many bytes of values, whichever is first.
const GROUP_BYTES: usize = 32 << 20;

/// A Parquet file that is being written: Snappy, one row group after the other.
pub(super) struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    /// The values of the row group that is being collected, column by column.
    columns: Vec<Values>,
    rows: usize,
    bytes: usize,
}

/// Values of one column, one after the other.
struct Values {
    marked: bool,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    present: Vec<i16>,
}

impl<W: Write + Send> ParquetWriter<W> {
    pub(super) fn new(out: W, columns: &[Column]) -> Result<Self, ParquetError> {
        let fields = columns.iter().map(Column::parquet_type).collect::<Result<Vec<_>, _>>()?;
        let values = columns.iter().map(|column| Values {
            marked: column.kind.is_marked(),
            bytes: Vec::new(),
            ends: Vec::new(),
            present: Vec::new(),
        });
        let values = values.collect();
        let schema = Type::group_type_builder("schema").with_fields(fields).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("symbolon version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        Ok(Self { file, columns: values, rows: 0, bytes: 0 })
    }

    pub(super) fn write(&mut self, row: &Row) -> Result<(), ParquetError> {
        for (column, value) in self.columns.iter_mut().zip(row.iter()) {
            column.push(value);
        }
        self.bytes += row.as_slice().len();
        self.end_row()
    }

    pub(super) fn write_null(&mut self) -> Result<(), ParquetError> {
        self.columns.iter_mut().for_each(|column| column.push(NULL));
        self.end_row()
    }

    fn end_row(&mut self) -> Result<(), ParquetError> {
        self.rows += 1;
        match self.rows == GROUP_ROWS || self.bytes >= GROUP_BYTES {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        for values in &mut self.columns {
            let mut column = group
                .next_column()?
                .ok_or_else(|| ParquetError::General("fewer columns than the schema has".into()))?;
            values.write(column.untyped())?;
            column.close()?;
            values.clear();
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), ParquetError> {
        if self.rows > 0 {
            self.flush()?;
        }
        self.file.close().map(drop)
    }
}

impl Values {
    fn push(&mut self, value: &[u8]) {
        self.present.push(i16::from(value != NULL));
        if value != NULL {
            self.bytes.extend_from_slice(value.get(usize::from(self.marked)..).unwrap_or_default());
            self.ends.push(self.bytes.len());
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.present.clear();
    }

    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let value = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            value
        })
    }

    fn fixed<T>(&self, read: impl Fn(&[u8]) -> T) -> Vec<T> {
        self.each().map(read).collect()
    }

    fn write(&self, column: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(self.present.as_slice());
        match column {
            ColumnWriter::BoolColumnWriter(out) => {
                out.write_batch(&self.fixed(|value| value == [1]), levels, None)
            }
            ColumnWriter::Int32ColumnWriter(out) => out.write_batch(&self.fixed(int32), levels, None),
            ColumnWriter::Int64ColumnWriter(out) => out.write_batch(&self.fixed(int64), levels, None),
            ColumnWriter::Int96ColumnWriter(out) => out.write_batch(&self.fixed(int96), levels, None),
            ColumnWriter::FloatColumnWriter(out) => {
                let float = |value: &[u8]| f32::from_bits(int32(value).cast_unsigned());
                out.write_batch(&self.fixed(float), levels, None)
            }
            ColumnWriter::DoubleColumnWriter(out) => {
                let double = |value: &[u8]| f64::from_bits(int64(value).cast_unsigned());
                out.write_batch(&self.fixed(double), levels, None)
            }
            ColumnWriter::ByteArrayColumnWriter(out) => {
                out.write_batch(&self.slices().collect::<Vec<_>>(), levels, None)
            }
            ColumnWriter::FixedLenByteArrayColumnWriter(out) => {
                let values: Vec<_> = self.slices().map(Into::into).collect();
                out.write_batch(&values, levels, None)
            }
        }
        .map(drop)
    }

    /// The values as slices of one shared buffer.
    fn slices(&self) -> impl Iterator<Item = ByteArray> {
        let shared = bytes::Bytes::copy_from_slice(&self.bytes);
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let value = shared.slice(start..end);
            start = end;
            value.into()
        })
    }
}

fn int96(value: &[u8]) -> Int96 {
    let word = |at: usize| value.get(at..at + 4).map(int32).unwrap_or_default().cast_unsigned();
    let mut number = Int96::new();
    number.set_data(word(0), word(4), word(8));
    number
}
