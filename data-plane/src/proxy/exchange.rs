//! From a signed request to the head of its answer: the tries of one request, each to a place of
//! the backend and signed for it. It owns what may be tried again and how often; it never routes,
//! and never reads an answer's body.

use countersign_shared::signing::{Payload, QueryMode, Target};
use http::request::Parts;
use http_body::Body;

use super::account::Account;
use super::backend::{self, Answer, Failed};
use super::body::{BODY_BROKE_OFF, OutboundBody};
use super::ours::Ours;
use super::refusal::Refusal;
use super::worker::Worker;
use crate::clock;
use crate::table::{Place, Route, Signer};

/// What an exchange is bound to, whichever place answers.
#[derive(Clone, Copy)]
pub(super) struct Terms<'t> {
    pub(super) route: &'t Route,
    pub(super) signer: Option<&'t Signer>,
    pub(super) payload: Payload,
    pub(super) account: &'t Account<'t>,
    /// Whether the backend is asked for a WebSocket, and may answer 101.
    pub(super) upgrade: bool,
}

/// Sends the request; to another place of the backend where one has no connection to offer, or no
/// answer to a safe request, and tries are left.
pub(super) async fn exchange<'t>(
    worker: &Worker,
    terms: Terms<'t>,
    place: &'t Place,
    head: &Parts,
    ours: &mut Ours<'t>,
    body: OutboundBody,
) -> Result<Answer, Refusal> {
    if terms.upgrade && !body.is_end_stream() {
        // Nothing of the client's may reach the backend before it has agreed.
        return Err(Refusal::bad_request("a request for an upgrade has no body"));
    }
    let route = terms.route;
    let permit = match &route.in_flight {
        None => None,
        Some(in_flight) => Some(in_flight.enter().ok_or(Refusal::Overloaded)?),
    };
    let until = route.destination.total_timeout.map(|total| clock::now() + total);
    worker.pool.retry_budget.deposit();
    let mut answer = tries(worker, terms, place, head, ours, body).await?;
    if until.is_some() || permit.is_some() {
        answer.bound(until, permit);
    }
    Ok(answer)
}

async fn tries<'t>(
    worker: &Worker,
    terms: Terms<'t>,
    mut place: &'t Place,
    head: &Parts,
    ours: &mut Ours<'t>,
    mut body: OutboundBody,
) -> Result<Answer, Refusal> {
    let (pool, route) = (&worker.pool, terms.route);
    let mut tries_left = route.retries();
    loop {
        terms.account.tries(place);
        let patience = route.destination.timeout;
        let for_backend = backend::Terms { ours, upgrade: terms.upgrade, patience };
        let exchanged = backend::exchange(pool, place, head, body, for_backend, clock::now);
        let (again, refusal) = match exchanged.await {
            Ok(answer) => return Ok(answer),
            Err(Failed::Broken) => return Err(Refusal::BackendAnswerBroken),
            Err(Failed::Request) => return Err(BODY_BROKE_OFF),
            Err(Failed::Unanswered(again)) => (again, Refusal::BackendAnswerBroken),
            Err(Failed::Unreachable(again)) => (again, Refusal::BackendUnreachable),
            Err(Failed::Full(again)) => (again, Refusal::Overloaded),
        };
        let left = tries_left.checked_sub(1);
        let Some(left) = left.filter(|_| pool.retry_budget.withdraw(clock::now())) else {
            return Err(refusal);
        };
        (tries_left, body) = (left, again);
        place = pool.choose(route, worker.next_turn(), clock::now);
        readdress(worker, place, terms, head, ours)?;
    }
}

/// Another place of the backend has another Host, which is signed.
fn readdress<'t>(
    worker: &Worker,
    place: &'t Place,
    terms: Terms<'t>,
    head: &Parts,
    ours: &mut Ours<'t>,
) -> Result<(), Refusal> {
    ours.host = &place.host;
    let Some(signer) = terms.signer else { return Ok(()) };
    let target = Target::join(head.uri.path(), "", head.uri.query(), QueryMode::Raw);
    let target = target.map_err(|_| Refusal::SigningFailed)?;
    let (method, payload) = (&head.method, terms.payload);
    ours.sign(worker.seal.sign(signer, method, &target, payload, clock::now(), ours.host)?);
    Ok(())
}
