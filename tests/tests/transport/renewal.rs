//! Certificates and CAs are read again when they change, and open streams go on.

use std::fs;

use countersign_proto::v1::ListEnvironmentsRequest;
use countersign_tests::{Plane, free_address, node_with, soon};
use countersign_transport::{CertificateFiles, ServerFiles, Transport};

use countersign_tests::authority::{Authority, management, uri};

#[tokio::test]
async fn another_ca_takes_over_under_an_open_stream() {
    let (before, after) = (Authority::make(), Authority::make());
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let files = ServerFiles {
        own: CertificateFiles { certificate: at("server.crt"), key: at("server.key") },
        client_ca: at("clients.crt"),
        node_ca: None,
    };
    let address = free_address();
    let put = |authority: &Authority| {
        let own = authority.server(&address.ip().to_string());
        fs::copy(own.certificate, &files.own.certificate).unwrap();
        fs::copy(own.key, &files.own.key).unwrap();
        fs::copy(authority.certificate(), &files.client_ca).unwrap();
    };
    put(&before);
    let plane = Plane::start_with(|config| {
        config.listen = address;
        config.transport = Transport::Tls(files.clone());
    })
    .await;
    before.make_admins(&plane, &["ann", "bob", "cleo", "dan"]).await;
    let node = node_with(&uri(&plane), "edge-1", |config| {
        config.control_plane_tls = before.node("edge-1");
    })
    .await;
    let first = management(&plane, &before.operator("ann"));
    let connected = first.node("edge-1").await.connect_time;
    put(&after);

    let call = ListEnvironmentsRequest::default();
    let late = management(&plane, &before.operator("bob"));
    assert!(late.environments().list_environments(call.clone()).await.is_err(), "the former CA");
    let second = management(&plane, &after.operator("cleo"));
    let api = second.create_group("shop", &[]).await;
    assert!(!api.is_empty());
    soon("the open stream goes on", node.wait_for(plane.revision())).await;
    assert_eq!(second.node("edge-1").await.connect_time, connected, "it is the same stream");
    first.environments().list_environments(call).await.expect("so is the open connection");

    fs::write(&files.own.certificate, "half a file").unwrap();
    let third = management(&plane, &after.operator("dan"));
    let call = ListEnvironmentsRequest::default();
    third
        .environments()
        .list_environments(call)
        .await
        .expect("what cannot be used changes nothing");
    node.shutdown().await;
}
