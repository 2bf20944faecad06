//! The dealer over real sockets: sessions, corrections, limits, identities.

mod support;

use std::time::Duration;

use proptest::prelude::*;
use support::{Authority, address, listener, pinned};
use symbolon_dialect::{Dialect, FieldEncoding, SeedEncoding};
use symbolon_grpc::stubs::BeaverServiceClient;
use symbolon_grpc::{
    DealerClient, DealerClientConfig, DealerConfig, DealerServer, GrpcError, GrpcNode, NodeConfig,
    PeerIdentity,
};
use symbolon_prg::{Cipher, Construction, CounterStream, Seed};
use symbolon_ring::{Field, Matrix, Ring};
use symbolon_triples::{
    AdjustRequest, Ahead, Dealer, DealerError, Limits, Mask, Op, Triples, TriplesConfig, adjust,
};
use symbolon_wire::org::interconnection::v2::service::{
    AdjustMulRequest, AdjustResponse, CreateSessionRequest, DeleteSessionRequest, PrgBufferMeta,
};

fn sum(own: &Mask<u64>, theirs: &Mask<u64>) -> Matrix<u64> {
    own.to_matrix().unwrap().add(&theirs.to_matrix().unwrap()).unwrap()
}

fn seed(rank: usize) -> Seed {
    Seed::from_bytes([rank as u8 + 7; 16])
}

fn config() -> DealerConfig {
    let mut config = DealerConfig::new(&Dialect::symbolon());
    config.limits.wait_for_parties = Duration::from_millis(50);
    config
}

fn start(config: DealerConfig) -> (DealerServer, String) {
    let server = DealerServer::start("127.0.0.1:0".parse().unwrap(), config).unwrap();
    let address = server.local_addr().to_string();
    (server, address)
}

fn client_config(address: &str, session: &str, rank: usize, world_size: usize) -> DealerClientConfig {
    let mut config = DealerClientConfig::new(address, session, rank, world_size, 0, &Dialect::symbolon());
    config.connect_timeout = Duration::from_secs(5);
    config.receive_timeout = Duration::from_secs(20);
    config
}

fn client(address: &str, session: &str, rank: usize, world_size: usize) -> DealerClient {
    DealerClient::standalone(client_config(address, session, rank, world_size)).unwrap()
}

/// All ranks create the session; the client of rank 0 comes back.
fn session(address: &str, id: &str, world_size: usize) -> DealerClient {
    let clients: Vec<_> = (0..world_size).map(|rank| client(address, id, rank, world_size)).collect();
    for (rank, client) in clients.iter().enumerate() {
        client.create_session(&seed(rank)).unwrap();
    }
    clients.into_iter().next().unwrap()
}

/// A raw client, for requests that ours would never send.
struct Raw(tokio::runtime::Runtime, BeaverServiceClient<tonic::transport::Channel>);

impl Raw {
    fn new(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(BeaverServiceClient::connect(format!("http://{address}"))).unwrap();
        Self(runtime, client)
    }

    fn create(&mut self, request: CreateSessionRequest) -> (i32, String) {
        let response = self.0.block_on(self.1.create_session(request)).unwrap().into_inner();
        (response.code, response.message)
    }

    fn delete(&mut self, session_id: &str) -> (i32, String) {
        let request = DeleteSessionRequest { session_id: session_id.into() };
        let response = self.0.block_on(self.1.delete_session(request)).unwrap().into_inner();
        (response.code, response.message)
    }

    fn mul(&mut self, session_id: &str, metas: &[(i64, i64)]) -> AdjustResponse {
        let prg_inputs =
            metas.iter().map(|(prg_count, size)| PrgBufferMeta { prg_count: *prg_count, size: *size });
        let request =
            AdjustMulRequest { session_id: session_id.into(), prg_inputs: prg_inputs.collect(), field: 2 };
        self.0.block_on(self.1.adjust_mul(request)).unwrap().into_inner()
    }
}

fn creation(session_id: &str, rank: i32) -> CreateSessionRequest {
    CreateSessionRequest {
        required_version: 1,
        adjust_rank: 0,
        session_id: session_id.into(),
        world_size: 2,
        rank,
        prg_seed: vec![rank as u8; 16].into(),
    }
}

fn expected<R: Ring>(world_size: usize, construction: Construction, request: &AdjustRequest) -> Vec<Vec<R>> {
    let seeds: Vec<_> = (0..world_size).map(seed).collect();
    let mut unused = CounterStream::new(Cipher::Aes128, Construction::CtrBigEndian, &seed(0));
    adjust(&seeds, Cipher::Aes128, construction, request, &Limits::default(), &mut unused).unwrap()
}

fn check<R: Ring>(op: Op, counter: u64, world_size: usize, field_encoding: FieldEncoding) {
    let construction = Dialect::symbolon().dealer_stream;
    let (server, address) = start(config());
    session(&address, "s", world_size);
    let mut asking = client_config(&address, "s", 0, world_size);
    asking.field_encoding = field_encoding;
    let mut asking = DealerClient::standalone(asking).unwrap();
    let request = AdjustRequest::new(op, R::FIELD, counter).unwrap();
    let got = Dealer::<R>::adjust(&mut asking, &request).unwrap();
    if let Op::RandBit { len } = op {
        let seeds: Vec<_> = (0..world_size).map(seed).collect();
        // The sum of all shares, corrected, is a bit.
        let shares = seeds.iter().map(|seed| {
            let mut stream = CounterStream::new(Cipher::Aes128, construction, seed);
            stream.set_counter(counter);
            stream.draw_matrix::<R>(len, 1).unwrap().into_vec()
        });
        let sums = shares
            .fold(got[0].clone(), |sum, share| sum.into_iter().zip(share).map(|(a, b)| a.add(b)).collect());
        assert!(sums.into_iter().all(|bit| bit == R::ZERO || bit == R::ONE));
    } else {
        assert_eq!(got, expected::<R>(world_size, construction, &request));
    }
    server.shutdown();
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        (1usize..40).prop_map(|len| Op::Mul { len }),
        (1usize..6, 1usize..6, 1usize..6).prop_map(|(m, k, n)| Op::Dot { m, k, n }),
        (1usize..40).prop_map(|len| Op::And { len }),
        (1usize..40, 0u32..31).prop_map(|(len, bits)| Op::Trunc { len, bits }),
        (1usize..40, 0u32..30).prop_map(|(len, bits)| Op::TruncPr { len, bits }),
        (1usize..40).prop_map(|len| Op::RandBit { len }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What arrives is what the dealer's arithmetic says, in every ring and both ways to name it.
    #[test]
    fn corrections_are_those_of_the_arithmetic(op in ops(), counter in 0u64..1 << 40, world_size in 2usize..5, bits in any::<bool>()) {
        let encoding = if bits { FieldEncoding::Bits } else { FieldEncoding::Enum };
        check::<u32>(op, counter, world_size, encoding);
        check::<u64>(op, counter, world_size, encoding);
        check::<u128>(op, counter, world_size, encoding);
    }
}

#[test]
fn requests_travel_together_and_answers_keep_their_places() {
    let (_server, address) = start(config());
    let mut asking = session(&address, "pipelined", 2);
    let mut counter = 0;
    let mut pending = Vec::new();
    for len in 1..=40 {
        let request = AdjustRequest::new(Op::Mul { len }, Field::Ring64, counter).unwrap();
        counter = Op::Mul { len }.end(Field::Ring64, counter).unwrap();
        pending.push((request.clone(), Dealer::<u64>::start(&mut asking, request)));
    }
    for (request, answer) in pending {
        assert_eq!(answer().unwrap(), expected::<u64>(2, Dialect::symbolon().dealer_stream, &request));
    }
}

#[test]
fn replies_above_four_mebibytes_arrive_and_the_client_limit_holds() {
    let (_server, address) = start(config());
    let mut asking = session(&address, "large", 2);
    let op = Op::Dot { m: 1000, k: 1, n: 800 };
    let request = AdjustRequest::new(op, Field::Ring64, 0).unwrap();
    let got = Dealer::<u64>::adjust(&mut asking, &request).unwrap();
    assert_eq!(got, expected::<u64>(2, Dialect::symbolon().dealer_stream, &request));

    let mut small = client_config(&address, "large", 0, 2);
    small.max_reply_bytes = 1 << 20;
    let mut small = DealerClient::standalone(small).unwrap();
    let error = Dealer::<u64>::adjust(&mut small, &request).unwrap_err().to_string();
    assert!(error.contains("max_reply_bytes"), "{error}");
}

#[test]
fn both_seed_encodings_make_the_same_session() {
    let (_server, address) = start(config());
    for (id, encoding) in [("raw", SeedEncoding::Bytes), ("pair", SeedEncoding::HighLow)] {
        let mut pairs: Vec<_> = (0..2)
            .map(|rank| {
                let mut config = client_config(&address, id, rank, 2);
                config.seed_encoding = encoding;
                let client = DealerClient::standalone(config).unwrap();
                client.create_session(&seed(rank)).unwrap();
                client
            })
            .collect();
        let request = AdjustRequest::new(Op::And { len: 3 }, Field::Ring32, 9).unwrap();
        let got = Dealer::<u32>::adjust(&mut pairs[0], &request).unwrap();
        assert_eq!(got, expected::<u32>(2, Dialect::symbolon().dealer_stream, &request));
    }

    let mut only_pairs = config();
    only_pairs.seed_encoding = Some(SeedEncoding::HighLow);
    let (_server, address) = start(only_pairs);
    let error = client(&address, "s", 0, 2).create_session(&seed(0)).unwrap_err();
    assert!(matches!(&error, GrpcError::PeerDealerRefused { code: 1, .. }), "{error}");
    assert!(error.to_string().contains("no MessagePack pair"), "{error}");
}

#[test]
fn creations_that_do_not_fit_are_refused() {
    let (server, address) = start(config());
    let mut raw = Raw::new(&address);
    let good = || creation("s", 0);
    for (request, expected) in [
        (CreateSessionRequest { required_version: 3, ..good() }, "required_version 3"),
        (CreateSessionRequest { required_version: -1, ..good() }, "required_version -1"),
        (CreateSessionRequest { world_size: 1, ..good() }, "world_size 1 is not between"),
        (CreateSessionRequest { world_size: 17, ..good() }, "world_size 17 is not between"),
        (CreateSessionRequest { world_size: i32::MIN, ..good() }, "world_size -2147483648 is not between"),
        (CreateSessionRequest { rank: 2, ..good() }, "rank 2 is not below"),
        (CreateSessionRequest { rank: -1, ..good() }, "rank -1 is not below"),
        (CreateSessionRequest { adjust_rank: 2, ..good() }, "adjust_rank 2 is not below"),
        (CreateSessionRequest { prg_seed: vec![0; 15].into(), ..good() }, "prg_seed has 15 bytes"),
        (CreateSessionRequest { prg_seed: vec![0; 17].into(), ..good() }, "prg_seed has 17 bytes"),
        (CreateSessionRequest { prg_seed: vec![].into(), ..good() }, "prg_seed has 0 bytes"),
        (CreateSessionRequest { session_id: String::new(), ..good() }, "session_id has 0 bytes"),
        (CreateSessionRequest { session_id: "x".repeat(129), ..good() }, "session_id has 129 bytes"),
        (CreateSessionRequest { session_id: "a\nb".into(), ..good() }, "session_id contains '\\n'"),
    ] {
        let (code, message) = raw.create(request);
        assert_eq!(code, 1, "{message}");
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(server.sessions(), 0);
}

#[test]
fn ranks_must_agree_and_seeds_do_not_change() {
    let (server, address) = start(config());
    let mut raw = Raw::new(&address);
    assert_eq!(raw.create(creation("s", 0)), (0, String::new()));
    assert_eq!(raw.create(creation("s", 0)), (0, String::new()), "repeated unchanged");
    for (request, expected) in [
        (CreateSessionRequest { prg_seed: vec![9; 16].into(), ..creation("s", 0) }, "another seed"),
        (CreateSessionRequest { world_size: 3, ..creation("s", 1) }, "says world_size 3"),
        (CreateSessionRequest { adjust_rank: 1, ..creation("s", 1) }, "says adjust_rank 1"),
    ] {
        let (code, message) = raw.create(request);
        assert_eq!(code, 1);
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("9, 9"), "no seed is shown");
    }
    let waiting = raw.mul("s", &[(0, 8), (1, 8), (2, 8)]);
    assert_eq!(waiting.code, 1);
    assert!(waiting.message.contains("ranks [1] have not created it"), "{}", waiting.message);
    assert_eq!(raw.create(creation("s", 1)).0, 0);
    assert_eq!(raw.mul("s", &[(0, 8), (1, 8), (2, 8)]).code, 0);
    assert_eq!(server.sessions(), 1);

    assert_eq!(raw.delete("s").0, 0);
    assert_eq!(raw.delete("s").0, 0, "already gone");
    assert_eq!(server.sessions(), 0);
    let gone = raw.mul("s", &[(0, 8), (1, 8), (2, 8)]);
    assert_eq!(gone.code, 1);
    assert!(gone.message.contains("deleted"), "{}", gone.message);
    // The id is free again, with other seeds.
    let other = CreateSessionRequest { prg_seed: vec![9; 16].into(), ..creation("s", 0) };
    assert_eq!(raw.create(other).0, 0);
}

#[test]
fn a_partys_triples_are_corrected_over_the_network() {
    let (_server, address) = start(config());
    let node =
        GrpcNode::start_on(listener(), NodeConfig::new(0, vec![address.clone(), address.clone()])).unwrap();
    let asking = DealerClient::new(client_config(&address, "s", 0, 2), node.runtime()).unwrap();
    asking.create_session(&seed(0)).unwrap();
    client(&address, "s", 1, 2).create_session(&seed(1)).unwrap();
    let mut dealer: Option<Box<dyn Dealer<u64>>> = Some(Box::new(asking.clone()));
    let mut parties = [0, 1].map(|rank| {
        let config = TriplesConfig {
            rank,
            world_size: 2,
            adjust_rank: 0,
            cipher: Cipher::Aes128,
            construction: Dialect::symbolon().dealer_stream,
            ahead: Ahead::default(),
        };
        Triples::<u64>::new(&seed(rank), config, dealer.take()).unwrap()
    });
    let schedule = [Op::Dot { m: 7, k: 3, n: 2 }, Op::Dot { m: 1, k: 100, n: 1 }];
    parties.iter_mut().for_each(|party| party.schedule(schedule).unwrap());
    for op in schedule {
        let Op::Dot { m, k, n } = op else { unreachable!() };
        let [zero, one] = parties.each_mut().map(|party| party.dot(m, k, n).unwrap());
        let product = sum(&zero.a, &one.a).matmul(&sum(&zero.b, &one.b)).unwrap();
        assert_eq!(product, zero.c.add(&one.c).unwrap());
    }
    drop(parties);
    asking.delete_session().unwrap();
    node.shutdown();
    let stopped = asking.delete_session().unwrap_err();
    assert!(stopped.to_string().contains("our own network threads were stopped"), "{stopped}");
}

/// All parties say that they keep masks: then a factor can be one again, and nothing else can.
#[test]
fn masks_serve_again_only_where_all_parties_said_so() {
    let (_server, address) = start(config());
    let create = |id: &str, rank: usize, keep_masks: bool| {
        let mut config = client_config(&address, id, rank, 2);
        config.keep_masks = keep_masks;
        let client = DealerClient::standalone(config).unwrap();
        client.create_session(&seed(rank)).map(|()| client)
    };
    for keep_masks in [false, true] {
        let id = if keep_masks { "kept" } else { "strict" };
        let [asking, other] = [0, 1].map(|rank| create(id, rank, keep_masks).unwrap());
        let config = |rank| TriplesConfig {
            rank,
            world_size: 2,
            adjust_rank: 0,
            cipher: Cipher::Aes128,
            construction: Dialect::symbolon().dealer_stream,
            ahead: Ahead::default(),
        };
        let mut zero = Triples::<u64>::new(&seed(0), config(0), Some(Box::new(asking))).unwrap();
        let mut one = Triples::<u64>::new(&seed(1), config(1), None).unwrap();
        let masks = [zero.keep(4, 2).unwrap(), one.keep(4, 2).unwrap()];
        let first = zero.dot_kept(&masks[0], 0..4, 1).unwrap();
        one.dot_kept(&masks[1], 0..4, 1).unwrap();
        match zero.dot_with_kept(1, &masks[0], 1..3) {
            Ok(product) => {
                assert!(keep_masks);
                let theirs = one.dot_with_kept(1, &masks[1], 1..3).unwrap();
                let (a, b) = (sum(&product.a, &theirs.a), sum(&product.b, &theirs.b));
                assert_eq!(a.matmul(&b).unwrap(), product.c.add(&theirs.c).unwrap());
                let first = first.a.to_matrix().unwrap();
                assert_eq!(product.b.to_matrix().unwrap(), first.row_range(1..3));
            }
            Err(error) => {
                assert!(
                    !keep_masks && error.to_string().contains("were used by an earlier request"),
                    "{error}"
                );
            }
        }
        drop(other);
    }
    create("mixed", 0, true).unwrap();
    let refused = create("mixed", 1, false).unwrap_err();
    assert!(refused.to_string().contains("rank 1 keeps no masks"), "{refused}");
}

#[test]
fn an_early_request_waits_for_the_other_rank() {
    let mut patient = config();
    patient.limits.wait_for_parties = Duration::from_secs(10);
    let (_server, address) = start(patient);
    let mut asking = client(&address, "s", 0, 2);
    asking.create_session(&seed(0)).unwrap();
    let request = AdjustRequest::new(Op::Mul { len: 2 }, Field::Ring64, 0).unwrap();
    let pending = Dealer::<u64>::start(&mut asking, request.clone());
    client(&address, "s", 1, 2).create_session(&seed(1)).unwrap();
    assert_eq!(pending().unwrap(), expected::<u64>(2, Dialect::symbolon().dealer_stream, &request));
}

#[test]
fn impossible_requests_are_refused() {
    let mut bounded = config();
    bounded.limits.max_bytes_per_request = 4096;
    let (_server, address) = start(bounded);
    session(&address, "s", 2);
    let mut raw = Raw::new(&address);
    for (metas, expected) in [
        (vec![], "0 prg_inputs"),
        (vec![(0, 8); 4], "4 prg_inputs"),
        (vec![(0, 8), (1, 8)], "instead of 3"),
        (vec![(0, 8), (1, 16), (2, 8)], "buffer 1"),
        (vec![(0, 0); 3], "no elements"),
        (vec![(0, -8); 3], "is negative"),
        (vec![(-5, 8); 3], "is negative"),
        (vec![(0, 4); 3], "not a multiple"),
        (vec![(0, 8000), (500, 8000), (1000, 8000)], "at most 4096 are accepted"),
        (vec![(0, i64::MAX - 7), (1, i64::MAX - 7), (2, i64::MAX - 7)], "larger than this machine"),
        (vec![(0, 8), (0, 8), (1, 8)], "inputs 0 and 1 overlap"),
    ] {
        let response = raw.mul("s", &metas);
        assert_eq!(response.code, 2, "{metas:?}: {}", response.message);
        assert!(response.message.contains(expected), "{metas:?}: {}", response.message);
        assert!(response.adjust_outputs.is_empty());
    }
    assert_eq!(raw.mul("s p", &[(0, 8), (1, 8), (2, 8)]).code, 1);
}

#[test]
fn blocks_serve_one_correction_unless_allowed() {
    for allowed in [false, true] {
        let mut config = config();
        config.allow_counter_reuse = allowed;
        let (_server, address) = start(config);
        session(&address, "s", 2);
        let mut raw = Raw::new(&address);
        let first = raw.mul("s", &[(0, 8), (1, 8), (2, 8)]);
        assert_eq!(raw.mul("s", &[(0, 8), (1, 8), (2, 8)]), first, "a repeated request gets the same answer");
        let second = raw.mul("s", &[(0, 8), (1, 8), (3, 8)]);
        assert_eq!(second.code == 0, allowed, "{}", second.message);
        assert!(allowed || second.message.contains("used by an earlier request"), "{}", second.message);
    }
}

#[test]
fn the_number_of_sessions_is_bounded_and_idle_ones_expire() {
    let mut config = config();
    config.limits.max_sessions = 2;
    config.limits.session_idle = Duration::from_millis(150);
    let (server, address) = start(config);
    let mut raw = Raw::new(&address);
    assert_eq!(raw.create(creation("a", 0)).0, 0);
    assert_eq!(raw.create(creation("b", 0)).0, 0);
    let (code, message) = raw.create(creation("c", 0));
    assert!(code == 1 && message.contains("limit of 2 sessions"), "{message}");
    assert_eq!(raw.create(creation("b", 1)).0, 0, "joining is no new session");
    while server.sessions() > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(raw.create(creation("c", 0)).0, 0);
}

#[test]
fn contradicting_limits_are_refused() {
    let mut small = config();
    small.limits.memory_bytes = small.limits.max_bytes_per_request;
    assert!(matches!(DealerServer::start("127.0.0.1:0".parse().unwrap(), small), Err(GrpcError::Config(_))));
    let mut none = config();
    none.limits.max_concurrent = 0;
    assert!(matches!(DealerServer::start("127.0.0.1:0".parse().unwrap(), none), Err(GrpcError::Config(_))));
}

#[test]
fn other_ranks_do_not_ask_and_errors_say_where() {
    let (_server, address) = start(config());
    let mut other = client(&address, "s", 1, 2);
    let request = AdjustRequest::new(Op::Mul { len: 2 }, Field::Ring64, 0).unwrap();
    let error = Dealer::<u64>::adjust(&mut other, &request).unwrap_err();
    assert!(error.to_string().contains("rank 1 does not ask"), "{error}");

    let closed = address_of_nobody();
    let mut config = client_config(&closed, "s", 0, 2);
    config.connect_timeout = Duration::from_millis(100);
    config.receive_timeout = Duration::from_millis(100);
    let mut alone = DealerClient::standalone(config).unwrap();
    let error = alone.create_session(&seed(0)).unwrap_err();
    assert!(matches!(&error, GrpcError::PeerDealerUnreachable { .. }), "{error}");
    assert!(error.to_string().contains(&closed), "{error}");
    let error = Dealer::<u64>::adjust(&mut alone, &request).unwrap_err();
    assert!(matches!(&error, DealerError::Network(text) if text.contains(&closed)), "{error}");

    for (rank, adjust_rank, world_size, id) in
        [(2, 0, 2, "s"), (0, 2, 2, "s"), (0, 0, 1, "s"), (0, 0, 2, "s s")]
    {
        let bad = DealerClientConfig::new(&address, id, rank, world_size, adjust_rank, &Dialect::symbolon());
        assert!(matches!(DealerClient::standalone(bad), Err(GrpcError::Config(_))));
    }
}

fn address_of_nobody() -> String {
    address(&listener())
}

#[test]
fn a_dealer_that_starts_late_is_found_and_the_port_is_released() {
    let late = listener();
    let address = address(&late);
    drop(late);
    let waiting = {
        let client = client(&address, "s", 0, 2);
        std::thread::spawn(move || client.create_session(&seed(0)))
    };
    std::thread::sleep(Duration::from_millis(60));
    let server = DealerServer::start(address.parse().unwrap(), config()).unwrap();
    waiting.join().unwrap().unwrap();
    server.shutdown();
    server.shutdown();
    DealerServer::start(address.parse().unwrap(), config()).unwrap();
}

#[test]
fn with_tls_a_rank_belongs_to_its_certificate() {
    let authority = Authority::new();
    let [dealer, zero, one, stranger] =
        ["dealer", "zero", "one", "stranger"].map(|name| authority.member(&format!("{name}.test")));
    let mut secured = config();
    secured.tls = Some(authority.tls(&dealer).with_peer(1, pinned("one.test", &one)));
    let (_server, address) = start(secured);
    let identity = pinned("dealer.test", &dealer);
    let connect = |rank: usize, member: &support::Member, identity: &PeerIdentity| {
        let mut config = client_config(&address, "s", rank, 2);
        config.connect_timeout = Duration::from_millis(400);
        config.tls = Some((authority.tls(member), identity.clone()));
        DealerClient::standalone(config).unwrap()
    };
    let request = AdjustRequest::new(Op::Mul { len: 2 }, Field::Ring64, 0).unwrap();

    connect(0, &zero, &identity).create_session(&seed(0)).unwrap();
    connect(0, &zero, &identity).create_session(&seed(0)).unwrap();
    let taken = connect(0, &stranger, &identity).create_session(&seed(0)).unwrap_err();
    assert!(taken.to_string().contains("another TLS certificate"), "{taken}");
    let not_pinned = connect(1, &stranger, &identity).create_session(&seed(1)).unwrap_err();
    assert!(not_pinned.to_string().contains("pinned at the dealer for rank 1"), "{not_pinned}");
    connect(1, &one, &identity).create_session(&seed(1)).unwrap();

    let foreign = Dealer::<u64>::adjust(&mut connect(0, &stranger, &identity), &request).unwrap_err();
    assert!(foreign.to_string().contains("only rank 0 asks"), "{foreign}");
    let other_rank = Dealer::<u64>::adjust(&mut connect(0, &one, &identity), &request).unwrap_err();
    assert!(other_rank.to_string().contains("only rank 0 asks"), "{other_rank}");
    let got = Dealer::<u64>::adjust(&mut connect(0, &zero, &identity), &request).unwrap();
    assert_eq!(got, expected::<u64>(2, Dialect::symbolon().dealer_stream, &request));

    let denied = connect(0, &stranger, &identity).delete_session().unwrap_err();
    assert!(denied.to_string().contains("only a member"), "{denied}");
    connect(1, &one, &identity).delete_session().unwrap();

    // The dealer itself must be the pinned one, and bear its name.
    let wrong_pin =
        connect(0, &zero, &pinned("dealer.test", &stranger)).create_session(&seed(0)).unwrap_err();
    assert!(wrong_pin.to_string().contains("pinned"), "{wrong_pin}");
    let wrong_name = connect(0, &zero, &PeerIdentity::named("other.test").unwrap()).create_session(&seed(0));
    assert!(wrong_name.unwrap_err().to_string().contains("not valid for name"));
    connect(0, &zero, &PeerIdentity::named("dealer.test").unwrap()).create_session(&seed(0)).unwrap();

    // Plaintext to a TLS port.
    let mut plain = client_config(&address, "s", 0, 2);
    plain.connect_timeout = Duration::from_millis(200);
    let plain = DealerClient::standalone(plain).unwrap().create_session(&seed(0)).unwrap_err();
    assert!(matches!(plain, GrpcError::PeerDealerUnreachable { .. }), "{plain}");
}

#[test]
fn one_certificate_is_one_rank() {
    let authority = Authority::new();
    let [dealer, member] = ["dealer.test", "member.test"].map(|name| authority.member(name));
    let mut secured = config();
    secured.tls = Some(authority.tls(&dealer));
    let (_server, address) = start(secured);
    let connect = |rank| {
        let mut config = client_config(&address, "s", rank, 2);
        config.tls = Some((authority.tls(&member), pinned("dealer.test", &dealer)));
        DealerClient::standalone(config).unwrap()
    };
    connect(0).create_session(&seed(0)).unwrap();
    let error = connect(1).create_session(&seed(1)).unwrap_err();
    assert!(error.to_string().contains("cannot also be that of rank 1"), "{error}");
}
