//! ECDH-PSI between our engine and a peer written from the documents, over SPU's link; the wheel's own PSI is
//! the oracle.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::OURS;
use crate::interop::scenario::{Actor, Cast, Life, Place, Program, Scenario};

const PEER: &str = "peer over SPU";
const ORACLE: &str = "SPU's PSI";

#[derive(Clone, Copy)]
struct Case {
    suite: &'static str,
    /// Ids of rank 0 and rank 1.
    sizes: [usize; 2],
    batch: usize,
    /// -1 for both.
    result_to: i32,
    ours: usize,
    numbered: bool,
    lives: [Life; 2],
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for ours in 0..2 {
        let plain = Case {
            suite: "25519",
            sizes: [1200, 900],
            batch: 4096,
            result_to: -1,
            ours,
            numbered: true,
            lives: [Life::Whole, Life::Whole],
        };
        let mut add = |name: &str, case: Case| {
            scenarios.push(scenario(format!("psi/{name}/ours-{ours}"), case));
        };
        add("25519", plain);
        add("25519-unnumbered", Case { numbered: false, ..plain });
        // Batches that are full to the last, and many of them.
        add("25519-batches", Case { batch: 100, ..plain });
        // The peer's arithmetic is plain Python here: fewer ids. The oracle's result does not depend on the suite.
        add("sm2", Case { suite: "sm2", sizes: [300, 240], ..plain });
        add("25519-to-0", Case { result_to: 0, ..plain });
        add("25519-to-1", Case { result_to: 1, ..plain });
        let dies = Case { sizes: [20_000, 20_000], batch: 500, ..plain };
        add("peer-dies", Case { lives: [Life::Bereaved, Life::KilledInTheMiddle], ..dies });
        add("we-die", Case { lives: [Life::KilledInTheMiddle, Life::Bereaved], ..dies });
    }
    scenarios
}

fn scenario(name: String, case: Case) -> Scenario {
    let scenario = Scenario::new(name, 60, move |place| cast(place, case));
    let scenario = Scenario { cast: prepared(scenario.cast, case), ..scenario };
    if case.lives.contains(&Life::KilledInTheMiddle) {
        return scenario;
    }
    scenario.checked(move |_, reports| check(case, reports))
}

/// Writes both files first.
fn prepared(cast: Cast, case: Case) -> Cast {
    Box::new(move |place| {
        for rank in 0..2 {
            let mut text = "id\n".to_owned();
            for id in ids(case, rank) {
                let _ = writeln!(text, "{id}");
            }
            std::fs::write(place.file(&format!("ids-{rank}.csv")), text)
                .map_err(|error| error.to_string())?;
        }
        cast(place)
    })
}

fn cast(place: &Place, case: Case) -> Vec<Actor> {
    let dies = case.lives.contains(&Life::KilledInTheMiddle);
    let settings = |rank: usize| -> Value {
        json!({
            "rank": rank,
            "parties": place.parties(),
            "numbered": case.numbered,
            "timeout": if dies { 8 } else { 30 },
            "file": place.file(&format!("ids-{rank}.csv")),
            "suite": case.suite,
            "result_to": case.result_to,
            "batch": case.batch,
            "wait_forever": case.lives[1] == Life::KilledInTheMiddle,
        })
    };
    let us = Actor::new(OURS, Program::Ours("psi"), settings(case.ours)).living(case.lives[0]);
    let them =
        Actor::new(PEER, Program::Python("psi_peer.py"), settings(1 - case.ours)).living(case.lives[1]);
    let mut actors = if case.ours == 0 { vec![us, them] } else { vec![them, us] };
    if !dies {
        let files: Vec<_> = (0..2).map(|rank| place.file(&format!("ids-{rank}.csv"))).collect();
        let results: Vec<_> = (0..2).map(|rank| place.file(&format!("common-{rank}.csv"))).collect();
        let settings = json!({
            "parties": [place.address(4), place.address(5)],
            "carrier": "h2:grpc",
            "numbered": true,
            "timeout": 30,
            "files": files,
            "results": results,
        });
        actors.push(Actor::new(ORACLE, Program::Python("psi_oracle.py"), settings));
    }
    actors
}

/// Ids of a rank, in no order: every third of rank 0's is rank 1's too.
fn ids(case: Case, rank: usize) -> Vec<String> {
    (0..case.sizes[rank])
        .map(|place| {
            // A step without common divisor with the number of ids mixes them.
            let number = place * 7919 % case.sizes[rank].max(1);
            match number % 3 {
                0 => format!("common-{number:05}"),
                1 => format!("{rank}:{number}@example.org"),
                _ => format!("Zoë-{rank}-{number}"),
            }
        })
        .collect()
}

/// Who learns the result has exactly the oracle's ids.
fn check(case: Case, reports: &[Value]) -> Result<String, String> {
    let oracle = reports.get(2).and_then(|report| report.get("common")).and_then(Value::as_array);
    let oracle: BTreeSet<String> =
        oracle.ok_or("no oracle")?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let other: BTreeSet<String> = ids(case, 1).into_iter().collect();
    let plain: BTreeSet<String> = ids(case, 0).into_iter().filter(|id| other.contains(id)).collect();
    if oracle != plain {
        return Err(format!("the oracle has {} common ids, there are {}", oracle.len(), plain.len()));
    }
    for rank in 0..2 {
        let report = reports.get(rank).ok_or("no report")?;
        let learns = case.result_to < 0 || usize::try_from(case.result_to) == Ok(rank);
        let rows = report.get("rows").and_then(Value::as_array);
        let found: Option<BTreeSet<String>> = rows.map(|rows| {
            let own = ids(case, rank);
            rows.iter()
                .filter_map(Value::as_u64)
                .filter_map(|row| own.get(usize::try_from(row).ok()?).cloned())
                .collect()
        });
        match (learns, found) {
            (true, Some(found)) if found == oracle => {}
            (false, None) => {}
            (_, found) => {
                return Err(format!(
                    "rank {rank} found {:?} of {} common ids",
                    found.map(|found| found.len()),
                    oracle.len()
                ));
            }
        }
        let peer_items = report.get("peer_items").and_then(Value::as_u64);
        if peer_items != u64::try_from(case.sizes[1 - rank]).ok() {
            return Err(format!("rank {rank} counted {peer_items:?} ids of the other"));
        }
    }
    Ok(format!("{} of {} and {} ids", oracle.len(), case.sizes[0], case.sizes[1]))
}
