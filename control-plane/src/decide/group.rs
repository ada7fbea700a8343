//! Rules of API groups and their domains.

use countersign_proto::convert::InvalidField;
use countersign_shared::event::{Event, GroupFields};
use countersign_shared::id::GroupId;
use countersign_shared::state::State;
use countersign_shared::text::{Domain, GroupName, Remark};

use super::api::route_taken;
use super::{DOMAINS_PER_GROUP_MAX, Limits, find_group, within_quota};
use crate::command::Reference;
use crate::rejection::Rejection;

pub(super) fn create(
    state: &State,
    limits: &Limits,
    id: GroupId,
    name: &GroupName,
    domains: &[Domain],
    remark: &Remark,
) -> Result<Vec<Event>, Rejection> {
    name_free(state, name)?;
    domains_free(state, id, domains)?;
    within_quota(state.groups().len(), limits.groups_max, "API groups")?;
    let fields =
        GroupFields { id, name: name.clone(), domains: domains.to_vec(), remark: remark.clone() };
    Ok(vec![Event::GroupCreated(fields)])
}

pub(super) fn update(
    state: &State,
    group: &Reference,
    name: Option<&GroupName>,
    domains: Option<&[Domain]>,
    remark: Option<&Remark>,
) -> Result<Vec<Event>, Rejection> {
    let current = &find_group(state, &group.0)?.fields;
    let next = GroupFields {
        id: current.id,
        name: name.unwrap_or(&current.name).clone(),
        domains: domains.unwrap_or(&current.domains).to_vec(),
        remark: remark.unwrap_or(&current.remark).clone(),
    };
    if next.name != current.name {
        name_free(state, &next.name)?;
    }
    domains_free(state, current.id, &next.domains)?;
    if next.domains.is_empty() && !current.domains.is_empty() {
        shared_host_free(state, current.id)?;
    }
    Ok(if next == *current { vec![] } else { vec![Event::GroupUpdated(next)] })
}

pub(super) fn delete(state: &State, group: &Reference) -> Result<Vec<Event>, Rejection> {
    let fields = &find_group(state, &group.0)?.fields;
    match state.index().apis_of_group(fields.id).count() {
        0 => Ok(vec![Event::GroupDeleted { id: fields.id, name: fields.name.clone() }]),
        apis => Err(Rejection::GroupNotEmpty { name: fields.name.to_string(), apis }),
    }
}

fn name_free(state: &State, name: &GroupName) -> Result<(), Rejection> {
    match state.index().group_named(name) {
        None => Ok(()),
        Some(_) => Err(Rejection::NameTaken { kind: "API group", name: name.to_string() }),
    }
}

fn domains_free(state: &State, group: GroupId, domains: &[Domain]) -> Result<(), Rejection> {
    if domains.len() > DOMAINS_PER_GROUP_MAX {
        let rule = format!("at most {DOMAINS_PER_GROUP_MAX} domains");
        return Err(Rejection::InvalidFields(vec![InvalidField::new("domains", rule)]));
    }
    for (i, domain) in domains.iter().enumerate() {
        if domains.iter().take(i).any(|other| other == domain) {
            let field = format!("domains[{i}]");
            return Err(Rejection::InvalidFields(vec![InvalidField::new(
                field,
                format!("{domain} stands twice"),
            )]));
        }
        if let Some(holder) =
            state.index().group_with_domain(domain).filter(|holder| *holder != group)
        {
            let group =
                state.groups().get(&holder).map(|g| g.fields.name.to_string()).unwrap_or_default();
            return Err(Rejection::DomainTaken { domain: domain.to_string(), group });
        }
    }
    Ok(())
}

/// Without a domain the group's published APIs answer on any host: no other may be there.
fn shared_host_free(state: &State, group: GroupId) -> Result<(), Rejection> {
    for api in state.index().apis_of_group(group) {
        for environment in state.published_in(api) {
            let Some(publication) = state.publications().get(&(environment, api)) else { continue };
            let shape = publication.definition.shape();
            if let Some(holder) = state.index().route(environment, None, &shape) {
                return Err(route_taken(state, holder, &publication.definition));
            }
        }
    }
    Ok(())
}
