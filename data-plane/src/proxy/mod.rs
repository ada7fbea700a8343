//! The proxy: from a client's request to a signed request and back. `handle` is the whole
//! story; each sentence of it is a function in a file beside this one.

mod access;
mod account;
mod alarm;
mod answer;
mod backend;
mod body;
mod chunks;
mod client;
mod clients;
mod connection;
mod counted;
mod doors;
mod edge;
mod exchange;
mod fields;
mod grpc;
mod headers;
mod http1;
mod http2;
mod ours;
mod peer;
mod phase;
mod refusal;
mod request_id;
mod seal;
mod stream;
mod tls;
mod trace;
mod tunnel;
mod turns;
mod upstream;
mod worker;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use countersign_shared::api;
use countersign_shared::signing::{Payload, Target, clean_path};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Uri};

use crate::clock;
use crate::table::{Asked, Route, Signer, Signing};
use crate::telemetry::RouteClass;
use account::Account;
use answer::Reply;
use backend::Answer;
use body::{InboundBody, OutboundBody};
use client::Client;
pub use doors::{Doors, bind, run_worker};
use edge::Doomed;
use exchange::Terms;
use ours::Ours;
use peer::Peer;
pub use phase::Phase;
use refusal::Refusal;
use request_id::RequestId;
pub use tls::{CertificateFiles, InvalidCertificate, Tls};
pub use trace::Tracing;
pub use upstream::{Resolve, Resolving, SystemResolver, UpstreamSettings, run_upstream};
pub use worker::Shared;
use worker::{TableInForce, Worker};

/// Answers one request: the backend's answer, or a refusal in its place. The head is used up; it is
/// lent, for whatever a future owns is copied wherever the future goes.
async fn handle(client: &Rc<Client>, head: &mut Parts, body: InboundBody) -> Reply {
    client.alarm.silence();
    let worker = &client.worker;
    let request_id = worker.request_ids.take(&mut head.headers);
    let account = Account::open(client, head, &body);
    let (mut reply, code) = match forward(client, &account, &request_id, head, body).await {
        Ok((answer, now)) => (Reply::of(client, answer, request_id, now), ""),
        Err(refusal) => {
            let code = refused(worker, &refusal, &request_id);
            client.expect_head(clock::now());
            (refusal.into_reply(request_id), code)
        }
    };
    account.close(&mut reply, code);
    reply
}

/// The answer to what could not be read as a request.
fn refuse(client: &Client, refusal: Refusal) -> Reply {
    let worker = &client.worker;
    let request_id = worker.request_ids.next();
    refused(worker, &refusal, &request_id);
    let reply = refusal.into_reply(request_id);
    worker.meters.answered(RouteClass::None, reply.status, Duration::ZERO);
    client.expect_head(clock::now());
    reply
}

/// Counts a refusal by its code.
fn refused(worker: &Worker, refusal: &Refusal, request_id: &RequestId) -> &'static str {
    let code = refusal.code();
    tracing::debug!(code, request_id = request_id.as_str(), "refused");
    worker.meters.rejected(code);
    code
}

/// Routes, strips, signs and sends; returns the answer and when it came.
async fn forward(
    client: &Rc<Client>,
    account: &Account<'_>,
    request_id: &RequestId,
    head: &mut Parts,
    body: InboundBody,
) -> Result<(Answer, Instant), Refusal> {
    let worker = &client.worker;
    worker.admit(&client.peer, &head.headers, account.began())?;
    let table = worker.table();
    let plan = plan(worker, &client.peer, table.as_deref(), head)?;
    let class = plan.class();
    account.routed(class, plan.route);
    let place = worker.pool.choose(plan.route, worker.next_turn(), clock::now);
    let forwarded = headers::forward(&mut head.headers, &client.peer);
    let mut ours = Ours::new(&place.host, request_id, forwarded);
    account.trace_on(&mut head.headers);
    let policy = plan.route.body_policy;
    let (payload, body, began) = match plan.signer {
        Some(Signer::Hmac(_)) if body::is_to_be_read(&body, policy) => {
            let (payload, body) = Box::pin(body::read(body, policy, worker.limits())).await?;
            (payload, body, clock::now())
        }
        _ => (Payload::Empty, OutboundBody::stream(body), account.began()),
    };
    if let Some(signer) = plan.signer {
        let (seal, method) = (&worker.seal, &head.method);
        ours.sign(seal.sign(signer, method, &plan.target, payload, began, ours.host)?);
        worker.meters.signed(class);
    }
    set_target(head, plan.target)?;
    client.alarm.set(worker.farewell.by(began + plan.route.destination.timeout));
    let terms =
        Terms { route: plan.route, signer: plan.signer, payload, account, upgrade: plan.upgrade };
    let exchange = pin!(exchange::exchange(worker, terms, place, head, &mut ours, body));
    let answer = in_time(client, exchange).await?;
    client.alarm.silence();
    let ended = clock::now();
    account.backend_answered(began, ended);
    Ok((answer, ended))
}

/// The outcome of an exchange, or a timeout when the alarm rings first.
async fn in_time<T>(
    client: &Client,
    mut exchange: Pin<&mut impl Future<Output = Result<T, Refusal>>>,
) -> Result<T, Refusal> {
    poll_fn(|cx| match exchange.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(done),
        Poll::Pending => client.alarm.poll_rung(cx, clock::now).map(|()| {
            let has_ended = client.worker.farewell.has_ended(clock::now());
            Err(if has_ended { Refusal::Draining } else { Refusal::BackendTimeout })
        }),
    })
    .await
}

/// What is to be done with a request.
struct Plan<'t> {
    route: &'t Route,
    signer: Option<&'t Signer>,
    /// What is signed and sent.
    target: Target,
    /// The client asks for a WebSocket, and the API allows it.
    upgrade: bool,
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
    peer: &Peer,
    table: Option<&'t TableInForce>,
    head: &mut Parts,
) -> Result<Plan<'t>, Refusal> {
    let mut doomed = worker.doomed.take();
    let plan = route(head, &mut doomed, table);
    if let Ok(plan) = &plan {
        headers::strip_request(&mut head.headers, &doomed, plan.signer.is_some(), peer);
    }
    worker.doomed.set(doomed);
    plan
}

fn route<'t>(
    head: &Parts,
    doomed: &mut Doomed,
    table: Option<&'t TableInForce>,
) -> Result<Plan<'t>, Refusal> {
    let admitted = edge::admit(head, doomed)?;
    let path = clean_path(head.uri.path()).map_err(|e| Refusal::bad_request(e.to_string()))?;
    let method = method_of(&head.method).ok_or(Refusal::ApiNotFound)?;
    let asked = Asked { host: admitted.host, stage: admitted.stage, method, path: &path };
    let routed = table.ok_or(Refusal::NoConfiguration)?.find(&asked).ok_or(Refusal::ApiNotFound)?;
    let signer = match routed.signing {
        Signing::Unbound => None,
        Signing::By(signer) => Some(signer),
        Signing::Missing => return Err(Refusal::SigningFailed),
    };
    let target = routed.route.target(&path, &routed.params, routed.rest, head.uri.query());
    let target = target.map_err(|e| Refusal::bad_request(e.to_string()))?;
    let upgrade = admitted.asks_for_websocket && routed.route.websocket;
    Ok(Plan { route: routed.route, signer, target, upgrade })
}

/// The target that was signed is the one that is sent; mostly it is also the one that came.
fn set_target(head: &mut Parts, target: Target) -> Result<(), Refusal> {
    let received = head.uri.path_and_query().map(PathAndQuery::as_str);
    if head.uri.scheme().is_none() && received == Some(target.as_str()) {
        return Ok(());
    }
    head.uri = Uri::from_maybe_shared(Bytes::from(target.into_string()))
        .map_err(|_| Refusal::bad_request("the request target is malformed"))?;
    Ok(())
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
