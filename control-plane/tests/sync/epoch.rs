//! Given a log whose copy was restored under a new epoch, when a node of the former epoch comes, then it
//! is told of the new one, and not that the log was rolled back.

use countersign_control_plane::log::{DataDir, OpenError};
use countersign_proto::v1::Hello;
use countersign_shared::id::LogId;
use tonic::Code;

use crate::double::{Plane, hello};

#[tokio::test]
async fn what_was_seen_in_another_epoch_proves_nothing_in_this_one() {
    let plane = Plane::start().await;
    let welcome = plane.connect("edge-1").await.welcome;
    assert_eq!(welcome.epoch, 0);
    let has_seen_more = |epoch| Hello {
        log_id: welcome.log_id.clone(),
        epoch,
        revision: 1_000,
        hash: vec![7; 32],
        ..hello("edge-1")
    };
    let Err(refused) = plane.connect_as(has_seen_more(0)).await else { panic!("it was served") };
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");

    let other = LogId::from_bytes([9; 16]);
    let in_use = DataDir::open(plane.data_dir(), other);
    assert!(matches!(in_use, Err(OpenError::Locked { .. })), "{in_use:?}");
    let plane = plane
        .restarts(|directory| {
            let mut directory = DataDir::open(directory, other).unwrap();
            assert_eq!((directory.epoch(), directory.begin_epoch().unwrap()), (0, 1));
        })
        .await;
    let welcomed = plane.connect_as(has_seen_more(0)).await.unwrap().welcome;
    assert_eq!(
        (welcomed.log_id, welcomed.epoch, welcomed.resumed),
        (welcome.log_id.clone(), 1, false)
    );
    let Err(refused) = plane.connect_as(has_seen_more(1)).await else { panic!("it was served") };
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
}
