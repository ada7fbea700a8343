//! The state at a revision or a time, page by page: a clone of the persistent maps, so that a
//! slow reader costs what has changed since, and never a copy of all.

use countersign_proto::convert::{InvalidField, time_ms, timestamp};
use countersign_proto::v1;
use countersign_proto::v1::get_state_request::At;
use countersign_shared::state::State;
use tonic::Status;

use super::{Replier, off_thread, resources};
use crate::api::{Api, status};
use crate::log::ChainHash;

/// Resources in one message.
const PAGE_RESOURCES: usize = 256;

/// A state that was found, and what of it is wanted.
pub(super) struct Found {
    state: State,
    hash: ChainHash,
    resource: String,
}

enum Moment {
    Revision(u64),
    Time(i64),
}

pub(super) async fn find(api: &Api, request: v1::GetStateRequest) -> Result<Found, Status> {
    let at = match request.at {
        Some(At::Revision(revision)) => Moment::Revision(revision),
        Some(At::Time(time)) => {
            let time_ms = time_ms("time", &time).map_err(|bad| status::invalid(vec![bad]))?;
            Moment::Time(time_ms)
        }
        None => return Err(status::invalid(vec![InvalidField::new("at", "a revision or a time")])),
    };
    let _turn = api.replay_turn().await?;
    let (state, hash) = off_thread(api, move |api| {
        let revision = match at {
            Moment::Revision(revision) => revision,
            Moment::Time(time_ms) => api.history.last_revision_at(time_ms)?,
        };
        let state = api.history.state_at(revision)?;
        let hash = api.history.reader.hash_at(revision)?;
        Ok((state, hash))
    })
    .await?;
    let hash = hash.ok_or_else(|| Status::internal("the log has no hash there"))?;
    Ok(Found { state, hash, resource: request.resource })
}

pub(super) async fn send(found: Found, sender: Replier<v1::GetStateResponse>) {
    let Found { state, hash, resource } = found;
    let head = v1::StateHead {
        log_id: state.log_id().map(|id| id.to_string()).unwrap_or_default(),
        revision: state.head().revision,
        time: Some(timestamp(state.head().time_ms)),
        hash: hash.as_bytes().to_vec(),
    };
    let mut head = Some(head);
    let mut wanted =
        resources::all(&state).filter(|it| resource.is_empty() || resources::names(it, &resource));
    loop {
        let page: Vec<_> = wanted.by_ref().take(PAGE_RESOURCES).collect();
        if page.is_empty() && head.is_none() {
            return;
        }
        let message = v1::GetStateResponse { head: head.take(), resources: page };
        if sender.send(Ok(message)).await.is_err() {
            return;
        }
    }
}
