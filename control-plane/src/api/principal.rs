//! Who calls: from a certificate, a bearer token, or being on this machine to an operator, a node,
//! or nobody.

use std::time::Instant;

use countersign_shared::id::OperatorTokenId;
use countersign_shared::text::{ActedAs, Actor};
use countersign_transport::{Identity, Peer, Role};
use tonic::codegen::http::HeaderMap;
use tonic::codegen::http::header::AUTHORIZATION;
use tonic::{Code, Status};

use super::Api;
use super::status::{retry_after, status};
use crate::admission::ip;
use crate::bearer;

/// An operator that has shown who it is. It is in the extensions of its request.
#[derive(Debug, Clone)]
pub(super) struct Principal {
    pub(super) operator: Actor,
    pub(super) by: By,
    /// The roles that allow the call.
    pub(super) role: ActedAs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Certificate { expires_ms: i64 },
    Token { id: OperatorTokenId, expires_ms: i64 },
}

#[derive(Debug)]
pub(super) enum Who {
    /// On this machine, in clear text: may do everything, and is called what it says.
    Local,
    Operator(Principal),
    /// A node or a relay.
    Machine {
        identity: Identity,
        expires_ms: i64,
    },
}

/// A token counts before a certificate.
pub(super) fn identify(api: &Api, peer: &Peer, headers: &HeaderMap) -> Result<Who, Status> {
    if let Some(shown) = headers.get(AUTHORIZATION) {
        let text = shown.to_str().unwrap_or_default();
        return of_token(api, peer, text).map(Who::Operator);
    }
    let Some(identity) = &peer.identity else {
        let is_local = !peer.over_tls && !api.admission.require_credentials;
        return if is_local { Ok(Who::Local) } else { Err(no_credentials()) };
    };
    let expires_ms = peer.certificate.as_ref().map_or(i64::MAX, |shown| shown.expires_ms);
    if expires_ms < (api.now_ms)() {
        let message = format!("the certificate of {identity} has expired: connect with a new one");
        return Err(failed(api, peer, "CERTIFICATE_EXPIRED", message));
    }
    if identity.role != Role::Operator {
        return Ok(Who::Machine { identity: Identity::clone(identity), expires_ms });
    }
    let operator = Actor::parse(&identity.name).map_err(|_| no_credentials())?;
    let by = By::Certificate { expires_ms };
    Ok(Who::Operator(Principal { operator, by, role: ActedAs::default() }))
}

fn of_token(api: &Api, peer: &Peer, header: &str) -> Result<Principal, Status> {
    let address = ip(peer.address);
    api.admission.may_log_in(address, Instant::now()).map_err(|wait| {
        let seconds = wait.as_secs() + 1;
        let message = format!("too many logins failed from {address}: try again in {seconds} s");
        retry_after("TOO_MANY_FAILED_LOGINS", message, wait)
    })?;
    let scheme = header.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    let text = scheme.and_then(|_| header.get(7..)).unwrap_or_default();
    let Some(hash) = bearer::hash(text) else {
        let message = "this is not a token: one reads `authorization: Bearer cst_…`";
        return Err(failed(api, peer, "MALFORMED_TOKEN", message));
    };
    let view = api.engine.view();
    let Some(token) = view.state.access().token_with_hash(&hash) else {
        let message = "this token is not known here, or was revoked: ask an admin for another";
        return Err(failed(api, peer, "BAD_TOKEN", message));
    };
    let (fields, now_ms) = (&token.fields, (api.now_ms)());
    if fields.expires_ms < now_ms {
        let message = format!("token {} has expired: ask an admin for another", fields.id);
        return Err(failed(api, peer, "TOKEN_EXPIRED", message));
    }
    api.admission.used(fields.id, now_ms, address);
    let by = By::Token { id: fields.id, expires_ms: fields.expires_ms };
    Ok(Principal { operator: fields.operator.clone(), by, role: ActedAs::default() })
}

fn failed(api: &Api, peer: &Peer, reason: &'static str, message: impl Into<String>) -> Status {
    api.admission.log_in_failed(ip(peer.address), reason);
    status(Code::Unauthenticated, reason, message, [])
}

pub(super) fn no_credentials() -> Status {
    let message = "nobody is named: show a certificate of the client CA, \
                   or a token with `authorization: Bearer TOKEN`";
    status(Code::Unauthenticated, "NO_CREDENTIALS", message, [])
}
