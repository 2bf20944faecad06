//! The serving end of one connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc, watch};

use super::{ResponseMeta, RpcError, RpcMeta, Source, packed};
use crate::budget::Budget;
use crate::port::{Call, Caller, Service, Unread, stopped};

/// Calls of one connection that may be worked on; further ones are not read yet.
const CALLS: usize = 1024;
/// Answers below this are sent in one piece with their head.
const COALESCE_BELOW: usize = 16 << 10;

/// What a connection is served with.
pub(crate) struct Session {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) caller: Caller,
    pub(crate) budget: Budget,
    pub(crate) read_timeout: Duration,
    pub(crate) stop: watch::Receiver<bool>,
}

/// An answer on its way to the socket.
type Answer = (Bytes, Bytes);

impl Session {
    /// Serves calls until the caller leaves, says something that is no frame, or the port stops.
    pub(crate) async fn run<IO: AsyncRead + AsyncWrite + Send + 'static>(self, io: IO) -> Result<(), String> {
        let (reader, writer) = tokio::io::split(io);
        let (answers, queue) = mpsc::channel(64);
        let writing = tokio::spawn(write(writer, queue));
        let outcome = self.read(Source::new(reader, self.read_timeout), &answers).await;
        // The writer ends after the last call under way has answered.
        drop(answers);
        let written = writing.await;
        outcome?;
        written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    async fn read<R: AsyncRead + Unpin>(
        &self,
        mut source: Source<R>,
        answers: &mpsc::Sender<Answer>,
    ) -> Result<(), String> {
        let calls = Arc::new(Semaphore::new(CALLS));
        let mut stop = self.stop.clone();
        loop {
            let head = tokio::select! {
                head = source.head() => head,
                () = stopped(&mut stop) => return Ok(()),
                () = answers.closed() => return Ok(()),
            };
            let Some((meta, length)) = head.map_err(|error| error.to_string())? else { return Ok(()) };
            let id = meta.correlation_id;
            let Ok(place) = calls.clone().acquire_owned().await else { return Ok(()) };
            let call = tokio::select! {
                call = self.call(&mut source, meta, length) => call?,
                () = stopped(&mut stop) => return Ok(()),
            };
            let (service, answers) = (self.service.clone(), answers.clone());
            tokio::spawn(async move {
                let outcome = match call {
                    Ok(call) => service.handle(call).await,
                    Err(refused) => Err(refused),
                };
                // The connection may be gone meanwhile.
                let _ = answers.send(answer(id, outcome)).await;
                drop(place);
            });
        }
    }

    /// Reads or skips what follows the meta. The outer error ends the connection, the inner one answers the call.
    async fn call<R: AsyncRead + Unpin>(
        &self,
        source: &mut Source<R>,
        meta: RpcMeta,
        length: usize,
    ) -> Result<Result<Call, RpcError>, String> {
        let text = |error: super::Malformed| error.to_string();
        let attachment = meta.attachment(length)?;
        let unreadable = meta.unreadable();
        let Some(request) = meta.request else {
            return Err("a frame without a request among the requests".into());
        };
        let longest = self.service.longest(&request.service_name, &request.method_name);
        let refused = match (longest, unreadable) {
            (None, _) => Some(RpcError::new(
                RpcError::NO_SERVICE,
                format!("{:.200}/{:.200} is not served here", request.service_name, request.method_name),
            )),
            (_, Some(reason)) => Some(RpcError::new(RpcError::REQUEST, reason)),
            _ => None,
        };
        if let Some(refused) = refused {
            source.skip(length).await.map_err(text)?;
            return Ok(Err(refused));
        }
        let message = length - attachment;
        let mut held = None;
        let body = if message > longest.unwrap_or(0) {
            Err(Unread::TooLong(message))
        } else {
            held = self.budget.hold(message).await;
            if held.is_some() { Ok(source.body(message).await.map_err(text)?) } else { Err(Unread::Busy) }
        };
        source.skip(if body.is_ok() { attachment } else { length }).await.map_err(text)?;
        Ok(Ok(Call {
            service: request.service_name,
            method: request.method_name,
            body,
            caller: self.caller.clone(),
            held,
        }))
    }
}

/// The frame of an answer.
fn answer(correlation_id: Option<i64>, outcome: Result<Bytes, RpcError>) -> Answer {
    let (code, text, message) = match outcome {
        Ok(message) => (0, None, message),
        Err(error) => (error.code, Some(error.text), Bytes::new()),
    };
    let meta = |error_code, error_text| RpcMeta {
        response: Some(ResponseMeta { error_code: Some(error_code), error_text }),
        correlation_id,
        ..RpcMeta::default()
    };
    let room = if message.len() < COALESCE_BELOW { message.len() } else { 0 };
    match packed(&meta(code, text), message.len(), room) {
        Some(mut head) if room > 0 => {
            head.put(message);
            (head.freeze(), Bytes::new())
        }
        Some(head) => (head.freeze(), message),
        None => {
            let failed = meta(RpcError::REQUEST, Some("the answer exceeds 4 GiB".into()));
            (packed(&failed, 0, 0).unwrap_or_default().freeze(), Bytes::new())
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(
    mut writer: W,
    mut queue: mpsc::Receiver<Answer>,
) -> std::io::Result<()> {
    while let Some((head, message)) = queue.recv().await {
        writer.write_all(&head).await?;
        writer.write_all(&message).await?;
        if queue.is_empty() {
            writer.flush().await?;
        }
    }
    writer.shutdown().await
}
