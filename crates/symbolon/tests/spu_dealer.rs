//! Two parties with a dealer of SPU's kind (erratum E15): both forms of its service, every ring, TLS aside; and what
//! happens when the key is missing, another one, or the dealer goes away.

mod scene;

use scene::{Ended, Running, Scene, table};
use symbolon::model::ModelHalf;
use symbolon_dialect::{FirstStepDraws, PublicTruncation};
use symbolon_lr::{TrainPlan, ideal};
use symbolon_operators::Sigmoid;
use symbolon_ring::{FixedPoint, Ring};

const ROWS: usize = 50;

/// The two-party scene with keys for its dealer.
struct Keyed {
    scene: Scene,
    private: String,
    public: String,
}

impl Keyed {
    fn new() -> Self {
        let scene = Scene::aligned();
        let keys = scene.folder(0).parent().unwrap().join("keys");
        symbolon::keygen::run(&symbolon::cli::KeygenOptions { out: keys.clone(), force: false }).unwrap();
        let path = |name| keys.join(name).to_str().unwrap().to_owned();
        let (private, public) = (path(symbolon::keygen::PRIVATE_KEY), path(symbolon::keygen::PUBLIC_KEY));
        Self { scene, private, public }
    }

    fn dealer(&self) -> Running {
        let mut dealer = self.scene.start_dealer_with(&["--spu-key", &self.private]);
        dealer.until("listening");
        dealer
    }

    /// Trains at both ranks, with the dealer's key, to the end.
    fn train(&self, flags: &[&str]) -> [Ended; 2] {
        [0, 1].map(|rank| self.start(rank, flags)).map(Running::wait)
    }

    fn start(&self, rank: usize, flags: &[&str]) -> Running {
        let mut all = vec!["--dealer-public-key", &self.public, "--standardize", "false"];
        all.extend_from_slice(flags);
        self.scene.start(rank, "train", &all)
    }

    /// The weights of both halves together.
    fn weights<R: Ring>(&self) -> Vec<f64> {
        let paths = [0, 1].map(|rank| self.scene.file(rank, "model.json"));
        let halves = paths.each_ref().map(|path| ModelHalf::read(path).unwrap());
        assert_eq!(halves[0].run, halves[1].run);
        assert!(halves[0].run.len() > 32, "a name of its own: {}", halves[0].run);
        let shares = [0, 1].map(|rank| halves[rank].decode_share::<R>(&paths[rank]).unwrap());
        let fixed = FixedPoint::<R>::new(halves[0].fraction_bits).unwrap();
        fixed.decode_slice(shares[0].add(&shares[1]).unwrap().as_slice())
    }
}

/// The same training in plain floating point.
fn plain() -> Vec<f64> {
    let numbers = |columns: &[&str]| -> Vec<Vec<f32>> {
        let rows = table(0, ROWS, columns);
        rows.lines()
            .skip(1)
            .map(|row| row.split(',').skip(1).map(|field| field.parse().unwrap()).collect())
            .collect()
    };
    let (first, second) = (numbers(&["x1", "x3"]), numbers(&["x2", "label"]));
    let x: Vec<f32> = first.iter().zip(&second).flat_map(|(a, b)| [a[0], a[1], b[0]]).collect();
    let y: Vec<f32> = second.iter().map(|row| row[1]).collect();
    let plan = TrainPlan {
        epochs: 3,
        batch_size: 8,
        learning_rate: 0.5,
        l2: 0.25,
        sigmoid: Sigmoid::Minimax1,
        samples: ROWS,
        features: vec![2, 1],
        label_rank: 1,
        first_step_draws: FirstStepDraws::Reference,
        public_truncation: PublicTruncation::Round,
        step_size: None,
    };
    ideal::train_float(&plan, &x, &y).unwrap()
}

const TRAINING: [&str; 4] = ["--learning-rate", "0.5", "--l2", "0.25"];

#[test]
fn every_ring_in_every_form() {
    let keyed = Keyed::new();
    let _dealer = keyed.dealer();
    let forms: [&[&str]; 4] = [
        &["--dialect", "spu-0.9.5"],
        &["--dialect-set", "dealer=spu", "--dealer-form", "http", "--adjust-rank", "1"],
        &["--dialect", "reference"],
        &["--dialect", "reference", "--dealer-form", "unary-baidu-std", "--adjust-rank", "1"],
    ];
    let expected = plain();
    for form in forms {
        for (field, within) in [("32", 0.2), ("64", 2e-3), ("128", 2e-3)] {
            let flags = [&TRAINING[..], form, &["--field", field]].concat();
            for ended in keyed.train(&flags) {
                ended.expect(0, &["training agreed"]);
                assert!(!ended.log.contains("other stream"), "{}", ended.log);
            }
            let weights = match field {
                "32" => keyed.weights::<u32>(),
                "64" => keyed.weights::<u64>(),
                _ => keyed.weights::<u128>(),
            };
            assert_eq!(weights.len(), expected.len());
            for (weight, expected) in weights.iter().zip(&expected) {
                assert!((weight - expected).abs() < within, "{form:?} {field}: {weights:?} for {expected:?}");
            }
        }
    }
}

#[test]
fn a_whole_run_with_precise_truncation() {
    let keyed = Keyed::new();
    let _dealer = keyed.dealer();
    let flags = ["--dealer-public-key", &keyed.public, "--dialect", "spu-0.9.5", "--truncation", "precise"];
    for ended in keyed.scene.run_without_dealer("run", &flags) {
        ended.expect(0, &["prediction agreed"]);
    }
    assert!(keyed.scene.file(1, "scores.csv").exists());
}

#[test]
fn a_form_and_a_stream_that_do_not_go_together_are_told() {
    let keyed = Keyed::new();
    let _dealer = keyed.dealer();
    for ended in keyed.train(&["--dialect", "spu-0.9.5", "--dealer-form", "unary"]) {
        ended.expect(0, &["WARN", "draws ctr-big-endian streams", "meaningless"]);
    }
    // Told the same at both ends, they go together.
    drop(_dealer);
    let _dealer =
        keyed.scene.start_dealer_with(&["--spu-key", &keyed.private, "--stream", "blocks-little-endian"]);
    let flags = [&TRAINING[..], &["--dialect", "spu-0.9.5", "--dealer-form", "unary"]].concat();
    for ended in keyed.train(&flags) {
        ended.expect(0, &["WARN"]);
    }
    for (weight, expected) in keyed.weights::<u64>().iter().zip(plain()) {
        assert!((weight - expected).abs() < 2e-3);
    }
}

#[test]
fn a_missing_or_useless_key_is_told_before_anything_else() {
    let keyed = Keyed::new();
    let Keyed { scene, private, public } = &keyed;
    for (flags, expected) in [
        (&["--dialect", "spu-0.9.5"][..], "dealer.public-key is missing"),
        (
            &["--dialect", "spu-0.9.5", "--dealer-public-key", private],
            "sm2.key: configuration: the dealer's public key",
        ),
        (&["--dealer-public-key", public], "set dealer = \"spu\" in [dialect]"),
        (&["--dialect-set", "dealer=insecure-rank-0-learns-all-masks"], "sees the data of all parties"),
    ] {
        scene.start(0, "train", flags).wait().expect(2, &[expected]);
    }
    let secret = std::fs::read_to_string(private).unwrap();
    let ended = scene.start(0, "train", &["--dialect", "spu-0.9.5", "--dealer-public-key", private]).wait();
    for line in secret.lines().filter(|line| !line.starts_with('-')) {
        assert!(!ended.log.contains(line), "the key is shown");
    }
    scene.assert_no_output(0);
}

/// Each party seals to its own key: nobody can make it seal to another.
#[test]
fn a_seed_sealed_to_another_key_ends_the_run() {
    let keyed = Keyed::new();
    let other = Keyed::new();
    let _dealer = keyed.dealer();
    let spu = ["--dialect", "spu-0.9.5", "--receive-timeout", "5s"];
    let zero = keyed.start(0, &spu);
    let one = keyed.scene.start(1, "train", &[&spu[..], &["--dealer-public-key", &other.public]].concat());
    zero.wait().expect(1, &["dealer", "another public key"]);
    one.wait().expect(3, &["rank 0"]);
    keyed.scene.assert_no_output(0);
    keyed.scene.assert_no_output(1);
}

/// Training that takes long enough to be disturbed.
fn long_training(keyed: &Keyed) -> Vec<&'static str> {
    keyed.scene.write_table(0, &table(0, 2000, &["x1", "x3"]));
    keyed.scene.write_table(1, &table(0, 2000, &["x2", "label"]));
    vec!["--epochs", "2000", "--receive-timeout", "3s"]
}

#[test]
fn a_dealer_that_is_not_there_or_dies_is_told_by_its_address() {
    for form in ["http", "unary", "unary-baidu-std"] {
        let dialect = if form == "http" { "spu-0.9.5" } else { "reference" };
        let how = ["--dialect", dialect, "--dealer-form", form];

        let keyed = Keyed::new();
        let flags = [&how[..], &["--receive-timeout", "1s"]].concat();
        let [zero, one] = keyed.train(&flags);
        let address = &keyed.scene.dealer;
        zero.expect(3, &["dealer", address, "not reachable within 1s", "Connection refused"]);
        assert!(!zero.log.contains('{'), "{}", zero.log);
        one.expect(3, &["rank 0"]);

        let keyed = Keyed::new();
        let long = long_training(&keyed);
        let flags = [&how[..], &long].concat();
        let mut dealer = keyed.dealer();
        let mut parties = [0, 1].map(|rank| keyed.start(rank, &flags));
        parties[0].until("training starts");
        dealer.kill();
        let [zero, one] = parties.map(Running::wait);
        zero.expect(3, &["dealer", &keyed.scene.dealer, "not reachable within 3s"]);
        one.expect(3, &["rank 0"]);
        keyed.scene.assert_no_output(0);
        keyed.scene.assert_no_output(1);
    }
}
