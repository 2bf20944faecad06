//! The six adjust requests of the wire as one checked [`AdjustRequest`], and back.

use symbolon_dialect::FieldEncoding;
use symbolon_mutants::Mutant;
use symbolon_ring::Field;
use symbolon_triples::{AdjustRequest, BufferMeta, Op};
use symbolon_wire::org::interconnection::v2::service::{
    AdjusDotRequest, AdjustAndRequest, AdjustMulRequest, AdjustRandBitRequest, AdjustTruncPrRequest,
    AdjustTruncRequest, PrgBufferMeta,
};

/// More buffers than any operation has: refused before they are walked.
const MAX_BUFFERS: usize = 3;

/// An adjust request on the wire.
pub(crate) trait WireRequest: Send + 'static {
    /// The method's name in messages.
    const NAME: &'static str;

    /// The session that it belongs to.
    fn session_id(&self) -> &str;

    /// The typed request. Sizes and counters are in range; whether they fit one another is left to
    /// [`AdjustRequest::check`].
    fn parse(&self) -> Result<AdjustRequest, String>;
}

/// Bytes and counters of the buffers; the elements of the first.
fn buffers(metas: &[PrgBufferMeta], field: Field) -> Result<(Vec<BufferMeta>, usize), String> {
    if metas.is_empty() || metas.len() > MAX_BUFFERS {
        return Err(format!("{} prg_inputs; 1 to {MAX_BUFFERS} are expected", metas.len()));
    }
    let mut inputs = Vec::with_capacity(metas.len());
    for (index, meta) in metas.iter().enumerate() {
        let counter = u64::try_from(meta.prg_count)
            .map_err(|_| format!("prg_inputs[{index}].prg_count {} is negative", meta.prg_count))?;
        let bytes = u64::try_from(meta.size)
            .map_err(|_| format!("prg_inputs[{index}].size {} is negative", meta.size))?;
        let bytes = if Mutant::SizesInElements.is_on() { bytes * field.bytes() as u64 } else { bytes };
        if bytes % field.bytes() as u64 != 0 {
            return Err(format!(
                "prg_inputs[{index}].size {bytes} is not a multiple of {} bytes, the element of {field:?}",
                field.bytes()
            ));
        }
        inputs.push(BufferMeta { counter, bytes });
    }
    let elements = inputs.first().map_or(0, |first| first.bytes / field.bytes() as u64);
    let elements = usize::try_from(elements).map_err(|_| "prg_inputs[0].size is too large".to_owned())?;
    Ok((inputs, elements))
}

/// The ring: the enum's values and the widths in bits do not overlap, so both are understood
/// (erratum E07).
fn field(value: i32) -> Result<Field, String> {
    if Mutant::FieldInBitsRefused.is_on() && value > 3 {
        return Err(format!("field {value} is none of 1, 2, 3"));
    }
    match value {
        1 | 32 => Ok(Field::Ring32),
        2 | 64 => Ok(Field::Ring64),
        3 | 128 => Ok(Field::Ring128),
        other => Err(format!("field {other} is none of 1, 2, 3 (FieldType) or 32, 64, 128 (bits)")),
    }
}

fn dimension(name: &str, value: i64) -> Result<usize, String> {
    usize::try_from(value).map_err(|_| format!("{name} = {value} is out of range"))
}

fn bit_count(value: i32) -> Result<u32, String> {
    u32::try_from(value).map_err(|_| format!("bits = {value} is negative"))
}

macro_rules! wire_request {
    ($wire:ty, $name:literal, |$request:ident, $len:ident| $op:expr) => {
        impl WireRequest for $wire {
            const NAME: &'static str = $name;

            fn session_id(&self) -> &str {
                &self.session_id
            }

            fn parse(&self) -> Result<AdjustRequest, String> {
                let field = field(self.field)?;
                let (inputs, $len) = buffers(&self.prg_inputs, field)?;
                let $request = self;
                Ok(AdjustRequest { op: $op, field, inputs })
            }
        }
    };
}

wire_request!(AdjustMulRequest, "AdjustMul", |_request, len| Op::Mul { len });
wire_request!(AdjusDotRequest, "AdjustDot", |request, _len| Op::Dot {
    m: dimension("M", request.m)?,
    k: dimension("K", request.k)?,
    n: dimension("N", request.n)?,
});
wire_request!(AdjustAndRequest, "AdjustAnd", |_request, len| Op::And { len });
wire_request!(AdjustTruncRequest, "AdjustTrunc", |request, len| Op::Trunc {
    len,
    bits: bit_count(request.bits)?
});
wire_request!(AdjustTruncPrRequest, "AdjustTruncPr", |request, len| Op::TruncPr {
    len,
    bits: bit_count(request.bits)?
});
wire_request!(AdjustRandBitRequest, "AdjustRandBit", |_request, len| Op::RandBit { len });

/// The `field` of a request that we send.
pub(crate) fn field_value(field: Field, encoding: FieldEncoding) -> i32 {
    match (encoding, field) {
        (FieldEncoding::Enum, Field::Ring32) => 1,
        (FieldEncoding::Enum, Field::Ring64) => 2,
        (FieldEncoding::Enum, Field::Ring128) => 3,
        (FieldEncoding::Bits, Field::Ring32) => 32,
        (FieldEncoding::Bits, Field::Ring64) => 64,
        (FieldEncoding::Bits, Field::Ring128) => 128,
    }
}

/// The buffers of a request that we send; `None` when a number does not fit the wire's 63 bits.
pub(crate) fn metas(inputs: &[BufferMeta]) -> Option<Vec<PrgBufferMeta>> {
    inputs
        .iter()
        .map(|input| {
            Some(PrgBufferMeta {
                prg_count: i64::try_from(input.counter).ok()?,
                size: i64::try_from(input.bytes).ok()?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mul(metas: &[(i64, i64)], field: i32) -> Result<AdjustRequest, String> {
        let prg_inputs =
            metas.iter().map(|(prg_count, size)| PrgBufferMeta { prg_count: *prg_count, size: *size });
        AdjustMulRequest { session_id: "s".into(), prg_inputs: prg_inputs.collect(), field }.parse()
    }

    #[test]
    fn fields_are_read_in_both_encodings() {
        for (width, ring) in [(32, Field::Ring32), (64, Field::Ring64), (128, Field::Ring128)] {
            let size = i64::from(width) / 8;
            for encoding in [FieldEncoding::Enum, FieldEncoding::Bits] {
                let request = mul(&[(0, size), (1, size), (2, size)], field_value(ring, encoding)).unwrap();
                assert_eq!(request, AdjustRequest::new(Op::Mul { len: 1 }, ring, 0).unwrap());
                assert_eq!(metas(&request.inputs).unwrap().len(), 3);
            }
        }
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let good = (0, 8);
        for (metas, field, expected) in [
            (vec![], 2, "0 prg_inputs"),
            (vec![good; 4], 2, "4 prg_inputs"),
            (vec![(-1, 8); 3], 2, "prg_inputs[0].prg_count -1 is negative"),
            (vec![good, (0, -8), good], 2, "prg_inputs[1].size -8 is negative"),
            (vec![good, good, (0, 9)], 2, "prg_inputs[2].size 9 is not a multiple of 8"),
            (vec![good; 3], 0, "field 0 is none of"),
            (vec![good; 3], 4, "field 4 is none of"),
            (vec![good; 3], -64, "field -64 is none of"),
        ] {
            let text = mul(&metas, field).unwrap_err();
            assert!(text.contains(expected), "{text}");
        }
        let dot = AdjusDotRequest {
            prg_inputs: vec![PrgBufferMeta { prg_count: 0, size: 8 }; 3],
            field: 2,
            m: 1,
            n: -1,
            k: 1,
            ..Default::default()
        };
        assert_eq!(dot.parse().unwrap_err(), "N = -1 is out of range");
        let trunc = AdjustTruncRequest {
            prg_inputs: vec![PrgBufferMeta { prg_count: 0, size: 8 }; 2],
            field: 2,
            bits: -3,
            ..Default::default()
        };
        assert_eq!(trunc.parse().unwrap_err(), "bits = -3 is negative");
    }

    #[test]
    fn numbers_beyond_the_wire_are_not_sent() {
        assert!(metas(&[BufferMeta { counter: u64::MAX, bytes: 8 }]).is_none());
    }
}
