//! Flags and environment, taken together one setting at a time.

use std::path::PathBuf;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use symbolon_dialect::{DealerDialect, Dialect};
use symbolon_grpc::{DealerPublicKey, SpuForm};
use symbolon_handshake::{
    CurveType, EcSuite, HashToCurveStrategy, HashType, PointOctetFormat, ResultTo, SigmoidMode, Truncation,
};
use symbolon_ring::Field;

use super::super::environment::{Environment, PARAMETER};
use super::super::flags::Flags;
use super::{FEATURE_NUMS, LABEL_OWNER, LrTask, PsiTask, TRUNCATED_BITS};
use crate::config::{
    self, Carrier, DealerConfig, DealerMode, LinkSettings, PartyConfig, Span, SpuDealer, TlsSettings,
};
use crate::error::{Error, Result};

/// Names, addresses and the own rank.
pub(super) struct Parties {
    names: Vec<String>,
    addresses: Vec<String>,
    rank: usize,
}

/// Where the settings come from.
pub(super) struct Sources<'a> {
    /// With the environment's parameters laid over them.
    pub(super) flags: &'a Flags,
    pub(super) environment: &'a Environment,
}

impl Sources<'_> {
    fn wrong<T>(&self, flag: &str, problem: impl std::fmt::Display) -> Result<T> {
        Err(Error::Config(format!("{} = {}: {problem}", self.flags.origin(flag), self.flags.shown(flag))))
    }

    /// A flag with one value only.
    pub(super) fn fixed(&self, flag: &str, only: &str, reason: &str) -> Result<()> {
        if self.flags.shown(flag).eq_ignore_ascii_case(only) {
            return Ok(());
        }
        self.wrong(flag, format!("only {only} is supported: {reason}"))
    }

    /// A flag that names one of several things, in any case. `None` is what the protocol knows and this
    /// program does not have.
    pub(super) fn one<T: Copy>(&self, flag: &str, choices: &[(&str, Option<T>)]) -> Result<T> {
        let text = self.flags.shown(flag);
        let chosen = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text));
        if let Some((_, Some(value))) = chosen {
            return Ok(*value);
        }
        let supported: Vec<&str> =
            choices.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name).collect();
        let what = if chosen.is_some() { "not implemented" } else { "unknown" };
        self.wrong(flag, format!("{what}; choose {}", supported.join(" or ")))
    }

    /// A flag whose value is a name of an enumeration of the protocol, without its prefix.
    fn named<T>(&self, flag: &str, prefix: &str, read: fn(&str) -> Option<T>, unspecified: T) -> Result<T>
    where
        T: PartialEq,
    {
        let name = format!("{prefix}{}", self.flags.shown(flag).to_ascii_uppercase());
        match read(&name) {
            Some(value) if value != unspecified => Ok(value),
            _ => self.wrong(flag, "the protocol has no such value"),
        }
    }

    fn number<S: Copy, T: TryFrom<S>>(&self, flag: &str, value: S, must: &str) -> Result<T> {
        T::try_from(value).or_else(|_| self.wrong(flag, must))
    }

    fn families(&self, first: &str) -> Result<()> {
        let families = self.flags.protocol_families.to_ascii_lowercase();
        // Names that are not known are passed over, as there.
        let mut known = families.split(',').map(str::trim).filter(|family| ["ecc", "ss"].contains(family));
        if known.next() == Some(first) {
            return Ok(());
        }
        self.wrong("protocol_families", format!("-algo={} needs {first}", self.flags.algo))
    }

    pub(super) fn parties(&self, notes: &mut Vec<String>) -> Result<Parties> {
        let listed = || self.flags.parties.split(',').map(|address| address.trim().to_owned()).collect();
        let Some(roles) = self.environment.roles()? else {
            let addresses: Vec<String> = listed();
            let names = (0..addresses.len()).map(|rank| format!("party{rank}")).collect();
            let rank = self.number("rank", self.flags.rank, "ranks begin at 0")?;
            return Ok(Parties { names, addresses, rank });
        };
        let own = roles.names.get(roles.rank).cloned().unwrap_or_default();
        if self.flags.is_given("rank") && usize::try_from(self.flags.rank) != Ok(roles.rank) {
            notes.push(format!(
                "config.self_role = {own} is rank {}; it wins over -rank={}",
                roles.rank, self.flags.rank
            ));
        }
        let addresses = if self.flags.is_given("parties") { Some(listed()) } else { roles.addresses };
        let addresses = addresses.ok_or_else(|| {
            Error::Config(format!(
                "config.self_role is set, but not the address of every party: give config.node_ip.NAME for each of \
                 {}, or -parties in that order",
                roles.names.join(", ")
            ))
        })?;
        if addresses.len() != roles.names.len() {
            return self.wrong(
                "parties",
                format!("{} addresses for the parties {}", addresses.len(), roles.names.join(", ")),
            );
        }
        if let Some(gateway) = self.environment.gateway() {
            notes.push(format!(
                "no transport by a gateway is built: system.transport = {gateway} is not used, the parties speak gRPC \
                 with each other at {}",
                addresses.join(", ")
            ));
        }
        Ok(Parties { names: roles.names, addresses, rank: roles.rank })
    }

    pub(super) fn psi(&self, parties: &Parties) -> Result<PsiTask> {
        self.families("ecc")?;
        let flags = self.flags;
        if parties.addresses.len() != 2 {
            return self.wrong("parties", "an intersection is between 2 parties");
        }
        let result_to = match flags.result_to_rank {
            -1 => ResultTo::All,
            rank => match usize::try_from(rank) {
                Ok(rank) if rank < 2 => ResultTo::Rank(rank),
                _ => return self.wrong("result_to_rank", "must be -1, 0 or 1"),
            },
        };
        let suite = EcSuite {
            curve: self.named(
                "curve_type",
                "CURVE_TYPE_",
                CurveType::from_str_name,
                CurveType::Unspecified,
            )?,
            hash: self.named("hash_type", "HASH_TYPE_", HashType::from_str_name, HashType::Unspecified)?,
            map: self.named(
                "hash2curve_strategy",
                "HASH_TO_CURVE_STRATEGY_",
                HashToCurveStrategy::from_str_name,
                HashToCurveStrategy::Unspecified,
            )?,
            format: self.named(
                "point_octet_format",
                "POINT_OCTET_FORMAT_",
                PointOctetFormat::from_str_name,
                PointOctetFormat::Unspecified,
            )?,
        };
        if !suite.is_implemented() {
            return Err(Error::Config(format!(
                "the suite {suite} is not implemented; pass -curve_type=curve25519 -hash_type=sha_256 \
                 -hash2curve_strategy=direct_hash_as_point_x -point_octet_format=uncompressed, or -curve_type=sm2 \
                 -hash_type=sm3 -hash2curve_strategy=try_and_increment -point_octet_format=x962_compressed, at both \
                 parties"
            )));
        }
        let truncate_bits = match self.environment.parameter(TRUNCATED_BITS).map(str::trim) {
            None | Some("-1") => None,
            Some(text) => match text.parse() {
                Ok(bits @ 1..=256) => Some(bits),
                _ => {
                    return Err(Error::Config(format!(
                        "{PARAMETER}{TRUNCATED_BITS} = {text}: must be -1 (whole points) or 1 to 256"
                    )));
                }
            },
        };
        let fields: Vec<String> = flags.field_names.split(',').map(|name| name.trim().to_owned()).collect();
        if fields.iter().any(String::is_empty) {
            return self.wrong("field_names", "a name is empty");
        }
        let output = match self.environment.output()? {
            _ if !result_to.includes(parties.rank) => None,
            Some(path) => Some(path),
            None if flags.out_path.is_empty() => {
                return Err(Error::Config(
                    "-out_path is empty: this party learns the intersection, say where it goes".into(),
                ));
            }
            None => Some(PathBuf::from(&flags.out_path)),
        };
        let input = self.environment.input()?.unwrap_or_else(|| PathBuf::from(&flags.in_path));
        Ok(PsiTask { input, fields, output, suite, truncate_bits, result_to })
    }

    pub(super) fn lr(&self, parties: &Parties, notes: &mut Vec<String>) -> Result<LrTask> {
        self.families("ss")?;
        let flags = self.flags;
        self.one("optimizer", &[("sgd", Some(()))])?;
        self.one("last_batch_policy", &[("discard", Some(()))])?;
        self.one("protocol", &[("semi2k", Some(())), ("aby3", None)])?;
        self.one("shard_serialize_format", &[("raw", Some(()))])?;
        for norm in ["l0_norm", "l1_norm"] {
            if flags.shown(norm) != "0" {
                notes.push(format!(
                    "{} is ignored: the reference does not apply it either",
                    flags.origin(norm)
                ));
            }
        }
        let told = if flags.disable_handshake { Some(self.told(parties)?) } else { None };
        if told.is_some() && flags.is_given("has_label") {
            notes.push(format!(
                "-has_label is not used with -disable_handshake: {PARAMETER}{LABEL_OWNER} decides"
            ));
        }
        let has_label = told.as_ref().map_or(flags.has_label, |(rank, _)| *rank == parties.rank);
        let output = match self.environment.output()? {
            Some(path) => path,
            None => PathBuf::from(format!("{}.{}", flags.lr_output, parties.rank)),
        };
        Ok(LrTask {
            input: self.environment.input()?.unwrap_or_else(|| PathBuf::from(&flags.dataset)),
            skip_rows: self.number("skip_rows", flags.skip_rows, "must not be negative")?,
            output,
            has_label,
            told,
            epochs: self.number("num_epoch", flags.num_epoch, "must not be negative")?,
            batch_size: self.number("batch_size", flags.batch_size, "must be at least 1")?,
            l2: flags.l2_norm,
            learning_rate: flags.learning_rate,
            sigmoid: self.one("sigmoid_mode", &[("Minimax_1", Some(SigmoidMode::Minimax1))])?,
            field: self.one(
                "field",
                &[("32", Some(Field::Ring32)), ("64", Some(Field::Ring64)), ("128", Some(Field::Ring128))],
            )?,
            fraction_bits: self.number("fxp_bits", flags.fxp_bits, "must not be negative")?,
            truncation: self.one(
                "trunc_mode",
                &[("probabilistic", Some(Truncation::Probabilistic)), ("precise", Some(Truncation::Precise))],
            )?,
            dealer: flags.ttp_server_host.clone(),
            session_id: flags.ttp_session_id.clone(),
            adjust_rank: self.number("ttp_adjust_rank", flags.ttp_adjust_rank, "must be a rank")?,
            reveal: flags.reveal_labels_and_scores,
        })
    }

    /// Where the corrections come from.
    pub(super) fn dealing(&self, notes: &mut Vec<String>) -> Result<Dealing> {
        let flags = self.flags;
        let insecure = "insecure_rank_0_learns_all_masks";
        match (flags.use_ttp, flags.insecure_rank_0_learns_all_masks) {
            (true, false) => {}
            (false, true) => {
                notes.push(format!(
                    "INSECURE, for tests only (-{insecure}): rank 0 gets the seeds of all parties, can undo every mask, and \
                     so can read every feature and every label of every party"
                ));
                return Ok(Dealing::Rank0);
            }
            (true, true) => {
                return self
                    .wrong(insecure, "that goes with -use_ttp=false; here a dealer is named, leave it out");
            }
            (false, false) => {
                return self.wrong(
                    "use_ttp",
                    format!(
                        "that makes rank 0 the dealer, who can then read the data of all parties; start a `symbolon \
                         dealer` at a third party and pass -use_ttp=true -ttp_server_host=HOST:PORT (in a test without \
                         secrets: -{insecure}, at every party)"
                    ),
                );
            }
        }
        if flags.ttp_public_key.is_empty() {
            return Ok(Dealing::Sessions);
        }
        self.fixed("ttp_asym_crypto_schema", "sm2", "no other cipher is used by this service")?;
        if flags.is_given("ttp_session_id") {
            notes.push("-ttp_session_id is not used: a dealer with a public key has no sessions".into());
        }
        let unusable = |problem: &str| {
            // The key's text is long and says nothing.
            Err(Error::Config(format!("{}: {problem}", self.flags.origin("ttp_public_key"))))
        };
        let pem: String = flags.ttp_public_key.split_ascii_whitespace().collect();
        let pem = STANDARD.decode(pem).ok().and_then(|pem| String::from_utf8(pem).ok());
        let Some(pem) = pem else { return unusable("not the base64 form of a PEM text") };
        let key = match DealerPublicKey::from_pem(&pem) {
            Ok(key) => key,
            Err(failure) => return unusable(&failure.to_string()),
        };
        let form = self.one(
            "ttp_protocol",
            &[("baidu_std", Some(SpuForm::UnaryBaiduStd)), ("h2:grpc", Some(SpuForm::Unary))],
        )?;
        Ok(Dealing::Sealed(SpuDealer { key, form }))
    }

    /// The label's rank and every party's number of features, without a handshake.
    fn told(&self, parties: &Parties) -> Result<(usize, Vec<u32>)> {
        let variable = |name: &str| {
            self.environment.parameter(name).ok_or_else(|| {
                Error::Config(format!("{PARAMETER}{name} is missing: -disable_handshake takes it from there"))
            })
        };
        let names = parties.names.join(", ");
        let owner = variable(LABEL_OWNER)?;
        let label_rank = parties.names.iter().position(|name| name == owner).ok_or_else(|| {
            Error::Config(format!(
                "{PARAMETER}{LABEL_OWNER} = {owner}: the parties are {names} (other names come from config.self_role and \
                 config.node_id.NAME)"
            ))
        })?;
        let wrong = |problem: String| Error::Config(format!("{PARAMETER}{FEATURE_NUMS}: {problem}"));
        let value: serde_json::Value = serde_json::from_str(variable(FEATURE_NUMS)?)
            .map_err(|failure| wrong(format!("not JSON: {failure}")))?;
        let count = |name: &String| {
            let count = value.get(name).and_then(serde_json::Value::as_u64);
            count.and_then(|count| u32::try_from(count).ok()).ok_or_else(|| {
                wrong(format!("there must be a number for each of {names}, as in {{\"{name}\":10}}"))
            })
        };
        Ok((label_rank, parties.names.iter().map(count).collect::<Result<_>>()?))
    }

    pub(super) fn party(&self, parties: Parties, dealing: Dealing) -> Result<PartyConfig> {
        let span = |flag: &str, milliseconds: i64| match self.number(flag, milliseconds, "must be above 0")? {
            0 => self.wrong(flag, "must be above 0"),
            milliseconds => Ok(Some(Span(Duration::from_millis(milliseconds)))),
        };
        let carrier = self.flags.link_protocol.parse::<Carrier>();
        let link = LinkSettings {
            carriers: Some(vec![carrier.or_else(|problem| self.wrong("link_protocol", problem))?]),
            connect_timeout: span("connect_timeout_ms", self.flags.connect_timeout_ms)?,
            receive_timeout: span("recv_timeout_ms", self.flags.recv_timeout_ms)?,
            ..LinkSettings::default()
        };
        let file = |path: &String| (!path.is_empty()).then(|| PathBuf::from(path));
        let peers = &self.flags.tls_peers;
        let tls = TlsSettings {
            ca: file(&self.flags.tls_ca),
            cert: file(&self.flags.tls_cert),
            key: file(&self.flags.tls_key),
            peers: (!peers.is_empty()).then(|| peers.split(',').map(PathBuf::from).collect()),
        };
        let mut party = PartyConfig::from_settings(config::Settings {
            rank: Some(parties.rank),
            parties: Some(parties.addresses),
            link,
            tls,
            ..config::Settings::default()
        })?;
        party.dialect = dealing.dialect(!self.flags.disable_msg_seq_id);
        if let Dealing::Sealed(spu) = dealing {
            party.dealer = Some(DealerConfig {
                mode: DealerMode::Server,
                address: self.flags.ttp_server_host.clone(),
                adjust_rank: self.number("ttp_adjust_rank", self.flags.ttp_adjust_rank, "must be a rank")?,
                cert: None,
                spu: Some(spu),
            });
        }
        Ok(party)
    }
}

/// Where the corrections come from.
pub(super) enum Dealing {
    /// A dealer that keeps sessions, which the reference does not know.
    Sessions,
    /// The reference's trusted third party.
    Sealed(SpuDealer),
    /// The reference's first party: rank 0 itself.
    Rank0,
}

impl Dealing {
    /// The reference's reading of everything. A dealer with sessions is ours: its service, and the streams that it
    /// expects.
    fn dialect(&self, sequence_numbers: bool) -> Dialect {
        let reference = Dialect { sequence_numbers, ..Dialect::reference() };
        match self {
            Self::Sealed(_) => reference,
            Self::Rank0 => Dialect { dealer: DealerDialect::InsecureRank0LearnsAllMasks, ..reference },
            Self::Sessions => {
                let ours = Dialect::symbolon();
                Dialect {
                    dealer: ours.dealer,
                    dealer_stream: ours.dealer_stream,
                    seed_encoding: ours.seed_encoding,
                    field_encoding: ours.field_encoding,
                    ..reference
                }
            }
        }
    }
}
