//! The path between a control plane and a node, which can be made to swallow what is sent on it. Where
//! the machine permits it, that is done to packets: the node lives in a network namespace behind two
//! pairs of virtual interfaces, one for the stream and one for requests, and while the first is blocked
//! both its ends believe in a neighbour that is not there, so that the kernel drops every packet, those
//! of a new connection as well. Elsewhere a relay stops to pass bytes on. Which of them it is is told.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

use countersign_tests::{NodeProcess, built, free_address};
use countersign_transport::ClientFiles;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Nobody has this address.
const NOBODY: &str = "02:00:00:00:00:01";
const TOOLS: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

pub(crate) enum Path {
    Packets(Namespace),
    Bytes { relay: Relay, why: String },
}

impl Path {
    pub(crate) async fn lay() -> Self {
        match Namespace::new() {
            Ok(namespace) => Self::Packets(namespace),
            Err(why) => Self::Bytes { relay: Relay::start().await, why },
        }
    }

    /// Where the control plane has to listen.
    pub(crate) fn control_plane(&self) -> SocketAddr {
        match self {
            Self::Packets(namespace) => SocketAddr::from((namespace.host(1), PORT)),
            Self::Bytes { relay, .. } => relay.to,
        }
    }

    /// Where a backend has to listen, which no path leads through.
    pub(crate) fn backend(&self) -> IpAddr {
        match self {
            Self::Packets(namespace) => namespace.host(5).into(),
            Self::Bytes { .. } => Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// A node at the other end, ready.
    pub(crate) async fn node(
        &self,
        name: &str,
        log_dir: &std::path::Path,
        files: &ClientFiles,
    ) -> NodeProcess {
        let more = flags(files);
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let countersign = built("countersign", "-p countersign");
        match self {
            Self::Packets(namespace) => {
                let mut command = namespace.ip(&["netns", "exec", &namespace.name]);
                command.arg(countersign);
                let at = [PORT, PORT + 1].map(|port| SocketAddr::from((namespace.host(6), port)));
                let control_plane = format!("https://{}", self.control_plane());
                NodeProcess::start_by(command, at, &control_plane, name, log_dir, &more).await
            }
            Self::Bytes { relay, .. } => {
                let control_plane = format!("https://{}", relay.at);
                NodeProcess::start_with(&control_plane, name, log_dir, &more).await
            }
        }
    }

    /// From now on nothing comes through.
    pub(crate) fn block(&self) {
        match self {
            Self::Packets(namespace) => namespace.block(),
            Self::Bytes { relay, .. } => drop(relay.is_open.send_replace(false)),
        }
    }

    pub(crate) fn open(&self) {
        match self {
            Self::Packets(namespace) => namespace.open(),
            Self::Bytes { relay, .. } => drop(relay.is_open.send_replace(true)),
        }
    }
}

/// What a node is given to speak TLS, for clear text goes no further than loopback.
fn flags(files: &ClientFiles) -> Vec<String> {
    let own = files.own.as_ref().map(|own| [&own.certificate, &own.key]);
    let paths = files.ca.iter().chain(own.into_iter().flatten());
    let names = ["--control-plane-ca", "--control-plane-cert", "--control-plane-key"];
    let shown = |path: &std::path::PathBuf| path.to_str().expect("a path of UTF-8").to_owned();
    names.iter().zip(paths).flat_map(|(name, path)| [(*name).to_owned(), shown(path)]).collect()
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packets(_) => f.write_str("packets are dropped, in a network namespace"),
            Self::Bytes { why, .. } => {
                write!(f, "bytes are held by a relay, for there is no network namespace: {why}")
            }
        }
    }
}

/// Of whoever listens in the namespace or at its door, where nobody else does.
const PORT: u16 = 7400;

/// Gone when it is dropped, and its interfaces with it.
pub(crate) struct Namespace {
    name: String,
    /// Of the process, so that two runs do not meet.
    network: u8,
}

impl Namespace {
    fn new() -> Result<Self, String> {
        let pid = std::process::id();
        let network = u8::try_from(pid % 250).unwrap();
        let made = Self { name: format!("countersign-{pid}"), network };
        made.run(&["netns", "add", &made.name])?;
        let inside = ["-n", made.name.as_str()];
        for (pair, outer, inner) in [("s", 1, 2), ("r", 5, 6)] {
            let (out, inn) = (made.interface(pair, "o"), made.interface(pair, "i"));
            let veth = ["link", "add", &out, "type", "veth", "peer", "name", &inn, "netns"];
            made.run(&[&veth[..], &[&made.name]].concat())?;
            let (outer, inner) = (made.host(outer), made.host(inner));
            made.run(&["address", "add", &format!("{outer}/30"), "dev", &out])?;
            made.run(&["link", "set", &out, "up"])?;
            let address = format!("{inner}/30");
            made.run(&[&inside[..], &["address", "add", &address, "dev", &inn]].concat())?;
            made.run(&[&inside[..], &["link", "set", &inn, "up"]].concat())?;
        }
        Ok(made)
    }

    /// 198.18.0.0/15 is for measurements, and routed nowhere.
    fn host(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.network, number)
    }

    fn interface(&self, pair: &str, end: &str) -> String {
        format!("cs{pair}{end}{}", self.network)
    }

    fn block(&self) {
        for neighbour in self.neighbours("replace") {
            let permanent = ["lladdr", NOBODY, "nud", "permanent"];
            let words: Vec<&str> = neighbour.iter().map(String::as_str).chain(permanent).collect();
            self.run(&words).unwrap();
        }
    }

    fn open(&self) {
        for neighbour in self.neighbours("delete") {
            let words: Vec<&str> = neighbour.iter().map(String::as_str).collect();
            self.run(&words).unwrap();
        }
    }

    /// The neighbour of either end of the stream's pair.
    fn neighbours(&self, change: &str) -> [Vec<String>; 2] {
        let of = |host: u8, end: &str| {
            let interface = self.interface("s", end);
            ["neighbour", change, &self.host(host).to_string(), "dev", &interface]
                .map(str::to_owned)
                .to_vec()
        };
        let inside = ["-n".to_owned(), self.name.clone()];
        [of(2, "o"), inside.into_iter().chain(of(1, "i")).collect()]
    }

    fn run(&self, words: &[&str]) -> Result<(), String> {
        let output = self.ip(words).output().map_err(|error| format!("ip: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        output.status.success().then_some(()).ok_or(format!("ip {}: {said}", words.join(" ")))
    }

    #[expect(clippy::unused_self, reason = "only what this has made is spoken of")]
    fn ip(&self, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.env_clear().env("PATH", TOOLS).args(words);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // There is none where it could not be made.
        let _ = self.run(&["netns", "delete", &self.name]);
    }
}

/// Passes on what comes while it is open; what came in between waits.
pub(crate) struct Relay {
    at: SocketAddr,
    to: SocketAddr,
    is_open: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Relay {
    async fn start() -> Self {
        let (at, to) = (free_address(), free_address());
        let listener = TcpListener::bind(at).await.unwrap();
        let (is_open, open) = watch::channel(true);
        let server = tokio::spawn(async move {
            loop {
                let (from, _) = listener.accept().await.unwrap();
                let Ok(onward) = TcpStream::connect(to).await else { continue };
                let ((from_read, from_write), (to_read, to_write)) =
                    (from.into_split(), onward.into_split());
                tokio::spawn(pass(from_read, to_write, open.clone()));
                tokio::spawn(pass(to_read, from_write, open.clone()));
            }
        });
        Self { at, to, is_open, server }
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut open: watch::Receiver<bool>,
) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if open.wait_for(|open| *open).await.is_err() || to.write_all(&bytes[..read]).await.is_err()
        {
            return;
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.server.abort();
    }
}
