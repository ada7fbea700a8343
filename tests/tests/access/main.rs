//! Who may do what, over real TLS: every call as every role, scopes, tokens from their making to
//! their end, the first token, and what is kept of those who were refused.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests that cannot go on panic")]

mod first;
mod limits;
mod matrix;
mod scopes;
mod tokens;
mod web;

use countersign_proto::v1;
use countersign_proto::v1::access_client::AccessClient;
use countersign_tests::Management;

/// Gives an operator a role, as an admin.
pub(crate) async fn grant(
    admin: &Management,
    operator: &str,
    role: v1::OperatorRole,
    (environments, groups): (&[&str], &[&str]),
) -> String {
    let grant = v1::Grant {
        operator: operator.to_owned(),
        role: role.into(),
        environments: environments.iter().map(|&name| name.to_owned()).collect(),
        api_groups: groups.iter().map(|&name| name.to_owned()).collect(),
        ..v1::Grant::default()
    };
    let request = v1::GrantAccessRequest { grant: Some(grant), ..Default::default() };
    let reply = AccessClient::new(admin.channel()).grant_access(request).await.unwrap();
    reply.into_inner().grant.unwrap().id
}

/// What was refused, newest first.
pub(crate) async fn attempts(admin: &Management) -> Vec<v1::Attempt> {
    let mut audit = v1::audit_client::AuditClient::new(admin.channel());
    let reply = audit.list_attempts(v1::ListAttemptsRequest::default()).await.unwrap();
    reply.into_inner().attempts
}
