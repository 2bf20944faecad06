//! For people: an indented text.

use std::fmt::Write as _;

use super::{Report, Result};
use crate::suite::Verdict;

/// One result in one line.
pub fn line(result: &Result) -> String {
    let erratum = result.erratum.map(|number| format!(" E{number:02}")).unwrap_or_default();
    format!(
        "{:<11} {} [{}] {}{erratum}  {:.1} s",
        result.verdict, result.case, result.role, result.level, result.seconds
    )
}

/// What did not pass in full, and the counts.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{} ({}), reading {:?}", report.testee, report.about, report.dialect.name);
    for result in &report.results {
        if matches!(result.verdict, Verdict::Pass | Verdict::Unsupported) {
            continue;
        }
        let _ = writeln!(out, "\n{}", line(result));
        let _ = writeln!(out, "  requirement  {}", result.requirement);
        let _ = writeln!(out, "  source       {}", result.source);
        for (name, value) in [("expected", &result.expected), ("actual", &result.actual)] {
            if let Some(value) = value {
                let _ = writeln!(out, "  {name:<11}  {}", value.escape_debug());
            }
        }
        if let Some(path) = &result.transcript {
            let _ = writeln!(out, "  transcript   {}", path.display());
        }
    }
    let counts: Vec<_> =
        Verdict::ALL.iter().map(|verdict| format!("{} {verdict}", report.count(*verdict))).collect();
    let _ =
        writeln!(out, "\n{} results in {:.1} s: {}", report.results.len(), report.seconds, counts.join(", "));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Role;
    use crate::suite::report::tests::{report, result};

    #[test]
    fn what_did_not_pass_is_told_in_full() {
        let text = text(&report(vec![
            result("a/b", Role::Rank0, Verdict::Pass),
            result("a/c", Role::Rank1, Verdict::Fail),
        ]));
        assert!(!text.contains("a/b"), "{text}");
        for part in
            ["a/c [rank1] must E10", "one thing", "another\\u{1}", "PPCA 9", "x/transcript.json", "1 fail"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
