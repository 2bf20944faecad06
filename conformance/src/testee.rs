//! The implementation under test, as its description file says: how to start it for a case, and what it can do.
//!
//! ```toml
//! name = "my-platform"
//! about = "My platform 1.2, commit abc"
//! program = "/opt/my/party"
//!
//! [dialect]                # the reading of disputed points to test against (docs/errata.md)
//! preset = "reference"
//!
//! [psi]
//! command = ["{program}", "--rank={rank}", "--parties={parties}", "--in={table}", "--out={output}"]
//! suites = { "curve25519/sha_256/direct_hash_as_point_x/uncompressed" = "x25519" }
//! ```
//!
//! Every `{name}` of a command is replaced; [`Values`] has the names. An argument may depend on a value:
//! `{ when = "has_label", args = ["--label", "y"] }` is left out when that value is empty or `false`.

mod process;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use symbolon_dialect::Dialect;
use symbolon_grpc::CarrierKind;

use crate::ConformanceError;

pub use process::{Exit, Process};
pub use values::Values;

/// A testee's description, as its TOML file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Testee {
    /// Short name, for reports and tables.
    pub name: String,
    /// What exactly is tested: product, version, settings.
    #[serde(default)]
    pub about: String,
    /// Replaces `{program}`; `--program` on the command line wins. Relative to the working directory.
    #[serde(default)]
    pub program: String,
    /// What the suite's pushes to the testee travel in: `grpc`, `baidu_std`, `http`, `http:proto`, `h2`, `h2:json`.
    #[serde(default)]
    carrier: Option<String>,
    /// Seconds that one case may take before the testee is killed.
    #[serde(default = "twenty")]
    pub deadline_seconds: u64,
    /// Exit code by which the testee says that it does not have what a case asks for.
    #[serde(default)]
    pub unsupported_exit: Option<i32>,
    /// Whether a refused handshake ends with exit code 0 (erratum E19).
    #[serde(default)]
    pub refusal_exits_zero: bool,
    /// Preset and single points of the reading that is tested against.
    #[serde(default)]
    dialect: toml::Table,
    /// Variables of the testee's environment; values may have `{name}`s.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Set intersection, if the testee has it.
    pub psi: Option<PsiSide>,
    /// Training of a logistic regression, if the testee has it.
    pub lr: Option<LrSide>,
    /// The trusted dealer, if the testee has one.
    pub dealer: Option<DealerSide>,
    /// The link by itself, with any number of parties, if the testee can be run so.
    pub link: Option<LinkSide>,
}

/// How to run a set intersection.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PsiSide {
    /// The command line.
    pub command: Vec<Argument>,
    /// The testee's addresses if it is not started by the suite.
    #[serde(default)]
    pub listening: Option<Listening>,
    /// What it calls each of its suites, by `curve/hash/map/format` (names of the protos, lower case, without prefix).
    pub suites: BTreeMap<String, String>,
    /// Whether agreed truncation of points can be asked for (`{truncate_bits}`).
    #[serde(default)]
    pub truncation: bool,
    /// Whether an id may occur twice in its table.
    #[serde(default)]
    pub repeated_ids: bool,
    /// Whether its table may be empty.
    #[serde(default = "yes")]
    pub empty_table: bool,
}

/// How to run a training.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LrSide {
    /// The command line.
    pub command: Vec<Argument>,
    /// The testee's addresses if it is not started by the suite.
    #[serde(default)]
    pub listening: Option<Listening>,
    /// Widths of its rings.
    pub fields: Vec<u32>,
    /// How it truncates: `probabilistic`, `precise`.
    #[serde(default = "probabilistic")]
    pub truncations: Vec<String>,
    /// What it calls each form of the dealer's service: `interconnection`, `spu-http`, `spu-unary`. If nothing is said
    /// it has the one of its dialect.
    #[serde(default)]
    pub dealers: BTreeMap<String, String>,
    /// Whether it takes the numbers of rank 0's plan (epochs, batch size, step size) where they differ from its own.
    #[serde(default)]
    pub takes_numbers_of_rank_0: bool,
}

/// How to run a dealer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DealerSide {
    /// The command line.
    pub command: Vec<Argument>,
    /// Its address if it is not started by the suite.
    #[serde(default)]
    pub listening: Option<Listening>,
    /// The services that it offers: `interconnection`, `spu-http`, `spu-unary`.
    pub services: Vec<String>,
}

/// How to run a script of operations on a link of several parties
/// ([`collectives`](crate::suite::collectives)).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LinkSide {
    /// The command line.
    pub command: Vec<Argument>,
}

/// A testee that is there already.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Listening {
    /// Where it listens.
    pub address: String,
    /// Where it looks for the suite's side (a party only).
    #[serde(default)]
    pub suite: Option<String>,
    /// Its rank (a party only); cases for the other rank are not run.
    #[serde(default)]
    pub rank: Option<usize>,
}

/// One argument of a command, or some that depend on a value.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Argument {
    /// Always there.
    Always(String),
    /// There if the value is neither empty nor `false`.
    When {
        /// The value's name.
        when: String,
        /// The arguments.
        args: Vec<String>,
    },
}

fn twenty() -> u64 {
    20
}

fn probabilistic() -> Vec<String> {
    vec!["probabilistic".into()]
}

fn yes() -> bool {
    true
}

impl Testee {
    /// Reads a description and checks it.
    ///
    /// # Errors
    /// What is wrong, with the file's name.
    pub fn read(path: &Path) -> Result<Self, ConformanceError> {
        let failed = |reason: String| ConformanceError::File { path: path.into(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let testee: Self = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
        testee.check().map_err(failed)?;
        Ok(testee)
    }

    fn check(&self) -> Result<(), String> {
        self.dialect()?;
        self.carrier()?;
        let commands = [
            self.psi.as_ref().map(|side| (&side.command, side.listening.is_some())),
            self.lr.as_ref().map(|side| (&side.command, side.listening.is_some())),
            self.dealer.as_ref().map(|side| (&side.command, side.listening.is_some())),
            self.link.as_ref().map(|side| (&side.command, false)),
        ];
        if commands.iter().flatten().next().is_none() {
            return Err("one of [psi], [lr], [dealer] and [link] must be there".into());
        }
        for (command, listening) in commands.into_iter().flatten() {
            if command.is_empty() && !listening {
                return Err("a command is empty, and no address is listening".into());
            }
        }
        Ok(())
    }

    /// The reading of disputed points to test against.
    ///
    /// # Errors
    /// An unknown preset, point or value.
    pub fn dialect(&self) -> Result<Dialect, String> {
        let mut points = self.dialect.clone();
        let preset = match points.remove("preset") {
            None => Dialect::symbolon(),
            Some(toml::Value::String(name)) => Dialect::named(&name).ok_or_else(|| {
                format!("dialect.preset: there is no {name:?}; choose {}", Dialect::NAMES.join(", "))
            })?,
            Some(other) => return Err(format!("dialect.preset: {other} is not a name")),
        };
        let mut table = toml::Table::try_from(&preset).map_err(|error| format!("dialect: {error}"))?;
        table.extend(points);
        table.try_into().map_err(|error| format!("dialect: {error}"))
    }

    /// What the suite's pushes travel in.
    ///
    /// # Errors
    /// An unknown name.
    pub fn carrier(&self) -> Result<CarrierKind, String> {
        self.carrier.as_deref().map_or(Ok(CarrierKind::default()), |name| {
            name.parse().map_err(|error| format!("carrier: {error}"))
        })
    }

    /// Time for one case.
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds)
    }

    /// Whether anything of it listens at a fixed address, so that cases must run one after the other.
    pub fn is_fixed(&self) -> bool {
        let psi = self.psi.as_ref().and_then(|side| side.listening.as_ref());
        let lr = self.lr.as_ref().and_then(|side| side.listening.as_ref());
        let dealer = self.dealer.as_ref().and_then(|side| side.listening.as_ref());
        psi.or(lr).or(dealer).is_some()
    }

    /// A command line of the description, with every `{name}` replaced.
    ///
    /// # Errors
    /// An unknown `{name}`, or a brace that is not closed.
    pub fn arguments(&self, command: &[Argument], values: &Values) -> Result<Vec<String>, String> {
        let values = values.clone().with("program", &self.program);
        let mut arguments = Vec::new();
        for argument in command {
            match argument {
                Argument::Always(text) => arguments.push(values.fill(text)?),
                Argument::When { when, args } => {
                    if values.is_set(when)? {
                        for text in args {
                            arguments.push(values.fill(text)?);
                        }
                    }
                }
            }
        }
        Ok(arguments)
    }

    /// Starts a process of the testee. Its output goes to `log`.
    ///
    /// # Errors
    /// An unknown `{name}` in the description, or a program that cannot be started.
    pub fn start(&self, command: &[Argument], values: &Values, log: &Path) -> Result<Process, String> {
        let arguments = self.arguments(command, values)?;
        let values = values.clone().with("program", &self.program);
        let mut variables = Vec::new();
        for (name, text) in &self.environment {
            variables.push((name.clone(), values.fill(text)?));
        }
        Process::start(&arguments, &variables, log)
    }
}

/// The descriptions that come with the suite, found beside the working directory or its sources.
pub fn shipped(name: &str) -> Option<PathBuf> {
    let file = format!("{name}.toml");
    let here = Path::new("conformance/testees").join(&file);
    let there = Path::new(env!("CARGO_MANIFEST_DIR")).join("testees").join(&file);
    [here, there].into_iter().find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Testee, String> {
        let testee: Testee = toml::from_str(text).map_err(|error| error.to_string())?;
        testee.check()?;
        Ok(testee)
    }

    const PSI: &str = "[psi]\ncommand = ['x', { when = 'label', args = ['-l'] }]\nsuites = {}\n";

    #[test]
    fn points_of_the_dialect_override_the_preset() {
        let testee =
            read(&format!("name = 'x'\n[dialect]\npreset = 'reference'\nfin = false\n{PSI}")).unwrap();
        let dialect = testee.dialect().unwrap();
        assert_eq!(
            (dialect.name.as_str(), dialect.fin, dialect.sequence_numbers),
            ("reference", false, true)
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (text, named) in [
            (format!("name = 'x'\n[dialect]\npreset = 'brpc'\n{PSI}"), "brpc"),
            (format!("name = 'x'\n[dialect]\nfni = true\n{PSI}"), "fni"),
            (format!("name = 'x'\ncarrier = 'pigeon'\n{PSI}"), "pigeon"),
            ("name = 'x'".into(), "[psi]"),
            ("name = 'x'\n[psi]\ncommand = []\nsuites = {}".into(), "empty"),
            (format!("name = 'x'\nprogramme = 'y'\n{PSI}"), "programme"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn every_shipped_description_is_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testees");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                Testee::read(&path).unwrap();
                count += 1;
            }
        }
        assert!(count >= 3, "{count} descriptions");
    }
}
