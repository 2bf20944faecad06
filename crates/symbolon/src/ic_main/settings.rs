//! What is to be done, checked: from flags and environment.

mod sources;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use symbolon_handshake::{EcSuite, ResultTo, SigmoidMode, Truncation};
use symbolon_ring::Field;

use super::environment::{Environment, PARAMETER};
use super::flags::{Flags, Source};
use crate::config::PartyConfig;
use crate::error::Result;
use sources::{Dealing, Sources};

/// Environment variables of parameters that have no flag.
const LABEL_OWNER: &str = "label_owner";
const FEATURE_NUMS: &str = "feature_nums";
const TRUNCATED_BITS: &str = "bit_length_after_truncated";
const WITHOUT_FLAG: [&str; 4] = [LABEL_OWNER, FEATURE_NUMS, TRUNCATED_BITS, "start_transport"];

/// A checked run.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Ranks, addresses, timeouts and dialect, in the form of the other commands.
    pub party: PartyConfig,
    /// Whether the parameters are agreed in a handshake, or taken as given.
    pub handshake: bool,
    /// What is computed.
    pub task: Task,
    /// What the user should know about the settings.
    pub notes: Vec<String>,
}

/// What is computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// ECDH_PSI.
    Psi(PsiTask),
    /// SS_LR.
    Lr(LrTask),
}

/// A set intersection.
#[derive(Debug, Clone, PartialEq)]
pub struct PsiTask {
    /// The own table.
    pub input: PathBuf,
    /// The columns that together are the id.
    pub fields: Vec<String>,
    /// Where the common rows go, if this party learns them.
    pub output: Option<PathBuf>,
    /// The suite to propose.
    pub suite: EcSuite,
    /// The bits of a second ciphertext to propose.
    pub truncate_bits: Option<u32>,
    /// Who learns the intersection.
    pub result_to: ResultTo,
}

/// A logistic regression.
#[derive(Debug, Clone, PartialEq)]
pub struct LrTask {
    /// The own table.
    pub input: PathBuf,
    /// Lines before the first row.
    pub skip_rows: usize,
    /// Where the own half of the model goes.
    pub output: PathBuf,
    /// Whether the last column is the label.
    pub has_label: bool,
    /// What the handshake would tell: the label's rank and the number of features of every rank.
    pub told: Option<(usize, Vec<u32>)>,
    /// Passes over the rows.
    pub epochs: u64,
    /// Rows per step.
    pub batch_size: u64,
    /// L2 coefficient.
    pub l2: f64,
    /// Step size.
    pub learning_rate: f64,
    /// Approximation of the sigmoid.
    pub sigmoid: SigmoidMode,
    /// The ring.
    pub field: Field,
    /// Fraction bits.
    pub fraction_bits: u32,
    /// How products are scaled back.
    pub truncation: Truncation,
    /// The dealer's address.
    pub dealer: String,
    /// The session at the dealer.
    pub session_id: String,
    /// The rank that asks the dealer.
    pub adjust_rank: usize,
    /// Whether all parties learn all labels and scores at the end.
    pub reveal: bool,
}

impl Settings {
    /// Checks flags and environment together; the environment wins.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the flag or variable, what it must be and what to do.
    pub fn new(mut flags: Flags, environment: &Environment) -> Result<Self> {
        let mut notes = flags.lay_over(environment)?;
        let known = |name: &str| {
            WITHOUT_FLAG.contains(&name)
                || Flags::ALL.iter().any(|flag| flag.name == name && flag.source == Source::Parameter)
        };
        notes.extend(
            environment
                .parameters()
                .filter(|name| !known(name))
                .map(|name| format!("{PARAMETER}{name} is no parameter of this program and ignored")),
        );
        let sources = Sources { flags: &flags, environment };
        sources.fixed("ic_version", "2", "version 1 of the handshake has been given up")?;
        let parties = sources.parties(&mut notes)?;
        let mut dealing = Dealing::Sessions;
        let task =
            match sources.one("algo", &[("ECDH_PSI", Some(true)), ("SS_LR", Some(false)), ("SGB", None)])? {
                true => Task::Psi(sources.psi(&parties)?),
                false => {
                    dealing = sources.dealing(&mut notes)?;
                    Task::Lr(sources.lr(&parties, &mut notes)?)
                }
            };
        let party = sources.party(parties, dealing)?;
        Ok(Self { party, handshake: !flags.disable_handshake, task, notes })
    }
}
