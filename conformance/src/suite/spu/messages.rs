//! Requests of the service in protobuf (SPU, `ttp_server/service.proto`) and in JSON.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use prost::Message;
use serde_json::{Value, json};

/// `PrgBufferMeta`: a draw of every party.
#[derive(Clone, PartialEq, Message)]
pub struct Buffer {
    /// Its first block.
    #[prost(uint64, tag = "1")]
    pub prg_count: u64,
    /// Its bytes.
    #[prost(uint64, tag = "2")]
    pub buffer_len: u64,
    /// The seed of each rank, sealed.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub encrypted_seeds: Vec<Vec<u8>>,
}

/// `PrgRandPermMeta`: a permutation of one party.
#[derive(Clone, PartialEq, Message)]
pub struct Permutation {
    /// The first block that it is drawn from.
    #[prost(uint64, tag = "1")]
    pub prg_count: u64,
    /// Elements to permute.
    #[prost(int64, tag = "2")]
    pub size: i64,
    /// The party's seed, sealed.
    #[prost(bytes = "vec", tag = "3")]
    pub encrypted_seeds: Vec<u8>,
}

/// Every `Adjust…Request`, as far as it has the fields.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Adjust {
    /// One draw for each random matrix.
    pub prg_inputs: Vec<Buffer>,
    /// Whether the buffers of A, B and C hold transposed matrices; of `AdjustDot` only, where empty is "none".
    pub transpose_inputs: Vec<bool>,
    /// Bytes of an element.
    pub field_size: u64,
    /// M, N and K of `AdjustDot`.
    pub shape: [u64; 3],
    /// Of `AdjustTrunc` and `AdjustTruncPr`.
    pub bits: u64,
    /// Of `AdjustPerm`.
    pub perm: Option<Permutation>,
}

#[derive(Clone, PartialEq, Message)]
struct Plain {
    #[prost(message, repeated, tag = "1")]
    prg_inputs: Vec<Buffer>,
    #[prost(uint32, tag = "2")]
    field_size: u32,
    #[prost(uint32, tag = "3")]
    bits: u32,
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

/// `AdjustResponse` of the unary form.
#[derive(Clone, PartialEq, Message)]
pub struct Adjusted {
    /// 0, or why there are no corrections.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// The reason in words.
    #[prost(string, tag = "2")]
    pub message: String,
    /// The corrections, little-endian elements.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub adjust_outputs: Vec<Vec<u8>>,
}

impl Adjust {
    /// As protobuf.
    pub fn to_protobuf(&self, method: &str) -> Vec<u8> {
        let Self { prg_inputs, transpose_inputs, shape: [m, n, k], perm, .. } = self.clone();
        let field_size = u32::try_from(self.field_size).unwrap_or(u32::MAX);
        match method {
            "AdjustDot" => Dot { prg_inputs, transpose_inputs, field_size, m, n, k }.encode_to_vec(),
            "AdjustPerm" => Perm { prg_inputs, field_size, perm }.encode_to_vec(),
            _ => {
                let bits = u32::try_from(self.bits).unwrap_or(u32::MAX);
                Plain { prg_inputs, field_size, bits }.encode_to_vec()
            }
        }
    }

    /// Out of protobuf: a product of matrices, or an operation without fields of its own.
    ///
    /// # Errors
    /// Bytes that are no such message.
    pub fn from_protobuf(method: &str, body: &[u8]) -> Result<Self, String> {
        let wrong = |error: prost::DecodeError| format!("{method}: {error}");
        if method == "AdjustDot" {
            let Dot { prg_inputs, transpose_inputs, field_size, m, n, k } =
                Dot::decode(body).map_err(wrong)?;
            let (field_size, shape) = (field_size.into(), [m, n, k]);
            return Ok(Self { prg_inputs, transpose_inputs, field_size, shape, ..Self::default() });
        }
        let Plain { prg_inputs, field_size, bits } = Plain::decode(body).map_err(wrong)?;
        Ok(Self { prg_inputs, field_size: field_size.into(), bits: bits.into(), ..Self::default() })
    }

    /// As JSON, fields of value 0 left out, as brpc writes it.
    pub fn to_json(&self) -> Value {
        let inputs = self.prg_inputs.iter().map(|input| {
            let seeds = input.encrypted_seeds.iter().map(|seed| BASE64_STANDARD.encode(seed));
            let mut value =
                json!({"buffer_len": input.buffer_len, "encrypted_seeds": seeds.collect::<Vec<_>>()});
            if input.prg_count > 0 {
                value["prg_count"] = input.prg_count.into();
            }
            value
        });
        let mut value = json!({"prg_inputs": inputs.collect::<Vec<_>>()});
        let [m, n, k] = self.shape;
        for (name, number) in
            [("field_size", self.field_size), ("M", m), ("N", n), ("K", k), ("bits", self.bits)]
        {
            if number > 0 {
                value[name] = number.into();
            }
        }
        if !self.transpose_inputs.is_empty() {
            value["transpose_inputs"] = self.transpose_inputs.clone().into();
        }
        if let Some(perm) = &self.perm {
            value["perm"] = json!({
                "prg_count": perm.prg_count,
                "size": perm.size,
                "encrypted_seeds": BASE64_STANDARD.encode(&perm.encrypted_seeds),
            });
        }
        value
    }

    /// Out of JSON, but for permutations.
    ///
    /// # Errors
    /// Something else than such a request.
    pub fn from_json(body: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let none = Vec::new();
        let inputs = value["prg_inputs"].as_array().ok_or("no prg_inputs")?;
        let buffer = |input: &Value| {
            let seeds = input["encrypted_seeds"].as_array().unwrap_or(&none).iter();
            let seed = |seed: &Value| {
                BASE64_STANDARD
                    .decode(seed.as_str().unwrap_or_default())
                    .map_err(|error| format!("encrypted_seeds: {error}"))
            };
            Ok::<_, String>(Buffer {
                prg_count: number(&input["prg_count"])?,
                buffer_len: number(&input["buffer_len"])?,
                encrypted_seeds: seeds.map(seed).collect::<Result<_, _>>()?,
            })
        };
        let transposes = value["transpose_inputs"].as_array().unwrap_or(&none);
        Ok(Self {
            prg_inputs: inputs.iter().map(buffer).collect::<Result<_, _>>()?,
            transpose_inputs: transposes.iter().map(|one| one == &Value::Bool(true)).collect(),
            field_size: number(&value["field_size"])?,
            shape: [number(&value["M"])?, number(&value["N"])?, number(&value["K"])?],
            bits: number(&value["bits"])?,
            perm: None,
        })
    }
}

/// A number, or its digits; absent is 0.
fn number(value: &Value) -> Result<u64, String> {
    match value {
        Value::Null => Ok(0),
        Value::String(digits) => digits.parse().map_err(|_| "digits that are no number".into()),
        other => other.as_u64().ok_or_else(|| "something else than a number".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_as_written() {
        let buffer =
            Buffer { prg_count: 1 << 40, buffer_len: 48, encrypted_seeds: vec![vec![1, 2], vec![3]] };
        let adjust = Adjust {
            prg_inputs: vec![buffer],
            transpose_inputs: vec![false, true, false],
            field_size: 8,
            shape: [2, 1, 3],
            ..Adjust::default()
        };
        assert_eq!(Adjust::from_json(adjust.to_json().to_string().as_bytes()), Ok(adjust.clone()));
        assert_eq!(Adjust::from_protobuf("AdjustDot", &adjust.to_protobuf("AdjustDot")), Ok(adjust));
        assert!(Adjust::from_json(b"{}").is_err());
    }

    /// A request that a party of SPU 0.9.5 posted, from the recorded calls.
    #[test]
    fn recorded_requests_are_read() {
        let path = format!("{}/../vectors/dealer/spu-0.9.5_ring-64-calls.json", env!("CARGO_MANIFEST_DIR"));
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut dots = 0;
        for call in file["calls"].as_array().unwrap() {
            let mut request = call["request"].clone();
            for input in request["prg_inputs"].as_array_mut().unwrap() {
                input["encrypted_seeds"] = json!([]); // names stand for them there
            }
            let adjust = Adjust::from_json(request.to_string().as_bytes()).unwrap();
            assert!(adjust.prg_inputs.iter().all(|input| input.buffer_len > 0), "{call}");
            if call["method"] == "AdjustDot" {
                assert!(adjust.field_size == 8 && !adjust.shape.contains(&0), "{call}");
                dots += 1;
            }
        }
        assert!(dots > 0);
    }
}
