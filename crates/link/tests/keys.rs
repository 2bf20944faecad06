//! The key grammar against the texts on the wire of yacl, and against itself.

use proptest::prelude::*;
use symbolon_link::{Key, Operation};

fn collective(channel: &str, counter: u64, operation: Operation) -> Key {
    Key::Collective { channel: channel.into(), counter, operation }
}

fn p2p(channel: &str, counter: u64, from: usize, to: usize) -> Key {
    Key::P2p { channel: channel.into(), counter, from, to }
}

/// Texts as deployed parties send them.
#[test]
fn texts_of_the_wire() {
    for (text, key, sequence) in [
        ("connect_1\u{1}\u{2}0", Key::Connect { rank: 1 }, None),
        ("connect_0", Key::Connect { rank: 0 }, None),
        ("root:P2P-1:1->0\u{1}\u{2}1", p2p("root", 1, 1, 0), Some(1)),
        ("root:P2P-0:10->2", p2p("root", 0, 10, 2), None),
        ("root-0:P2P-2:0->1\u{1}\u{2}5", p2p("root-0", 2, 0, 1), Some(5)),
        ("root:4:ALLGATHER", collective("root", 4, Operation::AllGather), None),
        ("root-0-1:12:BCAST\u{1}\u{2}31", collective("root-0-1", 12, Operation::Broadcast), Some(31)),
        ("root:1:GATHER", collective("root", 1, Operation::Gather), None),
        ("root:1:SCATTER", collective("root", 1, Operation::Scatter), None),
        ("root:1:BARRIER", collective("root", 1, Operation::Barrier), None),
        ("ACK\u{1}\u{2}", Key::Ack, None),
        ("FIN\u{1}\u{2}", Key::Fin, None),
    ] {
        assert_eq!(Key::parse(text), Ok((key.clone(), sequence)), "{text:?}");
        let suffix = if text.ends_with("\u{2}0") { Some(0) } else { sequence };
        assert_eq!(key.on_wire(suffix), text);
    }
}

#[test]
fn other_texts_are_refused() {
    for text in [
        "",
        "root",
        "ACK",
        "FIN",
        "ACK\u{1}\u{2}1",
        "FIN\u{1}\u{2}0",
        "connect_",
        "connect_01",
        "connect_-1",
        "connect_1\u{1}\u{2}",
        "connect_1\u{1}\u{2}x",
        "connect_1\u{1}\u{2}+1",
        "connect_1\u{1}\u{2}1\u{1}\u{2}1",
        "connect_1\u{1}\u{2}18446744073709551616",
        "connect_18446744073709551616",
        ":1:GATHER",
        "1:GATHER",
        "root::GATHER",
        "root:01:GATHER",
        "root:1:gather",
        "root:1:ALLTOALL",
        "root:18446744073709551616:GATHER",
        "ro\u{1}ot:1:GATHER",
        "ro\not:1:GATHER",
        "root:P2P-1:0-1",
        "root:P2P-1:0->",
        "root:P2P-1:->0",
        "root:P2P-:0->1",
        "root:P2P-1:0->1->2",
        "root:P2P--1:0->1",
        "root:P2P-1:GATHER",
        "root:1:0->1",
    ] {
        assert!(Key::parse(text).is_err(), "{text:?}");
    }
    assert!(Key::parse(&format!("{}:1:GATHER", "x".repeat(257))).is_err());
    assert!(Key::parse(&"x".repeat(1 << 20)).is_err());
}

fn key() -> impl Strategy<Value = Key> {
    let channel = || prop_oneof!["[a-zA-Z0-9-]{1,12}", "[^\\p{Cc}]{1,40}"];
    prop_oneof![
        any::<usize>().prop_map(|rank| Key::Connect { rank }),
        (channel(), any::<u64>(), any::<usize>(), any::<usize>())
            .prop_map(|(channel, counter, from, to)| Key::P2p { channel, counter, from, to }),
        (channel(), any::<u64>(), prop::sample::select(Operation::ALL.to_vec()))
            .prop_map(|(channel, counter, operation)| Key::Collective { channel, counter, operation }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(key in key(), sequence in prop::option::of(any::<u64>())) {
        let read = Key::parse(&key.on_wire(sequence));
        prop_assert_eq!(read, Ok((key, sequence.filter(|number| *number > 0))));
    }

    /// Any text is refused, or is the one text of what it means.
    #[test]
    fn one_text_per_key(text in "[rootconectP2PACKFIN0-9:>_\u{1}\u{2}-]{0,30}|.{0,30}|[a-z]{1,3}:(P2P-)?[0-9]{1,2}:([0-9]->[0-9]|GATHER)(\u{1}\u{2}[0-9]{1,3})?") {
        if let Ok((key, sequence)) = Key::parse(&text) {
            let zero = text.ends_with("\u{1}\u{2}0");
            prop_assert_eq!(key.on_wire(sequence.or(zero.then_some(0))), text);
        }
    }
}
