//! Keys and counters.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Opening, TRANSPORT};
use crate::suite::Bench;
use crate::suite::bench::{PsiTask, ids};
use crate::suite::case::Case;
use crate::suite::intersect::{self, SECOND, Side};
use crate::suite::messages::code;
use crate::suite::peer::{Answer, Message};
use crate::suite::verdict::{Finding, Outcome, check};

pub(super) const CASES: &[Case] = &[
    Case::must(
        "link/key/grammar",
        TRANSPORT,
        "Every key is {channel}:P2P-{counter}:{src}->{dst} or {channel}:{counter}:{OP}, in decimal without leading zeros.",
        grammar,
    )
    .why("Both ends derive the same text from their counters; a key that differs in one character is never found."),
    Case::must(
        "link/key/ranks",
        TRANSPORT,
        "src is the sender's rank, dst the receiver's, and sender_rank is src.",
        ranks,
    )
    .why("A receiver looks for the message of one rank; yacl drops what claims another."),
    Case::must(
        "link/p2p/counter-per-direction",
        TRANSPORT,
        "The counter of point to point messages starts at the agreed base and grows by one for each message of a channel \
         and direction, whatever the other direction does.",
        counters,
    )
    .erratum(1)
    .why("The documents' examples start at 0 or at 1; every deployed party starts at 1."),
    Case::must(
        "link/channel/sub-channel",
        "secretflow psi (2026-04), ecdh; yacl link/context.cc Spawn",
        "The first sub-channel is named after its parent with -0 and has counters of its own.",
        sub_channel,
    )
    .why("Points that are masked twice travel on it while the main channel is still in use."),
    Case::must(
        "link/sequence/one-per-message",
        "yacl link/transport/channel.cc (2026-04)",
        "Each message that needs an answer carries a number of its own after the bytes 01 02, from 1 without a gap.",
        sequence,
    )
    .erratum(3)
    .applies(|dialect| dialect.sequence_numbers)
    .why("The receiver drops repeated numbers and counts them at the end. Which message has which number is free."),
    Case::must(
        "link/sequence/none-if-disabled",
        "yacl link/transport/channel.cc (2026-04)",
        "With sequence numbers disabled no key carries a number other than 0.",
        no_sequence,
    )
    .erratum(3)
    .applies(|dialect| !dialect.sequence_numbers)
    .why("A numbered message would wait for an acknowledgement that never comes."),
    Case::should(
        "link/key/malformed",
        "common/header.proto (INVALID_REQUEST)",
        "A key outside the grammar is refused with INVALID_REQUEST.",
        malformed,
    )
    .erratum(38)
    .why("yacl keeps any key until it ends, which lets a peer fill the memory of the other."),
    Case::must(
        "link/key/malformed-is-survived",
        TRANSPORT,
        "Keys outside the grammar, and keys nobody waits for, do not disturb the run.",
        malformed_is_survived,
    )
    .why("Whoever can reach the port can push such keys."),
    Case::should(
        "link/key/of-another-pair",
        "common/header.proto (INVALID_REQUEST)",
        "A point to point key that names another sender or receiver is refused with INVALID_REQUEST.",
        of_another_pair,
    )
    .erratum(38)
    .why("It can only be a mistake or an attempt to speak for somebody else."),
    Case::observed(
        "link/sender/unknown-rank",
        "yacl link/transport/interconnection_link.cc (2026-04)",
        "A push with a sender_rank outside the parties is refused with UNEXPECTED_ERROR (31100001).",
        unknown_rank,
    )
    .why("There is no mailbox for it."),
    Case::should(
        "link/sender/own-rank",
        "common/header.proto",
        "A push with the receiver's own rank as sender_rank is refused.",
        own_rank,
    )
    .why("No party pushes to itself."),
];

/// The messages of a run without a mistake, four batches long.
fn run(bench: &mut Bench) -> Outcome<Vec<Message>> {
    let task = PsiTask::default();
    let side = Side { batch_size: 2, ..Side::new(ids("s", 3, 2)) };
    let run = intersect::run(bench, &task, &side)?;
    intersect::finish(bench, &run.peer, &task, &side)?;
    let odd = run.peer.odd();
    check(odd.is_empty(), "control messages with a number as value, FIN once", || odd.join("; "))?;
    Ok(run.peer.messages())
}

/// Channel, counter and ranks, or channel and counter of a collective.
enum Key {
    P2p { channel: String, counter: u64, from: u64, to: u64 },
    Collective { channel: String, counter: u64 },
}

fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

fn parse(key: &str) -> Option<Key> {
    let (head, last) = key.rsplit_once(':')?;
    let (channel, middle) = head.rsplit_once(':')?;
    let channel = Some(channel).filter(|name| !name.is_empty())?.to_owned();
    if let Some(counter) = middle.strip_prefix("P2P-") {
        let (from, to) = last.split_once("->")?;
        return Some(Key::P2p {
            channel,
            counter: decimal(counter)?,
            from: decimal(from)?,
            to: decimal(to)?,
        });
    }
    let known = ["SCATTER", "GATHER", "ALLGATHER", "BCAST", "BARRIER"].contains(&last);
    known.then_some(())?;
    Some(Key::Collective { channel, counter: decimal(middle)? })
}

fn grammar(bench: &mut Bench) -> Outcome {
    for message in run(bench)? {
        check(parse(&message.key).is_some(), "a key of the grammar", || format!("{:?}", message.key))?;
    }
    Ok(())
}

fn ranks(bench: &mut Bench) -> Outcome {
    let own = bench.rank() as u64;
    for message in run(bench)? {
        check(message.sender == own, format!("sender_rank {own}"), || message.sender.to_string())?;
        if let Some(Key::P2p { from, to, .. }) = parse(&message.key) {
            let right = format!("{own}->{}", 1 - own);
            check((from, to) == (own, 1 - own), right, || format!("{from}->{to} in {:?}", message.key))?;
        }
    }
    Ok(())
}

fn counters(bench: &mut Bench) -> Outcome {
    let base = bench.dialect.counter_base.first();
    let mut seen: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for message in run(bench)? {
        match parse(&message.key) {
            Some(Key::P2p { channel, counter, .. }) => {
                seen.entry(format!("{channel} P2P")).or_default().push(counter)
            }
            Some(Key::Collective { channel, counter }) => seen.entry(channel).or_default().push(counter),
            None => {}
        }
    }
    for (channel, mut counters) in seen {
        counters.sort_unstable();
        let wanted: Vec<u64> = (base..).take(counters.len()).collect();
        check(counters == wanted, format!("counters {wanted:?} on {channel}"), || format!("{counters:?}"))?;
    }
    Ok(())
}

fn sub_channel(bench: &mut Bench) -> Outcome {
    let messages = run(bench)?;
    let first = bench.key_in(SECOND, 0);
    let found: Vec<_> = messages.iter().map(|message| message.key.as_str()).collect();
    check(found.contains(&first.as_str()), format!("a message under {first:?}"), || found.join(", "))
}

fn sequence(bench: &mut Bench) -> Outcome {
    let messages = run(bench)?;
    let mut numbers = Vec::new();
    for message in &messages {
        let number = message.number.filter(|number| *number > 0);
        numbers.push(number.ok_or_else(|| {
            Finding::fail("a key with a number", format!("{:?} has {:?}", message.key, message.number))
        })?);
    }
    numbers.sort_unstable();
    let wanted: Vec<u64> = (1..).take(numbers.len()).collect();
    check(numbers == wanted, format!("numbers 1 to {}", wanted.len()), || format!("{numbers:?}"))
}

fn no_sequence(bench: &mut Bench) -> Outcome {
    for message in run(bench)? {
        check(message.number.unwrap_or(0) == 0, "a key without a number", || {
            format!("{:?} has number {:?}", message.key, message.number)
        })?;
    }
    Ok(())
}

const MALFORMED: [&str; 9] = [
    "",
    "root",
    "root:P2P-1",
    "root:P2P-x:1->0",
    "root:P2P-1:1>0",
    "root:1:SHOUT",
    "root:-1:ALLGATHER",
    "root:P2P-99999999999999999999999:1->0",
    "connect_x",
];

fn malformed(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    let mut lenient = Ok(());
    for key in MALFORMED {
        let answer = opening.peer.push(opening.peer.frame(key, Bytes::from_static(b"x")));
        match super::refused(&answer, code::INVALID_REQUEST) {
            Err(Finding::Fail { expected, actual }) => {
                return Err(Finding::fail(expected, format!("key {key:?}: {actual}")));
            }
            other => lenient = lenient.and(other),
        }
    }
    lenient
}

fn malformed_is_survived(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    let long = "x".repeat(100_000);
    let unknown = ["other:P2P-1:0->1", "root-7-7:3:BCAST", "root:4711:ALLGATHER", long.as_str()];
    for key in MALFORMED.into_iter().chain(unknown) {
        let answer = opening.peer.push(opening.peer.frame(key, Bytes::from_static(b"x")));
        if let Answer::Unreachable(reason) = answer {
            let shown: String = key.chars().take(40).collect();
            return Err(Finding::fail("an answer to every push", format!("key {shown:?}: {reason}")));
        }
    }
    opening.complete(bench)
}

fn of_another_pair(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    let (own, other) = (bench.rank(), 1 - bench.rank());
    for pair in [format!("{own}->{other}"), format!("{other}->{other}"), format!("7->{own}")] {
        let key = format!("root:P2P-5:{pair}");
        let answer = opening.peer.push(opening.peer.frame(&key, Bytes::from_static(b"x")));
        super::refused(&answer, code::INVALID_REQUEST)?;
    }
    Ok(())
}

fn unknown_rank(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    for sender in [2, 7, u64::MAX] {
        let mut frame = opening.peer.frame(&opening.key, opening.value.clone());
        frame.sender = sender;
        super::refused(&opening.peer.push(frame), code::UNEXPECTED_ERROR)?;
    }
    opening.waits()
}

fn own_rank(bench: &mut Bench) -> Outcome {
    let opening = Opening::reach(bench)?;
    let mut frame = opening.peer.frame(&opening.key, opening.value.clone());
    frame.sender = bench.rank() as u64;
    let answer = opening.peer.push(frame);
    check(matches!(answer, Answer::Refused { .. }), "the push is refused", || answer.to_string())?;
    opening.waits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_tells_keys_apart() {
        assert!(matches!(parse("root-0:P2P-12:1->0"), Some(Key::P2p { counter: 12, from: 1, to: 0, .. })));
        assert!(matches!(parse("root:3:ALLGATHER"), Some(Key::Collective { counter: 3, .. })));
        for key in MALFORMED.into_iter().chain(["root:P2P-01:1->0", ":P2P-1:1->0", "root:1:allgather"]) {
            assert!(parse(key).is_none(), "{key:?}");
        }
    }
}
