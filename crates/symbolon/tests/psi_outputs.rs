//! `symbolon psi` at both ranks, as processes: forms of files, joins, keys, duplicates, and who learns what.

mod scene;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use scene::{Ended, Scene, lines};
use symbolon::report::Report;
use symbolon::table::{Source, Table};

/// Runs `psi` at both ranks, each with its own further flags, to a good end.
fn psi(scene: &Scene, flags: [&[&str]; 2]) -> [Ended; 2] {
    let parties = [scene.start(0, "psi", flags[0]), scene.start(1, "psi", flags[1])];
    let ended = parties.map(scene::Running::wait);
    ended.iter().for_each(|ended| ended.expect(0, &["intersection"]));
    ended
}

fn scene(left: &str, right: &str) -> Scene {
    let scene = Scene::new();
    scene.write_table(0, left);
    scene.write_table(1, right);
    scene.configure(0, "");
    scene.configure(1, "");
    scene
}

/// Line by line, what both wrote.
fn beside(scene: &Scene) -> Vec<(String, String)> {
    let [zero, one] = [0, 1].map(|rank| lines(&scene.file(rank, "aligned.csv")));
    assert_eq!(zero.len(), one.len());
    zero.into_iter().zip(one).collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(zero, one)| ((*zero).to_owned(), (*one).to_owned())).collect()
}

const LEFT: &str = "id,x\nann,1\nbob,2\ncid,3\n";
const RIGHT: &str = "id,y\ndan,7\ncid,8\n\"eve, the 2nd\",9\n";

#[test]
fn every_join() {
    let head = ("id,x", "id,y");
    let both = ("cid,3", "cid,8");
    let left = [("ann,1", ","), ("bob,2", ",")];
    let right = [(",", "dan,7"), (",", "\"eve, the 2nd\",9")];
    for (join, expected) in [
        ("inner", vec![head, both]),
        ("left", vec![head, both, left[0], left[1]]),
        ("right", vec![head, both, right[0], right[1]]),
        ("full", vec![head, both, left[0], left[1], right[0], right[1]]),
        ("difference", vec![head, left[0], left[1], right[0], right[1]]),
    ] {
        let scene = scene(LEFT, RIGHT);
        let flags = ["--join", join];
        psi(&scene, [&flags, &flags]);
        assert_eq!(beside(&scene), pairs(&expected), "{join}");
    }
}

#[test]
fn ids_and_indices_instead_of_rows() {
    let scene = scene(LEFT, RIGHT);
    psi(&scene, [&["--out-kind", "ids", "--join", "full"], &["--out-kind", "indices", "--join", "full"]]);
    let expected = [("id", "row"), ("cid", "1"), ("ann", ""), ("bob", ""), ("", "0"), ("", "2")];
    let quoted = |text: &str| if text.is_empty() { "\"\"".to_owned() } else { text.to_owned() };
    let expected: Vec<_> = expected.iter().map(|(zero, one)| (quoted(zero), quoted(one))).collect();
    assert_eq!(beside(&scene), expected);
}

#[test]
fn one_rank_alone_may_learn_its_joins() {
    let scene = scene(LEFT, RIGHT);
    let flags = ["--result-to", "1", "--join", "right"];
    let [zero, one] = psi(&scene, [&flags, &flags]);
    assert!(zero.log.contains("for the other party alone") && one.log.contains("common=1"));
    assert!(!scene.file(0, "aligned.csv").exists());
    assert_eq!(lines(&scene.file(1, "aligned.csv")), ["id,y", "cid,8", "dan,7", "\"eve, the 2nd\",9"]);
    let ended = scene.start(0, "psi", &["--result-to", "1", "--join", "left"]).wait();
    ended.expect(2, &["psi.join: a left join keeps the rows that rank 0 alone has"]);
}

#[test]
fn duplicates_give_every_combination() {
    let left = "id,x\na,1\nb,2\na,3\nc,4\nb,5\na,6\nc,7\n";
    let right = "id,y\nb,1\na,2\na,3\nd,4\nd,5\n";
    let scene = scene(left, right);
    let flags = ["--duplicates", "count", "--join", "full"];
    psi(&scene, [&flags, &flags]);
    let mut expected = vec![("id,x".to_owned(), "id,y".to_owned())];
    let rows = |text: &'static str, id: &'static str| {
        text.lines().skip(1).filter(move |line| line.starts_with(id)).map(str::to_owned)
    };
    for id in ["a", "b"] {
        expected.extend(rows(left, id).flat_map(|x| rows(right, id).map(move |y| (x.clone(), y))));
    }
    expected.extend(rows(left, "c").map(|x| (x, ",".to_owned())));
    expected.extend(rows(right, "d").map(|y| (",".to_owned(), y)));
    let found = beside(&scene);
    assert_eq!(found.len(), expected.len());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected.into_iter().collect());
    let report = Report::read(&scene.file(0, "report.json")).unwrap();
    let psi = report.psi.unwrap();
    assert_eq!((psi.own_items, psi.peer_items, psi.peer_rows), (3, 3, 5));
    assert_eq!((report.intersection, psi.rows_written), (Some(2), Some(12)));
}

#[test]
fn the_first_of_each_counts() {
    let scene = scene("id,x\na,1\nb,2\na,3\nc,4\nc,5\n", "id,y\nc,1\na,2\n");
    let flags = ["--duplicates", "first", "--join", "left"];
    let [zero, _] = psi(&scene, [&flags, &["--join", "left"]]);
    assert!(zero.log.contains("2 rows repeat the id of a row above them"), "{}", zero.log);
    let mut found = beside(&scene);
    found[1..3].sort();
    assert_eq!(found, pairs(&[("id,x", "id,y"), ("a,1", "a,2"), ("c,4", "c,1"), ("b,2", ",")]));
}

#[test]
fn keys_of_several_columns() {
    // Joined with a comma, all of these would be alike.
    let left = "x,first,last\n1,\"a,b\",c\n2,a,\"b,c\"\n3,a,b\n";
    let right = "given,family,y\na,\"b,c\",7\n\"a,b\",\"c\",8\na,c,9\n";
    let scene = scene(left, right);
    scene.configure(0, "id = ['first', 'last']");
    scene.configure(1, "id = ['given', 'family']");
    psi(&scene, [&[], &[]]);
    let mut found = beside(&scene);
    found[1..].sort();
    let expected =
        [("x,first,last", "given,family,y"), ("1,\"a,b\",c", "\"a,b\",c,8"), ("2,a,\"b,c\"", "a,\"b,c\",7")];
    assert_eq!(found, pairs(&expected));
    psi(&scene, [&["--out-kind", "ids"], &["--id", "given,family"]]);
    assert_eq!(lines(&scene.file(0, "aligned.csv"))[0], "first,last");
}

/// Every form in, every form out, each with a table that others wrote; types are kept.
#[test]
fn parquet_gzip_and_zstd_in_and_out() {
    let fixture = |name: &str| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    };
    let scene = scene(
        "",
        &(0..30).map(|row| format!("\n{}", row * 3)).collect::<String>().replacen('\n', "key\n", 1),
    );
    let (parquet, gz) = (fixture("types-v2-zstd.parquet"), fixture("rows.csv.gz"));
    let out = scene.file(0, "out.parquet");
    // The column `tiny` of whole numbers beside text.
    psi(
        &scene,
        [
            &["--input", &parquet, "--id", "tiny", "--aligned", out.to_str().unwrap()],
            &["--id", "key", "--output-format", "csv-zst"],
        ],
    );
    let table = Table::read(&out).unwrap();
    assert_eq!(table.rows(), 8);
    let source = Source::open(PathBuf::from(&parquet).as_path(), None).unwrap();
    assert_eq!(format!("{:?}", table.columns()), format!("{:?}", source.columns()));
    let ids = table.keys(&["tiny".to_owned()]).unwrap();
    let other = Source::open(&scene.file(1, "aligned.csv"), Some(symbolon::table::Format::CsvZst)).unwrap();
    assert_eq!(Table::load(&other).unwrap().keys(&["key".to_owned()]).unwrap(), ids);

    let zst = fixture("rows.csv.zst");
    psi(&scene, [&["--input", &gz], &["--input", &zst]]);
    assert_eq!(beside(&scene).len(), 201);
    assert!(beside(&scene).iter().all(|(zero, one)| zero == one));
}

#[test]
fn wrong_inputs_are_named_before_anybody_is_troubled() {
    let scene = scene(LEFT, RIGHT);
    let bad = |name: &str, bytes: &[u8]| {
        let path = scene.file(0, name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let torn = fs::read(fixture.join("rows.csv.gz")).unwrap();
    let parquet = fs::read(fixture.join("types-snappy.parquet")).unwrap();
    for (input, more, expected) in [
        (bad("a.csv", b"id,x\na,1\n\nb\n"), "id", "a.csv, line 4: 1 fields"),
        (bad("b.csv", b"id,x\na,1\n\xFF,2\n"), "id", "b.csv, line 3, column `id`: not valid UTF-8"),
        (bad("c.csv", b"id,x\na,1\n,2\n"), "id", "c.csv, line 3, column `id`: the id is empty"),
        (
            bad("d.csv", b"id,x\na,1\nb,2\na,3\n"),
            "id",
            "d.csv, line 4, column `id`: the same id as on line 2",
        ),
        (bad("e.csv", b"id,x\n"), "id", "e.csv: the table is empty"),
        (
            bad("f.csv", LEFT.as_bytes()),
            "uid",
            "f.csv, column `uid`: there is no such column; the table has `id`, `x`",
        ),
        (bad("g.csv.gz", &torn[..300]), "id", "g.csv.gz: the compressed data is damaged or cut off"),
        (bad("h.parquet", &parquet[..3000]), "id", "h.parquet: not a whole Parquet file"),
        (bad("i.parquet", &parquet), "double", "i.parquet, column `double`: a number with a fraction"),
        (bad("j.parquet", &parquet), "day", "j.parquet, row 4, column `day`: the id is empty"),
        (bad("k.parquet", &fs::read(fixture.join("nested.parquet")).unwrap()), "id", "column `tags`: nested"),
    ] {
        let ended = scene.start(0, "psi", &["--input", &input, "--id", more]).wait();
        ended.expect(1, &[expected]);
        assert!(!ended.log.contains("waiting for the other parties"), "{}", ended.log);
    }
}

#[test]
fn cut_points_must_have_the_level_of_each_party() {
    // Sets of 3: rank 0 needs 2 + 2 bits beside its level, which is 5 bytes; rank 1 learns the size of the other set
    // with its points, and knows at the handshake that 2 bits beside its own level are too many for them.
    let scene = scene(LEFT, RIGHT);
    let cut = ["--truncate-bits", "8"];
    let higher = ["--truncate-bits", "8", "--statistical-bits", "39"];
    let [zero, one] = [scene.start(0, "psi", &cut), scene.start(1, "psi", &higher)];
    one.wait().expect(4, &["bit_length_after_truncated is \"40\"", "at least 41", "level of 39"]);
    assert!(!zero.wait().status.success());
    scene.assert_no_output(0);
    scene.assert_no_output(1);
    // Rank 0 with the higher level chooses more.
    psi(&scene, [&higher, &cut]);
    assert_eq!(beside(&scene), pairs(&[("id,x", "id,y"), ("cid,3", "cid,8")]));
    let scene = self::scene(LEFT, RIGHT);
    scene.configure(0, "[psi]\nstatistical-bits = 29\n");
    scene.start(0, "psi", &[]).wait().expect(2, &["psi.statistical-bits: must be 30 to 128"]);
}

#[test]
fn a_larger_set_than_accepted_is_refused() {
    let scene = scene(LEFT, RIGHT);
    let [zero, one] = [scene.start(0, "psi", &["--max-peer-items", "2"]), scene.start(1, "psi", &[])];
    zero.wait().expect(4, &["size of a peer's set", "\"3\"", "1 to 2"]);
    assert!(!one.wait().status.success());
    scene.assert_no_output(0);
    scene.assert_no_output(1);
}
