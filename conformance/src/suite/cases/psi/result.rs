//! Who learns what.

use std::collections::BTreeSet;

use super::{PPCA_9, honest, honest_with, own};
use crate::suite::Bench;
use crate::suite::bench::{PsiTask, ids};
use crate::suite::case::Case;
use crate::suite::intersect::{self, SECOND, Side};
use crate::suite::verdict::{Finding, Outcome, check};

pub(super) const CASES: &[Case] = &[
    Case::must(
        "psi/result/both",
        PPCA_9,
        "With result_to_rank -1 both parties learn exactly the common ids.",
        |bench| honest(bench, &PsiTask::default(), own()),
    )
    .why("It is what the protocol is for."),
    Case::must(
        "psi/result/to-the-testee",
        PPCA_9,
        "With the own rank as result_to_rank a party learns the common ids, and the other gets no doubly masked point.",
        to_the_testee,
    )
    .why("Whoever sends them all the same gives the result to both."),
    Case::must(
        "psi/result/to-the-other",
        PPCA_9,
        "With the other rank as result_to_rank a party returns the other's points, asks for none, and ends without a result.",
        to_the_other,
    )
    .why("Waiting for points that do not come is the usual mistake."),
    Case::must(
        "psi/result/nothing-in-common",
        PPCA_9,
        "Sets without a common id have an empty intersection, and the run succeeds.",
        |bench| honest(bench, &PsiTask { ids: ids("t", 5, 0), ..PsiTask::default() }, ids("s", 4, 0)),
    )
    .why("It is a result like any other."),
    Case::must(
        "psi/result/everything-in-common",
        PPCA_9,
        "Equal sets have all ids in common.",
        |bench| honest(bench, &PsiTask { ids: ids("t", 0, 6), ..PsiTask::default() }, ids("s", 0, 6)),
    )
    .why("It is a result like any other."),
    Case::must(
        "psi/result/sizes-differ",
        PPCA_9,
        "A set of one id is intersected with one of some hundred.",
        sizes_differ,
    )
    .why("The streams of the two directions have different lengths then."),
    Case::must(
        "psi/result/points-are-masked",
        PPCA_9,
        "What is sent of an id is not its point, but that times a secret.",
        points_are_masked,
    )
    .why("The point of an id can be found by trying ids."),
    Case::must(
        "psi/result/returned-points",
        PPCA_9,
        "The points that a party returns are those that it got, in their order, times the secret of its own points.",
        returned_points,
    )
    .erratum(11)
    .why("The other looks for its ids by position."),
    Case::must(
        "psi/result/ids-are-bytes",
        PPCA_9,
        "Ids are compared as the bytes of their UTF-8 text; nothing is folded or normalised.",
        ids_are_bytes,
    )
    .why("Case, accents and widths are common in names; two platforms must agree on what is the same."),
    Case::should(
        "psi/result/repeated-own-id",
        PPCA_9,
        "A table in which an id stands twice gives the common ids all the same.",
        repeated_own_id,
    )
    .why("Real tables have repetitions. Not every platform takes them."),
];

fn towards(rank: usize) -> PsiTask {
    PsiTask { result_to: i32::from(rank == 1), ..PsiTask::default() }
}

fn to_the_testee(bench: &mut Bench) -> Outcome {
    let task = towards(bench.rank());
    let side = Side::new(own());
    let run = intersect::run(bench, &task, &side)?;
    intersect::finish(bench, &run.peer, &task, &side)?;
    let keys: Vec<_> = run.peer.messages().into_iter().map(|message| message.key).collect();
    let returned = keys.iter().any(|key| key.starts_with(&format!("{SECOND}:")));
    check(!returned, "no message on the channel of doubly masked points", || keys.join(", "))
}

fn to_the_other(bench: &mut Bench) -> Outcome {
    let task = towards(1 - bench.rank());
    let side = Side::new(own());
    let run = intersect::run(bench, &task, &side)?;
    let returned = intersect::points(&run.second)?.len();
    check(returned == side.ids.len(), format!("{} points back", side.ids.len()), || returned.to_string())?;
    intersect::finish(bench, &run.peer, &task, &side)
}

fn sizes_differ(bench: &mut Bench) -> Outcome {
    let side = Side { batch_size: 100, ..Side::new(ids("s", 700, 1)) };
    honest_with(bench, &PsiTask { ids: ids("t", 0, 1), ..PsiTask::default() }, &side)
}

fn points_are_masked(bench: &mut Bench) -> Outcome {
    let task = PsiTask::default();
    let side = Side::new(own());
    let run = intersect::run(bench, &task, &side)?;
    let sent: BTreeSet<_> = intersect::points(&run.first)?.into_iter().collect();
    check(sent.len() == task.ids.len(), format!("{} different points", task.ids.len()), || {
        sent.len().to_string()
    })?;
    for id in &task.ids {
        let bare = task.suite.point_of(id.as_bytes()).map_err(Finding::Error)?;
        check(!sent.contains(&bare), "no point that anybody can compute", || {
            "it sent the point of an id".into()
        })?;
    }
    intersect::finish(bench, &run.peer, &task, &side)
}

/// The testee, with the secret t, sends t·P of its ids and returns t·(s·Q) for the suite's. For an id that both have,
/// s times what it sent must be what it returned, in whole or as its last 12 bytes.
fn returned_points(bench: &mut Bench) -> Outcome {
    let task = PsiTask::default();
    let side = Side::new(own());
    let run = intersect::run(bench, &task, &side)?;
    let returned = intersect::points(&run.second)?;
    let again = side.again(task.suite, &intersect::points(&run.first)?)?;
    for (position, id) in side.ids.iter().enumerate() {
        let back = returned.get(position).cloned().unwrap_or_default();
        let short = back.len() < task.suite.point_bytes();
        let found = again.iter().any(|point| if short { point.ends_with(&back) } else { *point == back });
        let right = found == task.ids.contains(id) && !back.is_empty();
        check(right, "common ids, and only they, at their positions", || {
            format!("position {position} of the suite's set does {}match", if found { "" } else { "not " })
        })?;
    }
    intersect::finish(bench, &run.peer, &task, &side)
}

fn ids_are_bytes(bench: &mut Bench) -> Outcome {
    let texts = |all: [&str; 7]| all.map(str::to_owned).to_vec();
    let task = PsiTask {
        ids: texts(["Alice", "na\u{ef}ve", "用户-7", "🙂", "0042", "a b", "straße"]),
        ..PsiTask::default()
    };
    honest(bench, &task, texts(["alice", "nai\u{308}ve", "用户-7", "🙂", "42", "a  b", "strasse"]))
}

fn repeated_own_id(bench: &mut Bench) -> Outcome {
    let mut twice = ids("t", 3, 2);
    twice.extend(["t-0".into(), "both-1".into()]);
    let task = PsiTask { ids: twice, ..PsiTask::default() };
    let run = intersect::run(bench, &task, &Side::new(own()))?;
    bench.end_well(&run.peer)?;
    let found: BTreeSet<_> = bench.intersection()?.into_iter().collect();
    let wanted: BTreeSet<_> = ["both-0", "both-1"].map(String::from).into();
    check(found == wanted, "both common ids", || format!("{found:?}"))
}
