//! The methods of the service.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use symbolon_mutants::Mutant;
use symbolon_prg::{Construction, CounterStream, Seed};
use symbolon_ring::{Field, Matrix, Ring};
use symbolon_triples::{AdjustRequest, Limits, TriplesError, adjust};
use symbolon_wire::org::interconnection::v2::service::{
    AdjusDotRequest, AdjustAndRequest, AdjustMulRequest, AdjustRandBitRequest, AdjustResponse,
    AdjustTruncPrRequest, AdjustTruncRequest, CreateSessionRequest, CreateSessionResponse,
    DeleteSessionRequest, DeleteSessionResponse, ErrorCode,
};
use tonic::{Request, Response, Status};

use super::request::WireRequest;
use super::resources::Resources;
use super::server::DealerConfig;
use super::session::{Creation, Readiness, Rules, Sessions, checked_id};
use super::{DEALER_VERSION, KEEP_MASKS, KEPT};
use crate::generated::org::interconnection::v2::service::beaver_service_server::BeaverService;
use crate::port::Caller;

/// Requests for buffers of at most so many bytes of one party are computed on the network thread: that takes some
/// microseconds, less than handing them to another thread.
const SHORT_BYTES: u64 = 32 << 10;

/// One dealer.
pub(crate) struct Dealer {
    config: DealerConfig,
    pub(crate) sessions: Sessions,
    resources: Arc<Resources>,
}

/// A service error: code and text.
#[derive(Debug)]
struct Refusal(ErrorCode, String);

fn session_error(text: impl Into<String>) -> Refusal {
    let wrong = Mutant::SessionErrorCode.is_on();
    Refusal(if wrong { ErrorCode::OpAdjustError } else { ErrorCode::SessionError }, text.into())
}

fn adjust_error(text: impl Into<String>) -> Refusal {
    Refusal(ErrorCode::OpAdjustError, text.into())
}

impl Dealer {
    pub(crate) fn new(config: DealerConfig, resources: Arc<Resources>) -> Self {
        let limits = &config.limits;
        let sessions = Sessions::new(Rules {
            max_sessions: limits.max_sessions,
            idle: limits.session_idle,
            allow_reuse: config.allow_counter_reuse,
        });
        Self { sessions, resources, config }
    }

    fn create(
        &self,
        request: CreateSessionRequest,
        certificate: Option<Vec<u8>>,
        keep_masks: bool,
    ) -> Result<(), Refusal> {
        let CreateSessionRequest { required_version, adjust_rank, session_id, world_size, rank, prg_seed } =
            request;
        let seed = super::seed::decode(&prg_seed, self.config.seed_encoding);
        wipe(prg_seed);
        let seed = seed.map_err(session_error)?;
        if !(0..=DEALER_VERSION).contains(&required_version) && !Mutant::LaterVersionAccepted.is_on() {
            return Err(session_error(format!(
                "required_version {required_version} is not provided; this dealer provides versions up to \
                 {DEALER_VERSION}"
            )));
        }
        checked_id(&session_id).map_err(session_error)?;
        let session_id = if Mutant::SessionsMixed.is_on() { "one".into() } else { session_id };
        let most = self.config.limits.max_world_size;
        let world_size = usize::try_from(world_size)
            .ok()
            .filter(|size| (2..=most).contains(size))
            .ok_or_else(|| session_error(format!("world_size {world_size} is not between 2 and {most}")))?;
        let checked = |name: &str, value: i32| {
            usize::try_from(value)
                .ok()
                .filter(|rank| *rank < world_size)
                .ok_or_else(|| session_error(format!("{name} {value} is not below world_size {world_size}")))
        };
        let adjust_rank = checked("adjust_rank", adjust_rank)?;
        let rank = checked("rank", rank)?;
        if let Some(pinned) =
            self.config.tls.as_ref().and_then(|tls| tls.peer(rank)).filter(|peer| peer.is_pinned())
            && !certificate.as_deref().is_some_and(|presented| pinned.matches(&presented.into()))
        {
            return Err(session_error(format!(
                "the TLS certificate presented is not the one pinned at the dealer for rank {rank}"
            )));
        }
        let creation = Creation { session_id, world_size, adjust_rank, rank, seed, certificate, keep_masks };
        self.sessions.create(creation, Instant::now()).map_err(session_error)
    }

    async fn adjust<W: WireRequest>(&self, request: &Request<W>) -> Result<Vec<Bytes>, Refusal> {
        let certificate = presented(request);
        let wire = request.get_ref();
        let session_id = if Mutant::SessionsMixed.is_on() { "one" } else { wire.session_id() };
        checked_id(session_id).map_err(session_error)?;
        let parsed = wire.parse().map_err(|text| adjust_error(format!("{}: {text}", W::NAME)))?;
        let limits =
            Limits { max_bytes_per_request: self.config.limits.max_bytes_per_request, ..Limits::default() };
        parsed.check(&limits).map_err(|error| adjust_error(error.to_string()))?;

        let _place = self.resources.place().map_err(adjust_error)?;
        let seeds = self.seeds(session_id, certificate.as_deref()).await?;
        let bytes = parsed.inputs.iter().fold(0_u64, |sum, input| sum.saturating_add(input.bytes));
        let memory = self.resources.memory(working_bytes(bytes)).await.map_err(adjust_error)?;
        let turn = self.resources.turn().await.map_err(adjust_error)?;
        if !Mutant::UnknownSessionAnswered.is_on() {
            self.sessions.reserve(session_id, &parsed).map_err(adjust_error)?;
        }

        let cipher = self.config.cipher;
        let construction = self.config.construction;
        let compute = move || {
            let _held = (memory, turn);
            let own = Seed::random().map_err(|error| error.to_string())?;
            let mut bits = CounterStream::new(cipher, Construction::CtrBigEndian, &own);
            let compute =
                Computation { seeds: &seeds, cipher, construction, request: &parsed, limits: &limits };
            compute.run(&mut bits).map_err(|error| error.to_string())
        };
        if bytes <= SHORT_BYTES {
            return compute().map_err(adjust_error);
        }
        tokio::task::spawn_blocking(compute)
            .await
            .map_err(|_| adjust_error("the computation was aborted"))?
            .map_err(adjust_error)
    }

    /// Waits until every rank has created the session.
    async fn seeds(&self, session_id: &str, certificate: Option<&[u8]>) -> Result<Arc<Vec<Seed>>, Refusal> {
        let wait = self.config.limits.wait_for_parties;
        let mut changes = self.sessions.changes();
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            changes.mark_unchanged();
            let readiness =
                self.sessions.readiness(session_id, certificate, Instant::now()).map_err(session_error)?;
            let missing = match readiness {
                Readiness::Ready(seeds) => return Ok(seeds),
                Readiness::Waiting(ranks) => format!("ranks {ranks:?} have not created it"),
                Readiness::Unknown if Mutant::UnknownSessionAnswered.is_on() => {
                    return Ok(Arc::new(vec![Seed::from_bytes([0; 16]); 2]));
                }
                Readiness::Unknown => "nobody has created it, or it was deleted or expired".to_owned(),
            };
            match tokio::time::timeout_at(deadline, changes.changed()).await {
                Ok(Ok(())) => {}
                _ => {
                    return Err(session_error(format!(
                        "the session is not complete after {wait:?}: {missing}"
                    )));
                }
            }
        }
    }
}

/// What a request over buffers of so many bytes holds at most, its reply included.
fn working_bytes(buffers: u64) -> u64 {
    buffers.saturating_mul(2)
}

/// The arithmetic of one request, in the ring that it names.
struct Computation<'a> {
    seeds: &'a [Seed],
    cipher: symbolon_prg::Cipher,
    construction: Construction,
    request: &'a AdjustRequest,
    limits: &'a Limits,
}

impl Computation<'_> {
    fn run(&self, bits: &mut CounterStream) -> Result<Vec<Bytes>, TriplesError> {
        match self.request.field {
            Field::Ring32 => self.over::<u32>(bits),
            Field::Ring64 => self.over::<u64>(bits),
            Field::Ring128 => self.over::<u128>(bits),
        }
    }

    fn over<R: Ring>(&self, bits: &mut CounterStream) -> Result<Vec<Bytes>, TriplesError> {
        adjust::<R>(self.seeds, self.cipher, self.construction, self.request, self.limits, bits)?
            .into_iter()
            .map(|correction| Ok(Matrix::from_vec(1, correction.len(), correction)?.into_bytes()))
            .collect()
    }
}

/// Overwrites the seed in the receive buffer when nothing else shares it.
fn wipe(secret: Bytes) {
    if let Ok(mut buffer) = secret.try_into_mut() {
        zeroize::Zeroize::zeroize(&mut buffer[..]);
    }
}

fn presented<T>(request: &Request<T>) -> Option<Vec<u8>> {
    request.extensions().get::<Caller>()?.certificate.as_deref().map(<[u8]>::to_vec)
}

async fn adjusted<W: WireRequest>(
    dealer: &Dealer,
    request: Request<W>,
) -> Result<Response<AdjustResponse>, Status> {
    let response = match dealer.adjust(&request).await {
        Ok(adjust_outputs) => {
            AdjustResponse { code: ErrorCode::Ok.into(), message: String::new(), adjust_outputs }
        }
        Err(Refusal(code, message)) => {
            tracing::warn!(method = W::NAME, message, "refused");
            AdjustResponse { code: code.into(), message, adjust_outputs: Vec::new() }
        }
    };
    Ok(Response::new(response))
}

/// The face of a [`Dealer`] to the generated server.
#[derive(Clone)]
pub(crate) struct DealerService(pub(crate) Arc<Dealer>);

#[tonic::async_trait]
impl BeaverService for DealerService {
    async fn create_session(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<CreateSessionResponse>, Status> {
        let certificate = presented(&request);
        let keep_masks = request.metadata().get(KEEP_MASKS).is_some_and(|value| value == KEPT);
        let (code, message) = match self.0.create(request.into_inner(), certificate, keep_masks) {
            Ok(()) => (ErrorCode::Ok, String::new()),
            Err(Refusal(code, message)) => {
                tracing::warn!(method = "CreateSession", message, "refused");
                (code, message)
            }
        };
        let mut response = Response::new(CreateSessionResponse { code: code.into(), message });
        if keep_masks {
            response
                .metadata_mut()
                .insert(KEEP_MASKS, KEPT.parse().map_err(|_| Status::internal("metadata"))?);
        }
        Ok(response)
    }

    async fn delete_session(
        &self,
        request: Request<DeleteSessionRequest>,
    ) -> Result<Response<DeleteSessionResponse>, Status> {
        let certificate = presented(&request);
        let id = request.into_inner().session_id;
        let outcome = checked_id(&id).and_then(|()| self.0.sessions.delete(&id, certificate.as_deref()));
        let (code, message) = match outcome {
            Ok(()) => (ErrorCode::Ok, String::new()),
            Err(message) => (ErrorCode::SessionError, message),
        };
        Ok(Response::new(DeleteSessionResponse { code: code.into(), message }))
    }

    async fn adjust_mul(
        &self,
        request: Request<AdjustMulRequest>,
    ) -> Result<Response<AdjustResponse>, Status> {
        adjusted(&self.0, request).await
    }

    async fn adjust_dot(
        &self,
        request: Request<AdjusDotRequest>,
    ) -> Result<Response<AdjustResponse>, Status> {
        adjusted(&self.0, request).await
    }

    async fn adjust_and(
        &self,
        request: Request<AdjustAndRequest>,
    ) -> Result<Response<AdjustResponse>, Status> {
        adjusted(&self.0, request).await
    }

    async fn adjust_trunc(
        &self,
        request: Request<AdjustTruncRequest>,
    ) -> Result<Response<AdjustResponse>, Status> {
        adjusted(&self.0, request).await
    }

    async fn adjust_trunc_pr(
        &self,
        request: Request<AdjustTruncPrRequest>,
    ) -> Result<Response<AdjustResponse>, Status> {
        adjusted(&self.0, request).await
    }

    async fn adjust_rand_bit(
        &self,
        request: Request<AdjustRandBitRequest>,
    ) -> Result<Response<AdjustResponse>, Status> {
        adjusted(&self.0, request).await
    }
}
