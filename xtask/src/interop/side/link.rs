//! The link alone; `xtask/python/link_peer.py` is the other side of this script.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use symbolon_dialect::Dialect;
use symbolon_link::Channel;

use super::party::{LinkSettings, Party};
use super::{Failure, tell_middle};

#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    #[serde(flatten)]
    link: LinkSettings,
    /// Bytes of the messages that go both ways.
    sizes: Vec<usize>,
    /// Messages that go both ways before any is read.
    burst: usize,
    /// Wait for a message that never comes, instead of ending.
    wait_forever: bool,
}

pub(super) fn play(settings: &Settings) -> Result<Value, Failure> {
    let party = Party::connect(&settings.link, &Dialect::spu())?;
    let peer = party.peer();
    let root = party.root();
    let mut script = Script { own: root.rank(), peer, received: 0 };
    for &size in &settings.sizes {
        script.both_ways(&root, size)?;
        script.collectives(&root, size.min(4 << 20))?;
    }
    if settings.wait_forever {
        tell_middle();
        root.recv(peer)?;
    }
    script.burst(&root, settings.burst)?;
    let child = root.spawn();
    let grandchild = child.spawn();
    let second = root.spawn();
    // The peer reads these in another order.
    for channel in [&second, &grandchild, &child, &root] {
        channel.send(peer, text(700, script.own))?;
    }
    for channel in [&root, &child, &grandchild, &second] {
        script.expect("on a sub-channel", &channel.recv(peer)?, 700, peer)?;
        script.collectives(channel, 900)?;
    }
    root.barrier()?;
    let received = script.received;
    party.finish()?;
    Ok(json!({ "bytes": received }))
}

/// The steps, and what they have received.
struct Script {
    own: usize,
    peer: usize,
    received: usize,
}

impl Script {
    fn both_ways(&mut self, channel: &Channel, size: usize) -> Result<(), Failure> {
        channel.send(self.peer, text(size, self.own))?;
        let value = channel.recv(self.peer)?;
        self.expect("P2P", &value, size, self.peer)
    }

    fn collectives(&mut self, channel: &Channel, size: usize) -> Result<(), Failure> {
        let (own, peer) = (self.own, self.peer);
        let all = channel.allgather(text(size, own))?;
        for (rank, value) in all.iter().enumerate() {
            self.expect("ALLGATHER", value, size, rank)?;
        }
        for root in 0..2 {
            let mine = root == own;
            let values = mine.then(|| vec![text(size, 5), text(size, 6)]);
            let value = channel.scatter(root, values)?;
            self.expect("SCATTER", &value, size, 5 + own)?;
            let value = channel.broadcast(root, mine.then(|| text(size, 7)))?;
            self.expect("BCAST", &value, size, 7)?;
            match channel.gather(root, text(size, 8 + own))? {
                Some(values) if mine && values.len() == 2 => {
                    for (rank, value) in values.iter().enumerate() {
                        self.expect("GATHER", value, size, 8 + rank)?;
                    }
                }
                None if !mine => {}
                _ => return Err(format!("GATHER at {root}: not what rank {own} should get").into()),
            }
        }
        channel.barrier()?;
        channel.send(peer, text(3, own))?;
        let value = channel.recv(peer)?;
        self.expect("P2P after a barrier", &value, 3, peer)
    }

    fn burst(&mut self, channel: &Channel, count: usize) -> Result<(), Failure> {
        for place in 0..count {
            channel.send(self.peer, text(300, place))?;
        }
        for place in 0..count {
            let value = channel.recv(self.peer)?;
            self.expect("a burst", &value, 300, place)?;
        }
        Ok(())
    }

    fn expect(&mut self, what: &str, value: &Bytes, size: usize, salt: usize) -> Result<(), Failure> {
        self.received += value.len();
        if *value == text(size, salt) {
            return Ok(());
        }
        Err(format!("{what}: {} bytes came that are not the {size} expected", value.len()).into())
    }
}

/// `size` printable characters that depend on `salt`.
pub(super) fn text(size: usize, salt: usize) -> Bytes {
    (0..94)
        .cycle()
        .take(size)
        .map(|place: usize| 32 + u8::try_from((place * 31 + salt) % 94).unwrap_or(0))
        .collect()
}
