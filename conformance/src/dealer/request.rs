//! A request of SPU's service in its JSON form, as parties of SPU post it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use symbolon_prg::Seed;
use symbolon_ring::Field;
use symbolon_triples::{ReplayBuffer, ReplayOp, ReplayRequest, Shuffle};

use crate::ConformanceError;
use crate::recording::{DealerExchange, Draw};

/// A JSON number, or a number in a string as protobuf's JSON writes 64-bit integers. Absent is 0.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Number {
    #[default]
    Absent,
    Plain(u64),
    Text(String),
}

impl Number {
    fn get(&self) -> Result<u64, ConformanceError> {
        match self {
            Self::Absent => Ok(0),
            Self::Plain(number) => Ok(*number),
            Self::Text(text) => text.parse().map_err(|_| wrong(format!("{text:?} is not a whole number"))),
        }
    }

    fn size(&self) -> Result<usize, ConformanceError> {
        let number = self.get()?;
        usize::try_from(number).map_err(|_| wrong(format!("{number} is too large")))
    }
}

fn wrong(text: String) -> ConformanceError {
    ConformanceError::Recording(text)
}

/// Every `Adjust…Request`, as far as it has the fields.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    prg_inputs: Vec<Input>,
    #[serde(default)]
    field_size: Number,
    #[serde(default, rename = "M")]
    m: Number,
    #[serde(default, rename = "N")]
    n: Number,
    #[serde(default, rename = "K")]
    k: Number,
    #[serde(default)]
    bits: Number,
    #[serde(default)]
    transpose_inputs: Vec<bool>,
    #[serde(default)]
    element_type: Value,
    #[serde(default)]
    perm: Option<Perm>,
}

#[derive(Debug, Deserialize)]
struct Input {
    #[serde(default)]
    prg_count: Number,
    buffer_len: Number,
    #[serde(default)]
    encrypted_seeds: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Perm {
    #[serde(default)]
    prg_count: Number,
    encrypted_seeds: String,
}

impl Request {
    pub(crate) fn parse(value: &Value) -> Result<Self, ConformanceError> {
        Self::deserialize(value).map_err(|error| wrong(format!("dealer request: {error}")))
    }

    /// The request without its counters and seeds, to tell kinds of calls apart. Of each buffer it tells whether it begins
    /// where the one before it, the last of `drawn` at first, ended: SPU keeps masks, and asks for them a second time.
    pub(super) fn shape(&self, drawn: &mut BTreeMap<String, u64>) -> String {
        let mut parts = Vec::new();
        for input in &self.prg_inputs {
            let (start, bytes) = (input.prg_count.get().unwrap_or(0), input.buffer_len.get().unwrap_or(0));
            let next = drawn.entry(input.encrypted_seeds.concat()).or_default();
            parts.push((bytes, start == *next));
            *next = start.saturating_add(bytes.div_ceil(16)).max(*next);
        }
        let Self { field_size, m, n, k, bits, transpose_inputs, .. } = self;
        format!("{parts:?} {field_size:?} {m:?} {n:?} {k:?} {bits:?} {transpose_inputs:?}")
    }

    /// The call as a recording of SS-LR keeps it: products of matrices only.
    pub(crate) fn exchange(
        &self,
        method: &str,
        corrections: Vec<String>,
    ) -> Result<DealerExchange, ConformanceError> {
        if method != "AdjustDot" || self.transpose_inputs.contains(&true) {
            return Err(wrong(format!(
                "dealer operation {method} (transposed inputs: {:?}) does not occur in SS-LR as recorded",
                self.transpose_inputs
            )));
        }
        let draw =
            |input: &Input| Ok(Draw { counter: input.prg_count.get()?, bytes: input.buffer_len.get()? });
        Ok(DealerExchange {
            operation: "dot".into(),
            m: self.m.size()?,
            n: self.n.size()?,
            k: self.k.size()?,
            element_bytes: self.field_size.size()?,
            draws: self.prg_inputs.iter().map(draw).collect::<Result<_, ConformanceError>>()?,
            corrections,
        })
    }

    /// The request with the streams to replay.
    pub(super) fn replayed(
        &self,
        method: &str,
        seeds: &BTreeMap<String, Seed>,
    ) -> Result<ReplayRequest, ConformanceError> {
        let open = |sealed: &String| {
            seeds.get(sealed).cloned().ok_or_else(|| wrong(format!("no seed is told for {sealed:?}")))
        };
        if ![Value::Null, Value::from(1), Value::from("RING")].contains(&self.element_type) {
            return Err(wrong(format!("element type {} is not a ring", self.element_type)));
        }
        let field = match (method, self.field_size.get()?) {
            ("AdjustAnd", _) | (_, 16) => Field::Ring128,
            (_, 8) => Field::Ring64,
            (_, 4) => Field::Ring32,
            (_, other) => return Err(wrong(format!("field_size {other}"))),
        };
        let first = self.prg_inputs.first().ok_or_else(|| wrong("no buffers".into()))?.buffer_len.size()?;
        let len = first / field.bytes();
        let bits = || u32::try_from(self.bits.get()?).map_err(|_| wrong("too many bits".into()));
        let op = match method {
            "AdjustMul" => ReplayOp::Mul { len },
            "AdjustMulPriv" => ReplayOp::MulPriv { len },
            "AdjustSquare" => ReplayOp::Square { len },
            "AdjustAnd" => ReplayOp::And { bytes: first },
            "AdjustTrunc" => ReplayOp::Trunc { len, bits: bits()? },
            "AdjustTruncPr" => ReplayOp::TruncPr { len, bits: bits()? },
            "AdjustRandBit" => ReplayOp::RandBit { len },
            "AdjustEqz" => ReplayOp::Eqz { len },
            "AdjustPerm" => ReplayOp::Perm { len },
            "AdjustDot" => {
                let transposed = match self.transpose_inputs.as_slice() {
                    [] => [false; 2],
                    &[a, b, false] => [a, b],
                    other => return Err(wrong(format!("transpose_inputs {other:?}"))),
                };
                ReplayOp::Dot { m: self.m.size()?, k: self.k.size()?, n: self.n.size()?, transposed }
            }
            other => return Err(wrong(format!("no operation is called {other}"))),
        };
        let buffer = |input: &Input| {
            Ok(ReplayBuffer {
                counter: input.prg_count.get()?,
                bytes: input.buffer_len.get()?,
                seeds: input.encrypted_seeds.iter().map(open).collect::<Result<_, ConformanceError>>()?,
            })
        };
        let shuffle = |perm: &Perm| {
            Ok::<_, ConformanceError>(Shuffle {
                counter: perm.prg_count.get()?,
                seed: open(&perm.encrypted_seeds)?,
            })
        };
        Ok(ReplayRequest {
            op,
            field,
            buffers: self.prg_inputs.iter().map(buffer).collect::<Result<_, ConformanceError>>()?,
            shuffle: self.perm.as_ref().map(shuffle).transpose()?,
        })
    }
}
