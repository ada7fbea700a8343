//! `countersign data-plane`

mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use countersign_data_plane::{
    Cache, CertificateFiles, ClientLimits, ClientTimes, Config, Network, ProxyTls,
};

use crate::args::Globals;
use crate::cache_key;
use crate::enrolling::EnrolmentArgs;
use crate::failure::Failure;
use crate::logging::LogArgs;
use crate::memory::MemoryArgs;
use crate::signals::StopSignals;
use upstream::UpstreamArgs;

/// The most characters of a node's name that the machine's name may take.
const HOST_CHARACTERS_MAX: usize = 100;

/// Run a data-plane node: a reverse proxy that signs
///
/// It gets what it signs with from the control plane, goes on with what it has when the control
/// plane is away, and is ready after its first complete snapshot.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign data-plane
  countersign data-plane --control-plane https://10.0.0.1:7400,https://10.0.0.2:7400 \\
      --control-plane-ca ca.crt --control-plane-cert edge-1.crt --control-plane-key edge-1.key \\
      --node edge-1
  countersign data-plane --node edge-1 --control-plane https://10.0.0.1:7400 \\
      --control-plane-ca ca.crt --identity-dir /var/lib/countersign/identity \\
      --enrol-token-file /run/countersign/token
  countersign data-plane --environment RELEASE \\
      --environment STAGING --proxy-listen 0.0.0.0:8080 --workers 4
  countersign data-plane --proxy-tls-listen 0.0.0.0:8443 --proxy-tls-cert tls.crt \\
      --proxy-tls-key tls.key
  countersign data-plane --cache-file /var/lib/countersign/table \\
      --cache-key-file /etc/countersign/cache-key")]
pub(crate) struct DataPlaneArgs {
    /// An environment to serve, by name or id; repeat for several. The first one is that of
    /// requests without `X-Stage`
    #[arg(long, alias = "env", value_name = "ENV", env = "COUNTERSIGN_ENVIRONMENT")]
    #[arg(hide_env_values = true, value_delimiter = ',', default_value = "RELEASE")]
    environment: Vec<String>,

    /// Where requests come in
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_PROXY_LISTEN", hide_env_values = true)]
    #[arg(default_value = "127.0.0.1:8080")]
    proxy_listen: SocketAddr,

    /// Where requests come in over TLS, with HTTP/2 or HTTP/1.1 as the client prefers
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "COUNTERSIGN_PROXY_TLS_LISTEN",
        hide_env_values = true
    )]
    #[arg(requires_all = ["proxy_tls_cert", "proxy_tls_key"])]
    proxy_tls_listen: Option<SocketAddr>,

    /// The certificate for it in PEM, then those that lead to its authority. Read again when the file
    /// changes
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_PROXY_TLS_CERT", hide_env_values = true)]
    #[arg(requires = "proxy_tls_listen")]
    proxy_tls_cert: Option<PathBuf>,

    /// The certificate's private key in PEM
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_PROXY_TLS_KEY", hide_env_values = true)]
    #[arg(requires = "proxy_tls_listen")]
    proxy_tls_key: Option<PathBuf>,

    /// Where /live, /ready and /metrics are served
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_STATUS_LISTEN", hide_env_values = true)]
    #[arg(default_value = "127.0.0.1:8081")]
    status_listen: SocketAddr,

    /// The name under which it presents itself; left out: this machine's name and the proxy's port
    #[arg(long, value_name = "NAME", env = "COUNTERSIGN_NODE", hide_env_values = true)]
    node: Option<String>,

    /// How many threads take requests; left out: one per core
    #[arg(long, value_name = "N", env = "COUNTERSIGN_WORKERS", hide_env_values = true)]
    workers: Option<usize>,

    /// How long a client's connection may be idle between two requests
    #[arg(long, value_name = "SECONDS", env = "COUNTERSIGN_CLIENT_IDLE_SECONDS")]
    #[arg(hide_env_values = true, default_value_t = Config::default().client_times.idle_max.as_secs())]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    client_idle_seconds: u64,

    /// How long a client may pause in the middle of a handshake, a head, a body, or taking an answer
    #[arg(long, value_name = "SECONDS", env = "COUNTERSIGN_CLIENT_PAUSE_SECONDS")]
    #[arg(hide_env_values = true, default_value_t = Config::default().client_times.pause_max.as_secs())]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    client_pause_seconds: u64,

    /// The largest body that is read in order to sign it
    #[arg(long, value_name = "BYTES", env = "COUNTERSIGN_BODY_BYTES_MAX", hide_env_values = true)]
    #[arg(default_value_t = Config::default().body_bytes_max)]
    body_bytes_max: usize,

    /// The most bytes of bodies that all requests together hold in memory
    #[arg(long, value_name = "BYTES", env = "COUNTERSIGN_BUFFERED_BYTES_MAX")]
    #[arg(hide_env_values = true, default_value_t = Config::default().buffered_bytes_max)]
    buffered_bytes_max: usize,

    /// A proxy before this node, as an address or a range in CIDR form; repeat for several. Its
    /// X-Forwarded-For is extended, its X-Forwarded-Host, -Port and -Proto are kept, and the client is
    /// the last address that is not one of these proxies. Of anybody else all of that is dropped
    #[arg(long, value_name = "CIDR", env = "COUNTERSIGN_TRUSTED_PROXY", hide_env_values = true)]
    #[arg(value_delimiter = ',')]
    trusted_proxy: Vec<Network>,

    /// The most connections that one client may have open; 0 for any number. A client is an IPv4
    /// address or an IPv6 /64; a trusted proxy may have any number
    #[arg(long, value_name = "N", env = "COUNTERSIGN_CLIENT_CONNECTIONS_MAX")]
    #[arg(hide_env_values = true, default_value_t = 0)]
    client_connections_max: u32,

    /// The most requests per second of one client; 0 for any number. More are answered with 429
    #[arg(long, value_name = "N", env = "COUNTERSIGN_CLIENT_REQUESTS_PER_SECOND")]
    #[arg(hide_env_values = true, default_value_t = 0)]
    client_requests_per_second: u32,

    /// How many requests a client may send at once after a silence; 0 for those of one second
    #[arg(long, value_name = "N", env = "COUNTERSIGN_CLIENT_REQUEST_BURST")]
    #[arg(hide_env_values = true, default_value_t = 0)]
    client_request_burst: u32,

    /// Where spans are sent by OTLP over gRPC, such as `http://127.0.0.1:4317`; left out: nothing is
    /// traced
    #[arg(long, value_name = "URL", env = "COUNTERSIGN_OTLP_ENDPOINT", hide_env_values = true)]
    otlp_endpoint: Option<String>,

    /// Trace every so-many-th request that has no parent: 1 for all, 0 for none. With a parent, its
    /// sampled flag decides
    #[arg(long, value_name = "N", env = "COUNTERSIGN_TRACE_EVERY", hide_env_values = true)]
    #[arg(default_value_t = Config::default().trace_every)]
    trace_every: u32,

    /// Log every so-many-th request: 1 for all, 100 for one in a hundred, 0 for none. No query, header
    /// or body is logged
    #[arg(long, value_name = "N", env = "COUNTERSIGN_ACCESS_LOG_EVERY", hide_env_values = true)]
    #[arg(default_value_t = Config::default().access_log_every)]
    access_log_every: u32,

    /// How long a node that is told to stop only says at /ready that it is not ready, so that balancers
    /// notice; it still serves whatever comes, and closes connections with their next answer
    #[arg(long, value_name = "SECONDS", env = "COUNTERSIGN_DRAIN_DELAY_SECONDS")]
    #[arg(hide_env_values = true, default_value_t = Config::default().drain_delay.as_secs())]
    drain_delay_seconds: u64,

    /// How long it then waits for requests that are under way
    #[arg(long, value_name = "SECONDS", env = "COUNTERSIGN_DRAIN_SECONDS", hide_env_values = true)]
    #[arg(default_value_t = Config::default().drain_timeout.as_secs())]
    drain_seconds: u64,

    #[command(flatten)]
    upstream: UpstreamArgs,

    /// The id of another log that may take the place of the one that this node signs with, once: after
    /// a restore under a new log, or when the node goes to another control plane. Others are refused.
    /// With an epoch behind it, only in that one
    #[arg(
        long,
        value_name = "LOG_ID[/EPOCH]",
        env = "COUNTERSIGN_ACCEPT_LOG",
        hide_env_values = true
    )]
    accept_log: Option<String>,

    /// Keep the last good table in this file, sealed, and sign with it after a restart until a control
    /// plane answers. The key is that of --cache-key-file, of the variable `COUNTERSIGN_CACHE_KEY`, or
    /// the credential countersign-cache-key of systemd. Left out: nothing is ever written
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_CACHE_FILE", hide_env_values = true)]
    cache_file: Option<PathBuf>,

    /// The key that the cache is sealed with: 64 hex digits, or 32 bytes. In another directory
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_CACHE_KEY_FILE", hide_env_values = true)]
    #[arg(requires = "cache_file")]
    cache_key_file: Option<PathBuf>,

    /// How old a cache may be to be signed with, since it was last known to be the control plane's
    #[arg(long, value_name = "SECONDS", env = "COUNTERSIGN_CACHE_AGE_MAX_SECONDS")]
    #[arg(hide_env_values = true, default_value_t = 86_400)]
    cache_age_max_seconds: u64,

    #[command(flatten)]
    enrolment: EnrolmentArgs,

    #[command(flatten)]
    memory: MemoryArgs,

    #[command(flatten)]
    log: LogArgs,
}

pub(super) async fn run(args: DataPlaneArgs, globals: &Globals) -> Result<(), Failure> {
    args.log.begin("info")?;
    args.memory.guard()?;
    let mut signals = StopSignals::catch()?;
    let defaults = Config::default();
    let proxy_tls = match (args.proxy_tls_listen, args.proxy_tls_cert, args.proxy_tls_key) {
        (Some(listen), Some(certificate), Some(key)) => {
            Some(ProxyTls { listen, files: CertificateFiles { certificate, key } })
        }
        _ => None,
    };
    let age_max = Duration::from_secs(args.cache_age_max_seconds);
    let cache = match args.cache_file {
        None => None,
        Some(file) => {
            let key = cache_key::read(&file, args.cache_key_file.as_deref())?;
            Some(Cache { file, key, age_max })
        }
    };
    let config = Config {
        control_planes: globals.control_plane.clone(),
        control_plane_tls: globals.tls()?,
        enrolment: args.enrolment.settings()?,
        accept_log: args.accept_log,
        cache,
        node: args.node.unwrap_or_else(|| machine_name(args.proxy_listen)),
        environments: args.environment,
        proxy_listen: args.proxy_listen,
        proxy_tls,
        status_listen: Some(args.status_listen),
        workers: args.workers.unwrap_or(defaults.workers),
        client_times: ClientTimes {
            idle_max: Duration::from_secs(args.client_idle_seconds),
            pause_max: Duration::from_secs(args.client_pause_seconds),
        },
        body_bytes_max: args.body_bytes_max,
        buffered_bytes_max: args.buffered_bytes_max,
        trusted_proxies: args.trusted_proxy,
        client_limits: ClientLimits {
            connections_max: args.client_connections_max,
            requests_per_second: args.client_requests_per_second,
            request_burst: args.client_request_burst,
        },
        otlp_endpoint: args.otlp_endpoint,
        trace_every: args.trace_every,
        access_log_every: args.access_log_every,
        upstream: args.upstream.settings()?,
        drain_delay: Duration::from_secs(args.drain_delay_seconds),
        drain_timeout: Duration::from_secs(args.drain_seconds),
    };
    let node = countersign_data_plane::start(config).await.map_err(failure)?;
    signals.received().await;
    tracing::info!("stopping; a second signal stops at once");
    tokio::select! {
        () = node.shutdown() => Ok(()),
        () = signals.received() => Err(Failure::failed("stopped at once")),
    }
}

pub(super) fn failure(error: countersign_data_plane::RunError) -> Failure {
    use countersign_data_plane::RunError;
    match error {
        RunError::Config(invalid) => Failure::usage(invalid.to_string()),
        error => Failure::failed(error.to_string()),
    }
}

/// Two processes on one machine have different ports, so different names.
pub(super) fn machine_name(listen: SocketAddr) -> String {
    let system = rustix::system::uname();
    let host: String = system
        .nodename()
        .to_string_lossy()
        .chars()
        .filter(char::is_ascii_graphic)
        .take(HOST_CHARACTERS_MAX)
        .collect();
    format!("{host}:{}", listen.port())
}
