//! A data-plane node in this process.

use std::net::{Ipv4Addr, SocketAddr};

use countersign_data_plane::{Config, Node};

use crate::patience::soon;

/// A node that serves RELEASE with one worker, ready.
pub async fn node(control_plane: &str, name: &str) -> Node {
    node_with(control_plane, name, |_| {}).await
}

/// The same, with other settings than the suites'.
pub async fn node_with(control_plane: &str, name: &str, change: impl FnOnce(&mut Config)) -> Node {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config {
        control_planes: vec![control_plane.to_owned()],
        node: name.to_owned(),
        proxy_listen: anywhere,
        status_listen: Some(anywhere),
        workers: 1,
        ..Config::default()
    };
    change(&mut config);
    let started = countersign_data_plane::start(config).await;
    let node = started.unwrap_or_else(|error| panic!("the node does not start: {error}"));
    soon("the node's first snapshot", node.wait_for(1)).await;
    node
}
