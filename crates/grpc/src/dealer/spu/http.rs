//! The service over plain HTTP, as brpc serves it: `POST /<service>/<method>` with a protobuf-JSON body.
//!
//! The answer's body is a sequence of frames, to be read as they come:
//!
//! ```text
//! 0 ‖ length (8 bytes, little-endian) ‖ elements of the corrections, one correction after the other
//! code ‖ length ‖ text                       an error (1: the operation, 2: a seed); nothing follows
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method as Verb, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::sync::mpsc::Receiver;
use tonic::body::Body;

use super::Method;
use super::messages::Adjust;
use super::request::Refusal;
use super::service::SpuDealer;

/// Requests are a few numbers and ciphertexts; anything longer is not one.
pub(crate) const REQUEST_BYTES: usize = 64 << 10;
/// Bytes before the content of a frame.
const HEAD_BYTES: usize = 9;

/// Answers a request to the service's path.
pub(crate) async fn answer(
    dealer: Arc<SpuDealer>,
    method: Option<Method>,
    request: http::Request<Body>,
) -> Response<Body> {
    let Some(method) = method else {
        return text(StatusCode::NOT_FOUND, "the service has no such method here");
    };
    if request.method() != Verb::POST {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "use POST");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let protobuf = kind.starts_with("application/proto") || kind.starts_with("application/x-protobuf");
    let body = match http_body_util::Limited::new(request.into_body(), REQUEST_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return text(
                StatusCode::PAYLOAD_TOO_LARGE,
                &format!("the request has more than {REQUEST_BYTES} bytes"),
            );
        }
        Err(_) => return text(StatusCode::BAD_REQUEST, "the request broke off"),
    };
    let adjust = if protobuf { Adjust::decode(method, body) } else { Adjust::parse(&body) };
    let adjust = match adjust {
        Ok(adjust) => adjust,
        Err(reason) => return text(StatusCode::BAD_REQUEST, &format!("{}: {reason}", method.name())),
    };
    let frames = match dealer.stream(method, adjust).await {
        Ok(pieces) => Frames { pieces: Some(pieces), next: None },
        Err(refusal) => {
            tracing::warn!(method = method.name(), refusal.message, "refused");
            let (head, content) = frame(refusal.code, refusal.message.into());
            Frames { pieces: None, next: Some([head, content].concat().into()) }
        }
    };
    let mut response = Response::new(Body::new(frames));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}

fn text(status: StatusCode, text: &str) -> Response<Body> {
    let mut response =
        Response::new(Body::new(http_body_util::Full::new(Bytes::copy_from_slice(text.as_bytes()))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Head and content of a frame.
fn frame(flag: u8, content: Bytes) -> (Bytes, Bytes) {
    let mut head = BytesMut::with_capacity(HEAD_BYTES);
    head.put_u8(flag);
    // Contents have at most 32 MiB.
    head.put_i64_le(i64::try_from(content.len()).unwrap_or(i64::MAX));
    (head.freeze(), content)
}

/// The answer's body: frames of the pieces as they are computed.
struct Frames {
    pieces: Option<Receiver<Result<Bytes, Refusal>>>,
    /// The content of the frame whose head was given.
    next: Option<Bytes>,
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(content) = self.next.take() {
            return Poll::Ready(Some(Ok(Frame::data(content))));
        }
        let Some(pieces) = &mut self.pieces else { return Poll::Ready(None) };
        let (flag, content) = match std::task::ready!(pieces.poll_recv(cx)) {
            None => {
                self.pieces = None;
                return Poll::Ready(None);
            }
            Some(Ok(piece)) => (0, piece),
            Some(Err(refusal)) => {
                tracing::warn!(refusal.message, "refused");
                self.pieces = None;
                (refusal.code, refusal.message.into())
            }
        };
        let (head, content) = frame(flag, content);
        self.next = Some(content).filter(|content| !content.is_empty());
        Poll::Ready(Some(Ok(Frame::data(head))))
    }
}
