//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use symbolon_dialect::Construction;

use crate::config::{self, PartyConfig, Settings, Size, Span};
use crate::error::Result;
use crate::ic_main::IcMainOptions;
use crate::logging::LogOptions;

const EXAMPLES: &str = "\
Examples:
  symbolon demo                                   three processes here, on real data
  symbolon dealer --listen 0.0.0.0:9540           at the dealer
  symbolon psi --config alice.toml                at each party: which rows do we share?
  symbolon psi --config alice.toml --run-dir run  the same, for large tables: goes on after a failure
  symbolon train --config alice.toml              then: one model, half at each party
  symbolon triples --config alice.toml --triples FILE    ahead of time: with FILE, train needs no dealer
  symbolon predict --config alice.toml --input new.csv
  symbolon run --config alice.toml                psi, train and predict in one go

Exit codes:
  0 done   1 failed   2 wrong flags or configuration   3 a peer or the dealer cannot be reached
  4 the plan was refused   130 interrupted";

const PARTY_EXAMPLE: &str = "\
Every flag is also a key of the TOML file, in the section that its heading names; flags win. Three have
another name there: --psi-batch-size is batch-size in [psi], --dealer is address in [dealer], and --tls-…
and --dealer-… lose their prefix:

  rank = 0
  parties = [\"alice.example:9530\", \"bob.example:9530\"]
  [data]
  input = \"patients.csv\"      # relative paths start at the file's folder
  label = \"outcome\"           # at one party only
  [files]
  aligned = \"out/aligned.csv\"
  model = \"out/model.json\"
  scores = \"out/scores.csv\"
  report = \"out/report.json\"
  [lr]
  epochs = 10
  learning-rate = 0.1
  [dealer]
  address = \"dealer.example:9540\"
  [tls]
  ca = \"ca.pem\"
  cert = \"alice.pem\"
  key = \"alice.key\"
  peers = [\"alice.pem\", \"bob.pem\"]";

/// Private set intersection and joint logistic regression between institutions that do not share data.
#[derive(Debug, Parser)]
#[command(name = "symbolon", version, max_term_width = 110, after_help = EXAMPLES)]
pub struct Cli {
    /// What to log.
    #[command(flatten)]
    pub log: LogOptions,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The program's commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a dealer and two parties on this machine, on real or generated data
    #[command(after_help = "\
Examples:
  symbolon demo                                   Wisconsin breast cancer data, 569 rows, 30 features
  symbolon demo --rows 100000 --features 100      generated data
  symbolon demo --out /tmp/demo                   somewhere else than ./demo-output")]
    Demo(DemoOptions),
    /// Serve multiplication triples to parties (sees no data, but must not collude with a party)
    #[command(after_help = "\
Examples:
  symbolon dealer --listen 0.0.0.0:9540
  symbolon dealer --listen 0.0.0.0:9540 --tls-ca ca.pem --tls-cert dealer.pem --tls-key dealer.key
  symbolon dealer --listen 0.0.0.0:9540 --spu-key keys/sm2.key   for parties of SPU and of the reference too")]
    Dealer(DealerOptions),
    /// Make the key pair of a dealer for parties of SPU: sm2.key, which stays at the dealer, and sm2.pub
    Keygen(KeygenOptions),
    /// Find the rows that both parties have; write the own ones in the common order
    #[command(after_help = PARTY_EXAMPLE)]
    Psi(Box<PartyOptions>),
    /// Make the triples of a training ahead of time, with the dealer, so that `train` needs none
    #[command(after_help = PARTY_EXAMPLE)]
    Triples(Box<PartyOptions>),
    /// Train a logistic regression on aligned rows; write the own half of the model
    #[command(after_help = PARTY_EXAMPLE)]
    Train(Box<PartyOptions>),
    /// Score aligned rows with the two halves; only the score rank learns the scores
    #[command(after_help = PARTY_EXAMPLE)]
    Predict(Box<PartyOptions>),
    /// psi, train, predict and evaluate, in one process over one link
    #[command(after_help = PARTY_EXAMPLE)]
    Run(Box<PartyOptions>),
    /// Take the place of the reference implementation's ic_main: its flags, its environment, its messages
    #[command(disable_help_flag = true)]
    IcMain(IcMainOptions),
}

/// Options of the commands of a party.
#[derive(Debug, Clone, Args)]
pub struct PartyOptions {
    /// The party's configuration file
    #[arg(long, short, value_name = "TOML")]
    pub config: Option<PathBuf>,
    /// Everything that the file may also say.
    #[command(flatten)]
    pub settings: Settings,
    /// The reading of disputed points to start from: symbolon, document, spu-0.9.5 or reference
    #[arg(long, value_name = "PRESET", help_heading = "Dialect [dialect]")]
    pub dialect: Option<String>,
    /// One disputed point, as in sequence-numbers=false (repeatable)
    #[arg(long, value_name = "POINT=VALUE", value_parser = config::dialect_point, help_heading = "Dialect [dialect]")]
    pub dialect_set: Vec<(String, toml::Value)>,
    /// End when standard input closes (set by the demo, so that no process is left behind)
    #[arg(long, hide = true)]
    pub until_stdin_closes: bool,
}

impl PartyOptions {
    /// The checked configuration of file and flags together.
    ///
    /// # Errors
    /// [`crate::Error::ConfigFile`] or [`crate::Error::Config`] naming the key.
    pub fn load(&self) -> Result<PartyConfig> {
        let mut flags = self.settings.clone();
        flags.dialect = self.dialect_set.iter().cloned().collect();
        if let Some(preset) = &self.dialect {
            flags.dialect.insert("preset".into(), toml::Value::String(preset.clone()));
        }
        PartyConfig::from_settings(config::merge(self.config.as_deref(), &flags)?)
    }
}

/// Options of `symbolon demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoOptions {
    /// Where tables, configurations, models and reports go
    #[arg(long, default_value = "demo-output", value_name = "FOLDER")]
    pub out: PathBuf,
    /// Use generated data with this many rows
    #[arg(long, value_name = "N")]
    pub rows: Option<usize>,
    /// Use generated data with this many features
    #[arg(long, value_name = "K")]
    pub features: Option<usize>,
    /// Passes over the rows
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    pub epochs: u64,
    /// Rows per step [default: 32; more for large generated tables]
    #[arg(long, value_name = "ROWS")]
    pub batch_size: Option<u64>,
    /// Step size
    #[arg(long, default_value_t = 0.1, value_name = "NUMBER")]
    pub learning_rate: f64,
    /// Width of the ring in bits
    #[arg(long, default_value_t = 64, value_name = "BITS")]
    pub field: u32,
    /// Fraction bits of fixed-point numbers [default: 18; 8 in ring 32]
    #[arg(long, value_name = "BITS")]
    pub fraction_bits: Option<u32>,
}

/// Options of `symbolon dealer`.
#[derive(Debug, Clone, Args)]
pub struct DealerOptions {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:9540", value_name = "HOST:PORT")]
    pub listen: String,
    /// Sessions open at once
    #[arg(long, default_value_t = 64, value_name = "COUNT")]
    pub max_sessions: usize,
    /// A session that is not used for so long is closed
    #[arg(long, default_value = "1h", value_name = "TIME")]
    pub session_timeout: Span,
    /// How long a request waits for the remaining parties of its session
    #[arg(long, default_value = "30s", value_name = "TIME")]
    pub party_timeout: Span,
    /// Memory for all requests under way
    #[arg(long, default_value = "1GiB", value_name = "BYTES")]
    pub memory: Size,
    /// Serve SPU's dealer service too, with this SM2 private key (PEM, see `keygen`)
    #[arg(long, value_name = "PEM")]
    pub spu_key: Option<PathBuf>,
    /// How streams of SPU's service are made: ctr-big-endian or blocks-little-endian [default: CTR for unary calls, as
    /// the reference draws, and blocks for those over HTTP, as SPU 0.9.5 draws]
    #[arg(long, value_name = "CONSTRUCTION", requires = "spu_key", value_parser = construction)]
    pub stream: Option<Construction>,
    /// Certificates of the authorities that are trusted (PEM)
    #[arg(long, value_name = "PEM", requires_all = ["tls_cert", "tls_key"])]
    pub tls_ca: Option<PathBuf>,
    /// The dealer's certificate chain (PEM)
    #[arg(long, value_name = "PEM", requires = "tls_ca")]
    pub tls_cert: Option<PathBuf>,
    /// The dealer's private key (PEM)
    #[arg(long, value_name = "PEM", requires = "tls_ca")]
    pub tls_key: Option<PathBuf>,
    /// The reading of disputed points: symbolon, document, spu-0.9.5 or reference
    #[arg(long, default_value = "symbolon", value_name = "PRESET")]
    pub dialect: String,
    /// One disputed point, as in seed-encoding=high-low (repeatable)
    #[arg(long, value_name = "POINT=VALUE", value_parser = config::dialect_point)]
    pub dialect_set: Vec<(String, toml::Value)>,
    /// End when standard input closes (set by the demo, so that no process is left behind)
    #[arg(long, hide = true)]
    pub until_stdin_closes: bool,
}

/// Options of `symbolon keygen`.
#[derive(Debug, Clone, Args)]
pub struct KeygenOptions {
    /// The folder that gets sm2.key and sm2.pub
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Replace keys that are there
    #[arg(long)]
    pub force: bool,
}

fn construction(text: &str) -> Result<Construction, String> {
    match text {
        "ctr-big-endian" => Ok(Construction::CtrBigEndian),
        "blocks-little-endian" => Ok(Construction::BlocksLittleEndian),
        _ => Err("choose ctr-big-endian or blocks-little-endian".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn dialect_flags_override_single_points() {
        let cli = Cli::try_parse_from(
            "symbolon train --rank 1 --parties a:1,b:2 --dealer d:3 --dialect reference --dialect-set fin=false"
                .split(' '),
        )
        .unwrap();
        let Command::Train(options) = cli.command else { panic!("another command") };
        let config = options.load().unwrap();
        assert_eq!(config.dialect.name, "reference");
        assert!(!config.dialect.fin && config.dialect.sequence_numbers);
    }
}
