//! etcd: its process, and as much of its protocol as watching and writing one key takes.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use countersign_tests::{Process, eventually, free_address};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use crate::arrivals::{Arrivals, Counted};
use crate::call::{Call, CallError, call};
use crate::traffic::Traffic;

const KEY: &[u8] = b"/orders/binding";
/// As long as a delta of one binding is.
const VALUE_BYTES: usize = 100;

#[derive(Debug)]
pub(crate) struct Etcd {
    pub(crate) process: Process,
    address: SocketAddr,
    writer: Channel,
}

impl Etcd {
    pub(crate) async fn start(program: &Path, directory: &Path) -> Self {
        let address = free_address();
        let (client, peer) = (format!("http://{address}"), format!("http://{}", free_address()));
        let mut command = Command::new(program);
        command.env_clear().arg("--data-dir").arg(directory.join("etcd"));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}"), "--logger", "zap"]);
        let mut process = Process::of(&mut command, &directory.join("etcd.log"));
        let writer = eventually("etcd answers", async || {
            process.assert_runs();
            let writer = Endpoint::from_shared(client.clone()).unwrap().connect().await.ok()?;
            put(&writer).await.is_some().then_some(writer)
        });
        let writer = writer.await;
        Self { process, address, writer }
    }

    /// The revision of the write.
    pub(crate) async fn put(&self) -> u64 {
        put(&self.writer).await.unwrap()
    }

    /// Watches the key on a connection of its own until it is dropped.
    pub(crate) fn watch(
        &self,
        traffic: &Arc<Traffic>,
        arrivals: &Arc<Arrivals>,
    ) -> impl Future<Output = ()> + use<> {
        let (address, traffic) = (self.address.to_string(), Arc::clone(traffic));
        let arrivals = Arc::clone(arrivals);
        async move {
            let method = "/etcdserverpb.Watch/Watch";
            let ended = call(&address, method, &traffic, |call| follow(call, &arrivals)).await;
            ended.unwrap();
        }
    }
}

/// A watcher counts as soon as it is there, too: what it is told first has the revision of the store.
async fn follow(mut call: Call, arrivals: &Arrivals) -> Result<(), CallError> {
    call.send(&WatchRequest { create: Some(CreateWatch { key: KEY.to_vec() }) })?;
    let first: WatchResponse = call.next().await?;
    let mut counted = Counted::default();
    assert!(first.created, "{first:?}");
    arrivals.saw(first.header.unwrap().revision, &mut counted);
    loop {
        let answer: WatchResponse = call.next().await?;
        for event in &answer.events {
            arrivals.saw(event.kv.as_ref().unwrap().mod_revision, &mut counted);
        }
    }
}

async fn put(writer: &Channel) -> Option<u64> {
    let mut grpc = Grpc::new(writer.clone());
    grpc.ready().await.ok()?;
    let request = PutRequest { key: KEY.to_vec(), value: vec![b'.'; VALUE_BYTES] };
    let path = PathAndQuery::from_static("/etcdserverpb.KV/Put");
    let codec = ProstCodec::<PutRequest, PutResponse>::default();
    let answer = grpc.unary(tonic::Request::new(request), path, codec).await.ok()?;
    Some(answer.into_inner().header?.revision)
}

#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes, tag = "1")]
    key: Vec<u8>,
    #[prost(bytes, tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PutResponse {
    #[prost(message, tag = "1")]
    header: Option<Header>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Header {
    #[prost(uint64, tag = "3")]
    revision: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WatchRequest {
    #[prost(message, tag = "1")]
    create: Option<CreateWatch>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CreateWatch {
    #[prost(bytes, tag = "1")]
    key: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WatchResponse {
    #[prost(message, tag = "1")]
    header: Option<Header>,
    #[prost(bool, tag = "3")]
    created: bool,
    #[prost(message, repeated, tag = "11")]
    events: Vec<WatchEvent>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WatchEvent {
    #[prost(message, tag = "2")]
    kv: Option<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct KeyValue {
    #[prost(uint64, tag = "3")]
    mod_revision: u64,
    #[prost(bytes, tag = "5")]
    value: Vec<u8>,
}
