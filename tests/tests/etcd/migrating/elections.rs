//! A log that moves while etcd itself loses the member that leads it, there and back.

use countersign_control_plane::log::EtcdConfig;
use countersign_control_plane::migrate::{self, Doing, Migration, Progress};
use countersign_tests::Backend;

use super::Kept;
use crate::members::Members;

/// Whether some was copied, and more is to come.
fn in_the_middle(progress: &Progress) -> bool {
    progress.doing == Doing::Copying && progress.revision > 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_moves_there_and_back_while_the_member_that_leads_is_killed() {
    let (directory, backend) = (tempfile::tempdir().unwrap(), Backend::start().await);
    let mut members = Members::start(directory.path()).await;
    let mut kept = Kept::make(&backend).await;
    kept.grow("one");
    let endpoints: Vec<String> =
        members.clients().iter().map(|client| format!("http://{client}")).collect();
    let migration = |kept: &Kept, name: &str| {
        let made = kept.migration(&endpoints, name);
        Migration { etcd: EtcdConfig { prefix: "signing".into(), ..made.etcd }, ..made }
    };
    let (there, back) = (migration(&kept, "one"), migration(&kept, "two"));
    let leader = members.leader().await;
    let moved = tokio::task::spawn_blocking(move || {
        let moved = migrate::to_etcd(&there, &mut |progress| {
            if in_the_middle(&progress) {
                members.kill(leader);
            }
            true
        });
        (moved.unwrap(), members)
    });
    let (moved, mut members) = moved.await.unwrap();
    members.go_on(leader);
    let leader = members.leader().await;
    let again = tokio::task::spawn_blocking(move || {
        let again = migrate::from_etcd(&back, &mut |progress| {
            if in_the_middle(&progress) {
                members.kill(leader);
            }
            true
        });
        again.unwrap()
    });
    let again = again.await.unwrap();
    assert_eq!((again.head, again.state_digest), (moved.head, moved.state_digest));
    kept.verify_directory("two");
}
