//! The sections of a party's configuration, checked one by one.

use std::path::{Path, PathBuf};

use symbolon_dialect::{Construction, DealerDialect, Dialect};
use symbolon_grpc::{DealerPublicKey, SpuForm};
use symbolon_ring::{Field, FixedPoint};

use super::settings::{DataSettings, DealerSettings, LinkSettings, LrSettings, PolicySettings, TlsSettings};
use super::units::{Accept, DealerForm, DealerMode, Sigmoid, Truncation};
use crate::error::{Error, Result};
use crate::table::Format;

/// Own table, column names and standardisation.
#[derive(Debug, Clone, PartialEq)]
pub struct DataConfig {
    /// The table.
    pub input: Option<PathBuf>,
    /// How the table is written; `None`: as its name says.
    pub input_format: Option<Format>,
    /// Columns with the ids: at least one.
    pub id: Vec<String>,
    /// Feature columns; `None` means all but the id, the label and `exclude`.
    pub features: Option<Vec<String>>,
    /// Columns that are no features.
    pub exclude: Vec<String>,
    /// Column with the labels, if this party has them.
    pub label: Option<String>,
    /// Whether own features are brought to mean 0 and deviation 1.
    pub standardize: bool,
}

/// Paths of outputs (and of the model that `predict` reads).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileConfig {
    /// Own rows of the intersection.
    pub aligned: Option<PathBuf>,
    /// Own half of the model.
    pub model: Option<PathBuf>,
    /// Scores by id.
    pub scores: Option<PathBuf>,
    /// Triples made ahead of time.
    pub triples: Option<PathBuf>,
    /// Summary of the run.
    pub report: Option<PathBuf>,
    /// How tables are written; `None`: as their names say.
    pub output_format: Option<Format>,
}

/// The regression.
#[derive(Debug, Clone, PartialEq)]
pub struct LrConfig {
    /// Passes over the rows.
    pub epochs: u64,
    /// Rows per step.
    pub batch_size: u64,
    /// Step size.
    pub learning_rate: f64,
    /// L2 coefficient.
    pub l2: f64,
    /// Approximation of the sigmoid.
    pub sigmoid: Sigmoid,
    /// How products are scaled back, if that is set: see [`LrConfig::truncation_in`].
    pub truncation: Option<Truncation>,
    /// The ring.
    pub field: Field,
    /// Fraction bits of fixed-point numbers.
    pub fraction_bits: u32,
    /// Who learns the scores of a prediction; `None` means the party that had the label.
    pub score_rank: Option<usize>,
    /// Whether it is offered to keep the masks of the table for a whole training.
    pub keep_masks: bool,
    /// The most bytes that the kept table may take.
    pub mask_memory: u64,
}

impl LrConfig {
    /// How products are scaled back in `field` unless it is set: locally, but with the dealer in ring 32, where a
    /// local truncation goes wrong too often (with probability |x| / 2^32 per value, x with twice the fraction
    /// bits).
    pub fn truncation_in(&self, field: Field) -> Truncation {
        let usual = if field == Field::Ring32 { Truncation::Precise } else { Truncation::Probabilistic };
        self.truncation.unwrap_or(usual)
    }
}

/// The dealer.
#[derive(Debug, Clone, PartialEq)]
pub struct DealerConfig {
    /// Where corrections come from.
    pub mode: DealerMode,
    /// The dealer's address, `host:port`.
    pub address: String,
    /// The rank that asks for corrections.
    pub adjust_rank: usize,
    /// The dealer's certificate, if pinned.
    pub cert: Option<PathBuf>,
    /// What a dealer of SPU's kind needs, if its key is given.
    pub spu: Option<SpuDealer>,
}

/// A dealer of SPU's kind (erratum E15), as this party was told: nothing of it comes from the plan or a peer.
#[derive(Debug, Clone, PartialEq)]
pub struct SpuDealer {
    /// The key that this party seals its seed to.
    pub key: DealerPublicKey,
    /// How the dealer is spoken to.
    pub form: SpuForm,
}

impl DealerConfig {
    /// What a dealer of SPU's kind needs.
    ///
    /// # Errors
    /// [`Error::Config`] if its key is not given.
    pub fn spu(&self) -> Result<&SpuDealer> {
        self.spu.as_ref().ok_or_else(|| {
            Error::Config(
                "dealer.public-key is missing: this dialect has a dealer of SPU's kind, and this party seals its seed to \
                 that dealer's key; give the key (sm2.pub of `symbolon keygen`) in the file or with \
                 --dealer-public-key, or set dealer = \"interconnection\" and response-style = \"full\" in [dialect]"
                    .into(),
            )
        })
    }
}

/// What this party accepts of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyConfig {
    /// Whose numbers.
    pub accept: Accept,
    /// Whether rank 0 may name any dealer.
    pub any_dealer: bool,
    /// Fewest fraction bits, if not left to `accept`.
    pub min_fraction_bits: Option<u32>,
    /// Most fraction bits, if not left to `accept`.
    pub max_fraction_bits: Option<u32>,
}

/// Mutual TLS.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsConfig {
    /// Trusted authorities.
    pub ca: PathBuf,
    /// Own certificate chain.
    pub cert: PathBuf,
    /// Own private key.
    pub key: PathBuf,
    /// Every party's certificate, by rank.
    pub peers: Vec<PathBuf>,
}

pub(super) fn missing(key: &str, flag: &str, what: &str) -> Error {
    Error::Config(format!("{key} is missing: give {what} in the file or with {flag}"))
}

pub(super) fn check_address(key: &str, address: &str) -> Result<()> {
    let port =
        address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(port)) if port != 0 => Ok(()),
        _ => Err(Error::Config(format!("{key}: `{address}` is not an address, write HOST:PORT"))),
    }
}

pub(super) fn data(data: DataSettings) -> Result<DataConfig> {
    let id = data.id.unwrap_or_else(|| vec!["id".into()]);
    if id.is_empty() {
        return Err(Error::Config("data.id: name at least one column".into()));
    }
    if let Some((_, twice)) = id.iter().enumerate().find(|(position, name)| id[..*position].contains(name)) {
        return Err(Error::Config(format!("data.id: column `{twice}` occurs twice")));
    }
    let exclude = data.exclude.unwrap_or_default();
    if let Some(features) = &data.features {
        for (position, name) in features.iter().enumerate() {
            let clash = if Some(name) == data.label.as_ref() {
                "is the label"
            } else if id.contains(name) {
                "is the id"
            } else if exclude.contains(name) {
                "is excluded"
            } else if features.iter().take(position).any(|other| other == name) {
                "occurs twice"
            } else {
                continue;
            };
            return Err(Error::Config(format!("data.features: column `{name}` {clash}")));
        }
    }
    if let Some(label) = data.label.as_ref().filter(|label| id.contains(label)) {
        return Err(Error::Config(format!("data.label: column `{label}` is the id")));
    }
    Ok(DataConfig {
        input: data.input,
        input_format: data.input_format,
        id,
        features: data.features,
        exclude,
        label: data.label,
        standardize: data.standardize.unwrap_or(true),
    })
}

pub(super) fn lr(lr: LrSettings) -> Result<LrConfig> {
    let wrong = |key: &str, problem: &str| Err(Error::Config(format!("lr.{key}: {problem}")));
    let epochs = lr.epochs.unwrap_or(10);
    let batch_size = lr.batch_size.unwrap_or(32);
    let learning_rate = lr.learning_rate.unwrap_or(0.1);
    let l2 = lr.l2.unwrap_or(0.0);
    if epochs == 0 {
        return wrong("epochs", "must be at least 1");
    }
    if batch_size == 0 {
        return wrong("batch-size", "must be at least 1");
    }
    if !(learning_rate.is_finite() && learning_rate > 0.0) {
        return wrong("learning-rate", "must be a positive number");
    }
    if !(l2.is_finite() && l2 >= 0.0) {
        return wrong("l2", "must be 0 or a positive number");
    }
    let field = Field::from_bits(lr.field.unwrap_or(64))
        .map_err(|failure| Error::Config(format!("lr.field: {failure}")))?;
    let fraction_bits = lr.fraction_bits.unwrap_or(if field == Field::Ring32 { 8 } else { 18 });
    let fits = match field {
        Field::Ring32 => FixedPoint::<u32>::new(fraction_bits).map(drop),
        Field::Ring64 => FixedPoint::<u64>::new(fraction_bits).map(drop),
        Field::Ring128 => FixedPoint::<u128>::new(fraction_bits).map(drop),
    };
    fits.map_err(|failure| Error::Config(format!("lr.fraction-bits: {failure}")))?;
    Ok(LrConfig {
        epochs,
        batch_size,
        learning_rate,
        l2,
        sigmoid: lr.sigmoid.unwrap_or_default(),
        truncation: lr.truncation,
        field,
        fraction_bits,
        score_rank: lr.score_rank,
        keep_masks: lr.keep_masks.unwrap_or(false),
        mask_memory: lr.mask_memory.map_or(4 << 30, |size| size.0),
    })
}

pub(super) fn dealer(dealer: DealerSettings, dialect: &Dialect) -> Result<Option<DealerConfig>> {
    let Some(address) = dealer.address else {
        let given = [
            dealer.adjust_rank.map(|_| "adjust-rank"),
            dealer.cert.map(|_| "cert"),
            dealer.mode.map(|_| "mode"),
            dealer.public_key.map(|_| "public-key"),
            dealer.form.map(|_| "form"),
        ];
        return match given.into_iter().flatten().next() {
            Some(key) => Err(Error::Config(format!("dealer.{key} is given but dealer.address is not"))),
            None => Ok(None),
        };
    };
    check_address("dealer.address", &address)?;
    Ok(Some(DealerConfig {
        mode: dealer.mode.unwrap_or_default(),
        address,
        adjust_rank: dealer.adjust_rank.unwrap_or(0),
        cert: dealer.cert,
        spu: spu(dealer.public_key.as_deref(), dealer.form, dialect)?,
    }))
}

fn spu(key: Option<&Path>, form: Option<DealerForm>, dialect: &Dialect) -> Result<Option<SpuDealer>> {
    let Some(path) = key else {
        return match form {
            Some(_) => Err(Error::Config("dealer.form is given but dealer.public-key is not".into())),
            None => Ok(None),
        };
    };
    if dialect.dealer != DealerDialect::Spu {
        return Err(Error::Config(format!(
            "dealer.public-key is given, but the dialect `{}` has another kind of dealer, which takes no sealed seeds: \
             set dealer = \"spu\" in [dialect], or leave the key out",
            dialect.name
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
    let key = DealerPublicKey::from_pem(&text)
        .map_err(|error| Error::Config(format!("dealer.public-key: {}: {error}", path.display())))?;
    let usual = match dialect.dealer_stream {
        Construction::BlocksLittleEndian => DealerForm::Http,
        Construction::CtrBigEndian => DealerForm::Unary,
    };
    Ok(Some(SpuDealer { key, form: form.unwrap_or(usual).into() }))
}

pub(super) fn policy(policy: PolicySettings, lr: &LrConfig) -> Result<PolicyConfig> {
    let own = lr.fraction_bits;
    let PolicySettings { accept, any_dealer, min_fraction_bits, max_fraction_bits } = policy;
    if min_fraction_bits.is_some_and(|least| own < least) || max_fraction_bits.is_some_and(|most| own > most)
    {
        return Err(Error::Config(format!("policy: the own lr.fraction-bits, {own}, would not be accepted")));
    }
    Ok(PolicyConfig {
        accept: accept.unwrap_or_default(),
        any_dealer: any_dealer.unwrap_or(false),
        min_fraction_bits,
        max_fraction_bits,
    })
}

pub(super) fn link(link: LinkSettings, parties: usize) -> Result<LinkSettings> {
    if let Some(carriers) = link.carriers.as_ref().filter(|list| ![1, parties].contains(&list.len())) {
        return Err(Error::Config(format!(
            "link.carriers: {} given, one for all or one for each of {parties} parties is needed",
            carriers.len()
        )));
    }
    let spans = [
        ("connect-timeout", link.connect_timeout),
        ("receive-timeout", link.receive_timeout),
        ("idle-timeout", link.idle_timeout),
        ("connect-interval", link.connect_interval),
    ];
    let counts = [
        ("chunk-size", link.chunk_size.map(|size| size.0)),
        ("chunks-in-flight", link.chunks_in_flight.map(|count| count as u64)),
        ("throttle-window", link.throttle_window.map(|count| count as u64)),
        ("max-message", link.max_message.map(|size| size.0)),
        ("mailbox", link.mailbox.map(|size| size.0)),
    ];
    let zero_span =
        spans.iter().find(|(_, span)| span.is_some_and(|span| span.0.is_zero())).map(|(key, _)| key);
    let zero_count = counts.iter().find(|(_, count)| *count == Some(0)).map(|(key, _)| key);
    match zero_span.or(zero_count) {
        Some(key) => Err(Error::Config(format!("link.{key}: must be more than 0"))),
        None => Ok(link),
    }
}

pub(super) fn tls(tls: TlsSettings, parties: usize) -> Result<Option<TlsConfig>> {
    match (tls.ca, tls.cert, tls.key, tls.peers) {
        (None, None, None, None) => Ok(None),
        (Some(ca), Some(cert), Some(key), Some(peers)) => {
            if peers.len() != parties {
                return Err(Error::Config(format!(
                    "tls.peers: {} certificates for {parties} parties; give one per rank",
                    peers.len()
                )));
            }
            Ok(Some(TlsConfig { ca, cert, key, peers }))
        }
        _ => Err(Error::Config("[tls]: ca, cert, key and peers are given together or not at all".into())),
    }
}
