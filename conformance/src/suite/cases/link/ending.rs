//! The end: FIN, and peers that go away.

use std::time::{Duration, Instant};

use super::{Opening, TRANSPORT};
use crate::suite::Bench;
use crate::suite::bench::{PsiTask, ids};
use crate::suite::case::Case;
use crate::suite::intersect::{self, Side};
use crate::suite::peer::MARK;
use crate::suite::verdict::{Outcome, check};

const CHANNEL: &str = "yacl link/transport/channel.cc (2026-04)";

pub(super) const CASES: &[Case] = &[
    Case::must(
        "link/fin/count",
        CHANNEL,
        "At the end a party pushes FIN 01 02 with the count of its numbered messages in decimal, 0 if they are not numbered.",
        count,
    )
    .erratum(3)
    .applies(|dialect| dialect.fin)
    .why("The receiver waits until it has as many; without FIN it waits for its timeout."),
    Case::must(
        "link/fin/waits-for-the-peer",
        CHANNEL,
        "A party that is done stays until the peer's FIN has come.",
        waits,
    )
    .erratum(3)
    .applies(|dialect| dialect.fin)
    .why("A listener that closes early breaks the last pushes of the other."),
    Case::should(
        "link/fin/no-number",
        "common/header.proto (INVALID_REQUEST)",
        "A FIN whose value is no number is refused or ignored, and the run goes on.",
        no_number,
    )
    .erratum(36)
    .why("It must not end a run, nor be taken for a count."),
    Case::should(
        "link/end/peer-leaves",
        TRANSPORT,
        "A party whose peer says FIN in the middle of a run ends by itself with a failure, not at a timeout of minutes.",
        peer_leaves,
    )
    .why("Jobs that hang hold machines."),
    Case::should(
        "link/end/peer-vanishes",
        TRANSPORT,
        "A party whose peer is gone without a word ends by itself with a failure.",
        peer_vanishes,
    )
    .why("Jobs that hang hold machines."),
];

fn count(bench: &mut Bench) -> Outcome {
    let task = PsiTask::default();
    let side = Side { batch_size: 2, ..Side::new(ids("s", 3, 2)) };
    let run = intersect::run(bench, &task, &side)?;
    intersect::finish(bench, &run.peer, &task, &side)?;
    let numbered = run.peer.messages().iter().filter(|message| message.number.is_some_and(|n| n > 0)).count();
    let fin = run.peer.fin(Instant::now());
    check(fin == Some(numbered as u64), format!("FIN with {numbered}"), || {
        fin.map_or("no FIN".into(), |count| format!("FIN with {count}"))
    })
}

fn waits(bench: &mut Bench) -> Outcome {
    let task = PsiTask::default();
    let side = Side::new(ids("s", 3, 2));
    let run = intersect::run(bench, &task, &side)?;
    std::thread::sleep(Duration::from_millis(500));
    check(bench.is_running(), "a testee that waits for FIN", || "it has ended".into())?;
    intersect::finish(bench, &run.peer, &task, &side)
}

fn no_number(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    for value in ["x", "", "-1", "99999999999999999999999999"] {
        opening.peer.push(opening.peer.frame(&format!("FIN{MARK}"), value));
    }
    opening.complete(bench)
}

fn peer_leaves(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    bench.end_in_failure(&opening.peer)
}

fn peer_vanishes(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    opening.peer.close();
    bench.end_abandoned()
}
