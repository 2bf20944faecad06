//! A link of three: two members of SPU and one of ours.

use serde_json::{Value, json};

use super::{OURS, SPU};
use crate::interop::scenario::{Actor, Place, Program, Scenario};

const MEMBERS: usize = 3;

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (name, carrier, numbered) in
        [("grpc", "h2:grpc", true), ("grpc-unnumbered", "h2:grpc", false), ("baidu-std", "baidu_std", true)]
    {
        for ours in 0..MEMBERS {
            let name = format!("link/three-{name}/ours-{ours}");
            let cast = move |place: &Place| cast(place, carrier, numbered, ours);
            scenarios.push(Scenario::new(name, 60, cast).checked(same_bytes));
        }
    }
    scenarios
}

fn cast(place: &Place, carrier: &str, numbered: bool, ours: usize) -> Vec<Actor> {
    let member = |rank: usize| {
        let settings = json!({
            "rank": rank,
            "parties": place.parties_told_to(rank, MEMBERS),
            "carrier": carrier,
            "numbered": numbered,
            "timeout": 30,
            "sizes": [0, 1, 4096, (1 << 20) + 1],
        });
        if rank == ours {
            Actor::new(OURS, Program::Ours("members"), settings)
        } else {
            Actor::new(SPU, Program::Python("members_peer.py"), settings)
        }
    };
    (0..MEMBERS).map(member).collect()
}

/// All have received as much: the script is symmetric.
fn same_bytes(_: &Place, reports: &[Value]) -> Result<String, String> {
    let bytes: Vec<_> = reports.iter().filter_map(|report| report.get("bytes")?.as_u64()).collect();
    match bytes.as_slice() {
        [first, rest @ ..]
            if rest.len() == MEMBERS - 1 && *first > 0 && rest.iter().all(|other| other == first) =>
        {
            Ok(format!("{:.0} MiB to each", *first as f64 / f64::from(1 << 20)))
        }
        other => Err(format!("received: {other:?} bytes")),
    }
}
