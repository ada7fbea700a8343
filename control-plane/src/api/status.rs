//! Errors as callers see them: the one place where they become gRPC statuses, with
//! `google.rpc.ErrorInfo` (domain `countersign`) and, for bad fields, `BadRequest`.

pub(super) use countersign_feed::server::status::{invalid, retry_after, status};
use tonic::{Code, Status};

use crate::engine::ExecuteError;
use crate::history::HistoryError;
use crate::rejection::Rejection;

pub(super) fn of_execute(error: ExecuteError) -> Status {
    match error {
        ExecuteError::Rejected(rejection) => of_rejection(rejection),
        ExecuteError::Full(message) => status(Code::ResourceExhausted, "DISK_FULL", message, []),
        ExecuteError::TooLarge(message) => {
            status(Code::ResourceExhausted, "WRITE_TOO_LARGE", message, [])
        }
        ExecuteError::NotLeading { leader, message } => {
            let leader = leader.map(|leader| ("leader", leader));
            status(Code::Unavailable, "NOT_LEADING", message, leader)
        }
        ExecuteError::Unavailable(message) => {
            status(Code::Unavailable, "LOG_UNAVAILABLE", message, [])
        }
        ExecuteError::Stopped => status(Code::Unavailable, "STOPPING", error.to_string(), []),
    }
}

pub(super) fn of_rejection(rejection: Rejection) -> Status {
    use Rejection as R;
    let message = rejection.to_string();
    let (code, reason, metadata): (Code, &str, Vec<(&str, String)>) = match rejection {
        R::InvalidFields(fields) => return invalid(fields),
        R::NotFound { kind, reference } => {
            (Code::NotFound, "NOT_FOUND", vec![("kind", kind.to_owned()), ("reference", reference)])
        }
        R::NotBound { api, environment } => {
            (Code::NotFound, "NOT_BOUND", vec![("api", api), ("environment", environment)])
        }
        R::AmbiguousName { name, count } => (
            Code::InvalidArgument,
            "AMBIGUOUS_NAME",
            vec![("name", name), ("count", count.to_string())],
        ),
        R::NameTaken { kind, name } => {
            (Code::AlreadyExists, "NAME_TAKEN", vec![("kind", kind.to_owned()), ("name", name)])
        }
        R::DomainTaken { domain, group } => {
            (Code::AlreadyExists, "DOMAIN_TAKEN", vec![("domain", domain), ("group", group)])
        }
        R::KeyTaken { key, name } => {
            (Code::AlreadyExists, "KEY_TAKEN", vec![("key", key), ("signature_key_name", name)])
        }
        R::RouteTaken { api, name, route } => (
            Code::AlreadyExists,
            "ROUTE_TAKEN",
            vec![("api", api.to_string()), ("api_name", name), ("route", route)],
        ),
        R::QuotaExceeded { what, limit } => (
            Code::ResourceExhausted,
            "QUOTA_EXCEEDED",
            vec![("resource", what.to_owned()), ("limit", limit.to_string())],
        ),
        R::EnvironmentPermanent => (Code::FailedPrecondition, "ENVIRONMENT_PERMANENT", vec![]),
        R::EnvironmentInUse { name, publications, bindings } => (
            Code::FailedPrecondition,
            "ENVIRONMENT_IN_USE",
            vec![
                ("environment", name),
                ("publications", publications.to_string()),
                ("bindings", bindings.to_string()),
            ],
        ),
        R::GroupNotEmpty { name, apis } => (
            Code::FailedPrecondition,
            "GROUP_NOT_EMPTY",
            vec![("api_group", name), ("apis", apis.to_string())],
        ),
        R::ApiStillPublished { name, environments } => (
            Code::FailedPrecondition,
            "API_STILL_PUBLISHED",
            vec![("api", name), ("environments", environments)],
        ),
        R::ApiStillBound { name, bindings } => (
            Code::FailedPrecondition,
            "API_STILL_BOUND",
            vec![("api", name), ("bindings", bindings.to_string())],
        ),
        R::ApiNotPublished { api, environment } => (
            Code::FailedPrecondition,
            "API_NOT_PUBLISHED",
            vec![("api", api), ("environment", environment)],
        ),
        R::ApiAlreadyBound { api, environment, key, key_name } => (
            Code::AlreadyExists,
            "API_ALREADY_BOUND",
            vec![
                ("api", api),
                ("environment", environment),
                ("signature_key", key.to_string()),
                ("signature_key_name", key_name),
            ],
        ),
        R::KeyStillBound { name, bindings } => (
            Code::FailedPrecondition,
            "KEY_STILL_BOUND",
            vec![("signature_key", name), ("bindings", bindings.to_string())],
        ),
        R::TooManyEvents { events, events_max } => (
            Code::ResourceExhausted,
            "TOO_MANY_EVENTS",
            vec![("events", events.to_string()), ("limit", events_max.to_string())],
        ),
        R::RevisionMismatch { expected, found } => (
            Code::Aborted,
            "REVISION_MISMATCH",
            vec![("expected_revision", expected.to_string()), ("revision", found.to_string())],
        ),
        R::RequestIdReused { request_id } => {
            (Code::AlreadyExists, "REQUEST_ID_REUSED", vec![("request_id", request_id)])
        }
        R::NodeTokenUnknown => (Code::Unauthenticated, "NODE_TOKEN_UNKNOWN", vec![]),
        R::NodeTokenExpired => (Code::Unauthenticated, "NODE_TOKEN_EXPIRED", vec![]),
        R::NodeTokenSpent => (Code::Unauthenticated, "NODE_TOKEN_SPENT", vec![]),
        R::NodeNameRefused { node } => {
            (Code::PermissionDenied, "NODE_NAME_REFUSED", vec![("node", node)])
        }
        R::NodeNameTaken { node } => (Code::AlreadyExists, "NODE_NAME_TAKEN", vec![("node", node)]),
        R::NodeKeyUsed => (Code::AlreadyExists, "NODE_KEY_USED", vec![]),
        R::NodeRevoked { node } => (Code::PermissionDenied, "NODE_REVOKED", vec![("node", node)]),
        R::GrantExists { grant } => {
            (Code::AlreadyExists, "GRANT_EXISTS", vec![("grant", grant.to_string())])
        }
        R::NotPermitted { operator, right, scope } => (
            Code::PermissionDenied,
            "NOT_PERMITTED",
            vec![("operator", operator), ("right", right.to_string()), ("scope", scope)],
        ),
        R::Unimplemented(_) => (Code::Unimplemented, "UNIMPLEMENTED", vec![]),
    };
    status(code, reason, message, metadata)
}

pub(super) fn of_history(error: &HistoryError) -> Status {
    let message = error.to_string();
    match error {
        HistoryError::ToCome { revision, head } => status(
            Code::OutOfRange,
            "REVISION_TO_COME",
            message,
            [("requested_revision", revision.to_string()), ("revision", head.to_string())],
        ),
        HistoryError::Read(_) | HistoryError::Event { .. } => {
            tracing::error!(%error, "the log cannot be read");
            status(Code::DataLoss, "LOG_DAMAGED", message, [])
        }
    }
}
