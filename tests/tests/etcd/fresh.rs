//! Reads that have to be the newest, at a replica that follows; and what is left of them without etcd.

use countersign_proto::v1;
use countersign_tests::{Cli, Management, refused};
use tonic::{Code, Request};

use super::RELEASE;
use super::replicas::Replicas;

/// So many writes are each read at once.
const WRITES: usize = 40;

fn reading(fresh: bool) -> Request<v1::GetEnvironmentRequest> {
    let mut request = Request::new(v1::GetEnvironmentRequest { environment: RELEASE.to_owned() });
    if fresh {
        request.metadata_mut().insert("countersign-fresh", "1".parse().unwrap());
    }
    request
}

async fn write(management: &Management, number: usize) -> u64 {
    let group = v1::ApiGroup { name: format!("group_{number}"), ..v1::ApiGroup::default() };
    let request = v1::CreateApiGroupRequest { api_group: Some(group), ..Default::default() };
    management.api_groups().create_api_group(request).await.unwrap().into_inner().revision
}

#[tokio::test]
async fn a_fresh_read_has_what_was_written_elsewhere_or_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let mut replicas = Replicas::start(data.path()).await;
    let leader = replicas.leader().await;
    let managements = replicas.managements();
    let (there, here) = (&managements[leader], &managements[(leader + 1) % 3]);
    let mut behind = 0;
    for number in 0..WRITES {
        let written = write(there, number).await;
        let plain = here.environments().get_environment(reading(false)).await.unwrap();
        behind += usize::from(plain.into_inner().revision < written);
        let fresh = here.environments().get_environment(reading(true)).await.unwrap();
        assert!(fresh.into_inner().revision >= written);
    }
    println!("{behind} of {WRITES} reads would have been behind");
    let cli = Cli::to(&replicas.planes[(leader + 1) % 3].uri());
    let listed = cli.json("group list --fresh");
    assert_eq!(listed.as_array().unwrap().len(), WRITES, "{listed}");

    replicas.etcd.kill();
    let refusal = refused(here.environments().get_environment(reading(true)).await);
    assert_eq!((refusal.code, &*refusal.reason), (Code::Unavailable, "LOG_UNAVAILABLE"));
    here.environments().get_environment(reading(false)).await.unwrap();
    replicas.etcd.go_on();
    here.environments().get_environment(reading(true)).await.unwrap();
}
