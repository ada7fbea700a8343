//! The log as the audit reads it.

use countersign_proto::v1;
use countersign_proto::v1::event::Payload;
use countersign_tests::{Plane, refused, soon};
use tonic::{Code, Request};

use crate::gateway::{Gateway, ORDERS, RELEASE};

async fn listed(plane: &Plane, change: impl FnOnce(&mut v1::ListEventsRequest)) -> Vec<v1::Event> {
    let mut request = v1::ListEventsRequest::default();
    change(&mut request);
    let reply = plane.management().events().list_events(request).await.unwrap().into_inner();
    assert_eq!(reply.revision, plane.revision());
    reply.events
}

fn revisions(events: &[v1::Event]) -> Vec<u64> {
    events.iter().map(|event| event.revision).collect()
}

#[tokio::test]
async fn every_change_is_in_the_log_with_who_when_and_from_where() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let mut delete = Request::new(v1::DeleteBindingRequest {
        api: "orders".to_owned(),
        environment: RELEASE.to_owned(),
        request_id: "good-bye".to_owned(),
        ..Default::default()
    });
    delete.metadata_mut().insert("countersign-actor", "ann@example".parse().unwrap());
    gateway.management.bindings().delete_binding(delete).await.unwrap();

    let events = listed(&gateway.plane, |_| {}).await;
    let last = gateway.plane.revision();
    assert_eq!(revisions(&events), (1..=last).collect::<Vec<_>>(), "without gaps");
    assert!(matches!(events[0].payload, Some(Payload::LogCreated(_))));
    assert_eq!((events[0].actor.as_str(), events[0].source.as_str()), ("system", ""));
    let times: Vec<_> =
        events.iter().map(|e| e.time.unwrap()).map(|t| (t.seconds, t.nanos)).collect();
    assert!(times.is_sorted(), "{times:?}");
    let unbound = events.last().unwrap();
    assert!(matches!(unbound.payload, Some(Payload::KeyUnbound(_))), "{unbound:?}");
    assert_eq!((unbound.actor.as_str(), unbound.request_id.as_str()), ("ann@example", "good-bye"));
    assert!(unbound.source.starts_with("127."), "{}", unbound.source);
    assert_eq!((unbound.schema_version, unbound.first_revision), (1, last));
    gateway.end().await;
}

#[tokio::test]
async fn events_are_found_by_revision_type_actor_request_and_resource() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let plane = &gateway.plane;
    let last = plane.revision();
    assert_eq!(
        revisions(&listed(plane, |r| (r.revision_from, r.revision_to) = (2, 4)).await),
        [2, 3, 4]
    );
    let newest = listed(plane, |r| (r.descending, r.page_size) = (true, 2)).await;
    assert_eq!(revisions(&newest), [last, last - 1]);
    let types = ["key_bound", "signature_key_created"].map(str::to_owned).to_vec();
    assert_eq!(revisions(&listed(plane, |r| r.types = types).await), [last - 1, last]);
    assert_eq!(revisions(&listed(plane, |r| r.actor = "system".to_owned()).await), [1, 2]);
    assert_eq!(listed(plane, |r| r.request_id = "nobody's".to_owned()).await, []);
    let request = v1::GetSignatureKeyRequest { signature_key: "orders".to_owned() };
    let key = gateway.management.signature_keys().get_signature_key(request).await.unwrap();
    let id = key.into_inner().signature_key.unwrap().id;
    assert_eq!(revisions(&listed(plane, |r| r.resource = id).await), [last - 1, last]);

    let bad = v1::ListEventsRequest { types: vec!["key_lost".to_owned()], ..Default::default() };
    let bad = refused(gateway.management.events().list_events(bad).await);
    assert_eq!((bad.code, bad.fields), (Code::InvalidArgument, vec!["types[0]".to_owned()]));
    gateway.end().await;
}

#[tokio::test]
async fn pages_of_events_make_up_the_log() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let last = gateway.plane.revision();
    let mut all = Vec::new();
    let mut request =
        v1::ListEventsRequest { page_size: 3, descending: true, ..Default::default() };
    loop {
        let reply = gateway.management.events().list_events(request.clone()).await.unwrap();
        let reply = reply.into_inner();
        all.extend(revisions(&reply.events));
        if reply.next_page_token.is_empty() {
            break;
        }
        request.page_token = reply.next_page_token;
    }
    assert_eq!(all, (1..=last).rev().collect::<Vec<_>>());
    gateway.end().await;
}

#[tokio::test]
async fn a_tail_gives_what_was_and_then_what_comes() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let last = gateway.plane.revision();
    let tail = async |revision_from: u64| {
        let request = v1::TailEventsRequest { revision_from };
        gateway.management.events().tail_events(request).await.unwrap().into_inner()
    };
    let (mut from_the_first, mut new_only) = (tail(1).await, tail(0).await);
    for revision in 1..=last {
        let event = soon("an event", from_the_first.message()).await.unwrap().unwrap().event;
        assert_eq!(event.unwrap().revision, revision);
    }
    gateway.management.unbind("orders", RELEASE).await;
    for tail in [&mut from_the_first, &mut new_only] {
        let event = soon("the new event", tail.message()).await.unwrap().unwrap().event.unwrap();
        assert_eq!(event.revision, last + 1);
        assert!(matches!(event.payload, Some(Payload::KeyUnbound(_))), "{event:?}");
    }
    let request = v1::TailEventsRequest { revision_from: last + 9 };
    let to_come = refused(gateway.management.events().tail_events(request).await.map(|_| ()));
    assert_eq!(to_come.reason, "REVISION_TO_COME");
    gateway.end().await;
}
