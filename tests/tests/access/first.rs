//! The first token: there after the first start, and void when an admin has called.

use std::os::unix::fs::PermissionsExt;

use countersign_proto::v1;
use countersign_proto::v1::access_client::AccessClient;
use countersign_tests::authority::{Authority, bootstrap_token, management, with_token};
use countersign_tests::refused;

#[tokio::test]
async fn the_first_token_makes_an_admin_and_is_void_when_it_calls() {
    let authority = Authority::make();
    let mut plane = authority.plane_without_admin().await;
    let path = plane.data_dir().join("bootstrap-token");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let former = bootstrap_token(&plane);
    plane.restart().await;
    let token = bootstrap_token(&plane);
    assert_ne!(token, former, "without an admin each start makes another");

    let anywhere = management(&plane, &authority.nobody());
    let mut access = AccessClient::new(anywhere.channel());
    let whoami = async |access: &mut AccessClient<_>, token: &str| {
        access.who_am_i(with_token(v1::WhoAmIRequest {}, token)).await
    };
    assert_eq!(refused(whoami(&mut access, &former).await).reason, "BAD_TOKEN");
    whoami(&mut access, &token).await.unwrap();

    authority.make_admins(&plane, &["ann"]).await;
    whoami(&mut access, &token).await.expect("ann has not called yet");
    let ann = management(&plane, &authority.operator("ann"));
    ann.create_environment("STAGING").await;
    countersign_tests::eventually("the first token is void", async || {
        whoami(&mut access.clone(), &token)
            .await
            .is_err_and(|status| status.code() == tonic::Code::Unauthenticated)
            .then_some(())
    })
    .await;
    assert!(!path.exists());

    plane.restart().await;
    assert!(!path.exists(), "there is an admin");
}
