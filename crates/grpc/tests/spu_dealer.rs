//! SPU's dealer service over real sockets: recorded calls, both forms, all operations, refusals, our own client.

mod support;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Authority, pinned};
use symbolon_dialect::{Construction, Dialect};
use symbolon_grpc::{
    DealerConfig, DealerKey, DealerPublicKey, DealerServer, PeerIdentity, SpuDealerClient,
    SpuDealerClientConfig, SpuDealerConfig, SpuForm,
};
use symbolon_prg::{Cipher, CounterStream, Seed};
use symbolon_ring::{Matrix, Ring};
use symbolon_triples::{Ahead, Dealer, DealerError, Mask, Op, Triples, TriplesConfig};

const PATH: &str = "/spu.mpc.semi2k.beaver.ttp_server.BeaverService";

fn start(spu: SpuDealerConfig) -> (DealerServer, String) {
    start_with(spu, |_| {})
}

fn start_with(spu: SpuDealerConfig, change: impl FnOnce(&mut DealerConfig)) -> (DealerServer, String) {
    let mut config = DealerConfig::new(&Dialect::symbolon());
    config.spu = Some(spu);
    change(&mut config);
    let server = DealerServer::start("127.0.0.1:0".parse().unwrap(), config).unwrap();
    let address = server.local_addr().to_string();
    (server, address)
}

fn key() -> DealerKey {
    DealerKey::from_pem(include_str!("keys/sm2.key")).unwrap()
}

fn sealed(seeds: &[Seed]) -> Vec<Bytes> {
    seeds.iter().map(|seed| key().public_key().seal(seed).unwrap().into()).collect()
}

/// Posts over HTTP/1.1 and gives status and body, chunked or not.
fn post(address: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut rest = &answer[end + 4..];
    if !head.contains("transfer-encoding: chunked") {
        return (status, rest.to_vec());
    }
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 4 + size..];
        if size == 0 {
            return (status, body);
        }
    }
}

/// The frames of an answer: flag and content.
fn frames(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while !body.is_empty() {
        let len = i64::from_le_bytes(body[1..9].try_into().unwrap()) as usize;
        frames.push((body[0], body[9..9 + len].to_vec()));
        body = &body[9 + len..];
    }
    frames
}

/// What the dealer gives for a request, or the error's code and text.
fn ask(address: &str, method: &str, request: &Value) -> Result<Vec<u8>, (u8, String)> {
    let (status, body) = post(address, &format!("{PATH}/{method}"), request.to_string().as_bytes());
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let mut whole = Vec::new();
    for (flag, content) in frames(&body) {
        if flag != 0 {
            return Err((flag, String::from_utf8(content).unwrap()));
        }
        whole.extend(content);
    }
    Ok(whole)
}

fn vector(name: &str) -> Value {
    let path = format!("{}/../../vectors/dealer/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// A gRPC call with the messages given as bytes.
fn unary(address: &str, method: &str, message: Vec<u8>) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .connect()
            .await
            .unwrap();
        let mut framed = vec![0];
        framed.extend((message.len() as u32).to_be_bytes());
        framed.extend(&message);
        let mut request =
            http::Request::new(tonic::body::Body::new(http_body_util::Full::new(Bytes::from(framed))));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = format!("{PATH}/{method}").parse().unwrap();
        *request.version_mut() = http::Version::HTTP_2;
        request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        request.headers_mut().insert("te", "trailers".parse().unwrap());
        let mut channel = channel;
        std::future::poll_fn(|cx| tonic::codegen::Service::poll_ready(&mut channel, cx)).await.unwrap();
        let response = tonic::codegen::Service::call(&mut channel, request).await.unwrap();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        let len = u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize;
        assert_eq!(body.len(), len + 5);
        body[5..].to_vec()
    })
}

/// The calls of the reference implementation's runs, answered byte for byte: key, ciphertexts and streams.
#[test]
fn recorded_unary_calls_are_answered_alike() {
    for name in ["reference_unary", "reference_unary_adjust1"] {
        let vector = vector(name);
        let key = DealerKey::from_pem(text(&vector["private_key"])).unwrap();
        assert_eq!(key.public_key(), DealerPublicKey::from_pem(text(&vector["public_key"])).unwrap());
        assert_eq!(key.public_key().to_pem().unwrap(), text(&vector["public_key"]));
        assert_eq!(*key.to_pem().unwrap(), text(&vector["private_key"]));
        let (server, address) = start(SpuDealerConfig::new(key));
        let calls = vector["calls"].as_array().unwrap();
        assert!(calls.len() > 5);
        for call in calls {
            let request = STANDARD.decode(text(&call["request"])).unwrap();
            let response = unary(&address, text(&call["method"]), request);
            assert_eq!(STANDARD.encode(response), text(&call["response"]));
        }
        server.shutdown();
    }
}

/// The requests of parties of SPU 0.9.5, with their seeds sealed to our key. The bits of a RandBit are fresh each time.
#[test]
fn recorded_http_requests_are_answered_alike() {
    let (_server, address) = start(SpuDealerConfig::new(key()));
    for file in
        ["spu-0.9.5_http", "spu-0.9.5_ring-32-calls", "spu-0.9.5_ring-64-calls", "spu-0.9.5_ring-128-calls"]
    {
        let vector = vector(file);
        let resealed: HashMap<&str, String> = vector["seeds"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, seed)| {
                let seed = hex(text(seed));
                let seed = Seed::from_bytes(seed.try_into().unwrap());
                (name.as_str(), STANDARD.encode(key().public_key().seal(&seed).unwrap()))
            })
            .collect();
        for call in vector["calls"].as_array().unwrap() {
            let mut request = call["request"].to_string();
            for (theirs, ours) in &resealed {
                request = request.replace(theirs, ours);
            }
            let method = text(&call["method"]);
            let (status, body) = post(&address, &format!("{PATH}/{method}"), request.as_bytes());
            let recorded = STANDARD.decode(text(&call["response"])).unwrap();
            if method == "AdjustRandBit" {
                assert_eq!((status, body.len()), (200, recorded.len()), "{file} {method}");
            } else {
                assert_eq!((status, body), (200, recorded), "{file} {method}");
            }
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn draw<R: Ring>(
    seeds: &[Seed],
    construction: Construction,
    counter: u64,
    len: usize,
    join: fn(R, R) -> R,
) -> Vec<R> {
    let share = |seed: &Seed| {
        let mut stream = CounterStream::new(Cipher::Aes128, construction, seed).at(counter);
        stream.draw_matrix::<R>(1, len).unwrap().into_vec()
    };
    let shares = seeds.iter().map(share);
    shares.reduce(|a, b| a.iter().zip(&b).map(|(&a, &b)| join(a, b)).collect()).unwrap()
}

fn read<R: Ring>(bytes: &[u8]) -> Vec<R> {
    Matrix::from_le_bytes(1, bytes.len() / R::BYTES, bytes).unwrap().into_vec()
}

fn zip<R: Ring>(a: &[R], b: &[R], f: impl Fn(R, R) -> R) -> Vec<R> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

fn every_operation<R: Ring>(address: &str) {
    let seeds = [Seed::from_u128_le(3), Seed::from_u128_le(5), Seed::from_u128_le(8)];
    let sealed: Vec<String> = sealed(&seeds).iter().map(|s| STANDARD.encode(s)).collect();
    let stream = Construction::BlocksLittleEndian;
    let len = 6_usize;
    let bytes = len * R::BYTES;
    let buffers = |counters: &[u64]| -> Vec<Value> {
        counters
            .iter()
            .map(|c| json!({"prg_count": c, "buffer_len": bytes.to_string(), "encrypted_seeds": sealed}))
            .collect()
    };
    let sum = |counter| draw::<R>(&seeds, stream, counter, len, R::add);
    let get = |method: &str, counters: &[u64], more: Value| {
        let mut request = json!({"prg_inputs": buffers(counters), "field_size": R::BYTES});
        for (key, value) in more.as_object().unwrap() {
            request[key] = value.clone();
        }
        ask(address, method, &request).unwrap()
    };
    let (a, b, c) = (sum(0), sum(100), sum(200));
    let three = [0, 100, 200];
    let none = json!({});
    let corrected = |last: &[R], bytes: &[u8]| zip(last, &read::<R>(bytes), R::add);
    assert_eq!(corrected(&c, &get("AdjustMul", &three, none.clone())), zip(&a, &b, R::mul));
    let squares = zip(&a, &a, R::mul);
    assert_eq!(corrected(&b, &get("AdjustSquare", &three[..2], none.clone())), squares);
    let product = draw::<R>(&seeds, stream, 0, len, R::mul);
    assert_eq!(corrected(&b, &get("AdjustMulPriv", &three[..2], json!({"element_type": "RING"}))), product);
    let shifted: Vec<R> = a.iter().map(|a| a.ashr(7)).collect();
    assert_eq!(corrected(&b, &get("AdjustTrunc", &three[..2], json!({"bits": 7}))), shifted);
    let both = get("AdjustTruncPr", &three, json!({"bits": 7}));
    let high: Vec<R> = a.iter().map(|a| a.shl(1).shr(8)).collect();
    let top: Vec<R> = a.iter().map(|a| a.shr(R::BITS - 1)).collect();
    assert_eq!((corrected(&b, &both[..bytes]), corrected(&c, &both[bytes..])), (high, top));
    for bit in corrected(&a, &get("AdjustRandBit", &three[..1], none.clone())) {
        assert!(bit == R::ZERO || bit == R::ONE);
    }
    let equal = get("AdjustEqz", &three[..2], none.clone());
    assert_eq!(zip(&draw::<R>(&seeds, stream, 100, len, R::xor), &read(&equal), R::xor), a);
    // One mask, 2×3, serves X and its transpose.
    let dot = |transposed: bool| {
        let (m, k) = if transposed { (3, 2) } else { (2, 3) };
        let sized = |counter: u64, elements: usize| json!({"prgCount": counter, "bufferLen": elements * R::BYTES, "encryptedSeeds": sealed});
        let request = json!({
            "prgInputs": [sized(0, 6), sized(100, k), sized(200, m)], "fieldSize": R::BYTES,
            "M": m, "N": 1, "K": k.to_string(), "transposeInputs": [transposed, false, false],
        });
        let x = Matrix::from_vec(2, 3, a.clone()).unwrap();
        let x = if transposed { x.transpose() } else { x };
        let y = Matrix::from_vec(k, 1, b[..k].to_vec()).unwrap();
        let correction = read::<R>(&ask(address, "AdjustDot", &request).unwrap());
        assert_eq!(zip(&c[..m], &correction, R::add), x.matmul(&y).unwrap().into_vec());
    };
    dot(false);
    dot(true);
    let perm = json!({"perm": {"prg_count": 500, "size": len.to_string(), "encrypted_seeds": sealed[1]}});
    let mut moved = corrected(&b, &get("AdjustPerm", &three[..2], perm));
    let mut original = a.clone();
    moved.sort_by_key(|v| v.to_i128());
    original.sort_by_key(|v| v.to_i128());
    assert_eq!(moved, original);
    let odd = 21;
    let buffers: Vec<Value> =
        three.iter().map(|c| json!({"prg_count": c, "buffer_len": odd, "encrypted_seeds": sealed})).collect();
    let and = ask(address, "AdjustAnd", &json!({"prg_inputs": buffers})).unwrap();
    assert_eq!(and.len(), odd);
    let bits = |counter| -> Vec<u8> {
        draw::<u128>(&seeds, stream, counter, 2, |a, b| a ^ b).iter().flat_map(|v| v.to_le_bytes()).collect()
    };
    let (a, b, c) = (bits(0), bits(100), bits(200));
    for i in 0..odd {
        assert_eq!(c[i] ^ and[i], a[i] & b[i]);
    }
}

#[test]
fn every_operation_in_every_ring() {
    let (_server, address) = start(SpuDealerConfig::new(key()));
    every_operation::<u32>(&address);
    every_operation::<u64>(&address);
    every_operation::<u128>(&address);
}

#[test]
fn large_corrections_come_in_frames() {
    let (_server, address) = start(SpuDealerConfig::new(key()));
    let seeds = [Seed::from_u128_le(1), Seed::from_u128_le(2)];
    let sealed: Vec<String> = sealed(&seeds).iter().map(|s| STANDARD.encode(s)).collect();
    let chunk = 32 << 20;
    let bytes = chunk + 24;
    let buffer = |counter: u64| json!({"prg_count": counter, "buffer_len": bytes, "encrypted_seeds": sealed});
    let request = json!({"prg_inputs": [buffer(0), buffer(1 << 40)], "field_size": 8});
    let (_, body) = post(&address, &format!("{PATH}/AdjustSquare"), request.to_string().as_bytes());
    let frames = frames(&body);
    assert_eq!(
        frames.iter().map(|(flag, content)| (*flag, content.len())).collect::<Vec<_>>(),
        [(0, chunk), (0, 24)]
    );
    let tail = |counter: u64| {
        draw::<u64>(
            &seeds,
            Construction::BlocksLittleEndian,
            counter + (chunk as u64) / 16,
            3,
            u64::wrapping_add,
        )
    };
    let (a, b) = (tail(0), tail(1 << 40));
    let correction = read::<u64>(&frames[1].1);
    for i in 0..3 {
        assert_eq!(b[i].wrapping_add(correction[i]), a[i].wrapping_mul(a[i]));
    }
}

#[test]
fn refusals_have_codes_and_texts() {
    let (_server, address) = start_with(SpuDealerConfig::new(key()), |config| {
        config.limits.max_bytes_per_request = 1 << 20;
        config.limits.memory_bytes = 256 << 20;
        config.limits.max_bytes_per_stream = 1 << 30;
    });
    let good = sealed(&[Seed::from_u128_le(1), Seed::from_u128_le(2)]);
    let good: Vec<String> = good.iter().map(|s| STANDARD.encode(s)).collect();
    let buffer = |bytes: u64| json!({"buffer_len": bytes, "encrypted_seeds": good});
    let mul = |bytes: u64, more: Value| {
        let mut request =
            json!({"prg_inputs": [buffer(bytes), buffer(bytes), buffer(bytes)], "field_size": 8});
        for (key, value) in more.as_object().unwrap() {
            request[key] = value.clone();
        }
        request
    };
    let stranger = DealerKey::generate().unwrap().public_key().seal(&Seed::from_u128_le(1)).unwrap();
    let foreign = json!({"buffer_len": 8, "encrypted_seeds": [good[0], STANDARD.encode(stranger)]});
    let lonely = json!({"buffer_len": 8, "encrypted_seeds": [good[0]]});
    let overflowing = json!({"prg_count": u64::MAX, "buffer_len": 8, "encrypted_seeds": good});
    let big = json!({"prg_inputs": [buffer(8 << 20), buffer(8 << 20), buffer(8 << 20)], "field_size": 8,
        "M": 1 << 10, "K": 1 << 10, "N": 1 << 10});
    let three = |buffer: &Value| json!({"prg_inputs": [buffer, buffer, buffer], "field_size": 8});
    for (method, request, code, expected) in [
        ("AdjustMul", mul(8, json!({"element_type": "GFMP"})), 1, "GFMP"),
        ("AdjustMul", mul(8, json!({"field_size": 7})), 1, "field_size 7"),
        ("AdjustMul", mul(12, json!({})), 1, "not a multiple of field_size"),
        ("AdjustMul", mul(0, json!({})), 1, "no elements"),
        ("AdjustMul", mul(1 << 40, json!({})), 1, "at most 1073741824 are accepted"),
        ("AdjustSquare", mul(8, json!({})), 1, "lists 3 buffers instead of 2"),
        ("AdjustMul", json!({}), 1, "0 prg_inputs"),
        ("AdjustMul", three(&foreign), 2, "made for another public key"),
        ("AdjustMul", three(&lonely), 1, "1 encrypted_seeds"),
        ("AdjustMul", three(&overflowing), 1, "end of the stream"),
        ("AdjustDot", big, 1, "at most 1048576 are accepted"),
        (
            "AdjustDot",
            mul(8, json!({"M": 1, "N": 1, "K": 1, "transpose_inputs": [false, false, true]})),
            1,
            "never transposed",
        ),
        (
            "AdjustTrunc",
            json!({"prg_inputs": [buffer(8), buffer(8)], "field_size": 8, "bits": 64}),
            1,
            "64 bits",
        ),
        ("AdjustPerm", json!({"prg_inputs": [buffer(8), buffer(8)], "field_size": 8}), 1, "permutation"),
    ] {
        let (got, message) = ask(&address, method, &request).unwrap_err();
        assert_eq!(got, code, "{message}");
        assert!(message.contains(expected) && message.contains(&method[6..]), "{message}");
    }
    let status = |path: &str, body: &[u8]| post(&address, path, body).0;
    assert_eq!(status(&format!("{PATH}/AdjustMul"), b"nonsense"), 400);
    assert_eq!(status(&format!("{PATH}/AdjustMul"), &vec![b' '; 1 << 17]), 413);
    assert_eq!(status(&format!("{PATH}/AdjustDiv"), b"{}"), 404);
}

const FORMS: [SpuForm; 3] = [SpuForm::Http, SpuForm::Unary, SpuForm::UnaryBaiduStd];

#[derive(Clone, Copy, Debug)]
struct Ways(SpuForm, Construction);

/// Our parties' sources with our client, over real sockets.
fn parties<R: Ring>(address: &str, Ways(form, construction): Ways, runtime: &tokio::runtime::Runtime) {
    let seeds = [Seed::from_u128_le(11), Seed::from_u128_le(12)];
    let client = || {
        let config = SpuDealerClientConfig::new(address, form, sealed(&seeds));
        Box::new(SpuDealerClient::new(config, runtime.handle().clone()).unwrap()) as Box<dyn Dealer<R>>
    };
    let mut sources = (0..2).map(|rank| {
        let cipher = Cipher::Aes128;
        let config = TriplesConfig {
            rank,
            world_size: 2,
            adjust_rank: 1,
            cipher,
            construction,
            ahead: Ahead::default(),
        };
        Triples::<R>::new(&seeds[rank], config, (rank == 1).then(client)).unwrap()
    });
    let (mut zero, mut one) = (sources.next().unwrap(), sources.next().unwrap());
    one.schedule([Op::Dot { m: 3, k: 4, n: 2 }, Op::Mul { len: 5 }]).unwrap();
    let (x, y) = (zero.dot(3, 4, 2).unwrap(), one.dot(3, 4, 2).unwrap());
    let sum = |x: &Mask<R>, y: &Mask<R>| x.to_matrix().unwrap().add(&y.to_matrix().unwrap()).unwrap();
    let product = sum(&x.a, &y.a).matmul(&sum(&x.b, &y.b)).unwrap();
    assert_eq!(x.c.add(&y.c).unwrap(), product);
    let (x, y) = (zero.mul(5).unwrap(), one.mul(5).unwrap());
    let factors = zip(&zip(&x.a, &y.a, R::add), &zip(&x.b, &y.b, R::add), R::mul);
    assert_eq!(zip(&x.c, &y.c, R::add), factors);
    let (x, y) = (zero.and(3).unwrap(), one.and(3).unwrap());
    assert_eq!(zip(&x.c, &y.c, R::xor), zip(&zip(&x.a, &y.a, R::xor), &zip(&x.b, &y.b, R::xor), R::and));
    let (x, y) = (zero.trunc_pr(4, 3).unwrap(), one.trunc_pr(4, 3).unwrap());
    let r = zip(&x.r, &y.r, R::add);
    assert_eq!(zip(&x.high, &y.high, R::add), r.iter().map(|r| r.shl(1).shr(4)).collect::<Vec<_>>());
    assert_eq!(zip(&x.top, &y.top, R::add), r.iter().map(|r| r.shr(R::BITS - 1)).collect::<Vec<_>>());
    let (x, y) = (zero.trunc(2, 3).unwrap(), one.trunc(2, 3).unwrap());
    let shifted: Vec<R> = zip(&x.r, &y.r, R::add).iter().map(|r| r.ashr(3)).collect();
    assert_eq!(zip(&x.shifted, &y.shifted, R::add), shifted);
    for bit in zip(&zero.rand_bit(9).unwrap(), &one.rand_bit(9).unwrap(), R::add) {
        assert!(bit == R::ZERO || bit == R::ONE);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn our_parties_use_it_in_every_form() {
    let (_server, address) = start(SpuDealerConfig::new(key()));
    let runtime = runtime();
    for way in [
        Ways(SpuForm::Http, Construction::BlocksLittleEndian),
        Ways(SpuForm::Unary, Construction::CtrBigEndian),
        Ways(SpuForm::UnaryBaiduStd, Construction::CtrBigEndian),
    ] {
        parties::<u32>(&address, way, &runtime);
        parties::<u64>(&address, way, &runtime);
        parties::<u128>(&address, way, &runtime);
    }
    let (_server, address) = start(SpuDealerConfig::new(key()).with_stream(Construction::CtrBigEndian));
    parties::<u64>(&address, Ways(SpuForm::Http, Construction::CtrBigEndian), &runtime);
}

#[test]
fn our_client_uses_mutual_tls() {
    let authority = Authority::new();
    let (dealer, party) = (authority.member("dealer"), authority.member("party"));
    let (_server, address) =
        start_with(SpuDealerConfig::new(key()), |config| config.tls = Some(authority.tls(&dealer)));
    let runtime = runtime();
    for form in FORMS {
        let ask = |identity: PeerIdentity| {
            let seeds = [Seed::from_u128_le(1), Seed::from_u128_le(2)];
            let mut config = SpuDealerClientConfig::new(&address, form, sealed(&seeds));
            config.tls = Some((authority.tls(&party), identity));
            config.receive_timeout = Duration::from_secs(2);
            let mut client = SpuDealerClient::new(config, runtime.handle().clone()).unwrap();
            let request =
                symbolon_triples::AdjustRequest::new(Op::Mul { len: 2 }, symbolon_ring::Field::Ring64, 0);
            Dealer::<u64>::adjust(&mut client, &request.unwrap())
        };
        assert_eq!(ask(pinned("dealer", &dealer)).unwrap()[0].len(), 2);
        assert!(matches!(ask(pinned("dealer", &party)), Err(DealerError::Network(_))));
    }
}

#[test]
fn our_client_tells_what_the_dealer_refused() {
    let (server, address) = start(SpuDealerConfig::new(DealerKey::generate().unwrap()));
    let runtime = runtime();
    let client = |form| {
        let seeds = [Seed::from_u128_le(1), Seed::from_u128_le(2)];
        let mut config = SpuDealerClientConfig::new(&address, form, sealed(&seeds));
        config.receive_timeout = Duration::from_millis(300);
        SpuDealerClient::new(config, runtime.handle().clone()).unwrap()
    };
    let request =
        symbolon_triples::AdjustRequest::new(Op::Mul { len: 2 }, symbolon_ring::Field::Ring64, 0).unwrap();
    for form in FORMS {
        match Dealer::<u64>::adjust(&mut client(form), &request) {
            Err(DealerError::PeerRefused { code: 2, message }) => {
                assert!(message.contains("another public key"))
            }
            other => panic!("{other:?}"),
        }
    }
    server.shutdown();
    for form in FORMS {
        match Dealer::<u64>::adjust(&mut client(form), &request) {
            Err(DealerError::Network(reason)) => {
                assert!(
                    reason.contains(&address) && reason.contains("not reachable within 300ms"),
                    "{reason}"
                );
                // What people read, not how the layers below print themselves.
                assert!(reason.ends_with("(os error 111)") && !reason.contains('{'), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// An answer over baidu_std may be much longer than that of a push.
#[test]
fn long_answers_come_over_baidu_std_and_longer_ones_do_not() {
    let (_server, address) = start(SpuDealerConfig::new(key()));
    let runtime = runtime();
    let len = 100_000;
    let request =
        symbolon_triples::AdjustRequest::new(Op::Mul { len }, symbolon_ring::Field::Ring64, 0).unwrap();
    let ask = |form, max_reply_bytes| {
        let seeds = [Seed::from_u128_le(1), Seed::from_u128_le(2)];
        let mut config = SpuDealerClientConfig::new(&address, form, sealed(&seeds));
        config.max_reply_bytes = max_reply_bytes;
        config.receive_timeout = Duration::from_secs(2);
        Dealer::<u64>::adjust(&mut SpuDealerClient::new(config, runtime.handle().clone()).unwrap(), &request)
    };
    let whole = ask(SpuForm::UnaryBaiduStd, 1 << 20).unwrap();
    assert_eq!(whole, ask(SpuForm::Unary, 1 << 20).unwrap());
    assert_eq!(whole[0].len(), len);
    let error = ask(SpuForm::UnaryBaiduStd, 1 << 19).unwrap_err().to_string();
    assert!(error.contains("at most 524288 are expected"), "{error}");
}

/// One server for all cases.
fn shared() -> &'static str {
    static SERVER: Mutex<Option<&'static str>> = Mutex::new(None);
    let mut server = SERVER.lock().unwrap();
    server.get_or_insert_with(|| {
        let (server, address) = start(SpuDealerConfig::new(key()));
        std::mem::forget(server);
        address.leak()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever is posted is answered, and the dealer lives on.
    #[test]
    fn nothing_breaks_it(body in r#"\{("(prg_inputs|field_size|M|bits|perm)":([0-9]{1,20}|\[\]|\[\{\}\]|null|"x"),?){0,4}\}?"#) {
        for method in ["AdjustMul", "AdjustDot", "AdjustAnd", "AdjustPerm"] {
            let (status, _) = post(shared(), &format!("{PATH}/{method}"), body.as_bytes());
            prop_assert!(status == 200 || status == 400, "{status}");
        }
    }
}
