//! SS-LR after the handshake: set-up, openings byte for byte, peers and dealers that lie.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use symbolon_dialect::{DealerDialect, Dialect};
use symbolon_wire::Message as _;
use symbolon_wire::service::AdjustResponse;

use crate::suite::Bench;
use crate::suite::bench::{DealerForm, LrTask, Truncation};
use crate::suite::case::Case;
use crate::suite::intersect::{FIRST, accepted, response};
use crate::suite::messages::{LrRequest, LrResponse};
use crate::suite::peer::Peer;
use crate::suite::spu::Form;
use crate::suite::training::{DEALER_SEED, Dealer, Model, PAIRWISE_SEED, bytes, integer, key};
use crate::suite::verdict::{Finding, Outcome, check};

pub(super) const CASES: &[&[Case]] = &[TRAINING, LIES];

const PPCA_7: &str = "PPCA 7-2023 (SS-LR), training; SPU 0.9.5 as recorded in vectors/recordings";
const SPU_DEALER: &str =
    "SPU 0.9.5 and interconnection-impl 4dc46f7, as recorded in vectors/dealer and vectors/recordings";
const SETUP: &str = "SPU 0.9.5 as recorded in vectors/recordings";

/// A training; the suite is the dealer too, in the form that the testee takes.
macro_rules! training {
    ($level:ident, $id:literal, $requirement:literal, $why:literal, $run:expr) => {
        Case::$level($id, PPCA_7, $requirement, $run).applies(has_dealer).why($why)
    };
}

/// A training with a dealer of SPU's kind that the testee asks.
macro_rules! spu_dealer {
    ($id:literal, $requirement:literal, $form:expr, $task:expr) => {
        Case::should($id, SPU_DEALER, $requirement, |bench| {
            let adjust_rank = bench.rank();
            train(bench, &LrTask { dealer_form: Some(DealerForm::Spu($form)), adjust_rank, ..$task() })
        })
        .erratum(15)
        .why("Deployed parties have dealers of this kind.")
    };
}

/// The suite plays every dealer but rank 0 (erratum E26).
fn has_dealer(dialect: &Dialect) -> bool {
    dialect.dealer != DealerDialect::InsecureRank0LearnsAllMasks
}

const TRAINING: &[Case] = &[
    training!(
        must,
        "lr/training/ring-64",
        "In the ring of 2^64 every opening of a training has the bytes that inputs, seeds and the order of draws make it have.",
        "One draw in another order, one unit in a public constant, and the result is noise.",
        |bench| train(bench, &LrTask::small())
    ),
    training!(
        must,
        "lr/training/ring-128",
        "The same in the ring of 2^128.",
        "Rings differ in the blocks that a draw takes.",
        |bench| train(bench, &LrTask { field: 128, fraction_bits: 26, ..LrTask::small() })
    ),
    training!(
        should,
        "lr/training/ring-32",
        "The same in the ring of 2^32 with 8 fraction bits.",
        "Rings differ in the blocks that a draw takes.",
        |bench| train(bench, &LrTask { field: 32, fraction_bits: 8, ..LrTask::small() })
    ),
    training!(
        must,
        "lr/training/label-at-rank-1",
        "The same with the labels at rank 1.",
        "The label enters as the share of the party that has it.",
        |bench| train(bench, &LrTask { label_rank: 1, ..LrTask::small() })
    ),
    training!(
        must,
        "lr/training/penalty",
        "The same with an L2 penalty: the bias is left out by a zero that is made a share anew in every step.",
        "The penalty draws from the pairwise streams too, in the first step more than later (E23).",
        |bench| train(bench, &LrTask { l2: 0.5, ..LrTask::small() })
    ),
    training!(
        must,
        "lr/training/adjust-rank-1",
        "The same with rank 1 asking the dealer: it alone adds the corrections.",
        "Added by both or by none, every product is wrong.",
        |bench| train(bench, &LrTask { adjust_rank: 1, ..LrTask::small() })
    ),
    training!(
        must,
        "lr/training/one-batch",
        "The same with one batch of all rows and three epochs.",
        "No row is discarded, and the weights of an epoch enter the next.",
        |bench| train(bench, &LrTask { batch_size: 9, epochs: 3, ..LrTask::small() })
    ),
    training!(
        must,
        "lr/training/nothing-else",
        "A training sends its handshake, its set-up and its openings, and nothing else.",
        "Labels, weights or scores that travel at the end are revealed, whatever the plan says.",
        nothing_else
    ),
    training!(
        must,
        "lr/training/precise",
        "The same with precise truncation: masks of TruncPr and one opening for each truncation.",
        "Rings without room for the rare error of local truncation need it.",
        |bench| train(bench, &LrTask { truncation: Truncation::Precise, l2: 0.5, ..LrTask::small() })
    ),
    training!(
        should,
        "lr/training/precise-ring-128",
        "The same in the ring of 2^128, with rank 1 asking the dealer.",
        "Three draws for each truncation, in blocks of the ring's width.",
        |bench| {
            let task = LrTask { field: 128, fraction_bits: 26, adjust_rank: 1, ..LrTask::small() };
            train(bench, &LrTask { truncation: Truncation::Precise, ..task })
        }
    ),
    training!(
        should,
        "lr/training/precise-ring-32",
        "The same in the ring of 2^32 with 8 fraction bits.",
        "There the rare error of local truncation is not rare.",
        |bench| {
            let task = LrTask { field: 32, fraction_bits: 8, ..LrTask::small() };
            train(bench, &LrTask { truncation: Truncation::Precise, ..task })
        }
    ),
    spu_dealer!(
        "lr/dealer-form/http",
        "The corrections are asked for by JSON over HTTP, with the seeds of all parties sealed to the dealer's key.",
        Form::Http,
        LrTask::small
    ),
    spu_dealer!("lr/dealer-form/http-ring-128", "The same in the ring of 2^128.", Form::Http, || LrTask {
        field: 128,
        fraction_bits: 26,
        ..LrTask::small()
    }),
    spu_dealer!(
        "lr/dealer-form/unary",
        "The corrections are asked for by unary calls over baidu_std, with the seeds of all parties sealed to the dealer's key.",
        Form::Unary,
        LrTask::small
    ),
    spu_dealer!("lr/dealer-form/unary-ring-128", "The same in the ring of 2^128.", Form::Unary, || LrTask {
        field: 128,
        fraction_bits: 26,
        ..LrTask::small()
    }),
];

const LIES: &[Case] = &[
    Case::must(
        "lr/setup/messages",
        SETUP,
        "Set-up exchanges the number of threads (4 bytes), the shares of the public seed and the pairwise seed (MessagePack).",
        setup,
    )
    .applies(has_dealer)
    .why("Streams made of other seeds differ from the first draw on."),
    training!(
        must,
        "lr/opening/too-short",
        "An opening with fewer bytes than its shape is refused, and survived.",
        "Careless code reads beyond the buffer.",
        |bench| spoiled(bench, |part| part.truncate(part.len() - 8))
    )
    .erratum(43),
    training!(
        must,
        "lr/opening/too-long",
        "An opening with more bytes than its shape is refused, and survived.",
        "Careless code writes beyond the buffer.",
        |bench| spoiled(bench, |part| part.extend([0; 8]))
    )
    .erratum(43),
    training!(
        must,
        "lr/opening/empty",
        "An opening of no bytes is refused, and survived.",
        "The first element is read by careless code.",
        |bench| spoiled(bench, Vec::clear)
    )
    .erratum(43),
    training!(
        must,
        "lr/opening/random",
        "Openings of the right length with any content do not stop or crash a party: it cannot tell.",
        "Whatever overflows or divides must take every value.",
        random
    ),
    training!(
        must,
        "lr/dealer/error",
        "A dealer's error ends the training with a failure.",
        "Without corrections every product is noise.",
        |bench| dealer(bench, |answer| {
            answer.code = 2;
            answer.adjust_outputs.clear();
        })
    ),
    training!(
        must,
        "lr/dealer/short-correction",
        "A correction with too few elements is refused, and survived.",
        "Careless code reads beyond the buffer.",
        |bench| dealer(bench, |answer| {
            answer.adjust_outputs.iter_mut().for_each(|output| output.truncate(output.len() - 8));
        })
    ),
    training!(
        must,
        "lr/dealer/no-correction",
        "An answer of code 0 without a correction is refused, and survived.",
        "The first is used as an index by careless code.",
        |bench| dealer(bench, |answer| answer.adjust_outputs.clear())
    ),
];

/// A testee after set-up, with everything that is known of it.
struct Started {
    peer: Arc<Peer>,
    task: LrTask,
    model: Model,
    /// The number of the first opening among the collectives.
    first: u64,
    /// Listens as long as it is there.
    _dealer: Dealer,
}

/// Handshake and set-up without a mistake.
fn start(bench: &mut Bench, task: &LrTask, spoil: fn(&mut AdjustResponse)) -> Outcome<Started> {
    let address: SocketAddr = crate::suite::ports::free()
        .and_then(|address| address.parse().map_err(|_| format!("{address} is no address")))
        .map_err(Finding::Error)?;
    let task = LrTask { dealer: address.to_string(), ..task.clone() };
    let (own, testee) = (1 - bench.rank(), bench.rank());
    let form = bench.dealer_form(&task)?;
    let dealer = Dealer::new(bench, own, form, spoil).map_err(Finding::Error)?;
    let peer = bench.start_lr(&task)?;
    dealer.serve(&peer, address).map_err(Finding::Error)?;
    bench.connect(&peer)?;
    agree(bench, &peer, &task)?;

    peer.send(&bench.allgather(FIRST, 0), 2_i32.to_le_bytes().to_vec());
    let threads = bench.receive(&peer, &bench.allgather(FIRST, 0))?;
    let count = <[u8; 4]>::try_from(threads.value.as_ref()).map(i32::from_le_bytes);
    check(count.is_ok_and(|count| count > 0), "a number of threads, 4 bytes little-endian", || {
        format!("{} bytes", threads.value.len())
    })?;
    peer.send(&bench.allgather(FIRST, 1), integer(b"suite's: public."));
    let public = bench.receive(&peer, &bench.allgather(FIRST, 1))?;
    check(key(&public.value).is_some(), "a 128-bit integer as MessagePack", || hex::encode(&public.value))?;
    peer.send(&bench.key_out(FIRST, 1), integer(&PAIRWISE_SEED));
    let pairwise = bench.receive(&peer, &bench.key_in(FIRST, 1))?;
    let pairwise = key(&pairwise.value)
        .ok_or_else(|| Finding::fail("a 128-bit integer as MessagePack", hex::encode(&pairwise.value)))?;
    let mut first = 2;
    if form.spu().is_some() {
        let key = bench.allgather(FIRST, first);
        first += 1;
        peer.send(&key, dealer.sealed().map_err(Finding::Error)?);
        let sealed = bench.receive(&peer, &key)?.value;
        let wanted = "the own seed of 16 bytes, sealed to the dealer's SM2 key (ASN.1 DER, SM3)";
        dealer.learn(testee, &sealed).map_err(|problem| Finding::fail(wanted, problem))?;
    }
    let seed = dealer.seed(testee).ok_or_else(|| {
        Finding::fail("a session at the dealer with a seed of 16 bytes before set-up", "none")
    })?;
    let by_rank = |of_suite, of_testee| if own == 0 { [of_suite, of_testee] } else { [of_testee, of_suite] };
    let model = Model::new(bench, &task, form, by_rank(DEALER_SEED, seed), by_rank(PAIRWISE_SEED, pairwise));
    Ok(Started { peer, task, model, first, _dealer: dealer })
}

fn agree(bench: &mut Bench, peer: &Peer, task: &LrTask) -> Outcome {
    if bench.rank() == 0 {
        peer.send(&bench.key_out(FIRST, 0), LrRequest::of(task).pack().encode_to_vec());
        let answer = bench.receive(peer, &bench.key_in(FIRST, 0))?;
        accepted(&response(&answer)?)
    } else {
        bench.receive(peer, &bench.key_in(FIRST, 0))?;
        peer.send(
            &bench.key_out(FIRST, 0),
            LrResponse::of(task, bench.dialect.response_style).pack().encode_to_vec(),
        );
        Ok(())
    }
}

fn train(bench: &mut Bench, task: &LrTask) -> Outcome {
    trained(bench, task).map(drop)
}

/// A whole training; also how many messages it takes: one of the handshake, three of set-up, the openings.
fn trained(bench: &mut Bench, task: &LrTask) -> Outcome<(Arc<Peer>, usize)> {
    let Started { peer, task, mut model, first, _dealer } = start(bench, task, |_| {})?;
    model.train(&task, bench.dialect.first_step_draws);
    let (own, testee) = (1 - bench.rank(), bench.rank());
    for (number, opening) in (first..).zip(&model.openings) {
        let key = bench.allgather(FIRST, number);
        let of = |rank: usize| opening.get(rank).map(|part| bytes(part, model.bits)).unwrap_or_default();
        peer.send(&key, of(own));
        let found = bench.receive(&peer, &key)?.value;
        let wanted = of(testee);
        check(found == wanted, format!("under {key:?}: {}", hex::encode(&wanted)), || hex::encode(&found))?;
    }
    bench.end_well(&peer)?;
    Ok((peer, 4 + model.openings.len()))
}

fn nothing_else(bench: &mut Bench) -> Outcome {
    let (peer, wanted) = trained(bench, &LrTask::small())?;
    let keys: Vec<_> = peer.messages().into_iter().map(|message| message.key).collect();
    check(keys.len() == wanted, format!("{wanted} messages"), || keys.join(", "))
}

fn setup(bench: &mut Bench) -> Outcome {
    start(bench, &LrTask::small(), |_| {}).map(drop)
}

/// The suite's first opening is spoiled; the testee gives up.
fn spoiled(bench: &mut Bench, spoil: fn(&mut Vec<u8>)) -> Outcome {
    let Started { peer, task, mut model, first, _dealer } = start(bench, &LrTask::small(), |_| {})?;
    model.train(&task, bench.dialect.first_step_draws);
    let own = 1 - bench.rank();
    for (number, opening) in (first..).zip(&model.openings) {
        let mut part = opening.get(own).map(|part| bytes(part, model.bits)).unwrap_or_default();
        if number == first {
            spoil(&mut part);
        }
        peer.send(&bench.allgather(FIRST, number), part);
    }
    linger(bench);
    bench.end_in_failure(&peer)
}

fn random(bench: &mut Bench) -> Outcome {
    let Started { peer, task, mut model, first, _dealer } = start(bench, &LrTask::small(), |_| {})?;
    model.train(&task, bench.dialect.first_step_draws);
    let own = 1 - bench.rank();
    for (number, opening) in (first..).zip(&model.openings) {
        let length = opening.get(own).map_or(0, |part| bytes(part, model.bits).len());
        let noise = |index: usize| (number as usize * 151 + index * 89 + index * index * 7) as u8 | 0x80;
        peer.send(&bench.allgather(FIRST, number), (0..length).map(noise).collect::<Vec<u8>>());
        bench.receive(&peer, &bench.allgather(FIRST, number))?;
    }
    bench.end_well(&peer)
}

/// The dealer's answers are spoiled; the testee, which asks it, gives up.
fn dealer(bench: &mut Bench, spoil: fn(&mut AdjustResponse)) -> Outcome {
    let task = LrTask { adjust_rank: bench.rank(), ..LrTask::small() };
    let Started { peer, task, mut model, first, _dealer } = start(bench, &task, spoil)?;
    model.train(&task, bench.dialect.first_step_draws);
    let own = 1 - bench.rank();
    for (number, opening) in (first..).zip(&model.openings) {
        let part = opening.get(own).map(|part| bytes(part, model.bits)).unwrap_or_default();
        peer.send(&bench.allgather(FIRST, number), part);
    }
    linger(bench);
    bench.end_in_failure(&peer)
}

/// Gives a testee that does not look the time to come to a good end.
fn linger(bench: &mut Bench) {
    let until = Instant::now() + Duration::from_millis(300);
    while bench.is_running() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
}
