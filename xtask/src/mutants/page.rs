//! The table in `docs/conformance/detection.md`: what stands between the two marks is written by a run, the rest by
//! hand.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use symbolon_conformance::suite::{Case, Role};
use symbolon_mutants::Mutant;

use super::Outcome;

const BEGIN: &str = "<!-- written by `cargo xtask mutants --report`: begin -->\n";
const END: &str = "<!-- end -->\n";
/// Cases named in a line of the table.
const SHOWN: usize = 3;

/// The page in the repository.
pub(super) fn committed() -> PathBuf {
    super::root().join("docs/conformance/detection.md")
}

/// The first of the cases, and how many more there are.
pub(super) fn first(caught: &[(&Case, Role)]) -> String {
    let names: Vec<_> =
        caught.iter().take(SHOWN).map(|(case, role)| format!("`{}` {role}", case.id)).collect();
    let more = caught.len().saturating_sub(SHOWN);
    names.join(", ") + &if more > 0 { format!(", {more} more") } else { String::new() }
}

/// Writes the table into the page at `path`, or a page of nothing else.
pub(super) fn write(path: &Path, outcomes: &[Outcome], idle: &[(&Case, Role)]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let page = if path.exists() { std::fs::read_to_string(path).map_err(failed)? } else { String::new() };
    let (before, after) = match (page.split_once(BEGIN), page.split_once(END)) {
        (Some((before, _)), Some((_, after))) => (before, after),
        _ => ("", ""),
    };
    let table = table(outcomes, idle);
    std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).map_err(failed)
}

fn table(outcomes: &[Outcome], idle: &[(&Case, Role)]) -> String {
    let mut text = String::new();
    let mut area = "";
    for Outcome { mutant, caught, testee, .. } in outcomes {
        if mutant.area() != area {
            area = mutant.area();
            let _ =
                write!(text, "\n### {area}\n\n| mutant | what it does | caught by |\n| --- | --- | --- |\n");
        }
        let cases = if caught.is_empty() { "**not caught**".into() } else { first(caught) };
        let under = if *testee == super::TESTEES[0] { String::new() } else { format!(" (`{testee}`)") };
        let _ = writeln!(text, "| `{}` | {} | {cases}{under} |", mutant.name(), mutant.about());
    }
    let _ = write!(text, "\n### Cases that caught nothing\n\n");
    for (case, roles) in by_case(idle) {
        let _ = writeln!(text, "- `{case}` {}", roles.join(", "));
    }
    text.push('\n');
    text
}

/// The roles of each case, in one line.
fn by_case<'a>(idle: &[(&'a Case, Role)]) -> Vec<(&'a str, Vec<&'static str>)> {
    let mut lines: Vec<(&str, Vec<&str>)> = Vec::new();
    for (case, role) in idle {
        match lines.last_mut() {
            Some((id, roles)) if *id == case.id => roles.push(role.word()),
            _ => lines.push((case.id, vec![role.word()])),
        }
    }
    lines
}

/// Holds the page's mutants against those of the program.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let page = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let line = |mutant: &Mutant| format!("| `{}` | {} |", mutant.name(), mutant.about());
    let missing: Vec<_> =
        Mutant::ALL.iter().filter(|mutant| !page.contains(&line(mutant))).map(|m| m.name()).collect();
    let lines = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let unknown: Vec<_> = lines.filter(|name| Mutant::named(name).is_none()).collect();
    let escaped = page.contains("**not caught**");
    if missing.is_empty() && unknown.is_empty() && !escaped {
        return Ok(());
    }
    Err(format!(
        "{}: renew it by cargo xtask mutants --report; missing or changed: {missing:?}, unknown: {unknown:?}{}",
        path.display(),
        if escaped { ", and it has mutants that were not caught" } else { "" }
    ))
}
