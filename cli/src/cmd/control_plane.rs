//! `countersign control-plane`

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use countersign_control_plane::{
    AtOnce, CALLS_PER_SECOND, Config, Limits, NodeCertificateConfig, Scope, ScopeRule,
};
use countersign_transport::{CertificateFiles, Transport};

use crate::data_dir;
use crate::failure::Failure;
use crate::listening::TransportArgs;
use crate::logging::LogArgs;
use crate::master_key::MasterKeyArgs;
use crate::memory::MemoryArgs;
use crate::moment::Lifetime;
use crate::sharing::SharingArgs;
use crate::signals::StopSignals;

/// Run a control plane: it decides, logs and streams every change
///
/// The data directory holds the log, the keystore, state snapshots and, unless --master-key-file
/// names another, the master key that opens the keystore. Without --data-dir it is
/// `$XDG_DATA_HOME/countersign/control-plane`, or `~/.local/share/countersign/control-plane`.
///
/// Nodes and operators reach it over TLS and show a certificate (docs/security.md), or, on this
/// machine alone and where it is asked for, in clear text.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign control-plane --plaintext --data-dir ./data
  countersign control-plane --data-dir /var/lib/countersign --listen 0.0.0.0:7400 \\
      --tls-cert server.crt --tls-key server.key --client-ca ca.crt \\
      --node-scope 'edge-eu-*=RELEASE,STAGING' --node-scope 'lab-*=TEST'
  countersign control-plane --plaintext --data-dir ./data --log etcd \\
      --etcd-endpoint https://etcd-1:2379,https://etcd-2:2379,https://etcd-3:2379 --etcd-ca etcd-ca.crt")]
pub(crate) struct ControlPlaneArgs {
    /// Where everything is kept; made if it is not there
    #[arg(long, value_name = "DIR", env = "COUNTERSIGN_DATA_DIR", hide_env_values = true)]
    data_dir: Option<PathBuf>,

    /// Where gRPC is served
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_LISTEN", hide_env_values = true)]
    #[arg(default_value = "127.0.0.1:7400")]
    listen: SocketAddr,

    #[command(flatten)]
    transport: TransportArgs,

    /// Where the web console is served, with the certificate of --tls-cert. Without it there is none
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "COUNTERSIGN_CONSOLE_LISTEN",
        hide_env_values = true
    )]
    console_listen: Option<SocketAddr>,

    /// Where /live, /ready and /metrics are served
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_STATUS_LISTEN", hide_env_values = true)]
    #[arg(default_value = "127.0.0.1:7401")]
    status_listen: SocketAddr,

    #[command(flatten)]
    master_key: MasterKeyArgs,

    /// How many nodes are sent a snapshot at the same time; the others wait in order
    #[arg(long, value_name = "N", env = "COUNTERSIGN_SNAPSHOTS_AT_ONCE", hide_env_values = true)]
    #[arg(default_value = "32")]
    snapshots_at_once: NonZeroUsize,

    /// Let nodes of these names ask for these environments only, and all others for none
    ///
    /// In the name of the nodes * stands for any characters; environments go by name or id. Once
    /// for each such scope. Without it every node may ask for every environment.
    #[arg(long = "node-scope", value_name = "NODES=ENVIRONMENT,…")]
    #[arg(env = "COUNTERSIGN_NODE_SCOPE", hide_env_values = true, value_delimiter = ';')]
    node_scopes: Vec<ScopeRule>,

    /// The certificate of the CA that nodes are given theirs by, in PEM. It is trusted in for nodes and relays,
    /// beside --client-ca
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_NODE_CA_CERT", hide_env_values = true)]
    #[arg(requires = "node_ca_key")]
    node_ca_cert: Option<PathBuf>,

    /// Its private key in PEM, which its owner alone may read
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_NODE_CA_KEY", hide_env_values = true)]
    #[arg(requires = "node_ca_cert")]
    node_ca_key: Option<PathBuf>,

    /// How long a node's certificate is good for; the node renews it at two thirds of it
    #[arg(long, value_name = "TIME", env = "COUNTERSIGN_NODE_CERT_TTL", hide_env_values = true)]
    #[arg(default_value = "24h")]
    node_cert_ttl: Lifetime,

    #[command(flatten)]
    sharing: SharingArgs,

    /// Ask for a certificate or token in clear text, too; without it whoever is on this machine may do
    /// everything
    #[arg(long, env = "COUNTERSIGN_REQUIRE_CREDENTIALS", hide_env_values = true)]
    require_credentials: bool,

    /// How many calls a second an operator may make; twice as many at once
    #[arg(long, value_name = "N", env = "COUNTERSIGN_CALLS_PER_SECOND", hide_env_values = true)]
    #[arg(default_value_t = CALLS_PER_SECOND)]
    calls_per_second: u32,

    /// How long a call may take whose answer does not go on; a caller's own deadline counts where it is shorter
    #[arg(long, value_name = "TIME", env = "COUNTERSIGN_CALL_TIME_MAX", hide_env_values = true)]
    #[arg(default_value = "30s")]
    call_time_max: Lifetime,

    /// Make a new first token in DATA_DIR/bootstrap-token, for when no admin can call any more
    #[arg(long)]
    new_bootstrap_token: bool,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    memory: MemoryArgs,

    #[command(flatten)]
    logging: LogArgs,
}

// The quotas of the field, unless somebody wants others.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Quotas")]
#[expect(clippy::struct_field_names, reason = "a limit has its unit last, and so its flag")]
struct LimitArgs {
    /// How many environments there may be
    #[arg(long, value_name = "N", env = "COUNTERSIGN_ENVIRONMENTS_MAX", hide_env_values = true)]
    #[arg(default_value_t = Limits::default().environments_max)]
    environments_max: u64,

    /// How many API groups there may be
    #[arg(long, value_name = "N", env = "COUNTERSIGN_GROUPS_MAX", hide_env_values = true)]
    #[arg(default_value_t = Limits::default().groups_max)]
    groups_max: u64,

    /// How many APIs there may be
    #[arg(long, value_name = "N", env = "COUNTERSIGN_APIS_MAX", hide_env_values = true)]
    #[arg(default_value_t = Limits::default().apis_max)]
    apis_max: u64,

    /// How many signature keys there may be
    #[arg(long, value_name = "N", env = "COUNTERSIGN_KEYS_MAX", hide_env_values = true)]
    #[arg(default_value_t = Limits::default().keys_max)]
    keys_max: u64,

    /// How many bindings there may be
    #[arg(long, value_name = "N", env = "COUNTERSIGN_BINDINGS_MAX", hide_env_values = true)]
    #[arg(default_value_t = Limits::default().bindings_max)]
    bindings_max: u64,
}

fn reached_at(transport: &Transport, listen: SocketAddr) -> String {
    let scheme = if matches!(transport, Transport::Plaintext) { "http" } else { "https" };
    format!("{scheme}://{listen}")
}

pub(super) async fn run(args: ControlPlaneArgs) -> Result<(), Failure> {
    args.logging.begin("info")?;
    args.memory.guard()?;
    let mut signals = StopSignals::catch()?;
    let transport = args.transport.transport()?;
    let (master_key, next_master_key) = args.master_key.sources()?;
    let config = Config {
        data_dir: args.data_dir.unwrap_or_else(|| data_dir::default_for("control-plane")),
        listen: args.listen,
        console_listen: args.console_listen,
        etcd: args.sharing.etcd(reached_at(&transport, args.listen))?,
        transport,
        status_listen: Some(args.status_listen),
        master_key,
        next_master_key,
        limits: Limits {
            environments_max: args.limits.environments_max,
            groups_max: args.limits.groups_max,
            apis_max: args.limits.apis_max,
            keys_max: args.limits.keys_max,
            bindings_max: args.limits.bindings_max,
            ..Limits::default()
        },
        snapshots_at_once: AtOnce { count: args.snapshots_at_once.get(), ..AtOnce::default() },
        node_scope: Scope::new(args.node_scopes),
        node_certificates: NodeCertificateConfig {
            ca: args
                .node_ca_cert
                .zip(args.node_ca_key)
                .map(|(certificate, key)| CertificateFiles { certificate, key }),
            lifetime: args.node_cert_ttl.0,
        },
        require_credentials: args.require_credentials,
        calls_per_second: args.calls_per_second,
        call_time_max: args.call_time_max.0,
        new_bootstrap_token: args.new_bootstrap_token,
        ..Config::default()
    };
    let plane = countersign_control_plane::start(config)
        .await
        .map_err(|error| Failure::failed(error.to_string()))?;
    signals.received().await;
    tracing::info!("stopping; a second signal stops at once");
    tokio::select! {
        () = plane.shutdown() => Ok(()),
        () = signals.received() => Err(Failure::failed("stopped at once")),
    }
}
