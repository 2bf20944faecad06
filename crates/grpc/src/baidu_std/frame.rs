//! Frames of `baidu_std`, and reading them from a connection.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// How a frame begins.
pub(crate) const MAGIC: [u8; 4] = *b"PRPC";
/// Bytes of the magic and the two sizes.
const HEADER_BYTES: usize = 12;
/// Longest `RpcMeta` accepted: names and error texts, nothing that grows with the data.
pub(super) const META_BYTES: usize = 64 << 10;
/// Read ahead at most this much; longer bodies are read into their own memory.
const AHEAD_BYTES: usize = 64 << 10;
/// Memory for a body is taken in steps: this much before anything of it has arrived, then as much again as did.
const FIRST_STEP_BYTES: usize = 1 << 20;
/// Bodies below this are copied out of the read-ahead, which they would otherwise keep alive.
const COPY_BELOW: usize = 16 << 10;

/// What precedes every message.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcMeta {
    #[prost(message, optional, tag = "1")]
    pub(super) request: Option<RequestMeta>,
    #[prost(message, optional, tag = "2")]
    pub(super) response: Option<ResponseMeta>,
    #[prost(int32, optional, tag = "3")]
    pub(super) compress_type: Option<i32>,
    #[prost(int64, optional, tag = "4")]
    pub(super) correlation_id: Option<i64>,
    #[prost(int32, optional, tag = "5")]
    pub(super) attachment_size: Option<i32>,
    /// 0: the message is protobuf; others are its textual forms.
    #[prost(int32, optional, tag = "10")]
    pub(super) content_type: Option<i32>,
}

/// What a call is for.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RequestMeta {
    #[prost(string, tag = "1")]
    pub(super) service_name: String,
    #[prost(string, tag = "2")]
    pub(super) method_name: String,
    #[prost(int64, optional, tag = "3")]
    pub(super) log_id: Option<i64>,
    #[prost(int32, optional, tag = "8")]
    pub(super) timeout_ms: Option<i32>,
}

/// How a call ended.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ResponseMeta {
    #[prost(int32, optional, tag = "1")]
    pub(super) error_code: Option<i32>,
    #[prost(string, optional, tag = "2")]
    pub(super) error_text: Option<String>,
}

impl RpcMeta {
    /// Bytes of the attachment, held against those of the body.
    pub(super) fn attachment(&self, body: usize) -> Result<usize, String> {
        let announced = self.attachment_size.unwrap_or(0);
        usize::try_from(announced)
            .ok()
            .filter(|bytes| *bytes <= body)
            .ok_or_else(|| format!("an attachment of {announced} bytes in a body of {body}"))
    }

    /// Why a message with this meta cannot be read, if so.
    pub(super) fn unreadable(&self) -> Option<&'static str> {
        match (self.compress_type.unwrap_or(0), self.content_type.unwrap_or(0)) {
            (0, 0) => None,
            (0, _) => Some("only messages in protobuf's binary form are accepted"),
            _ => Some("compressed messages are not accepted"),
        }
    }
}

/// A stream that cannot be followed any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("a frame does not begin with PRPC")]
    Magic,
    #[error("an RpcMeta of {meta} bytes in a body of {body}; at most {META_BYTES} are accepted")]
    Meta { meta: usize, body: usize },
    #[error("the RpcMeta cannot be decoded: {0}")]
    Undecodable(prost::DecodeError),
    #[error("the connection ended within a frame")]
    Short,
    #[error("the frame did not arrive within {0:?}")]
    Stalled(Duration),
    #[error("{0}")]
    Broken(String),
}

/// Bytes of the meta and of what follows it, from the first twelve bytes of a frame.
fn sizes(mut header: [u8; HEADER_BYTES]) -> Result<(usize, usize), Malformed> {
    let mut header = header.as_mut_slice() as &[u8];
    if header.copy_to_bytes(MAGIC.len()) != MAGIC[..] {
        return Err(Malformed::Magic);
    }
    let body = usize::try_from(header.get_u32()).unwrap_or(usize::MAX);
    let meta = usize::try_from(header.get_u32()).unwrap_or(usize::MAX);
    match body.checked_sub(meta) {
        Some(rest) if meta <= META_BYTES => Ok((meta, rest)),
        _ => Err(Malformed::Meta { meta, body }),
    }
}

/// Header and meta of a frame with `payload` bytes of message after them, with room for `room` more; `None` when the
/// frame would exceed 32-bit sizes.
pub(super) fn packed(meta: &RpcMeta, payload: usize, room: usize) -> Option<BytesMut> {
    let meta_bytes = meta.encoded_len();
    let body = u32::try_from(meta_bytes.checked_add(payload)?).ok()?;
    let mut head = BytesMut::with_capacity(HEADER_BYTES + meta_bytes + room);
    head.put_slice(&MAGIC);
    head.put_u32(body);
    head.put_u32(u32::try_from(meta_bytes).ok()?);
    meta.encode_raw(&mut head);
    Some(head)
}

/// Reads frames from a connection.
#[derive(Debug)]
pub(super) struct Source<R> {
    io: R,
    ahead: BytesMut,
    /// How long a frame may take once its first byte is there.
    patience: Duration,
}

impl<R: AsyncRead + Unpin> Source<R> {
    pub(super) fn new(io: R, patience: Duration) -> Self {
        Self { io, ahead: BytesMut::new(), patience }
    }

    /// The next frame's meta, and the bytes that follow it; `None` at an orderly end. Waits for the first byte as
    /// long as it takes.
    pub(super) async fn head(&mut self) -> Result<Option<(RpcMeta, usize)>, Malformed> {
        if self.ahead.is_empty() && self.more().await? == 0 {
            return Ok(None);
        }
        let patience = self.patience;
        timeout(patience, self.begun()).await.map_err(|_| Malformed::Stalled(patience))?.map(Some)
    }

    async fn begun(&mut self) -> Result<(RpcMeta, usize), Malformed> {
        self.at_least(HEADER_BYTES).await?;
        let mut header = [0; HEADER_BYTES];
        self.ahead.copy_to_slice(&mut header);
        let (meta, rest) = sizes(header)?;
        self.at_least(meta).await?;
        let meta = RpcMeta::decode(self.ahead.split_to(meta).freeze()).map_err(Malformed::Undecodable)?;
        Ok((meta, rest))
    }

    /// The next `length` bytes, which the caller has held against its limits. Memory follows what arrives.
    pub(super) async fn body(&mut self, length: usize) -> Result<Bytes, Malformed> {
        let patience = self.patience;
        let body = async {
            if length <= COPY_BELOW {
                self.at_least(length).await?;
                let body = Bytes::copy_from_slice(self.ahead.get(..length).unwrap_or_default());
                self.ahead.advance(length);
                return Ok(body);
            }
            let mut body = BytesMut::with_capacity(length.min(FIRST_STEP_BYTES));
            body.put(self.ahead.split_to(length.min(self.ahead.len())));
            while body.len() < length {
                let missing = length - body.len();
                if body.capacity() == body.len() {
                    body.reserve(missing.min(body.len()));
                }
                let room = missing.min(body.capacity() - body.len());
                let read = self.io.read_buf(&mut (&mut body).limit(room)).await.map_err(broken)?;
                if read == 0 {
                    return Err(Malformed::Short);
                }
            }
            Ok(body.freeze())
        };
        timeout(patience, body).await.map_err(|_| Malformed::Stalled(patience))?
    }

    /// Drops the next `length` bytes.
    pub(super) async fn skip(&mut self, mut length: usize) -> Result<(), Malformed> {
        let patience = self.patience;
        let skipped = async {
            loop {
                let known = length.min(self.ahead.len());
                self.ahead.advance(known);
                length -= known;
                if length == 0 {
                    return Ok(());
                }
                self.at_least(1).await?;
            }
        };
        timeout(patience, skipped).await.map_err(|_| Malformed::Stalled(patience))?
    }

    async fn at_least(&mut self, length: usize) -> Result<(), Malformed> {
        while self.ahead.len() < length {
            if self.more().await? == 0 {
                return Err(Malformed::Short);
            }
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<usize, Malformed> {
        self.ahead.reserve(AHEAD_BYTES);
        let room = AHEAD_BYTES;
        self.io.read_buf(&mut (&mut self.ahead).limit(room)).await.map_err(broken)
    }
}

fn broken(error: std::io::Error) -> Malformed {
    Malformed::Broken(error.to_string())
}
