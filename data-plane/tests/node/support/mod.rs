//! What the tests stand on: a control plane by hand, a backend that writes down what it saw,
//! and a client that sends bytes.

mod authority;
mod backend;
mod client;
mod collector;
mod control_plane;
mod http2_backend;
mod resources;

pub(crate) use authority::Authority;
pub(crate) use backend::{Backend, Seen, reply};
pub(crate) use client::{Client, get, request, try_get};
pub(crate) use collector::{Collector, attributes, spans};
pub(crate) use control_plane::{ControlPlane, Stream, hash};
pub(crate) use http2_backend::Http2Backend;
pub(crate) use resources::{
    HMAC_SECRET, Resources, api, binding, group, hmac, id, remove, route, signer,
};

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use countersign_data_plane::{Config, Node, start};

/// No wait in these tests is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

pub(crate) fn config(control_plane: &ControlPlane) -> Config {
    Config {
        control_planes: vec![control_plane.uri()],
        node: "node-1".into(),
        proxy_listen: local(),
        status_listen: Some(local()),
        workers: 1,
        drain_delay: Duration::ZERO,
        ..Config::default()
    }
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    std::net::TcpListener::bind(local()).unwrap().local_addr().unwrap()
}

pub(crate) fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A node that has these resources at revision 1.
pub(crate) async fn node_with(resources: &Resources) -> (Node, ControlPlane, Stream) {
    node_of(resources, |_| {}).await
}

pub(crate) async fn node_of(
    resources: &Resources,
    change: impl FnOnce(&mut Config),
) -> (Node, ControlPlane, Stream) {
    let mut control_plane = ControlPlane::start().await;
    let mut config = config(&control_plane);
    change(&mut config);
    let node = start(config).await.unwrap();
    let mut stream = control_plane.stream().await;
    stream.welcome("log-a", false).await;
    stream.snapshot(1, resources).await;
    stream.ack(1).await;
    (node, control_plane, stream)
}
