//! Loopback throughput and latency of the carrier: below the link, 64 MiB in chunks of just under 1 MiB with eight under
//! way, in one direction and in both at once, and one small frame there and back; over the link, a round, in which two
//! parties send each other a short value and wait for it.

use std::hint::black_box;
use std::net::TcpListener;
use std::sync::{Arc, mpsc};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use symbolon_dialect::Dialect;
use symbolon_grpc::{GrpcNode, NodeConfig, PeerIdentity, TlsConfig};
use symbolon_link::{Carrier, Chunk, Frame, Link, LinkConfig};

const MESSAGE: usize = 64 << 20;
const CHUNK: usize = (1 << 20) - (4 << 10);
const IN_FLIGHT: usize = 8;

fn nodes(secure: bool) -> [Arc<GrpcNode>; 2] {
    let tls = secure.then(tls);
    let listeners = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let parties = listeners.each_ref().map(|listener| listener.local_addr().unwrap().to_string());
    let mut rank = 0;
    listeners.map(|listener| {
        let mut config = NodeConfig::new(rank, parties.to_vec());
        config.tls = tls.as_ref().map(|tls| tls[rank].clone());
        rank += 1;
        Arc::new(GrpcNode::start_on(listener, config).unwrap())
    })
}

fn tls() -> [TlsConfig; 2] {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let members = ["zero.test", "one.test"].map(|name| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (name, params.signed_by(&key, &authority).unwrap().pem(), key.serialize_pem())
    });
    members.each_ref().map(|(own, certificate, key)| {
        let mut tls = TlsConfig::from_pem(&authority.pem(), certificate, key).unwrap();
        for (rank, (name, certificate, _)) in members.iter().enumerate() {
            if name != own {
                tls = tls.with_peer(rank, PeerIdentity::from_pem(name, certificate).unwrap());
            }
        }
        tls
    })
}

fn throughput(nodes: &[Arc<GrpcNode>; 2], from: usize, message: &Bytes) {
    let (done, answered) = mpsc::channel();
    let mut under_way = 0;
    for offset in (0..message.len()).step_by(CHUNK) {
        if under_way == IN_FLIGHT {
            answered.recv().unwrap();
            under_way -= 1;
        }
        let done = done.clone();
        let frame = Frame {
            sender: from as u64,
            key: "root:1:ALLGATHER".into(),
            value: message.slice(offset..message.len().min(offset + CHUNK)),
            chunk: Some(Chunk { message_length: message.len() as u64, offset: offset as u64 }),
        };
        nodes[from].push(
            1 - from,
            frame,
            Box::new(move |outcome| {
                outcome.unwrap();
                let _ = done.send(());
            }),
        );
        under_way += 1;
    }
    for _ in 0..under_way {
        answered.recv().unwrap();
    }
}

fn carrier(criterion: &mut Criterion) {
    for (name, secure) in [("plain", false), ("mtls", true)] {
        let nodes = nodes(secure);
        let message = Bytes::from(vec![0x5a; MESSAGE]);
        for node in &nodes {
            node.attach_with(|frame| {
                black_box(frame);
                Ok(())
            });
        }
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        group.throughput(Throughput::Bytes(MESSAGE as u64));
        group.bench_function("64MiB", |bencher| bencher.iter(|| throughput(&nodes, 0, &message)));
        group.throughput(Throughput::Bytes(2 * MESSAGE as u64));
        group.bench_function("64MiB both ways", |bencher| {
            bencher.iter(|| {
                std::thread::scope(|scope| {
                    scope.spawn(|| throughput(&nodes, 1, &message));
                    throughput(&nodes, 0, &message);
                });
            });
        });
        group.finish();

        let (arrived, here) = mpsc::channel();
        nodes[0].attach_with(move |_| {
            let _ = arrived.send(());
            Ok(())
        });
        let (arrived, there) = mpsc::channel();
        nodes[1].attach_with(move |_| {
            let _ = arrived.send(());
            Ok(())
        });
        let frame = |sender| Frame {
            sender,
            key: "root:P2P-1:0->1".into(),
            value: Bytes::from_static(&[1; 64]),
            chunk: None,
        };
        let echo = nodes[1].clone();
        let thread = std::thread::spawn(move || {
            while there.recv().is_ok() {
                echo.push(0, frame(1), Box::new(|outcome| outcome.unwrap()));
            }
        });
        criterion.bench_function(&format!("{name}/ping-pong"), |bencher| {
            bencher.iter(|| {
                nodes[0].push(1, frame(0), Box::new(|outcome| outcome.unwrap()));
                here.recv().unwrap();
            });
        });
        nodes.iter().for_each(|node| node.shutdown());
        thread.join().unwrap();
    }
}

/// A round: an ALLGATHER of a value of 200 bytes.
fn round(criterion: &mut Criterion) {
    let nodes = nodes(false);
    let links = [0, 1].map(|rank| {
        let link = Link::new(LinkConfig::new(rank, 2, &Dialect::symbolon()), nodes[rank].clone()).unwrap();
        nodes[rank].attach(link.inbox());
        link
    });
    std::thread::scope(|scope| {
        scope.spawn(|| links[1].connect().unwrap());
        links[0].connect().unwrap();
    });
    let [own, other] = links.each_ref().map(Link::root);
    let value = Bytes::from_static(&[1; 200]);
    let echo = std::thread::spawn({
        let value = value.clone();
        move || while other.allgather(value.clone()).is_ok_and(|values| !values[0].is_empty()) {}
    });
    criterion.bench_function("round", |bencher| bencher.iter(|| own.allgather(value.clone()).unwrap()));
    own.allgather(Bytes::new()).unwrap();
    echo.join().unwrap();
    nodes.iter().for_each(|node| node.shutdown());
}

criterion_group!(benches, carrier, round);
criterion_main!(benches);
