//! Replicas, the ways to etcd, nodes, and what there is to write about.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use countersign_data_plane::Node;
use countersign_proto::v1::audit_client::AuditClient;
use countersign_proto::v1::{self, Api, Event, Method};
use countersign_tests::{
    Backend, ControlPlaneProcess, Key, Management, eventually, get, node_with, reply, soon,
};
use tokio::net::TcpStream;

use crate::gate::Gate;
use crate::members::Members;

pub(crate) const RELEASE: &str = "RELEASE";
/// APIs that all writers bind and unbind.
pub(crate) const CONTESTED: [&str; 4] =
    ["contested_0", "contested_1", "contested_2", "contested_3"];
/// What they are bound to.
pub(crate) const KEYS: [Key; 3] = [
    Key::hmac("key_one", "key-one-2026", "Secret_of_key_one-2026!"),
    Key::hmac("key_two", "key-two-2026", "Secret_of_key_two-2026!"),
    Key::hmac("key_three", "key-three-2026", "Secret_of_key_three-2026!"),
];
/// Signs for the API with traffic.
const COMMON: Key = Key::hmac("common", "common-2026", "Secret_of_the_common_key-2026!");
const BUSY: &str = "busy";

pub(crate) struct Setting {
    pub(crate) members: Members,
    /// Of each replica, one to each member.
    pub(crate) gates: Vec<Vec<Gate>>,
    pub(crate) replicas: Vec<ControlPlaneProcess>,
    pub(crate) nodes: Vec<Node>,
    _backend: Backend,
}

impl Setting {
    pub(crate) async fn start(directory: &Path) -> Self {
        let members = Members::start(directory).await;
        let master = directory.join("master.key");
        std::fs::write(&master, "5a".repeat(32)).unwrap();
        std::fs::set_permissions(&master, std::fs::Permissions::from_mode(0o600)).unwrap();
        let (mut gates, mut replicas) = (Vec::new(), Vec::new());
        for name in ["one", "two", "three"] {
            let mut ways = Vec::new();
            for client in members.clients() {
                ways.push(Gate::before(client).await);
            }
            let endpoints: Vec<String> =
                ways.iter().map(|way| format!("http://{}", way.at())).collect();
            let (endpoints, master) = (endpoints.join(","), master.to_str().unwrap());
            let args = ["--log", "etcd", "--etcd-endpoint", &endpoints];
            let args = [&args[..], &["--master-key-file", master, "--keys-max", "100000"]].concat();
            replicas.push(ControlPlaneProcess::start_with(&directory.join(name), &args).await);
            gates.push(ways);
        }
        let backend = Backend::answering(|seen| match COMMON.verify(seen) {
            Ok(_) => reply("200 OK", "signed"),
            Err(_) => reply("401 Unauthorized", "not signed"),
        })
        .await;
        let management = replicas[0].management();
        let revision = prepare(&management, backend.address()).await;
        let uris: Vec<String> = replicas.iter().map(ControlPlaneProcess::uri).collect();
        let mut nodes = Vec::new();
        for (place, name) in ["node-1", "node-2"].into_iter().enumerate() {
            let mut uris = uris.clone();
            uris.rotate_left(place + 1);
            let first = uris[0].clone();
            let node = Box::pin(node_with(&first, name, |config| config.control_planes = uris));
            nodes.push(node.await);
        }
        for node in &nodes {
            soon("the bindings", node.wait_for(revision)).await;
        }
        Self { members, gates, replicas, nodes, _backend: backend }
    }

    pub(crate) fn uris(&self) -> Vec<String> {
        self.replicas.iter().map(ControlPlaneProcess::uri).collect()
    }

    pub(crate) fn proxies(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Node::proxy_address).collect()
    }

    /// Which replica appends, of these, by its own word.
    pub(crate) async fn leader_of(&self, of: &[usize]) -> usize {
        eventually("a replica leads", async || {
            for place in of {
                let status = self.replicas[*place].status_address;
                if TcpStream::connect(status).await.is_ok()
                    && get(status, "/metrics").await.text().contains(LEADS)
                {
                    return Some(*place);
                }
            }
            None
        })
        .await
    }

    pub(crate) async fn leader(&self) -> usize {
        self.leader_of(&[0, 1, 2]).await
    }

    pub(crate) fn others(&self, replica: usize) -> Vec<usize> {
        (0..self.replicas.len()).filter(|other| *other != replica).collect()
    }

    /// Waits until all replicas have one log and state, and all nodes what they say. The log.
    pub(crate) async fn all_the_same(&mut self) -> Vec<Event> {
        let mut logs = Vec::new();
        let mut checkpoints = Vec::new();
        let newest = self.newest().await;
        for replica in &mut self.replicas {
            replica.process.assert_runs();
            let management = replica.management();
            eventually("the replica has it all", async || {
                (revision(&management).await? >= newest).then_some(())
            })
            .await;
            let asked = v1::GetCheckpointRequest { revision: newest };
            let mut audit = AuditClient::new(management.channel());
            let note = audit.get_checkpoint(asked).await.unwrap().into_inner();
            // Its first lines say log, size and root; below them stand signatures.
            let lines: Vec<&str> = note.checkpoint.lines().take(3).collect();
            checkpoints.push(lines.join(" "));
            let mut log = read_log(&management).await;
            log.truncate(usize::try_from(newest).unwrap());
            logs.push(log);
        }
        assert!(checkpoints.iter().all(|it| *it == checkpoints[0]), "{checkpoints:#?}");
        assert!(logs.iter().all(|log| *log == logs[0]), "the replicas' events differ");
        for node in &self.nodes {
            soon("the last write", node.wait_for(newest)).await;
        }
        eventually("all nodes have one digest with a replica", async || {
            let mut in_sync = 0;
            for replica in &self.replicas {
                let request = v1::ListNodesRequest { page_size: 100, ..Default::default() };
                let listed = replica.management().nodes().list_nodes(request).await.ok()?;
                let nodes = listed.into_inner().nodes;
                let is_good =
                    |it: &&v1::Node| it.connected && it.in_sync && it.acked_revision >= newest;
                in_sync += nodes.iter().filter(is_good).count();
            }
            (in_sync == self.nodes.len()).then_some(())
        })
        .await;
        logs.swap_remove(0)
    }

    /// How many snapshots all replicas have sent, when all nodes have what is newest now.
    pub(crate) async fn snapshots_sent(&self) -> u64 {
        let newest = self.newest().await;
        let mut sent = 0;
        for node in &self.nodes {
            soon("what was written so far", node.wait_for(newest)).await;
        }
        for replica in &self.replicas {
            let request = v1::ListNodesRequest { page_size: 100, ..Default::default() };
            let listed = replica.management().nodes().list_nodes(request).await.unwrap();
            sent += listed.into_inner().nodes.iter().map(|it| it.snapshots_sent).sum::<u64>();
        }
        sent
    }

    /// The newest revision that any replica has.
    async fn newest(&self) -> u64 {
        let mut newest = 0;
        for replica in &self.replicas {
            newest = newest.max(revision(&replica.management()).await.unwrap());
        }
        newest
    }

    pub(crate) async fn end(self) {
        for node in self.nodes {
            soon("the node's end", node.shutdown()).await;
        }
    }
}

const LEADS: &str = "countersign_log_leading 1\n";

/// How far a replica is, by its answer to a read.
pub(crate) async fn revision(management: &Management) -> Option<u64> {
    let request = v1::GetEnvironmentRequest { environment: RELEASE.to_owned() };
    let reply = management.environments().get_environment(request).await.ok()?;
    Some(reply.into_inner().revision)
}

async fn read_log(management: &Management) -> Vec<Event> {
    let (mut log, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListEventsRequest { page_size: 1_000, page_token, ..Default::default() };
        let page = management.events().list_events(request).await.unwrap().into_inner();
        log.extend(page.events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return log;
        }
    }
}

async fn prepare(management: &Management, backend: SocketAddr) -> u64 {
    management.create_group("shop", &[]).await;
    for key in [COMMON].into_iter().chain(KEYS) {
        management.create_key(&key).await;
    }
    for name in [BUSY].into_iter().chain(CONTESTED) {
        let api = Api {
            api_group: "shop".to_owned(),
            name: name.to_owned(),
            method: Method::Get.into(),
            path: format!("/{name}"),
            backend: Some(v1::Backend {
                scheme: "http".to_owned(),
                targets: vec![backend.to_string()],
                ..v1::Backend::default()
            }),
            ..Api::default()
        };
        let id = management.create_api(api).await;
        management.publish(&id, RELEASE).await;
    }
    management.bind(COMMON.name, BUSY, RELEASE).await
}
