//! The messages of `spu.mpc.semi2k.beaver.ttp_server.BeaverService` (SPU, `ttp_server/service.proto`), in protobuf and in
//! its JSON mapping.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Method;

/// `PrgBufferMeta`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
pub(crate) struct Buffer {
    #[prost(uint64, tag = "1")]
    #[serde(default, alias = "prgCount", deserialize_with = "integer")]
    pub(crate) prg_count: u64,
    #[prost(uint64, tag = "2")]
    #[serde(default, alias = "bufferLen", deserialize_with = "integer")]
    pub(crate) buffer_len: u64,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    #[serde(default, alias = "encryptedSeeds", with = "base64_list")]
    pub(crate) encrypted_seeds: Vec<Bytes>,
    #[prost(bool, tag = "4")]
    #[serde(default)]
    pub(crate) transpose: bool,
}

/// `PrgRandPermMeta`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
pub(crate) struct Permutation {
    #[prost(uint64, tag = "1")]
    #[serde(default, alias = "prgCount", deserialize_with = "integer")]
    pub(crate) prg_count: u64,
    #[prost(int64, tag = "2")]
    #[serde(default, deserialize_with = "signed")]
    pub(crate) size: i64,
    #[prost(bytes = "bytes", tag = "3")]
    #[serde(default, alias = "encryptedSeeds", with = "base64_one")]
    pub(crate) encrypted_seeds: Bytes,
}

/// Every `Adjust…Request`, as far as it has the fields.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Adjust {
    #[serde(default, alias = "prgInputs")]
    pub(crate) prg_inputs: Vec<Buffer>,
    #[serde(default, alias = "transposeInputs", skip_serializing_if = "Vec::is_empty")]
    pub(crate) transpose_inputs: Vec<bool>,
    #[serde(default, alias = "fieldSize", deserialize_with = "integer", skip_serializing_if = "is_zero")]
    pub(crate) field_size: u64,
    #[serde(
        default,
        rename = "M",
        alias = "m",
        deserialize_with = "integer",
        skip_serializing_if = "is_zero"
    )]
    pub(crate) m: u64,
    #[serde(
        default,
        rename = "N",
        alias = "n",
        deserialize_with = "integer",
        skip_serializing_if = "is_zero"
    )]
    pub(crate) n: u64,
    #[serde(
        default,
        rename = "K",
        alias = "k",
        deserialize_with = "integer",
        skip_serializing_if = "is_zero"
    )]
    pub(crate) k: u64,
    #[serde(default, deserialize_with = "integer", skip_serializing_if = "is_zero")]
    pub(crate) bits: u64,
    /// `ElType`: 0 or 1 for ring elements, 2 for GFMP.
    #[serde(
        default,
        alias = "elementType",
        deserialize_with = "element_type",
        skip_serializing_if = "is_none"
    )]
    pub(crate) element_type: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) perm: Option<Permutation>,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn is_none(value: &i32) -> bool {
    *value == 0
}

/// All requests but two: the third field is the number of bits or the type of elements.
#[derive(Clone, PartialEq, Message)]
struct Plain {
    #[prost(message, repeated, tag = "1")]
    prg_inputs: Vec<Buffer>,
    #[prost(uint32, tag = "2")]
    field_size: u32,
    #[prost(uint32, tag = "3")]
    third: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Dot {
    #[prost(message, repeated, tag = "1")]
    prg_inputs: Vec<Buffer>,
    #[prost(bool, repeated, tag = "2")]
    transpose_inputs: Vec<bool>,
    #[prost(uint32, tag = "3")]
    field_size: u32,
    #[prost(uint64, tag = "4")]
    m: u64,
    #[prost(uint64, tag = "5")]
    n: u64,
    #[prost(uint64, tag = "6")]
    k: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Perm {
    #[prost(message, repeated, tag = "1")]
    prg_inputs: Vec<Buffer>,
    #[prost(uint32, tag = "2")]
    field_size: u32,
    #[prost(message, optional, tag = "3")]
    perm: Option<Permutation>,
}

/// `AdjustResponse` of the unary service.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Adjusted {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(crate) adjust_outputs: Vec<Bytes>,
}

impl Adjust {
    /// Reads the protobuf form.
    pub(crate) fn decode(method: Method, body: Bytes) -> Result<Self, String> {
        let malformed = |error: prost::DecodeError| match method {
            Method::Perm => {
                format!("{error}; a permutation given element by element (perm_vec) is not taken")
            }
            _ => error.to_string(),
        };
        Ok(match method {
            Method::Dot => {
                let Dot { prg_inputs, transpose_inputs, field_size, m, n, k } =
                    Dot::decode(body).map_err(malformed)?;
                let field_size = field_size.into();
                Self { prg_inputs, transpose_inputs, field_size, m, n, k, ..Self::default() }
            }
            Method::Perm => {
                let Perm { prg_inputs, field_size, perm } = Perm::decode(body).map_err(malformed)?;
                Self { prg_inputs, field_size: field_size.into(), perm, ..Self::default() }
            }
            _ => {
                let Plain { prg_inputs, field_size, third } = Plain::decode(body).map_err(malformed)?;
                let (bits, element_type) = match method {
                    Method::Trunc | Method::TruncPr => (third.into(), 0),
                    _ => (0, i32::try_from(third).unwrap_or(i32::MAX)),
                };
                Self { prg_inputs, field_size: field_size.into(), bits, element_type, ..Self::default() }
            }
        })
    }

    /// Writes the protobuf form.
    pub(crate) fn encode(&self, method: Method) -> Vec<u8> {
        let Self { transpose_inputs, m, n, k, perm, .. } = self.clone();
        let prg_inputs = self.prg_inputs.clone();
        let field_size = u32::try_from(self.field_size).unwrap_or_default();
        match method {
            Method::Dot => Dot { prg_inputs, transpose_inputs, field_size, m, n, k }.encode_to_vec(),
            Method::Perm => Perm { prg_inputs, field_size, perm }.encode_to_vec(),
            _ => {
                let third = u32::try_from(self.bits).unwrap_or_default();
                Plain { prg_inputs, field_size, third }.encode_to_vec()
            }
        }
    }

    /// Reads the JSON form. The error names the place, and repeats nothing of the text.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| {
            let kind = match error.classify() {
                serde_json::error::Category::Data => "does not fit the message",
                _ => "is not JSON",
            };
            format!("the body {kind} (line {}, column {})", error.line(), error.column())
        })
    }

    /// Writes the JSON form.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // There is nothing that JSON could not say.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A number, or its digits in a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Digits<N> {
    Number(N),
    Text(String),
}

fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match Digits::deserialize(deserializer)? {
        Digits::Number(number) => Ok(number),
        Digits::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

fn signed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match Digits::deserialize(deserializer)? {
        Digits::Number(number) => Ok(number),
        Digits::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

fn element_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    match Digits::deserialize(deserializer)? {
        Digits::Number(number) => Ok(number),
        Digits::Text(name) => match name.as_str() {
            "UNSPECIFIED" => Ok(0),
            "RING" => Ok(1),
            "GFMP" => Ok(2),
            _ => Err(serde::de::Error::custom("unknown element_type")),
        },
    }
}

fn decode_base64(text: &str) -> Option<Bytes> {
    STANDARD.decode(text).ok().map(Bytes::from)
}

mod base64_one {
    use super::*;

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        decode_base64(&text).ok_or_else(|| serde::de::Error::custom("not base64"))
    }
}

mod base64_list {
    use super::*;

    pub(super) fn serialize<S: Serializer>(list: &[Bytes], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|bytes| STANDARD.encode(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Bytes>, D::Error> {
        let list = Vec::<String>::deserialize(deserializer)?;
        let decoded = list.iter().map(|text| decode_base64(text));
        decoded.collect::<Option<_>>().ok_or_else(|| serde::de::Error::custom("not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_forms_of_json_are_read_alike() {
        let seed = Bytes::from_static(b"ab?>");
        let buffer = |prg_count, buffer_len| Buffer {
            prg_count,
            buffer_len,
            encrypted_seeds: vec![seed.clone(); 2],
            transpose: false,
        };
        let expected = Adjust {
            prg_inputs: vec![buffer(0, 192), buffer(1 << 60, 32)],
            transpose_inputs: vec![false, true, false],
            field_size: 8,
            m: 6,
            n: 1,
            k: 4,
            ..Adjust::default()
        };
        for text in [
            r#"{"prg_inputs":[{"buffer_len":192,"encrypted_seeds":["YWI\/Pg==","YWI/Pg=="]},
                {"prg_count":1152921504606846976,"buffer_len":32,"encrypted_seeds":["YWI/Pg==","YWI/Pg=="]}],
                "transpose_inputs":[false,true,false],"field_size":8,"M":6,"N":1,"K":4}"#,
            r#"{"prgInputs":[{"bufferLen":"192","encryptedSeeds":["YWI/Pg==","YWI/Pg=="],"transpose":false},
                {"prgCount":"1152921504606846976","bufferLen":"32","encryptedSeeds":["YWI/Pg==","YWI/Pg=="]}],
                "transposeInputs":[false,true,false],"fieldSize":8,"M":"6","N":"1","K":"4","unknown":[{}]}"#,
        ] {
            assert_eq!(Adjust::parse(text.as_bytes()), Ok(expected.clone()));
        }
        assert_eq!(Adjust::parse(&expected.to_json()), Ok(expected.clone()));
        assert_eq!(Adjust::decode(Method::Dot, expected.encode(Method::Dot).into()), Ok(expected));
        assert_eq!(Adjust::parse(br#"{"element_type":"GFMP"}"#).unwrap().element_type, 2);
        assert_eq!(Adjust::parse(b"{}"), Ok(Adjust::default()));
    }

    #[test]
    fn other_texts_are_refused_without_repeating_them() {
        for text in [
            "secret",
            "[1",
            r#"{"field_size":"secret"}"#,
            r#"{"field_size":-1}"#,
            r#"{"prg_inputs":[{"encrypted_seeds":["secret!"]}]}"#,
            r#"{"element_type":"secret"}"#,
        ] {
            let error = Adjust::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains("line 1") && !error.contains("secret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(body in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = Adjust::parse(&body);
            for method in Method::ALL {
                let _ = Adjust::decode(method, body.clone().into());
            }
        }
    }
}
