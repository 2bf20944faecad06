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
        ("-norank", "-rank"),
        ("-x=1", "-help"),
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
    for (name, value) in [("batch_size", "many"), ("use_ttp", "1"), ("l2_norm", "nan"), ("fxp_bits", "")] {
        let environment = Environment::of([(format!("{PARAMETER}{name}"), value.to_owned())]);
        let error = Flags::default().lay_over(&environment).unwrap_err().to_string();
        assert!(error.contains(&format!("{PARAMETER}{name}")), "{error}");
    }
}

#[test]
fn distances_are_those_of_levenshtein() {
    for (a, b, expected) in [("", "abc", 3), ("kitten", "sitting", 3), ("rank", "rank", 0), ("abc", "", 3)] {
        assert_eq!(distance(a, b), expected, "{a} {b}");
    }
}
