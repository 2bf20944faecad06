//! `symbolon psi`: which rows do both parties have?

use std::path::{Path, PathBuf};
use std::time::Instant;

use symbolon_psi::{Intersected, RunDirectory, RunState};

use super::{begin, end, finish, need_two, prepare};
use crate::align::{Alignment, OutKind};
use crate::config::{Part, PartyConfig, Size};
use crate::error::{Error, Result};
use crate::network::Party;
use crate::phase::{self, FileIds, Found, Items, Origin, Room};
use crate::progress::Meter;
use crate::report::{Report, Traffic};
use crate::table::Source;

/// `symbolon psi`: writes the own rows of the intersection, in the common order.
///
/// # Errors
/// Whatever keeps it from a complete result; nothing is written then.
pub fn psi(config: &PartyConfig) -> Result<Report> {
    let mut report = begin("psi", config)?;
    need_two(config)?;
    let ids = FileIds::new(Source::open(config.input()?, config.data.input_format)?, &config.data.id)?;
    let aligned = if config.psi.result_to.includes(config.rank) { Some(config.aligned()?) } else { None };
    prepare(&[aligned, config.files.report.as_deref()])?;
    let scratch = scratch(config, aligned)?;

    let start = Instant::now();
    // A quarter of the memory for the ids; half is the intersection's.
    let origin = Origin::of_file(&ids, config.psi.memory / 4)?;
    let parts: Vec<Option<Part>> = match config.psi.parts.as_slice() {
        [] => vec![None],
        parts => parts.iter().copied().map(Some).collect(),
    };
    let items = parts
        .iter()
        .map(|part| Items::scan(&origin, config, *part, &scratch, &mut report))
        .collect::<Result<Vec<_>>>()?;
    let rows = items.first().map_or(0, Items::rows);
    report.rows = usize::try_from(rows).unwrap_or(usize::MAX);
    tracing::info!(rows, columns = ids.source.columns().len(), "own table read");
    report.phase("read", start, Traffic::default(), Traffic::default());

    let mut found = Found::default();
    for (items, result) in items.iter().zip(work(config, &items, &parts, &scratch, &mut report)?) {
        found.add(items, result);
    }
    if let (true, Some(path)) = (found.is_known(), aligned) {
        if found.common() == 0 {
            report.warn("the parties have no row in common".into());
        }
        write(config, &ids, &found, path, &scratch, &mut report)?;
    }
    end(config, report)
}

/// Where temporary files go.
fn scratch(config: &PartyConfig, aligned: Option<&Path>) -> Result<PathBuf> {
    let beside = aligned.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    let folder = config.psi.scratch.as_deref().or(config.psi.run_dir.as_deref()).or(beside);
    let folder = folder.map_or_else(std::env::temp_dir, Path::to_owned);
    std::fs::create_dir_all(&folder).map_err(|source| Error::file("create", &folder, source))?;
    Ok(folder)
}

/// The run directory of a part.
fn run_directory(config: &PartyConfig, part: Option<Part>) -> Option<PathBuf> {
    let folder = config.psi.run_dir.as_ref()?;
    Some(match part {
        None => folder.clone(),
        Some(part) => folder.join(format!("part-{}-of-{}", part.index, part.count)),
    })
}

/// Intersects part after part; from the run directories alone if they hold the results already.
fn work(
    config: &PartyConfig,
    items: &[Items<'_>],
    parts: &[Option<Part>],
    scratch: &Path,
    report: &mut Report,
) -> Result<Vec<Intersected>> {
    let mut runs = items
        .iter()
        .zip(parts)
        .map(|(items, part)| {
            let folder = run_directory(config, *part);
            Ok(folder.map(|folder| RunDirectory::open(&folder, items.own())).transpose()?)
        })
        .collect::<Result<Vec<_>>>()?;
    if runs.iter().all(|run| run.as_ref().is_some_and(|run| run.state() == RunState::Complete)) {
        tracing::info!("both parties have their results: taken from the run directory");
        return stored(&runs, report);
    }
    match together(config, items, &mut runs, scratch, report) {
        // Everything that this party needs is there: the other one has left because it has its result too, or will
        // come back for what is missing there.
        Err(Error::PeerUnreachable(reason))
            if runs.iter().all(|run| run.as_ref().is_some_and(holds_result)) =>
        {
            report.warn(format!("the result is taken from the run directory: {reason}"));
            report.psi = None;
            report.intersection = None;
            stored(&runs, report)
        }
        found => found,
    }
}

fn holds_result(run: &RunDirectory) -> bool {
    matches!(run.state(), RunState::Finished | RunState::Complete)
}

fn together(
    config: &PartyConfig,
    items: &[Items<'_>],
    runs: &mut [Option<RunDirectory>],
    scratch: &Path,
    report: &mut Report,
) -> Result<Vec<Intersected>> {
    let mut link = config.clone();
    // What the link holds is part of the memory, unless somebody says how much that is.
    link.link.mailbox.get_or_insert(Size(config.psi.memory / 8));
    let party = Party::connect(&link, report)?;
    let root = party.root();
    let mut found = Vec::with_capacity(items.len());
    for (items, run) in items.iter().zip(runs) {
        // One part is the whole conversation; several have a sub-channel each.
        let spawned = (config.psi.parts.len() > 1).then(|| root.spawn());
        let room = Room { run: run.as_mut(), scratch };
        found.push(phase::intersect(&party, spawned.as_ref().unwrap_or(&root), config, items, room, report)?);
    }
    finish(party, report)?;
    Ok(found)
}

fn stored(runs: &[Option<RunDirectory>], report: &mut Report) -> Result<Vec<Intersected>> {
    let results = runs.iter().flatten().map(|run| {
        let found = run.result()?;
        let found = found.ok_or_else(|| Error::Ours("the run directory has lost its result".into()))?;
        phase::conclude(&found, report);
        Ok(found)
    });
    results.collect()
}

fn write(
    config: &PartyConfig,
    ids: &FileIds,
    found: &Found<'_>,
    path: &Path,
    scratch: &Path,
    report: &mut Report,
) -> Result<()> {
    let start = Instant::now();
    let (psi, key) = (&config.psi, &ids.key);
    let alignment = Alignment {
        source: &ids.source,
        key,
        rank: config.rank,
        join: psi.join,
        kind: psi.out_kind,
        peer_alone: found.peer_alone()?,
        memory: usize::try_from(psi.memory / 4).unwrap_or(usize::MAX),
        scratch,
    };
    let mut meter = Meter::new("writing", "rows");
    let rows = report.rows as u64;
    let mut id = Vec::new();
    let written = alignment.write(
        path,
        config.files.output_format,
        found.partners(psi.memory / 4, scratch)?,
        |row, scan| {
            match psi.out_kind {
                OutKind::Rows => key.read_whole(ids.source.path(), scan, &mut id)?,
                OutKind::Ids | OutKind::Indices => key.read(ids.source.path(), scan, &mut id)?,
            }
            Ok(found.takes_part(row, &id))
        },
        |row| meter.at(row, rows),
    )?;
    drop(meter);
    if let Some(psi) = &mut report.psi {
        psi.rows_written = Some(written);
    }
    report.phase("write", start, Traffic::default(), Traffic::default());
    report.wrote("aligned", path);
    Ok(())
}
