//! A member of a link of several; `xtask/python/members_peer.py` is the other members' side of this script.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use symbolon_dialect::Dialect;
use symbolon_link::Channel;

use super::Failure;
use super::link::text;
use super::party::{LinkSettings, Party};

#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    #[serde(flatten)]
    link: LinkSettings,
    /// Bytes of the messages.
    sizes: Vec<usize>,
}

pub(super) fn play(settings: &Settings) -> Result<Value, Failure> {
    let party = Party::connect(&settings.link, &Dialect::spu())?;
    let root = party.root();
    let mut script = Script { own: root.rank(), count: settings.link.parties.len(), received: 0 };
    let child = root.spawn();
    for &size in &settings.sizes {
        script.tell_everyone(&root, size)?;
        script.collectives(&child, size)?;
        script.collectives(&root, size)?;
    }
    root.barrier()?;
    let received = script.received;
    party.finish()?;
    Ok(json!({ "bytes": received }))
}

/// The steps, and what they have received.
struct Script {
    own: usize,
    count: usize,
    received: usize,
}

impl Script {
    fn tell_everyone(&mut self, channel: &Channel, size: usize) -> Result<(), Failure> {
        let others: Vec<_> = (0..self.count).filter(|rank| *rank != self.own).collect();
        for &other in &others {
            channel.send(other, text(size, 10 * self.own + other))?;
        }
        for &other in &others {
            let value = channel.recv(other)?;
            self.expect("P2P", &value, size, 10 * other + self.own)?;
        }
        Ok(())
    }

    fn collectives(&mut self, channel: &Channel, size: usize) -> Result<(), Failure> {
        let (own, count) = (self.own, self.count);
        for (rank, value) in channel.allgather(text(size, own))?.iter().enumerate() {
            self.expect("ALLGATHER", value, size, rank)?;
        }
        for root in 0..count {
            let mine = root == own;
            let values = mine.then(|| (0..count).map(|rank| text(size, 40 + rank)).collect());
            let value = channel.scatter(root, values)?;
            self.expect("SCATTER", &value, size, 40 + own)?;
            let value = channel.broadcast(root, mine.then(|| text(size, 7)))?;
            self.expect("BCAST", &value, size, 7)?;
            match channel.gather(root, text(size, 50 + own))? {
                Some(values) if mine && values.len() == count => {
                    for (rank, value) in values.iter().enumerate() {
                        self.expect("GATHER", value, size, 50 + rank)?;
                    }
                }
                None if !mine => {}
                _ => return Err(format!("GATHER at {root}: not what rank {own} should get").into()),
            }
        }
        Ok(channel.barrier()?)
    }

    fn expect(&mut self, what: &str, value: &Bytes, size: usize, salt: usize) -> Result<(), Failure> {
        self.received += value.len();
        if *value == text(size, salt) {
            return Ok(());
        }
        Err(format!("{what}: {} bytes came that are not the {size} expected", value.len()).into())
    }
}
