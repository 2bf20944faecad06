//! One gRPC message as an HTTP/2 body, without copying its value.
//!
//! A unary gRPC call carries `flag (1 byte) ‖ length (4 bytes, big-endian) ‖ message` in each direction
//! (gRPC over HTTP/2, "Length-Prefixed-Message"). The general codec of the HTTP stack would copy a
//! value into a contiguous buffer before sending and would refuse an oversized message by resetting
//! the stream, which a sender sees as an unexplained protocol error. Here a `PushRequest` goes out as
//! three pieces (the fields before the value, the value itself, the fields after it), and comes in
//! with its announced length checked before anything is allocated.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use prost::Message;
use symbolon_wire::org::interconnection::link::PushRequest;

/// Bytes of the flag and the length.
pub(crate) const PREFIX_BYTES: usize = 5;
/// Values below this are copied into one piece: a copy costs less than two more frames.
const COALESCE_BELOW: usize = 16 << 10;
/// Field 3, length-delimited.
const VALUE_TAG: u8 = (3 << 3) | 2;
/// What the fields of a `PushRequest` other than its value may add to its size, in bytes.
pub(crate) const ENVELOPE_BYTES: usize = 4096;

/// The body of a request: a few pieces in order.
#[derive(Debug, Clone)]
pub(crate) struct Pieces(VecDeque<Bytes>);

impl Pieces {
    /// Encodes `request` as one length-prefixed message; `None` when it does not fit gRPC's 32-bit
    /// length.
    pub(crate) fn of_push(mut request: PushRequest) -> Option<Self> {
        let total = u32::try_from(request.encoded_len()).ok()?;
        if request.value.len() < COALESCE_BELOW {
            return Some(Self(VecDeque::from([prefixed(&request, total)])));
        }
        let value = std::mem::take(&mut request.value);
        let mut head = BytesMut::with_capacity(PREFIX_BYTES + 32 + request.key.len());
        head.put_u8(0);
        head.put_u32(total);
        let before = PushRequest { sender_rank: request.sender_rank, key: request.key, ..Default::default() };
        before.encode_raw(&mut head);
        head.put_u8(VALUE_TAG);
        prost::encoding::encode_varint(value.len().try_into().ok()?, &mut head);
        let after = PushRequest {
            trans_type: request.trans_type,
            chunk_info: request.chunk_info,
            ..Default::default()
        };
        let mut pieces = VecDeque::from([head.freeze(), value]);
        if after.encoded_len() > 0 {
            pieces.push_back(after.encode_to_vec().into());
        }
        Some(Self(pieces))
    }
}

/// Any message as one length-prefixed piece; `total` is its encoded length.
fn prefixed(message: &impl Message, total: u32) -> Bytes {
    let mut whole = BytesMut::with_capacity(PREFIX_BYTES + message.encoded_len());
    whole.put_u8(0);
    whole.put_u32(total);
    message.encode_raw(&mut whole);
    whole.freeze()
}

/// A short message as one length-prefixed piece.
pub(crate) fn short(message: &impl Message) -> Bytes {
    prefixed(message, u32::try_from(message.encoded_len()).unwrap_or(u32::MAX))
}

impl Pieces {
    /// The message alone, without gRPC's flag and length.
    #[must_use]
    pub(crate) fn without_prefix(mut self) -> Self {
        if let Some(first) = self.0.front_mut() {
            first.advance(PREFIX_BYTES.min(first.len()));
        }
        self
    }

    /// Bytes in all pieces.
    pub(crate) fn total(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }
}

impl IntoIterator for Pieces {
    type Item = Bytes;
    type IntoIter = std::collections::vec_deque::IntoIter<Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<Bytes> for Pieces {
    fn from(piece: Bytes) -> Self {
        Self(VecDeque::from([piece]))
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why a message could not be read from a body.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The body ended early, or the connection broke.
    Broken(String),
    /// The peer announced a compressed message although none was negotiated.
    Compressed,
    /// More bytes than announced, or a second message.
    Trailing,
}

/// Reads one length-prefixed message piece by piece.
pub(crate) struct Reader<B> {
    body: B,
    /// What arrived and is not consumed: at first the prefix and perhaps part of the message.
    first: Bytes,
    announced: usize,
}

impl<B> Reader<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    /// Reads as far as the prefix. `Ok(None)`: the body ended without any message.
    pub(crate) async fn open(mut body: B) -> Result<Option<Self>, ReadError> {
        let mut first = Bytes::new();
        while first.len() < PREFIX_BYTES {
            match next_data(&mut body).await? {
                None if first.is_empty() => return Ok(None),
                None => return Err(ReadError::Broken("the message ends within its length prefix".into())),
                Some(data) if first.is_empty() => first = data,
                Some(data) => {
                    let mut joined = BytesMut::with_capacity(first.len() + data.len());
                    joined.extend_from_slice(&first);
                    joined.extend_from_slice(&data);
                    first = joined.freeze();
                }
            }
        }
        if first.get_u8() != 0 {
            return Err(ReadError::Compressed);
        }
        let announced = usize::try_from(first.get_u32()).map_err(|_| ReadError::Trailing)?;
        Ok(Some(Self { body, first, announced }))
    }

    /// Length of the message in bytes, as announced by the peer: check it before [`Reader::message`].
    pub(crate) fn announced(&self) -> usize {
        self.announced
    }

    /// The whole message. A message that arrived in one frame is not copied.
    pub(crate) async fn message(mut self) -> Result<Bytes, ReadError> {
        if self.first.len() >= self.announced {
            let message = self.first.split_to(self.announced);
            if !self.first.is_empty() {
                return Err(ReadError::Trailing);
            }
            self.finish().await?;
            return Ok(message);
        }
        let mut whole = BytesMut::with_capacity(self.announced);
        whole.extend_from_slice(&std::mem::take(&mut self.first));
        while whole.len() < self.announced {
            let data = next_data(&mut self.body).await?.ok_or_else(|| {
                ReadError::Broken(format!("{} of {} bytes arrived", whole.len(), self.announced))
            })?;
            if data.len() > self.announced - whole.len() {
                return Err(ReadError::Trailing);
            }
            whole.extend_from_slice(&data);
        }
        self.finish().await?;
        Ok(whole.freeze())
    }

    /// Reads and drops what is left, so that the sender can hear the answer.
    pub(crate) async fn drain(mut self) {
        while let Ok(Some(_)) = next_data(&mut self.body).await {}
    }

    /// The end of the body must follow.
    async fn finish(&mut self) -> Result<(), ReadError> {
        match next_data(&mut self.body).await? {
            None => Ok(()),
            Some(_) => Err(ReadError::Trailing),
        }
    }
}

/// The next non-empty DATA frame; trailers end the body.
pub(crate) async fn next_data<B>(body: &mut B) -> Result<Option<Bytes>, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) => return Err(ReadError::Broken(error.to_string())),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Ok(Some(data)),
                Err(_trailers) => return Ok(None),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use symbolon_wire::org::interconnection::link::ChunkInfo;

    fn joined(pieces: Pieces) -> Vec<u8> {
        pieces.0.iter().flat_map(|piece| piece.iter().copied()).collect()
    }

    proptest! {
        /// The pieces are byte for byte what the general encoder writes.
        #[test]
        fn pieces_are_the_canonical_encoding(
            rank in 0u64..5, key in "[a-z:0-9]{0,40}", length in prop_oneof![0usize..64, 16_380usize..16_400, Just(70_000usize)],
            chunk in proptest::option::of((0u64..1 << 40, 0u64..1 << 40)),
        ) {
            let request = PushRequest {
                sender_rank: rank, key, value: vec![0xa5; length].into(), trans_type: i32::from(chunk.is_some()),
                chunk_info: chunk.map(|(message_length, chunk_offset)| ChunkInfo { message_length, chunk_offset }),
            };
            let mut expected = vec![0];
            expected.extend_from_slice(&u32::try_from(request.encoded_len()).unwrap().to_be_bytes());
            expected.extend_from_slice(&request.encode_to_vec());
            prop_assert_eq!(joined(Pieces::of_push(request).unwrap()), expected);
        }
    }

    fn read(pieces: &[&[u8]]) -> Result<Option<Bytes>, ReadError> {
        let body = Pieces(pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            match Reader::open(body).await? {
                None => Ok(None),
                Some(reader) => reader.message().await.map(Some),
            }
        })
    }

    #[test]
    fn messages_are_read_however_they_are_cut() {
        for cut in 1..8 {
            let whole = [0, 0, 0, 0, 3, b'a', b'b', b'c'];
            let (a, b) = whole.split_at(cut);
            assert_eq!(read(&[a, b]).unwrap().unwrap(), &b"abc"[..], "cut at {cut}");
        }
        assert!(read(&[]).unwrap().is_none());
        assert_eq!(read(&[&[0, 0, 0, 0, 0]]).unwrap().unwrap(), Bytes::new());
    }

    #[test]
    fn malformed_bodies_are_refused() {
        assert!(matches!(read(&[&[0, 0, 0]]), Err(ReadError::Broken(_))));
        assert!(matches!(read(&[&[0, 0, 0, 0, 3, 1]]), Err(ReadError::Broken(_))));
        assert!(matches!(read(&[&[1, 0, 0, 0, 1, 1]]), Err(ReadError::Compressed)));
        assert!(matches!(read(&[&[0, 0, 0, 0, 1, 1, 2]]), Err(ReadError::Trailing)));
        assert!(matches!(read(&[&[0, 0, 0, 0, 1, 1], &[2]]), Err(ReadError::Trailing)));
        assert!(matches!(read(&[&[0, 0, 0, 0, 2, 1], &[2, 3]]), Err(ReadError::Trailing)));
    }
}
