//! Ids that stand in several rows: `duplicate_item_cnt_map`.

use std::collections::{BTreeMap, BTreeSet};

use symbolon_wire::runtime::EcdhPsiCipherBatch;

use super::{PPCA_9, agreed, own};
use crate::suite::Bench;
use crate::suite::bench::{PsiTask, ids};
use crate::suite::case::Case;
use crate::suite::intersect::{self, FIRST, SECOND, Side};
use crate::suite::verdict::{Finding, Outcome, check};

pub(super) const CASES: &[Case] = &[
    Case::must(
        "psi/duplicates/taken",
        PPCA_9,
        "Batches whose duplicate_item_cnt_map says of some points how often more their id stands are understood: the common \
         ids are the same.",
        |bench| taken(bench, |batch| batch.duplicate_item_cnt_map = BTreeMap::from([(0, 2), (4, 1)])),
    )
    .why("A peer with repeated ids sends it, whether or not one has any oneself."),
    Case::must(
        "psi/duplicates/huge-count",
        PPCA_9,
        "A count of 2^32 - 1 further rows is survived; no memory is taken for them.",
        huge,
    )
    .why("Whoever makes the rows that are announced can be stopped by one message."),
    Case::should(
        "psi/duplicates/beyond-the-batch",
        PPCA_9,
        "A map that speaks of points that the batch does not have is refused.",
        |bench| refused(bench, |batch| {
            batch.duplicate_item_cnt_map.insert(batch.count.cast_unsigned(), 1);
        }),
    )
    .why("The position is used as an index by careless code."),
    Case::should(
        "psi/duplicates/announced",
        "interconnection runtime/ecdh_psi.proto; interconnection-impl 4dc46f7",
        "An id that stands k times in the own table is one point with k - 1 beside its position, or k points.",
        announced,
    )
    .why("The other party can make as many rows of it then. The reference sends k points; some leave further rows out."),
];

/// An intersection in which the suite's only batch with points is changed.
fn taken(bench: &mut Bench, change: fn(&mut EcdhPsiCipherBatch)) -> Outcome {
    let (task, side) = (PsiTask::default(), Side::new(own()));
    let peer = agreed(bench, &task, &side)?;
    let end = bench.dialect.end_of_stream;
    let mut batches = intersect::batches("enc", &side.points(task.suite)?, side.batch_size, end);
    batches.first_mut().into_iter().for_each(change);
    intersect::send(bench, &peer, FIRST, 1, &batches);
    let first = intersect::receive(bench, &peer, FIRST, 1)?;
    let again = side.again(task.suite, &intersect::points(&first)?)?;
    intersect::send(bench, &peer, SECOND, 0, &intersect::batches("dual.enc", &again, 4096, end));
    intersect::receive(bench, &peer, SECOND, 0)?;
    bench.end_well(&peer)?;
    let found: BTreeSet<_> = bench.intersection()?.into_iter().collect();
    let wanted: BTreeSet<_> = ["both-0", "both-1"].map(String::from).into();
    check(found == wanted, "both common ids", || format!("{found:?}"))
}

/// The testee may give up or go on; it must do either by itself, and not crash.
fn huge(bench: &mut Bench) -> Outcome {
    let outcome =
        taken(bench, |batch| batch.duplicate_item_cnt_map = BTreeMap::from([(0, u32::MAX), (3, u32::MAX)]));
    match outcome {
        Err(Finding::Fail { .. }) if !bench.is_hung() && !bench.is_running() && !bench.output().exists() => {
            Ok(())
        }
        other => other,
    }
}

fn refused(bench: &mut Bench, change: fn(&mut EcdhPsiCipherBatch)) -> Outcome {
    let (task, side) = (PsiTask::default(), Side::new(own()));
    let peer = agreed(bench, &task, &side)?;
    let end = bench.dialect.end_of_stream;
    let mut batches = intersect::batches("enc", &side.points(task.suite)?, side.batch_size, end);
    batches.first_mut().into_iter().for_each(change);
    intersect::send(bench, &peer, FIRST, 1, &batches);
    // A testee that does not look is given all that it needs to come to a good end.
    if let Ok(first) = intersect::receive(bench, &peer, FIRST, 1) {
        let again = side.again(task.suite, &intersect::points(&first)?)?;
        intersect::send(bench, &peer, SECOND, 0, &intersect::batches("dual.enc", &again, 4096, end));
    }
    bench.end_in_failure(&peer)
}

/// Which position is which id is known of common ids: their points, masked by both, come back to the suite.
fn announced(bench: &mut Bench) -> Outcome {
    let mut rows = ids("t", 3, 2);
    rows.extend(["both-1", "t-0", "both-1"].map(String::from));
    let task = PsiTask { ids: rows, ..PsiTask::default() };
    let side = Side::new(own());
    let run = intersect::run(bench, &task, &side)?;
    bench.end_well(&run.peer)?;
    let sent = intersect::points(&run.first)?;
    let mut further = BTreeMap::new();
    let mut before = 0_usize;
    for batch in &run.first {
        for (position, count) in &batch.duplicate_item_cnt_map {
            further.insert(before + *position as usize, *count);
        }
        before += usize::try_from(batch.count).unwrap_or_default();
    }
    let distinct: BTreeSet<_> = sent.iter().collect();
    if distinct.len() < sent.len() {
        let whole = sent.len() == task.ids.len() && further.is_empty();
        return check(whole, "a point for each row, and nothing beside them", || {
            format!("{} points, {} different, {} counts", sent.len(), distinct.len(), further.len())
        });
    }
    let expected = "2 further rows of both-1, 1 of an id that is not common, none of the others";
    if further.is_empty() {
        return Err(Finding::lenient(expected, "no further rows at all"));
    }
    let again = side.again(task.suite, &sent)?;
    let returned = intersect::points(&run.second)?;
    let position_of = |id: &str| {
        let place = side.ids.iter().position(|own| own == id)?;
        let point = returned.get(place)?;
        again.iter().position(|masked| masked.ends_with(point))
    };
    let of = |id: &str| position_of(id).map(|position| further.get(&position).copied().unwrap_or_default());
    let mut counts: Vec<u32> = further.values().copied().collect();
    counts.sort_unstable();
    check(
        (of("both-0"), of("both-1"), counts.as_slice()) == (Some(0), Some(2), [1, 2].as_slice()),
        expected,
        || format!("both-0: {:?}, both-1: {:?}, all: {counts:?}", of("both-0"), of("both-1")),
    )
}
