//! Peers and dealers that are not there, die, or stop: every process ends by itself, within its timeouts,
//! and leaves nothing half-written.

mod scene;

use std::process::Command;

use scene::{Scene, table};

#[test]
fn a_peer_that_never_comes() {
    let scene = Scene::new();
    let ended = scene.start(0, "psi", &["--connect-timeout", "500ms"]).wait();
    ended.expect(3, &["connect", "rank 1", "check that they run"]);
    scene.assert_no_output(0);
}

#[test]
fn a_dealer_that_never_comes() {
    let scene = Scene::aligned();
    scene.configure(1, "label = 'label'");
    for ended in scene.run_without_dealer("train", &["--connect-timeout", "1500ms"]) {
        ended.expect(3, &["dealer", &scene.dealer, "not reachable after 1.5s", "Connection refused"]);
        // What people read, not how the layers below print themselves.
        assert!(!ended.log.contains('{') && !ended.log.contains("status:"), "{}", ended.log);
    }
    scene.assert_no_output(0);
    scene.assert_no_output(1);
}

/// Training that takes long enough to be disturbed.
fn long_training() -> (Scene, [&'static str; 4]) {
    let scene = Scene::aligned();
    scene.write_table(0, &table(0, 2000, &["x1", "x3"]));
    scene.write_table(1, &table(0, 2000, &["x2", "label"]));
    scene.configure(1, "label = 'label'");
    (scene, ["--epochs", "2000", "--receive-timeout", "5s"])
}

#[test]
fn a_peer_that_dies_in_training() {
    for victim in [0, 1] {
        let (scene, flags) = long_training();
        let _dealer = scene.start_dealer();
        let mut parties = [scene.start(0, "train", &flags), scene.start(1, "train", &flags)];
        parties[victim].until("training starts");
        parties[victim].kill();
        let [zero, one] = parties.map(scene::Running::wait);
        let survivor = if victim == 0 { one } else { zero };
        survivor.expect(3, &[&format!("rank {victim}")]);
        scene.assert_no_output(0);
        scene.assert_no_output(1);
    }
}

#[test]
fn a_dealer_that_dies_in_training() {
    let (scene, flags) = long_training();
    let mut dealer = scene.start_dealer();
    let mut parties = [scene.start(0, "train", &flags), scene.start(1, "train", &flags)];
    parties[0].until("training starts");
    dealer.kill();
    let [zero, one] = parties.map(scene::Running::wait);
    zero.expect(3, &["dealer"]);
    one.expect(3, &["rank 0"]);
    scene.assert_no_output(0);
    scene.assert_no_output(1);
}

#[test]
fn an_interrupted_party_leaves_nothing_and_says_so_to_its_shell() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let (scene, flags) = long_training();
        let _dealer = scene.start_dealer();
        let mut parties = [scene.start(0, "train", &flags), scene.start(1, "train", &flags)];
        parties[1].until("training starts");
        let killed = Command::new("kill").args([signal, &parties[1].id().to_string()]).status().unwrap();
        assert!(killed.success());
        let [zero, one] = parties.map(scene::Running::wait);
        one.expect(code, &["interrupted"]);
        zero.expect(3, &["rank 1"]);
        scene.assert_no_output(0);
        scene.assert_no_output(1);
    }
}
