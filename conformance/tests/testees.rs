//! The descriptions that come with the suite.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use symbolon_conformance::testee::{Testee, Values};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testees")
}

fn read(name: &str) -> Testee {
    Testee::read(&folder().join(name)).unwrap()
}

/// Every value that a party's command may name.
fn values() -> Values {
    let names = [
        "case",
        "dir",
        "params",
        "rank",
        "peer_rank",
        "parties",
        "listen",
        "peer",
        "table",
        "output",
        "curve",
        "hash",
        "map",
        "format",
        "suite",
        "result_to_rank",
        "result_to",
        "truncate_bits",
        "table_with_ids",
        "has_label",
        "epochs",
        "batch_size",
        "learning_rate",
        "l2",
        "field",
        "fraction_bits",
        "truncation",
        "dealer",
        "session",
        "adjust_rank",
        "dealer_form",
        "dealer_key",
        "dealer_key_base64",
        "dealer_stream",
        "spu_key",
        "spu_public_key",
        "suite_program",
        "script",
    ];
    names.iter().fold(Values::default(), |values, name| values.with(name, format!("<{name}>")))
}

/// No description asks for a value that does not exist.
#[test]
fn every_placeholder_can_be_filled() {
    let mut descriptions = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let testee = Testee::read(&path).unwrap();
            let commands = [
                testee.psi.as_ref().map(|side| &side.command),
                testee.lr.as_ref().map(|side| &side.command),
                testee.dealer.as_ref().map(|side| &side.command),
                testee.link.as_ref().map(|side| &side.command),
            ];
            for command in commands.into_iter().flatten() {
                let line = testee.arguments(command, &values()).unwrap();
                assert!(line.iter().all(|argument| !argument.contains('{')), "{}: {line:?}", path.display());
                descriptions += 1;
            }
        }
    }
    assert!(descriptions >= 8, "{descriptions} commands");
}

fn flags<'a>(line: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, String> {
    let flag = |text: &'a str| {
        let (name, value) = text.strip_prefix('-').unwrap().split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    line.into_iter().map(flag).collect()
}

/// What the reference takes where nothing is said (its README at 4dc46f7).
const DEFAULTS: &str = "-result_to_rank=-1 -curve_type=curve25519 -hash_type=sha_256 \
    -hash2curve_strategy=direct_hash_as_point_x -point_octet_format=uncompressed -ttp_adjust_rank=0 \
    -link_protocol=baidu_std";

/// The description's command line for a recorded run says what the recorded one said, whose first word is left out here.
/// What the recorded one leaves out is said with its default; the carrier is the suite's affair.
fn says_the_same(recorded: &str, values: &Values, is_training: bool) {
    let testee = read("reference-ic-main.toml");
    let command = if is_training {
        &testee.lr.as_ref().unwrap().command
    } else {
        &testee.psi.as_ref().unwrap().command
    };
    let line = testee.arguments(command, values).unwrap();
    let (program, line) = line.split_first().unwrap();
    assert_eq!(program, "ic_main");
    let (said, recorded) = (flags(line.iter().map(String::as_str)), flags(recorded.split(' ')));
    let defaults = flags(DEFAULTS.split_whitespace());
    for (name, value) in &recorded {
        if name != "link_protocol" {
            assert_eq!(said.get(name), Some(value), "-{name}");
        }
    }
    for (name, value) in said.iter().filter(|(name, _)| !recorded.contains_key(*name)) {
        assert_eq!(defaults.get(name), Some(value), "-{name} was not said");
    }
}

/// The command lines by which vectors/recordings/reference_psi-25519-seq.json and reference_psi-sm2.json were made.
#[test]
fn intersections_are_asked_for_as_in_recorded_runs() {
    let values = |rank: u8, parties: &str| {
        values()
            .with("rank", rank)
            .with("parties", parties)
            .with("table", format!("in{rank}.csv"))
            .with("output", format!("out{rank}.csv"))
            .with("result_to_rank", -1)
            .with("hash", "sha_256")
    };
    says_the_same(
        "-rank=0 -parties=127.0.0.1:9610,127.0.0.1:9621 -link_protocol=h2:grpc -algo=ECDH_PSI -protocol_families=ECC \
         -field_names=id -in_path=in0.csv -out_path=out0.csv",
        &values(0, "127.0.0.1:9610,127.0.0.1:9621")
            .with("curve", "curve25519")
            .with("map", "direct_hash_as_point_x")
            .with("format", "uncompressed"),
        false,
    );
    says_the_same(
        "-rank=1 -parties=127.0.0.1:9620,127.0.0.1:9611 -link_protocol=h2:grpc -algo=ECDH_PSI -protocol_families=ECC \
         -field_names=id -curve_type=sm2 -hash2curve_strategy=try_and_rehash -point_octet_format=x962_compressed \
         -in_path=in1.csv -out_path=out1.csv",
        &values(1, "127.0.0.1:9620,127.0.0.1:9611")
            .with("curve", "sm2")
            .with("map", "try_and_rehash")
            .with("format", "x962_compressed"),
        false,
    );
}

/// The command lines by which vectors/recordings/reference_lr64-ttp.json and reference_lr64-adjust1.json were made; the
/// dealer's key is cut short.
#[test]
fn trainings_are_asked_for_as_in_recorded_runs() {
    let values = |rank: u8, parties: &str| {
        values()
            .with("rank", rank)
            .with("parties", parties)
            .with("table", format!("d{rank}.csv"))
            .with("output", "share")
            .with("has_label", rank == 0)
            .with("field", 64)
            .with("fraction_bits", 18)
            .with("batch_size", 4)
            .with("epochs", 2)
            .with("learning_rate", 0.1)
            .with("l2", 0.5)
            .with("dealer", "127.0.0.1:9649")
            .with("dealer_key_base64", "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0K")
    };
    says_the_same(
        "-rank=0 -parties=127.0.0.1:9610,127.0.0.1:9621 -link_protocol=h2:grpc -algo=SS_LR -protocol_families=SS \
         -lr_output=share -field=64 -fxp_bits=18 -batch_size=4 -num_epoch=2 -learning_rate=0.1 -l2_norm=0.5 \
         -dataset=d0.csv -has_label=true -use_ttp=true -ttp_server_host=127.0.0.1:9649 -ttp_asym_crypto_schema=sm2 \
         -ttp_public_key=LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0K",
        &values(0, "127.0.0.1:9610,127.0.0.1:9621").with("adjust_rank", 0),
        true,
    );
    says_the_same(
        "-rank=1 -parties=127.0.0.1:9620,127.0.0.1:9611 -link_protocol=h2:grpc -algo=SS_LR -protocol_families=SS \
         -lr_output=share -field=64 -fxp_bits=18 -batch_size=4 -num_epoch=2 -learning_rate=0.1 -l2_norm=0.5 \
         -dataset=d1.csv -has_label=false -ttp_adjust_rank=1 -use_ttp=true -ttp_server_host=127.0.0.1:9649 \
         -ttp_asym_crypto_schema=sm2 -ttp_public_key=LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0K",
        &values(1, "127.0.0.1:9620,127.0.0.1:9611").with("adjust_rank", 1),
        true,
    );
}

/// docs/conformance/spu-0.9.5.md explains every case that does not pass with SPU as the testee.
#[test]
fn the_page_of_spu_names_every_deviation() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance");
    let page = std::fs::read_to_string(docs.join("spu-0.9.5.md")).unwrap();
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(docs.join("spu-0.9.5.json")).unwrap()).unwrap();
    let expected = std::fs::read_to_string(folder().join("spu.expected")).unwrap();
    let mut deviations = 0;
    for result in report["results"].as_array().unwrap() {
        let (case, role) = (result["case"].as_str().unwrap(), result["role"].as_str().unwrap());
        let verdict = result["verdict"].as_str().unwrap();
        assert_ne!(verdict, "error", "{case} {role}");
        if verdict == "fail" || verdict == "lenient" {
            assert!(page.contains(&format!("`{case}`")), "the page does not name {case}");
            let line = format!("{case} {role} {verdict}  # ");
            assert!(expected.lines().any(|found| found.starts_with(&line)), "spu.expected lacks: {line}");
            deviations += 1;
        }
    }
    assert!(deviations > 20, "{deviations} deviations");
}
