//! What a dealer answers on its port, whichever way it is asked.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::Service as _;

use super::service::{Dealer, DealerService};
use super::spu::{self, SpuDealer, Unhandled};
use crate::baidu_std::RpcError;
use crate::generated::org::interconnection::v2::service::beaver_service_server::BeaverServiceServer;
use crate::port::{Call, Pending, Service, Unread};

/// Requests of the interconnection dialect are a few numbers; anything longer is not one.
const REQUEST_BYTES: usize = 64 << 10;

/// Both dialects.
pub(crate) struct DealerPort {
    interconnection: BeaverServiceServer<DealerService>,
    spu: Option<Arc<SpuDealer>>,
}

impl DealerPort {
    pub(crate) fn new(interconnection: Arc<Dealer>, spu: Option<Arc<SpuDealer>>) -> Self {
        let interconnection = BeaverServiceServer::new(DealerService(interconnection));
        Self { interconnection: interconnection.max_decoding_message_size(REQUEST_BYTES), spu }
    }
}

impl Service for DealerPort {
    fn http(self: Arc<Self>, request: Request<Body>) -> Pending<Response<Body>> {
        Box::pin(async move {
            if let (Some(spu), Some(method)) = (&self.spu, spu::Method::of_path(request.uri().path())) {
                let kind =
                    request.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes()).unwrap_or_default();
                if !kind.starts_with(b"application/grpc") {
                    return spu::http::answer(spu.clone(), method, request).await;
                }
                let method = method.map(spu::Method::name).unwrap_or_default();
                let mut grpc =
                    tonic::server::Grpc::new(RawCodec).max_decoding_message_size(spu::http::REQUEST_BYTES);
                return grpc.unary(Unary { dealer: spu.clone(), method }, request).await;
            }
            match self.interconnection.clone().call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        })
    }

    fn longest(&self, service: &str, method: &str) -> Option<usize> {
        let served = self.spu.is_some() && service == spu::SERVICE && spu::Method::named(method).is_some();
        served.then_some(spu::http::REQUEST_BYTES)
    }

    fn handle(self: Arc<Self>, call: Call) -> Pending<Result<Bytes, RpcError>> {
        Box::pin(async move {
            let Call { method, body, held: _held, .. } = call;
            let body = body.map_err(|unread| match unread {
                Unread::TooLong(bytes) => RpcError::new(
                    RpcError::REQUEST,
                    format!("the request has {bytes} bytes; at most {} are taken", spu::http::REQUEST_BYTES),
                ),
                Unread::Busy => {
                    RpcError::new(RpcError::REQUEST, "no memory became free in time; try again later")
                }
            })?;
            let Some(spu) = &self.spu else { return Err(RpcError::no_method()) };
            spu.handle(&method, body).await.map_err(|unhandled| match unhandled {
                Unhandled::NoMethod => RpcError::no_method(),
                Unhandled::Malformed(reason) => RpcError::new(RpcError::REQUEST, reason),
            })
        })
    }
}

/// A unary gRPC call of SPU's service.
struct Unary {
    dealer: Arc<SpuDealer>,
    method: &'static str,
}

impl tonic::server::UnaryService<Bytes> for Unary {
    type Response = Bytes;
    type Future = Pending<Result<tonic::Response<Bytes>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (dealer, method) = (self.dealer.clone(), self.method);
        Box::pin(async move {
            dealer.handle(method, request.into_inner()).await.map(tonic::Response::new).map_err(|unhandled| {
                match unhandled {
                    Unhandled::NoMethod => Status::unimplemented("the service has no such method here"),
                    Unhandled::Malformed(reason) => Status::invalid_argument(reason),
                }
            })
        })
    }
}

/// Messages that are encoded already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, input: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(input.copy_to_bytes(input.remaining())))
    }
}
