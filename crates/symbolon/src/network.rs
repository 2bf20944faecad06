//! A party's place in the network: sockets, TLS and the link over them.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use symbolon_grpc::{GrpcNode, NodeConfig, PeerIdentity, TlsConfig};
use symbolon_link::{Channel, Link, LinkConfig};

use crate::config::PartyConfig;
use crate::error::{Error, Result};
use crate::interrupt::{OnInterrupt, on_interrupt};
use crate::report::{Report, Traffic};

/// How long a party that has failed waits for the others to take notice.
const FAREWELL: Duration = Duration::from_secs(2);

/// A party that is connected to the others.
///
/// Dropped without [`Party::finish`], after a failure, it still ends the link in order if the others do so
/// within two seconds: a refusal that was sent arrives, and nobody has to wait for what will not come.
pub struct Party {
    node: Arc<GrpcNode>,
    link: Arc<Link>,
    /// Whether there is anybody to take leave of.
    connected: bool,
    _on_interrupt: OnInterrupt,
}

impl Party {
    /// Listens, and waits until all parties are there.
    ///
    /// # Errors
    /// [`Error::PeerUnreachable`] naming the party that did not come within the connect timeout;
    /// [`Error::Config`] or [`Error::Ours`] if the own address or certificates cannot be used.
    pub fn connect(config: &PartyConfig, report: &mut Report) -> Result<Self> {
        let start = Instant::now();
        let mut node_config = NodeConfig::new(config.rank, config.parties.clone());
        node_config.carriers = match config.link.carriers.as_deref() {
            None => Vec::new(),
            Some([all]) => vec![all.0; config.world_size()],
            Some(each) => each.iter().map(|carrier| carrier.0).collect(),
        };
        node_config.tls = tls(config)?;
        let chunk = config.link.chunk_size.and_then(|size| usize::try_from(size.0).ok()).unwrap_or_default();
        node_config.limits.max_message_bytes =
            node_config.limits.max_message_bytes.max(chunk.saturating_add(1 << 12));
        if node_config.tls.is_none() && config.parties.iter().any(|address| !is_local(address)) {
            report.warn(
                "the link is not encrypted: anyone on the way can read and change it; give [tls] ca, cert, key and \
                 peers"
                    .into(),
            );
        }
        let node = Arc::new(GrpcNode::start(resolve("listen", &config.listen)?, node_config)?);
        let link = Arc::new(Link::new(link_config(config), node.clone())?);
        node.attach(link.inbox());
        let to_abort = Arc::downgrade(&link);
        let on_interrupt = on_interrupt(move || {
            if let Some(link) = to_abort.upgrade() {
                link.abort("interrupted");
            }
        });
        tracing::info!(rank = config.rank, listen = %node.local_addr(), "waiting for the other parties");
        let mut party = Self { node, link, connected: false, _on_interrupt: on_interrupt };
        party.link.connect()?;
        party.connected = true;
        report.phase("connect", start, Traffic::default(), party.traffic());
        Ok(party)
    }

    /// The main channel.
    pub fn root(&self) -> Channel {
        self.link.root()
    }

    /// The sockets, for a dealer client that shares their threads.
    pub fn node(&self) -> &GrpcNode {
        &self.node
    }

    /// What has been sent and received so far.
    pub fn traffic(&self) -> Traffic {
        let traffic = self.link.traffic();
        Traffic { sent: traffic.sent_bytes, received: traffic.received_bytes }
    }

    /// The orderly end: waits until everything sent has arrived, and tells the others. Returns the final
    /// traffic.
    ///
    /// # Errors
    /// [`Error::PeerUnreachable`] if a party is gone before everything has arrived.
    pub fn finish(mut self) -> Result<Traffic> {
        self.connected = false;
        self.link.finish()?;
        let traffic = self.traffic();
        self.node.shutdown();
        Ok(traffic)
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        if self.connected {
            let (done, ended) = mpsc::channel();
            let link = self.link.clone();
            let farewell = move || done.send(link.finish().is_ok());
            // Whether it succeeds is no news: this party has failed already.
            if std::thread::Builder::new().name("farewell".into()).spawn(farewell).is_ok() {
                let _ = ended.recv_timeout(FAREWELL);
            }
        }
        self.link.abort("this party has ended");
        self.node.shutdown();
    }
}

/// The TLS settings of a party.
///
/// # Errors
/// [`Error::Config`] naming the file that cannot be used.
pub fn tls(config: &PartyConfig) -> Result<Option<TlsConfig>> {
    let Some(own) = &config.tls else { return Ok(None) };
    let mut tls = TlsConfig::from_files(&own.ca, &own.cert, &own.key)?;
    for (rank, (address, certificate)) in config.parties.iter().zip(&own.peers).enumerate() {
        tls = tls.with_peer(rank, PeerIdentity::from_file(host(address), certificate)?);
    }
    Ok(Some(tls))
}

/// How the dealer at `address` proves itself to this party, if TLS is used.
///
/// # Errors
/// [`Error::Config`] naming the file that cannot be used.
pub fn dealer_identity(config: &PartyConfig, address: &str) -> Result<Option<(TlsConfig, PeerIdentity)>> {
    let Some(own) = tls(config)? else { return Ok(None) };
    let identity = match config.dealer.as_ref().and_then(|dealer| dealer.cert.as_ref()) {
        Some(certificate) => PeerIdentity::from_file(host(address), certificate)?,
        None => PeerIdentity::named(host(address))?,
    };
    Ok(Some((own, identity)))
}

/// The socket address of `host:port`.
///
/// # Errors
/// [`Error::Config`] naming the key.
pub fn resolve(key: &str, address: &str) -> Result<SocketAddr> {
    let resolved = address
        .to_socket_addrs()
        .map_err(|failure| {
            Error::Config(format!("{key}: `{address}` is no address: {failure}; write HOST:PORT"))
        })?
        .next();
    resolved.ok_or_else(|| Error::Config(format!("{key}: `{address}` has no address")))
}

fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

fn is_local(address: &str) -> bool {
    let host = host(address);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn link_config(config: &PartyConfig) -> LinkConfig {
    fn set<T, U: TryFrom<T>>(field: &mut U, value: Option<T>) {
        if let Some(value) = value.and_then(|value| U::try_from(value).ok()) {
            *field = value;
        }
    }
    let settings = &config.link;
    let mut link = LinkConfig::new(config.rank, config.world_size(), &config.dialect);
    link.channel.clone_from(&config.channel);
    set(&mut link.connect_timeout, settings.connect_timeout.map(|span| span.0));
    set(&mut link.receive_timeout, settings.receive_timeout.map(|span| span.0));
    set(&mut link.idle_timeout, settings.idle_timeout.map(|span| span.0));
    set(&mut link.connect_interval, settings.connect_interval.map(|span| span.0));
    set(&mut link.chunk_size, settings.chunk_size.map(|size| size.0));
    set(&mut link.chunks_in_flight, settings.chunks_in_flight);
    set(&mut link.throttle_window, settings.throttle_window);
    set(&mut link.max_message_bytes, settings.max_message.map(|size| size.0));
    set(&mut link.mailbox_bytes, settings.mailbox.map(|size| size.0));
    // What waits to be sent is bounded as what has arrived early.
    set(&mut link.backlog_bytes, settings.mailbox.map(|size| size.0));
    link
}
