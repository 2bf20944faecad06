//! Trainings beyond the plain one: with kept masks, from triples made ahead of time, and many at once beside one dealer.

mod scene;

use std::fs;
use std::path::Path;

use scene::{Running, Scene, table};
use symbolon::model::ModelHalf;
use symbolon::report::{Report, TrainingReport};

/// The weights of both halves together.
fn weights(scene: &Scene) -> Vec<f64> {
    let halves = [0, 1].map(|rank| {
        let path = scene.file(rank, "model.json");
        ModelHalf::read(&path).unwrap().decode_share::<u64>(&path).unwrap()
    });
    let joined = halves[0].add(&halves[1]).unwrap();
    joined.as_slice().iter().map(|weight| weight.cast_signed() as f64 / f64::from(1 << 18)).collect()
}

/// Two trainings of the same table differ by what truncations lose at random: some units of 2^-18 a step.
fn assert_close(one: &[f64], other: &[f64]) {
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(other) {
        assert!((one - other).abs() < 1e-3, "{one} and {other}");
    }
    assert!(one.iter().any(|weight| weight.abs() > 0.01), "nothing was learnt: {one:?}");
}

/// How rank 0 trained, and the bytes that it sent meanwhile.
fn told(scene: &Scene) -> (TrainingReport, u64) {
    let report = Report::read(&scene.file(0, "report.json")).unwrap();
    let phase = report.phases.iter().find(|phase| phase.name == "train").unwrap();
    (report.training.unwrap(), phase.sent_bytes)
}

const STRICT: TrainingReport = TrainingReport { keep_masks: false, triples_ahead: false };
const KEPT: TrainingReport = TrainingReport { keep_masks: true, triples_ahead: false };

#[test]
fn masks_are_kept_if_both_parties_offer_it() {
    let scene = Scene::aligned();
    scene.run("train", &[]).iter().for_each(|ended| ended.expect(0, &["keep_masks=false"]));
    let (strict, (how, sent)) = (weights(&scene), told(&scene));
    assert_eq!(how, STRICT);

    scene
        .run("train", &["--keep-masks", "true"])
        .iter()
        .for_each(|ended| ended.expect(0, &["keep_masks=true"]));
    let (how, with_kept) = told(&scene);
    assert_eq!(how, KEPT);
    assert_close(&weights(&scene), &strict);
    // 18 steps of 8 rows, 3 features and the constant, in elements of 8 bytes. New masks: both factors of two products, of
    // one in the first step. Kept: 48 rows once, the weights in all steps but the first, the error in all.
    let opened = [18 * (2 * 8 * 4 + 4 + 8) - (8 * 4 + 4), 48 * 4 + 17 * 4 + 18 * 8];
    let saved: u64 = 8 * (opened[0] - opened[1]);
    // Rank 0's answer is a few bytes longer, and seeds travel in the shortest form.
    assert!(saved.abs_diff(sent - with_kept) < 40, "{sent} and {with_kept} bytes, {saved} fewer expected");

    // One that does not offer it decides for both.
    let _dealer = scene.start_dealer();
    let parties = [scene.start(0, "train", &["--keep-masks", "true"]), scene.start(1, "train", &[])];
    parties.map(Running::wait).iter().for_each(|ended| ended.expect(0, &["keep_masks=false"]));
    assert_eq!(told(&scene).0, STRICT);
    assert_close(&weights(&scene), &strict);
}

fn refused(scene: &Scene, rank: usize, flags: &[&str], why: &str) {
    let ended = scene.start(rank, "train", flags).wait();
    ended.expect(2, &[why, "make new ones with `symbolon triples`"]);
}

#[test]
fn triples_made_ahead_train_once_without_a_dealer() {
    for keep in ["false", "true"] {
        let scene = Scene::aligned();
        let masks = ["--keep-masks", keep];
        scene.run("train", &masks).iter().for_each(|ended| ended.expect(0, &[]));
        let (online, (_, sent)) = (weights(&scene), told(&scene));

        let paths = [0, 1].map(|rank| scene.file(rank, "triples"));
        let flags = |rank: usize| vec!["--keep-masks", keep, "--triples", paths[rank].to_str().unwrap()];
        let both = |command: &str, more: &[&str]| {
            let parties = [0, 1].map(|rank| {
                let mut flags = flags(rank);
                flags.extend_from_slice(more);
                scene.start(rank, command, &flags)
            });
            parties.map(Running::wait)
        };
        let dealer = scene.start_dealer();
        both("triples", &[]).iter().for_each(|ended| ended.expect(0, &["triples written"]));
        // no file is replaced
        let again = scene.start(0, "triples", &flags(0)).wait();
        again.expect(2, &["triples replace no file"]);
        drop(dealer);

        // Another training than was agreed on is refused, and spends nothing.
        for ended in both("train", &["--epochs", "4"]) {
            ended.expect(2, &["these triples were made for epochs = 3", "has 4"]);
        }
        for ended in both("train", &["--batch-size", "10"]) {
            ended.expect(2, &["these triples were made for batch-size = 8"]);
        }
        // A file that is not whole.
        let whole = fs::read(&paths[0]).unwrap();
        let cut = scene.file(0, "cut");
        fs::write(&cut, &whole[..whole.len() - 1]).unwrap();
        refused(&scene, 0, &["--triples", cut.to_str().unwrap()], "cut off or was changed");
        // One party alone, or with the file of another rank.
        let alone = [scene.start(0, "train", &flags(0)), scene.start(1, "train", &masks)].map(Running::wait);
        alone.iter().for_each(|ended| ended.expect(4, &["triples made ahead"]));
        let theirs = scene.file(1, "theirs");
        fs::write(&theirs, &whole).unwrap();
        let swapped = ["--triples", theirs.to_str().unwrap()];
        let swapped = [scene.start(0, "train", &flags(0)), scene.start(1, "train", &swapped)];
        let [first, second] = swapped.map(Running::wait);
        second.expect(2, &["were made for rank = 0"]);
        assert!(!first.status.success(), "{}", first.log);

        // Rank 0 may have spent its file by now, since it agreed: both make new ones.
        for path in &paths {
            fs::remove_file(path).unwrap();
        }
        let dealer = scene.start_dealer();
        both("triples", &[]).iter().for_each(|ended| ended.expect(0, &[]));
        let of_others = fs::read(&paths[1]).unwrap();
        drop(dealer);
        both("train", &[]).iter().for_each(|ended| ended.expect(0, &["triples_ahead=true"]));
        let (how, offline) = told(&scene);
        assert_eq!(how, TrainingReport { keep_masks: keep == "true", triples_ahead: true });
        // As online: what is opened is the same, the handshake says a little more.
        assert!(offline.abs_diff(sent) < 60, "{offline} and {sent} bytes");
        assert_close(&weights(&scene), &online);
        // Spent, at both.
        for rank in [0, 1] {
            refused(&scene, rank, &flags(rank), "these triples are spent");
            assert_eq!(fs::read(&paths[rank]).unwrap()[16..33], [0; 17], "the seed is still there");
        }
        // Even if one party brings its file back.
        fs::write(&paths[1], &of_others).unwrap();
        refused(&scene, 0, &flags(0), "these triples are spent");
    }
}

/// The most memory that a process has had, in bytes.
#[cfg(target_os = "linux")]
fn peak(process: &Running) -> u64 {
    let status =
        fs::read_to_string(Path::new("/proc").join(process.id().to_string()).join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().unwrap();
    kib << 10
}

/// Eight pairs beside one dealer that may hold 2 MiB for all of them: every request waits for its part of it.
#[cfg(target_os = "linux")]
#[test]
fn one_dealer_serves_eight_pairs_in_bounded_memory() {
    let first = Scene::aligned();
    let columns: Vec<String> = (10..30).map(|column| format!("x{column}")).collect();
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut scenes: Vec<Scene> = (1..8).map(|_| Scene::aligned()).collect();
    for scene in &mut scenes {
        scene.dealer.clone_from(&first.dealer);
    }
    scenes.push(first);
    for scene in &scenes {
        scene.write_table(0, &table(0, 2000, &names));
        scene.write_table(1, &table(0, 2000, &["x1", "x2", "label"]));
        // with the address of the one dealer
        scene.configure(0, "");
        scene.configure(1, "label = 'label'");
    }
    let dealer = scenes[0].start_dealer_with(&["--memory", "2MiB"]);
    let flags = |keep| ["--batch-size", "500", "--receive-timeout", "50s", "--keep-masks", keep];
    let pair = |scene: &Scene, keep| [0, 1].map(|rank| scene.start(rank, "train", &flags(keep)));
    // one alone, for the weights and for what the dealer needs anyhow
    pair(&scenes[0], "false").map(Running::wait).iter().for_each(|ended| ended.expect(0, &[]));
    let (alone, before) = (weights(&scenes[0]), peak(&dealer));

    let pairs: Vec<_> = scenes
        .iter()
        .zip(["false", "true"].into_iter().cycle())
        .map(|(scene, keep)| pair(scene, keep))
        .collect();
    for (scene, parties) in scenes.iter().zip(pairs) {
        parties.map(Running::wait).iter().for_each(|ended| ended.expect(0, &[]));
        assert_close(&weights(scene), &alone);
    }
    let grown = peak(&dealer) - before;
    // Connections and threads take some; all requests that the parties have under way would take 49 MB.
    assert!(grown < (16 << 20), "the dealer took {grown} bytes more for eight pairs than for one");
}
