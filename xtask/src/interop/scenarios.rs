//! All scenarios, in the order in which they run.

mod link;

use super::scenario::Scenario;

pub(super) const SPU: &str = "SPU";
pub(super) const OURS: &str = "Symbolon";

pub(super) fn all() -> Vec<Scenario> {
    link::scenarios()
}
