//! `symbolon ic-main` against recorded handshakes of the reference implementation: started with the same
//! command lines, it sends the same bytes, as either rank.

mod ic_main_scene;

use std::sync::Arc;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use ic_main_scene::{Running, Scene, start};
use serde_json::Value;
use symbolon_dialect::Dialect;
use symbolon_grpc::{GrpcNode, NodeConfig};
use symbolon_link::{Link, LinkConfig};

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/../../vectors/handshake/{file}", env!("CARGO_MANIFEST_DIR"));
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    vectors["cases"].as_array().unwrap().clone()
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

/// The party `rank` of a recorded run.
fn party(scene: &Scene, case: &Value, rank: usize) -> Running {
    let offer = &case["offers"][rank];
    let file = scene.path("table.csv");
    let own = if offer["items"].is_null() {
        let columns = number(offer, "features") + usize::from(offer["has_label"].as_bool().unwrap());
        let rows = vec![vec!["1"; columns].join(","); number(offer, "samples") + 1];
        scene.write("table.csv", &rows.join("\n"));
        format!(
            "-algo=SS_LR -protocol_families=SS -lr_output={} -field={} -fxp_bits={} -batch_size={} -num_epoch={} \
             -learning_rate={} -l2_norm={} -dataset={} -has_label={} -use_ttp=true -ttp_server_host={} \
             -ttp_adjust_rank={}",
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
        "ic-main -rank={rank} -parties={},{} -link_protocol=h2:grpc -connect_timeout_ms=8000 -recv_timeout_ms=8000 {own}",
        scene.addresses[0], scene.addresses[1]
    );
    start(&scene.path("party"), &words, &[])
}

/// The other party, played by this file.
fn fake(scene: &Scene, rank: usize) -> (Arc<GrpcNode>, Link) {
    let config = NodeConfig::new(rank, scene.addresses[..2].to_vec());
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

fn as_rank_0(case: &Value) {
    let scene = Scene::new();
    let party = party(&scene, case, 0);
    let (_node, link) = fake(&scene, 1);
    link.root().send(0, bytes(case, "request")).unwrap();
    assert_eq!(link.root().recv(0).unwrap(), bytes(case, "response"), "{}", case["id"]);
    if case["valid"] == false {
        link.finish().unwrap();
        party.wait().expect(4, &[text(case, "text")]);
    }
}

fn as_rank_1(case: &Value) {
    let scene = Scene::new();
    let party = party(&scene, case, 1);
    let (_node, link) = fake(&scene, 0);
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

#[test]
fn recorded_handshakes_of_intersections_are_met() {
    let cases = cases("psi.json");
    assert!(cases.len() >= 5);
    for case in &cases {
        as_rank_0(case);
        if case["request_version"].is_null() {
            as_rank_1(case);
        }
    }
}

#[test]
fn recorded_handshakes_of_trainings_are_met() {
    let cases = cases("lr.json");
    assert!(cases.len() >= 4);
    for case in &cases {
        as_rank_0(case);
        as_rank_1(case);
    }
}
