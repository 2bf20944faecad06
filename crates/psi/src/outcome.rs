//! The run as a whole, and what comes of it.

use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use symbolon_curve::{CurveError, Masker, SecretScalar, Suite};
use symbolon_link::{Channel, Rank};
use symbolon_wire::{Message, decode, psi_run::PsiRunPosition};

use crate::compare::Comparison;
use crate::directory::Terms;
use crate::disk::check_space;
use crate::exchange::{EXTRA_BYTES, Exchange, Exchanged, Holdings, Shared, Stores};
use crate::ids::IdSource;
use crate::mask::PointMask;
use crate::own::OwnSet;
use crate::points::Points;
use crate::result::{Common, CommonId};
use crate::second::{check_own_form, check_received_form};
use crate::spool::Room;
use crate::{PsiError, PsiParams, RunDirectory, RunState, SecondForm};

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Masking, sending and receiving.
    #[default]
    Exchange,
    /// Comparing the two sets.
    Compare,
}

/// How far a run is. Counts are of items and only grow; in a resumed run they start where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Items that this party sends.
    pub own_items: u64,
    /// Own items masked and handed to the link.
    pub own_masked: u64,
    /// Items that the peer announced, if it did.
    pub peer_items: Option<u64>,
    /// The peer's items masked again.
    pub peer_masked: u64,
    /// Own items that came back from the peer; stays 0 at a party that does not learn the result.
    pub returned: u64,
}

/// Facts about a finished run, for reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Own rows.
    pub own_rows: u64,
    /// Own items sent: distinct ids, or all rows under [`Duplicates::AsGiven`](crate::Duplicates::AsGiven).
    pub own_items: u64,
    /// Batches with points that this party sent in the first stream, since it was last resumed.
    pub sent_batches: u64,
    /// Batches with points that the peer sent in the first stream, since the run was last resumed.
    pub received_batches: u64,
    /// The peer's items with the repetitions that it told.
    pub peer_rows: u64,
    /// The form of the second ciphertexts that the peer sent; `None` if it sent none.
    pub peer_form: Option<SecondForm>,
}

/// What a run found done when it was resumed, in items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resumed {
    /// Own items that were masked before.
    pub own_masked: u64,
    /// The peer's items that were masked before.
    pub peer_masked: u64,
    /// Own items that had come back from the peer before.
    pub returned: u64,
}

/// What this party has at the end, as lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PsiOutcome {
    /// Own row (from 0) of each common id, its first if there are several, in the order that both parties
    /// share. `None` if the result is not for this party.
    pub indices: Option<Vec<usize>>,
    /// All own rows that hold a common id, repetitions included, ascending. `None` as above.
    pub file_order: Option<Vec<usize>>,
    /// For each of `indices`, how many own rows hold the id.
    pub own_counts: Option<Vec<u64>>,
    /// For each of `indices`, how many of the peer's rows hold the id, as far as it told.
    pub peer_counts: Option<Vec<u64>>,
    /// Points that the peer sent: the size of its set.
    pub peer_items: u64,
    /// Facts for reports.
    pub statistics: Statistics,
}

/// What this party has at the end, whatever its size.
#[derive(Debug)]
pub struct Intersected {
    /// The common ids; `None` if the result is not for this party.
    pub common: Option<Common>,
    /// Points that the peer sent: the size of its set.
    pub peer_items: u64,
    /// Facts for reports.
    pub statistics: Statistics,
    /// What was done before this process.
    pub resumed: Resumed,
    /// Whether the peer has said that it has its result too. Only the peer of a run that can be resumed says so.
    pub confirmed: bool,
}

/// Where a run keeps its points.
#[derive(Debug)]
pub enum Storage<'a> {
    /// In memory, see [`Need::memory`].
    Memory,
    /// In unnamed files that vanish with the process.
    Scratch {
        /// Bytes of memory for everything but the own set's bits and the batches under way.
        memory: u64,
        /// Folder of the files.
        directory: &'a Path,
    },
    /// In a run directory, so that the run can be resumed.
    Run {
        /// As above.
        memory: u64,
        /// The directory.
        directory: &'a mut RunDirectory,
        /// The run agreed in the handshake; `None` if the peer cannot resume. Then this is as `Scratch`.
        agreed: Option<[u8; 16]>,
    },
}

/// What a run takes, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Bytes of memory for [`Storage::Memory`], without the ids.
    pub memory: u64,
    /// Bytes of disk for the other storages.
    pub disk: u64,
}

/// Estimates what intersecting sets of these sizes takes.
pub fn need(suite: Suite, own_items: u64, peer_items: u64) -> Need {
    let point = suite.point_bytes() as u64;
    let times = |items: u64, bytes: u64| items.saturating_mul(bytes);
    let sum = |parts: &[u64]| parts.iter().fold(0u64, |sum, part| sum.saturating_add(*part));
    let result = times(own_items.min(peer_items), CommonId::BYTES as u64 * 2);
    // Sorting: a key with row and count, for the peer also the whole point if the key is a part of it.
    let sorting = sum(&[times(own_items, point + 8), times(peer_items, 2 * point + 8)]);
    let kept = sum(&[times(own_items, point), times(peer_items, point + EXTRA_BYTES as u64)]);
    let prefixes = times(own_items.saturating_add(peer_items), 16);
    // Own points as sent, and in the worst case all of the peer's points waiting.
    let disk = sum(&[kept, times(own_items, point), times(peer_items, point), sorting, result]);
    Need {
        memory: sum(&[kept, sorting, prefixes, result, 16 << 20]),
        // One in a hundred for what goes with each batch.
        disk: sum(&[disk, disk / 100, 1 << 20]),
    }
}

/// Intersects `items` with the peer's, as one of the two parties of `channel`, in memory.
///
/// Both parties call this at the same step of the channel: it takes the channel's next point-to-point
/// messages and its next sub-channel. `items` are hashed as they are (no trimming, any bytes). `secret`
/// is used up; draw a fresh one per run. `progress` is called from several threads, one at a time.
///
/// The messages sent are a function of `items`, `params`, `secret` and the peer's messages; only their
/// order across the two streams depends on timing.
///
/// # Errors
/// [`PsiError`]: parameters and own duplicates before anything is sent; whatever the peer or the link does
/// wrong afterwards. An error during the exchange has aborted the link of `channel`; after any error the channel is
/// at no defined step.
pub fn run<I: AsRef<[u8]> + Sync>(
    channel: &Channel,
    params: &PsiParams,
    items: &[I],
    secret: SecretScalar,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<PsiOutcome, PsiError> {
    let room = Room::unlimited();
    let own = OwnSet::scan_in(&items, params.duplicates, None, &room, false, &mut |_| {})?;
    let found = intersect(channel, params, &items, &own, Storage::Memory, secret, progress)?;
    let mut outcome = PsiOutcome {
        indices: None,
        file_order: None,
        own_counts: None,
        peer_counts: None,
        peer_items: found.peer_items,
        statistics: found.statistics,
    };
    if let Some(common) = found.common {
        let ids = common.ids().collect::<Result<Vec<_>, _>>()?;
        let row = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
        outcome.indices = Some(ids.iter().map(|id| row(id.row)).collect());
        outcome.own_counts = Some(ids.iter().map(|id| id.own_count).collect());
        outcome.peer_counts = Some(ids.iter().map(|id| id.peer_count).collect());
        let rows = common.by_row_in(&own, &room)?;
        outcome.file_order =
            Some(rows.map(|placed| placed.map(|placed| row(placed.row))).collect::<Result<_, _>>()?);
    }
    Ok(outcome)
}

/// Intersects the own set with the peer's, as one of the two parties of `channel`, whatever the size of both.
///
/// As [`run`], but the ids come from `source`, of which `own` is the scan, and the points are kept where
/// `storage` says. The peer cannot tell the storages apart, except that two parties that agreed on a run in
/// their handshake tell each other before the streams what they hold of them, and after them that they have
/// their results.
///
/// With a run directory, `secret` is used for a new run only; a resumed one has its own. If the peer leaves
/// without a word when this party has its result, that is no error; see [`Intersected::confirmed`].
///
/// # Errors
/// As [`run`], and errors of files. A run directory stays fit to be resumed whatever the error.
pub fn intersect(
    channel: &Channel,
    params: &PsiParams,
    source: &dyn IdSource,
    own: &OwnSet,
    storage: Storage<'_>,
    secret: SecretScalar,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Intersected, PsiError> {
    let masker =
        |secret| Masker::new(params.suite, secret).map(|masker| Box::new(masker) as Box<dyn PointMask>);
    intersect_with(channel, params, source, own, storage, secret, &masker, progress)
}

/// As [`intersect`], with other masks than the suite's: to measure everything else.
///
/// # Errors
/// As [`intersect`].
#[doc(hidden)]
#[allow(clippy::too_many_arguments, reason = "as intersect, and the masks")]
pub fn intersect_with(
    channel: &Channel,
    params: &PsiParams,
    source: &dyn IdSource,
    own: &OwnSet,
    storage: Storage<'_>,
    secret: SecretScalar,
    masker: &dyn Fn(SecretScalar) -> Result<Box<dyn PointMask>, CurveError>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Intersected, PsiError> {
    let peer = usize::from(channel.rank() == 0);
    params.check(peer, channel.world_size(), own.items())?;
    if params.duplicates != own.duplicates() {
        return Err(PsiError::ConfigParameter {
            field: "duplicates",
            reason: format!(
                "the own ids were scanned for {:?}, the run is to be {:?}",
                own.duplicates(),
                params.duplicates
            ),
        });
    }
    check_own_form(params, own.items(), params.peer_items.unwrap_or(0))?;
    let run = Run { channel, params, peer, source, own };
    let disk = need(params.suite, own.items(), params.peer_items.unwrap_or(own.items())).disk;
    let masks = |secret| masker(secret).map_err(PsiError::ConfigSuite);
    match storage {
        Storage::Memory => run.at_once(&Room::unlimited(), masks(secret)?.as_ref(), progress),
        Storage::Scratch { memory, directory } => {
            check_space(directory, disk)?;
            run.at_once(&Room::new(memory, directory), masks(secret)?.as_ref(), progress)
        }
        Storage::Run { memory, directory, agreed: None } => {
            if directory.must_resume() {
                let reason = "it holds a run that is not finished, and the peer does not resume; delete it to start anew";
                return Err(PsiError::RunDirectory {
                    path: directory.path().to_owned(),
                    reason: reason.to_owned(),
                });
            }
            directory.clear()?;
            check_space(directory.path(), disk)?;
            run.at_once(&directory.room(memory), masks(secret)?.as_ref(), progress)
        }
        Storage::Run { memory, directory, agreed: Some(run_id) } => {
            if directory.state() != RunState::Complete {
                check_space(directory.path(), disk.saturating_sub(directory.logged_bytes()))?;
            }
            let terms = Terms::new(params, channel.rank());
            let secret = directory.begin(run_id, params, &terms, secret)?;
            let masker = secret.map(masks).transpose()?;
            let done = run.resumable(run_id, directory, memory, masker.as_deref(), progress);
            // The peer waits for more than the streams.
            done.inspect_err(|_| channel.abort("the private set intersection failed"))
        }
    }
}

/// One run of one party.
struct Run<'a> {
    channel: &'a Channel,
    params: &'a PsiParams,
    peer: Rank,
    source: &'a dyn IdSource,
    own: &'a OwnSet,
}

impl Run<'_> {
    fn i_learn(&self) -> bool {
        self.params.result_to.includes(self.channel.rank())
    }

    /// From the beginning to the end, keeping nothing.
    fn at_once(
        &self,
        room: &Room,
        masker: &dyn PointMask,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Intersected, PsiError> {
        let kept = || if self.i_learn() { Points::spooled(room.part(8)) } else { Points::counted() };
        let mut stores = Stores { own_once: Points::counted(), peer_twice: kept(), own_twice: kept() };
        let exchanged = self.exchange(&mut stores, Holdings::default(), Some(masker), room, progress)?;
        self.compare(&stores, exchanged, room, progress)
    }

    /// From where both parties are to the end, in a run directory.
    fn resumable(
        &self,
        run_id: [u8; 16],
        directory: &mut RunDirectory,
        memory: u64,
        masker: Option<&dyn PointMask>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Intersected, PsiError> {
        let room = directory.room(memory);
        let is_finished = matches!(directory.state(), RunState::Finished | RunState::Complete);
        let resumed = directory.stores().map_or_else(Resumed::default, |stores| Resumed {
            own_masked: stores.own_once.items(),
            peer_masked: stores.peer_twice.items(),
            returned: stores.own_twice.items(),
        });
        let position = PsiRunPosition {
            run_id: Bytes::copy_from_slice(&run_id),
            first_items: resumed.peer_masked,
            second_items: resumed.returned,
            finished: is_finished,
        };
        self.tell(&position)?;
        let peers = self.hear(&run_id)?;
        if peers.first_items > self.own.items() && !peers.finished {
            return Err(self.position(format!(
                "it holds {} of {} own items",
                peers.first_items,
                self.own.items()
            )));
        }
        if !(is_finished && peers.finished) {
            let holds = Holdings { first: peers.first_items, second: peers.second_items };
            let Some(stores) = directory.stores() else {
                return Err(self.position("this party has seen it finished, but it is not".to_owned()));
            };
            tracing::info!(?resumed, ?holds, "exchanging points from where both parties are");
            let exchanged = self.exchange(stores, holds, masker, &room, progress)?;
            if !is_finished {
                let result = self.compare(stores, exchanged, &room, progress)?;
                directory.finish(&result)?;
            }
        }
        // The peer may be gone: it had this party's points, or does not wait.
        let confirmed =
            self.tell(&PsiRunPosition { finished: true, ..position }).and_then(|()| self.hear(&run_id));
        match confirmed {
            Ok(last) if last.finished => directory.complete()?,
            Ok(_) => return Err(self.position("it ends without its result".to_owned())),
            Err(PsiError::Link { source, .. }) => {
                tracing::warn!(%source, "the peer has not said that it has its result; the run directory stays for it");
            }
            Err(error) => return Err(error),
        }
        let result = directory.result()?.ok_or_else(|| PsiError::RunDirectory {
            path: directory.path().to_owned(),
            reason: "it has no result although the run is finished".to_owned(),
        })?;
        Ok(Intersected { resumed, ..result })
    }

    fn tell(&self, position: &PsiRunPosition) -> Result<(), PsiError> {
        let message = Bytes::from(position.encode_to_vec());
        self.channel
            .send(self.peer, message)
            .map_err(|source| PsiError::Link { during: "telling the peer where the run is", source })
    }

    fn hear(&self, run_id: &[u8; 16]) -> Result<PsiRunPosition, PsiError> {
        let message = self
            .channel
            .recv(self.peer)
            .map_err(|source| PsiError::Link { during: "hearing from the peer where the run is", source })?;
        let position: PsiRunPosition = decode(message).map_err(|error| self.position(error.to_string()))?;
        if position.run_id != run_id[..] {
            return Err(self.position("it is in another run than was agreed".to_owned()));
        }
        Ok(position)
    }

    fn position(&self, reason: String) -> PsiError {
        PsiError::PeerPosition { peer: self.peer, reason }
    }

    fn exchange(
        &self,
        stores: &mut Stores,
        peer_holds: Holdings,
        masker: Option<&dyn PointMask>,
        room: &Room,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Exchanged, PsiError> {
        let start = Progress {
            phase: Phase::Exchange,
            own_items: self.own.items(),
            own_masked: stores.own_once.items(),
            peer_items: self.params.peer_items,
            peer_masked: stores.peer_twice.items(),
            returned: stores.own_twice.items(),
        };
        let second = self.channel.spawn();
        Exchange {
            first: self.channel,
            second: &second,
            peer: self.peer,
            params: self.params,
            masker,
            source: self.source,
            own: self.own,
            peer_holds,
            room: room.part(4),
            state: Shared::new(start, progress),
        }
        .run(stores)
    }

    /// Finds what both have in common, if this party is to know it.
    fn compare(
        &self,
        stores: &Stores,
        exchanged: Exchanged,
        room: &Room,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Intersected, PsiError> {
        let params = self.params;
        let mut result = Intersected {
            common: None,
            peer_items: exchanged.peer_items,
            statistics: Statistics {
                own_rows: self.own.rows(),
                own_items: self.own.items(),
                sent_batches: exchanged.sent_batches,
                received_batches: exchanged.received_batches,
                peer_rows: exchanged.peer_rows,
                peer_form: exchanged.form,
            },
            resumed: Resumed::default(),
            confirmed: false,
        };
        if !self.i_learn() {
            return Ok(result);
        }
        progress(Progress {
            phase: Phase::Compare,
            own_items: self.own.items(),
            own_masked: self.own.items(),
            peer_items: params.peer_items,
            peer_masked: exchanged.peer_items,
            returned: self.own.items(),
        });
        // Without a form, nothing of ours was returned because we sent nothing.
        let form = exchanged.form.unwrap_or(SecondForm::Whole);
        check_received_form(params, self.peer, form, self.own.items(), exchanged.peer_items)?;
        let comparison = Comparison {
            suite: params.suite,
            duplicates: params.duplicates,
            peer: self.peer,
            own: self.own,
            own_twice: &stores.own_twice,
            peer_twice: &stores.peer_twice,
            room: room.clone(),
        };
        let mut found = comparison.run(form)?;
        if let Some(other) = form.other_reading(params)
            && found.ids.len() == 0
        {
            // Both forms have 12 bytes. An id in common under one of them is no accident.
            let reread = comparison.run(other)?;
            if reread.ids.len() > 0 {
                found = reread;
                result.statistics.peer_form = Some(other);
            }
        }
        if let Some(used) = result.statistics.peer_form
            && used != SecondForm::sent(params)
        {
            tracing::info!(form = ?used, "the peer's second ciphertexts are of another form than ours; accepted by length");
        }
        result.common = Some(Common::new(found.ids, found.further));
        Ok(result)
    }
}
