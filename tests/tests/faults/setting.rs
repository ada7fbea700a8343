//! What writers write about: for each of them an API with traffic, which is signed all the while
//! by one key or another, an API without traffic, and a key of its own.

use std::net::SocketAddr;

use countersign_proto::v1::{Api, Backend, GetEnvironmentRequest, Method};
use countersign_tests::{Key, Management};

pub(crate) const RELEASE: &str = "RELEASE";
const GROUP: &str = "shop";

/// Signs for any API.
pub(crate) const COMMON: Key = Key::hmac("common", "common_key", "Common_secret-2026!first");
/// The keys of the writers, by name and key alike; one writer for each.
pub(crate) const OWN_KEYS: [&str; 8] = [
    "own_key_0",
    "own_key_1",
    "own_key_2",
    "own_key_3",
    "own_key_4",
    "own_key_5",
    "own_key_6",
    "own_key_7",
];
/// The secrets that a writer's key has in turn.
pub(crate) const SECRETS: [&str; 3] =
    ["Secret_in_turn-2026!one", "Secret_in_turn-2026!two", "Secret_in_turn-2026!three"];

/// A writer's key, with one of its secrets.
pub(crate) fn own_key(writer: usize, secret: usize) -> Key {
    Key::hmac(OWN_KEYS[writer], OWN_KEYS[writer], SECRETS[secret])
}

/// The path of a writer's API with traffic.
pub(crate) fn busy_path(writer: usize) -> String {
    format!("/busy/{writer}")
}

/// The ids that a writer needs.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) environment: String,
    pub(crate) busy_api: String,
    pub(crate) quiet_api: String,
    pub(crate) own_key: String,
    pub(crate) common_key: String,
}

/// Makes it all: every busy API is published, and bound to the common key.
pub(crate) async fn prepare(management: &Management, backend: SocketAddr) -> Vec<Place> {
    management.create_group(GROUP, &[]).await;
    let common_key = management.create_key(&COMMON).await;
    let environment = release(management).await;
    let mut places = Vec::new();
    for writer in 0..OWN_KEYS.len() {
        let busy_api = management.create_api(api(&busy_path(writer), backend)).await;
        let quiet_api = management.create_api(api(&format!("/quiet/{writer}"), backend)).await;
        management.publish(&busy_api, RELEASE).await;
        management.publish(&quiet_api, RELEASE).await;
        management.bind(COMMON.name, &busy_api, RELEASE).await;
        let own_key = management.create_key(&own_key(writer, 0)).await;
        let (environment, common_key) = (environment.clone(), common_key.clone());
        places.push(Place { environment, busy_api, quiet_api, own_key, common_key });
    }
    places
}

/// The id of RELEASE.
async fn release(management: &Management) -> String {
    let request = GetEnvironmentRequest { environment: RELEASE.to_owned() };
    let reply = management.environments().get_environment(request).await.unwrap().into_inner();
    reply.environment.unwrap().id
}

fn api(path: &str, backend: SocketAddr) -> Api {
    Api {
        api_group: GROUP.to_owned(),
        name: path.trim_start_matches('/').replace('/', "-"),
        method: Method::Get.into(),
        path: path.to_owned(),
        backend: Some(Backend {
            scheme: "http".to_owned(),
            targets: vec![backend.to_string()],
            ..Backend::default()
        }),
        ..Api::default()
    }
}
