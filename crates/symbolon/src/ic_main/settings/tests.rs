use symbolon_dialect::{Construction, DealerDialect};
use symbolon_grpc::SpuForm;

use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::of(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn settings(line: &str, variables: &[(&str, &str)]) -> Result<Settings> {
    let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    Settings::new(Flags::parse(&arguments)?.unwrap(), &environment(variables))
}

fn psi(line: &str, variables: &[(&str, &str)]) -> PsiTask {
    match settings(line, variables).unwrap().task {
        Task::Psi(task) => task,
        Task::Lr(_) => panic!("another algorithm"),
    }
}

fn lr(line: &str, variables: &[(&str, &str)]) -> LrTask {
    match settings(&format!("{LR} {line}"), variables).unwrap().task {
        Task::Lr(task) => task,
        Task::Psi(_) => panic!("another algorithm"),
    }
}

const LR: &str = "-algo=SS_LR -protocol_families=SS -use_ttp=true";

#[test]
fn the_defaults_make_an_intersection_of_the_reference() {
    let settings = settings("-out_path=o.csv", &[]).unwrap();
    assert!(settings.handshake && settings.notes.is_empty());
    assert_eq!((settings.party.rank, settings.party.parties.len()), (0, 2));
    assert_eq!(settings.party.listen, "127.0.0.1:9530");
    let dialect = &settings.party.dialect;
    assert_eq!(dialect.name, "reference");
    assert!(dialect.sequence_numbers);
    let Task::Psi(task) = settings.task else { panic!("another algorithm") };
    let expected = PsiTask {
        input: "data.csv".into(),
        fields: vec!["id".into()],
        output: Some("o.csv".into()),
        suite: EcSuite::CURVE25519_SHA256_DIRECT,
        truncate_bits: None,
        result_to: ResultTo::All,
    };
    assert_eq!(task, expected);
}

#[test]
fn psi_flags_are_taken_over() {
    let task = psi(
        "-rank 1 -in_path=a -field_names=x,y -result_to_rank=0 -curve_type=SM2 -hash2curve_strategy=try_and_rehash \
         -point_octet_format=x962_compressed -algo=ecdh_psi",
        &[],
    );
    assert_eq!((task.input.to_str(), task.output), (Some("a"), None));
    assert_eq!(task.fields, ["x", "y"]);
    assert_eq!((task.suite, task.result_to), (EcSuite::SM2_SHA256_REHASH, ResultTo::Rank(0)));
    let bits = |text| {
        psi("-out_path=o", &[("runtime.component.parameter.bit_length_after_truncated", text)]).truncate_bits
    };
    assert_eq!((bits("-1"), bits("80")), (None, Some(80)));
    assert!(!settings("-out_path=o -disable_msg_seq_id", &[]).unwrap().party.dialect.sequence_numbers);
}

/// A name of an enumeration as a flag has it.
fn flag<T: Copy>(values: &[T], name: fn(&T) -> &'static str, prefix: &str) -> Vec<(T, String)> {
    let short = |value: &T| name(value).strip_prefix(prefix).unwrap().to_ascii_lowercase();
    values.iter().map(|value| (*value, short(value))).collect()
}

#[test]
fn suites_are_taken_over_if_they_are_implemented() {
    use symbolon_handshake::{CurveType, HashToCurveStrategy, HashType, PointOctetFormat};
    let curves: Vec<_> = (1..1000).filter_map(|n| CurveType::try_from(n).ok()).collect();
    let hashes: Vec<_> = (1..1000).filter_map(|n| HashType::try_from(n).ok()).collect();
    let maps: Vec<_> = (1..1000).filter_map(|n| HashToCurveStrategy::try_from(n).ok()).collect();
    let formats: Vec<_> = (1..1000).filter_map(|n| PointOctetFormat::try_from(n).ok()).collect();
    let mut accepted = 0;
    for (curve, curve_flag) in flag(&curves, CurveType::as_str_name, "CURVE_TYPE_") {
        for (hash, hash_flag) in flag(&hashes, HashType::as_str_name, "HASH_TYPE_") {
            for (map, map_flag) in flag(&maps, HashToCurveStrategy::as_str_name, "HASH_TO_CURVE_STRATEGY_") {
                for (format, format_flag) in
                    flag(&formats, PointOctetFormat::as_str_name, "POINT_OCTET_FORMAT_")
                {
                    let suite = EcSuite { curve, hash, map, format };
                    let line = format!(
                        "-out_path=o -curve_type={curve_flag} -hash_type={hash_flag} \
                         -hash2curve_strategy={map_flag} -point_octet_format={format_flag}"
                    );
                    match settings(&line, &[]) {
                        Ok(settings) => {
                            let Task::Psi(task) = settings.task else { panic!("another algorithm") };
                            assert_eq!(task.suite, suite);
                            assert!(suite.is_implemented() && curve != CurveType::Ed25519, "{suite}");
                            accepted += 1;
                        }
                        Err(error) => {
                            assert!(!suite.is_implemented(), "{suite}");
                            assert!(error.to_string().contains(&format!("{suite} is not implemented")));
                            assert_eq!(error.exit_code(), 2);
                        }
                    }
                }
            }
        }
    }
    assert_eq!(accepted, symbolon_curve::Suite::IMPLEMENTED.len());
}

#[test]
fn lr_flags_are_taken_over() {
    let expected = LrTask {
        input: "data.csv".into(),
        skip_rows: 1,
        output: "/tmp/sslr_result.0".into(),
        has_label: false,
        told: None,
        epochs: 1,
        batch_size: 21,
        l2: 0.5,
        learning_rate: 0.0001,
        sigmoid: SigmoidMode::Minimax1,
        field: Field::Ring64,
        fraction_bits: 18,
        truncation: Truncation::Probabilistic,
        dealer: "127.0.0.1:9449".into(),
        session_id: "ic-main".into(),
        adjust_rank: 0,
        reveal: false,
    };
    assert_eq!(lr("", &[]), expected);
    let all = lr(
        "-rank=1 -dataset=d -skip_rows=0 -lr_output=o -has_label -num_epoch=2 -batch_size=4 -l2_norm=0 \
         -learning_rate=0.1 -field=128 -fxp_bits=26 -trunc_mode=precise -ttp_server_host=h:1 -ttp_session_id=s \
         -ttp_adjust_rank=1 -reveal_labels_and_scores",
        &[],
    );
    let changed = LrTask {
        input: "d".into(),
        skip_rows: 0,
        output: "o.1".into(),
        has_label: true,
        epochs: 2,
        batch_size: 4,
        l2: 0.0,
        learning_rate: 0.1,
        field: Field::Ring128,
        fraction_bits: 26,
        truncation: Truncation::Precise,
        dealer: "h:1".into(),
        session_id: "s".into(),
        adjust_rank: 1,
        reveal: true,
        ..expected
    };
    assert_eq!(all, changed);
}

/// The key of the reference's manual (secretflow/interconnection-impl, README), as the flag takes it.
const KEY: &str = "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUZvd0ZBWUlLb0VjejFVQmdpMEdDQ3FCSE05VkFZSXRBMElBQkxROGc3Q3R3eis3OW1ZQTcrbCtVOWliTjdaSAorVG1yZ0R4bGk2dmpWNTlaaG14c3U4eDNSR1pBS09Bd2gzNnhYcHhHZ2F5MXRGYWtDazNMZFV0azJzND0KLS0tLS1FTkQgUFVCTElDIEtFWS0tLS0tCg==";

fn with_key(more: &str) -> String {
    format!("{LR} -ttp_public_key={KEY} {more}")
}

#[test]
fn the_dealer_is_what_the_flags_say() {
    let dealing = |line: &str| {
        let party = settings(line, &[]).unwrap().party;
        (party.dialect.dealer, party.dialect.dealer_stream, party.dealer)
    };
    let (service, stream, dealer) = dealing(LR);
    assert_eq!((service, stream), (DealerDialect::Interconnection, Construction::BlocksLittleEndian));
    assert!(dealer.is_none());
    for (more, form) in [("", SpuForm::UnaryBaiduStd), ("-ttp_protocol=h2:grpc", SpuForm::Unary)] {
        let (service, stream, dealer) = dealing(&with_key(&format!("-ttp_server_host=h:1 {more}")));
        assert_eq!((service, stream), (DealerDialect::Spu, Construction::CtrBigEndian));
        let dealer = dealer.unwrap();
        assert_eq!((dealer.address.as_str(), dealer.spu.unwrap().form), ("h:1", form));
    }
    let alone = "-algo=SS_LR -protocol_families=SS -insecure_rank_0_learns_all_masks";
    let (service, stream, dealer) = dealing(alone);
    let expected = (DealerDialect::InsecureRank0LearnsAllMasks, Construction::CtrBigEndian);
    assert_eq!((service, stream), expected);
    assert!(dealer.is_none());
    let notes = settings(alone, &[]).unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("INSECURE") && note.contains("every label")), "{notes:?}");
    // A scheduler's environment can ask for no dealer, but not allow it.
    let variable = ("runtime.component.parameter.insecure_rank_0_learns_all_masks", "true");
    let error = settings("-algo=SS_LR -protocol_families=SS", &[variable]).unwrap_err();
    assert!(error.to_string().contains("-insecure_rank_0_learns_all_masks, at every party"), "{error}");
}

#[test]
fn files_of_the_environment_win() {
    let files = [
        ("system.storage", "file:///s"),
        ("runtime.component.input.train_data", r#"{"namespace":"in","name":"a.csv"}"#),
        ("runtime.component.output.train_data", r#"{"namespace":"out","name":"r"}"#),
    ];
    let task = psi("-in_path=x -out_path=y", &files);
    assert!(task.input.ends_with("s/in/a.csv") && task.output.unwrap().ends_with("s/out/r"));
    let task = lr("-dataset=x -lr_output=y", &files);
    assert!(task.input.ends_with("s/in/a.csv") && task.output.ends_with("s/out/r"));
}

const ROLES: [(&str, &str); 7] = [
    ("config.self_role", "host.0"),
    ("config.node_id.host.0", "alice"),
    ("config.node_id.guest.0", "bob"),
    ("config.node_ip.host.0", "127.0.0.1:9972"),
    ("config.node_ip.guest.0", "127.0.0.1:9973"),
    ("runtime.component.parameter.label_owner", "host.0"),
    ("runtime.component.parameter.feature_nums", r#"{"host.0":10, "guest.0":9}"#),
];

#[test]
fn without_a_handshake_the_environment_tells_the_tables() {
    assert_eq!(lr("-disable_handshake=1", &ROLES).told, Some((1, vec![9, 10])));
    assert!(lr("-disable_handshake=1", &ROLES).has_label);
    let plain =
        [("runtime.component.parameter.label_owner", "party0"), (ROLES[6].0, r#"{"party0":1,"party1":2}"#)];
    let task = lr("-disable_handshake=1 -rank=1 -has_label", &plain);
    assert_eq!((task.told, task.has_label), (Some((0, vec![1, 2])), false));
    let settings = settings(&format!("{LR} -rank=0 -disable_handshake"), &ROLES).unwrap();
    assert!(!settings.handshake);
    assert_eq!((settings.party.rank, settings.party.listen.as_str()), (1, "127.0.0.1:9972"));
    assert!(settings.notes.iter().any(|note| note.contains("wins over -rank=0")), "{:?}", settings.notes);
    for (variables, named) in [
        (&ROLES[..5], "label_owner is missing"),
        (&ROLES[..6], "feature_nums is missing"),
        (&ROLES[5..], "the parties are party0, party1"),
        (&ROLES[1..], "the parties are party0, party1"),
        (&[plain[0], (ROLES[6].0, "10")][..], "a number for each of party0, party1"),
        (&[plain[0], (ROLES[6].0, "{")][..], "not JSON"),
    ] {
        let error =
            super::tests::settings(&format!("{LR} -disable_handshake"), variables).unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn the_tls_flags_go_together() {
    let all = settings("-out_path=o -tls_ca=ca -tls_cert=c -tls_key=k -tls_peers=a,b", &[]).unwrap();
    let tls = all.party.tls.unwrap();
    assert_eq!((tls.ca.to_str(), tls.peers.len()), (Some("ca"), 2));
    assert!(settings("-out_path=o", &[]).unwrap().party.tls.is_none());
}

#[test]
fn bad_values_are_named() {
    let lr = |more: &str| format!("{LR} {more}");
    for (line, named) in [
        ("-algo=SGB".to_owned(), "-algo = SGB: not implemented; choose ECDH_PSI or SS_LR"),
        ("-algo=XGB".into(), "-algo = XGB: unknown"),
        ("-protocol_families=ss".into(), "-protocol_families = ss"),
        ("-ic_version=1".into(), "-ic_version = 1"),
        ("-out_path=o -link_protocol=smoke".into(), "-link_protocol = smoke"),
        ("-out_path=o -result_to_rank=2".into(), "-result_to_rank = 2"),
        ("-out_path=o -curve_type=unspecified".into(), "-curve_type"),
        ("-out_path=o -hash_type=md5".into(), "-hash_type = md5"),
        ("-out_path=o -field_names=a,".into(), "-field_names"),
        ("-result_to_rank=0".into(), "-out_path is empty"),
        ("-out_path=o -rank=2".into(), "rank"),
        ("-out_path=o -rank=-1".into(), "-rank = -1"),
        ("-out_path=o -parties=a:1".into(), "-parties"),
        ("-out_path=o -parties=a:1,b".into(), "`b` is not an address"),
        ("-out_path=o -connect_timeout_ms=0".into(), "-connect_timeout_ms"),
        ("-out_path=o -tls_ca=ca.pem".into(), "given together"),
        ("-out_path=o -tls_ca=a -tls_cert=b -tls_key=c -tls_peers=d".into(), "one per rank"),
        ("-algo=SS_LR -protocol_families=ss".into(), "-use_ttp = false"),
        ("-algo=SS_LR -use_ttp".into(), "-protocol_families = ecc"),
        (lr("-optimizer=adam"), "-optimizer = adam"),
        (lr("-protocol=aby3"), "-protocol = aby3: not implemented"),
        (lr("-field=65"), "-field = 65"),
        (lr("-fxp_bits=-1"), "-fxp_bits = -1"),
        (lr("-batch_size=-1"), "-batch_size = -1"),
        (lr("-num_epoch=-1"), "-num_epoch = -1"),
        (lr("-skip_rows=-1"), "-skip_rows = -1"),
        (lr("-trunc_mode=exact"), "-trunc_mode"),
        (lr("-sigmoid_mode=real"), "-sigmoid_mode"),
        (lr("-last_batch_policy=keep"), "-last_batch_policy"),
        (lr("-shard_serialize_format=zip"), "-shard_serialize_format"),
        (lr("-ttp_adjust_rank=-1"), "-ttp_adjust_rank"),
        (lr("-ttp_public_key=%%"), "-ttp_public_key: not the base64 form"),
        (lr("-ttp_public_key=YWJj"), "-ttp_public_key: configuration: the dealer's public key"),
        (lr("-insecure_rank_0_learns_all_masks"), "goes with -use_ttp=false"),
        (format!("{} -ttp_asym_crypto_schema=rsa", with_key("")), "-ttp_asym_crypto_schema = rsa"),
        (with_key("-ttp_protocol=http"), "-ttp_protocol = http"),
    ] {
        let error = settings(&line, &[]).unwrap_err();
        assert!(error.to_string().contains(named), "{line}: {error}");
        assert_eq!(error.exit_code(), 2, "{line}");
    }
    let error = settings("-out_path=o", &[("runtime.component.parameter.curve_type", "x")]).unwrap_err();
    assert!(error.to_string().contains("runtime.component.parameter.curve_type = x"), "{error}");
}

#[test]
fn what_is_not_used_is_told() {
    let notes = settings(
        &format!("{LR} -l1_norm=1"),
        &[
            ("runtime.component.parameter.bach_size", "4"),
            ("runtime.component.parameter.start_transport", "true"),
        ],
    )
    .unwrap()
    .notes;
    for named in ["-l1_norm", "parameter.bach_size"] {
        assert!(notes.iter().any(|note| note.contains(named)), "{named}: {notes:?}");
    }
    assert_eq!(notes.len(), 2);
}
