//! `countersign relay`

use std::net::SocketAddr;

use clap::Args;
use countersign_data_plane::relay::{self, RelayConfig};

use super::data_plane::{failure, machine_name};
use crate::args::Globals;
use crate::failure::Failure;
use crate::logging::LogArgs;
use crate::signals::StopSignals;

/// Run a relay: it serves a control plane's stream to further nodes
///
/// It follows the control plane, or another relay, as a node does, and gives nodes and further relays
/// what it got. Secrets pass it sealed; it has no key for them. When the control plane is away it goes on
/// serving what it has.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign relay --control-plane http://10.0.0.1:7400 --listen 0.0.0.0:7410
  countersign relay --control-plane http://10.0.0.1:7400,http://10.0.0.2:7400 \\
      --environments RELEASE,STAGING --name relay-eu-1
  countersign data-plane --control-plane http://relay-1:7410,http://relay-2:7410")]
pub(crate) struct RelayArgs {
    /// The environments to serve, by name or id; nodes behind it may serve any of them
    #[arg(long, alias = "environment", value_name = "ENV", env = "COUNTERSIGN_ENVIRONMENT")]
    #[arg(hide_env_values = true, value_delimiter = ',', default_value = "RELEASE")]
    environments: Vec<String>,

    /// Where nodes and further relays connect
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_RELAY_LISTEN", hide_env_values = true)]
    #[arg(default_value = "127.0.0.1:7410")]
    listen: SocketAddr,

    /// Where /live, /ready and /metrics are served
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "COUNTERSIGN_RELAY_STATUS_LISTEN",
        hide_env_values = true
    )]
    #[arg(default_value = "127.0.0.1:7411")]
    status_listen: SocketAddr,

    /// The name under which it presents itself; left out: this machine's name and the port
    #[arg(long, value_name = "NAME", env = "COUNTERSIGN_RELAY", hide_env_values = true)]
    name: Option<String>,

    #[command(flatten)]
    log: LogArgs,
}

pub(super) async fn run(args: RelayArgs, globals: &Globals) -> Result<(), Failure> {
    args.log.begin("info")?;
    let mut signals = StopSignals::catch()?;
    let config = RelayConfig {
        control_planes: globals.control_plane.clone(),
        name: args.name.unwrap_or_else(|| machine_name(args.listen)),
        environments: args.environments,
        listen: args.listen,
        status_listen: Some(args.status_listen),
        ..RelayConfig::default()
    };
    let relay = relay::start(config).await.map_err(failure)?;
    signals.received().await;
    tracing::info!("stopping; a second signal stops at once");
    tokio::select! {
        () = relay.shutdown() => Ok(()),
        () = signals.received() => Err(Failure::failed("stopped at once")),
    }
}
