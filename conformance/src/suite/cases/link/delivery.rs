//! Early messages, repetitions, numbers and acknowledgements.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Opening, TRANSPORT};
use crate::suite::Bench;
use crate::suite::bench::{PsiTask, ids};
use crate::suite::case::Case;
use crate::suite::intersect::{self, FIRST, SECOND, Side};
use crate::suite::peer::{Answer, MARK};
use crate::suite::verdict::{Outcome, check};

const CHANNEL: &str = "yacl link/transport/channel.cc (2026-04)";

pub(super) const CASES: &[Case] = &[
    Case::must(
        "link/delivery/early",
        TRANSPORT,
        "Messages that come long before anybody asks for them, in the reverse order, are kept and found by their keys.",
        early,
    )
    .why("Pushes overtake one another, and the faster party is steps ahead."),
    Case::must(
        "link/delivery/empty-value",
        TRANSPORT,
        "A message of no bytes, as one MONO push, is a message.",
        empty_value,
    )
    .why("An empty handshake message is to be refused for what it is, not awaited for ever."),
    Case::must(
        "link/delivery/repeated",
        CHANNEL,
        "A message that is pushed again under the same key and number, before or after it was read, counts once.",
        repeated,
    )
    .erratum(3)
    .why("A push whose answer was lost is pushed again."),
    Case::must(
        "link/delivery/unnumbered-accepted",
        TRANSPORT,
        "Keys without a sequence suffix are understood, whatever the own setting.",
        unnumbered,
    )
    .erratum(3)
    .why("The documents know no suffix; a party that follows them to the letter is understood by every deployed one."),
    Case::must(
        "link/delivery/numbered-accepted",
        CHANNEL,
        "Keys with a sequence suffix are understood, whatever the own setting.",
        numbered,
    )
    .erratum(3)
    .why("Every deployed party sends them unless it is told not to."),
    Case::must(
        "link/delivery/numbers-in-any-order",
        CHANNEL,
        "The number beside a key may be any that was not used: it says nothing about which message it is.",
        any_number,
    )
    .erratum(3)
    .why("Sub-channels share one counter, so numbers depend on the timing of threads."),
    Case::must(
        "link/ack/each-message",
        CHANNEL,
        "Each numbered message that was read is acknowledged once, by a message with key ACK 01 02 and its number in decimal.",
        acknowledged,
    )
    .erratum(3)
    .applies(|dialect| dialect.sequence_numbers)
    .why("The sender keeps what is not acknowledged and stops after ten of them."),
    Case::must(
        "link/ack/late",
        CHANNEL,
        "A party whose messages are acknowledged late waits, and ends well when the acknowledgements come.",
        late,
    )
    .erratum(3)
    .applies(|dialect| dialect.sequence_numbers)
    .why("A peer acknowledges when it reads, which may be much later."),
    Case::should(
        "link/ack/of-nothing",
        "common/header.proto (INVALID_REQUEST)",
        "An ACK for a message that was never sent, or whose value is no number, is refused or ignored, and survived.",
        of_nothing,
    )
    .erratum(36)
    .why("It can only come from a broken or hostile peer."),
];

fn early(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    let Opening { peer, task, side, key, value, .. } = opening;
    let end = bench.dialect.end_of_stream;
    let side = Side { batch_size: 2, ..side };
    let mut own: Vec<_> = intersect::batches("enc", &side.points(task.suite)?, side.batch_size, end);
    let last = own.len() as u64;
    own.reverse();
    for (index, batch) in (1..=last).rev().zip(&own) {
        super::accepted(&peer.send(&bench.key_out(FIRST, index), intersect::bytes(batch)))?;
    }
    super::accepted(&peer.send(&key, value))?;
    if bench.rank() == 0 {
        let answer = bench.receive(&peer, &bench.key_in(FIRST, 0))?;
        intersect::accepted(&intersect::response(&answer)?)?;
    }
    let first = intersect::receive(bench, &peer, FIRST, 1)?;
    let again = side.again(task.suite, &intersect::points(&first)?)?;
    intersect::send(bench, &peer, SECOND, 0, &intersect::batches("dual.enc", &again, 4096, end));
    intersect::receive(bench, &peer, SECOND, 0)?;
    intersect::finish(bench, &peer, &task, &side)
}

fn empty_value(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    super::accepted(&opening.peer.send(&opening.key, Bytes::new()))?;
    if bench.rank() == 0 {
        let answer = opening.progress(bench)?;
        let code = intersect::response(&answer)?.header.unwrap_or_default().error_code;
        check(code != 0, "a response that refuses an empty request", || "code 0".into())?;
    }
    bench.end_refused(&opening.peer)
}

fn repeated(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    let key = opening.peer.numbered_key(&opening.key);
    let frame = opening.peer.frame(&key, opening.value.clone());
    super::accepted(&opening.peer.push(frame.clone()))?;
    super::accepted(&opening.peer.push(frame.clone()))?;
    if bench.rank() == 1 {
        // The reaction is the first of the points; it is looked for again below.
        let deadline = bench.deadline();
        while opening.peer.messages().iter().all(|message| message.key != opening.reaction)
            && bench.is_running()
            && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    super::accepted(&opening.peer.push(frame))?;
    opening.go_on(bench)
}

fn unnumbered(bench: &mut Bench) -> Outcome {
    with_key(bench, |_, key| key.to_owned())
}

fn numbered(bench: &mut Bench) -> Outcome {
    with_key(bench, |number, key| format!("{key}{MARK}{number}"))
}

fn any_number(bench: &mut Bench) -> Outcome {
    with_key(bench, |number, key| format!("{key}{MARK}{}", 20 - number))
}

/// A whole run in which the suite's keys are made so. It ends where FIN would count numbers.
fn with_key(bench: &mut Bench, key: impl Fn(u64, &str) -> String) -> Outcome {
    let opening = Opening::reach(bench)?;
    let Opening { peer, task, side, key: first_key, value, .. } = opening;
    let end = bench.dialect.end_of_stream;
    let mut number = 0;
    let mut push = |plain: &str, value: Bytes| {
        number += 1;
        super::accepted(&peer.push(peer.frame(&key(number, plain), value)))
    };
    push(&first_key, value)?;
    if bench.rank() == 0 {
        let answer = bench.receive(&peer, &bench.key_in(FIRST, 0))?;
        intersect::accepted(&intersect::response(&answer)?)?;
    }
    for (index, batch) in (1..).zip(intersect::batches("enc", &side.points(task.suite)?, 4096, end)) {
        push(&bench.key_out(FIRST, index), intersect::bytes(&batch))?;
    }
    let first = intersect::receive(bench, &peer, FIRST, 1)?;
    let again = side.again(task.suite, &intersect::points(&first)?)?;
    for (index, batch) in (0..).zip(intersect::batches("dual.enc", &again, 4096, end)) {
        push(&bench.key_out(SECOND, index), intersect::bytes(&batch))?;
    }
    let second = intersect::points(&intersect::receive(bench, &peer, SECOND, 0)?)?;
    check(second.len() == side.ids.len(), format!("{} points of the suite back", side.ids.len()), || {
        second.len().to_string()
    })
}

fn acknowledged(bench: &mut Bench) -> Outcome {
    let task = PsiTask::default();
    let side = Side { batch_size: 1, ..Side::new(ids("s", 3, 2)) };
    let run = intersect::run(bench, &task, &side)?;
    intersect::finish(bench, &run.peer, &task, &side)?;
    let mut numbers = run.peer.acknowledged();
    numbers.sort_unstable();
    let wanted: Vec<u64> = (1..=run.peer.count()).collect();
    check(numbers == wanted, format!("one ACK for each of 1 to {}", wanted.len()), || format!("{numbers:?}"))
}

fn late(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    opening.peer.set_acknowledge(false);
    let Opening { peer, task, side, key, value, .. } = opening;
    peer.send(&key, value);
    if bench.rank() == 0 {
        bench.receive(&peer, &bench.key_in(FIRST, 0))?;
    }
    let run = intersect::exchange(bench, peer, &task, &side)?;
    peer_waits(bench, &run.peer)?;
    let held: Vec<u64> = run.peer.messages().iter().filter_map(|message| message.number).collect();
    let skip = usize::from(bench.rank() == 1); // the request was acknowledged
    held.iter().skip(skip).for_each(|number| run.peer.acknowledge(*number));
    intersect::finish(bench, &run.peer, &task, &side)
}

/// The testee does not end while its messages are not acknowledged.
fn peer_waits(bench: &mut Bench, peer: &crate::suite::peer::Peer) -> Outcome {
    peer.send_fin();
    std::thread::sleep(Duration::from_millis(400));
    check(bench.is_running(), "a testee that waits for its acknowledgements", || "it has ended".into())
}

fn of_nothing(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    let key = format!("ACK{MARK}");
    let answers = ["x", "", "-1"].map(|value| opening.peer.push(opening.peer.frame(&key, value)));
    for answer in &answers {
        check(!matches!(answer, Answer::Unreachable(_)), "an answer", || answer.to_string())?;
    }
    opening.peer.push(opening.peer.frame(&key, "4711"));
    // It may go on or give up with this peer; it must do either by itself.
    opening.peer.send(&opening.key, opening.value.clone());
    if opening.progress(bench).is_ok() {
        return Ok(());
    }
    bench.end_in_failure(&opening.peer)
}
