//! Columns for trainings, as text for us and as floats for the peer.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

const BREAST_CANCER: &str = include_str!("../../../examples/breast-cancer/breast_cancer.csv");

/// A table, row-major, and its labels. Rank 0 has the first half of the columns and the labels.
pub(super) struct Columns {
    width: usize,
    values: Vec<f32>,
    labels: Vec<f32>,
}

/// The Wisconsin breast cancer data, each column with mean 0 and deviation 1.
pub(super) fn breast_cancer() -> Columns {
    let rows: Vec<Vec<f64>> = BREAST_CANCER
        .lines()
        .skip(1)
        .map(|line| line.split(',').skip(1).filter_map(|field| field.parse().ok()).collect())
        .collect();
    let width = rows.first().map_or(0, Vec::len) - 1;
    let count = rows.len() as f64;
    let column = |at: usize| rows.iter().map(move |row| row[at]);
    let scales: Vec<(f64, f64)> = (0..width)
        .map(|at| {
            let mean = column(at).sum::<f64>() / count;
            let variance = column(at).map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            (mean, variance.sqrt())
        })
        .collect();
    let values = rows.iter().flat_map(|row| {
        row.iter().zip(&scales).map(|(value, (mean, deviation))| short((value - mean) / deviation))
    });
    Columns { width, values: values.collect(), labels: rows.iter().map(|row| row[width] as f32).collect() }
}

/// `rows` of `width` normal values; the label follows a noisy line through them.
pub(super) fn generated(rows: usize, width: usize) -> Columns {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut uniform = move || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    // The sum of twelve uniform numbers is normal enough here.
    let mut normal = move || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    let weights: Vec<f64> = (0..width).map(|_| normal()).collect();
    let (mut values, mut labels) = (Vec::with_capacity(rows * width), Vec::with_capacity(rows));
    for _ in 0..rows {
        let mut score = normal();
        for weight in &weights {
            let value = short(normal());
            score += 2.0 * f64::from(value) * weight / (width as f64).sqrt();
            values.push(value);
        }
        labels.push(if score > 0.0 { 1.0 } else { 0.0 });
    }
    Columns { width, values, labels }
}

/// A value that text keeps as it is.
fn short(value: f64) -> f32 {
    (value * 1e4).round() as f32 / 1e4
}

impl Columns {
    pub(super) fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Columns of rank 0 and of rank 1.
    pub(super) fn split(&self) -> [usize; 2] {
        [self.width / 2, self.width - self.width / 2]
    }

    /// Writes `rank-0.csv`, `rank-1.csv` and the same columns as little-endian floats, `rank-0.f32`,
    /// `rank-1.f32` and `labels.f32`.
    pub(super) fn write(&self, folder: &Path) -> std::io::Result<()> {
        let [left, _] = self.split();
        for (rank, columns) in [0..left, left..self.width].into_iter().enumerate() {
            let create = |kind: &str| std::fs::File::create(folder.join(format!("rank-{rank}.{kind}")));
            let (mut text, mut raw) = (BufWriter::new(create("csv")?), BufWriter::new(create("f32")?));
            write!(text, "id")?;
            columns.clone().try_for_each(|column| write!(text, ",x{column}"))?;
            writeln!(text, "{}", if rank == 0 { ",label" } else { "" })?;
            for (row, (values, label)) in self.values.chunks_exact(self.width).zip(&self.labels).enumerate() {
                write!(text, "{row}")?;
                for value in values.get(columns.clone()).unwrap_or_default() {
                    write!(text, ",{value}")?;
                    raw.write_all(&value.to_le_bytes())?;
                }
                if rank == 0 {
                    write!(text, ",{label}")?;
                }
                writeln!(text)?;
            }
            text.flush()?;
            raw.flush()?;
        }
        let labels: Vec<u8> = self.labels.iter().flat_map(|label| label.to_le_bytes()).collect();
        std::fs::write(folder.join("labels.f32"), labels)
    }
}
