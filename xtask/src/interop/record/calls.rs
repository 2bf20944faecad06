//! What parties of SPU ask a dealer for, in programs that between them use every operation.

use symbolon_conformance::ConformanceError;
use symbolon_conformance::dealer::Collector;
use symbolon_dialect::Construction;

use super::{capture, method, source};
use crate::interop::python::Environment;
use crate::interop::scenarios::dealer::{self, ARITHMETIC, BITS, CACHED, Case, MORE};

/// A file of calls: the runs that it is made of.
pub(super) struct File {
    pub(super) name: &'static str,
    runs: Vec<(&'static str, Case)>,
}

/// A file for each ring. In the smallest, local truncation fails too often, and indices of a sort have no room.
pub(super) fn all() -> Vec<File> {
    let local = |plain: Case| {
        vec![
            ("two parties", Case { programs: ARITHMETIC, ..plain }),
            ("two parties", Case { programs: BITS, ..plain }),
            ("two parties", Case { programs: MORE, within: 0.02, ..plain }),
            ("two parties", Case { programs: CACHED, ..plain }),
            ("three parties", Case { parties: 3, programs: ARITHMETIC, ..plain }),
        ]
    };
    let precise = |plain: Case| {
        let precise = Case { precise: true, ..plain };
        vec![
            ("two parties, precise truncation", Case { programs: ARITHMETIC, ..precise }),
            ("three parties, precise truncation", Case { parties: 3, programs: ARITHMETIC, ..precise }),
        ]
    };
    let narrow = Case::NARROW;
    let narrow_runs = vec![
        ("two parties, precise truncation", Case { programs: BITS, ..narrow }),
        ("two parties, precise truncation", Case { programs: CACHED, ..narrow }),
        ("three parties", Case { parties: 3, precise: false, ..narrow }),
    ];
    vec![
        File { name: "ring-32-calls", runs: [precise(narrow), narrow_runs].concat() },
        File { name: "ring-64-calls", runs: [local(Case::PLAIN), precise(Case::PLAIN)].concat() },
        File { name: "ring-128-calls", runs: [local(Case::WIDE), precise(Case::WIDE)].concat() },
    ]
}

/// Runs its programs, and gives the file's text once every reply can be recomputed.
pub(super) fn record(environment: &Environment, file: &File) -> Result<String, String> {
    let mut collector = Collector::default();
    let mut runs = Vec::new();
    for (place, &(kind, case)) in file.runs.iter().enumerate() {
        let name = format!("{}/{place}", file.name);
        let captured = capture(environment, &name, case.parties, |place| dealer::cast(place, case))?;
        let seen = dealer::check(case, &captured.reports).map_err(|reason| format!("{name}: {reason}"))?;
        println!("     {kind}: {seen}; {} calls", captured.dealer.len());
        for call in &captured.dealer {
            let reply = call.response.as_ref().ok_or("a call to the dealer was not answered")?;
            collector.take(kind, method(call), &call.request, reply).map_err(|error| error.to_string())?;
        }
        runs.push(captured);
    }
    let mut open = |sealed: &str| {
        let seed = runs.iter().find_map(|run| run.open(sealed).ok());
        seed.ok_or_else(|| ConformanceError::Recording("a seed is sealed to none of the keys".into()))
    };
    let note = "Recorded by relays before the dealer; its keys were made for these runs and not kept. Calls that repeat \
                another in all but counters are left out.";
    let calls = collector
        .finish(
            "Requests of parties of SPU to a dealer of spu.mpc.semi2k.beaver.ttp_server.BeaverService, HTTP form: JSON \
             bodies as posted, but with names in the place of ciphertexts, and the bodies of the answers (base64): frames."
                .into(),
            "The requests are SPU's. The answers are those of Symbolon's dealer on which SPU's parties computed: their \
             results equal numpy's within the bounds of fixed-point numbers."
                .into(),
            source(environment, file.name, "SPU, released wheel; Symbolon's dealer over HTTP", note),
            Construction::BlocksLittleEndian,
            &mut open,
        )
        .map_err(|error| error.to_string())?;
    let report = calls.replay().map_err(|error| error.to_string())?;
    println!("{report}");
    if !report.passed() {
        return Err(format!("{} is not written: it does not replay", file.name));
    }
    calls.to_json().map_err(|error| error.to_string())
}
