//! The `symbolon` program; everything is in the library beside it.

use std::process::ExitCode;

use clap::Parser;
use symbolon::cli::{Cli, Command, PartyOptions};
use symbolon::config::PartyConfig;
use symbolon::logging::LogFormat;
use symbolon::report::Report;
use symbolon::{Result, commands, dealer, demo, ic_main, interrupt, keygen, logging};
use symbolon_mutants::Mutant;

fn main() -> ExitCode {
    // Wrong flags end here, with exit code 2.
    let cli = Cli::parse();
    #[cfg(feature = "mutants")]
    if let Some(mutant) = symbolon_mutants::chosen() {
        eprintln!("this process is wrong on purpose: {}: {}", mutant.name(), mutant.about());
    }
    if let Err(error) = logging::install(&cli.log) {
        eprintln!("error: {error}");
        return ExitCode::from(error.exit_code());
    }
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match cli.log.log_format {
                LogFormat::Json => tracing::error!(exit_code = error.exit_code(), "{error}"),
                LogFormat::Text => eprintln!("error: {error}"),
            }
            let code = if Mutant::FailureExitsZero.is_on() { 0 } else { error.exit_code() };
            ExitCode::from(code)
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    interrupt::install()?;
    let party = |options: &PartyOptions, command: fn(&PartyConfig) -> Result<Report>| {
        if options.until_stdin_closes {
            interrupt::end_with_stdin()?;
        }
        command(&options.load()?).map(drop)
    };
    match &cli.command {
        Command::Demo(options) => demo::run(options),
        Command::Dealer(options) => dealer::run(options),
        Command::Keygen(options) => keygen::run(options),
        Command::Psi(options) => party(options, commands::psi),
        Command::Triples(options) => party(options, commands::triples),
        Command::Train(options) => party(options, commands::train),
        Command::Predict(options) => party(options, commands::predict),
        Command::Run(options) => party(options, commands::run),
        Command::IcMain(options) => ic_main::run(options),
    }
}
