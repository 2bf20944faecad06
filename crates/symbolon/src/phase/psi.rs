//! The intersection.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;
use std::time::Instant;

use symbolon_curve::SecretScalar;
use symbolon_handshake::{
    EcSuite, PartitionOffer, Plan, PsiOffer, PsiPlan, PsiPolicy, PsiRunOffer, exchange_psi_run,
};
use symbolon_link::Channel;
use symbolon_psi::{
    Duplicates as PsiDuplicates, Intersected, OwnSet, Partition, PlacedRows, PsiError, PsiParams,
    RunDirectory, ScanOptions, Storage, need,
};

use super::ids::{Origin, Without, of_source};
use crate::align::Partner;
use crate::config::{Duplicates, Part, PartyConfig, ResultTo};
use crate::error::{Error, Result};
use crate::network::Party;
use crate::progress::Meter;
use crate::report::{PsiReport, Report};

/// The own side of an intersection: which rows take part.
pub struct Items<'a> {
    ids: Without<'a>,
    own: OwnSet,
    partition: Option<Partition>,
    duplicates: Duplicates,
}

impl<'a> Items<'a> {
    /// Reads all ids of `origin` once; of `part` only, if there is one. Duplicates are treated as the configuration
    /// says.
    ///
    /// # Errors
    /// [`Error::OurTable`] if an id is empty, or ids repeat that must not; [`Error::OurFile`].
    pub fn scan(
        origin: &'a Origin<'a>,
        config: &PartyConfig,
        part: Option<Part>,
        scratch: &Path,
        report: &mut Report,
    ) -> Result<Self> {
        let psi = &config.psi;
        let partition = part
            .map(|part| Partition::new(part.index, part.count, psi.partition_key.as_bytes()))
            .transpose()?;
        let mut meter = Meter::new("reading", "rows");
        let mut scan = |ids: &Without<'_>, duplicates| {
            let scratch = scratch.to_owned();
            let options = ScanOptions { duplicates, partition, memory: psi.memory / 2, scratch };
            let scanned =
                OwnSet::scan(ids, &options, &mut |rows| meter.at(rows, origin.rows().unwrap_or(rows)));
            scanned.map_err(|failure| own_fault(failure, origin, config))
        };
        let mut ids = Without::nothing(origin.ids());
        let mut own = match psi.duplicates {
            Duplicates::Refuse => scan(&ids, PsiDuplicates::Refuse)?,
            Duplicates::First | Duplicates::Count => scan(&ids, PsiDuplicates::Count)?,
        };
        if psi.duplicates == Duplicates::First {
            // The other party is not told of repetitions: they are taken out before anything is compared.
            let rows = own.repeats().map(|pair| pair.map(|(row, _)| row)).collect::<Result<Vec<_>, _>>()?;
            if !rows.is_empty() {
                report
                    .warn(format!("{} rows repeat the id of a row above them and are left out", rows.len()));
            }
            ids = Without::rows(origin.ids(), rows);
            own = scan(&ids, PsiDuplicates::Refuse)?;
        }
        if own.rows() == 0 {
            return Err(Error::table(origin.file(), "the table is empty: it has a header but no rows"));
        }
        Ok(Self { ids, own, partition, duplicates: psi.duplicates })
    }

    /// Rows of the table.
    pub fn rows(&self) -> u64 {
        self.own.rows() + self.ids.left_out()
    }

    /// What was scanned.
    pub fn own(&self) -> &OwnSet {
        &self.own
    }

    /// Whether a row of the table, with that id, is among what is compared.
    pub fn takes_part(&self, row: u64, id: &[u8]) -> bool {
        match (self.duplicates, &self.partition) {
            (Duplicates::Count, None) => true,
            (Duplicates::Count, Some(partition)) => partition.contains(id),
            (Duplicates::Refuse | Duplicates::First, _) => {
                self.ids.renumbered(row).is_some_and(|row| self.own.takes_part(row))
            }
        }
    }

    fn engine_duplicates(&self) -> PsiDuplicates {
        match self.duplicates {
            Duplicates::Refuse | Duplicates::First => PsiDuplicates::Refuse,
            Duplicates::Count => PsiDuplicates::Count,
        }
    }

    /// Every own row of a common id, ascending by row; places are counted from `first_place`.
    fn partners(
        &self,
        found: &Intersected,
        first_place: u64,
        memory: u64,
        scratch: &Path,
    ) -> Result<Option<Partners<'_>>> {
        let Some(common) = &found.common else { return Ok(None) };
        let rows = common.by_row(&self.own, memory, scratch)?;
        Ok(Some(Partners { rows, ids: &self.ids, passed: 0, first_place }))
    }
}

/// The row numbers of an error as places in the file, and an error of the file itself.
fn own_fault(failure: PsiError, origin: &Origin<'_>, config: &PartyConfig) -> Error {
    match failure {
        PsiError::OursSource(source) => of_source(source),
        PsiError::OursDuplicate { first, second } => {
            let first = origin.place(first as u64).map(|place| format!("on {place}")).unwrap_or_default();
            let problem = format!(
                "the same id as {first}: ids must differ here; remove one of the rows, or set psi.duplicates = \
                 \"first\" to keep the first of each, or \"count\" to keep all"
            );
            Error::at(origin.file(), origin.place(second as u64), Some(&config.data.id.join("`, `")), problem)
        }
        other => other.into(),
    }
}

/// [`Partner`]s of one intersection, ascending by row of the table.
struct Partners<'a> {
    rows: PlacedRows,
    ids: &'a Without<'a>,
    passed: usize,
    first_place: u64,
}

impl Iterator for Partners<'_> {
    type Item = Result<Partner>;

    fn next(&mut self) -> Option<Self::Item> {
        let placed = match self.rows.next()? {
            Ok(placed) => placed,
            Err(failure) => return Some(Err(failure.into())),
        };
        Some(Ok(Partner {
            row: self.ids.original(placed.row, &mut self.passed),
            place: self.first_place + placed.place,
            own_count: placed.own_count,
            peer_count: placed.peer_count,
        }))
    }
}

/// What intersections have found, one per part, at a party that learns it.
#[derive(Default)]
pub struct Found<'a> {
    parts: Vec<(&'a Items<'a>, Intersected)>,
}

impl<'a> Found<'a> {
    /// Adds what was found in one part.
    pub fn add(&mut self, items: &'a Items<'a>, found: Intersected) {
        self.parts.push((items, found));
    }

    /// Whether this party learns what is in common.
    pub fn is_known(&self) -> bool {
        self.parts.iter().all(|(_, found)| found.common.is_some())
    }

    /// Number of ids in common.
    pub fn common(&self) -> u64 {
        self.parts.iter().flat_map(|(_, found)| &found.common).map(|common| common.len()).sum()
    }

    /// Rows of the other party whose ids this one does not have.
    ///
    /// # Errors
    /// [`Error::Ours`] if the result cannot be read back.
    pub fn peer_alone(&self) -> Result<u64> {
        let mut alone = 0_u64;
        for (_, found) in &self.parts {
            let mut with_partner = 0;
            for common in found.common.iter().flat_map(|common| common.ids()) {
                with_partner += common?.peer_count;
            }
            alone += found.statistics.peer_rows.saturating_sub(with_partner);
        }
        Ok(alone)
    }

    /// Every own row of a common id, ascending by row.
    ///
    /// # Errors
    /// [`Error::Ours`] if the result cannot be read back.
    pub fn partners(&self, memory: u64, scratch: &Path) -> Result<impl Iterator<Item = Result<Partner>>> {
        let mut parts = Vec::with_capacity(self.parts.len());
        let mut place = 0;
        let memory = memory / (self.parts.len() as u64).max(1);
        for (items, found) in &self.parts {
            parts.extend(items.partners(found, place, memory, scratch)?);
            place += found.common.as_ref().map_or(0, |common| common.len());
        }
        Merged::new(parts)
    }

    /// Whether a row of the table, with that id, is among what was compared.
    pub fn takes_part(&self, row: u64, id: &[u8]) -> bool {
        self.parts.iter().any(|(items, _)| items.takes_part(row, id))
    }
}

/// Several sequences, each ascending by row, as one.
struct Merged<'a> {
    parts: Vec<Partners<'a>>,
    waiting: Vec<Option<Partner>>,
    next: BinaryHeap<Reverse<(u64, usize)>>,
}

impl<'a> Merged<'a> {
    fn new(mut parts: Vec<Partners<'a>>) -> Result<Self> {
        let waiting = parts.iter_mut().map(|part| part.next().transpose()).collect::<Result<Vec<_>>>()?;
        let rows = waiting.iter().enumerate();
        let next =
            rows.filter_map(|(part, partner)| partner.map(|partner| Reverse((partner.row, part)))).collect();
        Ok(Self { parts, waiting, next })
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<Partner>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, part)) = self.next.pop()?;
        let waiting = self.waiting.get_mut(part)?;
        let following = match self.parts.get_mut(part)?.next().transpose() {
            Ok(following) => following,
            Err(failure) => return Some(Err(failure)),
        };
        self.next.extend(following.map(|partner| Reverse((partner.row, part))));
        std::mem::replace(waiting, following).map(Ok)
    }
}

/// Where an intersection keeps what it needs.
pub struct Room<'a> {
    /// The run directory, if the run is to go on after a failure.
    pub run: Option<&'a mut RunDirectory>,
    /// Folder for temporary files.
    pub scratch: &'a Path,
}

/// Intersects the own ids with the peer's.
///
/// # Errors
/// [`Error::PeerRefused`] if there is no plan; what the peer, the link or the disk does wrong. A run directory stays
/// fit to be resumed.
pub fn intersect(
    party: &Party,
    channel: &Channel,
    config: &PartyConfig,
    items: &Items<'_>,
    room: Room<'_>,
    report: &mut Report,
) -> Result<Intersected> {
    let (start, before) = (Instant::now(), party.traffic());
    let plan = agree(channel, config, items, room.run.as_deref(), report)?;
    let params = params(&plan.0, channel.rank(), config, items)?;
    let peer_items = params.peer_items.unwrap_or(items.own.items());
    let storage = match room.run {
        Some(directory) => Storage::Run { memory: config.psi.memory, directory, agreed: plan.1 },
        None if need(params.suite, items.own.items(), peer_items).memory <= config.psi.memory / 2 => {
            Storage::Memory
        }
        None => Storage::Scratch { memory: config.psi.memory, directory: room.scratch },
    };
    let secret = SecretScalar::random(params.suite.curve)?;
    let mut meter = Meter::new("intersection", "ids");
    let found =
        symbolon_psi::intersect(channel, &params, &items.ids, &items.own, storage, secret, &mut |progress| {
            // Each id is masked here once, and the peer's once more.
            let peer = progress.peer_items.unwrap_or(progress.own_items);
            meter.at(progress.own_masked + progress.peer_masked, progress.own_items + peer);
        });
    drop(meter);
    let found = found.map_err(|failure| match failure {
        PsiError::OursSource(source) => of_source(source),
        other => other.into(),
    })?;
    conclude(&found, report);
    report.phase("psi", start, before, party.traffic());
    Ok(found)
}

/// The plan, and the run that both parties keep.
fn agree(
    channel: &Channel,
    config: &PartyConfig,
    items: &Items<'_>,
    run: Option<&RunDirectory>,
    report: &mut Report,
) -> Result<(PsiPlan, Option<[u8; 16]>)> {
    let suite = config.psi.suite;
    let suite = EcSuite::from_curve(suite)
        .ok_or_else(|| Error::Config(format!("psi.suite: the protocol has no number for {suite}")))?;
    let offer = PsiOffer {
        items: items.own.items(),
        suites: vec![suite],
        truncate_bits: config.psi.truncate_bits,
        statistical_bits: config.psi.statistical_bits,
        result_to: match config.psi.result_to {
            ResultTo::All => symbolon_handshake::ResultTo::All,
            ResultTo::Rank(rank) => symbolon_handshake::ResultTo::Rank(rank),
        },
    };
    let run_offer = PsiRunOffer {
        resumable: run.is_some(),
        run_id: run.and_then(RunDirectory::run_id),
        must_resume: run.is_some_and(RunDirectory::must_resume),
        partition: items.partition.as_ref().map(|partition| PartitionOffer {
            count: partition.count(),
            index: partition.index(),
            key_check: partition.key_check(),
        }),
        partition_agreed_otherwise: config.psi.partition_agreed_otherwise,
    };
    // A part of a set may be empty.
    let least = u64::from(items.partition.is_none());
    let policy = PsiPolicy { peer_items: least..=config.psi.max_peer_items, ..PsiPolicy::exactly(&offer) };
    let (plan, run_plan) = exchange_psi_run(channel, &offer, &run_offer, &policy, &config.dialect)?;
    report.plan(&Plan::Psi(plan.clone()))?;
    tracing::info!(suite = %plan.suite, own_items = offer.items, "intersection agreed");
    if run.is_some() && run_plan.run_id.is_none() {
        report.warn("the other party keeps no run directory: a run that fails begins anew".into());
    }
    Ok((plan, run_plan.run_id))
}

/// Logs what was found and adds it to the report.
pub fn conclude(found: &Intersected, report: &mut Report) {
    let common = found.common.as_ref().map(|common| common.len());
    match common {
        None => {
            tracing::info!(peer_items = found.peer_items, "the intersection is for the other party alone")
        }
        Some(common) => tracing::info!(common, peer_items = found.peer_items, "intersection found"),
    }
    let psi = report.psi.get_or_insert_with(PsiReport::default);
    psi.own_items += found.statistics.own_items;
    psi.peer_items += found.peer_items;
    psi.peer_rows += found.statistics.peer_rows;
    psi.resumed_items += found.resumed.own_masked + found.resumed.peer_masked;
    if let Some(common) = common {
        let common = usize::try_from(common).unwrap_or(usize::MAX);
        report.intersection = Some(report.intersection.unwrap_or(0).saturating_add(common));
    }
}

fn params(plan: &PsiPlan, rank: usize, config: &PartyConfig, items: &Items<'_>) -> Result<PsiParams> {
    let suite = plan
        .suite
        .to_curve()
        .ok_or_else(|| Error::PeerRefused(format!("the agreed suite {} is not implemented", plan.suite)))?;
    let mut params = PsiParams::new(suite, &plan.dialect);
    params.result_to = match plan.result_to {
        symbolon_handshake::ResultTo::All => symbolon_psi::ResultTo::All,
        symbolon_handshake::ResultTo::Rank(rank) => symbolon_psi::ResultTo::Rank(rank),
    };
    params.truncate_bits = plan.truncate_bits;
    params.statistical_bits = config.psi.statistical_bits;
    params.duplicates = items.engine_duplicates();
    params.max_peer_items = config.psi.max_peer_items;
    params.peer_items =
        plan.items.iter().enumerate().find(|(peer, _)| *peer != rank).and_then(|(_, items)| *items);
    if let Some(batch_size) = config.psi.batch_size {
        params.batch_size = batch_size;
    }
    Ok(params)
}
