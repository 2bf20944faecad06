//! Every recording in `vectors/recordings`, against Symbolon as either rank.

use std::path::{Path, PathBuf};

use symbolon_conformance::recording::{LrOutcome, Message, PsiOutcome, Recording, Run, Side};
use symbolon_conformance::replay::{Difference, replay};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/recordings");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn recording(name: &str) -> Recording {
    let path = files().into_iter().find(|path| path.ends_with(name)).unwrap();
    Recording::read(&path).unwrap()
}

/// The recordings that must be there; one that is added or lost must be added or dropped here too.
const NAMES: [&str; 25] = [
    "reference_lr64-adjust1.json",
    "reference_lr64-ttp.json",
    "reference_neg-labels.json",
    "reference_neg-samples.json",
    "reference_neg-suite.json",
    "reference_neg-version.json",
    "reference_psi-25519-chunked.json",
    "reference_psi-25519-noseq.json",
    "reference_psi-25519-seq.json",
    "reference_psi-sm2.json",
    "spu-0.9.5_fm64.json",
    "spu-0.9.5_halves.json",
    "spu-0.9.5_label-1.json",
    "spu-0.9.5_ref-fm64.json",
    "spu-0.9.5_reference-draws-numbered.json",
    "spu-0.9.5_ring-128-label-1.json",
    "spu-0.9.5_ring-128.json",
    "spu-0.9.5_ring-64.json",
    "spu-0.9.5_three-epochs-without-l2.json",
    "spu-0.9.5_uneven-batches.json",
    "spu-0.9.5_with-symbolon-at-0-ring-128.json",
    "spu-0.9.5_with-symbolon-at-0.json",
    "spu-0.9.5_with-symbolon-at-1-halves.json",
    "spu-0.9.5_with-symbolon-at-1-ring-128.json",
    "spu-0.9.5_with-symbolon-at-1.json",
];

#[test]
fn the_folder_holds_exactly_the_recordings_that_are_replayed() {
    let found: Vec<_> =
        files().iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(found, NAMES);
    for path in files() {
        let recording = Recording::read(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(recording.to_json().unwrap(), text, "{} is not in canonical form", path.display());
    }
}

#[test]
fn symbolon_sends_every_byte_as_recorded() {
    for path in files() {
        let recording = Recording::read(&path).unwrap();
        for rank in 0..2 {
            let report = replay(&recording, rank).unwrap();
            assert!(report.passed(), "{report}");
            let sent = recording
                .messages
                .iter()
                .filter(|message| message.from == rank && message.response.is_some())
                .map(|message| message.request_bytes().unwrap())
                .collect::<std::collections::BTreeSet<_>>();
            assert!(report.equal >= sent.len() - 1, "{report}: only {} of {}", report.equal, sent.len());
        }
    }
}

/// A replay that cannot fail proves nothing: each of these changes must be noticed.
#[test]
fn a_changed_secret_is_noticed() {
    for (name, field) in [
        ("spu-0.9.5_ref-fm64.json", 0),
        ("spu-0.9.5_uneven-batches.json", 2),
        ("spu-0.9.5_halves.json", 1),
        ("reference_lr64-ttp.json", 1),
        ("reference_lr64-ttp.json", 2),
    ] {
        for rank in 0..2 {
            let mut recording = recording(name);
            let Side::Lr(party) = &mut recording.parties[rank].side else { panic!("{name} is SS-LR") };
            let seeds = party.seeds.as_mut().unwrap();
            let seed = match field {
                0 => &mut seeds.public,
                1 => &mut seeds.pairwise,
                _ => &mut seeds.dealer,
            };
            let last = if seed.ends_with('0') { "1" } else { "0" };
            seed.replace_range(seed.len() - 1.., last);
            let report = replay(&recording, rank).unwrap();
            assert!(!report.passed(), "{report}");
        }
    }
}

#[test]
fn a_changed_message_of_the_peer_or_of_ours_is_noticed() {
    for (name, sender, key) in [
        ("spu-0.9.5_ring-128.json", 1, "root:9:ALLGATHER"),
        ("spu-0.9.5_ring-128.json", 0, "root:9:ALLGATHER"),
        ("spu-0.9.5_label-1.json", 0, "root:P2P-1:0->1"),
        ("spu-0.9.5_with-symbolon-at-0.json", 0, "root:5:ALLGATHER"),
        ("spu-0.9.5_with-symbolon-at-1-ring-128.json", 1, "root:14:ALLGATHER"),
        ("spu-0.9.5_fm64.json", 1, "root:9:ALLGATHER"),
        ("spu-0.9.5_fm64.json", 0, "root:9:ALLGATHER"),
        ("reference_psi-25519-noseq.json", 1, "root:P2P-2:1->0"),
        ("reference_psi-25519-noseq.json", 0, "root-0:P2P-1:0->1"),
    ] {
        let mut recording = recording(name);
        let message = recording
            .messages
            .iter_mut()
            .find(|message| message.from == sender && message.key == key && message.response.is_some())
            .unwrap();
        flip_last_value_byte(message);
        let report = replay(&recording, 0).unwrap();
        assert!(!report.passed(), "{name}, {key} of rank {sender}: {report}");
        if sender == 0 {
            assert!(
                report.differences.iter().any(|difference| matches!(difference, Difference::Bytes { .. })),
                "{report}"
            );
        }
    }
}

#[test]
fn a_changed_parameter_or_outcome_is_noticed() {
    let mut step = recording("spu-0.9.5_fm64.json");
    let Run::Lr(run) = &mut step.run else { panic!("SS-LR") };
    run.step = run.step.map(|step| step + 1);
    assert!(!replay(&step, 0).unwrap().passed());

    let mut weights = recording("reference_lr64-adjust1.json");
    let Side::Lr(party) = &mut weights.parties[1].side else { panic!("SS-LR") };
    let LrOutcome::Half(half) = &mut party.outcome else { panic!("a half of the weights") };
    half.swap(0, 1);
    assert!(replay(&weights, 1).unwrap().outcome.is_err());

    let mut common = recording("reference_psi-25519-seq.json");
    let Side::Psi(party) = &mut common.parties[0].side else { panic!("PSI") };
    let PsiOutcome::Intersection(ids) = &mut party.outcome else { panic!("an intersection") };
    ids.pop();
    assert!(replay(&common, 0).unwrap().outcome.is_err());

    let mut refusal = recording("reference_neg-labels.json");
    for party in &mut refusal.parties {
        let Side::Lr(party) = &mut party.side else { panic!("SS-LR") };
        let LrOutcome::Refused(refusal) = &mut party.outcome else { panic!("a refusal") };
        refusal.code = Some(31_100_203);
    }
    assert!(replay(&refusal, 0).unwrap().outcome.is_err());
    assert!(replay(&refusal, 1).unwrap().outcome.is_err());
}

#[test]
fn a_dealer_request_or_reply_that_differs_is_noticed() {
    let mut reply = recording("reference_lr64-ttp.json");
    reply.dealer[3].corrections[0].replace_range(0..1, "A");
    let mut counter = recording("reference_lr64-ttp.json");
    counter.dealer[3].draws[1].counter += 1;
    let mut shape = recording("reference_lr64-ttp.json");
    shape.dealer[0].m += 1;
    let mut wide = recording("spu-0.9.5_ring-128.json");
    wide.dealer[6].corrections[0].replace_range(0..1, "A");
    let start = recording("spu-0.9.5_ring-128.json").dealer[6].corrections[0].clone();
    assert_ne!(wide.dealer[6].corrections[0], start, "the changed reply must be another one");
    for (what, recording) in [("reply", reply), ("counter", counter), ("shape", shape), ("wide", wide)] {
        assert!(!replay(&recording, 0).unwrap().passed(), "{what}");
    }
}

fn flip_last_value_byte(message: &mut Message) {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let mut frame = symbolon_conformance::frame::decode(&message.request_bytes().unwrap()).unwrap();
    let mut value = frame.value.to_vec();
    *value.last_mut().unwrap() ^= 1;
    frame.value = value.into();
    message.request = BASE64_STANDARD.encode(symbolon_conformance::frame::encode(&frame));
}
