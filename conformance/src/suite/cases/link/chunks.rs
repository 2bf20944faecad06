//! MONO and CHUNKED.

use symbolon_wire::link::{ChunkInfo, PushRequest};

use super::{Opening, TRANSPORT};
use crate::suite::Bench;
use crate::suite::case::Case;
use crate::suite::messages::code;
use crate::suite::peer::Answer;
use crate::suite::verdict::{Finding, Outcome, check};

pub(super) const CASES: &[Case] = &[
    Case::must(
        "link/chunk/in-order",
        TRANSPORT,
        "A message in chunks of three bytes, in order, is read as one.",
        in_order,
    )
    .why("The sender chooses the size of chunks."),
    Case::must("link/chunk/reversed", TRANSPORT, "Chunks may come in any order.", reversed)
        .why("yacl keeps eight chunks under way at once."),
    Case::must("link/chunk/single", TRANSPORT, "A message may be one chunk that is all of it.", single)
        .why("Nothing says that CHUNKED needs two."),
    Case::must("link/chunk/one-byte", TRANSPORT, "A chunk may have one byte.", one_byte)
        .why("The sender chooses the size of chunks."),
    Case::must("link/chunk/repeated", TRANSPORT, "A chunk that comes again is ignored.", repeated)
        .why("A push that was answered too late is pushed again."),
    Case::should(
        "link/chunk/overlapping",
        TRANSPORT,
        "Chunks that overlap and agree are read as one message.",
        overlapping,
    )
    .erratum(37)
    .why("A sender that repeats with another chunk size makes them."),
    Case::must(
        "link/chunk/gap",
        TRANSPORT,
        "A message with a gap is not read before the gap is closed.",
        gap,
    )
    .why("The missing bytes would be taken for zeros."),
    Case::must(
        "link/chunk/beyond-the-end",
        "common/header.proto (INVALID_REQUEST)",
        "A chunk that reaches beyond message_length is refused, and never becomes part of a message.",
        beyond,
    )
    .erratum(37)
    .why("It writes outside the buffer of an implementation that does not look."),
    Case::must(
        "link/chunk/offset-overflow",
        "common/header.proto (INVALID_REQUEST)",
        "A chunk_offset close to 2^64 is refused.",
        overflow,
    )
    .erratum(37)
    .why("Offset plus length wraps around in an implementation that does not look."),
    Case::should(
        "link/chunk/other-length",
        "common/header.proto (INVALID_REQUEST)",
        "A chunk with another message_length than an earlier one of the message is refused.",
        other_length,
    )
    .erratum(37)
    .why("Which of the two lengths ends the message would depend on the order of arrival."),
    Case::should(
        "link/chunk/contradiction",
        "common/header.proto (INVALID_REQUEST)",
        "A chunk that gives other bytes for a place that is known is refused.",
        contradiction,
    )
    .erratum(37)
    .why("What is read would depend on the order of arrival."),
    Case::should(
        "link/chunk/huge-announcement",
        "common/header.proto (INVALID_RESOURCE)",
        "A first chunk that announces 2^60 bytes is refused; no memory is taken for them.",
        huge,
    )
    .erratum(12)
    .why("One push of a few bytes would otherwise take all memory."),
    Case::should(
        "link/chunk/without-info",
        "link/transport.proto",
        "CHUNKED without chunk_info is refused with INVALID_REQUEST.",
        without_info,
    )
    .why("Read as offset 0 and length 0 it would be a complete message of no bytes."),
    Case::should(
        "link/push/unknown-trans-type",
        "link/transport.proto",
        "A trans_type other than MONO and CHUNKED is refused with INVALID_REQUEST.",
        unknown_type,
    )
    .why("What the value means is not known."),
    Case::must(
        "link/push/mono-with-info",
        "link/transport.proto",
        "chunk_info beside MONO is ignored.",
        mono_with_info,
    )
    .why("The field is for CHUNKED alone."),
];

/// Pushes the opening message in these pieces, given as offset and length, and finishes the run.
fn pieces(bench: &mut Bench, pieces: impl Fn(usize) -> Vec<(usize, usize)>) -> Outcome {
    let opening = Opening::reach(bench)?;
    let key = opening.peer.numbered_key(&opening.key);
    let total = opening.value.len();
    for (offset, length) in pieces(total) {
        let part = opening.value.slice(offset..(offset + length).min(total));
        super::accepted(&opening.peer.push(opening.peer.chunk(&key, total as u64, offset as u64, part)))?;
    }
    opening.go_on(bench)
}

fn cut(total: usize, size: usize) -> Vec<(usize, usize)> {
    (0..total).step_by(size).map(|offset| (offset, size)).collect()
}

fn in_order(bench: &mut Bench) -> Outcome {
    pieces(bench, |total| cut(total, 3))
}

fn reversed(bench: &mut Bench) -> Outcome {
    pieces(bench, |total| cut(total, 7).into_iter().rev().collect())
}

fn single(bench: &mut Bench) -> Outcome {
    pieces(bench, |total| vec![(0, total)])
}

fn one_byte(bench: &mut Bench) -> Outcome {
    pieces(bench, |total| vec![(1, total - 2), (total - 1, 1), (0, 1)])
}

fn repeated(bench: &mut Bench) -> Outcome {
    pieces(bench, |total| {
        let twice = cut(total, 20).into_iter().flat_map(|piece| [piece, piece]);
        let mut twice: Vec<_> = twice.collect();
        twice.pop();
        twice
    })
}

fn overlapping(bench: &mut Bench) -> Outcome {
    pieces(bench, |total| vec![(0, 20), (40, total), (10, 25), (30, 15)])
}

fn gap(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    let key = opening.peer.numbered_key(&opening.key);
    let total = opening.value.len() as u64;
    let part = |from: usize, to: usize| opening.value.slice(from..to);
    super::accepted(&opening.peer.push(opening.peer.chunk(&key, total, 0, part(0, 10))))?;
    super::accepted(&opening.peer.push(opening.peer.chunk(&key, total, 11, part(11, opening.value.len()))))?;
    opening.waits()?;
    super::accepted(&opening.peer.push(opening.peer.chunk(&key, total, 10, part(10, 11))))?;
    opening.go_on(bench)
}

/// Pushes one good chunk and then a bad one, which is to be refused.
fn bad(bench: &mut Bench, total: u64, offset: u64, bytes: &'static [u8], wanted: i32) -> Outcome {
    let opening = Opening::reach(bench)?;
    let key = opening.peer.numbered_key(&opening.key);
    let length = opening.value.len() as u64;
    let good = opening.peer.chunk(&key, length, 0, opening.value.slice(0..10));
    super::accepted(&opening.peer.push(good))?;
    let answer = opening.peer.push(opening.peer.chunk(&key, total, offset, bytes));
    let outcome = super::refused(&answer, wanted);
    opening.waits()?;
    outcome
}

fn beyond(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    let key = opening.peer.numbered_key(&opening.key);
    let length = opening.value.len() as u64;
    let tail = [opening.value.slice(10..).as_ref(), b"more"].concat();
    super::accepted(&opening.peer.push(opening.peer.chunk(&key, length, 0, opening.value.slice(0..10))))?;
    let answer = opening.peer.push(opening.peer.chunk(&key, length, 10, tail));
    let outcome = super::refused(&answer, code::INVALID_REQUEST);
    opening.waits()?;
    outcome
}

fn overflow(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    let key = opening.peer.numbered_key(&opening.key);
    let length = opening.value.len() as u64;
    let answer = opening.peer.push(opening.peer.chunk(&key, length, u64::MAX - 1, b"four".as_slice()));
    let outcome = super::refused(&answer, code::INVALID_REQUEST);
    opening.waits()?;
    outcome
}

fn other_length(bench: &mut Bench) -> Outcome {
    bad(bench, 14, 10, b"four", code::INVALID_REQUEST)
}

fn contradiction(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    let key = opening.peer.numbered_key(&opening.key);
    let length = opening.value.len() as u64;
    let good = opening.peer.chunk(&key, length, 0, opening.value.slice(0..10));
    super::accepted(&opening.peer.push(good))?;
    let spoiled: Vec<u8> = opening.value.slice(5..15).iter().map(|byte| byte ^ 0xff).collect();
    let answer = opening.peer.push(opening.peer.chunk(&key, length, 5, spoiled));
    let outcome = super::refused(&answer, code::INVALID_REQUEST);
    opening.waits()?;
    outcome
}

fn huge(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    let answer = opening.peer.push(opening.peer.chunk(
        &opening.peer.numbered_key(&opening.key),
        1 << 60,
        0,
        b"little".as_slice(),
    ));
    let outcome = super::refused(&answer, code::INVALID_RESOURCE);
    check(bench.is_running() || outcome.is_ok(), "a testee that lives on or gives up in order", || {
        "it is gone".into()
    })?;
    outcome
}

/// Pushes the whole opening message with these fields.
fn raw(bench: &mut Bench, trans_type: i32, chunk_info: Option<ChunkInfo>) -> Outcome<(Opening, Answer)> {
    let opening = Opening::reach(bench)?;
    let request = PushRequest {
        sender_rank: opening.peer.rank as u64,
        key: opening.peer.numbered_key(&opening.key),
        value: opening.value.clone(),
        trans_type,
        chunk_info,
    };
    let answer = match opening.peer.push_raw(bench.address(), request) {
        Ok(response) => {
            let header = response.header.unwrap_or_default();
            match header.error_code {
                0 => Answer::Accepted,
                code => Answer::Refused { code, text: header.error_msg },
            }
        }
        Err(reason) if reason.contains("HTTP") || reason.contains("transport") => {
            return Err(Finding::Unsupported(format!("a push over gRPC: {reason}")));
        }
        Err(reason) => Answer::Unreachable(reason),
    };
    Ok((opening, answer))
}

fn without_info(bench: &mut Bench) -> Outcome {
    let (opening, answer) = raw(bench, 1, None)?;
    let outcome = super::refused(&answer, code::INVALID_REQUEST);
    opening.waits()?;
    outcome
}

fn unknown_type(bench: &mut Bench) -> Outcome {
    let (opening, answer) = raw(bench, 7, None)?;
    let outcome = super::refused(&answer, code::INVALID_REQUEST);
    opening.waits()?;
    outcome
}

fn mono_with_info(bench: &mut Bench) -> Outcome {
    let (opening, answer) = raw(bench, 0, Some(ChunkInfo { message_length: 3, chunk_offset: 99 }))?;
    super::accepted(&answer)?;
    opening.go_on(bench)
}
