//! `cargo xtask record`: runs of the released engine, written down as vectors.
//!
//! The parties are the processes of the interop scenarios. Before each of them, and before the dealer, stands a
//! [`relay`] that keeps every call. The dealer is the released one, in this process; its key pair is made here for one run,
//! so this chore, and nothing that is released, can tell which seeds the parties sealed.
//! A vector is written only when it replays.

mod calls;
mod relay;
mod training;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;
use sm2::pkcs8::DecodePrivateKey as _;
use symbolon_conformance::recording::Source;
use symbolon_dialect::Dialect;
use symbolon_grpc::{DealerConfig, DealerKey, DealerServer, SpuDealerConfig};

use self::relay::{Call, Relay};
use super::python::Environment;
use super::scenario::{self, Actor, Place};
use super::scenarios;

/// Records runs of the released SPU engine, alone and with a party of ours, as vectors.
#[derive(Debug, clap::Args)]
pub(crate) struct RecordArguments {
    /// Only recordings whose name matches one of these; `*` stands for anything.
    #[arg(long, value_name = "GLOB", default_value = "*", value_delimiter = ',')]
    only: Vec<String>,
    /// Where the vectors are; files of the same name are replaced.
    #[arg(long, value_name = "FOLDER", default_value = "vectors")]
    into: PathBuf,
    /// Print the names of the recordings and stop.
    #[arg(long)]
    list: bool,
}

/// How long one run may take.
const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) fn run(arguments: &RecordArguments) -> Result<(), String> {
    let wanted = |name: &str| arguments.only.iter().any(|pattern| super::matches(pattern, name));
    let trainings: Vec<_> = training::all().into_iter().filter(|(name, _)| wanted(name)).collect();
    let calls: Vec<_> = calls::all().into_iter().filter(|file| wanted(file.name)).collect();
    let names = trainings.iter().map(|(name, _)| *name).chain(calls.iter().map(|file| file.name));
    if arguments.list {
        names.for_each(|name| println!("{name}"));
        return Ok(());
    }
    if trainings.is_empty() && calls.is_empty() {
        return Err(format!("no recording is called {}; see --list", arguments.only.join(" or ")));
    }
    let environment = Environment::prepare()?;
    for (name, case) in trainings {
        let text = training::record(&environment, name, case)?;
        write(&arguments.into.join("recordings"), &environment, name, text)?;
    }
    for file in calls {
        let text = calls::record(&environment, &file)?;
        write(&arguments.into.join("dealer"), &environment, file.name, text)?;
    }
    Ok(())
}

/// The file of a recording: its name with the engine's before it.
fn write(folder: &Path, environment: &Environment, name: &str, text: String) -> Result<(), String> {
    let path = folder.join(format!("{}_{name}.json", engine(environment)));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, &text))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{} ({} bytes)", path.display(), text.len());
    Ok(())
}

/// The engine that the environment has; part of the names of files and recordings.
fn engine(environment: &Environment) -> String {
    format!("spu-{}", environment.spu_version())
}

/// Where a recording comes from.
fn source(environment: &Environment, name: &str, implementation: &str, note: &str) -> Source {
    Source {
        implementation: implementation.into(),
        versions: BTreeMap::from([
            ("spu".into(), format!("PyPI spu {}", environment.spu_version())),
            ("python".into(), environment.python_version().into()),
            ("symbolon".into(), env!("CARGO_PKG_VERSION").into()),
        ]),
        note: note.into(),
        command: Some(format!("cargo xtask record --only {name}")),
        date: Some(today()),
    }
}

/// What a run with relays gave.
struct Captured {
    /// The last lines of the parties, by rank.
    reports: Vec<Value>,
    /// Calls between the parties, each to the rank [`Call::front`].
    link: Vec<Call>,
    /// Calls to the dealer.
    dealer: Vec<Call>,
    key: DealerKey,
}

impl Captured {
    /// The seed, as hex, in a ciphertext, as base64.
    fn open(&self, sealed: &str) -> Result<String, String> {
        let pem = self.key.to_pem().map_err(|error| error.to_string())?;
        let key = sm2::SecretKey::from_pkcs8_pem(&pem).map_err(|error| error.to_string())?;
        let sealed = BASE64_STANDARD.decode(sealed).map_err(|error| error.to_string())?;
        let seed =
            sm2::pke::DecryptingKey::new(key).decrypt_der(&sealed).map_err(|error| error.to_string())?;
        Ok(hex::encode(seed))
    }
}

/// Runs the parties of `cast` (`count` of them, the dealer's actor not among them) over relays.
fn capture(
    environment: &Environment,
    name: &str,
    count: usize,
    cast: impl FnOnce(&Place) -> Vec<Actor>,
) -> Result<Captured, String> {
    let place = Place::new(environment, &format!("record/{name}"))?.relayed();
    let key = DealerKey::generate().map_err(|error| error.to_string())?;
    let pem = key.public_key().to_pem().map_err(|error| error.to_string())?;
    let file = scenarios::dealer_key(&place);
    std::fs::write(&file, pem).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut config = DealerConfig::new(&Dialect::spu());
    config.spu = Some(SpuDealerConfig::new(key.clone()));
    let listen = place.dealer_listens().parse().map_err(|error| format!("the dealer's address: {error}"))?;
    let dealer = DealerServer::start(listen, config).map_err(|error| error.to_string())?;

    let mut fronts: Vec<_> = (0..count).map(|rank| (place.front(rank), place.address(rank))).collect();
    fronts.push((place.dealer(), place.dealer_listens()));
    let relay = Relay::start(&fronts)?;
    let parties: Vec<_> = cast(&place).into_iter().filter(|actor| !actor.life.is_server()).collect();
    let deadline = Instant::now() + DEADLINE;
    let reports = scenario::perform(environment, &place, &parties, deadline, &mut String::new())?;
    let (link, dealer_calls) = relay.finish().into_iter().partition(|call| call.front < count);
    dealer.shutdown();
    Ok(Captured { reports, link, dealer: dealer_calls, key })
}

/// The last part of a path: the method.
fn method(call: &Call) -> &str {
    call.path.rsplit('/').next().unwrap_or_default()
}

/// Today in UTC, year-month-day.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = civil(since.as_secs() / 86_400);
    format!("{year}-{month:02}-{day:02}")
}

/// The day of the Gregorian calendar that is `days` after 1970-01-01.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn days() {
        for (days, date) in
            [(0, (1970, 1, 1)), (11_016, (2000, 2, 29)), (19_723, (2024, 1, 1)), (20_778, (2026, 11, 21))]
        {
            assert_eq!(super::civil(days), date);
        }
    }
}
