//! Three members of etcd, each a process in a directory of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign_tests::{Process, eventually, free_address, get};
use tokio::net::TcpStream;

pub(crate) const MEMBERS: usize = 3;

#[derive(Debug)]
pub(crate) struct Members {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    args: Vec<String>,
    client: SocketAddr,
    log: PathBuf,
    process: Process,
}

impl Members {
    pub(crate) async fn start(directory: &Path) -> Self {
        let peers: Vec<SocketAddr> = (0..MEMBERS).map(|_| free_address()).collect();
        let cluster: Vec<String> =
            (0..MEMBERS).map(|it| format!("{}=http://{}", name(it), peers[it])).collect();
        let cluster = cluster.join(",");
        let members = (0..MEMBERS).map(|it| {
            let client = free_address();
            let (client_url, peer_url) =
                (format!("http://{client}"), format!("http://{}", peers[it]));
            let data = directory.join(name(it)).display().to_string();
            let args = [
                ["--name", &name(it)],
                ["--data-dir", &data],
                ["--listen-client-urls", &client_url],
                ["--advertise-client-urls", &client_url],
                ["--listen-peer-urls", &peer_url],
                ["--initial-advertise-peer-urls", &peer_url],
                ["--initial-cluster", &cluster],
            ];
            let args: Vec<String> = args.concat().into_iter().map(str::to_owned).collect();
            let log = directory.join(format!("{}.log", name(it)));
            let process = spawn(&args, &log);
            Member { args, client, log, process }
        });
        let members = Self { members: members.collect() };
        members.leader().await;
        members
    }

    pub(crate) fn clients(&self) -> Vec<SocketAddr> {
        self.members.iter().map(|member| member.client).collect()
    }

    /// Which one leads, by its own word.
    pub(crate) async fn leader(&self) -> usize {
        eventually("a member of etcd leads", async || {
            for (place, member) in self.members.iter().enumerate() {
                if TcpStream::connect(member.client).await.is_ok()
                    && get(member.client, "/metrics").await.text().contains(LEADS)
                {
                    return Some(place);
                }
            }
            None
        })
        .await
    }

    pub(crate) fn kill(&mut self, place: usize) {
        self.members[place].process.kill();
    }

    pub(crate) fn go_on(&mut self, place: usize) {
        let member = &mut self.members[place];
        assert!(member.process.ended().is_some(), "it runs still");
        member.process = spawn(&member.args, &member.log);
    }
}

const LEADS: &str = "etcd_server_is_leader 1\n";

fn name(place: usize) -> String {
    format!("member-{place}")
}

fn spawn(args: &[String], log: &Path) -> Process {
    Process::of(Command::new("etcd").args(args), log)
}
