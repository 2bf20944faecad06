//! Every operation between 1, 2, 3 and 5 parties, in every dialect of the link.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{configs, run};
use symbolon_dialect::CounterBase;
use symbolon_link::memory::Network;
use symbolon_link::{Channel, LinkError};

fn value(rank: usize, step: usize) -> Bytes {
    vec![rank as u8; rank + 3 * step].into()
}

/// What every party must see, whatever the order of the threads.
fn everything(channel: &Channel) -> Result<(), LinkError> {
    let (own, parties) = (channel.rank(), channel.world_size());
    for step in 0..3 {
        let all: Vec<_> = (0..parties).map(|rank| value(rank, step)).collect();
        assert_eq!(channel.allgather(value(own, step))?, all);
        for root in 0..parties {
            let gathered = channel.gather(root, value(own, step))?;
            assert_eq!(gathered, (root == own).then(|| all.clone()));
            let parts = (root == own).then(|| all.clone());
            assert_eq!(channel.scatter(root, parts)?, value(own, step));
            let said = (root == own).then(|| value(root, step));
            assert_eq!(channel.broadcast(root, said)?, value(root, step));
        }
        channel.barrier()?;
        for peer in (0..parties).filter(|peer| *peer != own) {
            channel.send(peer, value(own, step))?;
            channel.send(peer, Bytes::new())?;
        }
        for peer in (0..parties).rev().filter(|peer| *peer != own) {
            assert_eq!(channel.recv(peer)?, value(peer, step));
            assert!(channel.recv(peer)?.is_empty());
        }
    }
    Ok(())
}

#[test]
fn every_operation() {
    for parties in [1, 2, 3, 5] {
        for base in [CounterBase::Zero, CounterBase::One] {
            for numbers in [true, false] {
                let mut configs = configs(parties);
                for config in &mut configs {
                    config.counter_base = base;
                    config.sequence_numbers = numbers;
                    config.chunk_size = 4;
                }
                let (_, links) = Network::start(configs).unwrap();
                for outcome in run(&links, |link| {
                    link.connect()?;
                    everything(&link.root())?;
                    let child = link.root().spawn();
                    assert_eq!(child.name(), "root-0");
                    everything(&child)?;
                    assert_eq!(child.spawn().name(), "root-0-0");
                    everything(&link.root().spawn())?;
                    link.finish()
                }) {
                    outcome.unwrap();
                }
                let sent: u64 = links.iter().map(|link| link.traffic().sent_bytes).sum();
                let received: u64 = links.iter().map(|link| link.traffic().received_bytes).sum();
                assert_eq!(sent, received);
            }
        }
    }
}

#[test]
fn numbering_is_each_partys_own_choice() {
    let mut configs = configs(3);
    configs[1].sequence_numbers = false;
    configs[2].connect_suffix = false;
    let (_, links) = Network::start(configs).unwrap();
    for outcome in run(&links, |link| {
        link.connect()?;
        everything(&link.root())?;
        link.finish()
    }) {
        outcome.unwrap();
    }
}

#[test]
fn without_fin() {
    let mut configs = configs(2);
    for config in &mut configs {
        config.fin = false;
        config.sequence_numbers = false;
    }
    let (_, links) = Network::start(configs).unwrap();
    for outcome in run(&links, |link| {
        link.connect()?;
        everything(&link.root())?;
        link.finish()
    }) {
        outcome.unwrap();
    }
}

#[test]
fn allgathers_travel_together() {
    let (_, links) = Network::start(configs(2)).unwrap();
    for outcome in run(&links, |link| {
        let channel = link.root();
        // More than the throttle window: nothing blocks, since sends queue.
        let pending: Vec<_> = (0..40u8)
            .map(|i| channel.allgather_start(vec![i, channel.rank() as u8]))
            .collect::<Result<_, _>>()?;
        for (i, pending) in pending.into_iter().enumerate() {
            assert_eq!(pending.wait()?, [vec![i as u8, 0], vec![i as u8, 1]]);
        }
        link.finish()
    }) {
        outcome.unwrap();
    }
}

/// The window is full of messages that nobody reads yet, while the one that is wanted queues behind them.
#[test]
fn reading_out_of_order_does_not_block_for_ever() {
    let mut configs = configs(2);
    for config in &mut configs {
        config.idle_timeout = Duration::from_millis(20);
    }
    let (_, links) = Network::start(configs).unwrap();
    for outcome in run(&links, |link| {
        let channel = link.root();
        let pending: Vec<_> =
            (0..25u8).map(|i| channel.allgather_start(vec![i])).collect::<Result<_, _>>()?;
        for (i, pending) in pending.into_iter().enumerate().rev() {
            assert_eq!(pending.wait()?, [vec![i as u8], vec![i as u8]]);
        }
        link.finish()
    }) {
        outcome.unwrap();
    }
}

#[test]
fn misuse_is_an_error_that_names_the_call() {
    let (_, links) = Network::start(configs(2)).unwrap();
    let channel = links[0].root();
    for error in [
        channel.send(0, "to myself").unwrap_err(),
        channel.send(2, "to nobody").unwrap_err(),
        channel.recv(0).unwrap_err(),
        channel.gather(2, "").unwrap_err(),
        channel.broadcast(0, None).unwrap_err(),
        channel.broadcast(1, Some(Bytes::new())).unwrap_err(),
        channel.scatter(0, Some(vec![Bytes::new()])).unwrap_err(),
        channel.scatter(0, None).unwrap_err(),
        channel.scatter(1, Some(vec![Bytes::new(); 2])).unwrap_err(),
    ] {
        assert!(matches!(error, LinkError::OursMisuse { .. }), "{error}");
    }
}
