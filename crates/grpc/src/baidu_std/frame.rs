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

/// Memory that is taken for a body of that length before anything has arrived.
fn first_step(length: usize) -> usize {
    length.min(FIRST_STEP_BYTES)
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
            let mut body = BytesMut::with_capacity(first_step(length));
            body.put(self.ahead.split_to(length.min(self.ahead.len())));
            while body.len() < length {
                let missing = length - body.len();
                self.grow(&mut body, missing).await?;
            }
            Ok(body.freeze())
        };
        timeout(patience, body).await.map_err(|_| Malformed::Stalled(patience))?
    }

    /// Appends some of the missing bytes.
    async fn grow(&mut self, body: &mut BytesMut, missing: usize) -> Result<(), Malformed> {
        if body.capacity() == body.len() {
            body.reserve(missing.min(body.len().max(1)));
        }
        let room = missing.min(body.capacity() - body.len());
        match self.io.read_buf(&mut body.limit(room)).await.map_err(broken)? {
            0 => Err(Malformed::Short),
            _ => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives its bytes in pieces of at most so many.
    struct Cut<'a>(&'a [u8], usize);

    impl AsyncRead for Cut<'_> {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buf: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            let (now, later) = self.0.split_at(self.0.len().min(self.1).min(buf.remaining()));
            buf.put_slice(now);
            self.0 = later;
            std::task::Poll::Ready(Ok(()))
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    type Frames = Vec<(RpcMeta, Bytes)>;

    /// All frames, and the error that ended them.
    fn frames(bytes: &[u8], step: usize) -> (Frames, Option<Malformed>) {
        run(async {
            let mut source = Source::new(Cut(bytes, step), Duration::from_secs(60));
            let mut found = Vec::new();
            loop {
                let (meta, length) = match source.head().await {
                    Ok(Some(head)) => head,
                    Ok(None) => return (found, None),
                    Err(error) => return (found, Some(error)),
                };
                match source.body(length).await {
                    Ok(body) => found.push((meta, body)),
                    Err(error) => return (found, Some(error)),
                }
            }
        })
    }

    fn meta() -> impl Strategy<Value = RpcMeta> {
        let request = (".{0,40}", ".{0,40}", any::<Option<i64>>(), any::<Option<i32>>());
        let request = request.prop_map(|(service_name, method_name, log_id, timeout_ms)| RequestMeta {
            service_name,
            method_name,
            log_id,
            timeout_ms,
        });
        let response = (any::<Option<i32>>(), proptest::option::of(".{0,40}"))
            .prop_map(|(error_code, error_text)| ResponseMeta { error_code, error_text });
        (
            proptest::option::of(request),
            proptest::option::of(response),
            any::<Option<i32>>(),
            any::<Option<i64>>(),
            any::<Option<i32>>(),
            any::<Option<i32>>(),
        )
            .prop_map(
                |(request, response, compress_type, correlation_id, attachment_size, content_type)| RpcMeta {
                    request,
                    response,
                    compress_type,
                    correlation_id,
                    attachment_size,
                    content_type,
                },
            )
    }

    fn written(frames: &[(RpcMeta, Bytes)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (meta, body) in frames {
            bytes.extend_from_slice(&packed(meta, body.len(), 0).unwrap());
            bytes.extend_from_slice(body);
        }
        bytes
    }

    proptest! {
        #[test]
        fn frames_are_read_however_they_are_cut(
            metas in proptest::collection::vec(meta(), 1..4), step in 1_usize..200, lengths in proptest::collection::vec(
                prop_oneof![0_usize..100, 16_000_usize..17_000, 60_000_usize..70_000], 4),
        ) {
            let sent: Frames =
                metas.into_iter().zip(lengths).map(|(meta, length)| (meta, vec![7; length].into())).collect();
            let bytes = written(&sent);
            let (found, error) = frames(&bytes, if bytes.len() > 1000 { step * 100 } else { step });
            prop_assert!(error.is_none() && found == sent);
        }

        #[test]
        fn any_bytes_end_in_an_error_or_in_order(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), step in 1_usize..50, sizes: (u32, u32), small: bool,
        ) {
            let _ = frames(&bytes, step);
            let (body, meta) = if small { (sizes.0 % 300, sizes.1 % 300) } else { sizes };
            let framed = [&MAGIC[..], &body.to_be_bytes(), &meta.to_be_bytes(), &bytes].concat();
            let _ = frames(&framed, step);
        }

        #[test]
        fn a_changed_byte_never_panics(meta in meta(), place: proptest::sample::Index, value: u8, cut: proptest::sample::Index) {
            let mut bytes = written(&[(meta, Bytes::from_static(b"message"))]);
            let place = place.index(bytes.len());
            bytes[place] = value;
            let _ = frames(&bytes, 1000);
            let _ = frames(&bytes[..cut.index(bytes.len())], 7);
        }

        #[test]
        fn attachments_are_held_against_the_body(attachment_size: Option<i32>, body in 0_usize..100) {
            let meta = RpcMeta { attachment_size, ..RpcMeta::default() };
            match meta.attachment(body) {
                Ok(bytes) => prop_assert!(bytes <= body && bytes == attachment_size.unwrap_or(0) as usize),
                Err(_) => prop_assert!(!(0..=body as i64).contains(&i64::from(attachment_size.unwrap()))),
            }
        }
    }

    #[test]
    fn memory_follows_what_arrives() {
        let arrived = vec![1; 3 << 20];
        let announced = (1 << 32) - 1;
        run(async {
            let mut source = Source::new(Cut(&arrived, 100_000), Duration::from_secs(60));
            let mut body = BytesMut::with_capacity(first_step(announced));
            loop {
                let missing = announced - body.len();
                let read = source.grow(&mut body, missing).await;
                if matches!(read, Err(Malformed::Short)) {
                    break;
                }
                read.unwrap();
                assert!(body.capacity() <= (2 * body.len()).max(2 * FIRST_STEP_BYTES));
            }
            assert_eq!(body.len(), arrived.len());
        });
    }
}
