//! The summary of a run: what was agreed, what it cost, what came of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use symbolon_dialect::Dialect;

use crate::error::{Error, Result};
use crate::output::{Access, write_atomically};

/// The summary that `--report` writes as JSON. It has no ids, labels, shares or scores.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// `symbolon` and its version.
    pub program: String,
    /// The command: psi, train, predict or run.
    pub command: String,
    /// This party's rank.
    pub rank: usize,
    /// Number of parties.
    pub world_size: usize,
    /// The reading of everything disputed.
    pub dialect: Dialect,
    /// The agreed plans, in the order of the phases that had one.
    pub plans: Vec<serde_json::Value>,
    /// Duration and traffic of every phase.
    pub phases: Vec<Phase>,
    /// Rows of the own table.
    pub rows: usize,
    /// Rows that all parties have, if this party learnt them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intersection: Option<usize>,
    /// The intersection in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi: Option<PsiReport>,
    /// How the training was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingReport>,
    /// How good the scores are, at the party that has labels and scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
    /// What was written, by kind.
    pub files: BTreeMap<String, String>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// An intersection in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PsiReport {
    /// Ids that this party sent: different ones, of the part that was worked on.
    pub own_items: u64,
    /// Ids that the other party sent.
    pub peer_items: u64,
    /// These with the repetitions that it told.
    pub peer_rows: u64,
    /// Masks that an earlier, unfinished run had computed already.
    #[serde(default)]
    pub resumed_items: u64,
    /// Rows written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_written: Option<u64>,
}

/// What the parties agreed on about a training beyond the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrainingReport {
    /// Each row of the table was masked once for the whole training.
    pub keep_masks: bool,
    /// The triples had been made ahead of time: no dealer was asked.
    pub triples_ahead: bool,
}

/// Duration and traffic of one phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Phase {
    /// connect, psi, train, predict or finish.
    pub name: String,
    /// Seconds from its begin to its end.
    pub seconds: f64,
    /// Bytes that this party sent to the others in that time.
    pub sent_bytes: u64,
    /// Bytes that it received from them.
    pub received_bytes: u64,
}

/// How good the scores of a prediction are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Evaluation {
    /// Rows scored.
    pub samples: usize,
    /// Area under the ROC curve; absent if all labels are equal.
    pub auc: Option<f64>,
    /// Share of rows whose score is on their label's side of 1/2.
    pub accuracy: f64,
}

/// Traffic counters at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traffic {
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

impl Report {
    /// An empty summary.
    pub fn new(command: &str, rank: usize, world_size: usize, dialect: &Dialect) -> Self {
        Self {
            program: concat!("symbolon ", env!("CARGO_PKG_VERSION")).to_owned(),
            command: command.to_owned(),
            rank,
            world_size,
            dialect: dialect.clone(),
            plans: Vec::new(),
            phases: Vec::new(),
            rows: 0,
            intersection: None,
            psi: None,
            training: None,
            evaluation: None,
            files: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Adds an agreed plan.
    ///
    /// # Errors
    /// [`Error::Ours`] if the plan cannot be written as JSON.
    pub fn plan(&mut self, plan: &impl Serialize) -> Result<()> {
        let plan = serde_json::to_value(plan)
            .map_err(|failure| Error::Ours(format!("the plan cannot be written: {failure}")))?;
        self.plans.push(plan);
        Ok(())
    }

    /// Adds a phase that began at `start` with the counters at `before`, and logs it.
    pub fn phase(&mut self, name: &str, start: Instant, before: Traffic, after: Traffic) {
        let phase = Phase {
            name: name.to_owned(),
            seconds: start.elapsed().as_secs_f64(),
            sent_bytes: after.sent.saturating_sub(before.sent),
            received_bytes: after.received.saturating_sub(before.received),
        };
        tracing::info!(
            phase = name,
            seconds = (phase.seconds * 1e3).round() / 1e3,
            sent_bytes = phase.sent_bytes,
            received_bytes = phase.received_bytes,
            "phase done"
        );
        self.phases.push(phase);
    }

    /// Logs a warning and keeps it for the summary.
    pub fn warn(&mut self, text: String) {
        tracing::warn!("{text}");
        self.warnings.push(text);
    }

    /// Notes a written file, and logs it.
    pub fn wrote(&mut self, kind: &str, path: &Path) {
        tracing::info!(file = %path.display(), "{kind} written");
        self.files.insert(kind.to_owned(), path.display().to_string());
    }

    /// Writes the summary as JSON, whole or not at all.
    ///
    /// # Errors
    /// [`Error::OurFile`].
    pub fn write(&self, path: &Path) -> Result<()> {
        write_atomically(path, Access::Shared, |file| {
            serde_json::to_writer_pretty(&mut *file, self)
                .map_err(|failure| Error::file("write", path, failure.into()))?;
            file.write_all(b"\n").map_err(|source| Error::file("write", path, source))
        })
    }

    /// Reads a summary back.
    ///
    /// # Errors
    /// [`Error::OurFile`], or [`Error::Ours`] if it is not a summary.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|source| Error::file("read", path, source))?;
        serde_json::from_slice(&text)
            .map_err(|failure| Error::Ours(format!("{} is not a report: {failure}", path.display())))
    }
}
