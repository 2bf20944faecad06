//! One party's sockets: its listener, its connections, and the threads that drive them.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use symbolon_link::{Carrier, Completion, Frame, Inbox, PushError, Rank, Rejection};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::carrier::CarrierKind;
use crate::error::GrpcError;
use crate::framing::ENVELOPE_BYTES;
use crate::http2::{self, Windows};
use crate::port::{self, Settings};
use crate::receiver::{Deliver, Receiver};
use crate::route::Route;
use crate::sender::{Once, Peer, UNDER_WAY_BYTES, run};
use crate::threads::{NetThread, take};
use crate::tls::TlsConfig;

/// Bounds on sizes and times of a [`GrpcNode`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeLimits {
    /// Largest value of a single push in bytes, in both directions: a chunk, or a whole message of a peer
    /// that does not cut. Default 64 MiB. Peers cut at about 1 MiB unless told otherwise.
    pub max_message_bytes: usize,
    /// Bytes of incoming pushes that may be in memory before they reach the mailbox. Default 256 MiB. Beneath,
    /// each connection may buffer as much, and 64 MiB more, of pushes that wait for this memory.
    pub receive_bytes: usize,
    /// How long one TCP connection attempt may take. Default 5 s.
    pub connect_timeout: Duration,
    /// How long a push may wait for its answer; should exceed the peers' `backpressure_wait`. Default 3 min.
    /// (A connection that went silent is noticed earlier, by HTTP/2 pings after 30 s.)
    pub push_timeout: Duration,
    /// How long an incoming push may take to arrive completely. Default 60 s.
    pub read_timeout: Duration,
    /// How long an incoming push is held while the mailbox is full, before it is refused. Default 2 min.
    /// A peer that waits less for its answers sees its own timeout instead.
    pub backpressure_wait: Duration,
    /// After a connection was up once: how long a push is repeated over new connections. Default 5 s.
    pub retry_for: Duration,
    /// How long [`Carrier::probe`] waits. Default 2 s.
    pub probe_timeout: Duration,
    /// How long [`GrpcNode::shutdown`] waits for pushes under way to be answered. Default 1 s.
    pub shutdown_grace: Duration,
}

impl Default for NodeLimits {
    fn default() -> Self {
        Self {
            max_message_bytes: 64 << 20,
            receive_bytes: 256 << 20,
            connect_timeout: Duration::from_secs(5),
            push_timeout: Duration::from_secs(180),
            read_timeout: Duration::from_secs(60),
            backpressure_wait: Duration::from_secs(120),
            retry_for: Duration::from_secs(5),
            probe_timeout: Duration::from_secs(2),
            shutdown_grace: Duration::from_secs(1),
        }
    }
}

/// Where a party listens, where the others are, and how they prove who they are.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeConfig {
    /// Our own rank.
    pub rank: Rank,
    /// `host:port` of every rank in order, our own included (it is what the others dial; ours is not
    /// used here).
    pub parties: Vec<String>,
    /// What our pushes travel in to each rank, in order; ranks beyond the end get
    /// [`CarrierKind::default`]. What others push to us is taken in any carrier.
    pub carriers: Vec<CarrierKind>,
    /// Mutual TLS, or `None` for plaintext. With TLS every other rank must be pinned.
    pub tls: Option<TlsConfig>,
    /// Sizes and times.
    pub limits: NodeLimits,
}

impl NodeConfig {
    /// Plaintext, gRPC and default limits.
    pub fn new(rank: Rank, parties: Vec<String>) -> Self {
        Self { rank, parties, carriers: Vec::new(), tls: None, limits: NodeLimits::default() }
    }

    /// With pushes to every rank in `carrier`.
    #[must_use]
    pub fn with_carrier(mut self, carrier: CarrierKind) -> Self {
        self.carriers = vec![carrier; self.parties.len()];
        self
    }

    /// With mutual TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    fn check(&self) -> Result<(), GrpcError> {
        let world_size = self.parties.len();
        if self.rank >= world_size {
            return Err(GrpcError::Config(format!(
                "rank {} is not below the {world_size} parties",
                self.rank
            )));
        }
        if let Some(tls) = &self.tls {
            for rank in (0..world_size).filter(|rank| *rank != self.rank) {
                if !tls.peer(rank).is_some_and(crate::PeerIdentity::is_pinned) {
                    return Err(GrpcError::Config(format!(
                        "mutual TLS is on, but no certificate is pinned for rank {rank}"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// A party's sockets. Implements [`Carrier`] for its link, and serves the others' pushes into the link's
/// [`Inbox`] once that is attached.
///
/// Owns a network thread; nothing but socket work and mailbox deliveries runs there.
/// Call [`GrpcNode::shutdown`] at the end: it lets the last answers go out. A node that is merely dropped closes
/// everything at once, and one that is attached to the mailbox of its own link is not even dropped.
pub struct GrpcNode {
    config: Arc<NodeConfig>,
    address: SocketAddr,
    handle: Handle,
    thread: Mutex<Option<NetThread>>,
    stop: watch::Sender<bool>,
    stopped: Mutex<Option<tokio::task::JoinHandle<()>>>,
    inbox: watch::Sender<Option<Deliver>>,
    peers: Vec<Option<Arc<Peer>>>,
}

impl std::fmt::Debug for GrpcNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrpcNode")
            .field("rank", &self.config.rank)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl GrpcNode {
    /// Listens on `listen` and prepares (lazily made) connections to the other parties.
    ///
    /// # Errors
    /// A port that cannot be bound, an address not of the form `host:port`, a rank outside the parties,
    /// TLS without a pinned certificate for every other rank.
    pub fn start(listen: SocketAddr, config: NodeConfig) -> Result<Self, GrpcError> {
        config.check()?;
        Self::start_on(crate::error::bind(listen)?, config)
    }

    /// As [`GrpcNode::start`] on a listener that is already bound: with port 0 the addresses of all
    /// parties can so be known before any party starts.
    ///
    /// # Errors
    /// As [`GrpcNode::start`].
    pub fn start_on(listener: TcpListener, config: NodeConfig) -> Result<Self, GrpcError> {
        config.check()?;
        let address = listener.local_addr().map_err(|error| GrpcError::listen("the given socket", error))?;
        let config = Arc::new(config);
        let thread = NetThread::start("symbolon-net")?;
        let handle = thread.handle().clone();
        let _inside = handle.enter();

        let (inbox, attached) = watch::channel(None);
        let receiver = Arc::new(Receiver::new(config.clone(), attached)?);
        let settings = Settings {
            tls: config.tls.clone(),
            windows: windows(&config.limits),
            budget: receiver.budget(),
            read_timeout: config.limits.read_timeout,
        };
        let (stop, stopping) = watch::channel(false);
        let stopped = port::serve(listener, settings, receiver, stopping)?;

        let peers = config
            .parties
            .iter()
            .enumerate()
            .map(|(rank, party)| connection(&config, rank, party))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            config,
            address,
            thread: Mutex::new(Some(thread)),
            handle: handle.clone(),
            stop,
            stopped: Mutex::new(Some(stopped)),
            inbox,
            peers,
        })
    }

    /// Where the node listens; tells the port when the configured one was 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// From now on pushes go into `inbox`. Pushes that came earlier wait for this within their limit.
    pub fn attach(&self, inbox: Arc<Inbox>) {
        self.attach_with(move |frame| inbox.deliver(frame));
    }

    /// As [`GrpcNode::attach`], for anything that takes frames: a recorder in front of a mailbox, a
    /// conformance test. `deliver` is called on the network threads and must not block; with
    /// `retry_later` in its rejection it is called again within the limit.
    pub fn attach_with(&self, deliver: impl Fn(Frame) -> Result<(), Rejection> + Send + Sync + 'static) {
        self.inbox.send_replace(Some(Arc::new(deliver)));
    }

    /// The node's runtime, for a [`DealerClient`](crate::DealerClient) that shares its threads. Stops with
    /// the node.
    pub fn runtime(&self) -> Handle {
        self.handle.clone()
    }

    /// Stops listening, lets the answers to pushes under way go out, closes all connections, and returns
    /// when the port is free again. Pushes that remain fail. Call it from an ordinary thread after the
    /// link's orderly end; calling it twice does nothing.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
        if let Some(thread) = take(&self.thread) {
            thread.wind_up(take(&self.stopped), self.config.limits.shutdown_grace);
        }
        // The mailbox may hold this node as its link's carrier: let go of it.
        self.inbox.send_replace(None);
    }
}

/// A message fits a window whole. Pushes that wait for memory keep their share of the connection's window, so
/// that must exceed what a sender has under way.
fn windows(limits: &NodeLimits) -> Windows {
    let largest = limits.max_message_bytes.saturating_add(ENVELOPE_BYTES);
    Windows::holding(largest, limits.receive_bytes.saturating_add(UNDER_WAY_BYTES))
}

fn connection(config: &NodeConfig, rank: Rank, party: &str) -> Result<Option<Arc<Peer>>, GrpcError> {
    if rank == config.rank {
        return Ok(None);
    }
    let tls = match &config.tls {
        None => None,
        Some(tls) => Some((
            tls,
            tls.peer(rank)
                .ok_or_else(|| GrpcError::Config(format!("no certificate is pinned for rank {rank}")))?,
        )),
    };
    let kind = config.carriers.get(rank).copied().unwrap_or_default();
    let route = Route::new(kind, party, &config.limits, tls)?;
    Ok(Some(Arc::new(Peer::new(rank, party.to_owned(), route, config.limits.clone()))))
}

impl Carrier for GrpcNode {
    fn push(&self, to: Rank, frame: Frame, done: Completion) {
        let once = Once::new(done);
        match self.peers.get(to).and_then(Option::as_ref) {
            Some(peer) => drop(self.handle.spawn(run(peer.clone(), frame, once))),
            None => once.call(Err(PushError::Unreachable(format!(
                "rank {to} is not another party of this link of {}",
                self.peers.len()
            )))),
        }
    }

    fn probe(&self, to: Rank) -> Result<(), PushError> {
        let peer = self.peers.get(to).and_then(Option::as_ref).ok_or_else(|| {
            PushError::Unreachable(format!(
                "rank {to} is not another party of this link of {}",
                self.peers.len()
            ))
        })?;
        http2::knock(&peer.address, self.config.limits.probe_timeout)
            .map_err(|reason| PushError::Unreachable(format!("rank {to}: {reason}")))
    }
}

impl Drop for GrpcNode {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        // Never blocks: the last reference may go away on the network thread itself.
        drop(take(&self.thread));
    }
}
