//! What a training step puts on the wire, counted: messages, bytes, and the rounds that wait for one another.
//!
//! Frames between the parties stop at a gate. A round is what both parties have sent when neither can go on: the test
//! waits for exactly that, looks at it, and only then lets it through. Expected sizes are those of the SS-LR step
//! itself (PPCA 7-2023; the products of a batch X with w and of Xᵀ with the error): a matrix product opens both
//! factors, a product with a kept matrix the other factor alone.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use symbolon_dialect::{Dialect, FirstStepDraws, PublicTruncation};
use symbolon_link::{Carrier, Completion, Frame, Inbox, Key, Link, LinkConfig, Operation, PushError, Rank};
use symbolon_lr::{LrError, Progress, TrainPlan, train, train_keeping_masks};
use symbolon_operators::Sigmoid;
use symbolon_prg::Seed;
use symbolon_ring::Ring;
use symbolon_semi2k::testing::{self, Values};
use symbolon_semi2k::{Session, SessionConfig, Share};
use symbolon_triples::{AdjustRequest, Corrections, Dealer, DealerError, Limits, LocalDealer, Pending};

/// How long the test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

const BATCH: usize = 5;
const FEATURES: [usize; 2] = [4, 2];
/// d + 1.
const WIDTH: usize = 7;
const BATCHES: usize = 3;

fn plan(epochs: u64) -> TrainPlan {
    TrainPlan {
        epochs,
        batch_size: BATCH,
        learning_rate: 0.5,
        l2: 0.25,
        sigmoid: Sigmoid::Minimax1,
        // two rows fill no batch
        samples: BATCH * BATCHES + 2,
        features: FEATURES.to_vec(),
        label_rank: 1,
        first_step_draws: FirstStepDraws::Reference,
        public_truncation: PublicTruncation::Round,
        step_size: None,
    }
}

/// A value on its way: sender, receiver, bytes.
type Sent = (Rank, Rank, usize);

#[derive(Default)]
struct Waiting {
    closed: bool,
    frames: Vec<(Rank, Rank, Frame, Completion)>,
}

/// Carries frames between the links of this process; once closed, values wait until they are let through.
#[derive(Default)]
struct Gate {
    inboxes: OnceLock<Vec<Arc<Inbox>>>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Gate {
    fn deliver(&self, to: Rank, frame: Frame, done: Completion) {
        let inbox = &self.inboxes.get().expect("links are up")[to];
        done(inbox.deliver(frame).map_err(|rejection| PushError::Unreachable(rejection.message)));
    }

    fn close(&self) {
        self.waiting.lock().unwrap().closed = true;
    }

    /// Waits until `values` values are there, and takes them.
    fn round(&self, values: usize) -> Vec<(Rank, Rank, Frame, Completion)> {
        let waiting = self.waiting.lock().unwrap();
        let (mut waiting, late) = self
            .changed
            .wait_timeout_while(waiting, PATIENCE, |waiting| waiting.frames.len() < values)
            .unwrap();
        assert!(!late.timed_out(), "{} of {values} values were sent", waiting.frames.len());
        std::mem::take(&mut waiting.frames)
    }
}

struct Wire(Arc<Gate>, Rank);

impl Carrier for Wire {
    fn push(&self, to: Rank, frame: Frame, done: Completion) {
        let (key, _) = Key::parse(&frame.key).unwrap();
        let mut waiting = self.0.waiting.lock().unwrap();
        if waiting.closed && !matches!(key, Key::Ack | Key::Fin | Key::Connect { .. }) {
            assert!(matches!(key, Key::Collective { operation: Operation::AllGather, .. }), "{key:?}");
            // all that travels beside the value
            assert!(frame.key.len() <= 40 && frame.chunk.is_none());
            waiting.frames.push((self.1, to, frame, done));
            self.0.changed.notify_all();
            return;
        }
        drop(waiting);
        self.0.deliver(to, frame, done);
    }

    fn probe(&self, _: Rank) -> Result<(), PushError> {
        Ok(())
    }
}

/// A dealer that counts what it is asked.
struct Counted {
    dealer: LocalDealer,
    asked: Arc<AtomicUsize>,
}

impl<R: Ring> Dealer<R> for Counted {
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<R>, DealerError> {
        self.asked.fetch_add(1, SeqCst);
        self.dealer.adjust(request)
    }

    fn start(&mut self, request: AdjustRequest) -> Pending<R> {
        let corrections = self.adjust(&request);
        Box::new(move || corrections)
    }
}

type Training<R> = fn(
    &mut Session<R>,
    &TrainPlan,
    &[f32],
    Option<&[f32]>,
    &mut dyn FnMut(Progress),
) -> Result<Share<R>, LrError>;

/// Trains, letting one round after the other through. `expected`: the sizes in bytes of what one party opens, by round.
/// Returns how many requests the dealer had before the first round.
fn counted<R: Ring>(training: Training<R>, plan: &TrainPlan, expected: &[Vec<usize>]) -> usize {
    let dialect = Dialect::symbolon();
    let gate = Arc::new(Gate::default());
    let links: Vec<Link> = (0..2)
        .map(|rank| {
            Link::new(LinkConfig::new(rank, 2, &dialect), Arc::new(Wire(gate.clone(), rank))).unwrap()
        })
        .collect();
    gate.inboxes.set(links.iter().map(Link::inbox).collect()).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let ready = std::sync::Barrier::new(3);
    let mut before = 0;
    std::thread::scope(|scope| {
        let (links, ready, asked, dialect) = (&links, &ready, &asked, &dialect);
        let party = move |rank: Rank| {
            links[rank].connect().unwrap();
            let config = SessionConfig::new(12, dialect);
            let seeds = |rank| testing::seeds(rank, dialect);
            let mut session = Session::<R>::establish(links[rank].root(), config, seeds(rank), |opening| {
                let all = (0..2).map(|rank| seeds(rank).dealer).collect();
                let own = Seed::from_u128_le(9);
                let (cipher, construction) = (config.cipher, config.dealer_construction);
                let dealer = LocalDealer::new(all, cipher, construction, Limits::default(), &own).unwrap();
                let counted = Counted { dealer, asked: asked.clone() };
                // the other rank has no dealer: it asks nobody, ever
                Ok((opening.rank == 0).then(|| Box::new(counted) as Box<dyn Dealer<R>>))
            })
            .unwrap();
            ready.wait();
            ready.wait();
            let mut values = Values::new(rank as u64);
            let features = values.reals(plan.samples * FEATURES[rank], 1.0);
            let label = (rank == 1).then(|| vec![1.0; plan.samples]);
            training(&mut session, plan, &features, label.as_deref(), &mut |_| {}).unwrap();
            session.opened().bytes
        };
        let parties: Vec<_> = (0..2).map(|rank| scope.spawn(move || party(rank))).collect();
        ready.wait();
        gate.close();
        ready.wait();
        for (index, values) in expected.iter().enumerate() {
            let round = gate.round(2 * values.len());
            let mut sent: Vec<Sent> =
                round.iter().map(|(from, to, frame, _)| (*from, *to, frame.value.len())).collect();
            sent.sort_by_key(|(from, ..)| *from);
            let of = |from: Rank, to: Rank| values.iter().map(move |&bytes| (from, to, bytes));
            assert_eq!(sent, of(0, 1).chain(of(1, 0)).collect::<Vec<_>>(), "round {index}");
            if index == 0 {
                before = settled(asked, plan);
            }
            for (_, to, frame, done) in round {
                gate.deliver(to, frame, done);
            }
        }
        let total: usize = expected.iter().flatten().sum();
        for party in parties {
            assert_eq!(party.join().unwrap(), total as u64);
        }
        assert!(gate.waiting.lock().unwrap().frames.is_empty());
    });
    before
}

/// The number of requests when no more come although nobody can go on.
fn settled(asked: &AtomicUsize, plan: &TrainPlan) -> usize {
    let all = 2 * usize::try_from(plan.steps()).unwrap() - 1;
    let start = Instant::now();
    while asked.load(SeqCst) < all && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(1));
    }
    asked.load(SeqCst)
}

/// Two rounds in every step, but one in the first, whose weights are public: each product opens both factors, in one
/// flight. That is 2·batch·(d+1) + (d+1) + batch elements.
fn strict(element: usize) -> Vec<Vec<usize>> {
    let bytes = |elements: usize| elements * element;
    let by_weights = vec![bytes(BATCH * WIDTH), bytes(WIDTH)];
    let by_error = vec![bytes(WIDTH * BATCH), bytes(BATCH)];
    let step: usize = by_weights.iter().chain(&by_error).sum();
    assert_eq!(step, (2 * BATCH * WIDTH + WIDTH + BATCH) * element);
    let steps = 3 * BATCHES;
    let later = (1..steps).flat_map(|_| [by_weights.clone(), by_error.clone()]);
    [by_error.clone()].into_iter().chain(later).collect()
}

/// As many rounds. In the first epoch the rows of a step are opened with its first product, filled up to whole blocks of
/// 16 bytes; after it there are w and the error alone: c + batch elements, where c is d + 1 filled up.
fn kept(element: usize) -> Vec<Vec<usize>> {
    let filled = WIDTH.next_multiple_of((16 / element).max(1));
    let (rows, weights, error) = (BATCH * filled * element, filled * element, BATCH * element);
    let first = (1..BATCHES).flat_map(|_| [vec![rows, weights], vec![error]]);
    let later = (BATCHES..3 * BATCHES).flat_map(|_| [vec![weights], vec![error]]);
    // the bound that products by kept masks are meant to keep
    assert!((weights + error) * 20 <= (WIDTH + 2 * BATCH) * element * 21);
    [vec![rows, error]].into_iter().chain(first).chain(later).collect()
}

#[test]
fn a_strict_step_opens_both_factors_of_two_products_in_two_rounds() {
    counted::<u32>(train, &plan(3), &strict(4));
    let asked = counted::<u64>(train, &plan(3), &strict(8));
    assert_eq!(asked, 17, "every correction was asked for before anything went over the link");
    counted::<u128>(train, &plan(3), &strict(16));
}

#[test]
fn with_kept_masks_a_step_opens_the_weights_and_the_error_in_two_rounds() {
    counted::<u32>(train_keeping_masks, &plan(3), &kept(4));
    let asked = counted::<u64>(train_keeping_masks, &plan(3), &kept(8));
    assert_eq!(asked, 17, "every correction was asked for before anything went over the link");
    counted::<u128>(train_keeping_masks, &plan(3), &kept(16));
}
