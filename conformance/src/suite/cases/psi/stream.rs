//! Batches: their fields, their end, and batches that lie.

use symbolon_dialect::EndOfStream;
use symbolon_wire::runtime::EcdhPsiCipherBatch;

use super::{PPCA_9, agreed, honest, honest_with, own};
use crate::suite::Bench;
use crate::suite::bench::{PsiTask, ids};
use crate::suite::case::{Case, RANK_0};
use crate::suite::intersect::{self, FIRST, SECOND, Side};
use crate::suite::points::{Format, SM2_SM3, Suite, X25519};
use crate::suite::verdict::{Outcome, check};

/// Spoils the first batch of the suite's points that are masked once; the testee gives up.
macro_rules! first_spoiled {
    ($level:ident, $id:literal, $requirement:literal, $why:literal, $suite:expr, $spoil:expr) => {
        Case::$level($id, PPCA_9, $requirement, |bench| first_spoiled(bench, $suite, $spoil)).why($why)
    };
}

/// Spoils the first batch of the testee's points, masked twice; the testee gives up.
macro_rules! second_spoiled {
    ($level:ident, $id:literal, $requirement:literal, $why:literal, $spoil:expr) => {
        Case::$level($id, PPCA_9, $requirement, |bench| second_spoiled(bench, $spoil)).why($why)
    };
}

pub(super) const CASES: &[Case] = &[
    Case::must(
        "psi/stream/fields",
        PPCA_9,
        "Batches have the type enc or dual.enc, indices from 0 without a gap, is_last_batch on the last alone, and count \
         points of equal length.",
        fields,
    )
    .erratum(10)
    .why("A reader orders batches by their index and divides the ciphertext by count."),
    Case::observed(
        "psi/stream/end-of-its-own",
        "secretflow psi (2026-04), interconnection-impl 4dc46f7",
        "A stream ends with a batch of no points of its own, whose index is the number of batches before it.",
        end_of_its_own,
    )
    .erratum(10)
    .applies(|dialect| dialect.end_of_stream == EndOfStream::EmptyBatch)
    .why("Deployed parties wait for it, also after a full batch."),
    Case::must(
        "psi/stream/small-batches",
        PPCA_9,
        "The sender chooses the size of its batches: one point each is understood.",
        |bench| honest_with(bench, &PsiTask::default(), &Side { batch_size: 1, ..Side::new(own()) }),
    )
    .why("Nothing negotiates it."),
    Case::must(
        "psi/stream/end-of-the-document",
        PPCA_9,
        "is_last_batch on the last batch that carries points ends the stream.",
        |bench| other_end(bench, EndOfStream::LastBatch),
    )
    .erratum(10)
    .why("The document has it so."),
    Case::must(
        "psi/stream/end-of-the-deployed",
        "secretflow psi (2026-04), interconnection-impl 4dc46f7",
        "An empty batch with is_last_batch ends the stream.",
        |bench| other_end(bench, EndOfStream::EmptyBatch),
    )
    .erratum(10)
    .why("Deployed parties send it."),
    Case::should(
        "psi/stream/large-set",
        "secretflow psi (2026-04)",
        "A set of more than 4096 ids is sent and intersected.",
        |bench| honest(bench, &PsiTask { ids: ids("t", 4200, 7), ..PsiTask::default() }, ids("s", 20, 7)),
    )
    .why("Deployed parties cut it into a full batch, one that is not, and an end."),
    first_spoiled!(
        must,
        "psi/stream/wrong-index",
        "A batch with another index than the next is refused.",
        "A batch is missing or doubled; positions would be wrong.",
        X25519,
        |batch| batch.batch_index += 1
    ),
    first_spoiled!(
        should,
        "psi/stream/repeat-map-beyond",
        "A map of repeated ids that names a point beyond the batch is refused.",
        "The key is used as an index by careless code.",
        X25519,
        |batch| {
            batch.duplicate_item_cnt_map.insert(1000, 1);
        }
    ),
    first_spoiled!(
        must,
        "psi/stream/wrong-type",
        "A batch of the type dual.enc on the channel of points that are masked once is refused.",
        "The other is in another step.",
        X25519,
        |batch| "dual.enc".clone_into(&mut batch.r#type)
    ),
    first_spoiled!(
        must,
        "psi/stream/count-too-large",
        "A batch whose count is larger than its points is refused.",
        "A reader that believes the count reads beyond the buffer.",
        X25519,
        |batch| batch.count += 1
    ),
    first_spoiled!(
        should,
        "psi/stream/count-too-small",
        "A batch whose count is smaller than its points is refused.",
        "Points would be lost or counted for the next batch.",
        X25519,
        |batch| batch.count -= 1
    ),
    first_spoiled!(
        must,
        "psi/stream/count-negative",
        "A batch with a negative count is refused.",
        "Taken for an unsigned number it is close to 2^32.",
        X25519,
        |batch| batch.count = -5
    ),
    first_spoiled!(
        must,
        "psi/stream/short-point",
        "A ciphertext that is no multiple of the length of a point is refused.",
        "The last point would be read from beyond the buffer.",
        X25519,
        |batch| batch.ciphertext.truncate(batch.ciphertext.len() - 1)
    ),
    Case::should(
        "psi/stream/more-than-announced",
        PPCA_9,
        "More points than the request announced are refused.",
        |bench| {
            first_spoiled(bench, X25519, |batch| {
                batch.ciphertext = batch.ciphertext.repeat(2).into();
                batch.count *= 2;
            })
        },
    )
    .roles(RANK_0)
    .why("Memory and the length of truncated points are computed from the announced number. Rank 1 is told none."),
    first_spoiled!(
        must,
        "psi/point/low-order",
        "The point 0 of Curve25519, whose product with every secret is 0, is refused.",
        "It matches whatever its sender wants it to match.",
        X25519,
        |batch| overwrite(batch, &[0; 32])
    ),
    first_spoiled!(
        should,
        "psi/point/low-order-one",
        "The point 1 of Curve25519, of order 4, is refused.",
        "Its product with every clamped secret is 0.",
        X25519,
        |batch| {
            let mut one = [0; 32];
            one[0] = 1;
            overwrite(batch, &one);
        }
    ),
    first_spoiled!(
        must,
        "psi/point/off-the-curve",
        "Bytes that are no point of SM2 are refused: there is none with x = 2.",
        "Products of points of other curves give the secret away, piece by piece.",
        SM2_SM3,
        |batch| {
            let mut two = [0; 33];
            two[0] = 2;
            two[32] = 2;
            overwrite(batch, &two);
        }
    ),
    first_spoiled!(
        must,
        "psi/point/wrong-y",
        "Two coordinates that do not fulfil the equation of SM2 are refused.",
        "Products of points of other curves give the secret away, piece by piece.",
        Suite { format: Format::X962Uncompressed, ..SM2_SM3 },
        |batch| {
            let mut one_one = [0; 65];
            (one_one[0], one_one[32], one_one[64]) = (4, 1, 1);
            overwrite(batch, &one_one);
        }
    ),
    first_spoiled!(
        must,
        "psi/point/format-byte",
        "A compressed point that begins with another byte than 2 and 3 is refused.",
        "It is in another format than agreed.",
        SM2_SM3,
        |batch| overwrite(batch, &[4])
    ),
    second_spoiled!(
        must,
        "psi/stream/fewer-returned",
        "Fewer points back than were sent are refused.",
        "The missing ones would count for ids that are not common.",
        |batch| {
            batch.count -= 1;
            batch.ciphertext.truncate(batch.ciphertext.len() - 32);
        }
    ),
    second_spoiled!(
        must,
        "psi/stream/more-returned",
        "More points back than were sent are refused.",
        "A reader that believes them has positions beyond its table.",
        |batch| {
            batch.ciphertext = [batch.ciphertext.as_ref(), &[9; 32]].concat().into();
            batch.count += 1;
        }
    ),
    second_spoiled!(
        should,
        "psi/stream/returned-too-short",
        "Points back that were cut to fewer bits than the set sizes need are refused.",
        "Ids that are not common match by chance.",
        |batch| {
            let short = batch.ciphertext.chunks(32).flat_map(|point| point.iter().take(2)).copied();
            batch.ciphertext = short.collect::<Vec<u8>>().into();
        }
    ),
    second_spoiled!(
        should,
        "psi/stream/returned-in-the-wrong-type",
        "A batch of the type enc on the channel of doubly masked points is refused.",
        "The other is in another step.",
        |batch| "enc".clone_into(&mut batch.r#type)
    ),
    Case::observed(
        "psi/stream/last-twelve-bytes",
        "interconnection-impl 4dc46f7; psi ff4787a",
        "Doubly masked points as their last 12 bytes, though nobody announced it, are understood.",
        last_twelve_bytes,
    )
    .erratum(21)
    .why("The reference sends them so whatever is agreed."),
    Case::should(
        "psi/stream/empty-own-set",
        PPCA_9,
        "A party without ids takes part with an empty result, or gives up by itself without one.",
        |bench| empty(bench, &PsiTask { ids: Vec::new(), ..PsiTask::default() }, &Side::new(own())),
    )
    .why("Partitions of large tables are empty now and then."),
    Case::should(
        "psi/stream/empty-other-set",
        PPCA_9,
        "A peer without ids is met with an empty result, or with a refusal; not with a hang.",
        |bench| empty(bench, &PsiTask::default(), &Side::new(Vec::new())),
    )
    .why("Partitions of large tables are empty now and then."),
    Case::must("psi/stream/garbage", PPCA_9, "Bytes that are no batch are refused, and survived.", garbage)
        .why("They come from a peer that speaks something else."),
];

/// Writes over the beginning of a batch's points.
fn overwrite(batch: &mut EcdhPsiCipherBatch, bytes: &[u8]) {
    let mut points = batch.ciphertext.to_vec();
    points.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    batch.ciphertext = points.into();
}

fn fields(bench: &mut Bench) -> Outcome {
    let task = PsiTask { ids: ids("t", 4100, 2), ..PsiTask::default() };
    let side = Side::new(own());
    let run = intersect::run(bench, &task, &side)?;
    for (kind, batches, points) in
        [("enc", &run.first, task.ids.len()), ("dual.enc", &run.second, side.ids.len())]
    {
        let last = batches.len().saturating_sub(1);
        for (index, batch) in batches.iter().enumerate() {
            let place = format!("batch {index} of {kind}");
            check(batch.r#type == kind, format!("{place}: type {kind:?}"), || format!("{:?}", batch.r#type))?;
            let right = usize::try_from(batch.batch_index) == Ok(index);
            check(right, format!("{place}: that index"), || batch.batch_index.to_string())?;
            check(
                batch.is_last_batch == (index == last),
                format!("{place}: is_last_batch on the last alone"),
                || batch.is_last_batch.to_string(),
            )?;
        }
        let found = intersect::points(batches)?.len();
        check(found == points, format!("{points} points of type {kind}"), || found.to_string())?;
    }
    intersect::finish(bench, &run.peer, &task, &side)
}

fn end_of_its_own(bench: &mut Bench) -> Outcome {
    let task = PsiTask::default();
    let side = Side::new(own());
    let run = intersect::run(bench, &task, &side)?;
    for batches in [&run.first, &run.second] {
        let last = batches.last().cloned().unwrap_or_default();
        check(last.count == 0 && last.ciphertext.is_empty(), "an empty last batch", || {
            format!("{} points", last.count)
        })?;
    }
    intersect::finish(bench, &run.peer, &task, &side)
}

fn other_end(bench: &mut Bench, end: EndOfStream) -> Outcome {
    let task = PsiTask::default();
    let side = Side::new(own());
    let peer = agreed(bench, &task, &side)?;
    bench.dialect.end_of_stream = end;
    let run = intersect::exchange(bench, peer, &task, &side)?;
    intersect::finish(bench, &run.peer, &task, &side)
}

fn first_spoiled(bench: &mut Bench, suite: Suite, spoil: fn(&mut EcdhPsiCipherBatch)) -> Outcome {
    let task = PsiTask { suite, ..PsiTask::default() };
    let side = Side::new(own());
    let peer = agreed(bench, &task, &side)?;
    let end = bench.dialect.end_of_stream;
    let mut batches = intersect::batches("enc", &side.points(suite)?, 4096, end);
    batches.first_mut().into_iter().for_each(spoil);
    intersect::send(bench, &peer, FIRST, 1, &batches);
    // A testee that does not look is given all that it needs to come to a good end.
    if let Ok(first) = intersect::receive(bench, &peer, FIRST, 1) {
        let again = side.again(suite, &intersect::points(&first)?)?;
        intersect::send(bench, &peer, SECOND, 0, &intersect::batches("dual.enc", &again, 4096, end));
    }
    bench.end_in_failure(&peer)
}

fn second_spoiled(bench: &mut Bench, spoil: fn(&mut EcdhPsiCipherBatch)) -> Outcome {
    let task = PsiTask::default();
    let side = Side::new(own());
    let peer = agreed(bench, &task, &side)?;
    let end = bench.dialect.end_of_stream;
    intersect::send(bench, &peer, FIRST, 1, &intersect::batches("enc", &side.points(task.suite)?, 4096, end));
    let first = intersect::receive(bench, &peer, FIRST, 1)?;
    let again = side.again(task.suite, &intersect::points(&first)?)?;
    let mut batches = intersect::batches("dual.enc", &again, 4096, end);
    batches.first_mut().into_iter().for_each(spoil);
    intersect::send(bench, &peer, SECOND, 0, &batches);
    bench.end_in_failure(&peer)
}

fn last_twelve_bytes(bench: &mut Bench) -> Outcome {
    let task = PsiTask::default();
    let side = Side::new(own());
    let peer = agreed(bench, &task, &side)?;
    let end = bench.dialect.end_of_stream;
    intersect::send(bench, &peer, FIRST, 1, &intersect::batches("enc", &side.points(task.suite)?, 4096, end));
    let first = intersect::receive(bench, &peer, FIRST, 1)?;
    let again = side.again(task.suite, &intersect::points(&first)?)?;
    let short: Vec<Vec<u8>> =
        again.iter().map(|point| point.get(20..).unwrap_or_default().to_vec()).collect();
    intersect::send(bench, &peer, SECOND, 0, &intersect::batches("dual.enc", &short, 4096, end));
    intersect::receive(bench, &peer, SECOND, 0)?;
    intersect::finish(bench, &peer, &task, &side)
}

/// An intersection with an empty set: it succeeds, or the testee gives up by itself.
fn empty(bench: &mut Bench, task: &PsiTask, side: &Side) -> Outcome {
    match intersect::run(bench, task, side) {
        Ok(run) => intersect::finish(bench, &run.peer, task, side),
        Err(finding) if finding.verdict() == crate::suite::Verdict::Fail => {
            bench.log.note(format!("no intersection: {finding:?}"));
            bench.end_abandoned()
        }
        Err(finding) => Err(finding),
    }
}

fn garbage(bench: &mut Bench) -> Outcome {
    let side = Side::new(own());
    let peer = agreed(bench, &PsiTask::default(), &side)?;
    peer.send(&bench.key_out(FIRST, 1), vec![0xff_u8; 64]);
    bench.end_in_failure(&peer)
}
