//! Every point on which the documents and the implementations of the interconnection protocols
//! disagree, as one value.
//!
//! A [`Dialect`] is chosen by configuration, recorded in the agreed plan and printed in reports. Each
//! field cites its number in `docs/errata.md`, where the reading of every source is told. No other
//! crate has a flag of its own for a disputed point: it takes the field it needs from here.
//!
//! This crate deliberately holds no behaviour: the crate that owns a mechanism decides what a value
//! makes it do.
//!
//! ```
//! use symbolon_dialect::{Construction, Dialect};
//!
//! let mut dialect = Dialect::spu();
//! assert_eq!(dialect.dealer_stream, Construction::BlocksLittleEndian);
//! dialect.sequence_numbers = false; // any single point can be overridden
//! assert_eq!(Dialect::named("spu-0.9.5").unwrap().name, dialect.name);
//! ```

use serde::{Deserialize, Serialize};

/// The first value of the P2P and collective counters in link keys (erratum E01).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CounterBase {
    /// Counters start at 0, as in the examples of the PDFs.
    Zero,
    /// Counters start at 1, as in the protocol pages and in every deployed implementation.
    One,
}

impl CounterBase {
    /// The first counter value.
    pub const fn first(self) -> u64 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
        }
    }
}

/// How shares are truncated locally between two parties (erratum E05).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TruncationSide {
    /// Every party shifts its share arithmetically (SPU up to 0.9.5, the reference).
    BothShift,
    /// Rank 0 shifts arithmetically, the other party negates, shifts and negates (the document, SPU head).
    OneNegates,
}

/// How the seed reaches the dealer of the interconnection dialect (erratum E06).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeedEncoding {
    /// Sixteen raw bytes, as the proto says.
    Bytes,
    /// A serialised pair of 64-bit halves, high first, as the PDF's appendix B.1 says.
    HighLow,
}

/// How the dealer's `field` names a ring (erratum E07).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldEncoding {
    /// The `FieldType` value: 1, 2, 3.
    Enum,
    /// The width in bits: 32, 64, 128.
    Bits,
}

/// How a public fixed-point product is truncated (erratum E08).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublicTruncation {
    /// `(v >> f) + bit f-1 of v`: what the reference and SPU do.
    Round,
    /// `v >> f`.
    Floor,
}

/// How the end of a PSI stream is announced (erratum E10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndOfStream {
    /// A separate empty batch with `is_last_batch`, also after a full one (psi, the reference).
    EmptyBatch,
    /// `is_last_batch` on the last batch that carries points (the document).
    LastBatch,
}

/// What is kept of a doubly masked point (errata E11 and E21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondCiphertext {
    /// The whole encoded point, or the negotiated number of low bits of x.
    Negotiated,
    /// The last 12 bytes of the encoded point, whatever was announced (psi, the reference).
    LastTwelveBytes,
}

/// How rank 0 fills its handshake response (errata E13, E14, E17 and E18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseStyle {
    /// Every field that the messages define.
    Full,
    /// As the reference: versions, `prg_config` and `session_id` unset, the dealer's version in
    /// `triple_config.version`, a `PsiDataIoProposal` as `io_param` of a PSI response.
    Reference,
}

/// Which error code and text a refusal carries (erratum E20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalStyle {
    /// The code that fits (version, algorithm, parameters, request).
    Specific,
    /// The reference's code and text for each cause; mostly `HANDSHAKE_REFUSED`.
    Reference,
}

/// How a block cipher becomes a counter stream (erratum E16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Construction {
    /// CTR mode: the first input block is the counter as 16 little-endian bytes, later ones follow by
    /// the usual big-endian increment of those bytes.
    CtrBigEndian,
    /// Block i is the encryption of counter + i as 16 little-endian bytes.
    BlocksLittleEndian,
}

/// What the parties draw from the pairwise streams in the first training step (erratum E23).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstStepDraws {
    /// The ones column, the sealed zero and the cast of the public weights (the reference).
    Reference,
    /// The ones column only (a compiled SPU program).
    OnesOnly,
}

/// Which dealer the parties speak to, and how it learns their seeds (erratum E15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DealerDialect {
    /// `org.interconnection.v2.service.BeaverService`: each party opens a session with its own seed.
    Interconnection,
    /// SPU's service: seeds travel encrypted to the dealer's key, exchanged over the link
    /// (`ALLGATHER`) during session set-up.
    Spu,
    /// None: rank 0 gathers every party's seed in the clear and computes the corrections itself. It can then undo
    /// every mask, so it learns all inputs. SPU's and the reference's default, for tests on one machine only.
    #[serde(rename = "insecure-rank-0-learns-all-masks")]
    InsecureRank0LearnsAllMasks,
}

/// One reading of everything disputed. Start from a preset and change single fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dialect {
    /// Name of the preset this value started from.
    pub name: String,
    /// E01: where link counters start.
    pub counter_base: CounterBase,
    /// E02: whether the presence key carries the sequence suffix with number 0.
    pub connect_suffix: bool,
    /// E03: whether keys carry sequence numbers and messages are acknowledged. Either way both forms
    /// are accepted.
    pub sequence_numbers: bool,
    /// E03: whether an orderly stop exchanges `FIN`, also when sequence numbers are off.
    pub fin: bool,
    /// E05: local truncation of two-party shares.
    pub truncation_side: TruncationSide,
    /// E06: the seed in `CreateSessionRequest`.
    pub seed_encoding: SeedEncoding,
    /// E07: the ring in the dealer's requests.
    pub field_encoding: FieldEncoding,
    /// E08: truncation of public products.
    pub public_truncation: PublicTruncation,
    /// E10: the end of a PSI stream.
    pub end_of_stream: EndOfStream,
    /// E11, E21: what is sent of a doubly masked point.
    pub second_ciphertext: SecondCiphertext,
    /// E13, E14, E17, E18: the handshake response.
    pub response_style: ResponseStyle,
    /// E20: the handshake refusal.
    pub refusal_style: RefusalStyle,
    /// E15: which dealer service is spoken.
    pub dealer: DealerDialect,
    /// E16: the construction of the dealer streams. Public and pairwise streams are always
    /// [`Construction::CtrBigEndian`].
    pub dealer_stream: Construction,
    /// E23: draws in the first training step.
    pub first_step_draws: FirstStepDraws,
}

impl Dialect {
    /// Names of the presets, in the order of [`Dialect::presets`].
    pub const NAMES: [&'static str; 4] = ["symbolon", "document", "spu-0.9.5", "reference"];

    /// What Symbolon speaks unless told otherwise: the document, with the retransmission protection
    /// (sequence numbers) that every deployment uses.
    pub fn symbolon() -> Self {
        Self {
            name: "symbolon".into(),
            sequence_numbers: true,
            fin: true,
            connect_suffix: true,
            end_of_stream: EndOfStream::EmptyBatch,
            dealer_stream: Construction::BlocksLittleEndian,
            ..Self::document()
        }
    }

    /// The published documents, read literally.
    pub fn document() -> Self {
        Self {
            name: "document".into(),
            counter_base: CounterBase::One,
            connect_suffix: false,
            sequence_numbers: false,
            fin: false,
            truncation_side: TruncationSide::OneNegates,
            seed_encoding: SeedEncoding::Bytes,
            field_encoding: FieldEncoding::Enum,
            public_truncation: PublicTruncation::Round,
            end_of_stream: EndOfStream::LastBatch,
            second_ciphertext: SecondCiphertext::Negotiated,
            response_style: ResponseStyle::Full,
            refusal_style: RefusalStyle::Specific,
            dealer: DealerDialect::Interconnection,
            dealer_stream: Construction::CtrBigEndian,
            first_step_draws: FirstStepDraws::Reference,
        }
    }

    /// SPU as released in the wheel 0.9.5.
    pub fn spu() -> Self {
        Self {
            name: "spu-0.9.5".into(),
            dealer_stream: Construction::BlocksLittleEndian,
            first_step_draws: FirstStepDraws::OnesOnly,
            ..Self::reference()
        }
    }

    /// The reference implementation `ic_main`.
    pub fn reference() -> Self {
        Self {
            name: "reference".into(),
            counter_base: CounterBase::One,
            connect_suffix: true,
            sequence_numbers: true,
            fin: true,
            truncation_side: TruncationSide::BothShift,
            seed_encoding: SeedEncoding::Bytes,
            field_encoding: FieldEncoding::Enum,
            public_truncation: PublicTruncation::Round,
            end_of_stream: EndOfStream::EmptyBatch,
            second_ciphertext: SecondCiphertext::LastTwelveBytes,
            response_style: ResponseStyle::Reference,
            refusal_style: RefusalStyle::Reference,
            dealer: DealerDialect::Spu,
            dealer_stream: Construction::CtrBigEndian,
            first_step_draws: FirstStepDraws::Reference,
        }
    }

    /// All presets.
    pub fn presets() -> [Self; 4] {
        [Self::symbolon(), Self::document(), Self::spu(), Self::reference()]
    }

    /// The preset of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::presets().into_iter().find(|preset| preset.name == name)
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self::symbolon()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_preset() {
        for (name, preset) in Dialect::NAMES.iter().zip(Dialect::presets()) {
            assert_eq!(Dialect::named(name), Some(preset));
        }
        assert_eq!(Dialect::named("brpc"), None);
    }

    #[test]
    fn presets_differ_from_one_another() {
        let presets = Dialect::presets();
        for (i, a) in presets.iter().enumerate() {
            for b in &presets[i + 1..] {
                assert_ne!(a, &Dialect { name: a.name.clone(), ..b.clone() }, "{} = {}", a.name, b.name);
            }
        }
    }
}
