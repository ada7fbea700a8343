//! Rules of environments.

use countersign_shared::event::{EnvironmentFields, Event};
use countersign_shared::id::EnvironmentId;
use countersign_shared::state::State;
use countersign_shared::text::{EnvironmentName, Remark};

use super::{Limits, RELEASE, find_environment, within_quota};
use crate::command::Reference;
use crate::rejection::Rejection;

pub(super) fn create(
    state: &State,
    limits: &Limits,
    id: EnvironmentId,
    name: &EnvironmentName,
    remark: &Remark,
) -> Result<Vec<Event>, Rejection> {
    free(state, name)?;
    within_quota(state.environments().len(), limits.environments_max, "environments")?;
    Ok(vec![Event::EnvironmentCreated(EnvironmentFields {
        id,
        name: name.clone(),
        remark: remark.clone(),
    })])
}

pub(super) fn update(
    state: &State,
    environment: &Reference,
    name: Option<&EnvironmentName>,
    remark: Option<&Remark>,
) -> Result<Vec<Event>, Rejection> {
    let current = &find_environment(state, &environment.0)?.fields;
    let next = EnvironmentFields {
        id: current.id,
        name: name.unwrap_or(&current.name).clone(),
        remark: remark.unwrap_or(&current.remark).clone(),
    };
    if next.name != current.name {
        if current.name.as_str() == RELEASE {
            return Err(Rejection::EnvironmentPermanent);
        }
        free(state, &next.name)?;
    }
    Ok(if next == *current { vec![] } else { vec![Event::EnvironmentUpdated(next)] })
}

pub(super) fn delete(state: &State, environment: &Reference) -> Result<Vec<Event>, Rejection> {
    let fields = &find_environment(state, &environment.0)?.fields;
    if fields.name.as_str() == RELEASE {
        return Err(Rejection::EnvironmentPermanent);
    }
    let (id, name) = (fields.id, fields.name.clone());
    let publications = state.publications().keys().filter(|(env, _)| *env == id).count();
    let bindings = state.bindings().keys().filter(|(env, _)| *env == id).count();
    if publications + bindings > 0 {
        return Err(Rejection::EnvironmentInUse { name: name.to_string(), publications, bindings });
    }
    Ok(vec![Event::EnvironmentDeleted { id, name }])
}

fn free(state: &State, name: &EnvironmentName) -> Result<(), Rejection> {
    match state.index().environment_named(name) {
        None => Ok(()),
        Some(_) => Err(Rejection::NameTaken { kind: "environment", name: name.to_string() }),
    }
}
