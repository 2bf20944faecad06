//! A request of the wire as one that can be computed.

use symbolon_ring::Field;
use symbolon_triples::{ReplayBuffer, ReplayOp, ReplayRequest, Shuffle};

use super::Method;
use super::messages::{Adjust, Buffer};
use super::seeds::Seeds;

/// More buffers than any operation has: refused before they are walked.
const MAX_BUFFERS: usize = 3;

/// Why a request is refused: SPU's `ErrorCode`, and a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl Refusal {
    /// `OpAdjustError`.
    pub(crate) const ADJUST: u8 = 1;
    /// `SeedDecryptError`.
    pub(crate) const DECRYPT: u8 = 2;

    pub(crate) fn adjust(message: impl Into<String>) -> Self {
        Self { code: Self::ADJUST, message: message.into() }
    }
}

/// The typed request. Numbers are in range; whether they fit one another is left to [`ReplayRequest::check`]. Seeds are
/// decrypted last, of at most `max_parties` parties.
pub(crate) fn replay(
    method: Method,
    adjust: &Adjust,
    seeds: &Seeds,
    max_parties: usize,
) -> Result<ReplayRequest, Refusal> {
    let wrong = |message: String| Refusal::adjust(format!("{}: {message}", method.name()));
    let op_field = op(method, adjust).map_err(wrong)?;
    let (op, field) = op_field;
    for (index, buffer) in adjust.prg_inputs.iter().enumerate() {
        let parties = buffer.encrypted_seeds.len();
        if !(2..=max_parties).contains(&parties) {
            return Err(wrong(format!(
                "prg_inputs[{index}] has {parties} encrypted_seeds; 2 to {max_parties} parties are served"
            )));
        }
    }
    let open = |sealed: &[u8]| {
        seeds.open(sealed).map_err(|message| Refusal {
            code: Refusal::DECRYPT,
            message: format!("{}: {message}", method.name()),
        })
    };
    let buffer = |buffer: &Buffer| {
        let seeds = buffer.encrypted_seeds.iter().map(|sealed| open(sealed)).collect::<Result<_, _>>()?;
        Ok(ReplayBuffer { counter: buffer.prg_count, bytes: buffer.buffer_len, seeds })
    };
    let buffers = adjust.prg_inputs.iter().map(buffer).collect::<Result<_, _>>()?;
    let shuffle = match (&adjust.perm, op) {
        (Some(perm), ReplayOp::Perm { len }) => {
            if usize::try_from(perm.size) != Ok(len) {
                return Err(wrong(format!(
                    "perm.size is {}, but the buffers have {len} elements",
                    perm.size
                )));
            }
            Some(Shuffle { counter: perm.prg_count, seed: open(&perm.encrypted_seeds)? })
        }
        _ => None,
    };
    Ok(ReplayRequest { op, field, buffers, shuffle })
}

fn op(method: Method, adjust: &Adjust) -> Result<(ReplayOp, Field), String> {
    let count = adjust.prg_inputs.len();
    if count == 0 || count > MAX_BUFFERS {
        return Err(format!("{count} prg_inputs; 1 to {MAX_BUFFERS} are expected"));
    }
    match adjust.element_type {
        0 | 1 => {}
        2 => {
            return Err(
                "element_type GFMP: the Mersenne-prime field is not served, ring elements only".into()
            );
        }
        other => return Err(format!("element_type {other} is unknown")),
    }
    if let Some(index) = adjust.prg_inputs.iter().position(|buffer| buffer.transpose) {
        return Err(format!(
            "prg_inputs[{index}].transpose is not understood; use transpose_inputs of AdjustDot"
        ));
    }
    let first = adjust.prg_inputs.first().map_or(0, |buffer| buffer.buffer_len);
    let size =
        |name: &str, value: u64| usize::try_from(value).map_err(|_| format!("{name} {value} is too large"));
    if method == Method::And {
        // Bytes have no elements: any length, in no ring.
        return Ok((ReplayOp::And { bytes: size("buffer_len", first)? }, Field::Ring128));
    }
    let field = match adjust.field_size {
        4 => Field::Ring32,
        8 => Field::Ring64,
        16 => Field::Ring128,
        other => return Err(format!("field_size {other} is none of 4, 8, 16 bytes")),
    };
    if let Some(buffer) = adjust.prg_inputs.iter().find(|buffer| buffer.buffer_len % adjust.field_size != 0) {
        return Err(format!(
            "buffer_len {} is not a multiple of field_size {}",
            buffer.buffer_len,
            field.bytes()
        ));
    }
    let len = size("buffer_len", first / adjust.field_size)?;
    let bits = u32::try_from(adjust.bits).map_err(|_| format!("bits {} are too many", adjust.bits))?;
    let op = match method {
        Method::Mul => ReplayOp::Mul { len },
        Method::MulPriv => ReplayOp::MulPriv { len },
        Method::Square => ReplayOp::Square { len },
        Method::And => ReplayOp::And { bytes: len },
        Method::Trunc => ReplayOp::Trunc { len, bits },
        Method::TruncPr => ReplayOp::TruncPr { len, bits },
        Method::RandBit => ReplayOp::RandBit { len },
        Method::Eqz => ReplayOp::Eqz { len },
        Method::Perm => ReplayOp::Perm { len },
        Method::Dot => {
            let transposed = match adjust.transpose_inputs.as_slice() {
                [] => [false; 2],
                &[a, b, false] => [a, b],
                [_, _, true] => return Err("transpose_inputs: the product is never transposed".into()),
                other => return Err(format!("{} transpose_inputs instead of 3", other.len())),
            };
            let (m, k, n) = (size("M", adjust.m)?, size("K", adjust.k)?, size("N", adjust.n)?);
            ReplayOp::Dot { m, k, n, transposed }
        }
    };
    Ok((op, field))
}
