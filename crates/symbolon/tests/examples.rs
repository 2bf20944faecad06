//! The configurations under `examples/` are ones that the program takes, and that go together.

use std::path::PathBuf;

use symbolon::config::{PartyConfig, Settings, merge};

fn example(name: &str) -> PartyConfig {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/two-parties").join(name);
    PartyConfig::from_settings(merge(Some(&path), &Settings::default()).unwrap()).unwrap()
}

#[test]
fn the_two_parties_of_the_example_agree() {
    let (alice, bob) = (example("alice.toml"), example("bob.toml"));
    assert_eq!((alice.rank, bob.rank), (0, 1));
    assert_eq!(alice.parties, bob.parties);
    assert_eq!(alice.lr, bob.lr);
    assert_eq!(alice.dialect, bob.dialect);
    assert_eq!(alice.data.id, bob.data.id);
    let dealer = |config: &PartyConfig| config.dealer().unwrap().address.clone();
    assert_eq!(dealer(&alice), dealer(&bob));
    assert_eq!(alice.tls.unwrap().peers.len(), 2);
    assert!(alice.data.label.is_none() && bob.data.label.is_some());
}
