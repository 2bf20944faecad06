//! The trusted dealer, interconnection service: sessions, operations, requests that lie.

use symbolon_wire::service::{
    AdjusDotRequest, AdjustAndRequest, AdjustMulRequest, AdjustRandBitRequest, AdjustResponse,
    AdjustTruncPrRequest, AdjustTruncRequest, CreateSessionRequest, DeleteSessionRequest, PrgBufferMeta,
};

use crate::suite::Bench;
use crate::suite::case::{Case, DEALER};
use crate::suite::dealer::{Client, OP_ADJUST_ERROR, SESSION_ERROR, Session, blocks, buffer};
use crate::suite::streams::{arithmetic_shift, elements, mask, product};
use crate::suite::verdict::{Finding, Outcome, check};

pub(super) const CASES: &[&[Case]] = &[SESSIONS, OPERATIONS, LIES];

const BEAVER: &str = "PPCA 7-2023 (SS-LR), annex B; service/beaver.proto";
const RINGS: [u32; 3] = [32, 64, 128];

/// A case of the dealer.
macro_rules! dealer {
    ($level:ident, $id:literal, $requirement:literal, $why:literal, $run:expr) => {
        Case::$level($id, BEAVER, $requirement, $run).roles(DEALER).why($why)
    };
}

/// A request to open a session that is to be refused.
macro_rules! creation {
    ($id:literal, $requirement:literal, $why:literal, $spoil:expr) => {
        dealer!(must, $id, $requirement, $why, |bench| refuse_creation(bench, $spoil))
    };
}

/// A request for corrections of a product that is to be refused; the dealer serves a good one after it.
macro_rules! product_request {
    ($id:literal, $requirement:literal, $why:literal, $spoil:expr) => {
        dealer!(must, $id, $requirement, $why, |bench| refuse_mul(bench, $spoil))
    };
}

const SESSIONS: &[Case] = &[
    dealer!(
        must,
        "dealer/session/create",
        "Each rank opens or joins a session with its own seed and gets code 0.",
        "It is the only message of a rank that does not ask for corrections.",
        |bench| open(bench, 2).map(drop)
    ),
    dealer!(
        should,
        "dealer/session/create-again",
        "The same request again changes nothing and gets code 0.",
        "A call whose answer was lost is repeated.",
        create_again
    ),
    dealer!(
        must,
        "dealer/session/three-parties",
        "A session of three parties joins three streams.",
        "The protocol is for any number of parties.",
        three_parties
    ),
    dealer!(
        must,
        "dealer/session/concurrent",
        "Two sessions, used in turns, get the corrections of their own seeds.",
        "One dealer serves many jobs.",
        concurrent
    ),
    dealer!(
        must,
        "dealer/session/unknown",
        "Corrections for a session that nobody created are refused with SessionError.",
        "There are no seeds.",
        unknown
    ),
    dealer!(
        must,
        "dealer/session/incomplete",
        "Corrections are not given before every rank has joined: the dealer waits, and refuses in the end.",
        "Corrections of some of the streams alone are of no use, and tell something about them.",
        incomplete
    ),
    dealer!(
        must,
        "dealer/session/deleted",
        "After DeleteSession corrections for the session are refused.",
        "The seeds of a job are to be forgotten when it is done.",
        deleted
    ),
    dealer!(
        should,
        "dealer/session/delete-unknown",
        "DeleteSession of a session that does not exist is answered, and harms no other.",
        "Each rank may delete at its end.",
        delete_unknown
    ),
    creation!(
        "dealer/session/short-seed",
        "A seed of 15 bytes is refused.",
        "Filled up with zeros it is weaker than it looks.",
        |request| request.prg_seed = vec![1; 15].into()
    ),
    creation!(
        "dealer/session/no-seed",
        "An empty seed is refused.",
        "A seed of zeros is known to everybody.",
        |request| request.prg_seed = bytes::Bytes::new()
    ),
    creation!(
        "dealer/session/long-seed",
        "A seed of 32 bytes is refused.",
        "Which half counts is said nowhere.",
        |request| request.prg_seed = vec![1; 32].into()
    ),
    creation!(
        "dealer/session/rank-outside",
        "A rank that is not below world_size is refused.",
        "The rank is used as an index by careless code.",
        |request| request.rank = 2
    ),
    creation!(
        "dealer/session/rank-negative",
        "A negative rank is refused.",
        "The rank is used as an index by careless code.",
        |request| request.rank = -1
    ),
    creation!(
        "dealer/session/adjust-rank-outside",
        "An adjust_rank that is not below world_size is refused.",
        "Nobody could ask for corrections.",
        |request| request.adjust_rank = 7
    ),
    creation!(
        "dealer/session/no-parties",
        "A world_size of 0 is refused.",
        "A session of nobody is complete at once.",
        |request| request.world_size = 0
    ),
    creation!(
        "dealer/session/parties-negative",
        "A negative world_size is refused.",
        "Taken for an unsigned number it is close to 2^32.",
        |request| request.world_size = -2
    ),
    creation!(
        "dealer/session/parties-huge",
        "A world_size of 2^31 - 1 is refused; no memory is taken for it.",
        "Whoever reserves memory for what is announced can be stopped by one message.",
        |request| request.world_size = i32::MAX
    ),
    creation!(
        "dealer/session/later-version",
        "A required_version that the dealer does not have is refused.",
        "What it means is not known.",
        |request| request.required_version = 99
    ),
    dealer!(
        must,
        "dealer/session/other-seed",
        "Another seed for a rank that has joined is refused.",
        "Whoever knows a session's name could take a party's place.",
        |bench| contradict(bench, |request| {
            let mut seed = request.prg_seed.to_vec();
            seed.iter_mut().for_each(|byte| *byte ^= 1);
            request.prg_seed = seed.into();
        })
    ),
    dealer!(
        must,
        "dealer/session/other-size",
        "Another world_size than the session has is refused.",
        "The parties do not mean the same session.",
        |bench| contradict(bench, |request| request.world_size = 3)
    ),
    dealer!(
        must,
        "dealer/session/other-adjust-rank",
        "Another adjust_rank than the session has is refused.",
        "The parties do not mean the same session.",
        |bench| contradict(bench, |request| request.adjust_rank = 1)
    ),
];

const OPERATIONS: &[Case] = &[
    dealer!(
        must,
        "dealer/operation/mul",
        "AdjustMul gives a·b - c of the joined streams, in rings of 32, 64 and 128 bits.",
        "A wrong correction makes every product wrong, unseen.",
        mul
    ),
    dealer!(
        must,
        "dealer/operation/dot",
        "AdjustDot gives A·B - C of matrices, row by row, A m×k, B k×n, C m×n.",
        "Every step of a training takes two of them.",
        dot
    ),
    dealer!(
        must,
        "dealer/operation/and",
        "AdjustAnd gives (a & b) ^ c of streams joined by exclusive or.",
        "Comparisons are made of it.",
        and
    ),
    dealer!(
        must,
        "dealer/operation/trunc",
        "AdjustTrunc gives (r >> bits) - s with an arithmetic shift.",
        "More than two parties truncate by these pairs.",
        trunc
    ),
    dealer!(
        must,
        "dealer/operation/trunc-pr",
        "AdjustTruncPr gives the high part of r without its top bit, and the top bit.",
        "Precise truncation is made of it.",
        trunc_pr
    ),
    dealer!(
        must,
        "dealer/operation/rand-bit",
        "AdjustRandBit gives corrections with which every element becomes 0 or 1, not always the same.",
        "The bits are the dealer's: a sum of streams is no bit.",
        rand_bit
    ),
    dealer!(
        must,
        "dealer/operation/counters",
        "Each buffer begins at its own prg_count, of whole blocks, also far into the stream.",
        "The parties' streams are somewhere in the middle.",
        counters
    ),
    dealer!(
        must,
        "dealer/operation/odd-sizes",
        "Buffers that end within a block are drawn so too.",
        "The rest of the last block is thrown away by everyone.",
        odd_sizes
    ),
    Case::should(
        "dealer/operation/field-in-bits",
        BEAVER,
        "field may be the width in bits instead of the number of FieldType, which does not overlap.",
        field_in_bits,
    )
    .roles(DEALER)
    .erratum(7)
    .why("PPCA 7 B.2 has the number of bits, other tables of the same document the enum."),
];

const LIES: &[Case] = &[
    product_request!(
        "dealer/request/buffers-of-unequal-size",
        "A product whose buffers have different sizes is refused with OpAdjustError.",
        "One of them would be read beyond its end.",
        |request| if let Some(input) = request.prg_inputs.get_mut(1) {
            input.size -= 8
        }
    ),
    product_request!(
        "dealer/request/missing-buffer",
        "A product of two buffers is refused with OpAdjustError.",
        "The third is used as an index by careless code.",
        |request| request.prg_inputs.truncate(2)
    ),
    product_request!(
        "dealer/request/no-buffers",
        "A product without buffers is refused with OpAdjustError.",
        "The first is used as an index by careless code.",
        |request| request.prg_inputs.clear()
    ),
    product_request!(
        "dealer/request/part-of-an-element",
        "A size that is no multiple of an element's is refused with OpAdjustError.",
        "The last element would be read from beyond the buffer.",
        |request| request.prg_inputs.iter_mut().for_each(|input| input.size = 9)
    ),
    product_request!(
        "dealer/request/size-negative",
        "A negative size is refused with OpAdjustError.",
        "Taken for an unsigned number it is close to 2^64.",
        |request| request.prg_inputs.iter_mut().for_each(|input| input.size = -8)
    ),
    product_request!(
        "dealer/request/counter-negative",
        "A negative prg_count is refused with OpAdjustError.",
        "Taken for an unsigned number it is close to 2^64.",
        |request| if let Some(input) = request.prg_inputs.first_mut() {
            input.prg_count = -1
        }
    ),
    product_request!(
        "dealer/request/huge",
        "A request for 2^60 bytes is refused with OpAdjustError; no memory is taken for it.",
        "One call of a few bytes would otherwise stop the dealer for all.",
        |request| request.prg_inputs.iter_mut().for_each(|input| input.size = 1 << 60)
    ),
    product_request!(
        "dealer/request/unknown-ring",
        "A field that is no ring is refused with OpAdjustError.",
        "The width of elements is taken from it.",
        |request| request.field = 77
    ),
    dealer!(
        must,
        "dealer/request/shapes-that-do-not-fit",
        "A matrix product whose dimensions do not fit its buffers is refused with OpAdjustError.",
        "Matrices would be read beyond their ends.",
        shapes
    ),
    dealer!(
        must,
        "dealer/request/shape-overflow",
        "Dimensions whose product is beyond 64 bits are refused with OpAdjustError.",
        "It wraps to a small number in careless code.",
        shape_overflow
    ),
    dealer!(
        must,
        "dealer/request/truncation-beyond-the-ring",
        "A truncation by more bits than the ring has is refused with OpAdjustError.",
        "Shifts by the width of a word are undefined in C++.",
        trunc_beyond
    ),
];

fn start(bench: &mut Bench) -> Outcome<Client> {
    bench.start_dealer("interconnection", None)?;
    Client::new(bench)
}

fn open(bench: &mut Bench, parties: u8) -> Outcome<(Client, Session)> {
    let client = start(bench)?;
    let session = Session::new(bench, "conformance", parties);
    session.open(&client)?;
    Ok((client, session))
}

/// The corrections of an answer as elements.
fn corrections(answer: &AdjustResponse, bits: u32) -> Outcome<Vec<Vec<u128>>> {
    check(answer.code == 0, "code 0", || format!("code {}: {:?}", answer.code, answer.message))?;
    Ok(answer.adjust_outputs.iter().map(|output| elements(output, bits)).collect())
}

fn equal(what: &str, bits: u32, expected: &[Vec<u128>], found: &[Vec<u128>]) -> Outcome {
    let different = || {
        let place = expected.iter().flatten().zip(found.iter().flatten()).position(|(a, b)| a != b);
        let lengths: Vec<_> = found.iter().map(Vec::len).collect();
        format!("outputs of {lengths:?} elements, the first other one at {place:?}")
    };
    let lengths: Vec<_> = expected.iter().map(Vec::len).collect();
    check(
        expected == found,
        format!("{what} in the ring of 2^{bits}, outputs of {lengths:?} elements"),
        different,
    )
}

fn zip(a: &[u128], b: &[u128], f: impl Fn(u128, u128) -> u128) -> Vec<u128> {
    a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()
}

/// Three buffers of `count` elements, one after the other from block `counter` on, and where they begin.
fn three(counter: u64, count: usize, bits: u32) -> (Vec<PrgBufferMeta>, [u64; 3]) {
    let step = blocks(count, bits);
    let starts = [counter, counter + step, counter + 2 * step];
    (starts.map(|start| buffer(start, count, bits)).to_vec(), starts)
}

fn mul_request(session: &Session, counter: u64, count: usize, bits: u32) -> AdjustMulRequest {
    let (prg_inputs, _) = three(counter, count, bits);
    AdjustMulRequest { session_id: session.id.clone(), prg_inputs, field: session.field(bits) }
}

fn products(session: &Session, counter: u64, count: usize, bits: u32) -> Vec<u128> {
    let (_, [a, b, c]) = three(counter, count, bits);
    let product = zip(&session.sum(a, count, bits), &session.sum(b, count, bits), u128::wrapping_mul);
    zip(&product, &session.sum(c, count, bits), |product, c| product.wrapping_sub(c) & mask(bits))
}

/// A product of `count` elements from block `counter` on is right.
fn good_mul(client: &Client, session: &Session, counter: u64, count: usize, bits: u32) -> Outcome {
    let answer = client.adjust_mul(mul_request(session, counter, count, bits))?;
    equal("a·b - c", bits, &[products(session, counter, count, bits)], &corrections(&answer, bits)?)
}

fn create_again(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    session.open(&client)?;
    good_mul(&client, &session, 0, 4, 64)
}

fn three_parties(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 3)?;
    good_mul(&client, &session, 0, 4, 64)
}

fn concurrent(bench: &mut Bench) -> Outcome {
    let (client, one) = open(bench, 2)?;
    let two = Session::new(bench, "another", 2);
    two.open(&client)?;
    for turn in 0..3 {
        good_mul(&client, &one, turn * 6, 4, 64)?;
        good_mul(&client, &two, turn * 6, 4, 64)?;
    }
    Ok(())
}

fn refused(answer: (i32, &str), wanted: i32) -> Outcome {
    let (code, message) = answer;
    let expected = format!("code {wanted}");
    let actual = format!("code {code}: {message:?}");
    match code {
        0 => Err(Finding::fail(expected, "code 0")),
        code if code == wanted => Ok(()),
        _ => Err(Finding::lenient(expected, actual)),
    }
}

fn unknown(bench: &mut Bench) -> Outcome {
    let client = start(bench)?;
    let session = Session::new(bench, "nobody", 2);
    let answer = client.adjust_mul(mul_request(&session, 0, 4, 64))?;
    refused((answer.code, &answer.message), SESSION_ERROR)
}

fn incomplete(bench: &mut Bench) -> Outcome {
    let client = start(bench)?;
    let session = Session::new(bench, "half", 2);
    client.create_session(session.creation(0))?;
    let answer = client.adjust_mul(mul_request(&session, 0, 4, 64))?;
    refused((answer.code, &answer.message), SESSION_ERROR)
}

fn deleted(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    good_mul(&client, &session, 0, 4, 64)?;
    let answer = client.delete_session(DeleteSessionRequest { session_id: session.id.clone() })?;
    check(answer.code == 0, "code 0", || format!("code {}: {:?}", answer.code, answer.message))?;
    let answer = client.adjust_mul(mul_request(&session, 6, 4, 64))?;
    refused((answer.code, &answer.message), SESSION_ERROR)
}

fn delete_unknown(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    client.delete_session(DeleteSessionRequest { session_id: "nobody".into() })?;
    good_mul(&client, &session, 0, 4, 64)
}

/// The spoiled request of rank 1 is refused; a good session can still be opened.
fn refuse_creation(bench: &mut Bench, spoil: fn(&mut CreateSessionRequest)) -> Outcome {
    let client = start(bench)?;
    let session = Session::new(bench, "spoiled", 2);
    let mut request = session.creation(1);
    spoil(&mut request);
    let answer = client.create_session(request)?;
    let outcome = refused((answer.code, &answer.message), SESSION_ERROR);
    let good = Session::new(bench, "good", 2);
    good.open(&client)?;
    good_mul(&client, &good, 0, 4, 64)?;
    outcome
}

/// A request that contradicts an open session is refused, and the session goes on as it was.
fn contradict(bench: &mut Bench, spoil: fn(&mut CreateSessionRequest)) -> Outcome {
    let (client, session) = open(bench, 2)?;
    let mut request = session.creation(1);
    spoil(&mut request);
    let answer = client.create_session(request)?;
    let outcome = refused((answer.code, &answer.message), SESSION_ERROR);
    good_mul(&client, &session, 0, 4, 64)?;
    outcome
}

fn refuse_mul(bench: &mut Bench, spoil: fn(&mut AdjustMulRequest)) -> Outcome {
    let (client, session) = open(bench, 2)?;
    let mut request = mul_request(&session, 0, 4, 64);
    spoil(&mut request);
    let answer = client.adjust_mul(request)?;
    let outcome = refused((answer.code, &answer.message), OP_ADJUST_ERROR);
    good_mul(&client, &session, 100, 4, 64)?;
    outcome
}

fn mul(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    RINGS
        .into_iter()
        .zip([0, 1000, 2000])
        .try_for_each(|(bits, counter)| good_mul(&client, &session, counter, 8, bits))
}

fn counters(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    for counter in [1, 221, (1 << 33) + 5, 255] {
        good_mul(&client, &session, counter, 2, 64)?;
    }
    Ok(())
}

fn odd_sizes(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    good_mul(&client, &session, 0, 5, 32)?;
    good_mul(&client, &session, 100, 3, 64)
}

fn field_in_bits(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    for (bits, counter) in RINGS.into_iter().zip([0, 100, 200]) {
        let mut request = mul_request(&session, counter, 4, bits);
        request.field = i32::try_from(bits).unwrap_or_default();
        let answer = client.adjust_mul(request)?;
        equal("a·b - c", bits, &[products(&session, counter, 4, bits)], &corrections(&answer, bits)?)?;
    }
    Ok(())
}

fn dot_request(session: &Session, counter: u64, shape: [usize; 3], bits: u32) -> (AdjusDotRequest, [u64; 3]) {
    let [m, k, n] = shape;
    let starts =
        [counter, counter + blocks(m * k, bits), counter + blocks(m * k, bits) + blocks(k * n, bits)];
    let sizes = [m * k, k * n, m * n];
    let prg_inputs = starts.iter().zip(sizes).map(|(start, count)| buffer(*start, count, bits)).collect();
    let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let request = AdjusDotRequest {
        session_id: session.id.clone(),
        prg_inputs,
        field: session.field(bits),
        m: number(m),
        n: number(n),
        k: number(k),
    };
    (request, starts)
}

fn dot(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    for (bits, counter) in RINGS.into_iter().zip([0, 1000, 2000]) {
        let shape @ [m, k, n] = [3, 5, 2];
        let (request, [a, b, c]) = dot_request(&session, counter, shape, bits);
        let answer = client.adjust_dot(request)?;
        let joined = product(&session.sum(a, m * k, bits), &session.sum(b, k * n, bits), shape, bits);
        let expected = zip(&joined, &session.sum(c, m * n, bits), |ab, c| ab.wrapping_sub(c) & mask(bits));
        equal("A·B - C", bits, &[expected], &corrections(&answer, bits)?)?;
    }
    Ok(())
}

fn and(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    for (bits, counter) in RINGS.into_iter().zip([0, 1000, 2000]) {
        let (prg_inputs, [a, b, c]) = three(counter, 6, bits);
        let field = session.field(bits);
        let answer =
            client.adjust_and(AdjustAndRequest { session_id: session.id.clone(), prg_inputs, field })?;
        let both = zip(&session.xor(a, 6, bits), &session.xor(b, 6, bits), |a, b| a & b);
        let expected = zip(&both, &session.xor(c, 6, bits), |ab, c| ab ^ c);
        equal("(a & b) ^ c", bits, &[expected], &corrections(&answer, bits)?)?;
    }
    Ok(())
}

fn trunc_request(session: &Session, counter: u64, count: usize, bits: u32, by: i32) -> AdjustTruncRequest {
    let (mut prg_inputs, _) = three(counter, count, bits);
    prg_inputs.truncate(2);
    AdjustTruncRequest { session_id: session.id.clone(), prg_inputs, field: session.field(bits), bits: by }
}

fn trunc(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    for (bits, counter) in RINGS.into_iter().zip([0, 1000, 2000]) {
        let answer = client.adjust_trunc(trunc_request(&session, counter, 6, bits, 13))?;
        let (_, [r, s, _]) = three(counter, 6, bits);
        let shifted: Vec<_> =
            session.sum(r, 6, bits).iter().map(|r| arithmetic_shift(*r, 13, bits)).collect();
        let expected = zip(&shifted, &session.sum(s, 6, bits), |r, s| r.wrapping_sub(s) & mask(bits));
        equal("(r >> 13) - s", bits, &[expected], &corrections(&answer, bits)?)?;
    }
    Ok(())
}

fn trunc_pr(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    for (bits, counter) in RINGS.into_iter().zip([0, 1000, 2000]) {
        let (prg_inputs, [r, high, top]) = three(counter, 6, bits);
        let field = session.field(bits);
        let request = AdjustTruncPrRequest { session_id: session.id.clone(), prg_inputs, field, bits: 13 };
        let answer = client.adjust_trunc_pr(request)?;
        let r = session.sum(r, 6, bits);
        let part = |f: fn(u128, u32) -> u128| r.iter().map(|r| f(*r, bits)).collect::<Vec<_>>();
        let less = |a: Vec<u128>, start: u64| {
            zip(&a, &session.sum(start, 6, bits), |a, b| a.wrapping_sub(b) & mask(bits))
        };
        let expected = [
            less(part(|r, bits| (r & (mask(bits) >> 1)) >> 13), high),
            less(part(|r, bits| r >> (bits - 1)), top),
        ];
        equal("the high part and the top bit of r", bits, &expected, &corrections(&answer, bits)?)?;
    }
    Ok(())
}

fn rand_bit(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    for (bits, counter) in RINGS.into_iter().zip([0, 1000, 2000]) {
        let count = 128;
        let prg_inputs = vec![buffer(counter, count, bits)];
        let field = session.field(bits);
        let answer = client.adjust_rand_bit(AdjustRandBitRequest {
            session_id: session.id.clone(),
            prg_inputs,
            field,
        })?;
        let found = corrections(&answer, bits)?;
        let correction = found.first().cloned().unwrap_or_default();
        let joined =
            zip(&correction, &session.sum(counter, count, bits), |a, b| a.wrapping_add(b) & mask(bits));
        let ones = joined.iter().filter(|bit| **bit == 1).count();
        let are_bits = joined.len() == count && joined.iter().all(|bit| *bit <= 1);
        // Fewer than 16 ones or zeros of 128 come by chance once in 10^18 runs.
        check(are_bits && (16..=count - 16).contains(&ones), "128 elements 0 or 1, of either some", || {
            format!("{} elements, {ones} of them 1", joined.len())
        })?;
    }
    Ok(())
}

fn shapes(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    for spoil in [
        (|request: &mut AdjusDotRequest| request.k += 1) as fn(&mut AdjusDotRequest),
        |request| request.m = 0,
        |request| request.n = -2,
    ] {
        let (mut request, _) = dot_request(&session, 0, [3, 5, 2], 64);
        spoil(&mut request);
        let answer = client.adjust_dot(request)?;
        refused((answer.code, &answer.message), OP_ADJUST_ERROR)?;
    }
    good_mul(&client, &session, 100, 4, 64)
}

fn shape_overflow(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    let (mut request, _) = dot_request(&session, 0, [3, 5, 2], 64);
    (request.m, request.k, request.n) = (1 << 40, 1 << 40, 1 << 40);
    let answer = client.adjust_dot(request)?;
    refused((answer.code, &answer.message), OP_ADJUST_ERROR)?;
    good_mul(&client, &session, 100, 4, 64)
}

fn trunc_beyond(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    for by in [64, 1000, -1] {
        let answer = client.adjust_trunc(trunc_request(&session, 0, 6, 64, by))?;
        refused((answer.code, &answer.message), OP_ADJUST_ERROR)?;
    }
    good_mul(&client, &session, 100, 4, 64)
}
