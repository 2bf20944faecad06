//! What a table may look like, and what is said about one that does not.

use std::fs;
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use symbolon::Place;
use symbolon::table::Table;

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn read(text: &str) -> Result<Table, String> {
    let (_folder, path) = written(text);
    Table::read(&path).map_err(|error| error.to_string())
}

fn columns(text: &str, names: &[&str]) -> Result<Vec<f64>, String> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let (_folder, path) = written(text);
    let table = Table::read(&path).map_err(|error| error.to_string())?;
    table.numbers(&names).map(|columns| columns.values).map_err(|error| error.to_string())
}

fn ids(table: &Table) -> Result<Vec<Vec<u8>>, String> {
    table.keys(&["id".to_owned()]).map_err(|error| error.to_string())
}

#[test]
fn byte_order_mark_crlf_quotes_spaces_and_empty_lines_are_tolerated() {
    let text = "\u{feff}id, age ,\"income, net\"\r\n\r\na,1,\" 2.5 \"\r\n\"b,c\",-3e2,4\r\n\r\n";
    let table = read(text).unwrap();
    assert!(table.names().eq(["id", "age", "income, net"]));
    assert_eq!(ids(&table).unwrap(), [b"a".to_vec(), b"b,c".to_vec()]);
    assert_eq!(columns(text, &["income, net", "age"]).unwrap(), [2.5, 1.0, 4.0, -300.0]);
}

#[test]
fn ids_are_kept_as_they_are() {
    let table = read("id\n 7\n07\n7\n").unwrap();
    assert_eq!(ids(&table).unwrap(), [b" 7".to_vec(), b"07".to_vec(), b"7".to_vec()]);
}

#[test]
fn a_missing_column_lists_what_there_is() {
    let message = columns("id,age,height\na,1,2\n", &["weight"]).unwrap_err();
    assert!(
        message.ends_with(
            "table.csv, column `weight`: there is no such column; the table has `id`, `age`, `height`"
        ),
        "{message}"
    );
    let wide: Vec<String> = (0..40).map(|column| format!("x{column}")).collect();
    let message = columns(&format!("{}\n{}\n", wide.join(","), vec!["1"; 40].join(",")), &["y"]).unwrap_err();
    assert!(message.ends_with("and 28 more"), "{message}");
}

#[test]
fn a_wrong_number_is_named_by_line_and_column_but_not_shown() {
    for wrong in ["secret", "", "NaN", "inf", "-infinity", "1,5", "0x10", "1e999"] {
        let message = columns(&format!("id,age\na,1\n\nb,\"{wrong}\"\n"), &["age"]).unwrap_err();
        assert!(message.contains("line 4, column `age`"), "{wrong}: {message}");
        assert!(!message.contains("secret"));
    }
}

#[test]
fn labels_are_zero_or_one() {
    assert_eq!(read("y\n0\n1\n1.0\n").unwrap().labels("y").unwrap(), [0.0, 1.0, 1.0]);
    let message = read("y\n0\n2\n").unwrap().labels("y").unwrap_err().to_string();
    assert!(message.contains("line 3, column `y`") && message.contains("0 or 1"), "{message}");
}

#[test]
fn empty_and_ragged_tables_are_refused() {
    for (text, expected) in [
        ("", "the table is empty"),
        ("id,age\n", "the table is empty"),
        ("id,id\na,b\n", "same name `id`"),
        ("id,age\na,1\nb\n", "line 3: 1 fields, but the header names 2 columns"),
        ("id,age\na,1,2\n", "line 2: 3 fields"),
    ] {
        let message = read(text).err().unwrap();
        assert!(message.contains(expected), "{text:?}: {message}");
    }
    let (_folder, path) = written("");
    fs::write(&path, b"id\n\xff\xfe\n").unwrap();
    let message = Table::read(&path).err().unwrap().to_string();
    assert!(message.contains("line 2") && message.contains("UTF-8"), "{message}");
    let message = Table::read(&path.with_file_name("other.csv")).err().unwrap().to_string();
    assert!(message.contains("cannot read") && message.contains("other.csv"), "{message}");
}

#[test]
fn an_empty_id_is_named_by_its_line() {
    let message = ids(&read("id\na\n\"\"\n").unwrap()).unwrap_err();
    assert!(message.contains("line 3, column `id`: the id is empty"), "{message}");
}

#[test]
fn selected_rows_are_written_in_order_and_remember_their_lines() {
    let table = read("id,note\na,\"x,y\"\nb,z\nc,\"q\"\"q\"\n").unwrap().select(&[2, 0]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aligned.csv");
    table.write(&path, None).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "id,note\nc,\"q\"\"q\"\na,\"x,y\"\n");
    assert_eq!([table.place(0), table.place(1)], [Some(Place::Line(4)), Some(Place::Line(2))]);
}

/// Any text a field may hold: delimiters, quotes, line ends and spaces included.
fn field() -> impl Strategy<Value = String> {
    "[a-z0-9 ,;\"'\n\r\u{e9}\u{feff}-]{0,12}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(rows in vec([field(), field(), field()], 1..20), pick in vec(any::<Index>(), 1..30)) {
        let (folder, path) = written("");
        let mut text = csv::Writer::from_path(&path).unwrap();
        text.write_record(["id", "x", "y"]).unwrap();
        rows.iter().for_each(|row| text.write_record(row).unwrap());
        text.flush().unwrap();
        let table = Table::read(&path).unwrap();
        let picked: Vec<usize> = pick.iter().map(|index| index.index(rows.len())).collect();
        let copy = folder.path().join("copy.csv");
        table.select(&picked).write(&copy, None).unwrap();
        let mut copy = csv::Reader::from_path(&copy).unwrap();
        let copied: Vec<Vec<String>> =
            copy.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        let expected: Vec<Vec<String>> = picked.iter().map(|&row| rows[row].to_vec()).collect();
        prop_assert_eq!(copied, expected);
    }

    #[test]
    fn numbers_are_read_as_they_are_meant(values in vec(-1e30..1e30_f64, 1..40)) {
        let text: String = values.iter().map(|value| format!("{value:e}\n")).collect();
        prop_assert_eq!(columns(&format!("x\n{text}"), &["x"]).unwrap(), values);
    }
}

#[test]
fn scores_stand_beside_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scores.csv");
    let table = read("x,id,part\n1,a,p\n2,\"b,c\",q\n").unwrap();
    table.write_scores(&path, None, &["id".into()], &[0.25, 0.5]).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "id,score\na,0.250000\n\"b,c\",0.500000\n");
    table.write_scores(&path, None, &["part".into(), "id".into()], &[0.25, 0.5]).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "part,id,score\np,a,0.250000\nq,\"b,c\",0.500000\n");
}
