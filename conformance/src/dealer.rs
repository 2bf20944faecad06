//! Calls recorded at a dealer of SPU's kind (erratum E15), and their replay.
//!
//! A file holds the requests of SPU's parties as they were posted, the replies that those parties computed on, and the
//! seeds that the ciphertexts held. The replay reads each request, replays the streams of the seeds through
//! [`symbolon_triples`], and compares the reply byte for byte. The bits of an `AdjustRandBit` are the dealer's own
//! choice: there it checks that the reply makes bits of what the parties drew.

mod request;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use symbolon_dialect::Construction;
use symbolon_prg::{Cipher, CounterStream, Seed};
use symbolon_ring::{Field, Matrix, Ring};
use symbolon_triples::{CorrectionPieces, Limits, ReplayOp, ReplayRequest};

use crate::ConformanceError;
use crate::recording::{Source, decode_base64, decode_hex};

pub(crate) use request::Request;

/// The value of [`DealerCalls::format`].
pub const FORMAT: &str = "symbolon/dealer/1";

/// Calls to one dealer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DealerCalls {
    /// Always [`FORMAT`].
    pub format: String,
    /// What the file holds.
    pub about: String,
    /// Where the expected values come from.
    pub provenance: String,
    /// The engine, its versions, command and date, where the calls were recorded by this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// `http`: JSON requests, replies in frames.
    pub form: String,
    /// The construction of the parties' dealer streams.
    pub stream: Construction,
    /// Each seed (16 bytes of hex) by the name that requests give its ciphertext.
    pub seeds: BTreeMap<String, String>,
    /// The ciphertexts (base64) by the names that stand for them in requests; empty where they stand there themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sealed: BTreeMap<String, String>,
    /// The calls, in order.
    pub calls: Vec<Call>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// `AdjustMul`, `AdjustDot`, …
    pub method: String,
    /// The JSON that was posted.
    pub request: Value,
    /// The reply's body, base64: frames.
    pub response: String,
}

/// What a replay of calls found.
#[derive(Debug, Clone)]
pub struct DealerReport {
    /// Replies that were recomputed and equal, by method.
    pub equal: BTreeMap<String, usize>,
    /// What differs, by the place of the call.
    pub differences: Vec<String>,
}

impl DealerReport {
    /// Whether every reply is as recorded.
    pub fn passed(&self) -> bool {
        self.differences.is_empty() && !self.equal.is_empty()
    }
}

impl fmt::Display for DealerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by_method: Vec<_> =
            self.equal.iter().map(|(method, count)| format!("{method} {count}")).collect();
        write!(
            f,
            "{} dealer replies recomputed ({})",
            self.equal.values().sum::<usize>(),
            by_method.join(", ")
        )?;
        for difference in &self.differences {
            write!(f, "\n     {difference}")?;
        }
        Ok(())
    }
}

impl DealerCalls {
    /// Whether the file says that it is of this format.
    pub fn is_in(path: &Path) -> bool {
        #[derive(Deserialize)]
        struct Head {
            format: String,
        }
        let text = std::fs::read_to_string(path).unwrap_or_default();
        serde_json::from_str::<Head>(&text).is_ok_and(|head| head.format == FORMAT)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ConformanceError::File`] names the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, ConformanceError> {
        let in_file = |reason: String| ConformanceError::File { path: path.into(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| in_file(error.to_string()))?;
        let calls: Self = serde_json::from_str(&text).map_err(|error| in_file(error.to_string()))?;
        if calls.format != FORMAT || calls.form != "http" {
            return Err(in_file(format!("expected {FORMAT:?} of the form \"http\"")));
        }
        Ok(calls)
    }

    /// The file's text: a line for each call.
    ///
    /// # Errors
    /// None in practice: every field has a JSON form.
    pub fn to_json(&self) -> Result<String, ConformanceError> {
        let written = |error: serde_json::Error| ConformanceError::Recording(error.to_string());
        let head = Self { calls: Vec::new(), ..self.clone() };
        let head = serde_json::to_string_pretty(&head).map_err(written)?;
        let head = head.strip_suffix("[]\n}").unwrap_or(&head);
        let calls: Vec<String> =
            self.calls.iter().map(serde_json::to_string).collect::<Result<_, _>>().map_err(written)?;
        Ok(format!("{head}[\n    {}\n  ]\n}}\n", calls.join(",\n    ")))
    }

    /// Recomputes every reply.
    ///
    /// # Errors
    /// A request that is not one of the service, or a seed that the file does not hold.
    pub fn replay(&self) -> Result<DealerReport, ConformanceError> {
        let mut seeds = BTreeMap::new();
        for (name, hex) in &self.seeds {
            seeds.insert(name.clone(), Seed::from_bytes(decode_hex("seeds", hex)?));
        }
        let mut report = DealerReport { equal: BTreeMap::new(), differences: Vec::new() };
        for (place, call) in self.calls.iter().enumerate() {
            let at = |error: ConformanceError| {
                ConformanceError::Recording(format!("call {place} ({}): {error}", call.method))
            };
            let request = Request::parse(&call.request).map_err(at)?;
            let request = request.replayed(&call.method, &seeds).map_err(at)?;
            let reply = unframe(&decode_base64("response", &call.response).map_err(at)?).map_err(at)?;
            match self.judge(request, &reply) {
                Ok(()) => *report.equal.entry(call.method.clone()).or_default() += 1,
                Err(reason) => report.differences.push(format!("call {place} ({}): {reason}", call.method)),
            }
        }
        Ok(report)
    }

    fn judge(&self, request: ReplayRequest, reply: &[u8]) -> Result<(), String> {
        if let ReplayOp::RandBit { len } = request.op {
            return match request.field {
                Field::Ring32 => bits::<u32>(&request, self.stream, len, reply),
                Field::Ring64 => bits::<u64>(&request, self.stream, len, reply),
                Field::Ring128 => bits::<u128>(&request, self.stream, len, reply),
            };
        }
        let unused = Seed::from_bytes([0; 16]);
        let pieces = CorrectionPieces::new(
            request,
            Cipher::Aes128,
            self.stream,
            &Limits::default(),
            usize::MAX >> 8,
            &unused,
        )
        .map_err(|error| error.to_string())?;
        let mut ours = Vec::new();
        for piece in pieces {
            ours.extend_from_slice(&piece.map_err(|error| error.to_string())?.bytes);
        }
        if ours == reply {
            return Ok(());
        }
        let same = ours.iter().zip(reply).take_while(|(a, b)| a == b).count();
        Err(format!(
            "the reply differs at byte {same} ({} bytes recorded, {} recomputed)",
            reply.len(),
            ours.len()
        ))
    }
}

/// Whether what the parties drew becomes bits by the reply.
fn bits<R: Ring>(
    request: &ReplayRequest,
    stream: Construction,
    len: usize,
    reply: &[u8],
) -> Result<(), String> {
    let text = |error: symbolon_ring::RingError| error.to_string();
    let buffer = request.buffers.first().ok_or("no buffer")?;
    let mut sum = Matrix::<R>::from_le_bytes(1, len, reply).map_err(text)?;
    for seed in &buffer.seeds {
        let mut stream = CounterStream::new(Cipher::Aes128, stream, seed).at(buffer.counter);
        let share = stream.draw_matrix::<R>(1, len).map_err(|error| error.to_string())?;
        sum = sum.add(&share).map_err(text)?;
    }
    match sum.as_slice().iter().position(|&value| value != R::ZERO && value != R::ONE) {
        None => Ok(()),
        Some(place) => Err(format!("element {place} of the reply does not make a bit")),
    }
}

/// Joins the frames of a reply: flag byte 0, length as 8 little-endian bytes, data.
pub(crate) fn unframe(mut body: &[u8]) -> Result<Vec<u8>, ConformanceError> {
    let mut data = Vec::new();
    while let Some((header, rest)) = body.split_first_chunk::<9>() {
        let [flag, length @ ..] = *header;
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
        match (flag, rest.split_at_checked(length)) {
            (0, Some((frame, next))) => {
                data.extend_from_slice(frame);
                body = next;
            }
            _ => {
                return Err(ConformanceError::Recording(
                    "the dealer's reply is not in frames of data".into(),
                ));
            }
        }
    }
    if body.is_empty() {
        Ok(data)
    } else {
        Err(ConformanceError::Recording("bytes after the dealer's last frame".into()))
    }
}

/// Calls put together as they are recorded: ciphertexts get names, and a call that repeats another in all but its
/// counters is left out.
#[derive(Debug, Default)]
pub struct Collector {
    sealed: BTreeMap<String, String>,
    seen: BTreeSet<String>,
    /// Blocks drawn of each set of streams, by their ciphertexts.
    drawn: BTreeMap<String, u64>,
    calls: Vec<Call>,
}

impl Collector {
    /// Takes a call: the method, the JSON posted, the reply's body. `kind` tells runs apart whose calls are kept beside
    /// one another although they are alike.
    ///
    /// # Errors
    /// The request is no JSON of the service.
    pub fn take(
        &mut self,
        kind: &str,
        method: &str,
        request: &[u8],
        reply: &[u8],
    ) -> Result<(), ConformanceError> {
        let mut request: Value = serde_json::from_slice(request)
            .map_err(|error| ConformanceError::Recording(format!("{method}: {error}")))?;
        let shape = Request::parse(&request)?.shape(&mut self.drawn);
        if !self.seen.insert(format!("{kind} {method} {shape}")) {
            return Ok(());
        }
        self.name_seeds(&mut request);
        self.calls.push(Call { method: method.into(), request, response: BASE64_STANDARD.encode(reply) });
        Ok(())
    }

    fn name_seeds(&mut self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match (key.as_str(), value) {
                        ("encrypted_seeds", Value::Array(list)) => {
                            list.iter_mut().for_each(|sealed| self.name_seed(sealed));
                        }
                        ("encrypted_seeds", sealed) => self.name_seed(sealed),
                        (_, value) => self.name_seeds(value),
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.name_seeds(value)),
            _ => {}
        }
    }

    fn name_seed(&mut self, sealed: &mut Value) {
        let Some(text) = sealed.as_str() else { return };
        let known =
            self.sealed.iter().find(|(_, ciphertext)| *ciphertext == text).map(|(name, _)| name.clone());
        let name = known.unwrap_or_else(|| {
            let name = format!("seed-{:02}", self.sealed.len());
            self.sealed.insert(name.clone(), text.to_owned());
            name
        });
        *sealed = Value::String(name);
    }

    /// The file, once `open` has given the seed (hex) in each ciphertext.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn finish(
        self,
        about: String,
        provenance: String,
        source: Source,
        stream: Construction,
        mut open: impl FnMut(&str) -> Result<String, ConformanceError>,
    ) -> Result<DealerCalls, ConformanceError> {
        let mut seeds = BTreeMap::new();
        for (name, sealed) in &self.sealed {
            seeds.insert(name.clone(), open(sealed)?);
        }
        Ok(DealerCalls {
            format: FORMAT.into(),
            about,
            provenance,
            source: Some(source),
            form: "http".into(),
            stream,
            seeds,
            sealed: self.sealed,
            calls: self.calls,
        })
    }
}
