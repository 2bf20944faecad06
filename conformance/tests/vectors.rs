//! The vector files are in order, and each is read by a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use symbolon_conformance::vectors::{Lint, check, files};

/// Every vector file and the tests that hold Symbolon against it. A file without a reader is a promise that nobody
/// keeps: add the reader first.
const READERS: &[(&str, &[&str])] = &[
    ("dealer/reference_unary.json", &["crates/grpc/tests/spu_dealer.rs"]),
    ("dealer/reference_unary_adjust1.json", &["crates/grpc/tests/spu_dealer.rs"]),
    ("dealer/spu-0.9.5_http.json", CALLS),
    ("dealer/spu-0.9.5_ring-128-calls.json", CALLS),
    ("dealer/spu-0.9.5_ring-32-calls.json", CALLS),
    ("dealer/spu-0.9.5_ring-64-calls.json", CALLS),
    ("handshake/lr.json", &["crates/handshake/tests/recordings.rs", "crates/symbolon/tests/ic_main_wire.rs"]),
    ("handshake/model_lr.json", &["crates/handshake/tests/model.rs", "conformance/tests/vectors_model.rs"]),
    ("handshake/model_psi.json", &["crates/handshake/tests/model.rs", "conformance/tests/vectors_model.rs"]),
    (
        "handshake/psi.json",
        &["crates/handshake/tests/recordings.rs", "crates/symbolon/tests/ic_main_wire.rs"],
    ),
    ("handshake/requests.json", &["crates/handshake/tests/model.rs"]),
    ("link/exchanges.json", &["crates/link/tests/vectors.rs"]),
    ("link/keys.json", &["crates/link/tests/vectors.rs", "conformance/tests/vectors_model.rs"]),
    ("lr/model_lr-128-reference.json", RUNS),
    ("lr/model_lr-128.json", RUNS),
    ("lr/model_lr-32.json", RUNS),
    ("lr/model_lr-64-no-penalty.json", RUNS),
    ("lr/model_lr-64.json", RUNS),
    ("lr/training.json", &["crates/lr/tests/known_answers.rs"]),
    ("prg/streams.json", &["crates/prg/tests/vectors.rs"]),
    ("psi/curve25519_sha256_direct.json", &["crates/curve/tests/vectors.rs", "crates/psi/tests/recorded.rs"]),
    ("psi/curve25519_elligator2.json", &["crates/curve/src/montgomery/mod.rs"]),
    ("psi/exchanges.json", &["crates/psi/tests/vectors.rs"]),
    ("psi/expand_message_xmd.json", &["crates/curve/src/expand.rs"]),
    ("psi/model_psi-25519-document.json", RUNS),
    ("psi/model_psi-25519-sm3.json", RUNS),
    ("psi/model_psi-sm2-hybrid-reference.json", RUNS),
    ("psi/model_psi-sm2-sm3-increment.json", RUNS),
    ("psi/model_psi-sm2-uncompressed.json", RUNS),
    ("psi/points.json", &["conformance/src/suite/points.rs"]),
    ("psi/sm2.json", &["crates/curve/tests/sm2.rs"]),
    ("psi/sm2_hash_to_curve.json", &["crates/curve/tests/sm2_hash_to_curve.rs"]),
    ("psi/suites.json", &["crates/curve/tests/model.rs"]),
    ("psi/wycheproof_x25519.json", &["crates/curve/tests/vectors.rs"]),
    ("psi/x25519.json", &["crates/curve/tests/vectors.rs"]),
    ("recordings/reference_lr64-adjust1.json", RECORDINGS),
    ("recordings/reference_lr64-ttp.json", RECORDINGS),
    ("recordings/reference_neg-labels.json", RECORDINGS),
    ("recordings/reference_neg-samples.json", RECORDINGS),
    ("recordings/reference_neg-suite.json", RECORDINGS),
    ("recordings/reference_neg-version.json", RECORDINGS),
    ("recordings/reference_psi-25519-chunked.json", RECORDINGS),
    ("recordings/reference_psi-25519-noseq.json", RECORDINGS),
    ("recordings/reference_psi-25519-seq.json", RECORDINGS),
    ("recordings/reference_psi-sm2.json", RECORDINGS),
    ("recordings/spu-0.9.5_fm64.json", RECORDINGS),
    ("recordings/spu-0.9.5_halves.json", RECORDINGS),
    ("recordings/spu-0.9.5_label-1.json", RECORDINGS),
    ("recordings/spu-0.9.5_ref-fm64.json", RECORDINGS),
    ("ring/fixed_point.json", &["crates/ring/tests/vectors.rs"]),
    ("semi2k/model-operations-128.json", &["crates/semi2k/tests/model.rs"]),
    ("semi2k/model-operations-32.json", &["crates/semi2k/tests/model.rs"]),
    ("semi2k/model-operations-64.json", &["crates/semi2k/tests/model.rs"]),
    ("recordings/spu-0.9.5_reference-draws-numbered.json", RECORDINGS),
    ("recordings/spu-0.9.5_ring-128-label-1.json", RECORDINGS),
    ("recordings/spu-0.9.5_ring-128.json", RECORDINGS),
    ("recordings/spu-0.9.5_ring-64.json", RECORDINGS),
    ("recordings/spu-0.9.5_three-epochs-without-l2.json", RECORDINGS),
    ("recordings/spu-0.9.5_uneven-batches.json", RECORDINGS),
    ("recordings/spu-0.9.5_with-symbolon-at-0-ring-128.json", RECORDINGS),
    ("recordings/spu-0.9.5_with-symbolon-at-0.json", RECORDINGS),
    ("recordings/spu-0.9.5_with-symbolon-at-1-halves.json", RECORDINGS),
    ("recordings/spu-0.9.5_with-symbolon-at-1-ring-128.json", RECORDINGS),
    ("recordings/spu-0.9.5_with-symbolon-at-1.json", RECORDINGS),
    ("semi2k/reference-adjust-rank-1.json", &["crates/semi2k/tests/vectors.rs"]),
    ("semi2k/spu-0.9.5-compiled-steps.json", &["crates/semi2k/tests/vectors.rs"]),
    ("semi2k/spu-0.9.5-reference-order.json", &["crates/semi2k/tests/vectors.rs"]),
    ("triples/model-128.json", &["crates/triples/tests/model.rs"]),
    ("triples/model-32.json", &["crates/triples/tests/model.rs"]),
    ("triples/model-64.json", &["crates/triples/tests/model.rs"]),
    ("triples/reference-adjust-rank-0.json", &["crates/triples/tests/vectors.rs"]),
    ("triples/reference-adjust-rank-1.json", &["crates/triples/tests/vectors.rs"]),
    ("triples/spu-0.9.5-compiled-steps.json", &["crates/triples/tests/vectors.rs"]),
    ("triples/spu-0.9.5-reference-order.json", &["crates/triples/tests/vectors.rs"]),
    ("wire/schema.json", &["xtask/src/codegen/schema.rs"]),
];

const RECORDINGS: &[&str] = &["conformance/tests/recordings.rs"];
const RUNS: &[&str] = &["conformance/tests/vectors_model.rs"];
const CALLS: &[&str] = &["conformance/tests/dealer_calls.rs", "crates/grpc/tests/spu_dealer.rs"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_file_is_in_order() {
    let lint = check(&root().join("vectors")).unwrap();
    assert!(lint.passed(), "{lint}");
    assert!(lint.files.len() >= READERS.len() && lint.tests > 200, "{lint}");
}

#[test]
fn every_file_has_a_reader() {
    let found: BTreeSet<_> = files(&root().join("vectors"))
        .unwrap()
        .iter()
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    let registered: BTreeSet<_> = READERS.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(registered.len(), READERS.len(), "a file is registered twice");
    let unread: Vec<_> = found.difference(&registered).collect();
    let gone: Vec<_> = registered.difference(&found).collect();
    assert!(
        unread.is_empty() && gone.is_empty(),
        "no test reads {unread:?}; registered but not there: {gone:?}"
    );
    for (file, readers) in READERS {
        assert!(!readers.is_empty(), "{file}");
        let stem = Path::new(file).file_stem().unwrap().to_str().unwrap();
        for reader in *readers {
            let source = fs::read_to_string(root().join(reader)).unwrap_or_else(|e| panic!("{reader}: {e}"));
            assert!(source.contains(stem), "{reader} does not name {file}");
        }
    }
}

/// A copy of the schemas and of one file, changed.
fn lint_of(file: &str, change: impl FnOnce(&mut Value)) -> Lint {
    let folder = tempfile::tempdir().unwrap();
    let vectors = root().join("vectors");
    fs::create_dir(folder.path().join("schemas")).unwrap();
    for entry in fs::read_dir(vectors.join("schemas")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join("schemas").join(path.file_name().unwrap())).unwrap();
    }
    let mut document: Value = serde_json::from_str(&fs::read_to_string(vectors.join(file)).unwrap()).unwrap();
    change(&mut document);
    fs::write(folder.path().join("file.json"), document.to_string()).unwrap();
    let mut lint = check(folder.path()).unwrap();
    lint.findings.retain(|finding| !finding.file.starts_with("schemas"));
    lint
}

#[test]
fn what_is_wrong_is_found() {
    let file = "psi/sm2.json";
    let test = "/groups/0/tests/0";
    assert!(lint_of(file, |_| ()).passed());
    type Change = Box<dyn FnOnce(&mut Value)>;
    let set = |place: &'static str, value: Value| -> Change {
        Box::new(move |document| *document.pointer_mut(place).unwrap() = value)
    };
    let remove = |place: &'static str, name: &'static str| -> Change {
        Box::new(move |document| {
            document.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(name).unwrap();
        })
    };
    let cases: Vec<(Change, &str)> = vec![
        (set("/header/format", "symbolon-vectors/unheard-of/1".into()), "no schema"),
        (set("/header", Value::Null), "names no format"),
        (remove("/header", "generator"), "\"generator\" is a required property"),
        (remove("/header", "source"), "\"source\" is a required property"),
        (remove("/header", "specification"), "\"specification\" is a required property"),
        (remove(test, "id"), "\"id\" is a required property"),
        (remove(test, "result"), "\"result\" is a required property"),
        (set("/groups/0/tests/0/result", "maybe".into()), "is not one of"),
        (set("/groups/0/tests/0/scalar", "0G".into()), "does not match"),
        (set("/groups/0/tests/1/id", "psi-sm2-001".into()), "\"psi-sm2-001\" is in file.json too"),
        (set("/groups/0/tests/0/flags", vec!["Unheard"].into()), "does not explain the flag \"Unheard\""),
        (remove("/header/flags", "BadPoint"), "does not explain the flag \"BadPoint\""),
        (
            Box::new(|document| document["header"]["flags"]["Unused"] = "never".into()),
            "no test has the flag \"Unused\"",
        ),
        (Box::new(|document| document["groups"][0]["tests"][0]["more"] = 1.into()), "'more' was unexpected"),
        (set("/groups", Value::Array(vec![])), "less than 1 item"),
    ];
    for (change, expected) in cases {
        let lint = lint_of(file, change);
        assert!(
            lint.findings.iter().any(|finding| finding.message.contains(expected)),
            "{expected:?} expected, found: {lint}"
        );
    }
}
