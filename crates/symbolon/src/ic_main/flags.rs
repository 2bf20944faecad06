//! The flags: those of the reference implementation, with its names and defaults, and a few of our own.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::environment::{Environment, PARAMETER};
use crate::error::{Error, Result};

/// Where else than on the command line the value of a flag may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nowhere: a flag of the reference without an environment variable.
    Flag,
    /// In the environment variable `runtime.component.parameter.NAME`, which wins.
    Parameter,
    /// Nowhere: a flag that the reference does not have.
    Ours,
}

/// What is known of a flag.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// The name, without dashes.
    pub name: &'static str,
    /// One line for the help text.
    pub about: &'static str,
    /// Where else its value may stand.
    pub source: Source,
    boolean: bool,
}

trait Value: Sized + Display {
    const BOOLEAN: bool = false;
    fn read(text: &str) -> Result<Self, &'static str>;
}

impl Value for String {
    fn read(text: &str) -> Result<Self, &'static str> {
        Ok(text.to_owned())
    }
}

impl Value for i64 {
    fn read(text: &str) -> Result<Self, &'static str> {
        text.trim().parse().map_err(|_| "an integer")
    }
}

impl Value for i32 {
    fn read(text: &str) -> Result<Self, &'static str> {
        text.trim().parse().map_err(|_| "an integer of 32 bits")
    }
}

impl Value for f64 {
    fn read(text: &str) -> Result<Self, &'static str> {
        text.trim().parse().ok().filter(|value: &f64| value.is_finite()).ok_or("a finite number")
    }
}

impl Value for bool {
    const BOOLEAN: bool = true;

    fn read(text: &str) -> Result<Self, &'static str> {
        match text.to_ascii_lowercase().as_str() {
            "1" | "t" | "true" | "y" | "yes" => Ok(true),
            "0" | "f" | "false" | "n" | "no" => Ok(false),
            _ => Err("true or false"),
        }
    }
}

macro_rules! flags {
    ($($source:ident $name:ident: $type:ty = $default:expr, $about:literal;)*) => {
        /// The value of every flag, and which of them were given.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Flags {
            $(#[doc = $about] pub $name: $type,)*
            given: BTreeSet<&'static str>,
            from_environment: BTreeSet<&'static str>,
        }

        impl Default for Flags {
            fn default() -> Self {
                Self {
                    $($name: $default.into(),)*
                    given: BTreeSet::new(),
                    from_environment: BTreeSet::new(),
                }
            }
        }

        impl Flags {
            /// Every flag, in the order of the help text.
            pub const ALL: &'static [Flag] = &[$(Flag {
                name: stringify!($name),
                about: $about,
                source: Source::$source,
                boolean: <$type as Value>::BOOLEAN,
            },)*];

            /// The value of a flag as text.
            pub fn shown(&self, flag: &str) -> String {
                match flag {
                    $(stringify!($name) => self.$name.to_string(),)*
                    _ => String::new(),
                }
            }

            /// Sets a flag; fails with what its value has to be.
            fn set(&mut self, flag: &str, text: &str) -> Result<(), &'static str> {
                match flag {
                    $(stringify!($name) => self.$name = <$type>::read(text)?,)*
                    _ => {}
                }
                Ok(())
            }
        }
    };
}

flags! {
    Flag rank: i32 = 0, "own rank, from 0";
    Flag parties: String = "127.0.0.1:9530,127.0.0.1:9531", "addresses of all parties by rank, host:port[,host:port...]";
    Parameter algo: String = "ECDH_PSI", "ECDH_PSI or SS_LR";
    Parameter protocol_families: String = "ecc", "ecc for ECDH_PSI, ss for SS_LR";
    Flag ic_version: i32 = 2, "version of the handshake; only 2";
    Flag disable_handshake: bool = false, "no handshake: every parameter is taken as given here";
    Flag disable_msg_seq_id: bool = false, "no sequence numbers and acknowledgements on the link";
    Flag link_protocol: String = "baidu_std", "what is sent travels in: baidu_std, http, http:proto, h2, h2:json or h2:grpc; what arrives, in any";
    Flag in_path: String = "data.csv", "ECDH_PSI: own table";
    Parameter field_names: String = "id", "ECDH_PSI: columns of the id, separated by commas";
    Flag out_path: String = "", "ECDH_PSI: where the common rows go, in the own order";
    Parameter result_to_rank: i32 = -1, "ECDH_PSI: the rank that learns the intersection, -1 for both";
    Parameter curve_type: String = "curve25519", "ECDH_PSI: elliptic curve";
    Parameter hash_type: String = "sha_256", "ECDH_PSI: hash of ids";
    Parameter hash2curve_strategy: String = "direct_hash_as_point_x", "ECDH_PSI: from a hash to a point";
    Parameter point_octet_format: String = "uncompressed", "ECDH_PSI: encoding of points";
    Flag dataset: String = "data.csv", "SS_LR: own table, numbers only, rows aligned with the other parties'";
    Parameter skip_rows: i32 = 1, "SS_LR: lines to skip at the head of the table";
    Flag has_label: bool = false, "SS_LR: the last column of the own table is the label";
    Flag lr_output: String = "/tmp/sslr_result", "SS_LR: the own half of the model goes to this path with .RANK";
    Parameter num_epoch: i64 = 1, "SS_LR: passes over the rows";
    Parameter batch_size: i64 = 21, "SS_LR: rows per step";
    Parameter last_batch_policy: String = "discard", "SS_LR: the rows that fill no batch; only discard";
    Parameter l0_norm: f64 = 0.0, "SS_LR: accepted and ignored, as there";
    Parameter l1_norm: f64 = 0.0, "SS_LR: accepted and ignored, as there";
    Parameter l2_norm: f64 = 0.5, "SS_LR: L2 coefficient";
    Parameter optimizer: String = "sgd", "SS_LR: only sgd";
    Parameter learning_rate: f64 = 0.0001, "SS_LR: step size";
    Parameter sigmoid_mode: String = "Minimax_1", "SS_LR: approximation of the sigmoid";
    Parameter protocol: String = "semi2k", "SS_LR: only semi2k";
    Parameter field: String = "64", "SS_LR: width of the ring, 32, 64 or 128";
    Parameter fxp_bits: i32 = 18, "SS_LR: fraction bits of fixed-point numbers";
    Parameter trunc_mode: String = "probabilistic", "SS_LR: probabilistic or precise";
    Parameter shard_serialize_format: String = "raw", "SS_LR: only raw";
    Parameter use_ttp: bool = false, "SS_LR: take triples from a dealer; needed, but see -insecure_rank_0_learns_all_masks";
    Parameter ttp_server_host: String = "127.0.0.1:9449", "SS_LR: the dealer, a `symbolon dealer` or SPU's beaver server";
    Parameter ttp_adjust_rank: i32 = 0, "SS_LR: the rank that asks the dealer for corrections";
    Parameter ttp_asym_crypto_schema: String = "sm2", "SS_LR: how seeds are encrypted to the dealer; only sm2";
    Parameter ttp_public_key: String = "", "SS_LR: the dealer's public key, base64 of its PEM; without it, a dealer with sessions is asked";
    Ours ttp_protocol: String = "baidu_std", "SS_LR: how a dealer with a public key is asked: baidu_std or h2:grpc";
    Ours ttp_session_id: String = "ic-main", "SS_LR: without -ttp_public_key: name of the session at the dealer, the same at all parties, another for every run at the same time";
    Ours insecure_rank_0_learns_all_masks: bool = false, "SS_LR: allow -use_ttp=false, where rank 0 is the dealer and can read EVERY input of ALL parties; for tests";
    Ours reveal_labels_and_scores: bool = false, "SS_LR: end as the reference does: ALL parties learn EVERY label and EVERY score";
    Ours tls_ca: String = "", "certificates of the authorities that are trusted (PEM); the four -tls flags go together";
    Ours tls_cert: String = "", "own certificate chain (PEM)";
    Ours tls_key: String = "", "own private key (PEM)";
    Ours tls_peers: String = "", "every party's certificate by rank (PEM), separated by commas";
    Ours connect_timeout_ms: i64 = 60_000, "how long to wait for the other parties and the dealer to appear";
    Ours recv_timeout_ms: i64 = 600_000, "how long to wait for one message";
}

impl Flags {
    /// Reads a command line in the style of gflags: `-name=value`, `--name=value`, `-name value`; for
    /// booleans also `-name` and `-noname`. The last one counts. `None` if help is asked for.
    ///
    /// # Errors
    /// [`Error::Config`] naming an unknown flag and its neighbours, or a value that is wrong.
    pub fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut flags = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let Some(text) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) else {
                return Err(Error::Config(format!(
                    "`{argument}` belongs to no flag; write -name=value (booleans take a value only with `=`)"
                )));
            };
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            let name = name.replace('-', "_");
            if name == "help" || name == "h" {
                return Ok(None);
            }
            let known = |name: &str| Self::ALL.iter().find(|flag| flag.name == name);
            let (flag, value) = match (known(&name), value) {
                (Some(flag), Some(value)) => (flag, value),
                (Some(flag), None) if flag.boolean => (flag, "true"),
                (Some(flag), None) => match arguments.next() {
                    Some(value) => (flag, value.as_str()),
                    None => return Err(Error::Config(format!("-{name}: the value is missing"))),
                },
                (None, value) => {
                    let negated = name.strip_prefix("no").and_then(known).filter(|flag| flag.boolean);
                    match (negated, value) {
                        (Some(flag), None) => (flag, "false"),
                        _ => return Err(unknown(&name)),
                    }
                }
            };
            flags
                .set(flag.name, value)
                .map_err(|must| Error::Config(format!("-{}: `{value}` must be {must}", flag.name)))?;
            flags.given.insert(flag.name);
        }
        Ok(Some(flags))
    }

    /// Lays the environment's parameters over the flags. Returns what is worth telling about it.
    ///
    /// # Errors
    /// [`Error::Config`] naming the variable whose value is wrong.
    pub fn lay_over(&mut self, environment: &Environment) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        for flag in Self::ALL.iter().filter(|flag| flag.source == Source::Parameter) {
            let Some(value) = environment.parameter(flag.name) else { continue };
            let before = self.shown(flag.name);
            let wrong = |must| Error::Config(format!("{PARAMETER}{}: `{value}` must be {must}", flag.name));
            if flag.boolean && !["true", "false"].contains(&value.to_ascii_lowercase().as_str()) {
                // The reference would take anything else, `1` too, for false.
                return Err(wrong("true or false"));
            }
            self.set(flag.name, value).map_err(wrong)?;
            if self.given.contains(flag.name) && self.shown(flag.name) != before {
                notes.push(format!("{PARAMETER}{} = {value} wins over -{}={before}", flag.name, flag.name));
            }
            self.from_environment.insert(flag.name);
        }
        Ok(notes)
    }

    /// Whether the flag was on the command line.
    pub fn is_given(&self, flag: &str) -> bool {
        self.given.contains(flag)
    }

    /// How to call the place where the flag's value came from.
    pub fn origin(&self, flag: &str) -> String {
        if self.from_environment.contains(flag) { format!("{PARAMETER}{flag}") } else { format!("-{flag}") }
    }

    /// The list of flags for the help text.
    pub fn listing() -> String {
        let defaults = Self::default();
        let line = |flag: &Flag| {
            let mark = if flag.source == Source::Parameter { '*' } else { ' ' };
            format!("  {mark}-{:<24} {} [{}]\n", flag.name, flag.about, defaults.shown(flag.name))
        };
        let of =
            |ours: bool| Self::ALL.iter().filter(move |flag| (flag.source == Source::Ours) == ours).map(line);
        format!(
            "Flags of the reference implementation [default] (* or {PARAMETER}NAME, which wins):\n{}\nOur own:\n{}",
            of(false).collect::<String>(),
            of(true).collect::<String>()
        )
    }
}

fn unknown(name: &str) -> Error {
    let mut near: Vec<(usize, &str)> = Flags::ALL
        .iter()
        .map(|flag| (distance(name, flag.name), flag.name))
        .filter(|(distance, flag)| {
            *distance <= 3 || all_words(name, flag) || (name.len() > 2 && flag.contains(name))
        })
        .collect();
    near.sort_unstable();
    let near: Vec<String> = near.iter().take(4).map(|(_, flag)| format!("-{flag}")).collect();
    let hint = match near.is_empty() {
        true => "`symbolon ic-main -help` lists all flags".to_owned(),
        false => format!("do you mean {}?", near.join(" or ")),
    };
    Error::Config(format!("there is no flag -{name}; {hint}"))
}

/// Whether every word of `name` is one of `flag`.
fn all_words(name: &str, flag: &str) -> bool {
    name.split('_').all(|word| flag.split('_').any(|other| other == word))
}

/// The number of characters to insert, remove or replace to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (above, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let here = (diagonal + usize::from(x != y)).min(left + 1).min(*above + 1);
            diagonal = *above;
            *above = here;
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
