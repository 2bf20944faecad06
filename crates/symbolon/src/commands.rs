//! The commands of a party: what each does before, between and after the phases.

mod psi;

use std::path::Path;
use std::time::Instant;

use symbolon_dialect::DealerDialect;

use crate::align::{Join, OutKind};
use crate::config::{Duplicates, PartyConfig, ResultTo};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::model::ModelHalf;
use crate::network::Party;
use crate::output::check_writable;
use crate::phase::{self, Found, Items, Origin, Room, Scoring};
use crate::report::Report;
use crate::stored::Stored;
use crate::table::{Source, Table};

pub use psi::psi;

/// `symbolon train`: writes the own half of a model of the aligned rows.
///
/// # Errors
/// As [`psi`].
pub fn train(config: &PartyConfig) -> Result<Report> {
    let mut report = begin("train", config)?;
    let model_file = config.model()?;
    check_dealer(config)?;
    let table = own_table(config, &mut report)?;
    let data = Dataset::new(&table, &config.data)?;
    data.scaled(&data.features(config.data.standardize), config.lr.field, config.lr.fraction_bits)?;
    check_batch(config, data.rows())?;
    // Triples that cannot serve are found before the others are troubled.
    config.files.triples.as_deref().map(Stored::open).transpose()?;
    prepare(&[Some(model_file), config.files.report.as_deref()])?;

    let party = Party::connect(config, &mut report)?;
    let model = phase::train(&party, &party.root(), config, &data, &mut report)?;
    finish(party, &mut report)?;
    model.write(model_file)?;
    report.wrote("model", model_file);
    end(config, report)
}

/// `symbolon triples`: makes the triples of a training on the aligned rows ahead of time.
///
/// # Errors
/// As [`psi`].
pub fn triples(config: &PartyConfig) -> Result<Report> {
    let mut report = begin("triples", config)?;
    let Some(path) = config.files.triples.as_deref() else {
        return Err(Error::Config(
            "files.triples is missing: give the file of the triples in the file or with --triples".into(),
        ));
    };
    check_dealer(config)?;
    if path.exists() {
        return Err(Error::Config(format!(
            "{} exists: triples replace no file, fresh or spent; delete it first",
            path.display()
        )));
    }
    let table = own_table(config, &mut report)?;
    let data = Dataset::new(&table, &config.data)?;
    check_batch(config, data.rows())?;
    prepare(&[Some(path), config.files.report.as_deref()])?;

    let party = Party::connect(config, &mut report)?;
    phase::triples(&party, &party.root(), config, &data, path, &mut report)?;
    finish(party, &mut report)?;
    report.wrote("triples", path);
    end(config, report)
}

/// `symbolon predict`: scores the aligned rows; the score rank writes the scores.
///
/// # Errors
/// As [`psi`].
pub fn predict(config: &PartyConfig) -> Result<Report> {
    let mut report = begin("predict", config)?;
    let model_file = config.model()?;
    check_dealer(config)?;
    let model = ModelHalf::read(model_file)?;
    let table = own_table(config, &mut report)?;
    let data = Dataset::of_model(&table, &model.features, config.data.label.as_deref())?;
    let scores_file = scores_file(config, config.lr.score_rank.unwrap_or(model.label_rank))?;
    if scores_file.is_some() {
        table.keys(&config.data.id)?;
    }
    prepare(&[scores_file, config.files.report.as_deref()])?;

    let party = Party::connect(config, &mut report)?;
    let scoring = Scoring { model: &model, model_file, data: &data };
    let scores = phase::predict(&party, &party.root(), config, &scoring, &mut report)?;
    finish(party, &mut report)?;
    if let (Some(scores), Some(path)) = (&scores, scores_file) {
        conclude(config, &table, &data, path, scores, &mut report)?;
    }
    end(config, report)
}

/// `symbolon run`: intersection, training, prediction of the rows trained on, and evaluation, over one link.
/// Each phase has a sub-channel of its own: `root-0`, `root-1`, `root-2`.
///
/// # Errors
/// As [`psi`].
pub fn run(config: &PartyConfig) -> Result<Report> {
    let mut report = begin("run", config)?;
    need_two(config)?;
    if config.psi.result_to != ResultTo::All {
        return Err(Error::Config(
            "psi.result-to: `run` trains on the intersection, so all parties must learn it".into(),
        ));
    }
    if config.psi.join != Join::Inner
        || config.psi.out_kind != OutKind::Rows
        || config.psi.duplicates == Duplicates::Count
        || config.psi.run_dir.is_some()
        || !config.psi.parts.is_empty()
    {
        return Err(Error::Config(
            "psi: `run` trains on rows that both parties have once, in one go; leave join, out-kind, duplicates = \"count\", \
             run-dir and partitions to `psi`"
                .into(),
        ));
    }
    if config.files.triples.is_some() {
        return Err(Error::Config(
            "files.triples: they are made for a table of known rows, so `run`, which finds the rows first, takes none; \
             use psi, triples and train"
                .into(),
        ));
    }
    let (model_file, aligned_file) = (config.model()?, config.aligned()?);
    check_dealer(config)?;
    let table = own_table(config, &mut report)?;
    let scratch = std::env::temp_dir();
    let origin = Origin::of_table(&table, &config.data.id)?;
    let items = Items::scan(&origin, config, None, &scratch, &mut report)?;
    // A value that is no number is found before the others are troubled.
    let all = Dataset::new(&table, &config.data)?;
    all.scaled(&all.features(config.data.standardize), config.lr.field, config.lr.fraction_bits)?;
    let score_rank = config.lr.score_rank;
    let scores_file = match score_rank {
        Some(rank) => scores_file(config, rank)?,
        // The scores go to the label's rank.
        None if config.data.label.is_some() => scores_file(config, config.rank)?,
        None => None,
    };
    prepare(&[Some(model_file), Some(aligned_file), scores_file, config.files.report.as_deref()])?;

    let party = Party::connect(config, &mut report)?;
    let root = party.root();
    let mut found = Found::default();
    let room = Room { run: None, scratch: &scratch };
    found.add(&items, phase::intersect(&party, &root.spawn(), config, &items, room, &mut report)?);
    let mut partners = found.partners(config.psi.memory / 4, &scratch)?.collect::<Result<Vec<_>>>()?;
    if partners.is_empty() {
        return Err(Error::Ours("the parties have no row in common: there is nothing to train on".into()));
    }
    partners.sort_unstable_by_key(|partner| partner.place);
    let rows: Vec<usize> = partners.iter().filter_map(|partner| usize::try_from(partner.row).ok()).collect();
    let aligned = table.select(&rows);
    check_batch(config, aligned.rows())?;
    let data = Dataset::new(&aligned, &config.data)?;
    let model = phase::train(&party, &root.spawn(), config, &data, &mut report)?;
    let scoring = Scoring { model: &model, model_file, data: &data };
    let scores = phase::predict(&party, &root.spawn(), config, &scoring, &mut report)?;
    finish(party, &mut report)?;

    aligned.write(aligned_file, config.files.output_format)?;
    report.wrote("aligned", aligned_file);
    model.write(model_file)?;
    report.wrote("model", model_file);
    if let (Some(scores), Some(path)) = (&scores, scores_file) {
        conclude(config, &aligned, &data, path, scores, &mut report)?;
    }
    end(config, report)
}

fn begin(command: &str, config: &PartyConfig) -> Result<Report> {
    tracing::info!(
        command,
        rank = config.rank,
        parties = config.world_size(),
        dialect = config.dialect.name,
        "symbolon {}",
        env!("CARGO_PKG_VERSION")
    );
    Ok(Report::new(command, config.rank, config.world_size(), &config.dialect))
}

/// What `train`, `predict` and `run` need besides a table.
fn check_dealer(config: &PartyConfig) -> Result<()> {
    let dealer = config.dealer()?;
    match config.dialect.dealer {
        DealerDialect::Interconnection => Ok(()),
        DealerDialect::Spu => dealer.spu().map(drop),
        DealerDialect::InsecureRank0LearnsAllMasks => Err(Error::Config(
            "dialect: rank 0 as the dealer sees the data of all parties, so no command of a party does that \
             (`symbolon ic-main` can, in tests); set dealer = \"interconnection\" or \"spu\" in [dialect]"
                .into(),
        )),
    }
}

fn own_table(config: &PartyConfig, report: &mut Report) -> Result<Table> {
    let table = Table::load(&Source::open(config.input()?, config.data.input_format)?)?;
    report.rows = table.rows();
    tracing::info!(rows = table.rows(), columns = table.columns().len(), "own table read");
    Ok(table)
}

fn need_two(config: &PartyConfig) -> Result<()> {
    match config.world_size() {
        2 => Ok(()),
        count => {
            Err(Error::Config(format!("parties: an intersection is between 2 parties, {count} are given")))
        }
    }
}

/// Where the scores go, if they come to this party.
fn scores_file(config: &PartyConfig, score_rank: usize) -> Result<Option<&Path>> {
    if score_rank != config.rank {
        return Ok(None);
    }
    match config.files.scores.as_deref() {
        Some(path) => Ok(Some(path)),
        None => Err(Error::Config(
            "files.scores is missing: this party gets the scores; give the file in the file or with --scores"
                .into(),
        )),
    }
}

fn check_batch(config: &PartyConfig, rows: usize) -> Result<()> {
    if config.lr.batch_size <= rows as u64 {
        return Ok(());
    }
    Err(Error::Config(format!(
        "lr.batch-size: {} rows per step, but there are only {rows} rows to train on; choose a smaller batch",
        config.lr.batch_size
    )))
}

fn prepare(files: &[Option<&Path>]) -> Result<()> {
    files.iter().flatten().try_for_each(|path| check_writable(path))
}

fn finish(party: Party, report: &mut Report) -> Result<()> {
    let (start, before) = (Instant::now(), party.traffic());
    let after = party.finish()?;
    report.phase("finish", start, before, after);
    Ok(())
}

/// Writes the scores, and tells how good they are if this party has the labels.
fn conclude(
    config: &PartyConfig,
    table: &Table,
    data: &Dataset<'_>,
    path: &Path,
    scores: &[f64],
    report: &mut Report,
) -> Result<()> {
    if let Some(labels) = data.labels() {
        phase::evaluate(labels, scores, report)?;
    }
    table.write_scores(path, config.files.output_format, &config.data.id, scores)?;
    report.wrote("scores", path);
    Ok(())
}

fn end(config: &PartyConfig, mut report: Report) -> Result<Report> {
    if let Some(path) = &config.files.report {
        report.files.insert("report".into(), path.display().to_string());
        report.write(path)?;
    }
    Ok(report)
}
