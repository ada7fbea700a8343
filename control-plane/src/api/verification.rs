//! The service that explains signatures by the secrets that are kept. It tells neither a secret nor
//! the signature that would have been right: who got that for a request of its own could sign.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use countersign_proto::v1::verification_server::Verification;
use countersign_shared::signing::Received;
use countersign_shared::signing::explain::{Explanation, Mistake, Questioned, explain};
use tonic::{Code, Request, Response, Status};

use super::write::Caller;
use super::{Api, status};
use crate::clock;
use crate::decide::find_key;

const CALLS_PER_MINUTE_MAX: u32 = 60;
const MINUTE_MS: i64 = 60_000;
const HEADERS_MAX: usize = 256;
const BODY_BYTES_MAX: usize = 1 << 20;
const OTHER_HOSTS_MAX: usize = 16;
const SIGNATURE_HEADER: &str = "authorization";

/// How many calls the minute that runs has had.
#[derive(Debug, Default)]
pub struct Calls(Mutex<(i64, u32)>);

impl Calls {
    /// Whether there may be one more; if not, when again.
    fn one_more(&self, now_ms: i64) -> Result<(), Duration> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now_ms - calls.0 >= MINUTE_MS || now_ms < calls.0 {
            *calls = (now_ms, 0);
        }
        calls.1 = calls.1.saturating_add(1);
        let left_ms = u64::try_from(calls.0 + MINUTE_MS - now_ms).unwrap_or_default();
        if calls.1 <= CALLS_PER_MINUTE_MAX { Ok(()) } else { Err(Duration::from_millis(left_ms)) }
    }
}

#[tonic::async_trait]
impl Verification for Api {
    async fn explain_request(
        &self,
        request: Request<v1::ExplainRequestRequest>,
    ) -> Result<Response<v1::ExplainRequestResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        check(&request)?;
        let view = self.engine.view();
        let key = find_key(&view.state, &request.signature_key).map_err(status::of_rejection)?;
        self.explanations.one_more(clock::now_ms()).map_err(|wait| {
            let message = format!(
                "at most {CALLS_PER_MINUTE_MAX} signatures are explained a minute: wait for the next"
            );
            status::retry_after("TOO_MANY_CALLS", message, wait)
        })?;
        let sealed = &key.secret.sealed;
        let secret = self.sealer.unseal(key.id, sealed.secret_id, &sealed.ciphertext).map_err(|error| {
            tracing::error!(%error, key = %key.id, "a secret cannot be opened");
            Status::internal("the secret of this key cannot be opened: the log of the control plane says why")
        })?;
        let headers: Vec<(&str, &[u8])> = request
            .headers
            .iter()
            .map(|header| (header.name.as_str(), header.value.as_slice()))
            .collect();
        let other_hosts: Vec<&str> = request.other_hosts.iter().map(String::as_str).collect();
        let questioned = Questioned {
            received: Received {
                method: &request.method,
                target: &request.target,
                headers: &headers,
            },
            body: &request.body,
            signature_header: match request.signature_header.as_str() {
                "" => SIGNATURE_HEADER,
                name => name,
            },
            other_hosts: &other_hosts,
        };
        let explained = explain(&questioned, &secret).map_err(|refusal| {
            let metadata = [("refusal", refusal.code().to_owned())];
            let code = Code::FailedPrecondition;
            status::status(code, "NOTHING_TO_EXPLAIN", refusal.to_string(), metadata)
        })?;
        tracing::info!(
            actor = caller.name(),
            key = %key.id,
            fits = explained.fits(),
            "a signature was explained"
        );
        Ok(Response::new(told(explained, view.tip.head.revision)))
    }
}

fn check(request: &v1::ExplainRequestRequest) -> Result<(), Status> {
    let mut bad = Vec::new();
    let mut need = |holds: bool, field: &str, rule: &str| {
        if !holds {
            bad.push(InvalidField::new(field, rule));
        }
    };
    need(!request.method.is_empty(), "method", "the method of the request, such as GET");
    need(request.target.starts_with('/'), "target", "path and query as they arrived, from `/` on");
    need(request.headers.len() <= HEADERS_MAX, "headers", "at most 256");
    need(request.body.len() <= BODY_BYTES_MAX, "body", "at most 1,048,576 bytes");
    need(request.other_hosts.len() <= OTHER_HOSTS_MAX, "other_hosts", "at most 16");
    if bad.is_empty() { Ok(()) } else { Err(status::invalid(bad)) }
}

/// All of it but the signature that would be right.
fn told(explained: Explanation, revision: u64) -> v1::ExplainRequestResponse {
    let mistake = |mistake: &Mistake| v1::Mistake {
        code: mistake.code.to_owned(),
        what: mistake.what.to_owned(),
        remedy: mistake.remedy.to_owned(),
    };
    let causes = explained.causes.iter();
    let causes = causes.map(|cause| v1::Cause { mistakes: cause.iter().map(mistake).collect() });
    v1::ExplainRequestResponse {
        fits: explained.fits(),
        causes: causes.collect(),
        canonical_request: explained.canonical_request,
        string_to_sign: explained.string_to_sign,
        mistaken_request: explained.mistaken_request.unwrap_or_default(),
        revision,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_minute_and_no_more() {
        let calls = Calls::default();
        assert!((0..CALLS_PER_MINUTE_MAX).all(|_| calls.one_more(MINUTE_MS).is_ok()));
        assert_eq!(calls.one_more(2 * MINUTE_MS - 1), Err(Duration::from_millis(1)));
        assert!(calls.one_more(2 * MINUTE_MS).is_ok());
    }
}
