//! Links of more than two parties: the collectives, and the counter that they share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::TRANSPORT;
use crate::suite::Bench;
use crate::suite::bench::LinkTask;
use crate::suite::case::Case;
use crate::suite::collectives::{learned, messages, script};
use crate::suite::peer::Peer;
use crate::suite::verdict::{Finding, Outcome, check};

const YACL: &str = "interconnection docs/protocols, transport layer; yacl link/algorithm (2026-04)";

/// A script that goes well.
macro_rules! script {
    ($id:literal, $source:expr, $requirement:literal, $why:literal, $parties:literal, $script:literal) => {
        Case::must($id, $source, $requirement, |bench| play(bench, $parties, $script)).why($why)
    };
}

pub(super) const CASES: &[Case] = &[
    script!(
        "link/parties/exchange",
        TRANSPORT,
        "Of three parties each sends each a message under a key of that pair, with a counter of that pair.",
        "A counter for all peers together runs ahead of what the others expect.",
        3,
        "exchange exchange exchange"
    ),
    script!(
        "link/parties/gather",
        TRANSPORT,
        "GATHER takes every party's value to the root, whichever that is; nobody else gets anything.",
        "Results are collected by it.",
        3,
        "gather:0 gather:1 gather:2"
    ),
    script!(
        "link/parties/scatter",
        TRANSPORT,
        "SCATTER takes one value of the root to each party, whichever the root is.",
        "Plans are handed out by it.",
        3,
        "scatter:0 scatter:1 scatter:2"
    ),
    script!(
        "link/parties/allgather",
        YACL,
        "ALLGATHER takes every party's value to every other under one key.",
        "Every opening is one.",
        3,
        "allgather allgather"
    )
    .erratum(4),
    script!(
        "link/parties/broadcast",
        YACL,
        "BCAST takes the root's value to both others, whichever the root is.",
        "The later pages name it and show it in pictures only.",
        3,
        "broadcast:0 broadcast:1 broadcast:2"
    )
    .erratum(4),
    script!(
        "link/parties/broadcast-relayed",
        YACL,
        "Among five parties BCAST goes along a binomial tree: who is not a child of the root gets the value from its parent, and passes it on.",
        "A party that waits for the root waits for ever.",
        5,
        "broadcast:0 broadcast:1 broadcast:2 broadcast:3 broadcast:4"
    )
    .erratum(4),
    script!(
        "link/parties/barrier",
        YACL,
        "BARRIER sends to the ranks 1, 2, 4, … places further and awaits those as far back, under one key.",
        "The later pages name it and show it in pictures only.",
        3,
        "barrier barrier exchange"
    )
    .erratum(4),
    script!(
        "link/parties/one-counter",
        TRANSPORT,
        "All collectives of a channel share one counter, which counts at every party, also where it sends nothing; P2P does not touch it.",
        "A party that counts only what it sends looks for messages under keys that nobody uses.",
        3,
        "allgather exchange gather:2 scatter:1 exchange broadcast:0 barrier gather:0 allgather"
    ),
    script!(
        "link/parties/sub-channels",
        TRANSPORT,
        "Sub-channels are named in the order of their making and have counters of their own.",
        "Two jobs on one link would otherwise read each other's messages.",
        3,
        "allgather sub allgather exchange sub gather:1 exchange root allgather exchange"
    ),
    Case::must(
        "link/parties/presence-of-all",
        TRANSPORT,
        "Nothing is sent before every party has called, not the first of them only.",
        presence_of_all,
    )
    .why("The third party may not listen yet."),
    Case::should(
        "link/parties/key-of-another-pair",
        "common/header.proto (INVALID_REQUEST)",
        "A message of rank r under the key of another sender does not count as that sender's.",
        key_of_another_pair,
    )
    .erratum(38)
    .why("One party could otherwise speak for a third."),
];

/// The testee with its script, and everybody else.
fn start(bench: &mut Bench, parties: usize, text: &str) -> Outcome<Vec<Arc<Peer>>> {
    bench.start_link(&LinkTask { parties, script: text.to_owned() })
}

fn play(bench: &mut Bench, parties: usize, text: &str) -> Outcome {
    let peers = start(bench, parties, text)?;
    for peer in &peers {
        bench.connect(peer)?;
    }
    finish(bench, &peers, parties, text)
}

/// The whole script, and the end.
fn finish(bench: &mut Bench, peers: &[Arc<Peer>], parties: usize, text: &str) -> Outcome {
    let testee = bench.rank();
    let steps = script(text).map_err(Finding::Error)?;
    let all = messages(&steps, parties, bench.dialect.counter_base.first());
    let of = |rank: usize| {
        let found = peers.iter().find(|peer| peer.rank == rank);
        found.cloned().ok_or_else(|| Finding::Error(format!("no peer of rank {rank}")))
    };
    for step in 0..steps.len() {
        for message in all.iter().filter(|message| message.step == step && message.to == testee) {
            let value = message.value.clone().unwrap_or_default();
            super::accepted(&of(message.from)?.send(&message.key, value.into_bytes()))?;
        }
        for message in all.iter().filter(|message| message.step == step && message.from == testee) {
            let found = bench.receive(&of(message.to)?.clone(), &message.key)?.value;
            let Some(wanted) = &message.value else { continue };
            check(found == wanted.as_bytes(), format!("under {:?}: {wanted:?}", message.key), || {
                format!("{:?}", String::from_utf8_lossy(&found))
            })?;
        }
    }
    for peer in peers.iter().skip(1) {
        peer.send_fin();
    }
    let first = peers.first().ok_or_else(|| Finding::Error("no peers".into()))?;
    bench.end_well(first)?;
    for peer in peers {
        let expected = all.iter().filter(|message| (message.from, message.to) == (testee, peer.rank)).count();
        let came = peer.messages().len();
        check(came == expected, format!("{expected} messages to rank {}", peer.rank), || came.to_string())?;
    }
    let expected: Vec<String> = learned(&steps, parties, testee)
        .into_iter()
        .map(|(step, from, value)| format!("{step} {from} {value}"))
        .collect();
    let output = std::fs::read_to_string(bench.output())
        .map_err(|error| Finding::fail("a result", format!("its output cannot be read: {error}")))?;
    let found: Vec<&str> = output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    check(found == expected, format!("received: {}", expected.join(", ")), || found.join(", "))
}

fn presence_of_all(bench: &mut Bench) -> Outcome {
    let text = "exchange";
    let peers = start(bench, 3, text)?;
    let [first, second] = peers.as_slice() else { return Err(Finding::Error("not two peers".into())) };
    bench.connect(first)?;
    bench.await_presence(second)?;
    let key = format!("root:P2P-{}:{}->{}", bench.dialect.counter_base.first(), bench.rank(), first.rank);
    let early = first.messages().iter().any(|message| message.key == key)
        || first.take(&key, Instant::now() + Duration::from_millis(400)).is_some();
    check(!early, "nothing but presence before the third party has called", || {
        "it sent its first message".into()
    })?;
    bench.call(second)?;
    finish(bench, &peers, 3, text)
}

fn key_of_another_pair(bench: &mut Bench) -> Outcome {
    let text = "exchange";
    let peers = start(bench, 3, text)?;
    for peer in &peers {
        bench.connect(peer)?;
    }
    let [first, second] = peers.as_slice() else { return Err(Finding::Error("not two peers".into())) };
    let key = format!("root:P2P-{}:{}->{}", bench.dialect.counter_base.first(), second.rank, bench.rank());
    let frame = first.frame(&key, "forged");
    let answer = first.push(frame);
    let outcome = super::refused(&answer, crate::suite::messages::code::INVALID_REQUEST);
    // Whether or not it was refused, what the right sender says is what counts.
    finish(bench, &peers, 3, text)?;
    outcome
}
