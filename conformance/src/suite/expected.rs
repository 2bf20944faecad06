//! A recorded result to hold a run against: only deviations from it fail.
//!
//! A line per case and role that does not simply pass: id, role, verdict, and a remark after `#`.
//!
//! ```text
//! psi/stream/empty-end rank1 fail   # our version 1.4 stops at the first short batch
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::report::Report;
use super::verdict::Verdict;
use super::{Level, Role};

/// What is expected of cases that are not expected to pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected(BTreeMap<(String, Role), Verdict>);

/// A result that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// The case's id.
    pub case: String,
    /// What the testee was.
    pub role: Role,
    /// What was expected.
    pub expected: Option<Verdict>,
    /// What came.
    pub actual: Verdict,
}

impl std::fmt::Display for Deviation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let expected = self.expected.map_or("pass", Verdict::word);
        write!(f, "{} [{}]: {}, expected {expected}", self.case, self.role, self.actual)
    }
}

impl Expected {
    /// Reads such a file.
    ///
    /// # Errors
    /// The line that is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut expected = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            let entry = match words.as_slice() {
                [] => continue,
                [case, role, verdict] => Role::named(role)
                    .zip(Verdict::named(verdict))
                    .map(|(role, verdict)| ((String::from(*case), role), verdict)),
                _ => None,
            };
            let (key, verdict) = entry.ok_or_else(|| {
                format!("line {number}: write CASE ROLE VERDICT, with rank0, rank1 or dealer and a verdict")
            })?;
            if expected.insert(key, verdict).is_some() {
                return Err(format!("line {number}: the case and role stand there twice"));
            }
        }
        Ok(Self(expected))
    }

    /// The file that expects exactly this report.
    pub fn record(report: &Report) -> String {
        let mut text = format!("# {} ({}), reading {}\n", report.testee, report.about, report.dialect.name);
        for result in report.results.iter().filter(|result| result.verdict != Verdict::Pass) {
            let reason = result.actual.as_deref().unwrap_or_default().escape_debug().to_string();
            let _ = writeln!(
                text,
                "{} {} {}  # {reason}",
                result.case,
                result.role.word(),
                result.verdict.word()
            );
        }
        text
    }

    /// What is not as expected. Without a line a case has to pass, and unless `strict` it may be lenient, unsupported,
    /// or of the level `observed`. With a line it has to have that verdict: what passes now has to be struck out.
    pub fn deviations(&self, report: &Report, strict: bool) -> Vec<Deviation> {
        let deviates = |result: &&super::report::Result| match self.0.get(&(result.case.clone(), result.role))
        {
            Some(expected) => *expected != result.verdict,
            None => match result.verdict {
                Verdict::Pass | Verdict::Unsupported => false,
                Verdict::Lenient => strict,
                Verdict::Fail => strict || result.level != Level::Observed,
                Verdict::Error => true,
            },
        };
        let deviation = |result: &super::report::Result| Deviation {
            case: result.case.clone(),
            role: result.role,
            expected: self.0.get(&(result.case.clone(), result.role)).copied(),
            actual: result.verdict,
        };
        report.results.iter().filter(deviates).map(deviation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::report::tests::{report, result};

    #[test]
    fn only_deviations_are_told() {
        let report = report(vec![
            result("a/pass", Role::Rank0, Verdict::Pass),
            result("a/lenient", Role::Rank0, Verdict::Lenient),
            result("a/fail", Role::Rank1, Verdict::Fail),
            result("a/none", Role::Dealer, Verdict::Unsupported),
        ]);
        let nothing = Expected::default();
        assert_eq!(nothing.deviations(&report, false).len(), 1);
        assert_eq!(nothing.deviations(&report, true).len(), 2);
        let recorded = Expected::parse(&Expected::record(&report)).unwrap();
        assert_eq!(recorded.deviations(&report, true), []);
        let stale = Expected::parse("a/pass rank0 fail # once\na/fail rank1 fail").unwrap();
        let [deviation] = &stale.deviations(&report, false)[..] else { panic!("one deviation") };
        assert_eq!(deviation.to_string(), "a/pass [rank0]: pass, expected fail");
    }

    #[test]
    fn wrong_lines_are_named() {
        for text in ["\na/b rank7 fail", "\na/b rank0", "\na/b rank0 failed"] {
            assert!(Expected::parse(text).unwrap_err().contains("line 2"), "{text}");
        }
        assert!(Expected::parse("a/b rank0 fail\na/b rank0 fail").unwrap_err().contains("twice"));
    }
}
