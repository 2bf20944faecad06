//! All six operations in three rings, against a model of their own.

use symbolon_wire::service::{AdjustAndRequest, AdjustRandBitRequest, AdjustTruncPrRequest};

use super::{
    BEAVER, RINGS, corrections, dot_request, equal, good_mul, mul_request, open, products, three,
    trunc_request, zip,
};
use crate::suite::Bench;
use crate::suite::case::{Case, DEALER};
use crate::suite::dealer::buffer;
use crate::suite::streams::{arithmetic_shift, mask, product};
use crate::suite::verdict::{Outcome, check};

pub(super) const CASES: &[Case] = &[
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
    dealer!(
        should,
        "dealer/operation/repeated",
        "The same request again gets the same corrections.",
        "A call whose answer was lost is repeated.",
        repeated
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

fn repeated(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    good_mul(&client, &session, 7, 4, 64)?;
    good_mul(&client, &session, 7, 4, 64)
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
