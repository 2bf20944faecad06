//! Pushes and their answers as JSON, as brpc's `json2pb` writes and reads them.
//!
//! Fields have the names of the protobuf definition, unset ones are left out, enumerations go by name, 64-bit
//! integers are numbers and `bytes` are base64. On receipt the forms of protobuf's own JSON mapping are taken too
//! (lower camel case, integers in strings, enumerations by number).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use symbolon_wire::org::interconnection::ResponseHeader;
use symbolon_wire::org::interconnection::link::{ChunkInfo, PushRequest, PushResponse, TransType};

/// What JSON adds to a message beside base64, in bytes: names, escapes of the key, numbers.
pub(crate) const ENVELOPE_BYTES: usize = 8192;

/// Longest JSON body of a push whose value has at most `value` bytes.
pub(crate) fn longest(value: usize) -> usize {
    value.div_ceil(3).saturating_mul(4).saturating_add(ENVELOPE_BYTES)
}

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(default, alias = "senderRank")]
    sender_rank: Option<Integer>,
    #[serde(default, borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    value: Option<Text<'a>>,
    #[serde(default, alias = "transType", borrow)]
    trans_type: Option<Kind<'a>>,
    #[serde(default, alias = "chunkInfo")]
    chunk_info: Option<Piece>,
}

/// A text that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Piece {
    #[serde(default, alias = "messageLength")]
    message_length: Option<Integer>,
    #[serde(default, alias = "chunkOffset")]
    chunk_offset: Option<Integer>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Kind<'a> {
    Number(i32),
    #[serde(borrow)]
    Name(Cow<'a, str>),
}

/// A number, or its digits in a text.
struct Integer(u64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Digits(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Self(number)),
            Form::Digits(digits) => digits.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

fn integer(value: Option<Integer>) -> u64 {
    value.map_or(0, |Integer(number)| number)
}

/// Reads a push.
pub(crate) fn parse_push(body: &[u8]) -> Result<PushRequest, String> {
    let push: Push<'_> = serde_json::from_slice(body).map_err(shown)?;
    let value = match push.value {
        None => Bytes::new(),
        Some(Text(text)) => STANDARD
            .decode(text.as_bytes())
            .map_err(|_| "the value is not base64 with padding".to_owned())?
            .into(),
    };
    let trans_type = match push.trans_type {
        None => 0,
        Some(Kind::Number(number)) => number,
        Some(Kind::Name(name)) => TransType::from_str_name(&name)
            .map(i32::from)
            .ok_or_else(|| format!("unknown trans_type {name:.40}"))?,
    };
    Ok(PushRequest {
        sender_rank: integer(push.sender_rank),
        key: push.key.map(Cow::into_owned).unwrap_or_default(),
        value,
        trans_type,
        chunk_info: push.chunk_info.map(|piece| ChunkInfo {
            message_length: integer(piece.message_length),
            chunk_offset: integer(piece.chunk_offset),
        }),
    })
}

/// Writes a push.
pub(crate) fn push(request: &PushRequest) -> Bytes {
    #[derive(Serialize)]
    struct Shape<'a> {
        sender_rank: u64,
        key: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        trans_type: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        chunk_info: Option<Place>,
        value: &'static str,
    }
    #[derive(Serialize)]
    struct Place {
        message_length: u64,
        chunk_offset: u64,
    }
    let shape = Shape {
        sender_rank: request.sender_rank,
        key: &request.key,
        trans_type: TransType::try_from(request.trans_type)
            .ok()
            .filter(|kind| *kind != TransType::Mono)
            .map(|kind| kind.as_str_name()),
        chunk_info: request
            .chunk_info
            .map(|info| Place { message_length: info.message_length, chunk_offset: info.chunk_offset }),
        value: "",
    };
    let mut text = serde_json::to_string(&shape).unwrap_or_default();
    // The value goes straight to its place, which is the last one: base64 needs no escapes.
    text.truncate(text.len().saturating_sub("\"}".len()));
    text.reserve(longest(request.value.len()));
    STANDARD.encode_string(&request.value, &mut text);
    text.push_str("\"}");
    text.into()
}

/// Writes an answer.
pub(crate) fn answer(response: &PushResponse) -> Bytes {
    #[derive(Serialize)]
    struct Shape<'a> {
        header: Header<'a>,
    }
    #[derive(Serialize)]
    struct Header<'a> {
        error_code: i32,
        error_msg: &'a str,
    }
    let header = response.header.clone().unwrap_or_default();
    let shape = Shape { header: Header { error_code: header.error_code, error_msg: &header.error_msg } };
    serde_json::to_vec(&shape).unwrap_or_default().into()
}

/// Reads an answer.
pub(crate) fn parse_answer(body: &[u8]) -> Result<PushResponse, String> {
    #[derive(Deserialize)]
    struct Shape {
        #[serde(default)]
        header: Option<Header>,
    }
    #[derive(Deserialize)]
    struct Header {
        #[serde(default, alias = "errorCode")]
        error_code: i32,
        #[serde(default, alias = "errorMsg")]
        error_msg: String,
    }
    let shape: Shape = serde_json::from_slice(body).map_err(shown)?;
    let header = shape
        .header
        .map(|header| ResponseHeader { error_code: header.error_code, error_msg: header.error_msg });
    Ok(PushResponse { header })
}

/// What is wrong and where, without any of the text.
fn shown(error: serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Io => "cannot be read",
        serde_json::error::Category::Syntax => "is not JSON",
        serde_json::error::Category::Data => "does not fit the message",
        serde_json::error::Category::Eof => "ends early",
    };
    format!("the text {kind} (line {}, column {})", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_forms_of_brpc_and_of_protobuf_are_read() {
        let expected = PushRequest {
            sender_rank: 1,
            key: "root:P2P-1:1->0\u{1}\u{2}7".into(),
            value: "ab?>".into(),
            trans_type: 1,
            chunk_info: Some(ChunkInfo { message_length: 9, chunk_offset: 4 }),
        };
        for text in [
            r#"{"sender_rank":1,"key":"root:P2P-1:1->0\u0001\u00027","value":"YWI\/Pg==","trans_type":"CHUNKED",
                "chunk_info":{"message_length":9,"chunk_offset":4}}"#,
            r#"{"senderRank":"1","key":"root:P2P-1:1->0\u0001\u00027","value":"YWI/Pg==","transType":1,
                "chunkInfo":{"messageLength":"9","chunkOffset":"4"},"unknown":[{}]}"#,
        ] {
            assert_eq!(parse_push(text.as_bytes()).as_ref(), Ok(&expected));
        }
        assert_eq!(parse_push(b"{}"), Ok(PushRequest::default()));
        assert_eq!(parse_answer(b"{}"), Ok(PushResponse { header: None }));
        assert_eq!(
            parse_answer(br#"{"header":{"error_code":31100001,"error_msg":"no"}}"#)
                .unwrap()
                .header
                .unwrap()
                .error_code,
            31_100_001
        );
    }

    #[test]
    fn other_texts_are_refused_without_repeating_them() {
        for text in [
            "",
            "secret",
            r#"{"value":"secret"}"#,
            r#"{"value":"YQ"}"#,
            r#"{"sender_rank":-1}"#,
            r#"{"trans_type":"MANY"}"#,
            r#"{"sender_rank":1"#,
            r#"{"key":7}"#,
        ] {
            let error = parse_push(text.as_bytes()).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn pushes_survive_the_way(
            sender_rank: u64, key in ".{0,20}", value in proptest::collection::vec(any::<u8>(), 0..200),
            trans_type in 0..2, chunk in proptest::option::of(any::<(u64, u64)>()),
        ) {
            let request = PushRequest {
                sender_rank, key, value: value.into(), trans_type,
                chunk_info: chunk.map(|(message_length, chunk_offset)| ChunkInfo { message_length, chunk_offset }),
            };
            let text = push(&request);
            prop_assert!(text.len() <= longest(request.value.len()));
            prop_assert_eq!(parse_push(&text), Ok(request));
        }

        #[test]
        fn answers_survive_the_way(error_code: i32, error_msg in ".{0,40}") {
            let response = PushResponse { header: Some(ResponseHeader { error_code, error_msg }) };
            prop_assert_eq!(parse_answer(&answer(&response)), Ok(response));
        }

        #[test]
        fn nothing_panics(body in proptest::collection::vec(any::<u8>(), 0..100), text in r#"[\[\]{}":,0-9a-z\\ ]{0,60}"#) {
            let _ = (parse_push(&body), parse_answer(&body), parse_push(text.as_bytes()), parse_answer(text.as_bytes()));
        }
    }
}
