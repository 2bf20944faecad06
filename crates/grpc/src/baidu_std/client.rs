//! The calling end: many calls at once over one connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{BufMut, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

use super::{RequestMeta, RpcError, RpcMeta, Source, packed};
use crate::dial::{Dialer, Stream};
use crate::framing::Pieces;

/// How long an answer may take to arrive once it began.
const ANSWER_PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
/// Pieces below this are sent together with their head.
const COALESCE_BELOW: usize = 16 << 10;

/// Why a call has no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The connection could not be made, or broke.
    Connection(String),
    /// The peer's RPC layer answered with an error, or with something that is no answer.
    Rpc(RpcError),
}

/// Calls to one peer. Connects at the first call, and again whenever the connection was lost.
pub(crate) struct Connection {
    dialer: Dialer,
    /// Longest answer accepted, in bytes.
    answer_bytes: usize,
    next: AtomicI64,
    live: tokio::sync::Mutex<Option<Live>>,
}

/// A connection that was made.
#[derive(Clone)]
struct Live {
    outgoing: mpsc::Sender<Vec<Bytes>>,
    waiting: Arc<Mutex<Waiting>>,
}

/// Calls without an answer yet.
#[derive(Default)]
struct Waiting {
    calls: HashMap<i64, oneshot::Sender<Result<Bytes, RpcError>>>,
    /// Why the connection is of no use any more.
    ended: Option<String>,
}

impl Live {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self) -> CallError {
        let reason = self.waiting().ended.clone();
        CallError::Connection(reason.unwrap_or_else(|| "the connection ended".into()))
    }
}

/// Forgets a call whose caller gave up.
struct Forget<'a>(&'a Live, i64);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.0.waiting().calls.remove(&self.1);
    }
}

impl Connection {
    /// Prepares a (lazily made) connection whose answers have at most `answer_bytes`.
    pub(crate) fn new(dialer: Dialer, answer_bytes: usize) -> Self {
        Self { dialer, answer_bytes, next: AtomicI64::new(1), live: tokio::sync::Mutex::new(None) }
    }

    /// Calls `service`/`method` with the message `body`; gives the answer's message.
    pub(crate) async fn call(&self, service: &str, method: &str, body: Pieces) -> Result<Bytes, CallError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let meta = RpcMeta {
            request: Some(RequestMeta {
                service_name: service.to_owned(),
                method_name: method.to_owned(),
                ..RequestMeta::default()
            }),
            correlation_id: Some(id),
            ..RpcMeta::default()
        };
        let frame = frame(&meta, body)
            .ok_or_else(|| CallError::Rpc(RpcError::new(RpcError::REQUEST, "the request exceeds 4 GiB")))?;
        let live = self.live().await?;
        let (answered, answer) = oneshot::channel();
        live.waiting().calls.insert(id, answered);
        let _forget = Forget(&live, id);
        if live.waiting().ended.is_some() || live.outgoing.send(frame).await.is_err() {
            return Err(live.ended());
        }
        match answer.await {
            Ok(outcome) => outcome.map_err(CallError::Rpc),
            Err(_) => Err(live.ended()),
        }
    }

    /// The present connection, or a new one.
    async fn live(&self) -> Result<Live, CallError> {
        let mut slot = self.live.lock().await;
        if let Some(live) = slot.as_ref().filter(|live| live.waiting().ended.is_none()) {
            return Ok(live.clone());
        }
        *slot = None;
        let stream = self.dialer.dial().await.map_err(CallError::Connection)?;
        let (outgoing, queue) = mpsc::channel(64);
        let live = Live { outgoing, waiting: Arc::default() };
        tokio::spawn(drive(stream, queue, live.waiting.clone(), self.answer_bytes));
        *slot = Some(live.clone());
        Ok(live)
    }
}

/// Header, meta and message; small parts together.
fn frame(meta: &RpcMeta, body: Pieces) -> Option<Vec<Bytes>> {
    let mut pieces = body.into_iter().peekable();
    let length = pieces.clone().try_fold(0_usize, |sum, piece| sum.checked_add(piece.len()))?;
    let mut head = packed(meta, length, 256)?;
    while let Some(small) = pieces.next_if(|piece| piece.len() < COALESCE_BELOW) {
        head.put(small);
    }
    Some(std::iter::once(head.freeze()).chain(pieces).collect())
}

/// Owns the socket until either direction ends.
async fn drive(
    stream: Box<dyn Stream>,
    queue: mpsc::Receiver<Vec<Bytes>>,
    waiting: Arc<Mutex<Waiting>>,
    answer_bytes: usize,
) {
    let (reader, writer) = tokio::io::split(stream);
    let reason = tokio::select! {
        reason = read(Source::new(reader, ANSWER_PATIENCE), &waiting, answer_bytes) => reason,
        reason = write(writer, queue) => reason,
    };
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.ended = Some(reason);
    waiting.calls.clear();
}

async fn write<W: AsyncWrite + Unpin>(mut writer: W, mut queue: mpsc::Receiver<Vec<Bytes>>) -> String {
    while let Some(frame) = queue.recv().await {
        let outcome = async {
            for piece in &frame {
                writer.write_all(piece).await?;
            }
            if queue.is_empty() { writer.flush().await } else { Ok(()) }
        };
        if let Err(error) = outcome.await {
            return format!("cannot send: {error}");
        }
    }
    let _ = writer.shutdown().await;
    "our own network node was stopped".into()
}

/// Gives answers to whoever waits for them, until the connection ends; says why it did.
async fn read<R: AsyncRead + Unpin>(
    mut source: Source<R>,
    waiting: &Mutex<Waiting>,
    answer_bytes: usize,
) -> String {
    loop {
        let (meta, length) = match source.head().await {
            Ok(Some(head)) => head,
            Ok(None) => return "the peer closed the connection".into(),
            Err(error) => return error.to_string(),
        };
        if length > answer_bytes {
            return format!("an answer of {length} bytes; at most {answer_bytes} are expected");
        }
        let body = match source.body(length).await {
            Ok(body) => body,
            Err(error) => return error.to_string(),
        };
        let id = meta.correlation_id.unwrap_or(0);
        let outcome = answer(&meta, body);
        let call = waiting.lock().unwrap_or_else(PoisonError::into_inner).calls.remove(&id);
        // Nobody waits any more after a timeout.
        if let Some(call) = call {
            let _ = call.send(outcome);
        }
    }
}

fn answer(meta: &RpcMeta, mut body: Bytes) -> Result<Bytes, RpcError> {
    let failed = |text: String| RpcError::new(RpcError::REQUEST, text);
    let attachment = meta.attachment(body.len()).map_err(failed)?;
    let response = meta.response.clone().unwrap_or_default();
    match response.error_code.unwrap_or(0) {
        0 => {}
        code => return Err(RpcError::new(code, response.error_text.unwrap_or_default())),
    }
    if let Some(reason) = meta.unreadable() {
        return Err(failed(reason.into()));
    }
    body.truncate(body.len() - attachment);
    Ok(body)
}
