//! Runs that break off and go on: a party's disk fails at every step in turn, as if its process had ended there.

mod support;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use support::{Lists, params, scan};
use symbolon_curve::{CurveError, Masker, SecretScalar};
use symbolon_dialect::{Dialect, EndOfStream};
use symbolon_handshake::{EcSuite, PsiOffer, PsiPolicy, PsiRunOffer, exchange_psi_run};
use symbolon_link::memory::Network;
use symbolon_link::{Link, LinkConfig};
use symbolon_psi::{
    Duplicates, Fault, Faults, OwnSet, Partition, PointMask, PsiError, PsiParams, ResultTo, Resumed,
    RunDirectory, RunState, ScanOptions, Step, Storage, intersect_with,
};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Counts what is masked.
struct Counting(Masker, Arc<AtomicU64>);

impl PointMask for Counting {
    fn mask_items(&self, items: &[&[u8]]) -> Result<Vec<u8>, CurveError> {
        self.1.fetch_add(items.len() as u64, Ordering::SeqCst);
        self.0.mask_items(items)
    }

    fn mask_points(&self, points: &[u8]) -> Result<Vec<u8>, CurveError> {
        self.1.fetch_add(points.len() as u64 / 32, Ordering::SeqCst);
        self.0.mask_points(points)
    }
}

/// A party that can be started again and again.
struct Party {
    rank: usize,
    items: Vec<String>,
    params: PsiParams,
    folder: tempfile::TempDir,
    masked: Arc<AtomicU64>,
}

impl Party {
    fn new(rank: usize, items: Vec<String>, params: PsiParams) -> Self {
        // In memory if there is such a folder: nothing here is about the disk's own speed.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self { rank, items, params, folder: folder.unwrap(), masked: Arc::default() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("run")
    }

    fn own(&self) -> OwnSet {
        scan(&self.params, &self.items, 0).unwrap()
    }

    /// One process of this party, from its start to its end.
    fn start(&self, link: &Link, faults: Option<Arc<Faults>>) -> Result<(Lists, Resumed, bool), Error> {
        link.connect()?;
        let outcome = self.process(link, faults);
        if outcome.is_err() {
            link.abort("the process ends");
        }
        outcome
    }

    fn process(&self, link: &Link, faults: Option<Arc<Faults>>) -> Result<(Lists, Resumed, bool), Error> {
        let own = self.own();
        let mut directory = match faults {
            None => RunDirectory::open(&self.path(), &own)?,
            Some(faults) => RunDirectory::open_with_faults(&self.path(), &own, faults)?,
        };
        let offer = PsiOffer {
            items: own.items(),
            suites: vec![EcSuite::CURVE25519_SHA256_DIRECT],
            truncate_bits: self.params.truncate_bits,
            statistical_bits: self.params.statistical_bits,
            result_to: match self.params.result_to {
                ResultTo::All => symbolon_handshake::ResultTo::All,
                ResultTo::Rank(rank) => symbolon_handshake::ResultTo::Rank(rank),
            },
        };
        let run = PsiRunOffer {
            resumable: true,
            run_id: directory.run_id(),
            must_resume: directory.must_resume(),
            ..PsiRunOffer::default()
        };
        let channel = link.root();
        let (_, agreed) =
            exchange_psi_run(&channel, &offer, &run, &PsiPolicy::exactly(&offer), &Dialect::symbolon())?;
        let storage = Storage::Run { memory: 0, directory: &mut directory, agreed: agreed.run_id };
        let masker = |secret| {
            let masker = Masker::new(self.params.suite, secret)?;
            Ok(Box::new(Counting(masker, self.masked.clone())) as Box<dyn PointMask>)
        };
        let secret = SecretScalar::random(self.params.suite.curve)?;
        let found =
            intersect_with(&channel, &self.params, &self.items, &own, storage, secret, &masker, &mut |_| {})?;
        Ok((Lists::of(&found, &own), found.resumed, found.confirmed))
    }
}

type Ended = Result<(Lists, Resumed, bool), Error>;

/// Starts both parties once.
fn start(parties: &[Party; 2], faults: [Option<Arc<Faults>>; 2]) -> [Ended; 2] {
    let configs = (0..2).map(|rank| {
        let mut config = LinkConfig::new(rank, 2, &Dialect::symbolon());
        // How soon a party that has said nothing is missed.
        config.idle_timeout = Duration::from_millis(30);
        config
    });
    let (_network, links) = Network::start(configs.collect()).unwrap();
    let [fault_0, fault_1] = faults;
    std::thread::scope(|scope| {
        let links = &links;
        let a = scope.spawn(move || parties[0].start(&links[0], fault_0));
        let b = scope.spawn(move || parties[1].start(&links[1], fault_1));
        [a.join().expect("rank 0"), b.join().expect("rank 1")]
    })
}

/// From step `at` on nothing can be changed any more; of a write at that step, a part is still done.
fn ends_at(at: usize, steps: &Arc<AtomicUsize>) -> Arc<Faults> {
    let steps = steps.clone();
    Arc::new(move |step| {
        let now = steps.fetch_add(1, Ordering::SeqCst);
        (now >= at).then(|| {
            let written = match step {
                Step::Write(bytes) if now == at => at % (bytes + 1),
                _ => 0,
            };
            Fault { written, error: io::Error::other("the process ends here") }
        })
    })
}

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("id-{i}")).collect()
}

fn with_repeats(mut ids: Vec<String>, every: usize) -> Vec<String> {
    let repeats: Vec<_> = ids.iter().step_by(every).cloned().collect();
    ids.extend(repeats);
    ids
}

fn parties(params: &PsiParams) -> [Party; 2] {
    [
        Party::new(0, with_repeats(ids(0..37), 5), params.clone()),
        Party::new(1, with_repeats(ids(20..61), 7), params.clone()),
    ]
}

/// Checks a result against the intersection in the clear.
fn check(party: &Party, other: &Party, lists: &Lists) {
    let count = |party: &Party| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        party.items.iter().for_each(|id| *counts.entry(id.clone()).or_default() += 1);
        counts
    };
    let (own_counts, peer_counts) = (count(party), count(other));
    if !party.params.result_to.includes(party.rank) {
        assert_eq!((&lists.ids, &lists.rows), (&None, &None));
        return;
    }
    let found: BTreeMap<_, _> = (lists.ids.iter().flatten())
        .map(|id| (party.items[id.row as usize].clone(), (id.own_count, id.peer_count)))
        .collect();
    let expected: BTreeMap<_, _> =
        own_counts.iter().filter_map(|(id, own)| Some((id.clone(), (*own, *peer_counts.get(id)?)))).collect();
    assert_eq!(found, expected);
    let rows: Vec<u64> = lists.rows.iter().flatten().map(|placed| placed.row).collect();
    let expected: Vec<u64> = (0u64..)
        .zip(&party.items)
        .filter(|(_, id)| peer_counts.contains_key(*id))
        .map(|(row, _)| row)
        .collect();
    assert_eq!(rows, expected);
}

const BATCH: usize = 8;

fn small() -> PsiParams {
    PsiParams { batch_size: BATCH, ..params() }
}

/// One party ends at every step in turn; then both start again and finish.
fn ends_everywhere(params: &PsiParams, breaks: usize) {
    for at in 0.. {
        let parties = parties(params);
        let steps = Arc::new(AtomicUsize::new(0));
        let mut faults = [None, None];
        faults[breaks] = Some(ends_at(at, &steps));
        let before = start(&parties, faults);
        if steps.load(Ordering::SeqCst) <= at {
            assert!(before.iter().all(Result::is_ok), "no step failed");
            assert!(at > 60, "{at} steps are all");
            return;
        }
        let after = start(&parties, [None, None]);
        for (rank, ended) in after.iter().enumerate() {
            let (lists, _, confirmed) =
                ended.as_ref().unwrap_or_else(|error| panic!("step {at}, rank {rank}: {error}"));
            assert!(confirmed, "step {at}, rank {rank}");
            check(&parties[rank], &parties[1 - rank], lists);
            // Whoever had the result before has the same now, in the same order.
            if let Ok((earlier, ..)) = &before[rank] {
                assert_eq!(earlier, lists, "step {at}, rank {rank}");
            }
            // Own and peer's items are masked once; at most a batch of each again.
            let items = parties[0].own().items() + parties[1].own().items();
            let masked = parties[rank].masked.load(Ordering::SeqCst);
            assert!(masked <= items + 2 * BATCH as u64, "step {at}, rank {rank}: {masked} masks for {items}");
            assert!(!parties[rank].path().join("scalar").exists());
        }
        if let [(Some(a), Some(b))] =
            [(after[0].as_ref().unwrap().0.ids.as_ref(), after[1].as_ref().unwrap().0.ids.as_ref())]
        {
            let texts = |rank: usize, ids: &[symbolon_psi::CommonId]| {
                ids.iter().map(|id| parties[rank].items[id.row as usize].clone()).collect::<Vec<_>>()
            };
            assert_eq!(texts(0, a), texts(1, b), "the common order");
        }
    }
}

#[test]
fn rank_0_ends_at_every_step() {
    ends_everywhere(&small(), 0);
}

#[test]
fn rank_1_ends_at_every_step() {
    ends_everywhere(&small(), 1);
}

#[test]
fn a_result_for_one_party_survives_too() {
    for rank in [0, 1] {
        ends_everywhere(&PsiParams { result_to: ResultTo::Rank(rank), ..small() }, 0);
    }
}

#[test]
fn cut_points_and_the_document_s_end_of_stream_survive_too() {
    let params = PsiParams { truncate_bits: Some(91), end_of_stream: EndOfStream::LastBatch, ..small() };
    ends_everywhere(&params, 1);
}

/// Again and again, both at once, at steps of chance.
#[test]
fn many_ends_of_both() {
    let mut state = 7u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        usize::try_from((state >> 33) % below).unwrap()
    };
    for _ in 0..6 {
        let parties = parties(&small());
        let mut ends = 0;
        loop {
            let faults = [(); 2].map(|()| Some(ends_at(random(60) + ends, &Arc::default())));
            match start(&parties, faults) {
                [Ok((a, ..)), Ok((b, ..))] => {
                    check(&parties[0], &parties[1], &a);
                    check(&parties[1], &parties[0], &b);
                    break;
                }
                _ => ends += 1,
            }
        }
        assert!(ends > 0);
        let items = parties[0].own().items() + parties[1].own().items();
        for party in &parties {
            let masked = party.masked.load(Ordering::SeqCst);
            assert!(masked <= items + 2 * (BATCH * ends) as u64, "{masked} masks for {items}, {ends} ends");
        }
    }
}

#[test]
fn a_finished_run_gives_its_result_again() {
    let parties = parties(&small());
    let first = start(&parties, [None, None]).map(Result::unwrap);
    let masked = parties[0].masked.load(Ordering::SeqCst);
    let again = start(&parties, [None, None]).map(Result::unwrap);
    assert_eq!((&first[0].0, &first[1].0), (&again[0].0, &again[1].0));
    assert_eq!(parties[0].masked.load(Ordering::SeqCst), masked, "without a mask");
    let directory = RunDirectory::open(&parties[0].path(), &parties[0].own()).unwrap();
    assert_eq!(directory.state(), RunState::Complete);
    // It needs no peer.
    let kept = directory.result().unwrap().unwrap();
    assert_eq!(Lists::of(&kept, &parties[0].own()), first[0].0);
    directory.remove().unwrap();
    assert!(!parties[0].path().exists());
    // A peer that starts anew is met by a new run.
    let anew = start(&parties, [None, None]).map(Result::unwrap);
    assert_eq!(anew[0].0.rows.as_ref().map(Vec::len), first[0].0.rows.as_ref().map(Vec::len));
    assert!(parties[0].masked.load(Ordering::SeqCst) > masked);
}

/// Stops rank 0 in the middle of the streams: when it keeps the peer's third batch.
fn interrupted() -> [Party; 2] {
    let parties = parties(&small());
    let kept = AtomicUsize::new(0);
    let faults = Arc::new(move |step: Step| {
        let is_batch = step == Step::Write(BATCH * (32 + 4));
        let count = kept.fetch_add(usize::from(is_batch), Ordering::SeqCst);
        (count >= 2).then(|| Fault { written: 5, error: io::Error::other("the process ends here") })
    });
    let [a, _] = start(&parties, [Some(faults), None]);
    a.unwrap_err();
    let directory = RunDirectory::open(&parties[0].path(), &parties[0].own()).unwrap();
    assert!(directory.must_resume() && directory.state() == RunState::Running);
    drop(directory);
    parties
}

fn refused(path: &Path, own: &OwnSet) -> String {
    match RunDirectory::open(path, own) {
        Err(error @ PsiError::RunDirectory { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_directory_belongs_to_its_input() {
    let [party, _] = interrupted();
    let mut changed = party.items.clone();
    changed[3] = "other".into();
    assert!(refused(&party.path(), &scan(&party.params, &changed, 0).unwrap()).contains("ids have changed"));
    changed.pop();
    assert!(refused(&party.path(), &scan(&party.params, &changed, 0).unwrap()).contains("then 45 rows"));
    let options = ScanOptions {
        duplicates: Duplicates::Count,
        partition: Some(Partition::new(0, 2, b"").unwrap()),
        memory: 0,
        scratch: std::env::temp_dir(),
    };
    let own = OwnSet::scan(&party.items, &options, &mut |_| {}).unwrap();
    assert!(refused(&party.path(), &own).contains("another partition"));
    let as_given = PsiParams { duplicates: Duplicates::AsGiven, ..small() };
    assert!(refused(&party.path(), &scan(&as_given, &party.items, 0).unwrap()).contains("duplicates"));
}

#[test]
fn a_directory_has_one_process_and_a_manifest() {
    let party = &parties(&small())[0];
    let own = party.own();
    let held = RunDirectory::open(&party.path(), &own).unwrap();
    assert!(refused(&party.path(), &own).contains("another process"));
    drop(held);
    let manifest = party.path().join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    assert!(refused(&party.path(), &own).contains("format is 2"));
    std::fs::write(&manifest, &text[..40]).unwrap();
    assert!(refused(&party.path(), &own).contains("cannot be read"));
    std::fs::remove_file(&manifest).unwrap();
    std::fs::write(party.path().join("thesis.txt"), "years of work").unwrap();
    assert!(refused(&party.path(), &own).contains("other files"));
    assert!(party.path().join("thesis.txt").exists());
}

#[test]
fn only_the_owner_may_look() {
    use std::os::unix::fs::PermissionsExt;
    let [party, _] = interrupted();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&party.path()), 0o700);
    for entry in std::fs::read_dir(party.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert!(party.path().join("scalar").exists());
}

#[test]
fn other_terms_are_refused() {
    let [mut a, mut b] = interrupted();
    for party in [&mut a, &mut b] {
        party.params.truncate_bits = Some(128);
    }
    for ended in start(&[a, b], [None, None]) {
        let text = ended.unwrap_err().to_string();
        assert!(text.contains("other terms") || text.contains("peer ended"), "{text}");
    }
}

#[test]
fn progress_is_not_given_up_for_a_peer_without_it() {
    let parties = interrupted();
    std::fs::remove_dir_all(parties[1].path()).unwrap();
    let texts = start(&parties, [None, None]).map(|ended| ended.unwrap_err().to_string());
    assert!(texts.iter().all(|text| text.contains("rank 1 does not hold the run")), "{texts:?}");
    // Without the folder of the other, both start anew.
    std::fs::remove_dir_all(parties[0].path()).unwrap();
    for (rank, ended) in start(&parties, [None, None]).into_iter().enumerate() {
        check(&parties[rank], &parties[1 - rank], &ended.unwrap().0);
    }
}

/// A peer that knows nothing of all this: the directory is room on disk, and nothing is kept.
#[test]
fn a_peer_without_the_extension() {
    let [party, other] = parties(&small());
    let links = support::links();
    std::thread::scope(|scope| {
        let peer = scope.spawn(|| {
            symbolon_psi::run(&links[1].root(), &other.params, &other.items, support::secret(), &mut |_| {})
        });
        let own = party.own();
        let mut directory = RunDirectory::open(&party.path(), &own).unwrap();
        let storage = Storage::Run { memory: 0, directory: &mut directory, agreed: None };
        let (channel, secret) = (links[0].root(), support::secret());
        let found = symbolon_psi::intersect(
            &channel,
            &party.params,
            &party.items,
            &own,
            storage,
            secret,
            &mut |_| {},
        )
        .unwrap();
        check(&party, &other, &Lists::of(&found, &own));
        assert!(!found.confirmed);
        assert_eq!((directory.state(), directory.run_id()), (RunState::New, None));
        peer.join().unwrap().unwrap();
    });
    let [party, _] = interrupted();
    let mut directory = RunDirectory::open(&party.path(), &party.own()).unwrap();
    let storage = Storage::Run { memory: 0, directory: &mut directory, agreed: None };
    let (channel, secret, own) = (support::links()[0].root(), support::secret(), party.own());
    let error =
        symbolon_psi::intersect(&channel, &party.params, &party.items, &own, storage, secret, &mut |_| {})
            .unwrap_err();
    assert!(error.to_string().contains("not finished"), "{error}");
}

/// A full disk is a clear error, and the run goes on when there is room again.
#[test]
fn a_full_disk_can_be_emptied() {
    for at in [10, 30, 45, 60] {
        let parties = parties(&small());
        let steps = AtomicUsize::new(0);
        let full = Arc::new(move |step: Step| {
            let Step::Write(bytes) = step else { return None };
            let is_full = steps.fetch_add(1, Ordering::SeqCst) >= at;
            is_full.then(|| Fault { written: bytes / 2, error: io::ErrorKind::StorageFull.into() })
        });
        let [a, _] = start(&parties, [Some(full), None]);
        let error = a.unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(PsiError::OursDiskFull { .. })), "write {at}: {error}");
        assert!(error.to_string().contains("goes on"), "{error}");
        for (rank, ended) in start(&parties, [None, None]).into_iter().enumerate() {
            check(&parties[rank], &parties[1 - rank], &ended.unwrap().0);
        }
    }
}

#[test]
fn a_disk_that_is_too_small_is_told_up_front() {
    let [party, _] = parties(&PsiParams {
        peer_items: Some(u64::from(u32::MAX)),
        max_peer_items: u64::from(u32::MAX),
        ..small()
    });
    let storage = Storage::Scratch { memory: 0, directory: &std::env::temp_dir() };
    let (channel, secret, own) = (support::links()[0].root(), support::secret(), party.own());
    let error =
        symbolon_psi::intersect(&channel, &party.params, &party.items, &own, storage, secret, &mut |_| {})
            .unwrap_err();
    // 2^32 points take more than any machine that runs this has free.
    assert!(
        matches!(error, PsiError::OursDiskSpace { needed, free, .. } if needed > free && needed > 1 << 39),
        "{error}"
    );
}
