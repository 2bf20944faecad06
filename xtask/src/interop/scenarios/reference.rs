//! Every recorded run of the reference implementation, played to `symbolon ic-main` over sockets: as either rank, over
//! the reference's own carrier and over gRPC, with a dealer that has the recorded dealer's key, or without any.
//!
//! Every message that ours sends must be the recorded one, byte for byte, as must be its result: the common ids, the half
//! of the weights, or the refusal. Over baidu_std the parameters come from a scheduler's environment, over gRPC from flags.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use symbolon_conformance::recording::{Recording, Side};

use super::OURS;
use crate::interop::scenario::{Actor, Life, Place, Program, Scenario};

const RECORDED: &str = "recorded reference";

/// The recordings; a test holds the list against the folder.
const RECORDINGS: [&str; 10] = [
    "lr64-adjust1",
    "lr64-ttp",
    "neg-labels",
    "neg-samples",
    "neg-suite",
    "neg-version",
    "psi-25519-chunked",
    "psi-25519-noseq",
    "psi-25519-seq",
    "psi-sm2",
];

/// brpc's names of the carriers, and ours for the scenarios.
const CARRIERS: [(&str, &str); 2] = [("baidu_std", "baidu-std"), ("h2:grpc", "grpc")];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/recordings")
}

fn file(recording: &str) -> PathBuf {
    folder().join(format!("reference_{recording}.json"))
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for recording in RECORDINGS {
        for carrier in CARRIERS {
            for ours in 0..2 {
                scenarios.push(scenario(recording, carrier, ours));
            }
        }
    }
    scenarios
}

fn scenario(recording: &'static str, (carrier, carrier_name): (&'static str, &str), ours: usize) -> Scenario {
    let name = format!("reference/{recording}/{carrier_name}/ours-{ours}");
    let mut scenario = Scenario::new(name, 60, |_| Vec::new()).without_python().checked(move |_, reports| {
        let report = |rank: usize| reports.get(rank).ok_or("no report");
        let outcome = report(ours)?.get("outcome").and_then(Value::as_str).ok_or("no outcome was told")?;
        let equal = report(1 - ours)?.get("equal").and_then(Value::as_u64).ok_or("nothing was compared")?;
        Ok(format!("{equal} messages as recorded; {outcome}"))
    });
    scenario.cast = Box::new(move |place| cast(place, recording, carrier, ours));
    scenario
}

fn cast(place: &Place, name: &str, carrier: &str, ours: usize) -> Result<Vec<Actor>, String> {
    let recording = Recording::read(&file(name)).map_err(|error| error.to_string())?;
    let settings = |rank: usize, dealer: Value| {
        json!({
            "recording": file(name),
            "rank": rank,
            "parties": place.parties(),
            "carrier": carrier,
            "timeout": 30,
            "scheduled": carrier == "baidu_std",
            "folder": place.folder(),
            "dealer": dealer,
        })
    };
    let key = super::dealer_key(place);
    let is_training = matches!(recording.parties.first().map(|party| &party.side), Some(Side::Lr(_)));
    let dealer = recording.dealer_key.filter(|_| is_training).map(|private_key| {
        let settings = json!({ "listen": place.dealer(), "public_key": &key, "private_key": private_key });
        Actor::new(super::DEALER, Program::Ours("dealer"), settings).living(Life::Server)
    });
    let told = dealer.as_ref().map_or(Value::Null, |_| json!([place.dealer(), &key]));
    let us = Actor::new(OURS, Program::Ours("ic-main"), settings(ours, told));
    let peer = Actor::new(RECORDED, Program::Ours("recorded-peer"), settings(1 - ours, Value::Null));
    let parties = if ours == 0 { [us, peer] } else { [peer, us] };
    Ok(parties.into_iter().chain(dealer).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_recording_of_the_reference_is_left_out() {
        let mut found: Vec<String> = std::fs::read_dir(folder())
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
            .filter_map(|name| Some(name.strip_prefix("reference_")?.strip_suffix(".json")?.to_owned()))
            .collect();
        found.sort();
        assert_eq!(found, RECORDINGS);
        assert_eq!(scenarios().len(), 4 * RECORDINGS.len());
    }
}
