//! `symbolon ic-main`: what the reference implementation's `ic_main` does, with its flags, its environment
//! variables and its reading of everything disputed ([`symbolon_dialect::Dialect::reference`]).
//!
//! It differs where it must or should:
//! - **Dealer.** The dealer is a `symbolon dealer`, so all parties of a training are Symbolon parties; a set intersection
//!   runs with the reference itself. The reference's handshake has no name for the dealer's session:
//!   `-ttp_session_id` gives it, the same at all parties. `-use_ttp=false` (rank 0 as dealer) is refused.
//! - **The ending.** The reference ends a training by opening every label and every score to all parties
//!   (erratum E25). That is done only with `-reveal_labels_and_scores`.
//! - **The model.** The reference writes its share decoded to `f32`, which fits no other share any more. Here
//!   `-lr_output`.RANK is a model half, as `symbolon train` writes it and `symbolon predict` reads it.
//! - **Dealer's address.** A rank other than 0 takes the numbers of rank 0's plan within wide limits, but not
//!   another dealer than its own `-ttp_server_host`.
//! - **TLS.** With `-tls_ca`, `-tls_cert`, `-tls_key` and `-tls_peers` the link and the dealer's service are encrypted and
//!   both ends prove who they are, between Symbolon parties.
//! - **Exit code.** A refused handshake is a failure (erratum E19).
//! - Arguments that belong to no flag, values with trailing text, and file variables without a storage are errors.

mod environment;
mod flags;
mod lr;
mod psi;
mod settings;
mod table;

use std::time::Instant;

pub use environment::{Environment, PARAMETER, Roles};
pub use flags::{Flag, Flags, Source};
pub use settings::{LrTask, PsiTask, Settings, Task};

use crate::error::Result;
use crate::network::Party;
use crate::report::Report;

const ABOUT: &str = "\
A drop-in for the reference implementation's ic_main: its flags and environment variables, its messages.

  symbolon ic-main -rank=0 -algo=ECDH_PSI -protocol_families=ECC -in_path=psi_1.csv -field_names=id \\
      -out_path=/tmp/p1.out -parties=127.0.0.1:9530,127.0.0.1:9531
  symbolon dealer --listen 127.0.0.1:9449
  symbolon ic-main -rank=0 -algo=SS_LR -protocol_families=SS -dataset=a.csv -has_label -use_ttp=true \\
      -ttp_server_host=127.0.0.1:9449 -parties=127.0.0.1:9530,127.0.0.1:9531

Differences: the dealer is a `symbolon dealer` (not SPU's beaver server), and all parties must pass the same
-ttp_session_id, because the reference's handshake has no field for it; without a dealer (-use_ttp=false) there is
no training. -lr_output.RANK is a half of the model for `symbolon predict`. Labels and scores stay secret unless
every party passes -reveal_labels_and_scores. A refused handshake is a failure: the exit code is not 0.

Environment without a flag: runtime.component.input.train_data and .output.train_data ({\"namespace\":…,\"name\":…}
below system.storage or system.storage.host.url), runtime.component.parameter.bit_length_after_truncated,
.label_owner and .feature_nums (with -disable_handshake), config.self_role, config.node_id.NAME, config.node_ip.NAME.
Logging flags go before the command: symbolon --log-format json ic-main …
";

/// Options of `symbolon ic-main`.
#[derive(Debug, Clone, clap::Args)]
pub struct IcMainOptions {
    /// Flags as the reference implementation takes them; -help lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
    pub flags: Vec<String>,
}

/// Does what flags and environment ask for.
///
/// # Errors
/// [`crate::Error`]: whatever keeps it from a complete result; nothing is written then.
pub fn run(options: &IcMainOptions) -> Result<()> {
    let Some(flags) = Flags::parse(&options.flags)? else {
        println!("{ABOUT}\n{}", Flags::listing());
        return Ok(());
    };
    let settings = Settings::new(flags, &Environment::of_process()?)?;
    let party = &settings.party;
    let mut report = Report::new("ic-main", party.rank, party.world_size(), &party.dialect);
    settings.notes.iter().for_each(|note| report.warn(note.clone()));
    match &settings.task {
        Task::Psi(task) => psi::run(&settings, task, &mut report),
        Task::Lr(task) => lr::run(&settings, task, &mut report),
    }
}

fn finish(party: Party, report: &mut Report) -> Result<()> {
    let (start, before) = (Instant::now(), party.traffic());
    let after = party.finish()?;
    report.phase("finish", start, before, after);
    Ok(())
}
