//! `countersign relay`

use std::net::SocketAddr;

use clap::Args;
use countersign_data_plane::relay::{self, RelayConfig};

use super::data_plane::{failure, machine_name};
use crate::args::Globals;
use crate::enrolling::EnrolmentArgs;
use crate::failure::Failure;
use crate::listening::TransportArgs;
use crate::logging::LogArgs;
use crate::memory::MemoryArgs;
use crate::signals::StopSignals;

/// Run a relay: it serves a control plane's stream to further nodes
///
/// It follows the control plane, or another relay, as a node does, and gives nodes and further relays
/// what it got. Secrets pass it sealed; it has no key for them. When the control plane is away it goes on
/// serving what it has.
///
/// Like a control plane it is reached over TLS, or, on this machine alone and where it is asked for, in
/// clear text. Upstream it shows the certificate of a relay (docs/security.md).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign relay --plaintext --environments RELEASE,STAGING
  countersign relay --control-plane https://10.0.0.1:7400,https://10.0.0.2:7400 --name relay-1 \\
      --control-plane-ca ca.crt --control-plane-cert relay-1.crt --control-plane-key relay-1.key \\
      --listen 0.0.0.0:7410 --tls-cert relay-1.crt --tls-key relay-1.key --client-ca ca.crt
  countersign data-plane --control-plane https://relay-1:7410,https://relay-2:7410 --node edge-1 \\
      --control-plane-ca ca.crt --control-plane-cert edge-1.crt --control-plane-key edge-1.key")]
pub(crate) struct RelayArgs {
    /// The environments to serve, by name or id; nodes behind it may serve any of them
    #[arg(long, alias = "environment", value_name = "ENV", env = "COUNTERSIGN_ENVIRONMENT")]
    #[arg(hide_env_values = true, value_delimiter = ',', default_value = "RELEASE")]
    environments: Vec<String>,

    /// Where nodes and further relays connect
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_RELAY_LISTEN", hide_env_values = true)]
    #[arg(default_value = "127.0.0.1:7410")]
    listen: SocketAddr,

    #[command(flatten)]
    transport: TransportArgs,

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
    enrolment: EnrolmentArgs,

    #[command(flatten)]
    memory: MemoryArgs,

    #[command(flatten)]
    log: LogArgs,
}

pub(super) async fn run(args: RelayArgs, globals: &Globals) -> Result<(), Failure> {
    args.log.begin("info")?;
    args.memory.guard()?;
    let mut signals = StopSignals::catch()?;
    let config = RelayConfig {
        control_planes: globals.control_plane.clone(),
        name: args.name.unwrap_or_else(|| machine_name(args.listen)),
        environments: args.environments,
        control_plane_tls: globals.tls()?,
        enrolment: args.enrolment.settings()?,
        listen: args.listen,
        transport: args.transport.transport()?,
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
