//! ECDH-PSI: results, suites, batches, and peers that lie.

mod duplicates;
mod result;
mod stream;
mod suites;

use std::sync::Arc;

use crate::suite::Bench;
use crate::suite::bench::{PsiTask, ids};
use crate::suite::case::Case;
use crate::suite::intersect::{self, Side};
use crate::suite::peer::Peer;
use crate::suite::verdict::Outcome;

pub(super) use suites::FURTHER_CASES as SUITES;

pub(super) const CASES: &[&[Case]] = &[result::CASES, suites::CASES, stream::CASES, duplicates::CASES];

const PPCA_9: &str = "PPCA 9-2023 (ECDH-PSI), exchange of points; runtime/ecdh_psi.proto";

/// An intersection of two sets without a mistake.
fn honest(bench: &mut Bench, task: &PsiTask, own: Vec<String>) -> Outcome {
    honest_with(bench, task, &Side::new(own))
}

fn honest_with(bench: &mut Bench, task: &PsiTask, side: &Side) -> Outcome {
    let run = intersect::run(bench, task, side)?;
    intersect::finish(bench, &run.peer, task, side)
}

/// The testee after a handshake that agrees.
fn agreed(bench: &mut Bench, task: &PsiTask, side: &Side) -> Outcome<Arc<Peer>> {
    let peer = bench.start_psi(task)?;
    bench.connect(&peer)?;
    intersect::agree(bench, &peer, task, side.ids.len())?;
    Ok(peer)
}

/// The suite's usual set: three ids of its own and two common ones.
fn own() -> Vec<String> {
    ids("s", 3, 2)
}
