//! A party's side of the service.

use std::sync::Arc;
use std::time::Duration;

use symbolon_dialect::{Dialect, FieldEncoding, SeedEncoding};
use symbolon_prg::Seed;
use symbolon_ring::{Matrix, Ring};
use symbolon_triples::{AdjustRequest, Corrections, Dealer, DealerError, Op, Pending};
use symbolon_wire::org::interconnection::v2::service::{
    AdjusDotRequest, AdjustAndRequest, AdjustMulRequest, AdjustRandBitRequest, AdjustResponse,
    AdjustTruncPrRequest, AdjustTruncRequest, CreateSessionRequest, DeleteSessionRequest,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use super::request::{field_value, metas};
use super::{DEALER_VERSION, KEEP_MASKS, KEPT, seed};
use crate::error::{GrpcError, is_broken, status_text};
use crate::generated::org::interconnection::v2::service::beaver_service_client::BeaverServiceClient;
use crate::http2::{self, Windows};
use crate::threads::NetThread;
use crate::tls::{PeerIdentity, TlsConfig};

/// Where the dealer is, which session we belong to, and how long to wait.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DealerClientConfig {
    /// `host:port` of the dealer.
    pub address: String,
    /// The session that all parties agreed on.
    pub session_id: String,
    /// Our rank.
    pub rank: usize,
    /// Number of parties.
    pub world_size: usize,
    /// The rank that asks for corrections.
    pub adjust_rank: usize,
    /// The version of the service to require; [`DEALER_VERSION`] by default.
    pub required_version: i32,
    /// Whether this party, and all others of the session, keep masks for several products (erratum E46). A dealer that does
    /// not know of it is refused.
    pub keep_masks: bool,
    /// How the seed travels (erratum E06).
    pub seed_encoding: SeedEncoding,
    /// How the ring is named (erratum E07).
    pub field_encoding: FieldEncoding,
    /// Mutual TLS with the identity of the dealer, or `None` for plaintext.
    pub tls: Option<(TlsConfig, PeerIdentity)>,
    /// How long to keep trying to reach the dealer when a session is created. Default 30 s.
    pub connect_timeout: Duration,
    /// How long one correction may take, retries after a broken connection included. Default 60 s. The
    /// dealer itself waits up to its own limit for parties that have not come.
    pub receive_timeout: Duration,
    /// Largest reply in bytes. Default 1 GiB.
    pub max_reply_bytes: usize,
}

impl DealerClientConfig {
    /// Plaintext, default times, the encodings of `dialect`.
    pub fn new(
        address: impl Into<String>,
        session_id: impl Into<String>,
        rank: usize,
        world_size: usize,
        adjust_rank: usize,
        dialect: &Dialect,
    ) -> Self {
        Self {
            address: address.into(),
            session_id: session_id.into(),
            rank,
            world_size,
            adjust_rank,
            required_version: DEALER_VERSION,
            keep_masks: false,
            seed_encoding: dialect.seed_encoding,
            field_encoding: dialect.field_encoding,
            tls: None,
            connect_timeout: Duration::from_secs(30),
            receive_timeout: Duration::from_secs(60),
            max_reply_bytes: 1 << 30,
        }
    }
}

/// A connection to the dealer. Blocking: call it from ordinary threads only.
///
/// Every rank creates the session with its own seed; then the adjust rank, and no other, asks for
/// corrections. [`Dealer::start`] puts a request on its way without waiting, so that several travel at
/// once. Clones share the connection.
#[derive(Clone)]
pub struct DealerClient {
    config: Arc<DealerClientConfig>,
    client: BeaverServiceClient<Channel>,
    handle: Handle,
    /// Kept alive here when the client brought its own thread.
    _own: Option<Arc<NetThread>>,
}

impl std::fmt::Debug for DealerClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DealerClient").field("address", &self.config.address).finish_non_exhaustive()
    }
}

impl DealerClient {
    /// A client on the threads of a [`GrpcNode`](crate::GrpcNode); see [`GrpcNode::runtime`](crate::GrpcNode::runtime).
    /// Connects at the first call.
    ///
    /// # Errors
    /// An address that is not `host:port`, ranks that do not fit, TLS material that cannot be used.
    pub fn new(config: DealerClientConfig, handle: Handle) -> Result<Self, GrpcError> {
        let DealerClientConfig { rank, world_size, adjust_rank, .. } = config;
        if rank >= world_size || adjust_rank >= world_size || world_size < 2 {
            return Err(GrpcError::Config(format!(
                "rank {rank} and adjust_rank {adjust_rank} do not fit world_size {world_size}"
            )));
        }
        super::session::checked_id(&config.session_id).map_err(GrpcError::Config)?;
        let _inside = handle.enter();
        let tls = config.tls.as_ref().map(|(own, dealer)| (own, dealer));
        let attempt = config.connect_timeout.min(Duration::from_secs(5));
        let channel = http2::channel(&config.address, attempt, Windows::LARGE, tls)?;
        let client = BeaverServiceClient::new(channel).max_decoding_message_size(config.max_reply_bytes);
        Ok(Self { config: Arc::new(config), client, handle: handle.clone(), _own: None })
    }

    /// A client with a network thread of its own.
    ///
    /// # Errors
    /// As [`DealerClient::new`], or no thread to be had.
    pub fn standalone(config: DealerClientConfig) -> Result<Self, GrpcError> {
        let thread = NetThread::start("symbolon-dealer-client")?;
        let handle = thread.handle().clone();
        let own = Some(Arc::new(thread));
        Ok(Self { _own: own, ..Self::new(config, handle)? })
    }

    /// Tells the dealer our seed. Waits for the dealer to come up within the connect timeout.
    ///
    /// # Errors
    /// [`GrpcError::PeerDealerUnreachable`] or [`GrpcError::PeerDealerRefused`].
    pub fn create_session(&self, own: &Seed) -> Result<(), GrpcError> {
        let config = &self.config;
        let small = |name: &str, value: usize| {
            i32::try_from(value)
                .map_err(|_| GrpcError::Config(format!("{name} {value} does not fit the wire")))
        };
        let request = CreateSessionRequest {
            required_version: config.required_version,
            adjust_rank: small("adjust_rank", config.adjust_rank)?,
            session_id: config.session_id.clone(),
            world_size: small("world_size", config.world_size)?,
            rank: small("rank", config.rank)?,
            prg_seed: bytes::Bytes::copy_from_slice(&seed::encode(own, config.seed_encoding)),
        };
        let keep_masks = config.keep_masks;
        let response = self.run("CreateSession", config.connect_timeout, move |mut client| {
            let mut request = Request::new(request.clone());
            if keep_masks {
                request.metadata_mut().insert(KEEP_MASKS, MetadataValue::from_static(KEPT));
            }
            async move { client.create_session(request).await }
        })?;
        let kept = response.metadata().get(KEEP_MASKS).is_some_and(|value| value == KEPT);
        let response = response.into_inner();
        self.accepted("CreateSession", response.code, response.message)?;
        if keep_masks && !kept {
            return Err(GrpcError::PeerDealerRefused {
                address: config.address.clone(),
                operation: "CreateSession",
                code: 0,
                message: "it does not know masks that serve several products: train without kept masks"
                    .into(),
            });
        }
        Ok(())
    }

    /// Tells the dealer to forget the session, with all parties' seeds. Call it when no party needs
    /// corrections any more. A session that is gone already is no error.
    ///
    /// # Errors
    /// As [`DealerClient::create_session`].
    pub fn delete_session(&self) -> Result<(), GrpcError> {
        let request = DeleteSessionRequest { session_id: self.config.session_id.clone() };
        let response = self.run("DeleteSession", self.config.receive_timeout, move |mut client| {
            let request = request.clone();
            async move { client.delete_session(request).await }
        })?;
        let response = response.into_inner();
        self.accepted("DeleteSession", response.code, response.message)
    }

    fn accepted(&self, operation: &'static str, code: i32, message: String) -> Result<(), GrpcError> {
        if code == 0 {
            return Ok(());
        }
        Err(GrpcError::PeerDealerRefused { address: self.config.address.clone(), operation, code, message })
    }

    fn run<T, F>(
        &self,
        operation: &'static str,
        within: Duration,
        call: impl Fn(BeaverServiceClient<Channel>) -> F + Send + Sync + 'static,
    ) -> Result<Response<T>, GrpcError>
    where
        T: Send + 'static,
        F: Future<Output = Result<Response<T>, Status>> + Send + 'static,
    {
        let outcome = self.start(within, call).blocking_recv();
        outcome.unwrap_or_else(|_| Err(STOPPED.into())).map_err(|reason| GrpcError::PeerDealerUnreachable {
            address: self.config.address.clone(),
            operation,
            reason,
        })
    }

    /// Runs a call on the network threads.
    fn start<T, F>(
        &self,
        within: Duration,
        call: impl Fn(BeaverServiceClient<Channel>) -> F + Send + Sync + 'static,
    ) -> oneshot::Receiver<Result<Response<T>, String>>
    where
        T: Send + 'static,
        F: Future<Output = Result<Response<T>, Status>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let client = self.client.clone();
        self.handle.spawn(async move {
            let _ = answer.send(persist(&client, within, call).await);
        });
        answered
    }

    /// Checks what can be checked here, and starts the request on the network threads.
    fn submit(
        &self,
        request: &AdjustRequest,
    ) -> Result<oneshot::Receiver<Result<Response<AdjustResponse>, String>>, DealerError> {
        let config = &self.config;
        if config.rank != config.adjust_rank {
            return Err(DealerError::Network(format!(
                "rank {} does not ask for corrections; rank {} does",
                config.rank, config.adjust_rank
            )));
        }
        let call = Call::new(config, request).ok_or_else(|| {
            DealerError::Network(format!("{} has sizes or counters beyond 2^63", request.op))
        })?;
        Ok(self.start(config.receive_timeout, move |client| call.clone().send(client)))
    }
}

/// Why a call has no outcome.
const STOPPED: &str = "our own network threads were stopped";

impl<R: Ring> Dealer<R> for DealerClient {
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<R>, DealerError> {
        Dealer::<R>::start(self, request.clone())()
    }

    fn start(&mut self, request: AdjustRequest) -> Pending<R> {
        let submitted = DealerClient::submit(self, &request);
        // Keeps the threads of a standalone client for as long as an answer is awaited.
        let alive = self._own.clone();
        let address = self.config.address.clone();
        Box::new(move || {
            let answered = submitted?;
            let response = answered
                .blocking_recv()
                .unwrap_or_else(|_| Err(STOPPED.into()))
                .map_err(|reason| DealerError::Network(format!("{address}: {reason}")))?;
            drop(alive);
            corrections(&request, response.into_inner())
        })
    }
}

/// The corrections in a reply.
fn corrections<R: Ring>(
    request: &AdjustRequest,
    response: AdjustResponse,
) -> Result<Corrections<R>, DealerError> {
    if response.code != 0 {
        return Err(DealerError::PeerRefused { code: response.code.into(), message: response.message });
    }
    if request.field != R::FIELD {
        return Err(DealerError::PeerReply(format!(
            "the request is over {:?}, but its corrections were to be read over {:?}",
            request.field,
            R::FIELD
        )));
    }
    let expected = request.op.correction_lens();
    if response.adjust_outputs.len() != expected.len() {
        return Err(DealerError::PeerReply(format!(
            "{} outputs for {} instead of {}",
            response.adjust_outputs.len(),
            request.op,
            expected.len()
        )));
    }
    expected
        .into_iter()
        .zip(response.adjust_outputs)
        .map(|(len, bytes)| {
            let matrix = Matrix::from_le_bytes(1, len, &bytes)
                .map_err(|error| DealerError::PeerReply(format!("{}: {error}", request.op)))?;
            Ok(matrix.into_vec())
        })
        .collect()
}

/// An adjust request as it travels.
#[derive(Clone)]
enum Call {
    Mul(AdjustMulRequest),
    Dot(AdjusDotRequest),
    And(AdjustAndRequest),
    Trunc(AdjustTruncRequest),
    TruncPr(AdjustTruncPrRequest),
    RandBit(AdjustRandBitRequest),
}

impl Call {
    fn new(config: &DealerClientConfig, request: &AdjustRequest) -> Option<Self> {
        let session_id = config.session_id.clone();
        let field = field_value(request.field, config.field_encoding);
        let prg_inputs = metas(&request.inputs)?;
        Some(match request.op {
            Op::Mul { .. } => Self::Mul(AdjustMulRequest { session_id, prg_inputs, field }),
            Op::Dot { m, k, n } => {
                let (m, k, n) = (i64::try_from(m).ok()?, i64::try_from(k).ok()?, i64::try_from(n).ok()?);
                Self::Dot(AdjusDotRequest { session_id, prg_inputs, field, m, n, k })
            }
            Op::And { .. } => Self::And(AdjustAndRequest { session_id, prg_inputs, field }),
            Op::Trunc { bits, .. } => {
                let bits = i32::try_from(bits).ok()?;
                Self::Trunc(AdjustTruncRequest { session_id, prg_inputs, field, bits })
            }
            Op::TruncPr { bits, .. } => {
                let bits = i32::try_from(bits).ok()?;
                Self::TruncPr(AdjustTruncPrRequest { session_id, prg_inputs, field, bits })
            }
            Op::RandBit { .. } => Self::RandBit(AdjustRandBitRequest { session_id, prg_inputs, field }),
        })
    }

    async fn send(
        self,
        mut client: BeaverServiceClient<Channel>,
    ) -> Result<Response<AdjustResponse>, Status> {
        match self {
            Self::Mul(request) => client.adjust_mul(request).await,
            Self::Dot(request) => client.adjust_dot(request).await,
            Self::And(request) => client.adjust_and(request).await,
            Self::Trunc(request) => client.adjust_trunc(request).await,
            Self::TruncPr(request) => client.adjust_trunc_pr(request).await,
            Self::RandBit(request) => client.adjust_rand_bit(request).await,
        }
    }
}

/// Calls, and again after a broken or refused connection, until `within` has passed. The dealer answers a
/// repeated request alike; only a repeated `RandBit` is refused by a dealer that had served it.
async fn persist<T, F>(
    client: &BeaverServiceClient<Channel>,
    within: Duration,
    call: impl Fn(BeaverServiceClient<Channel>) -> F,
) -> Result<Response<T>, String>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let deadline = Instant::now() + within;
    let mut pause = Duration::from_millis(20);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let status = match timeout(left, call(client.clone())).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(status)) => status,
            Err(_) => return Err(format!("no answer within {within:?}")),
        };
        if !is_broken(&status) || Instant::now() + pause >= deadline {
            return Err(format!("{} after {within:?} at most: {}", describe(&status), status_text(&status)));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

fn describe(status: &Status) -> &'static str {
    match status.code() {
        Code::Unavailable | Code::Unknown => "not reachable",
        Code::Unimplemented => "there is no interconnection dealer",
        Code::OutOfRange | Code::ResourceExhausted => "the reply is larger than max_reply_bytes",
        _ => "the call failed",
    }
}
