//! Known answers: every message of sessions of real engines, `vectors/semi2k/*.json`, sent again byte for byte by
//! a session in either rank's place, with the engine's own messages and dealer replies as the other side.

use std::{collections::VecDeque, fs, path::Path};

use bytes::Bytes;
use serde::Deserialize;
use symbolon_dialect::{Construction, DealerDialect, Dialect, TruncationSide};
use symbolon_link::Channel;
use symbolon_ring::Matrix;
use symbolon_semi2k::{
    DealerOpening, Session, SessionConfig, SessionSeeds, Share, Truncation, decode_u128,
    testing::run_channels,
};
use symbolon_triples::{AdjustRequest, Corrections, Dealer, DealerError, Op, Seed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    header: Header,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Header {
    format: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    id: String,
    #[serde(rename = "result")]
    _result: Valid,
    #[serde(rename = "flags")]
    _flags: Vec<String>,
    construction: Construction,
    adjust_rank: usize,
    fraction_bits: u32,
    field_bits: u32,
    batch: usize,
    epochs: usize,
    l2: f32,
    step_size_units: u64,
    first_step_seals_weights: bool,
    labels_at_rank_0: Vec<f32>,
    corrections: Vec<String>,
    ranks: [Recorded; 2],
    weight_shares: Option<[String; 2]>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Valid {
    Valid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    threads: String,
    public_share: String,
    pairwise: String,
    sealed_dealer: String,
    dealer_seed: String,
    features: Vec<Vec<f32>>,
    openings: Vec<Opening>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    key: String,
    value: String,
}

fn bytes(hex: &str) -> Bytes {
    hex::decode(hex).unwrap().into()
}

const FILES: [&str; 3] =
    ["reference-adjust-rank-1.json", "spu-0.9.5-compiled-steps.json", "spu-0.9.5-reference-order.json"];

fn tests() -> Vec<Test> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/semi2k");
    let read = |name: &&str| -> Vec<Test> {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let file: File = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(file.header.format, "symbolon-vectors/semi2k-session/1");
        file.groups.into_iter().flat_map(|group| group.tests).collect()
    };
    FILES.iter().flat_map(read).collect()
}

impl Recorded {
    fn seeds(&self) -> SessionSeeds {
        SessionSeeds {
            public_share: decode_u128(&bytes(&self.public_share)).unwrap(),
            pairwise: Seed::from_u128_le(decode_u128(&bytes(&self.pairwise)).unwrap()),
            dealer: Seed::from_bytes(hex::decode(&self.dealer_seed).unwrap().try_into().unwrap()),
            sealed_dealer: Some(bytes(&self.sealed_dealer)),
        }
    }

    fn threads(&self) -> i32 {
        i32::from_le_bytes(bytes(&self.threads).as_ref().try_into().unwrap())
    }
}

/// Gives the recorded corrections, in order.
struct RecordedDealer(VecDeque<Vec<u64>>);

impl Dealer<u64> for RecordedDealer {
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<u64>, DealerError> {
        assert!(matches!(request.op, Op::Dot { .. }));
        Ok(vec![self.0.pop_front().unwrap()])
    }
}

impl Test {
    fn dealer(&self) -> RecordedDealer {
        let elements = |hex: &String| {
            let bytes = hex::decode(hex).unwrap();
            Matrix::from_le_bytes(1, bytes.len() / 8, &bytes).unwrap().into_vec()
        };
        RecordedDealer(self.corrections.iter().map(elements).collect())
    }

    fn open(&self, channel: Channel) -> Session<u64> {
        let rank = channel.rank();
        let config = SessionConfig {
            truncation: Truncation::Probabilistic(TruncationSide::BothShift),
            dealer_construction: self.construction,
            dealer: DealerDialect::Spu,
            adjust_rank: self.adjust_rank,
            announced_threads: self.ranks[rank].threads(),
            ..SessionConfig::new(self.fraction_bits, &Dialect::spu())
        };
        let dealer = |opening: &DealerOpening<'_>| {
            let sealed: Vec<_> = self.ranks.iter().map(|rank| bytes(&rank.sealed_dealer)).collect();
            assert_eq!(opening.sealed, sealed);
            Ok((rank == opening.adjust_rank).then(|| Box::new(self.dealer()) as _))
        };
        Session::establish(channel, config, self.ranks[rank].seeds(), dealer).unwrap()
    }

    /// Training in terms of session operations only; the own share of the weights.
    fn train(&self, session: &mut Session<u64>) -> Share<u64> {
        let (rank, fixed, f) = (session.rank(), session.fixed(), self.fraction_bits);
        let widths = [0, 1].map(|rank| self.ranks[rank].features[0].len());
        let d = widths[0] + widths[1];
        let one = fixed.encode(1.0).unwrap();
        let samples = self.labels_at_rank_0.len();
        let batches = samples / self.batch;
        let mut w: Option<Share<u64>> = None;
        for step in 0..self.epochs * batches {
            let rows = self.batch;
            let start = step % batches * rows;
            let ones = session.seal(&Matrix::filled(rows, 1, one)).unwrap();
            let own = &self.ranks[rank].features[start..start + rows];
            let own = fixed.encode_matrix(rows, widths[rank], &own.concat()).unwrap();
            let theirs = Matrix::zeros(rows, widths[1 - rank]);
            let (left, right) = if rank == 0 { (own, theirs) } else { (theirs, own) };
            let x = Share::from_matrix(left.hconcat(&right).unwrap()).hconcat(&ones).unwrap();
            let y = (rank == 0)
                .then(|| fixed.encode_matrix(rows, 1, &self.labels_at_rank_0[start..start + rows]).unwrap());
            let y = session.input(0, rows, 1, y).unwrap();

            let z = match &w {
                None => Share::zeros(rows, 1),
                Some(w) => {
                    let z = session.matmul(&x, w).unwrap();
                    session.truncate(z, f).unwrap()
                }
            };
            let p = session.mul_public_scalar(&z, fixed.encode(0.125).unwrap());
            let p = session.truncate(p, f).unwrap();
            let half = Matrix::filled(rows, 1, fixed.encode(0.5).unwrap());
            let error = session.sub(&session.add_public(&p, &half).unwrap(), &y).unwrap();
            let gradient = session.matmul(&x.transpose(), &error).unwrap();
            let mut gradient = session.truncate(gradient, f).unwrap();

            if w.is_some() || self.first_step_seals_weights {
                let zero = session.seal(&Matrix::zeros(1, 1)).unwrap();
                let without_bias = match &w {
                    None => session.seal(&Matrix::zeros(d, 1)).unwrap(),
                    Some(w) => w.row_range(0..d),
                };
                let penalised = without_bias.vconcat(&zero).unwrap();
                let penalty = session.mul_public_scalar(&penalised, fixed.encode(self.l2).unwrap());
                let penalty = session.truncate(penalty, f).unwrap();
                gradient = session.add(&gradient, &penalty).unwrap();
            }
            let change = session.mul_public_scalar(&gradient, self.step_size_units);
            let change = session.truncate(change, f).unwrap();
            w = Some(match &w {
                None => session.neg(&change),
                Some(w) => session.sub(w, &change).unwrap(),
            });
        }
        w.unwrap()
    }

    /// Plays the engine: sends what it sent, and holds what comes against what came.
    fn play_peer(&self, channel: &Channel) {
        let (own, tested) = (&self.ranks[channel.rank()], &self.ranks[1 - channel.rank()]);
        let exchange = |what: &str, own: &str, tested: &str| {
            let received = channel.allgather(bytes(own)).unwrap();
            assert_eq!(hex::encode(&received[1 - channel.rank()]), tested, "{}: {what}", self.id);
        };
        exchange("threads", &own.threads, &tested.threads);
        exchange("public seed", &own.public_share, &tested.public_share);
        channel.send(1 - channel.rank(), bytes(&own.pairwise)).unwrap();
        assert_eq!(hex::encode(channel.recv(1 - channel.rank()).unwrap()), tested.pairwise, "{}", self.id);
        exchange("sealed seed", &own.sealed_dealer, &tested.sealed_dealer);
        assert_eq!(own.openings.len(), tested.openings.len());
        for (number, (own, tested)) in (4..).zip(own.openings.iter().zip(&tested.openings)) {
            assert_eq!(own.key, format!("root:{number}:ALLGATHER"));
            assert_eq!(own.key, tested.key);
            exchange(&own.key, &own.value, &tested.value);
        }
    }
}

#[test]
fn sessions_of_real_engines_byte_for_byte() {
    for file in tests() {
        assert_eq!(file.field_bits, 64);
        for tested in [0, 1] {
            run_channels(2, &Dialect::spu(), |channel, rank| {
                if rank != tested {
                    return file.play_peer(&channel);
                }
                let mut session = file.open(channel);
                let w = file.train(&mut session);
                if let Some(shares) = &file.weight_shares {
                    assert_eq!(hex::encode(w.as_matrix().to_le_bytes()), shares[rank], "{}", file.id);
                } else {
                    session.reveal(&w).unwrap();
                }
            });
        }
    }
}
