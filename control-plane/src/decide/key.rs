//! Rules of signature keys.

use countersign_shared::event::Event;
use countersign_shared::id::KeyId;
use countersign_shared::key::{KeyText, SealedSecret, SecretVersion, SignatureKeyType};
use countersign_shared::state::State;
use countersign_shared::text::KeyName;

use super::resolve::not_found;
use super::{Limits, find_key, within_quota};
use crate::command::Reference;
use crate::rejection::Rejection;

pub(super) fn create(
    state: &State,
    limits: &Limits,
    id: KeyId,
    name: &KeyName,
    key_type: SignatureKeyType,
    key: &KeyText,
    secret: &SealedSecret,
) -> Result<Vec<Event>, Rejection> {
    name_free(state, name)?;
    if let Some(holder) = state.index().key_with_text(key) {
        let name = state.keys().get(&holder).map(|k| k.name.to_string()).unwrap_or_default();
        return Err(Rejection::KeyTaken { key: key.to_string(), name });
    }
    within_quota(state.keys().len(), limits.keys_max, "signature keys")?;
    let secret = SecretVersion { number: 1, sealed: secret.clone() };
    Ok(vec![Event::KeyCreated { id, name: name.clone(), key_type, key: key.clone(), secret }])
}

pub(super) fn rename(
    state: &State,
    key: &Reference,
    name: Option<&KeyName>,
) -> Result<Vec<Event>, Rejection> {
    let key = find_key(state, &key.0)?;
    let Some(name) = name.filter(|name| **name != key.name) else { return Ok(vec![]) };
    name_free(state, name)?;
    Ok(vec![Event::KeyRenamed { id: key.id, name: name.clone(), former_name: key.name.clone() }])
}

pub(super) fn replace_secret(
    state: &State,
    key: KeyId,
    secret: &SealedSecret,
) -> Result<Vec<Event>, Rejection> {
    let key = state.keys().get(&key).ok_or_else(|| not_found("signature key", &key.to_string()))?;
    let secret = SecretVersion { number: key.secret.number + 1, sealed: secret.clone() };
    Ok(vec![Event::SecretReplaced { id: key.id, secret }])
}

pub(super) fn delete(state: &State, key: &Reference, force: bool) -> Result<Vec<Event>, Rejection> {
    let key = find_key(state, &key.0)?;
    let bindings = state.index().binding_count(key.id);
    if bindings > 0 && !force {
        return Err(Rejection::KeyStillBound { name: key.name.to_string(), bindings });
    }
    let mut events: Vec<Event> = (state.index().bindings_of_key(key.id))
        .map(|(environment, api)| Event::KeyUnbound { key: key.id, api, environment })
        .collect();
    events.push(Event::KeyDeleted { id: key.id, name: key.name.clone(), key: key.key.clone() });
    Ok(events)
}

fn name_free(state: &State, name: &KeyName) -> Result<(), Rejection> {
    match state.index().key_named(name) {
        None => Ok(()),
        Some(_) => Err(Rejection::NameTaken { kind: "signature key", name: name.to_string() }),
    }
}
