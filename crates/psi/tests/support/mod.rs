//! Two parties over the in-memory link, and a scripted peer.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;

use bytes::Bytes;
use symbolon_curve::{Masker, SecretScalar, Suite};
use symbolon_dialect::Dialect;
use symbolon_link::{Channel, Link, memory};
use symbolon_psi::{
    CommonId, Intersected, OwnSet, PlacedRow, PsiError, PsiOutcome, PsiParams, ScanOptions, Storage,
    intersect, run,
};
use symbolon_wire::{Message, runtime::EcdhPsiCipherBatch};

pub(crate) const SUITE: Suite = Suite::CURVE25519_SHA256_DIRECT;

pub(crate) fn params() -> PsiParams {
    PsiParams::new(SUITE, &Dialect::symbolon())
}

pub(crate) fn secret() -> SecretScalar {
    secret_of(SUITE)
}

pub(crate) fn secret_of(suite: Suite) -> SecretScalar {
    SecretScalar::random(suite.curve).expect("randomness")
}

pub(crate) fn masker() -> Masker {
    Masker::new(SUITE, secret()).expect("implemented")
}

pub(crate) fn links() -> [Link; 2] {
    memory::network(2, &Dialect::symbolon()).try_into().unwrap_or_else(|_| panic!("two links"))
}

/// Runs both parties, each with its own parameters.
pub(crate) fn run_both<I: AsRef<[u8]> + Sync>(
    params: [&PsiParams; 2],
    items: [&[I]; 2],
) -> [Result<PsiOutcome, PsiError>; 2] {
    let links = links();
    let links = &links;
    std::thread::scope(|scope| {
        let [a, b] = [0, 1].map(|rank| {
            let secret = secret_of(params[rank].suite);
            scope.spawn(move || run(&links[rank].root(), params[rank], items[rank], secret, &mut |_| {}))
        });
        [a.join().expect("rank 0"), b.join().expect("rank 1")]
    })
}

/// The scan of `items` with so much memory, as the parameters want it.
pub(crate) fn scan<I: AsRef<[u8]> + Sync>(
    params: &PsiParams,
    items: &[I],
    memory: u64,
) -> Result<OwnSet, PsiError> {
    let options =
        ScanOptions { duplicates: params.duplicates, partition: None, memory, scratch: std::env::temp_dir() };
    OwnSet::scan(&items, &options, &mut |_| {})
}

/// A result in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lists {
    pub(crate) ids: Option<Vec<CommonId>>,
    pub(crate) rows: Option<Vec<PlacedRow>>,
    pub(crate) peer_items: u64,
    pub(crate) peer_rows: u64,
}

impl Lists {
    pub(crate) fn of(found: &Intersected, own: &OwnSet) -> Self {
        let rows = |common: &symbolon_psi::Common| {
            common.by_row(own, 0, &std::env::temp_dir()).unwrap().collect::<Result<_, _>>().unwrap()
        };
        Self {
            ids: found.common.as_ref().map(|common| common.ids().collect::<Result<_, _>>().unwrap()),
            rows: found.common.as_ref().map(rows),
            peer_items: found.peer_items,
            peer_rows: found.statistics.peer_rows,
        }
    }
}

/// One party with next to no memory.
pub(crate) fn run_on_disk<I: AsRef<[u8]> + Sync>(
    channel: &Channel,
    params: &PsiParams,
    items: &[I],
    secret: SecretScalar,
) -> Result<Lists, PsiError> {
    let own = scan(params, items, 0)?;
    let storage = Storage::Scratch { memory: 0, directory: &std::env::temp_dir() };
    let found = intersect(channel, params, &items, &own, storage, secret, &mut |_| {})?;
    Ok(Lists::of(&found, &own))
}

/// Runs rank 0 against a peer that does what `script` says with its main channel and its sub-channel.
pub(crate) fn run_against<T: Send>(
    params: &PsiParams,
    items: &[&str],
    secret: SecretScalar,
    script: impl FnOnce(&Channel, &Channel) -> T + Send,
) -> (Result<PsiOutcome, PsiError>, T) {
    against(script, |channel| run(channel, params, items, secret, &mut |_| {}))
}

/// Runs rank 0 as `party` does against a peer that does what `script` says.
pub(crate) fn against<R, T: Send>(
    script: impl FnOnce(&Channel, &Channel) -> T + Send,
    party: impl FnOnce(&Channel) -> R,
) -> (R, T) {
    let links = links();
    std::thread::scope(|scope| {
        let peer = links[1].root();
        let peer = scope.spawn(move || script(&peer, &peer.spawn()));
        let outcome = party(&links[0].root());
        (outcome, peer.join().expect("the script"))
    })
}

/// Sends to rank 0, which may have given up already.
pub(crate) fn say(channel: &Channel, message: Bytes) {
    let _ = channel.send(0, message);
}

/// A batch that a well-behaved peer would send, to be spoilt by the test.
pub(crate) fn batch(
    stream: &str,
    index: i32,
    last: bool,
    item_bytes: usize,
    points: Vec<u8>,
) -> EcdhPsiCipherBatch {
    EcdhPsiCipherBatch {
        r#type: stream.to_owned(),
        batch_index: index,
        is_last_batch: last,
        count: i32::try_from(points.len() / item_bytes).expect("small"),
        ciphertext: points.into(),
        duplicate_item_cnt_map: BTreeMap::new(),
    }
}

pub(crate) fn bytes(message: &EcdhPsiCipherBatch) -> Bytes {
    message.encode_to_vec().into()
}
