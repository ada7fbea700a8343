//! Before any service: who calls, whether the call is one that its role may make, and whether it
//! makes not too many. What is refused here is kept with the attempts. Scopes that depend on the
//! request are checked where commands are decided.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use countersign_proto::v1;
use countersign_shared::access::{Right, Target};
use countersign_shared::text::{ActedAs, Actor};
use countersign_transport::{Identity, Peer, Role};
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::{Code, Status};
use tower_layer::Layer;
use tower_service::Service;

use super::lapse::{Lapsing, Permit, Standing};
use super::lasting::{is_stream, time_max, within};
use super::permissions::{Needs, needs};
use super::principal::{By, Principal, Who, identify, no_credentials};
use super::status::{retry_after, status};
use super::{Api, access};
use crate::admission::{CALLS_OPEN_MAX, MACHINE_CALLS_OPEN_MAX, OpenCall};

/// Nobody knows when one of them ends.
const OPEN_CALLS_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) struct Guard(pub(super) Api);

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, api: self.0.clone() }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    api: Api,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let standing = match admit(&self.api, &mut request) {
            Ok(standing) => standing,
            Err(status) => return Box::pin(async move { Ok(status.into_http()) }),
        };
        let path = request.uri().path();
        let goes_on = is_stream(path);
        let time = time_max(path, request.headers(), self.api.call_time_max);
        let (answering, api) = (within(time, self.inner.call(request)), self.api.clone());
        Box::pin(async move {
            let answer = answering.await?;
            match standing {
                Some(standing) if goes_on => {
                    Ok(answer.map(|body| Body::new(Lapsing::new(body, standing, &api))))
                }
                // What is answered at once stands, also where it took the caller's own right.
                _ => Ok(answer),
            }
        })
    }
}

/// Lets a call through, with what it stands on if that can lapse.
fn admit(api: &Api, request: &mut Request<Body>) -> Result<Option<Standing>, Status> {
    let path = request.uri().path().to_owned();
    let Some(needs) = needs(&path) else {
        return Err(Status::unimplemented(format!("there is no call {path}")));
    };
    if needs == Needs::Nothing {
        return Ok(None);
    }
    let peer = Peer::of(request.extensions()).cloned().ok_or_else(no_credentials)?;
    let who = identify(api, &peer, request.headers())
        .inspect_err(|status| refused(api, &peer, "", &path, status))?;
    match who {
        Who::Local => Ok(None),
        Who::Machine { identity, expires_ms } => {
            if needs != Needs::Node {
                let status = wrong_role(&identity, Role::Operator);
                refused(api, &peer, &identity.to_string(), &path, &status);
                return Err(status);
            }
            let open = open_call(api, &identity.to_string(), MACHINE_CALLS_OPEN_MAX)?;
            Ok(Some(Standing::new(By::Certificate { expires_ms }, None, open)))
        }
        Who::Operator(mut principal) => {
            let operator = principal.operator.clone();
            principal.role = may(api, &operator, needs)
                .inspect_err(|status| refused(api, &peer, operator.as_str(), &path, status))?;
            let standing = within_limits(api, &principal, needs)?;
            access::void_bootstrap(api, &operator);
            request.extensions_mut().insert(principal);
            Ok(Some(standing))
        }
    }
}

/// The roles that allow it.
fn may(api: &Api, operator: &Actor, needs: Needs) -> Result<ActedAs, Status> {
    let view = api.engine.view();
    let access = view.state.access();
    let (right, scope) = match needs {
        Needs::Nothing | Needs::Known => return Ok(ActedAs::default()),
        Needs::Node => {
            let identity = Identity { role: Role::Operator, name: operator.to_string() };
            return Err(wrong_role(&identity, Role::Node));
        }
        Needs::Right(right, scope) => (right, scope.before_reading()),
    };
    if !access.allows(operator, right, scope) {
        return Err(not_permitted(operator, right, scope));
    }
    let roles: Vec<_> =
        access.roles_with(operator, right).iter().map(ToString::to_string).collect();
    Ok(ActedAs::parse(&roles.join(",")).unwrap_or_default())
}

fn within_limits(api: &Api, principal: &Principal, needs: Needs) -> Result<Standing, Status> {
    let who = principal.operator.as_str();
    api.admission.take_call(who, Instant::now()).map_err(|wait| {
        let most = api.admission.calls_per_second;
        let message = format!("more than {most} calls a second: try again in {wait:.1?}");
        retry_after("TOO_MANY_CALLS", message, wait)
    })?;
    let open = open_call(api, who, CALLS_OPEN_MAX)?;
    let permit = match needs {
        Needs::Right(right, scope) => Some(Permit {
            operator: principal.operator.clone(),
            right,
            scope: scope.before_reading(),
        }),
        _ => None,
    };
    Ok(Standing::new(principal.by, permit, open))
}

fn open_call(api: &Api, who: &str, most: u32) -> Result<OpenCall, Status> {
    api.admission.open_call(who, most).ok_or_else(|| {
        let message = format!("{most} calls and streams are open already: end some first");
        retry_after("TOO_MANY_OPEN_CALLS", message, OPEN_CALLS_WAIT)
    })
}

/// Keeps what was refused, as a write that is refused is kept.
fn refused(api: &Api, peer: &Peer, actor: &str, path: &str, status: &Status) {
    tracing::debug!(address = %peer.address, actor, call = path, %status, "a call is refused");
    let attempt = v1::Attempt {
        actor: actor.to_owned(),
        source: peer.address.to_string(),
        call: path.rsplit('/').next().unwrap_or_default().to_owned(),
        ..v1::Attempt::default()
    };
    api.auditing.refused(attempt, status);
}

pub(super) fn not_permitted(operator: &Actor, right: Right, scope: Target) -> Status {
    let scope =
        if scope == Target::Everywhere { "for all environments and groups" } else { "anywhere" };
    let message = format!("`{operator}` has no right to {right} {scope}: an admin can grant it");
    let metadata = [
        ("operator", operator.to_string()),
        ("right", right.to_string()),
        ("scope", scope.to_owned()),
    ];
    status(Code::PermissionDenied, "NOT_PERMITTED", message, metadata)
}

fn wrong_role(identity: &Identity, wanted: Role) -> Status {
    let message = format!(
        "this call is for {wanted}s, and the certificate names {identity}: \
         show one with the SAN URI:countersign://{wanted}/NAME"
    );
    let metadata = [("identity", identity.to_string()), ("wanted", wanted.to_string())];
    status(Code::PermissionDenied, "WRONG_IDENTITY", message, metadata)
}
