//! The results of a run, as data and in the forms for people and machines.

mod html;
mod junit;
mod matrix;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use symbolon_dialect::Dialect;

use super::case::{Case, Level, Role};
use super::verdict::{Finding, Outcome, Verdict};
use crate::ConformanceError;
use crate::testee::Testee;

pub use html::html;
pub use junit::junit;
pub use matrix::matrix;
pub use text::{line, text};

/// The value of [`Report::format`].
pub const FORMAT: &str = "symbolon-conformance-report/1";

/// The results of a run; `conformance/schema/report.json` describes the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Always [`FORMAT`].
    pub format: String,
    /// Version of the suite.
    pub suite: String,
    /// Name of the testee.
    pub testee: String,
    /// What exactly was tested.
    pub about: String,
    /// The reading of disputed points that was tested against.
    pub dialect: Dialect,
    /// How long it took.
    pub seconds: f64,
    /// Number of results by verdict.
    pub counts: BTreeMap<Verdict, usize>,
    /// One per case and role.
    pub results: Vec<Result>,
}

/// The result of one case for one role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Result {
    /// The case's id.
    pub case: String,
    /// What the testee was.
    pub role: Role,
    /// How binding the clause is.
    pub level: Level,
    /// Where it stands.
    pub source: String,
    /// Its number in docs/errata.md, if the sources disagree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erratum: Option<u8>,
    /// What it asks for.
    pub requirement: String,
    /// What came of it.
    pub verdict: Verdict,
    /// What was expected, unless the verdict is pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was seen instead, or why the case was not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
    /// Whether the testee never came to the point where the case begins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unreachable: bool,
    /// How long it took.
    pub seconds: f64,
    /// The file with everything that travelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<PathBuf>,
}

impl Result {
    /// The result of a run.
    pub fn new(
        case: &Case,
        role: Role,
        outcome: &Outcome,
        time: Duration,
        transcript: Option<PathBuf>,
    ) -> Self {
        let (expected, actual) = match outcome {
            Ok(()) => (None, None),
            Err(Finding::Lenient { expected, actual } | Finding::Fail { expected, actual }) => {
                (Some(expected.clone()), Some(actual.clone()))
            }
            Err(Finding::Unreachable(actual)) => {
                (Some("a testee that takes part".into()), Some(actual.clone()))
            }
            Err(Finding::Unsupported(reason) | Finding::Error(reason)) => (None, Some(reason.clone())),
        };
        Self {
            case: case.id.into(),
            role,
            level: case.level,
            source: case.source.into(),
            erratum: case.erratum,
            requirement: case.requirement.into(),
            verdict: outcome.as_ref().err().map_or(Verdict::Pass, Finding::verdict),
            expected,
            actual,
            unreachable: matches!(outcome, Err(Finding::Unreachable(_))),
            seconds: rounded(time),
            transcript,
        }
    }
}

impl Report {
    /// The report of these results.
    pub fn new(testee: &Testee, dialect: Dialect, time: Duration, results: Vec<Result>) -> Self {
        let mut counts = BTreeMap::new();
        for result in &results {
            *counts.entry(result.verdict).or_default() += 1;
        }
        Self {
            format: FORMAT.into(),
            suite: env!("CARGO_PKG_VERSION").into(),
            testee: testee.name.clone(),
            about: testee.about.clone(),
            dialect,
            seconds: rounded(time),
            counts,
            results,
        }
    }

    /// Reads a report.
    ///
    /// # Errors
    /// A file that is none.
    pub fn read(path: &Path) -> std::result::Result<Self, ConformanceError> {
        let failed = |reason: String| ConformanceError::File { path: path.into(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let report: Self = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        if report.format != FORMAT {
            return Err(failed(format!("its format is {:?}, not {FORMAT:?}", report.format)));
        }
        Ok(report)
    }

    /// As a JSON text.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> std::result::Result<String, ConformanceError> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| ConformanceError::Recording(error.to_string()))
    }

    /// Results with that verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.counts.get(&verdict).copied().unwrap_or_default()
    }

    /// Whether nothing that was tried could be reached.
    pub fn is_unreachable(&self) -> bool {
        let mut tried =
            self.results.iter().filter(|result| result.verdict != Verdict::Unsupported).peekable();
        tried.peek().is_some() && tried.all(|result| result.unreachable)
    }
}

fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Text for XML and HTML, which have no way to write most control characters: they are shown.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            control if control.is_control() => out.extend(control.escape_default()),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::suite) fn result(case: &str, role: Role, verdict: Verdict) -> Result {
        Result {
            case: case.into(),
            role,
            level: Level::Must,
            source: "PPCA 9-2023, 6.2".into(),
            erratum: Some(10),
            requirement: "It does <this> & that.".into(),
            verdict,
            expected: (verdict != Verdict::Pass).then(|| "one thing".into()),
            actual: (verdict != Verdict::Pass).then(|| "another\u{1}".into()),
            unreachable: false,
            seconds: 0.25,
            transcript: Some("x/transcript.json".into()),
        }
    }

    pub(in crate::suite) fn report(results: Vec<Result>) -> Report {
        let testee: Testee =
            toml::from_str("name = 'a <b>'\nabout = 'c'\n[dealer]\ncommand = ['x']\nservices = []").unwrap();
        Report::new(&testee, Dialect::document(), Duration::from_millis(1234), results)
    }

    #[test]
    fn reports_are_read_as_written() {
        let results = vec![
            result("a/b", Role::Rank0, Verdict::Pass),
            result("a/b", Role::Rank1, Verdict::Fail),
            result("a/c", Role::Dealer, Verdict::Unsupported),
        ];
        let report = report(results);
        assert_eq!((report.count(Verdict::Pass), report.count(Verdict::Error)), (1, 0));
        let path = std::env::temp_dir().join(format!("symbolon-report-{}.json", std::process::id()));
        std::fs::write(&path, report.to_json().unwrap()).unwrap();
        assert_eq!(Report::read(&path).unwrap(), report);
        std::fs::write(&path, report.to_json().unwrap().replace("report/1", "report/9")).unwrap();
        assert!(Report::read(&path).unwrap_err().to_string().contains("report/9"));
    }

    #[test]
    fn reports_fit_their_schema() {
        let schema = serde_json::from_str(include_str!("../../schema/report.json")).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let results = Verdict::ALL.map(|verdict| result("a/b-1", Role::Dealer, verdict)).to_vec();
        let mut value: serde_json::Value = serde_json::from_str(&report(results).to_json().unwrap()).unwrap();
        assert!(validator.is_valid(&value), "{:?}", validator.iter_errors(&value).next());
        value["results"][0]["verdict"] = "good".into();
        assert!(!validator.is_valid(&value));
    }

    #[test]
    fn a_testee_that_is_not_there_is_told_from_one_that_fails() {
        let mut away = result("a/b", Role::Rank0, Verdict::Fail);
        away.unreachable = true;
        let unsupported = result("a/c", Role::Rank0, Verdict::Unsupported);
        assert!(report(vec![away.clone(), unsupported.clone()]).is_unreachable());
        assert!(!report(vec![away, result("a/d", Role::Rank0, Verdict::Pass)]).is_unreachable());
        assert!(!report(vec![unsupported]).is_unreachable());
    }
}
