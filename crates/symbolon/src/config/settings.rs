//! The configuration as it is written: the same tree of optional values from a TOML file and from flags.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use serde::{Deserialize, Serialize};

use super::psi::PsiSettings;
use super::units::{Accept, Carrier, DealerForm, DealerMode, Sigmoid, Size, Span, Truncation, one_or_more};
use crate::table::Format;

/// Everything a party's file may say. Each key has a flag; the flag wins.
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// This party's rank, from 0
    #[arg(long, help_heading = "Parties", value_name = "RANK")]
    pub rank: Option<usize>,
    /// Address of every party, in the order of ranks, separated by commas
    #[arg(long, help_heading = "Parties", value_name = "HOST:PORT,…", value_delimiter = ',')]
    pub parties: Option<Vec<String>>,
    /// Address to listen on [default: this party's own entry in `parties`]
    #[arg(long, help_heading = "Parties", value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// Name of the channel, the same at every party [default: root]
    #[arg(long, help_heading = "Parties", value_name = "NAME")]
    pub channel: Option<String>,
    /// Own table, column names and standardisation.
    #[command(flatten)]
    #[serde(default)]
    pub data: DataSettings,
    /// Paths of what is written (and, for `predict`, of the model that is read).
    #[command(flatten)]
    #[serde(default)]
    pub files: FileSettings,
    /// The intersection.
    #[command(flatten)]
    #[serde(default)]
    pub psi: PsiSettings,
    /// The regression.
    #[command(flatten)]
    #[serde(default)]
    pub lr: LrSettings,
    /// The dealer of multiplication triples.
    #[command(flatten)]
    #[serde(default)]
    pub dealer: DealerSettings,
    /// What this party accepts of a plan that another party decides.
    #[command(flatten)]
    #[serde(default)]
    pub policy: PolicySettings,
    /// Timeouts and bounds of the link.
    #[command(flatten)]
    #[serde(default)]
    pub link: LinkSettings,
    /// Mutual TLS.
    #[command(flatten)]
    #[serde(default)]
    pub tls: TlsSettings,
    /// The preset (`preset`) and single points of the dialect.
    #[arg(skip)]
    #[serde(default)]
    pub dialect: toml::Table,
}

/// `[data]`
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DataSettings {
    /// This party's table: CSV with a header line (.csv, .csv.gz, .csv.zst) or .parquet
    #[arg(long, help_heading = "Data [data]", value_name = "TABLE")]
    pub input: Option<PathBuf>,
    /// How the table is written, if its name does not say it
    #[arg(long, help_heading = "Data [data]", value_enum)]
    pub input_format: Option<Format>,
    /// Column with the row ids, or several that identify a row together, separated by commas [default: id]
    #[arg(long, help_heading = "Data [data]", value_name = "COLUMN,…", value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub id: Option<Vec<String>>,
    /// Feature columns, separated by commas [default: all but the id, the label and `exclude`]
    #[arg(long, help_heading = "Data [data]", value_name = "COLUMN,…", value_delimiter = ',')]
    pub features: Option<Vec<String>>,
    /// Columns that are not features, separated by commas
    #[arg(long, help_heading = "Data [data]", value_name = "COLUMN,…", value_delimiter = ',')]
    pub exclude: Option<Vec<String>>,
    /// Column with the labels 0 and 1: given by exactly one party
    #[arg(long, help_heading = "Data [data]", value_name = "COLUMN")]
    pub label: Option<String>,
    /// Bring own features to mean 0 and deviation 1 before training [default: true]
    #[arg(long, help_heading = "Data [data]", value_name = "BOOL", action = ArgAction::Set)]
    pub standardize: Option<bool>,
}

/// `[files]`
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FileSettings {
    /// Own rows of the intersection, in the common order (written by `psi` and `run`): CSV, .csv.gz, .csv.zst or
    /// .parquet
    #[arg(long, help_heading = "Files [files]", value_name = "TABLE")]
    pub aligned: Option<PathBuf>,
    /// Own half of the model (written by `train` and `run`, read by `predict`)
    #[arg(long, help_heading = "Files [files]", value_name = "JSON")]
    pub model: Option<PathBuf>,
    /// Scores by id (written by `predict` and `run`, at the score rank only)
    #[arg(long, help_heading = "Files [files]", value_name = "TABLE")]
    pub scores: Option<PathBuf>,
    /// Triples made ahead of time (written by `triples`, spent by `train`, which then needs no dealer)
    #[arg(long, help_heading = "Files [files]", value_name = "FILE")]
    pub triples: Option<PathBuf>,
    /// Summary of the run: plan, dialect, traffic, times
    #[arg(long, help_heading = "Files [files]", value_name = "JSON")]
    pub report: Option<PathBuf>,
    /// How tables are written, if their names do not say it
    #[arg(long, help_heading = "Files [files]", value_enum)]
    pub output_format: Option<Format>,
}

/// `[lr]`
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LrSettings {
    /// Passes over the rows [default: 10]
    #[arg(long, help_heading = "Regression [lr]", value_name = "COUNT")]
    pub epochs: Option<u64>,
    /// Rows per step; the last, partial batch of an epoch is left out [default: 32]
    #[arg(long, help_heading = "Regression [lr]", value_name = "ROWS")]
    pub batch_size: Option<u64>,
    /// Step size [default: 0.1]
    #[arg(long, help_heading = "Regression [lr]", value_name = "NUMBER")]
    pub learning_rate: Option<f64>,
    /// L2 coefficient, 0 for none [default: 0]
    #[arg(long, help_heading = "Regression [lr]", value_name = "NUMBER")]
    pub l2: Option<f64>,
    /// Approximation of the sigmoid [default: minimax1]
    #[arg(long, help_heading = "Regression [lr]", value_enum)]
    pub sigmoid: Option<Sigmoid>,
    /// How products are scaled back [default: probabilistic; precise in ring 32]
    #[arg(long, help_heading = "Regression [lr]", value_enum)]
    pub truncation: Option<Truncation>,
    /// Width of the ring in bits: 32, 64 or 128 [default: 64]
    #[arg(long, help_heading = "Regression [lr]", value_name = "BITS")]
    pub field: Option<u32>,
    /// Fraction bits of fixed-point numbers [default: 18; 8 in ring 32]
    #[arg(long, help_heading = "Regression [lr]", value_name = "BITS")]
    pub fraction_bits: Option<u32>,
    /// The rank that learns the scores of a prediction [default: the rank with the label]
    #[arg(long, help_heading = "Regression [lr]", value_name = "RANK")]
    pub score_rank: Option<usize>,
    /// Offer to mask each row of the table once for the whole training instead of twice in every step: far less traffic in
    /// trainings of several epochs, for the memory of the table. All parties must offer it, and the dealer must be
    /// Symbolon's [default: false]
    #[arg(long, help_heading = "Regression [lr]", value_name = "BOOL", action = ArgAction::Set)]
    pub keep_masks: Option<bool>,
    /// The most memory that `keep-masks` may take [default: 4GiB]
    #[arg(long, help_heading = "Regression [lr]", value_name = "BYTES")]
    pub mask_memory: Option<Size>,
}

/// `[dealer]`
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DealerSettings {
    /// Where triples come from [default: server]
    #[arg(long = "dealer-mode", help_heading = "Dealer [dealer]", value_enum)]
    pub mode: Option<DealerMode>,
    /// Address of the dealer
    #[arg(long = "dealer", help_heading = "Dealer [dealer]", value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// The rank that asks the dealer for corrections [default: 0]
    #[arg(long, help_heading = "Dealer [dealer]", value_name = "RANK")]
    pub adjust_rank: Option<usize>,
    /// Public key of a dealer of SPU's kind (sm2.pub of `symbolon keygen`): this party seals its seed to that key and no
    /// other. Goes with dealer = "spu" under `dialect`
    #[arg(id = "dealer-public-key", long, help_heading = "Dealer [dealer]", value_name = "PEM")]
    pub public_key: Option<PathBuf>,
    /// How a dealer of SPU's kind is spoken to [default: http; unary where the dialect's dealer-stream is
    /// ctr-big-endian]
    #[arg(id = "dealer-form", long, help_heading = "Dealer [dealer]", value_enum)]
    pub form: Option<DealerForm>,
    /// Certificate that the dealer must present (PEM), when TLS is used
    #[arg(id = "dealer-cert", long, help_heading = "Dealer [dealer]", value_name = "PEM")]
    pub cert: Option<PathBuf>,
}

/// `[policy]`
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PolicySettings {
    /// Whose numbers this party accepts: exactly its own, or rank 0's within wide limits [default: exact]
    #[arg(long, help_heading = "Policy [policy]", value_enum)]
    pub accept: Option<Accept>,
    /// Accept whatever dealer rank 0 names; otherwise it must be `dealer.address` [default: false]
    #[arg(long, help_heading = "Policy [policy]", value_name = "BOOL", action = ArgAction::Set)]
    pub any_dealer: Option<bool>,
    /// Fewest fraction bits that this party accepts [default: as `accept` says]
    #[arg(long, help_heading = "Policy [policy]", value_name = "BITS")]
    pub min_fraction_bits: Option<u32>,
    /// Most fraction bits that this party accepts [default: as `accept` says]
    #[arg(long, help_heading = "Policy [policy]", value_name = "BITS")]
    pub max_fraction_bits: Option<u32>,
}

/// `[link]`
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LinkSettings {
    /// What is sent travels in: one for all, or one per rank: `grpc`, `baidu-std`, `http`, `http:proto`, `h2`
    /// or `h2:json` [default: grpc]. What arrives may travel in any
    #[arg(long, help_heading = "Link [link]", value_name = "NAME,…", value_delimiter = ',')]
    pub carriers: Option<Vec<Carrier>>,
    /// How long to wait for the other parties (and the dealer) to appear [default: 60s]
    #[arg(long, help_heading = "Link [link]", value_name = "TIME")]
    pub connect_timeout: Option<Span>,
    /// How long to wait for one message [default: 10m]
    #[arg(long, help_heading = "Link [link]", value_name = "TIME")]
    pub receive_timeout: Option<Span>,
    /// How long a silent peer is left unprobed while a message is awaited [default: 5s]
    #[arg(long, help_heading = "Link [link]", value_name = "TIME")]
    pub idle_timeout: Option<Span>,
    /// Pause between two attempts to connect [default: 500ms]
    #[arg(long, help_heading = "Link [link]", value_name = "TIME")]
    pub connect_interval: Option<Span>,
    /// Longer messages are cut into chunks of this size [default: 1044480, 1 MiB less 4 KiB]
    #[arg(long, help_heading = "Link [link]", value_name = "BYTES")]
    pub chunk_size: Option<Size>,
    /// Chunks of one message under way at once [default: 8]
    #[arg(long, help_heading = "Link [link]", value_name = "COUNT")]
    pub chunks_in_flight: Option<usize>,
    /// Messages that may be unacknowledged before sending waits [default: 10]
    #[arg(long, help_heading = "Link [link]", value_name = "COUNT")]
    pub throttle_window: Option<usize>,
    /// The longest message that is accepted [default: 4GiB]
    #[arg(long, help_heading = "Link [link]", value_name = "BYTES")]
    pub max_message: Option<Size>,
    /// Memory per peer for messages that have arrived early, and as much for those that wait to be sent [default:
    /// 256MiB; an eighth of `memory` in `psi`]
    #[arg(long, help_heading = "Link [link]", value_name = "BYTES")]
    pub mailbox: Option<Size>,
}

/// `[tls]`
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TlsSettings {
    /// Certificates of the authorities that are trusted (PEM)
    #[arg(long = "tls-ca", help_heading = "TLS [tls]", value_name = "PEM")]
    pub ca: Option<PathBuf>,
    /// This party's certificate chain (PEM)
    #[arg(long = "tls-cert", help_heading = "TLS [tls]", value_name = "PEM")]
    pub cert: Option<PathBuf>,
    /// This party's private key (PEM)
    #[arg(long = "tls-key", help_heading = "TLS [tls]", value_name = "PEM")]
    pub key: Option<PathBuf>,
    /// The certificate of every party, in the order of ranks: each must present exactly that one
    #[arg(long = "tls-peers", help_heading = "TLS [tls]", value_name = "PEM,…", value_delimiter = ',')]
    pub peers: Option<Vec<PathBuf>>,
}
