//! Who is not vouched for gets no connection, on either side.

use countersign_proto::v1::ListEnvironmentsRequest;
use countersign_tests::{Management, Plane, free_address, refused, relay_with, soon};
use countersign_transport::{CertificateFiles, ClientFiles, Role, ServerFiles, Transport};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::identities::{greet, hello_of};
use countersign_tests::authority::{Authority, management, now_ms, uri};

const DAY_MS: i64 = 24 * 3600 * 1000;

async fn called(management: &Management) -> Result<(), tonic::Status> {
    let call = ListEnvironmentsRequest::default();
    management.environments().list_environments(call).await.map(drop)
}

#[tokio::test]
async fn only_a_certificate_of_the_ca_that_is_good_now_is_let_in() {
    let (authority, foreign) = (Authority::make(), Authority::make());
    let plane = authority.plane().await;
    let ca = Some(authority.certificate());
    let at = |made_ms| authority.client(Role::Operator, "ann", made_ms);
    let strangers = [
        ("of another CA", ClientFiles { ca: ca.clone(), ..foreign.operator("ann") }),
        ("a server's", ClientFiles { ca, own: Some(authority.server("127.0.0.1")) }),
        ("expired", at(now_ms() - 2 * DAY_MS)),
    ];
    for (what, files) in &strangers {
        assert!(called(&management(&plane, files)).await.is_err(), "{what}");
    }
    let early = at(now_ms() + DAY_MS);
    assert!(called(&management(&plane, &early)).await.is_err(), "not yet valid");
    called(&management(&plane, &authority.operator("ann"))).await.unwrap();

    let metrics = countersign_tests::get(plane.status_address(), "/metrics").await;
    let failed = "countersign_handshakes_failed_total 4";
    assert!(metrics.text().lines().any(|line| line == failed), "{}", metrics.text());
}

#[tokio::test]
async fn who_shows_no_certificate_may_ask_for_health_and_nothing_else() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let nobody = ClientFiles { ca: Some(authority.certificate()), own: None };
    let nobody = management(&plane, &nobody);
    let refusal = refused(called(&nobody).await);
    assert_eq!((refusal.code, &*refusal.reason), (Code::Unauthenticated, "NO_CREDENTIALS"));
    assert!(refusal.message.contains("authorization: Bearer"), "{}", refusal.message);
    let hello = greet(&nobody, hello_of("edge-1")).await;
    assert_eq!(refused(hello).reason, "NO_CREDENTIALS");
    HealthClient::new(nobody.channel()).check(HealthCheckRequest::default()).await.unwrap();

    let relay = relay_with(&uri(&plane), "relay-1", free_address(), |config| {
        config.control_plane_tls = authority.relay("relay-1");
        config.transport = authority.transport(config.listen);
    })
    .await;
    let files = ClientFiles { ca: Some(authority.certificate()), own: None };
    let nobody = Management::over_tls(&format!("https://{}", relay.address()), &files);
    let hello = greet(&nobody, hello_of("edge-1")).await;
    let refusal = hello.map(drop).expect_err("a relay asks for one");
    assert_ne!(refusal.code(), Code::Unauthenticated, "there is no connection: {refusal}");
    soon("the relay's end", relay.shutdown()).await;
}

#[tokio::test]
async fn a_client_trusts_only_its_ca_and_only_the_name_that_it_calls() {
    let (authority, foreign) = (Authority::make(), Authority::make());
    let plane = authority.plane().await;
    let deceived = ClientFiles { ca: Some(foreign.certificate()), ..authority.operator("ann") };
    assert!(called(&management(&plane, &deceived)).await.is_err());

    let elsewhere = Plane::start_with(|config| {
        let own = authority.server("elsewhere.example");
        let client_ca = authority.certificate();
        config.transport = Transport::Tls(ServerFiles { own, client_ca, node_ca: None });
    })
    .await;
    let refused = called(&management(&elsewhere, &authority.operator("ann"))).await;
    assert!(refused.is_err(), "the certificate is for another host");
}

#[tokio::test]
async fn clear_text_is_not_mixed_with_tls() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    assert!(called(&Management::to(&plane.uri())).await.is_err());
    let plain = Plane::start().await;
    let operator = Management::over_tls(&uri(&plain), &authority.operator("ann"));
    assert!(called(&operator).await.is_err());
}

#[tokio::test]
async fn clear_text_is_refused_where_others_could_reach_it() {
    let directory = tempfile::tempdir().unwrap();
    let config = countersign_control_plane::Config {
        data_dir: directory.path().join("data"),
        listen: ([0, 0, 0, 0], 0).into(),
        status_listen: None,
        transport: Transport::Plaintext,
        ..Default::default()
    };
    let error = countersign_control_plane::start(config).await.unwrap_err().to_string();
    for word in ["--tls-cert", "--client-ca", "countersign ca init", "127.0.0.1"] {
        assert!(error.contains(word), "{word} in {error}");
    }
    assert!(!directory.path().join("data").exists(), "nothing was made");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_told_at_the_start() {
    let authority = Authority::make();
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (authority.server("a.example"), authority.server("b.example"));
    let own = CertificateFiles { certificate: one.certificate, key: other.key };
    let config = countersign_control_plane::Config {
        data_dir: directory.path().join("data"),
        listen: free_address(),
        status_listen: None,
        transport: Transport::Tls(ServerFiles {
            own,
            client_ca: authority.certificate(),
            node_ca: None,
        }),
        ..Default::default()
    };
    let error = countersign_control_plane::start(config).await.unwrap_err().to_string();
    assert!(error.contains("do not go together"), "{error}");
}
