//! Every carrier over real sockets: baidu_std, HTTP/1.1 and HTTP/2 with protobuf and JSON, gRPC.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use support::nodes::{Received, collect, config, frame, pair, push, push_start, refused, unreachable};
use support::{Authority, Member, Proxy, address, listener, pinned};
use symbolon_dialect::Dialect;
use symbolon_grpc::{CarrierKind, GrpcNode};
use symbolon_link::{Chunk, Frame, Link, LinkConfig, Rejection};

fn value(length: usize) -> Bytes {
    (0..length).map(|i| (i % 251) as u8).collect::<Vec<_>>().into()
}

#[test]
fn frames_arrive_unchanged_from_empty_to_eight_mebibytes() {
    for carrier in CarrierKind::ALL {
        let (nodes, received) = pair(|config| config.carriers = vec![carrier; 2]);
        let mut sent = Vec::new();
        for length in [0_usize, 1, 100, (16 << 10) - 1, 16 << 10, 1 << 20, (8 << 20) + 3] {
            for chunk in [None, Some(Chunk { message_length: 1 << 40, offset: length as u64 })] {
                let key = format!("\"k\\\u{1}\u{2}{length}");
                let frame = Frame { sender: 0, key, value: value(length), chunk };
                push(&nodes[0], 1, frame.clone()).unwrap();
                sent.push(frame);
            }
        }
        assert!(*received[1].lock().unwrap() == sent, "{carrier}");
    }
}

#[test]
fn many_pushes_at_once_are_all_answered() {
    for carrier in CarrierKind::ALL {
        let (nodes, received) = pair(|config| config.carriers = vec![carrier; 2]);
        let shared = value(100 << 10);
        let pending: Vec<_> =
            (0..200).map(|i| push_start(&nodes[0], 1, frame(0, &i.to_string(), shared.clone()))).collect();
        for outcome in pending {
            outcome.recv_timeout(Duration::from_secs(20)).unwrap().unwrap();
        }
        let mut keys: Vec<usize> =
            received[1].lock().unwrap().iter().map(|f| f.key.parse().unwrap()).collect();
        keys.sort_unstable();
        assert_eq!(keys, (0..200).collect::<Vec<_>>(), "{carrier}");
    }
}

#[test]
fn rejections_come_back_with_code_and_text() {
    for carrier in CarrierKind::ALL {
        let (nodes, _) = pair(|config| config.carriers = vec![carrier; 2]);
        nodes[1].attach_with(|_| Err(Rejection::new(31_100_001, "\u{fc}nknown")));
        assert_eq!(refused(push(&nodes[0], 1, frame(0, "k", "v"))), (31_100_001, "\u{fc}nknown".into()));
    }
}

#[test]
fn values_above_the_limit_are_refused_by_the_receiver() {
    for carrier in CarrierKind::ALL {
        let (nodes, received) = pair(|config| {
            config.carriers = vec![carrier; 2];
            if config.rank == 1 {
                config.limits.max_message_bytes = 1 << 20;
            }
        });
        let (code, text) = refused(push(&nodes[0], 1, frame(0, "k", value(3 << 20))));
        assert_eq!(code, Rejection::INVALID_RESOURCE, "{carrier}: {text}");
        assert!(text.contains("exceeds the limit of 1048576 bytes of rank 1"), "{carrier}: {text}");
        push(&nodes[0], 1, frame(0, "k", value(1 << 20))).unwrap();
        assert_eq!(received[1].lock().unwrap().len(), 1, "{carrier}");
    }
}

#[test]
fn receive_memory_is_shared_and_bounded() {
    for carrier in CarrierKind::ALL {
        let (nodes, received) = pair(|config| {
            config.carriers = vec![carrier; 2];
            config.limits.max_message_bytes = 1 << 20;
            config.limits.receive_bytes = 1 << 20;
            config.limits.backpressure_wait = Duration::from_secs(10);
        });
        let pending: Vec<_> =
            (0..24).map(|i| push_start(&nodes[0], 1, frame(0, &i.to_string(), value(1 << 20)))).collect();
        for outcome in pending {
            outcome.recv_timeout(Duration::from_secs(20)).unwrap().unwrap();
        }
        assert_eq!(received[1].lock().unwrap().len(), 24, "{carrier}");
    }
}

#[test]
fn an_absent_peer_is_reported_and_found_later_and_a_restart_survived() {
    for carrier in CarrierKind::ALL {
        let listeners = [listener(), listener()];
        let parties = listeners.each_ref().map(address);
        let start = |rank: usize, listener| {
            let mut config = config(rank, &parties).with_carrier(carrier);
            config.limits.retry_for = Duration::from_secs(5);
            GrpcNode::start_on(listener, config).unwrap()
        };
        let [first, second] = listeners;
        drop(second);
        let zero = start(0, first);
        let text = unreachable(push(&zero, 1, frame(0, "k", "v")));
        assert!(text.contains("rank 1 at") && text.contains("refused"), "{carrier}: {text}");

        let again = || start(1, std::net::TcpListener::bind(&parties[1]).unwrap());
        let one = again();
        let received = collect(&one);
        push(&zero, 1, frame(0, "k", "v")).unwrap();
        assert_eq!(received.lock().unwrap().len(), 1);
        one.shutdown();
        let across = push_start(&zero, 1, frame(0, "across", "v"));
        std::thread::sleep(Duration::from_millis(50));
        let one = again();
        let received = collect(&one);
        across.recv().unwrap().unwrap();
        assert_eq!(received.lock().unwrap().len(), 1, "{carrier}");
        one.shutdown();
    }
}

#[test]
fn a_push_under_way_fails_when_the_peer_dies_or_our_node_stops() {
    for carrier in CarrierKind::ALL {
        for ours in [false, true] {
            let (nodes, _) = pair(|config| {
                config.carriers = vec![carrier; 2];
                config.limits.backpressure_wait = Duration::from_secs(10);
            });
            let (entered, entries) = std::sync::mpsc::channel();
            nodes[1].attach_with(move |_| {
                let _ = entered.send(());
                let mut full = Rejection::new(Rejection::INVALID_RESOURCE, "full");
                full.retry_later = true;
                Err(full)
            });
            let pending = push_start(&nodes[0], 1, frame(0, "k", "v"));
            entries.recv().unwrap();
            nodes[usize::from(!ours)].shutdown();
            unreachable(pending.recv_timeout(Duration::from_secs(10)).unwrap());
        }
    }
}

/// Two nodes with mutual TLS that take the ranks' certificates to be `claimed`.
fn secured(
    carrier: CarrierKind,
    authority: &Authority,
    members: [&Member; 2],
    claimed: [&Member; 2],
) -> ([GrpcNode; 2], [Received; 2]) {
    let [first, second] = members.map(|member| authority.tls(member));
    let tls = [
        first.with_peer(1, pinned("one.test", claimed[1])),
        second.with_peer(0, pinned("zero.test", claimed[0])),
    ];
    pair(move |config| {
        config.carriers = vec![carrier; 2];
        config.tls = Some(tls[config.rank].clone());
    })
}

#[test]
fn mutual_tls_carries_frames_and_pins_both_ends() {
    let authority = Authority::new();
    let members = ["zero.test", "one.test"].map(|name| authority.member(name));
    let other = authority.member("zero.test");
    for carrier in CarrierKind::ALL {
        let (nodes, received) = secured(carrier, &authority, members.each_ref(), members.each_ref());
        push(&nodes[0], 1, frame(0, "k", value(3 << 20))).unwrap();
        push(&nodes[1], 0, frame(1, "k", "v")).unwrap();
        assert_eq!(received.map(|frames| frames.lock().unwrap().len()), [1, 1], "{carrier}");
        let (code, text) = refused(push(&nodes[0], 1, frame(1, "k", "v")));
        assert!(
            code == Rejection::INVALID_REQUEST && text.contains("pinned for rank 1"),
            "{carrier}: {text}"
        );

        let (nodes, received) = secured(carrier, &authority, members.each_ref(), [&other, &members[1]]);
        assert!(refused(push(&nodes[0], 1, frame(0, "k", "v"))).1.contains("pinned for rank 0"));
        assert!(unreachable(push(&nodes[1], 0, frame(1, "k", "v"))).contains("pinned"), "{carrier}");
        assert!(received.iter().all(|frames| frames.lock().unwrap().is_empty()));
    }
}

#[test]
fn plaintext_and_tls_do_not_mix() {
    let authority = Authority::new();
    let members = ["zero.test", "one.test"].map(|name| authority.member(name));
    for carrier in CarrierKind::ALL {
        let tls = authority.tls(&members[1]).with_peer(0, pinned("zero.test", &members[0]));
        let (nodes, received) = pair(move |config| {
            config.carriers = vec![carrier; 2];
            if config.rank == 1 {
                config.tls = Some(tls.clone());
            }
        });
        unreachable(push(&nodes[0], 1, frame(0, "k", "v")));
        unreachable(push(&nodes[1], 0, frame(1, "k", "v")));
        assert!(received.iter().all(|frames| frames.lock().unwrap().is_empty()));
    }
}

/// Two links, each with its own carrier, through whatever `between` gives for an address.
fn converse(carriers: [CarrierKind; 2], numbered: bool, between: impl Fn(&str) -> String) {
    let listeners = [listener(), listener()];
    let own = listeners.each_ref().map(address);
    let parties = own.each_ref().map(|address| between(address));
    let mut dialect = Dialect::symbolon();
    dialect.sequence_numbers = numbered;
    let nodes: Vec<_> = listeners
        .into_iter()
        .enumerate()
        .map(|(rank, listener)| {
            let mut node = config(rank, &parties).with_carrier(carriers[rank]);
            node.limits.retry_for = Duration::from_secs(5);
            Arc::new(GrpcNode::start_on(listener, node).unwrap())
        })
        .collect();
    let links: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(rank, node)| {
            let mut config = LinkConfig::new(rank, 2, &dialect);
            config.connect_interval = Duration::from_millis(20);
            config.receive_timeout = Duration::from_secs(20);
            config.chunk_size = 300 << 10;
            let link = Link::new(config, node.clone()).unwrap();
            node.attach(link.inbox());
            link
        })
        .collect();
    std::thread::scope(|scope| {
        for link in &links {
            scope.spawn(move || {
                link.connect().unwrap();
                let (channel, other) = (link.root(), 1 - link.rank());
                for length in [0, 1, 5000, 300 << 10, 2 << 20] {
                    channel.send(other, value(length)).unwrap();
                    assert!(channel.recv(other).unwrap() == value(length));
                    assert!(
                        channel.allgather(value(length)).unwrap().iter().all(|all| *all == value(length))
                    );
                }
                for i in 0..100_u8 {
                    channel.send(other, vec![i; 100]).unwrap();
                }
                for i in 0..100_u8 {
                    assert_eq!(channel.recv(other).unwrap(), vec![i; 100]);
                }
                channel.barrier().unwrap();
                link.finish().unwrap();
            });
        }
    });
    nodes.iter().for_each(|node| node.shutdown());
}

#[test]
fn links_work_over_every_carrier_and_over_mixed_ones() {
    for (i, carrier) in CarrierKind::ALL.into_iter().enumerate() {
        converse([carrier; 2], i % 2 == 0, str::to_owned);
        converse([carrier; 2], i % 2 != 0, str::to_owned);
    }
    for numbered in [true, false] {
        converse([CarrierKind::BaiduStd, CarrierKind::Grpc], numbered, str::to_owned);
        converse([CarrierKind::Http { json: true }, CarrierKind::BaiduStd], numbered, str::to_owned);
    }
}

#[test]
fn links_survive_connections_that_break() {
    for carrier in [CarrierKind::BaiduStd, CarrierKind::Http { json: false }] {
        let proxies = std::sync::Mutex::new(Vec::new());
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(15));
                    proxies.lock().unwrap().iter().for_each(Proxy::cut);
                }
            });
            // Connections are cut while the messages travel, and not at the end: the orderly end needs answers.
            for _ in 0..3 {
                converse([carrier; 2], true, |address| {
                    let proxy = Proxy::start(address);
                    let address = proxy.address();
                    proxies.lock().unwrap().push(proxy);
                    address
                });
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
}

/// Sends bytes to a node and reads until it closes or `length` bytes came.
fn talk(node: &GrpcNode, said: &[u8], length: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(node.local_addr()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // A node that has heard enough may have closed already.
    let _ = stream.write_all(said);
    if length == 0 {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while length == 0 || heard.len() < length {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => heard.extend_from_slice(&buffer[..read]),
        }
    }
    heard
}

/// A frame of baidu_std around that meta and message.
fn prpc(meta: &[u8], message: &[u8]) -> Vec<u8> {
    let mut frame = b"PRPC".to_vec();
    frame.extend_from_slice(&u32::try_from(meta.len() + message.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(&u32::try_from(meta.len()).unwrap().to_be_bytes());
    [&frame, meta, message].concat()
}

/// RpcMeta of a call with correlation id 5, and further fields.
fn request_meta(service: &str, method: &str, further: &[u8]) -> Vec<u8> {
    let text = |tag: u8, text: &str| [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let request = [text(0x0a, service), text(0x12, method)].concat();
    [&[0x0a, u8::try_from(request.len()).unwrap()], &request[..], &[0x20, 5], further].concat()
}

const SERVICE: &str = "org.interconnection.link.ReceiverService";

/// What the SPU 0.9.5 wheel (brpc) sends for the first message of a link as rank 0.
const RECORDED: &str = "50525043000000480000003a0a300a286f72672e696e746572636f6e6e656374696f6e2e6c696e6b2e5265636569766572536572\
    766963651204507573681800208280808020120c636f6e6e6563745f30010230";

#[test]
fn a_recorded_call_of_brpc_is_answered() {
    let (nodes, received) = pair(|_| ());
    let said: Vec<u8> = (0..RECORDED.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&RECORDED[i..i + 2], 16).unwrap())
        .collect();
    // response { error_code: 0 }, the same correlation id; PushResponse { header {} }.
    let meta = [0x12, 2, 8, 0, 0x20, 0x82, 0x80, 0x80, 0x80, 0x20];
    let expected = prpc(&meta, &[0x0a, 0]);
    assert_eq!(talk(&nodes[1], &said, expected.len()), expected);
    // However the bytes are cut, and several on one connection.
    let twice = [&said[..], &said[..]].concat();
    assert_eq!(talk(&nodes[1], &twice, 2 * expected.len()).len(), 2 * expected.len());
    let frames = received[1].lock().unwrap();
    assert_eq!(frames.len(), 3);
    assert_eq!((frames[0].sender, frames[0].key.as_str()), (0, "connect_0\u{1}\u{2}0"));
}

#[test]
fn malformed_calls_of_baidu_std_are_answered_or_end_the_connection() {
    let (nodes, received) = pair(|config| config.limits.max_message_bytes = 1 << 20);
    let node = &nodes[1];
    let push = [0x12, 1, b'k', 0x1a, 1, b'v'];
    let good = || prpc(&request_meta(SERVICE, "Push", &[]), &push);
    // Refused, and the next call on the same connection is answered.
    for (bad, expected) in [
        (prpc(&request_meta("other.Service", "Push", &[]), &push), "is not served here"),
        (prpc(&request_meta(SERVICE, "Pull", &[]), &push), "is not served here"),
        (prpc(&request_meta(SERVICE, "Push", &[0x18, 1]), &push), "compressed"),
        (prpc(&request_meta(SERVICE, "Push", &[0x50, 1]), &push), "binary form"),
        (prpc(&request_meta(SERVICE, "Push", &[]), &[0xff; 3]), "not a PushRequest"),
        (prpc(&request_meta(SERVICE, "Push", &[]), &vec![0; 2 << 20]), "exceeds the limit of 1048576 bytes"),
    ] {
        received[1].lock().unwrap().clear();
        let heard = talk(node, &[bad, good()].concat(), 0);
        let text = String::from_utf8_lossy(&heard);
        assert!(text.contains(expected), "{text}");
        assert_eq!(text.matches("PRPC").count(), 2);
        assert_eq!(received[1].lock().unwrap().len(), 1);
    }
    // An attachment is skipped.
    received[1].lock().unwrap().clear();
    let attached = [&push[..], b"attachment"].concat();
    talk(node, &prpc(&request_meta(SERVICE, "Push", &[0x28, 10]), &attached), 0);
    assert_eq!(received[1].lock().unwrap()[0].value, "v");
    // Nothing that follows can be understood: the connection ends without an answer.
    received[1].lock().unwrap().clear();
    let overlong = [b"PRPC\xff\xff\xff\xff\x7f\xff\xff\xff".to_vec(), vec![0; 100]].concat();
    for bad in [
        overlong,
        b"PRPC\0\0\0\x01\0\0\0\x02ab".to_vec(),
        prpc(&[0xff; 10], &push),
        prpc(&[0x12, 0], &push),
        prpc(&request_meta(SERVICE, "Push", &[0x28, 100]), &push),
        prpc(
            &request_meta(SERVICE, "Push", &[0x28, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            &push,
        ),
        b"PRPQ\0\0\0\0\0\0\0\0".to_vec(),
        good()[..30].to_vec(),
    ] {
        let heard = talk(node, &bad, 0);
        assert!(!heard.starts_with(b"PRPC"), "{heard:?}");
    }
    assert!(received[1].lock().unwrap().is_empty());
    // After a good frame, what is none ends the connection, and the good one is answered.
    let heard = talk(node, &[good(), b"GET / HTTP/1.1\r\n\r\n".to_vec()].concat(), 0);
    assert_eq!(String::from_utf8_lossy(&heard).matches("PRPC").count(), 1);
}

/// An HTTP/1.1 request with that head and body, and what is heard in return.
fn post(node: &GrpcNode, line: &str, headers: &str, body: &[u8]) -> String {
    let head = format!("{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
    String::from_utf8_lossy(&talk(node, &[head.as_bytes(), body].concat(), usize::MAX)).into_owned()
}

const LINE: &str = "POST /org.interconnection.link.ReceiverService/Push";

#[test]
fn plain_http_answers_in_kind() {
    let (nodes, received) = pair(|config| config.limits.max_message_bytes = 1 << 20);
    let node = &nodes[1];
    let json = br#"{"key":"connect_0\u0001\u00020","value":"dg=="}"#;
    let proto = [0x12, 1, b'k', 0x1a, 1, b'v'];
    for (kind, body) in [
        ("application/json", &json[..]),
        ("application/json; charset=utf-8", json),
        ("application/proto", &proto),
        ("application/x-protobuf", &proto),
    ] {
        for chunked in [false, true] {
            let (length, body) = if chunked {
                let cut = [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
                ("Transfer-Encoding: chunked".to_owned(), cut)
            } else {
                (format!("Content-Length: {}", body.len()), body.to_vec())
            };
            let heard = post(node, LINE, &format!("Content-Type: {kind}\r\n{length}\r\n"), &body);
            let bare = kind.split(';').next().unwrap();
            assert!(
                heard.starts_with("HTTP/1.1 200 OK") && heard.contains(&format!("content-type: {bare}\r\n")),
                "{heard}"
            );
            let answer = if bare == "application/json" {
                "{\"header\":{\"error_code\":0,\"error_msg\":\"\"}}"
            } else {
                "\n\0"
            };
            assert!(heard.ends_with(answer), "{heard}");
        }
    }
    let frames = std::mem::take(&mut *received[1].lock().unwrap());
    assert_eq!(frames.len(), 8);
    assert!(frames.iter().all(|frame| frame.value == "v"));

    let with = |kind: &str, body: &[u8]| {
        post(node, LINE, &format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()), body)
    };
    // Errors of the link come in the answer's header, under success in HTTP.
    for (kind, body, expected) in [
        ("application/json", &b"{"[..], "31100100"),
        ("application/json", br#"{"value":"%"}"#, "base64"),
        ("application/json", br#"{"trans_type":"CHUNKED"}"#, "CHUNKED without chunk_info"),
        ("application/proto", &[0xff; 3], "not a PushRequest"),
        ("application/proto", &vec![0; 2 << 20], "exceeds the limit of 1048576 bytes"),
        ("application/json", &vec![b' '; 2 << 20], "exceeds the limit of 1048576 bytes"),
    ] {
        let heard = with(kind, body);
        assert!(heard.starts_with("HTTP/1.1 200 OK") && heard.contains(expected), "{heard}");
    }
    let unannounced = [b"200000\r\n".to_vec(), vec![0; 2 << 20], b"\r\n0\r\n\r\n".to_vec()].concat();
    let heard =
        post(node, LINE, "Content-Type: application/proto\r\nTransfer-Encoding: chunked\r\n", &unannounced);
    assert!(heard.contains("exceeds the limit"), "{heard}");
    // Everything else is no push.
    assert!(with("text/html", b"v").starts_with("HTTP/1.1 415"));
    assert!(post(node, "POST /other", "Content-Length: 0\r\n", b"").starts_with("HTTP/1.1 404"));
    assert!(post(node, &LINE.replace("POST", "GET"), "", b"").starts_with("HTTP/1.1 405"));
    let zipped = "Content-Type: application/proto\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n";
    assert!(post(node, LINE, zipped, b"v").starts_with("HTTP/1.1 415"));
    assert!(talk(node, b"\0\0\0\0\0\0\0\0\r\n\r\n", 0).is_empty() || received[1].lock().unwrap().is_empty());
    assert!(received[1].lock().unwrap().is_empty());
}

#[test]
fn answers_that_are_none_are_told_from_broken_connections() {
    let garbage: [(CarrierKind, &[u8], &str); 8] = [
        (CarrierKind::BaiduStd, b"HTTP/1.1 200 OK\r\n\r\n", "PRPC"),
        (CarrierKind::BaiduStd, b"PRPC\xff\xff\xff\xff\xff\xff\xff\xff", "RpcMeta"),
        (CarrierKind::BaiduStd, b"PRPC\xff\xff\xff\xff\0\0\0\0", "4294967295 bytes"),
        (CarrierKind::BaiduStd, b"", "closed"),
        // Correlation id 1, error 1001 "no".
        (
            CarrierKind::BaiduStd,
            b"PRPC\0\0\0\x0b\0\0\0\x0b\x12\x07\x08\xe9\x07\x12\x02no\x20\x01",
            "brpc error 1001: no",
        ),
        (
            CarrierKind::Http { json: true },
            b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno",
            "500 Internal Server Error: no",
        ),
        (
            CarrierKind::Http { json: true },
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
            "no PushResponse",
        ),
        (CarrierKind::Http { json: false }, b"PRPC\r\n\r\n", "rank 1"),
    ];
    for (carrier, said, expected) in garbage {
        let ours = listener();
        let theirs = listener();
        let parties = [address(&ours), address(&theirs)];
        let node = GrpcNode::start_on(ours, config(0, &parties).with_carrier(carrier)).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = theirs.accept().unwrap();
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).unwrap();
            let _ = stream.write_all(said);
            if said.is_empty() { None } else { Some(stream) }
        });
        let text = unreachable(push(&node, 1, frame(0, "k", "v")));
        assert!(text.contains(expected), "{carrier}: {text}");
        drop(server.join().unwrap());
    }
}
