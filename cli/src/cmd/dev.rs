//! `countersign dev`

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use countersign_control_plane as control_plane;
use countersign_data_plane as data_plane;
use tokio::net::TcpListener;

use crate::args::DEFAULT_CONTROL_PLANE;
use crate::backend::{self, Backend};
use crate::client::ControlPlane;
use crate::demo::{self, Demo, Standing, secret_file};
use crate::failure::Failure;
use crate::logging::LogArgs;
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
    log: LogArgs,
}

pub(super) async fn run(args: Dev) -> Result<(), Failure> {
    args.log.begin(LOG_FILTER)?;
    let mut signals = StopSignals::catch()?;
    refuse_taken(&args).await?;
    let running = tokio::select! {
        running = Running::start(&args) => running?,
        () = signals.received() => return Err(Failure::failed("stopped before it was ready")),
    };
    running.tell(&args)?;
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
            control_plane: address,
            node: "dev".to_owned(),
            proxy_listen: args.proxy_listen,
            status_listen: Some(args.node_status_listen),
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

    /// What runs where, and what to try.
    fn tell(&self, args: &Dev) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        let url = |address: SocketAddr| format!("http://{}", reachable(address));
        let status = |address: Option<SocketAddr>, otherwise| {
            format!("{}/metrics", url(address.unwrap_or(otherwise)))
        };
        let plane = url(self.plane.grpc_address());
        let proxy = url(self.node.proxy_address());
        writeln!(out, "Countersign is running.\n")?;
        writeln!(out, "  control plane   {plane}")?;
        writeln!(
            out,
            "                  {}",
            status(self.plane.status_address(), args.status_listen)
        )?;
        writeln!(out, "  node            {proxy}")?;
        writeln!(
            out,
            "                  {}",
            status(self.node.status_address(), args.node_status_listen)
        )?;
        if let Some((backend, _)) = &self.demo {
            writeln!(out, "  sample backend  {}", url(backend.address()))?;
        }
        writeln!(out, "  data            {}\n", self.data_dir.display())?;
        if let Some((backend, demo)) = &self.demo {
            match demo.standing {
                Standing::Signs => tell_demo(&mut out, &proxy, &url(backend.address()))?,
                Standing::Unsigned => tell_unsigned(&mut out)?,
                Standing::OtherSecret => tell_other_secret(&mut out, &self.data_dir)?,
                Standing::Gone => writeln!(out, "The demo's API was deleted or renamed.\n")?,
            }
        }
        if plane != DEFAULT_CONTROL_PLANE {
            writeln!(out, "For the other commands:  export COUNTERSIGN_CONTROL_PLANE={plane}")?;
        }
        writeln!(out, "See what is there:       countersign binding list")?;
        writeln!(out, "Ctrl-C stops.")?;
        Ok(out.flush()?)
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

/// The two experiments: a request that arrives signed, and the same one changed on its way.
fn tell_demo(out: &mut impl std::io::Write, proxy: &str, backend: &str) -> std::io::Result<()> {
    let call = format!("'{proxy}{}/hello?name=world'", demo::PATH);
    writeln!(out, "See a signature arrive; the backend answers 200 with what it verified:\n")?;
    writeln!(out, "  curl -i {call}\n")?;
    writeln!(out, "Take the signed headers, and change the query on the way; it answers 401:\n")?;
    writeln!(out, "  curl -s {call} |")?;
    writeln!(
        out,
        r#"    sed -nE 's/.*\["(host|x-sdk-date|authorization)","(.*)"\].*/header = "\1: \2"/p' |"#
    )?;
    writeln!(out, "    curl -i -K - '{backend}{}/hello?name=mallory'\n", demo::PATH)
}

fn tell_unsigned(out: &mut impl std::io::Write) -> std::io::Result<()> {
    writeln!(out, "The demo does not sign any more, since it was changed. To have it back:\n")?;
    writeln!(out, "  countersign api publish demo/demo --env RELEASE")?;
    writeln!(out, "  countersign bind demo --api demo/demo --env RELEASE --replace\n")
}

fn tell_other_secret(out: &mut impl std::io::Write, data_dir: &Path) -> std::io::Result<()> {
    let file = data_dir.join(secret_file::NAME);
    writeln!(
        out,
        "The sample backend has another secret than the demo's key. To make them agree:\n"
    )?;
    writeln!(out, "  countersign key replace-secret demo --secret-file {}\n", file.display())
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
    let plane = ControlPlane::connect(plane).await?;
    let demo = demo::prepare(&plane, data_dir, reachable(backend.address())).await?;
    Ok((backend, demo))
}

/// Before anything is written: says which flag moves an address that another process has. A
/// node's own listeners would not notice, for they share their port.
async fn refuse_taken(args: &Dev) -> Result<(), Failure> {
    let mut wanted = vec![
        ("--listen", args.listen),
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
