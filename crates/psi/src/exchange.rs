//! The four activities of one party and how they end together.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use symbolon_curve::{CurveError, Masker};
use symbolon_dialect::EndOfStream;
use symbolon_link::{Channel, LinkError, Rank};

use crate::batch::{self, Batch, Reader};
use crate::error::{Location, Stream};
use crate::intersection::PeerPoints;
use crate::items::OwnItems;
use crate::second::{check_own_form, check_received_form};
use crate::{Progress, PsiError, PsiParams, SecondForm};

/// Everything that the activities share.
pub(crate) struct Exchange<'a, I> {
    pub(crate) first: &'a Channel,
    pub(crate) second: &'a Channel,
    pub(crate) peer: Rank,
    pub(crate) params: &'a PsiParams,
    pub(crate) masker: &'a Masker,
    pub(crate) items: &'a [I],
    pub(crate) own: &'a OwnItems,
    pub(crate) i_learn: bool,
    pub(crate) peer_learns: bool,
    stopped: AtomicBool,
    failure: Mutex<Option<PsiError>>,
    progress: Mutex<(Progress, &'a mut (dyn FnMut(Progress) + Send))>,
}

/// What came of an exchange.
#[derive(Debug, Default)]
pub(crate) struct Exchanged {
    /// Batches sent in the first stream, without a separate end.
    pub(crate) sent_batches: u64,
    pub(crate) peer_items: u64,
    pub(crate) peer_rows: u64,
    pub(crate) received_batches: u64,
    pub(crate) peer_points: PeerPoints,
    /// What the peer returned for own points, and its form; `None` while there was nothing.
    pub(crate) own_second: Vec<u8>,
    pub(crate) form: Option<SecondForm>,
}

/// One activity's early end.
enum Halt {
    /// It failed.
    Failed(PsiError),
    /// Another one failed before.
    Stopped,
}

impl From<PsiError> for Halt {
    fn from(error: PsiError) -> Self {
        Self::Failed(error)
    }
}

#[derive(Default)]
struct PeerTotals {
    items: u64,
    rows: u64,
    batches: u64,
}

impl<'a, I: AsRef<[u8]> + Sync> Exchange<'a, I> {
    #[allow(clippy::too_many_arguments, reason = "called once; each is a field")]
    pub(crate) fn new(
        first: &'a Channel,
        second: &'a Channel,
        peer: Rank,
        params: &'a PsiParams,
        masker: &'a Masker,
        items: &'a [I],
        own: &'a OwnItems,
        progress: &'a mut (dyn FnMut(Progress) + Send),
    ) -> Self {
        let state =
            Progress { own_items: own.len() as u64, peer_items: params.peer_items, ..Progress::default() };
        Self {
            first,
            second,
            peer,
            params,
            masker,
            items,
            own,
            i_learn: params.result_to.includes(first.rank()),
            peer_learns: params.result_to.includes(peer),
            stopped: AtomicBool::new(false),
            failure: Mutex::new(None),
            progress: Mutex::new((state, progress)),
        }
    }

    /// Runs the activities on a thread each:
    ///
    /// - masking own items and sending them,
    /// - receiving the peer's points, which never waits for anything else: the peer's sends always get
    ///   through, so two parties that both wait for room in the other's window cannot block each other,
    /// - masking the peer's points, keeping them if this party learns the result and returning them if the
    ///   peer does,
    /// - receiving own points as the peer returns them, if this party learns the result.
    ///
    /// The first failure is the one reported. It aborts the link, which ends every wait of the other activities,
    /// and those of the peer.
    pub(crate) fn run(self) -> Result<Exchanged, PsiError> {
        let (queue, queued) = mpsc::channel();
        let (sent, totals, peer_points, returned) = std::thread::scope(|scope| {
            let this = &self;
            let sender = scope.spawn(move || this.attempt(|| this.send_own()));
            let reader = scope.spawn(move || this.attempt(|| this.read_first(queue)));
            let masker = scope.spawn(move || this.attempt(|| this.mask_peer(queued)));
            let returned = this.attempt(|| this.read_second());
            (joined(sender.join()), joined(reader.join()), joined(masker.join()), returned)
        });
        if let Some(failure) = self.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        let (Some(sent_batches), Some(totals), Some(peer_points), Some((own_second, form))) =
            (sent, totals, peer_points, returned)
        else {
            unreachable!("an activity stops early only after a failure is recorded")
        };
        Ok(Exchanged {
            sent_batches,
            peer_items: totals.items,
            peer_rows: totals.rows,
            received_batches: totals.batches,
            peer_points,
            own_second,
            form,
        })
    }

    /// Runs one activity; if it fails first, keeps its failure and stops the others.
    fn attempt<T>(&self, activity: impl FnOnce() -> Result<T, Halt>) -> Option<T> {
        let error = match activity() {
            Ok(result) => return Some(result),
            Err(Halt::Stopped) => return None,
            Err(Halt::Failed(error)) => error,
        };
        let mut failure = lock(&self.failure);
        if failure.is_none() {
            tracing::debug!(%error, "private set intersection failed");
            self.stopped.store(true, Ordering::SeqCst);
            *failure = Some(error);
            self.first.abort("the private set intersection failed");
        }
        None
    }

    fn report(&self, change: impl FnOnce(&mut Progress)) {
        let mut state = lock(&self.progress);
        change(&mut state.0);
        let now = state.0;
        (state.1)(now);
    }

    /// Own items, masked once, on the main channel. Returns the number of batches that carry points.
    fn send_own(&self) -> Result<u64, Halt> {
        let total = self.own.len();
        let size = self.params.batch_size;
        let (mut index, mut start) = (0u64, 0usize);
        while start < total {
            if self.stopped() {
                return Err(Halt::Stopped);
            }
            let end = total.min(start.saturating_add(size));
            let rows: Vec<&[u8]> = (start..end)
                .filter_map(|position| self.items.get(self.own.row(position)))
                .map(AsRef::as_ref)
                .collect();
            let masked = self
                .masker
                .mask_items(&rows)
                .map_err(|source| PsiError::OursMask { batch: index, source })?;
            let extra: BTreeMap<u32, u32> = if self.peer_learns {
                let in_batch = self.own.extra.range(start..end);
                in_batch.filter_map(|(p, n)| Some((u32::try_from(p - start).ok()?, *n))).collect()
            } else {
                BTreeMap::new()
            };
            let last = end == total && self.params.end_of_stream == EndOfStream::LastBatch;
            self.send(self.first, Stream::First, index, last, rows.len(), masked, extra)?;
            self.report(|p| p.own_masked = end as u64);
            index += 1;
            start = end;
        }
        if total == 0 || self.params.end_of_stream == EndOfStream::EmptyBatch {
            self.send_end(self.first, Stream::First, index)?;
        }
        Ok(index)
    }

    /// The peer's points off the main channel, checked and counted, into the queue.
    fn read_first(&self, queue: Sender<(Location, Batch)>) -> Result<PeerTotals, Halt> {
        let mut reader = Reader::new(self.peer, Stream::First, self.params.suite.point_bytes());
        let mut totals = PeerTotals::default();
        loop {
            let message = self.receive(self.first, "receiving the peer's masked items")?;
            let at = reader.location();
            let batch = reader.read(message, |_| None, self.params.suite.point_bytes())?;
            totals.items = totals.items.saturating_add(batch.items());
            let limit = self.params.peer_items.unwrap_or(self.params.max_peer_items);
            if totals.items > limit {
                return Err(self.too_many(totals.items, limit).into());
            }
            let further: u64 = batch.extra.values().map(|&n| u64::from(n)).sum();
            totals.rows = totals.rows.saturating_add(batch.items()).saturating_add(further);
            if self.params.duplicates == crate::Duplicates::Refuse && further > 0 {
                let item = totals.items.saturating_sub(batch.items());
                let first = batch.extra.keys().next().map_or(0, |&key| u64::from(key));
                return Err(
                    PsiError::PeerDuplicate { peer: self.peer, item: item.saturating_add(first) }.into()
                );
            }
            totals.batches += u64::from(batch.count > 0);
            let last = batch.last;
            if queue.send((at, batch)).is_err() {
                return Err(Halt::Stopped);
            }
            if last {
                break;
            }
        }
        self.check_totals(&totals)?;
        Ok(totals)
    }

    /// The peer announced rows or distinct ids; a party that does not learn the result is not told
    /// repetitions, so it can only see that there are not more ids than announced.
    fn check_totals(&self, totals: &PeerTotals) -> Result<(), PsiError> {
        let Some(announced) = self.params.peer_items else { return Ok(()) };
        let complete = totals.items == announced || totals.rows == announced;
        let plausible = !self.i_learn && totals.items > 0 && totals.items <= announced;
        if complete || plausible {
            return Ok(());
        }
        if totals.rows > announced {
            return Err(self.too_many(totals.rows, announced));
        }
        Err(PsiError::PeerTooFewItems { peer: self.peer, items: totals.items, rows: totals.rows, announced })
    }

    fn too_many(&self, items: u64, limit: u64) -> PsiError {
        PsiError::PeerTooManyItems { peer: self.peer, announced: false, items, limit }
    }

    /// The peer's points out of the queue, masked again, kept and returned as the plan says.
    fn mask_peer(&self, queued: Receiver<(Location, Batch)>) -> Result<PeerPoints, Halt> {
        let form = SecondForm::sent(self.params);
        let mut peer = PeerPoints::default();
        let (mut items, mut index) = (0usize, 0u64);
        for (at, batch) in queued {
            if self.stopped() {
                return Err(Halt::Stopped);
            }
            if self.i_learn {
                peer.extra.extend(
                    batch.extra.iter().filter(|(_, n)| **n > 0).map(|(&key, &n)| {
                        (items.saturating_add(usize::try_from(key).unwrap_or(usize::MAX)), n)
                    }),
                );
            }
            items = items.saturating_add(batch.count);
            if batch.count > 0 {
                let twice = self.masker.mask_points(&batch.points).map_err(|e| refused_point(at, e))?;
                if self.i_learn {
                    peer.points.extend_from_slice(&twice);
                }
                if self.peer_learns {
                    check_own_form(self.params, self.own.len() as u64, items as u64)?;
                    let last = batch.last && self.params.end_of_stream == EndOfStream::LastBatch;
                    let cut = form.cut(self.params.suite, twice);
                    self.send(self.second, Stream::Second, index, last, batch.count, cut, BTreeMap::new())?;
                    index += 1;
                }
                self.report(|p| p.peer_masked = items as u64);
            }
            let ended = batch.count > 0 && self.params.end_of_stream == EndOfStream::LastBatch;
            if batch.last && self.peer_learns && !ended {
                self.send_end(self.second, Stream::Second, index)?;
            }
        }
        Ok(peer)
    }

    /// Own points, masked twice, off the sub-channel.
    fn read_second(&self) -> Result<(Vec<u8>, Option<SecondForm>), Halt> {
        let mut second = Vec::new();
        let mut form = None;
        if !self.i_learn {
            return Ok((second, form));
        }
        let sent = self.own.len() as u64;
        let agreed = SecondForm::sent(self.params).bytes(self.params.suite);
        let mut reader = Reader::new(self.peer, Stream::Second, self.params.suite.point_bytes());
        let mut found = 0u64;
        loop {
            let message = self.receive(self.second, "receiving own items masked by the peer")?;
            let at = reader.location();
            let batch = reader.read(message, |length| SecondForm::received(self.params, length), agreed)?;
            found = found.saturating_add(batch.items());
            if found > sent || (batch.last && found != sent) {
                return Err(PsiError::PeerSecondCount { at, found, sent }.into());
            }
            if form.is_none()
                && batch.count > 0
                && let Some(length) = reader.item_bytes()
            {
                form = SecondForm::received(self.params, length);
                if let (Some(form), Some(peer_items)) = (form, self.params.peer_items) {
                    check_received_form(self.params, self.peer, form, sent, peer_items)?;
                }
                second.reserve_exact(length.saturating_mul(self.own.len()));
            }
            second.extend_from_slice(&batch.points);
            self.report(|p| p.returned = found);
            if batch.last {
                return Ok((second, form));
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of the message")]
    fn send(
        &self,
        channel: &Channel,
        stream: Stream,
        index: u64,
        last: bool,
        count: usize,
        points: Vec<u8>,
        extra: BTreeMap<u32, u32>,
    ) -> Result<(), PsiError> {
        let message = batch::encode(stream, index, last, count, points, extra)?;
        let during = match stream {
            Stream::First => "sending masked items",
            Stream::Second => "returning the peer's items masked again",
        };
        channel.send(self.peer, message).map_err(link(during))
    }

    fn receive(&self, channel: &Channel, during: &'static str) -> Result<Bytes, PsiError> {
        channel.recv(self.peer).map_err(link(during))
    }

    fn send_end(&self, channel: &Channel, stream: Stream, index: u64) -> Result<(), PsiError> {
        self.send(channel, stream, index, true, 0, Vec::new(), BTreeMap::new())
    }

    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

fn refused_point(at: Location, error: CurveError) -> PsiError {
    match error {
        CurveError::PeerLowOrder { index } => PsiError::PeerLowOrder { at, index },
        source => PsiError::PeerPoint { at, source },
    }
}

fn link(during: &'static str) -> impl FnOnce(LinkError) -> PsiError {
    move |source| PsiError::Link { during, source }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The result of a thread; its panic goes on here.
fn joined<T>(result: std::thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
