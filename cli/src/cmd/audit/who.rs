//! `countersign audit who` and `countersign audit show`: events with who caused each and what it
//! changed, field by field.

use clap::Args;
use countersign_proto::v1::event::Payload;
use countersign_proto::v1::{
    Event, GetSignatureKeyRequest, ListChangesRequest, ListChangesResponse, ListEventsRequest,
};
use serde_json::{Map, Value, json};

use crate::args::Globals;
use crate::client::ControlPlane;
use crate::cmd::events::payload::type_of;
use crate::differences::{Changed, of_event};
use crate::failure::Failure;
use crate::json;
use crate::output::time;

const COLUMNS: &[&str] =
    &["REVISION", "TIME", "ACTOR", "SOURCE", "REQUEST", "REASON", "TYPE", "CHANGES"];

/// Show who did what to a signature key, from its creation to its end
///
/// Also of a key that is deleted or was called otherwise.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign audit who --key orders
  countersign audit who --key orders -o json | jq -r '.[] | .event.actor'")]
pub(crate) struct Who {
    /// Its name, its id, or the key itself
    #[arg(long, value_name = "KEY")]
    key: String,
}

/// Show one event: who, when, from where, why, and what changed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign audit show 4711
  countersign audit show 4711 -o json | jq .changes")]
pub(crate) struct Show {
    /// The event's revision
    #[arg(value_name = "REVISION", value_parser = clap::value_parser!(u64).range(1..))]
    revision: u64,
}

pub(super) async fn who(args: Who, globals: &Globals) -> Result<(), Failure> {
    let plane = globals.plane().await?;
    let resource = id_of(&plane, &args.key).await?;
    list(&plane, globals, ListChangesRequest { resource, ..Default::default() }).await
}

pub(super) async fn show(args: Show, globals: &Globals) -> Result<(), Failure> {
    let (from, to) = (args.revision, args.revision);
    let request = ListChangesRequest { revision_from: from, revision_to: to, ..Default::default() };
    list(&globals.plane().await?, globals, request).await
}

async fn list(
    plane: &ControlPlane,
    globals: &Globals,
    request: ListChangesRequest,
) -> Result<(), Failure> {
    let mut changes = plane.audit().list_changes(request).await?.into_inner();
    let mut list = globals.output().list(COLUMNS);
    while let Some(ListChangesResponse { event, differences, .. }) = changes.message().await? {
        let event = event.unwrap_or_default();
        let changed = of_event(&differences)?;
        list.element(&object(&event, &changed)?, |_| row(&event, &changed))?;
    }
    list.finish()
}

fn object(event: &Event, changed: &[Changed]) -> Result<Map<String, Value>, Failure> {
    let changed: Vec<_> = changed
        .iter()
        .map(|it| {
            json!({ "resource": it.label, "field": it.field, "before": it.before, "after": it.after })
        })
        .collect();
    let mut object = Map::new();
    object.insert("event".to_owned(), Value::Object(json::object(event)?));
    object.insert("changes".to_owned(), Value::Array(changed));
    Ok(object)
}

fn row(event: &Event, changed: &[Changed]) -> Vec<String> {
    let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let label = changed.first().map(|it| it.label.clone()).unwrap_or_default();
    let fields: Vec<_> =
        changed.iter().map(|it| format!("{} {} → {}", it.field, it.before, it.after)).collect();
    vec![
        event.revision.to_string(),
        time(event.time.as_ref()),
        event.actor.clone(),
        or_none(&event.source),
        or_none(&event.request_id),
        or_none(&event.reason),
        type_of(event).to_owned(),
        format!("{label}: {}", fields.join("; ")),
    ]
}

/// The id of a key that is there, or that once was.
async fn id_of(plane: &ControlPlane, key: &str) -> Result<String, Failure> {
    let request = GetSignatureKeyRequest { signature_key: key.to_owned() };
    match plane.signature_keys().get_signature_key(request).await.map_err(Failure::from) {
        Ok(reply) => return Ok(reply.into_inner().signature_key.unwrap_or_default().id),
        Err(failure) if failure.is_not_found() => {}
        Err(failure) => return Err(failure),
    }
    let mut request = ListEventsRequest {
        types: ["signature_key_created", "signature_key_renamed"].map(str::to_owned).to_vec(),
        page_size: 1_000,
        descending: true,
        ..ListEventsRequest::default()
    };
    loop {
        let reply = plane.events().list_events(request.clone()).await?.into_inner();
        for event in reply.events {
            let (id, names) = match event.payload {
                Some(Payload::SignatureKeyCreated(it)) => (it.id, [it.name, it.key]),
                Some(Payload::SignatureKeyRenamed(it)) => (it.id, [it.name, it.former_name]),
                _ => continue,
            };
            if id == key || names.iter().any(|name| name == key) {
                return Ok(id);
            }
        }
        if reply.next_page_token.is_empty() {
            return Err(Failure::failed(format!("there is no signature key `{key}`, nor was there"))
                .advise("see all keys there ever were: countersign events list --type signature_key_created"));
        }
        request.page_token = reply.next_page_token;
    }
}
