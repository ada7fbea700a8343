//! Events with what each changed: the resource that it is about, before and after it.

use countersign_proto::convert::{InvalidField, record_from_proto, time_ms};
use countersign_proto::v1;
use countersign_shared::state::State;
use tonic::Status;

use super::{Replier, off_thread, resources};
use crate::api::payload::touched;
use crate::api::{Api, status};
use crate::history::{HistoryError, decode_event};

/// The records read and applied at a time.
const STEP_RECORDS: usize = 256;

/// The state before the next event, and which events are wanted.
pub(super) struct Begun {
    state: State,
    last: u64,
    resource: String,
    actor: String,
}

pub(super) async fn begin(api: &Api, request: v1::ListChangesRequest) -> Result<Begun, Status> {
    let mut bad = Vec::new();
    let mut time = |field, time: Option<&prost_types::Timestamp>| {
        time.and_then(|time| time_ms(field, time).map_err(|invalid| bad.push(invalid)).ok())
    };
    let time_from = time("time_from", request.time_from.as_ref());
    let time_to = time("time_to", request.time_to.as_ref());
    if !bad.is_empty() {
        return Err(status::invalid(bad));
    }
    let (from, to) = (request.revision_from, request.revision_to);
    let _turn = api.replay_turn().await?;
    let (state, last) = off_thread(api, move |api| {
        let history = &api.history;
        let head = history.reader.head().revision;
        // A time is not itself included at the end, nor left out at the start.
        let before = |time_ms: i64| history.last_revision_at(time_ms.saturating_sub(1));
        let from = from.saturating_sub(1).max(time_from.map_or(Ok(0), before)?);
        let last = if to == 0 { head } else { to.min(head) };
        let last = last.min(time_to.map_or(Ok(head), before)?);
        Ok((history.state_at(from)?, last))
    })
    .await?;
    Ok(Begun { state, last, resource: request.resource, actor: request.actor })
}

pub(super) async fn send(api: Api, mut begun: Begun, sender: Replier<v1::ListChangesResponse>) {
    while begun.state.head().revision < begun.last {
        match off_thread(&api, move |api| step(api, begun)).await {
            Ok((went_on, changes)) => {
                begun = went_on;
                for change in changes {
                    if sender.send(Ok(change)).await.is_err() {
                        return;
                    }
                }
            }
            Err(status) => {
                // A reader that has gone does not wait for it.
                let _ = sender.send(Err(status)).await;
                return;
            }
        }
        if sender.is_closed() {
            return;
        }
    }
}

fn step(
    api: &Api,
    mut begun: Begun,
) -> Result<(Begun, Vec<v1::ListChangesResponse>), HistoryError> {
    let next = begun.state.head().revision + 1;
    let most = usize::try_from(begun.last + 1 - next).unwrap_or(STEP_RECORDS).min(STEP_RECORDS);
    let mut changes = Vec::new();
    for stored in api.history.reader.read(next, most)? {
        let event = decode_event(&stored)?;
        let invalid =
            |e: InvalidField| HistoryError::Event { revision: stored.revision, why: e.to_string() };
        let record = record_from_proto(&event).map_err(invalid)?;
        if !begun.takes(&event) {
            begun.state.apply(&record);
            continue;
        }
        let before = resources::of_event(&begun.state, &record.event);
        begun.state.apply(&record);
        let after = resources::of_event(&begun.state, &record.event);
        let differs = before.is_some() || after.is_some();
        changes.push(v1::ListChangesResponse {
            event: Some(event.without_ciphertext()),
            hash: stored.hash.as_bytes().to_vec(),
            differences: differs.then_some(v1::Difference { before, after }).into_iter().collect(),
        });
    }
    Ok((begun, changes))
}

impl Begun {
    fn takes(&self, event: &v1::Event) -> bool {
        let touches =
            |id: &str| event.payload.as_ref().is_some_and(|payload| touched(payload).contains(&id));
        (self.actor.is_empty() || self.actor == event.actor)
            && (self.resource.is_empty() || touches(&self.resource))
    }
}
