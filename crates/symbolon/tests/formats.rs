//! Tables of every form: files that pyarrow wrote (tests/fixtures/make.py), round trips, and files that are damaged.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use symbolon::table::{Column, Format, Key, Row, Source, Table, write_table};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Every value as text, the header first.
fn texts(source: &Source) -> Result<Vec<Vec<String>>, String> {
    let mut all = vec![source.columns().iter().map(|column| column.name.clone()).collect()];
    let mut scan = source.scan_all().map_err(|error| error.to_string())?;
    while scan.next().map_err(|error| error.to_string())? {
        let fields = scan.row().iter().zip(source.columns()).map(|(value, column)| {
            let mut text = Vec::new();
            column.write_text(value, &mut text);
            String::from_utf8(text).unwrap()
        });
        all.push(fields.collect());
    }
    Ok(all)
}

fn read(path: &Path) -> Result<Vec<Vec<String>>, String> {
    texts(&Source::open(path, None).map_err(|error| error.to_string())?)
}

/// What Python says the values are.
fn expected(columns: &[&str]) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(fixture("types.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let all = std::iter::once(Ok(header.clone())).chain(reader.records());
    let positions: Vec<usize> = match columns {
        [] => (0..header.len()).collect(),
        _ => columns.iter().map(|name| header.iter().position(|other| other == *name).unwrap()).collect(),
    };
    all.map(|record| {
        let record = record.unwrap();
        positions.iter().map(|&position| record[position].to_owned()).collect()
    })
    .collect()
}

#[test]
fn every_type_of_parquet_is_read_as_python_writes_it() {
    for name in ["types-snappy.parquet", "types-v2-zstd.parquet"] {
        assert_eq!(read(&fixture(name)).unwrap(), expected(&[]), "{name}");
    }
    // The old timestamps of 96 bits count nanoseconds.
    let mut old = expected(&["id", "double", "micros"]);
    old.iter_mut().skip(1).for_each(|row| row[2].push_str("000"));
    assert_eq!(read(&fixture("old-gzip.parquet")).unwrap(), old);
}

#[test]
fn compressed_text_is_read() {
    for name in ["rows.csv.gz", "rows.csv.zst"] {
        let rows = read(&fixture(name)).unwrap();
        assert_eq!(rows.len(), 201, "{name}");
        assert_eq!((rows[0].join(","), rows[200].join(",")), ("id,x".into(), "é-199,398".into()));
    }
}

#[test]
fn a_scan_reads_some_columns_and_may_begin_anywhere() {
    for name in ["types-snappy.parquet", "types-v2-zstd.parquet", "types.csv"] {
        let source = Source::open(&fixture(name), None).unwrap();
        let (note, id) = (source.column("note").unwrap(), source.column("id").unwrap());
        let all = expected(&["note", "id"]);
        for first in [0, 1, 6, 7, 8, 13, 22, 23, 40] {
            let mut scan = source.scan(&[note, id]).unwrap();
            scan.skip(first).unwrap();
            let mut row = first as usize + 1;
            while scan.next().unwrap() {
                let text = |(index, column): (usize, usize)| {
                    let mut text = Vec::new();
                    source.columns()[column].write_text(scan.value(index), &mut text);
                    String::from_utf8(text).unwrap()
                };
                assert_eq!([(0, note), (1, id)].map(text), all[row][..], "{name} row {row}");
                row += 1;
            }
            assert_eq!(row, all.len().max(first as usize + 1), "{name} from {first}");
        }
    }
}

#[test]
fn parquet_to_parquet_keeps_types_and_bits() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["types-snappy.parquet", "old-gzip.parquet"] {
        let source = Source::open(&fixture(name), None).unwrap();
        let copy = folder.path().join("copy.parquet");
        write_table(&copy, None, source.columns(), |out| {
            let mut scan = source.scan_all()?;
            while scan.next()? {
                out.write(scan.row())?;
            }
            out.write_null()
        })
        .unwrap();
        let copied = Source::open(&copy, None).unwrap();
        // Names, physical and logical types, lengths, scales.
        assert_eq!(format!("{:?}", copied.columns()), format!("{:?}", source.columns()));
        let mut rows = texts(&source).unwrap();
        rows.push(vec![String::new(); source.columns().len()]);
        assert_eq!(texts(&copied).unwrap(), rows);
    }
}

#[test]
fn every_form_is_written_from_every_other() {
    let folder = tempfile::tempdir().unwrap();
    for from in ["types-snappy.parquet", "types.csv"] {
        let table = Table::read(&fixture(from)).unwrap();
        for to in ["a.csv", "a.csv.gz", "a.csv.zst", "a.parquet"] {
            let path = folder.path().join(to);
            table.write(&path, None).unwrap();
            assert_eq!(read(&path).unwrap(), expected(&[]), "{from} to {to}");
        }
        // The name can be overruled, for writing and reading.
        let path = folder.path().join("table.dat");
        table.write(&path, Some(Format::CsvZst)).unwrap();
        assert_eq!(fs::read(&path).unwrap()[..4], [0x28, 0xB5, 0x2F, 0xFD]);
        assert_eq!(texts(&Source::open(&path, Some(Format::CsvZst)).unwrap()).unwrap(), expected(&[]));
    }
}

#[test]
fn a_parquet_table_gives_numbers_and_keys() {
    let table = Table::read(&fixture("types-snappy.parquet")).unwrap();
    let numbers = table.numbers(&["long".into(), "float".into(), "large".into()]).unwrap();
    assert_eq!(numbers.values[3..6], [1_000_000_002.0, 0.75, 0.0]);
    let error = table.numbers(&["double".into()]).err().unwrap().to_string();
    assert!(
        error.ends_with(
            "row 4, column `double`: the field is empty; every value of this column must be a number"
        ),
        "{error}"
    );
    let keys = table.keys(&["id".into()]).unwrap();
    assert_eq!(keys[22], "person-é-22".as_bytes());
    let keys = table.keys(&["tiny".into(), "day".into()]);
    assert!(keys.unwrap_err().to_string().contains("row 4, column `day`: the id is empty"));
    let keys = table.keys(&["tiny".into(), "id".into()]).unwrap();
    assert_eq!(keys[2], [&[1, 0, 0, 0, b'2', 11, 0, 0, 0][..], "person-é-2".as_bytes()].concat());
    let error = table.keys(&["double".into()]).unwrap_err().to_string();
    assert!(error.contains("column `double`: a number with a fraction cannot identify rows"), "{error}");
}

#[test]
fn what_cannot_be_read_is_named() {
    for (name, expected) in [
        ("nested.parquet", "column `tags`: nested columns"),
        ("binary.parquet", "row 2, column `id`: not valid UTF-8"),
        ("brotli.parquet", "brotli"),
    ] {
        let error = read(&fixture(name)).unwrap_err();
        assert!(error.contains(name) && error.contains(expected), "{error}");
    }
    let error = Table::read(&fixture("empty.parquet")).err().unwrap().to_string();
    assert!(error.contains("empty.parquet: the table is empty"), "{error}");
}

/// Cut anywhere, a compressed table is refused; no prefix passes for the whole.
#[test]
fn torn_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["rows.csv.gz", "rows.csv.zst", "types-snappy.parquet", "old-gzip.parquet"] {
        let whole = fs::read(fixture(name)).unwrap();
        let path = folder.path().join(name);
        for end in (1..whole.len()).step_by(whole.len() / 40) {
            fs::write(&path, &whole[..end]).unwrap();
            let error = read(&path).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
        fs::write(&path, &whole[..whole.len() - 4]).unwrap();
        let error = read(&path).unwrap_err();
        let expected =
            if name.ends_with("parquet") { "not a whole Parquet file" } else { "damaged or cut off" };
        assert!(error.contains(expected), "{error}");
    }
    // The whole rows before the damage are counted.
    let path = folder.path().join("rows.csv.gz");
    let mut torn = fs::read(fixture("rows.csv.gz")).unwrap();
    let end = torn.len() - 8;
    torn[end] ^= 1;
    fs::write(&path, torn).unwrap();
    let error = read(&path).unwrap_err();
    assert!(error.contains("200 whole rows"), "{error}");
}

/// Bytes changed at random: an error or other values, never a panic.
#[test]
fn damaged_parquet_does_not_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.parquet");
    let whole = fs::read(fixture("types-snappy.parquet")).unwrap();
    let mut state = 1_u64;
    let mut refused = 0;
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] ^= (state >> 25) as u8 | 1;
        }
        fs::write(&path, bytes).unwrap();
        refused += usize::from(read(&path).is_err());
    }
    assert!(refused > 30, "{refused}");
}

#[test]
fn text_that_is_not_utf8_is_named_by_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv.gz");
    let mut out =
        flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
    out.write_all(b"id,name\na,b\n\n\nc,\xC3\n").unwrap();
    out.finish().unwrap();
    let error = read(&path).unwrap_err();
    assert!(
        error.ends_with("table.csv.gz, line 5, column `name`: not valid UTF-8: save the table as UTF-8"),
        "{error}"
    );
    // A character that is cut by a comma is not one.
    let path = folder.path().join("table.csv");
    fs::write(&path, b"id,name\n\xC3,\xA9\n").unwrap();
    assert!(read(&path).unwrap_err().contains("line 2, column `id`"));
}

fn value() -> impl Strategy<Value = String> {
    "[a-z0-9 ,;\"'\n\r\u{e9}\u{feff}-]{0,9}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_written_is_read_back(rows in vec([value(), value()], 0..40)) {
        let folder = tempfile::tempdir().unwrap();
        let columns = [Column::text("id"), Column::text("name, quoted")];
        for name in ["a.csv", "a.csv.gz", "a.csv.zst", "a.parquet"] {
            let path = folder.path().join(name);
            write_table(&path, None, &columns, |out| {
                rows.iter().try_for_each(|row| out.write(&Row::from(row.to_vec())))
            }).unwrap();
            let back = read(&path).unwrap();
            prop_assert_eq!(&back[0], &["id", "name, quoted"]);
            let expected: Vec<Vec<String>> = rows.iter().map(|row| row.to_vec()).collect();
            prop_assert_eq!(&back[1..], &expected[..]);
        }
    }

    /// Different values, different keys, whatever they contain.
    #[test]
    fn keys_of_several_columns_are_unambiguous(one in ["[a,]{1,3}", "[a,]{1,3}"], two in ["[a,]{1,3}", "[a,]{1,3}"]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let columns = [Column::text("a"), Column::text("b")];
        write_table(&path, None, &columns, |out| {
            [&one, &two].into_iter().try_for_each(|row| out.write(&Row::from(row.to_vec())))
        }).unwrap();
        let names = ["a".to_owned(), "b".to_owned()];
        let keys = Table::read(&path).unwrap().keys(&names).unwrap();
        prop_assert_eq!(keys[0] == keys[1], one == two);
        // Streaming gives the same as reading at once.
        let source = Source::open(&path, None).unwrap();
        let key = Key::new(&path, source.columns(), &names).unwrap();
        let mut scan = source.scan(&key.positions()).unwrap();
        for expected in &keys {
            let mut bytes = Vec::new();
            prop_assert!(scan.next().unwrap());
            key.read(&path, &scan, &mut bytes).unwrap();
            prop_assert_eq!(&bytes, expected);
        }
    }
}
