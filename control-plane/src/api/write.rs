//! What all writes share: who asks, the request id and its digest, the expected revision, and the
//! way through the engine and back.

use std::sync::Arc;

use countersign_proto::convert::{Collect, InvalidField, record_from_proto};
use countersign_proto::v1;
use countersign_shared::event::{Origin, RequestMark};
use countersign_shared::text::{ActedAs, Actor, Reason, RequestId};
use countersign_transport::Peer;
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Status;

use super::principal::Principal;
use super::{Api, status};
use crate::clock;
use crate::command::{Answer, Authority, Command, Request};
use crate::engine::Outcome;
use crate::history::{HistoryError, decode_event};
use crate::keystore::DataKey;
use crate::rejection::Rejection;

/// The metadata in which a caller names itself, where neither a certificate nor a token does.
pub(super) const ACTOR_METADATA: &str = "countersign-actor";
/// Who is written into the log when the caller does not say.
const UNNAMED: &str = "anonymous";
/// As what it acts.
const LOCAL: &str = "local";
/// So much of a request id that is none is kept with a refused write.
const REQUEST_ID_CHARACTERS_MAX: usize = 64;

/// Who calls, from where, and why.
#[derive(Debug)]
pub(super) struct Caller {
    actor: Result<Actor, InvalidField>,
    role: ActedAs,
    authority: Authority,
    source: String,
    reason: Result<Reason, InvalidField>,
}

impl Caller {
    pub(super) fn of<T>(request: &tonic::Request<T>) -> Self {
        let peer = Peer::of(request.extensions());
        let (actor, role, authority) = match request.extensions().get::<Principal>() {
            Some(it) => (Ok(it.operator.clone()), it.role.clone(), Authority::Granted),
            None => {
                (local(request), ActedAs::parse(LOCAL).unwrap_or_default(), Authority::Unlimited)
            }
        };
        Self {
            actor,
            role,
            authority,
            source: peer.map(|peer| peer.address.to_string()).unwrap_or_default(),
            reason: Ok(Reason::default()),
        }
    }

    /// Who, where that is a name.
    pub(super) fn name(&self) -> &str {
        self.actor.as_ref().map(Actor::as_str).unwrap_or_default()
    }

    /// As the log would name it.
    pub(super) fn named(self) -> Result<String, Status> {
        self.actor.map(|actor| actor.to_string()).map_err(|bad| status::invalid(vec![bad]))
    }

    /// Why, as the request says.
    pub(super) fn because(self, reason: &str) -> Self {
        let reason = Reason::parse(reason).map_err(|e| InvalidField::new("reason", e));
        Self { reason, ..self }
    }
}

/// Who is on this machine is who it says it is; the guard lets nobody else come here without a name.
fn local<T>(request: &tonic::Request<T>) -> Result<Actor, InvalidField> {
    let said = request.metadata().get(ACTOR_METADATA);
    let name = said.map_or(UNNAMED, |value| value.to_str().unwrap_or_default());
    Actor::parse(name).map_err(|e| InvalidField::new(format!("metadata {ACTOR_METADATA}"), e))
}

/// A write whose fields are being parsed: gathers all violations, so that they are told at once.
#[derive(Debug)]
pub(super) struct Write {
    origin: Option<Origin>,
    authority: Authority,
    expected_revision: Option<u64>,
    /// What is kept of it if it is refused.
    attempt: v1::Attempt,
    pub(super) bad: Vec<InvalidField>,
}

impl Write {
    /// `message` is the request; one that holds a secret comes with the fingerprint in its place.
    pub(super) fn begin<M: Message + prost::Name>(
        caller: Caller,
        message: &M,
        request_id: &str,
        expected_revision: Option<u64>,
    ) -> Self {
        let mut bad = Vec::new();
        let actor = caller.actor.collect_into(&mut bad);
        let attempt = v1::Attempt {
            actor: actor.as_ref().map(ToString::to_string).unwrap_or_default(),
            source: caller.source.clone(),
            request_id: request_id.chars().take(REQUEST_ID_CHARACTERS_MAX).collect(),
            call: M::NAME.strip_suffix("Request").unwrap_or(M::NAME).to_owned(),
            ..v1::Attempt::default()
        };
        let reason = caller.reason.collect_into(&mut bad);
        let request = match request_id {
            "" => Some(None),
            text => RequestId::parse(text)
                .map(|id| Some(RequestMark { id, digest: digest(message) }))
                .map_err(|e| InvalidField::new("request_id", e))
                .collect_into(&mut bad),
        };
        let origin = match (actor, request, reason) {
            (Some(actor), Some(request), Some(reason)) => {
                Some(Origin { actor, role: caller.role, source: caller.source, request, reason })
            }
            _ => None,
        };
        Self { origin, authority: caller.authority, expected_revision, attempt, bad }
    }

    /// The value, or none with its violation filed.
    pub(super) fn take<T, E: ToString>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|e| InvalidField::new(field, e.to_string())).collect_into(&mut self.bad)
    }

    /// As `take`, for what names its field itself.
    pub(super) fn take_parsed<T>(&mut self, parsed: Result<T, InvalidField>) -> Option<T> {
        parsed.collect_into(&mut self.bad)
    }

    /// As `take`, for a field that an update may leave out.
    pub(super) fn take_if<T, E: ToString>(
        &mut self,
        wanted: bool,
        field: &str,
        parse: impl FnOnce() -> Result<T, E>,
    ) -> Option<T> {
        if wanted { self.take(field, parse()) } else { None }
    }

    /// Carries the command out, provided that all fields could be parsed.
    pub(super) async fn execute(
        self,
        api: &Api,
        command: Option<Command>,
    ) -> Result<Answer, Status> {
        self.execute_sealed(api, command, None).await
    }

    pub(super) async fn execute_sealed(
        self,
        api: &Api,
        command: Option<Command>,
        data_key: Option<DataKey>,
    ) -> Result<Answer, Status> {
        let attempt = self.attempt.clone();
        let answer = self.carry_out(api, command, data_key).await;
        answer.inspect_err(|status| api.auditing.refused(attempt, status))
    }

    async fn carry_out(
        self,
        api: &Api,
        command: Option<Command>,
        data_key: Option<DataKey>,
    ) -> Result<Answer, Status> {
        let (Some(command), Some(origin), true) = (command, self.origin, self.bad.is_empty())
        else {
            return Err(status::invalid(self.bad));
        };
        let origin = Arc::new(origin);
        let request = Request {
            command,
            origin,
            authority: self.authority,
            expected_revision: self.expected_revision,
            data_key,
        };
        match api.engine.execute(clock::now_ms(), request).await.map_err(status::of_execute)? {
            Outcome::Done(answer) => Ok(*answer),
            Outcome::Repeated { first_revision, last_revision } => {
                first_answer(api.clone(), first_revision, last_revision).await
            }
        }
    }

    /// For what is refused before the engine is asked; `refusal` gets the bad fields.
    pub(super) fn refuse<T>(
        self,
        api: &Api,
        refusal: impl FnOnce(Vec<InvalidField>) -> Status,
    ) -> Result<T, Status> {
        let status = refusal(self.bad);
        api.auditing.refused(self.attempt, &status);
        Err(status)
    }

    /// For a rejection that is found before the engine is asked.
    pub(super) fn reject<T>(self, api: &Api, rejection: Rejection) -> Result<T, Status> {
        let status = if self.bad.is_empty() {
            status::of_rejection(rejection)
        } else {
            status::invalid(self.bad)
        };
        api.auditing.refused(self.attempt, &status);
        Err(status)
    }
}

/// The answer as it was given when the request came first: the state of that time, replayed.
async fn first_answer(api: Api, first_revision: u64, last_revision: u64) -> Result<Answer, Status> {
    let replayed = tokio::task::spawn_blocking(move || {
        let state = api.history.state_at(last_revision)?;
        let most = usize::try_from(last_revision - first_revision + 1).unwrap_or(1);
        let stored = api.history.reader.read(first_revision, most)?;
        let records = stored.iter().map(|stored| {
            record_from_proto(&decode_event(stored)?)
                .map_err(|e| HistoryError::Event { revision: stored.revision, why: e.to_string() })
        });
        let records = records.collect::<Result<Vec<_>, HistoryError>>()?;
        Ok(Answer { revision: last_revision, records, repeated: true, state })
    });
    match replayed.await {
        Ok(answer) => answer.map_err(|e: HistoryError| status::of_history(&e)),
        Err(_) => Err(Status::internal(
            "the first answer could not be made again: ask for the resource instead",
        )),
    }
}

/// SHA-256 over the message's name and its encoding.
fn digest<M: Message + prost::Name>(message: &M) -> [u8; 32] {
    let name = M::full_name();
    Sha256::new_with_prefix(name.as_bytes())
        .chain_update([0])
        .chain_update(message.encode_to_vec())
        .finalize()
        .into()
}

/// The fields that an update names.
#[derive(Debug)]
pub(super) struct Mask(Vec<String>);

impl Mask {
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|named| named == field)
    }

    /// Whether the field is named, by itself or with a field that it stands in.
    pub(super) fn covers(&self, field: &str) -> bool {
        let outer = field.match_indices('.').map(|(end, _)| field.get(..end).unwrap_or_default());
        self.has(field) || outer.into_iter().any(|outer| self.has(outer))
    }

    /// Whether the field or any field of it is named.
    pub(super) fn has_within(&self, field: &str) -> bool {
        let inner =
            |named: &String| named.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'));
        self.has(field) || self.0.iter().any(inner)
    }
}

impl Write {
    /// The mask, or all fields where there is none. A field that cannot be updated is a violation.
    pub(super) fn mask(
        &mut self,
        mask: Option<&prost_types::FieldMask>,
        updatable: &[&str],
    ) -> Mask {
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        for path in paths {
            if !updatable.contains(&path.as_str()) {
                let rule =
                    format!("`{path}` cannot be updated; these can: {}", updatable.join(", "));
                self.bad.push(InvalidField::new("update_mask", rule));
            }
        }
        if paths.is_empty() {
            return Mask(updatable.iter().map(|&path| path.to_owned()).collect());
        }
        Mask(paths.to_vec())
    }

    /// The parsed field of an API, if the mask names it.
    pub(super) fn take_field<T>(
        &mut self,
        mask: &Mask,
        field: &str,
        parse: impl FnOnce() -> Result<T, InvalidField>,
    ) -> Option<T> {
        if mask.has(field) {
            parse().map_err(|bad| bad.within("api")).collect_into(&mut self.bad)
        } else {
            None
        }
    }
}
