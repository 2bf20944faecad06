//! The run as a whole, and what comes of it.

use symbolon_curve::{Masker, SecretScalar};
use symbolon_link::Channel;

use crate::exchange::Exchange;
use crate::intersection::intersect;
use crate::items::OwnItems;
use crate::second::{check_own_form, check_received_form};
use crate::{PsiError, PsiParams, SecondForm};

/// How far a run is. Counts are of items and only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Own rows.
    pub own_rows: u64,
    /// Own items sent: distinct ids, or all rows under [`Duplicates::AsGiven`](crate::Duplicates::AsGiven).
    pub own_items: u64,
    /// Batches with points that this party sent in the first stream.
    pub sent_batches: u64,
    /// Batches with points that the peer sent in the first stream.
    pub received_batches: u64,
    /// The peer's items with the repetitions that it told.
    pub peer_rows: u64,
    /// The form of the second ciphertexts that the peer sent; `None` if it sent none.
    pub peer_form: Option<SecondForm>,
}

/// What this party has at the end.
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

/// Intersects `items` with the peer's, as one of the two parties of `channel`.
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
    let masker = Masker::new(params.suite, secret).map_err(PsiError::ConfigSuite)?;
    let own = OwnItems::new(items, params.duplicates)?;
    let peer = usize::from(channel.rank() == 0);
    params.check(peer, channel.world_size(), own.len())?;
    let own_items = own.len() as u64;
    check_own_form(params, own_items, params.peer_items.unwrap_or(0))?;
    let i_learn = params.result_to.includes(channel.rank());
    let sub_channel = channel.spawn();
    let done = Exchange::new(channel, &sub_channel, peer, params, &masker, items, &own, progress).run()?;
    drop(masker);

    let statistics = Statistics {
        own_rows: items.len() as u64,
        own_items,
        sent_batches: done.sent_batches,
        received_batches: done.received_batches,
        peer_rows: done.peer_rows,
        peer_form: done.form,
    };
    let mut outcome = PsiOutcome {
        indices: None,
        file_order: None,
        own_counts: None,
        peer_counts: None,
        peer_items: done.peer_items,
        statistics,
    };
    if i_learn {
        // Without a form, nothing of ours was returned because we sent nothing.
        let form = done.form.unwrap_or(SecondForm::Whole);
        check_received_form(params, peer, form, own_items, done.peer_items)?;
        let compare = |form| {
            let (second, points) = (&done.own_second, &done.peer_points);
            intersect(params.suite, peer, &own, params.duplicates, second, form, points)
        };
        let mut common = compare(form)?;
        if let Some(other) = form.other_reading(params)
            && common.rows.is_empty()
        {
            // Both forms have 12 bytes. An id in common under one of them is no accident.
            let reread = compare(other)?;
            if !reread.rows.is_empty() {
                common = reread;
                outcome.statistics.peer_form = Some(other);
            }
        }
        if let Some(used) = outcome.statistics.peer_form
            && used != SecondForm::sent(params)
        {
            tracing::info!(form = ?used, "the peer's second ciphertexts are of another form than ours; accepted by length");
        }
        outcome.indices = Some(common.rows);
        outcome.file_order = Some(common.file_order);
        outcome.own_counts = Some(common.own_counts);
        outcome.peer_counts = Some(common.peer_counts);
    }
    Ok(outcome)
}
