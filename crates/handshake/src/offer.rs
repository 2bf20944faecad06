//! What this party proposes: what it supports, the shape of its data, and its own wishes.

use std::ops::RangeInclusive;

use symbolon_dialect::{DealerDialect, Dialect};
use symbolon_prg::Cipher;
use symbolon_ring::Field;

use crate::{
    error::HandshakeError,
    plan::{DealerPlan, SESSION_ID_LONGEST, is_session_id},
    terms::{Coded, EcSuite, Optimizer, Protocol, Purpose, ResultTo, SigmoidMode, Truncation, fits},
};

/// What this party offers for logistic regression.
///
/// Lists are in order of preference; rank 0's preference decides among what all parties offer. The
/// numbers that the protocol lets rank 0 choose alone (step size, epochs, batch size, penalty, fraction
/// bits, dealer) are used from rank 0's offer; at the other ranks they are what the local policy compares
/// the decision with.
#[derive(Debug, Clone, PartialEq)]
pub struct LrOffer {
    /// Training or prediction.
    pub purpose: Purpose,
    /// Rows of the own table; every party must have as many.
    pub samples: u64,
    /// Columns of the own table, labels not counted. At least 1.
    pub features: u32,
    /// Training: this party holds the labels. Prediction: this party gets the scores.
    pub has_label: bool,
    /// Step size, finite and positive.
    pub optimizer: Optimizer,
    /// Passes over the rows; 0 for prediction.
    pub epochs: u64,
    /// Rows of one step; 1 to `samples`.
    pub batch_size: u64,
    /// L2 penalty, finite and not negative; offered to the others when it is not 0.
    pub l2: f64,
    /// Sigmoid approximations.
    pub sigmoids: Vec<SigmoidMode>,
    /// Secret-sharing protocols.
    pub protocols: Vec<Protocol>,
    /// Rings.
    pub fields: Vec<Field>,
    /// Truncation modes.
    pub truncations: Vec<Truncation>,
    /// Ciphers of the random streams.
    pub ciphers: Vec<Cipher>,
    /// Fraction bits of fixed-point numbers.
    pub fraction_bits: u32,
    /// The dealer as this party knows it; its `version` is the preferred one.
    pub dealer: DealerPlan,
    /// Further versions of the dealer's service that this party can speak.
    pub other_dealer_versions: Vec<i32>,
}

impl LrOffer {
    /// The dealer's versions, preferred first.
    pub(crate) fn dealer_versions(&self) -> Vec<i32> {
        let mut versions = vec![self.dealer.version];
        versions.extend(self.other_dealer_versions.iter().filter(|version| **version != self.dealer.version));
        versions
    }

    /// Checks the offer itself.
    ///
    /// # Errors
    /// [`HandshakeError::Config`], which names the item.
    pub fn validate(&self, rank: usize, world_size: usize, dialect: &Dialect) -> Result<(), HandshakeError> {
        let config = |item: &'static str, reason: String| Err(HandshakeError::Config { item, reason });
        if world_size < 2 || rank >= world_size {
            return config("rank", format!("rank {rank} of {world_size} parties"));
        }
        if i64::try_from(self.samples).is_err() || self.samples == 0 {
            return config("samples", format!("{} rows cannot be used", self.samples));
        }
        if i32::try_from(self.features).is_err() || self.features == 0 {
            return config("features", format!("{} columns cannot be used", self.features));
        }
        let rate = self.optimizer.learning_rate();
        if !(rate.is_finite() && rate > 0.0) {
            return config("learning rate", format!("{rate} is not a positive number"));
        }
        if !(self.l2.is_finite() && self.l2 >= 0.0) {
            return config("L2 penalty", format!("{} is not a number of at least 0", self.l2));
        }
        match self.purpose {
            Purpose::Train if self.epochs == 0 => {
                return config("epochs", "training needs at least 1".into());
            }
            Purpose::Predict if self.epochs != 0 => {
                return config("epochs", "prediction has none: set 0".into());
            }
            _ => {}
        }
        if i64::try_from(self.epochs).is_err() || i64::try_from(self.batch_size).is_err() {
            return config("epochs", "epochs and batch size must fit into 63 bits".into());
        }
        if self.batch_size == 0 || (self.purpose == Purpose::Train && self.batch_size > self.samples) {
            let (batch, rows) = (self.batch_size, self.samples);
            return config(
                "batch size",
                format!("{batch} of {rows} rows: it must be 1 to the number of rows"),
            );
        }
        for (item, empty) in [
            ("sigmoid modes", self.sigmoids.is_empty()),
            ("protocols", self.protocols.is_empty()),
            ("fields", self.fields.is_empty()),
            ("truncation modes", self.truncations.is_empty()),
            ("ciphers", self.ciphers.is_empty()),
        ] {
            if empty {
                return config(item, "nothing is offered".into());
            }
        }
        if let Some(mode) = self.sigmoids.iter().find(|mode| mode.code().is_none()) {
            return config(
                "sigmoid modes",
                format!("{mode:?} has no number in the protocol (erratum E24): it cannot be negotiated"),
            );
        }
        for &field in &self.fields {
            if let Err(error) = fits(field, self.fraction_bits) {
                return config("fraction bits", error.to_string());
            }
        }
        if self.dealer_versions().iter().any(|&version| version <= 0) {
            return config("dealer version", "versions are positive".into());
        }
        self.dealer.validate(rank, world_size, dialect)
    }
}

impl DealerPlan {
    /// Checks the dealer as configured. Only rank 0's decides, so only there all of it must be set.
    fn validate(&self, rank: usize, world_size: usize, dialect: &Dialect) -> Result<(), HandshakeError> {
        let config = |item: &'static str, reason: String| Err(HandshakeError::Config { item, reason });
        if self.adjust_rank >= world_size {
            return config("adjust rank", format!("rank {} of {world_size} parties", self.adjust_rank));
        }
        if !self.session_id.is_empty() && !is_session_id(&self.session_id) {
            let longest = SESSION_ID_LONGEST;
            return config("dealer session", format!("1 to {longest} of A-Z, a-z, 0-9, _ and - are allowed"));
        }
        if rank == 0 && self.session_id.is_empty() && dialect.dealer == DealerDialect::Interconnection {
            return config(
                "dealer session",
                "the dealer needs a session id; rank 0 has to choose one".into(),
            );
        }
        Ok(())
    }
}

/// What this party offers for private set intersection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PsiOffer {
    /// Size of the own set: the peer always learns it.
    pub items: u64,
    /// Suites that this party can run, preferred first. On the wire suites and point formats are two lists; only
    /// combinations listed here are agreed to.
    pub suites: Vec<EcSuite>,
    /// Shorten doubly masked points to this many bits if every party offers to. Rank 0 raises the number to
    /// what the sizes of the sets need, in whole bytes. `None` sends whole points.
    pub truncate_bits: Option<u32>,
    /// The statistical level, within [`PsiOffer::STATISTICAL_BITS`]: points shortened to fewer than
    /// ⌈log2 a⌉ + ⌈log2 b⌉ + this many bits, for sets of a and b, are not agreed to. The protocol does not carry it:
    /// each party has its own.
    pub statistical_bits: u32,
    /// Who learns the intersection; all parties must offer the same.
    pub result_to: ResultTo,
}

impl PsiOffer {
    /// The statistical levels that can be set. The lowest, 30, is what PPCA 9-2023 asks of everybody and the default;
    /// beyond 128 bits the curves themselves are the weaker part.
    pub const STATISTICAL_BITS: RangeInclusive<u32> = 30..=128;

    /// Checks the offer itself.
    ///
    /// # Errors
    /// [`HandshakeError::Config`], which names the item.
    pub fn validate(&self, rank: usize, world_size: usize) -> Result<(), HandshakeError> {
        let config = |item: &'static str, reason: String| Err(HandshakeError::Config { item, reason });
        if world_size < 2 || rank >= world_size {
            return config("rank", format!("rank {rank} of {world_size} parties"));
        }
        if i64::try_from(self.items).is_err() {
            return config("items", format!("{} items are too many", self.items));
        }
        if self.suites.is_empty() || !self.suites.iter().all(|suite| suite.is_specified()) {
            return config("suites", "at least one suite, with every part specified, must be offered".into());
        }
        if let Some(suite) = self.suites.iter().find(|suite| !suite.is_implemented()) {
            return config("suites", format!("{suite} is not implemented"));
        }
        if self.truncate_bits.is_some_and(|bits| bits == 0 || bits > 256) {
            return config("truncation", "a point has 1 to 256 bits".into());
        }
        if !Self::STATISTICAL_BITS.contains(&self.statistical_bits) {
            let (least, most) = (Self::STATISTICAL_BITS.start(), Self::STATISTICAL_BITS.end());
            let reason = format!("{} bits; it must be {least} to {most}", self.statistical_bits);
            return config("statistical level", reason);
        }
        match self.result_to {
            ResultTo::Rank(rank) if rank >= world_size => {
                config("result rank", format!("rank {rank} of {world_size} parties"))
            }
            _ => Ok(()),
        }
    }
}
