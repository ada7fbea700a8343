//! `countersign dev`

mod banner;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use countersign_control_plane as control_plane;
use countersign_data_plane as data_plane;
use countersign_transport::{ClientFiles, Transport};
use tokio::net::TcpListener;

use crate::backend::{self, Backend};
use crate::client::ControlPlane;
use crate::demo::{self, Demo};
use crate::failure::Failure;
use crate::logging::LogArgs;
use crate::memory::MemoryArgs;
use crate::signals::StopSignals;
use crate::{cmd, data_dir};

/// Everything is on this machine, so a node that is not ready by then never will be.
const READY_TIME_MAX: Duration = Duration::from_secs(15);
/// Quiet, but for the requests that the sample backend verifies.
const LOG_FILTER: &str = "warn,countersign::backend=info";

/// Run everything in one process: control plane, node and a sample backend
///
/// The first run makes a demo: an API, a signature key, and the binding of the two. Everything is
/// kept in the data directory, so that the next run has all that this one had. Without --data-dir
/// that is `$XDG_DATA_HOME/countersign/dev`, or `~/.local/share/countersign/dev`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign dev
  countersign dev --data-dir ./try --proxy-listen 127.0.0.1:8888
  countersign dev --no-demo")]
pub(crate) struct Dev {
    /// Where everything is kept; made if it is not there
    #[arg(long, value_name = "DIR", env = "COUNTERSIGN_DATA_DIR", hide_env_values = true)]
    data_dir: Option<PathBuf>,

    /// Where the control plane serves gRPC
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_LISTEN", hide_env_values = true)]
    #[arg(default_value = "127.0.0.1:7400")]
    listen: SocketAddr,

    /// Where the control plane serves the web console
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "COUNTERSIGN_CONSOLE_LISTEN",
        hide_env_values = true
    )]
    #[arg(default_value = "127.0.0.1:7402")]
    console_listen: SocketAddr,

    /// Where the control plane serves /live, /ready and /metrics
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_STATUS_LISTEN", hide_env_values = true)]
    #[arg(default_value = "127.0.0.1:7401")]
    status_listen: SocketAddr,

    /// Where the node takes requests
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_PROXY_LISTEN", hide_env_values = true)]
    #[arg(default_value = "127.0.0.1:8080")]
    proxy_listen: SocketAddr,

    /// Where the node serves /live, /ready and /metrics
    #[arg(long, value_name = "ADDRESS", env = "COUNTERSIGN_NODE_STATUS_LISTEN")]
    #[arg(hide_env_values = true, default_value = "127.0.0.1:8081")]
    node_status_listen: SocketAddr,

    /// Where the sample backend listens
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "COUNTERSIGN_BACKEND_LISTEN",
        hide_env_values = true
    )]
    #[arg(default_value = "127.0.0.1:9000")]
    backend_listen: SocketAddr,

    /// Make no demo, and run no sample backend
    #[arg(long, env = "COUNTERSIGN_NO_DEMO", hide_env_values = true)]
    no_demo: bool,

    #[command(flatten)]
    memory: MemoryArgs,

    #[command(flatten)]
    log: LogArgs,
}

pub(super) async fn run(args: Dev) -> Result<(), Failure> {
    args.log.begin(LOG_FILTER)?;
    args.memory.guard()?;
    let mut signals = StopSignals::catch()?;
    refuse_taken(&args).await?;
    let running = tokio::select! {
        running = Running::start(&args) => running?,
        () = signals.received() => return Err(Failure::failed("stopped before it was ready")),
    };
    banner::tell(&running)?;
    signals.received().await;
    eprintln!("\nStopping; Ctrl-C again stops at once.");
    let data_dir = running.data_dir.clone();
    tokio::select! {
        () = running.stop() => {}
        () = signals.received() => return Err(Failure::failed("stopped at once")),
    }
    eprintln!("Stopped. Everything is kept in {}.", data_dir.display());
    Ok(())
}

struct Running {
    data_dir: PathBuf,
    plane: control_plane::ControlPlane,
    node: data_plane::Node,
    demo: Option<(Backend, Demo)>,
}

impl Running {
    async fn start(args: &Dev) -> Result<Self, Failure> {
        let data_dir = args.data_dir.clone().unwrap_or_else(|| data_dir::default_for("dev"));
        let config = control_plane::Config {
            data_dir: data_dir.clone(),
            listen: args.listen,
            // All of it is on this machine.
            transport: Transport::Plaintext,
            console_listen: Some(args.console_listen),
            status_listen: Some(args.status_listen),
            ..Default::default()
        };
        let plane = control_plane::start(config)
            .await
            .map_err(|error| Failure::failed(error.to_string()))?;
        let address = format!("http://{}", reachable(plane.grpc_address()));
        let demo = if args.no_demo {
            None
        } else {
            Some(with_demo(&address, &data_dir, args.backend_listen).await?)
        };
        let config = data_plane::Config {
            control_planes: vec![address],
            node: "dev".to_owned(),
            proxy_listen: args.proxy_listen,
            status_listen: Some(args.node_status_listen),
            // There is no balancer.
            drain_delay: Duration::ZERO,
            ..Default::default()
        };
        let node = data_plane::start(config).await.map_err(cmd::data_plane::failure)?;
        let wanted = demo.as_ref().map_or(1, |(_, demo)| demo.revision.max(1));
        if tokio::time::timeout(READY_TIME_MAX, node.wait_for(wanted)).await.is_err() {
            return Err(Failure::failed(format!("the node does not reach revision {wanted}"))
                .advise("look at what it says with --log-level debug"));
        }
        Ok(Self { data_dir, plane, node, demo })
    }

    /// The node first, so that no request finds its backend gone.
    async fn stop(self) {
        self.node.shutdown().await;
        if let Some((backend, _)) = self.demo {
            backend.shutdown().await;
        }
        self.plane.shutdown().await;
    }
}

/// The sample backend, and the demo that leads to it.
async fn with_demo(
    plane: &str,
    data_dir: &Path,
    listen: SocketAddr,
) -> Result<(Backend, Demo), Failure> {
    let config = backend::Config {
        listen,
        key: demo::KEY.to_owned(),
        secret: demo::backend_secret(data_dir)?,
        unsigned_payload_allowed: false,
    };
    let backend =
        Backend::start(config).await.map_err(|error| Failure::failed(error.to_string()))?;
    let plane = ControlPlane::connect(plane, &ClientFiles::default(), None, false).await?;
    let demo = demo::prepare(&plane, data_dir, reachable(backend.address())).await?;
    Ok((backend, demo))
}

/// Before anything is written: says which flag moves an address that another process has. A
/// node's own listeners would not notice, for they share their port.
async fn refuse_taken(args: &Dev) -> Result<(), Failure> {
    let mut wanted = vec![
        ("--listen", args.listen),
        ("--console-listen", args.console_listen),
        ("--status-listen", args.status_listen),
        ("--proxy-listen", args.proxy_listen),
        ("--node-status-listen", args.node_status_listen),
    ];
    if !args.no_demo {
        wanted.push(("--backend-listen", args.backend_listen));
    }
    for (flag, address) in wanted {
        TcpListener::bind(address).await.map(drop).map_err(|error| {
            Failure::failed(format!("cannot listen on {address}: {error}")).advise(format!(
                "choose another address with {flag}, or end the process that has it"
            ))
        })?;
    }
    Ok(())
}

/// Where a listener can be called: one that listens on all addresses, on this machine's own.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}
