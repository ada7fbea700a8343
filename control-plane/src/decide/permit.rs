//! Whether an operator may give a command: what each command needs which right for. The resources
//! that it names are looked up in the state that it is decided on, as are the grants.

use countersign_shared::access::{Right, Target};
use countersign_shared::id::{ApiId, EnvironmentId, GroupId};
use countersign_shared::state::State;
use countersign_shared::text::Actor;

use super::{find_api, find_environment, find_group, find_key};
use crate::command::{Command, Reference};
use crate::rejection::Rejection;

type Need = (Right, Target);

/// All that the command needs is granted, or the first that is not.
pub fn permit(state: &State, operator: &Actor, command: &Command) -> Result<(), Rejection> {
    for (right, target) in needs(state, command)? {
        if !state.access().allows(operator, right, target) {
            return Err(Rejection::NotPermitted {
                operator: operator.to_string(),
                right,
                scope: described(state, target),
            });
        }
    }
    Ok(())
}

fn needs(state: &State, command: &Command) -> Result<Vec<Need>, Rejection> {
    use Command as C;
    let define_apis = |group| vec![(Right::Define, Target::ApisOf(group))];
    Ok(match command {
        C::CreateEnvironment { .. } | C::CreateGroup { .. } => {
            vec![(Right::Define, Target::Everywhere)]
        }
        C::UpdateEnvironment { environment, .. } | C::DeleteEnvironment { environment } => {
            let environment = find_environment(state, &environment.0)?.fields.id;
            vec![(Right::Define, Target::Environment(environment))]
        }
        C::UpdateGroup { group, .. } | C::DeleteGroup { group } => {
            let group = find_group(state, &group.0)?.fields.id;
            vec![(Right::Define, Target::Group(group))]
        }
        C::CreateApi { group, .. } => define_apis(find_group(state, &group.0)?.fields.id),
        C::UpdateApi { api, .. } | C::DeleteApi { api, force: false } => {
            define_apis(find_api(state, &api.0)?.fields.group)
        }
        C::DeleteApi { api, force: true } => {
            let fields = &find_api(state, &api.0)?.fields;
            let mut needs = define_apis(fields.group);
            needs.extend(operated(state, fields.id, fields.group));
            needs
        }
        C::PublishApi { api, environment }
        | C::TakeApiOffline { api, environment }
        | C::UnbindKey { api, environment }
        | C::BindKey { api, environment, .. } => operate(state, api, environment)?,
        C::CreateKey { .. }
        | C::RenameKey { .. }
        | C::ReplaceSecret { .. }
        | C::DeleteKey { force: false, .. } => keys(),
        C::DeleteKey { key, force: true } => {
            let bound = state.index().bindings_of_key(find_key(state, &key.0)?.id);
            let unbound = bound.filter_map(|(environment, api)| {
                let group = state.apis().get(&api)?.fields.group;
                Some((Right::Operate, Target::Place(environment, group)))
            });
            keys().into_iter().chain(unbound).collect()
        }
        // Whoever enrols shows a token for it, which is all that it needs.
        C::EnrolNode { .. } => vec![],
        C::CreateLog { .. }
        | C::CreateNodeToken { .. }
        | C::RevokeNodeToken { .. }
        | C::RevokeNode { .. }
        | C::GrantAccess { .. }
        | C::RevokeAccess { .. }
        | C::CreateToken { .. }
        | C::RevokeToken { .. }
        | C::NoteMasterKey { .. } => vec![(Right::Administer, Target::Everywhere)],
    })
}

fn keys() -> Vec<Need> {
    vec![(Right::Keys, Target::Everywhere)]
}

fn operate(
    state: &State,
    api: &Reference,
    environment: &Reference,
) -> Result<Vec<Need>, Rejection> {
    let group = find_api(state, &api.0)?.fields.group;
    let environment = find_environment(state, &environment.0)?.fields.id;
    Ok(vec![(Right::Operate, Target::Place(environment, group))])
}

/// Where an API is taken offline and unbound when it is deleted by force.
fn operated(state: &State, api: ApiId, group: GroupId) -> impl Iterator<Item = Need> {
    let bound = state.bindings_of_api(api).map(|(environment, _)| environment);
    let places: Vec<EnvironmentId> = state.published_in(api).chain(bound).collect();
    places.into_iter().map(move |place| (Right::Operate, Target::Place(place, group)))
}

/// In words, for whoever is refused.
fn described(state: &State, target: Target) -> String {
    let environment = |id: EnvironmentId| {
        let name = state.environments().get(&id).map(|it| it.fields.name.to_string());
        format!("environment `{}`", name.unwrap_or_else(|| id.to_string()))
    };
    let group = |id: GroupId| {
        let name = state.groups().get(&id).map(|it| it.fields.name.to_string());
        format!("group `{}`", name.unwrap_or_else(|| id.to_string()))
    };
    match target {
        Target::Somewhere => "anywhere".to_owned(),
        Target::Everywhere => "for all environments and groups".to_owned(),
        Target::Environment(id) => format!("in {} for all groups", environment(id)),
        Target::Group(id) => format!("in all environments for {}", group(id)),
        Target::ApisOf(id) => format!("for {}", group(id)),
        Target::Place(place, of) => format!("in {} for {}", environment(place), group(of)),
    }
}
