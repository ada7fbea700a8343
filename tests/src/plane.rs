//! A control plane in this process, on a data directory that outlives it, so that it can be
//! stopped and started again at the same address.

use std::path::Path;
use std::time::Duration;

use countersign_control_plane::{Config, ControlPlane};
use tempfile::TempDir;

use crate::address::free_address;
use crate::management::Management;
use crate::patience::soon;

/// Much shorter than in earnest: what tests wait for is often said by a bookmark.
const BOOKMARK_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub struct Plane {
    running: Option<ControlPlane>,
    config: Config,
    /// The last field, so that the directory goes last.
    _data_dir: TempDir,
}

impl Plane {
    /// On a new data directory.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same, with other settings than the suites'.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let data_dir = tempfile::Builder::new().prefix("countersign-").tempdir().unwrap();
        let mut config = Config {
            data_dir: data_dir.path().join("data"),
            listen: free_address(),
            status_listen: Some(free_address()),
            bookmark_interval: BOOKMARK_INTERVAL,
            ..Config::default()
        };
        change(&mut config);
        let mut plane = Self { running: None, config, _data_dir: data_dir };
        plane.go_on().await;
        plane
    }

    pub fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// Where it listens, such as `http://127.0.0.1:7400`; the same after a restart.
    pub fn uri(&self) -> String {
        format!("http://{}", self.config.listen)
    }

    pub fn status_address(&self) -> std::net::SocketAddr {
        self.config.status_listen.expect("a status listener")
    }

    /// A client, which stays good over restarts.
    pub fn management(&self) -> Management {
        Management::to(&self.uri())
    }

    /// The log's revision.
    pub fn revision(&self) -> u64 {
        *self.running.as_ref().expect("a control plane that runs").revision().borrow()
    }

    /// Stops cleanly.
    pub async fn stop(&mut self) {
        let running = self.running.take().expect("a control plane that runs");
        soon("the control plane's end", running.shutdown()).await;
    }

    /// Starts again after [`Plane::stop`], on the same directory and address.
    pub async fn go_on(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let started = soon("the control plane's start", Box::pin(start(self.config.clone()))).await;
        self.running = Some(started);
    }

    /// Starts again on another data directory, at the same address.
    pub async fn go_on_from(&mut self, data_dir: &Path) {
        data_dir.clone_into(&mut self.config.data_dir);
        self.go_on().await;
    }

    pub async fn restart(&mut self) {
        self.stop().await;
        self.go_on().await;
    }
}

async fn start(config: Config) -> ControlPlane {
    let started = countersign_control_plane::start(config).await;
    started.unwrap_or_else(|error| panic!("the control plane does not start: {error}"))
}
