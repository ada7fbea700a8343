//! A real node from its token on: enrolled, renewed under traffic of changes, revoked, let in again.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use countersign_data_plane::{Config, Enrolment, Node};
use countersign_tests::authority::{Authority, management, uri};
use countersign_tests::{Plane, eventually, free_address, get, node_with, relay_with, soon};
use countersign_transport::{ClientFiles, ServerFiles, Transport};

use crate::revoking::revoke;
use crate::tokens::{token_for, token_with};

fn enrolling(authority: &Authority, dir: &Path, token: &str) -> impl FnOnce(&mut Config) {
    std::fs::write(dir.join("token"), format!("{token}\n")).unwrap();
    let tls = ClientFiles { ca: Some(authority.certificate()), own: None };
    let enrolment = Enrolment {
        dir: dir.join("identity"),
        token_file: Some(dir.join("token")),
        at: Vec::new(),
    };
    move |config| {
        config.control_plane_tls = tls;
        config.enrolment = Some(enrolment);
    }
}

async fn follows(plane: &Plane, node: &Node) {
    soon("the node follows", node.wait_for(plane.revision())).await;
}

#[tokio::test]
async fn a_node_enrols_renews_by_itself_and_goes_on_by_deltas() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, Duration::from_secs(6)).await;
    let operator = management(&plane, &authority.operator("ann"));
    let dir = tempfile::tempdir().unwrap();
    let token = token_for(&operator, "edge-1").await;
    let node = node_with(&uri(&plane), "edge-1", enrolling(&authority, dir.path(), &token)).await;
    let first = operator.node("edge-1").await;
    assert!(first.enrolment.is_some() && first.certificate_expire_time.is_some());

    let renewed = eventually("another certificate on an open stream", async || {
        let now = operator.node("edge-1").await;
        let is_other = now.certificate_serial != first.certificate_serial;
        (is_other && now.connected && now.in_sync).then_some(now)
    })
    .await;
    let until =
        |node: &countersign_proto::v1::Node| node.certificate_expire_time.map(|time| time.seconds);
    assert!(until(&renewed) > until(&first));
    assert_eq!(renewed.instance, first.instance, "nothing was started again");
    assert_eq!(renewed.snapshots_sent, 0, "it went on where it was");
    operator.create_group("shop", &[]).await;
    follows(&plane, &node).await;
    node.shutdown().await;

    let identity = dir.path().join("identity/identity.pem");
    assert_eq!(identity.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!dir.path().join("identity/enrolling.key").exists());
}

#[tokio::test]
async fn a_node_comes_back_with_what_it_holds_and_needs_no_token() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, Duration::from_hours(1)).await;
    let operator = management(&plane, &authority.operator("ann"));
    let dir = tempfile::tempdir().unwrap();
    let token = token_for(&operator, "edge-1").await;
    let node = node_with(&uri(&plane), "edge-1", enrolling(&authority, dir.path(), &token)).await;
    let serial = operator.node("edge-1").await.certificate_serial;
    node.shutdown().await;
    let node = node_with(&uri(&plane), "edge-1", enrolling(&authority, dir.path(), "spent")).await;
    assert_eq!(operator.node("edge-1").await.certificate_serial, serial);
    node.shutdown().await;
}

#[tokio::test]
async fn a_revoked_node_keeps_its_table_and_a_token_for_its_name_lets_it_in_again() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, Duration::from_secs(6)).await;
    let operator = management(&plane, &authority.operator("ann"));
    let dir = tempfile::tempdir().unwrap();
    let token = token_for(&operator, "edge-1").await;
    let node = node_with(&uri(&plane), "edge-1", enrolling(&authority, dir.path(), &token)).await;
    let serial = operator.node("edge-1").await.certificate_serial;
    revoke(&operator, "edge-1").await.unwrap();
    eventually("the end of its stream", async || {
        (!operator.node("edge-1").await.connected).then_some(())
    })
    .await;
    let ready = get(node.status_address().unwrap(), "/ready").await;
    assert_eq!(ready.status, 200, "it signs with what it has: {}", ready.text());

    // In place of the spent token, under the node as it runs: taken when the certificate has ended.
    let token = token_for(&operator, "edge-1").await;
    std::fs::write(dir.path().join("token"), token).unwrap();
    eventually("its way back", async || {
        let now = operator.node("edge-1").await;
        (now.connected && now.certificate_serial != serial).then_some(())
    })
    .await;
    operator.create_group("shop", &[]).await;
    follows(&plane, &node).await;
    node.shutdown().await;
}

#[tokio::test]
async fn a_relay_and_the_node_behind_it_are_enrolled_at_the_control_plane() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, Duration::from_hours(1)).await;
    let operator = management(&plane, &authority.operator("ann"));
    let dir = tempfile::tempdir().unwrap();
    let made = token_with(&operator, |request| request.relay = true).await;
    std::fs::write(dir.path().join("relay-token"), made.token).unwrap();
    let relay = relay_with(&uri(&plane), "relay-1", free_address(), |config| {
        config.control_plane_tls = ClientFiles { ca: Some(authority.certificate()), own: None };
        config.enrolment = Some(Enrolment {
            dir: dir.path().join("relay"),
            token_file: Some(dir.path().join("relay-token")),
            at: Vec::new(),
        });
        let own = authority.server(&config.listen.ip().to_string());
        let client_ca = nodes.certificate();
        config.transport = Transport::Tls(ServerFiles { own, client_ca, node_ca: None });
    })
    .await;
    assert!(dir.path().join("relay/node-ca.crt").exists());
    let token = token_for(&operator, "edge-1").await;
    let address = format!("https://{}", relay.address());
    let enrol_at = uri(&plane);
    let change = enrolling(&authority, dir.path(), &token);
    let node = node_with(&address, "edge-1", |config| {
        change(config);
        config.enrolment.as_mut().unwrap().at = vec![enrol_at];
    })
    .await;
    operator.create_group("shop", &[]).await;
    follows(&plane, &node).await;
    node.shutdown().await;
    soon("the relay's end", relay.shutdown()).await;
}
