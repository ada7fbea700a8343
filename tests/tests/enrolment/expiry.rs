//! Nothing outlives its certificate: no stream, and no connection that was opened with it.

use std::time::Duration;

use countersign_tests::authority::{Authority, management, now_ms};
use countersign_tests::{eventually, refused};
use countersign_transport::request::request_for;
use tonic::Code;

use crate::streams::{end, greet, hello};
use crate::tokens::{enrolled, renew};

#[tokio::test]
async fn a_stream_and_a_connection_end_with_their_certificate() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, Duration::from_secs(2)).await;
    let (files, key) = enrolled(&authority, &plane, "edge-1").await;
    let node = management(&plane, &files);
    let stream = greet(&node, hello("edge-1", "RELEASE")).await.unwrap();
    let ended = refused::<()>(Err(end(stream).await));
    assert_eq!((ended.code, ended.reason.as_str()), (Code::Unauthenticated, "CERTIFICATE_EXPIRED"));
    assert!(ended.message.contains("countersign node token create"), "{}", ended.message);

    // The connection is still open, and opens nothing.
    let again = refused(greet(&node, hello("edge-1", "RELEASE")).await);
    assert_eq!(again.reason, "CERTIFICATE_EXPIRED");
    let csr = request_for(&key).unwrap();
    assert_eq!(refused(renew(&node, &csr).await).reason, "CERTIFICATE_EXPIRED");
    // Another one is not made at all.
    let over = now_ms() + 1_000;
    eventually("a second more", async || (now_ms() > over).then_some(())).await;
    assert!(greet(&management(&plane, &files), hello("edge-1", "RELEASE")).await.is_err());
}
