//! Limits and times of a link.

use std::time::Duration;

use symbolon_dialect::{CounterBase, Dialect};

use crate::{LinkError, Rank};

/// Who this party is, and every limit and time of its link. All parties may choose their own limits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LinkConfig {
    /// Own rank, below `world_size`.
    pub rank: Rank,
    /// Number of parties, at least 1 (1 is a link without peers).
    pub world_size: usize,
    /// Name of the first channel; the same at all parties. Default `root`.
    pub channel: String,
    /// Values longer than this many bytes are cut into chunks of this size. Default 1 MiB less 4 KiB.
    pub chunk_size: usize,
    /// Largest message accepted, in bytes. Default 1 GiB.
    pub max_message_bytes: usize,
    /// Bytes of messages per peer that may wait here before somebody wants them. A message that is being
    /// waited for is accepted beyond this. Default 256 MiB.
    pub mailbox_bytes: usize,
    /// Messages per peer that may be under way without acknowledgement (or, without sequence numbers,
    /// without the peer's answer); later ones queue. 0 means no limit. Default 10.
    pub throttle_window: usize,
    /// Bytes per peer that may queue behind the window before `send` blocks. One message is always taken.
    /// Default 256 MiB.
    pub backlog_bytes: usize,
    /// Chunks per peer that may be under way at the same time, at least 1. Default 8.
    pub chunks_in_flight: usize,
    /// How long [`Link::connect`](crate::Link::connect) waits for all parties. Default 60 s.
    pub connect_timeout: Duration,
    /// How long to wait before trying again to reach a party that did not answer. Default 500 ms.
    pub connect_interval: Duration,
    /// How long one receive, one blocked send, or the orderly end may take. Default 10 min.
    pub receive_timeout: Duration,
    /// While a receive waits and nothing arrives from the peer for this long, the peer is probed. Default 5
    /// s.
    pub idle_timeout: Duration,
    /// E01: where counters start.
    pub counter_base: CounterBase,
    /// E02: whether the presence key carries the suffix.
    pub connect_suffix: bool,
    /// E03: whether own messages are numbered.
    pub sequence_numbers: bool,
    /// E03: whether the orderly end exchanges FIN.
    pub fin: bool,
}

impl LinkConfig {
    /// Default limits, and the disputed points as `dialect` has them.
    pub fn new(rank: Rank, world_size: usize, dialect: &Dialect) -> Self {
        Self {
            rank,
            world_size,
            channel: "root".into(),
            chunk_size: (1 << 20) - (4 << 10),
            max_message_bytes: 1 << 30,
            mailbox_bytes: 256 << 20,
            throttle_window: 10,
            backlog_bytes: 256 << 20,
            chunks_in_flight: 8,
            connect_timeout: Duration::from_secs(60),
            connect_interval: Duration::from_millis(500),
            receive_timeout: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(5),
            counter_base: dialect.counter_base,
            connect_suffix: dialect.connect_suffix,
            sequence_numbers: dialect.sequence_numbers,
            fin: dialect.fin,
        }
    }

    pub(crate) fn check(&self) -> Result<(), LinkError> {
        let problem = if self.world_size == 0 {
            Some("world_size must be at least 1".to_owned())
        } else if self.rank >= self.world_size {
            Some(format!("rank {} is not below world_size {}", self.rank, self.world_size))
        } else if !crate::key::is_channel_name(&self.channel) {
            Some("the channel name must have 1 to 256 bytes and no control characters".to_owned())
        } else if self.chunk_size == 0 {
            Some("chunk_size must be at least 1".to_owned())
        } else if self.chunks_in_flight == 0 {
            Some("chunks_in_flight must be at least 1".to_owned())
        } else if self.idle_timeout.is_zero() || self.connect_interval.is_zero() {
            Some("idle_timeout and connect_interval must be above zero".to_owned())
        } else {
            None
        };
        problem.map_or(Ok(()), |text| Err(LinkError::Config(text)))
    }
}
