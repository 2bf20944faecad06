//! `symbolon ic-main` against recorded handshakes of the reference implementation: started with the same
//! command lines, it sends the same bytes, as either rank, over the reference's own carrier and over gRPC. And whole runs: on the recorded inputs two of ours have
//! the results that two of theirs had.

mod ic_main_scene;

use std::sync::Arc;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use ic_main_scene::{Ended, Running, Scene, start};
use serde_json::Value;
use symbolon::model::ModelHalf;
use symbolon_dialect::Dialect;
use symbolon_grpc::{GrpcNode, NodeConfig};
use symbolon_link::{Link, LinkConfig};

fn vectors(file: &str) -> Value {
    let path = format!("{}/../../vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cases(file: &str) -> Vec<Value> {
    let file = vectors(&format!("handshake/{file}"));
    let groups = file["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["tests"].as_array().unwrap()).cloned().collect()
}

fn bytes(case: &Value, key: &str) -> Bytes {
    STANDARD.decode(case[key].as_str().unwrap()).unwrap().into()
}

fn number(offer: &Value, key: &str) -> usize {
    usize::try_from(offer[key].as_u64().unwrap()).unwrap()
}

fn text<'a>(offer: &'a Value, key: &str) -> &'a str {
    offer[key].as_str().unwrap()
}

/// brpc's names of the carriers; the first is the reference's default.
const CARRIERS: [&str; 2] = ["baidu_std", "h2:grpc"];

/// The dealer's key in the reference's manual (secretflow/interconnection-impl, README). The handshake has no word of it.
const KEY: &str = "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUZvd0ZBWUlLb0VjejFVQmdpMEdDQ3FCSE05VkFZSXRBMElBQkxROGc3Q3R3eis3OW1ZQTcrbCtVOWliTjdaSAorVG1yZ0R4bGk2dmpWNTlaaG14c3U4eDNSR1pBS09Bd2gzNnhYcHhHZ2F5MXRGYWtDazNMZFV0azJzND0KLS0tLS1FTkQgUFVCTElDIEtFWS0tLS0tCg==";

/// The party `rank` of a recorded run.
fn party(scene: &Scene, case: &Value, rank: usize, carrier: &str) -> Running {
    let offer = &case["offers"][rank];
    let file = scene.path("table.csv");
    let own = if offer["items"].is_null() {
        let columns = number(offer, "features") + usize::from(offer["has_label"].as_bool().unwrap());
        let rows = vec![vec!["1"; columns].join(","); number(offer, "samples") + 1];
        scene.write("table.csv", &rows.join("\n"));
        format!(
            "-algo=SS_LR -protocol_families=SS -lr_output={} -field={} -fxp_bits={} -batch_size={} -num_epoch={} \
             -learning_rate={} -l2_norm={} -dataset={} -has_label={} -use_ttp=true -ttp_server_host={} \
             -ttp_adjust_rank={} -ttp_asym_crypto_schema=sm2 -ttp_public_key={KEY}",
            scene.path("share").display(),
            number(offer, "field"),
            number(offer, "fraction_bits"),
            number(offer, "batch_size"),
            number(offer, "epochs"),
            offer["learning_rate"],
            offer["l2"],
            file.display(),
            offer["has_label"],
            text(offer, "dealer_host"),
            number(offer, "adjust_rank"),
        )
    } else {
        let ids: Vec<String> = (0..number(offer, "items")).map(|id| id.to_string()).collect();
        scene.write("table.csv", &format!("id\n{}\n", ids.join("\n")));
        format!(
            "-algo=ECDH_PSI -protocol_families=ECC -field_names=id -in_path={} -out_path={} -curve_type={} -hash_type={} \
             -hash2curve_strategy={} -point_octet_format={} -result_to_rank={}",
            file.display(),
            scene.path("out.csv").display(),
            text(offer, "curve"),
            text(offer, "hash"),
            text(offer, "map"),
            text(offer, "format"),
            offer["result_to_rank"],
        )
    };
    let words = format!(
        "ic-main -rank={rank} -parties={},{} -link_protocol={carrier} -connect_timeout_ms=8000 -recv_timeout_ms=8000 {own}",
        scene.addresses[0], scene.addresses[1]
    );
    start(&scene.path("party"), &words, &[])
}

/// The other party, played by this file.
fn fake(scene: &Scene, rank: usize, carrier: &str) -> (Arc<GrpcNode>, Link) {
    let config = NodeConfig::new(rank, scene.addresses[..2].to_vec()).with_carrier(carrier.parse().unwrap());
    let node = Arc::new(GrpcNode::start(scene.addresses[rank].parse().unwrap(), config).unwrap());
    let mut config = LinkConfig::new(rank, 2, &Dialect::reference());
    config.connect_timeout = Duration::from_secs(20);
    config.connect_interval = Duration::from_millis(20);
    config.receive_timeout = Duration::from_secs(20);
    let link = Link::new(config, node.clone()).unwrap();
    node.attach(link.inbox());
    link.connect().unwrap();
    (node, link)
}

fn as_rank_0(case: &Value, carrier: &str) {
    let scene = Scene::new();
    let party = party(&scene, case, 0, carrier);
    let (_node, link) = fake(&scene, 1, carrier);
    link.root().send(0, bytes(case, "request")).unwrap();
    assert_eq!(link.root().recv(0).unwrap(), bytes(case, "response"), "{}", case["id"]);
    if case["valid"] == false {
        link.finish().unwrap();
        party.wait().expect(4, &[text(case, "text")]);
    }
}

fn as_rank_1(case: &Value, carrier: &str) {
    let scene = Scene::new();
    let party = party(&scene, case, 1, carrier);
    let (_node, link) = fake(&scene, 0, carrier);
    assert_eq!(link.root().recv(1).unwrap(), bytes(case, "request"), "{}", case["id"]);
    link.root().send(1, bytes(case, "response")).unwrap();
    if case["valid"] == false {
        link.finish().unwrap();
        party.wait().expect(4, &[text(case, "text")]);
    } else if case["id"].as_str().unwrap().starts_with("psi-25519") {
        // The plan is taken: the first points follow.
        assert!(link.root().recv(1).unwrap().len() > 32);
    }
}

/// Every case over every carrier.
fn each(cases: &[Value]) -> impl Iterator<Item = (&Value, &str)> {
    cases.iter().flat_map(|case| CARRIERS.map(|carrier| (case, carrier)))
}

#[test]
fn recorded_handshakes_of_intersections_are_met() {
    let cases = cases("psi.json");
    assert!(cases.len() >= 5);
    for (case, carrier) in each(&cases) {
        as_rank_0(case, carrier);
        if case["request_version"].is_null() {
            as_rank_1(case, carrier);
        }
    }
}

#[test]
fn recorded_handshakes_of_trainings_are_met() {
    let cases = cases("lr.json");
    assert!(cases.len() >= 4);
    for (case, carrier) in each(&cases) {
        as_rank_0(case, carrier);
        as_rank_1(case, carrier);
    }
}

fn texts(values: &Value) -> Vec<&str> {
    values.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect()
}

/// Runs both parties with `flags` and waits for their success.
fn run(scene: &Scene, flags: [String; 2]) -> [Ended; 2] {
    let parties = [0, 1].map(|rank| {
        let words = format!(
            "ic-main -rank={rank} -parties={},{} -connect_timeout_ms=8000 -recv_timeout_ms=8000 {}",
            scene.addresses[0], scene.addresses[1], flags[rank]
        );
        start(&scene.path(&format!("rank{rank}")), &words, &[])
    });
    let ended = parties.map(Running::wait);
    ended.iter().for_each(|ended| ended.expect(0, &[]));
    ended
}

#[test]
fn a_recorded_intersection_has_the_recorded_result() {
    let recording = vectors("recordings/reference_psi-25519-seq.json");
    let scene = Scene::new();
    let side = |rank: usize| &recording["parties"][rank]["side"]["psi"];
    let flags = [0, 1].map(|rank| {
        let name = format!("in{rank}.csv");
        scene.write(&name, &format!("id\n{}\n", texts(&side(rank)["ids"]).join("\n")));
        let output = scene.path(&format!("out{rank}.csv"));
        format!("-in_path={} -out_path={}", scene.path(&name).display(), output.display())
    });
    run(&scene, flags);
    for rank in [0, 1] {
        let written = std::fs::read_to_string(scene.path(&format!("out{rank}.csv"))).unwrap();
        let expected = texts(&side(rank)["outcome"]["intersection"]).join("\n");
        assert_eq!(written, format!("id\n{expected}\n"));
    }
}

#[test]
fn a_recorded_training_has_the_recorded_result() {
    let recording = vectors("recordings/reference_lr64-ttp.json");
    let scene = Scene::new();
    let mut dealer = start(&scene.path("dealer"), &format!("dealer --listen {}", scene.addresses[2]), &[]);
    dealer.until("listening");
    let side = |rank: usize| &recording["parties"][rank]["side"]["lr"];
    let flags = [0, 1].map(|rank| {
        let labels = side(rank)["labels"].as_array();
        let mut text = String::from("header\n");
        for (row, values) in side(rank)["features"].as_array().unwrap().iter().enumerate() {
            let mut fields: Vec<String> = values.as_array().unwrap().iter().map(Value::to_string).collect();
            fields.extend(labels.map(|labels| labels[row].to_string()));
            text.push_str(&(fields.join(",") + "\n"));
        }
        let name = format!("d{rank}.csv");
        scene.write(&name, &text);
        format!(
            "-algo=SS_LR -protocol_families=SS -lr_output={} -batch_size={} -num_epoch={} -learning_rate={} -l2_norm={} \
             -dataset={} -has_label={} -use_ttp=true -ttp_server_host={} -reveal_labels_and_scores",
            scene.path("share").display(),
            recording["run"]["batch_size"],
            recording["run"]["epochs"],
            recording["run"]["learning_rate"],
            recording["run"]["l2"],
            scene.path(&name).display(),
            labels.is_some(),
            scene.addresses[2],
        )
    });
    for ended in run(&scene, flags) {
        // What both recorded parties printed.
        assert_eq!(ended.stdout, "Accuracy = 0.5\n");
    }
    let half = |rank: usize| {
        let path = scene.path(&format!("share.{rank}"));
        ModelHalf::read(&path).unwrap().decode_share::<u64>(&path).unwrap()
    };
    let recorded = |rank: usize, at: usize| {
        let hex = texts(&side(rank)["outcome"]["half"])[at];
        u64::from_str_radix(hex, 16).unwrap().swap_bytes()
    };
    let weights = half(0).add(&half(1)).unwrap();
    assert_eq!(weights.len(), 6);
    for (at, weight) in weights.as_slice().iter().enumerate() {
        let theirs = recorded(0, at).wrapping_add(recorded(1, at));
        // Local truncation errs by a unit at a time, differently in every run.
        let units = weight.wrapping_sub(theirs).cast_signed();
        assert!(units.abs() < 32, "weight {at} differs by {units} units of 2^-18");
    }
}
