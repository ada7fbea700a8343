//! What a certificate that was given opens, and what it does not.

use std::time::Duration;

use countersign_control_plane::{Config, NodeCertificateConfig, start};
use countersign_proto::v1;
use countersign_tests::authority::{Authority, management};
use countersign_tests::{free_address, refused};
use countersign_transport::{CertificateFiles, ClientFiles, Role};
use tonic::Code;

use crate::revoking::{keys_for, revoke};
use crate::streams::{greet, hello, welcomed};
use crate::tokens::{enrol, enrolled, key_and_request, nobody, renew, token_for, token_with};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_node_gets_the_environments_of_its_token_and_no_other() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, DAY).await;
    let operator = management(&plane, &authority.operator("ann"));
    operator.create_environment("STAGING").await;
    let (files, _) = enrolled(&authority, &plane, "edge-1").await;
    let node = management(&plane, &files);
    greet(&node, hello("edge-1", "RELEASE")).await.unwrap();
    for environment in ["STAGING", "NOWHERE"] {
        let refusal = refused(greet(&node, hello("edge-1", environment)).await);
        let found = (refusal.code, refusal.reason.as_str(), refusal.metadata["allowed"].as_str());
        assert_eq!(found, (Code::PermissionDenied, "ENVIRONMENT_NOT_ALLOWED", "RELEASE"));
    }
    // One whose certificate comes from elsewhere may ask for both, as no rule says otherwise.
    let foreign = management(&plane, &authority.node("edge-9"));
    let mut stream = greet(&foreign, hello("edge-9", "STAGING")).await.unwrap();
    let staging = welcomed(&mut stream).await;
    let refusal = refused(keys_for(&node, "edge-1", &staging).await);
    assert_eq!(refusal.reason, "ENVIRONMENT_NOT_ALLOWED");
    // Nor does a relay get them for it.
    let relay = management(&plane, &authority.relay("relay-1"));
    let refusal = refused(keys_for(&relay, "edge-1", &staging).await);
    assert_eq!(refusal.reason, "ENVIRONMENT_NOT_ALLOWED");
    keys_for(&relay, "edge-9", &staging).await.unwrap();
}

#[tokio::test]
async fn a_name_is_the_one_key_that_was_enrolled_for_it_last() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, DAY).await;
    let (files, _) = enrolled(&authority, &plane, "edge-1").await;
    let first = management(&plane, &files);
    greet(&first, hello("edge-1", "RELEASE")).await.unwrap();
    // A certificate of the client CA in that name does not stand for it,
    let foreign = management(&plane, &authority.node("edge-1"));
    let refusal = refused(greet(&foreign, hello("edge-1", "RELEASE")).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::PermissionDenied, "NODE_KEY"));
    assert_eq!(refused(renew(&foreign, &key_and_request().1).await).reason, "NODE_KEY");
    // and nor does its former key, when it was enrolled anew.
    enrolled(&authority, &plane, "edge-1").await;
    assert_eq!(refused(greet(&first, hello("edge-1", "RELEASE")).await).reason, "NODE_KEY");
}

#[tokio::test]
async fn a_certificate_is_renewed_for_its_own_key_while_its_node_is_let_in() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, DAY).await;
    let operator = management(&plane, &authority.operator("ann"));
    let (files, key) = enrolled(&authority, &plane, "edge-1").await;
    let node = management(&plane, &files);
    let csr = countersign_transport::request::request_for(&key).unwrap();
    let (one, two) = (renew(&node, &csr).await.unwrap(), renew(&node, &csr).await.unwrap());
    assert_ne!(one.serial, two.serial);
    let next = authority.files("edge-1-next", &two.chain_pem, &key);
    greet(&management(&plane, &next), hello("edge-1", "RELEASE")).await.unwrap();

    let refusal = refused(renew(&node, &key_and_request().1).await);
    assert_eq!(refusal.reason, "NODE_KEY", "another key needs another token");
    let nobody = nobody(&authority, &plane);
    let refusal = refused(renew(&nobody, &csr).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::Unauthenticated, "NO_CREDENTIALS"));
    assert_eq!(refused(renew(&operator, &csr).await).reason, "NO_CREDENTIALS");
    let foreign = management(&plane, &authority.node("edge-9"));
    assert_eq!(refused(renew(&foreign, &csr).await).reason, "NODE_NOT_ENROLLED");
    revoke(&operator, "edge-1").await.unwrap();
    assert_eq!(refused(renew(&node, &csr).await).reason, "NODE_REVOKED");
}

#[tokio::test]
async fn a_token_of_a_relay_makes_a_relay_and_one_of_a_node_does_not() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, DAY).await;
    let operator = management(&plane, &authority.operator("ann"));
    let made = token_with(&operator, |request| request.relay = true).await;
    let (key, csr) = key_and_request();
    let given = enrol(&nobody(&authority, &plane), &made.token, &csr, "relay-1").await.unwrap();
    let relay = management(&plane, &authority.files("relay-1", &given.chain_pem, &key));
    let as_relay = |name: &str| v1::Hello { relay: true, ..hello(name, "RELEASE") };
    greet(&relay, as_relay("relay-1")).await.unwrap();
    let (files, _) = enrolled(&authority, &plane, "edge-1").await;
    let node = management(&plane, &files);
    assert_eq!(refused(greet(&node, as_relay("edge-1")).await).reason, "NODE_IDENTITY");
}

#[tokio::test]
async fn a_seen_name_of_another_ca_is_not_taken() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, DAY).await;
    let operator = management(&plane, &authority.operator("ann"));
    let foreign = management(&plane, &authority.node("edge-1"));
    let _stream = greet(&foreign, hello("edge-1", "RELEASE")).await.unwrap();
    let any = crate::tokens::token(&operator).await;
    let (_, csr) = key_and_request();
    let stranger = nobody(&authority, &plane);
    let refusal = refused(enrol(&stranger, &any, &csr, "edge-1").await);
    assert_eq!(refusal.reason, "NODE_NAME_TAKEN");
    let named = token_for(&operator, "edge-1").await;
    enrol(&stranger, &named, &csr, "edge-1").await.unwrap();
}

#[tokio::test]
async fn the_ca_of_nodes_vouches_for_no_operator() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, DAY).await;
    let ca = Some(authority.certificate());
    let forged = ClientFiles { ca: ca.clone(), ..nodes.operator("ann") };
    let call = v1::ListEnvironmentsRequest::default();
    let operator = management(&plane, &forged);
    assert!(operator.environments().list_environments(call.clone()).await.is_err());
    let node = ClientFiles {
        ca,
        ..nodes.client(Role::Node, "edge-1", countersign_tests::authority::now_ms())
    };
    greet(&management(&plane, &node), hello("edge-1", "RELEASE")).await.unwrap();

    // One that is the client CA as well vouches for everybody.
    let plane = authority.enrolling_plane(&authority, DAY).await;
    let operator = management(&plane, &authority.operator("ann"));
    operator.environments().list_environments(call).await.unwrap();
}

#[tokio::test]
async fn a_ca_key_that_others_may_read_is_refused_at_the_start() {
    use std::os::unix::fs::PermissionsExt as _;

    let (authority, nodes) = (Authority::make(), Authority::make());
    let CertificateFiles { certificate, key } = nodes.signing();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let listen = free_address();
    let ca = Some(CertificateFiles { certificate, key });
    let config = Config {
        data_dir: directory.path().join("data"),
        listen,
        status_listen: None,
        transport: authority.transport(listen),
        node_certificates: NodeCertificateConfig { ca, lifetime: DAY },
        ..Config::default()
    };
    let error = start(config).await.unwrap_err().to_string();
    assert!(error.contains("chmod 600"), "{error}");
}
