//! `symbolon ic-main`: what the reference implementation's `ic_main` does, with its flags, its environment
//! variables and its reading of everything disputed ([`symbolon_dialect::Dialect::reference`]).
//!
//! It differs where it must or should:
//! - **Dealer.** With `-ttp_public_key` it is the reference's trusted third party: SPU's beaver server, or a
//!   `symbolon dealer --spu-key`, asked over baidu_std (`-ttp_protocol=h2:grpc`: over gRPC). Without a key it is a `symbolon
//!   dealer` with sessions, for Symbolon parties among themselves; the reference's handshake has no name for the session, so
//!   `-ttp_session_id` gives it, the same at all parties. `-use_ttp=false`, the reference's default, makes rank 0 the
//!   dealer, who can then read everything: it is refused without `-insecure_rank_0_learns_all_masks`.
//! - **The ending.** The reference ends a training by opening every label and every score to all parties
//!   (erratum E25). That is done only with `-reveal_labels_and_scores`.
//! - **The model.** The reference writes its share decoded to `f32`, which fits no other share any more. Here
//!   `-lr_output`.RANK is a model half, as `symbolon train` writes it and `symbolon predict` reads it.
//! - **Dealer's address and key.** A rank other than 0 takes the numbers of rank 0's plan within wide limits, but not
//!   another dealer than its own `-ttp_server_host`; the key is the own one at every rank.
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

use symbolon_curve::SecretScalar;
use symbolon_semi2k::SessionSeeds;

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
  symbolon keygen --out keys
  symbolon dealer --listen 127.0.0.1:9449 --spu-key keys/sm2.key
  symbolon ic-main -rank=0 -algo=SS_LR -protocol_families=SS -dataset=a.csv -has_label -use_ttp=true \\
      -ttp_server_host=127.0.0.1:9449 -ttp_public_key=$(base64 -w0 keys/sm2.pub) \\
      -parties=127.0.0.1:9530,127.0.0.1:9531

Differences: the dealer is SPU's beaver server or a `symbolon dealer --spu-key`; without -ttp_public_key it is a
`symbolon dealer` with sessions, and all parties, Symbolon's all of them, must pass the same -ttp_session_id.
Without a dealer (-use_ttp=false, the reference's default) rank 0 could read everybody's data: that is refused
unless -insecure_rank_0_learns_all_masks allows it. -lr_output.RANK is a half of the model for `symbolon
predict`. Labels and scores stay secret unless every party passes -reveal_labels_and_scores; the reference insists
on them. A refused handshake is a failure: the exit code is not 0.

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
    execute(&Settings::new(flags, &Environment::of_process()?)?, Given::default())
}

/// What a run draws from the operating system or measures, given instead, so that a recorded run can be repeated byte for
/// byte. For tests of conformance: no flag and no variable of the program gives any of it.
#[derive(Default)]
pub struct Given {
    /// ECDH_PSI: the secret scalar.
    pub scalar: Option<SecretScalar>,
    /// SS_LR: the seeds of the session.
    pub seeds: Option<SessionSeeds>,
    /// SS_LR: the number of threads that the peers are told.
    pub threads: Option<i32>,
    /// SS_LR: where the dealer is reached, if not at the address that the parties agree on.
    pub dealer: Option<String>,
}

/// Does what `settings` ask for, with fresh secrets unless they are given.
///
/// # Errors
/// As [`run`].
pub fn execute(settings: &Settings, given: Given) -> Result<()> {
    let party = &settings.party;
    let mut report = Report::new("ic-main", party.rank, party.world_size(), &party.dialect);
    settings.notes.iter().for_each(|note| report.warn(note.clone()));
    match &settings.task {
        Task::Psi(task) => psi::run(settings, task, given, &mut report),
        Task::Lr(task) => lr::run(settings, task, given, &mut report),
    }
}

fn finish(party: Party, report: &mut Report) -> Result<()> {
    let (start, before) = (Instant::now(), party.traffic());
    let after = party.finish()?;
    report.phase("finish", start, before, after);
    Ok(())
}
