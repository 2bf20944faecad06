//! The part of a party's table that enters a regression: features, and labels if it has them.

use symbolon_ring::Field;

use crate::config::DataConfig;
use crate::error::{Error, Result};
use crate::standardize::{self, Feature};
use crate::table::{Columns, Table};

/// Features and labels of a table's rows, as numbers.
pub struct Dataset<'a> {
    table: &'a Table,
    columns: Columns,
    labels: Option<Vec<f32>>,
}

impl<'a> Dataset<'a> {
    /// Takes the configured columns of `table`.
    ///
    /// # Errors
    /// [`Error::OurTable`] if a column is missing or a value is no number (or no label);
    /// [`Error::Config`] if no feature is left.
    pub fn new(table: &'a Table, config: &DataConfig) -> Result<Self> {
        let labels = config.label.as_deref().map(|label| table.labels(label)).transpose()?;
        let columns = table.numbers(&feature_names(table, config)?)?;
        Ok(Self { table, columns, labels })
    }

    /// Takes the columns that a model was trained on, by name, and the labels if there are any.
    ///
    /// # Errors
    /// [`Error::OurTable`] if a column is missing or a value is no number.
    pub fn of_model(table: &'a Table, features: &[Feature], label: Option<&str>) -> Result<Self> {
        // Labels are wanted for an evaluation only: rows to be scored need not have them.
        let labels = label.filter(|label| table.names().any(|name| name == label));
        let labels = labels.map(|label| table.labels(label)).transpose()?;
        let names: Vec<String> = features.iter().map(|feature| feature.name.clone()).collect();
        Ok(Self { table, columns: table.numbers(&names)?, labels })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.rows
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.columns.names.len()
    }

    /// The labels, if this party has them.
    pub fn labels(&self) -> Option<&[f32]> {
        self.labels.as_deref()
    }

    /// Mean and deviation of every column; 0 and 1 unless `standardize`.
    pub fn features(&self, standardize: bool) -> Vec<Feature> {
        standardize::features(&self.columns, standardize)
    }

    /// The values on the model's scale, row-major, each small enough for the ring.
    ///
    /// # Errors
    /// [`Error::OurTable`] with line and column of the first value out of range.
    pub fn scaled(&self, features: &[Feature], field: Field, fraction_bits: u32) -> Result<Vec<f32>> {
        let values = standardize::apply(&self.columns, features);
        // What fixed-point encoding accepts: |x| · 2^f < 2^(k-2).
        let exponent = field.bits().saturating_sub(2).saturating_sub(fraction_bits);
        let limit = 2.0_f64.powi(i32::try_from(exponent).unwrap_or(i32::MAX));
        let fits = |value: &f32| f64::from(*value).abs() < limit;
        // Without a branch for each; NaN does not fit.
        if values.iter().fold(true, |all, value| all & fits(value)) {
            return Ok(values);
        }
        match values.iter().position(|value| !fits(value)) {
            None => Ok(values),
            Some(at) => {
                let (row, column) = (at / self.width(), at % self.width());
                let column =
                    self.columns.names.get(column).map(|name| self.table.column(name)).transpose()?;
                Err(self.table.wrong(
                    row,
                    column.unwrap_or_default(),
                    &format!(
                        "the value is out of range: with {fraction_bits} fraction bits in ring {} magnitudes must be \
                         below 2^{exponent}; standardise the column, or use fewer fraction bits or a larger ring",
                        field.bits()
                    ),
                ))
            }
        }
    }
}

fn feature_names(table: &Table, config: &DataConfig) -> Result<Vec<String>> {
    let names = match &config.features {
        Some(features) => features.clone(),
        None => {
            for name in &config.exclude {
                table.column(name)?;
            }
            let other = |name: &String| {
                !config.id.contains(name)
                    && Some(name) != config.label.as_ref()
                    && !config.exclude.contains(name)
            };
            table.names().filter(|name| other(name)).cloned().collect()
        }
    };
    if names.is_empty() {
        return Err(Error::Config(format!(
            "{} has no feature column: each party needs at least one besides id, label and excluded columns",
            table.file().display()
        )));
    }
    Ok(names)
}
