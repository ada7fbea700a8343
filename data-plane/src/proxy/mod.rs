//! The proxy: from a client's request to a signed request and back. [`handle`] is the whole
//! story; each sentence of it is a function in a file beside this one.

mod answer;
mod body;
mod edge;
mod headers;
mod pool;
mod refusal;
mod request_id;
mod seal;
mod upstream;
mod worker;

use std::rc::Rc;

use bytes::Bytes;
use countersign_shared::api;
use countersign_shared::signing::{Payload, QueryMode, Target, clean_path};
use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Uri};
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use crate::clock;
use crate::table::{Asked, Place, Route, RoutingTable, Signer, Signing};
use crate::telemetry::RouteClass;
use answer::AnswerBody;
use body::OutboundBody;
use edge::Doomed;
use refusal::Refusal;
use upstream::{Failed, Lease, Over};
use worker::Worker;
pub use worker::{Phase, Shared, bind, run_worker};

/// Answers one request: the backend's answer, or a refusal in its place.
async fn handle(
    worker: &Rc<Worker>,
    peer: &HeaderValue,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let (head, body) = request.into_parts();
    let request_id = match edge::request_id(&head.headers) {
        Some(id) => id.clone(),
        None => worker.request_ids.next(),
    };
    let mut class = RouteClass::None;
    let answer = forward(worker, peer, &request_id, head, body, &mut class).await;
    let mut response = answer.unwrap_or_else(|refusal| {
        tracing::debug!(code = refusal.code(), ?request_id, "refused");
        refusal.into_response(&request_id)
    });
    response.headers_mut().insert(headers::X_REQUEST_ID, request_id);
    worker.meters.answered(class, response.status());
    response
}

async fn forward(
    worker: &Rc<Worker>,
    peer: &HeaderValue,
    request_id: &HeaderValue,
    mut head: Parts,
    body: Incoming,
    class: &mut RouteClass,
) -> Result<Response<AnswerBody>, Refusal> {
    let table = worker.table();
    let table: Result<&RoutingTable, _> =
        table.as_deref().map(|table| &**table).ok_or(Refusal::NoConfiguration);
    let plan = plan(worker, table, &mut head)?;
    *class = plan.class();
    let turn = worker.next_turn();
    headers::set_forwarded(
        &mut head.headers,
        peer,
        request_id,
        plan.route.place(turn).host.clone(),
    );
    let (payload, body) = match plan.signer {
        Some(Signer::Hmac(_)) if !body.is_end_stream() => {
            Box::pin(body::read(
                body,
                plan.route.body_policy(),
                worker.body_bytes_max(),
                worker.budget(),
            ))
            .await?
        }
        _ => (Payload::Empty, OutboundBody::stream(body)),
    };
    if let Some(signer) = plan.signer {
        worker.seal.sign(signer, &head.method, &plan.target, payload, &mut head.headers)?;
        worker.meters.signed(*class);
    }
    head.uri = uri_of(plan.target)?;
    head.version = http::Version::HTTP_11;
    let request = Request::from_parts(head, body);
    let began = clock::now();
    let exchange = exchange(worker, (plan.route, plan.signer, payload), turn, request);
    let exchanged = timeout(plan.route.timeout, exchange).await;
    let (response, lease) = exchanged.map_err(|_| Refusal::BackendTimeout)??;
    worker.meters.backend_answered(clock::now().saturating_duration_since(began));
    answer::pass_on(response, lease).await
}

/// What is to be done with a request.
struct Plan<'t> {
    route: &'t Route,
    signer: Option<&'t Signer>,
    /// What is signed and sent.
    target: Target,
}

impl Plan<'_> {
    fn class(&self) -> RouteClass {
        match self.signer {
            None => RouteClass::Unsigned,
            Some(Signer::Hmac(_)) => RouteClass::SignedHmac,
            Some(Signer::Basic(_)) => RouteClass::SignedBasic,
        }
    }
}

/// Admits the head, finds its API, and strips what may not go on.
fn plan<'t>(
    worker: &Worker,
    table: Result<&'t RoutingTable, Refusal>,
    head: &mut Parts,
) -> Result<Plan<'t>, Refusal> {
    let mut doomed = worker.doomed.take();
    let plan = route(head, &mut doomed, table);
    if let Ok(plan) = &plan {
        headers::strip_request(&mut head.headers, &doomed, plan.signer.is_some());
    }
    worker.doomed.set(doomed);
    plan
}

fn route<'t>(
    head: &Parts,
    doomed: &mut Doomed,
    table: Result<&'t RoutingTable, Refusal>,
) -> Result<Plan<'t>, Refusal> {
    let admitted = edge::admit(head, doomed)?;
    let path = clean_path(head.uri.path()).map_err(|e| Refusal::bad_request(e.to_string()))?;
    let method = method_of(&head.method).ok_or(Refusal::ApiNotFound)?;
    let asked = Asked { host: admitted.host, stage: admitted.stage, method, path: &path };
    let routed = table?.find(&asked).ok_or(Refusal::ApiNotFound)?;
    let signer = match routed.signing {
        Signing::Unbound => None,
        Signing::By(signer) => Some(signer),
        Signing::Missing => return Err(Refusal::SigningFailed),
    };
    let target = routed.route.target(&path, &routed.params, routed.rest, head.uri.query());
    let target = target.map_err(|e| Refusal::bad_request(e.to_string()))?;
    Ok(Plan { route: routed.route, signer, target })
}

/// Sends the request, again where it cannot have reached the backend and tries are left.
async fn exchange(
    worker: &Rc<Worker>,
    plan: (&Route, Option<&Signer>, Payload),
    mut turn: usize,
    mut request: Request<OutboundBody>,
) -> Result<(Response<Incoming>, Lease), Refusal> {
    let (route, signer, payload) = plan;
    let mut tries_left = route.retries();
    let mut over = Over::Any;
    loop {
        match upstream::send(&worker.pool, route.place(turn), over, request, route.timeout).await {
            Ok(answered) => return Ok(answered),
            Err(Failed::Broken) => return Err(Refusal::BackendAnswerBroken),
            Err(Failed::Stale(again)) => {
                request = again;
                over = Over::New;
            }
            Err(Failed::Unsent(again)) => {
                tries_left = tries_left.checked_sub(1).ok_or(Refusal::BackendUnreachable)?;
                request = again;
                turn = turn.wrapping_add(1);
                readdress(worker, route.place(turn), signer, payload, &mut request)?;
            }
        }
    }
}

/// Another place of the backend has another Host, which is signed.
fn readdress(
    worker: &Worker,
    place: &Place,
    signer: Option<&Signer>,
    payload: Payload,
    request: &mut Request<OutboundBody>,
) -> Result<(), Refusal> {
    request.headers_mut().insert(HOST, place.host.clone());
    let Some(signer) = signer else { return Ok(()) };
    let (method, uri) = (request.method().clone(), request.uri());
    let target = Target::join(uri.path(), "", uri.query(), QueryMode::Raw);
    let target = target.map_err(|_| Refusal::SigningFailed)?;
    worker.seal.sign(signer, &method, &target, payload, request.headers_mut())
}

fn uri_of(target: Target) -> Result<Uri, Refusal> {
    Uri::from_maybe_shared(Bytes::from(target.into_string()))
        .map_err(|_| Refusal::bad_request("the request target is malformed"))
}

fn method_of(method: &Method) -> Option<api::Method> {
    match *method {
        Method::GET => Some(api::Method::Get),
        Method::POST => Some(api::Method::Post),
        Method::PUT => Some(api::Method::Put),
        Method::DELETE => Some(api::Method::Delete),
        Method::HEAD => Some(api::Method::Head),
        Method::PATCH => Some(api::Method::Patch),
        Method::OPTIONS => Some(api::Method::Options),
        _ => None,
    }
}
