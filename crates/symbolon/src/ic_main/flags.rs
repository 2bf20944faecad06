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
    Flag link_protocol: String = "h2:grpc", "transport of the link; only h2:grpc";
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
    Parameter use_ttp: bool = false, "SS_LR: take triples from a dealer; required";
    Parameter ttp_server_host: String = "127.0.0.1:9449", "SS_LR: the dealer, a `symbolon dealer`";
    Parameter ttp_adjust_rank: i32 = 0, "SS_LR: the rank that asks the dealer for corrections";
    Parameter ttp_asym_crypto_schema: String = "sm2", "SS_LR: accepted, not used with this dealer";
    Parameter ttp_public_key: String = "", "SS_LR: accepted, not used with this dealer";
    Ours ttp_session_id: String = "ic-main", "SS_LR: name of the session at the dealer, the same at all parties, another for every run at the same time";
    Ours reveal_labels_and_scores: bool = false, "SS_LR: end as the reference does: ALL parties learn EVERY label and EVERY score";
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
        .filter(|(distance, flag)| *distance <= 3 || (name.len() > 2 && flag.contains(name)))
        .collect();
    near.sort_unstable();
    let near: Vec<String> = near.iter().take(4).map(|(_, flag)| format!("-{flag}")).collect();
    let hint = match near.is_empty() {
        true => "`symbolon ic-main -help` lists all flags".to_owned(),
        false => format!("do you mean {}?", near.join(" or ")),
    };
    Error::Config(format!("there is no flag -{name}; {hint}"))
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
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Flags> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Flags::parse(&arguments).map(Option::unwrap)
    }

    #[test]
    fn every_form_of_gflags_is_read_and_the_last_counts() {
        for line in [
            "-rank=1 -has_label",
            "--rank=1 --has_label=true",
            "-rank 1 -has_label=Yes",
            "--rank 0 -rank 1 -nohas_label -has-label",
        ] {
            let flags = parse(line).unwrap();
            assert_eq!((flags.rank, flags.has_label), (1, true), "{line}");
            assert!(flags.is_given("rank") && !flags.is_given("parties"));
        }
        assert!(!parse("-has_label -nohas_label").unwrap().has_label);
        assert_eq!(parse("-parties=a=b").unwrap().parties, "a=b");
        assert!(Flags::parse(&["--help".to_owned()]).unwrap().is_none());
    }

    #[test]
    fn without_arguments_everything_is_at_the_references_defaults() {
        let flags = parse("").unwrap();
        let expected = [
            ("rank", "0"),
            ("parties", "127.0.0.1:9530,127.0.0.1:9531"),
            ("algo", "ECDH_PSI"),
            ("protocol_families", "ecc"),
            ("ic_version", "2"),
            ("disable_handshake", "false"),
            ("in_path", "data.csv"),
            ("field_names", "id"),
            ("out_path", ""),
            ("result_to_rank", "-1"),
            ("curve_type", "curve25519"),
            ("hash_type", "sha_256"),
            ("hash2curve_strategy", "direct_hash_as_point_x"),
            ("point_octet_format", "uncompressed"),
            ("dataset", "data.csv"),
            ("skip_rows", "1"),
            ("has_label", "false"),
            ("lr_output", "/tmp/sslr_result"),
            ("num_epoch", "1"),
            ("batch_size", "21"),
            ("last_batch_policy", "discard"),
            ("l0_norm", "0"),
            ("l1_norm", "0"),
            ("l2_norm", "0.5"),
            ("optimizer", "sgd"),
            ("learning_rate", "0.0001"),
            ("sigmoid_mode", "Minimax_1"),
            ("protocol", "semi2k"),
            ("field", "64"),
            ("fxp_bits", "18"),
            ("trunc_mode", "probabilistic"),
            ("shard_serialize_format", "raw"),
            ("use_ttp", "false"),
            ("ttp_server_host", "127.0.0.1:9449"),
            ("ttp_asym_crypto_schema", "sm2"),
            ("ttp_public_key", ""),
            ("ttp_adjust_rank", "0"),
        ];
        for (flag, default) in expected {
            assert_eq!(flags.shown(flag), default, "{flag}");
            assert_eq!(parse(&format!("-{flag}={default}")).unwrap().shown(flag), default, "{flag}");
        }
    }

    #[test]
    fn an_unknown_flag_names_its_neighbours() {
        for (line, near) in [
            ("-ranks=1", "-rank"),
            ("-use_tpp", "-use_ttp"),
            ("-ttp_host=x", "-ttp_server_host"),
            ("-epoch=3", "-num_epoch"),
            ("-norank", "-help"),
            ("-nohas_label=1", "-has_label"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.to_string().contains(near), "{line}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn wrong_values_name_the_flag() {
        for (line, named) in [
            ("-rank=one", "-rank: `one` must be an integer"),
            ("-rank", "-rank: the value is missing"),
            ("-has_label=maybe", "-has_label"),
            ("-has_label false", "`false` belongs to no flag"),
            ("-learning_rate=inf", "-learning_rate"),
            ("-batch_size=9223372036854775808", "-batch_size"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(named), "{line}: {error}");
        }
    }

    #[test]
    fn the_environment_wins_for_every_parameter_and_only_for_those() {
        for flag in Flags::ALL {
            let value = match flag.name {
                _ if flag.boolean => "true",
                "l0_norm" | "l1_norm" | "l2_norm" | "learning_rate" => "0.25",
                _ => "7",
            };
            let environment = Environment::of([(format!("{PARAMETER}{}", flag.name), value.to_owned())]);
            let mut flags = Flags::default();
            let notes = flags.lay_over(&environment).unwrap();
            assert!(notes.is_empty());
            let wins = flag.source == Source::Parameter;
            assert_eq!(flags.shown(flag.name) == value, wins, "{}", flag.name);
            assert_eq!(flags.origin(flag.name).starts_with(PARAMETER), wins);
        }
        let mut flags = parse("-batch_size=4 -num_epoch=2").unwrap();
        let environment = Environment::of(
            [("batch_size", "5"), ("num_epoch", "2")].map(|(k, v)| (format!("{PARAMETER}{k}"), v.into())),
        );
        let notes = flags.lay_over(&environment).unwrap();
        assert_eq!((flags.batch_size, flags.num_epoch), (5, 2));
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].contains("wins over -batch_size=4"));
    }

    #[test]
    fn wrong_values_name_the_variable() {
        for (name, value) in [("batch_size", "many"), ("use_ttp", "1"), ("l2_norm", "nan"), ("fxp_bits", "")]
        {
            let environment = Environment::of([(format!("{PARAMETER}{name}"), value.to_owned())]);
            let error = Flags::default().lay_over(&environment).unwrap_err().to_string();
            assert!(error.contains(&format!("{PARAMETER}{name}")), "{error}");
        }
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (a, b, expected) in
            [("", "abc", 3), ("kitten", "sitting", 3), ("rank", "rank", 0), ("abc", "", 3)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
