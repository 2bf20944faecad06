use std::sync::Arc;

use bytes::Bytes;

use crate::{Carrier, Frame, LinkConfig, LinkError, Rank, Rejection};

pub struct Inbox {}
impl Inbox {
    pub fn deliver(&self, _frame: Frame) -> Result<(), Rejection> {
        todo!()
    }
}
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    pub sent_messages: u64,
    pub sent_bytes: u64,
    pub received_messages: u64,
    pub received_bytes: u64,
}
pub struct Link {}
impl Link {
    pub fn new(_config: LinkConfig, _carrier: Arc<dyn Carrier>) -> Result<Self, LinkError> {
        todo!()
    }
    pub fn rank(&self) -> Rank {
        todo!()
    }
    pub fn world_size(&self) -> usize {
        todo!()
    }
    pub fn inbox(&self) -> Arc<Inbox> {
        todo!()
    }
    pub fn connect(&self) -> Result<(), LinkError> {
        todo!()
    }
    pub fn root(&self) -> Channel {
        todo!()
    }
    pub fn finish(&self) -> Result<(), LinkError> {
        todo!()
    }
    pub fn abort(&self, _reason: impl Into<String>) {
        todo!()
    }
    pub fn traffic(&self) -> Traffic {
        todo!()
    }
}
#[derive(Clone)]
pub struct Channel {}
impl Channel {
    pub fn rank(&self) -> Rank {
        todo!()
    }
    pub fn world_size(&self) -> usize {
        todo!()
    }
    pub fn name(&self) -> &str {
        todo!()
    }
    pub fn send(&self, _to: Rank, _value: impl Into<Bytes>) -> Result<(), LinkError> {
        todo!()
    }
    pub fn recv(&self, _from: Rank) -> Result<Bytes, LinkError> {
        todo!()
    }
    pub fn allgather(&self, value: impl Into<Bytes>) -> Result<Vec<Bytes>, LinkError> {
        self.allgather_start(value)?.wait()
    }
    pub fn allgather_start(&self, _value: impl Into<Bytes>) -> Result<PendingAllgather, LinkError> {
        todo!()
    }
    pub fn gather(&self, _root: Rank, _value: impl Into<Bytes>) -> Result<Option<Vec<Bytes>>, LinkError> {
        todo!()
    }
    pub fn scatter(&self, _root: Rank, _values: Option<Vec<Bytes>>) -> Result<Bytes, LinkError> {
        todo!()
    }
    pub fn broadcast(&self, _root: Rank, _value: Option<Bytes>) -> Result<Bytes, LinkError> {
        todo!()
    }
    pub fn barrier(&self) -> Result<(), LinkError> {
        todo!()
    }
    pub fn spawn(&self) -> Channel {
        todo!()
    }
}
pub struct PendingAllgather {}
impl PendingAllgather {
    pub fn wait(self) -> Result<Vec<Bytes>, LinkError> {
        todo!()
    }
}
