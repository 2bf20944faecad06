//! All scenarios, in the order in which they run.

mod link;
mod psi;

use super::scenario::Scenario;

pub(super) const SPU: &str = "SPU";
pub(super) const OURS: &str = "Symbolon";

pub(super) fn all() -> Vec<Scenario> {
    [link::scenarios(), psi::scenarios()].into_iter().flatten().collect()
}
