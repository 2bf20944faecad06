//! What the parties agreed on.

use serde::{Serialize, Serializer};
use symbolon_dialect::Dialect;
use symbolon_prg::Cipher;
use symbolon_ring::{Field, FixedPoint};

use crate::{
    error::HandshakeError,
    terms::{EcSuite, Optimizer, Protocol, Purpose, ResultTo, SigmoidMode, Truncation},
};

/// Characters of the longest dealer session id.
pub(crate) const SESSION_ID_LONGEST: usize = 64;

/// Whether `text` is 1 to 64 of `A-Z a-z 0-9 _ -`.
pub(crate) fn is_session_id(text: &str) -> bool {
    (1..=SESSION_ID_LONGEST).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The outcome of a handshake.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "algorithm", rename_all = "kebab-case")]
pub enum Plan {
    /// Logistic regression.
    Lr(LrPlan),
    /// Private set intersection.
    Psi(PsiPlan),
}

/// The agreed training or prediction.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LrPlan {
    /// Every disputed point, as this party reads it.
    pub dialect: Dialect,
    /// Number of parties.
    pub world_size: usize,
    /// Training or prediction.
    pub purpose: Purpose,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Passes over the rows; 0 for prediction.
    pub epochs: u64,
    /// Rows of one step. Rows that fill no batch are left out.
    pub batch_size: u64,
    /// L2 penalty; 0 when not every party offered one.
    pub l2: f64,
    /// The sigmoid.
    pub sigmoid: SigmoidMode,
    /// The secret-sharing protocol.
    pub protocol: Protocol,
    /// The ring.
    #[serde(serialize_with = "field_bits")]
    pub field: Field,
    /// The truncation mode.
    pub truncation: Truncation,
    /// The cipher of the random streams.
    #[serde(serialize_with = "cipher_name")]
    pub prg: Cipher,
    /// Fraction bits of fixed-point numbers.
    pub fraction_bits: u32,
    /// The dealer.
    pub dealer: DealerPlan,
    /// Rows, the same at every party.
    pub samples: u64,
    /// Columns of each rank.
    pub features: Vec<u32>,
    /// Training: the rank with the labels. Prediction: the rank that gets the scores.
    pub label_rank: usize,
}

/// The agreed dealer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DealerPlan {
    /// Where the dealer listens, as text (`host:port`).
    pub host: String,
    /// The dealer's session; empty where its dialect has none.
    pub session_id: String,
    /// The rank that asks for corrections.
    pub adjust_rank: usize,
    /// Version of the dealer's service.
    pub version: i32,
}

/// The agreed intersection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PsiPlan {
    /// Every disputed point, as this party reads it.
    pub dialect: Dialect,
    /// Number of parties.
    pub world_size: usize,
    /// Curve, hash, map and point format.
    pub suite: EcSuite,
    /// Bits kept of a doubly masked point, if points are shortened.
    pub truncate_bits: Option<u32>,
    /// Who learns the intersection.
    pub result_to: ResultTo,
    /// Set sizes by rank, as far as this party knows them: the own one and those that a peer told.
    pub items: Vec<Option<u64>>,
}

/// Largest relative error of the step size that goes without a warning.
pub const STEP_TOLERANCE: f64 = 0.1;

impl LrPlan {
    /// The step that the optimizer multiplies the gradient with: exact, and as fixed point.
    ///
    /// The exact value is `learning_rate / batch_size`. The effective one is
    /// `trunc(encode(learning_rate) · encode(1 / batch_size)) · 2^-f` with both factors taken as `f32` and
    /// the product truncated by the dialect's rule (erratum E08), as every implementation computes it.
    ///
    /// # Errors
    /// [`HandshakeError::Config`] when the step size is too large to encode.
    pub fn effective_step(&self) -> Result<(f64, f64), HandshakeError> {
        let config = |reason: String| HandshakeError::Config { item: "learning rate", reason };
        let rate = self.optimizer.learning_rate();
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let (rate_f32, batch_f32, batch) = (rate as f32, self.batch_size as f32, self.batch_size as f64);
        // Computed in the widest ring, where nothing wraps that fits into the plan's ring.
        let fixed = FixedPoint::<u128>::new(self.fraction_bits).map_err(|error| config(error.to_string()))?;
        let encode = |value: f32| fixed.encode(value).map_err(|error| config(error.to_string()));
        let largest = 1u128 << (self.field.bits() - 1);
        let product = encode(rate_f32)?
            .checked_mul(encode(1.0 / batch_f32)?)
            .filter(|product| *product < largest)
            .ok_or_else(|| {
                config(format!(
                    "{rate} is too large for {} and {} fraction bits",
                    self.field, self.fraction_bits
                ))
            })?;
        Ok((rate / batch, fixed.decode(fixed.truncate_public(product, self.dialect.public_truncation))))
    }

    /// Whether the fraction bits distort the step size by more than [`STEP_TOLERANCE`].
    ///
    /// # Errors
    /// As [`LrPlan::effective_step`].
    pub fn step_is_coarse(&self) -> Result<bool, HandshakeError> {
        let (exact, effective) = self.effective_step()?;
        Ok((effective - exact).abs() > STEP_TOLERANCE * exact)
    }

    /// Columns of all parties.
    pub fn total_features(&self) -> usize {
        self.features.iter().map(|&features| usize::try_from(features).unwrap_or(usize::MAX)).sum()
    }
}

/// Writes a ring as its bits.
fn field_bits<S: Serializer>(field: &Field, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u32(field.bits())
}

/// Writes a cipher's name.
fn cipher_name<S: Serializer>(cipher: &Cipher, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match cipher {
        Cipher::Aes128 => "aes128-ctr",
        Cipher::Sm4 => "sm4-ctr",
    })
}
