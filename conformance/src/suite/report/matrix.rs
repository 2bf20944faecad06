//! Many reports as one page: cases × implementations.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::html::STYLE;
use super::{Report, Result, escaped};

/// A table with a row per case and role and a column per report.
pub fn matrix(reports: &[Report]) -> String {
    let mut rows: BTreeMap<(&str, super::Role), Vec<Option<&Result>>> = BTreeMap::new();
    for (column, report) in reports.iter().enumerate() {
        for result in &report.results {
            let row = rows.entry((&result.case, result.role)).or_insert_with(|| vec![None; reports.len()]);
            if let Some(cell) = row.get_mut(column) {
                *cell = Some(result);
            }
        }
    }
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Conformance</title>\n<style>{STYLE}</style>\n\
         <h1>Conformance</h1>\n<table><tr><th>case<th>role"
    );
    for report in reports {
        let _ = write!(
            out,
            "<th title=\"{}\">{}<br><small>{}</small>",
            escaped(&report.about),
            escaped(&report.testee),
            escaped(&report.dialect.name)
        );
    }
    out.push('\n');
    for ((case, role), cells) in rows {
        let about = cells.iter().flatten().next().map_or("", |result| result.requirement.as_str());
        let _ = write!(out, "<tr><td title=\"{}\"><code>{}</code><td>{role}", escaped(about), escaped(case));
        for cell in cells {
            let _ = match cell {
                None => write!(out, "<td class=\"unsupported\">–"),
                Some(result) => write!(
                    out,
                    "<td class=\"{v}\" title=\"{}\">{v}",
                    escaped(result.actual.as_deref().unwrap_or_default()),
                    v = result.verdict
                ),
            };
        }
        out.push('\n');
    }
    out.push_str("</table></html>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::report::tests::{report, result};
    use crate::suite::{Role, Verdict};

    #[test]
    fn every_case_has_a_row_and_every_report_a_column() {
        let page = matrix(&[
            report(vec![
                result("a/b", Role::Rank0, Verdict::Pass),
                result("a/c", Role::Rank0, Verdict::Fail),
            ]),
            report(vec![result("a/b", Role::Rank0, Verdict::Lenient)]),
        ]);
        assert_eq!(page.matches("<tr>").count(), 3, "{page}");
        assert!(page.contains("class=\"pass\"") && page.contains("class=\"lenient\""), "{page}");
        assert!(page.contains(">–"), "{page}");
    }
}
