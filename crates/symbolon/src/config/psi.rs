//! `[psi]`: the intersection.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, Args};
use serde::{Deserialize, Serialize};
use symbolon_curve::Suite;
use symbolon_psi::PsiParams;

use super::units::{Duplicates, ResultTo, Size};
use crate::align::{Join, OutKind};
use crate::error::{Error, Result};

/// `[psi]`
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PsiSettings {
    /// Curve, hash, map and point format, alike at both parties [default:
    /// curve25519-sha256-direct-uncompressed]
    #[arg(long, help_heading = "Intersection [psi]", value_name = "SUITE")]
    pub suite: Option<String>,
    /// Who learns the intersection: `all` or a rank [default: all]
    #[arg(long, help_heading = "Intersection [psi]", value_name = "all|RANK")]
    pub result_to: Option<ResultTo>,
    /// What to do with an id that occurs twice in the own table [default: refuse]
    #[arg(long, help_heading = "Intersection [psi]", value_enum)]
    pub duplicates: Option<Duplicates>,
    /// Which rows are written, the same at both parties: rank 0 is the left side, rank 1 the right one [default:
    /// inner]
    #[arg(long, help_heading = "Intersection [psi]", value_enum)]
    pub join: Option<Join>,
    /// What is written of each row [default: rows]
    #[arg(long, help_heading = "Intersection [psi]", value_enum)]
    pub out_kind: Option<OutKind>,
    /// Cut doubly masked points to this many bits, if both parties do (less traffic); raised to what the sizes need
    /// [default: whole points]
    #[arg(long, help_heading = "Intersection [psi]", value_name = "BITS")]
    pub truncate_bits: Option<u32>,
    /// Accept cut points only if different ids are taken for equal with a probability of at most 2^-BITS, 30 to 128
    /// [default: 30]
    #[arg(long, help_heading = "Intersection [psi]", value_name = "BITS")]
    pub statistical_bits: Option<u32>,
    /// Ids per message [default: 4096]
    #[arg(id = "psi-batch-size", long, help_heading = "Intersection [psi]", value_name = "COUNT")]
    pub batch_size: Option<usize>,
    /// Most ids that are accepted of the other party [default: 4294967295]
    #[arg(long, help_heading = "Intersection [psi]", value_name = "COUNT")]
    pub max_peer_items: Option<u64>,
    /// Memory that the intersection may use; what does not fit goes to the disk [default: 1GiB]
    #[arg(long, help_heading = "Intersection [psi]", value_name = "BYTES")]
    pub memory: Option<Size>,
    /// Folder that holds the progress of the run, so that it can go on after a failure; the same command again
    /// resumes it (large sets: docs/psi.md)
    #[arg(long, help_heading = "Intersection [psi]", value_name = "FOLDER")]
    pub run_dir: Option<PathBuf>,
    /// Folder for temporary files [default: the run folder, or that of the output]
    #[arg(long, help_heading = "Intersection [psi]", value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    /// Work on part I (from 0) of N only: N such jobs, anywhere, make up the whole intersection
    #[arg(long, help_heading = "Intersection [psi]", value_name = "I/N", conflicts_with = "partitions")]
    pub partition: Option<Part>,
    /// Work on all of N parts, one after the other, in this process
    #[arg(long, help_heading = "Intersection [psi]", value_name = "N")]
    pub partitions: Option<u32>,
    /// Text that decides, with the ids, which part an id belongs to; the same at both parties and in all parts
    #[arg(long, help_heading = "Intersection [psi]", value_name = "TEXT")]
    pub partition_key: Option<String>,
    /// Take part I/N even if the other party cannot say that it does so too [default: false]
    #[arg(long, help_heading = "Intersection [psi]", value_name = "BOOL", action = ArgAction::Set)]
    pub partition_agreed_otherwise: Option<bool>,
}

/// The intersection, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct PsiConfig {
    /// Curve, hash, map and point format.
    pub suite: Suite,
    /// Who learns the intersection.
    pub result_to: ResultTo,
    /// What to do with ids that occur twice.
    pub duplicates: Duplicates,
    /// Which rows are written.
    pub join: Join,
    /// What is written of each.
    pub out_kind: OutKind,
    /// Bits of a doubly masked point that are sent, if not all.
    pub truncate_bits: Option<u32>,
    /// The statistical level of cut points.
    pub statistical_bits: u32,
    /// Ids per message.
    pub batch_size: Option<usize>,
    /// Most ids that are accepted of the other party.
    pub max_peer_items: u64,
    /// Bytes that the intersection may use.
    pub memory: u64,
    /// Where the progress of the run is kept, if it is.
    pub run_dir: Option<PathBuf>,
    /// Where temporary files go, if it is said.
    pub scratch: Option<PathBuf>,
    /// The parts that are worked on, one after the other.
    pub parts: Vec<Part>,
    /// What decides, with the ids, which part an id belongs to.
    pub partition_key: String,
    /// Whether the other party need not say which part it works on.
    pub partition_agreed_otherwise: bool,
}

/// One part of a divided intersection: `I/N`, I from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}`: write I/N with I from 0 to N - 1, as in 0/4");
        let (index, count) = text.trim().split_once('/').ok_or_else(wrong)?;
        let (index, count) = (index.parse().map_err(|_| wrong())?, count.parse().map_err(|_| wrong())?);
        if index < count { Ok(Self { index, count }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl Serialize for Part {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

pub(super) fn psi(psi: PsiSettings) -> Result<PsiConfig> {
    let wrong = |key: &str, problem: &str| Err(Error::Config(format!("psi.{key}: {problem}")));
    if psi.truncate_bits.is_some_and(|bits| bits == 0 || bits > 256) {
        return wrong("truncate-bits", "must be 1 to 256");
    }
    let (levels, level) = (PsiParams::STATISTICAL_BITS, psi.statistical_bits);
    let statistical_bits = level.unwrap_or(*levels.start());
    if !levels.contains(&statistical_bits) {
        return wrong("statistical-bits", &format!("must be {} to {}", levels.start(), levels.end()));
    }
    if psi.batch_size == Some(0) {
        return wrong("batch-size", "must be at least 1");
    }
    let memory = psi.memory.map_or(1 << 30, |size| size.0);
    if memory < 16 << 20 {
        return wrong("memory", "must be at least 16MiB");
    }
    let most = u64::from(u32::MAX);
    let max_peer_items = psi.max_peer_items.unwrap_or(most);
    if !(1..=most).contains(&max_peer_items) {
        return wrong("max-peer-items", "must be 1 to 4294967295; divide larger sets with --partition");
    }
    let parts = match (psi.partition, psi.partitions) {
        (Some(part), None) => vec![part],
        (None, Some(count @ 1..=4096)) => (0..count).map(|index| Part { index, count }).collect(),
        (None, Some(_)) => return wrong("partitions", "must be 1 to 4096"),
        (None, None) => Vec::new(),
        (Some(_), Some(_)) => {
            return wrong("partition", "give one part (I/N) or all of them (partitions), not both");
        }
    };
    let (result_to, join) = (psi.result_to.unwrap_or_default(), psi.join.unwrap_or_default());
    join.check(result_to)?;
    Ok(PsiConfig {
        suite: psi.suite.map_or(Ok(Suite::CURVE25519_SHA256_DIRECT), |name| {
            name.parse().map_err(|error| Error::Config(format!("psi.suite: {error}")))
        })?,
        result_to,
        duplicates: psi.duplicates.unwrap_or_default(),
        join,
        out_kind: psi.out_kind.unwrap_or_default(),
        truncate_bits: psi.truncate_bits,
        statistical_bits,
        batch_size: psi.batch_size,
        max_peer_items,
        memory,
        run_dir: psi.run_dir,
        scratch: psi.scratch,
        parts,
        partition_key: psi.partition_key.unwrap_or_default(),
        partition_agreed_otherwise: psi.partition_agreed_otherwise.unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_from_zero() {
        assert_eq!("2/3".parse::<Part>().unwrap(), Part { index: 2, count: 3 });
        for wrong in ["3/3", "0/0", "1", "-1/2", "1/", "a/b"] {
            assert!(wrong.parse::<Part>().unwrap_err().contains("0/4"), "{wrong}");
        }
    }

    #[test]
    fn impossible_values_name_their_key() {
        for (text, named) in [
            ("memory = '1MiB'", "psi.memory"),
            ("max-peer-items = 0", "psi.max-peer-items"),
            ("statistical-bits = 29", "psi.statistical-bits: must be 30 to 128"),
            ("statistical-bits = 129", "psi.statistical-bits"),
            ("partitions = 0", "psi.partitions"),
            ("partition = '0/2'\npartitions = 2", "psi.partition"),
            ("join = 'full'\nresult-to = 0", "psi.join"),
        ] {
            let error = psi(toml::from_str(text).unwrap()).unwrap_err().to_string();
            assert!(error.starts_with(named), "{error}");
        }
        let config = psi(toml::from_str("partitions = 3").unwrap()).unwrap();
        assert_eq!(config.statistical_bits, 30);
        assert_eq!(config.parts.iter().map(ToString::to_string).collect::<Vec<_>>(), ["0/3", "1/3", "2/3"]);
        assert!(toml::from_str::<PsiSettings>("partition = '3/3'").unwrap_err().to_string().contains("0/4"));
    }
}
