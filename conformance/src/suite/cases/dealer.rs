//! The trusted dealer: the interconnection service and SPU's.

/// A case of the dealer.
macro_rules! dealer {
    ($level:ident, $id:literal, $requirement:literal, $why:literal, $run:expr) => {
        Case::$level($id, BEAVER, $requirement, $run).roles(DEALER).why($why)
    };
}

mod operations;
mod requests;
mod sessions;
mod spu;

use symbolon_wire::service::{
    AdjusDotRequest, AdjustMulRequest, AdjustResponse, AdjustTruncRequest, PrgBufferMeta,
};

use crate::suite::Bench;
use crate::suite::case::Case;
use crate::suite::dealer::{Client, Session, blocks, buffer};
use crate::suite::streams::{elements, mask};
use crate::suite::verdict::{Finding, Outcome, check};

pub(in crate::suite::cases) use spu::CASES as SPU;

pub(super) const CASES: &[&[Case]] = &[sessions::CASES, operations::CASES, requests::CASES];

const BEAVER: &str = "PPCA 7-2023 (SS-LR), annex B; service/beaver.proto";
const RINGS: [u32; 3] = [32, 64, 128];

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

fn good_mul(client: &Client, session: &Session, counter: u64, count: usize, bits: u32) -> Outcome {
    let answer = client.adjust_mul(mul_request(session, counter, count, bits))?;
    equal("a·b - c", bits, &[products(session, counter, count, bits)], &corrections(&answer, bits)?)
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

fn trunc_request(session: &Session, counter: u64, count: usize, bits: u32, by: i32) -> AdjustTruncRequest {
    let (mut prg_inputs, _) = three(counter, count, bits);
    prg_inputs.truncate(2);
    AdjustTruncRequest { session_id: session.id.clone(), prg_inputs, field: session.field(bits), bits: by }
}
