//! The suite's side of an intersection, step by step, so that a case can spoil any of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use symbolon_dialect::EndOfStream;
use symbolon_wire::Message as _;
use symbolon_wire::common::ResponseHeader;
use symbolon_wire::handshake::HandshakeResponse;
use symbolon_wire::runtime::EcdhPsiCipherBatch;

use super::bench::{Bench, PsiTask};
use super::messages::{PsiRequest, PsiResponse};
use super::peer::{Message, Peer};
use super::points::Suite;
use super::verdict::{Finding, Outcome, check};

/// The channel of the handshake and of points that are masked once.
pub const FIRST: &str = "root";
/// The channel of points that are masked twice.
pub const SECOND: &str = "root-0";

/// The suite's set and secret.
#[derive(Debug, Clone)]
pub struct Side {
    /// Its ids.
    pub ids: Vec<String>,
    /// Its secret; any 32 bytes.
    pub secret: [u8; 32],
    /// Points of a batch.
    pub batch_size: usize,
}

impl Side {
    /// A side with these ids and a fixed secret.
    pub fn new(ids: Vec<String>) -> Self {
        Self { ids, secret: [0x42; 32], batch_size: 4096 }
    }

    /// Its ids as points, masked.
    ///
    /// # Errors
    /// A suite that the suite's own code does not have.
    pub fn points(&self, suite: Suite) -> Outcome<Vec<Vec<u8>>> {
        let point = |id: &String| suite.mask(&self.secret, &suite.point_of(id.as_bytes())?);
        self.ids.iter().map(point).collect::<Result<_, _>>().map_err(Finding::Error)
    }

    /// Points of the testee, masked again.
    ///
    /// # Errors
    /// Bytes that are no points: a deviation of the testee.
    pub fn again(&self, suite: Suite, points: &[Vec<u8>]) -> Outcome<Vec<Vec<u8>>> {
        let again = |point: &Vec<u8>| suite.mask(&self.secret, point);
        points
            .iter()
            .map(again)
            .collect::<Result<_, _>>()
            .map_err(|problem| Finding::fail("points of the curve in the agreed format", problem))
    }
}

/// Batches of points with the dialect's end.
pub fn batches(kind: &str, points: &[Vec<u8>], size: usize, end: EndOfStream) -> Vec<EcdhPsiCipherBatch> {
    let number = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
    let batch = |index: usize, points: &[Vec<u8>], last| EcdhPsiCipherBatch {
        r#type: kind.to_owned(),
        batch_index: number(index),
        is_last_batch: last,
        count: number(points.len()),
        ciphertext: points.concat().into(),
        ..EcdhPsiCipherBatch::default()
    };
    let mut all: Vec<_> =
        points.chunks(size.max(1)).enumerate().map(|(i, part)| batch(i, part, false)).collect();
    match all.last_mut() {
        Some(last) if end == EndOfStream::LastBatch => last.is_last_batch = true,
        _ => all.push(batch(all.len(), &[], true)),
    }
    all
}

/// Agrees on an intersection as the other rank, without a mistake; `own` is the suite's set size.
///
/// # Errors
/// The testee refuses, or says nothing.
pub fn agree(bench: &mut Bench, peer: &Peer, task: &PsiTask, own: usize) -> Outcome {
    if bench.rank() == 0 {
        let mut request = PsiRequest::of(task);
        request.data.item_num = i64::try_from(own).unwrap_or(i64::MAX);
        peer.send(&bench.key_out(FIRST, 0), request.pack().encode_to_vec());
        let answer = bench.receive(peer, &bench.key_in(FIRST, 0))?;
        let response = response(&answer)?;
        accepted(&response)
    } else {
        bench.receive(peer, &bench.key_in(FIRST, 0))?;
        peer.send(&bench.key_out(FIRST, 0), PsiResponse::of(task).pack().encode_to_vec());
        Ok(())
    }
}

/// The response in a message.
///
/// # Errors
/// A deviation if it is none.
pub fn response(message: &Message) -> Outcome<HandshakeResponse> {
    HandshakeResponse::decode(message.value.clone()).map_err(|error| {
        Finding::fail("a HandshakeResponse", format!("{} bytes: {error}", message.value.len()))
    })
}

/// Whether a response agrees.
///
/// # Errors
/// A deviation if it refuses.
pub fn accepted(response: &HandshakeResponse) -> Outcome {
    let ResponseHeader { error_code, error_msg } = response.header.clone().unwrap_or_default();
    check(error_code == 0, "a response that agrees (code 0)", || {
        format!("it refuses with code {error_code}: {error_msg:?}")
    })
}

/// Pushes batches on a channel, from message number `first` on.
pub fn send(bench: &Bench, peer: &Peer, channel: &str, first: u64, batches: &[EcdhPsiCipherBatch]) {
    for (index, batch) in (first..).zip(batches) {
        peer.send(&bench.key_out(channel, index), batch.encode_to_vec());
    }
}

/// The testee's batches on a channel, from message number `first` on, up to the last.
///
/// # Errors
/// Something else than a batch, or none until the deadline.
pub fn receive(
    bench: &mut Bench,
    peer: &Peer,
    channel: &str,
    first: u64,
) -> Outcome<Vec<EcdhPsiCipherBatch>> {
    let mut all = Vec::new();
    for index in first.. {
        let message = bench.receive(peer, &bench.key_in(channel, index))?;
        let batch = EcdhPsiCipherBatch::decode(message.value.clone())
            .map_err(|error| Finding::fail("an EcdhPsiCipherBatch", error.to_string()))?;
        let last = batch.is_last_batch;
        all.push(batch);
        if last {
            break;
        }
    }
    Ok(all)
}

/// The points of a stream whose counts agree with its bytes; their length is told by the first batch.
///
/// # Errors
/// A deviation otherwise.
pub fn points(batches: &[EcdhPsiCipherBatch]) -> Outcome<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for batch in batches {
        let count = usize::try_from(batch.count).unwrap_or(0);
        let bytes = batch.ciphertext.len();
        let length = bytes.checked_div(count).unwrap_or(0);
        let fits = batch.count >= 0 && length * count == bytes && (count == 0 || length > 0);
        check(fits, "a ciphertext of count points of equal length", || {
            format!("count {} beside {bytes} bytes in batch {}", batch.count, batch.batch_index)
        })?;
        all.extend(batch.ciphertext.chunks(length.max(1)).map(<[u8]>::to_vec));
    }
    Ok(all)
}

/// An intersection without a mistake.
pub struct Run {
    /// The suite's party.
    pub peer: Arc<Peer>,
    /// Points of the testee, masked once.
    pub first: Vec<EcdhPsiCipherBatch>,
    /// Points of the suite, masked again by the testee; empty if the suite does not learn.
    pub second: Vec<EcdhPsiCipherBatch>,
}

/// Runs an intersection without a mistake up to the last message.
///
/// # Errors
/// Whatever the testee does otherwise.
pub fn run(bench: &mut Bench, task: &PsiTask, side: &Side) -> Outcome<Run> {
    let peer = bench.start_psi(task)?;
    bench.connect(&peer)?;
    agree(bench, &peer, task, side.ids.len())?;
    exchange(bench, peer, task, side)
}

/// The exchange of points after the handshake.
///
/// # Errors
/// Whatever the testee does otherwise.
pub fn exchange(bench: &mut Bench, peer: Arc<Peer>, task: &PsiTask, side: &Side) -> Outcome<Run> {
    let end = bench.dialect.end_of_stream;
    let own = batches("enc", &side.points(task.suite)?, side.batch_size, end);
    send(bench, &peer, FIRST, 1, &own);
    let first = receive(bench, &peer, FIRST, 1)?;
    let again = side.again(task.suite, &points(&first)?)?;
    if learns(task, bench.rank()) {
        send(bench, &peer, SECOND, 0, &batches("dual.enc", &again, side.batch_size, end));
    }
    let second = if learns(task, 1 - bench.rank()) { receive(bench, &peer, SECOND, 0)? } else { Vec::new() };
    Ok(Run { peer, first, second })
}

/// Whether a rank learns the intersection.
pub fn learns(task: &PsiTask, rank: usize) -> bool {
    task.result_to < 0 || usize::try_from(task.result_to) == Ok(rank)
}

/// The testee's result is the intersection, and the end is in order.
///
/// # Errors
/// A deviation otherwise.
pub fn finish(bench: &mut Bench, peer: &Peer, task: &PsiTask, side: &Side) -> Outcome {
    bench.end_well(peer)?;
    if !learns(task, bench.rank()) {
        return check(!bench.output().exists(), "no result at a party that is not to learn it", || {
            "it left a result".into()
        });
    }
    let mut found = bench.intersection()?;
    found.sort_unstable();
    let theirs: BTreeSet<_> = side.ids.iter().collect();
    let mut common: Vec<String> = task.ids.iter().filter(|id| theirs.contains(id)).cloned().collect();
    common.sort_unstable();
    check(found == common, format!("the {} common ids", common.len()), || {
        format!("{} ids: {found:?}", found.len())
    })
}

/// A batch as bytes.
pub fn bytes(batch: &EcdhPsiCipherBatch) -> Bytes {
    batch.encode_to_vec().into()
}
