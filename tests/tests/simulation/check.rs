//! What must hold of a node's table, each time that it changes.

use std::collections::BTreeMap;

use countersign_control_plane::publisher::Publisher;
use countersign_data_plane::replica::EnvironmentReplica;
use countersign_data_plane::table::{Asked, ListPlace, RoutingTable, Signer, Signing};
use countersign_feed::Window;
use countersign_shared::api::Method;
use countersign_shared::id::{ApiId, EnvironmentId};
use countersign_shared::signing::{BasicSigner, HmacSigner};
use countersign_shared::state::State;

use crate::broken::Broken;
use crate::histories::{Expected, Histories, Truth};
use crate::node::Node;
use crate::secrets::{keystore, secret};

/// The table is the truth of one revision that the log has or had, whole, and of no other.
pub(crate) fn table(node: &Node, histories: &Histories) -> Result<(), Broken> {
    let Some(table) = &node.table else { return Ok(()) };
    let name = &node.identity.node;
    let replica = node.follower.replica();
    let position = replica.position();
    let Some(truth) = histories.at(&position.hash) else {
        return Err(Broken(format!("{name} is at {}, where no command ended", position.revision)));
    };
    Broken::unless(truth.head.revision == table.revision, || {
        format!("{name} says {} of what is {}", table.revision, truth.head.revision)
    })?;
    let environments: Vec<EnvironmentId> =
        replica.environments().iter().map(EnvironmentReplica::id).collect();
    if let Some(digests) = truth.digests.get() {
        Broken::unless(digests.of(&environments) == replica.digest(), || {
            format!("{name} has another digest at {}", table.revision)
        })?;
    }
    let mut found = BTreeMap::new();
    for listed in table.list(ListPlace::default()) {
        let environment = environments[listed.place.environment];
        let expected = Expected {
            path: listed.route.definition().path.to_string(),
            domains: listed.domains.iter().map(ToString::to_string).collect(),
            signed_by: listed.key.map(|key| (key.id, key.key.to_string(), key.fingerprint)),
        };
        found.insert((environment, listed.api), expected);
    }
    let truth = truth.expected().iter().filter(|((e, _), _)| environments.contains(e));
    same(name, table.revision, &truth.map(|(at, e)| (*at, e)).collect(), &found)
}

fn same(
    name: &str,
    revision: u64,
    truth: &BTreeMap<(EnvironmentId, ApiId), &Expected>,
    found: &BTreeMap<(EnvironmentId, ApiId), Expected>,
) -> Result<(), Broken> {
    for (at, expected) in truth {
        Broken::unless(found.get(at) == Some(*expected), || {
            let found = found.get(at);
            format!("{name} at {revision}: {at:?} should be {expected:?} and is {found:?}")
        })?;
    }
    Broken::unless(found.len() == truth.len(), || {
        format!("{name} at {revision} serves {} APIs, {} are published", found.len(), truth.len())
    })
}

/// Requests find their way through the table, and are signed with the secrets of the truth.
pub(crate) fn signs(node: &Node, truth: &Truth) -> Result<(), Broken> {
    let table = node.table.as_ref().expect("a node that is level has a table");
    for ((environment, api), expected) in truth.expected() {
        let name = truth.state.environments()[environment].fields.name.to_string();
        if !node.identity.environments.contains(&name) {
            continue;
        }
        Broken::unless(signs_as(table, &name, expected), || {
            format!("{} does not sign for {api} as it should", node.identity.node)
        })?;
    }
    Ok(())
}

fn signs_as(table: &RoutingTable, environment: &str, expected: &Expected) -> bool {
    let host = expected.domains.first().map_or("any.example", String::as_str);
    let asked = Asked { host, stage: Some(environment), method: Method::Get, path: &expected.path };
    let Some(routed) = table.find(&asked) else { return false };
    match (routed.signing, &expected.signed_by) {
        (Signing::Unbound, None) => true,
        (Signing::By(Signer::Hmac(signer)), Some((_, key, fingerprint))) => {
            let ours = HmacSigner::new(key, &secret(*fingerprint));
            ours.signature(b"anything") == signer.signature(b"anything")
        }
        (Signing::By(Signer::Basic(value)), Some((_, key, fingerprint))) => {
            BasicSigner::new(key, &secret(*fingerprint)).authorization() == *value
        }
        _ => false,
    }
}

/// The digests that were kept up by additions are those of the state as a whole.
pub(crate) fn digests(truth: &Truth, log: countersign_shared::id::LogId) -> Result<(), Broken> {
    let state: &State = &truth.state;
    let whole = Publisher::new(keystore(log).sealer(), state, Window::default()).unwrap();
    let environments: Vec<EnvironmentId> = state.environments().keys().copied().collect();
    let (kept, whole) = (truth.digests.get().expect("of the newest"), whole.digests());
    Broken::unless(kept.of(&environments) == whole.of(&environments), || {
        format!("the digests at {} are not those of the state", truth.head.revision)
    })
}
