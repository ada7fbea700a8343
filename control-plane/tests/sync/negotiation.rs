//! Nodes of another version: one that is older than this control plane, and one that is newer and
//! says things that are not known here yet.

use countersign_proto::v1::subscribe_response::Message as ToNode;
use countersign_proto::v1::{Ack, Hello, SubscribeRequest, SubscribeResponse};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::double::{Plane, hello, soon};

/// A Hello and an Ack as the first version of the protocol knew them: no time in the Ack.
#[derive(Clone, PartialEq, prost::Message)]
struct OldAck {
    #[prost(uint64, tag = "1")]
    revision: u64,
    #[prost(bytes = "vec", tag = "2")]
    digest: Vec<u8>,
}

/// What a node of a later version might send: a field in its Hello and a kind of message more.
#[derive(Clone, PartialEq, prost::Message)]
struct NewRequest {
    #[prost(message, optional, tag = "1")]
    hello: Option<NewHello>,
    #[prost(message, optional, tag = "2")]
    ack: Option<Ack>,
    #[prost(string, optional, tag = "9")]
    load: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct NewHello {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(string, tag = "2")]
    instance: String,
    #[prost(uint32, tag = "4")]
    protocol_version: u32,
    #[prost(string, repeated, tag = "5")]
    environments: Vec<String>,
    #[prost(string, tag = "19")]
    zone: String,
}

#[tokio::test]
async fn an_old_node_is_told_its_version_and_its_answers_count() {
    let plane = Plane::start().await;
    let mut double = plane.connect("old").await;
    assert_eq!(double.welcome.protocol_version, 1);
    let head = plane.revision();
    let digest = double.reaches(head).await;
    let old = OldAck { revision: head, digest }.encode_to_vec();
    let ack = Ack::decode(old.as_slice()).unwrap();
    double.ack_as(ack).await;
    let node = plane.node_that("old", |node| node.acked_revision == head).await;
    assert!(node.in_sync && node.apply_time.is_none(), "{node:?}");
}

#[tokio::test]
async fn a_node_that_speaks_too_little_is_refused_with_what_is_spoken() {
    let plane = Plane::start().await;
    let too_old = Hello { protocol_version: 0, ..hello("ancient") };
    let Err(refused) = plane.connect_as(too_old).await else { panic!("it was not refused") };
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let info = refused.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.metadata["oldest"].as_str()), ("PROTOCOL_VERSION", "1"));
}

#[tokio::test]
async fn a_newer_node_speaks_our_version_and_what_we_do_not_know_is_passed_over() {
    let plane = Plane::start().await;
    let (say, said) = mpsc::channel(4);
    let hello = NewHello {
        node: "new".into(),
        instance: "0011223344556677".into(),
        protocol_version: 9,
        environments: vec!["RELEASE".into()],
        zone: "z1".into(),
    };
    say.send(NewRequest { hello: Some(hello), ..NewRequest::default() }).await.unwrap();
    let mut client = tonic::client::Grpc::new(plane.channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/countersign.v1.Sync/Subscribe");
    let codec = tonic_prost::ProstCodec::<NewRequest, SubscribeResponse>::default();
    let streaming = client.streaming(Request::new(ReceiverStream::new(said)), path, codec);
    let mut stream = soon("an answer", streaming).await.unwrap().into_inner();

    let head = plane.revision();
    let mut version = 0;
    let digest = loop {
        match soon("a message", stream.message()).await.unwrap().unwrap().message {
            Some(ToNode::Welcome(welcome)) => version = welcome.protocol_version,
            Some(ToNode::SnapshotEnd(end)) => break end.digest,
            _ => {}
        }
    };
    assert_eq!(version, 1, "the newest that both know");
    say.send(NewRequest { load: Some("0.5".into()), ..NewRequest::default() }).await.unwrap();
    let ack = Ack { revision: head, digest, applied_at_ms: 0, counts: None };
    say.send(NewRequest { ack: Some(ack), ..NewRequest::default() }).await.unwrap();
    let node = plane.node_that("new", |node| node.acked_revision == head).await;
    assert!(node.connected && node.in_sync);
    assert_eq!(node.protocol_version, 1);
}

#[test]
fn an_unknown_kind_of_message_is_one_without_content() {
    let new = NewRequest { load: Some("0.5".into()), ..NewRequest::default() };
    let read = SubscribeRequest::decode(new.encode_to_vec().as_slice()).unwrap();
    assert_eq!(read.message, None);
}
