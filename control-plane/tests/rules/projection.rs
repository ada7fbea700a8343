//! Whatever is done, in whatever order: deltas lead where a snapshot does, stored events and
//! snapshots read back as they were, and no binding rule is ever broken.

use std::collections::BTreeMap;

use countersign_control_plane::command::{Command, DefinitionPatch};
use countersign_control_plane::decide::decide;
use countersign_control_plane::project::{Name, Resource, project, snapshot};
use countersign_proto::convert::{
    record_from_proto, record_to_proto, snapshot_from_proto, snapshot_to_proto,
};
use countersign_shared::api::{ApiPath, MatchMode, Method};
use countersign_shared::id::{EnvironmentId, KeyId};
use countersign_shared::key::SignatureKeyType;
use countersign_shared::state::State;
use countersign_shared::text::KeyName;
use proptest::prelude::*;
use proptest::sample::select;

use crate::scenario::{
    Scenario, bind, bytes, create_api, create_environment, create_group, create_key, definition,
    domains, publish, rebind, reference, secret, take_offline, unbind, update_api,
};

const NAMES: [&str; 4] = ["aaa", "bbb", "ccc", "ddd"];
const ENVIRONMENTS: [&str; 3] = ["RELEASE", "eaa", "ebb"];
const PATHS: [&str; 4] = ["/", "/a", "/a/{x}", "/a/{y}"];

fn any_command() -> impl Strategy<Value = Command> {
    let name = || select(NAMES.to_vec());
    let environment = || select(ENVIRONMENTS.to_vec());
    let id = 10..200_u8;
    let of = select(vec![vec![], vec!["a.example"], vec!["b.example", "c.example"]]);
    let update_group = (name(), of.clone()).prop_map(|(group, of)| Command::UpdateGroup {
        group: reference(group),
        name: None,
        domains: Some(domains(&of)),
        remark: None,
    });
    let shape = (select(vec![Method::Get, Method::Any]), select(PATHS.to_vec()), any::<bool>())
        .prop_map(|(method, path, swa)| {
            definition(method, path, if swa { MatchMode::Swa } else { MatchMode::Normal })
        });
    let update = (name(), select(PATHS.to_vec())).prop_map(|(api, path)| {
        let path = Some(ApiPath::parse(path).unwrap());
        update_api(api, DefinitionPatch { path, ..DefinitionPatch::default() })
    });
    let rename = (name(), name()).prop_map(|(key, to)| Command::RenameKey {
        key: reference(key),
        name: Some(KeyName::parse(to).unwrap()),
    });
    prop_oneof![
        (id.clone(), environment()).prop_map(|(id, name)| create_environment(id, name)),
        environment().prop_map(|name| Command::DeleteEnvironment { environment: reference(name) }),
        (id.clone(), name(), of).prop_map(|(id, name, of)| create_group(id, name, &of)),
        update_group,
        (id.clone(), name(), name(), shape)
            .prop_map(|(id, group, name, shape)| create_api(id, group, name, &shape)),
        update,
        (name(), any::<bool>())
            .prop_map(|(api, force)| Command::DeleteApi { api: reference(api), force }),
        (name(), environment()).prop_map(|(api, environment)| publish(api, environment)),
        (name(), environment()).prop_map(|(api, environment)| take_offline(api, environment)),
        (id.clone(), name()).prop_map(|(id, name)| create_key(id, name, SignatureKeyType::Hmac)),
        rename,
        (id.clone(), id).prop_map(|(key, n)| Command::ReplaceSecret {
            key: KeyId::from_bytes(bytes(key)),
            secret: secret(n, "replaced"),
        }),
        (name(), any::<bool>())
            .prop_map(|(key, force)| Command::DeleteKey { key: reference(key), force }),
        (name(), name(), environment()).prop_map(|(key, api, environment)| bind(
            key,
            api,
            environment
        )),
        (name(), name(), environment()).prop_map(|(key, api, environment)| rebind(
            key,
            api,
            environment
        )),
        (name(), environment()).prop_map(|(api, environment)| unbind(api, environment)),
    ]
}

/// Ids are random in life and never meet again; here they are few, and those that do are left out.
fn reuses_an_id(state: &State, command: &Command) -> bool {
    match command {
        Command::CreateEnvironment { id, .. } => state.environments().contains_key(id),
        Command::CreateGroup { id, .. } => state.groups().contains_key(id),
        Command::CreateApi { id, .. } => state.apis().contains_key(id),
        Command::CreateKey { id, .. } => state.keys().contains_key(id),
        _ => false,
    }
}

type Table = BTreeMap<(EnvironmentId, Name), Resource>;

fn table(state: &State) -> Table {
    let environments = state.environments().keys();
    environments
        .flat_map(|env| snapshot(state, *env).map(|(name, resource)| ((*env, name), resource)))
        .collect()
}

/// What a node compares: a signer's name and dates are not its business.
fn visible(table: &Table) -> BTreeMap<(EnvironmentId, Name), String> {
    let show = |resource: &Resource| match resource {
        Resource::Signer(key) => format!("{:?} {:?} {:?}", key.key_type, key.key, key.secret),
        other => format!("{other:?}"),
    };
    table.iter().map(|(name, resource)| (*name, show(resource))).collect()
}

/// Given names are spread over ids, so give the random commands something to work on.
fn seeded() -> Scenario {
    let mut scenario = Scenario::new();
    for (n, name) in (2..).zip(NAMES) {
        scenario = scenario
            .given(create_group(n, name, &[]))
            .given(create_key(n, name, SignatureKeyType::Hmac))
            .given(create_api(
                n,
                name,
                name,
                &definition(Method::Get, &format!("/{name}"), MatchMode::Normal),
            ))
            .given(publish(name, "RELEASE"));
    }
    scenario
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn deltas_lead_where_a_snapshot_does(commands in prop::collection::vec(any_command(), 1..60)) {
        let mut scenario = seeded();
        let mut node = table(&scenario.state);
        for command in &commands {
            if reuses_an_id(&scenario.state, command) {
                continue;
            }
            let Ok(events) = decide(&scenario.state, command, &scenario.limits) else { continue };
            let before = scenario.state.clone();
            scenario.apply(events.clone());
            for change in project(&before, &scenario.state, events.iter()) {
                let place = (change.environment, change.name);
                prop_assert_eq!(visible(&node).contains_key(&place), change.before.is_some());
                match change.after {
                    Some(resource) => node.insert(place, resource),
                    None => node.remove(&place),
                };
            }
            prop_assert_eq!(visible(&node), visible(&table(&scenario.state)));
            for (place, binding) in scenario.state.bindings() {
                prop_assert!(scenario.state.keys().contains_key(&binding.key));
                prop_assert!(scenario.state.apis().contains_key(&place.1));
            }
        }
    }

    #[test]
    fn what_is_stored_reads_back(commands in prop::collection::vec(any_command(), 1..60)) {
        let mut scenario = seeded();
        for command in &commands {
            if reuses_an_id(&scenario.state, command) {
                continue;
            }
            if let Ok(events) = decide(&scenario.state, command, &scenario.limits) {
                scenario.apply(events);
            }
        }
        let mut replayed = State::default();
        for record in &scenario.records {
            let read = record_from_proto(&record_to_proto(record)).unwrap();
            prop_assert_eq!(&read, record);
            replayed.apply(&read);
        }
        prop_assert_eq!(&replayed, &scenario.state);
        let restored = snapshot_from_proto(&snapshot_to_proto(&scenario.state)).unwrap();
        prop_assert_eq!(&restored, &scenario.state);
    }
}
