//! The `countersign` command line: every verb of the management API, and the processes of the
//! gateway. It parses, asks a control plane and prints; it decides nothing and signs nothing.

mod args;
pub mod backend;
mod cache_key;
mod captured;
mod client;
mod clock;
mod cmd;
mod config;
mod data_dir;
mod demo;
mod differences;
mod enrolling;
mod export;
mod failure;
mod json;
mod listening;
mod logging;
mod master_key;
mod memory;
mod moment;
mod names;
mod node_status;
mod output;
mod paging;
mod secret_source;
mod sharing;
mod signals;
mod waiting;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::args::Cli;
use crate::failure::Failure;

/// Runs the command line that is given, and says how it ended.
pub fn main(line: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line: Vec<OsString> = line.into_iter().collect();
    let cli = match parsed(line) {
        Ok(Ok(cli)) => cli,
        // clap's own errors: help and version to standard output, the rest to standard error.
        Ok(Err(error)) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
        Err(failure) => return ended(&failure),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ended(&Failure::failed(format!("no threads to run on: {error}"))),
    };
    match runtime.block_on(cmd::run(cli.command, &cli.globals)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ended(&failure),
    }
}

/// The command line over the variables over the configuration file.
fn parsed(line: Vec<OsString>) -> Result<Result<Cli, clap::Error>, Failure> {
    let command = config::with_defaults(Cli::command(), &line)?;
    Ok(command.try_get_matches_from(line).and_then(|matches| Cli::from_arg_matches(&matches)))
}

fn ended(failure: &Failure) -> ExitCode {
    if !matches!(failure, Failure::OutputClosed) {
        eprintln!("{failure}");
    }
    failure.exit_code()
}
