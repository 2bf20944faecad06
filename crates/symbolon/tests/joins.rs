//! Joins against a simple model: both parties' outputs side by side are the rows that SQL would give.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use symbolon::align::{Alignment, Join, OutKind, Partner};
use symbolon::table::{Column, Key, Row, Source, Table, write_table};

/// A table of ids; the second column is the row's number and party, so that every row is another.
fn table(folder: &Path, rank: usize, ids: &[u8]) -> Source {
    let path = folder.join(format!("in{rank}.csv"));
    write_table(&path, None, &[Column::text("id"), Column::text("who")], |out| {
        ids.iter()
            .enumerate()
            .try_for_each(|(row, id)| out.write(&Row::from(vec![format!("id{id}"), format!("{rank}-{row}")])))
    })
    .unwrap();
    Source::open(&path, None).unwrap()
}

/// What an intersection tells `own` about the rows of `peer`; the common order is one that both know.
fn partners(own: &[u8], peer: &[u8]) -> Vec<Partner> {
    let count = |ids: &[u8], id: u8| ids.iter().filter(|other| **other == id).count() as u64;
    let mut places: Vec<u8> = own.iter().copied().filter(|id| peer.contains(id)).collect();
    places.sort_by_key(|id| id.wrapping_mul(181));
    places.dedup();
    let place = |id: u8| places.iter().position(|other| *other == id);
    let partner = |(row, &id): (usize, &u8)| {
        let place = place(id)? as u64;
        Some(Partner { row: row as u64, place, own_count: count(own, id), peer_count: count(peer, id) })
    };
    own.iter().enumerate().filter_map(partner).collect()
}

/// The rows of one party's output, each as its fields joined, `-` for a missing row.
fn output(
    folder: &Path,
    rank: usize,
    sets: [&[u8]; 2],
    join: Join,
    kind: OutKind,
    memory: usize,
) -> Vec<String> {
    let source = table(folder, rank, sets[rank]);
    let key = Key::new(source.path(), source.columns(), &["id".to_owned()]).unwrap();
    let (own, peer) = (sets[rank], sets[1 - rank]);
    let peer_alone = peer.iter().filter(|id| !own.contains(id)).count() as u64;
    let alignment =
        Alignment { source: &source, key: &key, rank, join, kind, peer_alone, memory, scratch: folder };
    let path = folder.join(format!("out{rank}.parquet"));
    let found = partners(own, peer).into_iter().map(Ok);
    let written = alignment.write(&path, None, found, |_, _| Ok(true), |_| ()).unwrap();
    let out = Source::open(&path, None).unwrap();
    assert_eq!(out.rows(), Some(written));
    let mut rows = Vec::new();
    let mut scan = out.scan_all().unwrap();
    while scan.next().unwrap() {
        let mut text = Vec::new();
        for (value, column) in scan.row().iter().zip(out.columns()) {
            column.write_text(value, &mut text);
            text.push(b' ');
        }
        let text = String::from_utf8(text).unwrap().trim().to_owned();
        rows.push(if text.is_empty() { "-".into() } else { text });
    }
    rows
}

/// The pairs of a join, in any order.
fn model(sets: [&[u8]; 2], join: Join) -> BTreeMap<(String, String), usize> {
    let name = |rank: usize, row: usize| format!("id{} {rank}-{row}", sets[rank][row]);
    let mut pairs = BTreeMap::new();
    let mut add = |pair| *pairs.entry(pair).or_insert(0) += 1;
    for (left, id) in sets[0].iter().enumerate() {
        for (right, _) in sets[1].iter().enumerate().filter(|(_, other)| *other == id && join.keeps_common())
        {
            add((name(0, left), name(1, right)));
        }
        if !sets[1].contains(id) && join.keeps_own(0) {
            add((name(0, left), "-".into()));
        }
    }
    for (right, id) in sets[1].iter().enumerate() {
        if !sets[0].contains(id) && join.keeps_own(1) {
            add(("-".into(), name(1, right)));
        }
    }
    pairs
}

const JOINS: [Join; 5] = [Join::Inner, Join::Left, Join::Right, Join::Full, Join::Difference];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn both_outputs_beside_each_other_are_the_join(
        left in vec(0u8..12, 0..14), right in vec(0u8..12, 0..14), join in 0usize..5, memory in 0usize..2000,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (sets, join) = ([&left[..], &right[..]], JOINS[join]);
        let [zero, one] = [0, 1].map(|rank| output(folder.path(), rank, sets, join, OutKind::Rows, memory));
        prop_assert_eq!(zero.len(), one.len());
        let mut pairs = BTreeMap::new();
        zero.into_iter().zip(one).for_each(|pair| *pairs.entry(pair).or_insert(0) += 1);
        prop_assert_eq!(pairs, model(sets, join));
    }

    #[test]
    fn ids_and_indices_are_those_of_the_rows(
        left in vec(0u8..12, 0..14), right in vec(0u8..12, 0..14), join in 0usize..5, rank in 0usize..2,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (sets, join) = ([&left[..], &right[..]], JOINS[join]);
        let [rows, ids, indices] = [OutKind::Rows, OutKind::Ids, OutKind::Indices]
            .map(|kind| output(folder.path(), rank, sets, join, kind, 1 << 20));
        let part = |row: &String, at| row.split([' ', '-']).nth(at).unwrap_or_default().to_owned();
        let expected: Vec<String> =
            rows.iter().map(|row| if row == "-" { row.clone() } else { part(row, 0) }).collect();
        prop_assert_eq!(ids, expected);
        let expected: Vec<String> =
            rows.iter().map(|row| if row == "-" { row.clone() } else { part(row, 2) }).collect();
        prop_assert_eq!(indices, expected);
    }
}

#[test]
fn parquet_rows_without_a_partner_have_no_values() {
    let folder = tempfile::tempdir().unwrap();
    output(folder.path(), 1, [&[1, 2, 3], &[3]], Join::Left, OutKind::Rows, 1 << 20);
    let table = Table::read(&folder.path().join("out1.parquet")).unwrap();
    assert_eq!(table.rows(), 3);
    let error = table.keys(&["id".into()]).unwrap_err().to_string();
    assert!(error.contains("row 2, column `id`: the id is empty"), "{error}");
    table.write(&folder.path().join("out1.csv"), None).unwrap();
    assert_eq!(std::fs::read_to_string(folder.path().join("out1.csv")).unwrap(), "id,who\nid3,1-0\n,\n,\n");
}

#[test]
fn a_table_that_shrinks_meanwhile_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let source = table(folder.path(), 0, &[1, 2, 3]);
    let key = Key::new(source.path(), source.columns(), &["id".to_owned()]).unwrap();
    table(folder.path(), 0, &[1]);
    let (memory, scratch) = (1 << 20, folder.path());
    let alignment = Alignment {
        source: &source,
        key: &key,
        rank: 0,
        join: Join::Inner,
        kind: OutKind::Rows,
        peer_alone: 0,
        memory,
        scratch,
    };
    let path = folder.path().join("out.csv");
    let found = partners(&[1, 2, 3], &[1, 2, 3]).into_iter().map(Ok);
    let error = alignment.write(&path, None, found, |_, _| Ok(true), |_| ()).unwrap_err().to_string();
    assert!(error.contains("in0.csv: the file was changed while it was in use"), "{error}");
    assert!(!path.exists());
}
