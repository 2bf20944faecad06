//! What the parties would have got had they simply pooled their rows: the measure of the demo.

use std::path::Path;

use symbolon_dialect::Dialect;
use symbolon_lr::{TrainPlan, ideal, metrics};
use symbolon_operators::Sigmoid;

use crate::error::{Error, Result};
use crate::report::Evaluation;
use crate::standardize;
use crate::table::Table;

/// How the pooled rows are trained on.
pub(super) struct Training {
    pub(super) epochs: u64,
    pub(super) batch_size: usize,
    pub(super) learning_rate: f64,
}

/// The same algorithm in float64 on the pooled rows of the aligned tables.
pub(super) struct Plain {
    pub(super) evaluation: Evaluation,
    pub(super) scores: Vec<f64>,
}

/// Pools `tables` (the label is the last column of the last one), trains and scores in the clear.
pub(super) fn pooled(tables: &[std::path::PathBuf], label: &str, training: &Training) -> Result<Plain> {
    let tables = tables.iter().map(|path| Table::read(path)).collect::<Result<Vec<_>>>()?;
    let (Some(first), Some(last)) = (tables.first(), tables.last()) else {
        return Err(Error::Ours("there is no table to pool".into()));
    };
    let ids = first.keys(&["id".to_owned()])?;
    let mut parts = Vec::new();
    for table in &tables {
        if table.keys(&["id".to_owned()])? != ids {
            return Err(Error::Child(format!(
                "{} and {} do not have the same ids in the same order",
                first.file().display(),
                table.file().display()
            )));
        }
        let names: Vec<String> =
            table.names().filter(|name| *name != "id" && *name != label).cloned().collect();
        let columns = table.numbers(&names)?;
        let features = standardize::features(&columns, true);
        parts.push((names.len(), standardize::apply(&columns, &features)));
    }
    let width: usize = parts.iter().map(|(width, _)| width).sum();
    let mut rows = Vec::with_capacity(ids.len() * width);
    for row in 0..ids.len() {
        for (width, values) in &parts {
            rows.extend_from_slice(values.get(row * width..(row + 1) * width).unwrap_or_default());
        }
    }
    let labels = last.labels(label)?;
    let dialect = Dialect::symbolon();
    let plan = TrainPlan {
        epochs: training.epochs,
        batch_size: training.batch_size,
        learning_rate: training.learning_rate,
        l2: 0.0,
        sigmoid: Sigmoid::Minimax1,
        samples: ids.len(),
        features: parts.iter().map(|(width, _)| *width).collect(),
        label_rank: parts.len() - 1,
        first_step_draws: dialect.first_step_draws,
        public_truncation: dialect.public_truncation,
        step_size: None,
    };
    let failed = |failure: symbolon_lr::LrError| Error::Ours(format!("the plain run failed: {failure}"));
    let weights = ideal::train_float(&plan, &rows, &labels).map_err(failed)?;
    let scores = ideal::predict_float(plan.sigmoid, &weights, &rows);
    let evaluation = Evaluation {
        samples: ids.len(),
        auc: metrics::auc(&labels, &scores).ok(),
        accuracy: metrics::accuracy(&labels, &scores).map_err(failed)?,
    };
    Ok(Plain { evaluation, scores })
}

/// The scores of a file written by a party.
pub(super) fn scores(path: &Path) -> Result<Vec<f64>> {
    Ok(Table::read(path)?.numbers(&["score".to_owned()])?.values)
}
