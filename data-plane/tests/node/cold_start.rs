//! A node that keeps its table in a cache, and starts again without a control plane.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_data_plane::{Cache, CacheKey, Config, Node, start};

use crate::support::{
    Backend, ControlPlane, HMAC_SECRET, Resources, api, binding, config, get, group, hmac, nobody,
    node_of, route, soon,
};

fn signed(backend: &Backend) -> Resources {
    let route = route(2, 1, api("/", backend.address(), |_| {}));
    Resources::of([group(1, &[]), route, hmac(3), binding(2, 3)])
}

fn cache(directory: &Path) -> Cache {
    let key = Arc::new(CacheKey::parse(&[7; 32]).unwrap());
    Cache { file: directory.join("table"), key, age_max: Duration::from_hours(1) }
}

/// A cache that a node has left behind.
async fn given_a_cache(directory: &Path, resources: &Resources) {
    let with_cache = |config: &mut Config| config.cache = Some(cache(directory));
    let (node, _control_plane, _stream) = node_of(resources, with_cache).await;
    soon("the shutdown", node.shutdown()).await;
}

/// A node on that cache, without a control plane.
async fn alone(directory: &Path) -> Node {
    let config = Config {
        control_planes: vec![format!("http://{}", nobody())],
        cache: Some(cache(directory)),
        ..config(&ControlPlane::start().await)
    };
    start(config).await.unwrap()
}

#[tokio::test]
async fn it_signs_with_what_it_had_and_the_secret_is_never_plain_on_the_disk() {
    let backend = Backend::start().await;
    let directory = tempfile::tempdir().unwrap();
    given_a_cache(directory.path(), &signed(&backend)).await;
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap()).collect();
    assert_eq!(left.len(), 1, "nothing half-written stays: {left:?}");
    assert_eq!(left[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let sealed = std::fs::read(left[0].path()).unwrap();
    let secret = HMAC_SECRET.as_bytes();
    assert!(!sealed.windows(secret.len()).any(|window| window == secret));

    let node = alone(directory.path()).await;
    soon("the table of the cache", node.wait_for(1)).await;
    assert_eq!(get(node.proxy_address(), "/").await.status, 200);
    assert!(backend.last().header("authorization").unwrap().contains("Access=signature_key1"));
    assert_eq!(get(node.status_address().unwrap(), "/ready").await.status, 200);
}

#[tokio::test]
async fn with_a_control_plane_it_goes_on_where_the_cache_ends() {
    let backend = Backend::start().await;
    let directory = tempfile::tempdir().unwrap();
    given_a_cache(directory.path(), &signed(&backend)).await;
    let mut control_plane = ControlPlane::start().await;
    let config = Config { cache: Some(cache(directory.path())), ..config(&control_plane) };
    let node = start(config).await.unwrap();
    let mut stream = control_plane.stream().await;
    assert_eq!((stream.hello.log_id.as_str(), stream.hello.revision), ("log-a", 1));
    stream.welcome("log-a", true).await;
    stream.delta(2, &Resources::of([hmac(9)])).await;
    stream.ack(2).await;
    soon("the shutdown", node.shutdown()).await;

    let node = alone(directory.path()).await;
    soon("the later table", node.wait_for(2)).await;
}

#[tokio::test]
async fn one_flipped_byte_and_it_is_refused_not_ready_and_says_why() {
    let backend = Backend::start().await;
    let directory = tempfile::tempdir().unwrap();
    given_a_cache(directory.path(), &signed(&backend)).await;
    let file = directory.path().join("table");
    let mut sealed = std::fs::read(&file).unwrap();
    let middle = sealed.len() / 2;
    sealed[middle] ^= 1;
    std::fs::write(&file, sealed).unwrap();
    refused(&alone(directory.path()).await, "was changed").await;
}

#[tokio::test]
async fn a_log_that_went_back_is_accepted_over_the_cache_where_it_is_named() {
    const LOG: &str = "0198c0de0198c0de0198c0de0198c0de";
    let backend = Backend::start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut control_plane = ControlPlane::start().await;
    for (accept_log, revision) in [(None, 9), (Some(LOG.to_owned()), 4)] {
        let cache = Some(cache(directory.path()));
        let config = Config { cache, accept_log, ..config(&control_plane) };
        let node = start(config).await.unwrap();
        let mut stream = control_plane.stream().await;
        assert_eq!(stream.hello.revision, 0, "it asks for the whole");
        stream.welcome(LOG, false).await;
        stream.snapshot(revision, &signed(&backend)).await;
        stream.ack(revision).await;
        soon("the shutdown", node.shutdown()).await;
    }
    let node = alone(directory.path()).await;
    soon("the table of the cache", node.wait_for(4)).await;
    assert_eq!(*node.applied_revision().borrow(), 4);
}

async fn refused(node: &Node, reason: &str) {
    let status = node.status_address().unwrap();
    let ready = soon("the refusal", async {
        loop {
            let ready = get(status, "/ready").await;
            if ready.text().contains("is refused") {
                return ready;
            }
        }
    })
    .await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains(reason), "{}", ready.text());
    assert_eq!(get(node.proxy_address(), "/").await.code(), "NO_CONFIGURATION");
    let metrics = get(status, "/metrics").await;
    assert!(metrics.text().contains("countersign_node_cache_refused 1"));
}
