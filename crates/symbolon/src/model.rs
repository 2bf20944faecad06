//! The model half: what a party keeps of a trained model.
//!
//! A JSON file, readable by its owner only. The weights w = w₀ + w₁ (mod 2^k) exist nowhere; each
//! party's file has its own addend, the names and the standardisation of its own columns, and the
//! facts of the run that the other half must share. Loading checks every field; the two halves of one
//! run carry the same run id.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use symbolon_ring::{Field, Matrix, Ring};

use crate::error::{Error, Result};
use crate::output::{Access, write_atomically};
use crate::standardize::Feature;

/// The value of `format` in every model half.
pub const FORMAT: &str = "symbolon-model-half";
/// The version of the file format that this program writes and reads.
pub const VERSION: u32 = 1;

/// One party's half of a trained logistic regression.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ModelHalf {
    /// Always [`FORMAT`].
    pub format: String,
    /// Always [`VERSION`].
    pub version: u32,
    /// The run that made it; equal in both halves of a model.
    pub run: String,
    /// The rank of the party that holds this half.
    pub rank: usize,
    /// The number of parties, hence of halves.
    pub world_size: usize,
    /// Width of the ring in bits: 32, 64 or 128.
    pub field: u32,
    /// Fraction bits of the fixed-point weights.
    pub fraction_bits: u32,
    /// The rank that had the label in training.
    pub label_rank: usize,
    /// Number of features of every rank, in the order of the weights; the bias comes last.
    pub features_per_rank: Vec<u32>,
    /// This party's own features, in the order of its weights.
    pub features: Vec<Feature>,
    /// How the model was trained, for people.
    pub training: Training,
    /// This party's share of the weights and the bias: base64 of little-endian ring elements.
    pub share: String,
}

/// The training parameters that a model half records for its reader; they are not used again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Training {
    /// Number of aligned rows.
    pub samples: u64,
    /// Passes over the rows.
    pub epochs: u64,
    /// Rows per step.
    pub batch_size: u64,
    /// The step size asked for.
    pub learning_rate: f64,
    /// The L2 coefficient.
    pub l2: f64,
    /// The approximation of the sigmoid.
    pub sigmoid: String,
    /// The dialect's preset.
    pub dialect: String,
}

impl fmt::Debug for ModelHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelHalf")
            .field("run", &self.run)
            .field("rank", &self.rank)
            .field("field", &self.field)
            .field("fraction_bits", &self.fraction_bits)
            .field("features_per_rank", &self.features_per_rank)
            .finish_non_exhaustive()
    }
}

impl ModelHalf {
    /// The text form of a share of the weights, for [`ModelHalf::share`].
    pub fn encode_share<R: Ring>(share: &Matrix<R>) -> String {
        BASE64.encode(share.to_le_bytes())
    }

    /// The share as a column of `1 + Σ features_per_rank` ring elements.
    ///
    /// # Errors
    /// [`Error::OurModel`] if the file's share is not of that shape or the ring is another.
    pub fn decode_share<R: Ring>(&self, path: &Path) -> Result<Matrix<R>> {
        let wrong = |problem: String| Error::OurModel { path: path.to_owned(), problem };
        if R::BITS != self.field {
            return Err(wrong(format!(
                "the model is over ring {}, the plan over ring {}",
                self.field,
                R::BITS
            )));
        }
        let rows = self.weights().ok_or_else(|| wrong("`features-per-rank` is too large".into()))?;
        let bytes = BASE64
            .decode(&self.share)
            .map_err(|_| wrong("`share` is not base64: the file is damaged, train again".into()))?;
        Matrix::from_le_bytes(rows, 1, &bytes).map_err(|_| {
            wrong(format!(
                "`share` has {} bytes where {rows} elements of ring {} are expected: the file is damaged",
                bytes.len(),
                self.field
            ))
        })
    }

    /// Number of weights with the bias.
    fn weights(&self) -> Option<usize> {
        let features: u64 = self.features_per_rank.iter().map(|&count| u64::from(count)).sum();
        usize::try_from(features).ok()?.checked_add(1)
    }

    /// Reads and checks a model half.
    ///
    /// # Errors
    /// [`Error::OurFile`], or [`Error::OurModel`] naming the field that contradicts the others.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|source| Error::file("read", path, source))?;
        let wrong = |problem: String| Error::OurModel { path: path.to_owned(), problem };
        let model: Self = serde_json::from_slice(&text)
            .map_err(|failure| wrong(format!("not a model half of this program: {failure}")))?;
        if model.format != FORMAT {
            return Err(wrong(format!("`format` is not `{FORMAT}`: this is not a model half")));
        }
        if model.version != VERSION {
            return Err(wrong(format!(
                "format version {}, this program reads version {VERSION}",
                model.version
            )));
        }
        let field = Field::from_bits(model.field).ok();
        if field.is_none() {
            return Err(wrong(format!("`field` is {}, must be 32, 64 or 128", model.field)));
        }
        if model.world_size < 2 || model.features_per_rank.len() != model.world_size {
            return Err(wrong("`features-per-rank` must have one entry per party".into()));
        }
        if model.rank >= model.world_size || model.label_rank >= model.world_size {
            return Err(wrong("`rank` and `label-rank` must be below `world-size`".into()));
        }
        let own = model.features_per_rank.get(model.rank).copied().unwrap_or_default();
        if usize::try_from(own) != Ok(model.features.len()) {
            return Err(wrong(format!(
                "`features` has {} entries, `features-per-rank` says {own}",
                model.features.len()
            )));
        }
        if model.features.iter().any(|feature| !feature.is_usable()) {
            return Err(wrong(
                "`features` has a mean or deviation that is no finite, positive number".into(),
            ));
        }
        match field {
            Some(Field::Ring32) => model.decode_share::<u32>(path).map(drop)?,
            Some(Field::Ring64) => model.decode_share::<u64>(path).map(drop)?,
            _ => model.decode_share::<u128>(path).map(drop)?,
        }
        Ok(model)
    }

    /// Writes the model half, whole or not at all, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::OurFile`].
    pub fn write(&self, path: &Path) -> Result<()> {
        write_atomically(path, Access::OwnerOnly, |file| {
            serde_json::to_writer_pretty(&mut *file, self)
                .map_err(|failure| Error::file("write", path, failure.into()))?;
            file.write_all(b"\n").map_err(|source| Error::file("write", path, source))
        })
    }
}
