//! Runs of the reference implementation, played against one party: every message that it sends equals the
//! recorded one, and the result is the recorded one.

mod support;

use std::path::PathBuf;

use serde::Deserialize;
use support::{against, run_against, run_both, run_on_disk};
use symbolon_curve::{Curve, SecretScalar, Suite};
use symbolon_dialect::Dialect;
use symbolon_link::Channel;
use symbolon_psi::{Duplicates, PsiParams, SecondForm};

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Test {
    Run { id: String, parties: Box<[Party; 2]> },
    Key {},
}

#[derive(Deserialize)]
struct Party {
    ids: Vec<String>,
    private_key_le: String,
    first_stream: Vec<Recorded>,
    second_stream: Vec<Recorded>,
    intersection_in_file_order: Vec<String>,
}

#[derive(Deserialize)]
struct Recorded {
    value: String,
}

impl Recorded {
    fn bytes(&self) -> Vec<u8> {
        hex::decode(&self.value).expect("hex")
    }
}

fn load() -> Vec<(String, Box<[Party; 2]>)> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/psi/curve25519_sha256_direct.json");
    let text = std::fs::read_to_string(&path).expect("the vector file");
    let file: File = serde_json::from_str(&text).expect("the vector format");
    file.groups
        .into_iter()
        .flat_map(|group| group.tests)
        .filter_map(|test| match test {
            Test::Run { id, parties } => Some((id, parties)),
            Test::Key {} => None,
        })
        .collect()
}

fn reference(peer: &Party) -> PsiParams {
    PsiParams {
        duplicates: Duplicates::AsGiven,
        peer_items: Some(peer.ids.len() as u64),
        ..PsiParams::new(Suite::CURVE25519_SHA256_DIRECT, &Dialect::reference())
    }
}

#[test]
fn each_party_against_the_recording_of_the_other() {
    let runs = load();
    assert_eq!(runs.len(), 2);
    for (id, parties) in &runs {
        for rank in [0, 1] {
            let (own, peer) = (&parties[rank], &parties[1 - rank]);
            let key = hex::decode(&own.private_key_le).unwrap().try_into().unwrap();
            let secret = || SecretScalar::from_reference_key_le(Curve::Curve25519, &key);
            let ids: Vec<&str> = own.ids.iter().map(String::as_str).collect();
            let script = |main: &Channel, sub: &Channel| {
                for message in &peer.first_stream {
                    main.send(0, message.bytes()).unwrap();
                }
                for message in &peer.second_stream {
                    sub.send(0, message.bytes()).unwrap();
                }
                for (n, message) in own.first_stream.iter().enumerate() {
                    assert_eq!(main.recv(0).unwrap(), message.bytes(), "{id} rank {rank} first stream {n}");
                }
                for (n, message) in own.second_stream.iter().enumerate() {
                    assert_eq!(sub.recv(0).unwrap(), message.bytes(), "{id} rank {rank} second stream {n}");
                }
            };
            let (outcome, ()) = run_against(&reference(peer), &ids, secret(), script);
            let outcome = outcome.unwrap();
            assert_eq!(outcome.statistics.peer_form, Some(SecondForm::LastTwelveBytes));
            let found: Vec<&str> = outcome.file_order.unwrap().iter().map(|&row| ids[row]).collect();
            assert_eq!(found, own.intersection_in_file_order, "{id} rank {rank}");

            // The same bytes with the points on disk.
            let (lists, ()) =
                against(script, |channel| run_on_disk(channel, &reference(peer), &ids, secret()));
            let rows = lists.unwrap().rows.unwrap();
            let found: Vec<&str> = rows.iter().map(|placed| ids[placed.row as usize]).collect();
            assert_eq!(found, own.intersection_in_file_order, "{id} rank {rank} on disk");
        }
    }
}

#[test]
fn the_reference_s_sets_in_our_own_dialect() {
    let runs = load();
    let [a, b] = runs[0].1.as_ref();
    let params = PsiParams::new(Suite::CURVE25519_SHA256_DIRECT, &Dialect::symbolon());
    let [ours, theirs] = run_both([&params; 2], [&a.ids, &b.ids]).map(Result::unwrap);
    let ids = |party: &Party, rows: Option<Vec<usize>>| {
        rows.unwrap().into_iter().map(|row| party.ids[row].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(a, ours.file_order), a.intersection_in_file_order);
    assert_eq!(ids(b, theirs.file_order), b.intersection_in_file_order);
    assert_eq!(ids(a, ours.indices), ids(b, theirs.indices));
}
