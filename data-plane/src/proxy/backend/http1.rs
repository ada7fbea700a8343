//! An exchange of HTTP/1.1: on a connection that waits, or on a new one where that has been
//! closed in the meantime.

use std::future::poll_fn;

use http::uri::PathAndQuery;
use tracing::debug;

use super::answer::Answer;
use super::connect::connect;
use super::connection::{Broken, Check};
use super::head::Asked;
use super::target::Lease;
use super::{Call, Failed, is_safe};
use crate::proxy::body::OutboundBody;

pub(super) async fn exchange(call: Call<'_>, mut body: OutboundBody) -> Result<Answer, Failed> {
    let Call { target, now, .. } = call;
    let is_safe = is_safe(&call.head.method);
    let check = if is_safe { Check::Known } else { Check::Looked };
    if let Some(lease) = target.take(check) {
        let again = if is_safe { body.again() } else { None };
        match (once(lease, call, body).await, again) {
            (Err(Broken::Unanswered), Some(again)) => body = again,
            (done, _) => return done.map_err(Failed::from),
        }
    }
    if target.is_full(target.in_flight()) {
        return Err(Failed::Full(body));
    }
    let in_flight = target.begin();
    let Some((stream, address)) = connect(call).await else {
        target.failed(now());
        return Err(Failed::Unreachable(body));
    };
    let lease = Lease::new(stream, address, in_flight);
    let again = if is_safe { body.again() } else { None };
    match (once(lease, call, body).await, again) {
        (Ok(answer), _) => {
            target.answered();
            Ok(answer)
        }
        (Err(Broken::Unanswered), again) => {
            target.failed(now());
            Err(again.map_or(Failed::Broken, Failed::Unanswered))
        }
        (Err(broken), _) => Err(broken.into()),
    }
}

async fn once(
    mut lease: Lease,
    Call { head, terms, .. }: Call<'_>,
    body: OutboundBody,
) -> Result<Answer, Broken> {
    let connection = &mut lease.connection;
    let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let asked = Asked { method: &head.method, upgrade: terms.upgrade };
    connection.begin(asked, target, terms.ours, &head.headers, body);
    match poll_fn(|cx| connection.poll_head(cx, asked)).await {
        Ok(answer) => Ok(Answer::of_http1(answer, lease)),
        Err(broken) => {
            debug!(reason = %broken, "no answer from the backend");
            Err(broken)
        }
    }
}

impl From<Broken> for Failed {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Request => Self::Request,
            Broken::Unanswered | Broken::Malformed(_) | Broken::Answer(_) => Self::Broken,
        }
    }
}
