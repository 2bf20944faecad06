//! The demo's data: one table, split between two parties.

use std::path::Path;

use crate::error::{Error, Result};
use crate::output::{Access, write_atomically};

const BREAST_CANCER: &str = include_str!("../../../../examples/breast-cancer/breast_cancer.csv");

/// A table that nobody has in real life: the pooled rows.
pub(crate) struct Pooled {
    pub(crate) title: String,
    pub(crate) label: String,
    features: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    features: Vec<String>,
    label: String,
}

/// What one party gets of it.
pub(crate) struct Part {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Pooled {
    /// The Wisconsin breast cancer data of `examples/breast-cancer`.
    pub(crate) fn breast_cancer() -> Result<Self> {
        let broken = || Error::Ours("the built-in breast cancer table is damaged".into());
        let mut reader = csv::Reader::from_reader(BREAST_CANCER.as_bytes());
        let header = reader.headers().map_err(|_| broken())?.clone();
        let last = header.len().checked_sub(1).ok_or_else(broken)?;
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|_| broken())?;
            let mut fields = record.iter().map(str::to_owned);
            let id = fields.next().ok_or_else(broken)?;
            let mut features: Vec<String> = fields.collect();
            let label = features.pop().ok_or_else(broken)?;
            rows.push(Row { id, features, label });
        }
        Ok(Self {
            title: "Wisconsin breast cancer (diagnostic)".into(),
            label: header.get(last).unwrap_or_default().to_owned(),
            features: header.iter().skip(1).take(last - 1).map(str::to_owned).collect(),
            rows,
        })
    }

    /// `rows` × `features` values from a normal distribution; the label follows a logistic model.
    pub(crate) fn generated(rows: usize, features: usize) -> Self {
        let mut numbers = Numbers::new(20_260_101);
        let weights: Vec<f64> = (0..features).map(|_| numbers.normal()).collect();
        let norm = weights.iter().map(|w| w * w).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        let rows = (0..rows)
            .map(|row| {
                let values: Vec<f64> = (0..features).map(|_| numbers.normal()).collect();
                let score: f64 = values.iter().zip(&weights).map(|(x, w)| x * w).sum::<f64>() / norm * 2.5;
                let positive = numbers.uniform() < 1.0 / (1.0 + (-score).exp());
                Row {
                    id: format!("row-{:08}", row + 1),
                    features: values.iter().map(|value| format!("{value:.4}")).collect(),
                    label: u8::from(positive).to_string(),
                }
            })
            .collect();
        Self {
            title: "generated".into(),
            label: "label".into(),
            features: (1..=features).map(|feature| format!("x{feature}")).collect(),
            rows,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn features(&self) -> usize {
        self.features.len()
    }

    /// One table per party: the columns are dealt out in order, the label goes to the last party; each
    /// misses about one row in twenty, and each has its own order of rows. Every run gives the same.
    pub(crate) fn split(&self, parties: usize) -> Vec<Part> {
        let mut numbers = Numbers::new(20_260_102);
        (0..parties)
            .map(|rank| {
                let columns =
                    self.features.len() * rank / parties..self.features.len() * (rank + 1) / parties;
                let labelled = rank + 1 == parties;
                let mut kept: Vec<&Row> = self.rows.iter().filter(|_| numbers.uniform() >= 0.05).collect();
                for last in (1..kept.len()).rev() {
                    kept.swap(last, numbers.below(last + 1));
                }
                let mut header = vec!["id".to_owned()];
                header.extend_from_slice(&self.features[columns.clone()]);
                header.extend(labelled.then(|| self.label.clone()));
                let rows = kept
                    .into_iter()
                    .map(|row| {
                        let mut fields = vec![row.id.clone()];
                        fields.extend_from_slice(&row.features[columns.clone()]);
                        fields.extend(labelled.then(|| row.label.clone()));
                        fields
                    })
                    .collect();
                Part { header, rows }
            })
            .collect()
    }
}

impl Part {
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Number of feature columns (`labelled`: the last column is none).
    pub(crate) fn features(&self, labelled: bool) -> usize {
        self.header.len() - 1 - usize::from(labelled)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        write_atomically(path, Access::Shared, |file| {
            let mut writer = csv::Writer::from_writer(file);
            let written = writer
                .write_record(&self.header)
                .and_then(|()| self.rows.iter().try_for_each(|row| writer.write_record(row)))
                .and_then(|()| writer.flush().map_err(csv::Error::from));
            written.map_err(|failure| Error::file("write", path, std::io::Error::other(failure.to_string())))
        })
    }
}

/// Repeatable numbers for sample data (SplitMix64); nothing secret ever comes from here.
struct Numbers(u64);

impl Numbers {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// From the normal distribution with mean 0 and deviation 1 (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_has_its_known_shape() {
        let table = Pooled::breast_cancer().unwrap();
        assert_eq!((table.rows(), table.features()), (569, 30));
        assert_eq!(table.rows.iter().filter(|row| row.label == "1").count(), 212);
        assert_eq!(table.label, "malignant");
    }

    #[test]
    fn the_split_is_repeatable_and_deals_out_every_column_once() {
        let table = Pooled::generated(200, 7);
        let parts = table.split(2);
        assert_eq!(parts[0].features(false) + parts[1].features(true), 7);
        assert_eq!(parts[1].header.last().unwrap(), "label");
        for (part, again) in parts.iter().zip(table.split(2)) {
            assert_eq!(part.rows, again.rows);
            assert!(part.rows() < 200 && part.rows() > 170);
        }
        let order = |part: &Part| part.rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>();
        assert_ne!(order(&parts[0])[..20], order(&parts[1])[..20]);
    }
}
