//! A table, and logistic regression on it in double precision: what the parties' result is held against.

use serde_json::Value;
use symbolon_ring::{Matrix, Ring};

/// Aligned rows: all columns, rank 0's first, and the labels.
pub(in crate::interop) struct Table {
    pub(super) features: Vec<Vec<f32>>,
    pub(in crate::interop) labels: Vec<f32>,
    widths: [usize; 2],
}

impl Table {
    /// The same numbers whenever it is called: features within -1.5..1.5, labels that depend on them.
    pub(super) fn new(samples: usize, widths: [usize; 2]) -> Self {
        let mut state = 0x9e37_79b9_u32;
        let mut draw = || {
            // A linear congruential generator; the upper bits are good enough for a table.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24)
        };
        let width = widths[0] + widths[1];
        let features: Vec<Vec<f32>> =
            (0..samples).map(|_| (0..width).map(|_| (draw() * 3.0 - 1.5) as f32).collect()).collect();
        let labels = features
            .iter()
            .map(|row| {
                let score: f32 =
                    row.iter().zip([1.0, -0.5, 0.75, -1.0, 0.25].iter().cycle()).map(|(x, w)| x * w).sum();
                if f64::from(score) + draw() > 0.5 { 1.0 } else { 0.0 }
            })
            .collect();
        Self { features, labels, widths }
    }

    /// The columns of a rank.
    pub(in crate::interop) fn columns_of(&self, rank: usize) -> Vec<&[f32]> {
        self.features
            .iter()
            .map(|row| row.split_at(self.widths[0]))
            .map(|(a, b)| if rank == 0 { a } else { b })
            .collect()
    }
}

/// Mini-batch descent in double precision: the weights, the bias last. The last partial batch is not used.
pub(super) fn train(table: &Table, batch: usize, epochs: u64, step: f64, l2: f64) -> Vec<f64> {
    let rows: Vec<Vec<f64>> =
        table.features.iter().map(|row| row.iter().map(|&x| f64::from(x)).chain([1.0]).collect()).collect();
    let width = rows.first().map_or(0, Vec::len);
    let mut w = vec![0.0; width];
    for _ in 0..epochs {
        for (rows, labels) in rows.chunks_exact(batch).zip(table.labels.chunks_exact(batch)) {
            let mut gradient: Vec<f64> = w.iter().map(|weight| l2 * weight).collect();
            if let Some(bias) = gradient.last_mut() {
                *bias = 0.0;
            }
            for (row, label) in rows.iter().zip(labels) {
                let z: f64 = row.iter().zip(&w).map(|(x, weight)| x * weight).sum();
                let error = 0.5 + 0.125 * z - f64::from(*label);
                gradient.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * error);
            }
            w.iter_mut().zip(&gradient).for_each(|(weight, slope)| *weight -= step * slope);
        }
    }
    w
}

/// The numbers under `key` of a report.
pub(super) fn numbers(report: Option<&Value>, key: &str) -> Result<Vec<f64>, String> {
    let list = report.and_then(|report| report.get(key)).and_then(Value::as_array);
    let list = list.ok_or_else(|| format!("no {key} were told"))?;
    Ok(list.iter().filter_map(Value::as_f64).collect())
}

/// The ring elements under `half` of a report.
pub(super) fn half<R: Ring>(report: Option<&Value>) -> Result<Vec<R>, String> {
    let hex =
        report.and_then(|report| report.get("half")).and_then(Value::as_str).ok_or("no half was told")?;
    let digit = |at: usize| hex.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(digit).collect::<Option<_>>().ok_or("the half is no hex")?;
    let matrix =
        Matrix::<R>::from_le_bytes(bytes.len() / R::BYTES, 1, &bytes).map_err(|error| error.to_string())?;
    Ok(matrix.into_vec())
}
