//! Keys and exchanges against `vectors/link`.

mod common;

use bytes::Bytes;
use common::{Tap, deliver, tapped};
use serde_json::Value;
use symbolon_link::{Chunk, Frame, Key, Operation};

fn tests(file: &str, group: usize) -> Vec<Value> {
    let path = format!("{}/../../vectors/link/{file}", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["groups"][group]["tests"].as_array().unwrap().clone()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn count(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn key(fields: &Value) -> Key {
    let rank = |name: &str| usize::try_from(count(fields, name)).unwrap();
    let channel = || text(fields, "channel").to_owned();
    match text(fields, "kind") {
        "connect" => Key::Connect { rank: rank("rank") },
        "p2p" => Key::P2p {
            channel: channel(),
            counter: count(fields, "counter"),
            from: rank("source"),
            to: rank("target"),
        },
        "collective" => {
            let word = text(fields, "operation");
            let operation = Operation::ALL.into_iter().find(|operation| operation.word() == word).unwrap();
            Key::Collective { channel: channel(), counter: count(fields, "counter"), operation }
        }
        "ack" => Key::Ack,
        "fin" => Key::Fin,
        other => panic!("{other}"),
    }
}

#[test]
fn keys() {
    let tests = tests("keys.json", 0);
    assert!(tests.len() > 60);
    for test in tests {
        let (id, wire) = (text(&test, "id"), text(&test, "text"));
        if text(&test, "result") == "invalid" {
            assert!(Key::parse(wire).is_err(), "{id}: {wire:?}");
            continue;
        }
        let (key, sequence) = (key(&test["fields"]), test["sequence"].as_u64());
        assert_eq!(key.on_wire(sequence), wire, "{id}");
        assert_eq!(Key::parse(wire).unwrap(), (key, sequence.filter(|&number| number > 0)), "{id}");
    }
}

#[test]
fn exchanges() {
    let tests = tests("exchanges.json", 0);
    assert!(tests.len() >= 15);
    for test in tests {
        let id = text(&test, "id");
        let (_, link) = tapped(Tap::default(), |_| {});
        for (place, step) in test["steps"].as_array().unwrap().iter().enumerate() {
            let expect = &step["expect"];
            match text(step, "op") {
                "push" => {
                    let chunk = step.get("chunk").map(|chunk| Chunk {
                        message_length: count(chunk, "message_length"),
                        offset: count(chunk, "offset"),
                    });
                    let frame = Frame {
                        sender: count(step, "sender"),
                        key: text(step, "key").into(),
                        value: Bytes::from(hex::decode(text(step, "value")).unwrap()),
                        chunk,
                    };
                    let code = deliver(&link, frame).map_or_else(|rejection| rejection.code, |()| 0);
                    assert_eq!(
                        u64::try_from(code).unwrap(),
                        count(expect, "error_code"),
                        "{id}, step {place}"
                    );
                }
                "receive" => {
                    let value = link.root().recv(1).unwrap();
                    assert_eq!(hex::encode(value), text(expect, "value"), "{id}, step {place}");
                }
                other => panic!("{other}"),
            }
        }
    }
}
