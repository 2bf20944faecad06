//! Streams against `vectors/prg/streams.json`: draws in a row, in every cipher and construction.

use serde::Deserialize;
use symbolon_dialect::Construction;
use symbolon_prg::{Cipher, CounterStream, Seed};

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    cipher: String,
    construction: Construction,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    id: String,
    key: String,
    counter: String,
    draws: Vec<Draw>,
}

#[derive(Deserialize)]
struct Draw {
    bytes: usize,
    output: String,
    counter_after: String,
}

#[test]
fn draws_in_a_row() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/prg/streams.json");
    let file: File = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(file.groups.len(), 4);
    for group in &file.groups {
        let cipher = match group.cipher.as_str() {
            "aes-128" => Cipher::Aes128,
            "sm4" => Cipher::Sm4,
            other => panic!("{other}"),
        };
        assert!(group.tests.len() >= 8);
        for test in &group.tests {
            let key = Seed::from_bytes(hex::decode(&test.key).unwrap().try_into().unwrap());
            let mut stream = CounterStream::new(cipher, group.construction, &key);
            stream.set_counter(test.counter.parse().unwrap());
            for draw in &test.draws {
                let mut out = vec![0x5A; draw.bytes];
                stream.fill(&mut out).unwrap();
                assert_eq!(hex::encode(out), draw.output, "{}", test.id);
                assert_eq!(stream.counter().to_string(), draw.counter_after, "{}", test.id);
            }
        }
    }
}
