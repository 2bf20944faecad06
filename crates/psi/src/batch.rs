//! One `EcdhPsiCipherBatch`, checked when it is read.

use std::collections::BTreeMap;

use bytes::Bytes;
use symbolon_link::Rank;
use symbolon_mutants::Mutant;
use symbolon_wire::{Message, decode, runtime::EcdhPsiCipherBatch};

use crate::error::{Location, Stream};
use crate::{PsiError, SecondForm};

/// A batch whose fields agree with one another.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Whether the stream ends with it.
    pub(crate) last: bool,
    /// Number of points.
    pub(crate) count: usize,
    /// The points, each of the same length; empty when `count` is 0.
    pub(crate) points: Bytes,
    /// Position in the batch -> further occurrences.
    pub(crate) extra: BTreeMap<u32, u32>,
}

impl Batch {
    /// Number of points, for sums over a stream.
    pub(crate) fn items(&self) -> u64 {
        u64::try_from(self.count).unwrap_or(u64::MAX)
    }

    /// Sum of the further occurrences.
    pub(crate) fn further(&self) -> u64 {
        self.extra.values().map(|&n| u64::from(n)).sum()
    }
}

/// A batch that was read and checked before.
pub(crate) fn decoded(at: Location, message: Bytes) -> Result<Batch, PsiError> {
    let batch: EcdhPsiCipherBatch =
        decode(message).map_err(|e| PsiError::PeerMalformed { at, reason: e.to_string() })?;
    Ok(Batch {
        last: batch.is_last_batch,
        count: usize::try_from(batch.count).unwrap_or(0),
        points: batch.ciphertext,
        extra: batch.duplicate_item_cnt_map,
    })
}

/// Encodes a batch. `count` and `index` are within `i32` by the limits of the parameters.
pub(crate) fn encode(
    stream: Stream,
    index: u64,
    last: bool,
    count: usize,
    points: Bytes,
    extra: BTreeMap<u32, u32>,
) -> Result<Bytes, PsiError> {
    let number = |value: Result<i32, _>| {
        value.map_err(|_: std::num::TryFromIntError| PsiError::ConfigParameter {
            field: "batch_size",
            reason: format!("batch {index} has a number beyond the message's 31 bits; use larger batches"),
        })
    };
    let index = if Mutant::BatchIndexFromOne.is_on() { index + 1 } else { index };
    let named = if Mutant::BatchTypeWrong.is_on() { Stream::First } else { stream };
    let message = EcdhPsiCipherBatch {
        r#type: named.wire_type().to_owned(),
        batch_index: number(i32::try_from(index))?,
        is_last_batch: last,
        count: number(i32::try_from(count))?,
        ciphertext: points,
        duplicate_item_cnt_map: extra,
    };
    Ok(message.encode_to_vec().into())
}

/// What the reader of one stream knows and checks.
pub(crate) struct Reader {
    peer: Rank,
    stream: Stream,
    next: u64,
    item_bytes: ItemBytes,
}

enum ItemBytes {
    Fixed(usize),
    /// The second stream's length is told by its first batch.
    Unknown,
}

impl Reader {
    /// `item_bytes` is the length of each item, if it is known before the first batch.
    pub(crate) fn new(peer: Rank, stream: Stream, item_bytes: Option<usize>) -> Self {
        let item_bytes = item_bytes.map_or(ItemBytes::Unknown, ItemBytes::Fixed);
        Self { peer, stream, next: 0, item_bytes }
    }

    /// Where the next batch is.
    pub(crate) fn location(&self) -> Location {
        Location { peer: self.peer, stream: self.stream, batch: self.next }
    }

    /// Bytes per item of this stream once known.
    pub(crate) fn item_bytes(&self) -> Option<usize> {
        match self.item_bytes {
            ItemBytes::Fixed(bytes) => Some(bytes),
            ItemBytes::Unknown => None,
        }
    }

    /// Reads the next batch of the stream. `form_of` says whether a length of second ciphertexts is
    /// acceptable; it is asked once, when the first of them arrive.
    pub(crate) fn read(
        &mut self,
        message: Bytes,
        form_of: impl FnOnce(usize) -> Option<SecondForm>,
        agreed_bytes: usize,
    ) -> Result<Batch, PsiError> {
        let at = self.location();
        let batch: EcdhPsiCipherBatch =
            decode(message).map_err(|e| PsiError::PeerMalformed { at, reason: e.to_string() })?;
        if batch.r#type != self.stream.wire_type() && !Mutant::BatchTypeNotChecked.is_on() {
            return Err(PsiError::PeerType { at, found: batch.r#type.chars().take(32).collect() });
        }
        if i64::from(batch.batch_index) != i64::try_from(at.batch).unwrap_or(i64::MAX)
            && !Mutant::BatchIndexNotChecked.is_on()
        {
            return Err(PsiError::PeerIndex { at, found: batch.batch_index });
        }
        let bytes = batch.ciphertext.len();
        let refuse = |rule| PsiError::PeerCount { at, count: batch.count, bytes, rule };
        let count = usize::try_from(batch.count).map_err(|_| refuse("counts are not negative"))?;
        let count = match self.item_bytes {
            ItemBytes::Fixed(each) if Mutant::CountNotChecked.is_on() => bytes / each,
            _ => count,
        };
        if count == 0 {
            if bytes != 0 {
                return Err(refuse("an empty batch has no ciphertext"));
            }
            if !batch.is_last_batch {
                return Err(PsiError::PeerEmptyBatch { at });
            }
        } else {
            match self.item_bytes {
                ItemBytes::Fixed(each) if count.checked_mul(each) == Some(bytes) => {}
                ItemBytes::Fixed(_) if self.stream == Stream::First => {
                    return Err(refuse("points have the length that the suite gives them"));
                }
                ItemBytes::Fixed(_) => return Err(refuse("all have the length of the first")),
                ItemBytes::Unknown => {
                    if !bytes.is_multiple_of(count) {
                        return Err(refuse("all have the same length"));
                    }
                    let length = bytes / count;
                    if form_of(length).is_none() {
                        return Err(PsiError::PeerSecondLength { at, length, expected: agreed_bytes });
                    }
                    self.item_bytes = ItemBytes::Fixed(length);
                }
            }
        }
        self.check_extra(at, count, &batch.duplicate_item_cnt_map)?;
        self.next += 1;
        Ok(Batch {
            last: batch.is_last_batch,
            count,
            points: batch.ciphertext,
            extra: batch.duplicate_item_cnt_map,
        })
    }

    fn check_extra(&self, at: Location, count: usize, extra: &BTreeMap<u32, u32>) -> Result<(), PsiError> {
        let refuse = |reason| Err(PsiError::PeerRepeatMap { at, reason });
        if self.stream == Stream::Second && !extra.is_empty() {
            return refuse("belongs to the first stream only".to_owned());
        }
        match extra.keys().next_back() {
            Some(&key)
                if usize::try_from(key).map_or(true, |key| key >= count)
                    && !Mutant::RepeatMapNotChecked.is_on() =>
            {
                refuse(format!("key {key} is beyond the {count} points of the batch"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_recorded_stream() {
        // Nine bytes, as the reference sends them for one full batch before the end.
        let end = encode(Stream::First, 1, true, 0, Bytes::new(), BTreeMap::new()).unwrap();
        assert_eq!(end[..], [0x0a, 3, b'e', b'n', b'c', 0x18, 1, 0x20, 1]);
    }

    #[test]
    fn what_is_encoded_is_read() {
        let extra = BTreeMap::from([(0, 2), (1, 1)]);
        let message = encode(Stream::First, 0, false, 2, vec![7; 64].into(), extra.clone()).unwrap();
        let mut reader = Reader::new(1, Stream::First, Some(32));
        let batch = reader.read(message, |_| None, 32).unwrap();
        assert_eq!((batch.count, batch.last, batch.points.len(), batch.extra), (2, false, 64, extra));
        assert_eq!(reader.location().batch, 1);
    }

    #[test]
    fn a_key_beyond_the_batch_is_refused() {
        let message =
            encode(Stream::First, 0, false, 2, vec![7; 64].into(), BTreeMap::from([(2, 1)])).unwrap();
        let error = Reader::new(1, Stream::First, Some(32)).read(message, |_| None, 32).unwrap_err();
        assert!(matches!(error, PsiError::PeerRepeatMap { .. }), "{error}");
    }
}
