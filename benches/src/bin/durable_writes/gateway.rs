//! The cheapest write that people make in earnest: the key of a published API exchanged for
//! another, over gRPC. Each client has a connection and an API of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use countersign_proto::v1::bindings_client::BindingsClient;
use countersign_proto::v1::{Api, Backend, CreateBindingRequest, GetBindingRequest, Method};
use countersign_tests::{ControlPlaneProcess, Key, Management};
use futures_util::future::join_all;
use tonic::transport::Channel;

use crate::sample::Sample;

pub(crate) const CLIENTS: usize = 64;

const RELEASE: &str = "RELEASE";
const KEYS: [Key; 2] = [
    Key::hmac("first", "first-key-2026", "First_secret-2026!first"),
    Key::hmac("second", "second-key-2026", "Second_secret-2026!second"),
];

#[derive(Debug)]
pub(crate) struct Gateway {
    clients: Vec<Client>,
}

impl Gateway {
    /// Everything there is to rebind.
    pub(crate) async fn on(plane: &ControlPlaneProcess) -> Self {
        let management = plane.management();
        management.create_group("shop", &[]).await;
        for key in &KEYS {
            management.create_key(key).await;
        }
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let api = management.create_api(api(number)).await;
            management.publish(&api, RELEASE).await;
            management.bind(KEYS[0].name, &api, RELEASE).await;
            clients.push(Client::to(plane, api));
        }
        Self { clients }
    }

    /// The same clients, each at the next of these in turn.
    #[allow(dead_code, reason = "the measurement of one control plane has no other")]
    pub(crate) fn over(&self, planes: &[ControlPlaneProcess]) -> Self {
        let clients = self.clients.iter().zip(planes.iter().cycle());
        let clients = clients.map(|(client, plane)| {
            let rebound = Arc::clone(&client.rebound);
            Client { rebound, ..Client::to(plane, client.api.clone()) }
        });
        Self { clients: clients.collect() }
    }

    /// So many clients, each of which waits for its answer before it asks again.
    pub(crate) async fn ask_for(&mut self, turn: Duration, ask: Ask, clients: usize) -> Sample {
        let begun = Instant::now();
        let all = self.clients.iter_mut().take(clients);
        let latencies = join_all(all.map(|client| client.ask_until(begun + turn, ask))).await;
        Sample::new(begun.elapsed(), latencies.concat())
    }
}

/// What a client asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ask {
    /// To exchange a key for another.
    Rebind,
    /// Which key is bound: the same way there and back, and nothing is written.
    Read,
}

#[derive(Debug)]
struct Client {
    bindings: BindingsClient<Channel>,
    api: String,
    /// Shared by all who rebind this API.
    rebound: Arc<AtomicUsize>,
}

impl Client {
    fn to(plane: &ControlPlaneProcess, api: String) -> Self {
        let rebound = Arc::default();
        Self { bindings: Management::to(&plane.uri()).bindings(), api, rebound }
    }

    async fn ask_until(&mut self, end: Instant, ask: Ask) -> Vec<Duration> {
        let mut latencies = Vec::new();
        while Instant::now() < end {
            let asked = Instant::now();
            match ask {
                Ask::Rebind => self.rebind().await,
                Ask::Read => self.read().await,
            }
            latencies.push(asked.elapsed());
        }
        latencies
    }

    async fn rebind(&mut self) {
        let rebound = self.rebound.fetch_add(1, Relaxed) + 1;
        let request = CreateBindingRequest {
            signature_key: KEYS[rebound % KEYS.len()].name.to_owned(),
            api: self.api.clone(),
            environment: RELEASE.to_owned(),
            replace: true,
            ..Default::default()
        };
        let reply = self.bindings.create_binding(request).await.unwrap().into_inner();
        assert!(!reply.replaced_signature_key.is_empty(), "a rebind that changed nothing");
    }

    async fn read(&mut self) {
        let request = GetBindingRequest { api: self.api.clone(), environment: RELEASE.to_owned() };
        let reply = self.bindings.get_binding(request).await.unwrap().into_inner();
        assert!(reply.binding.is_some(), "a binding that is not there");
    }
}

fn api(number: usize) -> Api {
    Api {
        api_group: "shop".to_owned(),
        name: format!("orders-{number}"),
        method: Method::Get.into(),
        path: format!("/orders/{number}"),
        backend: Some(Backend {
            scheme: "http".to_owned(),
            targets: vec!["127.0.0.1:9".to_owned()],
            ..Backend::default()
        }),
        ..Api::default()
    }
}
