//! Requests that lie.

use symbolon_wire::service::{AdjusDotRequest, AdjustMulRequest};

use super::{BEAVER, dot_request, good_mul, mul_request, open, refused, trunc_request};
use crate::suite::Bench;
use crate::suite::case::{Case, DEALER};
use crate::suite::dealer::OP_ADJUST_ERROR;
use crate::suite::verdict::Outcome;

/// A request for corrections of a product that is to be refused; the dealer serves a good one after it.
macro_rules! product_request {
    ($id:literal, $requirement:literal, $why:literal, $spoil:expr) => {
        dealer!(must, $id, $requirement, $why, |bench| refuse_mul(bench, $spoil))
    };
}

pub(super) const CASES: &[Case] = &[
    Case::should(
        "dealer/request/blocks-used-before",
        BEAVER,
        "A product over blocks of the streams that an earlier one used is refused with OpAdjustError.",
        blocks_used_before,
    )
    .roles(DEALER)
    .erratum(28)
    .why("The difference of two corrections under one mask tells about the other parties' shares."),
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

fn blocks_used_before(bench: &mut Bench) -> Outcome {
    let (client, session) = open(bench, 2)?;
    good_mul(&client, &session, 0, 4, 64)?;
    let answer = client.adjust_mul(mul_request(&session, 1, 4, 64))?;
    refused((answer.code, &answer.message), OP_ADJUST_ERROR)
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
