//! The configuration of one party, checked: what the commands take.

use std::path::{Path, PathBuf};

use symbolon_dialect::Dialect;
use symbolon_ring::{Field, FixedPoint};

use super::settings::{
    DataSettings, DealerSettings, LinkSettings, LrSettings, PolicySettings, Settings, TlsSettings,
};
use super::units::{Accept, DealerMode, Duplicates, ResultTo, Sigmoid, Truncation};
use crate::error::{Error, Result};

/// Everything that one party must know for any command.
#[derive(Debug, Clone, PartialEq)]
pub struct PartyConfig {
    /// This party's rank.
    pub rank: usize,
    /// Address of every party, by rank: `host:port`.
    pub parties: Vec<String>,
    /// Address to listen on.
    pub listen: String,
    /// Name of the link's channel.
    pub channel: String,
    /// The reading of everything disputed.
    pub dialect: Dialect,
    /// Timeouts and bounds of the link; what is `None` is left to the link's defaults.
    pub link: LinkSettings,
    /// Mutual TLS, if used.
    pub tls: Option<TlsConfig>,
    /// Own table.
    pub data: DataConfig,
    /// Paths of outputs.
    pub files: FileConfig,
    /// The intersection.
    pub psi: PsiConfig,
    /// The regression.
    pub lr: LrConfig,
    /// The dealer, if one is named.
    pub dealer: Option<DealerConfig>,
    /// What this party accepts.
    pub policy: PolicyConfig,
}

/// Own table, column names and standardisation.
#[derive(Debug, Clone, PartialEq)]
pub struct DataConfig {
    /// The table.
    pub input: Option<PathBuf>,
    /// Column with the ids.
    pub id: String,
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
    /// Summary of the run.
    pub report: Option<PathBuf>,
}

/// The intersection.
#[derive(Debug, Clone, PartialEq)]
pub struct PsiConfig {
    /// Who learns the intersection.
    pub result_to: ResultTo,
    /// What to do with ids that occur twice.
    pub duplicates: Duplicates,
    /// Bits of a doubly masked point that are sent, if not all.
    pub truncate_bits: Option<u32>,
    /// Ids per message.
    pub batch_size: Option<usize>,
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

impl PartyConfig {
    /// Checks what is written and fills in the defaults.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key and what it must be.
    pub fn from_settings(settings: Settings) -> Result<Self> {
        let rank = settings.rank.ok_or_else(|| missing("rank", "--rank", "this party's rank, from 0"))?;
        let parties = settings
            .parties
            .ok_or_else(|| missing("parties", "--parties", "the addresses of all parties, by rank"))?;
        if parties.len() < 2 {
            return Err(Error::Config(format!("parties: {} given, at least 2 are needed", parties.len())));
        }
        for (position, address) in parties.iter().enumerate() {
            check_address("parties", address)?;
            if let Some(first) =
                parties.iter().position(|other| other == address).filter(|first| *first < position)
            {
                return Err(Error::Config(format!(
                    "parties: ranks {first} and {position} have the same address"
                )));
            }
        }
        let below = |key: &str, value: usize| {
            if value < parties.len() {
                return Ok(());
            }
            Err(Error::Config(format!("{key}: there is no rank {value} among {} parties", parties.len())))
        };
        below("rank", rank)?;
        let listen = match settings.listen {
            Some(listen) => listen,
            None => parties.get(rank).cloned().unwrap_or_default(),
        };
        check_address("listen", &listen)?;
        let channel = settings.channel.unwrap_or_else(|| "root".into());
        if channel.is_empty() || channel.contains(':') || channel.chars().any(char::is_control) {
            return Err(Error::Config(
                "channel: must be a name without colons and control characters".into(),
            ));
        }
        let lr = lr(settings.lr)?;
        if let Some(score_rank) = lr.score_rank {
            below("lr.score-rank", score_rank)?;
        }
        if let Some(ResultTo::Rank(result)) = settings.psi.result_to {
            below("psi.result-to", result)?;
        }
        if settings.psi.truncate_bits.is_some_and(|bits| bits == 0 || bits > 256) {
            return Err(Error::Config("psi.truncate-bits: must be 1 to 256".into()));
        }
        if settings.psi.batch_size == Some(0) {
            return Err(Error::Config("psi.batch-size: must be at least 1".into()));
        }
        let dealer = dealer(settings.dealer)?;
        if let Some(dealer) = &dealer {
            below("dealer.adjust-rank", dealer.adjust_rank)?;
        }
        Ok(Self {
            rank,
            listen,
            channel,
            dialect: super::dialect(&settings.dialect)?,
            link: link(settings.link)?,
            tls: tls(settings.tls, parties.len())?,
            data: data(settings.data)?,
            files: FileConfig {
                aligned: settings.files.aligned,
                model: settings.files.model,
                scores: settings.files.scores,
                report: settings.files.report,
            },
            psi: PsiConfig {
                result_to: settings.psi.result_to.unwrap_or_default(),
                duplicates: settings.psi.duplicates.unwrap_or_default(),
                truncate_bits: settings.psi.truncate_bits,
                batch_size: settings.psi.batch_size,
            },
            policy: policy(settings.policy, &lr)?,
            lr,
            dealer,
            parties,
        })
    }

    /// Number of parties.
    pub fn world_size(&self) -> usize {
        self.parties.len()
    }

    /// The own table's path.
    ///
    /// # Errors
    /// [`Error::Config`] if it is not given.
    pub fn input(&self) -> Result<&Path> {
        self.data.input.as_deref().ok_or_else(|| missing("data.input", "--input", "this party's table"))
    }

    /// The path of the model half.
    ///
    /// # Errors
    /// [`Error::Config`] if it is not given.
    pub fn model(&self) -> Result<&Path> {
        self.files
            .model
            .as_deref()
            .ok_or_else(|| missing("files.model", "--model", "the file of the own model half"))
    }

    /// The path of the aligned table.
    ///
    /// # Errors
    /// [`Error::Config`] if it is not given.
    pub fn aligned(&self) -> Result<&Path> {
        self.files
            .aligned
            .as_deref()
            .ok_or_else(|| missing("files.aligned", "--aligned", "where the aligned rows go"))
    }

    /// The dealer.
    ///
    /// # Errors
    /// [`Error::Config`] if none is given.
    pub fn dealer(&self) -> Result<&DealerConfig> {
        self.dealer.as_ref().ok_or_else(|| missing("dealer.address", "--dealer", "the dealer's address"))
    }
}

fn missing(key: &str, flag: &str, what: &str) -> Error {
    Error::Config(format!("{key} is missing: give {what} in the file or with {flag}"))
}

fn check_address(key: &str, address: &str) -> Result<()> {
    let port =
        address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(port)) if port != 0 => Ok(()),
        _ => Err(Error::Config(format!("{key}: `{address}` is not an address, write HOST:PORT"))),
    }
}

fn data(data: DataSettings) -> Result<DataConfig> {
    let id = data.id.unwrap_or_else(|| "id".into());
    let exclude = data.exclude.unwrap_or_default();
    if let Some(features) = &data.features {
        for (position, name) in features.iter().enumerate() {
            let clash = if Some(name) == data.label.as_ref() {
                "is the label"
            } else if *name == id {
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
    if data.label.as_ref() == Some(&id) {
        return Err(Error::Config(format!("data.label: column `{id}` is the id")));
    }
    Ok(DataConfig {
        input: data.input,
        id,
        features: data.features,
        exclude,
        label: data.label,
        standardize: data.standardize.unwrap_or(true),
    })
}

fn lr(lr: LrSettings) -> Result<LrConfig> {
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
    })
}

fn dealer(dealer: DealerSettings) -> Result<Option<DealerConfig>> {
    let Some(address) = dealer.address else {
        let given = [
            dealer.adjust_rank.map(|_| "adjust-rank"),
            dealer.cert.map(|_| "cert"),
            dealer.mode.map(|_| "mode"),
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
    }))
}

fn policy(policy: PolicySettings, lr: &LrConfig) -> Result<PolicyConfig> {
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

fn link(link: LinkSettings) -> Result<LinkSettings> {
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

fn tls(tls: TlsSettings, parties: usize) -> Result<Option<TlsConfig>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<PartyConfig> {
        PartyConfig::from_settings(toml::from_str(text).unwrap())
    }

    const PARTIES: &str = "rank = 1\nparties = ['a:1', 'b:2']\n";

    #[test]
    fn defaults_are_filled_in() {
        let config = checked(PARTIES).unwrap();
        assert_eq!((config.listen.as_str(), config.channel.as_str()), ("b:2", "root"));
        assert_eq!((config.lr.field, config.lr.fraction_bits), (Field::Ring64, 18));
        assert_eq!((config.policy.accept, config.policy.any_dealer), (Accept::Exact, false));
        assert!(config.data.standardize && config.tls.is_none() && config.dealer.is_none());
        assert_eq!(checked(&format!("{PARTIES}[lr]\nfield = 32")).unwrap().lr.fraction_bits, 8);
    }

    #[test]
    fn impossible_values_name_their_key() {
        let cases = [
            ("parties = ['a:1', 'b:2']", "rank is missing"),
            ("rank = 2\nparties = ['a:1', 'b:2']", "no rank 2"),
            ("rank = 0\nparties = ['a:1']", "at least 2"),
            ("rank = 0\nparties = ['a:1', 'a:1']", "same address"),
            ("rank = 0\nparties = ['a:1', 'b']", "`b` is not an address"),
        ];
        let more = [
            ("[lr]\nfraction-bits = 31", "lr.fraction-bits: 31"),
            ("[lr]\nfield = 32\nfraction-bits = 15", "at most 14"),
            ("[lr]\nfield = 65", "lr.field"),
            ("[lr]\nlearning-rate = 0.0", "lr.learning-rate"),
            ("[lr]\nlearning-rate = nan", "lr.learning-rate"),
            ("[lr]\nl2 = -1.0", "lr.l2"),
            ("[lr]\nbatch-size = 0", "lr.batch-size"),
            ("[lr]\nscore-rank = 2", "lr.score-rank"),
            ("[psi]\nresult-to = 2", "psi.result-to"),
            ("[link]\nreceive-timeout = '0s'", "link.receive-timeout"),
            ("[dealer]\nadjust-rank = 0", "dealer.address is not"),
            ("[dealer]\naddress = 'd:9'\nadjust-rank = 2", "dealer.adjust-rank"),
            ("[policy]\nmin-fraction-bits = 19", "policy: the own"),
            ("[tls]\nca = 'ca.pem'", "[tls]"),
            ("[data]\nlabel = 'y'\nfeatures = ['x', 'y']", "`y` is the label"),
            ("[data]\nfeatures = ['x', 'x']", "`x` occurs twice"),
            ("[dialect]\npreset = 'brpc'", "brpc"),
        ];
        let more = more.map(|(text, expected)| (format!("{PARTIES}{text}"), expected));
        for (text, expected) in
            cases.map(|(text, expected)| (text.to_owned(), expected)).into_iter().chain(more)
        {
            let error = checked(&text).unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
