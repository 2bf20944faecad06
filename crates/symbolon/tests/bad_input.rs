//! Wrong tables, flags and plans: a clear error at both ends, a non-zero exit, no output.

mod scene;

use std::fs;

use scene::{Scene, table};

/// One party stops over its own table; the other, which can only notice that nobody comes, says so.
fn own_fault(command: &[&str], rank: usize, prepare: impl Fn(&Scene), code: i32, texts: &[&str]) {
    let scene = Scene::new();
    prepare(&scene);
    let mut flags = vec!["--connect-timeout", "1s"];
    flags.extend_from_slice(&command[1..]);
    let [zero, one] = scene.run_without_dealer(command[0], &flags);
    let (guilty, other) = if rank == 0 { (zero, one) } else { (one, zero) };
    guilty.expect(code, texts);
    other.expect(3, &[&format!("rank {rank}")]);
    scene.assert_no_output(0);
    scene.assert_no_output(1);
}

#[test]
fn a_missing_column() {
    let wrong = |scene: &Scene| scene.configure(1, "label = 'outcome'");
    own_fault(&["run"], 1, wrong, 1, &["table.csv, column `outcome`", "`id`, `x2`, `label`"]);
}

#[test]
fn a_field_that_is_no_number() {
    let wrong = |scene: &Scene| {
        let text = table(0, 60, &["x1", "x3"]);
        let mut lines: Vec<&str> = text.lines().collect();
        lines[7] = "person-6,0.5,abc";
        scene.write_table(0, &lines.join("\n"));
    };
    own_fault(&["run"], 0, wrong, 1, &["table.csv, line 8, column `x3`: not a number"]);
}

#[test]
fn an_empty_table() {
    own_fault(&["psi"], 0, |scene| scene.write_table(0, "id,x1\n"), 1, &["table.csv: the table is empty"]);
}

#[test]
fn duplicate_ids() {
    let wrong = |scene: &Scene| scene.write_table(0, "id,x1\na,1\nb,2\na,3\n");
    own_fault(&["psi"], 0, wrong, 1, &["line 4, column `id`: the same id as on line 2"]);
}

#[test]
fn a_value_out_of_the_rings_range() {
    let wrong = |scene: &Scene| {
        scene.write_table(0, "id,x1\na,1\nb,2\nc,1e9\n");
        scene.configure(0, "standardize = false");
    };
    let texts = ["line 4, column `x1`: the value is out of range", "2^22"];
    own_fault(&["train", "--field", "32", "--fraction-bits", "8"], 0, wrong, 1, &texts);
}

#[test]
fn configuration_errors_name_their_key() {
    let scene = Scene::new();
    for (flags, text) in [
        (
            &["--fraction-bits", "31"][..],
            "lr.fraction-bits: 31 fraction bits are too many for a ring of 64 bits",
        ),
        (&["--field", "33"], "lr.field"),
        (&["--rank", "2"], "rank: there is no rank 2"),
        (&["--batch-size", "1000"], "lr.batch-size: 1000 rows per step"),
        (&["--dialect", "other"], "dialect.preset"),
        (&["--dialect-set", "fin=maybe"], "`fin`"),
        (&["--tls-ca", "ca.pem"], "[tls]"),
        (&["--listen", "nowhere"], "listen"),
    ] {
        scene.start(0, "train", flags).wait().expect(2, &[text]);
    }
    scene.start(0, "train", &["--epochs", "many"]).wait().expect(2, &["--epochs"]);
    let path = scene.file(0, "party.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "[lr2]\n").unwrap();
    scene.start(0, "train", &[]).wait().expect(2, &["party.toml", "lr2"]);
    scene.assert_no_output(0);
}

#[test]
fn tables_of_different_lengths_are_not_aligned() {
    let scene = Scene::aligned();
    scene.write_table(0, &table(0, 40, &["x1"]));
    for ended in scene.run("train", &[]) {
        ended.expect(4, &["40", "50"]);
    }
    scene.assert_no_output(0);
    scene.assert_no_output(1);
}

#[test]
fn exactly_one_party_has_the_label() {
    for (labels, text) in [(["", ""], "label"), (["label = 'label'", "label = 'label'"], "label")] {
        let scene = Scene::aligned();
        scene.write_table(0, &table(0, 50, &["x1", "label"]));
        scene.configure(0, labels[0]);
        scene.configure(1, labels[1]);
        for ended in scene.run("train", &[]) {
            ended.expect(4, &[text]);
        }
        scene.assert_no_output(0);
        scene.assert_no_output(1);
    }
}

#[test]
fn another_number_of_fraction_bits_is_refused_by_policy() {
    let scene = Scene::aligned();
    let _dealer = scene.start_dealer();
    let zero = scene.start(0, "train", &["--fraction-bits", "20"]);
    let one = scene.start(1, "train", &[]);
    one.wait().expect(4, &["fraction bits", "\"20\"", "18"]);
    let zero = zero.wait();
    assert!(!zero.status.success(), "{}", zero.log);
    scene.assert_no_output(0);
    scene.assert_no_output(1);
}

#[test]
fn another_dealer_is_refused_by_policy() {
    let scene = Scene::aligned();
    let _dealer = scene.start_dealer();
    let zero = scene.start(0, "train", &[]);
    let one = scene.start(1, "train", &["--dealer", "127.0.0.1:9"]);
    one.wait().expect(4, &["dealer", &scene.dealer, "127.0.0.1:9"]);
    assert!(!zero.wait().status.success());
    scene.assert_no_output(0);
    scene.assert_no_output(1);
}

#[test]
fn the_parties_must_want_the_intersection_for_the_same() {
    let scene = Scene::new();
    let zero = scene.start(0, "psi", &["--result-to", "0"]);
    let one = scene.start(1, "psi", &["--result-to", "all"]);
    zero.wait().expect(4, &["refused"]);
    one.wait().expect(4, &["rank 0 refused"]);
    scene.assert_no_output(0);
    scene.assert_no_output(1);
}

#[test]
fn no_row_in_common() {
    let scene = Scene::new();
    scene.write_table(1, &table(1000, 60, &["x2", "label"]));
    for ended in scene.run("run", &[]) {
        ended.expect(1, &["no row in common"]);
    }
    scene.assert_no_output(0);
    scene.assert_no_output(1);
}

#[test]
fn halves_of_different_models_do_not_go_together() {
    let scene = Scene::aligned();
    let _dealer = scene.start_dealer();
    for ended in scene.run_without_dealer("train", &[]) {
        ended.expect(0, &[]);
    }
    let old = fs::read(scene.file(0, "model.json")).unwrap();
    for ended in scene.run_without_dealer("train", &[]) {
        ended.expect(0, &[]);
    }
    fs::write(scene.file(0, "model.json"), old).unwrap();
    for ended in scene.run_without_dealer("predict", &[]) {
        ended.expect(1, &["different trainings"]);
    }
    for rank in [0, 1] {
        assert!(!scene.file(rank, "scores.csv").exists());
    }
}

#[test]
fn a_model_half_is_for_one_rank() {
    let scene = Scene::aligned();
    let _dealer = scene.start_dealer();
    for ended in scene.run_without_dealer("train", &[]) {
        ended.expect(0, &[]);
    }
    let model = scene.file(0, "model.json");
    let ended = scene.start(1, "predict", &["--model", model.to_str().unwrap(), "--features", "x2"]).wait();
    assert!(!ended.status.success());
    assert!(ended.log.contains("half of rank 0") || ended.log.contains("column `x1`"), "{}", ended.log);
}
