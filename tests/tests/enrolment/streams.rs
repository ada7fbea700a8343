//! A stream as a bare node has it.

use countersign_proto::v1;
use countersign_proto::v1::subscribe_response::Message as FromPlane;
use countersign_proto::v1::sync_client::SyncClient;
use countersign_tests::{Management, soon};
use tokio_stream::StreamExt as _;
use tonic::{Response, Status, Streaming};

pub(crate) fn hello(node: &str, environment: &str) -> v1::Hello {
    v1::Hello {
        node: node.to_owned(),
        instance: "1".to_owned(),
        environments: vec![environment.to_owned()],
        protocol_version: 1,
        ..Default::default()
    }
}

/// A stream that says no more than Hello.
pub(crate) async fn greet(
    management: &Management,
    hello: v1::Hello,
) -> Result<Streaming<v1::SubscribeResponse>, Status> {
    let first =
        v1::SubscribeRequest { message: Some(v1::subscribe_request::Message::Hello(hello)) };
    let messages = tokio_stream::once(first).chain(tokio_stream::pending());
    let mut client = SyncClient::new(management.channel());
    client.subscribe(messages).await.map(Response::into_inner)
}

/// How a stream ends, whatever comes before.
pub(crate) async fn end(mut stream: Streaming<v1::SubscribeResponse>) -> Status {
    let end = async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return Status::ok("it was closed"),
                Err(status) => return status,
            }
        }
    };
    soon("the end of the stream", end).await
}

/// The id of its environment, from its Welcome.
pub(crate) async fn welcomed(stream: &mut Streaming<v1::SubscribeResponse>) -> Vec<u8> {
    match stream.message().await.unwrap().unwrap().message {
        Some(FromPlane::Welcome(welcome)) => welcome.environments.first().unwrap().id.clone(),
        other => unreachable!("a stream begins with Welcome, not {other:?}"),
    }
}
