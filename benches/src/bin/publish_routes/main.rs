//! Fills an empty control plane: so many APIs in one group, each published in RELEASE and bound to
//! one HMAC key, as people would do it over gRPC, by many at a time. The first API takes every
//! path that no other one has; the paths of the others are those of the example `static_node`.
//!
//! ```text
//! publish_routes CONTROL_PLANE_URL BACKEND_ADDRESS ROUTES
//! ```
//!
//! Prints the revision from which on a node has all of it.

#![expect(clippy::expect_used, reason = "what cannot be published ends the measurement")]

use countersign_proto::v1::{Api, Backend, MatchMode, Method};
use countersign_tests::{Key, Management};
use futures_util::future::join_all;

const CLIENTS: usize = 64;
const GROUP: &str = "shop";
const RELEASE: &str = "RELEASE";
const KEY: Key = Key::hmac("gateway", "signature_key1", "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc");

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [control_plane, backend, routes] = arguments.as_slice() else {
        eprintln!("wanted: CONTROL_PLANE_URL BACKEND_ADDRESS ROUTES");
        std::process::exit(2);
    };
    let routes: usize = routes.parse().expect("ROUTES is a number");
    let management = Management::to(control_plane);
    management.create_group(GROUP, &[]).await;
    management.create_key(&KEY).await;
    // A connection for each client: what several share, they wait for each other on.
    let clients = (0..CLIENTS.min(routes)).map(|first| {
        let management = Management::to(control_plane);
        async move {
            let mut revision = 0;
            for number in (first..routes).step_by(CLIENTS) {
                let api = management.create_api(api(number, backend)).await;
                management.publish(&api, RELEASE).await;
                revision = management.bind(KEY.name, &api, RELEASE).await;
            }
            revision
        }
    });
    let revision = join_all(clients).await.into_iter().max();
    println!("{}", revision.expect("at least one route"));
}

fn api(number: usize, backend: &str) -> Api {
    let path = if number == 0 {
        "/".to_owned()
    } else {
        format!("/service{:03}/v1/orders{number:06}/{{id}}", number % 1000)
    };
    Api {
        api_group: GROUP.to_owned(),
        name: format!("orders-{number}"),
        method: Method::Any.into(),
        path,
        match_mode: MatchMode::Swa.into(),
        backend: Some(Backend {
            scheme: "http".to_owned(),
            targets: vec![backend.to_owned()],
            ..Backend::default()
        }),
        ..Api::default()
    }
}
