//! SPU's service in both forms: every operation against the model's vectors, seeds and requests that lie.

use std::collections::BTreeMap;

use serde_json::Value;
use symbolon_dialect::Construction;

use crate::suite::Bench;
use crate::suite::bench::DealerForm;
use crate::suite::case::{Case, DEALER};
use crate::suite::spu::{
    Adjust, Answer, Buffer, Client, Form, KeyPair, OP_ADJUST_ERROR, Permutation, SEED_DECRYPT_ERROR,
};
use crate::suite::streams::{elements, mask};
use crate::suite::verdict::{Finding, Outcome, check};

const SOURCE: &str = "SPU 0.9.5, ttp_server/service.proto, as recorded in vectors/dealer";

/// Requests and corrections, computed by conformance/model.
const VECTORS: [&str; 3] = [
    include_str!("../../../../../vectors/triples/model-32.json"),
    include_str!("../../../../../vectors/triples/model-64.json"),
    include_str!("../../../../../vectors/triples/model-128.json"),
];

/// The same case for both forms.
macro_rules! both {
    ($level:ident, $http:literal, $unary:literal, $requirement:literal, $why:literal, $run:expr) => {
        &[
            Case::$level($http, SOURCE, $requirement, |bench| $run(bench, Form::Http))
                .roles(DEALER)
                .erratum(15)
                .why($why),
            Case::$level($unary, SOURCE, $requirement, |bench| $run(bench, Form::Unary))
                .roles(DEALER)
                .erratum(15)
                .why($why),
        ]
    };
}

/// An operation of the vectors.
macro_rules! operation {
    ($http:literal, $unary:literal, $op:literal, $requirement:literal, $why:literal) => {
        both!(must, $http, $unary, $requirement, $why, |bench, form| operation(bench, form, $op, false))
    };
}

/// A spoiled request for a product, to be refused with a code; the dealer serves a good one after it.
macro_rules! spoiled {
    ($level:ident, $http:literal, $unary:literal, $requirement:literal, $why:literal, $code:expr, $spoil:expr) => {
        both!($level, $http, $unary, $requirement, $why, |bench, form| refuse(bench, form, $code, $spoil))
    };
}

pub(in crate::suite::cases) const CASES: &[&[Case]] = &[
    operation!(
        "dealer/spu-http/dot",
        "dealer/spu-unary/dot",
        "dot",
        "AdjustDot gives A·B - C of the joined streams, for two and three parties, in rings of 32, 64 and 128 bits.",
        "Every step of a training takes two of them."
    ),
    both!(
        must,
        "dealer/spu-http/dot-transposed",
        "dealer/spu-unary/dot-transposed",
        "With transpose_inputs a buffer holds the transposed matrix: one mask serves X and its transpose.",
        "SPU keeps masks of an earlier product and asks for them a second time.",
        |bench, form| operation(bench, form, "dot", true)
    ),
    operation!(
        "dealer/spu-http/mul",
        "dealer/spu-unary/mul",
        "mul",
        "AdjustMul gives a·b - c, element by element, also far into the streams.",
        "A wrong correction makes every product wrong, unseen."
    ),
    operation!(
        "dealer/spu-http/mul-priv",
        "dealer/spu-unary/mul-priv",
        "mul-priv",
        "AdjustMulPriv gives the product of the parties' own numbers less the sum of their shares.",
        "Products of two private numbers are made of it."
    ),
    operation!(
        "dealer/spu-http/square",
        "dealer/spu-unary/square",
        "square",
        "AdjustSquare gives a·a - b.",
        "Squares are made of it."
    ),
    operation!(
        "dealer/spu-http/and",
        "dealer/spu-unary/and",
        "and",
        "AdjustAnd gives (a & b) ^ c of streams joined by exclusive or.",
        "Comparisons are made of it."
    ),
    operation!(
        "dealer/spu-http/trunc",
        "dealer/spu-unary/trunc",
        "trunc",
        "AdjustTrunc gives (r >> bits) - s with an arithmetic shift.",
        "More than two parties truncate by these pairs."
    ),
    operation!(
        "dealer/spu-http/trunc-pr",
        "dealer/spu-unary/trunc-pr",
        "trunc-pr",
        "AdjustTruncPr gives the high part of r without its top bit, and the top bit, one after the other.",
        "Precise truncation is made of it."
    ),
    operation!(
        "dealer/spu-http/eqz",
        "dealer/spu-unary/eqz",
        "eqz",
        "AdjustEqz gives a, joined by addition, ^ b, joined by exclusive or.",
        "Tests for zero are made of it."
    ),
    both!(
        must,
        "dealer/spu-http/perm",
        "dealer/spu-unary/perm",
        "AdjustPerm gives the numbers moved by the permutation of one party's stream, less those of the second buffer.",
        "Sorting is made of it.",
        |bench, form| operation(bench, form, "perm", false)
    ),
    both!(
        must,
        "dealer/spu-http/rand-bit",
        "dealer/spu-unary/rand-bit",
        "AdjustRandBit gives corrections with which every element becomes 0 or 1, not always the same.",
        "The bits are the dealer's: a sum of streams is no bit.",
        rand_bit
    ),
    both!(
        must,
        "dealer/spu-http/again",
        "dealer/spu-unary/again",
        "The same request again gets the same corrections: the dealer keeps nothing of a call.",
        "A call whose answer was lost is repeated.",
        again
    ),
    both!(
        must,
        "dealer/spu-http/concurrent",
        "dealer/spu-unary/concurrent",
        "Calls of two jobs that come at the same time get the corrections of their own seeds.",
        "One dealer serves many jobs.",
        concurrent
    ),
    both!(
        should,
        "dealer/spu-http/large",
        "dealer/spu-unary/large",
        "A product of 200,000 elements is corrected in full.",
        "Batches of real trainings are as large.",
        large
    ),
    spoiled!(
        must,
        "dealer/spu-http/seed-for-another-key",
        "dealer/spu-unary/seed-for-another-key",
        "A seed that is sealed to another key is refused with SeedDecryptError.",
        "The streams would be others than the party's, and every result noise.",
        SEED_DECRYPT_ERROR,
        |adjust: &mut Adjust| seal_anew(adjust, 2, &[7; 16])
    ),
    spoiled!(
        must,
        "dealer/spu-http/seed-no-ciphertext",
        "dealer/spu-unary/seed-no-ciphertext",
        "Bytes that are no SM2 ciphertext are refused with SeedDecryptError.",
        "A parser of ASN.1 must take whatever comes.",
        SEED_DECRYPT_ERROR,
        |adjust: &mut Adjust| replace_seed(adjust, vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1])
    ),
    spoiled!(
        must,
        "dealer/spu-http/seed-too-short",
        "dealer/spu-unary/seed-too-short",
        "A sealed seed of 15 bytes is refused with SeedDecryptError.",
        "Filled up with zeros it is weaker than it looks.",
        SEED_DECRYPT_ERROR,
        |adjust: &mut Adjust| seal_anew(adjust, 1, &[7; 15])
    ),
    spoiled!(
        must,
        "dealer/spu-http/seed-too-long",
        "dealer/spu-unary/seed-too-long",
        "A sealed seed of 17 bytes is refused with SeedDecryptError.",
        "Which of them count is said nowhere.",
        SEED_DECRYPT_ERROR,
        |adjust: &mut Adjust| seal_anew(adjust, 1, &[7; 17])
    ),
    spoiled!(
        should,
        "dealer/spu-http/no-seeds",
        "dealer/spu-unary/no-seeds",
        "A buffer without seeds is refused with OpAdjustError.",
        "There is no stream to draw from.",
        OP_ADJUST_ERROR,
        |adjust: &mut Adjust| adjust.prg_inputs.iter_mut().for_each(|input| input.encrypted_seeds.clear())
    ),
    spoiled!(
        must,
        "dealer/spu-http/no-buffers",
        "dealer/spu-unary/no-buffers",
        "A request without prg_inputs is refused with OpAdjustError.",
        "The first is used as an index by careless code.",
        OP_ADJUST_ERROR,
        |adjust: &mut Adjust| adjust.prg_inputs.clear()
    ),
    spoiled!(
        must,
        "dealer/spu-http/missing-buffer",
        "dealer/spu-unary/missing-buffer",
        "A product with two buffers is refused with OpAdjustError.",
        "The third is used as an index by careless code.",
        OP_ADJUST_ERROR,
        |adjust: &mut Adjust| drop(adjust.prg_inputs.pop())
    ),
    spoiled!(
        must,
        "dealer/spu-http/buffers-of-unequal-size",
        "dealer/spu-unary/buffers-of-unequal-size",
        "A product whose buffers have different sizes is refused with OpAdjustError.",
        "One of them would be read beyond its end.",
        OP_ADJUST_ERROR,
        |adjust: &mut Adjust| if let Some(input) = adjust.prg_inputs.get_mut(1) {
            input.buffer_len -= 8;
        }
    ),
    spoiled!(
        must,
        "dealer/spu-http/part-of-an-element",
        "dealer/spu-unary/part-of-an-element",
        "Buffers that hold no whole number of elements are refused with OpAdjustError.",
        "The last element would be read beyond the end.",
        OP_ADJUST_ERROR,
        |adjust: &mut Adjust| adjust.prg_inputs.iter_mut().for_each(|input| input.buffer_len -= 1)
    ),
    spoiled!(
        must,
        "dealer/spu-http/unknown-ring",
        "dealer/spu-unary/unknown-ring",
        "A field_size that is none of 4, 8 and 16 is refused with OpAdjustError.",
        "The width of elements is taken from it.",
        OP_ADJUST_ERROR,
        |adjust: &mut Adjust| adjust.field_size = 5
    ),
    spoiled!(
        must,
        "dealer/spu-http/huge",
        "dealer/spu-unary/huge",
        "A request for 2^60 bytes is refused with OpAdjustError; no memory is taken for it.",
        "One call of a few bytes would otherwise stop the dealer for all.",
        OP_ADJUST_ERROR,
        |adjust: &mut Adjust| adjust.prg_inputs.iter_mut().for_each(|input| input.buffer_len = 1 << 60)
    ),
    both!(
        must,
        "dealer/spu-http/unknown-method",
        "dealer/spu-unary/unknown-method",
        "A method that the service does not have is refused by the carrier, and the dealer lives on.",
        "A later SPU may ask for more.",
        |bench, form| not_served(bench, form, "AdjustEverything", b"{}")
    ),
    both!(
        must,
        "dealer/spu-http/garbage",
        "dealer/spu-unary/garbage",
        "A body that is no request is refused, and the dealer lives on.",
        "Whoever reaches the port can send it.",
        |bench, form| not_served(bench, form, "AdjustMul", b"{\"prg_inputs\": [{\"buffer_len\": \xff\xff")
    ),
];

/// A dealer and how to speak to it.
struct Started {
    client: Client,
    key: KeyPair,
    construction: Construction,
}

fn start(bench: &mut Bench, form: Form) -> Outcome<Started> {
    let key = KeyPair::of_number(1).map_err(Finding::Error)?;
    let [secret, public] = key.write(bench.folder()).map_err(Finding::Error)?;
    let service = DealerForm::Spu(form);
    bench.start_dealer(service.word(), Some((&secret, &public)))?;
    let client = Client::new(bench.address(), form, bench.log.clone())?;
    Ok(Started { client, key, construction: bench.dealer_stream(service) })
}

/// A request of the vectors with what is to come back.
#[derive(Debug, Clone)]
struct Known {
    method: &'static str,
    bits: u32,
    adjust: Adjust,
    /// The corrections, one after the other.
    corrections: Vec<u8>,
}

fn method(op: &str) -> &'static str {
    match op {
        "dot" => "AdjustDot",
        "mul" => "AdjustMul",
        "mul-priv" => "AdjustMulPriv",
        "square" => "AdjustSquare",
        "and" => "AdjustAnd",
        "trunc" => "AdjustTrunc",
        "trunc-pr" => "AdjustTruncPr",
        "rand-bit" => "AdjustRandBit",
        "eqz" => "AdjustEqz",
        "perm" => "AdjustPerm",
        _ => "",
    }
}

/// The vectors of an operation in streams of that construction.
fn known(
    key: &KeyPair,
    construction: Construction,
    op: &str,
    transposed: bool,
) -> Result<Vec<Known>, String> {
    let name = match construction {
        Construction::BlocksLittleEndian => "blocks-little-endian",
        Construction::CtrBigEndian => "ctr-big-endian",
    };
    let none = Vec::new();
    let list = |value: &Value| value.as_array().unwrap_or(&none).clone();
    let mut all = Vec::new();
    for text in VECTORS {
        let file: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for group in list(&file["groups"]) {
            if group["cipher"] != "aes-128" || group["construction"] != name {
                continue;
            }
            let bits = u32::try_from(group["field_bits"].as_u64().unwrap_or_default()).unwrap_or_default();
            let seeds = list(&group["seeds"]).iter().map(bytes).collect::<Result<Vec<_>, _>>()?;
            let sealed = seeds.iter().map(|seed| key.seal(seed)).collect::<Result<Vec<_>, _>>()?;
            for test in list(&group["tests"]) {
                let is_transposed = list(&test["transposed"]).contains(&Value::Bool(true));
                if test["op"] == op && is_transposed == transposed {
                    all.push(Known {
                        method: method(op),
                        bits,
                        adjust: request(&test, bits, &sealed)?,
                        corrections: list(&test["corrections"])
                            .iter()
                            .map(bytes)
                            .collect::<Result<Vec<_>, _>>()?
                            .concat(),
                    });
                }
            }
        }
    }
    if all.is_empty() { Err(format!("no vector of {op}")) } else { Ok(all) }
}

fn bytes(value: &Value) -> Result<Vec<u8>, String> {
    hex::decode(value.as_str().unwrap_or_default()).map_err(|error| error.to_string())
}

fn request(test: &Value, bits: u32, sealed: &[Vec<u8>]) -> Result<Adjust, String> {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let inputs = test["inputs"].as_array().ok_or("a vector without inputs")?.iter().map(|input| Buffer {
        prg_count: number(&input["counter"]),
        buffer_len: number(&input["bytes"]),
        encrypted_seeds: sealed.to_vec(),
    });
    let transposed = test["transposed"].as_array().map(|two| {
        let mut three: Vec<bool> = two.iter().map(|one| one == &Value::Bool(true)).collect();
        three.push(false);
        three
    });
    let perm = test["perm_rank"].as_u64().map(|rank| Permutation {
        prg_count: number(&test["perm_counter"]),
        size: i64::try_from(number(&test["len"])).unwrap_or(i64::MAX),
        encrypted_seeds: sealed.get(rank as usize).cloned().unwrap_or_default(),
    });
    Ok(Adjust {
        prg_inputs: inputs.collect(),
        transpose_inputs: transposed.unwrap_or_default(),
        field_size: u64::from(bits / 8),
        shape: ["m", "n", "k"].map(|name| number(&test[name])),
        bits: number(&test["bits"]),
        perm,
    })
}

/// The answer is these corrections.
fn corrected(known: &Known, answer: &Answer) -> Outcome {
    let Known { method, bits, corrections, .. } = known;
    let expected = format!("{method} in the ring of 2^{bits}: {}", hex::encode(corrections));
    check(*answer == Answer::Corrections(corrections.clone()), expected, || match answer {
        Answer::Corrections(found) => hex::encode(found),
        other => other.to_string(),
    })
}

fn operation(bench: &mut Bench, form: Form, op: &str, transposed: bool) -> Outcome {
    let Started { client, key, construction } = start(bench, form)?;
    for known in known(&key, construction, op, transposed).map_err(Finding::Error)? {
        corrected(&known, &client.call(known.method, &known.adjust)?)?;
    }
    Ok(())
}

/// The first product of the vectors in the ring of 2^64.
fn product(started: &Started) -> Outcome<Known> {
    let all = known(&started.key, started.construction, "mul", false).map_err(Finding::Error)?;
    all.into_iter()
        .find(|known| known.bits == 64)
        .ok_or_else(|| Finding::Error("no product in the vectors".into()))
}

fn rand_bit(bench: &mut Bench, form: Form) -> Outcome {
    let Started { client, key, construction } = start(bench, form)?;
    let seeds = [[0x11; 16], [0x22; 16]];
    let sealed = seeds.map(|seed| key.seal(&seed)).into_iter().collect::<Result<Vec<_>, _>>();
    let sealed = sealed.map_err(Finding::Error)?;
    let count = 128;
    for bits in super::RINGS {
        let length = count * bits as usize / 8;
        let input = Buffer { prg_count: 3, buffer_len: length as u64, encrypted_seeds: sealed.clone() };
        let adjust = Adjust { prg_inputs: vec![input], field_size: u64::from(bits / 8), ..Adjust::default() };
        let Answer::Corrections(correction) = client.call("AdjustRandBit", &adjust)? else {
            return Err(Finding::fail("corrections", "a refusal"));
        };
        let mut joined = elements(&correction, bits);
        for seed in seeds {
            let share = elements(&crate::suite::streams::draw(&seed, construction, 3, length), bits);
            for (sum, share) in joined.iter_mut().zip(share) {
                *sum = sum.wrapping_add(share) & mask(bits);
            }
        }
        let ones = joined.iter().filter(|bit| **bit == 1).count();
        let are_bits = joined.len() == count && joined.iter().all(|bit| *bit <= 1);
        // Fewer than 16 ones or zeros of 128 come by chance once in 10^18 runs.
        check(are_bits && (16..=count - 16).contains(&ones), "128 elements 0 or 1, of either some", || {
            format!("{} elements, {ones} of them 1", joined.len())
        })?;
    }
    Ok(())
}

fn again(bench: &mut Bench, form: Form) -> Outcome {
    let started = start(bench, form)?;
    let known = product(&started)?;
    for _ in 0..3 {
        corrected(&known, &started.client.call(known.method, &known.adjust)?)?;
    }
    Ok(())
}

fn concurrent(bench: &mut Bench, form: Form) -> Outcome {
    let started = start(bench, form)?;
    let all = known(&started.key, started.construction, "mul", false).map_err(Finding::Error)?;
    // Groups of two and of three parties have seeds of their own.
    let mut jobs = BTreeMap::new();
    for known in all.into_iter().filter(|known| known.bits == 64) {
        let parties = known.adjust.prg_inputs.first().map_or(0, |input| input.encrypted_seeds.len());
        jobs.entry(parties).or_insert(known);
    }
    std::thread::scope(|scope| {
        let turns = (0..8).flat_map(|_| jobs.values());
        let calls: Vec<_> = turns
            .map(|known| scope.spawn(|| corrected(known, &started.client.call(known.method, &known.adjust)?)))
            .collect();
        calls.into_iter().try_for_each(|call| {
            call.join().unwrap_or_else(|_| Err(Finding::Error("a call panicked".into())))
        })
    })
}

fn large(bench: &mut Bench, form: Form) -> Outcome {
    let Started { client, key, construction } = start(bench, form)?;
    let (count, seeds) = (200_000, [[0x33; 16], [0x44; 16]]);
    let sealed = seeds.map(|seed| key.seal(&seed)).into_iter().collect::<Result<Vec<_>, _>>();
    let sealed = sealed.map_err(Finding::Error)?;
    let (length, step) = (count * 8, count as u64 / 2);
    let starts = [0, step, 2 * step];
    let buffer =
        |start| Buffer { prg_count: start, buffer_len: length as u64, encrypted_seeds: sealed.clone() };
    let adjust = Adjust { prg_inputs: starts.map(buffer).to_vec(), field_size: 8, ..Adjust::default() };
    let sum = |start: u64| -> Vec<u64> {
        let [one, two] =
            seeds.map(|seed| elements(&crate::suite::streams::draw(&seed, construction, start, length), 64));
        one.iter().zip(two).map(|(one, two)| (*one as u64).wrapping_add(two as u64)).collect()
    };
    let [a, b, c] = starts.map(sum);
    let expected: Vec<u8> = a
        .iter()
        .zip(b)
        .zip(c)
        .flat_map(|((a, b), c)| a.wrapping_mul(b).wrapping_sub(c).to_le_bytes())
        .collect();
    let answer = client.call("AdjustMul", &adjust)?;
    check(answer == Answer::Corrections(expected), "200,000 elements of a·b - c", || match &answer {
        Answer::Corrections(found) => format!("others, {} bytes", found.len()),
        refused => refused.to_string(),
    })
}

fn seal_anew(adjust: &mut Adjust, key: u8, seed: &[u8]) {
    // An empty ciphertext is refused, too, if sealing fails.
    let sealed = KeyPair::of_number(key).and_then(|key| key.seal(seed)).unwrap_or_default();
    replace_seed(adjust, sealed);
}

/// The seed of rank 1 in every buffer.
fn replace_seed(adjust: &mut Adjust, sealed: Vec<u8>) {
    for input in &mut adjust.prg_inputs {
        if let Some(seed) = input.encrypted_seeds.get_mut(1) {
            seed.clone_from(&sealed);
        }
    }
}

fn refuse(bench: &mut Bench, form: Form, wanted: i32, spoil: fn(&mut Adjust)) -> Outcome {
    let started = start(bench, form)?;
    let known = product(&started)?;
    let mut adjust = known.adjust.clone();
    spoil(&mut adjust);
    let expected = format!("a refusal with code {wanted}");
    let answer = started.client.call(known.method, &adjust)?;
    let outcome = match &answer {
        Answer::Corrections(_) => Err(Finding::fail(expected, answer.to_string())),
        Answer::Refused { code, .. } if *code == wanted => Ok(()),
        other => Err(Finding::lenient(expected, other.to_string())),
    };
    corrected(&known, &started.client.call(known.method, &known.adjust)?)?;
    outcome
}

fn not_served(bench: &mut Bench, form: Form, method: &str, body: &[u8]) -> Outcome {
    let started = start(bench, form)?;
    let answer = started.client.call_raw(method, body)?;
    check(!matches!(answer, Answer::Corrections(_)), "a refusal", || answer.to_string())?;
    let known = product(&started)?;
    corrected(&known, &started.client.call(known.method, &known.adjust)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing of the vectors is passed over.
    #[test]
    fn every_operation_has_vectors_in_every_ring_and_for_three_parties() {
        let key = KeyPair::of_number(1).unwrap();
        for construction in [Construction::BlocksLittleEndian, Construction::CtrBigEndian] {
            for op in
                ["dot", "mul", "mul-priv", "square", "and", "trunc", "trunc-pr", "rand-bit", "eqz", "perm"]
            {
                let all = known(&key, construction, op, false).unwrap();
                assert!(all.iter().all(|known| !known.method.is_empty()));
                for bits in super::super::RINGS {
                    let parties: Vec<_> = all
                        .iter()
                        .filter(|known| known.bits == bits)
                        .map(|known| known.adjust.prg_inputs[0].encrypted_seeds.len())
                        .collect();
                    assert!(parties.contains(&2), "{op} in the ring of 2^{bits}");
                    assert!(op == "mul-priv" || parties.contains(&3), "{op} in the ring of 2^{bits}");
                }
            }
            assert!(!known(&key, construction, "dot", true).unwrap().is_empty());
        }
    }
}
