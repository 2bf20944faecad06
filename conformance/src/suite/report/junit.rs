//! For CI servers: JUnit.

use std::fmt::Write as _;

use super::{Report, escaped};
use crate::suite::Verdict;

/// The report as a JUnit file. A lenient verdict is a pass with a remark.
pub fn junit(report: &Report) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"symbolon-conform {}\" tests=\"{}\" failures=\"{}\" \
         errors=\"{}\" skipped=\"{}\" time=\"{:.3}\">\n",
        escaped(&report.testee),
        report.results.len(),
        report.count(Verdict::Fail),
        report.count(Verdict::Error),
        report.count(Verdict::Unsupported),
        report.seconds
    );
    for result in &report.results {
        let area = result.case.split('/').next().unwrap_or_default();
        let _ = write!(
            out,
            "  <testcase classname=\"{}\" name=\"{} [{}]\" time=\"{:.3}\">",
            escaped(area),
            escaped(&result.case),
            result.role,
            result.seconds
        );
        let expected = result.expected.as_deref().unwrap_or_default();
        let actual = escaped(result.actual.as_deref().unwrap_or_default());
        let detail = format!("{}\nexpected: {}", escaped(&result.requirement), escaped(expected));
        let _ = match result.verdict {
            Verdict::Pass => Ok(()),
            Verdict::Lenient => write!(out, "<system-out>lenient: {actual}\n{detail}</system-out>"),
            Verdict::Fail => write!(out, "<failure message=\"{actual}\">{detail}</failure>"),
            Verdict::Unsupported => write!(out, "<skipped message=\"{actual}\"/>"),
            Verdict::Error => write!(out, "<error message=\"{actual}\"/>"),
        };
        out.push_str("</testcase>\n");
    }
    out.push_str("</testsuite>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Role;
    use crate::suite::report::tests::{report, result};

    #[test]
    fn every_verdict_has_its_element() {
        let results = Verdict::ALL.map(|verdict| result("a/b", Role::Rank0, verdict)).to_vec();
        let text = junit(&report(results));
        for part in [
            "tests=\"5\" failures=\"1\" errors=\"1\" skipped=\"1\"",
            "<failure message=\"another\\u{1}\">It does &lt;this&gt; &amp; that.",
            "<skipped message=",
            "<error message=",
            "<system-out>lenient: ",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches("</testcase>").count(), 5);
    }
}
