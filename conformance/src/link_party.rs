//! A party of Symbolon's link as a testee: does the script of a case with the other parties.
//!
//! The program's own commands use the link for protocols of two parties; this is its link alone, with as many as the
//! case has.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use symbolon_dialect::Dialect;
use symbolon_grpc::{GrpcNode, NodeConfig};
use symbolon_link::{Channel, Link, LinkConfig};

use crate::suite::collectives::{Step, script, value, value_for};

/// Does the script in the case's file of values, and writes what was received to its output.
///
/// # Errors
/// What went wrong, in words.
pub fn play(params: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(params).map_err(|error| format!("{}: {error}", params.display()))?;
    let values: BTreeMap<String, String> =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", params.display()))?;
    let value = |name: &str| values.get(name).map(String::as_str).ok_or(format!("no value {name:?}"));
    let parties: Vec<String> = value("parties")?.split(',').map(str::to_owned).collect();
    let rank: usize = value("rank")?.parse().map_err(|_| "rank is no number".to_owned())?;
    let steps = script(value("script")?)?;
    let own = parties.get(rank).ok_or("a rank outside the parties")?;
    let address: std::net::SocketAddr = own.parse().map_err(|_| format!("{own:?} is no address"))?;
    let node = NodeConfig::new(rank, parties.clone());
    let node = Arc::new(GrpcNode::start(address, node).map_err(|error| error.to_string())?);
    let mut config = LinkConfig::new(rank, parties.len(), &Dialect::symbolon());
    config.connect_timeout = Duration::from_secs(15);
    config.receive_timeout = Duration::from_secs(15);
    let link = Link::new(config, node.clone()).map_err(|error| error.to_string())?;
    node.attach(link.inbox());
    let received = link.connect().and_then(|()| run(&link.root(), &steps)).and_then(|received| {
        link.finish()?;
        Ok(received)
    });
    node.shutdown();
    let lines: String = received
        .map_err(|error| error.to_string())?
        .iter()
        .map(|(step, from, text)| format!("{step} {from} {}\n", String::from_utf8_lossy(text)))
        .collect();
    let output = value("output")?;
    std::fs::write(output, lines).map_err(|error| format!("{output}: {error}"))
}

/// Step, sender and value of everything that comes.
type Received = Vec<(usize, usize, Bytes)>;

fn run(root: &Channel, steps: &[Step]) -> Result<Received, symbolon_link::LinkError> {
    let (own, parties) = (root.rank(), root.world_size());
    let others = || (0..parties).filter(move |rank| *rank != own);
    let mut channel = root.clone();
    let mut received = Vec::new();
    for (step, word) in steps.iter().enumerate() {
        let mine = || value(own, step).into_bytes();
        let mut keep = |all: Vec<Bytes>| {
            let others = all.into_iter().enumerate().filter(|(from, _)| *from != own);
            received.extend(others.map(|(from, value)| (step, from, value)));
        };
        match *word {
            Step::Exchange => {
                for to in others() {
                    channel.send(to, value_for(own, step, to).into_bytes())?;
                }
                for from in others() {
                    received.push((step, from, channel.recv(from)?));
                }
            }
            Step::Allgather => keep(channel.allgather(mine())?),
            Step::Gather(to) => keep(channel.gather(to, mine())?.unwrap_or_default()),
            Step::Scatter(from) => {
                let all = || (0..parties).map(|to| value_for(own, step, to).into_bytes().into()).collect();
                let value = channel.scatter(from, (from == own).then(all))?;
                if from != own {
                    received.push((step, from, value));
                }
            }
            Step::Broadcast(from) => {
                let value = channel.broadcast(from, (from == own).then(|| mine().into()))?;
                if from != own {
                    received.push((step, from, value));
                }
            }
            Step::Barrier => channel.barrier()?,
            Step::Sub => channel = root.spawn(),
            Step::Root => channel = root.clone(),
        }
    }
    Ok(received)
}
