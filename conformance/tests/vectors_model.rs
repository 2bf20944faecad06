//! Vectors of the model that need more than one crate: whole runs, `PushRequest`s, the text form of handshakes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;
use symbolon_conformance::recording::Recording;
use symbolon_conformance::{frame, replay};
use symbolon_link::{Chunk, Frame};

/// Invented runs, in the form of recorded ones.
const RUNS: [&str; 10] = [
    "lr/model_lr-32.json",
    "lr/model_lr-64.json",
    "lr/model_lr-64-no-penalty.json",
    "lr/model_lr-128.json",
    "lr/model_lr-128-reference.json",
    "psi/model_psi-25519-document.json",
    "psi/model_psi-25519-sm3.json",
    "psi/model_psi-sm2-sm3-increment.json",
    "psi/model_psi-sm2-uncompressed.json",
    "psi/model_psi-sm2-hybrid-reference.json",
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors").join(name)
}

fn load(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

#[test]
fn either_rank_of_the_model_s_runs() {
    for name in RUNS {
        let recording = Recording::read(&path(name)).unwrap();
        for rank in 0..2 {
            let report = replay::replay(&recording, rank).unwrap();
            assert!(report.passed() && report.notes.is_empty(), "{report}");
            let sent = recording.messages.iter().filter(|message| message.from == rank).count();
            assert!(report.equal + 1 >= sent, "{report}: only {} of {sent}", report.equal);
        }
    }
}

#[test]
fn pushes() {
    let file = load("link/keys.json");
    let tests = file["groups"][1]["tests"].as_array().unwrap();
    assert!(tests.len() >= 8);
    for test in tests {
        let count = |value: &Value, key: &str| value[key].as_u64().unwrap();
        let expected = Frame {
            sender: count(test, "sender"),
            key: text(test, "key").into(),
            value: hex::decode(text(test, "value")).unwrap().into(),
            chunk: test.get("chunk").map(|chunk| Chunk {
                message_length: count(chunk, "message_length"),
                offset: count(chunk, "offset"),
            }),
        };
        let request = BASE64_STANDARD.decode(text(test, "request")).unwrap();
        assert_eq!(frame::decode(&request).unwrap(), expected, "{}", text(test, "id"));
        assert_eq!(frame::encode(&expected), request, "{}", text(test, "id"));
    }
}

/// Renders protobuf messages as text, by the names and numbers of `vectors/wire/schema.json` alone.
struct Printer(BTreeMap<String, BTreeMap<u64, (String, String)>>);

enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl Printer {
    fn new() -> Self {
        let mut messages = BTreeMap::new();
        for file in load("wire/schema.json")["files"].as_object().unwrap().values() {
            for (name, lines) in file["messages"].as_object().into_iter().flatten() {
                let fields = lines.as_array().unwrap().iter().map(|line| {
                    let (number, rest) = line.as_str().unwrap().split_once(' ').unwrap();
                    let (field, kind) = rest.split_once(": ").unwrap();
                    let kind = kind.trim_start_matches("repeated ");
                    (number.parse().unwrap(), (field.to_owned(), kind.to_owned()))
                });
                messages.insert(format!("{}.{name}", text(file, "package")), fields.collect());
            }
        }
        Self(messages)
    }

    fn message(&self, name: &str, mut data: &[u8], indent: usize) -> String {
        let pad = " ".repeat(indent);
        if name == "google.protobuf.Any" {
            let mut parts = BTreeMap::new();
            while let Some((number, Raw::Bytes(bytes))) = field(&mut data) {
                parts.insert(number, bytes);
            }
            let address = std::str::from_utf8(parts[&1]).unwrap();
            let inner = address.strip_prefix("type.googleapis.com/").unwrap();
            let content = self.message(inner, parts.get(&2).unwrap_or(&&[][..]), indent + 2);
            return format!("{pad}[{address}] {{\n{content}{pad}}}\n");
        }
        let mut out = String::new();
        while let Some((number, raw)) = field(&mut data) {
            let (field_name, kind) = &self.0[name][&number];
            match (kind.as_str(), raw) {
                ("double", Raw::Number(bits)) => {
                    out += &format!("{pad}{field_name}: {}\n", f64::from_bits(bits));
                }
                (_, Raw::Number(value)) => out += &scalar(&pad, field_name, kind, value),
                ("string", Raw::Bytes(bytes)) => {
                    let string = std::str::from_utf8(bytes).unwrap();
                    out += &format!("{pad}{field_name}: {}\n", serde_json::to_string(string).unwrap());
                }
                ("int32" | "int64" | "uint32" | "uint64" | "bool", Raw::Bytes(mut packed)) => {
                    while !packed.is_empty() {
                        out += &scalar(&pad, field_name, kind, varint(&mut packed));
                    }
                }
                (_, Raw::Bytes(bytes)) => {
                    out +=
                        &format!("{pad}{field_name} {{\n{}{pad}}}\n", self.message(kind, bytes, indent + 2));
                }
            }
        }
        out
    }
}

fn scalar(pad: &str, name: &str, kind: &str, value: u64) -> String {
    match kind {
        "bool" => format!("{pad}{name}: {}\n", value != 0),
        _ => format!("{pad}{name}: {}\n", value.cast_signed()),
    }
}

fn varint(data: &mut &[u8]) -> u64 {
    let mut value = 0;
    for place in 0.. {
        let byte = data[0];
        *data = &data[1..];
        value |= u64::from(byte & 0x7F) << (7 * place);
        if byte < 0x80 {
            break;
        }
    }
    value
}

fn field<'a>(data: &mut &'a [u8]) -> Option<(u64, Raw<'a>)> {
    if data.is_empty() {
        return None;
    }
    let tag = varint(data);
    let raw = match tag & 7 {
        0 => Raw::Number(varint(data)),
        1 => {
            let (bits, rest) = data.split_at(8);
            *data = rest;
            Raw::Number(u64::from_le_bytes(bits.try_into().unwrap()))
        }
        2 => {
            let length = usize::try_from(varint(data)).unwrap();
            let (bytes, rest) = data.split_at(length);
            *data = rest;
            Raw::Bytes(bytes)
        }
        other => panic!("wire type {other}"),
    };
    Some((tag >> 3, raw))
}

/// The bytes of the handshakes and their text form say the same.
#[test]
fn texts_of_handshakes() {
    let printer = Printer::new();
    let mut seen = 0;
    for name in ["handshake/model_lr.json", "handshake/model_psi.json", "handshake/requests.json"] {
        for group in load(name)["groups"].as_array().unwrap() {
            for test in group["tests"].as_array().unwrap() {
                for (message, kind) in [("request", "HandshakeRequest"), ("response", "HandshakeResponse")] {
                    let Some(expected) = test[format!("{message}_text")].as_str() else { continue };
                    seen += 1;
                    let bytes = BASE64_STANDARD.decode(text(test, message)).unwrap();
                    let printed = printer.message(&format!("org.interconnection.v2.{kind}"), &bytes, 0);
                    assert_eq!(printed, expected, "{}", text(test, "id"));
                }
            }
        }
    }
    assert!(seen > 150, "{seen}");
}
