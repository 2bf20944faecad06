//! The four activities of one party and how they end together.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use symbolon_curve::CurveError;
use symbolon_dialect::EndOfStream;
use symbolon_link::{Channel, LinkError, Rank};
use symbolon_mutants::Mutant;

use crate::batch::{self, Batch, Reader};
use crate::error::{Location, Stream};
use crate::ids::{IdSource, OwnIds};
use crate::mask::PointMask;
use crate::own::{OwnItems, OwnSet};
use crate::points::Points;
use crate::queue::Queue;
use crate::second::{check_own_form, check_received_form};
use crate::spool::Room;
use crate::{Progress, PsiError, PsiParams, SecondForm};

/// Bytes behind each of the peer's points in their store: further occurrences of its id, little-endian.
pub(crate) const EXTRA_BYTES: usize = 4;

/// Everything that the activities share.
pub(crate) struct Exchange<'a> {
    pub(crate) first: &'a Channel,
    pub(crate) second: &'a Channel,
    pub(crate) peer: Rank,
    pub(crate) params: &'a PsiParams,
    /// `None` if all masks of this run were computed before.
    pub(crate) masker: Option<&'a dyn PointMask>,
    pub(crate) source: &'a dyn IdSource,
    pub(crate) own: &'a OwnSet,
    pub(crate) peer_holds: Holdings,
    /// For batches of the peer that wait for the masker.
    pub(crate) room: Room,
    pub(crate) state: Shared<'a>,
}

/// What the peer of a resumed run holds already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Holdings {
    /// Items of this party's first stream.
    pub(crate) first: u64,
    /// Items of this party's second stream.
    pub(crate) second: u64,
}

/// The points that this party keeps.
pub(crate) struct Stores {
    /// Own points as they were sent.
    pub(crate) own_once: Points,
    /// The peer's points masked again, each with its further occurrences.
    pub(crate) peer_twice: Points,
    /// Own points as the peer returned them.
    pub(crate) own_twice: Points,
}

/// How far the activities are, and whether one has failed.
pub(crate) struct Shared<'a> {
    stopped: AtomicBool,
    failure: Mutex<Option<PsiError>>,
    progress: Mutex<(Progress, &'a mut (dyn FnMut(Progress) + Send))>,
}

impl<'a> Shared<'a> {
    pub(crate) fn new(start: Progress, progress: &'a mut (dyn FnMut(Progress) + Send)) -> Self {
        progress(start);
        Self {
            stopped: AtomicBool::new(false),
            failure: Mutex::new(None),
            progress: Mutex::new((start, progress)),
        }
    }

    fn report(&self, change: impl FnOnce(&mut Progress)) {
        let mut state = lock(&self.progress);
        change(&mut state.0);
        let now = state.0;
        (state.1)(now);
    }

    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

/// What came of an exchange.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Exchanged {
    /// Batches sent in the first stream, without a separate end.
    pub(crate) sent_batches: u64,
    pub(crate) peer_items: u64,
    pub(crate) peer_rows: u64,
    pub(crate) received_batches: u64,
    /// The form of what the peer returned; `None` if there was nothing.
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

struct PeerTotals {
    items: u64,
    rows: u64,
    batches: u64,
}

impl Exchange<'_> {
    fn i_learn(&self) -> bool {
        self.params.result_to.includes(self.first.rank())
    }

    fn peer_learns(&self) -> bool {
        self.params.result_to.includes(self.peer) || Mutant::ReturnedToNonReceiver.is_on()
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
    /// What the stores and the peer hold already is not done again. The first failure is the one reported. It
    /// aborts the link, which ends every wait of the other activities, and those of the peer.
    pub(crate) fn run(self, stores: &mut Stores) -> Result<Exchanged, PsiError> {
        let Stores { own_once, peer_twice, own_twice } = stores;
        let queue = Queue::new(self.room.clone());
        let (held, further) = (peer_twice.items(), peer_twice.further());
        let (sent, totals, masked, form) = std::thread::scope(|scope| {
            let (this, queue) = (&self, &queue);
            let sender = scope.spawn(move || this.attempt(|| this.send_own(own_once)));
            let reader = scope.spawn(move || {
                let _closing = queue.closing();
                this.attempt(|| this.read_first(queue, held, further))
            });
            let masker = scope.spawn(move || this.attempt(|| this.mask_peer(queue, peer_twice)));
            let form = this.attempt(|| this.read_second(own_twice));
            (joined(sender.join()), joined(reader.join()), joined(masker.join()), form)
        });
        if let Some(failure) = self.state.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        let (Some(sent_batches), Some(totals), Some(()), Some(form)) = (sent, totals, masked, form) else {
            unreachable!("an activity stops early only after a failure is recorded")
        };
        Ok(Exchanged {
            sent_batches,
            peer_items: totals.items,
            peer_rows: totals.rows,
            received_batches: totals.batches,
            form,
        })
    }

    /// Runs one activity; if it fails first, keeps its failure and stops the others.
    fn attempt<T>(&self, activity: impl FnOnce() -> Result<T, Halt>) -> Option<T> {
        let _guard = AbortOnPanic(self);
        let error = match activity() {
            Ok(result) => return Some(result),
            Err(Halt::Stopped) => return None,
            Err(Halt::Failed(error)) => error,
        };
        let mut failure = lock(&self.state.failure);
        if failure.is_none() {
            tracing::debug!(%error, "private set intersection failed");
            self.state.stopped.store(true, Ordering::SeqCst);
            *failure = Some(error);
            self.first.abort("the private set intersection failed");
        }
        None
    }

    fn masker(&self) -> Result<&dyn PointMask, PsiError> {
        self.masker.ok_or_else(|| PsiError::PeerPosition {
            peer: self.peer,
            reason: "it sends items although it had sent all of them before".to_owned(),
        })
    }

    /// Own items, masked once, on the main channel: those that were computed before out of their store.
    /// Returns the number of batches sent that carry points.
    fn send_own(&self, own_once: &mut Points) -> Result<u64, Halt> {
        let (total, point_bytes) = (self.own.items(), self.params.suite.point_bytes());
        let mut out = FirstStream::new(self);
        let mut stored = own_once.read(out.sent);
        while let Some((first, points)) = stored.next()? {
            out.send(first, Bytes::copy_from_slice(points))?;
        }
        drop(stored);
        let mut done = own_once.items();
        if done < total {
            let mut ids = OwnIds::new(self.source, self.own, done)?;
            while done < total {
                if self.state.stopped() {
                    return Err(Halt::Stopped);
                }
                let batch = ids.next(self.params.batch_size)?;
                let masked = self.masker().and_then(|masker| {
                    let index = out.index;
                    masker.mask_items(&batch).map_err(|source| PsiError::OursMask { batch: index, source })
                })?;
                let first = done;
                done += batch.len() as u64;
                own_once.append(&masked, point_bytes, 0, done == total)?;
                out.send(first, masked.into())?;
                self.state.report(|p| p.own_masked = done);
            }
        }
        Ok(out.end()?)
    }

    /// The peer's points off the main channel, checked and counted, into the queue. `held` of them came in
    /// earlier runs, with so many further occurrences.
    fn read_first(&self, queue: &Queue, held: u64, further: u64) -> Result<PeerTotals, Halt> {
        let point_bytes = self.params.suite.point_bytes();
        let mut reader = Reader::new(self.peer, Stream::First, Some(point_bytes));
        let mut totals = PeerTotals { items: held, rows: held.saturating_add(further), batches: 0 };
        loop {
            let message = self.receive(self.first, "receiving the peer's masked items")?;
            let at = reader.location();
            let batch = reader.read(message.clone(), |_| None, point_bytes)?;
            totals.items = totals.items.saturating_add(batch.items());
            let limit = self.params.peer_items.unwrap_or(self.params.max_peer_items);
            if totals.items > limit && !Mutant::TotalNotChecked.is_on() {
                return Err(self.too_many(totals.items, limit).into());
            }
            let further = batch.further();
            totals.rows = totals.rows.saturating_add(batch.items()).saturating_add(further);
            // A few bytes announce any number of rows, and who learns the result writes them all.
            if totals.rows > self.params.max_peer_items {
                return Err(self.too_many(totals.rows, self.params.max_peer_items).into());
            }
            if self.params.duplicates == crate::Duplicates::Refuse && further > 0 {
                let item = totals.items.saturating_sub(batch.items());
                let first = batch.extra.keys().next().map_or(0, |&key| u64::from(key));
                return Err(
                    PsiError::PeerDuplicate { peer: self.peer, item: item.saturating_add(first) }.into()
                );
            }
            totals.batches += u64::from(batch.count > 0);
            let last = batch.last;
            queue.push(at, batch, &message)?;
            if self.state.stopped() {
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
        let plausible = !self.i_learn() && totals.items > 0 && totals.items <= announced;
        if complete || plausible || Mutant::TotalNotChecked.is_on() {
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

    /// The peer's points out of the queue, masked again, kept and returned as the plan says; before them those
    /// that were masked in earlier runs and that the peer does not hold.
    fn mask_peer(&self, queue: &Queue, peer_twice: &mut Points) -> Result<(), Halt> {
        let suite = self.params.suite;
        let (point_bytes, learns) = (suite.point_bytes(), self.peer_learns());
        let mut out = SecondStream::new(self);
        if learns {
            let mut stored = peer_twice.read(out.sent);
            while let Some((first, records)) = stored.next()? {
                let points: Vec<u8> = records
                    .chunks_exact(point_bytes + EXTRA_BYTES)
                    .flat_map(|record| record.get(..point_bytes).unwrap_or_default())
                    .copied()
                    .collect();
                out.send(first, points, false)?;
            }
        }
        while let Some((at, batch)) = queue.pop()? {
            if self.state.stopped() {
                return Err(Halt::Stopped);
            }
            let first = peer_twice.items();
            if batch.count > 0 {
                let twice = self.masker()?.mask_points(&batch.points).map_err(|e| refused_point(at, e))?;
                if learns {
                    check_own_form(self.params, self.own.items(), first.saturating_add(batch.items()))?;
                }
                let records = records(&twice, point_bytes, &batch);
                peer_twice.append(&records, point_bytes + EXTRA_BYTES, batch.further(), batch.last)?;
                if learns {
                    out.send(first, twice, batch.last)?;
                }
                let done = peer_twice.items();
                self.state.report(|p| p.peer_masked = done);
            } else if batch.last && !peer_twice.has_ended() {
                peer_twice.append(&[], point_bytes + EXTRA_BYTES, 0, true)?;
            }
        }
        if learns && !self.state.stopped() {
            out.end()?;
        }
        Ok(())
    }

    /// Own points, masked twice, off the sub-channel.
    fn read_second(&self, own_twice: &mut Points) -> Result<Option<SecondForm>, Halt> {
        if !self.i_learn() {
            return Ok(None);
        }
        let sent = self.own.items();
        let agreed = SecondForm::sent(self.params).bytes(self.params.suite);
        let known = own_twice.record_bytes();
        let mut reader = Reader::new(self.peer, Stream::Second, known);
        let mut form = known.and_then(|length| SecondForm::received(self.params, length));
        let mut found = own_twice.items();
        loop {
            let message = self.receive(self.second, "receiving own items masked by the peer")?;
            let at = reader.location();
            let batch = reader.read(message, |length| SecondForm::received(self.params, length), agreed)?;
            found = found.saturating_add(batch.items());
            if (found > sent || (batch.last && found != sent)) && !Mutant::ReturnedNotCounted.is_on() {
                return Err(PsiError::PeerSecondCount { at, found, sent }.into());
            }
            let length = reader.item_bytes().unwrap_or(agreed);
            if form.is_none() && batch.count > 0 {
                form = SecondForm::received(self.params, length);
                if let (Some(form), Some(peer_items)) = (form, self.params.peer_items) {
                    check_received_form(self.params, self.peer, form, sent, peer_items)?;
                }
            }
            if batch.count > 0 || !own_twice.has_ended() {
                own_twice.append(&batch.points, length, 0, batch.last)?;
            }
            self.state.report(|p| p.returned = found);
            if batch.last {
                return Ok(form);
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
        points: Bytes,
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
        let index = if Mutant::EndIndexStands.is_on() { index.saturating_sub(1) } else { index };
        self.send(channel, stream, index, true, 0, Bytes::new(), BTreeMap::new())
    }

    fn ends_with_batch(&self) -> bool {
        self.params.end_of_stream == EndOfStream::LastBatch
    }
}

/// A panic of one activity ends the waits of the others, so that it can go on in the thread that began them all.
struct AbortOnPanic<'a, 'b>(&'a Exchange<'b>);

impl Drop for AbortOnPanic<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state.stopped.store(true, Ordering::SeqCst);
            self.0.first.abort("the private set intersection failed");
        }
    }
}

/// What is sent of own items masked once.
struct FirstStream<'a, 'b> {
    exchange: &'a Exchange<'b>,
    /// The item to be sent next; the peer holds those before it.
    sent: u64,
    index: u64,
    ended: bool,
    /// Tells the items' further occurrences, if the peer is to know them.
    occurrences: Option<OwnItems<'a>>,
}

impl<'a, 'b> FirstStream<'a, 'b> {
    fn new(exchange: &'a Exchange<'b>) -> Self {
        let (own, sent) = (exchange.own, exchange.peer_holds.first);
        let told = exchange.peer_learns() && own.repeated_rows() > 0;
        let occurrences = told.then(|| own.items_from(sent));
        Self { exchange, sent, index: 0, ended: false, occurrences }
    }

    /// Sends `points`, of which the first is item `first`, without those that the peer holds.
    fn send(&mut self, first: u64, points: Bytes) -> Result<(), PsiError> {
        let exchange = self.exchange;
        let point_bytes = exchange.params.suite.point_bytes();
        let rest = points.slice(held_bytes(&points, point_bytes, first, self.sent)..);
        let count = rest.len() / point_bytes;
        let mut extra = BTreeMap::new();
        if let Some(items) = &mut self.occurrences {
            for position in (0u32..).take(count) {
                if let Some((_, further)) = items.next()?.filter(|(_, further)| *further > 0) {
                    extra.insert(position, further);
                }
            }
        }
        if count > 0 {
            self.sent += count as u64;
            self.ended = exchange.ends_with_batch() && self.sent == exchange.own.items();
            exchange.send(exchange.first, Stream::First, self.index, self.ended, count, rest, extra)?;
            self.index += 1;
        }
        Ok(())
    }

    /// Ends the stream, and returns the number of batches with points.
    fn end(self) -> Result<u64, PsiError> {
        let nothing = Mutant::EmptyOwnSetWithoutEnd.is_on() && self.exchange.own.items() == 0;
        if !self.ended && !nothing {
            self.exchange.send_end(self.exchange.first, Stream::First, self.index)?;
        }
        Ok(self.index)
    }
}

/// What is sent of the peer's points masked twice.
struct SecondStream<'a, 'b> {
    exchange: &'a Exchange<'b>,
    /// The item to be sent next; the peer holds those before it.
    sent: u64,
    index: u64,
    ended: bool,
}

impl<'a, 'b> SecondStream<'a, 'b> {
    fn new(exchange: &'a Exchange<'b>) -> Self {
        Self { exchange, sent: exchange.peer_holds.second, index: 0, ended: false }
    }

    /// Sends `points`, of which the first is item `first`, without those that the peer holds; `last` says that
    /// none follow.
    fn send(&mut self, first: u64, points: Vec<u8>, last: bool) -> Result<(), PsiError> {
        let (exchange, params) = (self.exchange, self.exchange.params);
        let form = SecondForm::sent(params);
        let points = if Mutant::ReturnedInReverse.is_on() {
            points.chunks_exact(params.suite.point_bytes()).rev().flatten().copied().collect()
        } else {
            points
        };
        let points = Bytes::from(form.cut(params.suite, points));
        let points = points.slice(held_bytes(&points, form.bytes(params.suite), first, self.sent)..);
        let count = points.len() / form.bytes(params.suite);
        if count > 0 {
            self.ended = last && exchange.ends_with_batch();
            exchange.send(
                exchange.second,
                Stream::Second,
                self.index,
                self.ended,
                count,
                points,
                BTreeMap::new(),
            )?;
            self.sent += count as u64;
            self.index += 1;
        }
        Ok(())
    }

    fn end(self) -> Result<(), PsiError> {
        if self.ended {
            Ok(())
        } else {
            self.exchange.send_end(self.exchange.second, Stream::Second, self.index)
        }
    }
}

/// Bytes of the items of `records`, the first of which is item `first`, that lie before item `from`.
fn held_bytes(records: &[u8], record_bytes: usize, first: u64, from: u64) -> usize {
    let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX).saturating_mul(record_bytes);
    skip.min(records.len())
}

/// Each point with its further occurrences behind it.
fn records(points: &[u8], point_bytes: usize, batch: &Batch) -> Vec<u8> {
    let mut records = Vec::with_capacity(points.len() + EXTRA_BYTES * batch.count);
    let mut extra = batch.extra.iter().peekable();
    for (position, point) in (0u32..).zip(points.chunks_exact(point_bytes)) {
        let further = extra.next_if(|(at, _)| **at == position).map_or(0, |(_, further)| *further);
        records.extend_from_slice(point);
        records.extend_from_slice(&further.to_le_bytes());
    }
    records
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
