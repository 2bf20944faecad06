//! A link of ours over sockets.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use symbolon_dialect::Dialect;
use symbolon_grpc::{GrpcNode, NodeConfig, PeerIdentity, TlsConfig};
use symbolon_link::{Channel, Link, LinkConfig};

use super::Failure;

/// What every side needs to know of its link.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LinkSettings {
    pub(super) rank: usize,
    pub(super) parties: Vec<String>,
    /// What our messages travel in, by brpc's name for it; gRPC if not told.
    pub(super) carrier: Option<String>,
    /// Whether messages carry sequence numbers.
    pub(super) numbered: bool,
    /// Bytes in one piece, where it is not the default.
    pub(super) chunk: Option<usize>,
    /// Limit of one receive, in seconds.
    pub(super) timeout: u64,
    /// Mutual TLS, by everyone.
    pub(super) tls: Option<Certificates>,
}

/// Files of the certificates, as the scenario writes them: of the authority, and by rank.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Certificates {
    authority: PathBuf,
    certificates: Vec<PathBuf>,
    keys: Vec<PathBuf>,
}

impl Certificates {
    /// The last member, nobody pinned: a server.
    pub(super) fn of_last(&self) -> Result<TlsConfig, Failure> {
        let file = |files: &[PathBuf]| files.last().cloned().ok_or("no certificates");
        Ok(TlsConfig::from_files(&self.authority, file(&self.certificates)?, file(&self.keys)?)?)
    }

    /// The member `own`, everyone else pinned.
    pub(super) fn of(&self, own: usize) -> Result<TlsConfig, Failure> {
        let file = |files: &[PathBuf]| files.get(own).cloned().ok_or("no certificate for this rank");
        let mut tls = TlsConfig::from_files(&self.authority, file(&self.certificates)?, file(&self.keys)?)?;
        for (rank, certificate) in self.certificates.iter().enumerate().filter(|(rank, _)| *rank != own) {
            tls = tls.with_peer(rank, PeerIdentity::from_file("127.0.0.1", certificate)?);
        }
        Ok(tls)
    }
}

/// A connected party.
pub(super) struct Party {
    link: Link,
    node: Arc<GrpcNode>,
}

impl Party {
    pub(super) fn connect(settings: &LinkSettings, dialect: &Dialect) -> Result<Self, Failure> {
        let own = settings.parties.get(settings.rank).ok_or("a rank outside the parties")?;
        let mut node = NodeConfig::new(settings.rank, settings.parties.clone());
        if let Some(carrier) = &settings.carrier {
            node = node.with_carrier(carrier.parse()?);
        }
        if let Some(certificates) = &settings.tls {
            node = node.with_tls(certificates.of(settings.rank)?);
        }
        let node = Arc::new(GrpcNode::start(own.parse()?, node)?);
        let mut config = LinkConfig::new(settings.rank, settings.parties.len(), dialect);
        config.sequence_numbers = settings.numbered;
        config.receive_timeout = Duration::from_secs(settings.timeout);
        config.connect_timeout = Duration::from_secs(30);
        config.connect_interval = Duration::from_millis(100);
        if let Some(chunk) = settings.chunk {
            config.chunk_size = chunk;
        }
        let link = Link::new(config, node.clone())?;
        node.attach(link.inbox());
        link.connect()?;
        Ok(Self { link, node })
    }

    pub(super) fn root(&self) -> Channel {
        self.link.root()
    }

    pub(super) fn peer(&self) -> usize {
        usize::from(self.link.rank() == 0)
    }

    /// The threads of the sockets, for a dealer's client.
    pub(super) fn runtime(&self) -> tokio::runtime::Handle {
        self.node.runtime()
    }

    /// The orderly end.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.link.finish()?;
        self.node.shutdown();
        Ok(())
    }
}
