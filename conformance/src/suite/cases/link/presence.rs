//! Presence: everyone calls everyone before anything else.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Opening, TRANSPORT};
use crate::suite::Bench;
use crate::suite::case::Case;
use crate::suite::peer::MARK;
use crate::suite::verdict::{Finding, Outcome, check};

pub(super) const CASES: &[Case] = &[
    Case::must(
        "link/presence/called",
        TRANSPORT,
        "Each party pushes connect_{rank} with its own rank and an empty value to each other party.",
        called,
    )
    .erratum(2)
    .why("Without it the others never begin. With or without the suffix of number 0 it is the same call."),
    Case::observed(
        "link/presence/suffix",
        "yacl link/context.cc (2026-04), also with disable_msg_seq_id",
        "The presence key carries the sequence suffix with number 0.",
        suffix,
    )
    .erratum(2)
    .applies(|dialect| dialect.connect_suffix)
    .why("Deployed parties look for exactly this key; one without the suffix is not found by older versions of yacl."),
    Case::must(
        "link/presence/plain-accepted",
        TRANSPORT,
        "connect_{rank} without a suffix is understood.",
        plain_accepted,
    )
    .erratum(2)
    .why("It is what the documents write; yacl strips a suffix if there is one."),
    Case::must(
        "link/presence/suffixed-accepted",
        "yacl link/context.cc (2026-04)",
        "connect_{rank} with the suffix of number 0 is understood.",
        suffixed_accepted,
    )
    .erratum(2)
    .why("It is what every deployed party sends, also with sequence numbers disabled."),
    Case::must(
        "link/presence/repeated",
        TRANSPORT,
        "A party that calls again, because it heard no answer, is not taken for another.",
        repeated,
    )
    .why("Parties start at different times and call until somebody answers."),
    Case::must(
        "link/presence/before-data",
        TRANSPORT,
        "No message is sent to a party that has not called yet.",
        before_data,
    )
    .roles(crate::suite::case::RANK_1)
    .why("A party that listens already may still be unable to keep messages; yacl awaits the presence of all parties."),
    Case::should(
        "link/presence/of-another-rank",
        "common/header.proto (INVALID_REQUEST)",
        "A presence key that names another rank than its sender does not count as that rank's presence.",
        of_another_rank,
    )
    .why("Otherwise one party could stand in for a third."),
];

fn called(bench: &mut Bench) -> Outcome {
    let opening = Opening::start(bench)?;
    bench.connect(&opening.peer)?;
    let frames = opening.peer.presence();
    let rank = bench.rank();
    for frame in &frames {
        let name = frame.key.split(MARK).next().unwrap_or_default();
        check(name == format!("connect_{rank}"), format!("key connect_{rank}"), || {
            format!("{:?}", frame.key)
        })?;
        check(frame.sender == rank as u64, format!("sender_rank {rank}"), || frame.sender.to_string())?;
        check(frame.value.is_empty(), "an empty value", || format!("{} bytes", frame.value.len()))?;
    }
    Ok(())
}

fn suffix(bench: &mut Bench) -> Outcome {
    let opening = Opening::start(bench)?;
    bench.connect(&opening.peer)?;
    let keys: Vec<_> = opening.peer.presence().into_iter().map(|frame| frame.key).collect();
    let wanted = format!("connect_{}{MARK}0", bench.rank());
    check(keys.iter().all(|key| *key == wanted), format!("{wanted:?}"), || format!("{keys:?}"))
}

fn plain_accepted(bench: &mut Bench) -> Outcome {
    connected_as(bench, false)
}

fn suffixed_accepted(bench: &mut Bench) -> Outcome {
    connected_as(bench, true)
}

fn connected_as(bench: &mut Bench, suffix: bool) -> Outcome {
    let opening = Opening::start(bench)?;
    let key = opening.peer.connect_key(suffix);
    call_as(bench, &opening, &key)?;
    bench.await_presence(&opening.peer)?;
    opening.request(bench)?;
    opening.complete(bench)
}

/// Calls under `key` until the testee answers.
fn call_as(bench: &mut Bench, opening: &Opening, key: &str) -> Outcome {
    let deadline = bench.deadline();
    loop {
        match opening.peer.connect_as(key, Instant::now() + Duration::from_millis(200)) {
            Ok(()) => return Ok(()),
            Err(answer) if Instant::now() >= deadline || !bench.is_running() => {
                return Err(Finding::Unreachable(answer.to_string()));
            }
            Err(_) => {}
        }
    }
}

fn repeated(bench: &mut Bench) -> Outcome {
    let opening = Opening::start(bench)?;
    bench.connect(&opening.peer)?;
    for suffix in [true, false, true] {
        let key = opening.peer.connect_key(suffix);
        super::accepted(&opening.peer.push(opening.peer.frame(&key, Bytes::new())))?;
    }
    opening.request(bench)?;
    opening.complete(bench)
}

fn before_data(bench: &mut Bench) -> Outcome {
    let opening = Opening::start(bench)?;
    bench.await_presence(&opening.peer)?;
    let early = opening.peer.take(&bench.key_in("root", 0), Instant::now() + Duration::from_millis(500));
    check(early.is_none(), "nothing but presence before the suite has called", || {
        "it sent its first message".into()
    })?;
    bench.call(&opening.peer)?;
    opening.request(bench)?;
    opening.complete(bench)
}

fn of_another_rank(bench: &mut Bench) -> Outcome {
    let opening = Opening::start(bench)?;
    bench.await_presence(&opening.peer)?;
    let deadline = Instant::now() + Duration::from_secs(2);
    let wrong = format!("connect_{}", bench.rank());
    // Whatever it answers, it must not go on.
    let answer = opening.peer.connect_as(&wrong, deadline);
    let early = opening.peer.take(&bench.key_in("root", 0), Instant::now() + Duration::from_millis(300));
    check(
        early.is_none() && opening.waits().is_ok(),
        "a testee that still waits for the presence of the suite",
        || format!("it went on; the presence was answered with {answer:?}"),
    )?;
    bench.call(&opening.peer)?;
    opening.request(bench)?;
    opening.complete(bench)
}
