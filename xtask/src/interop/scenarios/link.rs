//! The link alone: every operation, all sizes, both rank orders.

use serde_json::{Value, json};

use super::{OURS, SPU, certificates};
use crate::interop::scenario::{Actor, Life, Place, Program, Scenario};

/// How the messages travel.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    carrier: &'static str,
    numbered: bool,
    /// Bytes in one piece at both sides, where it is not each side's default.
    chunk: Option<usize>,
    tls: bool,
}

const WAYS: &[Way] = &[
    Way { name: "grpc", carrier: "h2:grpc", numbered: true, chunk: None, tls: false },
    Way { name: "grpc-unnumbered", carrier: "h2:grpc", numbered: false, chunk: None, tls: false },
    Way { name: "grpc-small-chunks", carrier: "h2:grpc", numbered: true, chunk: Some(50_000), tls: false },
    Way { name: "grpc-large-chunks", carrier: "h2:grpc", numbered: true, chunk: Some(16 << 20), tls: false },
    Way { name: "baidu-std", carrier: "baidu_std", numbered: true, chunk: None, tls: false },
    Way { name: "baidu-std-unnumbered", carrier: "baidu_std", numbered: false, chunk: None, tls: false },
    Way {
        name: "baidu-std-large-chunks",
        carrier: "baidu_std",
        numbered: true,
        chunk: Some(16 << 20),
        tls: false,
    },
    Way { name: "http", carrier: "http", numbered: true, chunk: None, tls: false },
    Way { name: "http-protobuf", carrier: "http:proto", numbered: true, chunk: None, tls: false },
    Way { name: "http2", carrier: "h2", numbered: true, chunk: None, tls: false },
    Way { name: "grpc-tls", carrier: "h2:grpc", numbered: true, chunk: None, tls: true },
    Way { name: "baidu-std-tls", carrier: "baidu_std", numbered: true, chunk: None, tls: true },
    Way { name: "http-protobuf-tls", carrier: "http:proto", numbered: true, chunk: None, tls: true },
];

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for &way in WAYS {
        for ours in 0..2 {
            let name = format!("link/{}/ours-{ours}", way.name);
            let plain =
                Scenario::new(name, 60, move |place| cast(place, way, ours, [Life::Whole, Life::Whole]));
            let cast = plain.cast;
            let prepared = move |place: &Place| {
                if way.tls {
                    certificates::write(place, 2)?;
                }
                cast(place)
            };
            scenarios.push(Scenario { cast: Box::new(prepared), ..plain }.checked(same_bytes));
        }
    }
    for ours in 0..2 {
        let way = WAYS[0];
        scenarios.push(Scenario::new(format!("link/spu-dies/ours-{ours}"), 60, move |place| {
            cast(place, way, ours, [Life::Bereaved, Life::KilledInTheMiddle])
        }));
        scenarios.push(Scenario::new(format!("link/we-die/ours-{ours}"), 60, move |place| {
            cast(place, way, ours, [Life::KilledInTheMiddle, Life::Bereaved])
        }));
    }
    scenarios
}

/// Us at rank `ours`, SPU at the other; `lives` are ours and SPU's.
fn cast(place: &Place, way: Way, ours: usize, lives: [Life; 2]) -> Vec<Actor> {
    let dies = lives.contains(&Life::KilledInTheMiddle);
    let sizes: &[usize] =
        if dies { &[10] } else { &[0, 1, 100, 4096, 1 << 20, (1 << 20) + 1, 8 << 20, 64 << 20] };
    let settings = |rank: usize| -> Value {
        json!({
            "rank": rank,
            "parties": place.parties(),
            "carrier": way.carrier,
            "numbered": way.numbered,
            "chunk": way.chunk,
            "tls": way.tls.then(|| certificates::files(place, 2)),
            "timeout": if dies { 8 } else { 30 },
            "sizes": sizes,
            "burst": 200,
            "wait_forever": dies,
        })
    };
    let us = Actor::new(OURS, Program::Ours("link"), settings(ours)).living(lives[0]);
    let them = Actor::new(SPU, Program::Python("link_peer.py"), settings(1 - ours)).living(lives[1]);
    if ours == 0 { vec![us, them] } else { vec![them, us] }
}

/// Both have received as much: the script is symmetric.
fn same_bytes(_: &Place, reports: &[Value]) -> Result<String, String> {
    let bytes: Vec<_> = reports.iter().filter_map(|report| report.get("bytes")?.as_u64()).collect();
    match bytes.as_slice() {
        [a, b] if a == b && *a > 0 => Ok(format!("{:.0} MiB each way", *a as f64 / f64::from(1 << 20))),
        other => Err(format!("received: {other:?} bytes")),
    }
}
