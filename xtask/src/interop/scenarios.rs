//! All scenarios, in the order in which they run.

mod certificates;
pub(super) mod dealer;
mod link;
mod members;
mod model;
mod psi;
mod reference;
pub(super) mod training;

use std::path::PathBuf;

use serde_json::json;

use super::scenario::{Actor, Life, Place, Program, Scenario};

pub(super) const SPU: &str = "SPU";
pub(super) const OURS: &str = "Symbolon";

pub(super) const DEALER: &str = "dealer";

pub(super) fn all() -> Vec<Scenario> {
    [
        link::scenarios(),
        members::scenarios(),
        training::scenarios(),
        dealer::scenarios(),
        psi::scenarios(),
        reference::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The dealer of a scenario.
fn dealer(place: &Place) -> Actor {
    let settings = json!({ "listen": place.dealer_listens(), "public_key": dealer_key(place) });
    Actor::new(DEALER, Program::Ours("dealer"), settings).living(Life::Server)
}

/// Its public key, written before it is ready.
pub(super) fn dealer_key(place: &Place) -> PathBuf {
    place.file("dealer-public-key.pem")
}
