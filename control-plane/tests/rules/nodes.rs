use countersign_control_plane::command::Command;
use countersign_control_plane::rejection::Rejection;
use countersign_proto::convert::{snapshot_from_proto, snapshot_to_proto};
use countersign_shared::event::Event;
use countersign_shared::id::TokenId;
use countersign_shared::node::{NodeRole, NodeScope, PublicKeyDigest, TokenHash};
use countersign_shared::state::TOKEN_REMEMBERED_MS;
use countersign_shared::text::NodeName;

use crate::scenario::{RELEASE, Scenario, bytes, reference};

/// Records are of this time.
const NOW_MS: i64 = 1_000;
const EXPIRES_MS: i64 = NOW_MS + 600_000;

fn name(text: &str) -> NodeName {
    NodeName::parse(text).unwrap()
}

fn token(n: u8, node: Option<&str>) -> Command {
    Command::CreateNodeToken {
        id: TokenId::from_bytes(bytes(n)),
        hash: TokenHash([n; 32]),
        role: NodeRole::Node,
        node: node.map(name),
        environments: Some(vec![reference("RELEASE")]),
        expires_ms: EXPIRES_MS,
        now_ms: NOW_MS,
    }
}

fn enrol_at(token: u8, node: &str, key: u8, now_ms: i64) -> Command {
    let key = PublicKeyDigest([key; 32]);
    Command::EnrolNode {
        hash: TokenHash([token; 32]),
        node: name(node),
        key,
        is_seen: false,
        now_ms,
    }
}

fn enrol(token: u8, node: &str, key: u8) -> Command {
    enrol_at(token, node, key, NOW_MS)
}

fn revoke(node: &str) -> Command {
    Command::RevokeNode { node: name(node), is_seen: false }
}

fn taken(node: &str) -> Rejection {
    Rejection::NodeNameTaken { node: node.to_owned() }
}

#[test]
fn a_token_enrols_one_node_in_its_own_environments() {
    let scenario = Scenario::new().given(token(1, None));
    scenario.when(&enrol(1, "edge-1", 7)).then(&[Event::NodeEnrolled {
        node: name("edge-1"),
        role: NodeRole::Node,
        token: TokenId::from_bytes(bytes(1)),
        scope: NodeScope::Only([RELEASE].into()),
        key: PublicKeyDigest([7; 32]),
    }]);
    let scenario = scenario.given(enrol(1, "edge-1", 7));
    scenario.when(&enrol(1, "edge-2", 8)).then_rejected(&Rejection::NodeTokenSpent);
    scenario.when(&enrol(1, "edge-1", 8)).then_rejected(&Rejection::NodeTokenSpent);
    // An answer that was lost is given again, in the token's time.
    scenario.when(&enrol(1, "edge-1", 7)).then(&[]);
    scenario
        .when(&enrol_at(1, "edge-1", 7, EXPIRES_MS))
        .then_rejected(&Rejection::NodeTokenExpired);
}

#[test]
fn a_token_is_known_and_in_time_and_not_revoked() {
    let scenario = Scenario::new().given(token(1, None));
    scenario.when(&enrol(2, "edge-1", 7)).then_rejected(&Rejection::NodeTokenUnknown);
    let late = enrol_at(1, "edge-1", 7, EXPIRES_MS);
    scenario.when(&late).then_rejected(&Rejection::NodeTokenExpired);
    let id = TokenId::from_bytes(bytes(1));
    let revoked = scenario.given(Command::RevokeNodeToken { token: id });
    revoked.when(&enrol(1, "edge-1", 7)).then_rejected(&Rejection::NodeTokenUnknown);
    revoked.when(&Command::RevokeNodeToken { token: id }).then_not_found("node token");
}

#[test]
fn a_spent_token_cannot_be_taken_back() {
    let scenario = Scenario::new().given(token(1, None)).given(enrol(1, "edge-1", 7));
    let id = TokenId::from_bytes(bytes(1));
    scenario
        .when(&Command::RevokeNodeToken { token: id })
        .then_rejected(&Rejection::NodeTokenSpent);
}

#[test]
fn a_name_that_somebody_has_is_given_by_a_token_that_names_it_alone() {
    let scenario = Scenario::new()
        .given(token(1, None))
        .given(token(2, None))
        .given(token(3, Some("edge-1")))
        .given(enrol(1, "edge-1", 7));
    scenario.when(&enrol(2, "edge-1", 8)).then_rejected(&taken("edge-1"));
    let refused = Rejection::NodeNameRefused { node: "edge-2".to_owned() };
    scenario.when(&enrol(3, "edge-2", 8)).then_rejected(&refused);
    scenario.when(&enrol(3, "edge-1", 8)).then_kinds(&["NodeEnrolled"]);

    // Also where it is somebody's whom another CA vouches for.
    let seen = |token: u8| Command::EnrolNode {
        hash: TokenHash([token; 32]),
        node: name("foreign"),
        key: PublicKeyDigest([9; 32]),
        is_seen: true,
        now_ms: NOW_MS,
    };
    scenario.when(&seen(2)).then_rejected(&taken("foreign"));
    scenario.given(token(4, Some("foreign"))).when(&seen(4)).then_kinds(&["NodeEnrolled"]);
}

#[test]
fn a_key_is_enrolled_once_for_good() {
    let scenario = Scenario::new()
        .given(token(1, None))
        .given(enrol(1, "edge-1", 7))
        .given(token(2, Some("edge-1")));
    scenario.when(&enrol(2, "edge-1", 7)).then_rejected(&Rejection::NodeKeyUsed);
    let scenario = scenario.given(enrol(2, "edge-1", 8)).given(token(3, None));
    scenario.when(&enrol(3, "edge-2", 7)).then_rejected(&Rejection::NodeKeyUsed);
}

#[test]
fn a_revoked_name_comes_back_by_a_later_token_that_names_it() {
    let scenario = Scenario::new()
        .given(token(1, None))
        .given(enrol(1, "edge-1", 7))
        .given(token(2, Some("edge-1")))
        .given(revoke("edge-1"));
    scenario.when(&revoke("edge-1")).then(&[]);
    let revoked = Rejection::NodeRevoked { node: "edge-1".to_owned() };
    scenario.when(&enrol(1, "edge-1", 7)).then_rejected(&revoked);
    scenario.when(&enrol(2, "edge-1", 8)).then_rejected(&taken("edge-1"));
    let scenario = scenario.given(token(3, Some("edge-1")));
    scenario.when(&enrol(3, "edge-1", 7)).then_rejected(&Rejection::NodeKeyUsed);
    let scenario = scenario.given(enrol(3, "edge-1", 8));
    let known = scenario.state.nodes().get("edge-1").unwrap();
    assert_eq!(known.revoked, None);
    assert_eq!(known.enrolment.as_ref().unwrap().key, PublicKeyDigest([8; 32]));
}

#[test]
fn nobody_is_revoked_by_a_slip_of_the_pen() {
    let scenario = Scenario::new();
    scenario.when(&revoke("egde-1")).then_not_found("node");
    let seen = Command::RevokeNode { node: name("edge-1"), is_seen: true };
    scenario.when(&seen).then(&[Event::NodeRevoked { node: name("edge-1") }]);
}

#[test]
fn tokens_and_nodes_have_their_limits_and_old_tokens_make_room() {
    let scenario =
        Scenario::new().limited(|limits| limits.node_tokens_max = 1).given(token(1, None));
    let full = Rejection::QuotaExceeded { what: "node tokens", limit: 1 };
    scenario.when(&token(2, None)).then_rejected(&full);
    let later = Command::CreateNodeToken {
        id: TokenId::from_bytes(bytes(2)),
        hash: TokenHash([2; 32]),
        role: NodeRole::Relay,
        node: None,
        environments: None,
        expires_ms: i64::MAX,
        now_ms: EXPIRES_MS + TOKEN_REMEMBERED_MS + 1,
    };
    scenario.when(&later).then_kinds(&["NodeTokenCreated"]);
    let scenario = scenario.limited(|limits| limits.nodes_max = 0);
    let full = Rejection::QuotaExceeded { what: "nodes", limit: 0 };
    scenario.when(&enrol(1, "edge-1", 7)).then_rejected(&full);
}

#[test]
fn a_snapshot_holds_tokens_nodes_and_former_keys() {
    let scenario = Scenario::new()
        .given(token(1, None))
        .given(token(2, Some("edge-1")))
        .given(token(3, None))
        .given(enrol(1, "edge-1", 7))
        .given(enrol(2, "edge-1", 8))
        .given(Command::RevokeNode { node: name("foreign"), is_seen: true });
    let restored = snapshot_from_proto(&snapshot_to_proto(&scenario.state)).unwrap();
    assert_eq!(restored, scenario.state);
}

#[test]
fn a_token_of_an_environment_that_is_not_there_is_refused() {
    let command = Command::CreateNodeToken {
        id: TokenId::from_bytes(bytes(1)),
        hash: TokenHash([1; 32]),
        role: NodeRole::Node,
        node: None,
        environments: Some(vec![reference("NOWHERE")]),
        expires_ms: EXPIRES_MS,
        now_ms: NOW_MS,
    };
    Scenario::new().when(&command).then_not_found("environment");
}
