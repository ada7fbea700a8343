//! The resources of a state, one after the other, and those that an event changes.

use countersign_proto::v1;
use countersign_proto::v1::resource::Kind;
use countersign_shared::event::Event;
use countersign_shared::node::NodeTokenFields;
use countersign_shared::state::State;

use crate::api::{nodes, views};

/// All resources of a state in one order: environments, groups, APIs, publications, keys,
/// bindings, tokens of nodes, each by id, and nodes by name. Made as they are asked for.
pub(super) fn all(state: &State) -> impl Iterator<Item = v1::Resource> {
    let environments = state.environments().keys();
    let environments =
        environments.filter_map(|id| views::environment(state, *id).map(Kind::Environment));
    let groups = state.groups().keys();
    let groups = groups.filter_map(|id| views::group(state, *id).map(Kind::ApiGroup));
    let apis = state.apis().keys().filter_map(|id| views::api(state, *id).map(Kind::Api));
    let publications = state.publications().keys();
    let publications =
        publications.filter_map(|place| views::publication(state, *place).map(Kind::Publication));
    let keys = state.keys().keys().filter_map(|id| views::key(state, *id).map(Kind::SignatureKey));
    let bindings = state.bindings().keys();
    let bindings = bindings.filter_map(|place| views::binding(state, *place).map(Kind::Binding));
    let kinds = environments.chain(groups).chain(apis).chain(publications).chain(keys);
    let tokens = state.nodes().tokens().keys();
    let tokens = tokens.filter_map(|id| nodes::token(state, *id).map(Kind::NodeToken));
    let known = state.nodes().known().keys();
    let known = known.filter_map(|name| nodes::known(state, name).map(Kind::Node));
    kinds.chain(bindings).chain(tokens).chain(known).map(|kind| v1::Resource { kind: Some(kind) })
}

/// Whether an id is the resource's own or one that it refers to.
pub(super) fn names(resource: &v1::Resource, id: &str) -> bool {
    let Some(kind) = &resource.kind else { return false };
    match kind {
        Kind::Environment(it) => it.id == id,
        Kind::ApiGroup(it) => it.id == id,
        Kind::Api(it) => it.id == id || it.api_group == id,
        Kind::Publication(it) => {
            [&it.api, &it.environment, &it.signature_key].iter().any(|it| *it == id)
        }
        Kind::SignatureKey(it) => it.id == id,
        Kind::Binding(it) => {
            [&it.signature_key, &it.api, &it.environment].iter().any(|it| *it == id)
        }
        Kind::NodeToken(it) => it.id == id,
        Kind::Node(it) => it.name == id,
    }
}

/// The resource that an event is about, as it is in a state.
pub(super) fn of_event(state: &State, event: &Event) -> Option<v1::Resource> {
    let kind = match event {
        Event::NodeTokenCreated(NodeTokenFields { id, .. }) | Event::NodeTokenRevoked { id } => {
            nodes::token(state, *id).map(Kind::NodeToken)
        }
        Event::NodeEnrolled { node, .. } | Event::NodeRevoked { node } => {
            nodes::known(state, node).map(Kind::Node)
        }
        // Grants and tokens are no resources of the gateway: their events say all there is.
        Event::MasterKeyRotated { .. }
        | Event::LogCreated { .. }
        | Event::AccessGranted(_)
        | Event::AccessRevoked { .. }
        | Event::TokenCreated(_)
        | Event::TokenRevoked { .. } => None,
        Event::EnvironmentCreated(fields) | Event::EnvironmentUpdated(fields) => {
            views::environment(state, fields.id).map(Kind::Environment)
        }
        Event::EnvironmentDeleted { id, .. } => {
            views::environment(state, *id).map(Kind::Environment)
        }
        Event::GroupCreated(fields) | Event::GroupUpdated(fields) => {
            views::group(state, fields.id).map(Kind::ApiGroup)
        }
        Event::GroupDeleted { id, .. } => views::group(state, *id).map(Kind::ApiGroup),
        Event::ApiCreated(fields) | Event::ApiUpdated(fields) => {
            views::api(state, fields.id).map(Kind::Api)
        }
        Event::ApiDeleted { id, .. } => views::api(state, *id).map(Kind::Api),
        Event::ApiPublished { api, environment, .. }
        | Event::ApiTakenOffline { api, environment } => {
            views::publication(state, (*environment, *api)).map(Kind::Publication)
        }
        Event::KeyCreated { id, .. }
        | Event::KeyRenamed { id, .. }
        | Event::SecretReplaced { id, .. }
        | Event::KeyDeleted { id, .. } => views::key(state, *id).map(Kind::SignatureKey),
        Event::KeyBound { api, environment, .. }
        | Event::KeyRebound { api, environment, .. }
        | Event::KeyUnbound { api, environment, .. } => {
            views::binding(state, (*environment, *api)).map(Kind::Binding)
        }
    };
    kind.map(|kind| v1::Resource { kind: Some(kind) })
}
