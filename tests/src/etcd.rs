//! A real etcd, of one member, in a directory of its own, ended by its pid. The suites of the control
//! plane take this file in as well, so it names nothing of this crate.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

const PORT_FIRST: u16 = 20_000;
const START_TIME_MAX: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub struct Etcd {
    member: Option<Child>,
    /// What its clients speak, http or https.
    scheme: &'static str,
    more: Vec<String>,
    client: SocketAddr,
    peer: SocketAddr,
    directory: TempDir,
}

impl Etcd {
    /// Returns when it takes connections.
    pub fn start() -> Self {
        Self::start_with("http", |_| Vec::new())
    }

    /// The same, with more arguments, for those who reach it at this address.
    pub fn start_with(scheme: &'static str, more: impl FnOnce(IpAddr) -> Vec<String>) -> Self {
        let directory = tempfile::Builder::new().prefix("countersign-etcd-").tempdir().unwrap();
        let (client, peer) = (address(), address());
        let more = more(client.ip());
        let mut etcd = Self { member: None, scheme, more, client, peer, directory };
        etcd.go_on();
        etcd
    }

    pub fn endpoint(&self) -> String {
        format!("{}://{}", self.scheme, self.client)
    }

    /// Asks it over its JSON interface, in clear text, and returns the answer's body.
    pub fn ask(&self, path: &str, body: &str) -> String {
        self.try_ask(path, body).unwrap()
    }

    /// The same, or the body of its refusal.
    pub fn try_ask(&self, path: &str, body: &str) -> Result<String, String> {
        let mut stream = TcpStream::connect(self.client).unwrap();
        let (host, length) = (self.client, body.len());
        let head = format!("POST /v3/{path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}");
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let is_done = head.split(' ').nth(1) == Some("200");
        if is_done { Ok(body.to_owned()) } else { Err(body.to_owned()) }
    }

    /// SIGKILL, and its end.
    pub fn kill(&mut self) {
        if let Some(mut member) = self.member.take() {
            member.kill().unwrap();
            member.wait().unwrap();
        }
    }

    /// Starts again after [`Etcd::kill`], with what it had.
    pub fn go_on(&mut self) {
        let (client, peer) = (self.endpoint(), format!("http://{}", self.peer));
        let log = fs::File::create(self.directory.path().join("log")).unwrap();
        let member = Command::new("etcd")
            .arg("--data-dir")
            .arg(self.directory.path().join("data"))
            .args([
                "--name",
                "one",
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("one={peer}")])
            .args(&self.more)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.member = Some(member.expect("etcd runs: `apt-get install etcd-server` has it"));
        let begun = Instant::now();
        while TcpStream::connect(self.client).is_err() {
            let log = || fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            assert!(begun.elapsed() < START_TIME_MAX, "etcd does not start:\n{}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        if let Some(member) = &mut self.member {
            // Both fail only where it has ended before.
            let _ = member.kill();
            let _ = member.wait();
        }
    }
}

/// Of this process alone, and away from those that the suites listen on otherwise.
fn address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(PORT_FIRST);
    let port = NEXT.fetch_add(1, Ordering::Relaxed);
    let [_, a, b, c] = std::process::id().to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, 128 | (a & 0x3f), b, c.max(1)), port))
}
