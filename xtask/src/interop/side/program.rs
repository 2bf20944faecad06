//! `symbolon train` as a party: from its command line, with a file of its own, to the half that it writes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use serde::Deserialize;
use serde_json::{Value, json};
use symbolon::cli::{Cli, Command};
use symbolon::commands;
use symbolon::model::ModelHalf;
use symbolon_ring::Ring;

use super::Failure;
use super::party::LinkSettings;

#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    #[serde(flatten)]
    link: LinkSettings,
    bits: u32,
    fraction_bits: u32,
    epochs: u64,
    batch: u64,
    learning_rate: f64,
    l2: f64,
    features: Vec<Vec<f32>>,
    labels: Option<Vec<f32>>,
    dealer: String,
    dealer_key: PathBuf,
    adjust_rank: usize,
}

/// Works in the folder of the scenario.
pub(super) fn play(settings: &Settings) -> Result<Value, Failure> {
    let folder = PathBuf::from(format!("program-{}", settings.link.rank));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("table.csv"), settings.table()?)?;
    let file = folder.join("party.toml");
    std::fs::write(&file, settings.file())?;
    let arguments = ["symbolon".as_ref(), "train".as_ref(), "--config".as_ref(), file.as_os_str()];
    let Command::Train(options) = Cli::try_parse_from(arguments)?.command else {
        return Err("the command line is not that of a training".into());
    };
    commands::train(&options.load()?)?;
    let model = folder.join("model.json");
    let half = match settings.bits {
        64 => half::<u64>(&model)?,
        128 => half::<u128>(&model)?,
        bits => return Err(format!("no program for a ring of {bits} bits").into()),
    };
    Ok(json!({ "half": half }))
}

/// The own share of the weights in a model file, as hex.
fn half<R: Ring>(path: &Path) -> Result<String, Failure> {
    let share = ModelHalf::read(path)?.decode_share::<R>(path)?;
    Ok(share.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Settings {
    fn table(&self) -> Result<String, Failure> {
        let width = self.features.first().map_or(0, Vec::len);
        let names: String = (0..width).map(|column| format!(",x{column}")).collect();
        let mut text = format!("id{names}{}\n", if self.labels.is_some() { ",label" } else { "" });
        for (row, values) in self.features.iter().enumerate() {
            write!(text, "row-{row}")?;
            for value in values.iter().chain(self.labels.as_ref().and_then(|labels| labels.get(row))) {
                write!(text, ",{value}")?;
            }
            text.push('\n');
        }
        Ok(text)
    }

    fn file(&self) -> String {
        let Self { link, dealer, adjust_rank, epochs, batch, learning_rate, l2, bits, fraction_bits, .. } =
            self;
        let label = if self.labels.is_some() { "label = 'label'" } else { "" };
        format!(
            "rank = {}\nparties = {:?}\n\
             [data]\ninput = 'table.csv'\nstandardize = false\n{label}\n\
             [files]\nmodel = 'model.json'\n\
             [lr]\nepochs = {epochs}\nbatch-size = {batch}\nlearning-rate = {learning_rate:?}\nl2 = {l2:?}\n\
             field = {bits}\nfraction-bits = {fraction_bits}\n\
             [dealer]\naddress = '{dealer}'\nadjust-rank = {adjust_rank}\npublic-key = {:?}\n\
             [link]\nreceive-timeout = '{}s'\n\
             [dialect]\npreset = 'spu-0.9.5'\nsequence-numbers = {}\n",
            link.rank,
            link.parties,
            self.dealer_key.display().to_string(),
            link.timeout,
            link.numbered,
        )
    }
}
