//! The flags of a node's own side towards backends: how many connections it keeps, and which client
//! certificates it holds. What an API says of its backend is not here.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use countersign_data_plane::UpstreamSettings;

use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct UpstreamArgs {
    /// Where this node holds its client certificates for backends: NAME.crt and NAME.key in PEM,
    /// read again when they change; left out: it holds none
    #[arg(
        long = "backend-identity-dir",
        value_name = "DIR",
        env = "COUNTERSIGN_BACKEND_IDENTITY_DIR"
    )]
    #[arg(hide_env_values = true)]
    identity_dir: Option<PathBuf>,

    /// The most connections of one thread to one target; a request that would need one more is
    /// answered with 503
    #[arg(
        long = "backend-connections-max",
        value_name = "N",
        env = "COUNTERSIGN_BACKEND_CONNECTIONS_MAX"
    )]
    #[arg(hide_env_values = true, default_value_t = UpstreamSettings::default().connections_max)]
    connections_max: usize,

    /// How many of them may wait for their next request; 0 to close each after its answer
    #[arg(
        long = "backend-idle-connections-max",
        value_name = "N",
        env = "COUNTERSIGN_BACKEND_IDLE_CONNECTIONS_MAX"
    )]
    #[arg(hide_env_values = true)]
    #[arg(default_value_t = UpstreamSettings::default().idle_connections_max)]
    idle_connections_max: usize,

    /// How long a connection waits for its next request; less than the backend waits itself
    #[arg(
        long = "backend-idle-seconds",
        value_name = "SECONDS",
        env = "COUNTERSIGN_BACKEND_IDLE_SECONDS"
    )]
    #[arg(hide_env_values = true)]
    #[arg(default_value_t = UpstreamSettings::default().idle_time_max.as_secs())]
    idle_seconds: u64,

    /// From one look at the addresses behind backends' names to the next
    #[arg(
        long = "backend-resolve-seconds",
        value_name = "SECONDS",
        env = "COUNTERSIGN_BACKEND_RESOLVE_SECONDS"
    )]
    #[arg(hide_env_values = true)]
    #[arg(default_value_t = UpstreamSettings::default().resolve_interval.as_secs())]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    resolve_seconds: u64,
}

impl UpstreamArgs {
    pub(super) fn settings(self) -> Result<UpstreamSettings, Failure> {
        if let Some(dir) = self.identity_dir.as_ref().filter(|dir| !dir.is_dir()) {
            let given = dir.display();
            return Err(Failure::usage(format!("--backend-identity-dir {given}: no directory")));
        }
        Ok(UpstreamSettings {
            connections_max: self.connections_max,
            idle_connections_max: self.idle_connections_max,
            idle_time_max: Duration::from_secs(self.idle_seconds),
            identity_dir: self.identity_dir,
            resolve_interval: Duration::from_secs(self.resolve_seconds),
            ..UpstreamSettings::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        upstream: UpstreamArgs,
    }

    #[test]
    fn identities_lie_in_a_directory() {
        let settings = |dir: &str| {
            let line = ["data-plane", "--backend-identity-dir", dir, "--backend-idle-seconds", "5"];
            Line::parse_from(line).upstream.settings()
        };
        let given = settings("/").unwrap();
        assert_eq!(given.identity_dir, Some("/".into()));
        assert_eq!(given.idle_time_max, Duration::from_secs(5));
        assert!(matches!(settings("/nowhere/at/all"), Err(Failure::Usage(_))));
    }
}
