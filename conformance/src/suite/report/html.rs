//! For the web: one static page.

use std::fmt::Write as _;

use super::{Report, escaped};
use crate::suite::Verdict;

/// Shared by both pages; no script, no font, no address outside.
pub(super) const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
table{border-collapse:collapse;width:100%}td,th{border:1px solid #ddd;padding:.25rem .5rem;text-align:left;\
vertical-align:top}th{background:#f5f5f5}code{font-size:.92em}.pass{background:#dff3df}.lenient{background:#fdf3cf}\
.fail{background:#f8d9d9}.error{background:#e8d9f8}.unsupported{color:#888}dt{font-weight:600}dd{margin:0 0 .4rem 1rem}";

/// The report as a page.
pub fn html(report: &Report) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Conformance of {name}</title>\n\
         <style>{STYLE}</style>\n<h1>Conformance of {name}</h1>\n<p>{about}<br>Reading: <code>{reading}</code>. Suite \
         {suite}. {total} results in {seconds:.1} s.</p>\n<p>",
        name = escaped(&report.testee),
        about = escaped(&report.about),
        reading = escaped(&report.dialect.name),
        suite = escaped(&report.suite),
        total = report.results.len(),
        seconds = report.seconds,
    );
    for verdict in Verdict::ALL {
        let _ =
            write!(out, "<span class=\"{verdict}\">&nbsp;{} {verdict}&nbsp;</span> ", report.count(verdict));
    }
    out.push_str("</p>\n<table><tr><th>case<th>role<th>level<th>verdict<th>clause\n");
    for result in &report.results {
        let erratum = result.erratum.map(|number| format!(" E{number:02}")).unwrap_or_default();
        let _ = write!(
            out,
            "<tr><td><code>{}</code><td>{}<td>{}{erratum}<td class=\"{v}\">{v}<td>{}<br><small>{}</small>",
            escaped(&result.case),
            result.role,
            result.level,
            escaped(&result.requirement),
            escaped(&result.source),
            v = result.verdict,
        );
        if result.verdict != Verdict::Pass {
            out.push_str("<dl>");
            for (name, value) in [("expected", &result.expected), ("actual", &result.actual)] {
                if let Some(value) = value {
                    let _ = write!(out, "<dt>{name}<dd>{}", escaped(value));
                }
            }
            if let Some(path) = &result.transcript {
                let _ =
                    write!(out, "<dt>transcript<dd><code>{}</code>", escaped(&path.display().to_string()));
            }
            out.push_str("</dl>");
        }
        out.push('\n');
    }
    out.push_str("</table></html>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Role;
    use crate::suite::report::tests::{report, result};

    #[test]
    fn nothing_of_a_testee_becomes_markup() {
        let mut bad = result("a/b", Role::Rank0, Verdict::Fail);
        bad.actual = Some("<script>".into());
        let page = html(&report(vec![bad]));
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
        assert!(page.contains("Conformance of a &lt;b&gt;"), "{page}");
    }
}
