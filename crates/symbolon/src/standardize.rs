//! Standardisation of a party's own columns, with nobody's help: (x − mean) / deviation.

use serde::{Deserialize, Serialize};

use crate::table::Columns;

/// One of a party's features: its column's name and how its values are brought to the scale of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Feature {
    /// The column.
    pub name: String,
    /// Subtracted from every value (0 if the column is used as it is).
    pub mean: f64,
    /// What the difference is divided by (1 if the column is used as it is, or is constant).
    pub deviation: f64,
}

impl Feature {
    /// Whether values can be scaled by it.
    pub fn is_usable(&self) -> bool {
        self.mean.is_finite() && self.deviation.is_finite() && self.deviation > 0.0
    }

    fn scale(&self, value: f64) -> f32 {
        ((value - self.mean) / self.deviation) as f32
    }
}

/// Mean and population standard deviation of every column; 0 and 1 if `standardize` is false.
pub fn features(columns: &Columns, standardize: bool) -> Vec<Feature> {
    let width = columns.names.len();
    columns
        .names
        .iter()
        .enumerate()
        .map(|(column, name)| {
            if !standardize {
                return Feature { name: name.clone(), mean: 0.0, deviation: 1.0 };
            }
            let values = || columns.values.iter().skip(column).step_by(width.max(1));
            let count = columns.rows.max(1) as f64;
            let mean = values().map(|value| value / count).sum::<f64>();
            let variance = values().map(|value| (value - mean) * (value - mean) / count).sum::<f64>();
            let deviation = variance.sqrt();
            // A constant column says nothing: it becomes zeros. So does one whose spread is only rounding.
            let constant = !(deviation > mean.abs() * 1e-12 && deviation.is_normal());
            Feature { name: name.clone(), mean, deviation: if constant { 1.0 } else { deviation } }
        })
        .collect()
}

/// The columns brought to the model's scale, as the float32 values that enter the protocol.
pub fn apply(columns: &Columns, features: &[Feature]) -> Vec<f32> {
    let width = features.len().max(1);
    let mut scaled = Vec::with_capacity(columns.values.len());
    for row in columns.values.chunks(width) {
        scaled.extend(row.iter().zip(features).map(|(x, f)| f.scale(*x)));
    }
    scaled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(values: Vec<f64>) -> Columns {
        Columns { names: vec!["a".into(), "b".into()], rows: values.len() / 2, values }
    }

    #[test]
    fn a_standardised_column_has_mean_zero_and_deviation_one() {
        let table = columns(vec![1.0, 5.0, 2.0, 5.0, 3.0, 5.0, 6.0, 5.0]);
        let features = features(&table, true);
        let scaled = apply(&table, &features);
        let a: Vec<f32> = scaled.iter().step_by(2).copied().collect();
        assert!((a.iter().sum::<f32>()).abs() < 1e-6);
        assert!((a.iter().map(|x| x * x).sum::<f32>() / 4.0 - 1.0).abs() < 1e-6);
        assert!(scaled.iter().skip(1).step_by(2).all(|x| *x == 0.0), "a constant column becomes zeros");
    }

    #[test]
    fn without_standardisation_values_stay() {
        let table = columns(vec![1.0, 5.0, 2.0, -5.0]);
        assert_eq!(apply(&table, &features(&table, false)), [1.0, 5.0, 2.0, -5.0]);
    }
}
