//! What a process says while it runs, on standard error: for people, or as JSON for collectors.

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::Failure;

// How a process logs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logging")]
pub(crate) struct LogArgs {
    /// How log lines are written
    #[arg(
        long,
        value_enum,
        env = "COUNTERSIGN_LOG_FORMAT",
        hide_env_values = true,
        value_name = "text|json"
    )]
    #[arg(default_value_t = LogFormat::Text, hide_possible_values = true)]
    log_format: LogFormat,

    /// error, warn, info, debug or trace, or a filter such as `info,countersign_data_plane=debug`;
    /// `RUST_LOG` where it is not given
    #[arg(long, env = "COUNTERSIGN_LOG_LEVEL", hide_env_values = true, value_name = "LEVEL")]
    log_level: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl LogArgs {
    /// Begins to log; `quiet` is the filter where nobody asked for one.
    pub(crate) fn begin(&self, quiet: &str) -> Result<(), Failure> {
        let asked = self.log_level.clone().or_else(|| std::env::var("RUST_LOG").ok());
        let filter = asked.filter(|filter| !filter.is_empty()).unwrap_or_else(|| quiet.to_owned());
        let filter: Targets = filter.parse().map_err(|error| {
            Failure::usage(format!("`{filter}` is no log level or filter: {error}"))
        })?;
        let lines = fmt::layer().with_writer(std::io::stderr);
        let lines = match self.log_format {
            LogFormat::Text => lines.with_target(false).with_ansi(is_coloured()).boxed(),
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
        };
        let begun = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
        begun.map_err(|error| Failure::failed(format!("logging cannot begin: {error}")))
    }
}

/// Colours are for a person who did not ask to be spared them.
fn is_coloured() -> bool {
    use std::io::IsTerminal as _;
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}
