//! Operations of all parties together, with the message patterns of yacl `link/algorithm`.

use bytes::Bytes;

use crate::Rank;
use crate::channel::Channel;
use crate::error::{Action, LinkError};
use crate::key::{Key, Operation};

/// An allgather whose own value is on its way. Drop it only on an error path: the others' values stay unread.
#[must_use = "the values of the other parties are not received until wait() is called"]
pub struct PendingAllgather {
    channel: Channel,
    key: Key,
    own: Bytes,
}

impl PendingAllgather {
    /// Everyone's value, by rank.
    ///
    /// # Errors
    /// As [`Channel::recv`].
    pub fn wait(self) -> Result<Vec<Bytes>, LinkError> {
        self.collect(Action::AllGather)
    }

    fn collect(self, action: Action) -> Result<Vec<Bytes>, LinkError> {
        (0..self.channel.world_size())
            .map(|rank| {
                if rank == self.channel.rank() {
                    Ok(self.own.clone())
                } else {
                    self.channel.receive_under(rank, action, &self.key)
                }
            })
            .collect()
    }
}

impl Channel {
    /// Everyone's value at everyone, by rank.
    ///
    /// # Errors
    /// As [`Channel::send`] and [`Channel::recv`].
    pub fn allgather(&self, value: impl Into<Bytes>) -> Result<Vec<Bytes>, LinkError> {
        self.allgather_start(value)?.wait()
    }

    /// Sends the own value and takes its place in the channel's count, without waiting for the others:
    /// several allgathers can travel together.
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub fn allgather_start(&self, value: impl Into<Bytes>) -> Result<PendingAllgather, LinkError> {
        let own = value.into();
        let key = self.next_collective(Operation::AllGather);
        for rank in self.others() {
            self.send_under(rank, Action::AllGather, &key, own.clone())?;
        }
        Ok(PendingAllgather { channel: self.clone(), key, own })
    }

    /// Everyone's value at `root`, by rank; `None` elsewhere.
    ///
    /// # Errors
    /// A root outside the world; as [`Channel::send`] and [`Channel::recv`].
    pub fn gather(&self, root: Rank, value: impl Into<Bytes>) -> Result<Option<Vec<Bytes>>, LinkError> {
        self.check_rank(root, Action::Gather)?;
        let key = self.next_collective(Operation::Gather);
        if root != self.rank() {
            self.send_under(root, Action::Gather, &key, value.into())?;
            return Ok(None);
        }
        PendingAllgather { channel: self.clone(), key, own: value.into() }.collect(Action::Gather).map(Some)
    }

    /// One value of `values` per rank, from `root`. Exactly `root` passes values, one per party.
    ///
    /// # Errors
    /// A root outside the world, values missing or too many; as [`Channel::send`] and [`Channel::recv`].
    pub fn scatter(&self, root: Rank, values: Option<Vec<Bytes>>) -> Result<Bytes, LinkError> {
        self.check_rank(root, Action::Scatter)?;
        let parties = self.world_size();
        let values = match values {
            None if root != self.rank() => None,
            Some(values) if root == self.rank() && values.len() == parties => Some(values),
            other => {
                return Err(LinkError::OursMisuse {
                    action: Action::Scatter,
                    reason: format!(
                        "the root (rank {root}) passes {parties} values, everyone else none; rank {} passed {}",
                        self.rank(),
                        other.map_or(0, |values| values.len())
                    ),
                });
            }
        };
        let key = self.next_collective(Operation::Scatter);
        let Some(values) = values else {
            return self.receive_under(root, Action::Scatter, &key);
        };
        let mut own = Bytes::new();
        for (rank, value) in values.into_iter().enumerate() {
            if rank == root {
                own = value;
            } else {
                self.send_under(rank, Action::Scatter, &key, value)?;
            }
        }
        Ok(own)
    }

    /// The root's value at everyone, along a binomial tree. Exactly `root` passes a value.
    ///
    /// # Errors
    /// A root outside the world, a value missing or too many; as [`Channel::send`] and [`Channel::recv`].
    pub fn broadcast(&self, root: Rank, value: Option<Bytes>) -> Result<Bytes, LinkError> {
        self.check_rank(root, Action::Broadcast)?;
        if value.is_some() != (root == self.rank()) {
            return Err(LinkError::OursMisuse {
                action: Action::Broadcast,
                reason: format!(
                    "exactly the root (rank {root}) passes a value; rank {} is wrong",
                    self.rank()
                ),
            });
        }
        let key = self.next_collective(Operation::Broadcast);
        let parties = self.world_size();
        // Distance from the root around the ring; 0 is the root.
        let place = self.before(root);
        let mut known = value;
        let mut stride = 1 << parties.ilog2();
        while stride > 0 {
            match &known {
                Some(value) if place + stride < parties => {
                    self.send_under(self.after(stride), Action::Broadcast, &key, value.clone())?;
                }
                None if place.is_multiple_of(stride) => {
                    known = Some(self.receive_under(self.before(stride), Action::Broadcast, &key)?);
                }
                _ => {}
            }
            stride >>= 1;
        }
        Ok(known.unwrap_or_default())
    }

    /// Returns when every party has called it.
    ///
    /// # Errors
    /// As [`Channel::send`] and [`Channel::recv`].
    pub fn barrier(&self) -> Result<(), LinkError> {
        let key = self.next_collective(Operation::Barrier);
        let mut offset = 1;
        while offset < self.world_size() {
            self.send_under(self.after(offset), Action::Barrier, &key, Bytes::new())?;
            self.receive_under(self.before(offset), Action::Barrier, &key)?;
            offset <<= 1;
        }
        Ok(())
    }

    fn others(&self) -> impl Iterator<Item = Rank> + use<> {
        let own = self.rank();
        (0..self.world_size()).filter(move |rank| *rank != own)
    }

    /// The rank `offset` places further around the ring.
    fn after(&self, offset: usize) -> Rank {
        (self.rank() + offset) % self.world_size()
    }

    /// The rank `offset` places back around the ring; `offset` is at most the number of parties.
    fn before(&self, offset: usize) -> Rank {
        (self.rank() + self.world_size() - offset) % self.world_size()
    }
}
