//! The two planes as processes: where they listen, when they are ready, and starting one again
//! where it was.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::net::TcpStream;

use crate::address::free_address;
use crate::client::get;
use crate::management::Management;
use crate::patience::eventually;
use crate::process::{Process, countersign};

/// `countersign control-plane`. Killed when it is dropped.
#[derive(Debug)]
pub struct ControlPlaneProcess {
    pub process: Process,
    pub address: SocketAddr,
    pub status_address: SocketAddr,
    data_dir: PathBuf,
    args: Vec<String>,
}

/// `countersign data-plane`. Killed when it is dropped.
#[derive(Debug)]
pub struct NodeProcess {
    pub process: Process,
    pub proxy_address: SocketAddr,
    pub status_address: SocketAddr,
}

impl ControlPlaneProcess {
    /// On this data directory, ready. Its log goes beside the directory.
    pub async fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &[]).await
    }

    /// The same, with more arguments.
    pub async fn start_with(data_dir: &Path, more: &[&str]) -> Self {
        let (address, status_address) = (free_address(), free_address());
        let directory = data_dir.to_str().expect("a data directory of UTF-8");
        let (listen, status) = (address.to_string(), status_address.to_string());
        let mut args = vec!["control-plane", "--plaintext", "--data-dir", directory];
        args.extend(["--listen", &listen, "--status-listen", &status]);
        args.extend(more);
        let process = Process::spawn(&args, &log_of(data_dir));
        let args = args.into_iter().map(str::to_owned).collect();
        let data_dir = data_dir.to_owned();
        let mut plane = Self { process, address, status_address, data_dir, args };
        plane.ready().await;
        plane
    }

    /// After its process has ended: another one on the same directory and addresses, ready.
    pub async fn start_again(&mut self) {
        self.spawn_again();
        self.ready().await;
    }

    /// The same, without waiting until it is ready.
    pub fn spawn_again(&mut self) {
        assert!(self.process.ended().is_some(), "it runs still");
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        self.process = Process::spawn(&args, &log_of(&self.data_dir));
    }

    pub async fn ready(&mut self) {
        ready(&mut self.process, self.status_address).await;
    }

    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The file with everything that it and its predecessors wrote.
    pub fn log_file(&self) -> PathBuf {
        log_of(&self.data_dir)
    }

    pub fn management(&self) -> Management {
        Management::to(&self.uri())
    }
}

impl NodeProcess {
    /// A node that serves RELEASE with one worker, ready. Its log goes into this directory.
    pub async fn start(control_plane: &str, name: &str, log_dir: &Path) -> Self {
        Self::start_with(control_plane, name, log_dir, &[]).await
    }

    /// The same, with more arguments.
    pub async fn start_with(
        control_plane: &str,
        name: &str,
        log_dir: &Path,
        more: &[&str],
    ) -> Self {
        let mut command = Command::new(countersign());
        command.env_clear();
        let at = [free_address(), free_address()];
        Self::start_by(command, at, control_plane, name, log_dir, more).await
    }

    /// The same, by a command that takes the binary's arguments, and with its proxy and its status
    /// page where they can be reached.
    pub async fn start_by(
        mut command: Command,
        [proxy_address, status_address]: [SocketAddr; 2],
        control_plane: &str,
        name: &str,
        log_dir: &Path,
        more: &[&str],
    ) -> Self {
        let (proxy, status) = (proxy_address.to_string(), status_address.to_string());
        command.args(["data-plane", "--control-plane", control_plane, "--node", name]);
        command.args(["--proxy-listen", &proxy, "--status-listen", &status, "--workers", "1"]);
        let process = Process::of(command.args(more), &log_dir.join(format!("{name}.log")));
        let mut node = Self { process, proxy_address, status_address };
        ready(&mut node.process, status_address).await;
        node
    }

    /// Waits until it signs with this revision or a later one, by its own metrics.
    pub async fn wait_for(&mut self, revision: u64) {
        let process = &mut self.process;
        let status_address = self.status_address;
        eventually(&format!("the node signs with revision {revision}"), async || {
            process.assert_runs();
            (applied_revision(status_address).await >= revision).then_some(())
        })
        .await;
    }
}

async fn applied_revision(status_address: SocketAddr) -> u64 {
    let metrics = get(status_address, "/metrics").await;
    let lines = metrics.text().lines();
    let mut values =
        lines.filter_map(|line| line.strip_prefix("countersign_node_applied_revision "));
    let value = values.next().expect("the metric countersign_node_applied_revision");
    value.parse().expect("a revision")
}

pub(crate) async fn ready(process: &mut Process, status_address: SocketAddr) {
    eventually("the process is ready", async || {
        process.assert_runs();
        // Until it listens there is nothing to ask.
        TcpStream::connect(status_address).await.ok()?;
        (get(status_address, "/ready").await.status == 200).then_some(())
    })
    .await;
}

fn log_of(data_dir: &Path) -> PathBuf {
    data_dir.with_extension("log")
}
