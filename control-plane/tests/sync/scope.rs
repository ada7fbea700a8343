//! Given a scope, when a node asks for an environment, then it gets it where the scope says so, and
//! else is told what it may ask for.

use countersign_control_plane::{Config, Scope};
use countersign_proto::v1::sync_client::SyncClient;
use countersign_proto::v1::{DeliverKeysRequest, Hello};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::double::{Plane, hello};

fn allowed(refused: &Status) -> (String, String) {
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    let info = refused.get_details_error_info().unwrap();
    assert_eq!(info.reason, "ENVIRONMENT_NOT_ALLOWED");
    (info.metadata["environment"].clone(), info.metadata["allowed"].clone())
}

#[tokio::test]
async fn a_node_gets_the_environments_of_its_scope_and_no_other() {
    let rules = ["edge-eu-*=RELEASE,PRE", "lab-*=TEST"];
    let node_scope = Scope::new(rules.iter().map(|rule| rule.parse().unwrap()).collect());
    let plane = Plane::with(Config { node_scope, ..Config::default() }).await;
    plane.write("TEST").await;
    let served = plane.connect("edge-eu-1").await.welcome.environments;
    assert_eq!(served[0].name, "RELEASE");

    let ask = |name: &str, environment: &str| Hello {
        environments: vec!["RELEASE".into(), environment.into()],
        ..hello(name)
    };
    for (node, asks, expected) in [
        ("edge-eu-1", "TEST", ("TEST", "RELEASE,PRE")),
        ("edge-eu-1", "not-there", ("not-there", "RELEASE,PRE")),
        ("lab-1", "TEST", ("RELEASE", "TEST")),
        ("stranger", "TEST", ("RELEASE", "")),
    ] {
        let Err(refused) = plane.connect_as(ask(node, asks)).await else { panic!("{node} got it") };
        assert_eq!(allowed(&refused), (expected.0.to_owned(), expected.1.to_owned()), "{node}");
    }
    // It may ask for what is still to be made.
    let Err(refused) = plane.connect_as(ask("edge-eu-1", "PRE")).await else { panic!("no PRE") };
    assert_eq!(refused.code(), Code::NotFound);

    let mut sync = SyncClient::new(plane.channel.clone());
    let keys = DeliverKeysRequest {
        node: "lab-1".into(),
        environment_ids: vec![served[0].id.clone()],
        ..DeliverKeysRequest::default()
    };
    assert_eq!(allowed(&sync.deliver_keys(keys).await.unwrap_err()).1, "TEST");
}
