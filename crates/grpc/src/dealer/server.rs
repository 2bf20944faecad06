//! A dealer that listens.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use symbolon_dialect::{Construction, Dialect, SeedEncoding};
use symbolon_prg::Cipher;
use tokio::sync::watch;

use super::port::DealerPort;
use super::resources::Resources;
use super::service::Dealer;
use super::spu::{DealerKey, SpuDealer};
use crate::budget::Budget;
use crate::error::GrpcError;
use crate::http2::Windows;
use crate::port;
use crate::threads::{NetThread, take};
use crate::tls::TlsConfig;

/// Bytes of requests over baidu_std that are held at the same time.
const REQUEST_BUDGET: usize = 16 << 20;

/// How long a request over baidu_std may take to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a stopping dealer waits for replies under way.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// What a dealer grants its callers altogether.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DealerLimits {
    /// Sessions held at the same time. Default 64.
    pub max_sessions: usize,
    /// Parties of one session. Default 16.
    pub max_world_size: usize,
    /// Bytes of the buffers of one request, of one party. Default 256 MiB.
    pub max_bytes_per_request: u64,
    /// Bytes of the buffers of one request of SPU's service that is computed and sent piece by piece, of one party.
    /// Default 64 GiB: it costs time, not memory.
    pub max_bytes_per_stream: u64,
    /// Bytes that all requests together may hold while they are computed and answered. Default 1 GiB.
    pub memory_bytes: u64,
    /// Requests computed at the same time. Default: the number of processors.
    pub max_concurrent: usize,
    /// Requests under way or waiting, before further ones are refused. Default 256.
    pub max_pending: usize,
    /// How long a request waits for the remaining ranks to create their session. Default 30 s.
    pub wait_for_parties: Duration,
    /// How long a request waits for memory. Default 30 s.
    pub wait_for_memory: Duration,
    /// After how long without any use a session and its seeds are forgotten. Default 1 h.
    pub session_idle: Duration,
}

impl Default for DealerLimits {
    fn default() -> Self {
        Self {
            max_sessions: 64,
            max_world_size: 16,
            max_bytes_per_request: 256 << 20,
            max_bytes_per_stream: 64 << 30,
            memory_bytes: 1 << 30,
            max_concurrent: std::thread::available_parallelism().map_or(2, usize::from),
            max_pending: 256,
            wait_for_parties: Duration::from_secs(30),
            wait_for_memory: Duration::from_secs(30),
            session_idle: Duration::from_secs(3600),
        }
    }
}

/// How a dealer computes and whom it serves.
///
/// **Without TLS anyone who can reach the port and knows (or guesses) a session id can join an incomplete
/// session, ask for corrections in the name of the adjust rank, and delete the session.** That breaks
/// the computation; together with one party's shares it can also betray the others. Run a plaintext
/// dealer only where the network itself keeps strangers out. With mutual TLS a rank belongs to the
/// certificate that first claimed it (or to the pinned one), and only the adjust rank's certificate gets
/// corrections.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DealerConfig {
    /// Cipher of the parties' dealer streams; the requests do not say.
    pub cipher: Cipher,
    /// Construction of the parties' dealer streams (erratum E16).
    pub construction: Construction,
    /// The only accepted encoding of seeds, or `None` for both, which cannot be confused (erratum E06).
    pub seed_encoding: Option<SeedEncoding>,
    /// Whether one block of a stream may serve several corrections. Off by default, since two corrections
    /// over the same blocks can tell the adjust rank about the others' shares; for engines that let one
    /// mask serve two products.
    pub allow_counter_reuse: bool,
    /// SPU's service on the same port, or `None`.
    pub spu: Option<SpuDealerConfig>,
    /// Mutual TLS; pinned certificates are optional here.
    pub tls: Option<TlsConfig>,
    /// Bounds.
    pub limits: DealerLimits,
}

impl DealerConfig {
    /// Plaintext, AES-128, both seed encodings, default limits; the construction of `dialect`.
    pub fn new(dialect: &Dialect) -> Self {
        Self {
            cipher: Cipher::Aes128,
            construction: dialect.dealer_stream,
            seed_encoding: None,
            allow_counter_reuse: false,
            spu: None,
            tls: None,
            limits: DealerLimits::default(),
        }
    }
}

/// How a dealer serves `spu.mpc.semi2k.beaver.ttp_server.BeaverService` (erratum E15).
///
/// The service has no sessions: a request carries the parties' seeds encrypted to the dealer's key, and whoever has
/// seen the ciphertexts can ask for any correction, also twice over the same blocks. The parties must trust each other's
/// adjust rank that far.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SpuDealerConfig {
    /// The SM2 key to whose public half the parties seal their seeds.
    pub key: DealerKey,
    /// Construction of the streams of callers of the unary form (baidu_std, gRPC): default CTR, as the SPU inside the
    /// reference implementation draws (erratum E16).
    pub unary_stream: Construction,
    /// Construction of the streams of callers of the HTTP form: default little-endian blocks, as SPU 0.9.5 draws.
    pub http_stream: Construction,
    /// Decrypted seeds that are kept. Default 1024.
    pub max_cached_seeds: usize,
}

impl SpuDealerConfig {
    /// The defaults with that key.
    pub fn new(key: DealerKey) -> Self {
        Self {
            key,
            unary_stream: Construction::CtrBigEndian,
            http_stream: Construction::BlocksLittleEndian,
            max_cached_seeds: 1024,
        }
    }

    /// The same construction for callers of both forms.
    #[must_use]
    pub fn with_stream(self, stream: Construction) -> Self {
        Self { unary_stream: stream, http_stream: stream, ..self }
    }
}

/// A running dealer. Its arithmetic runs on threads of its own, except for what is shorter than the way there; a network
/// thread does the rest.
pub struct DealerServer {
    address: SocketAddr,
    dealer: Arc<Dealer>,
    spu: Option<Arc<SpuDealer>>,
    thread: Mutex<Option<NetThread>>,
    stop: watch::Sender<bool>,
    stopped: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl std::fmt::Debug for DealerServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DealerServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl DealerServer {
    /// Listens on `listen` and serves until it is shut down or dropped.
    ///
    /// # Errors
    /// A port that cannot be bound, or limits that contradict one another.
    pub fn start(listen: SocketAddr, config: DealerConfig) -> Result<Self, GrpcError> {
        Self::start_on(crate::error::bind(listen)?, config)
    }

    /// As [`DealerServer::start`] on a listener that is already bound.
    ///
    /// # Errors
    /// As [`DealerServer::start`].
    pub fn start_on(listener: TcpListener, config: DealerConfig) -> Result<Self, GrpcError> {
        let address = listener.local_addr().map_err(|error| GrpcError::listen("the given socket", error))?;
        let settings = port::Settings {
            tls: config.tls.clone(),
            windows: Windows::SMALL,
            budget: Budget::new(REQUEST_BUDGET, REQUEST_TIMEOUT)?,
            read_timeout: REQUEST_TIMEOUT,
        };
        let sweep_every =
            (config.limits.session_idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(60));
        let resources = Arc::new(Resources::new(config.limits.clone())?);
        let spu = config.spu.clone().map(|spu| Arc::new(SpuDealer::new(spu, resources.clone())));
        let dealer = Arc::new(Dealer::new(config, resources));
        let thread = NetThread::start("symbolon-dealer")?;
        let (stop, stopping) = watch::channel(false);
        let inside = thread.handle().enter();
        let service = Arc::new(DealerPort::new(dealer.clone(), spu.clone()));
        let stopped = port::serve(listener, settings, service, stopping)?;
        drop(inside);
        let swept = dealer.clone();
        thread.handle().spawn(async move {
            loop {
                tokio::time::sleep(sweep_every).await;
                swept.sessions.sweep(Instant::now());
            }
        });
        Ok(Self {
            address,
            dealer,
            spu,
            thread: Mutex::new(Some(thread)),
            stop,
            stopped: Mutex::new(Some(stopped)),
        })
    }

    /// Where the dealer listens; tells the port when the configured one was 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Sessions held at the moment.
    pub fn sessions(&self) -> usize {
        self.dealer.sessions.len()
    }

    /// Stops listening, forgets all sessions and returns when the port is free again.
    /// Call it from an ordinary thread.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
        if let Some(thread) = take(&self.thread) {
            thread.wind_up(take(&self.stopped), SHUTDOWN_GRACE);
        }
        self.dealer.sessions.clear();
        if let Some(spu) = &self.spu {
            spu.clear();
        }
    }
}

impl Drop for DealerServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        drop(take(&self.thread));
    }
}
