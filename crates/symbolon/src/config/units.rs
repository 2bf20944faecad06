//! Durations, sizes and choices as they are written in files and flags.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use symbolon_grpc::{CarrierKind, GrpcError, SpuForm};

/// A duration: `30`, `30s`, `1.5s`, `500ms`, `2m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of bytes: `4096`, `512KiB`, `1MiB`, `2GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// What pushes to a party travel in: `grpc`, `baidu-std`, `http`, `http:proto`, `h2` or `h2:json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carrier(pub CarrierKind);

impl FromStr for Carrier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim().parse().map(Self).map_err(|error: GrpcError| error.to_string())
    }
}

impl Serialize for Carrier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Carrier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a duration: write 30s, 500ms or 2m");
        let (number, unit) = split(text.trim());
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let seconds = match unit {
            "" | "s" => number,
            "ms" => number / 1e3,
            "m" | "min" => number * 60.0,
            "h" => number * 3600.0,
            _ => return Err(wrong()),
        };
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| wrong())
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a size: write 4096, 512KiB, 1MiB or 2GiB");
        let (number, unit) = split(text.trim());
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let scale: u64 = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(wrong()),
        };
        number.checked_mul(scale).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.subsec_millis() == 0 {
            write!(f, "{}s", self.0.as_secs())
        } else {
            write!(f, "{}ms", self.0.as_millis())
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A number or a text in the file; either is parsed as the text a flag would have.
struct Scalar<T>(std::marker::PhantomData<T>);

impl<T: FromStr<Err = String>> de::Visitor<'_> for Scalar<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a text of a number and its unit")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar(std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar(std::marker::PhantomData))
    }
}

/// A text, or a list of them.
pub(super) fn one_or_more<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a column's name or a list of names")]
    enum Written {
        One(String),
        More(Vec<String>),
    }
    Ok(Some(match Written::deserialize(deserializer)? {
        Written::One(name) => vec![name],
        Written::More(names) => names,
    }))
}

/// Who learns the intersection: `all`, or one rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResultTo {
    /// Every party.
    #[default]
    All,
    /// That party alone.
    Rank(usize),
}

impl ResultTo {
    /// Whether `rank` learns the intersection.
    pub fn includes(self, rank: usize) -> bool {
        match self {
            Self::All => true,
            Self::Rank(only) => only == rank,
        }
    }
}

impl FromStr for ResultTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "all" => Ok(Self::All),
            rank => rank.parse().map(Self::Rank).map_err(|_| format!("`{text}` is neither `all` nor a rank")),
        }
    }
}

impl fmt::Display for ResultTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Rank(rank) => write!(f, "{rank}"),
        }
    }
}

impl Serialize for ResultTo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ResultTo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar(std::marker::PhantomData))
    }
}

/// What to do with an id that occurs twice in this party's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// An error naming both lines.
    #[default]
    Refuse,
    /// The first row of each id counts, the others are left out with a warning.
    First,
    /// Every row counts: an id that the parties have in a and b rows gives a·b rows. A party that learns the result
    /// learns these numbers.
    Count,
}

/// Whose numbers (step size, epochs, batch size, penalty, fraction bits, adjust rank) a party accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Accept {
    /// Exactly its own.
    #[default]
    Exact,
    /// What rank 0 chooses, within wide limits.
    Limits,
}

/// The approximation of the sigmoid in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Sigmoid {
    /// 0.5 + 0.125 x.
    #[default]
    Minimax1,
}

/// How fixed-point products are scaled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Truncation {
    /// Each party on its own share: fast, with a very small chance of a wrong value.
    Probabilistic,
    /// With the dealer's help: an error of one unit at most.
    Precise,
}

/// Where the corrections of the multiplication triples come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum DealerMode {
    /// A dealer process that both parties reach over the network.
    #[default]
    Server,
}

/// How a dealer of SPU's kind is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum DealerForm {
    /// JSON over HTTP/1.1, as SPU 0.9.5 and later does.
    Http,
    /// Unary calls over gRPC.
    Unary,
    /// Unary calls over baidu_std, as the SPU inside the reference implementation does.
    UnaryBaiduStd,
}

impl From<DealerForm> for SpuForm {
    fn from(form: DealerForm) -> Self {
        match form {
            DealerForm::Http => Self::Http,
            DealerForm::Unary => Self::Unary,
            DealerForm::UnaryBaiduStd => Self::UnaryBaiduStd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_have_units() {
        assert_eq!("1.5s".parse::<Span>().unwrap().0, Duration::from_millis(1500));
        assert_eq!("500ms".parse::<Span>().unwrap().0, Duration::from_millis(500));
        assert_eq!("2m".parse::<Span>().unwrap().0, Duration::from_secs(120));
        assert_eq!("7".parse::<Span>().unwrap().0, Duration::from_secs(7));
        assert!("7 years".parse::<Span>().is_err());
        assert!("-7s".parse::<Span>().is_err());
        assert_eq!("1MiB".parse::<Size>().unwrap().0, 1 << 20);
        assert!("99999999999GiB".parse::<Size>().is_err());
        assert!("1MB".parse::<Size>().is_err());
    }

    #[test]
    fn the_written_form_is_read_back() {
        for span in ["30s", "250ms"] {
            assert_eq!(span.parse::<Span>().unwrap().to_string(), span);
        }
        assert_eq!("all".parse::<ResultTo>().unwrap(), ResultTo::All);
        assert_eq!("1".parse::<ResultTo>().unwrap(), ResultTo::Rank(1));
        assert!("both".parse::<ResultTo>().is_err());
    }
}
