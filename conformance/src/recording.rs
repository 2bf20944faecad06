//! The project's own format for a recorded two-party run.
//!
//! A recording holds everything that a replay needs: what was agreed or proposed, every party's inputs
//! and secrets, every message on the link in order of arrival, every request to the dealer, and the
//! outcome. Messages are kept as the bytes of the `PushRequest`, so nothing is said twice.

use std::collections::BTreeMap;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use symbolon_curve::SecretScalar;
use symbolon_dialect::Dialect;
use symbolon_handshake::{CurveType, EcSuite, HashToCurveStrategy, HashType, PointOctetFormat};
use symbolon_prg::Seed;
use symbolon_semi2k::SessionSeeds;

use crate::ConformanceError;

/// The value of [`Recording::format`].
pub const FORMAT: &str = "symbolon-recording/1";

/// A recorded run of two parties.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Always [`FORMAT`].
    pub format: String,
    /// Permanent name, `implementation/case`.
    pub id: String,
    /// Where the recording comes from.
    pub source: Source,
    /// How the recorded implementation reads the disputed points.
    pub dialect: Dialect,
    /// Name of the link's channel.
    pub channel: String,
    /// Largest value sent in one piece, in bytes, where it was not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk_size: Option<usize>,
    /// What was run.
    pub run: Run,
    /// The two parties, by rank.
    pub parties: Vec<Party>,
    /// Every `Push`, in order of arrival.
    pub messages: Vec<Message>,
    /// The private key (PEM) of the recorded dealer, to whose public half the parties sealed their seeds. Made for the
    /// recording; absent where there was no such dealer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dealer_key: Option<String>,
    /// Every request to the dealer, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dealer: Vec<DealerExchange>,
}

/// Provenance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Which program ran, in words.
    pub implementation: String,
    /// Its versions (package version or commit), by component.
    pub versions: BTreeMap<String, String>,
    /// How the run was recorded and what is special about it.
    pub note: String,
    /// The command that renews the recording, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The day of the recording, year-month-day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

/// What was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "algorithm", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Run {
    /// SS-LR.
    Lr(LrRun),
    /// ECDH-PSI.
    Psi(PsiRun),
}

/// Parameters of an SS-LR run, alike at both parties unless they are in [`LrParty`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LrRun {
    /// Whether the parties agreed the parameters over the link.
    pub handshake: bool,
    /// Whether the run ends with the reference's inference over all samples.
    pub reference_inference: bool,
    /// Whether the run ends with opening the weights to both parties.
    pub reveal_weights: bool,
    /// Rounds over all batches.
    pub epochs: u64,
    /// Samples per batch.
    pub batch_size: u64,
    /// Step size before division by the batch size.
    pub learning_rate: f64,
    /// L2 penalty.
    pub l2: f64,
    /// The step size as a ring element, where the recorded driver passed it in as a constant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
}

/// Parameters of a PSI run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PsiRun {
    /// Points in a batch.
    pub batch_size: usize,
}

/// One party: what it was told, what it knew, what it got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Its rank; equals its place in [`Recording::parties`].
    pub rank: usize,
    /// The version in its handshake messages.
    pub handshake_version: i32,
    /// Its side of the algorithm.
    pub side: Side,
}

/// A party's side of the algorithm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// SS-LR.
    Lr(Box<LrParty>),
    /// ECDH-PSI.
    Psi(Box<PsiParty>),
}

/// A party of an SS-LR run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LrParty {
    /// Width of the ring: 32, 64 or 128.
    pub ring_bits: u32,
    /// Fraction bits of fixed-point numbers.
    pub fraction_bits: u32,
    /// The dealer's address in rank 0's response, as text.
    pub dealer_host: String,
    /// Which rank asks the dealer.
    pub adjust_rank: u32,
    /// Own columns, a row per sample.
    pub features: Vec<Vec<f32>>,
    /// The labels, at the party (or, in a refused run, parties) that has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<f32>>,
    /// Threads announced in session set-up. Absent when the run was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<i32>,
    /// Seeds. Absent when the run was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<LrSeeds>,
    /// What the party reports.
    pub outcome: LrOutcome,
}

/// The seeds of one party; hex of the bytes as used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LrSeeds {
    /// Its part of the public seed: 16 bytes, a little-endian integer.
    pub public: String,
    /// Its pairwise seed, sent to the previous rank: 16 bytes.
    pub pairwise: String,
    /// Its dealer seed: 16 bytes.
    pub dealer: String,
    /// The dealer seed as encrypted for the dealer, which the party sends to the other: base64.
    pub sealed_dealer: String,
}

impl LrSeeds {
    /// The seeds as a session takes them.
    ///
    /// # Errors
    /// A seed that is no hex of 16 bytes.
    pub fn to_session(&self) -> Result<SessionSeeds, ConformanceError> {
        Ok(SessionSeeds {
            public_share: u128::from_le_bytes(decode_hex("public", &self.public)?),
            pairwise: Seed::from_bytes(decode_hex("pairwise", &self.pairwise)?),
            dealer: Seed::from_bytes(decode_hex("dealer", &self.dealer)?),
            sealed_dealer: Some(decode_base64("sealed_dealer", &self.sealed_dealer)?.into()),
        })
    }
}

/// The outcome of SS-LR at one party.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum LrOutcome {
    /// The handshake ended with this refusal.
    Refused(Refusal),
    /// Its half of the weights: hex of each ring element's little-endian bytes.
    Half(Vec<String>),
    /// The weights were opened to both: decoded values.
    Revealed(Vec<f64>),
}

/// A party of a PSI run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PsiParty {
    /// The proposed curve, as in `CurveType`.
    pub curve: i32,
    /// The proposed hash, as in `HashType`.
    pub hash: i32,
    /// The proposed map to the curve, as in `HashToCurveStrategy`.
    pub map: i32,
    /// The proposed encoding, as in `PointOctetFormat`.
    pub point_format: i32,
    /// Who learns the intersection: -1 for all, else a rank.
    pub result_to_rank: i32,
    /// Own ids, in the order of the file.
    pub ids: Vec<String>,
    /// The secret scalar before reduction and clamping: hex, little-endian. Absent when the run was
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What the party reports.
    pub outcome: PsiOutcome,
}

impl PsiParty {
    /// The proposed suite.
    ///
    /// # Errors
    /// A number that the protocol does not have.
    pub fn suite(&self) -> Result<EcSuite, ConformanceError> {
        let unknown = |error: prost::UnknownEnumValue| ConformanceError::Recording(error.to_string());
        Ok(EcSuite {
            curve: CurveType::try_from(self.curve).map_err(unknown)?,
            hash: HashType::try_from(self.hash).map_err(unknown)?,
            map: HashToCurveStrategy::try_from(self.map).map_err(unknown)?,
            format: PointOctetFormat::try_from(self.point_format).map_err(unknown)?,
        })
    }

    /// The secret scalar, unless the run was refused.
    ///
    /// # Errors
    /// A key that is no hex of 32 bytes, a suite that Symbolon does not have.
    pub fn scalar(&self) -> Result<Option<SecretScalar>, ConformanceError> {
        let Some(key) = &self.key else { return Ok(None) };
        let suite = self.suite()?.to_curve();
        let suite = suite.ok_or_else(|| ConformanceError::Recording("Symbolon has no such suite".into()))?;
        Ok(Some(SecretScalar::from_reference_key_le(suite.curve, &decode_hex::<32>("key", key)?)))
    }
}

/// The outcome of PSI at one party.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum PsiOutcome {
    /// The handshake ended with this refusal.
    Refused(Refusal),
    /// The intersection, in the order of the own file.
    Intersection(Vec<String>),
    /// The other party alone learned it.
    NotToldTo,
}

/// A refused handshake, as rank 0's response says it; absent fields where no response was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// `ResponseHeader.error_code`, if there was a response.
    pub code: Option<i32>,
    /// `ResponseHeader.error_msg`.
    pub text: Option<String>,
}

/// One `Push`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The sender.
    pub from: usize,
    /// The receiver.
    pub to: usize,
    /// The key, to read the file by; the bytes that count are in `request`.
    pub key: String,
    /// The serialised `PushRequest`, base64.
    pub request: String,
    /// The serialised `PushResponse`, base64; absent when the message was not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
}

impl Message {
    /// Bytes of the `PushRequest`.
    pub fn request_bytes(&self) -> Result<Vec<u8>, ConformanceError> {
        decode_base64("request", &self.request)
    }
}

/// One request to the dealer and its reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DealerExchange {
    /// The operation: `dot`, `mul`, …
    pub operation: String,
    /// Rows of A and of C, where the operation is a matrix product.
    pub m: usize,
    /// Columns of B and of C.
    pub n: usize,
    /// Columns of A, rows of B.
    pub k: usize,
    /// Bytes of a ring element.
    pub element_bytes: usize,
    /// Block counter and bytes of each of the streams' draws.
    pub draws: Vec<Draw>,
    /// The corrections, base64 of the elements' little-endian bytes.
    pub corrections: Vec<String>,
}

/// One draw from every party's dealer stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// Block counter at the start.
    pub counter: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl Recording {
    /// Reads a recording in the project's own format and checks that it is consistent.
    pub fn read(path: &Path) -> Result<Self, ConformanceError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConformanceError::File { path: path.into(), reason: error.to_string() })?;
        let recording: Self = serde_json::from_str(&text)
            .map_err(|error| ConformanceError::File { path: path.into(), reason: error.to_string() })?;
        recording
            .check()
            .map_err(|reason| ConformanceError::File { path: path.into(), reason: reason.to_string() })?;
        Ok(recording)
    }

    /// The file's text.
    pub fn to_json(&self) -> Result<String, ConformanceError> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| ConformanceError::Recording(error.to_string()))?;
        text.push('\n');
        Ok(text)
    }

    /// Checks what the types do not say.
    pub fn check(&self) -> Result<(), ConformanceError> {
        let fail = |text: String| Err(ConformanceError::Recording(text));
        if self.format != FORMAT {
            return fail(format!("format is {:?}, expected {FORMAT:?}", self.format));
        }
        if self.parties.len() != 2 {
            return fail(format!("{} parties, expected 2", self.parties.len()));
        }
        for (rank, party) in self.parties.iter().enumerate() {
            if party.rank != rank {
                return fail(format!("party {rank} says its rank is {}", party.rank));
            }
            match (&self.run, &party.side) {
                (Run::Lr(_), Side::Lr(_)) | (Run::Psi(_), Side::Psi(_)) => {}
                _ => return fail(format!("party {rank} is of another algorithm than the run")),
            }
        }
        for (place, message) in self.messages.iter().enumerate() {
            let frame = crate::frame::decode(&message.request_bytes()?)?;
            if frame.key != message.key || frame.sender != message.from as u64 || message.from == message.to {
                return fail(format!("message {place}: the request's key or sender differ from the file's"));
            }
        }
        Ok(())
    }
}

/// Decodes base64, naming the field in the error.
pub(crate) fn decode_base64(field: &str, text: &str) -> Result<Vec<u8>, ConformanceError> {
    BASE64_STANDARD
        .decode(text)
        .map_err(|error| ConformanceError::Recording(format!("{field} is not base64: {error}")))
}

/// Decodes hex of `N` bytes, naming the field in the error.
pub(crate) fn decode_hex<const N: usize>(field: &str, text: &str) -> Result<[u8; N], ConformanceError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|error| {
        ConformanceError::Recording(format!("{field}: expected {N} bytes of hex: {error}"))
    })?;
    Ok(bytes)
}
