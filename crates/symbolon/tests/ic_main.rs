//! `symbolon ic-main` as real processes on 127.0.0.1, with the command lines and environments that the
//! reference implementation is started with.

mod ic_main_scene;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use ic_main_scene::{Ended, Running, Scene, start};
use symbolon::model::ModelHalf;
use symbolon_dialect::{FirstStepDraws, PublicTruncation};
use symbolon_lr::{TrainPlan, ideal};
use symbolon_operators::Sigmoid;
use symbolon_ring::{FixedPoint, Ring};

/// What the two algorithms add to a scene.
trait Runs {
    fn run(&self, common: &str, own: [&str; 2]) -> [Ended; 2];
    fn psi(&self, common: &str, own: [&str; 2]) -> [Ended; 2];
    fn lr(&self, common: &str, own: [&str; 2]) -> [Ended; 2];
    fn assert_no_output(&self);
}

impl Runs for Scene {
    /// Both parties with `-rank`, `-parties`, `common` and the own flags.
    fn run(&self, common: &str, own: [&str; 2]) -> [Ended; 2] {
        let parties = [0, 1].map(|rank| {
            let words = format!(
                "ic-main -rank={rank} -parties={},{} -connect_timeout_ms=8000 -recv_timeout_ms=8000 {common} {}",
                self.addresses[0], self.addresses[1], own[rank]
            );
            start(&self.path(&format!("rank{rank}")), &words, &[])
        });
        parties.map(Running::wait)
    }

    fn psi(&self, common: &str, own: [&str; 2]) -> [Ended; 2] {
        let own = [0, 1].map(|rank| {
            let (input, output) = (self.path(&format!("in{rank}.csv")), self.path(&format!("out{rank}.csv")));
            format!("-in_path {} -out_path {} {}", input.display(), output.display(), own[rank])
        });
        self.run(&format!("-algo=ECDH_PSI -protocol_families=ECC {common}"), [&own[0], &own[1]])
    }

    fn lr(&self, common: &str, own: [&str; 2]) -> [Ended; 2] {
        let own = [0, 1]
            .map(|rank| format!("-dataset={} {}", self.path(&format!("d{rank}.csv")).display(), own[rank]));
        let common = format!(
            "-algo=SS_LR -protocol_families=SS -use_ttp=true -ttp_server_host={} -lr_output={} {common}",
            self.addresses[2],
            self.path("model").display()
        );
        self.run(&common, [&own[0], &own[1]])
    }

    #[track_caller]
    fn assert_no_output(&self) {
        for name in ["out0.csv", "out1.csv", "model.0", "model.1"] {
            assert!(!self.path(name).exists(), "{name} was written");
        }
    }
}

// Intersections

/// The lines of `own`, in order, whose id is among the other's.
fn expected(own: &str, other: &str) -> String {
    let id = |line: &str| line.split(',').next().unwrap().trim().to_owned();
    let others: BTreeSet<String> = other.lines().skip(1).map(id).collect();
    let (header, rows) = own.split_once('\n').unwrap();
    let common = rows.lines().filter(|line| others.contains(&id(line)));
    std::iter::once(header).chain(common).map(|line| format!("{line}\n")).collect()
}

fn psi_tables(scene: &Scene) -> [String; 2] {
    let mut tables = [String::from("id,x\n"), String::from("id,x\n")];
    for row in 0..40 {
        tables[0].push_str(&format!("person-{}  ,{row}\n", row * 3));
        tables[1].push_str(&format!("person-{},{row}\n", 100 - row * 2));
    }
    // Ids that repeat are taken as they are.
    tables[0].push_str("person-6,again\nuser \u{7528}\u{6237},1\n");
    tables[1].push_str("user \u{7528}\u{6237} ,2\n");
    scene.write("in0.csv", &tables[0]);
    scene.write("in1.csv", &tables[1]);
    tables
}

#[test]
fn both_parties_write_their_common_rows_in_their_own_order() {
    let scene = Scene::new();
    let tables = psi_tables(&scene);
    for (rank, ended) in scene.psi("-field_names id", ["", ""]).iter().enumerate() {
        ended.expect(0, &["intersection_count"]);
        let written = fs::read_to_string(scene.path(&format!("out{rank}.csv"))).unwrap();
        assert_eq!(written, expected(&tables[rank], &tables[1 - rank]));
    }
    assert!(!expected(&tables[0], &tables[1]).is_empty());
}

#[test]
fn one_party_alone_may_learn_the_intersection() {
    let scene = Scene::new();
    let tables = psi_tables(&scene);
    for ended in scene.psi("-result_to_rank=1 -disable_msg_seq_id=true", ["", ""]) {
        ended.expect(0, &[]);
    }
    assert!(!scene.path("out0.csv").exists());
    let written = fs::read_to_string(scene.path("out1.csv")).unwrap();
    assert_eq!(written, expected(&tables[1], &tables[0]));
}

#[test]
fn an_empty_set_has_an_empty_intersection() {
    let scene = Scene::new();
    psi_tables(&scene);
    scene.write("in1.csv", "id,x\n");
    for (rank, ended) in scene.psi("", ["", ""]).iter().enumerate() {
        ended.expect(0, &[]);
        assert_eq!(fs::read_to_string(scene.path(&format!("out{rank}.csv"))).unwrap(), "id,x\n");
    }
}

#[test]
fn a_refused_intersection_fails_at_both_ends() {
    let sm2 = "-curve_type=sm2 -hash2curve_strategy=try_and_rehash -point_octet_format=x962_compressed";
    for (own, reason) in
        [(["", sm2], "negotiate ec suits failed"), (["-result_to_rank=0", ""], "result_to_rank")]
    {
        let scene = Scene::new();
        psi_tables(&scene);
        let ended = scene.psi("", own);
        ended.iter().for_each(|ended| ended.expect(4, &[reason]));
        scene.assert_no_output();
    }
}

#[test]
fn a_suite_that_is_not_implemented_is_named() {
    let scene = Scene::new();
    psi_tables(&scene);
    let ed25519 = "-curve_type=ed25519";
    for ended in scene.psi(ed25519, ["", ""]) {
        ended.expect(2, &["ED25519", "not implemented", "-curve_type=curve25519"]);
    }
    scene.assert_no_output();
}

#[test]
fn the_suites_of_sm2_intersect() {
    for (hash, map, format) in [
        ("sha_256", "try_and_rehash", "x962_compressed"),
        ("sm3", "try_and_increment", "uncompressed"),
        ("sm3", "try_and_rehash", "x962_hybrid"),
        ("sha_256", "try_and_increment", "x962_uncompressed"),
    ] {
        let scene = Scene::new();
        let tables = psi_tables(&scene);
        let flags = format!(
            "-curve_type=sm2 -hash_type={hash} -hash2curve_strategy={map} -point_octet_format={format}"
        );
        for (rank, ended) in scene.psi(&flags, ["", ""]).iter().enumerate() {
            ended.expect(0, &["intersection_count"]);
            let written = fs::read_to_string(scene.path(&format!("out{rank}.csv"))).unwrap();
            assert_eq!(written, expected(&tables[rank], &tables[1 - rank]), "{flags}");
        }
    }
}

// Regressions

const ROWS: usize = 24;
const FEATURES: [usize; 2] = [2, 3];

fn value(row: usize, column: usize) -> f64 {
    ((row * 7919 + column * 104_729 + row * column * 31) % 1000) as f64 / 500.0 - 1.0
}

fn label(row: usize) -> f64 {
    f64::from(value(row, 0) + 0.5 * value(row, 3) > 0.0)
}

/// Tables of 2 and 3 features, the label behind those of `label_rank`.
fn lr_tables(scene: &Scene, label_rank: Option<usize>, rows: [usize; 2]) {
    for rank in [0, 1] {
        let columns = if rank == 0 { 0..2 } else { 2..5 };
        let mut header: Vec<String> = columns.clone().map(|column| format!("c{column}")).collect();
        header.extend((label_rank == Some(rank)).then(|| "y".to_owned()));
        let mut text = header.join(",") + "\n";
        for row in 0..rows[rank] {
            let mut fields: Vec<String> =
                columns.clone().map(|column| format!("{:.14e}", value(row, column))).collect();
            fields.extend((label_rank == Some(rank)).then(|| format!("{:.14e}", label(row))));
            text.push_str(&(fields.join(",") + "\n"));
        }
        scene.write(&format!("d{rank}.csv"), &text);
    }
}

/// The weights in plain floating point.
fn plain(label_rank: usize, batch_size: usize) -> Vec<f64> {
    let plan = TrainPlan {
        epochs: 2,
        batch_size,
        learning_rate: 0.1,
        l2: 0.5,
        sigmoid: Sigmoid::Minimax1,
        samples: ROWS,
        features: FEATURES.to_vec(),
        label_rank,
        first_step_draws: FirstStepDraws::Reference,
        public_truncation: PublicTruncation::Round,
        step_size: None,
    };
    let x: Vec<f32> = (0..ROWS).flat_map(|row| (0..5).map(move |column| value(row, column) as f32)).collect();
    let y: Vec<f32> = (0..ROWS).map(|row| label(row) as f32).collect();
    ideal::train_float(&plan, &x, &y).unwrap()
}

/// The two halves put together.
fn weights<R: Ring>(paths: [PathBuf; 2]) -> Vec<f64> {
    let halves = paths.each_ref().map(|path| ModelHalf::read(path).unwrap());
    assert_eq!(halves[0].run, halves[1].run);
    let names = |half: &ModelHalf| {
        half.features.iter().map(|feature| feature.name.clone()).collect::<Vec<_>>().join(",")
    };
    assert_eq!((names(&halves[0]), names(&halves[1])), ("c0,c1".into(), "c2,c3,c4".into()));
    let shares = [0, 1].map(|rank| halves[rank].decode_share::<R>(&paths[rank]).unwrap());
    let fixed = FixedPoint::<R>::new(halves[0].fraction_bits).unwrap();
    fixed.decode_slice(shares[0].add(&shares[1]).unwrap().as_slice())
}

#[track_caller]
fn assert_near(weights: &[f64], expected: &[f64]) {
    assert_eq!(weights.len(), expected.len());
    for (weight, expected) in weights.iter().zip(expected) {
        assert!((weight - expected).abs() < 1e-3, "{weights:?} for {expected:?}");
    }
}

const LR: &str = "-batch_size=4 -num_epoch=2 -learning_rate=0.1 -l2_norm=0.5";

#[test]
fn the_halves_of_a_model_give_the_plain_weights_and_nothing_is_revealed() {
    let scene = Scene::new();
    lr_tables(&scene, Some(0), [ROWS; 2]);
    let _dealer = scene.dealer();
    for ended in scene.lr(LR, ["-has_label", "-has_label=false"]) {
        ended.expect(0, &["waits for its final inference"]);
        assert_eq!(ended.stdout, "");
    }
    let first = weights::<u64>([scene.path("model.0"), scene.path("model.1")]);
    assert_near(&first, &plain(0, 4));

    // A second run makes another model; the dealer's session is free again.
    let run = |rank: usize| ModelHalf::read(&scene.path(&format!("model.{rank}"))).unwrap().run;
    let before = run(0);
    scene.lr(LR, ["-has_label", ""]).iter().for_each(|ended| ended.expect(0, &[]));
    assert!(run(0) == run(1) && run(0) != before);
}

#[test]
fn the_flag_that_says_so_reveals_the_accuracy_to_both() {
    let scene = Scene::new();
    lr_tables(&scene, Some(1), [ROWS; 2]);
    let _dealer = scene.dealer();
    let flags = "-batch_size=5 -num_epoch=2 -learning_rate=0.1 -field=128 -fxp_bits=26 -disable_msg_seq_id -reveal_labels_and_scores";
    // The reference takes the adjust rank from rank 0.
    let ended = scene.lr(flags, ["-ttp_adjust_rank=1", "-has_label"]);
    let expected = plain(1, 5);
    assert_near(&weights::<u128>([scene.path("model.0"), scene.path("model.1")]), &expected);
    let right = (0..ROWS).filter(|&row| {
        let score: f64 =
            (0..5).map(|column| value(row, column) * expected[column]).sum::<f64>() + expected[5];
        (score >= 0.5) == (label(row) == 1.0)
    });
    let accuracy = right.count() as f64 / ROWS as f64;
    for ended in &ended {
        ended.expect(0, &["every party now learns every label and every score"]);
        let printed: f64 = ended.stdout.trim().strip_prefix("Accuracy = ").unwrap().parse().unwrap();
        assert!((printed - accuracy).abs() < 1e-5, "{} for {accuracy}", ended.stdout);
    }
    assert_eq!(ended[0].stdout, ended[1].stdout);
}

#[test]
fn a_party_that_insists_on_the_ending_alone_learns_nothing() {
    let scene = Scene::new();
    lr_tables(&scene, Some(1), [ROWS; 2]);
    let _dealer = scene.dealer();
    let ended = scene.lr(LR, ["-reveal_labels_and_scores", "-has_label"]);
    assert_ne!(ended[0].status.code(), Some(0), "{}", ended[0].log);
    assert_eq!(ended[0].stdout, "");
    assert!(!scene.path("model.0").exists());
}

#[test]
fn a_refused_training_fails_at_both_ends() {
    let same = [ROWS; 2];
    for (label_rank, rows, own, reason) in [
        (Some(0), same, ["-has_label", "-has_label"], "more than one party have label"),
        (None, same, ["", ""], "label"),
        (Some(0), [ROWS, ROWS - 1], ["-has_label", ""], "sample"),
        (Some(0), same, ["-has_label -field=128", ""], "type failed"),
    ] {
        let scene = Scene::new();
        lr_tables(&scene, label_rank, rows);
        for ended in scene.lr(LR, own) {
            ended.expect(4, &[reason]);
            assert_eq!(ended.stdout, "");
        }
        scene.assert_no_output();
    }
}

#[test]
fn another_dealer_than_the_own_one_is_refused() {
    let scene = Scene::new();
    lr_tables(&scene, Some(0), [ROWS; 2]);
    let _dealer = scene.dealer();
    let ended = scene.lr(LR, ["-has_label", "-ttp_server_host=127.0.0.1:1"]);
    ended[1].expect(4, &["dealer host", "127.0.0.1:1"]);
    assert_ne!(ended[0].status.code(), Some(0), "{}", ended[0].log);
    scene.assert_no_output();
}

// The reference's dealers

#[test]
fn the_dealer_may_be_a_third_party_with_a_key() {
    for (more, own) in [
        ("", ["-has_label", ""]),
        ("-link_protocol=h2:grpc -ttp_protocol=h2:grpc", ["-has_label -ttp_adjust_rank=1", ""]),
        ("-field=128 -fxp_bits=26 -disable_msg_seq_id", ["-has_label -ttp_adjust_rank=1", ""]),
        ("-field=64 -trunc_mode=precise", ["-has_label", ""]),
    ] {
        let scene = Scene::new();
        lr_tables(&scene, Some(0), [ROWS; 2]);
        let (_dealer, key) = scene.keyed_dealer();
        for ended in scene.lr(&format!("{LR} -ttp_public_key={key} {more}"), own) {
            ended.expect(0, &["training agreed"]);
        }
        let paths = [scene.path("model.0"), scene.path("model.1")];
        let weights = if more.contains("128") { weights::<u128>(paths) } else { weights::<u64>(paths) };
        assert_near(&weights, &plain(0, 4));
    }
}

#[test]
fn a_third_party_that_is_not_there_dies_or_has_another_key() {
    let scene = Scene::new();
    lr_tables(&scene, Some(0), [ROWS; 2]);
    let (mut dealer, key) = scene.keyed_dealer();
    let (_, other) = Scene::new().keyed_dealer();
    let flags = |key: &str| format!("{LR} -ttp_public_key={key}");
    let ended = scene.lr(&flags(&other), ["-has_label", ""]);
    ended[0].expect(1, &["refused with code 2", "another public key"]);
    ended[1].expect(3, &["rank 0"]);
    dealer.kill();
    let ended = scene.lr(&flags(&key), ["-has_label -connect_timeout_ms=1000", ""]);
    ended[0].expect(3, &["dealer", &scene.addresses[2], "not reachable within 1s", "Connection refused"]);
    ended[1].expect(3, &["rank 0"]);
    scene.assert_no_output();
}

/// Without a third party rank 0 deals: whatever its adjust rank is said to be, and only where every party allows it.
#[test]
fn rank_0_deals_where_that_is_allowed_and_says_what_it_gives_away() {
    let insecure = "-use_ttp=false -insecure_rank_0_learns_all_masks";
    for (label_rank, own) in [(0, ["-has_label", ""]), (1, ["-ttp_adjust_rank=1", "-has_label"])] {
        let scene = Scene::new();
        lr_tables(&scene, Some(label_rank), [ROWS; 2]);
        for ended in scene.lr(&format!("{LR} {insecure}"), own) {
            ended.expect(0, &["WARN", "INSECURE", "can read every feature and every label of every party"]);
        }
        let weights = weights::<u64>([scene.path("model.0"), scene.path("model.1")]);
        assert_near(&weights, &plain(label_rank, 4));
    }
    let scene = Scene::new();
    lr_tables(&scene, Some(0), [ROWS; 2]);
    let ended = scene.lr(&format!("{LR} -use_ttp=false -connect_timeout_ms=500"), ["-has_label", insecure]);
    ended[0].expect(2, &["-use_ttp = false", "-insecure_rank_0_learns_all_masks"]);
    ended[1].expect(3, &["rank 0"]);
    scene.assert_no_output();
}

// Without a handshake, by a scheduler's environment

fn scheduled(scene: &Scene, rank: usize, input: &str, parameters: &[(&str, &str)]) -> Vec<(String, String)> {
    // Ranks are in the order of names: guest.0 is rank 0.
    let role = ["guest.0", "host.0"][rank];
    let mut variables: Vec<(String, String)> = [
        ("system.storage.host.url", format!("file:/{}", scene.path("").display())),
        ("runtime.component.input.train_data", format!(r#"{{"namespace":".","name":"{input}"}}"#)),
        (
            "runtime.component.output.train_data",
            format!(r#"{{"namespace":"output","name":"result_{rank}"}}"#),
        ),
        ("runtime.component.parameter.start_transport", "true".into()),
        ("system.transport", scene.addresses[rank].clone()),
        ("config.self_role", role.into()),
        ("config.inst_id.host.0", "alice".into()),
        ("config.node_id.host.0", "alice".into()),
        ("config.node_id.guest.0", "bob".into()),
        ("config.node_ip.guest.0", scene.addresses[0].clone()),
        ("config.node_ip.host.0", scene.addresses[1].clone()),
        ("config.task_id", "job-alice-2-bob".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (name, value) in parameters {
        variables.push((format!("runtime.component.parameter.{name}"), (*value).to_owned()));
    }
    variables
}

const ALONE: &str = "ic-main -disable_handshake=1 -connect_timeout_ms=8000 -recv_timeout_ms=8000";

#[test]
fn a_scheduled_intersection_needs_no_flags() {
    let scene = Scene::new();
    let tables = psi_tables(&scene);
    let parameters = [
        ("algo", "ecdh_psi"),
        ("protocol_families", "ecc"),
        ("curve_type", "curve25519"),
        ("hash_type", "sha_256"),
        ("hash2curve_strategy", "direct_hash_as_point_x"),
        ("point_octet_format", "uncompressed"),
        ("bit_length_after_truncated", "-1"),
        ("result_to_rank", "-1"),
        ("field_names", "id"),
    ];
    let parties = [0, 1].map(|rank| {
        let variables = scheduled(&scene, rank, &format!("in{rank}.csv"), &parameters);
        start(&scene.path(&format!("rank{rank}")), ALONE, &variables)
    });
    for (rank, party) in parties.into_iter().enumerate() {
        party.wait().expect(0, &["no transport by a gateway"]);
        let written = fs::read_to_string(scene.path(&format!("output/result_{rank}"))).unwrap();
        assert_eq!(written, expected(&tables[rank], &tables[1 - rank]));
    }
}

#[test]
fn a_scheduled_training_needs_no_flags() {
    let scene = Scene::new();
    lr_tables(&scene, Some(1), [ROWS; 2]);
    let (_dealer, key) = scene.keyed_dealer();
    let parameters = [
        ("algo", "ss_lr"),
        ("protocol_families", "ss"),
        ("optimizer", "sgd"),
        ("learning_rate", "0.1"),
        ("num_epoch", "2"),
        ("batch_size", "4"),
        ("last_batch_policy", "discard"),
        ("l0_norm", "0"),
        ("l1_norm", "0"),
        ("l2_norm", "0.5"),
        ("sigmoid_mode", "minimax_1"),
        ("protocol", "semi2k"),
        ("field", "64"),
        ("fxp_bits", "18"),
        ("trunc_mode", "probabilistic"),
        ("shard_serialize_format", "raw"),
        ("use_ttp", "true"),
        ("ttp_server_host", &scene.addresses[2]),
        ("ttp_asym_crypto_schema", "sm2"),
        ("ttp_public_key", &key),
        ("ttp_adjust_rank", "0"),
        ("label_owner", "host.0"),
        ("feature_nums", r#"{"host.0":3, "guest.0":2}"#),
        ("skip_rows", "1"),
    ];
    let parties = [0, 1].map(|rank| {
        let variables = scheduled(&scene, rank, &format!("d{rank}.csv"), &parameters);
        start(&scene.path(&format!("rank{rank}")), ALONE, &variables)
    });
    for party in parties {
        party.wait().expect(0, &[]);
    }
    let weights = weights::<u64>([scene.path("output/result_0"), scene.path("output/result_1")]);
    assert_near(&weights, &plain(1, 4));
}

// The command line

#[test]
fn wrong_flags_end_at_once() {
    let scene = Scene::new();
    let cases = [
        ("ic-main -has_label -rnk=0", 2, "do you mean -rank?"),
        ("ic-main --out_path=o false", 2, "`false` belongs to no flag"),
        ("ic-main -algo=SS_LR -protocol_families=ss", 2, "start a `symbolon dealer`"),
        ("ic-main -out_path=o -link_protocol=smoke", 2, "unknown carrier \"smoke\""),
        ("ic-main -out_path=o -in_path=/nowhere/at/all.csv", 1, "/nowhere/at/all.csv"),
    ];
    for (words, code, text) in cases {
        start(&scene.path("usage"), words, &[]).wait().expect(code, &[text]);
    }
    for words in ["ic-main -help", "ic-main --help", "ic-main -h", "ic-main -rank=0 --help"] {
        let ended = start(&scene.path("usage"), words, &[]).wait();
        ended.expect(0, &[]);
        for text in ["-ttp_session_id", "-reveal_labels_and_scores", "[/tmp/sslr_result]", "*-batch_size"] {
            assert!(ended.stdout.contains(text), "{words}: {}", ended.stdout);
        }
    }
}
