//! Relays: in this process, and as the `countersign` binary.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use countersign_data_plane::relay::{Relay, RelayConfig, start};

use crate::address::free_address;
use crate::patience::soon;
use crate::process::Process;
use crate::processes::ready;

/// Much shorter than in earnest, as a plane's.
const BOOKMARK_INTERVAL: Duration = Duration::from_millis(200);

/// A relay of RELEASE at this address, in this process, with its first snapshot.
pub async fn relay(upstream: &str, name: &str, listen: SocketAddr) -> Relay {
    relay_with(upstream, name, listen, |_| {}).await
}

/// The same, with other settings.
pub async fn relay_with(
    upstream: &str,
    name: &str,
    listen: SocketAddr,
    change: impl FnOnce(&mut RelayConfig),
) -> Relay {
    let mut config = RelayConfig {
        control_planes: vec![upstream.to_owned()],
        name: name.to_owned(),
        listen,
        status_listen: Some(free_address()),
        bookmark_interval: BOOKMARK_INTERVAL,
        ..RelayConfig::default()
    };
    change(&mut config);
    let relay = start(config).await.unwrap_or_else(|error| panic!("no relay: {error}"));
    let mut revision = relay.revision();
    soon("the relay's first snapshot", revision.wait_for(|revision| *revision > 0)).await.unwrap();
    relay
}

/// `countersign relay`. Killed when it is dropped.
#[derive(Debug)]
pub struct RelayProcess {
    pub process: Process,
    pub address: SocketAddr,
    pub status_address: SocketAddr,
}

impl RelayProcess {
    /// A relay of RELEASE, ready. Its log goes into this directory.
    pub async fn start_with(upstream: &str, name: &str, log_dir: &Path, more: &[&str]) -> Self {
        let (address, status_address) = (free_address(), free_address());
        let (listen, status) = (address.to_string(), status_address.to_string());
        let mut args = vec!["relay", "--plaintext", "--control-plane", upstream, "--name", name];
        args.extend(["--listen", &listen, "--status-listen", &status]);
        args.extend(more);
        let process = Process::spawn(&args, &log_dir.join(format!("{name}.log")));
        let mut relay = Self { process, address, status_address };
        ready(&mut relay.process, status_address).await;
        relay
    }

    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }
}
