//! The link over real sockets: messages of all sizes, collectives, failures of a party.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use support::{Authority, Proxy, address, listener, pinned};
use symbolon_dialect::Dialect;
use symbolon_grpc::{GrpcNode, NodeConfig};
use symbolon_link::{Failure, Link, LinkConfig, LinkError};

/// A party: its link and the sockets under it.
struct Party {
    link: Link,
    node: Arc<GrpcNode>,
}

impl Party {
    fn start(node: NodeConfig, listener: std::net::TcpListener, link: LinkConfig) -> Self {
        let node = Arc::new(GrpcNode::start_on(listener, node).unwrap());
        let link = Link::new(link, node.clone()).unwrap();
        node.attach(link.inbox());
        Self { link, node }
    }

    fn stop(self) {
        self.link.finish().unwrap();
        self.node.shutdown();
    }
}

fn link_config(rank: usize, world_size: usize, dialect: &Dialect) -> LinkConfig {
    let mut config = LinkConfig::new(rank, world_size, dialect);
    config.connect_timeout = Duration::from_secs(20);
    config.connect_interval = Duration::from_millis(20);
    config.receive_timeout = Duration::from_secs(20);
    config.idle_timeout = Duration::from_millis(100);
    config
}

fn node_config(rank: usize, parties: &[String]) -> NodeConfig {
    let mut config = NodeConfig::new(rank, parties.to_vec());
    config.limits.retry_for = Duration::from_millis(200);
    config.limits.probe_timeout = Duration::from_millis(200);
    config.limits.shutdown_grace = Duration::from_millis(300);
    config
}

/// Starts all parties, each on a thread that connects and then runs `play`.
fn world<T: Send>(
    world_size: usize,
    dialect: &Dialect,
    change: impl Fn(&mut NodeConfig, &mut LinkConfig) + Sync,
    play: impl Fn(Party) -> T + Sync,
) -> Vec<T> {
    let listeners: Vec<_> = (0..world_size).map(|_| listener()).collect();
    let parties: Vec<_> = listeners.iter().map(address).collect();
    std::thread::scope(|scope| {
        let running: Vec<_> = listeners
            .into_iter()
            .enumerate()
            .map(|(rank, listener)| {
                let (parties, play, change) = (&parties, &play, &change);
                scope.spawn(move || {
                    let mut node = node_config(rank, parties);
                    let mut link = link_config(rank, world_size, dialect);
                    change(&mut node, &mut link);
                    let party = Party::start(node, listener, link);
                    party.link.connect().unwrap();
                    play(party)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn dialects() -> [Dialect; 3] {
    let mut numbered_from_zero = Dialect::symbolon();
    numbered_from_zero.counter_base = symbolon_dialect::CounterBase::Zero;
    [Dialect::symbolon(), Dialect::document(), numbered_from_zero]
}

fn value(length: usize, salt: usize) -> Bytes {
    (0..length).map(|i| ((i * 31 + salt) % 253) as u8).collect::<Vec<_>>().into()
}

const LENGTHS: [usize; 6] = [0, 1, 1000, (1 << 20) - (4 << 10), 1 << 20, 8 << 20];

#[test]
fn messages_of_all_sizes_travel_between_all() {
    for dialect in dialects() {
        for world_size in [2, 3] {
            world(
                world_size,
                &dialect,
                |_, _| (),
                |party| {
                    let (channel, rank) = (party.link.root(), party.link.rank());
                    for length in LENGTHS {
                        for to in (0..world_size).filter(|to| *to != rank) {
                            channel.send(to, value(length, rank)).unwrap();
                        }
                        for from in (0..world_size).filter(|from| *from != rank) {
                            assert!(
                                channel.recv(from).unwrap() == value(length, from),
                                "{length} bytes from {from}"
                            );
                        }
                    }
                    party.stop();
                },
            );
        }
    }
}

#[test]
fn collectives_work_over_sockets_with_small_chunks() {
    for dialect in [Dialect::symbolon(), Dialect::document()] {
        world(
            3,
            &dialect,
            |_, link| link.chunk_size = 777,
            |party| {
                let (channel, rank) = (party.link.root(), party.link.rank());
                for length in [0, 5, 10_000] {
                    let expected: Vec<_> = (0..3).map(|from| value(length, from)).collect();
                    assert!(channel.allgather(value(length, rank)).unwrap() == expected);
                    let gathered = channel.gather(1, value(length, rank)).unwrap();
                    assert!(gathered == (rank == 1).then(|| expected.clone()));
                    let sent = (rank == 2).then(|| expected.clone());
                    assert!(channel.scatter(2, sent).unwrap() == expected[rank]);
                    let said = (rank == 0).then(|| value(length, 9));
                    assert!(channel.broadcast(0, said).unwrap() == value(length, 9));
                    channel.barrier().unwrap();
                }
                let side = channel.spawn();
                let pending = side.allgather_start(value(3, rank)).unwrap();
                assert_eq!(channel.allgather(value(2, rank)).unwrap().len(), 3);
                assert_eq!(pending.wait().unwrap().len(), 3);
                party.stop();
            },
        );
    }
}

#[test]
fn links_work_over_mutual_tls() {
    let authority = Authority::new();
    let members: Vec<_> = (0..3).map(|rank| authority.member(&format!("rank{rank}.test"))).collect();
    let secure = |node: &mut NodeConfig, _: &mut LinkConfig| {
        let mut tls = authority.tls(&members[node.rank]);
        for (rank, member) in members.iter().enumerate().filter(|(rank, _)| *rank != node.rank) {
            tls = tls.with_peer(rank, pinned(&format!("rank{rank}.test"), member));
        }
        node.tls = Some(tls);
    };
    world(3, &Dialect::symbolon(), secure, |party| {
        let gathered = party.link.root().allgather(value(3 << 20, party.link.rank())).unwrap();
        assert!(gathered == [value(3 << 20, 0), value(3 << 20, 1), value(3 << 20, 2)]);
        party.stop();
    });
}

#[test]
fn a_dead_peer_is_noticed_by_whoever_waits() {
    for dialect in [Dialect::symbolon(), Dialect::document()] {
        let errors = world(
            2,
            &dialect,
            |_, _| (),
            |party| {
                let channel = party.link.root();
                if party.link.rank() == 1 {
                    channel.recv(0).unwrap();
                    party.node.shutdown();
                    return None;
                }
                channel.send(1, "go").unwrap();
                let started = Instant::now();
                let error = channel.recv(1).unwrap_err();
                assert!(started.elapsed() < Duration::from_secs(15), "long before the receive timeout");
                party.node.shutdown();
                Some(error)
            },
        );
        let error = errors[0].as_ref().unwrap();
        assert_eq!(error.peer(), Some(1), "{error}");
        assert!(error.to_string().contains("rank 1"), "{error}");
    }
}

#[test]
fn an_oversized_message_is_refused_at_both_ends_in_words() {
    // Without chunks a message beyond the peer's limit is refused by the peer's node.
    let small = |node: &mut NodeConfig, link: &mut LinkConfig| {
        link.chunk_size = 64 << 20;
        if node.rank == 1 {
            node.limits.max_message_bytes = 100_000;
        }
    };
    let texts = world(2, &Dialect::document(), small, |party| {
        let channel = party.link.root();
        let error = if party.link.rank() == 0 {
            let _ = channel.send(1, value(200_000, 0));
            // The refusal reaches the next operation with that peer.
            channel.recv(1).unwrap_err()
        } else {
            let error = channel.recv(0).unwrap_err();
            assert!(matches!(error, LinkError::PeerTimeout { .. } | LinkError::PeerFailed { .. }), "{error}");
            error
        };
        party.node.shutdown();
        error.to_string()
    });
    assert!(texts[0].contains("exceeds the limit of 100000 bytes of rank 1"), "{}", texts[0]);
    assert!(texts[1].contains("rank 0"), "{}", texts[1]);
}

#[test]
fn a_stranger_is_told_that_it_is_no_party() {
    // Three addresses for rank 0, but the link of rank 1 knows two parties only.
    let listeners = [listener(), listener(), listener()];
    let parties = listeners.each_ref().map(address);
    let [_, second, third] = listeners;
    let one = Party::start(node_config(1, &parties[..2]), second, link_config(1, 2, &Dialect::symbolon()));
    let mut alone = link_config(2, 3, &Dialect::symbolon());
    alone.connect_timeout = Duration::from_secs(1);
    alone.connect_interval = Duration::from_secs(10);
    let stranger = Party::start(node_config(2, &parties), third, alone);
    let error = stranger.link.connect().unwrap_err();
    let LinkError::PeersNotConnected { missing, .. } = &error else { panic!("{error}") };
    let about_one = &missing.iter().find(|(rank, _)| *rank == 1).unwrap().1;
    assert!(about_one.contains("31100001"), "{about_one}");
    one.node.shutdown();
    stranger.node.shutdown();
}

#[test]
fn a_party_that_never_comes_is_named() {
    let listeners = [listener(), listener()];
    let parties = listeners.each_ref().map(address);
    let [first, second] = listeners;
    drop(second);
    let mut link = link_config(0, 2, &Dialect::symbolon());
    link.connect_timeout = Duration::from_millis(500);
    link.connect_interval = Duration::from_secs(10);
    let party = Party::start(node_config(0, &parties), first, link);
    let error = party.link.connect().unwrap_err().to_string();
    assert!(error.contains("rank 1") && error.contains(&parties[1]), "{error}");
    party.node.shutdown();
}

#[test]
fn broken_connections_lose_and_repeat_nothing() {
    let listeners = [listener(), listener()];
    let real = listeners.each_ref().map(address);
    let proxy = Proxy::start(&real[1]);
    let [first, second] = listeners;
    let parties = [real[0].clone(), proxy.address()];
    let dialect = Dialect::symbolon();
    let mut patient = node_config(0, &parties);
    patient.limits.retry_for = Duration::from_secs(10);
    let zero = Party::start(patient, first, link_config(0, 2, &dialect));
    let one = Party::start(node_config(1, &parties), second, link_config(1, 2, &dialect));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            zero.link.connect().unwrap();
            let channel = zero.link.root();
            for index in 0..60 {
                channel.send(1, value(100_000, index)).unwrap();
            }
            zero.link.finish().unwrap();
        });
        one.link.connect().unwrap();
        let channel = one.link.root();
        for index in 0..60 {
            assert!(channel.recv(0).unwrap() == value(100_000, index), "message {index}");
            if index % 20 == 10 {
                proxy.cut();
            }
        }
        one.link.finish().unwrap();
    });
    zero.node.shutdown();
    one.node.shutdown();
}

#[test]
fn failures_keep_their_first_cause() {
    let texts = world(
        2,
        &Dialect::symbolon(),
        |_, _| (),
        |party| {
            let channel = party.link.root();
            if party.link.rank() == 1 {
                channel.recv(0).unwrap();
                party.node.shutdown();
                return String::new();
            }
            channel.send(1, "go").unwrap();
            let first = channel.recv(1).unwrap_err();
            let second = channel.send(1, "late").and_then(|()| channel.recv(1).map(drop)).unwrap_err();
            if let (LinkError::PeerFailed { cause: a, .. }, LinkError::PeerFailed { cause: b, .. }) =
                (&first, &second)
            {
                assert_eq!(a, b);
                assert!(matches!(**a, Failure::Push { .. } | Failure::Probe { .. }), "{a}");
            } else {
                panic!("{first}; {second}");
            }
            party.node.shutdown();
            first.to_string()
        },
    );
    assert!(texts[0].contains("rank 1"), "{}", texts[0]);
}
