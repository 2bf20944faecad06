//! What a column holds, and how its values become text.
//!
//! A row carries each value as its source stores it ([`Row`]): text as UTF-8, a Parquet value as its little-endian
//! bytes. So a Parquet table that becomes a Parquet table keeps its types and bits, and text is made only where
//! text is needed: keys, numbers, CSV.

use std::io::Write as _;
use std::sync::Arc;

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{Type, TypePtr};

/// The values of one row, each as its source stores it; see [`Column::write_text`].
pub type Row = csv::ByteRecord;

/// The value that is not there. A text column cannot hold this byte (it is never part of UTF-8), truth values are
/// 0 or 1, and a column of another kind has values of a fixed, other length, or begins them with [`PRESENT`].
pub(super) const NULL: &[u8] = &[0xFF];
/// Comes before the bytes of a value whose length is not fixed and that is not text.
pub(super) const PRESENT: u8 = 1;

/// A column: its name and what it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The name, as the header says it.
    pub name: String,
    pub(super) kind: Kind,
    /// The type that it has in the Parquet file it comes from.
    pub(super) parquet: Option<TypePtr>,
}

/// How the bytes of a value are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    Int {
        bytes: usize,
        signed: bool,
    },
    Float,
    Double,
    Date,
    Time {
        digits: usize,
    },
    Timestamp {
        digits: usize,
        utc: bool,
    },
    /// Nanoseconds of the day, then the Julian day.
    Int96,
    /// Of 4 or 8 bytes little-endian, or any number big-endian.
    Decimal {
        scale: usize,
        big_endian: bool,
    },
    Uuid,
    /// Bytes of a fixed number, shown in hexadecimal.
    Bytes,
}

impl Column {
    /// A column of text.
    pub fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: Kind::Text, parquet: None }
    }

    /// A column of whole numbers from 0, each as eight bytes, little-endian.
    pub fn number(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: Kind::Int { bytes: 8, signed: true }, parquet: None }
    }

    /// The column of a Parquet file, or why it cannot be read.
    pub(super) fn of_parquet(field: &TypePtr) -> Result<Self, String> {
        let info = field.get_basic_info();
        if field.is_group() || info.repetition() == Repetition::REPEATED {
            return Err(
                "nested columns (lists, maps, structures) are not supported; leave it out, or write it flat"
                    .into(),
            );
        }
        let kind = kind(field)?;
        Ok(Self { name: info.name().to_owned(), kind, parquet: Some(field.clone()) })
    }

    /// The Parquet type that the column is written with.
    pub(super) fn parquet_type(&self) -> Result<TypePtr, ParquetError> {
        let Some(Type::PrimitiveType { basic_info, physical_type, type_length, scale, precision }) =
            self.parquet.as_deref()
        else {
            let (physical, logical) = match self.kind {
                Kind::Int { .. } => (Physical::INT64, None),
                _ => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            };
            let column = Type::primitive_type_builder(&self.name, physical).with_logical_type(logical);
            return column.build().map(Arc::new);
        };
        // Optional: rows of a join that the own table has no row for are written as nulls.
        Type::primitive_type_builder(&self.name, *physical_type)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(basic_info.logical_type_ref().cloned())
            .with_converted_type(basic_info.converted_type())
            .with_length(*type_length)
            .with_precision(*precision)
            .with_scale(*scale)
            .build()
            .map(Arc::new)
    }

    /// Whether values are text already.
    pub fn is_text(&self) -> bool {
        self.kind == Kind::Text
    }

    /// Whether the column may be part of a key: text, whole numbers, dates and identifiers, whose text is the
    /// same whoever writes it.
    pub fn can_be_key(&self) -> bool {
        !matches!(self.kind, Kind::Float | Kind::Double | Kind::Decimal { .. })
    }

    /// Appends the text of a value; nothing if the value is not there.
    pub fn write_text(&self, value: &[u8], out: &mut Vec<u8>) {
        if value != NULL {
            // Writing into memory cannot fail.
            let _ = self.kind.write_text(value, out);
        }
    }
}

fn kind(field: &TypePtr) -> Result<Kind, String> {
    let info = field.get_basic_info();
    let converted = info.converted_type();
    let unit = |unit: TimeUnit| match unit {
        TimeUnit::MILLIS => 3,
        TimeUnit::MICROS => 6,
        TimeUnit::NANOS => 9,
    };
    let unsigned = matches!(
        converted,
        ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64
    );
    let decimal = |big_endian| -> Result<Kind, String> {
        let Type::PrimitiveType { scale, type_length, .. } = **field else {
            return Err("not a value".into());
        };
        if type_length > 16 {
            return Err("decimals of more than 16 bytes are not supported".into());
        }
        Ok(Kind::Decimal { scale: usize::try_from(scale).unwrap_or(0), big_endian })
    };
    let is_decimal = converted == ConvertedType::DECIMAL
        || matches!(info.logical_type_ref(), Some(LogicalType::Decimal(_)));
    Ok(match (field.get_physical_type(), info.logical_type_ref(), converted) {
        (Physical::BOOLEAN, ..) => Kind::Bool,
        (Physical::INT32 | Physical::INT64, ..) if is_decimal => decimal(false)?,
        (Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY, ..) if is_decimal => decimal(true)?,
        (Physical::INT32, Some(LogicalType::Date), _) | (Physical::INT32, None, ConvertedType::DATE) => {
            Kind::Date
        }
        (_, Some(LogicalType::Time(time)), _) => Kind::Time { digits: unit(time.unit) },
        (_, None, ConvertedType::TIME_MILLIS) => Kind::Time { digits: 3 },
        (_, None, ConvertedType::TIME_MICROS) => Kind::Time { digits: 6 },
        (_, Some(LogicalType::Timestamp(time)), _) => {
            Kind::Timestamp { digits: unit(time.unit), utc: time.is_adjusted_to_u_t_c }
        }
        (_, None, ConvertedType::TIMESTAMP_MILLIS) => Kind::Timestamp { digits: 3, utc: true },
        (_, None, ConvertedType::TIMESTAMP_MICROS) => Kind::Timestamp { digits: 6, utc: true },
        (Physical::INT32, Some(LogicalType::Integer(int)), _) => {
            Kind::Int { bytes: 4, signed: int.is_signed }
        }
        (Physical::INT64, Some(LogicalType::Integer(int)), _) => {
            Kind::Int { bytes: 8, signed: int.is_signed }
        }
        (Physical::INT32, ..) => Kind::Int { bytes: 4, signed: !unsigned },
        (Physical::INT64, ..) => Kind::Int { bytes: 8, signed: !unsigned },
        (Physical::INT96, ..) => Kind::Int96,
        (Physical::FLOAT, ..) => Kind::Float,
        (Physical::DOUBLE, ..) => Kind::Double,
        (Physical::BYTE_ARRAY, ..) => Kind::Text,
        (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Float16), _) => {
            return Err("half-precision numbers are not supported; write them as float".into());
        }
        (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Uuid), _) => Kind::Uuid,
        (Physical::FIXED_LEN_BYTE_ARRAY, ..) => Kind::Bytes,
    })
}

impl Kind {
    /// Whether values of this kind are kept with [`PRESENT`] before them.
    pub(super) fn is_marked(self) -> bool {
        matches!(self, Self::Bytes | Self::Uuid | Self::Decimal { big_endian: true, .. })
    }

    fn write_text(self, value: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
        match self {
            Self::Text => {
                out.extend_from_slice(value);
                Ok(())
            }
            Self::Bool => write!(out, "{}", value.last() == Some(&1)),
            Self::Int { bytes: 4, signed: true } => write!(out, "{}", int32(value)),
            Self::Int { bytes: 4, signed: false } => write!(out, "{}", int32(value).cast_unsigned()),
            Self::Int { signed: true, .. } => write!(out, "{}", int64(value)),
            Self::Int { signed: false, .. } => write!(out, "{}", int64(value).cast_unsigned()),
            Self::Float => {
                let number = f32::from_bits(int32(value).cast_unsigned());
                if is_plain(f64::from(number)) { write!(out, "{number}") } else { write!(out, "{number:e}") }
            }
            Self::Double => {
                let number = f64::from_bits(int64(value).cast_unsigned());
                if is_plain(number) { write!(out, "{number}") } else { write!(out, "{number:e}") }
            }
            Self::Date => write_date(i64::from(int32(value)), out),
            Self::Time { digits } => {
                let ticks = if value.len() == 4 { i64::from(int32(value)) } else { int64(value) };
                write_clock(ticks, digits, out)
            }
            Self::Timestamp { digits, utc } => {
                let day = 86_400 * power(digits);
                let ticks = int64(value);
                write_date(ticks.div_euclid(day), out)?;
                out.push(b'T');
                write_clock(ticks.rem_euclid(day), digits, out)?;
                out.extend_from_slice(if utc { b"Z" } else { b"" });
                Ok(())
            }
            Self::Int96 => {
                const JULIAN_EPOCH: i64 = 2_440_588;
                let (nanos, day) = value.split_at_checked(8).unwrap_or_default();
                write_date(i64::from(int32(day)) - JULIAN_EPOCH, out)?;
                out.push(b'T');
                write_clock(int64(nanos), 9, out)
            }
            Self::Decimal { scale, big_endian } => write_decimal(decimal(value, big_endian), scale, out),
            Self::Uuid => {
                for (position, byte) in value.iter().skip(1).enumerate() {
                    if matches!(position, 4 | 6 | 8 | 10) {
                        out.push(b'-');
                    }
                    write!(out, "{byte:02x}")?;
                }
                Ok(())
            }
            Self::Bytes => value.iter().skip(1).try_for_each(|byte| write!(out, "{byte:02x}")),
        }
    }
}

pub(super) fn int32(value: &[u8]) -> i32 {
    value.try_into().map(i32::from_le_bytes).unwrap_or_default()
}

pub(super) fn int64(value: &[u8]) -> i64 {
    value.try_into().map(i64::from_le_bytes).unwrap_or_default()
}

/// Whether a number is short when written without an exponent.
fn is_plain(number: f64) -> bool {
    number == 0.0 || (1e-5..1e16).contains(&number.abs()) || !number.is_finite()
}

fn power(digits: usize) -> i64 {
    10_i64.pow(u32::try_from(digits).unwrap_or(0))
}

/// The day that is `days` after 1970-01-01 in the Gregorian calendar, as year-month-day.
///
/// Years are counted from March, so that the day of a leap year is its last, in eras of 400 years, which are all
/// of the same length.
fn write_date(days: i64, out: &mut Vec<u8>) -> std::io::Result<()> {
    const ERA: i64 = 146_097;
    // 0000-03-01 is 719468 days before 1970-01-01.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    // Months from March have 31, 30, 31, 30, 31 days, again and again: 153 in five of them.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    write!(out, "{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

/// A time of day in units of 10^-digits seconds.
fn write_clock(ticks: i64, digits: usize, out: &mut Vec<u8>) -> std::io::Result<()> {
    let (seconds, fraction) = (ticks.div_euclid(power(digits)), ticks.rem_euclid(power(digits)));
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    write!(out, "{hour:02}:{minute:02}:{second:02}.{fraction:0digits$}")
}

fn decimal(value: &[u8], big_endian: bool) -> i128 {
    match (big_endian, value.len()) {
        (false, 4) => int32(value).into(),
        (false, _) => int64(value).into(),
        (true, _) => {
            let bytes = value.get(1..).unwrap_or_default();
            let sign = if bytes.first().is_some_and(|first| first & 0x80 != 0) { -1 } else { 0 };
            bytes.iter().fold(sign, |number, byte| (number << 8) | i128::from(*byte))
        }
    }
}

fn write_decimal(number: i128, scale: usize, out: &mut Vec<u8>) -> std::io::Result<()> {
    let sign = if number < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    write!(out, "{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(days: i64) -> String {
        let mut out = Vec::new();
        write_date(days, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Days from Python's `datetime.date(…).toordinal() - 719163`.
    #[test]
    fn days_are_those_of_the_calendar() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (-25_509, "1900-02-28"),
            (-25_508, "1900-03-01"),
            (2_932_896, "9999-12-31"),
            (-719_162, "0001-01-01"),
            (20_778, "2026-11-21"),
        ] {
            assert_eq!(date(days), text);
        }
    }

    #[test]
    fn decimals_keep_their_sign_and_zeros() {
        for (number, scale, text) in
            [(-5, 2, "-0.05"), (0, 3, "0.000"), (12_345, 0, "12345"), (-12_345, 4, "-1.2345")]
        {
            let mut out = Vec::new();
            write_decimal(number, scale, &mut out).unwrap();
            assert_eq!(out, text.as_bytes());
        }
        assert_eq!(decimal(&[PRESENT, 0xFF, 0xFE], true), -2);
        assert_eq!(decimal(&[PRESENT, 0x01, 0x00], true), 256);
    }
}
