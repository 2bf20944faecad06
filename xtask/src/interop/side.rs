//! Our sides of the scenarios: each is a process of its own, so that it can be killed.

mod dealer;
mod link;
mod members;
mod party;
mod program;
mod psi;
mod reference;
mod training;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// One side of an interop scenario.
#[derive(Debug, clap::Args)]
pub(crate) struct SideArguments {
    /// Which side.
    side: String,
    /// Its configuration, JSON.
    configuration: String,
}

/// Whatever goes wrong at a side; told in its last line.
type Failure = Box<dyn std::error::Error>;

/// Plays one side; the last line of the output tells what came of it.
pub(crate) fn run(arguments: &SideArguments) -> Result<(), String> {
    let play: fn(&str) -> Result<Value, Failure> = match arguments.side.as_str() {
        "dealer" => |text| dealer::play(&configuration(text)?),
        "ic-main" => |text| reference::play_ic_main(&configuration(text)?),
        "link" => |text| link::play(&configuration(text)?),
        "members" => |text| members::play(&configuration(text)?),
        "program" => |text| program::play(&configuration(text)?),
        "psi" => |text| psi::play(&configuration(text)?),
        "recorded-peer" => |text| reference::play_peer(&configuration(text)?),
        "training" => |text| training::play(&configuration(text)?),
        other => return Err(format!("there is no side called {other}")),
    };
    match play(&arguments.configuration) {
        Ok(report) => {
            tell(&report);
            Ok(())
        }
        Err(failure) => {
            let failure = failure.to_string();
            tell(&json!({ "error": failure }));
            Err(failure)
        }
    }
}

fn configuration<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    Ok(serde_json::from_str(text)?)
}

/// Writes one line.
fn tell(line: &Value) {
    println!("{line}");
}

/// Tells that the work is in full swing: a scenario may kill this side now.
fn tell_middle() {
    tell(&json!({ "at": "middle" }));
}
