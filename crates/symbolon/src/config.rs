//! Configuration: a TOML file per party, flags over it, and what becomes of both.
//!
//! ```toml
//! rank = 0
//! parties = ["alice.example:9530", "bob.example:9530"]
//!
//! [data]
//! input = "patients.csv"          # relative paths start at the file's folder
//! label = "outcome"
//!
//! [files]
//! aligned = "out/aligned.csv"
//! model = "out/model.json"
//!
//! [lr]
//! epochs = 10
//! learning-rate = 0.1
//!
//! [dealer]
//! address = "dealer.example:9540"
//!
//! [dialect]
//! preset = "spu-0.9.5"
//! sequence-numbers = false        # single points override the preset
//! ```

mod party;
mod psi;
mod sections;
mod settings;
mod units;

use std::path::{Path, PathBuf};

use symbolon_dialect::Dialect;

use crate::error::{Error, Result};

pub use party::PartyConfig;
pub use psi::{Part, PsiConfig, PsiSettings};
pub use sections::{DataConfig, DealerConfig, FileConfig, LrConfig, PolicyConfig, SpuDealer, TlsConfig};
pub use settings::{
    DataSettings, DealerSettings, FileSettings, LinkSettings, LrSettings, PolicySettings, Settings,
    TlsSettings,
};
pub use units::{
    Accept, Carrier, DealerForm, DealerMode, Duplicates, ResultTo, Sigmoid, Size, Span, Truncation,
};

/// Reads `file`, if there is one, and lays `flags` over it.
///
/// # Errors
/// [`Error::OurFile`], or [`Error::ConfigFile`] naming line and key of what is wrong.
pub fn merge(file: Option<&Path>, flags: &Settings) -> Result<Settings> {
    let mut settings = match file {
        Some(path) => read(path)?,
        None => Settings::default(),
    };
    let wrong =
        |failure: String| Error::Config(format!("the flags cannot be combined with the file: {failure}"));
    let mut table = toml::Table::try_from(&settings).map_err(|failure| wrong(failure.to_string()))?;
    overlay(&mut table, toml::Table::try_from(flags).map_err(|failure| wrong(failure.to_string()))?);
    settings = table.try_into().map_err(|failure: toml::de::Error| wrong(failure.to_string()))?;
    Ok(settings)
}

fn read(path: &Path) -> Result<Settings> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
    let mut settings: Settings = toml::from_str(&text).map_err(|failure| Error::ConfigFile {
        path: path.to_owned(),
        problem: failure.to_string().trim_end().to_owned(),
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let files = &mut settings.files;
    let tls = &mut settings.tls;
    let single = [
        &mut settings.data.input,
        &mut settings.psi.run_dir,
        &mut settings.psi.scratch,
        &mut files.aligned,
        &mut files.model,
        &mut files.scores,
        &mut files.triples,
        &mut files.report,
        &mut settings.dealer.cert,
        &mut settings.dealer.public_key,
        &mut tls.ca,
        &mut tls.cert,
        &mut tls.key,
    ];
    let paths: Vec<&mut PathBuf> =
        single.into_iter().flatten().chain(tls.peers.iter_mut().flatten()).collect();
    for path in paths {
        *path = folder.join(&*path);
    }
    Ok(settings)
}

/// Lays `over` upon `under`: tables are merged, anything else is replaced.
fn overlay(under: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => overlay(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// The dialect of a `[dialect]` table: the preset, then every single point.
///
/// # Errors
/// [`Error::Config`] naming the point that is unknown or has a wrong value.
pub fn dialect(points: &toml::Table) -> Result<Dialect> {
    let preset = match points.get("preset") {
        None => Dialect::symbolon(),
        Some(toml::Value::String(name)) => Dialect::named(name).ok_or_else(|| {
            Error::Config(format!(
                "dialect.preset: there is no `{name}`, choose from {}",
                Dialect::NAMES.join(", ")
            ))
        })?,
        Some(_) => return Err(Error::Config("dialect.preset must be a name".into())),
    };
    let wrong = |failure: String| Error::Config(format!("[dialect]: {}", failure.trim_end()));
    let mut table = toml::Table::try_from(&preset).map_err(|failure| wrong(failure.to_string()))?;
    for (point, value) in points.iter().filter(|(point, _)| *point != "preset") {
        if point == "name" || !table.contains_key(point) {
            let known: Vec<&str> = table.keys().map(String::as_str).filter(|key| *key != "name").collect();
            return Err(wrong(format!("unknown point `{point}`; there are {}", known.join(", "))));
        }
        table.insert(point.clone(), value.clone());
        // One at a time, so that the message can name the point.
        table.clone().try_into::<Dialect>().map_err(|failure| wrong(format!("`{point}`: {failure}")))?;
    }
    table.try_into().map_err(|failure: toml::de::Error| wrong(failure.to_string()))
}

/// Parses a `--dialect-set POINT=VALUE` flag.
///
/// # Errors
/// A text saying what the form is.
pub fn dialect_point(text: &str) -> Result<(String, toml::Value), String> {
    let (point, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}`: write POINT=VALUE, as in sequence-numbers=false"))?;
    let value = match value {
        "true" => toml::Value::Boolean(true),
        "false" => toml::Value::Boolean(false),
        other => toml::Value::String(other.to_owned()),
    };
    Ok((point.trim().to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("party.toml");
        std::fs::write(&path, text).unwrap();
        (directory, path)
    }

    #[test]
    fn flags_win_over_the_file_and_leave_the_rest() {
        let (folder, path) = written(
            "rank = 0\nparties = ['a:1', 'b:2']\n[lr]\nepochs = 3\nl2 = 0.5\n[data]\ninput = 'x.csv'\n",
        );
        let flags =
            Settings { lr: LrSettings { epochs: Some(7), ..LrSettings::default() }, ..Settings::default() };
        let merged = merge(Some(&path), &flags).unwrap();
        assert_eq!((merged.lr.epochs, merged.lr.l2, merged.rank), (Some(7), Some(0.5), Some(0)));
        assert_eq!(merged.data.input.unwrap(), folder.path().join("x.csv"));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let (_folder, path) = written("rank = 0\n[lr]\nepoch = 3\n");
        let message = merge(Some(&path), &Settings::default()).unwrap_err().to_string();
        assert!(
            message.contains("epoch") && message.contains("line 3") && message.contains("party.toml"),
            "{message}"
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named() {
        let (_folder, path) = written("[link]\nconnect-timeout = 'soon'\n");
        let message = merge(Some(&path), &Settings::default()).unwrap_err().to_string();
        assert!(message.contains("soon") && message.contains("line 2"), "{message}");
    }

    #[test]
    fn single_points_override_the_preset() {
        let points: toml::Table = toml::from_str("preset = 'reference'\nsequence-numbers = false").unwrap();
        let expected = Dialect { sequence_numbers: false, ..Dialect::reference() };
        assert_eq!(dialect(&points).unwrap(), expected);
        for (text, named) in [
            ("preset = 'brpc'", "brpc"),
            ("sequence-number = true", "sequence-number"),
            ("counter-base = 'two'", "counter-base"),
        ] {
            let message = dialect(&toml::from_str(text).unwrap()).unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
