//! A party against a peer that this file plays: another version, unknown numbers, impossible chunks. The
//! party refuses, says why, tells the peer where the protocol has words for it, and writes nothing.

mod scene;

use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use scene::{Ended, Scene};
use symbolon_dialect::Dialect;
use symbolon_grpc::{GrpcNode, NodeConfig};
use symbolon_handshake::{DealerPlan, LrOffer, Optimizer, Protocol, Purpose, SigmoidMode, Truncation};
use symbolon_link::{Carrier, Channel, Chunk, Frame, Link, LinkConfig, PushError};
use symbolon_ring::Field;
use symbolon_wire::common::ResponseHeader;
use symbolon_wire::handshake::{HandshakeRequest, HandshakeResponse};
use symbolon_wire::protocol::SsProtocolProposal;
use symbolon_wire::{ErrorCode, pack_any, unpack_any};

/// The peer that this file plays.
struct Fake {
    node: Arc<GrpcNode>,
    link: Link,
}

impl Fake {
    fn connect(scene: &Scene, rank: usize) -> Self {
        let node_config = NodeConfig::new(rank, scene.addresses.clone());
        let node = Arc::new(GrpcNode::start(scene.addresses[rank].parse().unwrap(), node_config).unwrap());
        let mut config = LinkConfig::new(rank, 2, &Dialect::symbolon());
        config.connect_timeout = Duration::from_secs(20);
        config.connect_interval = Duration::from_millis(20);
        config.receive_timeout = Duration::from_secs(20);
        config.idle_timeout = Duration::from_millis(300);
        let link = Link::new(config, node.clone()).unwrap();
        node.attach(link.inbox());
        link.connect().unwrap();
        Self { node, link }
    }

    fn channel(&self) -> Channel {
        self.link.root()
    }

    /// Pushes a frame that no link of ours would make, and tells what the party answered.
    fn push(&self, to: usize, key: &str, value: &[u8], chunk: Option<Chunk>) -> Result<(), PushError> {
        let (answer, answered) = mpsc::channel();
        let frame =
            Frame { sender: (1 - to) as u64, key: key.into(), value: Bytes::copy_from_slice(value), chunk };
        self.node.push(to, frame, Box::new(move |result| drop(answer.send(result))));
        answered.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

fn request(dealer: &str) -> HandshakeRequest {
    let offer = LrOffer {
        purpose: Purpose::Train,
        samples: 50,
        features: 1,
        has_label: true,
        optimizer: Optimizer::Sgd { learning_rate: 0.1 },
        epochs: 3,
        batch_size: 8,
        l2: 0.0,
        sigmoids: vec![SigmoidMode::Minimax1],
        protocols: vec![Protocol::Semi2k],
        fields: vec![Field::Ring64],
        truncations: vec![Truncation::Probabilistic],
        ciphers: vec![symbolon_prg::Cipher::Aes128],
        fraction_bits: 18,
        dealer: DealerPlan {
            host: dealer.into(),
            session_id: String::new(),
            adjust_rank: 0,
            version: symbolon_grpc::DEALER_VERSION,
        },
        other_dealer_versions: Vec::new(),
    };
    offer.to_request(1, &Dialect::symbolon()).unwrap()
}

/// Sends `request` to a party that trains as rank 0, and takes its response.
fn answered(change: impl FnOnce(&mut HandshakeRequest)) -> (Scene, Ended, HandshakeResponse) {
    let scene = Scene::aligned();
    let party = scene.start(0, "train", &[]);
    let fake = Fake::connect(&scene, 1);
    let mut request = request(&scene.dealer);
    change(&mut request);
    let channel = fake.channel();
    channel.send(0, request.encode_to_vec()).unwrap();
    let response = HandshakeResponse::decode(channel.recv(0).unwrap()).unwrap();
    fake.link.finish().unwrap();
    (scene, party.wait(), response)
}

fn code(response: &HandshakeResponse) -> i32 {
    response.header.as_ref().unwrap().error_code
}

#[test]
fn a_peer_with_another_handshake_version_is_refused() {
    let (scene, ended, response) = answered(|request| request.version = 7);
    ended.expect(4, &["refused", "version 7"]);
    assert_eq!(code(&response), i32::from(ErrorCode::UnsupportedVersion));
    scene.assert_no_output(0);
}

#[test]
fn unknown_enum_values_are_as_if_they_were_not_offered() {
    let (scene, ended, response) = answered(|request| {
        let mut family: SsProtocolProposal = unpack_any(&request.protocol_family_params[0]).unwrap();
        family.field_types = vec![99];
        request.protocol_family_params = vec![pack_any(&family)];
    });
    ended.expect(4, &["refused"]);
    assert_ne!(code(&response), 0);
    scene.assert_no_output(0);

    let (_scene, ended, response) = answered(|request| request.supported_algos = vec![99]);
    ended.expect(4, &["refused"]);
    assert_eq!(code(&response), i32::from(ErrorCode::UnsupportedAlgo));
}

#[test]
fn a_request_that_is_no_message_is_refused() {
    let scene = Scene::aligned();
    let party = scene.start(0, "train", &[]);
    let fake = Fake::connect(&scene, 1);
    fake.channel().send(0, b"\xff\xff\xff\xff not a message".to_vec()).unwrap();
    let response = HandshakeResponse::decode(fake.channel().recv(0).unwrap()).unwrap();
    assert_ne!(code(&response), 0);
    fake.link.finish().unwrap();
    assert!(!party.wait().status.success());
    scene.assert_no_output(0);
}

#[test]
fn a_response_of_another_kind_stops_the_other_rank() {
    let scene = Scene::aligned();
    scene.configure(1, "label = 'label'");
    let party = scene.start(1, "train", &[]);
    let fake = Fake::connect(&scene, 0);
    let request = HandshakeRequest::decode(fake.channel().recv(1).unwrap()).unwrap();
    assert_eq!((request.version, request.requester_rank), (2, 1));
    let response = HandshakeResponse { algo: 99, ..HandshakeResponse::default() };
    fake.channel().send(1, response.encode_to_vec()).unwrap();
    fake.link.finish().unwrap();
    let ended = party.wait();
    assert!(!ended.status.success());
    assert!(ended.log.contains("rank 0"), "{}", ended.log);
    scene.assert_no_output(1);
}

#[test]
fn a_refusal_of_rank_0_is_told_with_its_reason() {
    let scene = Scene::aligned();
    scene.configure(1, "label = 'label'");
    let party = scene.start(1, "train", &[]);
    let fake = Fake::connect(&scene, 0);
    fake.channel().recv(1).unwrap();
    let header = ResponseHeader {
        error_code: ErrorCode::UnsupportedVersion.into(),
        error_msg: "version 2 is too old".into(),
    };
    let response = HandshakeResponse { header: Some(header), ..HandshakeResponse::default() };
    fake.channel().send(1, response.encode_to_vec()).unwrap();
    fake.link.finish().unwrap();
    party.wait().expect(4, &["rank 0 refused", "version 2 is too old"]);
    scene.assert_no_output(1);
}

#[test]
fn impossible_chunks_are_refused_when_they_arrive() {
    let cases = [
        // More bytes than the message is said to have, a message that is too large, an offset outside.
        Chunk { message_length: 32, offset: 0 },
        Chunk { message_length: 1 << 40, offset: 0 },
        Chunk { message_length: 100, offset: u64::MAX - 3 },
    ];
    for chunk in cases {
        let scene = Scene::aligned();
        let party = scene.start(0, "train", &["--max-message", "1MiB", "--receive-timeout", "1500ms"]);
        let fake = Fake::connect(&scene, 1);
        let refused = fake.push(0, "root:P2P-1:1->0", &[0_u8; 64], Some(chunk)).unwrap_err();
        assert!(matches!(refused, PushError::Refused { .. }), "{refused}");
        drop(fake);
        let ended = party.wait();
        ended.expect(1, &["the link to rank 1 failed", "root:P2P-1:1->0"]);
        scene.assert_no_output(0);
    }
}

#[test]
fn a_message_that_stays_incomplete_ends_in_a_timeout() {
    let scene = Scene::aligned();
    let party = scene.start(0, "train", &["--receive-timeout", "1500ms"]);
    let fake = Fake::connect(&scene, 1);
    // Half of the request, and never the rest.
    let request = request(&scene.dealer).encode_to_vec();
    let half = &request[..request.len() / 2];
    let chunk = Chunk { message_length: request.len() as u64, offset: 0 };
    fake.push(0, "root:P2P-1:1->0", half, Some(chunk)).unwrap();
    party.wait().expect(3, &["rank 1", "waited 1.5"]);
    scene.assert_no_output(0);
}
