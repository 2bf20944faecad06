//! Log lines on stderr, as text for people or JSON for machines, without tearing progress bars.

use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::error::{Error, Result};
use crate::progress;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// One line of text per event.
    #[default]
    Text,
    /// One JSON object per event.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, Args)]
pub struct LogOptions {
    /// Form of the log lines on stderr
    #[arg(long, global = true, value_enum, default_value = "text", help_heading = "Logging")]
    pub log_format: LogFormat,
    /// error, warn, info, debug or trace; also per module, as in `info,symbolon_link=debug`
    #[arg(long, global = true, default_value = "info", value_name = "LEVEL", help_heading = "Logging")]
    pub log_level: String,
}

/// Starts logging for the whole process.
///
/// # Errors
/// [`Error::Config`] if the level is not one.
pub fn install(options: &LogOptions) -> Result<()> {
    let filter = EnvFilter::try_new(&options.log_level)
        .map_err(|failure| Error::Config(format!("--log-level {}: {failure}", options.log_level)))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Stderr);
    let done = match options.log_format {
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
        LogFormat::Text => {
            builder.with_target(false).with_ansi(io::stderr().is_terminal()).finish().try_init()
        }
    };
    // A second initialisation in one process (tests) keeps the first.
    let _ = done;
    Ok(())
}

/// Stderr, with progress bars out of the way while a line is written.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        progress::suspended(|| io::stderr().write_all(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for Stderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
