//! Calls over HTTP/1.1: one at a time on each of a few connections, which are kept.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tonic::body::Body;

use crate::dial::Dialer;

/// Connections to one peer.
const CONNECTIONS: usize = 16;

/// Connections to one peer.
pub(crate) struct Pool {
    dialer: Dialer,
    idle: Mutex<Vec<SendRequest<Body>>>,
    places: Semaphore,
}

/// An answer that was read completely.
pub(crate) struct Answer {
    pub(crate) status: http::StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Pool {
    pub(crate) fn new(dialer: Dialer) -> Self {
        Self { dialer, idle: Mutex::default(), places: Semaphore::new(CONNECTIONS) }
    }

    /// Sends `request` and reads an answer of at most `longest` bytes. Errors are those of the connection.
    pub(crate) async fn call(
        &self,
        mut request: http::Request<Body>,
        longest: usize,
    ) -> Result<Answer, String> {
        let _place = self.places.acquire().await;
        if let Ok(host) = http::HeaderValue::from_str(self.dialer.address()) {
            request.headers_mut().insert(http::header::HOST, host);
        }
        let mut connection = self.connection().await?;
        let response =
            connection.send_request(request).await.map_err(|error| crate::error::causes(&error))?;
        let (head, body) = response.into_parts();
        let body = http_body_util::Limited::new(body, longest)
            .collect()
            .await
            .map_err(|error| format!("the answer broke off: {error}"))?
            .to_bytes();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    async fn connection(&self) -> Result<SendRequest<Body>, String> {
        loop {
            let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut kept) = kept else { break };
            if !kept.is_closed() && kept.ready().await.is_ok() {
                return Ok(kept);
            }
        }
        let stream = self.dialer.dial().await?;
        let (connection, driver) =
            handshake(TokioIo::new(stream)).await.map_err(|error| crate::error::causes(&error))?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "HTTP/1.1 connection ended");
            }
        });
        Ok(connection)
    }
}
