//! Pushes between nodes over real sockets, below the link.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use support::nodes::{Received, collect, config, frame, pair, push, push_start, refused, unreachable};
use support::{Authority, Member, address, listener, pinned};
use symbolon_grpc::stubs::ReceiverServiceClient;
use symbolon_grpc::{GrpcError, GrpcNode, PeerIdentity, TlsConfig};
use symbolon_link::{Carrier, Chunk, Frame, Rejection};
use symbolon_wire::org::interconnection::link::PushRequest;

#[test]
fn frames_arrive_unchanged_from_empty_to_eight_mebibytes() {
    let (nodes, received) = pair(|_| ());
    let mut sent = Vec::new();
    for length in [0_usize, 1, 100, (16 << 10) - 1, 16 << 10, 1 << 20, (8 << 20) + 3] {
        let value: Bytes = (0..length).map(|i| (i % 251) as u8).collect::<Vec<_>>().into();
        for chunk in [None, Some(Chunk { message_length: 1 << 40, offset: length as u64 })] {
            let frame = Frame { sender: 0, key: format!("k\u{1}\u{2}{length}"), value: value.clone(), chunk };
            push(&nodes[0], 1, frame.clone()).unwrap();
            sent.push(frame);
        }
    }
    assert!(*received[1].lock().unwrap() == sent);
    push(&nodes[1], 0, frame(1, "back", "x")).unwrap();
    assert_eq!(received[0].lock().unwrap().len(), 1);
}

#[test]
fn many_pushes_at_once_are_all_answered() {
    let (nodes, received) = pair(|_| ());
    let value = Bytes::from(vec![7; 200 << 10]);
    let pending: Vec<_> =
        (0..200).map(|i| push_start(&nodes[0], 1, frame(0, &i.to_string(), value.clone()))).collect();
    for outcome in pending {
        outcome.recv_timeout(Duration::from_secs(20)).unwrap().unwrap();
    }
    let mut keys: Vec<usize> = received[1].lock().unwrap().iter().map(|f| f.key.parse().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..200).collect::<Vec<_>>());
}

#[test]
fn rejections_come_back_with_code_and_text() {
    let (nodes, _) = pair(|_| ());
    nodes[1].attach_with(|_| Err(Rejection::new(31_100_001, "sender 7 is no party")));
    assert_eq!(refused(push(&nodes[0], 1, frame(7, "k", "v"))), (31_100_001, "sender 7 is no party".into()));
}

/// A rejection that may be withdrawn later.
fn full() -> Rejection {
    let mut rejection = Rejection::new(Rejection::INVALID_RESOURCE, "the mailbox is full");
    rejection.retry_later = true;
    rejection
}

#[test]
fn a_full_mailbox_holds_the_answer_back_for_a_while() {
    let (nodes, _) = pair(|_| ());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    nodes[1]
        .attach_with(move |_| if counted.fetch_add(1, Ordering::SeqCst) < 4 { Err(full()) } else { Ok(()) });
    push(&nodes[0], 1, frame(0, "k", "v")).unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 5);
    nodes[1].attach_with(|_| Err(full()));
    assert_eq!(refused(push(&nodes[0], 1, frame(0, "k", "v"))).0, Rejection::INVALID_RESOURCE);
}

#[test]
fn pushes_before_the_link_starts_wait_for_it() {
    let listeners = [listener(), listener()];
    let parties = listeners.each_ref().map(address);
    let [first, second] = listeners;
    let zero = GrpcNode::start_on(first, config(0, &parties)).unwrap();
    let one = GrpcNode::start_on(second, config(1, &parties)).unwrap();
    let (code, text) = refused(push(&zero, 1, frame(0, "k", "v")));
    assert!(code == Rejection::NETWORK_ERROR && text.contains("has not started its link"), "{text}");
    let early = push_start(&zero, 1, frame(0, "k", "v"));
    let received = collect(&one);
    early.recv().unwrap().unwrap();
    assert_eq!(received.lock().unwrap().len(), 1);
}

#[test]
fn oversized_messages_are_refused_in_words_at_either_end() {
    // Beyond our own limit: not even sent.
    let (nodes, received) = pair(|config| config.limits.max_message_bytes = 1 << 20);
    let (code, text) = refused(push(&nodes[0], 1, frame(0, "k", vec![0; (1 << 20) + 1])));
    assert!(code == Rejection::INVALID_RESOURCE && text.contains("not sent"), "{text}");
    push(&nodes[0], 1, frame(0, "k", vec![0; 1 << 20])).unwrap();

    // Beyond the peer's limit only.
    let (nodes, small) = pair(|config| {
        if config.rank == 1 {
            config.limits.max_message_bytes = 1000;
        }
    });
    for length in [6000, 100_000, 8 << 20] {
        let (code, text) = refused(push(&nodes[0], 1, frame(0, "k", vec![0; length])));
        assert_eq!(code, Rejection::INVALID_RESOURCE);
        assert!(text.contains("exceeds the limit of 1000 bytes of rank 1"), "{text}");
    }
    push(&nodes[0], 1, frame(0, "k", vec![0; 1000])).unwrap();
    assert_eq!((received[1].lock().unwrap().len(), small[1].lock().unwrap().len()), (1, 1));
}

#[test]
fn receive_memory_is_shared_and_bounded() {
    let (nodes, received) = pair(|config| {
        config.limits.max_message_bytes = 1 << 20;
        config.limits.receive_bytes = 1 << 20;
        config.limits.backpressure_wait = Duration::from_secs(10);
    });
    let pending: Vec<_> =
        (0..24).map(|i| push_start(&nodes[0], 1, frame(0, &i.to_string(), vec![1; 1 << 20]))).collect();
    for outcome in pending {
        outcome.recv_timeout(Duration::from_secs(20)).unwrap().unwrap();
    }
    assert_eq!(received[1].lock().unwrap().len(), 24);

    let listener = listener();
    let mut contradicting = config(0, &[address(&listener), "127.0.0.1:1".into()]);
    contradicting.limits.receive_bytes = 1;
    assert!(matches!(GrpcNode::start_on(listener, contradicting), Err(GrpcError::Config(_))));
}

#[test]
fn the_general_stub_is_understood_and_malformed_pushes_are_refused() {
    let (nodes, received) = pair(|_| ());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client =
            ReceiverServiceClient::connect(format!("http://{}", nodes[0].local_addr())).await.unwrap();
        let good =
            || PushRequest { sender_rank: 1, key: "k".into(), value: "v".into(), ..Default::default() };
        let header = client.push(good()).await.unwrap().into_inner().header.unwrap();
        assert_eq!((header.error_code, header.error_msg.as_str()), (0, ""));
        for (request, expected) in [
            (PushRequest { trans_type: 2, ..good() }, "unknown trans_type 2"),
            (PushRequest { trans_type: 1, ..good() }, "CHUNKED without chunk_info"),
        ] {
            let header = client.push(request).await.unwrap().into_inner().header.unwrap();
            assert_eq!(header.error_code, Rejection::INVALID_REQUEST);
            assert!(header.error_msg.contains(expected), "{}", header.error_msg);
        }
    });
    assert_eq!(received[0].lock().unwrap().len(), 1);
}

#[test]
fn an_absent_peer_is_reported_at_once_and_found_later() {
    let listeners = [listener(), listener()];
    let parties = listeners.each_ref().map(address);
    let [first, second] = listeners;
    drop(second);
    let zero = GrpcNode::start_on(first, config(0, &parties)).unwrap();
    let text = unreachable(push(&zero, 1, frame(0, "k", "v")));
    assert!(text.contains("rank 1 at") && text.contains("refused"), "{text}");
    assert!(unreachable(zero.probe(1)).contains("rank 1"));

    let one = GrpcNode::start(parties[1].parse().unwrap(), config(1, &parties)).unwrap();
    let received = collect(&one);
    zero.probe(1).unwrap();
    push(&zero, 1, frame(0, "k", "v")).unwrap();
    assert_eq!(received.lock().unwrap().len(), 1);
}

#[test]
fn a_push_survives_a_restart_of_the_peer_but_not_its_death() {
    let (nodes, _) = pair(|config| config.limits.retry_for = Duration::from_secs(5));
    let parties = nodes.each_ref().map(|node| node.local_addr().to_string());
    let [zero, one] = nodes;
    push(&zero, 1, frame(0, "before", "v")).unwrap();
    one.shutdown();
    let across = push_start(&zero, 1, frame(0, "across", "v"));
    std::thread::sleep(Duration::from_millis(50));
    let again = GrpcNode::start(parties[1].parse().unwrap(), config(1, &parties)).unwrap();
    let received = collect(&again);
    across.recv().unwrap().unwrap();
    assert_eq!(received.lock().unwrap().len(), 1);
    drop(zero);

    let (nodes, _) = pair(|_| ());
    let [zero, one] = nodes;
    push(&zero, 1, frame(0, "before", "v")).unwrap();
    one.shutdown();
    assert!(unreachable(push(&zero, 1, frame(0, "after", "v"))).contains("rank 1"));
}

#[test]
fn a_push_under_way_fails_when_the_peer_dies() {
    let (nodes, _) = pair(|config| config.limits.backpressure_wait = Duration::from_secs(10));
    let [zero, one] = nodes;
    let (entered, entries) = mpsc::channel();
    one.attach_with(move |_| {
        let _ = entered.send(());
        Err(full())
    });
    let pending = push_start(&zero, 1, frame(0, "k", "v"));
    entries.recv().unwrap();
    one.shutdown();
    // Never answered before, so the first break is final.
    unreachable(pending.recv_timeout(Duration::from_secs(10)).unwrap());
}

#[test]
fn completions_are_called_when_our_own_node_stops() {
    let (nodes, _) = pair(|config| config.limits.backpressure_wait = Duration::from_secs(10));
    let [zero, one] = nodes;
    one.attach_with(|_| Err(full()));
    let pending = push_start(&zero, 1, frame(0, "k", "v"));
    zero.shutdown();
    assert!(unreachable(pending.recv_timeout(Duration::from_secs(10)).unwrap()).contains("stopped"));
    assert!(unreachable(push(&zero, 1, frame(0, "k", "v"))).contains("stopped"));
    for nobody in [0, 2, usize::MAX] {
        assert!(unreachable(push(&zero, nobody, frame(0, "k", "v"))).contains("not another party"));
        unreachable(zero.probe(nobody));
    }
}

#[test]
fn shutdown_releases_the_port_and_the_mailbox() {
    let (nodes, _) = pair(|_| ());
    let held = Arc::new(());
    let holder = held.clone();
    nodes[1].attach_with(move |_| {
        let _ = &holder;
        Ok(())
    });
    push(&nodes[0], 1, frame(0, "k", "v")).unwrap();
    let address = nodes[1].local_addr();
    assert!(matches!(
        GrpcNode::start(address, config(1, &[String::new(), String::new()])),
        Err(GrpcError::OursListen { .. } | GrpcError::Config(_))
    ));
    nodes[1].shutdown();
    nodes[1].shutdown();
    assert_eq!(Arc::strong_count(&held), 1);
    let parties = nodes.each_ref().map(|node| node.local_addr().to_string());
    GrpcNode::start(address, config(1, &parties)).unwrap();
}

#[test]
fn configurations_that_cannot_work_are_refused() {
    let parties = ["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()];
    let start = |config| GrpcNode::start("127.0.0.1:0".parse().unwrap(), config).unwrap_err().to_string();
    assert!(start(config(2, &parties)).contains("rank 2 is not below the 2 parties"));
    assert!(start(config(0, &["".into(), "no spaces here:1".into()])).contains("host:port"));
    let authority = Authority::new();
    let member = authority.member("zero.test");
    let unpinned = config(0, &parties).with_tls(authority.tls(&member));
    assert!(start(unpinned).contains("no certificate is pinned for rank 1"));
    let named = authority.tls(&member).with_peer(1, PeerIdentity::named("one.test").unwrap());
    assert!(start(config(0, &parties).with_tls(named)).contains("no certificate is pinned for rank 1"));
}

/// Two nodes with mutual TLS, which take the ranks' certificates to be `claimed`.
fn secured([first, second]: [TlsConfig; 2], claimed: [&Member; 2]) -> ([GrpcNode; 2], [Received; 2]) {
    let tls = [
        first.with_peer(1, pinned("one.test", claimed[1])),
        second.with_peer(0, pinned("zero.test", claimed[0])),
    ];
    pair(move |config| config.tls = Some(tls[config.rank].clone()))
}

#[test]
fn mutual_tls_carries_frames_both_ways() {
    let authority = Authority::new();
    let members = ["zero.test", "one.test"].map(|name| authority.member(name));
    let tls = members.each_ref().map(|member| authority.tls(member));
    let (nodes, received) = secured(tls, members.each_ref());
    push(&nodes[0], 1, frame(0, "k", vec![3; 3 << 20])).unwrap();
    push(&nodes[1], 0, frame(1, "k", "v")).unwrap();
    assert_eq!(received.map(|frames| frames.lock().unwrap().len()), [1, 1]);
}

#[test]
fn nobody_speaks_for_another_rank() {
    let authority = Authority::new();
    let members = ["zero.test", "one.test"].map(|name| authority.member(name));
    let tls = members.each_ref().map(|member| authority.tls(member));
    let (nodes, received) = secured(tls, members.each_ref());
    for claimed in [1, 2, u64::MAX] {
        let (code, text) = refused(push(&nodes[0], 1, frame(claimed, "k", "v")));
        assert!(
            code == Rejection::INVALID_REQUEST && text.contains(&format!("pinned for rank {claimed}")),
            "{text}"
        );
    }
    assert!(received[1].lock().unwrap().is_empty());
}

#[test]
fn wrong_certificates_are_refused_by_whoever_sees_them() {
    let authority = Authority::new();
    let members = ["zero.test", "one.test"].map(|name| authority.member(name));
    let other = authority.member("zero.test");
    let tls = || members.each_ref().map(|member| authority.tls(member));

    // Rank 1 expects another certificate of rank 0: rank 0's pushes are refused, rank 1 does not connect.
    let (nodes, received) = secured(tls(), [&other, &members[1]]);
    assert!(refused(push(&nodes[0], 1, frame(0, "k", "v"))).1.contains("pinned for rank 0"));
    assert!(unreachable(push(&nodes[1], 0, frame(1, "k", "v"))).contains("pinned"));
    assert!(received.iter().all(|frames| frames.lock().unwrap().is_empty()));

    // Rank 0 belongs to another authority: neither accepts the other.
    let strangers = Authority::new();
    let stranger = strangers.member("zero.test");
    let [_, good] = tls();
    let (nodes, _) = secured([strangers.tls(&stranger), good], [&stranger, &members[1]]);
    assert!(unreachable(push(&nodes[0], 1, frame(0, "k", "v"))).contains("certificate"));
    assert!(unreachable(push(&nodes[1], 0, frame(1, "k", "v"))).contains("certificate"));

    // The right certificate under a name that it does not bear.
    let wrong_name = tls().map(|tls| {
        tls.with_peer(1, pinned("uno.test", &members[1])).with_peer(0, pinned("zero.test", &members[0]))
    });
    let (nodes, _) = pair(move |config| config.tls = Some(wrong_name[config.rank].clone()));
    assert!(unreachable(push(&nodes[0], 1, frame(0, "k", "v"))).contains("not valid for name"));
}

#[test]
fn plaintext_and_tls_do_not_mix() {
    let authority = Authority::new();
    let members = ["zero.test", "one.test"].map(|name| authority.member(name));
    let tls = authority.tls(&members[1]).with_peer(0, pinned("zero.test", &members[0]));
    let (nodes, received) = pair(move |config| {
        if config.rank == 1 {
            config.tls = Some(tls.clone());
        }
    });
    unreachable(push(&nodes[0], 1, frame(0, "k", "v")));
    unreachable(push(&nodes[1], 0, frame(1, "k", "v")));
    assert!(received.iter().all(|frames| frames.lock().unwrap().is_empty()));
}

#[test]
fn tls_material_is_checked_when_it_is_loaded() {
    let authority = Authority::new();
    let [zero, one] = ["zero.test", "one.test"].map(|name| authority.member(name));
    let message = |authority: &str, certificate: &str, key: &str| {
        TlsConfig::from_pem(authority, certificate, key).unwrap_err().to_string()
    };
    assert!(message("", &zero.certificate, &zero.key).contains("certificate authority"));
    assert!(message(&authority.pem(), "nothing", &zero.key).contains("own certificate"));
    assert!(message(&authority.pem(), &zero.certificate, "").contains("private key"));
    assert!(message(&authority.pem(), &zero.certificate, &one.key).contains("does not fit the certificate"));
    assert!(
        TlsConfig::from_files("/nowhere/ca.pem", "b", "c")
            .unwrap_err()
            .to_string()
            .contains("/nowhere/ca.pem")
    );
    assert!(PeerIdentity::from_pem("", &zero.certificate).unwrap_err().to_string().contains("neither"));
    assert!(PeerIdentity::from_pem("zero.test", "").unwrap_err().to_string().contains("peer certificate"));
    let shown = format!("{:?}", authority.tls(&zero));
    assert!(!shown.contains("PRIVATE") && !shown.contains("BEGIN"), "{shown}");
}
