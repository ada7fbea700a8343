//! Before any service: whether who is at the other end may call it. A node's or relay's
//! certificate opens the nodes' service and nothing else, an operator's all but that; who shows
//! none under TLS may call what is public.

use std::task::{Context, Poll};

use countersign_proto::v1;
use countersign_transport::{Identity, Peer, Role};
use futures_util::future::Either;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::{Code, Status};
use tower_layer::Layer;
use tower_service::Service;

use super::status::status;

/// Services that everybody may call, with and without a certificate. They say nothing that is not
/// for everybody, and whoever adds one has to check by itself what its calls are allowed to do.
const PUBLIC: [&str; 2] = ["grpc.health.v1.Health", ENROLMENT];
const ENROLMENT: &str =
    <v1::enrolment_server::EnrolmentServer<()> as tonic::server::NamedService>::NAME;

#[derive(Debug, Clone, Copy)]
pub(super) struct Guard;

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Guarded<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<std::future::Ready<Result<Response<Body>, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match admit(&request) {
            Ok(()) => Either::Right(self.inner.call(request)),
            Err(status) => Either::Left(std::future::ready(Ok(status.into_http()))),
        }
    }
}

fn admit(request: &Request<Body>) -> Result<(), Status> {
    let service = request.uri().path().trim_start_matches('/').split('/').next();
    let service = service.unwrap_or_default();
    if PUBLIC.contains(&service) {
        return Ok(());
    }
    let Some(peer) = Peer::of(request.extensions()) else { return Err(no_credentials()) };
    let Some(identity) = &peer.identity else {
        return if peer.over_tls { Err(no_credentials()) } else { Ok(()) };
    };
    let wanted = if service == SYNC { Role::Node } else { Role::Operator };
    let is_operator = identity.role == Role::Operator;
    if is_operator == (wanted == Role::Operator) {
        return Ok(());
    }
    tracing::warn!(
        identity = %identity,
        address = %peer.address,
        call = request.uri().path(),
        "PERMISSION_DENIED: a call with the certificate of somebody else"
    );
    Err(wrong_role(identity, wanted))
}

const SYNC: &str = <v1::sync_server::SyncServer<()> as tonic::server::NamedService>::NAME;

fn no_credentials() -> Status {
    let message = "nobody is named: show a certificate of the client CA, \
                   or a token with `authorization: Bearer TOKEN`";
    status(Code::Unauthenticated, "NO_CREDENTIALS", message, [])
}

fn wrong_role(identity: &Identity, wanted: Role) -> Status {
    let message = format!(
        "this call is for {wanted}s, and the certificate names {identity}: \
         show one with the SAN URI:countersign://{wanted}/NAME"
    );
    let metadata = [("identity", identity.to_string()), ("wanted", wanted.to_string())];
    status(Code::PermissionDenied, "WRONG_IDENTITY", message, metadata)
}
