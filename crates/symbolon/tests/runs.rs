//! Parties that do everything right: each command by itself, all of them in one, and the outputs they leave.

mod scene;

use std::fs;

use scene::{Scene, free_addresses, lines, table};
use symbolon::model::ModelHalf;
use symbolon::report::Report;

/// The ids of an aligned table or of a score file.
fn ids(lines: &[String]) -> Vec<&str> {
    lines.iter().skip(1).filter_map(|line| line.split(',').next()).collect()
}

#[test]
fn the_commands_one_after_the_other() {
    let scene = Scene::new();
    for ended in scene.run("psi", &[]) {
        ended.expect(0, &["intersection found", "common=50"]);
    }
    let aligned = [0, 1].map(|rank| lines(&scene.file(rank, "aligned.csv")));
    assert_eq!(ids(&aligned[0]), ids(&aligned[1]));
    assert_eq!(ids(&aligned[0]).len(), 50);
    assert_eq!(aligned[0][0], "id,x1,x3");
    assert_eq!(aligned[1][0], "id,x2,label");

    let input = [scene.file(0, "aligned.csv"), scene.file(1, "aligned.csv")];
    let flags = |rank: usize| ["--input", input[rank].to_str().unwrap()];
    let _dealer = scene.start_dealer();
    let parties = [scene.start(0, "train", &flags(0)), scene.start(1, "train", &flags(1))];
    for party in parties {
        party.wait().expect(0, &["training agreed", "model written"]);
    }
    let models = [0, 1].map(|rank| ModelHalf::read(&scene.file(rank, "model.json")).unwrap());
    assert_eq!(models[0].run, models[1].run);
    assert_eq!(models[0].features_per_rank, [2, 1]);
    assert_eq!((models[0].features[1].name.as_str(), models[1].features[0].name.as_str()), ("x3", "x2"));
    // The halves sum to weights of an ordinary size; one alone is a random ring element.
    let weights = models.map(|half| half.decode_share::<u64>("model.json".as_ref()).unwrap());
    for (one, other) in weights[0].as_slice().iter().zip(weights[1].as_slice()) {
        let weight = one.wrapping_add(*other).cast_signed() as f64 / f64::from(1 << 18);
        assert!(weight.abs() < 4.0, "{weight}");
    }

    let parties = [scene.start(0, "predict", &flags(0)), scene.start(1, "predict", &flags(1))];
    for party in parties {
        party.wait().expect(0, &["prediction agreed"]);
    }
    assert!(!scene.file(0, "scores.csv").exists(), "rank 0 is not to get the scores");
    let scores = lines(&scene.file(1, "scores.csv"));
    assert_eq!(scores[0], "id,score");
    assert_eq!(ids(&scores), ids(&aligned[1]));
    let report = Report::read(&scene.file(1, "report.json")).unwrap();
    assert_eq!(report.evaluation.unwrap().samples, 50);
    let report = Report::read(&scene.file(0, "report.json")).unwrap();
    assert!(report.evaluation.is_none());
}

#[test]
fn everything_in_one_run() {
    let scene = Scene::new();
    let flags = ["--epochs", "12", "--learning-rate", "0.5", "--log-format", "json"];
    for ended in scene.run("run", &flags) {
        ended.expect(0, &["\"phase\":\"psi\"", "\"phase\":\"train\"", "\"phase\":\"predict\""]);
        for line in ended.log.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    }
    let reports = [0, 1].map(|rank| Report::read(&scene.file(rank, "report.json")).unwrap());
    for report in &reports {
        let phases: Vec<&str> = report.phases.iter().map(|phase| phase.name.as_str()).collect();
        assert_eq!(phases, ["connect", "psi", "train", "predict", "finish"]);
        assert_eq!((report.plans.len(), report.intersection), (3, Some(50)));
        assert!(report.phases[1..4].iter().all(|phase| phase.sent_bytes > 0 && phase.received_bytes > 0));
    }
    assert!(reports[0].evaluation.is_none());
    let evaluation = reports[1].evaluation.unwrap();
    assert!(evaluation.auc.unwrap() > 0.85 && evaluation.accuracy > 0.7, "{evaluation:?}");
    assert!(scene.file(1, "scores.csv").exists() && !scene.file(0, "scores.csv").exists());
    for rank in [0, 1] {
        let leftovers = fs::read_dir(scene.folder(rank))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".tmp"));
        assert_eq!(leftovers.count(), 0);
    }
}

#[test]
fn every_ring_and_both_truncations() {
    for flags in [
        &["--field", "32"][..],
        &["--field", "128", "--fraction-bits", "30", "--truncation", "precise"],
        &["--field", "64", "--dialect", "document"],
        &[
            "--field",
            "64",
            "--dialect",
            "spu-0.9.5",
            "--dialect-set",
            "dealer=interconnection",
            "--dialect-set",
            "response-style=full",
        ],
    ] {
        let scene = Scene::new();
        for ended in scene.run("run", flags) {
            ended.expect(0, &["prediction agreed"]);
        }
        assert!(scene.file(1, "scores.csv").exists(), "{flags:?}");
    }
}

#[test]
fn the_intersection_can_be_for_one_party_alone() {
    let scene = Scene::new();
    let [zero, one] = scene.run_without_dealer("psi", &["--result-to", "1"]);
    zero.expect(0, &["for the other party alone"]);
    one.expect(0, &["common=50"]);
    assert!(!scene.file(0, "aligned.csv").exists());
    assert_eq!(lines(&scene.file(1, "aligned.csv")).len(), 51);
}

#[test]
fn a_step_that_the_fraction_bits_cannot_hold_is_told() {
    let scene = Scene::aligned();
    scene.configure(1, "label = 'label'");
    let flags = ["--learning-rate", "0.0001", "--batch-size", "21"];
    for ended in scene.run("train", &flags) {
        // 0.0001 / 21 is 1.25 units of 2^-18 and becomes 1.
        ended.expect(0, &["WARN", "4.76", "3.81", "18 fraction bits"]);
    }
    for rank in [0, 1] {
        let report = Report::read(&scene.file(rank, "report.json")).unwrap();
        assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
    }
}

#[test]
fn rank_0_decides_where_the_policy_of_the_others_allows_it() {
    let scene = Scene::new();
    let _dealer = scene.start_dealer();
    let zero = scene.start(0, "run", &["--epochs", "2", "--fraction-bits", "20", "--learning-rate", "0.25"]);
    let one = scene.start(1, "run", &["--accept", "limits", "--epochs", "9", "--adjust-rank", "1"]);
    for ended in [zero, one].map(scene::Running::wait) {
        ended.expect(0, &["epochs=2", "fraction_bits=20"]);
    }
    let models = [0, 1].map(|rank| ModelHalf::read(&scene.file(rank, "model.json")).unwrap());
    assert_eq!(models[0].training, models[1].training);
    assert_eq!((models[1].fraction_bits, models[1].training.learning_rate), (20, 0.25));
}

#[test]
fn three_parties_train_and_predict() {
    let scene = Scene::new();
    let addresses = free_addresses(3);
    let parties = addresses.join(",");
    let _dealer = scene.start_dealer();
    for (rank, columns) in [&["x1"][..], &["x2", "label"], &["x3", "x4"]].into_iter().enumerate() {
        scene.write_table(rank, &table(0, 80, columns));
        scene.configure(rank, if rank == 1 { "label = 'label'" } else { "" });
    }
    for command in ["train", "predict"] {
        let flags =
            |rank: usize| ["--parties", &parties, "--listen", &addresses[rank], "--learning-rate", "0.5"];
        let running = [0, 1, 2].map(|rank| scene.start(rank, command, &flags(rank)));
        for ended in running.map(scene::Running::wait) {
            ended.expect(0, &["parties=3"]);
        }
    }
    let report = Report::read(&scene.file(1, "report.json")).unwrap();
    assert!(report.evaluation.unwrap().auc.unwrap() > 0.85, "{report:?}");
    let scored = [0, 1, 2].map(|rank| scene.file(rank, "scores.csv").exists());
    assert_eq!(scored, [false, true, false]);
}

#[test]
fn repeated_ids_can_be_left_out() {
    let scene = Scene::new();
    let mut text = table(0, 60, &["x1", "x3"]);
    text.push_str("person-20,0.1,0.2\n");
    scene.write_table(0, &text);
    let [zero, one] = scene.run_without_dealer("psi", &["--duplicates", "first"]);
    zero.expect(0, &["1 rows repeat the id", "common=50"]);
    one.expect(0, &["common=50"]);
}
