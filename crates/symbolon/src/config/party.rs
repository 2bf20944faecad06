//! The configuration of one party, checked: what the commands take.

use std::path::Path;

use symbolon_dialect::{Construction, DealerDialect, Dialect};

use super::psi::{PsiConfig, psi};
use super::sections::{
    DataConfig, DealerConfig, FileConfig, LrConfig, PolicyConfig, TlsConfig, check_address, data, dealer,
    link, lr, missing, policy, tls,
};
use super::settings::{LinkSettings, Settings};
use super::units::ResultTo;
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
        let dialect = super::dialect(&settings.dialect)?;
        let dealer = dealer(settings.dealer, &dialect)?;
        let dealer_fits = dialect.dealer == DealerDialect::Interconnection
            && dialect.dealer_stream == Construction::BlocksLittleEndian;
        if (lr.keep_masks || settings.files.triples.is_some()) && !dealer_fits {
            return Err(Error::Config(
                "lr.keep-masks and files.triples go with Symbolon's own dealer: set dealer = \"interconnection\" and \
                 dealer-stream = \"blocks-little-endian\" in [dialect]"
                    .into(),
            ));
        }
        if let Some(dealer) = &dealer {
            below("dealer.adjust-rank", dealer.adjust_rank)?;
        }
        Ok(Self {
            rank,
            listen,
            channel,
            dialect,
            link: link(settings.link, parties.len())?,
            tls: tls(settings.tls, parties.len())?,
            data: data(settings.data)?,
            files: FileConfig {
                aligned: settings.files.aligned,
                model: settings.files.model,
                scores: settings.files.scores,
                triples: settings.files.triples,
                report: settings.files.report,
                output_format: settings.files.output_format,
            },
            psi: psi(settings.psi)?,
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

#[cfg(test)]
mod tests {
    use symbolon_ring::Field;

    use super::*;
    use crate::config::Accept;

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
            ("[psi]\nsuite = 'sm2'", "sm2-sm3-increment-x962-compressed"),
            ("[link]\nreceive-timeout = '0s'", "link.receive-timeout"),
            ("[link]\ncarriers = ['grpc', 'grpc', 'grpc']", "link.carriers: 3 given"),
            ("[dealer]\nadjust-rank = 0", "dealer.address is not"),
            ("[dealer]\naddress = 'd:9'\nadjust-rank = 2", "dealer.adjust-rank"),
            ("[dealer]\npublic-key = 'k'", "dealer.public-key is given but dealer.address"),
            ("[dealer]\naddress = 'd:9'\nform = 'http'", "dealer.form is given but dealer.public-key"),
            ("[dealer]\naddress = 'd:9'\npublic-key = 'k'", "set dealer = \"spu\" in [dialect]"),
            ("[policy]\nmin-fraction-bits = 19", "policy: the own"),
            ("[tls]\nca = 'ca.pem'", "[tls]"),
            ("[data]\nlabel = 'y'\nfeatures = ['x', 'y']", "`y` is the label"),
            ("[data]\nfeatures = ['x', 'x']", "`x` occurs twice"),
            ("[dialect]\npreset = 'brpc'", "brpc"),
            ("[lr]\nkeep-masks = true\n[dialect]\npreset = 'reference'", "lr.keep-masks and files.triples"),
            ("[files]\ntriples = 't'\n[dialect]\npreset = 'spu-0.9.5'", "lr.keep-masks and files.triples"),
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
