//! The forms that a table's file may have.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The form of a table's file: by its name, unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Comma-separated text, the first line names the columns.
    Csv,
    /// The same, compressed with gzip.
    CsvGz,
    /// The same, compressed with Zstandard.
    CsvZst,
    /// Apache Parquet with flat columns.
    Parquet,
}

impl Format {
    /// The form that a file's name says: `.parquet`, `.gz`, `.zst`; anything else is plain CSV.
    pub fn of(path: &Path) -> Self {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("parquet" | "pq") => Self::Parquet,
            Some("gz" | "gzip") => Self::CsvGz,
            Some("zst" | "zstd") => Self::CsvZst,
            _ => Self::Csv,
        }
    }

    /// The extension of a file of this form, without the first dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::CsvGz => "csv.gz",
            Self::CsvZst => "csv.zst",
            Self::Parquet => "parquet",
        }
    }

    /// The bytes of a text table, decompressed.
    pub(super) fn text(self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        let file = File::open(path)?;
        Ok(match self {
            Self::CsvGz => {
                Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(1 << 17, file)))
            }
            Self::CsvZst => Box::new(zstd::stream::read::Decoder::new(file)?),
            Self::Csv | Self::Parquet => Box::new(file),
        })
    }

    /// Whether the file is compressed as a whole.
    pub(super) fn is_compressed(self) -> bool {
        matches!(self, Self::CsvGz | Self::CsvZst)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}
