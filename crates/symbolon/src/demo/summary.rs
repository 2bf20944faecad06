//! What the demo prints at the end.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::report::Report;

use super::plain::Plain;
use super::tables::{Part, Pooled};

/// Everything worth telling about a finished demo.
pub(super) struct Summary<'a> {
    pub(super) data: &'a Pooled,
    pub(super) parts: &'a [Part],
    pub(super) reports: &'a [Report],
    pub(super) plain: &'a Plain,
    pub(super) scores: &'a [f64],
    pub(super) out: &'a Path,
    pub(super) elapsed: Duration,
}

/// The phases that are shown, and what they are called.
const PHASES: [(&str, &str); 4] =
    [("connect", "connect"), ("psi", "intersection"), ("train", "training"), ("predict", "prediction")];

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, features) = (self.data.rows(), self.data.features());
        writeln!(f, "\n{}: {rows} rows, {features} features, label `{}`", self.data.title, self.data.label)?;
        self.parties(f)?;
        self.phases(f)?;
        self.quality(f)?;
        self.files(f)?;
        for warning in self.warnings() {
            writeln!(f, "\n  warning: {warning}")?;
        }
        writeln!(f, "\n  {:.1} s in all\n", self.elapsed.as_secs_f64())
    }
}

impl Summary<'_> {
    fn parties(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  {:<14}{:>10}{:>10}{:>10}", "party", "rows", "features", "label")?;
        for (rank, part) in self.parts.iter().enumerate() {
            let labelled = rank + 1 == self.parts.len();
            let label = if labelled { "yes" } else { "-" };
            let features = part.features(labelled);
            writeln!(f, "  {:<14}{:>10}{features:>10}{label:>10}", format!("rank {rank}"), part.rows())?;
        }
        match self.reports.iter().find_map(|report| report.intersection) {
            Some(rows) => writeln!(f, "  {:<14}{rows:>10}", "in common"),
            None => Ok(()),
        }
    }

    fn phases(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n  {:<14}{:>10}", "phase", "time")?;
        for rank in 0..self.reports.len() {
            write!(f, "{:>16}", format!("rank {rank} sends"))?;
        }
        writeln!(f)?;
        for (name, title) in PHASES {
            let phases: Vec<_> = self
                .reports
                .iter()
                .filter_map(|report| report.phases.iter().find(|phase| phase.name == name))
                .collect();
            let slowest = phases.iter().map(|phase| phase.seconds).fold(0.0, f64::max);
            write!(f, "  {title:<14}{:>10}", format!("{slowest:.2} s"))?;
            for phase in phases {
                write!(f, "{:>16}", bytes(phase.sent_bytes))?;
            }
            writeln!(f)?;
        }
        let total = |report: &Report| report.phases.iter().map(|phase| phase.seconds).sum::<f64>();
        let slowest = self.reports.iter().map(total).fold(0.0, f64::max);
        write!(f, "  {:<14}{:>10}", "total", format!("{slowest:.2} s"))?;
        for report in self.reports {
            write!(f, "{:>16}", bytes(report.phases.iter().map(|phase| phase.sent_bytes).sum()))?;
        }
        writeln!(f)
    }

    fn quality(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(shared) = self.reports.iter().find_map(|report| report.evaluation) else { return Ok(()) };
        let plain = self.plain.evaluation;
        writeln!(
            f,
            "\n  {:<14}{:>10}{:>16}{:>16}",
            "rows in common", "shared", "plain float64", "difference"
        )?;
        let rows =
            [("AUC", shared.auc, plain.auc), ("accuracy", Some(shared.accuracy), Some(plain.accuracy))];
        for (name, shared, plain) in rows {
            if let (Some(shared), Some(plain)) = (shared, plain) {
                let difference = (shared - plain).abs();
                writeln!(f, "  {name:<14}{shared:>10.4}{plain:>16.4}{difference:>16.4}")?;
            }
        }
        let largest = self
            .scores
            .iter()
            .zip(&self.plain.scores)
            .map(|(shared, plain)| (shared - plain).abs())
            .fold(0.0, f64::max);
        writeln!(f, "  {:<40}{largest:>16.6}", "largest difference of one row's score")
    }

    fn files(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for (rank, report) in self.reports.iter().enumerate() {
            let mut names: Vec<&str> = report
                .files
                .values()
                .filter_map(|path| Path::new(path).file_name())
                .filter_map(|name| name.to_str())
                .collect();
            names.extend(["party.toml", "log.txt"]);
            let folder = self.out.join(format!("rank{rank}"));
            writeln!(f, "  {}  {}", folder.display(), names.join("  "))?;
        }
        writeln!(f, "  {}  log.txt", self.out.join("dealer").display())
    }

    fn warnings(&self) -> Vec<&str> {
        let mut warnings: Vec<&str> =
            self.reports.iter().flat_map(|report| report.warnings.iter().map(String::as_str)).collect();
        warnings.sort_unstable();
        warnings.dedup();
        warnings
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} MB", count as f64 / 1e6),
        _ => format!("{:.2} GB", count as f64 / 1e9),
    }
}
